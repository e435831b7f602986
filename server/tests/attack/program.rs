//! The program as a process, and requests to it as bytes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything may take; the program's own bounds are shorter.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long bytes that may be no whole request are waited with before they are ended.
const MOMENT: Duration = Duration::from_millis(100);

/// A program that runs, with a folder of its own.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
    home: TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The answer so far, and whether that is all of it; one without a length ends with its connection.
fn parsed(all: &[u8]) -> Option<(Answer, bool)> {
    let end = all.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head
        .lines()
        .find_map(|l| l.to_lowercase().strip_prefix("content-length: ").and_then(|n| n.parse::<usize>().ok()));
    let body = all[end + 4..].to_vec();
    let complete = status == 101 || length.is_some_and(|length| body.len() >= length);
    Some((Answer { status, body }, complete))
}

impl Program {
    /// Starts it in a fresh folder, with a site of a few files and secrets around it.
    pub fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let site = home.path().join("site");
        std::fs::create_dir_all(site.join("pkg")).unwrap();
        std::fs::write(site.join("pkg/clutch.js"), "export default 1").unwrap();
        std::fs::write(site.join("favicon.svg"), "<svg/>").unwrap();
        std::fs::write(home.path().join("outside.js"), SECRET).unwrap();
        std::fs::write(site.join(".env.local"), SECRET).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", home.path().join("passwd.js")).unwrap();
        let ready = home.path().join("ready");
        let child = Command::new(env!("CARGO_BIN_EXE_clutch"))
            .env_clear()
            .env("HOME", home.path())
            .env("OPENCLAW_WS_URL", "ws://127.0.0.1:1")
            .env("OPENCLAW_TOKEN", SECRET)
            .env("LEPTOS_SITE_ROOT", &site)
            .current_dir(home.path())
            .args(["serve", "--port", "0", "--ready-file"])
            .arg(&ready)
            .arg("--data-dir")
            .arg(home.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut program = Self { child, address: ([127, 0, 0, 1], 0).into(), home };
        let began = Instant::now();
        program.address = loop {
            assert_eq!(program.child.try_wait().unwrap(), None, "it does not serve");
            let text = std::fs::read_to_string(&ready).unwrap_or_default();
            if let Some(address) = text.trim().strip_prefix("http://").and_then(|a| a.parse().ok()) {
                break address;
            }
            assert!(began.elapsed() < PATIENCE, "it does not start");
            thread::sleep(Duration::from_millis(10));
        };
        program
    }

    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    fn uploads(&self) -> PathBuf {
        self.folder().join("data/uploads/images")
    }

    /// Bytes to the program, and what comes back. `None`: it closed without an answer. Bytes that are no whole
    /// request are waited with for a moment, then ended.
    pub fn raw(&self, bytes: &[u8], whole: bool) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(if whole { PATIENCE } else { MOMENT })).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        // It may refuse before it has read everything; what it said is read all the same.
        let _ = stream.write_all(bytes);
        let (mut all, mut piece, mut ended) = (Vec::new(), vec![0; 16 * 1024], whole);
        let mut answer = None;
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => all.extend(&piece[..read]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    let what = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
                    assert!(!ended, "no answer in {PATIENCE:?}: {what}");
                    ended = true;
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                }
                Err(_) => break,
            }
            answer = parsed(&all);
            if answer.as_ref().is_some_and(|(_, complete)| *complete) {
                break;
            }
        }
        answer.map(|(answer, _)| answer)
    }

    /// A request with these header lines, `host` included if it shall have one.
    pub fn ask(&self, method: &str, path: &str, lines: &[String], body: &[u8]) -> Option<Answer> {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
        if !lines.iter().any(|line| line.starts_with("connection:")) {
            bytes.extend(b"connection: close\r\n");
        }
        for line in lines {
            bytes.extend(line.as_bytes());
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend(body);
        self.raw(&bytes, true)
    }

    pub fn host(&self) -> String {
        format!("host: {}", self.address)
    }

    /// A program's call that must succeed.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let lines = [self.host(), "content-type: application/json".to_owned()];
        let answer = self.ask("POST", path, &lines, body.to_string().as_bytes()).unwrap();
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[self.host()], b"").unwrap()
    }

    /// One of each; their ids.
    pub fn furnish(&self, n: u64) -> Vec<String> {
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let slug = format!("site-{n}");
        let project = id(&self.post("/api/projects", &json!({ "name": slug, "slug": slug }))["project"]);
        let task = || {
            let body = json!({ "project_id": project, "title": "t", "status": "ready" });
            id(&self.post("/api/tasks", &body)["task"])
        };
        let (task, other) = (task(), task());
        let chat = id(&self.post("/api/chats", &json!({ "project_id": project }))["chat"]);
        let said = self.post(&format!("/api/chats/{chat}/messages"), &json!({ "content": "m" }));
        let raised = json!({ "taskId": task, "sessionKey": "s", "agentId": "a", "kind": "question", "message": "m" });
        let signal = id(&self.post("/api/signal", &raised)["signal"]);
        vec![project, task, other, chat, id(&said["message"]), signal, slug]
    }

    /// It lives, answers, and has never panicked.
    pub fn is_well(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it has ended");
        assert_eq!(self.get("/health").status, 200);
        let logs = self.folder().join("data/logs");
        for entry in std::fs::read_dir(&logs).unwrap() {
            let path = entry.unwrap().path();
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let mut lines = text.lines().skip_while(|line| !(line.contains("ERROR") && line.contains(" panic ")));
            if let Some(panic) = lines.next() {
                let ours = lines.filter(|line| line.contains("./") || line.contains("ERROR")).take(30);
                panic!("{}: {panic}\n{}", path.display(), ours.collect::<Vec<_>>().join("\n"));
            }
            assert!(!text.contains(SECRET), "{} holds the secret", path.display());
        }
        assert!(!self.uploads().join("passwd").exists());
    }
}

/// Stands where nobody may read, and is the gateway's token.
pub const SECRET: &str = "canary-of-the-attack";
