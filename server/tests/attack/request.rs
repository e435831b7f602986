//! One request of a flood, made of chance: mostly something that could be meant, with one thing in it that is wrong.

use crate::{
    nonsense::{Chance, encoded, text, value},
    pool::Pool,
    program::Program,
    routes::{Known, Route},
};

const METHODS: [&str; 9] = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"];
const TYPES: [&str; 8] = [
    "application/json",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "application/problem+json",
    "application/json; charset=utf-16",
    "/",
    "",
];
/// Heads that make no sense together, are too long, or say what this server does not do.
const ODD_HEADS: [&str; 14] = [
    "expect: 100-continue",
    "range: bytes=0-0,-1",
    "if-match: \"0\"",
    "if-match: *, \"x",
    "if-none-match: W/\"18446744073709551616\"",
    "idempotency-key: once",
    "idempotency-key:",
    "accept-encoding: gzip;q=0, br;q=2, *",
    "accept: text/event-stream, */*;q=nan",
    "last-event-id: -1",
    "cookie: clutch=x; clutch=\u{1f4a5}; =; ;;",
    "content-encoding: gzip",
    "connection: upgrade",
    "x-http-method-override: DELETE",
];

/// What it was, and its bytes.
pub struct Request {
    /// `METHOD /path/{…}`, or what else it is: what counts are told by.
    pub what: String,
    pub path: String,
    pub bytes: Vec<u8>,
    /// Whether HTTP itself was kept to: then there must be an answer, and it must be ours.
    pub sound: bool,
    /// Whether all of it is sent, and its connection ends with the answer: then that is waited for.
    pub whole: bool,
    pub head: bool,
}

/// Where a request is made.
pub struct Maker<'a> {
    pub program: &'a Program,
    pub known: &'a Known,
    pub pool: &'a Pool,
    /// Header lines that say who asks: one list for each caller.
    pub callers: &'a [Vec<String>],
}

struct Parts {
    method: String,
    path: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Maker<'_> {
    pub fn request(&self, chance: &mut Chance) -> Request {
        match chance.below(40) {
            0..=23 => self.route(chance),
            24..=31 => self.function(chance),
            32 | 33 => self.upload(chance),
            34 | 35 => self.form(chance),
            36..=38 => self.page(chance),
            _ => self.broken_bytes(chance),
        }
    }

    /// Of one caller; sessions that pages opened ask as pages do.
    fn caller(&self, chance: &mut Chance) -> Vec<String> {
        chance.pick(self.callers).clone()
    }

    fn route(&self, chance: &mut Chance) -> Request {
        let mut route = chance.pick(&self.known.routes);
        // Of what is not built there is one answer, and without its project nothing else is there.
        let ends = ["/api/projects/{id}", "/api/v1/projects/{project}"];
        let dull = |route: &Route| !route.built || route.method == "DELETE" && ends.contains(&route.path.as_str());
        while dull(route) && !chance.once_in(20) {
            route = chance.pick(&self.known.routes);
        }
        let method = if chance.once_in(12) { (*chance.pick(&METHODS)).to_owned() } else { route.method.clone() };
        let mut path = self.path(&route.path, chance);
        for n in 0..chance.below(3) {
            let any = ["limit".to_owned()];
            let name = chance.pick(if route.query.is_empty() { &any } else { &route.query });
            let value = encoded(&self.plain(name, &route.path, chance));
            path.push_str(&format!("{}{name}={value}", if n == 0 { '?' } else { '&' }));
        }
        let mut headers = self.caller(chance);
        let has_body = method != "GET" && method != "HEAD";
        let body = if has_body { self.body(route, chance) } else { Vec::new() };
        if has_body || chance.once_in(20) {
            let kind = if chance.once_in(15) { *chance.pick(&TYPES) } else { "application/json" };
            headers.push(format!("content-type: {kind}"));
        }
        self.made(format!("{} {}", route.method, route.path), Parts { method, path, headers, body }, chance)
    }

