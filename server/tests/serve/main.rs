//! The built program, as people start and stop it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod canary;
mod gate;
mod proxy;
mod starts;
mod tokens;
mod webhooks;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{self, Message};

/// A start on a busy machine; usually a fraction of a second.
const START_MAX: Duration = Duration::from_secs(60);
/// Five seconds of grace for open requests, and some for a busy machine.
const END_MAX: Duration = Duration::from_secs(20);
/// How often a condition is looked at that nothing announces.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const TOKEN: &str = "s3cret-t0ken-nobody-may-see";

/// What `look` finds within this time.
fn within<T>(most: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    while began.elapsed() < most {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(LOOK_EVERY);
    }
    None
}

fn wait_for<T>(what: &str, most: Duration, look: impl FnMut() -> Option<T>) -> T {
    within(most, look).unwrap_or_else(|| panic!("{what} did not happen in {most:?}"))
}

/// The program; `CLUTCH_BIN` names another build of it.
fn program() -> String {
    std::env::var("CLUTCH_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_clutch").to_owned())
}

/// `clutch serve` with an environment of its own: nothing of the machine's settings counts.
fn clutch(home: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .env_clear()
        .env("HOME", home)
        .env("OPENCLAW_WS_URL", "ws://127.0.0.1:1")
        .current_dir(home)
        .arg("serve")
        .stdin(Stdio::null());
    command
}

/// A server that runs; killed when the test ends early.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(home: &Path, data: &Path, set: &[(&str, &str)]) -> Self {
        let ready = home.join(format!("ready-{:?}", Instant::now()).replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let mut command = clutch(home);
        command.args(["--port", "0", "--ready-file"]).arg(&ready).arg("--data-dir").arg(data).envs(set.iter().copied());
        let said = ready.with_extension("err");
        let errors = std::fs::File::create(&said).unwrap();
        let mut child = command.stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        let address = wait_for("the start", START_MAX, || {
            let ended = child.try_wait().unwrap();
            assert_eq!(ended, None, "it does not serve: {}", std::fs::read_to_string(&said).unwrap_or_default());
            let text = std::fs::read_to_string(&ready).ok()?;
            text.trim_end().strip_prefix("http://")?.parse().ok().filter(|_| text.ends_with('\n'))
        });
        Self { child, address }
    }

    /// One request on a connection of its own: status, headers, body. An error is a connection that broke.
    fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> std::io::Result<(u16, String, String)> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(START_MAX))?;
        let (address, length) = (self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n{body}"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let broken = || std::io::Error::other(format!("half an answer: {answer:?}"));
        let (head, rest) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(broken)?;
        let length = head.lines().find_map(|l| {
            l.to_lowercase().strip_prefix("content-length: ").and_then(|n| n.trim().parse::<usize>().ok())
        });
        if length.is_some_and(|length| rest.len() < length) {
            return Err(broken());
        }
        Ok((status, head.to_owned(), rest.to_owned()))
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.ask("GET", path, "", "").unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    fn post(&self, path: &str, body: &Value) -> std::io::Result<(u16, Value)> {
        let (status, _, body) = self.ask("POST", path, "content-type: application/json\r\n", &body.to_string())?;
        Ok((status, serde_json::from_str(&body).unwrap_or(Value::String(body))))
    }

    fn project(&self) -> String {
        let (status, made) = self.post("/api/projects", &json!({ "name": "Site", "slug": "site" })).unwrap();
        assert_eq!(status, 201, "{made}");
        made["project"]["id"].as_str().unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn ends(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the end", END_MAX, || child.try_wait().unwrap())
    }

    fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.ends().code(), Some(0));
    }
}

