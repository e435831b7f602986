//! The state machine and the readers against what real gateways said.

use crate::support::Replay;
use clutch_gateway::sight::{Traces, assemble};
use clutch_gateway::signs::end_of_wait;
use clutch_gateway::{DownReason, GatewayState};
use clutch_orchestrator::runtime::{Begun, RunEnd, RunEndKind, RunSign, RuntimeError, Sighting};
use serde_json::Value;

fn signs<'a>(replay: &'a Replay, run_id: &str) -> Vec<&'a RunSign> {
    replay.runs.iter().filter(|event| event.run_id == run_id).map(|event| &event.what).collect()
}

fn ends<'a>(replay: &'a Replay, run_id: &str) -> Vec<&'a RunEnd> {
    let end = |sign: &&'a RunSign| match sign {
        RunSign::Ended(end) => Some(end),
        _ => None,
    };
    signs(replay, run_id).iter().filter_map(end).collect()
}

fn end(how: RunEndKind, last_words: &str, reason: Option<&str>) -> RunEnd {
    RunEnd { how, last_words: last_words.into(), reason: reason.map(str::to_owned) }
}

fn sighting(key: &str, tasks: Option<&Value>, history: &Value, row: Option<&Value>) -> Sighting {
    assemble(key, Traces { tasks, history: Some(history), row: row.map(|row| &row["session"]) })
}

#[test]
fn a_greeting_carries_everything_that_both_versions_want() {
    for (name, version, methods) in [("run-2026.9.6", "2026.9.6", 466), ("all-2026.2.17", "dev", 88)] {
        let replay = Replay::of(name);
        let GatewayState::Connected { version: told, plugin, .. } = replay.state() else { panic!("{name}") };
        assert_eq!((told.as_str(), plugin.len()), (version, 0));
        assert_eq!(replay.hello.as_ref().unwrap().features.methods.len(), methods);
        let connect = &replay.sent[0]["params"];
        assert_eq!((&connect["minProtocol"], &connect["maxProtocol"]), (&3.into(), &4.into()));
        assert_eq!(connect["client"]["id"], "gateway-client");
        assert_eq!(connect["client"]["mode"], "backend");
        assert_eq!(connect["caps"], serde_json::json!(["tool-events", "exec-approvals", "plugin-approvals"]));
        assert_eq!(connect["auth"]["token"], "a-token");
        let scopes = ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.questions"];
        assert_eq!(connect["scopes"], serde_json::json!(scopes));
        // Signed over the challenge's own time and nonce, not ours.
        let crate::support::Line::In(challenge) = &crate::support::transcript(name)[0] else {
            panic!("a challenge first")
        };
        assert_eq!(connect["device"]["signedAt"], challenge["payload"]["ts"]);
        assert_eq!(connect["device"]["nonce"], challenge["payload"]["nonce"]);
        assert_eq!(replay.missed, 0, "the recorded numbers have no gap");
    }
}

#[test]
fn each_call_gets_its_answer_and_agent_is_settled_by_the_first() {
    for name in ["run-2026.9.6", "ends-2026.9.6", "all-2026.2.17"] {
        let replay = Replay::of(name);
        let mut tickets: Vec<_> = replay.settled.iter().map(|(ticket, _)| *ticket).collect();
        tickets.sort_unstable();
        assert_eq!(tickets, (1..=replay.tickets).collect::<Vec<_>>(), "{name}: each ticket once");
        assert_eq!(replay.answers("agent")[0]["status"], "accepted", "{name}");
    }
    let replay = Replay::of("run-2026.9.6");
    let refused = replay.settled.iter().find_map(|(_, outcome)| outcome.as_ref().err()).unwrap();
    assert!(
        matches!(refused, RuntimeError::Refused { code, sentence } if code == "INVALID_REQUEST" && sentence.contains("Unknown provider")),
        "{refused:?}"
    );
    assert_eq!(replay.answers("agent")[1]["status"], "ok", "the same key again after the end is a replay");
}

