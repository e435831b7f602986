//! Tokens of programs: what each opens, and what it is told that opens nothing.

use clutch_domain::{
    access::{TOKENS_MAX, Token, TokenScope},
    activity::Activity,
    doc::{Kind, Scope},
    range::{Fetch, Range},
    rule::access::tokens,
    talk::Comment,
    time::{DAY_MS, Millis},
};
use serde_json::json;

use super::{BEGIN, House, Reply};
use crate::{
    http::scopes::PLUGIN_ROUTES,
    owner::{self, Ask, Told},
};

impl House {
    /// A new token: its secret, and what is kept of it.
    pub async fn token(&self, name: &str, scope: TokenScope, days: Option<u32>) -> (String, Token) {
        match owner::answer(&self.office, Ask::Create { name: name.into(), scope, days }).await {
            Told::Made { secret, token } => (secret, token),
            other => panic!("{other:?}"),
        }
    }

    async fn with(&self, secret: &str, method: &str, path: &str, body: serde_json::Value) -> Reply {
        self.raw(method, path, &[("authorization", &format!("Bearer {secret}"))], body.to_string()).await
    }

    /// The token as it is kept now.
    async fn kept(&self, token: &Token) -> Token {
        self.office.get::<Token>(&token.digest).await.unwrap().unwrap()
    }
}

#[track_caller]
fn asks_for_a_token(reply: &Reply, code: &str) {
    reply.fails_with(401, code);
    assert!(reply.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{:?}", reply.headers);
    assert!(reply.text.contains("clutch token create"), "{}", reply.text);
}

#[tokio::test]
async fn each_scope_opens_what_it_says() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "in_progress").await;
    for scope in TokenScope::ALL {
        let (secret, _) = house.token(scope.word(), *scope, None).await;
        house.with(&secret, "GET", "/api/tasks?projectId=x", json!({})).await;
        assert_eq!(house.with(&secret, "GET", &format!("/api/tasks/{task}"), json!({})).await.status, 200);
        let writes = house.with(&secret, "POST", "/api/tasks", json!({ "project_id": project, "title": "new" })).await;
        let signal = json!({ "taskId": task, "sessionKey": "s", "agentId": "kimi", "kind": "fyi", "message": "m" });
        let reports = house.with(&secret, "POST", "/api/signal", signal).await;
        let picture = house.with(&secret, "POST", "/api/upload/image", json!({})).await;
        let function = house.with(&secret, "POST", "/fn/add_comment", json!({})).await;
        match scope {
            TokenScope::Read | TokenScope::Agent => {
                for refused in [&writes, &picture, &function] {
                    refused.fails_with(403, "scope_too_small");
                }
            }
            TokenScope::Write | TokenScope::Admin => {
                assert_eq!(writes.status, 201, "{}", writes.text);
                picture.fails_with(400, "file_missing");
                assert_ne!(function.status, 403);
            }
        }
        assert_eq!(reports.status.is_success(), *scope != TokenScope::Read, "{scope:?}: {}", reports.text);
        // What a person has kept for people.
        let kept =
            json!({ "project_id": project, "title": "kept", "status": "in_review", "requires_human_review": true });
        let kept = super::id(&house.post("/api/tasks", kept).await.ok(201)["task"]);
        let done = house.with(&secret, "PATCH", &format!("/api/tasks/{kept}"), json!({ "status": "done" })).await;
        match scope {
            TokenScope::Read | TokenScope::Agent => done.fails_with(403, "scope_too_small"),
            TokenScope::Write => done.fails_with(403, "humans_only"),
            TokenScope::Admin => assert_eq!(done.status, 200, "{}", done.text),
        }
    }
}

