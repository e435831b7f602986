//! How often a caller may ask: a token, a session, or, of those whom nobody knows, an address.
//!
//! The measures are far above what people and honest programs do; they keep one that has lost its mind from taking the
//! house from all others. Without log-in everybody is this machine, and only tokens are measured: what else a
//! program here may take is bounded by connections and bodies ([`crate::http::bounds`]).

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::http::{
    caller::Caller,
    compat::error::Failure,
    throttle::{Throttle, net},
};

/// Of a token or a session: five thousand at once, then five hundred in a second.
const KNOWN: (u32, Duration) = (5_000, Duration::from_millis(2));
/// Of an address that nobody knows: six hundred at once, then twenty in a second.
const UNKNOWN: (u32, Duration) = (600, Duration::from_millis(50));
/// Callers of each kind that are counted by themselves.
const CALLERS_MAX: usize = 4_096;

/// What callers have asked for lately.
pub struct Limits {
    known: Throttle<String>,
    unknown: Throttle<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            known: Throttle::new(KNOWN.0, KNOWN.1, CALLERS_MAX),
            unknown: Throttle::new(UNKNOWN.0, UNKNOWN.1, CALLERS_MAX),
        }
    }
}

impl Limits {
    /// Counts a request of somebody who is known; 429 `too_many_requests` where it is one too many.
    pub fn refuses(&self, caller: &Caller) -> Option<Response> {
        let taken = match caller {
            Caller::Token(token) => self.known.takes(&token.digest.to_string(), Instant::now()),
            Caller::Person(person) => self.known.takes(&person.session, Instant::now()),
            Caller::Program | Caller::Stranger => Ok(()),
        };
        taken.err().map(refusal)
    }

    /// Counts a request of an address that nobody knows; 429 `too_many_requests` where it is one too many.
    pub fn refuses_unknown(&self, address: IpAddr) -> Option<Response> {
        self.unknown.takes(&net(address), Instant::now()).err().map(refusal)
    }
}

fn refusal(wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let sentence = format!("These are too many requests. Wait {seconds} seconds, then ask again, and less often.");
    let mut response = Failure::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", sentence).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