#[test]
fn a_run_is_told_in_order_and_its_end_once() {
    let replay = Replay::of("run-2026.9.6");
    let lines: Vec<_> = signs(&replay, "run-1");
    assert_eq!(lines[0], &RunSign::Started);
    let (tools, lines): (Vec<&RunSign>, Vec<&RunSign>) =
        lines[1..].iter().partition(|sign| matches!(sign, RunSign::Tool(_)));
    assert_eq!(
        lines,
        [
            &RunSign::Line("read /srv/openclaw/workspace/a.txt".into()),
            &RunSign::Line("exec echo hi && sleep 1".into()),
            &RunSign::Text("all".into()),
            &RunSign::Text("all done".into()),
            &RunSign::Ended(end(RunEndKind::Finished, "all done", None)),
        ]
    );
    let told: Vec<_> = tools
        .iter()
        .map(|sign| match sign {
            RunSign::Tool(tool) => (tool.line.as_str(), tool.ended),
            other => panic!("{other:?}"),
        })
        .collect();
    let (read, exec) = ("read /srv/openclaw/workspace/a.txt", "exec echo hi && sleep 1");
    assert_eq!(told, [(read, None), ("", Some(false)), (exec, None), ("", Some(true))]);
    assert!(replay.runs.iter().all(|event| event.session == "agent:main:proj:dev:aaaa0001:r1"));
    assert!(replay.signs.live_runs().is_empty());
}

#[test]
fn the_second_answer_tells_the_end_when_no_event_did() {
    let mut replay = Replay::new();
    replay.open();
    for line in crate::support::transcript("run-2026.9.6") {
        match &line {
            crate::support::Line::In(frame)
                if frame["payload"]["state"] == "final" || frame["payload"]["data"]["phase"] == "end" => {}
            _ => replay.play(line),
        }
    }
    assert_eq!(ends(&replay, "run-1"), [&end(RunEndKind::Finished, "all done", None)]);
    assert_eq!(replay.missed, 5, "the ends of lifecycle, two items, a command and the chat");
}

#[test]
fn every_way_of_ending_is_told_apart() {
    let replay = Replay::of("ends-2026.9.6");
    assert_eq!(ends(&replay, "run-ab").len(), 1);
    assert_eq!(ends(&replay, "run-ab")[0].how, RunEndKind::Aborted);
    let reason = "LLM request failed: provider rejected the request schema or tool payload.";
    assert_eq!(ends(&replay, "run-er"), [&end(RunEndKind::Failed, "", Some(reason))]);
    let late = ends(&replay, "run-to");
    assert_eq!((late.len(), late[0].how), (1, RunEndKind::Failed));
    assert!(late[0].reason.as_ref().unwrap().contains("timed out") && late[0].last_words.starts_with("word1"));
    assert_eq!(ends(&replay, "run-ax"), [&end(RunEndKind::Aborted, "", None)], "deleted with its session");
    // Words sent into a running session: their own run ends without words, another one answers them.
    assert_eq!(ends(&replay, "st-2"), [&end(RunEndKind::Finished, "", None)]);
    assert_eq!(
        ends(&replay, "c43f6989-adee-4360-bc51-85a5e1d14fdf"),
        [&end(RunEndKind::Finished, "Echo: blue please", None)]
    );
    assert!(
        signs(&replay, "c43f6989-adee-4360-bc51-85a5e1d14fdf").contains(&&RunSign::Line("starting the model".into()))
    );
}

#[test]
fn old_gateways_tell_the_same_story() {
    let replay = Replay::of("all-2026.2.17");
    assert_eq!(ends(&replay, "run-1"), [&end(RunEndKind::Finished, "all done", None)]);
    assert!(signs(&replay, "run-1").contains(&&RunSign::Line("read /tmp/x.txt".into())));
    assert_eq!(ends(&replay, "run-er"), [&end(RunEndKind::Failed, "", Some("400 bad"))]);
    assert_eq!(ends(&replay, "run-ab")[0].how, RunEndKind::Aborted);
    assert_eq!(ends(&replay, "cs-1"), [&end(RunEndKind::Aborted, "word1", None)]);
    // Its `aborted` event carries the raw key, the others the canonical one.
    let sessions: Vec<_> =
        replay.runs.iter().filter(|event| event.run_id == "cs-1").map(|event| &event.session).collect();
    assert!(sessions.len() > 1 && sessions.iter().all(|session| *session == "clutch:Proj:ChatA"), "{sessions:?}");
}

