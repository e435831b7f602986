//! `/api/tasks` (facts §2.6).

use clutch_domain::{
    actor::{OWNER, Who},
    task::TaskFields,
};
use serde_json::{Value, json};

use super::{House, NOBODY, id, keys, known};

#[tokio::test]
async fn a_task_has_exactly_these_fields() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let made = house.post("/api/tasks", json!({ "project_id": project, "title": " a\n b " })).await.ok(201);
    assert_eq!(keys(&made), ["task"]);
    let task = made["task"].clone();
    let mut known_task = known(task.clone(), &["id", "created_at", "updated_at"]);
    assert_eq!(known_task["position"], json!(1.0));
    known_task["position"] = json!("known");
    assert_eq!(
        known_task,
        json!({
            "id": "known", "project_id": project, "number": 1, "title": "a b", "description": null, "status": "backlog",
            "priority": "medium", "role": null, "assignee": null, "requires_human_review": 0, "tags": null, "session_id": null,
            "prompt_version_id": null, "dispatch_status": null, "dispatch_requested_at": null, "dispatch_requested_by": null,
            "agent_session_key": null, "agent_spawned_at": null, "agent_retry_count": null, "reviewer_rejection_count": null,
            "triage_sent_at": null, "triage_acked_at": null, "auto_triage_count": null, "escalated": 0, "escalated_at": null,
            "cost_total": null, "branch": null, "pr_number": null, "review_comments": null, "review_count": null,
            "post_merge_steps": null, "verification_status": null, "verification_output": null, "resolution": null,
            "position": "known", "created_at": "known", "updated_at": "known", "completed_at": null,
        })
    );
    let full = json!({
        "project_id": project, "title": "full", "description": " *md* ", "status": "ready", "priority": "urgent", "role": "conflict_resolver",
        "assignee": "kimi", "requires_human_review": 1, "tags": ["a", "b c"],
    });
    let task = house.post("/api/tasks", full).await.ok(201)["task"].clone();
    let want = json!({
        "number": 2, "description": "*md*", "status": "ready", "priority": "urgent", "role": "conflict_resolver", "assignee": "kimi",
        "requires_human_review": 1, "tags": "[\"a\",\"b c\"]",
    });
    for (name, value) in want.as_object().unwrap() {
        assert_eq!(&task[name], value, "{name}");
    }
    // One task, by id and by number, with its comments.
    let by_id = house.get(&format!("/api/tasks/{}", id(&task))).await.ok(200);
    assert_eq!(by_id, json!({ "task": task, "comments": [] }));
    assert_eq!(house.get("/api/tasks/T-2").await.ok(200), by_id);
    assert_eq!(house.get("/api/tasks/t-2").await.ok(200), by_id);
}

#[tokio::test]
async fn tags_come_in_three_ways() {
    let house = House::new();
    let project = house.project("site").await;
    let cases = [
        (json!(["a", "", "b"]), json!("[\"a\",\"b\"]")),
        (json!("[\"a\",\"b\"]"), json!("[\"a\",\"b\"]")),
        (json!(" a, ,b "), json!("[\"a\",\"b\"]")),
        (json!([]), Value::Null),
        (json!(""), Value::Null),
        (Value::Null, Value::Null),
    ];
    for (given, kept) in cases {
        let body = json!({ "project_id": project, "title": "t", "tags": given });
        assert_eq!(house.post("/api/tasks", body).await.ok(201)["task"]["tags"], kept, "{given}");
    }
}

