//! What a session's traces say about an attempt: pure reading of `tasks.list`,
//! `chat.history` and a session row. Nothing here guesses: what the gateway does not know
//! stays `None`.

use clutch_domain::time::Millis;
use clutch_orchestrator::runtime::{Begun, RunEnd, RunEndKind, SeenRun, Sighting};
use serde_json::Value;

use crate::wire::{content_text, text};

/// Provenance of the message with which a new gateway resumes a session after its own restart.
const RECOVERY: &str = "main_session_restart_recovery";
/// How the title of a resumed run's ledger row begins, before its message is in the history.
const RECOVERY_TITLE: &str = "[System] Your previous turn was interrupted by a gateway restart";
/// What the ledger says of a run whose process is gone.
const CUT_OFF: &str = "exited before restart";

/// The answers that were got. `None` where the gateway does not offer the method.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traces<'a> {
    /// `tasks.list {sessionKey}`.
    pub tasks: Option<&'a Value>,
    /// `chat.history {sessionKey}`.
    pub history: Option<&'a Value>,
    /// `session` of `sessions.describe {key}`.
    pub row: Option<&'a Value>,
}

#[derive(Default)]
struct Seen {
    id: String,
    at: i64,
    end: Option<RunEnd>,
    words: String,
    said_at: Option<Millis>,
    resumed: bool,
    cut_off: bool,
    failed: bool,
    stopped: bool,
    spoke_last: bool,
}

/// Puts the traces together. `key` is the idempotency key of the message that is looked for.
#[must_use]
pub fn assemble(key: &str, traces: Traces<'_>) -> Sighting {
    let mut runs: Vec<Seen> = Vec::new();
    let rows = list(traces.history, "messages");
    let info = traces.history.map(|history| &history["sessionInfo"]).filter(|info| info.is_object());
    let (mut active, mut active_ids) = activity(info, traces.row);
    // The history names the run that it shows in flight, also where the row does not.
    let in_flight = traces.history.map(|history| text(&history["inFlightRun"], "runId")).unwrap_or_default();
    if !in_flight.is_empty() {
        active = Some(true);
        if !active_ids.contains(&in_flight) {
            active_ids.push(in_flight);
        }
    }

    for task in list(traces.tasks, "tasks") {
        read_ledger(&mut runs, task);
    }
    let mut marked = false;
    let mut begun = false;
    let mut last_words = None;
    for message in rows {
        let at = message["timestamp"].as_i64().unwrap_or_default();
        marked |= message.get("idempotencyKey").is_some() || message.get("__openclaw").is_some();
        match text(message, "role") {
            "user" => {
                let Some(id) = text(message, "idempotencyKey").strip_suffix(":user") else { continue };
                begun |= id == key;
                let run = entry(&mut runs, id, at);
                run.resumed |= text(&message["provenance"], "sourceTool") == RECOVERY;
            }
            "assistant" => {
                let words = content_text(&message["content"]);
                let id = text(&message["__openclaw"], "runId");
                if !id.is_empty() {
                    let run = entry(&mut runs, id, at);
                    run.failed = text(message, "stopReason") == "error";
                    run.stopped |= message["openclawAbort"]["aborted"] == Value::Bool(true);
                    run.spoke_last = !words.is_empty();
                    if !words.is_empty() {
                        run.words.clone_from(&words);
                        run.said_at = message["timestamp"].as_i64().map(Millis);
                    }
                }
                if !words.is_empty() {
                    last_words = Some(words);
                }
            }
            _ => {}
        }
    }
    let queued = traces.history.map(|history| &history["pendingInputs"]["items"]);
    begun |= queued.is_some_and(|items| mentions(items, key));
    begun |= runs.iter().any(|run| run.id == key);
    let begun = match begun {
        true => Begun::Yes,
        // Old gateways mark nothing.
        false if !marked && !rows.is_empty() => Begun::CannotTell,
        false => Begun::No,
    };

    let was_cut = runs.iter().any(|run| run.cut_off);
    for id in &active_ids {
        let new = !runs.iter().any(|run| run.id == *id);
        let run = entry(&mut runs, id, i64::MAX);
        // Between the restart and the recovery message only the row knows the new run.
        run.resumed |= new && was_cut && *id != key;
    }
    runs.sort_by_key(|run| run.at);
    let goes_on = runs.iter().any(|run| run.resumed);
    let runs = runs
        .into_iter()
        .map(|run| {
            let runs_now = active_ids.contains(&run.id.as_str());
            settle(run, active, runs_now, goes_on)
        })
        .collect();
    Sighting { begun, active, runs, last_words }
}

