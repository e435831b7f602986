//! Webhooks and what they are told.

use clutch_domain::{activity::Activity, webhook};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Actor, Event, Moment, at};
use crate::http::v1::words;

/// What a receiver is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookPayload {
    /// What happened, a stable word: the `kind` of the event.
    #[schema(example = "status_changed")]
    r#type: String,
    /// When it happened.
    timestamp: Moment,
    /// The event, as the stream of events tells it.
    data: Event,
}

/// The body of what is sent of a line of the log; the same bytes each time.
pub fn payload(line: &Activity) -> Option<Vec<u8>> {
    let payload = WebhookPayload { r#type: line.what.clone(), timestamp: Moment(line.at), data: Event::from(line) };
    serde_json::to_vec(&payload).ok()
}

/// Where a project's events go.
#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    /// Id.
    pub id: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// The receiver's address.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// The kinds of events that it is told; `null` is all.
    pub events: Option<Vec<String>>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why the server has switched it off.
    pub disabled_reason: Option<String>,
    /// Deliveries that wait.
    pub waiting: u32,
    /// Since when its receiver takes nothing any more.
    pub failing_since: Option<Moment>,
    /// When something was sent last.
    pub last_attempt_at: Option<Moment>,
    /// What the receiver answered then.
    pub last_status: Option<u16>,
    /// Until when the secret before the last rotation signs too.
    pub old_secret_until: Option<Moment>,
    /// Who made it.
    pub created_by: Actor,
    /// Made at.
    pub created_at: Moment,
}

impl From<&webhook::Webhook> for Webhook {
    fn from(w: &webhook::Webhook) -> Self {
        Self {
            id: w.id.0,
            project_id: w.project.0,
            url: w.url.clone(),
            description: w.description.clone(),
            events: (!w.events.is_empty()).then(|| w.events.clone()),
            enabled: w.on,
            disabled_reason: w.off_because.clone(),
            waiting: w.waiting,
            failing_since: at(w.failing_since),
            last_attempt_at: at(w.last.map(|last| last.at)),
            last_status: w.last.and_then(|last| last.status),
            old_secret_until: w.old_secret.as_ref().map(|old| Moment(old.until)),
            created_by: Actor::from(&w.made_by),
            created_at: Moment(w.created_at),
        }
    }
}

/// A webhook's secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookSecret {
    /// Whose.
    pub webhook_id: Uuid,
    /// What signs, as Standard Webhooks writes it.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: String,
    /// Until when the secret before the last rotation signs too.
    pub old_secret_until: Option<Moment>,
}

/// One event on its way to one receiver.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// Id: the receiver knows it as `webhook-id`.
    pub id: Uuid,
    /// To which webhook.
    pub webhook_id: Uuid,
    /// Which event.
    pub event_id: Uuid,
    /// Its kind.
    pub event_kind: String,
    /// How far it has come.
    #[schema(value_type = words::DeliveryState)]
    pub state: webhook::DeliveryState,
    /// When it is sent next, while it waits.
    pub next_attempt_at: Option<Moment>,
    /// The newest attempts, the oldest of them first.
    pub attempts: Vec<Attempt>,
    /// Why it was given up without another attempt.
    pub given_up: Option<String>,
    /// Queued at.
    pub created_at: Moment,
    /// Over since.
    pub ended_at: Option<Moment>,
}

/// One time that a delivery was sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attempt {
    /// When.
    pub at: Moment,
    /// How many milliseconds it took.
    pub duration_ms: u32,
    /// What the receiver answered; `null` where there was no answer.
    pub status: Option<u16>,
    /// Why it counts as failed.
    pub error: Option<String>,
    /// The beginning of the receiver's words, a kilobyte at most.
    pub response: String,
}

impl From<&webhook::Delivery> for Delivery {
    fn from(d: &webhook::Delivery) -> Self {
        let attempt = |a: &webhook::Attempt| Attempt {
            at: Moment(a.at),
            duration_ms: a.ms,
            status: a.status,
            error: a.error.clone(),
            response: a.answer.clone(),
        };
        Self {
            id: d.id.0,
            webhook_id: d.webhook.0,
            event_id: d.line.0,
            event_kind: d.what.clone(),
            state: d.state,
            next_attempt_at: d.waits().then_some(Moment(d.due)),
            attempts: d.attempts.iter().map(attempt).collect(),
            given_up: d.given_up.clone(),
            created_at: Moment(d.created_at),
            ended_at: at(d.ended_at),
        }
    }
}
