//! The smaller routes that programs of the original know: the registry, dependencies by their ends, answers as its CLI
//! gives them, what stands in review, a project's context, and the loop's settings.

use clutch_domain::access::TokenScope;
use serde_json::{Value, json};

use super::{BEGIN, House, NOBODY, id, keys, known, signals::settles};

#[tokio::test]
async fn the_registry_of_agents() {
    let house = House::new();
    let all = house.get("/api/agents").await.ok(200)["agents"].clone();
    let ids: Vec<&str> = all.as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ada", "kimi-coder", "sonnet-reviewer", "haiku-triage"]);
    let kimi = json!({
        "id": "kimi-coder", "name": "Kimi", "role": "executor", "model": "moonshot/kimi-for-coding",
        "color": "#3b82f6", "capabilities": ["code", "test", "debug", "pr"],
    });
    assert_eq!(all[1], kimi);
    assert_eq!(house.get("/api/agents/kimi-coder").await.ok(200), json!({ "agent": kimi }));
    house.get("/api/agents/eve").await.fails(404, "agent_not_found", "Agent not found");
}

#[tokio::test]
async fn dependencies_by_their_ends() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let (a, b) = (house.task(&project, "a", "ready").await, house.task(&project, "b", "ready").await);
    let link = async |task: &str, on: &str| {
        house.post("/api/task-dependencies", json!({ "task_id": task, "depends_on_id": on })).await
    };
    let edge = link(&a, &b).await.ok(201);
    assert_eq!((&edge["task_id"], &edge["dependency"]["depends_on_id"]), (&json!(a), &json!(b)));
    link(&a, &b).await.fails(409, "dependency_exists", "Dependency already exists");
    link(&b, &a).await.fails(400, "dependency_cycle", "Adding this dependency would create a cycle");
    link(&a, NOBODY).await.fails_with(404, "task_not_found");
    let needed = "task_id and depends_on_id are required";
    house.post("/api/task-dependencies", json!({ "task_id": a })).await.fails(400, "field_missing", needed);
    house.delete("/api/task-dependencies").await.fails(400, "field_missing", "id is required");
    house.delete(&format!("/api/task-dependencies?id={NOBODY}")).await.fails_with(404, "dependency_not_found");
    house.delete("/api/task-dependencies?id=x").await.fails_with(404, "dependency_not_found");
    let path = format!("/api/task-dependencies?id={}", id(&edge));
    assert_eq!(house.delete(&path).await.ok(200), json!({ "success": true }));
    house.delete(&path).await.fails_with(404, "dependency_not_found");
}

async fn asks(house: &House, task: &str, words: &str) -> String {
    let body = json!({ "taskId": task, "sessionKey": "s", "agentId": "main", "kind": "question", "message": words });
    id(&house.post("/api/signal", body).await.ok(201)["signal"])
}

