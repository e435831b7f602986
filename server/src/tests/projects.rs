//! `/api/projects` (facts §2.5).

use clutch_domain::{
    actor::Who,
    doc::Kind,
    project::Project,
    range::Range,
    task::{Status, Task},
};
use serde_json::{Value, json};

use super::{House, NOBODY, known};

#[tokio::test]
async fn a_project_has_exactly_these_fields() {
    let house = House::on_disk();
    let made = house.post("/api/projects", json!({ "name": " My  Site ", "slug": "My-Site" })).await.ok(201);
    let project = made["project"].clone();
    assert_eq!(made, json!({ "project": project }), "nothing beside the project");
    assert_eq!(
        known(project, &["id", "created_at", "updated_at"]),
        json!({
            "id": "known", "slug": "my-site", "name": "My Site", "description": null, "color": "#3b82f6", "repo_url": null,
            "context_path": null, "local_path": null, "github_repo": null, "chat_layout": "slack", "work_loop_enabled": 0,
            "work_loop_max_agents": null, "role_model_overrides": null, "created_at": "known", "updated_at": "known",
        })
    );
    let full = json!({
        "name": "Two", "slug": "two", "description": "d", "color": "#0a0b0c", "repo_url": "https://x", "local_path": "/srv/x",
        "github_repo": "o.w-n_er/re.po", "chat_layout": "imessage", "work_loop_enabled": true, "work_loop_max_agents": 2,
    });
    let project = house.post("/api/projects", full).await.ok(201)["project"].clone();
    let want = json!({
        "description": "d", "color": "#0a0b0c", "repo_url": "https://x", "local_path": "/srv/x", "github_repo": "o.w-n_er/re.po",
        "chat_layout": "imessage", "work_loop_enabled": 1, "work_loop_max_agents": 2,
    });
    for (name, value) in want.as_object().unwrap() {
        assert_eq!(&project[name], value, "{name}");
    }
    // A project begins with a chat.
    let chats = house.get(&format!("/api/chats?projectId={}", project["id"].as_str().unwrap())).await.ok(200);
    assert_eq!(
        (chats["chats"][0]["title"].clone(), chats["chats"][0]["participants"].clone()),
        (json!("General"), json!("[]"))
    );
}

