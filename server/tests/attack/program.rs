//! The program as a process, and requests to it as bytes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use clutch_domain::{
    doc::Kind,
    invariant::Everything,
    range::{Fetch, Range},
};
use clutch_orchestrator::store::Store;
use clutch_store::SqliteStore;
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
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// The answer so far, and whether that is all of it; one without a length ends with its connection, and a stream of
/// events has said enough when it begins.
fn parsed(all: &[u8]) -> Option<(Answer, bool)> {
    let end = all.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let answer = Answer { status, head, body: all[end + 4..].to_vec() };
    let length = answer.header("content-length").and_then(|n| n.parse::<usize>().ok());
    let endless = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
    let complete = status == 101 || endless || length.is_some_and(|length| answer.body.len() >= length);
    Some((answer, complete))
}

/// How a program is started.
#[derive(Default)]
pub struct Start {
    /// Whether people log in.
    pub log_in: bool,
    /// A gateway, where there is one.
    pub gateway: Option<String>,
}

/// The password of the owner, where people log in.
pub const PASSWORD: &str = "correct horse battery staple";

impl Program {
    /// Starts it in a fresh folder, with a site of a few files and secrets around it.
    pub fn start() -> Self {
        Self::start_with(&Start::default())
    }

    /// `CLUTCH_BIN` names another build of it.
    pub fn start_with(start: &Start) -> Self {
        let program = std::env::var("CLUTCH_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_clutch").to_owned());
        let home = tempfile::tempdir().unwrap();
        let site = home.path().join("site");
        std::fs::create_dir_all(site.join("pkg")).unwrap();
        std::fs::write(site.join("pkg/clutch.js"), "export default 1").unwrap();
        std::fs::write(site.join("favicon.svg"), "<svg/>").unwrap();
        std::fs::write(home.path().join("outside.js"), SECRET).unwrap();
        std::fs::write(site.join(".env.local"), SECRET).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", home.path().join("passwd.js")).unwrap();
        let ready = home.path().join("ready");
        let child = Command::new(program)
            .env_clear()
            .envs(start.log_in.then_some(("CLUTCH_PASSWORD", PASSWORD)))
            .env("HOME", home.path())
            .env("OPENCLAW_WS_URL", start.gateway.as_deref().unwrap_or("ws://127.0.0.1:1"))
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
        self.exchange(bytes, whole).unwrap_or_else(|why| {
            panic!("{why}: {}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]));
        })
    }

    /// The same; `Err` where it is not there, or does not answer.
    pub fn exchange(&self, bytes: &[u8], whole: bool) -> Result<Option<Answer>, String> {
        let mut stream = TcpStream::connect(self.address).map_err(|why| format!("no connection: {why}"))?;
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
                    if ended {
                        return Err(format!("no answer in {PATIENCE:?}"));
                    }
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
        Ok(answer.map(|(answer, _)| answer))
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

    /// A call that must succeed, of whomever these header lines name.
    fn post(&self, who: &[String], path: &str, body: &Value) -> Value {
        let lines = [who, &[self.host(), "content-type: application/json".to_owned()]].concat();
        let answer = self.ask("POST", path, &lines, body.to_string().as_bytes()).unwrap();
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[self.host()], b"").unwrap()
    }

    /// One of each; their ids.
    pub fn furnish(&self, n: u64) -> Vec<String> {
        self.furnished(&[], n).into_iter().take(7).map(|(_, id)| id).collect()
    }

    /// The same of whomever these header lines name, with what each is.
    pub fn furnished(&self, who: &[String], n: u64) -> Vec<(&'static str, String)> {
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let post = |path: &str, body: &Value| self.post(who, path, body);
        let slug = format!("site-{n}");
        let project = id(&post("/api/projects", &json!({ "name": slug, "slug": slug }))["project"]);
        let task =
            || post("/api/tasks", &json!({ "project_id": project, "title": "t", "status": "ready" }))["task"].clone();
        let (first, other) = (task(), task());
        let (task, other, number) = (id(&first), id(&other), first["number"].to_string());
        let chat = id(&post("/api/chats", &json!({ "project_id": project }))["chat"]);
        let said = post(&format!("/api/chats/{chat}/messages"), &json!({ "content": "m" }));
        let raised = json!({ "taskId": task, "sessionKey": "s", "agentId": "a", "kind": "question", "message": "m" });
        let signal = id(&post("/api/signal", &raised)["signal"]);
        let wait = post(&format!("/api/tasks/{task}/dependencies"), &json!({ "depends_on_id": other }));
        let comment = post(&format!("/api/tasks/{task}/comments"), &json!({ "content": "c" }));
        let notice = post("/api/notifications", &json!({ "message": "n", "taskId": task }));
        let prompt = post("/api/prompts", &json!({ "role": "dev", "content": "Do it." }));
        vec![
            ("project", project),
            ("task", task),
            ("task", other),
            ("chat", chat),
            ("message", id(&said["message"])),
            ("signal", signal),
            ("slug", slug),
            ("number", number),
            ("dependency", id(&wait)),
            ("comment", id(&comment["comment"])),
            ("notification", id(&notice["notification"])),
            ("version", id(&prompt["version"])),
        ]
    }

    /// What `clutch` says on its command line.
    pub fn command(&self, words: &[&str]) -> String {
        let data = self.folder().join("data");
        let mut command = Command::new(env!("CARGO_BIN_EXE_clutch"));
        command.env_clear().env("HOME", self.folder()).args(words).arg("--data-dir").arg(data).stdin(Stdio::null());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    /// The most memory that it ever had, in megabytes.
    pub fn memory_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// Stops it as people do, and looks at what it has kept: all of it, by what must always be true.
    pub fn ends_in_order(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
        let store = SqliteStore::open(&self.folder().join("data")).unwrap();
        let ranges =
            Kind::ALL.iter().map(|kind| Range::All { kind: *kind, after: None, limit: u32::MAX / 2 }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let all = runtime.block_on(store.read(&Fetch { scopes: Vec::new(), ranges })).unwrap().value;
        let broken = Everything::of(all.docs().map(|doc| &doc.body)).broken();
        println!("measured: {} documents at the end, {} laws broken", all.len(), broken.len());
        assert!(broken.is_empty() && all.len() > 10, "{:#?}", &broken[..broken.len().min(10)]);
    }

    /// It lives, answers, and its log has no error and no panic.
    pub fn is_well(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it has ended");
        assert_eq!(self.get("/health").status, 200);
        let logs = self.folder().join("data/logs");
        for entry in std::fs::read_dir(&logs).unwrap() {
            let path = entry.unwrap().path();
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let mut lines = text.lines().skip_while(|line| !line.contains(" ERROR "));
            if let Some(error) = lines.next() {
                let ours = lines.filter(|line| line.contains("./") || line.contains("ERROR")).take(30);
                panic!("{}: {error}\n{}", path.display(), ours.collect::<Vec<_>>().join("\n"));
            }
            assert!(!text.contains(SECRET), "{} holds the secret", path.display());
        }
        assert!(!self.uploads().join("passwd").exists());
    }
}

/// Stands where nobody may read, and is the gateway's token.
pub const SECRET: &str = "canary-of-the-attack";
