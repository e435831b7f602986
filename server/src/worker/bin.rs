//! Empties the bin: projects and chats that were deleted a while ago are removed for good, webhooks at once, and what
//! webhooks were told when it has been over for a week.
//!
//! A deleted project is hidden by one small change; what it still has in the installation's lists leaves
//! them here, right after, and when its time is over all of it goes, in steps that are short each.

use std::{sync::Arc, time::Duration};

use clutch_domain::{
    actor::Actor,
    chat::{Chat, KEPT_DELETED_MS},
    command::Command,
    doc::{CHAT_BIN, Kind, PROJECT_BIN, Scope},
    project::{self, Project},
    range::{Fetch, Range},
    webhook::{WEBHOOK_BIN, Webhook},
};
use clutch_orchestrator::{
    office::{Error, Office},
    work::Leading,
};
use futures_util::StreamExt;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(3_600);
/// Chats that are removed in one go; the next go takes the next ones.
const AT_ONCE: u32 = 20;
/// Deleted projects that are looked at.
const PROJECTS: u32 = 500;
/// Deleted webhooks that are looked at.
const WEBHOOKS: u32 = 100;
/// Between two steps, so that people's changes come in between.
const BREATH: Duration = Duration::from_millis(5);
/// Where an agent is still at work in a project that goes for good, it is looked at again after this time.
const STOPPING: Duration = Duration::from_secs(5);

/// Empties it for ever; of several servers only the leading one does.
pub async fn empty(office: Arc<Office>, leading: Leading) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let bin = Fetch {
        scopes: vec![Scope::Installation, Scope::Webhooks],
        ranges: vec![
            Range::children(Kind::Project, PROJECT_BIN, PROJECTS),
            Range::children(Kind::Webhook, WEBHOOK_BIN, WEBHOOKS),
        ],
    };
    let mut deleted = office.store().watch(bin);
    let (mut again, mut pause) = (false, STOPPING);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = deleted.next() => {}
            () = sleep(pause), if again => {}
        }
        again = false;
        if leading.holds() {
            match sweep(&office).await {
                Ok(left) => (again, pause) = (left, STOPPING),
                Err(error) => {
                    (again, pause) = (true, (pause * 2).min(EVERY));
                    tracing::warn!(%error, ?pause, "the bin could not be emptied; it is tried again");
                }
            }
        }
    }
}

/// One look: whatever is old enough, given up, or has lost its project, goes. Answers whether something has to
/// be looked at again soon.
pub async fn sweep(office: &Office) -> Result<bool, Error> {
    let mut again = false;
    let projects: Vec<Project> = office.all(Range::children(Kind::Project, PROJECT_BIN, PROJECTS)).await?;
    for project in projects {
        let old = project.deleted_at.is_some_and(|at| office.now().since(at) > project::KEPT_DELETED_MS);
        steps(office, &Command::ShelveProject(project.id)).await?;
        if old || project.purging {
            steps(office, &Command::PurgeProject(project.id)).await?;
            if office.get::<Project>(project.id).await?.is_some() {
                again = true;
            } else {
                tracing::info!(project = %project.id, "a deleted project was removed for good");
            }
        }
    }
    let webhooks: Vec<Webhook> = office.all(Range::children(Kind::Webhook, WEBHOOK_BIN, WEBHOOKS)).await?;
    for webhook in webhooks {
        steps(office, &Command::PurgeWebhook(webhook.id)).await?;
    }
    steps(office, &Command::ForgetDeliveries).await?;
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
    Ok(again)
}

/// Takes a step until there is nothing left to do, or the thing is gone or was brought back.
async fn steps(office: &Office, step: &Command) -> Result<(), Error> {
    loop {
        match office.run(&Actor::sweeper(), step).await {
            Ok(done) if done.change.is_empty() => return Ok(()),
            Ok(_) => sleep(BREATH).await,
            Err(Error::Refused(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
