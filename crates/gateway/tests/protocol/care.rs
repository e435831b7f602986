//! The caretaker and the actor under load: many gaps, a dropped handle, a socket that takes nothing.

use std::sync::Arc;

use clutch_orchestrator::runtime::{AgentRuntime, RunSign, RuntimeError};
use serde_json::{Value, json};

use crate::peer::{Gate, LONG, claw, until, up};

/// The next call of a method; others before it are answered with nothing.
async fn next_of(peer: &mut crate::peer::Peer, method: &str) -> (String, Value) {
    loop {
        let message = peer.next().await;
        let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        let id = frame["id"].as_str().unwrap().to_owned();
        if frame["method"] == method {
            return (id, frame["params"].clone());
        }
        peer.answer(&id, json!({})).await;
    }
}

/// A run of which the gateway does not tell must not hide how the others ended, and what was not answered
/// is asked again.
#[tokio::test]
async fn all_runs_are_asked_about_until_they_are_told() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let mut events = claw.events();
    let mut peer = gate.greet("a").await;
    until(&claw, up).await;
    for (seq, run) in [(1, "run-1"), (2, "run-2")] {
        peer.started(run, seq).await;
        events.recv().await.unwrap();
    }
    peer.event("tick", json!({}), Some(9)).await;
    let (id, params) = peer.asked("agent.wait").await;
    assert_eq!(params["runId"], "run-1");
    peer.refuse(&id, "INVALID_REQUEST", "not here").await;
    let (_, params) = peer.asked("agent.wait").await;
    assert_eq!(params["runId"], "run-2");
    // That question is lost with the connection; the same gateway is asked anew.
    drop(peer);
    let mut peer = gate.greet("a").await;
    for run in ["run-1", "run-2"] {
        let (id, params) = peer.asked("agent.wait").await;
        assert_eq!(params["runId"], run);
        peer.answer(&id, json!({"runId": run, "status": "ok", "endedAt": 5})).await;
        let event = tokio::time::timeout(LONG, events.recv()).await.unwrap().unwrap();
        assert!(event.run_id == run && matches!(event.what, RunSign::Ended(_)), "{event:?}");
    }
    task.shutdown().await;
}

/// However many events get lost, pages are told that the gateway is there.
#[tokio::test]
async fn gaps_do_not_keep_the_state_back() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let mut events = claw.events();
    let mut peer = gate.greet("a").await;
    until(&claw, up).await;
    peer.started("run-1", 1).await;
    events.recv().await.unwrap();
    drop(peer);
    until(&claw, |state| !up(state)).await;

    let mut peer = gate.greet("a").await;
    let (id, _) = peer.asked("agent.wait").await;
    // Gaps while the question is not answered: it does not begin anew with each of them.
    for n in 1..=20 {
        peer.event("tick", json!({}), Some(n * 5)).await;
    }
    peer.answer(&id, json!({"runId": "run-1", "status": "timeout"})).await;
    until(&claw, up).await;
    // They are served together, in their turn.
    let (id, _) = peer.asked("agent.wait").await;
    peer.answer(&id, json!({"runId": "run-1", "status": "timeout"})).await;
    task.shutdown().await;
    assert!(!peer.next().await.is_text(), "and not once for each");
}

#[tokio::test]
async fn a_dropped_handle_leaves_the_connection_at_rest() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let methods = ["plugins.list", "agent.wait"];
    let mut peer = gate.greet_as(json!({"version": "9", "bootId": "a"}), &methods).await;
    let (id, _) = next_of(&mut peer, "plugins.list").await;
    peer.answer(&id, json!({ "plugins": [] })).await;
    until(&claw, up).await;
    drop(claw);
    // The next look comes in its time, not at once.
    assert_eq!(peer.heard_meanwhile().await, None);
    task.shutdown().await;
}

/// Requests with pictures are large: a socket that takes nothing must not make them pile up.
#[tokio::test]
async fn what_waits_for_the_socket_is_weighed() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let peer = gate.greet("a").await;
    until(&claw, up).await;
    let large = Arc::new("x".repeat(20 * 1024 * 1024));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (claw, large) = (Arc::clone(&claw), Arc::clone(&large));
        asking.spawn(async move { claw.request("chat.send", json!({ "message": *large }), LONG).await });
    }
    let first = tokio::time::timeout(LONG, asking.join_next()).await.expect("some are answered at once");
    let answer = first.unwrap().unwrap();
    assert!(matches!(&answer, Err(RuntimeError::Away(why)) if why.contains("waits")), "{answer:?}");
    assert!(up(&claw.connection().borrow().clone()), "the connection goes on");
    drop(peer);
    task.shutdown().await;
}

/// Old gateways do not name their process: after a reconnect another one may answer, which takes a run
/// again under its old id.
#[tokio::test]
async fn ends_are_told_anew_where_nobody_knows_which_process_answers() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    for _ in 0..2 {
        let mut peer = gate.greet_as(json!({"version": "9"}), &[]).await;
        until(&claw, up).await;
        let mut events = claw.events();
        for seq in [1, 2] {
            let end = json!({"runId": "run-1", "sessionKey": "agent:main:s", "state": "final"});
            peer.event("chat", end, Some(seq)).await;
        }
        peer.started("run-2", 3).await;
        let heard = events.recv().await.unwrap();
        assert!(heard.run_id == "run-1" && matches!(heard.what, RunSign::Ended(_)), "{heard:?}");
        assert_eq!(events.recv().await.unwrap().run_id, "run-2", "once on each connection");
        let end = json!({"runId": "run-2", "sessionKey": "agent:main:s", "state": "final"});
        peer.event("chat", end, Some(4)).await;
        events.recv().await.unwrap();
        drop(peer);
        until(&claw, |state| !up(state)).await;
    }
    task.shutdown().await;
}
