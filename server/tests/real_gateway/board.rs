//! A running server, asked as programs and browsers ask it, and a line to the gateway that can be cut.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

/// Longest wait for anything: first turns on a busy machine take many seconds, and a lost run is given up
/// after a minute of silence.
pub const LONG: Duration = Duration::from_secs(240);
/// Between two looks at something that nobody tells.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until a look finds something.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LONG, "never {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A way to the gateway that can be cut: what goes over it ends, the next connection gets through.
pub struct Wire {
    pub port: u16,
    open: Arc<Mutex<JoinSet<()>>>,
    _taking: JoinSet<()>,
}

impl Wire {
    pub async fn to(gateway: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(Mutex::new(JoinSet::new()));
        let mut taking = JoinSet::new();
        taking.spawn({
            let open = open.clone();
            async move {
                while let Ok((mut near, _)) = listener.accept().await {
                    let carry = async move {
                        let Ok(mut far) = tokio::net::TcpStream::connect(("127.0.0.1", gateway)).await else { return };
                        // How it ended is for the two to find out.
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    };
                    open.lock().unwrap_or_else(PoisonError::into_inner).spawn(carry);
                }
            }
        });
        Self { port, open, _taking: taking }
    }

    pub fn cut(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// A server with a data folder that outlives it.
pub struct Board {
    home: tempfile::TempDir,
    gateway: u16,
    child: Child,
    address: String,
    cookie: String,
}

impl Drop for Board {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(home: &std::path::Path, gateway: u16) -> (Child, PathBuf) {
    let ready = home.join("ready");
    // Left behind by one that was killed.
    let _ = fs::remove_file(&ready);
    let mut command = Command::new(env!("CARGO_BIN_EXE_clutch"));
    command.env_clear().env("HOME", home).current_dir(home);
    command.env("OPENCLAW_WS_URL", format!("ws://127.0.0.1:{gateway}"));
    command.env("OPENCLAW_TOKEN", super::gateway::TOKEN);
    command.args(["serve", "--port", "0", "--ready-file"]).arg(&ready).arg("--data-dir").arg(home.join("data"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    (child, ready)
}

impl Board {
    pub async fn start(gateway: u16) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (child, ready) = serve(home.path(), gateway);
        let mut board = Self { home, gateway, child, address: String::new(), cookie: String::new() };
        board.opens(ready).await;
        board
    }

    async fn opens(&mut self, ready: PathBuf) {
        let log = self.home.path().join("data/logs/server.log");
        let child = &mut self.child;
        let address = until("ready", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "it does not serve: {}", fs::read_to_string(&log).unwrap_or_default());
            let text = fs::read_to_string(&ready).ok()?;
            text.strip_suffix('\n')?.strip_prefix("http://").map(str::to_owned)
        });
        self.address = address.await;
        let (_, head, _) = self.send("GET", "/", &[("accept", "text/html")], "");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
    }

    /// SIGKILL, and another start in the same folder.
    pub async fn dies_and_comes_back(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let (child, ready) = serve(self.home.path(), self.gateway);
        self.child = child;
        self.opens(ready).await;
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(stream, "{head}\r\n{body}").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head.replace("\r\n", "\n"), body.to_owned())
    }

    /// A call of a program; the JSON of a success.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let json = [("content-type", "application/json"), ("accept-encoding", "identity")];
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, head, answer) = self.send(method, path, &json, &text);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        let answer = if head.contains("transfer-encoding: chunked") { unchunked(&answer) } else { answer };
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// A person presses Stop.
    #[track_caller]
    pub fn stop(&self, chat: &str) {
        let person = [
            ("cookie", self.cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
        ];
        let (status, _, answer) = self.send("POST", "/fn/stop_answer", &person, &format!("chat={chat}"));
        assert!((200..400).contains(&status), "{status} {answer}");
    }

    /// A chat of a new project.
    pub fn chat(&self) -> String {
        let project = self.call("POST", "/api/projects", &json!({ "name": "Feeder", "slug": "feeder" }));
        let project = project["project"]["id"].clone();
        let chat = self.call("POST", "/api/chats", &json!({ "project_id": project, "title": "Talk" }));
        chat["chat"]["id"].as_str().unwrap().to_owned()
    }

    /// Words for the agent; answers the message's id.
    pub fn say(&self, chat: &str, words: &str) -> String {
        let body = json!({ "content": words, "author": "dan", "send": true });
        let said = self.call("POST", &format!("/api/chats/{chat}/messages"), &body);
        said["message"]["id"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
    }

    /// All messages of a chat, oldest first.
    pub fn messages(&self, chat: &str) -> Vec<Value> {
        let mut all = self.call("GET", &format!("/api/chats/{chat}/messages"), &Value::Null)["messages"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        all.sort_by_key(|message| message["created_at"].as_i64());
        all
    }

    /// The answers of the agent so far.
    pub fn answers(&self, chat: &str) -> Vec<String> {
        let from_agent = |message: &Value| {
            (message["author"] == "ada").then(|| message["content"].as_str().unwrap_or_default().to_owned())
        };
        self.messages(chat).iter().filter_map(from_agent).collect()
    }

    /// How far a message came.
    pub fn status(&self, chat: &str, message: &str) -> String {
        let all = self.messages(chat);
        let found = all.iter().find(|m| m["id"] == message).unwrap_or_else(|| panic!("{message} is not in {all:?}"));
        found["delivery_status"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a message came so far.
    pub async fn reaches(&self, chat: &str, message: &str, wanted: &[&str]) -> String {
        let what = format!("{wanted:?}");
        until(&what, || Some(self.status(chat, message)).filter(|status| wanted.contains(&status.as_str()))).await
    }
}

fn unchunked(body: &str) -> String {
    let (mut rest, mut whole) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        if size == 0 {
            break;
        }
        whole.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    whole
}
