//! Turns the gateway's `agent` and `chat` events into signs of runs.
//!
//! Both kinds tell the same story twice, and both arrive for every session, so the reader
//! keeps a little memory per run: its end is told once, whoever tells it first.

mod lines;

use std::collections::{HashMap, HashSet, VecDeque};

use clutch_domain::time::Millis;
use clutch_orchestrator::runtime::{RunEnd, RunEndKind, RunEvent, RunSign, ToolSign};
use serde_json::Value;

pub use self::lines::{LINE_CHARS, tool_line};
use crate::keys::KeyBook;
use crate::wire::{Event, Response, content_text, text};

/// How many runs are followed at once; the oldest is forgotten first.
pub const LIVE_MAX: usize = 512;
/// How many ended runs are remembered, so that their end is not told again.
pub const ENDED_MAX: usize = 2_048;

#[derive(Debug, Default)]
struct Live {
    session: String,
    started: bool,
    text: String,
    line: String,
}

/// The reader.
#[derive(Debug, Default)]
pub struct Signs {
    live: HashMap<String, Live>,
    live_order: VecDeque<String>,
    ended: HashSet<String>,
    ended_order: VecDeque<String>,
}

impl Signs {
    /// Runs that were heard of and have not ended, oldest first.
    #[must_use]
    pub fn live_runs(&self) -> Vec<String> {
        self.live_order.iter().cloned().collect()
    }

    /// Forgets all runs: another gateway process answers, which knows none of them. One that is sent to it
    /// again, under the same id, is told anew.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Forgets only which runs have ended, where nobody knows whether another gateway process answers: a run
    /// that is sent to it again is told anew, and at worst an end is told twice.
    pub fn forget_ends(&mut self) {
        self.ended.clear();
        self.ended_order.clear();
    }

    /// Reads one event.
    pub fn on_event(&mut self, event: &Event, keys: &KeyBook, at: Millis) -> Vec<RunEvent> {
        let payload = &event.payload;
        let run_id = text(payload, "runId");
        if run_id.is_empty() || self.ended.contains(run_id) {
            return Vec::new();
        }
        let mut told = Vec::new();
        match event.event.as_str() {
            "agent" => {
                self.meet(run_id, payload, keys);
                self.on_agent(run_id, text(payload, "stream"), &payload["data"], &mut told);
            }
            "chat" => {
                self.meet(run_id, payload, keys);
                self.on_chat(run_id, payload, &mut told);
            }
            _ => return Vec::new(),
        }
        self.stamp(run_id, told, at)
    }

    /// Reads the second answer of an `agent` call: the last to tell an end, if no event did.
    pub fn on_run_answer(&mut self, answer: &Response, at: Millis) -> Vec<RunEvent> {
        let payload = &answer.payload;
        let run_id = text(payload, "runId");
        if run_id.is_empty() || !self.live.contains_key(run_id) {
            return Vec::new();
        }
        let said = || {
            let parts = payload["result"]["payloads"].as_array().map(Vec::as_slice).unwrap_or_default();
            parts
                .iter()
                .map(|part| text(part, "text"))
                .filter(|words| !words.is_empty())
                .collect::<Vec<_>>()
                .join("\n\n")
        };
        let end = if !answer.ok {
            let reason = answer.error.as_ref().map(|fault| fault.message.clone()).unwrap_or_default();
            failed(reason)
        } else if text(payload, "status") == "ok" {
            RunEnd { how: RunEndKind::Finished, last_words: said(), reason: None }
        } else if text(payload, "stopReason") == "rpc" {
            aborted()
        } else {
            failed("the gateway ended the run because its time was up".to_owned())
        };
        self.end_known(run_id, end, at)
    }

    /// Somebody asked the gateway and was told the end of a run.
    pub fn end_known(&mut self, run_id: &str, end: RunEnd, at: Millis) -> Vec<RunEvent> {
        if !self.live.contains_key(run_id) {
            return Vec::new();
        }
        self.stamp(run_id, vec![RunSign::Ended(end)], at)
    }

    fn meet(&mut self, run_id: &str, payload: &Value, keys: &KeyBook) {
        let known = self.live.entry(run_id.to_owned()).or_insert_with(|| {
            self.live_order.push_back(run_id.to_owned());
            Live::default()
        });
        if known.session.is_empty() {
            known.session = keys.ours(text(payload, "sessionKey"));
        }
        if self.live_order.len() > LIVE_MAX
            && let Some(oldest) = self.live_order.pop_front()
        {
            self.live.remove(&oldest);
        }
    }

