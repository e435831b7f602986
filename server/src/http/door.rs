//! The door. Without log-in it is closed: only this machine is served.
//!
//! A request is served only if the peer is loopback, **and** no header says that a proxy
//! passed it on, **and** `Host` is exactly one of ours, **and** `Origin`, if sent, is one of
//! ours, **and** the browser does not say that another site made it. On every method, and on
//! the upgrade of `/live`. A proxy that hides itself cannot be seen: the documents say so.
//!
//! With log-in others may come ([`guarded`]); who they are is asked behind the door. It still holds off names that are
//! not ours, and pages of other sites.

mod guarded;
mod page;

pub use self::{
    guarded::{Arrival, Guarded, without_port},
    page::{escaped, wanted},
};

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Headers by which proxies and tunnels say that they passed a request on.
const PASSED_ON: &[&str] = &[
    "cdn-loop",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-ray",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "proxy-connection",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-forward-for",
    "x-http-host-override",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-rewrite-url",
];
/// How names of further such headers begin.
const PASSED_ON_BY: &[&str] = &[
    "cf-access-",
    "ngrok-",
    "tailscale-",
    "x-appengine-",
    "x-arr-",
    "x-envoy-",
    "x-forwarded-",
    "x-ms-forwarded-",
    "x-original-",
];

/// The log says at most one refusal in this time; the next line counts those that were left out.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// Under https a browser comes by https only, for half a year.
const HTTPS_ONLY: &str = "max-age=15552000";
/// Longest host that the log repeats, in characters.
const HOST_SHOWN: usize = 80;

/// The hosts that are ours.
#[derive(Clone, Debug)]
pub struct Door {
    hosts: Arc<[String]>,
    port: u16,
    sentence: Arc<str>,
    said: Arc<Mutex<Said>>,
    guarded: Option<Arc<Guarded>>,
}

/// What the log was told last.
#[derive(Debug, Default)]
struct Said {
    at: Option<Instant>,
    since: u64,
}

impl Door {
    /// A door for a server that listens on this address.
    pub fn new(address: SocketAddr) -> Self {
        let port = address.port();
        let mut hosts: Vec<String> =
            ["127.0.0.1", "localhost", "[::1]"].iter().map(|h| format!("{h}:{port}")).collect();
        if address.ip().is_loopback() {
            // `--host 127.0.0.2` is still this machine, and no name leads there by a foreign hand.
            hosts.push(address.to_string());
        }
        if port == 80 {
            // Browsers leave out the port that http has by itself.
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(str::to_owned));
        }
        let sentence = format!(
            "OpenClutch serves only this machine. Open it on http://127.0.0.1:{port}; other machines need log-in: set \
             CLUTCH_PASSWORD (an SSH tunnel works too: ssh -L {port}:127.0.0.1:{port} <this machine>)."
        );
        Self { hosts: hosts.into(), port, sentence: sentence.into(), said: Arc::default(), guarded: None }
    }

    /// A door for a server where people log in.
    pub fn guarded(address: SocketAddr, guarded: Guarded) -> Self {
        let sentence = "OpenClutch does not answer to this name, or another site has made this request. Put the name \
                        under which you open it into CLUTCH_ALLOWED_HOSTS.";
        Self { sentence: sentence.into(), guarded: Some(Arc::new(guarded)), ..Self::new(address) }
    }

    /// Where a request comes from.
    pub fn arrival(&self, peer: SocketAddr, method: &Method, headers: &HeaderMap) -> Arrival {
        let here = self.refuses_outsiders(peer, method, headers).is_none();
        let (address, https) = match &self.guarded {
            Some(guarded) => guarded.client(peer.ip(), headers),
            None => (peer.ip(), false),
        };
        Arrival { address: address.to_canonical(), https, here }
    }

    /// `None`: come in. `Some`: the stable code of the reason.
    pub fn refuses(&self, peer: SocketAddr, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
        let Some(guarded) = &self.guarded else { return self.refuses_outsiders(peer, method, headers) };
        let ours = |name: &str| self.hosts.iter().any(|h| h.eq_ignore_ascii_case(name)) || guarded.knows(name);
        if !guarded::host(headers).is_some_and(ours) {
            return Some("wrong_host");
        }
        for origin in headers.get_all(header::ORIGIN) {
            if !origin.to_str().ok().and_then(guarded::host_of).is_some_and(ours) {
                return Some("foreign_origin");
            }
        }
        cross_site(method, headers)
    }

    /// Tells the log of a refusal, now and then: whoever knocks without end does not fill the disk. Answers
    /// how many were left out before this one; `None` when it is left out too.
    fn tells(&self, now: Instant) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.at.is_some_and(|at| now.saturating_duration_since(at) < SAID_EVERY) {
            said.since += 1;
            return None;
        }
        said.at = Some(now);
        Some(std::mem::take(&mut said.since))
    }

    /// The closed door.
    fn refuses_outsiders(&self, peer: SocketAddr, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
        let ours = |name: &str| self.hosts.iter().any(|h| h.eq_ignore_ascii_case(name));
        if !peer.ip().to_canonical().is_loopback() {
            return Some("not_loopback");
        }
        let forwarded =
            |name: &str| PASSED_ON.contains(&name) || PASSED_ON_BY.iter().any(|begin| name.starts_with(begin));
        if headers.keys().any(|name| forwarded(name.as_str())) {
            return Some("forwarded");
        }
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|h| h.to_str().ok()).unwrap_or("");
        if !ours(host) || hosts.next().is_some() {
            return Some("wrong_host");
        }
        for origin in headers.get_all(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or("");
            if !origin.strip_prefix("http://").is_some_and(ours) {
                return Some("foreign_origin");
            }
        }
        cross_site(method, headers)
    }
}

