//! What is asked about webhooks.

use crate::{
    id::{ActivityId, DeliveryId, ProjectId, WebhookId},
    text::{Excerpt, WebhookDescription, WebhookEvents, WebhookUrl},
    time::Millis,
    webhook::Attempt,
};

/// A new webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct NewWebhook {
    /// Whose events.
    pub project: ProjectId,
    /// Where they go.
    pub url: WebhookUrl,
    /// What it is for.
    pub description: WebhookDescription,
    /// Which events.
    pub events: WebhookEvents,
    /// Whether it is on from the beginning.
    pub on: bool,
    /// The key that its secret is made of, by its fingerprint.
    pub key: String,
}

/// What is to change of a webhook; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebhookPatch {
    /// Where events go.
    pub url: Option<WebhookUrl>,
    /// What it is for.
    pub description: Option<WebhookDescription>,
    /// Which events.
    pub events: Option<WebhookEvents>,
    /// On or off.
    pub on: Option<bool>,
}

/// Lines of a project's log that one webhook asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueDeliveries {
    /// Which webhook.
    pub webhook: WebhookId,
    /// The lines; those that it was told already may be among them.
    pub lines: Vec<ActivityId>,
    /// Up to this moment the log was read.
    pub place: Millis,
}

/// What came of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct SettleDelivery {
    /// Which.
    pub delivery: DeliveryId,
    /// What.
    pub came: Came,
}

/// What came of sending something, or of not sending it.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// It was sent. The receiver may have asked for so many milliseconds before it is sent again.
    Sent(Attempt, Option<i64>),
    /// It will not be sent, for this reason.
    GivenUp(Excerpt),
}
