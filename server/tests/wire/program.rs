//! The program on either engine.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::exchange::exchange;

/// A start on a busy machine; usually a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at that nothing announces.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A program that runs, with a folder of its own.
pub struct Program {
    pub address: SocketAddr,
    child: Child,
    folder: TempDir,
    /// What its data is in, where that is a process; ended after it.
    bridge: Option<Bridge>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.bridge.take());
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} did not happen in {PATIENCE:?}");
        thread::sleep(LOOK_EVERY);
    }
}

impl Program {
    /// Beside this gateway, or beside none; `set` says where it keeps its data.
    pub fn start(gateway: Option<&str>, set: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        std::fs::write(home.join("README.md"), "# Birds\n\nWhat sings.\n").unwrap();
        let (ready, said) = (home.join("ready"), home.join("said"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_clutch"))
            .env_clear()
            .env("HOME", home)
            .env("OPENCLAW_WS_URL", gateway.unwrap_or("ws://127.0.0.1:1"))
            .env("OPENCLAW_TOKEN", "token")
            .envs(set.iter().map(|(name, value)| (name, value)))
            .current_dir(home)
            .args(["serve", "--port", "0", "--ready-file"])
            .arg(&ready)
            .arg("--data-dir")
            .arg(home.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let address = wait_for("the start", || {
            let said = || std::fs::read_to_string(&said).unwrap_or_default();
            assert_eq!(child.try_wait().unwrap(), None, "it does not serve: {}", said());
            std::fs::read_to_string(&ready).ok()?.trim_end().strip_prefix("http://")?.parse().ok()
        });
        Self { address, child, folder, bridge: None }
    }

    pub fn over(mut self, bridge: Bridge) -> Self {
        self.bridge = Some(bridge);
        self
    }

    pub fn home(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        serde_json::from_slice(&exchange(self.address, request.as_bytes()).body).unwrap()
    }

    /// Status and code of a request that says nothing.
    pub fn asked(&self, method: &str, path: &str) -> (u16, String) {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 2\r\n\r\n{{}}", self.address);
        let answer = exchange(self.address, head.as_bytes());
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer.status, told["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until it has its gateway.
    pub fn connected(&self) {
        wait_for("the connection", || (self.get("/api/openclaw/status")["connected"] == true).then_some(()));
    }

    /// Says what its log should not say.
    pub fn is_well(&self, wrong: &mut Vec<String>) {
        // Without a gateway it is not well, but it answers.
        assert!(self.get("/health")["status"].is_string());
        for entry in std::fs::read_dir(Path::new(self.home()).join("data/logs")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            wrong.extend(text.lines().filter(|line| line.contains(" ERROR ")).map(str::to_owned));
        }
    }
}

/// A Convex deployment: the bridge of end2end/convex-bridge.
pub struct Bridge {
    child: Child,
    url: String,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bridge {
    pub fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../end2end/convex-bridge/bridge.mjs");
        let mut child = Command::new("node")
            .arg(program)
            .arg("--with-parent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs; `npm ci` in convex/ comes first");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.next().expect("the bridge says READY; was `npm ci` run in convex/?").unwrap();
        let port = ready.split(' ').nth(1).unwrap();
        Self { url: format!("http://127.0.0.1:{port}"), child }
    }

    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("CONVEX_URL", self.url.clone()), ("CONVEX_SELF_HOSTED_ADMIN_KEY", "test|bridge-admin-key".into())]
    }
}
