//! The way to a receiver: real connections to a receiver on this machine.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use clutch_domain::{
    activity::Activity,
    id::{DeliveryId, Uuid},
    time::Millis,
    webhook::{ANSWER_KEPT, OldSecret, Secret, Webhook},
};
use clutch_orchestrator::jobs::post::{Parcel, Post, Receipt};
use ring::hmac;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::webhooks::{HttpPost, Keys, Names, Private, Way};

/// A receiver that answers each request with the same bytes, and keeps what came.
struct Receiver {
    address: SocketAddr,
    came: Arc<Mutex<Vec<String>>>,
    _task: tokio_util::task::AbortOnDropHandle<()>,
}

impl Receiver {
    async fn says(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (came, answer): (Arc<Mutex<Vec<String>>>, Vec<u8>) = (Arc::default(), answer.into());
        let heard = came.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut all, mut buffer) = (Vec::new(), [0; 4_096]);
                loop {
                    let text = String::from_utf8_lossy(&all).into_owned();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let length = head.to_lowercase();
                        let length = length.lines().find_map(|l| l.strip_prefix("content-length: ").map(str::to_owned));
                        if body.len() >= length.and_then(|l| l.parse().ok()).unwrap_or(0) {
                            heard.lock().unwrap().push(text);
                            break;
                        }
                    }
                    match stream.read(&mut buffer).await {
                        Ok(n) if n > 0 => all.extend_from_slice(&buffer[..n]),
                        _ => break,
                    }
                }
                // Whoever has heard enough hangs up.
                let _ = stream.write_all(&answer).await;
            }
        });
        Self { address, came, _task: tokio_util::task::AbortOnDropHandle::new(task) }
    }

    fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }
}

const TAKEN: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

/// All names lead to these addresses, one after the other.
struct Turns(Vec<Vec<IpAddr>>, AtomicUsize);

impl Turns {
    fn of(turns: &[&[&str]]) -> Arc<Self> {
        let parse = |turn: &&[&str]| turn.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self(turns.iter().map(parse).collect(), AtomicUsize::new(0)))
    }
}

#[async_trait]
impl Names for Turns {
    async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.1.fetch_add(1, Ordering::Relaxed);
        Ok(self.0[turn.min(self.0.len() - 1)].clone())
    }
}

struct Sender {
    keys: Arc<Keys>,
    post: HttpPost,
    _dir: tempfile::TempDir,
}

impl Sender {
    fn by(names: Arc<dyn Names>, private: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keys::open(dir.path(), None).unwrap());
        let private = if private.is_empty() { Private::None } else { Private::parse(private).unwrap() };
        let post = HttpPost::new(keys.clone(), Way::new(names, private)).unwrap();
        Self { keys, post, _dir: dir }
    }

    fn webhook(&self, url: &str) -> Webhook {
        serde_json::from_value(json!({
            "id": Uuid::from_u128(1), "project": Uuid::from_u128(2), "url": url, "on": true,
            "secret": { "generation": 1, "key": self.keys.fingerprint() }, "since": 0, "place": 0,
            "made_by": { "who": "loop" }, "created_at": 0,
        }))
        .unwrap()
    }

    async fn sends(&self, webhook: Webhook) -> Receipt {
        let line: Activity = serde_json::from_value(json!({
            "id": Uuid::from_u128(5), "project": Uuid::from_u128(2), "task": Uuid::from_u128(6), "what": "status_changed",
            "actor": { "who": "human", "name": "dan" }, "data": { "to_status": "done" }, "at": 1_700_000_000_123_i64,
        }))
        .unwrap();
        let (id, at) = (DeliveryId(Uuid::from_u128(7)), Millis(1_700_000_001_500));
        self.post.send(&Parcel { webhook, id, line, at }).await
    }

    async fn to(&self, url: &str) -> Receipt {
        self.sends(self.webhook(url)).await
    }
}

fn here() -> Sender {
    Sender::by(Turns::of(&[&["127.0.0.1"]]), "127.0.0.1")
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let mut lines = request.split("\r\n\r\n").next().unwrap().lines();
    lines.find_map(|l| l.strip_prefix(&format!("{name}: "))).unwrap_or_else(|| panic!("no {name} in {request}"))
}

#[tokio::test]
async fn a_receiver_can_tell_who_sends_what() {
    let (receiver, sender) = (Receiver::says(TAKEN).await, here());
    let hook = sender.webhook(&format!("http://{}/hook?a=b", receiver.address));
    let receipt = sender.sends(hook.clone()).await;
    assert_eq!(receipt, Receipt { status: Some(204), ..Receipt::default() });
    let request = receiver.came().remove(0);
    assert!(request.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{request}");
    assert_eq!(header(&request, "webhook-id"), Uuid::from_u128(7).to_string());
    assert_eq!(header(&request, "webhook-timestamp"), "1700000001");
    assert_eq!(header(&request, "content-type"), "application/json");
    assert_eq!(header(&request, "user-agent"), concat!("OpenClutch-Webhooks/", env!("CARGO_PKG_VERSION")));
    // As a receiver does it: the secret as it was shown, over what came.
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let shown = sender.keys.shown(hook.id, &hook.secret).unwrap();
    let secret = STANDARD.decode(shown.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!("{}.{}.{body}", header(&request, "webhook-id"), header(&request, "webhook-timestamp"));
    let signature = header(&request, "webhook-signature").strip_prefix("v1,").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature).unwrap()).unwrap();
    let told: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        told,
        json!({
            "type": "status_changed", "timestamp": "2023-11-14T22:13:20.123Z",
            "data": {
                "id": Uuid::from_u128(5), "kind": "status_changed", "project_id": Uuid::from_u128(2),
                "task_id": Uuid::from_u128(6), "actor": { "kind": "human", "name": "dan" },
                "data": { "to_status": "done" }, "at": "2023-11-14T22:13:20.123Z",
            },
        })
    );
}

