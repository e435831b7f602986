//! The closed door: without log-in only this machine is served.
//!
//! A request is served only if the peer is loopback, **and** no header says that a proxy
//! passed it on, **and** `Host` is exactly one of ours, **and** `Origin`, if sent, is one of
//! ours, **and** the browser does not say that another site made it. On every method, and on
//! the upgrade of `/live`. A proxy that hides itself cannot be seen: the documents say so.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

const SENTENCE: &str = "OpenClutch serves only this machine. Open it on http://127.0.0.1 with its own port; other machines need log-in, which this build does not have yet (an SSH tunnel works: ssh -L PORT:127.0.0.1:PORT).";

/// The hosts that are ours.
#[derive(Clone, Debug)]
pub struct Door {
    hosts: Vec<String>,
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
        Self { hosts }
    }

    /// `None`: come in. `Some`: the stable code of the reason.
    pub fn refuses(&self, peer: SocketAddr, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
        let ours = |name: &str| self.hosts.iter().any(|h| h.eq_ignore_ascii_case(name));
        if !peer.ip().to_canonical().is_loopback() {
            return Some("not_loopback");
        }
        let forwarded =
            |name: &str| matches!(name, "forwarded" | "x-real-ip" | "via") || name.starts_with("x-forwarded-");
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
}

/// The layer.
pub async fn closed(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match door.refuses(peer, request.method(), request.headers()) {
        None => next.run(request).await,
        Some(code) => {
            let body = serde_json::json!({ "error": SENTENCE, "code": code });
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
