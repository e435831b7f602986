//! The bridge: what an agent answers in a chat's session becomes a message of that chat, once per run.

use std::sync::Arc;

use clutch_domain::{
    actor::{Actor, COORDINATOR},
    command::{Command, NewMessage},
    id::ChatId,
    refusal::Refusal,
    text::Body,
};
use clutch_orchestrator::{
    office::{Error, Office},
    runtime::{AgentRuntime, RunEndKind, RunEvent, RunSign},
    store::IdempotencyKey,
};
use tokio::sync::broadcast::error::RecvError;

/// Words that an agent says when it has nothing to say (facts §4.2).
const SILENT_WORDS: [&str; 2] = ["NO_REPLY", "HEARTBEAT_OK"];

/// Listens to the gateway for ever.
pub async fn follow(office: Arc<Office>, runtime: Arc<dyn AgentRuntime>) {
    let mut events = runtime.events();
    loop {
        match events.recv().await {
            Ok(event) => bring(&office, &event).await,
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

async fn bring(office: &Office, event: &RunEvent) {
    let RunSign::Ended(end) = &event.what else { return };
    let Some(chat) = chat_of(&event.session) else { return };
    let words = end.last_words.trim();
    if end.how != RunEndKind::Finished || SILENT_WORDS.contains(&words) {
        return;
    }
    let Ok(Some(content)) = Body::parse(words) else { return };
    let message = NewMessage {
        chat,
        author: COORDINATOR.to_owned(),
        content,
        run_id: Some(event.run_id.clone()),
        session_key: Some(event.session.clone()),
        is_automated: false,
        delivery_status: None,
        retry_count: None,
        cooldown_until: None,
        failure_reason: None,
    };
    let who = Actor::Agent { name: COORDINATOR.to_owned() };
    let key = IdempotencyKey(format!("answer:{}", event.run_id));
    match office.run_as(&who, &Command::PostMessage(message), &key).await {
        Ok(_) => tracing::info!(%chat, run = %event.run_id, "brought an answer"),
        Err(Error::Refused(Refusal::MessageExists)) => {}
        Err(Error::Refused(refusal)) => tracing::info!(%chat, run = %event.run_id, %refusal, "an answer was not kept"),
        Err(error) => tracing::error!(%chat, run = %event.run_id, %error, "an answer could not be kept"),
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