/// A start that must fail: its sentence, and within what time.
fn refused(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if within(START_MAX, || child.try_wait().unwrap()).is_none() {
        let _ = child.kill();
        panic!("it serves instead of refusing");
    }
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(stdout.is_empty(), "{:?}", String::from_utf8_lossy(&stdout));
    assert_eq!(said.lines().count(), 1, "one sentence, no trace: {said}");
    said.strip_prefix("clutch: ").unwrap_or_else(|| panic!("{said}")).trim_end().to_owned()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn it_answers_when_it_is_ready_and_goes_when_it_is_asked() {
    let home = folder();
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(home.path(), &home.path().join("data"), &[]);
        let (status, health) = server.get("/health");
        assert_eq!(
            (status, &health["status"], &health["version"]),
            (200, &json!("ok"), &json!(env!("CARGO_PKG_VERSION")))
        );
        // Somebody who is connected and says nothing does not hold it up.
        let idle = TcpStream::connect(server.address).unwrap();
        let began = Instant::now();
        server.signal(signal);
        assert_eq!(server.ends().code(), Some(0), "{signal}");
        println!("measured: {signal} to the end with a silent connection: {} ms", began.elapsed().as_millis());
        drop(idle);
        assert!(TcpStream::connect(server.address).is_err(), "the port is free again");
    }
}