#[tokio::test]
async fn who_acted_is_the_token_whatever_it_claims() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let (secret, token) = house.token("Nightly build", TokenScope::Write, None).await;
    let said = json!({ "content": "Built.", "author": "dan", "author_type": "human" });
    let made = house.with(&secret, "POST", &format!("/api/tasks/{task}/comments"), said).await.ok(201);
    assert_eq!((&made["comment"]["author"], &made["comment"]["by"]), (&json!("dan"), &json!("program")));
    let comment = house.list::<Comment>(Range::children(Kind::Comment, &task, 9)).await.remove(0);
    let by = comment.by.unwrap();
    assert_eq!((by.id.as_deref(), by.name.as_deref()), (Some(token.digest.id8()), Some("Nightly build")));
    let line = &house.log(&task).await[0];
    assert_eq!((line.actor.is_program(), line.actor.name.as_deref()), (true, Some("Nightly build")));
    // An agent's report is an agent's, and by which token it came is kept.
    let signal = json!({ "taskId": task, "sessionKey": "s", "agentId": "kimi", "kind": "fyi", "message": "m" });
    house.with(&secret, "POST", "/api/signal", signal).await.ok(201);
    let actor = house.log(&task).await[0].actor.clone();
    assert_eq!((actor.kind.word(), actor.name.as_deref()), ("agent", Some("kimi")));
    assert_eq!(actor.id.as_deref(), Some(token.digest.id8()));
}

/// Two programs that use the same words as keys for two calls, each with a token of its own.
#[tokio::test]
async fn keys_belong_to_a_token() {
    let house = House::new();
    let project = house.project("site").await;
    let (one, _) = house.token("one", TokenScope::Write, None).await;
    let (two, _) = house.token("two", TokenScope::Write, None).await;
    let mut made = Vec::new();
    for secret in [&one, &two, &one] {
        let bearer = format!("Bearer {secret}");
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
        let body = json!({ "project_id": project, "title": "same" }).to_string();
        made.push(super::id(&house.raw("POST", "/api/tasks", &headers, body).await.ok(201)["task"]));
    }
    assert_ne!(made[0], made[1]);
    assert_eq!(made[0], made[2]);
}

#[tokio::test]
async fn what_opens_nothing_is_told_so() {
    let house = House::new();
    let (short, token) = house.token("short", TokenScope::Admin, Some(1)).await;
    assert!((token.expires_at.unwrap().0 - BEGIN - DAY_MS).abs() < 1_000);
    assert_eq!(house.with(&short, "GET", "/api/projects", json!({})).await.status, 200);
    house.clock.set(Millis(BEGIN + DAY_MS + 1_000));
    asks_for_a_token(&house.with(&short, "GET", "/api/projects", json!({})).await, "token_expired");
    let (taken, token) = house.token("taken", TokenScope::Admin, None).await;
    for which in ["taken", &token.digest.as_str()[..8]] {
        let told = owner::answer(&house.office, Ask::Revoke { which: which.into() }).await;
        assert!(matches!(told, Told::Revoked { .. }), "{told:?}");
        asks_for_a_token(&house.with(&taken, "GET", "/api/projects", json!({})).await, "token_revoked");
    }
    for which in ["nobody", "", &"0".repeat(64)] {
        let told = owner::answer(&house.office, Ask::Revoke { which: which.into() }).await;
        assert!(matches!(told, Told::No { .. }), "{which}: {told:?}");
    }
    // Nobody logs in here: what is not known is some other program's, as the gateway's is.
    for line in ["Bearer gateway-token".to_owned(), format!("Bearer clutch_{}", "0".repeat(64)), "Basic eDp5".into()] {
        let reply = house.raw("GET", "/api/projects", &[("authorization", &line)], "").await;
        assert_eq!(reply.status, 200, "{line}: {}", reply.text);
    }
}