#[test]
fn waiting_says_only_what_is_known() {
    let of = |name: &str| {
        let replay = Replay::of(name);
        replay
            .answers("agent.wait")
            .into_iter()
            .map(|answer| (answer["runId"].to_string(), end_of_wait(answer)))
            .collect::<Vec<_>>()
    };
    let run = of("run-2026.9.6");
    assert_eq!(run[0].1, Some(end(RunEndKind::Finished, "all done", None)));
    assert_eq!(run.last().unwrap(), &("\"xxx\"".to_owned(), None), "a run that never was");
    let ended = of("ends-2026.9.6");
    let how =
        |id: &str| ended.iter().find(|(run, _)| run.trim_matches('"') == id).unwrap().1.as_ref().map(|end| end.how);
    assert_eq!(how("run-ab"), Some(RunEndKind::Aborted));
    assert_eq!(how("run-er"), Some(RunEndKind::Failed));
    assert_eq!(how("run-to"), Some(RunEndKind::Failed), "a time-out with an end is an end");
    assert_eq!(how("run-ax"), Some(RunEndKind::Aborted));
    let old = of("all-2026.2.17");
    assert_eq!(old[0].1.as_ref().unwrap().how, RunEndKind::Finished);
    assert_eq!(old[1].1, None, "old gateways say time-out for everything else");
}

#[test]
fn a_finished_attempt_is_seen_with_its_end() {
    let replay = Replay::of("run-2026.9.6");
    let (tasks, history) = (replay.answers("tasks.list"), replay.answers("chat.history"));
    let seen = sighting("run-1", Some(tasks[1]), history[0], Some(replay.answers("sessions.describe")[1]));
    assert_eq!(seen.begun, Begun::Yes);
    assert_eq!(seen.active, Some(false));
    assert_eq!(seen.runs.len(), 1);
    assert_eq!(seen.runs[0].end, Some(end(RunEndKind::Finished, "all done", None)));
    assert_eq!(seen.last_words.as_deref(), Some("all done"));
    let other = sighting("another-key", Some(tasks[1]), history[0], None);
    assert_eq!(other.begun, Begun::No, "a marked session tells whose message it holds");
    let empty = sighting("run-1", Some(tasks[2]), history[1], None);
    assert_eq!(empty, Sighting { active: Some(false), ..Sighting::default() });
}

#[test]
fn a_steered_session_shows_the_run_that_answers() {
    let replay = Replay::of("ends-2026.9.6");
    let history = *replay.answers("chat.history").last().unwrap();
    let tasks = replay.answers("tasks.list");
    let tasks = tasks.iter().find(|tasks| tasks["tasks"][0]["runId"] == "run-st").unwrap();
    let seen = sighting("st-2", Some(tasks), history, None);
    assert_eq!(seen.begun, Begun::Yes);
    let ids: Vec<_> = seen.runs.iter().map(|run| (run.run_id.as_str(), run.resumed)).collect();
    assert_eq!(ids, [("run-st", false), ("st-2", false), ("c43f6989-adee-4360-bc51-85a5e1d14fdf", false)]);
    assert_eq!(seen.runs[2].end, Some(end(RunEndKind::Finished, "Echo: blue please", None)));
    assert_eq!(seen.last_words.as_deref(), Some("Echo: blue please"));
}

#[test]
fn an_aborted_and_forgotten_attempt_is_still_known_to_the_ledger() {
    let replay = Replay::of("ends-2026.9.6");
    let (tasks, history) = (replay.answers("tasks.list"), replay.answers("chat.history"));
    let seen = sighting("run-ab", Some(tasks[2]), history[0], None);
    assert_eq!(seen.begun, Begun::Yes);
    assert_eq!((seen.active, seen.runs.len()), (Some(false), 1));
    assert_eq!(seen.runs[0].end, Some(end(RunEndKind::Aborted, "", None)));
}

