//! What agents said in chats while nobody listened: this server was down, its connection was, or signs
//! came faster than they were taken.
//!
//! People's own messages are looked after by the courier. Agents speak by themselves too, when a
//! sub-agent reports or another program asked them. So after each reconnect, and whenever the bridge says
//! that something was missed, the sessions of chats that were lately spoken in are looked into, and each
//! run there that no message answers is brought. Run ids decide that, never the clocks of two machines.
//! A look that did not come through is repeated, after a pause that grows, until it has.

use std::{collections::HashMap, sync::Arc, time::Duration};

use clutch_domain::{
    actor::COORDINATOR,
    chat::{Chat, Message},
    doc::{Kind, message_run_name},
    project::Project,
    query::PROJECTS_MAX,
    range::{Before, Fetch, Range},
    rule::answer::same_words,
    time::DAY_MS,
};
use clutch_orchestrator::runtime::{RunEndKind, Runtime, RuntimeError, SeenRun};
use tokio::time::{Instant, sleep_until};

use crate::chat::{
    bridge::{Bridge, Trouble, UNAVAILABLE},
    settling::Pauses,
};

/// How long a server that does not lead waits before it asks again.
const PAUSE: Duration = Duration::from_secs(5);
/// Chats of a project that are read at a time.
const PAGE: u32 = 20;
/// Most chats of a project that are looked into, those that were spoken in last.
const CHATS_MAX: usize = 100;
/// A chat that nobody spoke in for this long is not looked into.
const QUIET_MS: i64 = 7 * DAY_MS;
/// Newest messages of a chat among which words without a run id, and messages under way, are looked for.
const MESSAGES: u32 = 50;
/// Newest runs of a session that are compared with the chat's messages.
const RUNS_MAX: usize = 100;

/// Pauses between looks: after one that came through the first, after others longer ones.
pub const PAUSES: Pauses = Pauses { first: Duration::from_secs(5), longest: Duration::from_secs(300) };

/// Looks into the sessions of a runtime after each reconnect and whenever the bridge asks for it, for ever; of several servers only the
/// leading one does.
pub async fn fetch(bridge: Arc<Bridge>, runtime: Arc<Runtime>, leads: impl Fn() -> bool, pauses: Pauses) {
    let mut state = runtime.agents.state();
    let mut asked = bridge.looks.subscribe();
    let (mut connection, mut looked, mut in_vain) = (None, None, 0_u32);
    let mut not_before = Instant::now();
    loop {
        let now = state.borrow_and_update().link().map(|link| link.connection);
        // The state also changes while the connection stays the same.
        if now.is_some() && now != connection {
            (connection, in_vain, not_before) = (now, 0, Instant::now());
        }
        let wanted = (connection, *asked.borrow_and_update());
        let due = now.is_some() && looked != Some(wanted);
        if due && not_before <= Instant::now() && leads() {
            match look(&bridge, &runtime).await {
                Ok(()) => (looked, in_vain) = (Some(wanted), 0),
                Err(trouble) => {
                    in_vain += 1;
                    tracing::warn!(%trouble, in_vain, "what agents said meanwhile could not be fetched; it is tried again");
                }
            }
            not_before = Instant::now() + pauses.after(in_vain);
            continue;
        }
        // Whoever leads is only known by asking; a server that has just started does not yet.
        let wake = if leads() { not_before } else { Instant::now() + PAUSE };
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            changed = asked.changed() => if changed.is_err() { return },
            () = sleep_until(wake), if due => {}
        }
    }
}

/// Looks into all sessions. What one of them is in trouble with does not keep the others waiting.
async fn look(bridge: &Bridge, runtime: &Runtime) -> Result<(), Trouble> {
    let projects: Vec<Project> =
        bridge.office.all(Range::children(Kind::Project, "installation", PROJECTS_MAX)).await?;
    let mut first = Ok(());
    for project in projects {
        for chat in spoken_in(bridge, &project).await? {
            let Some(session) = runtime.session_of(&chat).filter(|_| chat.runtime == runtime.name) else { continue };
            match bring(bridge, runtime, &chat, session).await {
                // Then there is nobody to ask about the others either.
                Err(trouble @ Trouble::Runtime(RuntimeError::Away(_))) => return Err(trouble),
                done => first = first.and(done),
            }
        }
    }
    first
}

