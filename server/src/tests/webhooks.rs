//! Webhooks through v1 and their pages, and the way to receivers.

mod pages;
mod sending;

use std::{io, net::IpAddr};

use async_trait::async_trait;
use clutch_domain::{
    access::TokenScope,
    command::{Came, Command, SettleDelivery},
    id::DeliveryId,
    time::Millis,
    webhook::Attempt,
};
use clutch_orchestrator::jobs::post::{Parcel, Post, Receipt};
use serde_json::{Value, json};

use super::{House, Reply, id, keys};
use crate::webhooks::Names;

/// Every name leads out there, but those that say otherwise.
pub struct Everywhere;

#[async_trait]
impl Names for Everywhere {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match host {
            "nowhere.example" => Err(io::Error::other("no such host")),
            "inside.example" => Ok(vec![IpAddr::from([10, 0, 0, 1])]),
            _ => Ok(vec![IpAddr::from([1, 1, 1, 1])]),
        }
    }
}

/// Sends to nobody.
pub struct Nobody;

#[async_trait]
impl Post for Nobody {
    async fn send(&self, parcel: &Parcel) -> Receipt {
        panic!("nobody asked for {parcel:?}")
    }
}

const URL: &str = "https://chat.example/services/T0/secret-path";

/// A program with an admin's token.
struct Admin<'a>(&'a House, String);

impl<'a> Admin<'a> {
    async fn of(house: &'a House) -> Self {
        Self(house, house.token("admin", TokenScope::Admin, None).await.0)
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {}", self.1);
        self.0.raw(method, path, &[("authorization", &bearer)], body.to_string()).await
    }

    /// A webhook of the project, with its secret.
    async fn makes(&self, more: Value) -> (String, Value) {
        let mut new = json!({ "url": URL });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.ask("POST", "/api/v1/projects/site/webhooks", new).await.ok(201);
        (id(&made["webhook"]), made)
    }
}

async fn site(house: &House) -> String {
    house.project("site").await
}

