//! Outgoing webhooks: what a project tells programs elsewhere, and how far each telling has come.
//!
//! The log of the project is what counts: a webhook remembers up to where it was read for it ([`Webhook::place`]), and
//! each line that it asks for becomes one [`Delivery`], whose id follows from webhook and line alone ([`delivery_id`]).
//! So a line that is read again makes nothing new, and a delivery that is repeated comes under the same id.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    activity::{self, Activity},
    actor::Who,
    id::{ActivityId, DeliveryId, ProjectId, WebhookId},
    task::words,
    time::{DAY_MS, Millis},
};

/// Most webhooks of a project.
pub const WEBHOOKS_MAX: u32 = 20;
/// Deliveries of one webhook that wait. What happens beyond that stays in the log until there is room.
pub const WAITING_MAX: u32 = 1_000;
/// Attempts that a delivery remembers; the oldest go first.
pub const ATTEMPTS_KEPT: usize = 20;
/// Bytes of a receiver's answer that are kept.
pub const ANSWER_KEPT: usize = 1_024;
/// A delivery that is over is kept for so long: a week.
pub const KEPT_MS: i64 = 7 * DAY_MS;
/// A webhook of which nothing was taken for so long is switched off.
pub const FAILING_MOST_MS: i64 = 5 * DAY_MS;
/// A secret counts for so long after another one took its place.
pub const OLD_SECRET_MS: i64 = DAY_MS;
/// Lines may be committed so much later than they say: a commit takes its time.
pub const LATE_MS: i64 = 2 * MINUTE;
/// So far clocks may be apart, or be set back, and no line is missed. Much less than [`KEPT_MS`]: what was told that long
/// ago is still known.
pub const CLOCKS_APART_MS: i64 = 6 * HOUR;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Pauses after the first failed attempt, the second and so on; after the last of them there is no other attempt.
pub const PAUSES_MS: [i64; 6] = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR];
/// Longest pause that a receiver may ask for.
pub const PAUSE_ASKED_MAX_MS: i64 = 10 * HOUR;

/// What deleted webhooks hang on until they are gone.
pub const WEBHOOK_BIN: &str = "deleted-webhooks";
/// The status of webhooks that are on.
pub const WEBHOOK_ON: &str = "on";
/// The link of deliveries that are over, of all webhooks.
pub const DELIVERIES_ENDED: &str = "ended";

/// The link of a webhook's deliveries that wait, those whose moment comes first at the front.
#[must_use]
pub fn deliveries_due(webhook: WebhookId) -> String {
    format!("due:{webhook}")
}

/// The id of what a webhook is told of a line. Receivers know it as `webhook-id` and drop what they have.
#[must_use]
pub fn delivery_id(webhook: WebhookId, line: ActivityId) -> DeliveryId {
    DeliveryId(Uuid::new_v5(&webhook.0, line.0.as_bytes()))
}

/// Which secret signs. The secret itself is never stored: the server makes it anew out of its own key, the webhook's
/// id and this number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The how-manieth of the webhook, from 1.
    pub generation: u32,
    /// Which key it is made of: a fingerprint, so that a server with another key signs nothing with it.
    pub key: String,
}

/// A secret that another one has replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSecret {
    /// Which.
    pub secret: Secret,
    /// Until when it signs too.
    pub until: Millis,
}

/// What a receiver said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// When.
    pub at: Millis,
    /// Whether it took the delivery.
    pub taken: bool,
    /// The status that it answered; none where there was no answer.
    #[serde(default)]
    pub status: Option<u16>,
}

/// A webhook of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Id.
    pub id: WebhookId,
    /// Whose events it tells.
    pub project: ProjectId,
    /// Where they go.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub url: String,
    /// What it is for.
    #[serde(default, deserialize_with = "crate::text::stored::line")]
    pub description: String,
    /// Words of the log that it asks for; none named: all.
    #[serde(default, deserialize_with = "crate::text::stored::each_line")]
    pub events: Vec<String>,
    /// Whether anything is sent.
    pub on: bool,
    /// Why the server has switched it off.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub off_because: Option<String>,
    /// What signs.
    pub secret: Secret,
    /// What signs beside it for a while.
    #[serde(default)]
    pub old_secret: Option<OldSecret>,
    /// It is told what happens from this moment on: that of its making, or of being switched on again.
    pub since: Millis,
    /// Up to this moment the log was read for it.
    pub place: Millis,
    /// Its deliveries that wait.
    #[serde(default)]
    pub waiting: u32,
    /// Since when nothing was taken any more.
    #[serde(default)]
    pub failing_since: Option<Millis>,
    /// What its receiver said last.
    #[serde(default)]
    pub last: Option<Last>,
    /// Who made it.
    pub made_by: Who,
    /// When.
    pub created_at: Millis,
    /// When it was deleted; its deliveries go before it does.
    #[serde(default)]
    pub deleted_at: Option<Millis>,
}

impl Webhook {
    /// Whether it asks for a line. A test is sent to the one webhook that it tests.
    #[must_use]
    pub fn wants(&self, line: &Activity) -> bool {
        line.project == Some(self.project)
            && line.at >= self.since
            && line.what != activity::WEBHOOK_TESTED
            && (self.events.is_empty() || self.events.contains(&line.what))
    }

    /// Whether deliveries go out.
    #[must_use]
    pub const fn sends(&self) -> bool {
        self.on && self.deleted_at.is_none()
    }

