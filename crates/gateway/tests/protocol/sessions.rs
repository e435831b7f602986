//! What the client does to sessions: stops them, and sets their model.

use std::sync::Arc;

use clutch_domain::brake::Used;
use clutch_gateway::OpenClaw;
use clutch_orchestrator::runtime::{Accepted, AgentRuntime, RuntimeError, Sessions, StartRun};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::peer::{Gate, claw, until, up};

const SESSION: &str = "clutch:feeder:0b6f6a52-2f7e-4f0e-9a39-0f0e5a3c7d11";

/// A stop that comes late, or on a gateway that stops only some runs, must not take the agent's memory.
#[tokio::test]
async fn a_session_is_removed_only_for_those_who_want_it_gone() {
    for (methods, stops) in [(&["sessions.abort"][..], "sessions.abort"), (&["chat.abort"][..], "chat.abort")] {
        let (gate, url) = Gate::open().await;
        let (claw, task, _folder) = claw(&url);
        let mut peer = gate.greet_as(json!({"version": "9"}), methods).await;
        until(&claw, up).await;
        for forget in [false, true] {
            let stopping = tokio::spawn({
                let claw = Arc::clone(&claw);
                async move { claw.abort(SESSION, forget).await }
            });
            let (id, _) = peer.asked(stops).await;
            peer.answer(&id, json!({"ok": true, "aborted": false, "runIds": [], "status": "no-active-run"})).await;
            if forget {
                let (id, params) = peer.asked("sessions.delete").await;
                assert_eq!(params["key"], SESSION);
                peer.answer(&id, json!({"ok": true, "deleted": true})).await;
            }
            // Whatever else it asked would come before this.
            stopping.await.unwrap().unwrap();
            let asking = tokio::spawn({
                let claw = Arc::clone(&claw);
                async move { claw.models().await }
            });
            let (id, _) = peer.asked("models.list").await;
            peer.answer(&id, json!({"models": []})).await;
            asking.await.unwrap().unwrap();
        }
        task.shutdown().await;
    }
}

fn start(claw: &Arc<OpenClaw>) -> JoinHandle<Result<Accepted, RuntimeError>> {
    let claw = Arc::clone(claw);
    let run = StartRun {
        key: "k".into(),
        session: "agent:main:feeder:dev:aaaaaaaa:r1".into(),
        message: "Do it".into(),
        model: Some("cheap/small".into()),
        folder: None,
        environment: Vec::new(),
        timeout_seconds: 60,
    };
    tokio::spawn(async move { claw.start(run).await })
}

/// Nobody pays for, or shows their code to, a model that they did not choose.
#[tokio::test]
async fn an_agent_never_works_with_another_model_than_the_one_that_was_asked_for() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let methods = ["sessions.describe"];
    let mut peer = gate.greet_as(json!({"version": "9", "bootId": "a"}), &methods).await;
    until(&claw, up).await;

    let refused = start(&claw);
    let (id, params) = peer.asked("sessions.patch").await;
    assert_eq!(params, json!({"key": "agent:main:feeder:dev:aaaaaaaa:r1", "model": "cheap/small"}));
    peer.refuse(&id, "INVALID_REQUEST", "unknown model").await;
    let RuntimeError::Refused { code, sentence } = refused.await.unwrap().unwrap_err() else { panic!("not refused") };
    assert_eq!(code, "INVALID_REQUEST");
    assert!(sentence.contains("cheap/small") && sentence.contains("unknown model"), "{sentence}");

    let taken = start(&claw);
    let (id, _) = peer.asked("sessions.patch").await;
    peer.answer(&id, json!({"ok": true})).await;
    let (id, _) = peer.asked("agent").await;
    peer.answer(&id, json!({"runId": "k", "status": "accepted"})).await;
    assert_eq!(taken.await.unwrap().unwrap().run_id, "k");

    // A lost answer is no answer: nothing is started, and whoever looks will find that.
    let lost = start(&claw);
    peer.asked("sessions.patch").await;
    drop(peer);
    assert!(matches!(lost.await.unwrap(), Err(RuntimeError::Unknown(_))));
    let mut peer = gate.greet_as(json!({"version": "9", "bootId": "a"}), &methods).await;
    until(&claw, up).await;
    let again = start(&claw);
    let (id, _) = peer.asked("sessions.patch").await;
    peer.answer(&id, json!({"ok": true})).await;
    let (id, _) = peer.asked("agent").await;
    peer.answer(&id, json!({"runId": "k", "status": "accepted"})).await;
    assert!(again.await.unwrap().is_ok());
    task.shutdown().await;
}

