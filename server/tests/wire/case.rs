//! Cases as they are written down:
//!
//! ```text
//! === §2.7 the CLI adds a dependency
//! cli POST /api/tasks/{{a}}/dependencies
//! x-more: a header beside the sender's
//!
//! {"depends_on_id":"{{b}}"}
//! --- 201
//! a-header: of the answer
//! {"dependency":{"...":"Dependency","id":"<uuid:edge>"}}
//! ```
//!
//! `{{name}}` stands for what an earlier answer of the file has given under `<uuid:name>` ([`crate::pattern`]). A line with
//! `//` in front is a note. `@gateway` on top of a file: it is asked beside a gateway. A body `@upload name type size` is a
//! multipart form with a picture of these, filled up to so many bytes.

use std::{net::SocketAddr, path::Path};

use crate::{document::Row, pattern::Kept};

/// One file of cases.
pub struct File {
    pub name: String,
    pub gateway: bool,
    pub cases: Vec<Case>,
}

/// A request and the answer that it must get.
pub struct Case {
    pub what: String,
    sender: String,
    method: String,
    path: String,
    headers: Vec<String>,
    body: Option<String>,
    pub answer: Expected,
}

/// The answer.
pub struct Expected {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// A pattern of JSON, or `text: …`.
    pub body: String,
}

impl File {
    pub fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let text: String = text.lines().filter(|l| !l.starts_with("//")).map(|line| format!("{line}\n")).collect();
        let mut parts = text.split("\n=== ");
        let head = parts.next().unwrap();
        let (gateway, first) = match head.split_once("=== ") {
            Some((before, first)) => (before.contains("@gateway"), Some(first)),
            None => (head.contains("@gateway"), None),
        };
        let cases: Vec<Case> = first.into_iter().chain(parts).map(|part| Case::parse(&name, part)).collect();
        assert!(!cases.is_empty(), "{name} has no cases");
        Self { name, gateway, cases }
    }
}

impl Case {
    fn parse(file: &str, text: &str) -> Self {
        let (what, rest) = text.split_once('\n').unwrap();
        let told = |why: &str| -> ! { panic!("{file}: {what}: {why}") };
        let Some((request, answer)) = rest.split_once("\n--- ") else { told("no answer") };
        let (head, body) = match request.split_once("\n\n") {
            Some((head, body)) => (head, Some(body.to_owned())),
            None => (request, None),
        };
        let mut lines = head.lines();
        let words: Vec<&str> = lines.next().unwrap_or_default().splitn(3, ' ').collect();
        let [sender, method, path] = words[..] else { told("it is SENDER METHOD PATH") };
        if headers_of(sender).is_none() {
            told("nobody of that name sends");
        }
        let mut expected = answer.lines();
        let Some(status) = expected.next().and_then(|s| s.trim().parse().ok()) else { told("no status") };
        let mut headers = Vec::new();
        let mut wanted = String::new();
        for line in expected {
            match line.split_once(": ") {
                Some((name, value)) if wanted.is_empty() && !line.starts_with(['{', '[']) && name != "text" => {
                    headers.push((name.to_owned(), value.to_owned()));
                }
                _ => {
                    wanted.push_str(line);
                    wanted.push('\n');
                }
            }
        }
        Self {
            what: what.trim().to_owned(),
            sender: sender.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: lines.map(str::to_owned).collect(),
            body,
            answer: Expected { status, headers, body: wanted.trim().to_owned() },
        }
    }

    /// The row of the document that it asks.
    pub fn row<'a>(&self, rows: &'a [Row]) -> Option<&'a Row> {
        rows.iter().filter(|row| row.fits(&self.method, &self.path)).min_by_key(|row| row.open_parts())
    }

    /// The whole request.
    pub fn bytes(&self, to: SocketAddr, kept: &Kept) -> Vec<u8> {
        let mut headers = vec![format!("host: {to}")];
        headers.extend(headers_of(&self.sender).unwrap().iter().map(|line| (*line).to_owned()));
        headers.extend(self.headers.iter().map(|line| filled(line, kept)));
        let mut body = self.body.as_deref().map(|body| filled(body, kept).into_bytes());
        if let Some(form) = self.body.as_deref().and_then(|body| body.strip_prefix("@upload ")) {
            headers.push("content-type: multipart/form-data; boundary=----form".into());
            body = Some(upload(form));
        }
        let typed = headers.iter().any(|line| line.to_lowercase().starts_with("content-type:"));
        if let (Some(kind), false) = (type_of(&self.sender, body.is_some()), typed) {
            headers.push(format!("content-type: {kind}"));
        }
        if body.is_some() || self.method != "GET" {
            headers.push(format!("content-length: {}", body.as_ref().map_or(0, Vec::len)));
        }
        let (method, path, headers) = (&self.method, filled(&self.path, kept), headers.join("\r\n"));
        let mut bytes = format!("{method} {path} HTTP/1.1\r\n{headers}\r\n\r\n").into_bytes();
        bytes.extend(body.unwrap_or_default());
        bytes
    }
}

fn filled(text: &str, kept: &Kept) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        match after.split_once("}}").and_then(|(name, more)| Some((kept.get(name)?, more))) {
            Some((value, more)) => {
                out.push_str(value);
                rest = more;
            }
            None => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out + rest
}

/// What each of them puts into the head of a request, `host`, `content-type` and `content-length` aside.
fn headers_of(sender: &str) -> Option<&'static [&'static str]> {
    // `fetch` of Node, in which both plugins, the CLI and the scripts run.
    const NODE: &[&str] = &[
        "connection: keep-alive",
        "accept: */*",
        "accept-language: *",
        "sec-fetch-mode: cors",
        "user-agent: node",
        "accept-encoding: gzip, deflate",
    ];
    const CURL: &[&str] = &["user-agent: curl/8.5.0", "accept: */*"];
    Some(match sender {
        "plugin" | "cli" | "fetch" => NODE,
        // With `-H 'Content-Type: application/json'`, without it, and of the gate's script.
        "curl" | "curl-d" | "gate" => CURL,
        "bare" => &[],
        _ => return None,
    })
}

/// The content type that they send where they name none for themselves.
fn type_of(sender: &str, has_body: bool) -> Option<&'static str> {
    match (sender, has_body) {
        // The CLI says it with each request.
        ("cli", _) | ("plugin" | "curl", true) => Some("application/json"),
        ("fetch", true) => Some("text/plain;charset=UTF-8"),
        ("curl-d", true) => Some("application/x-www-form-urlencoded"),
        _ => None,
    }
}

/// A picture of one point.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

fn upload(form: &str) -> Vec<u8> {
    let words: Vec<&str> = form.split_whitespace().collect();
    let [field, name, kind, size] = words[..] else { panic!("@upload FIELD NAME TYPE SIZE") };
    let mut file = PNG.to_vec();
    file.resize(file.len().max(size.parse().unwrap()), 0);
    let mut body = format!(
        "------form\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
    )
    .into_bytes();
    body.extend(file);
    body.extend(b"\r\n------form--\r\n");
    body
}
