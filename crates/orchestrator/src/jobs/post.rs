//! What sends to the receivers of webhooks.

use async_trait::async_trait;
use clutch_domain::{activity::Activity, id::DeliveryId, time::Millis, webhook::Webhook};

/// What is sent to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// To whom, signed by which secrets.
    pub webhook: Webhook,
    /// Under which id: the same each time that it is sent.
    pub id: DeliveryId,
    /// What happened.
    pub line: Activity,
    /// When it is sent.
    pub at: Millis,
}

/// What came of sending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The status that the receiver answered; none where there was no answer, or nothing was sent.
    pub status: Option<u16>,
    /// Why it was not taken, as a sentence; none where it was.
    pub error: Option<String>,
    /// The beginning of the receiver's words.
    pub answer: String,
    /// So many milliseconds the receiver asks for before it is sent again.
    pub asked_ms: Option<i64>,
}

impl Receipt {
    /// Nothing was taken, and nothing was answered.
    #[must_use]
    pub fn none(error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..Self::default() }
    }
}

/// Sends to receivers, once for each call, in any number at once.
///
/// It follows no redirect, keeps no more of an answer than is asked for here, and may be let go at any moment: then
/// nobody knows whether the receiver has it, and it is sent again under its id.
#[async_trait]
pub trait Post: Send + Sync + 'static {
    /// Sends, and waits for the answer.
    async fn send(&self, parcel: &Parcel) -> Receipt;
}