/// The CLI says the answer on one route, and then on the other.
#[tokio::test]
async fn answers_as_the_originals_cli_gives_them() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "in_progress").await;
    let (first, second) = (asks(&house, &task, "Red?").await, asks(&house, &task, "Round?").await);
    let by_task = format!("/api/tasks/{task}/respond");
    // By its task: the newest that waits.
    let sent = || Ok("run".to_owned());
    let (told, ()) = tokio::join!(
        house.patch(&by_task, json!({ "response": "Square." })),
        settles(&house, &second, &project, sent())
    );
    let told = told.ok(200);
    assert_eq!(keys(&told), ["notificationSent", "signal", "success"]);
    assert_eq!((&told["signal"]["id"], &told["signal"]["response"]), (&json!(second), &json!("Square.")));
    assert_eq!(told["notificationSent"], true);
    let again = house.post("/api/signal/respond", json!({ "signalId": second, "message": "Square." })).await.ok(200);
    assert_eq!(again["signal"]["responded_at"], told["signal"]["responded_at"], "the same words twice are one answer");
    let other = house.post("/api/signal/respond", json!({ "signalId": second, "response": "Round." })).await;
    other.fails(409, "signal_answered", "Signal has already been responded to");
    // By its own id.
    let by_itself = format!("/api/tasks/{first}/respond");
    let (told, ()) =
        tokio::join!(house.patch(&by_itself, json!({ "message": "Red." })), settles(&house, &first, &project, sent()));
    let told = told.ok(200);
    assert_eq!((&told["signal"]["id"], &told["signal"]["response"]), (&json!(first), &json!("Red.")));
    house.patch(&by_task, json!({ "response": "More." })).await.fails_with(404, "signal_not_found");

    let missing = "response is required and must be a string";
    for (method, path) in [("PATCH", by_task.as_str()), ("POST", "/api/signal/respond")] {
        for body in [json!({ "signalId": first }), json!({ "signalId": first, "response": 7 })] {
            house.raw(method, path, &[], body.to_string()).await.is_error();
        }
    }
    house.patch(&by_task, json!({ "response": 7 })).await.fails(400, "response_missing", missing);
    house.post("/api/signal/respond", json!({ "response": "x" })).await.fails(
        400,
        "field_missing",
        "signalId is required",
    );
    for named in [NOBODY, "T-99", "x"] {
        house
            .patch(&format!("/api/tasks/{named}/respond"), json!({ "response": "x" }))
            .await
            .fails_with(404, "task_not_found");
        house
            .post("/api/signal/respond", json!({ "id": named, "response": "x" }))
            .await
            .fails_with(404, "signal_not_found");
    }
}

#[tokio::test]
async fn what_stands_in_review() {
    let house = House::on_disk();
    let (one, two) = (house.project("one").await, house.project("two").await);
    let (a, b) = (house.task(&one, "a", "in_review").await, house.task(&two, "b", "in_review").await);
    house.task(&one, "c", "blocked").await;
    let stuck = async |query: &str| house.get(&format!("/api/cleanup/stuck-tickets{query}")).await.ok(200);
    assert_eq!(stuck("").await, json!({ "stuck_tickets": [], "count": 0 }), "not yet");
    house.clock.set(clutch_domain::time::Millis(BEGIN + 45 * 60_000));
    let all = stuck("").await;
    assert_eq!(all["count"], 2);
    assert_eq!(
        known(all["stuck_tickets"][0].clone(), &["updated_at"]),
        json!({ "id": a, "title": "a", "updated_at": "known", "age_minutes": 44 })
    );
    assert_eq!(stuck("?projectId=two").await["stuck_tickets"][0]["id"], b);
    house.get("/api/cleanup/stuck-tickets?projectId=nowhere").await.fails_with(404, "project_not_found");

    let settle = async |ticket: &str, action: &str| {
        house.post("/api/cleanup/stuck-tickets", json!({ "ticketId": ticket, "action": action })).await
    };
    let done = json!({ "success": true, "ticketId": a, "action": "done", "message": "Ticket moved to done" });
    assert_eq!(settle(&a, "done").await.ok(200), done);
    settle(&b, "ready").await.ok(200);
    assert_eq!((&house.look(&a).await["status"], &house.look(&b).await["status"]), (&json!("done"), &json!("ready")));
    settle(&b, "blocked").await.fails(400, "invalid_field", "action must be 'done' or 'ready'");
    settle(NOBODY, "done").await.fails_with(404, "task_not_found");
    settle(&a, "ready").await.fails_with(409, "done_is_final");
    let needed = "ticketId and action are required";
    house.post("/api/cleanup/stuck-tickets", json!({ "ticketId": a })).await.fails(400, "field_missing", needed);
}