#[tokio::test]
async fn a_webhook_is_made_changed_and_deleted() {
    let house = House::on_disk();
    site(&house).await;
    let admin = Admin::of(&house).await;
    assert_eq!(admin.ask("GET", "/api/v1/projects/site/webhooks", json!({})).await.ok(200)["items"], json!([]));
    let (hook, made) =
        admin.makes(json!({ "description": "Chat", "events": ["status_changed", "comment_added"] })).await;
    assert_eq!(keys(&made), ["secret", "webhook"]);
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let is = &made["webhook"];
    assert_eq!(
        (&is["url"], &is["description"], &is["events"], &is["enabled"], &is["waiting"], &is["last_status"]),
        (
            &json!(URL),
            &json!("Chat"),
            &json!(["status_changed", "comment_added"]),
            &json!(true),
            &json!(0),
            &Value::Null
        )
    );
    // The secret is told to whoever asks for it, and stands in no list.
    let path = format!("/api/v1/webhooks/{hook}");
    let again = admin.ask("GET", &format!("{path}/secret"), json!({})).await;
    assert_eq!(again.headers["cache-control"], "no-store");
    assert_eq!(again.ok(200)["secret"], json!(secret));
    let lists =
        [admin.ask("GET", "/api/v1/projects/site/webhooks", json!({})).await, admin.ask("GET", &path, json!({})).await];
    for list in lists {
        assert!(!list.text.contains(&secret) && !list.text.contains("whsec_"), "{}", list.text);
    }
    // Rotated, another one signs, and the old one too for a day.
    let rotated = admin.ask("POST", &format!("{path}/rotate"), json!({})).await.ok(200);
    assert_ne!(rotated["secret"], json!(secret));
    assert!(rotated["old_secret_until"].as_str().unwrap().starts_with("2023-11-15"), "{rotated}");

    let etag = admin.ask("GET", &path, json!({})).await.headers["etag"].to_str().unwrap().to_owned();
    let changed =
        admin.ask("PATCH", &path, json!({ "events": null, "enabled": false, "description": "" })).await.ok(200);
    assert_eq!(
        (&changed["events"], &changed["enabled"], &changed["description"]),
        (&Value::Null, &json!(false), &json!(""))
    );
    let bearer = format!("Bearer {}", admin.1);
    let stale = [("authorization", &*bearer), ("if-match", &*etag)];
    house.raw("DELETE", &path, &stale, "").await.problem(412, "changed_meanwhile");
    assert_eq!(admin.ask("DELETE", &path, json!({})).await.status, 204);
    admin.ask("GET", &path, json!({})).await.problem(404, "webhook_not_found");
    assert_eq!(admin.ask("GET", "/api/v1/projects/site/webhooks", json!({})).await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_words() {
    let house = House::new();
    site(&house).await;
    let admin = Admin::of(&house).await;
    for (new, code) in [
        (json!({ "url": "ftp://example.com/" }), "webhook_url_invalid"),
        (json!({ "url": "https://user:secret@example.com/" }), "webhook_url_invalid"),
        (json!({ "url": "https://nowhere.example/" }), "webhook_url_closed"),
        (json!({ "url": "https://inside.example/" }), "webhook_url_closed"),
        (json!({ "url": "http://127.0.0.1:3002/api/tasks" }), "webhook_url_closed"),
        (json!({ "url": "http://169.254.169.254/latest/meta-data/" }), "webhook_url_closed"),
        (json!({ "url": "http://[::ffff:10.0.0.1]/" }), "webhook_url_closed"),
        (json!({ "url": URL, "events": [] }), "webhook_events_invalid"),
        (json!({ "url": URL, "events": ["nonsense"] }), "webhook_events_invalid"),
        (json!({ "url": URL, "description": "x".repeat(201) }), "webhook_description_too_long"),
        (json!({ "url": URL, "secret": "mine" }), "unknown_field"),
        (json!({}), "invalid_field"),
    ] {
        admin.ask("POST", "/api/v1/projects/site/webhooks", new.clone()).await.problem(400, code);
    }
    let (hook, _) = admin.makes(json!({})).await;
    let path = format!("/api/v1/webhooks/{hook}");
    admin.ask("PATCH", &path, json!({ "url": "http://localhost.inside.example/" })).await.ok(200);
    admin.ask("PATCH", &path, json!({ "url": "https://inside.example/" })).await.problem(400, "webhook_url_closed");
    for _ in 0..19 {
        admin.makes(json!({})).await;
    }
    let one_more = admin.ask("POST", "/api/v1/projects/site/webhooks", json!({ "url": URL })).await;
    one_more.problem(409, "webhooks_too_many");
}

/// Nobody but owners: not even to look, as an address may hold a secret.
#[tokio::test]
async fn only_owners_see_and_change_what_leaves_the_house() {
    let house = House::new();
    site(&house).await;
    let admin = Admin::of(&house).await;
    let (hook, _) = admin.makes(json!({})).await;
    let told = id(&admin.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), json!({})).await.ok(202));
    let one = format!("/api/v1/webhooks/{hook}");
    let all = "/api/v1/projects/site/webhooks".to_owned();
    let asks = [
        ("GET", all.clone()),
        ("POST", all),
        ("GET", one.clone()),
        ("PATCH", one.clone()),
        ("DELETE", one.clone()),
        ("GET", format!("{one}/secret")),
        ("POST", format!("{one}/rotate")),
        ("POST", format!("{one}/test")),
        ("GET", format!("{one}/deliveries")),
        ("GET", format!("/api/v1/deliveries/{told}")),
        ("POST", format!("/api/v1/deliveries/{told}/redeliver")),
    ];
    for scope in [TokenScope::Read, TokenScope::Agent, TokenScope::Write] {
        let (secret, _) = house.token("t", scope, None).await;
        let bearer = format!("Bearer {secret}");
        for (method, path) in &asks {
            let body = json!({ "url": URL }).to_string();
            let reply = house.raw(method, path, &[("authorization", &bearer)], body).await;
            let body = reply.json();
            assert_eq!(reply.status, 403, "{scope:?} {method} {path}: {}", reply.text);
            assert!(["owners_only", "scope_too_small"].contains(&body["code"].as_str().unwrap()), "{body}");
            assert!(!reply.text.contains("secret-path"), "{}", reply.text);
        }
    }
    for (method, path) in &asks {
        house.raw(method, path, &[], json!({ "url": URL }).to_string()).await.problem(403, "owners_only");
    }
    // What all may read names the machine and nothing of the path.
    let (read, _) = house.token("r", TokenScope::Read, None).await;
    let audit = house.raw("GET", "/audit", &[("authorization", &format!("Bearer {read}"))], "").await;
    assert!(audit.text.contains("chat.example") && !audit.text.contains("secret-path"), "{}", audit.text);
}

