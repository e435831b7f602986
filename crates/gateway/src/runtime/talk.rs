//! Speaking with agents over the gateway, and looking after their sessions.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use clutch_domain::{brake::Used, speech::Speech};
use clutch_orchestrator::runtime::{Accepted, Conversations, Model, Picture, RuntimeError, SessionInfo, Sessions};
use serde_json::{Value, json};

use super::frames::{accepted, model, of_a_call, said, session_info, summed};
use super::{OpenClaw, START_MS};
use crate::literal::{clean, literal};
use crate::wire::{content_text, text};

/// Time-out of shortening a session, which calls the model with all of it.
const COMPACT_MS: u64 = 300_000;
/// Rows of a gateway's list of sessions that are looked through where it describes none.
const SESSIONS_ROWS: u32 = 500;
/// Newest messages of a session among which a run's answer is looked for.
const ANSWER_ROWS: u32 = 50;
/// Messages of a page of a history of which only what they used is read, and most pages.
const USED_ROWS: u32 = 200;
const USED_PAGES: u32 = 50;
/// Parameter of `chat.send`: the message holds no command, whatever stands in it. Needs `operator.admin`.
const SUPPRESS: &str = "suppressCommandInterpretation";

#[async_trait]
impl Conversations for OpenClaw {
    async fn steer(
        &self,
        session: &str,
        speech: Speech,
        message: &str,
        pictures: &[Picture],
        key: &str,
    ) -> Result<Accepted, RuntimeError> {
        let message = clean(message);
        let connection = self.client.shared.link.borrow().connections;
        if speech == Speech::Words && self.always_reads_commands.load(Ordering::Relaxed) != connection {
            let mut params = said(session, &message, pictures, key);
            params[SUPPRESS] = Value::Bool(true);
            match self.request("chat.send", params, Duration::from_millis(START_MS)).await {
                // An older gateway: its schemas are closed, so nothing of the message was taken.
                Err(RuntimeError::Refused { sentence, .. })
                    if sentence.contains(SUPPRESS) && sentence.contains("unexpected property") =>
                {
                    self.always_reads_commands.store(connection, Ordering::Relaxed);
                }
                answer => return accepted(&answer?, key),
            }
        }
        let message = if speech == Speech::Words { literal(&message) } else { message };
        let params = said(session, &message, pictures, key);
        let answer = self.request("chat.send", params, Duration::from_millis(START_MS)).await?;
        accepted(&answer, key)
    }

    async fn answer(&self, session: &str, run_id: &str) -> Result<Option<String>, RuntimeError> {
        let history = self.quick("chat.history", json!({ "sessionKey": session, "limit": ANSWER_ROWS })).await?;
        let rows = history["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let said = |row: &&Value| {
            text(row, "role") == "assistant"
                && text(&row["__openclaw"], "runId") == run_id
                && !content_text(&row["content"]).is_empty()
        };
        let Some(row) = rows.iter().rfind(said) else { return Ok(None) };
        let id = text(&row["__openclaw"], "id");
        // The history shows some thousand characters of a message; one message is given whole.
        if !id.is_empty() && self.offers("chat.message.get") {
            let params = json!({ "sessionKey": session, "messageId": id });
            let whole = self.quick("chat.message.get", params).await?;
            let words = content_text(&whole["message"]["content"]);
            if !words.is_empty() {
                return Ok(Some(words));
            }
        }
        Ok(Some(content_text(&row["content"])))
    }
}

#[async_trait]
impl Sessions for OpenClaw {
    async fn session(&self, session: &str) -> Result<Option<SessionInfo>, RuntimeError> {
        if self.offers("sessions.describe") {
            let answer = self.quick("sessions.describe", json!({ "key": session })).await?;
            return Ok(Some(&answer["session"]).filter(|row| row.is_object()).map(session_info));
        }
        let answer = self.quick("sessions.list", json!({ "limit": SESSIONS_ROWS })).await?;
        let rows = answer["sessions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let keys = self.client.shared.keys();
        Ok(rows.iter().find(|row| keys.same(text(row, "key"), session)).map(session_info))
    }

    /// Newer gateways tell it of each call in the history; what they sum up themselves is late, and a session's row
    /// has its newest run only. Older ones sum up the session's file each time that they are asked.
    async fn used(&self, session: &str) -> Result<Option<Used>, RuntimeError> {
        if !self.offers("sessions.describe") {
            return match self.quick("sessions.usage", json!({ "key": session })).await {
                Ok(answer) => Ok(summed(&answer["totals"])),
                Err(RuntimeError::Refused { sentence, .. }) if sentence.contains("Invalid session reference") => {
                    Ok(None)
                }
                Err(error) => Err(error),
            };
        }
        let (mut used, mut offset) = (None::<Used>, 0);
        for _ in 0..USED_PAGES {
            let params = json!({ "sessionKey": session, "limit": USED_ROWS, "offset": offset, "maxChars": 1 });
            let page = self.quick("chat.history", params).await?;
            let rows = page["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
            for call in rows.iter().filter_map(|row| of_a_call(&row["usage"])) {
                used = Some(used.map_or(call, |before| before.with(&call)));
            }
            match page["nextOffset"].as_u64().filter(|next| *next > offset && page["hasMore"] == Value::Bool(true)) {
                Some(next) => offset = next,
                None => break,
            }
        }
        Ok(used)
    }

    async fn use_model(&self, session: &str, model: &str) -> Result<(), RuntimeError> {
        self.quick("sessions.patch", json!({ "key": session, "model": model })).await.map(drop)
    }

    async fn reset(&self, session: &str) -> Result<(), RuntimeError> {
        self.quick("sessions.reset", json!({ "key": session })).await.map(drop)
    }

    async fn compact(&self, session: &str) -> Result<(), RuntimeError> {
        let answer =
            self.request("sessions.compact", json!({ "key": session }), Duration::from_millis(COMPACT_MS)).await?;
        if answer["compacted"] == Value::Bool(true) {
            return Ok(());
        }
        let sentence = match text(&answer, "reason") {
            "" => "there is too little to shorten.",
            reason => reason,
        };
        Err(RuntimeError::Refused { code: "NOT_COMPACTED".into(), sentence: sentence.to_owned() })
    }

    async fn models(&self) -> Result<Vec<Model>, RuntimeError> {
        let answer = self.quick("models.list", json!({})).await?;
        let models = answer["models"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(models.iter().filter(|model| model["available"] != Value::Bool(false)).map(model).collect())
    }
}