    fn body(&self, route: &Route, chance: &mut Chance) -> Vec<u8> {
        match chance.below(60) {
            0 => return chance.bytes(300),
            1 => {
                let deep = 1 << chance.below(13);
                let (open, close) = *chance.pick(&[("[", "]"), ("{\"a\":", "}"), ("[{\"title\":", "}]")]);
                return [open.repeat(deep), "1".into(), close.repeat(deep)].concat().into_bytes();
            }
            2 if chance.once_in(60) => return format!("{{\"content\":\"{}\"}}", "x".repeat(5_000_000)).into_bytes(),
            3 => return value(chance, &self.pool.all(), 3).to_string().into_bytes(),
            _ => {}
        }
        let mut members: Vec<String> = Vec::new();
        for name in &route.fields {
            if !chance.once_in(4) {
                members.push(self.member(name, &route.path, chance));
            }
        }
        if chance.once_in(6) && !route.fields.is_empty() {
            // Said twice, the second time otherwise.
            let name = chance.pick(&route.fields);
            members.push(self.member(name, &route.path, chance));
        }
        if chance.once_in(10) {
            members.push(format!(
                "{}:{}",
                serde_json::Value::from(text(chance, &self.pool.all())),
                value(chance, &[], 2)
            ));
        }
        let mut bytes = format!("{{{}}}", members.join(",")).into_bytes();
        match chance.below(80) {
            0 => bytes.truncate(chance.below(bytes.len())),
            1 => {
                let at = chance.below(bytes.len());
                bytes[at] = chance.next() as u8;
            }
            2 => bytes.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
            _ => {}
        }
        bytes
    }

    fn member(&self, name: &str, path: &str, chance: &mut Chance) -> String {
        let value = if chance.once_in(24) {
            value(chance, &self.pool.all(), 3).to_string()
        } else {
            self.json(name, path, chance)
        };
        format!("{}:{value}", serde_json::Value::from(name))
    }

    /// A value that could be meant.
    fn json(&self, name: &str, path: &str, chance: &mut Chance) -> String {
        let quoted = |text: String| serde_json::Value::from(text).to_string();
        let one = |maker: &Self, chance: &mut Chance| quoted(maker.plain(name, path, chance));
        match name {
            "tags" | "sessionIds" | "participants" | "depends_on" | "blocks" | "dependencies" | "subtasks" => {
                let item = |chance: &mut Chance| match name {
                    "dependencies" => format!(
                        "{{\"task_id\":{},\"direction\":\"{}\"}}",
                        quoted(self.pool.id("task", chance)),
                        chance.pick(&["depends_on", "blocks"])
                    ),
                    "subtasks" => format!("{{\"title\":{}}}", quoted(text(chance, &[]))),
                    "depends_on" | "blocks" => quoted(self.pool.id("task", chance)),
                    _ => quoted(text(chance, &self.pool.all())),
                };
                let items: Vec<String> = (0..chance.below(4)).map(|_| item(chance)).collect();
                format!("[{}]", items.join(","))
            }
            "role_model_overrides" | "runtimes" => "{\"dev\":\"openclaw\"}".to_owned(),
            "jsonrpc" => "\"2.0\"".to_owned(),
            "method" if path.contains("mcp") => quoted(
                (*chance.pick(&[
                    "initialize",
                    "ping",
                    "tools/list",
                    "tools/call",
                    "tools/call",
                    "resources/list",
                    "x",
                ]))
                .into(),
            ),
            "params" if path.contains("mcp") => {
                // What a tool takes is named as in the typed routes.
                let of = chance.pick(&self.known.routes);
                let members: Vec<String> = of.fields.iter().map(|name| self.member(name, &of.path, chance)).collect();
                let tool = quoted(self.tool(chance));
                let ids: Vec<String> = ["project", "task", "chat", "signal"]
                    .iter()
                    .map(|kind| format!("\"{kind}\":{}", quoted(self.pool.id(kind, chance))))
                    .collect();
                format!("{{\"name\":{tool},\"arguments\":{{{}}}}}", [ids, members].concat().join(","))
            }
            "params" => format!("{{\"sessionKey\":{},\"message\":\"m\"}}", quoted(self.pool.any(chance))),
            _ if IS_A_SWITCH.contains(&name) => chance.pick(&["true", "false", "0", "1", "\"true\""]).to_string(),
            _ if IS_A_NUMBER.contains(&name) => {
                chance.pick(&["0", "1", "2", "5", "100", "4294967296", "9007199254740993", "-1", "0.5"]).to_string()
            }
            _ => one(self, chance),
        }
    }