    fn on_agent(&mut self, run_id: &str, stream: &str, data: &Value, told: &mut Vec<RunSign>) {
        let Some(live) = self.live.get_mut(run_id) else { return };
        if !live.started && !matches!(text(data, "phase"), "end" | "error") {
            live.started = true;
            told.push(RunSign::Started);
        }
        let line = match stream {
            "run_status" => lines::phase_line(text(data, "phase")).map(str::to_owned),
            "tool" if text(data, "phase") == "start" => Some(tool_line(text(data, "name"), &data["args"])),
            // Tool calls come as `tool` and as `item`; other items only as `item`.
            "item" if text(data, "phase") == "start" && text(data, "kind") != "tool" => {
                Some(lines::one_line(text(data, "title")))
            }
            _ => None,
        };
        if let Some(line) = line.filter(|line| !line.is_empty() && *line != live.line) {
            live.line.clone_from(&line);
            told.push(RunSign::Line(line));
        }
        let call = text(data, "toolCallId");
        if stream == "tool" && !call.is_empty() {
            let tool = |line, ended| RunSign::Tool(ToolSign { call: call.to_owned(), line, ended });
            match text(data, "phase") {
                "start" => told.push(tool(tool_line(text(data, "name"), &data["args"]), None)),
                "result" => told.push(tool(String::new(), Some(data["isError"] != Value::Bool(true)))),
                _ => {}
            }
        }
        if stream == "assistant" {
            let so_far = text(data, "text");
            if !so_far.is_empty() && so_far != live.text {
                so_far.clone_into(&mut live.text);
                told.push(RunSign::Text(so_far.to_owned()));
            }
        }
        if stream == "lifecycle" {
            let stopped = data["aborted"] == Value::Bool(true);
            match text(data, "phase") {
                "end" if stopped => told.push(RunSign::Ended(aborted())),
                "end" => told.push(RunSign::Ended(RunEnd {
                    how: RunEndKind::Finished,
                    last_words: text(&data["terminalReply"], "text").to_owned(),
                    reason: None,
                })),
                // An error that is not settled may be followed by a retry or another model;
                // the `chat` event says how it really ended.
                "error" if data["executionSettled"] == Value::Bool(true) => {
                    told.push(RunSign::Ended(if stopped { aborted() } else { failed(text(data, "error").to_owned()) }));
                }
                _ => {}
            }
        }
    }

    fn on_chat(&mut self, _: &str, payload: &Value, told: &mut Vec<RunSign>) {
        let last_words = content_text(&payload["message"]["content"]);
        match text(payload, "state") {
            "final" => told.push(RunSign::Ended(RunEnd { how: RunEndKind::Finished, last_words, reason: None })),
            "aborted" => told.push(RunSign::Ended(RunEnd { last_words, ..aborted() })),
            "error" => {
                let reason = text(payload, "errorMessage").to_owned();
                told.push(RunSign::Ended(RunEnd { last_words, ..failed(reason) }));
            }
            _ => {}
        }
    }

    /// Puts session, run and time on signs, and closes the run's memory at its end.
    fn stamp(&mut self, run_id: &str, told: Vec<RunSign>, at: Millis) -> Vec<RunEvent> {
        let mut events = Vec::with_capacity(told.len());
        for mut what in told {
            let Some(live) = self.live.get(run_id) else { break };
            let session = live.session.clone();
            if let RunSign::Ended(end) = &mut what {
                // The end of a run names its words cut at some thousand characters; what was streamed is whole.
                if live.text.len() > end.last_words.len() && live.text.starts_with(beginning(&end.last_words)) {
                    end.last_words.clone_from(&live.text);
                }
                self.close(run_id);
            }
            events.push(RunEvent { session, run_id: run_id.to_owned(), at, what });
        }
        events
    }

    fn close(&mut self, run_id: &str) {
        self.live.remove(run_id);
        self.live_order.retain(|id| id != run_id);
        if self.ended.insert(run_id.to_owned()) {
            self.ended_order.push_back(run_id.to_owned());
        }
        if self.ended_order.len() > ENDED_MAX
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}

/// Words without what a cut leaves at their end.
fn beginning(words: &str) -> &str {
    words.trim_end_matches(['\u{2026}', '.']).trim_end()
}

fn aborted() -> RunEnd {
    RunEnd { how: RunEndKind::Aborted, last_words: String::new(), reason: None }
}

fn failed(reason: String) -> RunEnd {
    let reason = if reason.is_empty() { "the gateway gave no reason".to_owned() } else { reason };
    RunEnd { how: RunEndKind::Failed, last_words: String::new(), reason: Some(reason) }
}

/// The end of a run as `agent.wait` tells it; `None` means unknown.
///
/// `timeout` alone says nothing (running, unknown and long-ended runs alike), but together
/// with `endedAt` it is a run whose own time was up.
#[must_use]
pub fn end_of_wait(payload: &Value) -> Option<RunEnd> {
    let last_words = text(&payload["terminalReply"], "text").to_owned();
    let error = text(payload, "error");
    let ended = payload["endedAt"].is_number();
    match text(payload, "status") {
        "ok" => Some(RunEnd { how: RunEndKind::Finished, last_words, reason: None }),
        "error" if error == "aborted" || matches!(text(payload, "stopReason"), "rpc" | "aborted" | "delete") => {
            Some(RunEnd { last_words, ..aborted() })
        }
        "error" => Some(RunEnd { last_words, ..failed(error.to_owned()) }),
        "timeout" if ended => {
            let reason = if error.is_empty() { "the run's time was up" } else { error };
            Some(RunEnd { last_words, ..failed(reason.to_owned()) })
        }
        _ => None,
    }
}
