//! Webhooks of the built program: signed, sent to a real receiver, and sent again after the server's sudden death.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

use super::*;

/// What came: headers by their small names, and the body.
#[derive(Clone, Debug)]
struct Came {
    headers: BTreeMap<String, String>,
    body: String,
}

/// A receiver on this machine: it takes what comes, or keeps it and never answers.
struct Receiver {
    address: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
    silent: Arc<Mutex<bool>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (came, silent): (Arc<Mutex<Vec<Came>>>, Arc<Mutex<bool>>) = Default::default();
        let (heard, is_silent) = (came.clone(), silent.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), heard, is_silent) = (stream, heard.clone(), is_silent.clone()) else { return };
                thread::spawn(move || {
                    let Some(request) = read(&mut stream) else { return };
                    heard.lock().unwrap().push(request);
                    if *is_silent.lock().unwrap() {
                        // Until the other side goes.
                        let _ = stream.read(&mut [0]);
                        return;
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
                });
            }
        });
        Self { address, came, silent }
    }

    fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    fn keep_silent(&self, silent: bool) {
        *self.silent.lock().unwrap() = silent;
    }
}

fn read(stream: &mut TcpStream) -> Option<Came> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let pair = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_lowercase(), v.to_owned()));
            let headers: BTreeMap<String, String> = head.lines().skip(1).filter_map(pair).collect();
            let length: usize = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return Some(Came { headers, body: body.to_owned() });
            }
        }
        match stream.read(&mut buffer) {
            Ok(n) if n > 0 => all.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
}

/// As a receiver does it that knows nothing of us but the specification and its secret.
fn verify(secret: &str, came: &Came) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap());
    let signed = format!("{}.{}.{}", came.headers["webhook-id"], came.headers["webhook-timestamp"], came.body);
    let fits = came.headers["webhook-signature"].split(' ').any(|signature| {
        let Some(signature) = signature.strip_prefix("v1,") else { return false };
        hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature).unwrap()).is_ok()
    });
    assert!(fits, "{came:?}");
}

struct Setting {
    home: TempDir,
    data: std::path::PathBuf,
    bearer: String,
}

impl Setting {
    fn new() -> Self {
        let home = folder();
        let data = home.path().join("data");
        let mut command = Command::new(env!("CARGO_BIN_EXE_clutch"));
        command.env_clear().env("HOME", home.path()).current_dir(home.path());
        command.args(["token", "create", "hooks", "--scope", "admin", "--data-dir"]).arg(&data);
        let made = command.stdin(Stdio::null()).output().unwrap();
        let secret = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let bearer = format!("authorization: Bearer {secret}\r\ncontent-type: application/json\r\n");
        Self { home, data, bearer }
    }

    fn serve(&self, private: &str) -> Server {
        Server::start(self.home.path(), &self.data, &[("CLUTCH_WEBHOOKS_PRIVATE", private)])
    }

    fn ask(&self, server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, _, text) = server.ask(method, path, &self.bearer, &body.to_string()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// A webhook to a receiver: its id and secret.
    fn hook(&self, server: &Server, receiver: &Receiver) -> (String, String) {
        let new = json!({ "url": format!("http://{}/hook", receiver.address), "events": ["task_created"] });
        let (status, made) = self.ask(server, "POST", "/api/v1/projects/site/webhooks", new);
        assert_eq!(status, 201, "{made}");
        (made["webhook"]["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    fn task(&self, server: &Server, title: &str) {
        let (status, made) = self.ask(server, "POST", "/api/v1/projects/site/tasks", json!({ "title": title }));
        assert_eq!(status, 201, "{made}");
    }

    fn states(&self, server: &Server, hook: &str) -> Vec<String> {
        let (_, list) = self.ask(server, "GET", &format!("/api/v1/webhooks/{hook}/deliveries"), json!({}));
        list["items"].as_array().unwrap().iter().map(|told| told["state"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn what_was_under_way_as_the_server_died_is_sent_again_and_nothing_is_lost() {
    let (setting, receiver) = (Setting::new(), Receiver::start());
    let mut server = setting.serve("127.0.0.1");
    server.project();
    let (hook, secret) = setting.hook(&server, &receiver);
    setting.task(&server, "One");
    wait_for("the first event", START_MAX, || (!receiver.came().is_empty()).then_some(()));
    let first = receiver.came().remove(0);
    verify(&secret, &first);
    let told: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!((&told["type"], &told["data"]["data"]["title"]), (&json!("task_created"), &json!("One")));
    wait_for("its end", START_MAX, || (setting.states(&server, &hook) == ["delivered"]).then_some(()));
    // The receiver has the second and does not answer; the third is not even queued. The server dies at once.
    receiver.keep_silent(true);
    setting.task(&server, "Two");
    wait_for("the second event", START_MAX, || (receiver.came().len() == 2).then_some(()));
    setting.task(&server, "Three");
    server.signal("KILL");
    server.ends();
    receiver.keep_silent(false);
    let server = setting.serve("127.0.0.1");
    let titles = || -> Vec<String> {
        let title = |came: &Came| serde_json::from_str::<Value>(&came.body).unwrap()["data"]["data"]["title"].clone();
        receiver.came().iter().map(|came| title(came).as_str().unwrap().to_owned()).collect()
    };
    wait_for("all of them", START_MAX, || {
        let titles = titles();
        let twice = titles.iter().filter(|title| *title == "Two").count() >= 2;
        (twice && titles.contains(&"Three".to_owned())).then_some(())
    });
    let came = receiver.came();
    came.iter().for_each(|came| verify(&secret, came));
    let ids: BTreeSet<&String> = came.iter().map(|came| &came.headers["webhook-id"]).collect();
    assert_eq!(ids.len(), 3, "each under one id: {came:#?}");
    wait_for("the end of all", START_MAX, || (setting.states(&server, &hook) == ["delivered"; 3]).then_some(()));
    server.stop();
    let log = std::fs::read_to_string(setting.data.join("logs/server.log")).unwrap();
    assert!(!log.contains(&secret), "the log has the secret");
}

#[test]
fn a_receiver_on_this_machine_is_refused_unless_it_is_allowed() {
    let (setting, receiver) = (Setting::new(), Receiver::start());
    let server = setting.serve("127.0.0.1");
    server.project();
    let (hook, _) = setting.hook(&server, &receiver);
    server.stop();
    // No more: neither saved nor sent.
    let server = setting.serve("10.0.0.0/8");
    let new = json!({ "url": format!("http://localhost:{}/hook", receiver.address.port()) });
    let (status, refused) = setting.ask(&server, "POST", "/api/v1/projects/site/webhooks", new);
    assert_eq!((status, &refused["code"]), (400, &json!("webhook_url_closed")), "{refused}");
    setting.task(&server, "One");
    let path = format!("/api/v1/webhooks/{hook}/deliveries");
    let error = wait_for("an attempt", START_MAX, || {
        let (_, list) = setting.ask(&server, "GET", &path, json!({}));
        list["items"][0]["attempts"][0]["error"].as_str().map(str::to_owned)
    });
    assert!(error.contains("127.0.0.1") && error.contains("CLUTCH_WEBHOOKS_PRIVATE"), "{error}");
    assert!(receiver.came().is_empty());
}