#[tokio::test]
async fn after_a_rotation_both_signatures_are_sent() {
    let (receiver, sender) = (Receiver::says(TAKEN).await, here());
    let old = sender.webhook(&format!("http://{}/", receiver.address));
    let secret = Secret { generation: 2, key: sender.keys.fingerprint().into() };
    let until = Millis(1_700_000_002_000);
    let new = Webhook { secret, old_secret: Some(OldSecret { secret: old.secret.clone(), until }), ..old.clone() };
    sender.sends(old).await;
    sender.sends(new).await;
    let came = receiver.came();
    let before = header(&came[0], "webhook-signature");
    let both: Vec<&str> = header(&came[1], "webhook-signature").split(' ').collect();
    assert_eq!((both.len(), both[1]), (2, before));
    assert!(both[0].starts_with("v1,") && both[0] != before);
}

#[tokio::test]
async fn a_secret_of_another_server_signs_nothing() {
    let (receiver, sender) = (Receiver::says(TAKEN).await, here());
    let hook = sender.webhook(&format!("http://{}/", receiver.address));
    let foreign = Webhook { secret: Secret { generation: 1, key: "00000000".into() }, ..hook };
    let receipt = sender.sends(foreign).await;
    assert!(receipt.status.is_none() && receipt.error.unwrap().contains("CLUTCH_WEBHOOKS_KEY"));
    assert!(receiver.came().is_empty());
}

#[tokio::test]
async fn what_a_receiver_answers_is_kept_within_bounds() {
    let many = format!("HTTP/1.1 500 Internal Server Error\r\n\r\n{}", "x".repeat(3_000_000));
    for (answer, status, says, kept, asked) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(), 200, None, 2, None),
        (many, 500, Some("It answered 500 Internal Server Error."), ANSWER_KEPT, None),
        (
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\nconnection: close\r\n\r\n".into(),
            503,
            Some("It answered 503 Service Unavailable."),
            0,
            Some(7_000),
        ),
        (
            "HTTP/1.1 404 Not Found\r\nretry-after: 7\r\nconnection: close\r\n\r\n".into(),
            404,
            Some("It answered 404 Not Found."),
            0,
            None,
        ),
        ("HTTP/1.1 410 Gone\r\nconnection: close\r\n\r\n".into(), 410, Some("It answered 410 Gone."), 0, None),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\u{1b}[31mred\0".into(), 200, None, 3, None),
    ] {
        let (receiver, sender) = (Receiver::says(answer).await, here());
        let receipt = sender.to(&format!("http://{}/", receiver.address)).await;
        assert_eq!(
            (receipt.status, receipt.error.as_deref(), receipt.answer.len(), receipt.asked_ms),
            (Some(status), says, kept, asked)
        );
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let inner = Receiver::says(TAKEN).await;
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\nconnection: close\r\n\r\n", inner.address);
    let (receiver, sender) = (Receiver::says(answer).await, here());
    let receipt = sender.to(&format!("http://{}/", receiver.address)).await;
    assert_eq!(receipt.error.as_deref(), Some("It answered 302 Found. Redirects are not followed."));
    assert_eq!((receiver.came().len(), inner.came().len()), (1, 0));
}

#[tokio::test]
async fn nothing_is_sent_to_this_machine_unless_it_is_allowed() {
    let receiver = Receiver::says(TAKEN).await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]", "name.example"] {
        let sender = Sender::by(Turns::of(&[&["127.0.0.1"]]), "");
        let receipt = sender.to(&format!("http://{host}:{port}/")).await;
        let error = receipt.error.unwrap();
        assert!(
            error.contains("an address of this machine") && error.contains("CLUTCH_WEBHOOKS_PRIVATE"),
            "{host}: {error}"
        );
        assert_eq!(receipt.status, None);
    }
    assert!(receiver.came().is_empty());
    let allowed = Sender::by(Turns::of(&[&["127.0.0.1"]]), "127.0.0.0/8");
    assert_eq!(allowed.to(&format!("http://name.example:{port}/")).await.status, Some(204));
    assert_eq!(header(&receiver.came()[0], "host"), format!("name.example:{port}"));
}

/// A name that led out there when it was looked at leads inside when something is sent.
#[tokio::test]
async fn a_name_that_turns_round_leads_nowhere() {
    let receiver = Receiver::says(TAKEN).await;
    let url = format!("http://turns.example:{}/", receiver.address.port());
    for turned in [&["127.0.0.1"][..], &["::ffff:127.0.0.1"]] {
        let names = Turns::of(&[&["1.1.1.1"], turned]);
        Way::new(names.clone(), Private::None).admits(&url).await.unwrap();
        let receipt = Sender::by(names, "").to(&url).await;
        assert!(receipt.error.unwrap().contains("an address of this machine"));
    }
    assert!(receiver.came().is_empty(), "nothing reached this machine");
    // Of several addresses only those that are open are tried.
    let mixed = Sender::by(Turns::of(&[&["10.0.0.1", "127.0.0.1"]]), "127.0.0.1");
    assert_eq!(mixed.to(&url).await.status, Some(204));
}

#[tokio::test]
async fn what_cannot_be_reached_is_told_without_the_path() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let receipt = here().to(&format!("http://{free}/services/secret-path")).await;
    let error = receipt.error.unwrap();
    assert!(error.starts_with("No connection") && !error.contains("secret-path"), "{error}");
}