/// `Some` where the browser says that another site asks.
fn cross_site(method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    match headers.get("sec-fetch-site").map(|v| v.to_str().unwrap_or("")) {
        None | Some("same-origin" | "none") => None,
        // A link on another page may open ours: nothing is changed by looking, and no script there reads it.
        Some(_) => {
            let mode = headers.get("sec-fetch-mode").and_then(|v| v.to_str().ok());
            let destination = headers.get("sec-fetch-dest").and_then(|v| v.to_str().ok());
            if method.is_safe() && mode == Some("navigate") && destination == Some("document") {
                None
            } else {
                Some("cross_site")
            }
        }
    }
}

/// The layer.
pub async fn closed(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrival = door.arrival(peer, request.method(), request.headers());
    request.extensions_mut().insert(arrival);
    let mut response = admitted(door, peer, request, next).await;
    if arrival.https {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    response
}

async fn admitted(door: Door, peer: SocketAddr, request: Request, next: Next) -> Response {
    match door.refuses(peer, request.method(), request.headers()) {
        None => next.run(request).await,
        Some(code) => {
            if let Some(left_out) = door.tells(Instant::now()) {
                let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
                let host: String = host.chars().take(HOST_SHOWN).collect();
                tracing::warn!(code, %peer, host, left_out, "refused at the door");
            }
            if page::wanted(request.method(), request.headers()) {
                return page::refusal(code, peer, door.port, door.guarded.is_some(), request.headers());
            }
            let body = serde_json::json!({ "error": &*door.sentence, "code": code });
            (StatusCode::FORBIDDEN, axum::Json(body)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (header::HeaderName::from_static(k), v.parse().unwrap())).collect()
    }

    #[test]
    fn who_may_come_in() {
        let here: SocketAddr = "127.0.0.1:5".parse().unwrap();
        let there: SocketAddr = "192.0.2.7:5".parse().unwrap();
        let ok = ("host", "127.0.0.1:3002");
        type Case<'a> = (SocketAddr, &'a [(&'static str, &'a str)], Option<&'static str>);
        let cases: &[Case<'_>] = &[
            (here, &[ok], None),
            (here, &[("host", "localhost:3002")], None),
            (here, &[("host", "[::1]:3002")], None),
            (there, &[ok], Some("not_loopback")),
            (here, &[], Some("wrong_host")),
            (here, &[("host", "127.0.0.1")], Some("wrong_host")),
            (here, &[("host", "127.0.0.1:3003")], Some("wrong_host")),
            (here, &[("host", "evil.example:3002")], Some("wrong_host")),
            (here, &[("host", "127.0.0.1.evil.example:3002")], Some("wrong_host")),
            (here, &[ok, ("forwarded", "for=1")], Some("forwarded")),
            (here, &[ok, ("x-forwarded-for", "1")], Some("forwarded")),
            (here, &[ok, ("x-forwarded-host", "1")], Some("forwarded")),
            (here, &[ok, ("x-real-ip", "1")], Some("forwarded")),
            (here, &[ok, ("via", "1")], Some("forwarded")),
            (here, &[ok, ("x-forwarded", "1")], Some("forwarded")),
            (here, &[ok, ("cf-connecting-ip", "1")], Some("forwarded")),
            (here, &[ok, ("true-client-ip", "1")], Some("forwarded")),
            (here, &[ok, ("x-client-ip", "1")], Some("forwarded")),
            (here, &[ok, ("x-cluster-client-ip", "1")], Some("forwarded")),
            (here, &[ok, ("fastly-client-ip", "1")], Some("forwarded")),
            (here, &[ok, ("x-original-host", "1")], Some("forwarded")),
            (here, &[ok, ("x-original-for", "1")], Some("forwarded")),
            (here, &[ok, ("x-rewrite-url", "/")], Some("forwarded")),
            (here, &[ok, ("tailscale-user-login", "a@b")], Some("forwarded")),
            (here, &[ok, ("ngrok-skip-browser-warning", "1")], Some("forwarded")),
            (here, &[ok, ("x-envoy-external-address", "1")], Some("forwarded")),
            (here, &[ok, ("authorization", "Bearer unknown")], None),
            (here, &[ok, ("x-requested-with", "x"), ("x-request-id", "1")], None),
            (here, &[ok, ("origin", "http://127.0.0.1:3002")], None),
            (here, &[ok, ("origin", "http://localhost:3002")], None),
            (here, &[ok, ("origin", "https://127.0.0.1:3002")], Some("foreign_origin")),
            (here, &[ok, ("origin", "http://127.0.0.1:9999")], Some("foreign_origin")),
            (here, &[ok, ("origin", "null")], Some("foreign_origin")),
            (here, &[ok, ("origin", "http://evil.example")], Some("foreign_origin")),
            (here, &[ok, ("sec-fetch-site", "same-origin")], None),
            (here, &[ok, ("sec-fetch-site", "none")], None),
            (here, &[ok, ("sec-fetch-site", "cross-site")], Some("cross_site")),
            (here, &[ok, ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")], Some("cross_site")),
            (
                here,
                &[ok, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
                Some("cross_site"),
            ),
            (
                here,
                &[ok, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
                None,
            ),
        ];
        let door = Door::new("127.0.0.1:3002".parse().unwrap());
        for (peer, pairs, want) in cases {
            assert_eq!(door.refuses(*peer, &Method::GET, &headers(pairs)), *want, "{pairs:?}");
        }
        let form_elsewhere = headers(&[
            ok,
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ]);
        assert_eq!(door.refuses(here, &Method::POST, &form_elsewhere), Some("cross_site"));
    }

    #[test]
    fn the_log_is_told_now_and_then() {
        let door = Door::new("127.0.0.1:3002".parse().unwrap());
        let begin = Instant::now();
        assert_eq!(door.tells(begin), Some(0));
        assert!((0..1_000).all(|_| door.clone().tells(begin + SAID_EVERY / 2).is_none()), "also by its copies");
        assert_eq!(door.tells(begin + SAID_EVERY), Some(1_000));
        assert_eq!(door.tells(begin + SAID_EVERY * 3), Some(0));
    }

    #[test]
    fn the_address_that_is_listened_on_is_ours_too() {
        let here: SocketAddr = "127.0.0.1:5".parse().unwrap();
        let cases = [
            ("127.0.0.2:3002", "127.0.0.2:3002", None),
            ("127.0.0.2:3002", "localhost:3002", None),
            ("127.0.0.1:3002", "127.0.0.2:3002", Some("wrong_host")),
            ("192.0.2.7:3002", "192.0.2.7:3002", Some("wrong_host")),
            ("[::1]:3002", "[::1]:3002", None),
            ("127.0.0.1:80", "localhost", None),
            ("127.0.0.1:80", "evil.example", Some("wrong_host")),
        ];
        for (listens, host, want) in cases {
            let door = Door::new(listens.parse().unwrap());
            assert_eq!(door.refuses(here, &Method::GET, &headers(&[("host", host)])), want, "{listens} {host}");
        }
    }
}