async fn settles(house: &House, delivery: &str, status: u16) {
    let delivery: DeliveryId = delivery.parse().unwrap();
    let error = (status >= 300).then(|| format!("It answered {status}."));
    let at = Millis(super::BEGIN + 9_000);
    let attempt = Attempt { at, ms: 12, status: Some(status), error, answer: "<b>no</b>".into() };
    let came = Came::Sent(attempt, None);
    house.by_loop(Command::SettleDelivery(SettleDelivery { delivery, came })).await;
}

#[tokio::test]
async fn deliveries_are_listed_in_pages_and_sent_again() {
    let house = House::on_disk();
    site(&house).await;
    let admin = Admin::of(&house).await;
    let (hook, _) = admin.makes(json!({})).await;
    let path = format!("/api/v1/webhooks/{hook}");
    let mut sent = Vec::new();
    for _ in 0..5 {
        let told = admin.ask("POST", &format!("{path}/test"), json!({})).await.ok(202);
        assert_eq!(
            (&told["event_kind"], &told["state"], &told["attempts"]),
            (&json!("webhook_tested"), &json!("waiting"), &json!([]))
        );
        sent.push(id(&told));
    }
    settles(&house, &sent[0], 200).await;
    settles(&house, &sent[1], 500).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.ask("GET", &format!("{path}/deliveries?limit=2{cursor}"), json!({})).await.ok(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(id));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[0], sent[1], "what is sent last stands first");
    let failed = admin.ask("GET", &format!("/api/v1/deliveries/{}", sent[1]), json!({})).await.ok(200);
    let attempt = &failed["attempts"][0];
    assert_eq!(
        (&failed["state"], &attempt["status"], &attempt["error"], &attempt["duration_ms"], &attempt["response"]),
        (&json!("waiting"), &json!(500), &json!("It answered 500."), &json!(12), &json!("<b>no</b>"))
    );
    let is = admin.ask("GET", &path, json!({})).await.ok(200);
    assert_eq!((&is["waiting"], &is["last_status"]), (&json!(4), &json!(500)));
    assert!(is["failing_since"].is_string(), "{is}");
    // Again, under the same id.
    let again = admin.ask("POST", &format!("/api/v1/deliveries/{}/redeliver", sent[0]), json!({})).await.ok(202);
    assert_eq!((&again["id"], &again["state"]), (&json!(sent[0]), &json!("waiting")));
    admin.ask("PATCH", &path, json!({ "enabled": false })).await.ok(200);
    admin
        .ask("POST", &format!("/api/v1/deliveries/{}/redeliver", sent[0]), json!({}))
        .await
        .problem(409, "webhook_off");
    admin.ask("POST", &format!("{path}/test"), json!({})).await.problem(409, "webhook_off");
    // With the project all of it is gone at once.
    assert_eq!(admin.ask("DELETE", "/api/v1/projects/site", json!({})).await.status, 204);
    admin.ask("GET", &path, json!({})).await.problem(404, "webhook_not_found");
    admin.ask("GET", &format!("/api/v1/deliveries/{}", sent[0]), json!({})).await.problem(404, "delivery_not_found");
}

/// The document lists the words that can be chosen nowhere else: an event of the stream has them too.
#[tokio::test]
async fn a_call_that_is_repeated_under_its_key_makes_one_webhook() {
    let house = House::on_disk();
    site(&house).await;
    let admin = Admin::of(&house).await;
    let bearer = format!("Bearer {}", admin.1);
    let headers = [("authorization", &*bearer), ("idempotency-key", "one")];
    let body = json!({ "url": URL }).to_string();
    let first = house.raw("POST", "/api/v1/projects/site/webhooks", &headers, body.clone()).await.ok(201);
    let second = house.raw("POST", "/api/v1/projects/site/webhooks", &headers, body).await.ok(201);
    assert_eq!(first, second, "the same webhook with the same secret");
}
