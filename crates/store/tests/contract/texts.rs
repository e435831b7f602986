//! Whatever text the domain accepts comes back the same.

use clutch_domain::{
    doc::{Body, DocKey, Kind},
    range::Range,
    text::{self, Title},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    Place, doc,
    docs::{counter, id, titled, unique},
    must, puts,
};

/// Pieces that stores, their languages and their wires have opinions about.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "\0", "\u{1}", "\u{7f}", "\u{85}", "\r\n", "\r", "\n", "\t", " ", "\u{1b}[31m", "\u{1b}]0;t\u{7}", "\u{2028}", "\u{2029}",
    "\u{200b}", "\u{200c}", "\u{200d}", "\u{200e}", "\u{202e}", "\u{2067}", "\u{2069}", "\u{feff}", "\u{fffd}", "\u{fffe}", "\u{ffff}",
    "\u{10ffff}", "\u{e000}", "\u{e0041}", "\u{fe0f}", "e\u{301}", "👩‍👧", "می\u{200c}خواهم", "क्\u{200d}ष", "名前", "🦀", "'", "\"", "\\", "\\u0000",
    "\\n", "%", "_", ";", "--", "$1", "?1", ":a", "{}", "[]", "null", "NaN", "1e999", "$id", "_creationTime", "a", "Z", "0",
];

fn any_text() -> impl Strategy<Value = String> {
    vec(prop_oneof![5 => select(PIECES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)], 1..12)
        .prop_map(|pieces| pieces.concat())
}

pub async fn accepted_text_comes_back_the_same(place: &impl Place) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let random = vec(any_text(), 200).new_tree(&mut runner).unwrap().current();
    let texts: Vec<String> = PIECES.iter().map(|piece| format!("a{piece}b{piece}")).chain(random).collect();
    let mut written: Vec<Body> = Vec::new();
    for (n, given) in (1_u64..).zip(&texts) {
        let Ok(title) = Title::parse(given) else { continue };
        let words = text::Body::parse(given).unwrap();
        let task = titled(n, 1, "ready", n as f64, 1, title.as_str(), words.as_ref().map(text::Body::as_str));
        let clutch_domain::doc::Body::Task(kept) = &task else { unreachable!("a task") };
        assert_eq!((&kept.title, &kept.description), (&title, &words), "what is accepted is read as it was written");
        // Names of documents are text too.
        let (name, key) = (format!("odd:{n}:{title}"), DocKey::new(Kind::Task, id(n)));
        written.extend([task, counter(&name, n), unique(&name, key)]);
    }
    assert!(written.len() > 500, "too tame: {}", written.len());
    {
        let store = place.open().await;
        for part in written.chunks(150) {
            must(&*store, puts(part.iter().cloned())).await;
        }
        same(&*store, &written).await;
    }
    // Also by one that did not write it, where the store outlives its process.
    let store = place.open().await;
    if doc(&*store, &written[0].key()).await.is_some() {
        same(&*store, &written).await;
    }
}

async fn same(store: &dyn clutch_orchestrator::store::Store, written: &[Body]) {
    let tasks = super::read(store, &Range::children(Kind::Task, id(1), 1_000)).await;
    assert_eq!(tasks.len() * 3, written.len());
    for body in written {
        let found = doc(store, &body.key()).await.unwrap_or_else(|| panic!("lost: {body:?}"));
        assert!(found.body == *body, "{:?} came back as {:?}", body, found.body);
    }
}