#[test]
fn after_a_restart_the_new_run_is_this_attempt_continued() {
    const NEW: &str = "fc84d59c-39bd-47c0-b0c8-7906fb6a8249";
    let replay = Replay::of("restart-2026.9.6");
    let (tasks, history) = (replay.answers("tasks.list"), replay.answers("chat.history"));
    let states: Vec<_> = replay.states.iter().map(std::mem::discriminant).collect();
    assert_eq!(states.len(), 4, "connecting, connected, down, connected");

    // At the first look the ledger says "cancelled" and only the row knows the new run.
    let first = sighting("run-k", Some(tasks[0]), history[0], None);
    assert_eq!(first.begun, Begun::Yes);
    assert_eq!(first.active, Some(true));
    let runs: Vec<_> = first.runs.iter().map(|run| (run.run_id.as_str(), run.end.is_some(), run.resumed)).collect();
    assert_eq!(runs, [("run-k", true, false), (NEW, false, true)]);
    assert_eq!(first.runs[0].end.as_ref().unwrap().how, RunEndKind::Failed);

    // Then the ledger and the history know it too.
    let second = sighting("run-k", Some(tasks[1]), history[1], None);
    let runs: Vec<_> = second.runs.iter().map(|run| (run.run_id.as_str(), run.end.is_some(), run.resumed)).collect();
    assert_eq!(runs, [("run-k", true, false), (NEW, false, true)]);

    // The history alone, with its run in flight, is enough.
    let alone = sighting("run-k", None, history[1], None);
    assert_eq!((alone.active, alone.runs.len()), (Some(true), 2));
    assert_eq!(alone.runs[1].end, None);

    let last = sighting("run-k", Some(tasks[2]), history.last().unwrap(), Some(replay.answers("sessions.describe")[0]));
    assert_eq!(last.active, Some(false));
    assert!(last.runs[1].resumed);
    assert_eq!(last.runs[1].end.as_ref().unwrap().how, RunEndKind::Finished);
    assert!(last.runs[1].end.as_ref().unwrap().last_words.starts_with("Echo: [System]"));
    assert_eq!(ends(&replay, NEW).len(), 1, "its end is told live as well");
}

#[test]
fn a_cut_off_run_is_not_called_ended_while_its_continuation_is_on_the_way() {
    let replay = Replay::of("restart-2026.9.6");
    let tasks = replay.answers("tasks.list")[0];
    let mut history = replay.answers("chat.history")[0].clone();
    history["sessionInfo"]["activeRunIds"] = Value::Null;
    let on_the_way = sighting("run-k", Some(tasks), &history, None);
    assert_eq!((on_the_way.active, on_the_way.runs.len()), (Some(true), 1));
    assert_eq!(on_the_way.runs[0].end, None);
    history["sessionInfo"]["hasActiveRun"] = false.into();
    history["sessionInfo"]["status"] = "failed".into();
    let given_up = sighting("run-k", Some(tasks), &history, None);
    assert_eq!(given_up.runs[0].end.as_ref().unwrap().how, RunEndKind::Failed);
}

#[test]
fn old_sessions_do_not_tell_whose_words_they_hold() {
    let replay = Replay::of("all-2026.2.17");
    let history = replay.answers("chat.history");
    assert_eq!(sighting("run-1", None, history[0], None), Sighting::default(), "nothing yet");
    let seen = sighting("run-1", None, history[1], None);
    assert_eq!(seen.begun, Begun::CannotTell);
    assert_eq!((seen.active, seen.runs.len()), (None, 0));
    assert_eq!(seen.last_words.as_deref(), Some("all done"));
}

#[test]
fn refusals_are_told_in_words() {
    for (name, why, words) in [
        ("refused-token-2026.9.6", DownReason::TokenRefused, "Set OPENCLAW_TOKEN"),
        ("refused-token-2026.2.17", DownReason::TokenRefused, "Set OPENCLAW_TOKEN"),
        ("refused-no-token-2026.9.6", DownReason::TokenRefused, "Set OPENCLAW_TOKEN"),
        ("refused-no-token-2026.2.17", DownReason::TokenRefused, "Set OPENCLAW_TOKEN"),
        ("refused-version-2026.9.6", DownReason::Version, "protocol 4"),
        ("refused-version-2026.2.17", DownReason::Version, "protocol 3"),
        (
            "refused-pairing-2026.9.6",
            DownReason::PairingNeeded,
            "`openclaw devices approve 904c1163-d7fc-48d8-9016-250c6725805e`",
        ),
    ] {
        let replay = Replay::of(name);
        let GatewayState::Down { why: told, sentence, retry_at, .. } = replay.state() else { panic!("{name}") };
        assert_eq!(*told, why, "{name}: {sentence}");
        assert!(sentence.contains(words), "{name}: {sentence}");
        assert!(
            replay.now.wall.since(Default::default()) < retry_at.since(Default::default()),
            "{name}: it tries again"
        );
        assert_eq!(replay.hangups, 1);
        assert!(replay.sent.iter().all(|frame| frame["method"] == "connect"));
        assert!(!sentence.contains("a-token"));
    }
}