    /// A name of something that could be done, for whoever has tools.
    fn tool(&self, chance: &mut Chance) -> String {
        if self.known.tools.is_empty() || chance.once_in(10) {
            return text(chance, &self.pool.all());
        }
        chance.pick(&self.known.tools).clone()
    }

    /// Text that could be meant.
    fn plain(&self, name: &str, path: &str, chance: &mut Chance) -> String {
        if chance.once_in(24) {
            return text(chance, &self.pool.all());
        }
        if name == "slug" && !chance.once_in(4) {
            return format!("s-{}", chance.below(1_000_000));
        }
        let a_moment = ["load_older", "load_back", "search_chats"].iter().any(|function| path.ends_with(function));
        if name == "before" && a_moment {
            return "4000000000000".to_owned();
        }
        if name == "prompt_version_id" {
            return self.pool.id("version", chance);
        }
        let has_words = ["message", "instead_of"].contains(&name) && !path.starts_with("/fn/");
        if let (Some(kind), false) = (Pool::kind_of(name, path), has_words) {
            return self.pool.id(kind, chance);
        }
        if let Some(words) = self.known.words.get(name) {
            return chance.pick(words).clone();
        }
        let word = match name {
            "method" => *chance.pick(&["chat.send", "chat.history", "sessions.list", "sessions.preview", "config.get"]),
            "action" => *chance.pick(&["mark_failed", "retry", "done", "ready"]),
            "type" => *chance.pick(&["message", "request_input", "escalation", "system", "chat"]),
            "to" | "status" | "column" | "was" => {
                *chance.pick(&["backlog", "ready", "in_progress", "in_review", "blocked", "done", "paused", "running"])
            }
            "delivery_status" => *chance.pick(&["sent", "delivered", "processing", "responded", "failed"]),
            "scope" => *chance.pick(&["read", "write", "agent", "admin"]),
            "role" => *chance.pick(&["dev", "pm", "reviewer", "owner", "viewer"]),
            "kind" => *chance.pick(&["question", "blocker", "fyi", "task", "message"]),
            "severity" => *chance.pick(&["info", "warning", "critical", "normal", "urgent"]),
            "author_type" => *chance.pick(&["agent", "human", "coordinator"]),
            "author" | "agent" | "agentId" | "actor" | "assignee" | "requestedBy" | "triggeredBy" | "created_by" => {
                *chance.pick(&["ada", "dan", "kimi-coder", "system"])
            }
            "session_key" | "sessionKey" | "agent_session_key" | "session_id" | "sessionId" => {
                *chance.pick(&["agent:main:main", "s-main", "main", "clutch:site:x"])
            }
            "run_id" | "runId" => *chance.pick(&["run-1", "run-2", "run-3"]),
            "agent_model" | "model" => *chance.pick(&["moonshot/kimi", "zai/glm", "x"]),
            "branch" => *chance.pick(&["fix/nest", "main"]),
            "color" => "#112233",
            "github_repo" => "a/b",
            "local_path" | "path" => *chance.pick(&["/tmp", "~", "~/x"]),
            "context_path" => "docs",
            "repo_url" | "prUrl" => "https://github.com/a/b/pull/7",
            "chat_layout" => *chance.pick(&["slack", "imessage"]),
            "spot" => *chance.pick(&["end", "top"]),
            "field" => *chance.pick(&["title", "description", "assignee", "branch"]),
            // Never one that is there: nobody else's server is asked.
            "repo" => "..",
            "key" => "",
            "limit" | "offset" | "age_minutes" | "days" | "expected" | "version" | "max_agents" | "at" => {
                *chance.pick(&["0", "1", "50", "-1", "1700000000000"])
            }
            "on" | "seen" | "need" | "paused" | "running" | "loop_on" => *chance.pick(&["true", "false"]),
            "unread" | "blocking" | "unresponded" | "now" => *chance.pick(&["true", "false", ""]),
            _ if chance.once_in(3) => return text(chance, &self.pool.all()),
            _ => "Words of a person, and **some** that are `marked`.",
        };
        word.to_owned()
    }

