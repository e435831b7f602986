//! The state machine where no transcript reaches: time-outs, silence, waits, limits.

use crate::support::Replay;
use clutch_gateway::session::{
    CHALLENGE_MS, Command, DIAL_MS, Effect, Ending, GOOD_AFTER_MS, HELLO_MS, IN_FLIGHT_MAX, Session, Settings,
};
use clutch_gateway::{DownReason, GatewayState};
use clutch_orchestrator::runtime::RuntimeError;
use serde_json::json;

const NAME: &str = "run-2026.9.6";

fn connected() -> Replay {
    let mut replay = Replay::new();
    replay.open();
    greet(&mut replay);
    replay
}

fn greet(replay: &mut Replay) {
    for line in crate::support::transcript(NAME).into_iter().take(3) {
        replay.play(line);
    }
    assert!(replay.connected);
}

fn down(replay: &Replay) -> (DownReason, &str) {
    match replay.state() {
        GatewayState::Down { why, sentence, .. } => (*why, sentence),
        other => panic!("not down: {other:?}"),
    }
}

fn event(seq: u64) -> String {
    json!({"type": "event", "event": "tick", "payload": {"ts": 1}, "seq": seq}).to_string()
}

#[test]
fn a_gateway_that_is_away_is_dialled_for_ever_with_growing_waits() {
    let mut replay = Replay::new();
    let mut waits = Vec::new();
    for _ in 0..40 {
        let effects = replay.session.on_ended(replay.generation, &Ending::NothingAnswers, replay.now);
        replay.take(effects);
        let (why, sentence) = down(&replay);
        assert_eq!(why, DownReason::NothingAnswers);
        assert!(sentence.contains("ws://gateway:1") && sentence.contains("`openclaw gateway run`"), "{sentence}");
        waits.push(replay.session.next_deadline().unwrap() - replay.now.mono);
        let before = replay.generation;
        let due = replay.session.next_deadline().unwrap();
        replay.pass(due - replay.now.mono);
        replay.tick();
        assert_eq!(replay.generation, before + 1);
    }
    // The test's jitter takes the middle: 100 ms and half of 1, 2, 4, … up to 30 seconds.
    assert_eq!(&waits[..6], [600, 1_100, 2_100, 4_100, 8_100, 15_100]);
    assert!(waits[6..].iter().all(|wait| *wait == 15_100));
    let since: Vec<_> = replay
        .states
        .iter()
        .filter_map(|state| match state {
            GatewayState::Down { since, .. } => Some(*since),
            _ => None,
        })
        .collect();
    assert!(since.windows(2).all(|pair| pair[0] == pair[1]), "down since the first failure");
}

#[test]
fn jitter_uses_the_whole_range_and_no_more() {
    for (jitter, wait) in [(0, 100), (u64::MAX, 1_100)] {
        let mut session = Session::new(Settings {
            address: "ws://gateway:1".into(),
            nearby: true,
            token: None,
            identity: None,
            version: "0".into(),
            jitter: Box::new(move |_| jitter),
        });
        let now = crate::support::Replay::new().now;
        let effects = session.start(now);
        assert!(matches!(effects[0], Effect::Dial(1)));
        session.on_ended(1, &Ending::NothingAnswers, now);
        assert_eq!(session.next_deadline(), Some(now.mono + wait));
    }
}

#[test]
fn each_step_of_connecting_has_its_own_time_out() {
    let mut replay = Replay::new();
    replay.pass(DIAL_MS);
    replay.tick();
    assert_eq!(down(&replay).0, DownReason::NothingAnswers);

    replay.redial();
    replay.pass(CHALLENGE_MS);
    replay.tick();
    let (why, sentence) = down(&replay);
    assert_eq!(why, DownReason::Other);
    assert!(sentence.contains("not like an OpenClaw gateway"), "{sentence}");

    replay.redial();
    replay.play(crate::support::transcript(NAME).remove(0));
    replay.pass(HELLO_MS);
    replay.tick();
    assert_eq!(down(&replay).0, DownReason::Lost);
}

