//! Sends to receivers over HTTP.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use clutch_domain::webhook::ANSWER_KEPT;
use clutch_orchestrator::jobs::post::{Parcel, Post, Receipt};
use http::{HeaderMap, StatusCode, header};
use reqwest::{Client, Response, redirect::Policy};

use super::{
    keys::{Keys, seconds},
    way::{Closed, Way},
};
use crate::http::v1::payload;

/// How long a connection and a whole answer may take.
const TIMES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(15));

/// Sends over HTTP.
pub struct HttpPost {
    client: Client,
    keys: Arc<Keys>,
    way: Way,
}

impl HttpPost {
    /// Sends by this way and signs with these keys. The error is a sentence.
    pub fn new(keys: Arc<Keys>, way: Way) -> Result<Self, String> {
        // reqwest brings no cryptography along.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .dns_resolver(Arc::new(way.clone()))
            // A proxy would look names up itself, and lead wherever it likes.
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(TIMES.0)
            .timeout(TIMES.1)
            // Each delivery is looked up and connected anew.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("OpenClutch-Webhooks/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { client: client.map_err(|error| error.to_string())?, keys, way })
    }
}

#[async_trait]
impl Post for HttpPost {
    async fn send(&self, parcel: &Parcel) -> Receipt {
        let url = match self.way.parse(&parcel.webhook.url) {
            Ok(url) => url,
            Err(Closed(why)) => return Receipt::none(why),
        };
        let Some(body) = payload(&parcel.line) else { return Receipt::none("This event cannot be written as JSON.") };
        let Some(signatures) = self.keys.sign(&parcel.webhook, parcel.id, parcel.at, &body) else {
            return Receipt::none(
                "Its secret is made of another server\u{2019}s key. Give all servers of this store the same \
                 CLUTCH_WEBHOOKS_KEY, or give the webhook a new secret here.",
            );
        };
        let sent = self
            .client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", parcel.id.to_string())
            .header("webhook-timestamp", seconds(parcel.at))
            .header("webhook-signature", signatures)
            .body(body)
            .send();
        match sent.await {
            Ok(response) => received(response, parcel.at).await,
            Err(error) => Receipt::none(why(&error)),
        }
    }
}

async fn received(mut response: Response, now: clutch_domain::time::Millis) -> Receipt {
    let status = response.status();
    let asked_ms = asked(response.headers(), now.0);
    let mut answer = Vec::new();
    // The rest is nobody's business; the connection goes with it. What breaks off here changes nothing.
    while let Ok(Some(piece)) = response.chunk().await {
        answer.extend_from_slice(&piece[..piece.len().min(ANSWER_KEPT - answer.len())]);
        if answer.len() >= ANSWER_KEPT {
            break;
        }
    }
    let error = (!status.is_success()).then(|| {
        let more = if status.is_redirection() { " Redirects are not followed." } else { "" };
        let words = status.canonical_reason().map_or_else(String::new, |words| format!(" {words}"));
        format!("It answered {}{words}.{more}", status.as_u16())
    });
    let answer = clutch_domain::text::lines(&String::from_utf8_lossy(&answer));
    Receipt { status: Some(status.as_u16()), error, answer, asked_ms: asked_ms.filter(|_| busy(status)) }
}

/// Whether a receiver that says when to come again is listened to.
fn busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// The time for which a receiver asks: seconds, or a moment.
fn asked(headers: &HeaderMap, now: i64) -> Option<i64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1_000);
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(i64::try_from(at.as_millis()).ok()?.saturating_sub(now).max(0))
}

/// What went wrong, without the address: its path may be a secret.
fn why(error: &reqwest::Error) -> String {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut last = None;
    while let Some(found) = cause {
        if let Some(closed) = found.downcast_ref::<Closed>() {
            return closed.0.clone();
        }
        last = Some(found);
        cause = found.source();
    }
    if error.is_timeout() {
        return format!("No answer within {} seconds.", TIMES.1.as_secs());
    }
    let cause = last.map(|cause| format!(": {}", cause.to_string().trim_end_matches('.'))).unwrap_or_default();
    if error.is_connect() { format!("No connection{cause}.") } else { format!("The connection broke off{cause}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_ask_for_seconds_or_for_a_moment() {
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        for (text, want) in [
            ("120", Some(120_000)),
            (" 5 ", Some(5_000)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60_000)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("99999999999999", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(asked(&headers, now), want, "{text}");
        }
        assert_eq!(asked(&HeaderMap::new(), now), None);
    }
}