#[tokio::test]
async fn what_an_agent_is_told_of_a_project() {
    let house = House::on_disk();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("README.md"), "# Birds").unwrap();
    std::fs::write(folder.path().join("AGENTS.md"), "x".repeat(60_000)).unwrap();
    std::fs::write(folder.path().join("secret.md"), "secret").unwrap();
    let project = house.project("site").await;
    let patch = json!({ "local_path": folder.path(), "description": "About birds", "github_repo": "o/r" });
    house.patch(&format!("/api/projects/{project}"), patch).await.ok(200);
    let told = house.get("/api/projects/site/context").await;
    assert!(!told.text.contains("secret"));
    let told = told.ok(200);
    assert_eq!(keys(&told), ["context", "formatted", "sessionKeyPrefix"]);
    let context = &told["context"];
    assert_eq!(
        context["project"],
        json!({ "name": "site", "description": "About birds", "slug": "site", "localPath": folder.path(), "githubRepo": "o/r" })
    );
    let files = context["files"].as_array().unwrap();
    assert_eq!((&files[0]["path"], &files[0]["truncated"]), (&json!("AGENTS.md"), &json!(true)));
    assert_eq!(files[1], json!({ "path": "README.md", "content": "# Birds", "truncated": false }));
    assert_eq!((files.len(), &context["workingDirectory"]), (2, &json!(folder.path())));
    let formatted = told["formatted"].as_str().unwrap();
    assert!(formatted.starts_with("# Project: site") && formatted.contains("## README.md\n\n# Birds"));
    assert_eq!((&context["contextSize"], &told["sessionKeyPrefix"]), (&json!(formatted.len()), &json!("clutch:site")));
    house.get("/api/projects/nowhere/context").await.fails_with(404, "project_not_found");
}

#[tokio::test]
async fn since_when_it_runs() {
    let house = House::new();
    house.clock.set(clutch_domain::time::Millis(BEGIN + 135 * 60_000));
    let told = house.get("/api/status").await.ok(200);
    assert_eq!(
        (&told["startedAt"], &told["startedAtFormatted"], &told["startedAtRelative"], &told["uptimeFormatted"]),
        (&json!(BEGIN), &json!("2023-11-14T22:13:20Z"), &json!("2 hours ago"), &json!("2h 15m"))
    );
    assert!(told["uptime"].as_i64().unwrap() >= 135 * 60_000 && told["version"].is_string());
    let names = [
        "commit",
        "nodeVersion",
        "platform",
        "startedAt",
        "startedAtFormatted",
        "startedAtRelative",
        "uptime",
        "uptimeFormatted",
        "version",
    ];
    assert_eq!(keys(&told), names);
}

const CONFIG: &str = "/api/work-loop/config";

#[tokio::test]
async fn the_loops_settings_for_the_next_start() {
    let mut file = None;
    let house = House::new().with_programs(|_, dir| file = Some(dir.join(".env.local")));
    let file = file.unwrap();
    let config = async || house.get(CONFIG).await.ok(200)["config"].clone();
    assert_eq!(
        config().await,
        json!({
            "WORK_LOOP_ENABLED": "true", "WORK_LOOP_MAX_AGENTS": "10", "WORK_LOOP_MAX_AGENTS_PER_PROJECT": "3",
            "WORK_LOOP_MAX_DEV_AGENTS": "2", "WORK_LOOP_MAX_REVIEWER_AGENTS": "1",
            "WORK_LOOP_STALE_TASK_MINUTES": "15", "WORK_LOOP_STALE_REVIEW_MINUTES": "30", "WORK_LOOP_CYCLE_MS": "30000",
        })
    );
    std::fs::write(&file, "# Mine\nOPENCLAW_TOKEN=t\nWORK_LOOP_MAX_AGENTS=4\n").unwrap();
    assert_eq!(config().await["WORK_LOOP_MAX_AGENTS"], "4");
    let set = json!({ "WORK_LOOP_MAX_AGENTS": "6", "WORK_LOOP_ENABLED": false, "WORK_LOOP_CYCLE_MS": 5000 });
    let told = house.patch(CONFIG, set).await.ok(200);
    assert_eq!(
        (&told["config"]["WORK_LOOP_MAX_AGENTS"], &told["config"]["WORK_LOOP_ENABLED"]),
        (&json!("6"), &json!("false"))
    );
    assert!(told["note"].as_str().unwrap().contains("Restart"));
    let text = "# Mine\nOPENCLAW_TOKEN=t\nWORK_LOOP_MAX_AGENTS=6\nWORK_LOOP_ENABLED=false\nWORK_LOOP_CYCLE_MS=5000\n";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    for (body, sentence) in [
        (json!({ "OPENCLAW_TOKEN": "x" }), "Invalid config key: OPENCLAW_TOKEN"),
        (json!({ "WORK_LOOP_MAX_AGENTS": "7", "PATH": "/x" }), "Invalid config key: PATH"),
        (
            json!({ "WORK_LOOP_MAX_AGENTS": "7\nOPENCLAW_TOKEN=x" }),
            "WORK_LOOP_MAX_AGENTS must be a positive whole number",
        ),
        (json!({ "WORK_LOOP_MAX_AGENTS": ["7"] }), "Values must be strings"),
        (json!({ "WORK_LOOP_MAX_AGENTS": null }), "Values must be strings"),
    ] {
        house.patch(CONFIG, body).await.fails(400, "invalid_field", sentence);
    }
    house.patch(CONFIG, json!({})).await.fails_with(400, "nothing_to_change");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "all or nothing");
}