/// The chats of a project that were lately spoken in, the newest first.
async fn spoken_in(bridge: &Bridge, project: &Project) -> Result<Vec<Chat>, Trouble> {
    let now = bridge.office.now();
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = Range::NewestChildren { kind: Kind::Chat, parent: project.id.to_string(), before, limit: PAGE };
        let chats: Vec<Chat> = bridge.office.all(page).await?;
        let whole = chats.len() == PAGE as usize;
        before = chats.last().map(|chat| Before { at: chat.updated_at, id: chat.id.to_string() });
        let old = chats.iter().position(|chat| now.since(chat.updated_at) >= QUIET_MS);
        found.extend(chats.into_iter().take(old.unwrap_or(CHATS_MAX - found.len())));
        if !whole || old.is_some() || found.len() >= CHATS_MAX {
            return Ok(found);
        }
    }
}

/// Brings what the session of a chat has and the chat has not.
async fn bring(bridge: &Bridge, runtime: &Runtime, chat: &Chat, session: &str) -> Result<(), Trouble> {
    let seen = match runtime.agents.sight(session, "").await {
        Ok(seen) => seen,
        Err(RuntimeError::Refused { code, sentence }) if code != UNAVAILABLE => {
            tracing::debug!(session, sentence, "the session could not be looked into");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let skipped = seen.runs.len().saturating_sub(RUNS_MAX);
    let spoken = seen.runs.into_iter().skip(skipped).filter_map(|run| words_of(&run).map(|words| (run, words)));
    let spoken: Vec<(SeenRun, String)> = spoken.collect();
    if spoken.is_empty() {
        return Ok(());
    }
    let newest =
        Range::NewestChildren { kind: Kind::Message, parent: chat.id.to_string(), before: None, limit: MESSAGES };
    let named: HashMap<&str, Range> =
        spoken.iter().map(|(run, _)| (run.run_id.as_str(), Range::unique(message_run_name(&run.run_id)))).collect();
    let ranges = named.values().cloned().chain([newest.clone()]).collect();
    let read = bridge.office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    let messages: Vec<&Message> = read.all::<Message>(&newest).collect();
    let open: Vec<&&Message> = messages.iter().filter(|m| m.open()).collect();
    for (run, words) in &spoken {
        let there = named.get(run.run_id.as_str()).is_some_and(|range| {
            // One that cannot be read is there, too.
            read.first::<Message>(range).is_some() || read.unread(range).next().is_some()
        });
        // Older plugins bring words without saying which run they are of.
        let told = || {
            messages
                .iter()
                .any(|m| m.author == COORDINATOR && m.run_id.is_none() && same_words(m.content.as_str(), words))
        };
        // The courier brings these itself, and it knows which run goes on with which.
        let of_courier = || {
            !open.is_empty() && run.resumed
                || open.iter().any(|m| {
                    let outbox = m.outbox.as_ref();
                    outbox.is_some_and(|o| o.run_id.as_deref() == Some(&run.run_id) || m.key(o.attempt) == run.run_id)
                })
        };
        if there || told() || of_courier() {
            continue;
        }
        let words = bridge.whole(runtime, session, &run.run_id, words).await?;
        bridge.keep(chat.id, session, &run.run_id, &words, Vec::new()).await?;
    }
    Ok(())
}

/// The words with which a run has finished, if it has and said any.
fn words_of(run: &SeenRun) -> Option<String> {
    let end = run.end.as_ref().filter(|end| end.how == RunEndKind::Finished)?;
    let words = end.last_words.trim();
    (!words.is_empty()).then(|| words.to_owned())
}
