//! A gateway on a real socket that says what a test wants.

use std::sync::{Arc, Mutex};

use clutch_gateway::GatewayState;
use clutch_store::SqliteStore;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::broadcast, task::JoinHandle};
use tokio_tungstenite::{accept_async, tungstenite::Message};

use super::House;

/// Calls that came, in order: method and parameters.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// A gateway.
pub struct Scripted {
    pub url: String,
    calls: Calls,
    events: broadcast::Sender<&'static str>,
    task: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    /// One that answers so, and advertises nothing. `Err` is its refusal.
    pub async fn open(answers: impl Fn(&str, &Value) -> Result<Value, &'static str> + Send + 'static) -> Self {
        Self::offering(&[], answers).await
    }

    /// The same, and it advertises these methods.
    pub async fn offering(
        methods: &'static [&'static str],
        answers: impl Fn(&str, &Value) -> Result<Value, &'static str> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let calls = Calls::default();
        let heard = calls.clone();
        let events = broadcast::Sender::new(16);
        let told = events.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut socket = accept_async(stream).await.unwrap();
                let challenge = json!({
                    "type": "event", "event": "connect.challenge", "payload": { "nonce": "n", "ts": 1 },
                });
                socket.send(Message::text(challenge.to_string())).await.unwrap();
                let mut news = told.subscribe();
                loop {
                    let text = tokio::select! {
                        message = socket.next() => match message {
                            Some(Ok(Message::Text(text))) => text,
                            _ => break,
                        },
                        Ok(event) = news.recv() => {
                            let event = json!({ "type": "event", "event": event, "payload": {} });
                            if socket.send(Message::text(event.to_string())).await.is_err() {
                                break;
                            }
                            continue;
                        }
                    };
                    let frame: Value = serde_json::from_str(text.as_str()).unwrap();
                    let method = frame["method"].as_str().unwrap().to_owned();
                    let answer = match method.as_str() {
                        "connect" => Ok(json!({
                            "type": "hello-ok", "protocol": 4, "server": { "version": "2026.9.6" },
                            "features": { "methods": methods },
                            "snapshot": { "sessionDefaults": { "defaultAgentId": "main" } },
                        })),
                        other => answers(other, &frame["params"]),
                    };
                    let reply = match answer {
                        Ok(payload) => json!({ "type": "res", "id": frame["id"], "ok": true, "payload": payload }),
                        Err(message) => json!({
                            "type": "res", "id": frame["id"], "ok": false,
                            "error": { "code": "INVALID_REQUEST", "message": message },
                        }),
                    };
                    heard.lock().unwrap().push((method, frame["params"].clone()));
                    if socket.send(Message::text(reply.to_string())).await.is_err() {
                        break;
                    }
                }
            }
        });
        Self { url, calls, events, task }
    }

    /// A house beside it, once they are connected.
    pub async fn house(&self) -> House {
        let house = House::beside(&self.url, |dir| Arc::new(SqliteStore::open(dir).unwrap()));
        let mut state = house.state.gateway.connection();
        state.wait_for(|state| matches!(state, GatewayState::Connected { .. })).await.unwrap();
        house
    }

    /// Tells whoever is connected that something happened.
    pub fn tell(&self, event: &'static str) {
        let _ = self.events.send(event);
    }

    /// The parameters of all calls of a method.
    pub fn of(&self, method: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == method).map(|(_, params)| params.clone()).collect()
    }
}

/// One beside which there is no gateway, once that is known.
pub async fn alone() -> House {
    let house = House::on_disk();
    let mut state = house.state.gateway.connection();
    state.wait_for(|state| matches!(state, GatewayState::Down { .. })).await.unwrap();
    house
}
