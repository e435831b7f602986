//! A real gateway in a folder of its own, started by `end2end/gateway/start-gateway.sh`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};

/// The version that everything is tried against.
pub const NEW: &str = "2026.9.6";
/// An old one, with the protocol before.
pub const OLD: &str = "2026.2.17";
pub const TOKEN: &str = "a-token-for-tests";

/// Longest start on a busy machine.
const START: Duration = Duration::from_secs(240);

/// Gateways need 700 MB each: one at a time.
static ONE: Mutex<()> = Mutex::const_new(());

pub struct Gateway {
    child: Child,
    pid: String,
    place: Place,
}

/// What stays when a gateway dies.
pub struct Place {
    version: &'static str,
    port: u16,
    environment: Vec<(&'static str, &'static str)>,
    folder: tempfile::TempDir,
    _one: MutexGuard<'static, ()>,
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn prefix(version: &str) -> PathBuf {
    let given = std::env::var_os(if version == NEW { "OC_PREFIX" } else { "OC_PREFIX_OLD" }).map(PathBuf::from);
    given.unwrap_or_else(|| {
        let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
        cache.join("openclutch").join(format!("openclaw-{version}"))
    })
}

impl Gateway {
    pub async fn start(version: &'static str, port: u16, environment: &[(&'static str, &'static str)]) -> Self {
        let one = ONE.lock().await;
        let folder = tempfile::tempdir().unwrap();
        let place = Place { version, port, environment: environment.to_vec(), folder, _one: one };
        std::fs::create_dir_all(place.workspace().join("src")).unwrap();
        std::fs::write(place.workspace().join("README.md"), "# Feeder\n").unwrap();
        std::fs::write(place.workspace().join("src/visits.js"), "export const visits = [];\n").unwrap();
        place.restart().await
    }

    pub fn workspace(&self) -> PathBuf {
        self.place.workspace()
    }

    /// Changes one setting in the gateway's file, as a person would, and gives what was there.
    pub fn configure(&self, place: &str, value: Value) -> Value {
        let file = self.place.state().join("openclaw.json");
        let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let before = std::mem::replace(config.pointer_mut(place).expect(place), value);
        let draft = file.with_extension("draft");
        std::fs::write(&draft, config.to_string()).unwrap();
        std::fs::rename(draft, file).unwrap();
        before
    }

    /// SIGKILL, as if the machine's memory had run out.
    pub async fn kill(mut self) -> Place {
        let killed = Command::new("kill").args(["-9", &self.pid]).status().await.unwrap();
        assert!(killed.success());
        self.child.wait().await.unwrap();
        self.place
    }

    /// Requests that the model got for a ticket.
    pub fn model_calls(&self, ticket: &str) -> usize {
        self.model_log().iter().filter(|line| line["ticket"] == ticket).count()
    }

    /// How often the work on a ticket was begun: 1, whatever was repeated.
    pub fn dispatches(&self, ticket: &str) -> usize {
        let first = |line: &&Value| line["ticket"] == ticket && line["step"] == 0 && line["later"] == 0;
        let log = self.model_log();
        let prompts =
            log.iter().filter(|line| line["ticket"] == ticket).filter_map(|line| line["prompts"].as_u64()).max();
        assert_eq!(prompts, Some(1), "prompts in the session");
        log.iter().filter(first).count()
    }

    /// What was said to agents in chats, oldest first, as far as the log keeps it.
    pub fn asked(&self) -> Vec<String> {
        self.model_log().iter().filter_map(|line| line["asked"].as_str().map(str::to_owned)).collect()
    }

    fn model_log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.place.state().join("logs/model.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Place {
    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn workspace(&self) -> PathBuf {
        self.folder.path().join("feeder")
    }

    pub async fn restart(self) -> Gateway {
        let prefix = prefix(self.version);
        assert!(
            prefix.join("gw/node_modules/openclaw/openclaw.mjs").exists(),
            "OpenClaw {} is not in {}: run ./run.sh test, which installs it.",
            self.version,
            prefix.display()
        );
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let mut scripts = above.map(|folder| folder.join("end2end/gateway/start-gateway.sh"));
        let script = scripts.find(|script| script.exists()).expect("the tests' gateway is in the repository");
        let mut child = Command::new(script)
            .env("OC_VERSION", self.version)
            .env("OC_PREFIX", &prefix)
            .env("OC_PORT", self.port.to_string())
            .env("OC_STATE", self.state())
            .env("OC_WORKSPACE", self.workspace())
            .env("OC_TOKEN", TOKEN)
            .env("OC_READY_TIMEOUT", "200")
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let pid = tokio::time::timeout(START, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.starts_with("READY ") {
                    let pid = line.split_whitespace().find_map(|word| word.strip_prefix("gateway_pid="));
                    return pid.expect("READY names the process").to_owned();
                }
            }
            panic!("the gateway ended before it was ready: {:?}", child.wait().await);
        })
        .await
        .expect("the gateway starts in time");
        Gateway { child, pid, place: self }
    }
}
