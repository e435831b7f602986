//! The bridge: what an agent answers in a chat's session becomes a message of that chat, once per run.

use std::sync::Arc;

use clutch_domain::{
    actor::{Actor, COORDINATOR},
    chat::Call,
    command::{Command, NewMessage},
    id::ChatId,
    refusal::Refusal,
    text::{BODY_MAX, Body, Handle, RunKey, SessionKey},
};
use clutch_orchestrator::{
    office::{Error, Office},
    runtime::{AgentRuntime, RunEndKind, RunEvent, RunSign},
    store::IdempotencyKey,
};
use tokio::sync::broadcast::error::RecvError;

use crate::streams::Streams;

/// Words that an agent says when it has nothing to say (facts §4.2).
const SILENT_WORDS: [&str; 2] = ["NO_REPLY", "HEARTBEAT_OK"];

/// Words of this length, in bytes, may have been cut by the gateway.
const MAYBE_CUT: usize = 4_000;
/// What stands at the end of an answer that is longer than a message may be.
const CUT: &str = "\n\n_The rest is cut: a message has at most a megabyte. The agent's session has all of it._";

/// Listens to the gateway for ever.
pub async fn follow(office: Arc<Office>, runtime: Arc<dyn AgentRuntime>, streams: Arc<Streams>) {
    let mut events = runtime.events();
    loop {
        match events.recv().await {
            Ok(event) => bring(&office, runtime.as_ref(), &streams, &event).await,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "the bridge missed events; answers among them are not brought")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// The chat of a session key `clutch:<slug>:<chat id>`, with or without the gateway's prefix.
pub fn chat_of(session: &str) -> Option<ChatId> {
    let key = session.strip_prefix("agent:main:").unwrap_or(session);
    let (_, chat) = key.strip_prefix("clutch:")?.split_once(':')?;
    chat.parse().ok()
}

async fn bring(office: &Office, runtime: &dyn AgentRuntime, streams: &Streams, event: &RunEvent) {
    let RunSign::Ended(end) = &event.what else { return };
    let Some(chat) = chat_of(&event.session) else { return };
    if end.how != RunEndKind::Finished {
        return;
    }
    let calls = streams.calls(chat, &event.run_id);
    let words = whole(runtime, &event.session, &event.run_id, &end.last_words).await;
    if let Err(error) = keep(office, chat, &event.session, &event.run_id, &words, calls).await {
        tracing::error!(%chat, run = %event.run_id, %error, "an answer could not be kept");
    }
}

/// The words of a run's end, whole: the gateway's events cut long ones and leave out some.
pub async fn whole(runtime: &dyn AgentRuntime, session: &str, run: &str, words: &str) -> String {
    let words = words.trim();
    if !words.is_empty() && words.len() < MAYBE_CUT {
        return words.to_owned();
    }
    match runtime.answer(session, run).await {
        Ok(Some(found)) if found.trim().len() >= words.len() => found.trim().to_owned(),
        Ok(_) => words.to_owned(),
        Err(error) => {
            tracing::warn!(session, run, %error, "an answer may be cut: the session could not be read");
            words.to_owned()
        }
    }
}

/// Makes an agent's words a message of a chat, once per run. Words that mean silence are none.
pub async fn keep(
    office: &Office,
    chat: ChatId,
    session: &str,
    run: &str,
    words: &str,
    calls: Vec<Call>,
) -> Result<(), Error> {
    let mut words = words.trim();
    let short;
    if words.len() > BODY_MAX {
        short = format!("{}{CUT}", &words[..words.floor_char_boundary(BODY_MAX - CUT.len())]);
        words = &short;
    }
    if SILENT_WORDS.contains(&words) {
        return Ok(());
    }
    let Some(content) = Body::parse(words)? else { return Ok(()) };
    let message = NewMessage {
        run_id: RunKey::parse(run)?,
        session_key: SessionKey::parse(session)?,
        calls,
        ..NewMessage::new(chat, Handle::coordinator(), content)
    };
    let who = Actor::agent(COORDINATOR);
    let key = IdempotencyKey(format!("answer:{run}"));
    match office.run_as(&who, &Command::PostMessage(message), &key).await {
        Ok(_) => {
            tracing::info!(%chat, run, "brought an answer");
            Ok(())
        }
        Err(Error::Refused(Refusal::MessageExists)) => Ok(()),
        Err(Error::Refused(refusal)) => {
            tracing::info!(%chat, run, %refusal, "an answer was not kept");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_other_channels_are_not_chats() {
        let id = "0b6f6a52-2f7e-4f0e-9a39-0f0e5a3c7d11";
        let cases = [
            (format!("clutch:site:{id}"), true),
            (format!("agent:main:clutch:site:{id}"), true),
            (format!("agent:main:clutch:site:{}", id.to_uppercase()), true),
            ("agent:main:main".to_owned(), false),
            (format!("agent:main:site:dev:{id}"), false),
            ("clutch:site:not-an-id".to_owned(), false),
        ];
        for (session, is_chat) in cases {
            assert_eq!(chat_of(&session).is_some(), is_chat, "{session}");
        }
    }
}
