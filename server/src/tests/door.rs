//! The closed door over the whole router: every kind of route, every reason to be refused.

use axum::{body::Body, http::Request};
use serde_json::json;

use super::{ADDRESS, House, Reply};

const SENTENCE: &str = "OpenClutch serves only this machine. Open it on http://127.0.0.1:3002; other machines need log-in: set CLUTCH_PASSWORD (an SSH tunnel works too: ssh -L 3002:127.0.0.1:3002 <this machine>).";

/// One of each kind: pages, files, server functions, REST, webhooks, the live feed, what is nowhere.
const PLACES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/projects/site/board"),
    ("GET", "/nowhere"),
    ("GET", "/pkg/clutch.js"),
    ("GET", "/health"),
    ("POST", "/fn/move_task"),
    ("POST", "/fn/no/such/function"),
    ("GET", "/fn/home"),
    ("GET", "/api/projects"),
    ("POST", "/api/projects"),
    ("PATCH", "/api/projects/site"),
    ("DELETE", "/api/projects/site"),
    ("GET", "/api/tasks"),
    ("POST", "/api/tasks"),
    ("PUT", "/api/tasks"),
    ("OPTIONS", "/api/tasks"),
    ("POST", "/api/signal"),
    ("POST", "/api/tasks/T-1/complete"),
    ("POST", "/api/chats/x/messages"),
    ("POST", "/api/openclaw/status"),
    ("GET", "/live"),
];

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn request(method: &str, path: &str, headers: Pairs<'_>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if path == "/live" {
        request = request
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from("{}")).unwrap()
}

/// What every answer says to the browser, also one at the door.
#[track_caller]
fn is_safe(reply: &Reply, path: &str) {
    let header = |name: &str| reply.headers.get(name).and_then(|v| v.to_str().ok());
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{path}");
    assert_eq!(header("x-frame-options"), Some("DENY"), "{path}");
    assert_eq!(header("referrer-policy"), Some("same-origin"), "{path}");
    assert_eq!(header("cross-origin-opener-policy"), Some("same-origin"), "{path}");
    assert!(header("permissions-policy").is_some_and(|p| p.contains("camera=()")), "{path}");
    assert!(header("x-request-id").is_some_and(|id| id.len() == 32), "{path}");
    assert_eq!(header("access-control-allow-origin"), None, "{path}");
    // Pages have a longer one, pictures are in a sandbox.
    assert!(header("content-security-policy").is_some_and(|csp| csp.contains("default-src")), "{path}");
    assert!(header("content-security-policy").is_some_and(|csp| csp.contains("frame-ancestors 'none'")), "{path}");
}

#[tokio::test]
async fn nobody_else_comes_in_anywhere() {
    let house = House::new();
    let here = "127.0.0.1:5000";
    let host = ("host", ADDRESS);
    let refused: &[(&str, Pairs<'_>, &str)] = &[
        ("192.0.2.7:5000", &[host], "not_loopback"),
        ("[2001:db8::1]:5000", &[host], "not_loopback"),
        ("[::ffff:192.0.2.7]:5000", &[host], "not_loopback"),
        ("0.0.0.0:5000", &[host], "not_loopback"),
        (here, &[], "wrong_host"),
        (here, &[("host", "evil.example")], "wrong_host"),
        (here, &[("host", "evil.example:3002")], "wrong_host"),
        (here, &[("host", "127.0.0.1")], "wrong_host"),
        (here, &[("host", "127.0.0.1:3003")], "wrong_host"),
        (here, &[("host", "127.0.0.1:3002.evil.example")], "wrong_host"),
        (here, &[("host", "localhost:3002@evil.example")], "wrong_host"),
        (here, &[host, ("host", "evil.example")], "wrong_host"),
        (here, &[host, ("forwarded", "for=192.0.2.7")], "forwarded"),
        (here, &[host, ("x-forwarded-for", "127.0.0.1")], "forwarded"),
        (here, &[host, ("X-Forwarded-Proto", "https")], "forwarded"),
        (here, &[host, ("x-forwarded-anything", "")], "forwarded"),
        (here, &[host, ("x-real-ip", "127.0.0.1")], "forwarded"),
        (here, &[host, ("via", "1.1 proxy")], "forwarded"),
        (here, &[host, ("CF-Connecting-IP", "192.0.2.7")], "forwarded"),
        (here, &[host, ("True-Client-IP", "192.0.2.7")], "forwarded"),
        (here, &[host, ("X-Client-IP", "192.0.2.7")], "forwarded"),
        (here, &[host, ("X-Forwarded", "for=192.0.2.7")], "forwarded"),
        (here, &[host, ("X-Original-Host", "evil.example")], "forwarded"),
        (here, &[host, ("Tailscale-User-Login", "ada@example")], "forwarded"),
        (here, &[host, ("origin", "http://evil.example")], "foreign_origin"),
        (here, &[host, ("origin", "http://127.0.0.1:3003")], "foreign_origin"),
        (here, &[host, ("origin", "https://127.0.0.1:3002")], "foreign_origin"),
        (here, &[host, ("origin", "http://127.0.0.1:3002/")], "foreign_origin"),
        (here, &[host, ("origin", "null")], "foreign_origin"),
        (here, &[host, ("origin", "")], "foreign_origin"),
        (here, &[host, ("origin", "http://127.0.0.1:3002"), ("origin", "http://evil.example")], "foreign_origin"),
        (here, &[host, ("sec-fetch-site", "cross-site")], "cross_site"),
        (here, &[host, ("sec-fetch-site", "same-site")], "cross_site"),
        (here, &[host, ("sec-fetch-site", "anything")], "cross_site"),
        (
            here,
            &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
            "cross_site",
        ),
        (
            here,
            &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "websocket"), ("sec-fetch-dest", "websocket")],
            "cross_site",
        ),
        (
            here,
            &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            "cross_site",
        ),
    ];
    for (method, path) in PLACES {
        for (peer, headers, code) in refused {
            for accept in ["*/*", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"] {
                let mut headers = headers.to_vec();
                headers.push(("accept", accept));
                let reply = house.send(request(method, path, &headers), peer).await;
                if *method == "HEAD" {
                    assert_eq!(reply.status, 403);
                } else if *method == "GET" && accept != "*/*" {
                    // A person reads a page, and it is all there is: its own address would be refused as well.
                    assert_eq!(
                        (reply.status.as_u16(), reply.headers["content-type"].to_str().unwrap()),
                        (403, "text/html; charset=utf-8")
                    );
                    assert!(reply.text.contains(&format!("403 <code>{code}</code>")), "{}", reply.text);
                    assert!(reply.text.contains(&format!("<a href=\"http://{ADDRESS}\">")), "{}", reply.text);
                    assert!(!reply.text.contains("<script") && !reply.text.contains("<link"), "{}", reply.text);
                } else {
                    reply.fails(403, code, SENTENCE);
                }
                is_safe(&reply, path);
                assert!(!reply.headers.contains_key("set-cookie"), "no session is made at the door: {method} {path}");
            }
        }
    }
    assert_eq!(house.get("/api/projects").await.ok(200), json!({ "projects": [] }), "nothing was done outside");
}