/// A token opens no door that is closed: without log-in only this machine is served.
#[tokio::test]
async fn a_token_lets_no_other_machine_in() {
    let house = House::new();
    let (secret, _) = house.token("far", TokenScope::Admin, None).await;
    let request = axum::http::Request::get("/api/projects")
        .header("host", super::ADDRESS)
        .header("authorization", format!("Bearer {secret}"));
    let reply = house.send(request.body(axum::body::Body::empty()).unwrap(), "192.0.2.7:5000").await;
    reply.fails_with(403, "not_loopback");
}

#[tokio::test]
async fn the_last_use_is_known_and_written_seldom() {
    let house = House::new();
    let (secret, token) = house.token("CI", TokenScope::Read, None).await;
    assert_eq!(house.kept(&token).await.used_at, None);
    let use_it = || house.with(&secret, "GET", "/api/projects", json!({}));
    use_it().await.ok(200);
    assert_eq!(house.kept(&token).await.used_at, None, "not on the request's path");
    house.state.bearers.write_down().await;
    let first = house.kept(&token).await.used_at.unwrap();
    use_it().await.ok(200);
    house.state.bearers.write_down().await;
    assert_eq!(house.kept(&token).await.used_at, Some(first), "once a minute is enough");
    house.clock.set(first.plus(60_000));
    use_it().await.ok(200);
    house.state.bearers.write_down().await;
    assert!(house.kept(&token).await.used_at.unwrap() > first);
}

#[tokio::test]
async fn nothing_keeps_the_secret_and_the_log_says_who_made_and_took_it() {
    let house = House::new();
    let (secret, token) = house.token("CI", TokenScope::Write, None).await;
    owner::answer(&house.office, Ask::Revoke { which: "CI".into() }).await;
    let everything = Kind::ALL.iter().map(|kind| Range::All { kind: *kind, after: None, limit: 1_000 }).collect();
    let read = house.office.read(&Fetch { scopes: vec![], ranges: everything }).await.unwrap();
    let mut looked = 0;
    for doc in read.value.docs() {
        let text = serde_json::to_string(&doc.body).unwrap();
        assert!(!text.contains(&secret["clutch_".len()..]), "{text}");
        looked += 1;
    }
    assert!(looked >= 3, "a token and two lines");
    let newest = Range::Newest { kind: Kind::Activity, scope: Scope::Installation, before: None, limit: 9 };
    let lines: Vec<Activity> = house.list(newest).await;
    let says: Vec<(&str, Option<&str>)> = lines.iter().map(|l| (l.what.as_str(), l.actor.name.as_deref())).collect();
    assert_eq!(says, [("token_revoked", Some("clutch token")), ("token_created", Some("clutch token"))]);
    assert_eq!(lines[0].data["token"], token.digest.id8());
}

#[tokio::test]
async fn a_full_list_takes_one_more_only_for_one_that_is_over() {
    let house = House::new();
    let (_, first) = house.token("first", TokenScope::Read, None).await;
    for n in 1..TOKENS_MAX {
        house.token(&n.to_string(), TokenScope::Read, None).await;
    }
    let more =
        || owner::answer(&house.office, Ask::Create { name: "more".into(), scope: TokenScope::Read, days: None });
    match more().await {
        Told::No { sentence } => assert!(sentence.contains("revoke"), "{sentence}"),
        other => panic!("{other:?}"),
    }
    owner::answer(&house.office, Ask::Revoke { which: "first".into() }).await;
    assert!(matches!(more().await, Told::Made { .. }));
    let all: Vec<Token> = house.list(tokens()).await;
    assert_eq!((all.len(), all.contains(&first)), (TOKENS_MAX as usize, false));
    for name in ["", "  \u{200b}", &"x".repeat(101)] {
        let told = owner::answer(&house.office, Ask::Create { name: name.into(), scope: TokenScope::Read, days: None });
        assert!(matches!(told.await, Told::No { sentence } if sentence.contains("100 characters")), "{name:?}");
    }
}

