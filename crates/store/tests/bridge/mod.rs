//! A Convex deployment for one test: the bridge of end2end/convex-bridge in a process of its own, or, with
//! `CONVEX_TEST_URL` and `CONVEX_TEST_KEY`, a real deployment that is emptied before each test.

#![allow(dead_code, clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use clutch_store::ConvexStore;
use serde_json::{Value, json};
use tokio::{
    runtime::RuntimeFlavor,
    sync::{Mutex, OwnedMutexGuard},
};

/// The bridge's admin key.
pub const KEY: &str = "test|bridge-admin-key";

/// A deployment.
pub struct Deployment {
    pub url: String,
    pub key: String,
    kind: Kind,
}

enum Kind {
    Bridge {
        child: Child,
        control: String,
    },
    /// One test at a time.
    Real {
        turn: std::sync::Mutex<Option<OwnedMutexGuard<()>>>,
    },
}

static TURN: std::sync::LazyLock<Arc<Mutex<()>>> = std::sync::LazyLock::new(Arc::default);

/// An HTTP client that waits long.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap()
}

impl Deployment {
    /// The bridge, or a real deployment if one is named.
    pub fn new() -> Self {
        match std::env::var("CONVEX_TEST_URL") {
            Ok(url) if !url.is_empty() => {
                let key = std::env::var("CONVEX_TEST_KEY").expect("CONVEX_TEST_KEY: the deployment's admin key");
                Self {
                    url: url.trim_end_matches('/').into(),
                    key,
                    kind: Kind::Real { turn: std::sync::Mutex::default() },
                }
            }
            _ => Self::bridge(&[]),
        }
    }

    /// The bridge, for tests that need its control port.
    pub fn bridge(flags: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../end2end/convex-bridge/bridge.mjs");
        let mut child = Command::new("node")
            .arg(program)
            .arg("--with-parent")
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs; `npm ci` in convex/ comes first");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.next().expect("the bridge says READY; was `npm ci` run in convex/?").unwrap();
        let ports: Vec<&str> = ready.split(' ').collect();
        let scheme = if flags.contains(&"--tls-cert") { "https://localhost" } else { "http://127.0.0.1" };
        Self {
            url: format!("{scheme}:{}", ports[1]),
            key: KEY.into(),
            kind: Kind::Bridge { child, control: format!("http://127.0.0.1:{}", ports[2]) },
        }
    }

    /// A store on it.
    pub fn store(&self) -> ConvexStore {
        ConvexStore::new(&self.url, &self.key).unwrap()
    }

    /// Waits for its turn on a real deployment and empties it, once.
    pub async fn prepare(&self) {
        let Kind::Real { turn } = &self.kind else { return };
        if turn.lock().unwrap().is_some() {
            return;
        }
        let guard = TURN.clone().lock_owned().await;
        loop {
            let body = json!({ "path": "testing:wipe", "args": [{}], "format": "convex_encoded_json" });
            let answer = client()
                .post(format!("{}/api/mutation", self.url))
                .header("authorization", format!("Convex {}", self.key))
                .header("content-type", "application/json")
                .body(body.to_string())
                .send()
                .await
                .unwrap();
            let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!(answer["status"], "success", "deploy with end2end/convex-bridge/deploy-test.sh first: {answer}");
            if answer["value"] == json!(false) {
                break;
            }
        }
        *turn.lock().unwrap() = Some(guard);
    }

    /// Asks something of the bridge's control port.
    pub async fn control(&self, path: &str, body: Value) -> Value {
        let Kind::Bridge { control, .. } = &self.kind else { panic!("only the bridge has faults") };
        let request = match path {
            "/stats" => client().get(format!("{control}{path}")),
            _ => client().post(format!("{control}{path}")).body(body.to_string()),
        };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Every row of every table, as the control `/rows` takes them.
    pub async fn rows(&self) -> Value {
        let Kind::Bridge { control, .. } = &self.kind else { panic!("a real deployment has no controls") };
        let answer = client().get(format!("{control}/rows")).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// A number of the bridge's statistics.
    pub async fn stat(&self, name: &str) -> u64 {
        self.control("/stats", json!(null)).await[name].as_u64().unwrap()
    }
}

/// Waits until the store that was just dropped has closed its socket. The `convex` crate runs in a circle
/// for ever when its connection fails in the very moment in which it is dropped on several threads
/// (`WebSocketWorker::run` waits for a request from a sender that is gone); see `link.rs`.
fn quiet(control: &str) {
    let several = tokio::runtime::Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if !several {
        return; // nothing runs while we wait here, so nothing would close
    }
    let address = control.trim_start_matches("http://");
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = write!(stream, "POST /quiet HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.read(&mut [0; 64]);
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if let Kind::Bridge { child, control } = &mut self.kind {
            quiet(control);
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
