//! The work loop's page, what it loads and does, and why a ticket is where it is.

use std::{collections::BTreeMap, sync::Arc};

use axum::body::Body;
use clutch_app::site::SiteFiles;
use clutch_domain::{
    command::Command,
    id::{ProjectId, TaskId},
    text::Excerpt,
};
use serde_json::json;

use super::{ADDRESS, House, NOBODY, callers::SAME};
use crate::{compose, http::door::Door};

impl House {
    async fn painted(&self, path: &str) -> String {
        let reply = self.raw("GET", path, &[("accept", "text/html")], Body::empty()).await;
        assert_eq!(reply.status, 200, "{path}");
        reply.text.split_once("<main").unwrap().1.split_once("</main>").unwrap().0.replace("<!>", "")
    }

    /// The loop's notes.
    async fn notes(&self, project: &str, notes: &[(&str, &str)], notice: Option<&str>) {
        let project: ProjectId = project.parse().unwrap();
        let notes: BTreeMap<TaskId, String> =
            notes.iter().map(|(task, why)| (task.parse().unwrap(), (*why).to_owned())).collect();
        self.by_loop(Command::NoteProject(project, notes, notice.map(Excerpt::from))).await;
    }
}

#[track_caller]
fn has(text: &str, words: &[&str], not: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    for words in not {
        assert!(!text.contains(words), "{words:?} is in\n{text}");
    }
}

#[tokio::test]
async fn the_page_says_how_the_loop_stands_what_waits_and_what_needs_somebody() {
    let house = House::on_disk();
    let project = house.project("site").await;
    has(&house.painted("/projects/site/work-loop").await, &["Nothing yet: the loop has given nothing"], &["<li>"]);
    let first = house.task(&project, "Buy paint", "ready").await;
    let second = house.task(&project, "Paint the <door>", "ready").await;
    let third = house.task(&project, "Hang it", "ready").await;
    let stuck = house.task(&project, "Broken", "blocked").await;
    house.post(&format!("/api/tasks/{second}/dependencies"), json!({ "depends_on_id": first })).await.ok(201);
    house.run_of(&first, 1).await;
    let why = "Agents at work in this project: 3 of 3";
    house.notes(&project, &[(&second, "Waits for 1 task"), (&third, why)], None).await;
    house.post("/api/triage/escalate", json!({ "task_id": stuck, "reason": "It needs a key." })).await.ok(200);
    let page = house.painted("/projects/site/work-loop").await;
    has(
        &page,
        &[
            "1 of 3 agents at work",
            "Buy paint",
            "Paint the &lt;door",
            "Waits for 1 task",
            "/projects/site/board?task=T-1",
            why,
            "/projects/site/settings",
            "A person is wanted.",
            "It needs a key.",
            "Try again",
            "The loop gave a Dev agent",
            "Pause",
        ],
        &["Resume", "Switch on", "Show what", "<door>"],
    );
    // Decisions name the tickets that they are about, wherever those stand by now.
    has(&page, &["asked for a person at"], &["a ticket that was deleted"]);
    let all = house.painted("/work-loop").await;
    has(&all, &["Work loop", "1 of 3 agents at work", "Waits for 1 task", "A person is wanted.", "in site"], &[]);
}

