//! Documents as they were read, by key and revision: one that did not change is not parsed again, and is the same
//! `Arc`, so that comparing two answers looks into what changed only.
//!
//! A key and a revision name one text for as long as the revisions of documents that are gone are remembered. Where
//! an engine forgets them it says so ([`Cache::forget`]); where it forgets them unseen, the text is compared
//! ([`Cache::same_text`]).

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use clutch_domain::doc::{Doc, DocKey, Kind, Rev};

use crate::text;

/// Bytes that a cache holds, by [`cost`].
const BYTES_MOST: usize = 16 << 20;
/// What a document costs beside its text: its fields, its key, its place.
const COST: usize = 1_024;

/// About how many bytes a document of so long a text takes.
const fn cost(text: usize) -> usize {
    text + text / 2 + COST
}

/// Documents by key and revision, at most [`BYTES_MOST`] bytes of them. What was not asked for lately goes first.
#[derive(Default)]
pub(crate) struct Cache {
    state: RwLock<State>,
    /// How often something was forgotten.
    epoch: AtomicU64,
}

#[derive(Default)]
struct State {
    kinds: HashMap<Kind, HashMap<Arc<str>, Entry>>,
    /// In the order in which they are looked at when room is needed; one that was asked for goes round again.
    round: VecDeque<(Kind, Arc<str>)>,
    bytes: usize,
}

struct Entry {
    rev: Rev,
    doc: Arc<Doc>,
    /// Where revisions alone prove nothing.
    text: Option<Box<str>>,
    cost: usize,
    asked: AtomicBool,
}

/// One transaction's sight of a cache.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    cache: &'a Cache,
    epoch: u64,
}

impl Cache {
    /// For a transaction that begins **after** this call: what it reads is kept, unless something was forgotten
    /// since, because then it may have read what is not there any more.
    pub(crate) fn sight(&self) -> Sight<'_> {
        Sight { cache: self, epoch: self.epoch.load(Ordering::Acquire) }
    }

    /// These documents are gone, and their revisions may come again. Call it when that is visible to reads.
    pub(crate) fn forget(&self, keys: &[DocKey]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        let mut gone = HashSet::new();
        for key in keys {
            let entry = state.kinds.get_mut(&key.kind).and_then(|docs| docs.remove(key.id.as_str()));
            if let Some(entry) = entry {
                state.bytes -= entry.cost;
                gone.insert((key.kind, key.id.as_str()));
            }
        }
        if !gone.is_empty() {
            state.round.retain(|(kind, id)| !gone.contains(&(*kind, &**id)));
        }
    }

    /// The document, where this very text is kept under this revision; else it is read from the text and kept.
    pub(crate) fn same_text(&self, key: &DocKey, rev: Rev, text: &str) -> Arc<Doc> {
        self.get(key.kind, &key.id, rev, Some(text)).unwrap_or_else(|| {
            let doc = Arc::new(text::read(key, rev, text));
            self.keep(key, rev, &doc, text.len(), Some(text.into()), None);
            doc
        })
    }

    /// The document, where a text with this beginning, and so many bytes behind it, is kept under this revision.
    pub(crate) fn begins(&self, key: &DocKey, rev: Rev, head: &str, behind: usize) -> Option<Arc<Doc>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let entry = state.kinds.get(&key.kind)?.get(key.id.as_str()).filter(|entry| entry.rev == rev)?;
        let text = entry.text.as_deref()?;
        if text.len() != head.len() + behind || !text.starts_with(head) {
            return None;
        }
        entry.asked.store(true, Ordering::Relaxed);
        Some(entry.doc.clone())
    }

    fn get(&self, kind: Kind, id: &str, rev: Rev, text: Option<&str>) -> Option<Arc<Doc>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let entry = state.kinds.get(&kind)?.get(id).filter(|entry| entry.rev == rev)?;
        if text.is_some() && entry.text.as_deref() != text {
            return None;
        }
        entry.asked.store(true, Ordering::Relaxed);
        Some(entry.doc.clone())
    }

    /// Keeps a document, unless a newer one is kept. `epoch` is that of the transaction that read it.
    fn keep(&self, key: &DocKey, rev: Rev, doc: &Arc<Doc>, length: usize, text: Option<Box<str>>, epoch: Option<u64>) {
        let cost = cost(length) + text.as_ref().map_or(0, |text| text.len());
        // One that is as large as many others is better read again.
        if cost > BYTES_MOST / 16 {
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if epoch.is_some_and(|epoch| epoch != self.epoch.load(Ordering::Acquire)) {
            return;
        }
        let id: Arc<str> = key.id.as_str().into();
        let docs = state.kinds.entry(key.kind).or_default();
        if docs.get(&*id).is_some_and(|kept| kept.rev > rev && text.is_none()) {
            return;
        }
        let entry = Entry { rev, doc: doc.clone(), text, cost, asked: AtomicBool::new(false) };
        match docs.insert(id.clone(), entry) {
            Some(old) => state.bytes -= old.cost,
            None => state.round.push_back((key.kind, id)),
        }
        state.bytes += cost;
        state.make_room();
    }
}

