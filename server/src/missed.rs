//! What agents said in chats while nobody listened: this server was down, or its connection was.
//!
//! People's own messages are looked after by the courier. Agents speak by themselves too, when a
//! sub-agent reports or another program asked them; after each reconnect the sessions of the newest
//! chats are looked into, and what they say after the newest answer that the chat has is brought.

use std::{sync::Arc, time::Duration};

use clutch_domain::{
    actor::COORDINATOR,
    chat::{Chat, Message},
    doc::Kind,
    project::Project,
    query::PROJECTS_MAX,
    range::Range,
    time::{DAY_MS, Millis},
};
use clutch_orchestrator::{
    office::Error,
    runtime::{RunEndKind, RuntimeError, RuntimeState},
    work::Leading,
};
use tokio::time::sleep;

use crate::bridge::Bridge;

/// How long a server that does not lead waits before it asks again.
const PAUSE: Duration = Duration::from_secs(5);
/// Newest chats of a project that are looked into.
const CHATS: u32 = 10;
/// A chat that nobody spoke in for this long is not looked into.
const QUIET_MS: i64 = 7 * DAY_MS;
/// Newest messages of a chat that tell what it has.
const MESSAGES: u32 = 50;

/// Looks after each reconnect, for ever; of several servers only the leading one does.
pub async fn fetch(bridge: Arc<Bridge>, leading: Leading) {
    let mut state = bridge.runtime.state();
    let mut seen = None;
    loop {
        let since = match &*state.borrow_and_update() {
            RuntimeState::Connected { since, .. } => Some(*since),
            _ => None,
        };
        // The state also changes while the connection stays the same.
        if since.is_some() && since != seen && leading.holds() {
            if let Err(error) = look(&bridge).await {
                tracing::warn!(%error, "what agents said meanwhile could not be fetched; the next reconnect tries again");
            }
            seen = since;
        }
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            // Whoever leads is only known by asking; a server that has just started does not yet.
            () = sleep(PAUSE), if since.is_some() && since != seen => {}
        }
    }
}

async fn look(bridge: &Bridge) -> Result<(), Error> {
    let office = &bridge.office;
    let projects: Vec<Project> = office.all(Range::children(Kind::Project, "installation", PROJECTS_MAX)).await?;
    for project in projects {
        let newest =
            Range::NewestChildren { kind: Kind::Chat, parent: project.id.to_string(), before: None, limit: CHATS };
        for chat in office.all::<Chat>(newest).await? {
            let Some(session) = chat.session().map(str::to_owned) else { continue };
            if office.now().since(chat.updated_at) < QUIET_MS {
                bring(bridge, &chat, &session).await?;
            }
        }
    }
    Ok(())
}

async fn bring(bridge: &Bridge, chat: &Chat, session: &str) -> Result<(), Error> {
    let newest =
        Range::NewestChildren { kind: Kind::Message, parent: chat.id.to_string(), before: None, limit: MESSAGES };
    let messages: Vec<Message> = bridge.office.all(newest).await?;
    let from_agent = messages.iter().filter(|m| m.author == COORDINATOR);
    let since = from_agent.map(|m| m.created_at).max().unwrap_or(chat.created_at);
    let open: Vec<&Message> = messages.iter().filter(|m| m.open()).collect();
    let seen = match bridge.runtime.sight(session, "").await {
        Ok(seen) => seen,
        Err(RuntimeError::Refused { sentence, .. }) => {
            tracing::debug!(session, sentence, "the session could not be looked into");
            return Ok(());
        }
        Err(error) => {
            tracing::info!(session, %error, "the session could not be looked into");
            return Ok(());
        }
    };
    for run in seen.runs {
        let Some(end) = run.end.filter(|end| end.how == RunEndKind::Finished) else { continue };
        let later = run.said_at.is_some_and(|at: Millis| at > since);
        // The courier brings these itself, and it knows which run goes on with which.
        let of_courier = !open.is_empty() && run.resumed
            || open.iter().any(|m| {
                let outbox = m.outbox.as_ref();
                outbox.is_some_and(|o| o.run_id.as_deref() == Some(&run.run_id) || m.key(o.attempt) == run.run_id)
            });
        if later && !of_courier && !end.last_words.trim().is_empty() {
            let words = bridge.whole(session, &run.run_id, &end.last_words).await;
            bridge.keep(chat.id, session, &run.run_id, &words, Vec::new()).await?;
        }
    }
    Ok(())
}