#[tokio::test]
async fn where_people_log_in_the_server_itself_is_set_by_its_owner() {
    let house = House::locked();
    let body = json!({ "WORK_LOOP_MAX_AGENTS": "6" }).to_string();
    for (scope, status) in
        [(TokenScope::Read, 403), (TokenScope::Agent, 403), (TokenScope::Write, 403), (TokenScope::Admin, 200)]
    {
        let (secret, _) = house.token(&format!("{scope:?}"), scope, None).await;
        let bearer = format!("Bearer {secret}");
        let reply = house.raw("PATCH", CONFIG, &[("authorization", &bearer)], body.clone()).await;
        assert_eq!(reply.status, status, "{scope:?} {}", reply.text);
        house.raw("GET", CONFIG, &[("authorization", &bearer)], "").await.ok(200);
    }
    house.raw("PATCH", CONFIG, &[], body).await.fails_with(401, "login_required");
}

#[tokio::test]
async fn the_loop_is_paused_in_one_project() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let set = async |body: Value| house.patch("/api/work-loop/state", body).await;
    let told = set(json!({ "projectId": project, "status": "paused" })).await.ok(200);
    let state = json!({
        "id": project, "project_id": project, "status": "paused", "current_phase": null, "current_cycle": 0,
        "active_agents": 0, "max_agents": 3, "last_cycle_at": null, "error_message": null, "updated_at": "known",
    });
    assert_eq!((&told["success"], known(told["state"].clone(), &["updated_at"])), (&json!(true), state));
    let paused = async || {
        let state = house.office.get::<clutch_domain::run::LoopState>(project.clone()).await.unwrap();
        state.is_some_and(|state| state.paused)
    };
    assert!(paused().await);
    let told = set(json!({ "projectId": "site", "status": "running" })).await.ok(200);
    assert_eq!((&told["state"]["status"], paused().await), (&json!("running"), false));
    for status in ["stopped", "error"] {
        set(json!({ "projectId": project, "status": status })).await.fails_with(400, "status_not_settable");
    }
    set(json!({ "projectId": project, "status": "fast" })).await.fails_with(400, "invalid_field");
    for counted in ["current_phase", "current_cycle", "active_agents", "max_agents", "error_message", "last_cycle_at"] {
        let body = json!({ "projectId": project, "status": "paused", counted: 1 });
        set(body).await.fails_with(400, "not_settable");
    }
    let needed = "projectId and status are required";
    for body in [json!({ "projectId": project }), json!({ "status": "paused" }), json!({})] {
        set(body).await.fails(400, "field_missing", needed);
    }
    set(json!({ "projectId": NOBODY, "status": "paused" })).await.fails_with(404, "project_not_found");
    assert!(!paused().await, "none of that changed anything");
}