#[tokio::test]
async fn the_list_is_by_name_and_counts_tasks() {
    let house = House::new();
    assert_eq!(house.get("/api/projects").await.ok(200), json!({ "projects": [] }));
    for name in ["banana", "Apple", "cherry"] {
        house.post("/api/projects", json!({ "name": name, "slug": name })).await.ok(201);
    }
    let apple = house.get("/api/projects/apple").await.ok(200)["project"]["id"].as_str().unwrap().to_owned();
    house.task(&apple, "one", "backlog").await;
    house.task(&apple, "two", "done").await;
    let list = house.get("/api/projects").await.ok(200);
    let seen: Vec<(&str, u64)> = list["projects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["name"].as_str().unwrap(), p["task_count"].as_u64().unwrap()))
        .collect();
    assert_eq!(seen, [("Apple", 2), ("banana", 0), ("cherry", 0)]);
    assert_eq!(
        house.get("/api/projects/apple").await.ok(200)["project"],
        list["projects"][0],
        "one project looks as in the list"
    );
    assert_eq!(
        house.get(&format!("/api/projects/{apple}")).await.ok(200),
        house.get("/api/projects/APPLE").await.ok(200)
    );
}

#[tokio::test]
async fn what_cannot_be_made() {
    let house = House::new();
    house.project("taken").await;
    let with = |field: &str, value: Value| {
        let mut body = json!({ "name": "N", "slug": "n" });
        body[field] = value;
        body
    };
    let needed = ("field_missing", "Name and slug are required");
    let repo = ("github_repo_invalid", "github_repo must be in owner/repo format");
    let max = ("max_agents_invalid", "work_loop_max_agents must be a positive integer");
    let switch = ("invalid_field", "work_loop_enabled must be a boolean");
    let cases = [
        (400, json!({}), needed),
        (400, json!({ "name": "N" }), needed),
        (400, json!({ "slug": "n" }), needed),
        (400, with("name", json!("  ")), needed),
        (400, with("slug", json!("")), needed),
        (400, with("name", json!(null)), needed),
        (400, with("name", json!(7)), ("invalid_field", "name must be a string")),
        (400, with("name", json!("n".repeat(101))), ("name_too_long", "A project's name has at most 100 characters.")),
        (400, with("slug", json!("s".repeat(51))), ("slug_too_long", "Slug must be 50 characters or less")),
        (
            400,
            with("slug", json!("a b")),
            ("slug_invalid", "A slug has lower-case letters, digits and inner hyphens only."),
        ),
        (
            400,
            with("slug", json!("-a")),
            ("slug_invalid", "A slug has lower-case letters, digits and inner hyphens only."),
        ),
        (400, with("local_path", json!(5)), ("invalid_field", "local_path must be a string")),
        (
            400,
            with("local_path", json!("here")),
            ("path_not_absolute", "The repository's path must be absolute, for example /home/you/project."),
        ),
        (400, with("github_repo", json!("x")), repo),
        (400, with("github_repo", json!("a/b/c")), repo),
        (400, with("github_repo", json!("a b/c")), repo),
        (400, with("github_repo", json!("/c")), repo),
        (400, with("work_loop_enabled", json!("yes")), switch),
        (400, with("work_loop_enabled", json!(2)), switch),
        (400, with("work_loop_max_agents", json!(0)), max),
        (400, with("work_loop_max_agents", json!(-1)), max),
        (400, with("work_loop_max_agents", json!(1.5)), max),
        (400, with("work_loop_max_agents", json!("3")), max),
        (400, with("color", json!("red")), ("color_invalid", "A colour is written as # and six hexadecimal digits.")),
        (400, with("chat_layout", json!("irc")), ("invalid_field", "chat_layout must be slack or imessage")),
        (409, with("slug", json!("taken")), ("slug_taken", "A project with this slug already exists")),
        (409, with("slug", json!(" TAKEN ")), ("slug_taken", "A project with this slug already exists")),
    ];
    for (status, body, (code, sentence)) in cases {
        house.post("/api/projects", body).await.fails(status, code, sentence);
    }
    assert_eq!(
        house.get("/api/projects").await.ok(200)["projects"].as_array().unwrap().len(),
        1,
        "nothing was made by a refused request"
    );
}

#[tokio::test]
async fn fields_are_changed_and_cleared() {
    let house = House::on_disk();
    let id = house.project("site").await;
    let path = format!("/api/projects/{id}");
    let full = json!({
        "name": "New", "description": "d", "color": "#ffffff", "repo_url": "r", "context_path": "c", "local_path": "/l",
        "github_repo": "a/b", "chat_layout": "imessage", "work_loop_enabled": 0, "work_loop_max_agents": 4,
        "role_model_overrides": { "dev": "m/1" },
        "runtimes": { "dev": "child", "chats": "openclaw", "all": "other" },
    });
    let project = house.patch(&path, full.clone()).await.ok(200)["project"].clone();
    for (name, value) in full.as_object().unwrap() {
        assert_eq!(&project[name], value, "{name}");
    }
    for name in [
        "description",
        "repo_url",
        "context_path",
        "local_path",
        "github_repo",
        "work_loop_max_agents",
        "role_model_overrides",
    ] {
        let project = house.patch(&path, json!({ name: null })).await.ok(200)["project"].clone();
        assert_eq!(project[name], Value::Null, "{name} is cleared by null");
        assert_eq!(project["name"], "New", "{name} alone");
    }
    let project = house.patch(&path, json!({ "runtimes": null })).await.ok(200)["project"].clone();
    assert_eq!(project.get("runtimes"), None, "a project that chooses none shows what it always showed");
    house.patch(&path, json!({ "description": "again" })).await.ok(200);
    assert_eq!(
        house.patch(&path, json!({ "description": "" })).await.ok(200)["project"]["description"],
        Value::Null,
        "empty text clears"
    );
    // By its slug, too; afterwards only the new slug leads there.
    house.patch("/api/projects/site", json!({ "slug": "home" })).await.ok(200);
    house.get("/api/projects/site").await.fails(404, "project_not_found", "Project not found");
    assert_eq!(house.get("/api/projects/home").await.ok(200)["project"]["id"], json!(id));
    house.project("site").await;
}

#[tokio::test]
async fn what_cannot_be_changed() {
    let house = House::new();
    house.project("other").await;
    let id = house.project("site").await;
    let runtimes = "runtimes must be an object mapping roles to names of runtimes";
    let plain = "Runtimes are chosen by role, for chats or for all, each by a name of at most 60 lower-case letters, digits and hyphens.";
    let object = "role_model_overrides must be an object mapping roles to model strings";
    let cases = [
        (400, json!({}), "nothing_to_change", "No fields to update"),
        (400, json!({ "name": "" }), "name_missing", "A project needs a name."),
        (400, json!({ "slug": "" }), "slug_invalid", "A slug has lower-case letters, digits and inner hyphens only."),
        (400, json!({ "local_path": 1 }), "invalid_field", "local_path must be a string"),
        (400, json!({ "github_repo": "b" }), "github_repo_invalid", "github_repo must be in owner/repo format"),
        (400, json!({ "role_model_overrides": [] }), "invalid_field", object),
        (400, json!({ "runtimes": "child" }), "invalid_field", runtimes),
        (400, json!({ "runtimes": { "dev": 1 } }), "invalid_field", runtimes),
        (400, json!({ "runtimes": { "painter": "child" } }), "runtimes_invalid", plain),
        (400, json!({ "runtimes": { "dev": "Child!" } }), "runtimes_invalid", plain),
        (
            400,
            json!({ "role_model_overrides": { "dev": 1 } }),
            "invalid_field",
            "role_model_overrides.dev must be a string",
        ),
        (
            400,
            json!({ "work_loop_max_agents": 0 }),
            "max_agents_invalid",
            "work_loop_max_agents must be a positive integer",
        ),
        (409, json!({ "slug": "other" }), "slug_taken", "A project with this slug already exists"),
    ];
    let before = house.get("/api/projects").await.ok(200);
    for (status, body, code, sentence) in cases {
        house.patch(&format!("/api/projects/{id}"), body).await.fails(status, code, sentence);
    }
    assert_eq!(house.get("/api/projects").await.ok(200), before);
}

#[tokio::test]
async fn a_project_goes_with_everything_in_it() {
    let house = House::on_disk();
    let id = house.project("site").await;
    let task = house.task(&id, "t", "ready").await;
    let chat =
        house.get(&format!("/api/chats?projectId={id}")).await.ok(200)["chats"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.delete("/api/projects/site").await.ok(200), json!({ "success": true }));
    house.get("/api/projects/site").await.fails(404, "project_not_found", "Project not found");
    house.get(&format!("/api/tasks/{task}")).await.fails(404, "task_not_found", "Task not found");
    house.get(&format!("/api/chats/{chat}")).await.fails(404, "chat_not_found", "Chat not found");
    house.delete("/api/projects/site").await.fails(404, "project_not_found", "Project not found");
    house.project("site").await;
}

#[tokio::test]
async fn who_is_not_there() {
    let house = House::new();
    for id in [NOBODY, "nobody", "%20", "..", "a%2Fb"] {
        let path = format!("/api/projects/{id}");
        house.get(&path).await.fails(404, "project_not_found", "Project not found");
        house.patch(&path, json!({ "name": "n" })).await.fails(404, "project_not_found", "Project not found");
        house.delete(&path).await.fails(404, "project_not_found", "Project not found");
    }
}

#[tokio::test]
async fn a_program_is_never_the_person() {
    let house = House::new();
    let id = house.project("site").await;
    house.patch("/api/projects/site", json!({ "name": "x", "author": "dan" })).await.ok(200);
    let log = house.project_log(&id).await;
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|line| line.actor == Who::program(None)), "{log:?}");
}

