//! What waits for a person at the gateway: kept true by looking whenever something is told, brought and refused.

use std::sync::Arc;

use clutch_domain::decision::{AskKind, Verdict};
use clutch_gateway::OpenClaw;
use clutch_orchestrator::runtime::{Decisions, Reply, RuntimeError, Waiting};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};

use crate::peer::{Gate, LONG, Peer, claw, until, up};

const METHODS: [&str; 4] = ["exec.approval.list", "exec.approval.resolve", "question.list", "question.resolve"];

fn command(id: &str) -> Value {
    json!({ "id": id, "request": { "command": "rm -r build", "allowedDecisions": ["allow-once", "deny"] } })
}

/// Answers one look with these commands and no questions.
async fn look(peer: &mut Peer, commands: Value) {
    let (id, params) = peer.asked("exec.approval.list").await;
    assert_eq!(params, json!({}));
    peer.answer(&id, commands).await;
    let (id, _) = peer.asked("question.list").await;
    peer.answer(&id, json!({ "questions": [] })).await;
}

async fn told(told: &mut watch::Receiver<Waiting>, ids: &[&str]) {
    let fits = |told: &Waiting| told.known && told.all.iter().map(|one| one.id.as_str()).eq(ids.iter().copied());
    let seen = tokio::time::timeout(LONG, told.wait_for(fits)).await.map(drop);
    assert!(seen.is_ok(), "never {ids:?}: {:?}", *told.borrow());
}

fn decide(claw: &Arc<OpenClaw>, id: &'static str, verdict: Verdict) -> JoinHandle<Result<(), RuntimeError>> {
    let claw = Arc::clone(claw);
    tokio::spawn(async move { claw.decide(AskKind::Command, id, Reply::Verdict(verdict)).await })
}

#[tokio::test]
async fn whatever_is_told_is_looked_at_and_a_lost_connection_knows_nothing() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let mut waiting = claw.waiting();
    assert!(!waiting.borrow().known);
    let mut peer = gate.greet_as(json!({"version": "9", "bootId": "a"}), &METHODS).await;
    look(&mut peer, json!([command("1")])).await;
    told(&mut waiting, &["1"]).await;
    // An event may say anything: it only says that there is something to look for.
    peer.event("exec.approval.requested", json!({}), Some(1)).await;
    look(&mut peer, json!([command("1"), command("2")])).await;
    told(&mut waiting, &["1", "2"]).await;
    // Missed events, too.
    peer.event("tick", json!({}), Some(7)).await;
    look(&mut peer, json!([command("2")])).await;
    told(&mut waiting, &["2"]).await;

    drop(peer);
    tokio::time::timeout(LONG, waiting.wait_for(|told| !told.known && told.all.is_empty())).await.unwrap().unwrap();
    let mut peer = gate.greet_as(json!({"version": "9", "bootId": "b"}), &METHODS).await;
    look(&mut peer, json!([command("3")])).await;
    told(&mut waiting, &["3"]).await;
    task.shutdown().await;
}

#[tokio::test]
async fn a_decision_is_brought_once_and_what_came_of_it_is_told() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let mut waiting = claw.waiting();
    let mut peer = gate.greet_as(json!({"version": "9", "bootId": "a"}), &METHODS).await;
    look(&mut peer, json!([command("1"), command("2")])).await;
    told(&mut waiting, &["1", "2"]).await;

    let allowed = decide(&claw, "1", Verdict::AllowOnce);
    let (id, params) = peer.asked("exec.approval.resolve").await;
    assert_eq!(params, json!({ "id": "1", "decision": "allow-once" }));
    peer.answer(&id, json!({ "ok": true })).await;
    allowed.await.unwrap().unwrap();
    // Whoever looks now does not see it, before anything was read again.
    assert!(waiting.borrow_and_update().find(AskKind::Command, "1").is_none());
    look(&mut peer, json!([command("2")])).await;
    told(&mut waiting, &["2"]).await;

    let late = decide(&claw, "2", Verdict::Deny);
    let (id, _) = peer.asked("exec.approval.resolve").await;
    peer.refuse(&id, "INVALID_REQUEST", "unknown or expired approval id").await;
    let RuntimeError::Refused { sentence, .. } = late.await.unwrap().unwrap_err() else { panic!("not refused") };
    assert!(sentence.contains("expired"), "{sentence}");
    assert!(waiting.borrow_and_update().find(AskKind::Command, "2").is_some(), "only the gateway knows");
    look(&mut peer, json!([])).await;
    told(&mut waiting, &[]).await;

    // No answer to a command is a word.
    let odd = claw.decide(AskKind::Command, "1", Reply::Cancel).await;
    assert!(matches!(odd, Err(RuntimeError::Refused { .. })), "{odd:?}");
    assert!(peer.heard_meanwhile().await.is_none());
    task.shutdown().await;
}

/// Gateways that know of no such things are asked nothing, and one that refuses to tell is not asked again and again.
#[tokio::test]
async fn what_is_not_offered_is_quietly_absent() {
    for methods in [&[][..], &["exec.approval.resolve", "exec.approval.waitDecision"], &METHODS] {
        let (gate, url) = Gate::open().await;
        let (claw, task, _folder) = claw(&url);
        let mut waiting = claw.waiting();
        let mut peer = gate.greet_as(json!({"version": "9"}), methods).await;
        until(&claw, up).await;
        if methods.contains(&"question.list") {
            for method in ["exec.approval.list", "question.list"] {
                let (id, _) = peer.asked(method).await;
                peer.refuse(&id, "FORBIDDEN", "missing scope").await;
            }
        }
        assert!(peer.heard_meanwhile().await.is_none(), "{methods:?}");
        assert_eq!(*waiting.borrow_and_update(), Waiting::default());
        task.shutdown().await;
    }
}
