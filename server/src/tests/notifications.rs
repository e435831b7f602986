//! `/api/notifications` (facts §2.12, §1.8), and what the gate makes of them (§2.11).

use serde_json::{Value, json};

use super::{House, NOBODY, id, keys, known};

async fn tell(house: &House, body: Value) -> Value {
    let told = house.post("/api/notifications", body).await.ok(201);
    assert_eq!(told["success"], true);
    told["notification"].clone()
}

async fn list(house: &House, query: &str) -> Value {
    house.get(&format!("/api/notifications{query}")).await.ok(200)
}

fn titles(list: &Value) -> Vec<&str> {
    list["notifications"].as_array().unwrap().iter().map(|n| n["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_told_is_listed_seen_and_removed() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    assert_eq!(list(&house, "").await, json!({ "notifications": [], "unreadCount": 0 }));
    let plain = tell(&house, json!({ "message": "Look." })).await;
    assert_eq!(
        known(plain.clone(), &["id", "created_at"]),
        json!({
            "id": "known", "task_id": null, "project_id": null, "type": "escalation", "severity": "info",
            "title": "🚨 Escalation", "message": "Look.", "agent": null, "read": 0, "created_at": "known",
        })
    );
    let loud = json!({ "message": "Now!", "severity": "critical", "taskId": task, "agent": "kimi" });
    let loud = tell(&house, loud).await;
    assert_eq!((&loud["title"], &loud["project_id"]), (&json!("🚨 CRITICAL: Escalation"), &json!(project)));
    for (kind, title) in
        [("request_input", "❓ Input Requested"), ("completion", "✅ Task Completed"), ("system", "📢 Notification")]
    {
        let told =
            tell(&house, json!({ "message": "m", "type": kind, "severity": "warning", "projectId": "site" })).await;
        assert_eq!((&told["title"], &told["project_id"]), (&json!(title), &json!(project)));
    }
    let all = list(&house, "").await;
    assert_eq!(
        titles(&all),
        ["🚨 CRITICAL: Escalation", "📢 Notification", "✅ Task Completed", "❓ Input Requested", "🚨 Escalation"]
    );
    assert_eq!(all["unreadCount"], 5);
    assert_eq!(titles(&list(&house, "?limit=1").await), ["🚨 CRITICAL: Escalation"]);

    let path = format!("/api/notifications/{}", id(&loud));
    let mut read = loud.clone();
    read["read"] = json!(1);
    assert_eq!(house.patch(&path, json!({ "read": true })).await.ok(200), json!({ "notification": read }));
    assert_eq!(house.patch(&path, json!({})).await.ok(200), json!({ "notification": read }), "only looked at");
    assert_eq!(
        (titles(&list(&house, "?unread=true").await).len(), &list(&house, "").await["unreadCount"]),
        (4, &json!(4))
    );
    assert_eq!(house.patch(&path, json!({ "read": false })).await.ok(200), json!({ "notification": loud }));
    house.patch(&path, json!({ "read": true })).await.ok(200);
    assert_eq!(house.delete(&path).await.ok(200), json!({ "success": true }));
    house.delete(&path).await.fails(404, "notification_not_found", "Notification not found");
    house.patch(&path, json!({ "read": true })).await.fails_with(404, "notification_not_found");
    assert_eq!(titles(&list(&house, "").await).len(), 4);
}

#[tokio::test]
async fn what_asks_for_somebody_about_a_task_is_a_comment_there() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "in_progress").await;
    for (kind, agent) in [("escalation", None), ("request_input", Some("kimi")), ("completion", None), ("system", None)]
    {
        tell(&house, json!({ "message": format!("{kind}!"), "type": kind, "taskId": task, "agent": agent })).await;
    }
    let comments = house.get(&format!("/api/tasks/{task}/comments")).await.ok(200)["comments"].clone();
    let said: Vec<[&str; 4]> = comments
        .as_array()
        .unwrap()
        .iter()
        .map(|c| ["author", "author_type", "type", "content"].map(|name| c[name].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ["Coordinator", "coordinator", "status_change", "escalation!"],
            ["kimi", "agent", "request_input", "request_input!"],
        ]
    );
}