#[tokio::test]
async fn what_cannot_be_made() {
    let house = House::new();
    let project = house.project("site").await;
    let other = house.task(&house.project("far").await, "elsewhere", "ready").await;
    let open = house.task(&project, "open", "ready").await;
    let with = |field: &str, value: Value| {
        let mut body = json!({ "project_id": project, "title": "T" });
        body[field] = value;
        body
    };
    let needed = ("field_missing", "project_id and title are required");
    let shape = ("invalid_field", "Each dependency must have task_id and direction");
    let statuses =
        ("invalid_field", "Invalid status. Must be one of: backlog, ready, in_progress, in_review, blocked, done");
    let cases = [
        (400, json!({}), needed),
        (400, json!({ "title": "T" }), needed),
        (400, json!({ "project_id": project }), needed),
        (400, with("title", json!(" ")), needed),
        (400, with("title", json!(["T"])), ("invalid_field", "title must be a string")),
        (400, with("project_id", json!(1)), ("invalid_field", "project_id must be a string")),
        (404, with("project_id", json!("nobody")), ("project_not_found", "Project not found")),
        (404, with("project_id", json!(NOBODY)), ("project_not_found", "Project not found")),
        (
            400,
            with("title", json!("t".repeat(201))),
            ("title_too_long", "A title has at most 200 characters; put the rest into the description."),
        ),
        (
            400,
            with("description", json!("x".repeat(1_000_001))),
            ("text_too_long", "The text is longer than one megabyte; attach a file instead."),
        ),
        (400, with("status", json!("doing")), statuses),
        (400, with("status", json!(3)), ("invalid_field", "status must be a string")),
        (
            400,
            with("priority", json!("P1")),
            ("invalid_field", "Invalid priority. Must be one of: low, medium, high, urgent"),
        ),
        (
            400,
            with("role", json!("boss")),
            ("invalid_field", "Invalid role. Must be one of: pm, dev, research, reviewer, conflict_resolver"),
        ),
        (400, with("tags", json!(7)), ("invalid_field", "tags must be an array of strings")),
        (400, with("dependencies", json!("x")), shape),
        (400, with("dependencies", json!([{}])), shape),
        (400, with("dependencies", json!([{ "task_id": open }])), shape),
        (400, with("dependencies", json!([{ "direction": "blocks" }])), shape),
        (
            400,
            with("dependencies", json!([{ "task_id": open, "direction": "after" }])),
            ("invalid_field", "direction must be 'depends_on' or 'blocks'"),
        ),
        (
            404,
            with("dependencies", json!([{ "task_id": NOBODY, "direction": "blocks" }])),
            ("task_not_found", "Task not found"),
        ),
        (
            400,
            with("dependencies", json!([{ "task_id": other, "direction": "blocks" }])),
            ("dependency_across_projects", "Both tasks of a dependency must belong to the same project."),
        ),
        (
            400,
            with(
                "dependencies",
                json!([{ "task_id": open, "direction": "blocks" }, { "task_id": open, "direction": "depends_on" }]),
            ),
            ("dependency_cycle", "Adding this dependency would create a cycle"),
        ),
    ];
    for (status, body, (code, sentence)) in cases {
        house.post("/api/tasks", body).await.fails(status, code, sentence);
    }
    let mut waits = with("status", json!("in_progress"));
    waits["dependencies"] = json!([{ "task_id": open, "direction": "depends_on" }]);
    let sentence = "Cannot change status: dependencies not complete. 1 incomplete dependencies must be done first.";
    house.post("/api/tasks", waits).await.fails(400, "dependencies_open", sentence);
    assert_eq!(
        house.get(&format!("/api/tasks?projectId={project}")).await.ok(200)["tasks"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn the_list_is_by_column_and_place() {
    let house = House::on_disk();
    let project = house.project("site").await;
    for (title, status) in
        [("d1", "done"), ("r1", "ready"), ("b1", "backlog"), ("d2", "done"), ("r2", "ready"), ("v", "in-review")]
    {
        house.task(&project, title, status).await;
    }
    let titles = async |query: &str| -> Vec<String> {
        let list = house.get(&format!("/api/tasks?{query}")).await.ok(200);
        assert_eq!(keys(&list), ["tasks"]);
        list["tasks"].as_array().unwrap().iter().map(|t| t["title"].as_str().unwrap().to_owned()).collect()
    };
    let of = format!("projectId={project}");
    assert_eq!(titles(&of).await, ["b1", "r1", "r2", "v", "d2", "d1"]);
    assert_eq!(titles(&format!("project_id={project}")).await.len(), 6);
    assert_eq!(titles("projectId=site").await.len(), 6, "by slug");
    assert_eq!(titles(&format!("{of}&status=ready")).await, ["r1", "r2"]);
    assert_eq!(titles(&format!("{of}&status=review")).await, ["v"], "the alias counts here too");
    assert_eq!(titles(&format!("{of}&status=&limit=2")).await, ["b1", "r1"]);
    assert!(titles(&format!("{of}&status=blocked")).await.is_empty());
    house.get("/api/tasks").await.fails(400, "field_missing", "projectId is required");
    house.get("/api/tasks?projectId=").await.fails(400, "field_missing", "projectId is required");
    house.get(&format!("/api/tasks?{of}&limit=x")).await.fails(400, "invalid_field", "limit must be a whole number");
    house.get(&format!("/api/tasks?{of}&limit=-1")).await.fails(400, "invalid_field", "limit must be a whole number");
    house.get(&format!("/api/tasks?{of}&status=doing")).await.fails_with(400, "invalid_field");
    house.get(&format!("/api/tasks?projectId={NOBODY}")).await.fails(404, "project_not_found", "Project not found");
    house.get("/api/tasks?projectId=nobody").await.fails(404, "project_not_found", "Project not found");
}

#[tokio::test]
async fn more_than_a_page_is_listed_whole() {
    let house = House::new();
    let project = house.project("site").await;
    for n in 0..501 {
        house.task(&project, &format!("n{n}"), if n % 2 == 0 { "ready" } else { "backlog" }).await;
    }
    let list = house.get(&format!("/api/tasks?projectId={project}")).await.ok(200);
    let mut ids: Vec<&str> = list["tasks"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 501);
}

#[tokio::test]
async fn fields_are_changed_and_cleared() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "backlog").await;
    let path = format!("/api/tasks/{task}");
    let cases = [
        ("description", json!("d"), Value::Null),
        ("role", json!("pm"), Value::Null),
        ("assignee", json!("kimi"), Value::Null),
        ("tags", json!("[\"x\"]"), Value::Null),
        ("session_id", json!("s"), Value::Null),
        ("prompt_version_id", json!("p"), Value::Null),
        ("branch", json!("fix/x"), Value::Null),
        ("pr_number", json!(12), Value::Null),
        ("agent_session_key", json!("agent:main:x"), Value::Null),
        ("post_merge_steps", json!("1. run"), Value::Null),
    ];
    for (name, value, cleared) in &cases {
        let changed = house.patch(&path, json!({ *name: value })).await.ok(200);
        assert_eq!(keys(&changed), ["task"]);
        assert_eq!(changed["task"][*name], *value, "{name} is set");
        assert_eq!(house.look(&task).await, changed["task"], "{name} is kept");
        assert_eq!(
            house.patch(&path, json!({ "title": "t" })).await.ok(200)["task"][*name],
            *value,
            "{name} stays when it is absent"
        );
        assert_eq!(
            house.patch(&path, json!({ *name: null })).await.ok(200)["task"][*name],
            *cleared,
            "{name} is cleared by null"
        );
        house.patch(&path, json!({ *name: value })).await.ok(200);
        assert_eq!(
            house.patch(&path, json!({ *name: "" })).await.ok(200)["task"][*name],
            *cleared,
            "{name} is cleared by empty text"
        );
    }
    // A program may ask for a person's look, and not take it back.
    assert_eq!(
        house.patch(&path, json!({ "requires_human_review": 1 })).await.ok(200)["task"]["requires_human_review"],
        1
    );
    house.patch(&path, json!({ "requires_human_review": null })).await.fails_with(403, "humans_only");
    assert_eq!(
        house.patch(&path, json!({ "pr_number": "31" })).await.ok(200)["task"]["pr_number"],
        31,
        "a number as text"
    );
    assert_eq!(house.patch(&path, json!({ "pr_number": 0 })).await.ok(200)["task"]["pr_number"], Value::Null);
    let same = house.look(&task).await;
    house.patch(&path, json!({})).await.fails_with(400, "nothing_to_change");
    let told = house.patch(&path, json!({ "no_such_field": 1, "title": null, "priority": null })).await.ok(200);
    assert_eq!(told, json!({ "task": same, "ignored": ["no_such_field"] }));
    assert_eq!(house.look(&task).await, same);
}

/// Whoever adds a field to the domain's table adds it here, to the body that is read and to the shape.
#[tokio::test]
async fn each_field_of_the_table_is_taken_by_its_name_and_given_back() {
    let house = House::new();
    let project = house.project("site").await;
    let values = json!({
        "title": "Varnish", "description": "Twice.", "priority": "urgent", "role": "pm", "assignee": "ann",
        "requires_human_review": 1, "tags": "[\"wood\"]", "session_id": "s", "prompt_version_id": "v",
        "branch": "fix/1", "pr_number": 3, "agent_session_key": "k", "post_merge_steps": "make",
    });
    let mut new = values.clone();
    new["project_id"] = json!(project);
    let made = house.post("/api/tasks", new).await.ok(201)["task"].clone();
    let other = house.task(&project, "Paint", "backlog").await;
    for name in TaskFields::NAMES {
        assert_eq!(made[name], values[name], "{name} of a new task");
        let set = house.patch(&format!("/api/tasks/{other}"), json!({ *name: values[name] })).await.ok(200);
        assert_eq!(set["task"][name], values[name], "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_changed() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "backlog").await;
    let before = house.look(&task).await;
    let cases = [
        (json!({ "title": "" }), "title_missing", "A task needs a title."),
        (
            json!({ "title": "é".repeat(201) }),
            "title_too_long",
            "A title has at most 200 characters; put the rest into the description.",
        ),
        (json!({ "title": 1 }), "invalid_field", "title must be a string"),
        (json!({ "branch": {} }), "invalid_field", "branch must be a string"),
        (json!({ "pr_number": 1.5 }), "invalid_field", "pr_number must be a whole number"),
        (json!({ "pr_number": -1 }), "invalid_field", "pr_number must be a whole number"),
        (json!({ "pr_number": "seven" }), "invalid_field", "pr_number must be a whole number"),
        (json!({ "pr_number": [] }), "invalid_field", "pr_number must be a whole number"),
        (json!({ "priority": "now" }), "invalid_field", "Invalid priority. Must be one of: low, medium, high, urgent"),
        (
            json!({ "role": "x" }),
            "invalid_field",
            "Invalid role. Must be one of: pm, dev, research, reviewer, conflict_resolver",
        ),
        (
            json!({ "title": "new", "status": "x" }),
            "invalid_field",
            "Invalid status. Must be one of: backlog, ready, in_progress, in_review, blocked, done",
        ),
    ];
    for (body, code, sentence) in cases {
        house.patch(&format!("/api/tasks/{task}"), body).await.fails(400, code, sentence);
    }
    assert_eq!(house.look(&task).await, before, "a refused change changes nothing at all");
}

#[tokio::test]
async fn the_statuses_have_aliases() {
    let house = House::new();
    let project = house.project("site").await;
    let cases = [
        ("review", "in_review"),
        ("in-review", "in_review"),
        ("in-progress", "in_progress"),
        ("progress", "in_progress"),
        (" In_Review ", "in_review"),
        ("blocked", "blocked"),
        ("ready", "ready"),
        ("backlog", "backlog"),
        ("done", "done"),
    ];
    for (word, status) in cases {
        let task = house.task(&project, "t", if status == "backlog" { "ready" } else { "backlog" }).await;
        let moved =
            house.patch(&format!("/api/tasks/{task}"), json!({ "status": word, "title": "u" })).await.ok(200)["task"]
                .clone();
        assert_eq!((moved["status"].as_str(), moved["title"].as_str()), (Some(status), Some("u")), "{word}");
        let line = &house.log(&task).await[0];
        assert_eq!(line.what, "status_changed");
        assert_eq!(line.data["reason"], format!("Status changed via HTTP API to {status}"));
    }
}

#[tokio::test]
async fn done_is_left_on_purpose_only() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let path = format!("/api/tasks/{task}");
    let done = house.patch(&path, json!({ "status": "done" })).await.ok(200)["task"].clone();
    assert!(done["completed_at"].as_i64().is_some(), "{done}");
    let sentence = "Cannot move a task out of done by accident. Reopen it on purpose.";
    for to in ["ready", "backlog", "in_progress", "in_review", "blocked"] {
        house.patch(&path, json!({ "status": to })).await.fails(409, "done_is_final", sentence);
        for no in [json!(false), json!("false"), json!("False"), json!(""), json!("0"), Value::Null] {
            house.patch(&path, json!({ "status": to, "force": no })).await.fails(409, "done_is_final", sentence);
        }
    }
    assert_eq!(house.patch(&path, json!({ "status": "done" })).await.ok(200)["task"], done, "done is done");
    for (word, yes) in [("force", json!(true)), ("reopen", json!(1)), ("force", json!("true"))] {
        let open = house.patch(&path, json!({ "status": "ready", word: yes })).await.ok(200)["task"].clone();
        assert_eq!((&open["status"], &open["completed_at"]), (&json!("ready"), &Value::Null));
        house.patch(&path, json!({ "status": "done" })).await.ok(200);
    }
}

#[tokio::test]
async fn a_move_by_a_program_is_recorded_as_the_programs() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "backlog").await;
    let claims = json!({ "status": "ready", "author": OWNER, "actor": OWNER, "agent_session_key": "agent:main:main" });
    house.patch(&format!("/api/tasks/{task}"), claims).await.ok(200);
    house
        .post(
            "/api/tasks/reorder",
            json!({ "project_id": project, "task_id": task, "status": "blocked", "new_index": 0 }),
        )
        .await
        .ok(200);
    // Not even with the cookie of a page view: a browser at our page says more than that.
    let page = house.raw("GET", "/nowhere", &[("accept", "text/html")], "").await;
    let cookie = page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    house.raw("PATCH", &format!("/api/tasks/{task}"), &[("cookie", &cookie)], r#"{"status":"done"}"#).await.ok(200);
    let log = house.log(&task).await;
    assert_eq!(log.len(), 4, "one line per accepted command: {log:?}");
    assert!(log.iter().all(|line| line.actor == Who::program(None)), "{log:?}");
}

#[tokio::test]
async fn the_first_pull_request_is_recorded() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "in_progress").await;
    let path = format!("/api/tasks/{task}");
    house.patch(&path, json!({ "pr_number": 12 })).await.ok(200);
    house.patch(&path, json!({ "pr_number": 13, "branch": "b" })).await.ok(200);
    let log = house.log(&task).await;
    assert_eq!(log.iter().map(|l| l.what.as_str()).collect::<Vec<_>>(), ["task_changed", "pr_opened", "task_created"]);
    assert_eq!(
        (log[1].data["pr_number"].as_str(), log[1].data["branch"].clone()),
        ("12", format!("fix/{}", &task[..8]))
    );
}