#[tokio::test]
async fn a_large_project_goes_and_comes_back_or_is_removed_for_good() {
    let house = House::new();
    let id = house.project("site").await;
    for n in 0..230 {
        house.task(&id, &format!("t{n}"), Status::ALL[n % 6].word()).await;
    }
    let list = house.get(&format!("/api/tasks?projectId={id}")).await.ok(200)["tasks"].clone();
    let (one, other) = (list[0]["id"].as_str().unwrap(), list[100]["id"].as_str().unwrap());
    house.post(&format!("/api/tasks/{one}/dependencies"), json!({ "depends_on_id": other })).await.ok(201);
    house.post(&format!("/api/tasks/{one}/comments"), json!({ "content": "words" })).await.ok(201);
    assert_eq!(house.delete("/api/projects/site").await.ok(200), json!({ "success": true }));
    for path in [format!("/api/projects/{id}"), "/api/projects/site".into()] {
        house.get(&path).await.fails(404, "project_not_found", "Project not found");
    }
    house.get(&format!("/api/tasks?projectId={id}")).await.fails(404, "project_not_found", "Project not found");
    house.get(&format!("/api/tasks/{one}")).await.fails(404, "task_not_found", "Task not found");
    house.get(&format!("/api/tasks/{one}/comments")).await.fails(404, "task_not_found", "Task not found");
    assert_eq!(house.get("/api/projects").await.ok(200)["projects"], json!([]));

    // Its slug is free at once; back it comes under the next one, with everything.
    house.project("site").await;
    let back = house.post(&format!("/api/projects/{id}/restore"), json!({})).await.ok(200);
    assert_eq!(back["project"]["slug"], "site-1");
    assert_eq!(house.get(&format!("/api/tasks?projectId={id}")).await.ok(200)["tasks"].as_array().unwrap().len(), 230);

    house.delete("/api/projects/site-1?now=maybe").await.fails_with(400, "invalid_field");
    house.delete("/api/projects/site-1?now=true").await.ok(200);
    house.post(&format!("/api/projects/{id}/restore"), json!({})).await.fails_with(404, "project_not_found");
    while crate::worker::bin::sweep(&house.office).await.unwrap() {}
    let gone: Option<Project> = house.office.get(&id).await.unwrap();
    assert_eq!(gone, None);
    let left: Vec<Task> = house.office.all(Range::children(Kind::Task, &id, 500)).await.unwrap();
    assert!(left.is_empty());
}