    fn path(&self, pattern: &str, chance: &mut Chance) -> String {
        let mut out = String::new();
        for (n, part) in pattern.split(['{', '}']).enumerate() {
            if n % 2 == 0 {
                out.push_str(part);
                continue;
            }
            let filled = match Pool::kind_of(part, pattern).or(Pool::kind_of("id", &out)) {
                _ if chance.once_in(12) => text(chance, &self.pool.all()),
                Some(kind) => self.pool.id(kind, chance),
                None => self.pool.any(chance),
            };
            out.push_str(&encoded(&filled));
        }
        if chance.once_in(40) {
            let trick = *chance.pick(&["/", "//", "/..", "/%2e%2e/", ";x=1", "%00", "?", "#x", "%", "/%ff", "\\"]);
            out.push_str(trick);
        }
        out
    }

    fn function(&self, chance: &mut Chance) -> Request {
        let mut function = chance.pick(&self.known.functions);
        while function.0 == "/fn/delete_project" && !chance.once_in(20) {
            function = chance.pick(&self.known.functions);
        }
        let (path, arguments) = function;
        let mut headers = self.caller(chance);
        headers.push("content-type: application/x-www-form-urlencoded".into());
        headers.push(format!("referer: http://{}/", self.program.address));
        let body = self.form_of(path, arguments, chance);
        let parts = Parts { method: "POST".into(), path: path.clone(), headers, body };
        self.made(format!("POST {path}"), parts, chance)
    }

    fn form(&self, chance: &mut Chance) -> Request {
        let (path, fields) = chance.pick(&self.known.forms);
        let mut headers = self.caller(chance);
        if path == "/logout" {
            // Or nobody would be left to go on.
            headers.retain(|line| !line.starts_with("cookie:"));
        }
        headers.push("content-type: application/x-www-form-urlencoded".into());
        let body = self.form_of(path, fields, chance);
        let parts = Parts { method: "POST".into(), path: path.clone(), headers, body };
        self.made(format!("POST {path}"), parts, chance)
    }

    fn form_of(&self, path: &str, fields: &[String], chance: &mut Chance) -> Vec<u8> {
        let mut form = String::new();
        for name in fields {
            // A place is beside one card, or at an end.
            let leave_out = if ["before", "after"].contains(&name.as_str()) { 2 } else { 12 };
            if !chance.once_in(leave_out) {
                form.push_str(&format!("{name}={}&", encoded(&self.plain(name, path, chance))));
            }
        }
        if chance.once_in(30) {
            form.push_str(chance.pick::<&str>(&["a[b][c]=1", "%ff=%", "&&&=", "x[0]=1&x[0][y]=2"]));
        }
        form.into_bytes()
    }

    fn upload(&self, chance: &mut Chance) -> Request {
        let mut headers = self.caller(chance);
        headers.push("content-type: multipart/form-data; boundary=b".into());
        let path = "/api/upload/image".to_owned();
        let parts = Parts { method: "POST".into(), path, headers, body: multipart(chance, &self.pool.all()) };
        self.made("POST /api/upload/image".into(), parts, chance)
    }