impl State {
    fn make_room(&mut self) {
        // Nobody is spared twice in one round.
        let mut spared = self.round.len();
        while self.bytes > BYTES_MOST {
            let Some((kind, id)) = self.round.pop_front() else { return };
            let Some(docs) = self.kinds.get_mut(&kind) else { continue };
            if spared > 0 && docs.get(&*id).is_some_and(|entry| entry.asked.swap(false, Ordering::Relaxed)) {
                spared -= 1;
                self.round.push_back((kind, id));
            } else if let Some(entry) = docs.remove(&*id) {
                self.bytes -= entry.cost;
            }
        }
    }
}

impl Sight<'_> {
    /// The document of a row: as it was read before, or from its text now. The text is asked for only then.
    ///
    /// # Errors
    /// What the text's reading says.
    pub(crate) fn doc<'t, E>(
        self,
        kind: Kind,
        id: &str,
        rev: Rev,
        text: impl FnOnce() -> Result<&'t str, E>,
    ) -> Result<Arc<Doc>, E> {
        if let Some(doc) = self.cache.get(kind, id, rev, None) {
            return Ok(doc);
        }
        let (key, text) = (DocKey { kind, id: id.to_owned() }, text()?);
        let doc = Arc::new(text::read(&key, rev, text));
        self.cache.keep(&key, rev, &doc, text.len(), None, Some(self.epoch));
        Ok(doc)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn counter(id: &str, last: u64) -> String {
        format!("{{\"counter\":{{\"v\":1,\"name\":\"{id}\",\"last\":{last}}}}}")
    }

    fn look(sight: Sight<'_>, id: &str, rev: Rev, text: &str) -> Arc<Doc> {
        sight.doc(Kind::Counter, id, rev, || Ok::<_, Infallible>(text)).unwrap()
    }

    fn key(id: &str) -> DocKey {
        DocKey::new(Kind::Counter, id)
    }

    #[test]
    fn an_unchanged_document_is_the_same_one() {
        let cache = Cache::default();
        let first = look(cache.sight(), "a", 1, &counter("a", 1));
        let kept = cache.sight().doc(Kind::Counter, "a", 1, || Err("its text is not asked for again"));
        assert!(Arc::ptr_eq(&first, &kept.unwrap()));
        let newer = look(cache.sight(), "a", 2, &counter("a", 2));
        assert_eq!((newer.rev, &newer.body), (2, &serde_json::from_str(&counter("a", 2)).unwrap()));
        // A transaction of before reads what was there then, and takes nothing newer away.
        assert_eq!(look(cache.sight(), "a", 1, &counter("a", 1)), first);
        assert!(Arc::ptr_eq(&newer, &look(cache.sight(), "a", 2, "")));
    }

    #[test]
    fn a_revision_that_may_come_again_is_forgotten() {
        let cache = Cache::default();
        let before = cache.sight();
        look(before, "a", 1, &counter("a", 1));
        look(before, "b", 1, &counter("b", 1));
        cache.forget(&[key("a"), key("c")]);
        // One that began before reads it once more; it is not kept.
        look(before, "a", 1, &counter("a", 1));
        let again = look(cache.sight(), "a", 1, &counter("a", 7));
        assert_eq!(again.body, serde_json::from_str(&counter("a", 7)).unwrap());
        assert!(cache.sight().doc(Kind::Counter, "b", 1, || Err(())).is_ok(), "its neighbours stay");
    }

    #[test]
    fn where_revisions_prove_nothing_the_text_does() {
        let cache = Cache::default();
        let first = cache.same_text(&key("a"), 3, &counter("a", 1));
        assert!(Arc::ptr_eq(&first, &cache.same_text(&key("a"), 3, &counter("a", 1))));
        let other = cache.same_text(&key("a"), 3, &counter("a", 2));
        assert_eq!(other.body, serde_json::from_str(&counter("a", 2)).unwrap());
        // Revisions may begin anew there.
        let anew = cache.same_text(&key("a"), 1, &counter("a", 3));
        assert!(Arc::ptr_eq(&anew, &cache.same_text(&key("a"), 1, &counter("a", 3))));
    }

    #[test]
    fn it_holds_so_many_bytes_and_what_is_asked_for_stays() {
        let cache = Cache::default();
        let name = "x".repeat(4_000);
        let text = |n: u64| format!("{{\"counter\":{{\"name\":\"{name}\",\"last\":{n}}}}}");
        let first = look(cache.sight(), "first", 1, &text(0));
        for n in 0..20_000 {
            look(cache.sight(), &n.to_string(), 1, &text(n));
            assert!(Arc::ptr_eq(&first, &look(cache.sight(), "first", 1, &text(0))), "after {n}");
        }
        let state = cache.state.read().unwrap();
        let docs = &state.kinds[&Kind::Counter];
        assert!(state.bytes <= BYTES_MOST && state.bytes > BYTES_MOST / 2, "{}", state.bytes);
        assert_eq!(docs.values().map(|entry| entry.cost).sum::<usize>(), state.bytes);
        assert_eq!(docs.len(), state.round.len());
        drop(state);
        let huge = format!("{{\"counter\":{{\"name\":\"{}\",\"last\":1}}}}", "x".repeat(BYTES_MOST / 8));
        look(cache.sight(), "huge", 1, &huge);
        assert!(!cache.state.read().unwrap().kinds[&Kind::Counter].contains_key("huge"));
    }
}
