//! The actor and the caretaker against a small gateway of our own on a real socket, for what
//! a real gateway does not do on command: lose events, drop the connection, be something else.

use std::sync::Arc;
use std::time::Duration;

use clutch_domain::speech::Speech;
use clutch_gateway::{DownReason, GatewayState};
use clutch_orchestrator::runtime::{AgentRuntime, Conversations, RunEndKind, RunSign, RuntimeError, Sessions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{Gate, LONG, claw, until, up};

#[tokio::test]
async fn after_missed_events_the_ends_of_runs_are_looked_up() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let mut events = claw.events();
    let mut peer = gate.greet("a").await;
    until(&claw, up).await;
    peer.started("run-1", 1).await;
    peer.started("run-2", 2).await;
    peer.event("tick", json!({}), Some(7)).await;
    for _ in 0..2 {
        let (id, params) = peer.asked("agent.wait").await;
        let ended = json!({"runId": "run-1", "status": "ok", "endedAt": 5, "terminalReply": {"text": "done"}});
        let unknown = json!({"runId": "run-2", "status": "timeout"});
        peer.answer(&id, if params["runId"] == "run-1" { ended } else { unknown }).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let event = tokio::time::timeout(LONG, events.recv()).await.unwrap().unwrap();
        seen.push((event.run_id.clone(), event.what.clone()));
    }
    assert_eq!(seen[..2], [("run-1".into(), RunSign::Started), ("run-2".into(), RunSign::Started)]);
    let (run, RunSign::Ended(end)) = &seen[2] else { panic!("{seen:?}") };
    assert_eq!((run.as_str(), end.how, end.last_words.as_str()), ("run-1", RunEndKind::Finished, "done"));
    // The event that comes late after all tells nothing new.
    let end = json!({"runId": "run-1", "sessionKey": "agent:main:s", "stream": "lifecycle", "data": {"phase": "end"}});
    peer.event("agent", end, Some(8)).await;
    peer.started("run-3", 9).await;
    let event = tokio::time::timeout(LONG, events.recv()).await.unwrap().unwrap();
    assert_eq!(event.run_id, "run-3");
    task.shutdown().await;
}

#[tokio::test]
async fn a_new_connection_renews_subscriptions_and_asks_only_about_the_same_gateways_runs() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let wanted = json!({"key": "agent:main:s"});
    claw.subscribe("sessions.messages.subscribe", wanted.clone());
    claw.subscribe("sessions.messages.subscribe", wanted.clone());
    claw.subscribe("not.offered", json!({}));

    let mut peer = gate.greet("a").await;
    let (id, params) = peer.asked("sessions.messages.subscribe").await;
    assert_eq!(params, wanted);
    peer.answer(&id, json!({"subscribed": true})).await;
    until(&claw, up).await;
    let mut events = claw.events();
    peer.started("run-1", 1).await;
    events.recv().await.unwrap();
    let pending = tokio::spawn({
        let claw = Arc::clone(&claw);
        async move { claw.request("status", json!({}), LONG).await }
    });
    peer.asked("status").await;
    drop(peer);
    assert!(matches!(pending.await.unwrap(), Err(RuntimeError::Unknown(_))));
    let GatewayState::Down { why, .. } = until(&claw, |state| !up(state)).await else { panic!("not down") };
    assert_eq!(why, DownReason::Lost);

    // The same gateway process: subscriptions again, and the run may have ended meanwhile.
    let mut peer = gate.greet("a").await;
    let (id, _) = peer.asked("sessions.messages.subscribe").await;
    peer.answer(&id, json!({})).await;
    let (id, _) = peer.asked("agent.wait").await;
    peer.answer(&id, json!({"runId": "run-1", "status": "timeout"})).await;
    until(&claw, up).await;
    drop(peer);

    // Another process: it does not know the old runs.
    let mut peer = gate.greet("b").await;
    let (id, _) = peer.asked("sessions.messages.subscribe").await;
    peer.answer(&id, json!({})).await;
    until(&claw, up).await;
    task.shutdown().await;
    assert!(matches!(peer.next().await, Message::Close(_)), "nothing else is asked, and it says goodbye");
    assert!(matches!(claw.models().await, Err(RuntimeError::Away(_))));
}