    fn page(&self, chance: &mut Chance) -> Request {
        let page = chance.pick(&self.known.pages);
        let name = *chance.pick(&["task", "chat", "new", "__err", "__path", "m", "q", "column", "after", "next"]);
        let path = format!("{}?{name}={}", self.path(page, chance), encoded(&self.plain(name, page, chance)));
        let mut headers = self.caller(chance);
        headers.push("accept: text/html".into());
        let parts = Parts { method: "GET".into(), path, headers, body: Vec::new() };
        self.made(format!("GET {page}"), parts, chance)
    }

    fn broken_bytes(&self, chance: &mut Chance) -> Request {
        let route = chance.pick(&self.known.routes);
        let (method, path) = (&route.method, self.path(&route.path, chance));
        let host = self.program.host();
        let mut bytes = format!("{method} {path} HTTP/1.1\r\n{host}\r\nconnection: close\r\n\r\n").into_bytes();
        for _ in 0..1 + chance.below(5) {
            let at = chance.below(bytes.len());
            bytes[at] = chance.next() as u8;
        }
        Request { what: "broken bytes".into(), path, bytes, sound: false, whole: false, head: false }
    }

    /// The bytes of it, sometimes cut off, in pieces, or with a head that is odd.
    fn made(&self, what: String, parts: Parts, chance: &mut Chance) -> Request {
        let Parts { method, path, mut headers, body } = parts;
        let mut sound = !path.contains(['\\', '#', ' ']);
        let mut whole = true;
        if chance.once_in(25) {
            let odd = *chance.pick(&ODD_HEADS);
            whole = !odd.starts_with("expect") && !odd.starts_with("connection");
            sound &= !odd.starts_with("expect") && !odd.starts_with("connection");
            headers.push(odd.to_owned());
        }
        if chance.once_in(200) {
            headers.push(format!("x-long: {}", "y".repeat(1 << chance.below(18))));
            sound = false;
        }
        headers.push(self.program.host());
        let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
        if !headers.iter().any(|line| line.starts_with("connection:")) {
            headers.push("connection: close".into());
        }
        let pieces = chance.once_in(40);
        headers.push(if pieces {
            "transfer-encoding: chunked".into()
        } else {
            format!("content-length: {}", body.len())
        });
        for line in &headers {
            bytes.extend(line.as_bytes());
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"\r\n");
        if pieces {
            for piece in body.chunks(1 + chance.below(5_000)) {
                bytes.extend(format!("{:x}\r\n", piece.len()).as_bytes());
                bytes.extend(piece);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(body);
        }
        if chance.once_in(150) {
            bytes.truncate(chance.below(bytes.len()));
            sound = false;
            whole = false;
        }
        Request { what, path, bytes, sound, whole, head: method == "HEAD" }
    }
}

const IS_A_SWITCH: [&str; 10] = [
    "requires_human_review",
    "force",
    "reopen",
    "read",
    "send",
    "is_automated",
    "typing",
    "work_loop_enabled",
    "skip_validation",
    "archived",
];
const IS_A_NUMBER: [&str; 9] = [
    "pr_number",
    "new_index",
    "retry_count",
    "cooldown_until",
    "age_threshold_minutes",
    "work_loop_max_agents",
    "active_agents",
    "current_cycle",
    "index",
];

fn multipart(chance: &mut Chance, ids: &[String]) -> Vec<u8> {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";
    let mut file = PNG.to_vec();
    for _ in 0..chance.below(6) {
        let at = chance.below(file.len());
        file[at] = chance.next() as u8;
    }
    if chance.once_in(8) {
        file = chance.bytes(5_000);
    }
    let (name, mime) =
        (text(chance, ids).replace(['"', '\r', '\n'], ""), *chance.pick(&["image/png", "image/gif", "text/html", ""]));
    let field = *chance.pick(&["image", "image", "file", ""]);
    let mut body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: {mime}\r\n\r\n"
    )
    .into_bytes();
    body.extend(file);
    if !chance.once_in(6) {
        body.extend(b"\r\n--b--\r\n");
    }
    body
}