/// A default agent may have any name; old gateways tell about a session only in a list.
#[tokio::test]
async fn a_session_is_found_whatever_the_default_agent_is_called() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let mut peer = gate.greet_with(json!({"version": "9"}), &[], "boss").await;
    until(&claw, up).await;
    let asking = tokio::spawn({
        let claw = Arc::clone(&claw);
        async move { claw.session(SESSION).await }
    });
    let (id, _) = peer.asked("sessions.list").await;
    let rows = json!([
        {"key": format!("agent:main:{SESSION}"), "model": "another"},
        {"key": format!("agent:boss:{SESSION}"), "model": "ours"},
    ]);
    peer.answer(&id, json!({ "sessions": rows })).await;
    assert_eq!(asking.await.unwrap().unwrap().and_then(|found| found.model).as_deref(), Some("ours"));
    task.shutdown().await;
}

/// Stored names of tickets begin with `agent:main:`, also where the gateway has no such agent.
#[tokio::test]
async fn the_default_agent_stands_in_where_there_is_no_main() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    for (agents, theirs) in [(json!([{"id": "boss"}]), "boss"), (json!([{"id": "boss"}, {"id": "main"}]), "main")] {
        let mut peer = gate.greet_with(json!({"version": "9"}), &["agents.list"], "boss").await;
        let (id, _) = peer.asked("agents.list").await;
        peer.answer(&id, json!({"defaultId": "boss", "agents": agents})).await;
        until(&claw, up).await;
        let started = start(&claw);
        let key = format!("agent:{theirs}:feeder:dev:aaaaaaaa:r1");
        let (id, params) = peer.asked("sessions.patch").await;
        assert_eq!(params["key"], key.as_str());
        peer.answer(&id, json!({"ok": true})).await;
        let (id, params) = peer.asked("agent").await;
        assert_eq!(params["sessionKey"], key.as_str());
        peer.answer(&id, json!({"runId": "k", "status": "accepted"})).await;
        started.await.unwrap().unwrap();
        let mut events = claw.events();
        let end = json!({"runId": theirs, "sessionKey": key, "state": "final"});
        peer.event("chat", end, Some(1)).await;
        assert_eq!(events.recv().await.unwrap().session, "agent:main:feeder:dev:aaaaaaaa:r1");
        drop(peer);
        until(&claw, |state| !up(state)).await;
    }
    task.shutdown().await;
}

/// Newer gateways tell of each call what it used; the pages of a long history are summed up.
#[tokio::test]
async fn what_a_session_used_is_the_sum_of_its_calls() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let mut peer = gate.greet_with(json!({"version": "9"}), &["sessions.describe"], "main").await;
    until(&claw, up).await;
    let asking = tokio::spawn({
        let claw = Arc::clone(&claw);
        async move { claw.used(SESSION).await }
    });
    let (id, params) = peer.asked("chat.history").await;
    assert_eq!((&params["offset"], &params["maxChars"]), (&json!(0), &json!(1)));
    let said = |usage: Value| json!({"role": "assistant", "content": [], "usage": usage});
    let rows = json!([
        {"role": "user", "content": "x"},
        said(json!({"input": 10, "output": 5, "cacheRead": 85, "totalTokens": 100, "cost": {"total": 0.25}})),
        said(json!({"input": 7, "output": 1})),
    ]);
    peer.answer(&id, json!({"messages": rows, "hasMore": true, "nextOffset": 3})).await;
    let (id, params) = peer.asked("chat.history").await;
    assert_eq!(params["offset"], json!(3));
    let rows = json!([
        said(json!({"input": 20, "output": 2, "totalTokens": 22, "cost": {"total": 0.000_001}})),
        said(json!(null))
    ]);
    peer.answer(&id, json!({"messages": rows, "hasMore": false})).await;
    let used = asking.await.unwrap().unwrap();
    assert_eq!(used, Some(Used { input: 95 + 7 + 20, output: 8, cost_micros: Some(250_001) }));
    task.shutdown().await;
}

/// Older ones sum it up themselves.
#[tokio::test]
async fn what_a_session_used_is_asked_of_an_old_gateway() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let mut peer = gate.greet_with(json!({"version": "9"}), &[], "main").await;
    until(&claw, up).await;
    for (totals, used) in [
        (
            json!({"input": 90, "output": 10, "totalTokens": 100, "totalCost": 0.5}),
            Some(Used { input: 90, output: 10, cost_micros: Some(500_000) }),
        ),
        (json!({"input": 90, "output": 10, "totalCost": 0}), Some(Used { input: 90, output: 10, cost_micros: None })),
        (json!({"input": 0, "output": 0, "totalTokens": 0, "totalCost": 0}), None),
        (json!(null), None),
    ] {
        let asking = tokio::spawn({
            let claw = Arc::clone(&claw);
            async move { claw.used(SESSION).await }
        });
        let (id, params) = peer.asked("sessions.usage").await;
        assert_eq!(params["key"], SESSION);
        peer.answer(&id, json!({ "totals": totals })).await;
        assert_eq!(asking.await.unwrap().unwrap(), used, "{totals}");
    }
    task.shutdown().await;
}