#[tokio::test]
async fn a_wrong_one_is_refused() {
    let house = House::on_disk();
    for body in [json!({ "message": "" }), json!({ "type": "system" }), json!({})] {
        house.post("/api/notifications", body).await.fails(400, "field_missing", "Message is required");
    }
    for (field, value, code) in [
        ("message", json!(7), "invalid_field"),
        ("type", json!("loud"), "invalid_field"),
        ("severity", json!("high"), "invalid_field"),
        ("title", json!({}), "invalid_field"),
        ("agent", json!(["kimi"]), "invalid_field"),
        ("title", json!("x".repeat(300)), "title_too_long"),
    ] {
        let mut body = json!({ "message": "m" });
        body[field] = value;
        house.post("/api/notifications", body).await.fails_with(400, code);
    }
    for (field, code) in [("taskId", "task_not_found"), ("projectId", "project_not_found")] {
        house.post("/api/notifications", json!({ "message": "m", field: NOBODY })).await.fails_with(404, code);
    }
    for path in [format!("/api/notifications/{NOBODY}"), "/api/notifications/x".into()] {
        house.delete(&path).await.fails_with(404, "notification_not_found");
        house.patch(&path, json!({ "read": 1 })).await.fails_with(404, "notification_not_found");
        house.patch(&path, json!({ "read": "perhaps" })).await.is_error();
    }
    house.get("/api/notifications?limit=x").await.fails_with(400, "invalid_field");
    let made = id(&tell(&house, json!({ "message": "m" })).await);
    house
        .patch(&format!("/api/notifications/{made}"), json!({ "read": "perhaps" }))
        .await
        .fails_with(400, "invalid_field");
    let call = async || {
        house
            .raw("POST", "/api/notifications", &[("idempotency-key", "k")], json!({ "message": "once" }).to_string())
            .await
    };
    assert_eq!(call().await.ok(201), call().await.ok(201));
    assert_eq!(list(&house, "").await["unreadCount"], 2);
}

#[tokio::test]
async fn the_gate_wakes_for_escalations_that_nobody_has_read() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let gate = async || house.get("/api/gate").await.ok(200);
    tell(&house, json!({ "message": "only so", "type": "system" })).await;
    assert_eq!(gate().await["needsAttention"], false);
    let told = tell(&house, json!({ "message": "Look.", "agent": "kimi", "severity": "warning" })).await;
    let seen = gate().await;
    assert_eq!((&seen["reason"], &seen["details"]["unreadEscalations"]), (&json!("1 unread escalation(s)"), &json!(1)));
    let listed = json!({ "id": told["id"], "severity": "warning", "message": "Look.", "agent": "kimi" });
    assert_eq!(seen["escalations"], json!([listed]));

    // Triage tells people too, and the gate names what it told.
    let task = house.task(&project, "Stands", "blocked").await;
    house.post("/api/triage/escalate", json!({ "task_id": task, "reason": "Red or blue?" })).await.ok(200);
    let all = list(&house, "?unread=true").await;
    let of_triage = &all["notifications"][0];
    let shown =
        ["title", "message", "severity", "type", "agent", "task_id", "project_id"].map(|n| of_triage[n].clone());
    let wanted = json!(["🚨 Escalated: Stands", "Red or blue?", "critical", "escalation", "ada", task, project]);
    assert_eq!(json!(shown), wanted);
    let seen = gate().await;
    assert_eq!(seen["details"]["unreadEscalations"], 2);
    let loud = json!({ "id": of_triage["id"], "severity": "critical", "message": "🚨 Escalated: Stands: Red or blue?", "agent": "ada" });
    assert_eq!(seen["escalations"], json!([loud, listed]));
    // Read is seen, though the task still waits for a person.
    for id in [&told["id"], &of_triage["id"]] {
        house.patch(&format!("/api/notifications/{}", id.as_str().unwrap()), json!({ "read": true })).await.ok(200);
    }
    assert_eq!(gate().await["details"]["unreadEscalations"], 0);
    assert_eq!(house.look(&task).await["escalated"], 1);
    // What goes on needs nobody any more, read or not.
    house
        .patch(&format!("/api/notifications/{}", of_triage["id"].as_str().unwrap()), json!({ "read": false }))
        .await
        .ok(200);
    assert_eq!(gate().await["details"]["unreadEscalations"], 1);
    house.post("/api/triage/unblock", json!({ "task_id": task })).await.ok(200);
    assert_eq!(gate().await["details"]["unreadEscalations"], 0);
    assert_eq!(keys(&gate().await), ["details", "needsAttention", "reason", "tasks", "timestamp"]);
}

#[tokio::test]
async fn those_of_a_deleted_project_are_not_there_and_go_with_it() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let told = tell(&house, json!({ "message": "m", "projectId": project })).await;
    let path = format!("/api/notifications/{}", id(&told));
    house.delete(&format!("/api/projects/{project}")).await.ok(200);
    assert_eq!(list(&house, "").await, json!({ "notifications": [], "unreadCount": 0 }));
    assert_eq!(house.get("/api/gate").await.ok(200)["needsAttention"], false);
    house.patch(&path, json!({})).await.fails_with(404, "notification_not_found");
    house.delete(&path).await.fails_with(404, "notification_not_found");
    house.post(&format!("/api/projects/{project}/restore"), json!({})).await.ok(200);
    assert_eq!(titles(&list(&house, "").await).len(), 1);
    house.delete(&format!("/api/projects/{project}?now=true")).await.ok(200);
    let project: clutch_domain::id::ProjectId = project.parse().unwrap();
    let purge = clutch_domain::command::Command::PurgeProject(project);
    while house.office.get::<clutch_domain::project::Project>(project).await.unwrap().is_some() {
        house.office.run(&clutch_domain::actor::Actor::sweeper(), &purge).await.unwrap();
    }
    let left: Vec<clutch_domain::notification::Notification> =
        house.list(crate::http::compat::notifications::newest(clutch_domain::notification::UNREAD, 9)).await;
    assert_eq!(left, []);
}