#[tokio::test]
async fn a_paused_project_and_one_that_is_off_have_their_buttons_as_forms() {
    let house = House::new();
    let (on, off) = (house.project("site").await, house.project("shed").await);
    house.patch("/api/projects/shed", json!({ "work_loop_enabled": false })).await.ok(200);
    house.task(&on, "Paint", "ready").await;
    house.by_loop(Command::PauseLoop(on.parse().unwrap(), true)).await;
    house.notes(&on, &[], Some("The loop is paused in this project.")).await;
    let page = house.painted("/projects/site/work-loop").await;
    has(&page, &["Paused", "Resume", r#"action="/fn/pause_loop""#, "You paused the loop"], &["Pause<"]);
    let all = house.painted("/work-loop").await;
    has(&all, &["Paused", "Switch on", r#"action="/fn/set_loop""#, "shed"], &[]);
    // Pressed without our code.
    let cookie = house.cookie().await;
    let press = |name: &'static str, fields: Vec<(&'static str, String)>| {
        let (house, cookie) = (&house, cookie.clone());
        async move {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            house.function(name, &[("cookie", &cookie), SAME], &fields).await.ok(200)
        }
    };
    press("pause_loop", vec![("project", on.clone()), ("paused", "false".into())]).await;
    press("set_loop", vec![("project", off.clone()), ("on", "true".into())]).await;
    has(&house.painted("/projects/site/work-loop").await, &["You resumed the loop", "Pause"], &["Resume<"]);
    has(&house.painted("/work-loop").await, &["shed", "of 3 agents at work"], &["Switch on"]);
    assert_eq!(
        house.raw("GET", "/projects/none/work-loop", &[("accept", "text/html")], Body::empty()).await.status,
        404
    );
}

#[tokio::test]
async fn a_press_decides_about_a_ticket_as_the_routes_do() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let cookie = house.cookie().await;
    let step = async |task: &str, fields: &[(&str, &str)]| {
        let mut all = vec![("task", task)];
        all.extend(fields);
        house.function("triage_task", &[("cookie", &cookie), SAME], &all).await
    };
    for (fields, status, said) in [
        (vec![("step", "unblock")], "ready", "You unblocked"),
        (vec![("step", "reassign"), ("role", "research")], "ready", "to a Research agent anew"),
        (vec![("step", "kill"), ("reason", "Later.")], "backlog", "back into the backlog"),
        (vec![("step", "escalate"), ("reason", "Look.")], "blocked", "You asked for a person at"),
    ] {
        let task = house.task(&project, "Broken", "blocked").await;
        assert_eq!(step(&task, &fields).await.status, 200, "{fields:?}");
        assert_eq!(house.look(&task).await["status"], status, "{fields:?}");
        has(&house.painted("/projects/site/work-loop").await, &[said], &[]);
    }
    let task = house.task(&project, "Ready", "ready").await;
    assert_eq!(step(&task, &[("step", "unblock")]).await.status, 409, "it is not blocked");
    assert!(step(&task, &[("step", "burn")]).await.text.contains("value_unknown"));
    assert!(step(NOBODY, &[("step", "unblock")]).await.text.contains("task_not_found"));
}

#[tokio::test]
async fn older_decisions_are_had_page_by_page_each_once() {
    let house = House::on_disk();
    let project = house.project("site").await;
    for n in 0..30 {
        house.by_loop(Command::PauseLoop(project.parse().unwrap(), n % 2 == 0)).await;
        let task = house.task(&project, &format!("t{n}"), "backlog").await;
        house.post(&format!("/api/tasks/{task}/comments"), json!({ "author": "ada", "content": "x" })).await.ok(201);
    }
    let first = house.function("load_loop", &[], &[("slug", "site")]).await.ok(200);
    let mut seen: Vec<(i64, String)> = first["parts"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.starts_with("d:"))
        .map(|(_, part)| (part["at"].as_i64().unwrap(), part["id"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(seen.len(), 20);
    let mut behind = seen.iter().min().unwrap().1.clone();
    loop {
        let older = house.function("older_decisions", &[], &[("project", &project), ("behind", &behind)]).await.ok(200);
        let found = older["decisions"].as_array().unwrap().clone();
        seen.extend(found.iter().map(|d| (d["at"].as_i64().unwrap(), d["id"].as_str().unwrap().to_owned())));
        match older["next"].as_str() {
            Some(next) => behind = next.to_owned(),
            None => break,
        }
    }
    seen.sort_unstable();
    let count = seen.len();
    seen.dedup();
    assert_eq!((seen.len(), count), (30, 30), "each once, and none is missing");
    let other = house.project("shed").await;
    let none = house.function("older_decisions", &[], &[("project", &other), ("behind", &behind)]).await.ok(200);
    assert_eq!(none["decisions"], json!([]), "a line of another project leads nowhere");
}

/// What a board does not need comes with what needs it.
#[tokio::test]
async fn a_page_names_the_look_that_it_is_painted_with() {
    let mut house = House::new();
    let project = house.project("site").await;
    house.task(&project, "Paint", "ready").await;
    let files = SiteFiles { later: Some("pkg/clutch-later.x.css".into()), ..SiteFiles::default() };
    house.state.site.files = Arc::new(files);
    house.router = compose::router(house.state.clone(), Door::new(ADDRESS.parse().unwrap()));
    for (path, here) in [
        ("/projects/site/board", false),
        ("/projects/site/board?task=T-1", true),
        ("/projects/site/settings", true),
        ("/projects/site/work-loop", true),
        ("/work-loop", true),
        ("/", true),
    ] {
        let text = house.raw("GET", path, &[("accept", "text/html")], Body::empty()).await.text;
        let (named, told) = (r#"href="/pkg/clutch-later.x.css""#, r#"data-later="clutch-later.x.css""#);
        assert_eq!((text.contains(named), text.contains(told)), (here, !here), "{path}");
    }
}
