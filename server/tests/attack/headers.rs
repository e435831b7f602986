//! Requests that say, or give away, that they do not come from this machine's own pages and programs.

use crate::program::Program;

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
const PATHS: [&str; 10] = [
    "/",
    "/health",
    "/api/projects",
    "/api/tasks",
    "/api/openclaw/status",
    "/fn/load_home",
    "/live",
    "/projects/site-0/board",
    "/uploads/images/x.png",
    "/pkg/clutch.js",
];

/// Header lines that each make a request somebody else's; `host` of ours is added where none is among them.
fn forged(host: &str) -> Vec<Vec<String>> {
    let port = host.rsplit(':').next().unwrap();
    let one = |line: String| vec![line];
    let mut all: Vec<Vec<String>> = [
        "forwarded: for=192.0.2.7",
        "cf-connecting-ip: 192.0.2.7",
        "true-client-ip: 192.0.2.7",
        "x-client-ip: 192.0.2.7",
        "x-forwarded: for=192.0.2.7",
        "x-forwarded-for: 192.0.2.7",
        "x-forwarded-host: board.example",
        "x-forwarded-proto: https",
        "x-forwarded-port: 443",
        "x-forwarded-server: proxy",
        "x-forwarded-prefix: /board",
        "x-forwarded-scheme: https",
        "x-forwarded-ssl: on",
        "x-forwarded-by: proxy",
        "x-forwarded-: 1",
        "x-real-ip: 192.0.2.7",
        "via: 1.1 proxy",
        "x-forwarded-for:",
        "X-FORWARDED-FOR: 127.0.0.1",
        "x-forwarded-for: 127.0.0.1",
        "via:",
        "origin: null",
        "origin: http://evil.example",
        "origin:",
        "origin: file://",
        "origin: http://127.0.0.1",
    ]
    .iter()
    .map(|line| one((*line).to_owned()))
    .collect();
    for origin in [
        "https://127.0.0.1:PORT",
        "http://127.0.0.1:PORT.evil.example",
        "http://127.0.0.1:PORT/",
        "http://evil.example:PORT",
        "http://127.0.0.1:1",
        "http://me@127.0.0.1:PORT",
        "HTTP://127.0.0.1:PORT",
        "http://127.0.0.2:PORT",
    ] {
        all.push(one(format!("origin: {}", origin.replace("PORT", port))));
    }
    all.push(vec![format!("origin: http://{host}"), "origin: http://evil.example".to_owned()]);
    for site in ["cross-site", "same-site", "weird", ""] {
        for mode in ["cors", "no-cors", "websocket", "navigate"] {
            all.push(vec![
                format!("sec-fetch-site: {site}"),
                format!("sec-fetch-mode: {mode}"),
                "sec-fetch-dest: iframe".to_owned(),
            ]);
        }
    }
    for name in [
        "evil.example:PORT",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "localhost.evil.example:PORT",
        "127.1:PORT",
        "0x7f.1:PORT",
        "[::ffff:127.0.0.1]:PORT",
        "localhost.:PORT",
        "me@127.0.0.1:PORT",
        "127.0.0.1:PORT.evil.example",
        "0.0.0.0:PORT",
        "127.0.0.2:PORT",
        "127.0.0.1:0PORT",
        "127.0.0.1:PORT/",
        "127.0.0.1:PORT,evil.example",
        "",
        "evil.example",
    ] {
        all.push(one(format!("host: {}", name.replace("PORT", port))));
    }
    all.push(vec![format!("host: {host}"), "host: evil.example".to_owned()]);
    all.push(vec!["host: evil.example".to_owned(), format!("host: {host}")]);
    all
}

#[test]
fn nothing_forged_is_served() {
    let mut program = Program::start();
    let ids = program.furnish(0);
    let ours = program.host();
    let kinds = forged(&program.address.to_string());
    let (mut asked, mut passed) = (0, Vec::new());
    for lines in &kinds {
        let has_host = lines.iter().any(|line| line.starts_with("host:"));
        let mut lines = lines.clone();
        if !has_host {
            lines.push(ours.clone());
        }
        lines.push("content-type: application/json".to_owned());
        for method in METHODS {
            for path in PATHS {
                let mut lines = lines.clone();
                if path == "/live" && method == "GET" {
                    lines.extend(
                        [
                            "connection: upgrade",
                            "upgrade: websocket",
                            "sec-websocket-version: 13",
                            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
                        ]
                        .map(str::to_owned),
                    );
                }
                let answer = program.ask(method, path, &lines, b"{\"name\":\"forged\",\"slug\":\"forged\"}");
                asked += 1;
                if answer.as_ref().is_some_and(|answer| !matches!(answer.status, 400 | 403)) {
                    passed.push((method, path, lines.clone(), answer.map(|a| a.status)));
                }
            }
        }
    }
    println!("measured: {} kinds of headers, {asked} requests, {} passed", kinds.len(), passed.len());
    assert!(kinds.len() >= 40 && passed.is_empty(), "{:#?}", &passed[..passed.len().min(5)]);
    assert_eq!(program.get("/api/projects/forged").status, 404, "nothing was done");
    assert_eq!(program.get(&format!("/api/projects/{}", ids[0])).status, 200, "nothing was undone");
    // The same requests without the forged line are served: it is the line that was refused.
    for path in PATHS {
        assert_ne!(program.get(path).status, 403, "{path}");
    }
    program.is_well();
}