    /// The secrets that sign now, the newest first.
    pub fn secrets(&self, now: Millis) -> impl Iterator<Item = &Secret> {
        let old = self.old_secret.as_ref().filter(|old| now < old.until).map(|old| &old.secret);
        std::iter::once(&self.secret).chain(old)
    }

    /// The machine that it sends to, for those who may not see the whole address: its path may be a secret.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split(['/', '?']).next().unwrap_or_default()
    }
}

words! {
    /// How far a delivery has come.
    DeliveryState {
        /// It is to be sent, or sent again.
        Waiting = "waiting", "Waiting";
        /// The receiver took it.
        Delivered = "delivered", "Delivered";
        /// It is given up; a person may send it again.
        Failed = "failed", "Failed";
    }
}

/// One time that a delivery was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Millis,
    /// How many milliseconds it took.
    pub ms: u32,
    /// What the receiver answered; none where there was no answer.
    #[serde(default)]
    pub status: Option<u16>,
    /// Why it counts as failed.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub error: Option<String>,
    /// The beginning of what the receiver said.
    #[serde(default, deserialize_with = "crate::text::stored::lines")]
    pub answer: String,
}

/// The status with which a receiver says that it is gone for good.
const GONE: u16 = 410;

impl Attempt {
    /// Whether the receiver took it.
    #[must_use]
    pub const fn taken(&self) -> bool {
        matches!(self.status, Some(200..=299)) && self.error.is_none()
    }

    /// Whether the receiver is gone for good.
    #[must_use]
    pub const fn gone(&self) -> bool {
        matches!(self.status, Some(GONE))
    }
}

/// One event on its way to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Id: [`delivery_id`].
    pub id: DeliveryId,
    /// To whom.
    pub webhook: WebhookId,
    /// Whose event.
    pub project: ProjectId,
    /// The line that it tells.
    pub line: ActivityId,
    /// What that says, as a word.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub what: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// When it is sent next, while it waits.
    pub due: Millis,
    /// Attempts since it was queued, by the server or by a person.
    #[serde(default)]
    pub tries: u32,
    /// The newest attempts, the oldest of them first.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// Why it was given up without another attempt.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub given_up: Option<String>,
    /// Made at.
    pub created_at: Millis,
    /// Over since.
    #[serde(default)]
    pub ended_at: Option<Millis>,
}

impl Delivery {
    /// What a webhook is to be told of a line.
    #[must_use]
    pub fn of(webhook: &Webhook, line: &Activity, now: Millis) -> Self {
        Self {
            id: delivery_id(webhook.id, line.id),
            webhook: webhook.id,
            project: webhook.project,
            line: line.id,
            what: line.what.clone(),
            state: DeliveryState::Waiting,
            due: now,
            tries: 0,
            attempts: Vec::new(),
            given_up: None,
            created_at: now,
            ended_at: None,
        }
    }

    /// Whether it is to be sent, now or later.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.state == DeliveryState::Waiting
    }
}

/// How long to wait after so many failed attempts; `None` where that was the last one. A receiver may ask for more time,
/// within a bound, and never gets less than is usual.
#[must_use]
pub fn pause(tries: u32, asked_ms: Option<i64>) -> Option<i64> {
    let usual = *PAUSES_MS.get(usize::try_from(tries).ok()?.checked_sub(1)?)?;
    Some(asked_ms.unwrap_or(0).clamp(0, PAUSE_ASKED_MAX_MS).max(usual))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_a_receiver_may_ask_for_more_within_a_bound() {
        for (tries, asked, want) in [
            (1, None, Some(5 * SECOND)),
            (2, None, Some(5 * MINUTE)),
            (6, None, Some(10 * HOUR)),
            (7, None, None),
            (7, Some(SECOND), None),
            (0, None, None),
            (1, Some(2 * MINUTE), Some(2 * MINUTE)),
            (1, Some(SECOND), Some(5 * SECOND)),
            (1, Some(-SECOND), Some(5 * SECOND)),
            (3, Some(i64::MAX), Some(10 * HOUR)),
        ] {
            assert_eq!(pause(tries, asked), want, "{tries} {asked:?}");
        }
    }

    #[test]
    fn a_delivery_is_named_by_its_webhook_and_line_and_by_nothing_else() {
        let (webhook, line) = (WebhookId(Uuid::from_u128(1)), ActivityId(Uuid::from_u128(2)));
        assert_eq!(delivery_id(webhook, line), delivery_id(webhook, line));
        assert_ne!(delivery_id(webhook, line), delivery_id(WebhookId(Uuid::from_u128(3)), line));
        assert_ne!(delivery_id(webhook, line), delivery_id(webhook, ActivityId(Uuid::from_u128(4))));
        // What receivers remember must stay what it is, whatever program sends it again.
        assert_eq!(delivery_id(webhook, line).to_string(), "cfc0356d-8612-54eb-a4d2-4ba6b70a12f0");
    }

    #[test]
    fn statuses_that_count_as_taken() {
        let attempt = |status| Attempt { at: Millis(0), ms: 1, status, error: None, answer: String::new() };
        for (status, taken, gone) in [
            (None, false, false),
            (Some(199), false, false),
            (Some(200), true, false),
            (Some(299), true, false),
            (Some(301), false, false),
            (Some(410), false, true),
            (Some(500), false, false),
        ] {
            assert_eq!((attempt(status).taken(), attempt(status).gone()), (taken, gone), "{status:?}");
        }
    }
}
