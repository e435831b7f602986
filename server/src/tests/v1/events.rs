//! The stream of events: nothing is missed, whatever the client does.

use std::{net::SocketAddr, time::Duration};

use axum::{
    body::{Body, BodyDataStream},
    extract::ConnectInfo,
    http::Request,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::ServiceExt;

use super::{super::House, project, task};

/// A client that listens.
struct Client {
    body: BodyDataStream,
    read: String,
}

/// An event as a client sees it.
#[derive(Debug)]
struct Heard {
    id: String,
    kind: String,
    data: Value,
}

impl Client {
    async fn listen(house: &House, query: &str, last: Option<&str>) -> Self {
        Self::with(house, query, last, None).await
    }

    async fn with(house: &House, query: &str, last: Option<&str>, token: Option<&str>) -> Self {
        let mut request = Request::get(format!("/api/events{query}")).header("host", super::super::ADDRESS);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>("127.0.0.1:5000".parse().unwrap()));
        let response = house.router.clone().oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { body: response.into_body().into_data_stream(), read: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            while let Some((frame, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let line = frame.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    line.map(|value| value.trim_start().to_owned())
                };
                let heard = field("event").map(|kind| Heard {
                    id: field("id").unwrap_or_default(),
                    kind,
                    data: serde_json::from_str(&field("data").unwrap_or_default()).unwrap(),
                });
                self.read = rest.to_owned();
                if heard.is_some() {
                    return heard;
                }
            }
            let piece = timeout(Duration::from_secs(20), self.body.next()).await.expect("nothing comes")?;
            self.read.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
    }

    /// The next events up to this title.
    async fn until(&mut self, title: &str) -> Vec<Heard> {
        let mut heard = Vec::new();
        loop {
            let next = self.next().await.expect("the stream ended");
            let last = next.data["data"]["title"] == title;
            heard.push(next);
            if last {
                return heard;
            }
        }
    }
}

fn titles(heard: &[Heard]) -> Vec<&str> {
    heard.iter().filter_map(|h| h.data["data"]["title"].as_str()).collect()
}

#[tokio::test]
async fn what_happens_is_told_and_a_client_goes_on_where_it_was() {
    let house = House::on_disk();
    let site = project(&house).await;
    task(&house, "before").await;
    let mut client = Client::listen(&house, "", None).await;
    task(&house, "one").await;
    house.post("/api/v1/tasks/2/move", json!({ "to": "ready" })).await.ok(200);
    task(&house, "two").await;
    let heard = client.until("two").await;
    assert_eq!(titles(&heard), ["one", "two"], "{heard:?}");
    let moved = heard.iter().find(|h| h.kind == "status_changed").unwrap();
    assert_eq!((&moved.data["project_id"], &moved.data["actor"]["kind"]), (&json!(site), &json!("program")));
    assert_eq!((&moved.data["data"]["from_status"], &moved.data["id"]), (&json!("backlog"), &json!(moved.id)));
    drop(client);

    // It was away meanwhile.
    for n in 0..250 {
        task(&house, &format!("away {n}")).await;
    }
    let mut client = Client::listen(&house, "", Some(&heard.last().unwrap().id)).await;
    let missed = client.until("away 249").await;
    assert_eq!(titles(&missed), (0..250).map(|n| format!("away {n}")).collect::<Vec<_>>(), "each once, in order");
    task(&house, "live again").await;
    assert_eq!(titles(&client.until("live again").await), ["live again"]);
}

#[tokio::test]
async fn a_client_hears_what_it_asked_for() {
    let house = House::on_disk();
    project(&house).await;
    house.post("/api/v1/projects", json!({ "name": "Other", "slug": "other" })).await.ok(201);
    task(&house, "first").await;
    let mut of_project = Client::listen(&house, "?project=other", None).await;
    let mut of_task = Client::listen(&house, "?task=T-1", None).await;
    let mut of_kind = Client::listen(&house, "?kinds=status_changed,nothing", None).await;
    task(&house, "second").await;
    house.post("/api/v1/tasks/2/move", json!({ "to": "ready" })).await.ok(200);
    house.post("/api/v1/tasks/1/move", json!({ "to": "blocked" })).await.ok(200);
    house.post("/api/v1/projects/other/tasks", json!({ "title": "elsewhere" })).await.ok(201);
    assert_eq!(of_project.next().await.unwrap().data["data"]["title"], "elsewhere");
    assert_eq!(of_task.next().await.unwrap().data["data"]["to_status"], "blocked");
    let (one, two) = (of_kind.next().await.unwrap(), of_kind.next().await.unwrap());
    assert_eq!((&one.data["data"]["to_status"], &two.data["data"]["to_status"]), (&json!("ready"), &json!("blocked")));
    for (query, status, code) in [
        ("?project=none", 404, "project_not_found"),
        ("?task=none", 404, "task_not_found"),
        ("?what=1", 400, "invalid_query"),
    ] {
        house.get(&format!("/api/events{query}")).await.problem(status, code);
    }
}

#[tokio::test]
async fn a_place_that_is_not_known_and_one_too_far_behind_are_said() {
    let house = House::new();
    project(&house).await;
    for last in ["none", super::super::NOBODY] {
        let mut client = Client::listen(&house, "", Some(last)).await;
        assert_eq!(client.next().await.unwrap().kind, "reset", "{last}");
        task(&house, last).await;
        assert_eq!(titles(&client.until(last).await), [last], "and then it is live");
    }
    let mut client = Client::listen(&house, "", None).await;
    task(&house, "here").await;
    let here = client.until("here").await.pop().unwrap().id;
    for n in 0..1_300 {
        task(&house, &format!("task {n}")).await;
    }
    let mut client = Client::listen(&house, "", Some(&here)).await;
    assert_eq!(client.next().await.unwrap().kind, "reset");
    let told = client.until("task 1299").await;
    assert!((1_000..1_300).contains(&told.len()), "{}", told.len());
}

#[tokio::test]
async fn a_stream_ends_with_the_server() {
    let house = House::on_disk();
    let mut client = Client::listen(&house, "", None).await;
    house.stop.send(true).unwrap();
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let house = House::new();
    let made = house.state.office.now();
    let secret = crate::http::bearer::Secret::fresh().unwrap();
    let digest = secret.digest();
    let new = clutch_domain::command::NewToken {
        digest: digest.clone(),
        name: clutch_domain::text::Label::parse("reader").unwrap(),
        scope: clutch_domain::access::TokenScope::Read,
        expires_at: Some(made.plus(3_600_000)),
    };
    let operator = clutch_domain::actor::Actor::operator("token");
    house.office.run(&operator, &clutch_domain::command::Command::CreateToken(new)).await.unwrap();
    let mut client = Client::with(&house, "", None, Some(&secret.reveal())).await;
    let revoke = clutch_domain::command::Command::RevokeToken(digest);
    house.office.run(&operator, &revoke).await.unwrap();
    tokio::time::pause();
    assert!(client.next().await.is_none(), "the next look ends it");
}

#[tokio::test]
async fn there_is_room_for_so_many() {
    let house = House::new();
    let mut all = Vec::new();
    for _ in 0..256 {
        all.push(Client::listen(&house, "", None).await);
    }
    let refused = house.get("/api/events").await;
    refused.problem(503, "too_many_streams");
    assert_eq!(refused.headers["retry-after"], "5");
    all.pop();
    Client::listen(&house, "", None).await;
}
