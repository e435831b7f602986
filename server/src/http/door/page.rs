//! What a person reads whose browser is refused: the cause, and what to do about it. Programs are told in JSON.

use std::net::SocketAddr;

use axum::{
    http::{HeaderMap, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::HOST_SHOWN;

/// The page has nothing of ours but itself: under another name the door keeps its files, too.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{max-width:38rem;margin:12vh auto;padding:0 1.25rem;font:16px/1.55 system-ui,sans-serif}\
h1{font-size:1.375rem;line-height:1.3}\
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}\
small{opacity:.75}";

/// Whether a person waits for the answer, rather than a program.
pub fn wanted(method: &Method, headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    matches!(*method, Method::GET | Method::HEAD) && accepts.contains("text/html")
}

/// The page for one of the door's codes.
pub(super) fn refusal(code: &'static str, peer: SocketAddr, port: u16, guarded: bool, headers: &HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (cause, mut remedy) = words(code, peer, port, host);
    let mut head = "OpenClutch serves only its own machine";
    if guarded {
        head = "OpenClutch does not take this request";
        if code == "wrong_host" {
            remedy =
                "If this name is yours, start the server with it in CLUTCH_ALLOWED_HOSTS. A name that leads here by \
                      somebody else\u{2019}s hand could show them your board."
                    .into();
        }
    }
    let here = format!("http://127.0.0.1:{port}");
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Refused \u{b7} OpenClutch</title><style>{STYLE}</style></head><body><main>\
         <h1>{head}</h1>\
         <p>{}</p><p>{}</p>\
         <p>On that machine it is at <a href=\"{here}\"><code>{here}</code></a>.</p>\
         <p><small>403 <code>{code}</code></small></p></main></body></html>",
        escaped(&cause),
        escaped(&remedy),
    );
    let mut response = (StatusCode::FORBIDDEN, Html(page)).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(POLICY));
    response
}

/// Why, and what to do, in sentences.
fn words(code: &str, peer: SocketAddr, port: u16, host: &str) -> (String, String) {
    let tunnel = format!(
        "Nobody logs in here, so nothing else is let in: start the server with CLUTCH_PASSWORD for that. A tunnel works \
         too: run \u{201c}ssh -L \
         {port}:127.0.0.1:{port} <that machine>\u{201d} here, and open the address below."
    );
    match code {
        "not_loopback" => (format!("This request comes from another machine, {}.", peer.ip().to_canonical()), tunnel),
        "forwarded" => (
            "A proxy or a tunnel says that it has passed this request on, so it may come from anywhere.".into(),
            format!("{tunnel} On the machine itself, open the server without the proxy."),
        ),
        "wrong_host" => match came_by(host).filter(|came| *came != port) {
            Some(came) => (
                format!("This request came by port {came}, and the server listens on {port}."),
                format!(
                    "Forward the same number on both sides, for example with \u{201c}ssh -L {port}:127.0.0.1:{port}\u{201d}, or \
                     start the server with PORT={came}."
                ),
            ),
            None if host.is_empty() => ("This request names no host.".into(), tunnel),
            None => {
                let host: String = host.chars().take(HOST_SHOWN).collect();
                (
                    format!("This request was sent to \u{201c}{host}\u{201d}, which is not a name of this server."),
                    format!("A name that leads here by somebody else's hand could show them your board. {tunnel}"),
                )
            }
        },
        _ => (
            "Another site has made this request.".into(),
            "Open the address below by itself; pages of other sites cannot show the board or change it.".into(),
        ),
    }
}

/// The port in a name of this machine; 80 where none is said.
fn came_by(host: &str) -> Option<u16> {
    let rest = ["127.0.0.1", "localhost", "[::1]"].iter().find_map(|name| host.strip_prefix(name))?;
    match rest.strip_prefix(':') {
        Some(port) => port.parse().ok(),
        None if rest.is_empty() => Some(80),
        None => None,
    }
}

/// Text as it may stand in a page.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_said_with_what_to_set() {
        let here: SocketAddr = "127.0.0.1:5".parse().unwrap();
        for (code, peer, host, says) in [
            (
                "not_loopback",
                "192.0.2.7:9",
                "127.0.0.1:3002",
                ["another machine, 192.0.2.7", "ssh -L 3002:127.0.0.1:3002"],
            ),
            ("forwarded", "127.0.0.1:9", "127.0.0.1:3002", ["a tunnel says", "without the proxy"]),
            ("wrong_host", "127.0.0.1:9", "127.0.0.1:8080", ["by port 8080", "PORT=8080"]),
            ("wrong_host", "127.0.0.1:9", "localhost", ["by port 80,", "PORT=80."]),
            ("wrong_host", "127.0.0.1:9", "board.example", ["\u{201c}board.example\u{201d}", "ssh -L 3002"]),
            ("wrong_host", "127.0.0.1:9", "127.0.0.1.evil:1", ["\u{201c}127.0.0.1.evil:1\u{201d}", "ssh -L 3002"]),
            ("wrong_host", "127.0.0.1:9", "", ["names no host", "ssh -L 3002"]),
            ("foreign_origin", "127.0.0.1:9", "127.0.0.1:3002", ["Another site", "by itself"]),
            ("cross_site", "127.0.0.1:9", "127.0.0.1:3002", ["Another site", "by itself"]),
        ] {
            let (cause, remedy) = words(code, peer.parse().unwrap(), 3002, host);
            assert!(cause.contains(says[0]) && remedy.contains(says[1]), "{code} {host}: {cause} {remedy}");
        }
        let long = "x".repeat(10_000);
        assert!(words("wrong_host", here, 3002, &long).0.len() < 2 * HOST_SHOWN + 60);
        assert_eq!(escaped("<a href=\"&\">"), "&lt;a href=&quot;&amp;&quot;&gt;");
    }
}