/// A run's end is told once, however often it is heard; by another process it is another run's.
#[tokio::test]
async fn a_run_that_another_process_takes_again_is_told_anew() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    for (n, (boot, told)) in [("a", true), ("a", false), ("b", true)].into_iter().enumerate() {
        let mut peer = gate.greet(boot).await;
        until(&claw, up).await;
        let mut events = claw.events();
        let (again, new) = ("run-1".to_owned(), format!("new-{n}"));
        for (seq, run) in [(1, &again), (2, &new)] {
            let message = json!({"role": "assistant", "content": "done"});
            let end = json!({"runId": run, "sessionKey": "agent:main:s", "state": "final", "message": message});
            peer.event("chat", end, Some(seq)).await;
        }
        let heard = events.recv().await.unwrap();
        assert_eq!((&heard.run_id, n), (if told { &again } else { &new }, n), "{boot}");
        assert!(matches!(heard.what, RunSign::Ended(_)), "{heard:?}");
        drop(peer);
        until(&claw, |state| !up(state)).await;
    }
    task.shutdown().await;
}

#[tokio::test]
async fn a_gateway_that_cannot_be_told_gets_words_in_which_it_finds_no_command() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url);
    let say = |speech, words: &'static str| {
        let claw = Arc::clone(&claw);
        tokio::spawn(async move { claw.steer("s", speech, words, &[], "k").await })
    };
    for boot in ["a", "b"] {
        let mut peer = gate.greet(boot).await;
        until(&claw, up).await;
        // It is asked on each connection: the gateway may be another one.
        let first = say(Speech::Words, "a /model b");
        let (id, params) = peer.asked("chat.send").await;
        assert_eq!(
            (&params["message"], &params["suppressCommandInterpretation"]),
            (&json!("a /model b"), &json!(true))
        );
        let error = "invalid chat.send params: at root: unexpected property 'suppressCommandInterpretation'";
        let refusal = json!({"code": "INVALID_REQUEST", "message": error});
        peer.send(json!({"type": "res", "id": id, "ok": false, "error": refusal})).await;
        for (said, sent) in [
            (None, "\\a \\/model b"),
            (Some((Speech::Words, "stop")), "\\stop"),
            (Some((Speech::Command, "/stop")), "/stop"),
        ] {
            let saying = said.map(|(speech, words)| say(speech, words));
            let (id, params) = peer.asked("chat.send").await;
            assert_eq!(params, json!({"sessionKey": "s", "message": sent, "idempotencyKey": "k"}));
            peer.answer(&id, json!({"runId": "k", "status": "started"})).await;
            if let Some(saying) = saying {
                saying.await.unwrap().unwrap();
            }
        }
        assert_eq!(first.await.unwrap().unwrap().run_id, "k");
        // Another refusal is the caller's to hear.
        let refused = say(Speech::Command, "/x");
        let (id, _) = peer.asked("chat.send").await;
        peer.send(json!({"type": "res", "id": id, "ok": false, "error": {"code": "INVALID_REQUEST", "message": "no"}}))
            .await;
        assert!(matches!(refused.await.unwrap(), Err(RuntimeError::Refused { .. })));
        drop(peer);
        until(&claw, |state| !up(state)).await;
    }
    task.shutdown().await;
}

#[tokio::test]
async fn another_server_at_the_address_is_told_apart() {
    for (reply, words) in
        [("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "HTTP 404"), ("SSH-2.0-x\r\n", "not like an OpenClaw")]
    {
        let (gate, url) = Gate::open().await;
        let (claw, task, _folder) = claw(&url);
        let (mut stream, _) = gate.listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
        assert!(request.starts_with("get / http/1.1") && !request.contains("secret"), "{request}");
        stream.write_all(reply.as_bytes()).await.unwrap();
        drop(stream);
        let state = until(&claw, |state| matches!(state, GatewayState::Down { .. })).await;
        let GatewayState::Down { why, sentence, .. } = state else { panic!("not down") };
        assert_eq!(why, DownReason::Other, "{sentence}");
        assert!(sentence.contains(words), "{sentence}");
        task.shutdown().await;
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_said_so() {
    let (claw, task, _folder) = claw("ftp://somewhere");
    let state = until(&claw, |state| matches!(state, GatewayState::Down { .. })).await;
    let GatewayState::Down { sentence, .. } = state else { panic!("not down") };
    assert!(sentence.contains("not a usable gateway address") && sentence.contains("OPENCLAW_WS_URL"), "{sentence}");
    let ended = task.ended();
    tokio::pin!(ended);
    assert!(tokio::time::timeout(Duration::ZERO, ended.as_mut()).await.is_err(), "it goes on trying");
    task.shutdown().await;
    ended.await;
}

#[tokio::test]
async fn a_secure_address_without_a_secure_server_is_said_so() {
    let (gate, url) = Gate::open().await;
    let (claw, task, _folder) = claw(&url.replace("ws://", "wss://"));
    let (mut stream, _) = gate.listener.accept().await.unwrap();
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let state = until(&claw, |state| matches!(state, GatewayState::Down { .. })).await;
    let GatewayState::Down { sentence, .. } = state else { panic!("not down") };
    assert!(sentence.contains("No secure connection"), "{sentence}");
    task.shutdown().await;
}