/// What a request names is said on the page, and is no part of it.
#[tokio::test]
async fn nothing_of_a_request_becomes_part_of_the_page_at_the_door() {
    let house = House::new();
    let headers = [("host", "<img src=x onerror=alert(1)>\"&.example"), ("accept", "text/html")];
    let reply = house.send(request("GET", "/%3Cb%3E", &headers[..]), "127.0.0.1:5000").await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&amp;.example"), "{}", reply.text);
    assert!(!reply.text.contains("<img") && !reply.text.contains("<b>"), "{}", reply.text);
}

#[tokio::test]
async fn this_machine_comes_in_everywhere() {
    let house = House::new();
    let site = [("host", ADDRESS), ("origin", "http://localhost:3002"), ("sec-fetch-site", "same-origin")];
    let program: Pairs<'_> = &[("host", "[::1]:3002")];
    for (method, path) in PLACES {
        for (peer, headers) in [
            ("127.0.0.1:5000", &site[..]),
            ("[::1]:5000", program),
            ("[::ffff:127.0.0.1]:5000", program),
            ("127.9.9.9:1", program),
        ] {
            let reply = house.send(request(method, path, headers), peer).await;
            assert_ne!(reply.status, 403, "{method} {path} {headers:?}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn a_link_from_elsewhere_opens_a_page_and_does_nothing_else() {
    let house = House::new();
    let link = [
        ("host", ADDRESS),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    assert_ne!(house.send(request("GET", "/", &link), "127.0.0.1:5000").await.status, 403);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        house.send(request(method, "/api/projects", &link), "127.0.0.1:5000").await.fails(403, "cross_site", SENTENCE);
    }
}

#[tokio::test]
async fn a_page_view_makes_a_session_and_nothing_else_does() {
    let house = House::new();
    let cookie = async |method: &str, path: &str, headers: Pairs<'_>| {
        let reply = house.raw(method, path, headers, "{}").await;
        reply.headers.get("set-cookie").map(|v| v.to_str().unwrap().to_owned())
    };
    let page = [("accept", "text/html,application/xhtml+xml")];
    let made = cookie("GET", "/nowhere", &page).await.unwrap();
    let (pair, rest) = made.split_once(';').unwrap();
    assert_eq!(rest.trim(), "Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000");
    let name = house.state.sessions.cookie();
    assert!(name.len() == 15 && pair.starts_with(&format!("{name}=")), "its name belongs to the installation: {pair}");
    assert_eq!(cookie("GET", "/nowhere", &[page[0], ("cookie", pair)]).await, None, "it is known already");
    assert!(
        cookie("GET", "/nowhere", &[page[0], ("cookie", &format!("{name}=forged.1.00"))]).await.is_some(),
        "a forged one is not"
    );
    assert_eq!(cookie("GET", "/api/projects", &[("accept", "application/json")]).await, None);
    assert_eq!(cookie("POST", "/api/projects", &page).await, None);
    assert_eq!(cookie("GET", "/health", &[]).await, None);
}

#[tokio::test]
async fn every_answer_says_to_the_browser_what_is_safe() {
    let house = House::new();
    for (method, path) in
        [("GET", "/nowhere"), ("GET", "/health"), ("GET", "/api/tasks"), ("PUT", "/api/tasks"), ("GET", "/pkg/none.js")]
    {
        is_safe(&house.raw(method, path, &[], "").await, path);
    }
}
