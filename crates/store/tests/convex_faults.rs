//! What a deployment far away does on bad days, through the bridge: nothing lost, nothing twice, and a
//! sentence that says what to do.

#![allow(clippy::unwrap_used)]

mod bridge;
mod contract;

use std::{sync::Arc, time::Duration};

use bridge::{Deployment, KEY};
use clutch_domain::{
    doc::{Doc, DocKey, Inside, Kind, Scope},
    range::{Docs, Fetch, Range, Versioned},
};
use clutch_orchestrator::store::{Away, CommitError, LiveDocs, Store};
use clutch_store::{CheckError, ConvexStore, Waits};
use contract::{commit, count, doc, docs::counter, fetch, key, must, put, puts, scope, soon};
use futures_util::{StreamExt, future::join_all};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

type Item = Result<Arc<Versioned<Docs>>, Away>;

/// Waits short enough for a test, long enough for a busy machine.
fn waits() -> Waits {
    Waits {
        connect: Duration::from_secs(2),
        answer: Duration::from_secs(1),
        reach: Duration::from_secs(1),
        repeat: Duration::from_secs(20),
        notice: Duration::from_millis(500),
    }
}

fn impatient(place: &Deployment) -> ConvexStore {
    ConvexStore::with(&place.url, &place.key, waits()).unwrap()
}

fn a() -> Fetch {
    fetch([Range::doc(Kind::Counter, "a")])
}

async fn next(live: &mut LiveDocs) -> Item {
    soon("the watch yields", live.next()).await.expect("a watch never ends")
}

/// Looks on until the engine is away; everything before must be an answer.
async fn until_away(live: &mut LiveDocs) -> Away {
    loop {
        if let Err(away) = next(live).await {
            return away;
        }
    }
}

