//! The state machine under random cuts: a recorded conversation is played, and at random
//! places the connection is lost, frames are dropped, repeated or damaged, calls are made
//! and time passes. Whatever happens, the promises of `session` hold.

use std::collections::HashSet;

use crate::support::{Line, Replay, transcript};
use clutch_gateway::GatewayState;
use clutch_gateway::session::{Command, Ending};
use clutch_orchestrator::runtime::{RunSign, RuntimeError};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Turn {
    /// Play so many lines as recorded.
    Play(usize),
    /// Skip so many lines that came: lost events and answers.
    Drop(usize),
    /// Play the next line that came twice.
    Twice,
    /// The next frame arrives cut in the middle.
    Damaged(usize),
    /// The connection ends; a new one begins and greets.
    Cut,
    /// A frame and a close of an older connection arrive late.
    Stale,
    /// A call of our own, with this time-out.
    Call(u64),
    /// Nothing is heard for so long.
    Silence(u64),
    /// A person is impatient.
    Now,
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => (1_usize..12).prop_map(Turn::Play),
        2 => (1_usize..4).prop_map(Turn::Drop),
        1 => Just(Turn::Twice),
        1 => (1_usize..200).prop_map(Turn::Damaged),
        2 => Just(Turn::Cut),
        1 => Just(Turn::Stale),
        2 => (1_u64..50_000).prop_map(Turn::Call),
        2 => (1_u64..150_000).prop_map(Turn::Silence),
        1 => Just(Turn::Now),
    ]
}

/// Greets on a new connection with the recorded first lines.
fn greet(replay: &mut Replay, name: &str) {
    replay.ids.clear();
    for line in transcript(name).into_iter().take(3) {
        replay.play(line);
    }
}

/// Brings the machine back to a connection, however it is.
fn connect(replay: &mut Replay, name: &str) {
    if !replay.connected {
        replay.redial();
        greet(replay, name);
    }
    assert!(replay.connected);
}

fn check(replay: &Replay) {
    let mut seen = HashSet::new();
    for (ticket, outcome) in &replay.settled {
        assert!(seen.insert(*ticket), "ticket {ticket} was settled twice");
        assert!((1..=replay.tickets).contains(ticket));
        if let Err(RuntimeError::Away(why)) = outcome {
            assert!(!why.is_empty());
        }
    }
    let mut ended = HashSet::new();
    for event in &replay.runs {
        assert!(!ended.contains(&event.run_id), "a sign of {} after its end", event.run_id);
        if matches!(event.what, RunSign::Ended(_)) {
            ended.insert(event.run_id.clone());
        }
    }
    for state in &replay.states {
        if let GatewayState::Down { sentence, since, retry_at, .. } = state {
            assert!(retry_at > since && sentence.len() > 20, "{sentence}");
        }
    }
}

fn run(name: &'static str, turns: &[Turn]) {
    let mut replay = Replay::new();
    replay.open();
    greet(&mut replay, name);
    let mut lines = transcript(name).into_iter().skip(3).peekable();
    for turn in turns {
        match turn {
            Turn::Play(count) => {
                for line in lines.by_ref().take(*count) {
                    match line {
                        // Answers to calls of a connection that is gone have no place any more.
                        Line::In(frame)
                            if frame["type"] == "res" && !replay.ids.contains_key(frame["id"].as_str().unwrap()) => {}
                        Line::Out { .. } => {
                            connect(&mut replay, name);
                            replay.play(line);
                        }
                        line => replay.play(line),
                    }
                }
            }
            Turn::Drop(count) => {
                for _ in 0..*count {
                    if matches!(lines.peek(), Some(Line::In(_))) {
                        lines.next();
                    }
                }
            }
            Turn::Twice => {
                if let Some(Line::In(frame)) = lines.peek() {
                    let frame = frame.clone();
                    if frame["type"] != "res" {
                        replay.frame(&frame.to_string());
                    }
                }
            }
            Turn::Damaged(at) => {
                if let Some(Line::In(frame)) = lines.peek() {
                    let whole = frame.to_string();
                    let cut: String = whole.chars().take(*at).collect();
                    replay.frame(&cut);
                }
            }
            Turn::Cut => {
                replay.lose("cut");
                assert!(!replay.connected);
                connect(&mut replay, name);
            }
            Turn::Stale => {
                let before = (replay.settled.len(), replay.states.len(), replay.sent.len());
                let old = replay.generation - 1;
                let effects = replay.session.on_ended(old, &Ending::Closed("late".into()), replay.now);
                assert!(effects.is_empty());
                let effects = replay.session.on_frame(old, r#"{"type":"event","event":"tick","seq":9999}"#, replay.now);
                assert!(effects.is_empty());
                assert_eq!(before, (replay.settled.len(), replay.states.len(), replay.sent.len()));
            }
            Turn::Call(timeout_ms) => {
                let (was_up, sent) = (replay.connected, replay.sent.len());
                let ticket = replay.call("status", serde_json::json!({}), *timeout_ms);
                let settled = replay.settled.iter().find(|(settled, _)| *settled == ticket);
                if was_up {
                    assert_eq!(replay.sent.len(), sent + 1);
                    assert!(settled.is_none());
                } else {
                    assert_eq!(replay.sent.len(), sent, "nothing leaves without a connection");
                    assert!(matches!(settled, Some((_, Err(RuntimeError::Away(_))))));
                }
            }
            Turn::Silence(ms) => {
                let last = replay.now.mono + ms;
                while let Some(due) = replay.session.next_deadline().filter(|due| *due <= last) {
                    replay.pass(due.saturating_sub(replay.now.mono));
                    replay.tick();
                    assert!(replay.session.next_deadline() != Some(due), "a deadline that passed must move");
                }
                replay.pass(last - replay.now.mono);
            }
            Turn::Now => {
                let effects = replay.session.on_command(Command::ReconnectNow, replay.now);
                replay.take(effects);
            }
        }
        check(&replay);
        assert!(replay.session.next_deadline().is_some(), "it never rests");
    }
    connect(&mut replay, name);
    let effects = replay.session.on_command(Command::Shutdown, replay.now);
    replay.take(effects);
    check(&replay);
    assert_eq!(replay.settled.len() as u64, replay.tickets, "every call is answered in the end");
    assert_eq!(replay.session.next_deadline(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_new_gateways_conversation_survives_everything(turns in prop::collection::vec(turn(), 1..60)) {
        run("ends-2026.9.6", &turns);
    }

    #[test]
    fn an_old_gateways_conversation_survives_everything(turns in prop::collection::vec(turn(), 1..60)) {
        run("all-2026.2.17", &turns);
    }
}
