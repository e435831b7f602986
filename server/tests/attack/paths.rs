//! Paths that try to climb out of the folders that are served, and targets that are none.

use crate::program::{Program, SECRET};

fn tricks() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let ups = [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "..%00",
        "..;",
        "%252e%252e",
        "..%c0%af",
        "..\\",
        "%5c..",
        "....",
        "..%2f",
        "%u002e%u002e",
    ];
    for base in ["/", "/pkg/", "/uploads/images/", "/projects/", "/words/", "/api/chats/", "/t/"] {
        for up in ups {
            for end in ["outside.js", "passwd.js", ".env.local", "data/clutch.db", "etc/passwd", "proc/self/environ"] {
                all.push(format!("{base}{up}/{end}"));
                all.push(format!("{base}{up}/{up}/{up}/{up}/{up}/{end}"));
            }
        }
    }
    all.extend(
        [
            "/.env.local",
            "/pkg/.env.local",
            "//etc/passwd",
            "///etc/passwd",
            "/\\etc\\passwd",
            "/pkg//etc/passwd",
            "/pkg/clutch.js%00.png",
            "/pkg/clutch.js/",
            "/pkg",
            "/pkg/",
            "/%",
            "/%zz",
            "/%00",
            "/?%00",
            "/#x",
            "/;",
            "/*",
            "/a:b",
            "/~root",
            "/index.html",
            "/uploads/images/",
            "/uploads/images/.",
            "/uploads/images/..",
            "/uploads/images/a%2fb",
            "/uploads/images/%2e%2e%2fclutch.db",
            "/uploads/images//etc/passwd",
            "/uploads/",
            "/data/clutch.db",
            "/logs/server.log",
            "/clutch.db",
            "/identity/session.key",
            "*",
            "http://127.0.0.1/",
            "http://evil.example/",
            "file:///etc/passwd",
            "127.0.0.1:80",
            "",
            "/\u{e4}",
            "/\t",
            "/ x",
        ]
        .map(str::to_owned),
    );
    all.push(format!("/{}", "a".repeat(60_000)));
    all.push(format!("/{}", "a/".repeat(20_000)));
    all.push(format!("/?{}", "a=b&".repeat(10_000)));
    all.push(format!("/{}", "%2e%2e/".repeat(5_000)));
    all
}

#[test]
fn nothing_outside_is_read() {
    let mut program = Program::start();
    program.furnish(0);
    let tricks = tricks();
    for path in &tricks {
        for method in ["GET", "HEAD", "POST", "CONNECT"] {
            let lines = [program.host(), "accept: text/html".to_owned()];
            let Some(answer) = program.ask(method, path, &lines, b"") else { continue };
            let text = answer.text();
            let what = format!("{method} {}: {}", &path[..path.len().min(80)], answer.status);
            assert!(answer.status < 500, "{what} {text}");
            for secret in [SECRET, "root:x:0", "SQLite format 3", "HOME=/"] {
                assert!(!text.contains(secret), "{what} shows {secret}");
            }
        }
    }
    println!("measured: {} paths with 4 methods", tricks.len());
    assert_eq!(program.get("/pkg/clutch.js").status, 200, "what is inside is served");
    program.is_well();
}

/// Bytes that are no request, or one in two ways at once.
#[test]
fn what_is_no_request_is_refused() {
    let mut program = Program::start();
    program.furnish(0);
    let host = program.host();
    let smuggled = "GET /api/projects HTTP/1.1\r\nhost: evil.example\r\n\r\n";
    let large = "x: ".to_owned() + &"y".repeat(100_000);
    let many: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let requests = [
        "\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\0\x01\0\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{host}\r\n{large}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\r\n{many}\r\n"),
        format!(
            "POST /api/projects HTTP/1.1\r\n{host}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!("POST /api/projects HTTP/1.1\r\n{host}\r\ncontent-length: 0\r\ncontent-length: 60\r\n\r\n{smuggled}"),
        format!("POST /api/projects HTTP/1.1\r\n{host}\r\ncontent-length: -1\r\n\r\n{smuggled}"),
        format!("POST /api/projects HTTP/1.1\r\n{host}\r\ntransfer-encoding: xchunked\r\n\r\n{smuggled}"),
        format!("POST /api/projects HTTP/1.1\r\n{host}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{smuggled}"),
        format!(
            "POST /api/projects HTTP/1.1\r\n{host}\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{{}}\r\n"
        ),
        format!("GET / HTTP/1.1\r\n {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\r\nx\0y: z\r\n\r\n"),
        format!("GET /live HTTP/1.1\r\n{host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
    ];
    for request in &requests {
        let what = request.chars().take(120).collect::<String>();
        if let Some(answer) = program.raw(request.as_bytes(), false) {
            assert!((400..500).contains(&answer.status), "{what:?}: {} {}", answer.status, answer.text());
        }
    }
    program.is_well();
}