fn list<'a>(from: Option<&'a Value>, name: &str) -> &'a [Value] {
    from.and_then(|value| value[name].as_array()).map(Vec::as_slice).unwrap_or_default()
}

fn entry<'a>(runs: &'a mut Vec<Seen>, id: &str, at: i64) -> &'a mut Seen {
    let index = runs.iter().position(|run| run.id == id).unwrap_or_else(|| {
        runs.push(Seen { id: id.to_owned(), at, ..Seen::default() });
        runs.len() - 1
    });
    let run = &mut runs[index];
    run.at = run.at.min(at);
    run
}

fn read_ledger(runs: &mut Vec<Seen>, task: &Value) {
    let id = text(task, "runId");
    if id.is_empty() {
        return;
    }
    let error = match text(task, "error") {
        "" => text(task, "terminalSummary"),
        error => error,
    };
    let reason = || Some(if error.is_empty() { "the gateway gave no reason".to_owned() } else { error.to_owned() });
    let end = |how, reason| Some(RunEnd { how, last_words: String::new(), reason });
    let run = entry(runs, id, task["createdAt"].as_i64().unwrap_or_default());
    run.resumed |= text(task, "title").starts_with(RECOVERY_TITLE);
    run.end = match text(task, "status") {
        "completed" => end(RunEndKind::Finished, None),
        "cancelled" if error.contains(CUT_OFF) => {
            run.cut_off = true;
            end(RunEndKind::Failed, reason())
        }
        "cancelled" => end(RunEndKind::Aborted, None),
        "failed" | "timed_out" => end(RunEndKind::Failed, reason()),
        _ => None,
    };
}

/// Whether something runs in the session, and which runs.
///
/// In the middle of a recovery a row says `status: running` without `hasActiveRun`.
fn activity<'a>(info: Option<&'a Value>, row: Option<&'a Value>) -> (Option<bool>, Vec<&'a str>) {
    let mut active = None;
    let mut ids = Vec::new();
    for source in [info, row].into_iter().flatten() {
        let says = match (source["hasActiveRun"].as_bool(), text(source, "status")) {
            (Some(true), _) | (_, "running") => Some(true),
            (Some(false), _) => Some(false),
            (None, "") => None,
            (None, _) => Some(false),
        };
        active = match (active, says) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (known, says) => known.or(says),
        };
        for id in list(Some(source), "activeRunIds").iter().filter_map(Value::as_str) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    (active, ids)
}

/// Whether a value holds this key, or its user form, anywhere.
fn mentions(value: &Value, key: &str) -> bool {
    match value {
        Value::String(words) => words == key || words.strip_suffix(":user") == Some(key),
        Value::Array(items) => items.iter().any(|item| mentions(item, key)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, key)),
        _ => false,
    }
}

fn settle(run: Seen, active: Option<bool>, runs_now: bool, goes_on: bool) -> SeenRun {
    let finished = |how, reason| RunEnd { how, last_words: String::new(), reason };
    let end = match run.end {
        _ if runs_now => None,
        // Cut off and about to be resumed: not yet an end.
        Some(_) if run.cut_off && !goes_on && active == Some(true) => None,
        Some(end) => Some(end),
        // Runs of chats have no ledger row. Their end shows only when nothing runs any more.
        None if active != Some(false) => None,
        None if run.stopped => Some(finished(RunEndKind::Aborted, None)),
        None if run.failed => Some(finished(RunEndKind::Failed, Some(run.words.clone()))),
        None if run.spoke_last => Some(finished(RunEndKind::Finished, None)),
        None => None,
    };
    let end = end.map(|end| RunEnd { last_words: run.words, ..end });
    SeenRun { run_id: run.id, end, said_at: run.said_at, resumed: run.resumed }
}