#[tokio::test]
async fn a_task_is_put_between_others() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let mut ids = Vec::new();
    for title in ["a", "b", "c"] {
        ids.push(house.task(&project, title, "ready").await);
    }
    let far = house.task(&project, "far", "backlog").await;
    let body = |task: &str, status: &str, index: Value| json!({ "project_id": project, "status": status, "task_id": task, "new_index": index });
    let column = async || -> Vec<String> {
        let list = house.get(&format!("/api/tasks?projectId={project}&status=ready")).await.ok(200);
        list["tasks"].as_array().unwrap().iter().map(|t| t["title"].as_str().unwrap().to_owned()).collect()
    };
    let moved = house.post("/api/tasks/reorder", body(&ids[2], "ready", json!(0))).await.ok(200);
    assert_eq!(moved, json!({ "success": true, "task": house.look(&ids[2]).await }));
    assert_eq!(column().await, ["c", "a", "b"]);
    house.post("/api/tasks/reorder", body(&ids[2], "ready", json!(1))).await.ok(200);
    assert_eq!(column().await, ["a", "c", "b"]);
    house.post("/api/tasks/reorder", body(&far, "ready", json!(1))).await.ok(200);
    assert_eq!(column().await, ["a", "far", "c", "b"]);
    house.post("/api/tasks/reorder", body("T-1", "ready", json!(99))).await.ok(200);
    assert_eq!(column().await, ["far", "c", "b", "a"]);
    let needed = "project_id, status, task_id and new_index are required";
    for name in ["project_id", "status", "task_id", "new_index"] {
        let mut short = body(&far, "ready", json!(0));
        short.as_object_mut().unwrap().remove(name);
        house.post("/api/tasks/reorder", short).await.fails(400, "field_missing", needed);
    }
    for wrong in [json!(-1), json!(0.5), json!("x"), json!([])] {
        house.post("/api/tasks/reorder", body(&far, "ready", wrong)).await.fails(
            400,
            "invalid_field",
            "new_index must be a whole number",
        );
    }
    house.post("/api/tasks/reorder", body(NOBODY, "ready", json!(0))).await.fails(
        404,
        "task_not_found",
        "Task not found",
    );
    let mut elsewhere = body(&far, "ready", json!(0));
    elsewhere["project_id"] = json!(house.project("other").await);
    house.post("/api/tasks/reorder", elsewhere).await.fails(404, "task_not_found", "Task not found");
    house.post("/api/tasks/reorder", body(&far, "x", json!(0))).await.fails_with(400, "invalid_field");
}

