//! A small gateway of our own on a real socket, which says what a test wants it to say.

use std::sync::Arc;
use std::time::Duration;

use clutch_gateway::GatewayState;
use clutch_gateway::{Config, GatewayTask, OpenClaw, Secret};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

pub const LONG: Duration = Duration::from_secs(60);

pub struct Gate {
    pub listener: TcpListener,
}

pub struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Gate {
    pub async fn open() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        (Self { listener }, url)
    }

    /// Takes a connection and greets it as a gateway with this boot id.
    pub async fn greet(&self, boot: &str) -> Peer {
        self.greet_as(json!({"version": "9", "bootId": boot}), &["agent.wait", "sessions.messages.subscribe"]).await
    }

    /// The same as a gateway that says this of itself and offers these methods.
    pub async fn greet_as(&self, server: Value, methods: &[&str]) -> Peer {
        self.greet_with(server, methods, "main").await
    }

    /// The same with this default agent.
    pub async fn greet_with(&self, server: Value, methods: &[&str], agent: &str) -> Peer {
        let (stream, _) = tokio::time::timeout(LONG, self.listener.accept()).await.expect("a connection").unwrap();
        #[expect(clippy::result_large_err, reason = "the shape is the library's")]
        let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            assert!(request.headers().get("origin").is_none(), "gateways refuse an Origin");
            Ok(response)
        };
        let mut peer = Peer { socket: accept_hdr_async(stream, check).await.unwrap() };
        peer.event("connect.challenge", json!({"nonce": "n", "ts": 1}), None).await;
        let (id, params) = peer.asked("connect").await;
        assert_eq!(params["device"]["nonce"], "n");
        let snapshot = json!({"sessionDefaults": {"defaultAgentId": agent}});
        let hello = json!({
            "protocol": 4, "server": server, "features": {"methods": methods}, "snapshot": snapshot,
        });
        peer.answer(&id, hello).await;
        peer
    }
}

impl Peer {
    pub async fn send(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub async fn event(&mut self, name: &str, payload: Value, seq: Option<u64>) {
        self.send(json!({"type": "event", "event": name, "payload": payload, "seq": seq})).await;
    }

    pub async fn started(&mut self, run_id: &str, seq: u64) {
        let payload =
            json!({"runId": run_id, "sessionKey": "agent:main:s", "stream": "lifecycle", "data": {"phase": "start"}});
        self.event("agent", payload, Some(seq)).await;
    }

    pub async fn answer(&mut self, id: &str, payload: Value) {
        self.send(json!({"type": "res", "id": id, "ok": true, "payload": payload})).await;
    }

    pub async fn refuse(&mut self, id: &str, code: &str, message: &str) {
        let error = json!({"code": code, "message": message});
        self.send(json!({"type": "res", "id": id, "ok": false, "error": error})).await;
    }

    pub async fn next(&mut self) -> Message {
        tokio::time::timeout(LONG, self.socket.next()).await.expect("a frame").unwrap().unwrap()
    }

    /// What came while everybody else had many turns.
    pub async fn heard_meanwhile(&mut self) -> Option<Message> {
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
            if let Some(message) = self.socket.next().now_or_never() {
                return message.map(Result::unwrap);
            }
        }
        None
    }

    /// The next call, which must be of this method: its id and parameters.
    pub async fn asked(&mut self, method: &str) -> (String, Value) {
        let message = self.next().await;
        let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(frame["method"], method, "{frame}");
        (frame["id"].as_str().unwrap().to_owned(), frame["params"].clone())
    }
}

pub fn claw(url: &str) -> (Arc<OpenClaw>, GatewayTask, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (claw, task) = OpenClaw::connect(Config {
        url: url.to_owned(),
        token: Secret::new(" secret "),
        identity_dir: folder.path().to_owned(),
        legacy_identity: None,
        version: "0.0.0".into(),
    });
    (claw, task, folder)
}

pub async fn until(claw: &OpenClaw, fits: impl Fn(&GatewayState) -> bool) -> GatewayState {
    let mut states = claw.connection();
    let found = tokio::time::timeout(LONG, states.wait_for(|state| fits(state))).await;
    found.unwrap_or_else(|_| panic!("now {:?}", *claw.connection().borrow())).unwrap().clone()
}

pub fn up(state: &GatewayState) -> bool {
    matches!(state, GatewayState::Connected { .. })
}