fn last(doc: &Doc) -> u64 {
    clutch_domain::doc::Counter::of(&doc.body).unwrap().last
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_and_applied_once() {
    let place = Deployment::bridge(&[]);
    let store = impatient(&place);
    must(&store, put(0, counter("a", 1))).await;
    for (n, fault) in [
        (2, json!({ "loseAnswers": 3 })),
        (3, json!({ "loseRequests": 3 })),
        (4, json!({ "loseAnswers": 1, "loseRequests": 1 })),
    ] {
        place.control("/faults", fault).await;
        let done = must(&store, put(n - 1, counter("a", n))).await;
        assert_eq!(done.scopes, [(Scope::Installation, n)]);
    }
    assert_eq!(doc(&store, &DocKey::new(Kind::Counter, "a")).await.map(|doc| (doc.rev, last(&doc))), Some((4, 4)));
    assert!(place.stat("mutations").await >= 4 + 4, "the bridge was asked again");
}

#[tokio::test]
async fn an_answer_that_stays_away_is_unknown_and_the_key_tells_later() {
    let place = Deployment::bridge(&[]);
    let store = ConvexStore::with(&place.url, KEY, Waits { repeat: Duration::from_millis(600), ..waits() }).unwrap();
    store.check().await.unwrap();
    place.control("/faults", json!({ "loseAnswers": 1_000 })).await;
    let key = key();
    let answer = store.commit(put(0, counter("a", 1)), key.clone()).await;
    assert!(matches!(&answer, Err(CommitError::Unknown(why)) if why.contains("did not answer")), "{answer:?}");
    place.control("/faults", json!({ "loseAnswers": 0 })).await;
    let done = store.commit(put(0, counter("a", 1)), key).await.unwrap();
    assert_eq!(done.scopes, [(Scope::Installation, 1)], "it was applied, once");
}

#[tokio::test]
async fn a_busy_deployment_is_asked_again() {
    let place = Deployment::bridge(&[]);
    let store = impatient(&place);
    let busy = |times: u32| {
        let body =
            json!({ "code": "OptimisticConcurrencyControlFailure", "message": "Documents were changed meanwhile" });
        json!({ "refuse": { "times": times, "status": 503, "body": body } })
    };
    store.check().await.unwrap();
    place.control("/faults", busy(3)).await;
    must(&store, put(0, counter("a", 1))).await;
    place.control("/faults", busy(1)).await;
    assert_eq!(scope(&store, Scope::Installation).await, 1);
    // For good: nothing was written, so it is no riddle.
    place.control("/faults", busy(1_000)).await;
    let answer = commit(&store, put(1, counter("a", 2))).await;
    assert!(matches!(&answer, Err(CommitError::Fault(fault)) if fault.what.contains("too much to do")), "{answer:?}");
}

#[tokio::test]
async fn cut_sockets_lose_no_answer_and_are_not_worth_a_word() {
    const CUTS: u64 = 5;
    let place = Deployment::bridge(&[]);
    let store = place.store();
    let mut live = store.watch(a());
    next(&mut live).await.unwrap();
    for n in 1..=CUTS {
        place.control("/drop", json!({})).await;
        must(&store, puts([counter("a", n)])).await;
        loop {
            let seen = next(&mut live).await.expect("a short cut is not being away");
            if count(&seen, "a") == n {
                assert_eq!(seen.version, n);
                break;
            }
        }
    }
    // Answered by the socket again, not only by asking.
    soon("it is connected again", async {
        while place.stat("sessions").await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(place.stat("connections").await > CUTS / 2);
}

#[tokio::test]
async fn a_restart_is_said_once_and_then_everything_is_there() {
    let place = Deployment::bridge(&[]);
    let store = impatient(&place);
    must(&store, puts([counter("a", 1)])).await;
    let mut live = store.watch(a());
    assert_eq!(count(&next(&mut live).await.unwrap(), "a"), 1);

    place.control("/down", json!({})).await;
    let away = until_away(&mut live).await;
    assert!(away.why.contains(&place.url) && away.why.contains("cannot be reached") && away.since.0 > 0, "{away:?}");
    let refused = commit(&store, puts([counter("a", 2)])).await;
    assert!(
        matches!(&refused, Err(CommitError::Fault(fault)) if fault.what.contains("cannot be reached")),
        "{refused:?}"
    );
    assert!(store.read(&a()).await.unwrap_err().what.contains("CONVEX_URL"));

    place.control("/up", json!({})).await;
    // The same answer is news now: it says that the engine is back.
    assert_eq!(count(&next(&mut live).await.unwrap(), "a"), 1);
    let other = place.store();
    must(&other, puts([counter("a", 3)])).await;
    assert_eq!(count(&next(&mut live).await.unwrap(), "a"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_during_restarts_and_lost_answers_are_applied_once_each() {
    const WRITERS: u64 = 6;
    const EACH: u64 = 15;
    const SOME: u64 = 6;
    let place = Deployment::bridge(&[]);
    let store =
        Arc::new(ConvexStore::with(&place.url, KEY, Waits { reach: Duration::from_secs(20), ..waits() }).unwrap());
    let mut live = store.watch(fetch((0..WRITERS).map(|w| Range::doc(Kind::Counter, format!("w{w}")))));
    let (progress, mut seen) = tokio::sync::watch::channel(0_u64);
    let writers = (0..WRITERS).map(|w| {
        let (store, progress) = (store.clone(), progress.clone());
        tokio::spawn(async move {
            for n in 1..=EACH {
                must(&*store, put(n - 1, counter(&format!("w{w}"), n))).await;
                progress.send_modify(|done| *done += 1);
            }
        })
    });
    let all = join_all(writers.collect::<Vec<_>>());
    // It ends by itself, with the deployment up and well: whoever drops it in the middle may leave it down for good.
    let trouble = async {
        while *seen.borrow_and_update() < WRITERS * EACH {
            place.control("/faults", json!({ "loseAnswers": 2, "loseRequests": 1, "delayMs": 3 })).await;
            place.control("/down", json!({})).await;
            place.control("/up", json!({})).await;
            // As soon as some of them have got through; near the end there may be none left.
            let before = *seen.borrow_and_update();
            seen.wait_for(|done| *done >= (before + SOME).min(WRITERS * EACH)).await.unwrap();
            place.control("/drop", json!({})).await;
        }
        place.control("/faults", json!({ "loseAnswers": 0, "loseRequests": 0, "delayMs": 0 })).await;
    };
    let (done, ()) = soon("all commits are done", async { tokio::join!(all, trouble) }).await;
    done.into_iter().for_each(Result::unwrap);
    for w in 0..WRITERS {
        let found = doc(&*store, &DocKey::new(Kind::Counter, format!("w{w}"))).await.unwrap();
        assert_eq!((found.rev, last(&found)), (EACH, EACH));
    }
    assert_eq!(scope(&*store, Scope::Installation).await, WRITERS * EACH, "none was applied twice");
    loop {
        let Ok(seen) = next(&mut live).await else { continue };
        if (0..WRITERS).all(|w| count(&seen, &format!("w{w}")) == EACH) {
            break;
        }
    }
}

#[tokio::test]
async fn silence_is_noticed_and_ends() {
    let place = Deployment::bridge(&[]);
    let store = Arc::new(impatient(&place));
    must(&*store, puts([counter("a", 1)])).await;
    let mut live = store.watch(a());
    next(&mut live).await.unwrap();

    place.control("/faults", json!({ "silent": true })).await;
    let committing = tokio::spawn({
        let store = store.clone();
        async move { must(&*store, puts([counter("a", 2)])).await }
    });
    assert!(store.read(&a()).await.unwrap_err().what.contains("no answer in time"));
    // One that begins now, with a question that nobody asked before, hears nothing at all.
    let away = until_away(&mut store.watch(fetch([Range::doc(Kind::Counter, "b")]))).await;
    assert!(away.why.contains("did not answer"), "{away:?}");
    place.control("/faults", json!({ "silent": false })).await;
    assert_eq!(
        committing.await.unwrap().scopes,
        [(Scope::Installation, 2)],
        "repeated under its key until it was known"
    );
    assert_eq!(count(&next(&mut live).await.unwrap(), "a"), 2);
}

#[tokio::test]
async fn slow_answers_come_in_order() {
    let place = Deployment::bridge(&[]);
    place.control("/faults", json!({ "delayMs": 120 })).await;
    let store = place.store();
    let mut live = store.watch(a());
    assert_eq!(next(&mut live).await.unwrap().version, 0);
    for n in 1..=5 {
        must(&store, puts([counter("a", n)])).await;
        let seen = next(&mut live).await.unwrap();
        assert_eq!((seen.version, count(&seen, "a")), (n, n), "never older than what is known to be done");
    }
}

#[tokio::test]
async fn without_websockets_live_reads_go_on_by_asking() {
    let place = Deployment::bridge(&[]);
    place.control("/faults", json!({ "noSockets": true })).await;
    let store = impatient(&place);
    let mut live = store.watch(a());
    assert_eq!(next(&mut live).await.unwrap().version, 0);
    must(&store, puts([counter("a", 1)])).await;
    assert_eq!(count(&next(&mut live).await.unwrap(), "a"), 1);
}

/// Who waited in vain for a live query leaves none behind: it would run at each commit, and nobody would read it.
#[tokio::test]
async fn a_live_query_that_was_given_up_is_given_back() {
    let place = Deployment::bridge(&[]);
    place.control("/faults", json!({ "noSockets": true })).await;
    let store = impatient(&place);
    let mut live = store.watch(a());
    assert_eq!(next(&mut live).await.unwrap().version, 0);
    // Before each of these it has waited for a socket, and given up.
    for n in 1..=2 {
        must(&store, put(n - 1, counter("a", n))).await;
        assert_eq!(count(&next(&mut live).await.unwrap(), "a"), n);
    }
    place.control("/faults", json!({ "noSockets": false })).await;
    let watched = async |n: u64| while place.stat("watched").await != n {};
    let listening = async { while live.next().await.is_some() {} };
    soon("it is live", async {
        tokio::select! {
            () = listening => panic!("a watch never ends"),
            () = watched(1) => {}
        }
    })
    .await;
    drop(live);
    soon("nothing is watched any more", watched(0)).await;
    must(&store, put(2, counter("a", 3))).await;
    assert_eq!(place.stat("watched").await, 0);
}

#[tokio::test]
async fn a_wrong_key_says_so_everywhere() {
    let place = Deployment::bridge(&[]);
    let store = ConvexStore::with(&place.url, "test|another", waits()).unwrap();
    let says =
        |what: &str| assert!(what.contains("CONVEX_SELF_HOSTED_ADMIN_KEY") && !what.contains("another"), "{what}");
    says(&store.read(&a()).await.unwrap_err().what);
    says(&commit(&store, puts([counter("a", 1)])).await.unwrap_err().to_string());
    let refused = store.check().await.unwrap_err();
    assert!(matches!(refused, CheckError::Unfit(_)));
    says(&refused.to_string());
    says(&until_away(&mut store.watch(a())).await.why);
    assert_eq!(scope(&place.store(), Scope::Installation).await, 0);
}

#[tokio::test]
async fn nobody_without_the_key_is_let_in() {
    let place = Deployment::bridge(&[]);
    must(&place.store(), puts([counter("a", 1)])).await;
    for path in ["docs:about", "docs:fetch", "docs:apply", "activity:after", "retention:forget"] {
        for kind in ["query", "mutation"] {
            let body = json!({ "path": path, "args": [{}], "format": "json" });
            let answer =
                bridge::client().post(format!("{}/api/{kind}", place.url)).body(body.to_string()).send().await.unwrap();
            let answer = answer.text().await.unwrap();
            assert!(answer.contains("Could not find public function"), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn missing_functions_are_named_and_their_arrival_is_seen() {
    let place = Deployment::bridge(&[]);
    place.control("/faults", json!({ "undeployed": true })).await;
    let store = impatient(&place);
    let refused = store.check().await.unwrap_err();
    assert!(
        matches!(&refused, CheckError::Functions(fault) if fault.what.contains("clutch convex deploy")),
        "{refused:?}"
    );
    let mut live = store.watch(a());
    assert!(until_away(&mut live).await.why.contains("clutch convex deploy"));
    place.control("/faults", json!({ "undeployed": false })).await;
    assert_eq!(next(&mut live).await.unwrap().version, 0);
    must(&store, puts([counter("a", 1)])).await;
    assert_eq!(count(&next(&mut live).await.unwrap(), "a"), 1);
}

#[tokio::test]
async fn data_of_the_original_system_is_never_written_to() {
    // Our functions were put over it by hand.
    let place = Deployment::bridge(&[]);
    place.control("/insert", json!({ "table": "tasks", "rows": [{ "id": "t", "title": "theirs" }] })).await;
    let store = impatient(&place);
    let refused = store.check().await.unwrap_err();
    assert!(
        matches!(&refused, CheckError::Unfit(fault) if fault.what.contains("tables tasks") && fault.what.contains("never written")),
        "{refused:?}"
    );
    assert!(matches!(commit(&store, puts([counter("a", 1)])).await, Err(CommitError::Fault(_))));
    assert_eq!(place.stat("mutations").await, 0, "it was not even tried");

    // Its own functions are there, ours are not.
    let functions = concat!(env!("CARGO_MANIFEST_DIR"), "/../../end2end/convex-bridge/original");
    let place = Deployment::bridge(&["--dir", functions]);
    let refused = impatient(&place).check().await.unwrap_err();
    assert!(matches!(&refused, CheckError::Unfit(fault) if fault.what.contains("original OpenClutch")), "{refused:?}");
}

#[tokio::test]
async fn a_dead_address_is_away_and_not_for_ever() {
    let place = Deployment::bridge(&[]);
    place.control("/down", json!({})).await;
    let store = impatient(&place);
    assert!(matches!(store.check().await, Err(CheckError::Away(_))));
    let mut live = store.watch(a());
    assert!(until_away(&mut live).await.why.contains("cannot be reached"));
    place.control("/up", json!({})).await;
    assert_eq!(next(&mut live).await.unwrap().version, 0);
    must(&store, puts([counter("a", 1)])).await;
}

#[tokio::test]
async fn a_read_is_as_patient_as_a_commit() {
    let place = Deployment::bridge(&[]);
    must(&impatient(&place), puts([counter("a", 1)])).await;
    let way = Way::closed(&place.url).await;
    let patient = Waits { reach: Duration::from_secs(20), ..waits() };
    let store = ConvexStore::with(&way.url, KEY, patient).unwrap();
    let reading = tokio::spawn(async move { store.read(&a()).await });
    // More than one try and its repetition.
    let mut refused = way.refused.subscribe();
    soon("it tries again and again", refused.wait_for(|n| *n >= 4)).await.unwrap();
    assert!(!reading.is_finished(), "it waits for the engine");
    way.open.send_replace(true);
    assert_eq!(count(&soon("the read is answered", reading).await.unwrap().unwrap(), "a"), 1);
}

/// The way to a deployment, on which whoever comes is turned back until it is opened.
struct Way {
    url: String,
    /// How many were turned back.
    refused: watch::Sender<u32>,
    open: watch::Sender<bool>,
}

impl Way {
    async fn closed(url: &str) -> Self {
        let there = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            refused: watch::Sender::new(0),
            open: watch::Sender::new(false),
        };
        let (refused, open) = (way.refused.clone(), way.open.subscribe());
        tokio::spawn(async move {
            while let Ok((mut come, _)) = listener.accept().await {
                if *open.borrow() {
                    let mut on = TcpStream::connect(&there).await.unwrap();
                    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut come, &mut on).await });
                } else {
                    drop(come);
                    refused.send_modify(|n| *n += 1);
                }
            }
        });
        way
    }
}

#[tokio::test]
async fn whoever_waits_behind_calls_that_hang_is_told_in_known_time() {
    let place = Deployment::bridge(&[]);
    let store = Arc::new(impatient(&place));
    store.check().await.unwrap();
    place.control("/faults", json!({ "silent": true })).await;
    let began = std::time::Instant::now();
    let reads = (0..200).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.read(&a()).await.unwrap_err().what })
    });
    for read in futures_util::future::join_all(reads).await {
        let words = read.unwrap();
        assert!(words.contains("no answer in time") || words.contains("too much to do"), "{words}");
    }
    // Each tries twice and waits for a place and for an answer: without an end at the place it would be 200 / 32 answers.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

#[tokio::test]
async fn functions_that_lack_a_kind_are_not_those_of_this_program() {
    let dir = tempfile::tempdir().unwrap();
    let functions = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../convex/functions");
    copy(&functions, dir.path());
    let kinds = dir.path().join("kinds.ts");
    let text = std::fs::read_to_string(&kinds).unwrap();
    std::fs::write(&kinds, text.replace("!RETIRED.includes(kind)", "kind !== \"chat\"")).unwrap();
    let place = Deployment::bridge(&["--dir", dir.path().to_str().unwrap()]);
    let refused = impatient(&place).check().await.unwrap_err();
    assert!(matches!(&refused, CheckError::Functions(fault) if fault.what.contains("kind chat")), "{refused:?}");
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
