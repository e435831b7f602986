//! The page of who did what.

use clutch_domain::{
    access::{TokenScope, UserRole},
    activity::{Activity, REFUSED, REFUSED_LOG_INS, REFUSED_MAX},
    actor::Actor,
    command::{Command, RefusedLogIns},
    doc::Kind,
    range::Range,
};
use serde_json::json;

use super::{House, callers::SAME};

const HTML: (&str, &str) = ("accept", "text/html");

impl House {
    async fn audit(&self, cookie: &str, query: &str) -> String {
        let reply = self.raw("GET", &format!("/audit{query}"), &[HTML, ("cookie", cookie)], "").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.text
    }
}

#[tokio::test]
async fn who_did_what_is_told_of_each_kind_of_caller() {
    let house = House::locked();
    let owner = house.session().await;
    let (secret, _) = house.token("Nightly <b>build</b>", TokenScope::Write, None).await;
    let bearer = format!("Bearer {secret}");
    let token = [("authorization", bearer.as_str())];
    let body = json!({ "name": "Site & co", "slug": "site" }).to_string();
    let project = super::id(&house.raw("POST", "/api/projects", &token, body).await.ok(201)["project"]);
    let task = json!({ "project_id": project, "title": "t", "status": "in_progress" }).to_string();
    let task = super::id(&house.raw("POST", "/api/tasks", &token, task).await.ok(201)["task"]);
    let signal = json!({ "taskId": task, "sessionKey": "s", "agentId": "kimi", "kind": "fyi", "message": "m" });
    house.post("/api/signal", signal).await.ok(201);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let ready = format!("task={task}&to=ready");
    let page = [("cookie", owner.as_str()), SAME, form, ("accept", "application/json")];
    let moved = house.raw("POST", "/fn/move_task", &page, ready).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let wrong = "username=owner&password=a+password+typed+into+the+wrong+field";
    for _ in 0..3 {
        assert_eq!(house.raw("POST", "/login", &[form, SAME], wrong).await.status, 403);
    }
    house.state.logins.as_ref().unwrap().write_down().await;
    let all = house.audit(&owner, "").await;
    for says in [
        "The token Nightly &lt;b&gt;build&lt;/b&gt; (",
        "<b>project created</b>: name: Site &amp; co",
        "The agent kimi",
        "owner (",
        "from status: in_progress",
        "refused 3 log-ins as <b>owner</b>, from 127.0.0.1",
        "<code>clutch token</code> made the token",
        "/projects/site/board?task=",
    ] {
        assert!(all.contains(says), "{says}: {all}");
    }
    assert!(!all.contains("wrong field") && !all.contains(&secret), "{all}");
    let rows = |page: &str| page.matches("<li>").count();
    for (query, has, has_not) in [
        ("?by=token", "project created", "status changed"),
        ("?by=person", "status changed", "project created"),
        ("?by=agent", "The agent kimi", "status changed"),
        ("?project=site", "project created", "log-ins"),
        ("?project=none", "log-ins", "project created"),
        ("?by=nobody&project=nowhere&before=nothing", "project created", "There is nothing"),
    ] {
        let some = house.audit(&owner, query).await;
        assert!(some.contains(has) && !some.contains(has_not), "{query}: {some}");
        assert!(rows(&some) > 0 && rows(&some) <= rows(&all), "{query}");
    }
    assert!(house.audit(&owner, "?by=loop").await.contains("There is nothing."));
    // It is an owner's.
    let (read, _) = house.token("read", TokenScope::Read, None).await;
    let bearer = format!("Bearer {read}");
    house.raw("GET", "/audit", &[("authorization", &bearer)], "").await.fails_with(403, "owners_only");
    let member = house.person("mia", UserRole::Member).await;
    house.raw("GET", "/audit", &[("cookie", &member)], "").await.fails_with(403, "owners_only");
    assert_eq!(house.raw("GET", "/audit", &[HTML], "").await.status, 303);
}

/// From page to page each line comes once, whatever comes in between, also where a filter lets few through.
#[tokio::test]
async fn pages_lose_no_line_and_double_none() {
    let house = House::new();
    let cookie = house.cookie().await;
    let mut projects = Vec::new();
    for slug in ["one", "two", "three"] {
        projects.push(house.project(slug).await);
    }
    for n in 0..130 {
        let body = json!({ "project_id": projects[n % 3], "title": format!("No. {n}!") }).to_string();
        let person = [("cookie", cookie.as_str()), SAME];
        let who = if n % 13 == 0 { &person[..] } else { &[] };
        house.raw("POST", "/api/tasks", who, body).await.ok(201);
    }
    for (query, want) in [("?", 130), ("?by=person", 10), ("?project=two", 43)] {
        let (mut query, mut seen) = (query.to_owned(), Vec::new());
        for turn in 0.. {
            assert!(turn < 9, "it ends");
            let page = house.audit(&cookie, &query).await;
            seen.extend(page.split("No. ").skip(1).map(|rest| rest.split('!').next().unwrap().to_owned()));
            if turn == 0 {
                house.task(&projects[1], "Between", "backlog").await;
            }
            let Some(next) = page.split("rel=\"next\" href=\"/audit").nth(1) else { break };
            query = next.split('"').next().unwrap().replace("&amp;", "&");
        }
        let mut once = seen.clone();
        once.dedup();
        assert_eq!((once.len(), seen.len()), (want, want), "{query}");
        let numbers: Vec<usize> = seen.iter().map(|n| n.parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a > b), "the newest first: {numbers:?}");
    }
}

#[tokio::test]
async fn refused_log_ins_are_kept_up_to_a_measure() {
    let house = House::new();
    for n in 0..REFUSED_MAX + 20 {
        let refused = RefusedLogIns { account: None, from: n.to_string().as_str().into(), times: 1 };
        house.office.run(&Actor::doorkeeper(), &Command::NoteRefused(refused)).await.unwrap();
    }
    let lines: Vec<Activity> = house.list(Range::children(Kind::Activity, REFUSED_LOG_INS, 999)).await;
    assert_eq!(lines.len(), REFUSED_MAX as usize);
    assert!(lines.iter().all(|line| line.what == REFUSED));
    assert_eq!((lines[0].data["from"].as_str(), lines[199].data["from"].as_str()), ("20", "219"), "the newest");
}
