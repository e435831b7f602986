//! Empties the bin: chats that were deleted a while ago are removed for good.

use std::{sync::Arc, time::Duration};

use clutch_domain::{
    actor::Actor,
    chat::{Chat, KEPT_DELETED_MS},
    command::Command,
    doc::{CHAT_BIN, Kind},
    project::Project,
    range::Range,
};
use clutch_orchestrator::{
    office::{Error, Office},
    work::Leading,
};
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(3_600);
/// Chats that are removed in one go; the next go takes the next ones.
const AT_ONCE: u32 = 20;

/// Empties it for ever; of several servers only the leading one does.
pub async fn empty(office: Arc<Office>, leading: Leading) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if leading.holds()
            && let Err(error) = sweep(&office).await
        {
            tracing::warn!(%error, "deleted chats could not be removed for good; it is tried again in an hour");
        }
    }
}

/// One look: whatever is old enough, or has lost its project, goes.
pub async fn sweep(office: &Office) -> Result<(), Error> {
    let chats: Vec<Chat> = office.all(Range::children(Kind::Chat, CHAT_BIN, AT_ONCE)).await?;
    for chat in chats {
        let old = chat.deleted_at.is_some_and(|at| office.now().since(at) > KEPT_DELETED_MS);
        if !old && office.get::<Project>(chat.project).await?.is_some() {
            continue;
        }
        while office.get::<Chat>(chat.id).await?.is_some() {
            office.run(&Actor::sweeper(), &Command::PurgeChat(chat.id)).await?;
        }
        tracing::info!(chat = %chat.id, "a deleted chat was removed for good");
    }
    Ok(())
}