#[tokio::test]
async fn a_task_goes_with_what_hangs_on_it() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let (a, b) = (house.task(&project, "a", "ready").await, house.task(&project, "b", "ready").await);
    house.post(&format!("/api/tasks/{b}/dependencies"), json!({ "depends_on_id": a })).await.ok(201);
    house.post(&format!("/api/tasks/{a}/comments"), json!({ "content": "c" })).await.ok(201);
    assert_eq!(house.delete(&format!("/api/tasks/{a}")).await.ok(200), json!({ "success": true }));
    house.get(&format!("/api/tasks/{a}")).await.fails(404, "task_not_found", "Task not found");
    house.get("/api/tasks/T-1").await.fails(404, "task_not_found", "Task not found");
    house.get(&format!("/api/tasks/{a}/comments")).await.fails(404, "task_not_found", "Task not found");
    house.delete(&format!("/api/tasks/{a}")).await.fails(404, "task_not_found", "Task not found");
    assert_eq!(
        house.get(&format!("/api/tasks/{b}/dependencies")).await.ok(200)["incomplete"],
        json!([]),
        "b waits for nothing now"
    );
    house.patch(&format!("/api/tasks/{b}"), json!({ "status": "in_progress" })).await.ok(200);
}

#[tokio::test]
async fn who_is_not_there() {
    let house = House::new();
    for id in [NOBODY, "nobody", "T-7", "T-", "T--1", "T-99999999999999999999", "%20", "%00"] {
        let path = format!("/api/tasks/{id}");
        house.get(&path).await.fails(404, "task_not_found", "Task not found");
        house.patch(&path, json!({ "title": "x" })).await.fails(404, "task_not_found", "Task not found");
        house.delete(&path).await.fails(404, "task_not_found", "Task not found");
        for below in ["comments", "dependencies"] {
            house.get(&format!("{path}/{below}")).await.fails(404, "task_not_found", "Task not found");
        }
        house.post(&format!("{path}/comments"), json!({ "content": "x" })).await.fails(
            404,
            "task_not_found",
            "Task not found",
        );
        house.post(&format!("{path}/complete"), json!({ "summary": "x" })).await.fails(
            404,
            "task_not_found",
            "Task not found",
        );
    }
}