/// The table of what plugins call names routes that are there.
#[tokio::test]
async fn plugins_routes_are_routes() {
    let house = House::new();
    for (method, pattern) in PLUGIN_ROUTES {
        let reply = house.raw(method.as_str(), &pattern.replace('*', super::NOBODY), &[], "{}").await;
        assert_ne!(reply.json()["code"], "route_not_found", "{method} {pattern}");
        assert_ne!(reply.status, 405, "{method} {pattern}");
    }
}

#[tokio::test]
async fn the_owner_asks_a_server_that_runs() {
    let house = House::new();
    let dir = tempfile::tempdir().unwrap();
    assert!(owner::ask(dir.path(), &Ask::List).await.is_none(), "nobody is there");
    // One that was killed has left its socket.
    drop(std::os::unix::net::UnixListener::bind(dir.path().join(owner::SOCKET)).unwrap());
    assert!(owner::ask(dir.path(), &Ask::List).await.is_none(), "nobody is there any more");
    let listening = tokio::spawn(owner::listen(dir.path().to_owned(), house.office.clone()));
    let told = loop {
        match owner::ask(dir.path(), &Ask::Create { name: "CI".into(), scope: TokenScope::Read, days: None }).await {
            Some(told) => break told.unwrap(),
            None => tokio::task::yield_now().await,
        }
    };
    let Told::Made { secret, token } = told else { panic!("{told:?}") };
    assert_eq!(house.with(&secret, "GET", "/api/projects", json!({})).await.status, 200);
    match owner::ask(dir.path(), &Ask::List).await.unwrap().unwrap() {
        Told::Tokens { tokens } => assert_eq!(tokens, [token]),
        other => panic!("{other:?}"),
    }
    // What is no question is answered, and the next one too.
    let mut stream = std::os::unix::net::UnixStream::connect(dir.path().join(owner::SOCKET)).unwrap();
    let nonsense = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        stream.write_all(b"{\"do\":\"dance\"}\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    assert!(nonsense.await.unwrap().contains("another version"));
    assert!(owner::ask(dir.path(), &Ask::List).await.is_some());
    listening.abort();
    let _ = listening.await;
    assert!(!dir.path().join(owner::SOCKET).exists(), "the socket goes with who listened");
}

/// Far above what an honest program asks for; its neighbours are not kept out by one that asks for more.
#[tokio::test]
async fn a_token_may_ask_so_often_and_no_more() {
    let house = House::new();
    let (wild, _) = house.token("wild", TokenScope::Read, None).await;
    let (calm, _) = house.token("calm", TokenScope::Read, None).await;
    let mut last = house.with(&wild, "GET", "/health", json!({})).await;
    for _ in 0..20_000 {
        if last.status != 200 {
            break;
        }
        last = house.with(&wild, "GET", "/health", json!({})).await;
    }
    last.fails_with(429, "too_many_requests");
    assert!(last.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(house.with(&calm, "GET", "/health", json!({})).await.status, 200);
    assert_eq!(house.get("/health").await.status, 200, "this machine's own programs are not measured");
}

/// A request keeps its name, also one that is refused, and one without gets one.
#[tokio::test]
async fn every_answer_names_its_request() {
    let house = House::new();
    for (path, headers) in [
        ("/api/projects", &[("x-request-id", "build-7")][..]),
        ("/api/nowhere", &[("x-request-id", "build-7")]),
        ("/api/projects", &[("x-request-id", "build-7"), ("via", "1.1 proxy")]),
    ] {
        let reply = house.raw("GET", path, headers, "").await;
        assert_eq!(reply.headers["x-request-id"], "build-7", "{path} {}", reply.status);
    }
    let one = house.get("/api/projects").await.headers["x-request-id"].clone();
    assert_ne!(one, house.get("/api/projects").await.headers["x-request-id"]);
    let odd = house.raw("GET", "/api/projects", &[("x-request-id", "a b")], "").await;
    assert_eq!(odd.headers["x-request-id"].len(), 32, "what is no name is not repeated");
}