#[test]
fn open_tabs_are_told_that_it_goes() {
    let home = folder();
    let mut server = Server::start(home.path(), &home.path().join("data"), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bye = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let (mut tab, _) =
            tokio_tungstenite::client_async(format!("ws://{}/live", server.address), stream).await.unwrap();
        let first = tab.next().await.unwrap().unwrap();
        server.signal("TERM");
        let mut frames = vec![first.to_string()];
        let rest = async {
            while let Some(Ok(frame)) = tab.next().await {
                if frame.is_text() {
                    frames.push(frame.to_string());
                }
            }
        };
        tokio::time::timeout(END_MAX, rest).await.expect("the tab is kept open");
        frames
    });
    assert_eq!(bye.last().map(String::as_str), Some(r#"{"t":"bye"}"#), "{bye:?}");
    assert_eq!(server.ends().code(), Some(0));
}

#[test]
fn what_was_kept_is_there_after_a_restart() {
    let home = folder();
    let data = home.path().join("data");
    let server = Server::start(home.path(), &data, &[]);
    let id = server.project();
    server.stop();
    let server = Server::start(home.path(), &data, &[]);
    assert_eq!(server.get("/api/projects/site").1["project"]["id"], json!(id));
    server.stop();
}

#[test]
fn one_folder_has_one_server() {
    let home = folder();
    let data = home.path().join("data");
    let server = Server::start(home.path(), &data, &[]);
    let mut second = clutch(home.path());
    second.args(["--port", "0", "--data-dir"]).arg(&data);
    let sentence = refused(second);
    assert!(sentence.contains(&data.display().to_string()), "it names the folder: {sentence}");
    assert_eq!(server.get("/health").0, 200, "the first one does not mind");
    server.stop();
}

#[test]
fn a_taken_port_is_said() {
    let home = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = clutch(home.path());
    command.args(["--port", &port]);
    assert_eq!(
        refused(command),
        format!("Port {port} is taken by another program. Stop it, or choose another port with --port.")
    );
}

#[test]
fn other_machines_are_refused_with_how_to() {
    let home = folder();
    for (set, flags) in [
        (vec![], vec!["--host", "0.0.0.0"]),
        (vec![], vec!["--host", "::"]),
        (vec![("CLUTCH_HOST", "0.0.0.0")], vec![]),
        (vec![("HOST", "192.0.2.7")], vec![]),
    ] {
        let mut command = clutch(home.path());
        command.args(["--port", "0"]).args(&flags).envs(set.iter().copied());
        let sentence = refused(command);
        for needed in ["Refusing to listen on", "CLUTCH_PASSWORD", "127.0.0.1", "ssh -L"] {
            assert!(sentence.contains(needed), "{set:?} {flags:?}: {sentence}");
        }
    }
    let mut command = clutch(home.path());
    command.args(["--port", "0"]).env("CLUTCH_ALLOWED_HOSTS", "board.example");
    let sentence = refused(command);
    assert!(sentence.contains("board.example") && sentence.contains("Unset it"), "{sentence}");
    assert!(!home.path().join(".local").exists(), "nothing was made for a server that does not start");
}

#[test]
fn places_that_cannot_be_written_are_said() {
    let home = folder();
    let file = home.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let mut command = clutch(home.path());
    command.args(["--port", "0", "--data-dir"]).arg(file.join("data"));
    let sentence = refused(command);
    assert!(sentence.contains("CLUTCH_DATA_DIR") && sentence.contains("file/data"), "{sentence}");
    let mut command = clutch(home.path());
    command.args(["--port", "0"]).env("CLUTCH_LOG_DIR", file.join("logs"));
    let sentence = refused(command);
    assert!(sentence.contains("CLUTCH_LOG_DIR"), "{sentence}");
}

/// Everything that was answered with 201 before the process was killed is there afterwards.
#[test]
fn a_killed_server_has_lost_nothing_that_it_confirmed() {
    let home = folder();
    let data = home.path().join("data");
    let mut server = Server::start(home.path(), &data, &[]);
    let project = server.project();
    let mut confirmed: Vec<(String, String)> = Vec::new();
    for round in 0..3 {
        // Four writers; the kill comes while all of them are at it.
        let kept: Vec<(String, String)> = thread::scope(|scope| {
            let (server, project) = (&server, &project);
            let writer = move |n: u32| {
                let mut kept = Vec::new();
                for i in 0.. {
                    let title = format!("{round}-{n}-{i}");
                    match server.post("/api/tasks", &json!({ "project_id": project, "title": title })) {
                        Ok((201, made)) => kept.push((made["task"]["id"].as_str().unwrap().to_owned(), title)),
                        Ok((409, _)) => {}
                        Ok((status, body)) => panic!("{status} {body}"),
                        Err(_) => return kept,
                    }
                }
                kept
            };
            let writers: Vec<_> = (0..4).map(|n| scope.spawn(move || writer(n))).collect();
            wait_for("enough writes", START_MAX, || {
                let (_, list) = server.get("/api/projects/site");
                (list["project"]["task_count"].as_u64()? >= 40 * (round + 1)).then_some(())
            });
            server.signal("KILL");
            writers.into_iter().flat_map(|w| w.join().unwrap()).collect()
        });
        assert!(!server.ends().success());
        confirmed.extend(kept);
        server = Server::start(home.path(), &data, &[]);
        let (status, list) = server.get(&format!("/api/tasks?projectId={project}"));
        assert_eq!(status, 200);
        let tasks = list["tasks"].as_array().unwrap();
        for (id, title) in &confirmed {
            let found = tasks
                .iter()
                .find(|t| t["id"] == json!(id))
                .unwrap_or_else(|| panic!("{title} was confirmed and is lost"));
            assert_eq!(found["title"], json!(title));
        }
        // What was not confirmed is there whole or not at all: counts and numbers agree.
        assert_eq!(server.get("/api/projects/site").1["project"]["task_count"], json!(tasks.len()));
        let mut numbers: Vec<u64> = tasks.iter().map(|t| t["number"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=tasks.len() as u64).collect::<Vec<_>>());
    }
    println!("measured: {} confirmed writes survived three kills", confirmed.len());
    server.stop();
}

/// Everything below a folder, as text.
fn all_text(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_text(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

/// A gateway that asks who is there and lets nobody in. Answers its address, and what it was told.
fn refusing_gateway() -> (SocketAddr, Arc<Mutex<String>>) {
    let heard = Arc::new(Mutex::new(String::new()));
    let (listener, all) = (TcpListener::bind("127.0.0.1:0").unwrap(), heard.clone());
    let address = listener.local_addr().unwrap();
    // Ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut socket) = stream.map_err(drop).and_then(|s| tungstenite::accept(s).map_err(drop)) else {
                continue;
            };
            let challenge =
                json!({ "type": "event", "event": "connect.challenge", "payload": { "nonce": "n", "ts": 1 } });
            let _ = socket.send(Message::text(challenge.to_string()));
            while let Ok(frame) = socket.read() {
                let Ok(text) = frame.to_text() else { continue };
                all.lock().unwrap().push_str(text);
                let Ok(asked) = serde_json::from_str::<Value>(text) else { continue };
                let error = json!({ "code": "INVALID_REQUEST", "message": "unauthorized: gateway token mismatch" });
                let _ = socket.send(Message::text(
                    json!({ "type": "res", "id": asked["id"], "ok": false, "error": error }).to_string(),
                ));
            }
        }
    });
    (address, heard)
}