#[test]
fn something_else_at_the_address_is_named() {
    let mut replay = Replay::new();
    replay.open();
    replay.frame("SSH-2.0-OpenSSH");
    assert!(down(&replay).1.contains("not like an OpenClaw gateway"), "{}", down(&replay).1);
    replay.redial();
    replay.frame(r#"{"type":"event","event":"connect.challenge","payload":{"nonce":"x"}}"#);
    assert!(down(&replay).1.contains("no time"), "{}", down(&replay).1);
    for ending in [Ending::NotAGateway("HTTP 404".into()), Ending::BadAddress("bad".into()), Ending::Tls("bad".into())]
    {
        replay.redial();
        let effects = replay.session.on_ended(replay.generation, &ending, replay.now);
        replay.take(effects);
        assert_eq!(down(&replay).0, DownReason::Other);
    }
}

#[test]
fn two_ticks_of_silence_end_a_connection() {
    let mut replay = connected();
    replay.pass(59_000);
    replay.tick();
    assert!(replay.connected);
    replay.frame(&event(1));
    replay.pass(59_999);
    replay.tick();
    assert!(replay.connected, "any frame counts");
    let ticket = replay.call("agent", json!({}), 600_000);
    replay.pass(1);
    replay.tick();
    assert_eq!(down(&replay).0, DownReason::Lost);
    assert!(down(&replay).1.contains("fell silent"));
    let (_, outcome) = replay.settled.iter().find(|(settled, _)| *settled == ticket).unwrap();
    assert!(matches!(outcome, Err(RuntimeError::Unknown(why)) if why.contains("silent")), "{outcome:?}");
    replay.redial();
    greet(&mut replay);
}

#[test]
fn a_late_answer_is_nobodys() {
    let mut replay = connected();
    let ticket = replay.call("status", json!({}), 5_000);
    let id = replay.sent.last().unwrap()["id"].clone();
    replay.pass(5_000);
    replay.tick();
    assert!(matches!(replay.settled.last(), Some((t, Err(RuntimeError::Unknown(_)))) if *t == ticket));
    replay.frame(&json!({"type": "res", "id": id, "ok": true, "payload": {}}).to_string());
    assert_eq!(replay.settled.len(), 1);
    assert!(replay.connected);
}

#[test]
fn no_more_than_so_many_calls_wait() {
    let mut replay = connected();
    for _ in 0..IN_FLIGHT_MAX {
        replay.call("status", json!({}), 5_000);
    }
    assert_eq!(replay.settled.len(), 0);
    let sent = replay.sent.len();
    replay.call("status", json!({}), 5_000);
    assert!(matches!(replay.settled.last(), Some((_, Err(RuntimeError::Away(_))))));
    assert_eq!(replay.sent.len(), sent);
}

#[test]
fn what_the_gateway_would_not_take_is_not_sent() {
    let mut replay = connected();
    let sent = replay.sent.len();
    replay.call("chat.send", json!({ "message": "x".repeat(26_214_400) }), 5_000);
    assert!(matches!(replay.settled.last(), Some((_, Err(RuntimeError::Refused { code, .. }))) if code == "TOO_LARGE"));
    assert_eq!(replay.sent.len(), sent);
}

#[test]
fn gaps_are_counted_and_repeats_are_not() {
    let mut replay = connected();
    for seq in [1, 2, 5, 5, 4, 6] {
        replay.frame(&event(seq));
    }
    assert_eq!(replay.missed, 2);
}

#[test]
fn a_gateway_that_says_goodbye_is_not_called_broken() {
    let mut replay = connected();
    replay.frame(r#"{"type":"event","event":"shutdown","payload":{"reason":"restart"},"seq":1}"#);
    replay.lose("closed with code 1012 service restart");
    assert_eq!(down(&replay).0, DownReason::Lost);
    assert!(down(&replay).1.contains("stopping or restarting"), "{}", down(&replay).1);
}

#[test]
fn waits_start_again_only_after_a_good_connection() {
    let wait = |lived: u64| {
        let mut replay = Replay::new();
        for _ in 0..5 {
            replay.open();
            replay.lose("x");
            replay.redial();
        }
        greet(&mut replay);
        replay.pass(lived);
        replay.lose("x");
        replay.session.next_deadline().unwrap() - replay.now.mono
    };
    assert_eq!(wait(GOOD_AFTER_MS), 600);
    assert_eq!(wait(1), 15_100, "a gateway that drops us at once is not hammered");
}

#[test]
fn a_gateway_may_ask_for_patience() {
    let mut replay = Replay::new();
    replay.open();
    replay.play(crate::support::transcript(NAME).remove(0));
    let id = replay.sent[0]["id"].clone();
    let fault = json!({"code": "UNAVAILABLE", "message": "starting", "retryAfterMs": 4_000, "retryable": true});
    replay.frame(&json!({"type": "res", "id": id, "ok": false, "error": fault}).to_string());
    assert!(down(&replay).1.contains("still starting"));
    assert_eq!(replay.session.next_deadline(), Some(replay.now.mono + 4_500));
}

#[test]
fn a_connection_without_rights_is_no_connection() {
    let mut replay = Replay::new();
    replay.open();
    replay.play(crate::support::transcript(NAME).remove(0));
    let hello = json!({"type": "res", "id": replay.sent[0]["id"], "ok": true,
        "payload": {"protocol": 4, "auth": {"scopes": ["operator.read"]}}});
    replay.frame(&hello.to_string());
    assert!(down(&replay).1.contains("operator.write"), "{}", down(&replay).1);
}

#[test]
fn the_largest_number_of_an_event_is_a_number_like_any_other() {
    let mut replay = connected();
    for seq in [u64::MAX, u64::MAX, 5] {
        replay.frame(&json!({"type": "event", "event": "tick", "payload": {}, "seq": seq}).to_string());
    }
    assert!(matches!(replay.state(), GatewayState::Connected { .. }));
    assert!(replay.missed > 0, "the jump to it was noticed");
}

#[test]
fn an_impatient_person_is_served_at_once_and_only_when_waiting() {
    let mut replay = connected();
    let before = replay.generation;
    let effects = replay.session.on_command(Command::ReconnectNow, replay.now);
    assert!(effects.is_empty(), "nothing to do while connected");
    replay.lose("x");
    let effects = replay.session.on_command(Command::ReconnectNow, replay.now);
    replay.take(effects);
    assert_eq!(replay.generation, before + 1);
    assert!(matches!(replay.state(), GatewayState::Connecting { attempt: 1, .. }));
    replay.open();
    greet(&mut replay);
}

#[test]
fn one_word_per_state() {
    let mut replay = Replay::new();
    assert_eq!(replay.state().word(), "connecting");
    replay.open();
    greet(&mut replay);
    assert_eq!(replay.state().word(), "connected");
    replay.lose("x");
    assert_eq!(replay.state().word(), "reconnecting");
    assert_eq!(Replay::of("refused-token-2026.9.6").state().word(), "disconnected");
}

#[test]
fn a_stopped_machine_stays_stopped() {
    let mut replay = connected();
    let ticket = replay.call("status", json!({}), 5_000);
    let effects = replay.session.on_command(Command::Shutdown, replay.now);
    replay.take(effects);
    assert!(matches!(replay.settled.last(), Some((t, Err(RuntimeError::Unknown(_)))) if *t == ticket));
    replay.lose("late");
    replay.tick();
    assert_eq!(replay.session.next_deadline(), None);
    replay.call("status", json!({}), 5_000);
    assert!(matches!(replay.settled.last(), Some((_, Err(RuntimeError::Away(_))))));
}

/// A gateway that would ask a person before it grants more than last time lets the work go on as before.
#[test]
fn wider_rights_keep_nobody_out() {
    let asked = |replay: &Replay| {
        let params = &replay.sent.last().unwrap()["params"];
        ["scopes", "caps"].map(|name| params[name].as_array().unwrap().len())
    };
    let challenge = || crate::support::transcript(NAME).remove(0);
    let refuse = |replay: &mut Replay, reason: &str| {
        let details = json!({"code": "PAIRING_REQUIRED", "reason": reason, "requestId": "904c"});
        let fault = json!({"code": "NOT_PAIRED", "message": "pairing required", "details": details});
        let id = replay.sent.last().unwrap()["id"].clone();
        replay.frame(&json!({"type": "res", "id": id, "ok": false, "error": fault}).to_string());
    };
    let mut replay = Replay::new();
    replay.open();
    replay.play(challenge());
    assert_eq!(asked(&replay), [5, 3]);
    let dials = replay.generation;
    refuse(&mut replay, "scope-upgrade");
    assert_eq!(replay.generation, dials + 1, "it is dialled again at once");
    replay.open();
    replay.play(challenge());
    assert_eq!(asked(&replay), [3, 1], "who may not decide says nothing of it");
    // Refused all the same: that is for a person.
    refuse(&mut replay, "scope-upgrade");
    assert_eq!(down(&replay).0, DownReason::PairingNeeded);

    // A device that the gateway does not know at all asks for everything at once.
    let mut replay = Replay::new();
    replay.open();
    replay.play(challenge());
    refuse(&mut replay, "not-paired");
    assert_eq!(down(&replay).0, DownReason::PairingNeeded);
}