#[test]
fn the_gateways_token_never_leaves_the_server() {
    let home = folder();
    let (gateway, heard) = refusing_gateway();
    for (name, url, sent) in [
        ("nobody", "ws://127.0.0.1:1".to_owned(), false),
        ("refused", format!("ws://{gateway}"), true),
        ("address", format!("ws://user:{TOKEN}@{gateway}/?token={TOKEN}"), true),
    ] {
        heard.lock().unwrap().clear();
        let data = home.path().join(name);
        let server = Server::start(
            home.path(),
            &data,
            &[("OPENCLAW_TOKEN", TOKEN), ("OPENCLAW_WS_URL", &url), ("CLUTCH_LOG", "trace")],
        );
        let project = server.project();
        let made = server.post("/api/tasks", &json!({ "project_id": project, "title": "t" })).unwrap().1;
        let task = made["task"]["id"].as_str().unwrap();
        let places = [
            "/".to_owned(),
            "/projects/site/board".into(),
            "/projects/site/settings".into(),
            format!("/projects/site/board?task={task}"),
            "/nowhere".into(),
            "/health".into(),
            "/api/openclaw/status".into(),
            "/api/projects".into(),
            format!("/api/tasks?projectId={project}"),
            "/api/signal".into(),
            format!("/api/chats?projectId={project}"),
            "/fn/home".into(),
            "/.env.local".into(),
            "/proc/self/environ".into(),
            "/live".into(),
        ];
        wait_for("a try that failed", START_MAX, || server.get("/api/openclaw/status").1.get("error").map(drop));
        assert_eq!(heard.lock().unwrap().contains(TOKEN), sent, "{name}: the gateway itself is told");
        for place in &places {
            for method in ["GET", "POST"] {
                let (_, head, body) = server.ask(method, place, "accept: text/html\r\n", "").unwrap();
                assert!(
                    !head.contains(TOKEN) && !body.contains(TOKEN),
                    "{name}: {method} {place} gives the token away"
                );
            }
        }
        server.stop();
        let files = all_text(home.path());
        let logged = |word: &str| files.iter().any(|(path, text)| path.ends_with(".log") && text.contains(word));
        assert!(logged("TRACE"), "{name}: not everything was logged");
        for (path, text) in files {
            assert!(!text.contains(TOKEN), "{name}: {path} holds the token");
        }
    }
}

#[test]
fn without_words_it_says_what_there_is() {
    let home = folder();
    let bare = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_clutch"))
            .env_clear()
            .env("HOME", home.path())
            .current_dir(home.path())
            .args(args)
            .output()
            .unwrap()
    };
    let help = bare(&[]);
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("serve"));
    let settings = bare(&["serve", "--help"]);
    let text = String::from_utf8(settings.stdout).unwrap();
    for name in
        ["--port", "--host", "--data-dir", "--ready-file", "OPENCLAW_TOKEN", "CLUTCH_DATA_DIR", "WORK_LOOP_ENABLED"]
    {
        assert!(text.contains(name), "{name}");
    }
    assert_eq!(bare(&["dance"]).status.code(), Some(2));
    assert!(!home.path().join(".local").exists());
}
