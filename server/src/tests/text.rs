//! Text at the edges: every field that a program can set is cleaned, bounded, or refused in words.

use clutch_domain::{
    change::Change,
    chat::Chat,
    doc::{Kind, Scope},
    range::{Fetch, Range},
};
use clutch_orchestrator::store::IdempotencyKey;
use http::Request;
use serde_json::{Value, json};

use super::{ADDRESS, House, Reply, id};

/// What a program sends, and what stays of it on one line and in many.
const ODD: &[(&str, &str, &str)] = &[
    ("one\r\ntwo\rthree", "one two three", "one\ntwo\nthree"),
    ("\u{1b}[31mFAIL\u{1b}[0m", "FAIL", "FAIL"),
    ("a\u{0}b\u{8}c", "abc", "abc"),
    ("a\u{202e}gnp.exe", "agnp.exe", "a\u{202e}gnp.exe\u{202c}"),
    ("\u{feff}می\u{200c}خواهم 👩‍👩‍👧 \u{200b}", "می\u{200c}خواهم 👩‍👩‍👧", "می\u{200c}خواهم 👩‍👩‍👧"),
];
/// Nothing in these can be seen.
const UNSEEN: &[&str] =
    &["\u{0}", "\u{200b}", "\u{2060}\u{feff}", "\u{ad}", "\u{3164}", "\u{e0041}", "\u{1b}[0m", " \u{200f} "];

#[tokio::test]
async fn every_field_is_cleaned() {
    let house = House::on_disk();
    for (n, (given, line, lines)) in ODD.iter().enumerate() {
        let new = json!({ "name": given, "slug": format!("p{n}"), "description": given, "repo_url": given });
        let project = house.post("/api/projects", new).await.ok(201)["project"].clone();
        assert_eq!((&project["name"], &project["description"]), (&json!(line), &json!(lines)), "{given:?}");
        assert_eq!(project["repo_url"], json!(line));
        let project = id(&project);
        let new = json!({ "project_id": project, "title": given, "description": given, "assignee": given, "tags": [given, "\u{200b}", given] });
        let task = house.post("/api/tasks", new).await.ok(201)["task"].clone();
        assert_eq!((&task["title"], &task["description"]), (&json!(line), &json!(lines)), "{given:?}");
        assert_eq!((&task["assignee"], &task["tags"]), (&json!(line), &json!(json!([line]).to_string())), "{given:?}");
        let task = format!("/api/tasks/{}", id(&task));
        let changed = house
            .patch(&task, json!({ "title": given, "description": given, "post_merge_steps": given }))
            .await
            .ok(200);
        assert_eq!((&changed["task"]["title"], &changed["task"]["post_merge_steps"]), (&json!(line), &json!(lines)));
        let said = house.post(&format!("{task}/comments"), json!({ "author": given, "content": given })).await.ok(201);
        assert_eq!(
            (&said["comment"]["author"], &said["comment"]["content"]),
            (&json!(line), &json!(lines)),
            "{given:?}"
        );
        let raised =
            json!({ "taskId": &task[11..], "sessionKey": "s", "agentId": given, "kind": "fyi", "message": given });
        let signal = house.post("/api/signal", raised).await.ok(201)["signal"].clone();
        assert_eq!((&signal["agent_id"], &signal["message"]), (&json!(line), &json!(lines)), "{given:?}");
        let report = json!({ "summary": given, "notes": given, "prUrl": given, "agent": given });
        house.post(&format!("{task}/complete"), report).await.ok(200);
        let comments = house.get(&format!("{task}/comments")).await.ok(200)["comments"].clone();
        let last = comments.as_array().unwrap().last().unwrap().clone();
        let want = format!("## Task Completed\n\n{lines}\n\n**Pull Request:** {line}\n\n**Notes:** {lines}");
        assert_eq!((&last["author"], &last["content"]), (&json!(line), &json!(want)), "{given:?}");
        let new = json!({ "project_id": project, "title": given, "participants": [given] });
        let chat = house.post("/api/chats", new).await.ok(201)["chat"].clone();
        assert_eq!(
            (&chat["title"], &chat["participants"]),
            (&json!(line), &json!(json!([line]).to_string())),
            "{given:?}"
        );
        let chat = format!("/api/chats/{}", id(&chat));
        let said = json!({ "author": given, "content": given, "failure_reason": given });
        let message = house.post(&format!("{chat}/messages"), said).await.ok(201)["message"].clone();
        assert_eq!((&message["author"], &message["content"]), (&json!(line), &json!(lines)), "{given:?}");
        assert_eq!(message["failure_reason"], json!(lines));
        let list = house.get(&format!("/api/chats?projectId={project}")).await.ok(200);
        let shown = list["chats"].as_array().unwrap().iter().find(|c| c["lastMessage"] != Value::Null).unwrap().clone();
        assert_eq!(shown["lastMessage"]["author"], json!(line), "{given:?}");
        assert_eq!(shown["lastMessage"]["content"], json!(line), "{given:?}");
    }
}

#[tokio::test]
async fn what_nobody_sees_is_nothing() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let (task, chat) = (format!("/api/tasks/{task}"), format!("/api/chats/{chat}"));
    for unseen in UNSEEN {
        let new = json!({ "name": unseen, "slug": "x" });
        house.post("/api/projects", new).await.is_error();
        house.patch("/api/projects/site", json!({ "name": unseen })).await.fails_with(400, "name_missing");
        house.post("/api/tasks", json!({ "project_id": project, "title": unseen })).await.is_error();
        house.patch(&task, json!({ "title": unseen })).await.fails_with(400, "title_missing");
        house.post(&format!("{task}/comments"), json!({ "content": unseen })).await.fails_with(400, "content_missing");
        house.post(&format!("{task}/complete"), json!({ "summary": unseen })).await.fails_with(400, "summary_missing");
        house.post(&format!("{chat}/messages"), json!({ "content": unseen })).await.fails_with(400, "content_missing");
        house.patch(&chat, json!({ "title": unseen })).await.fails_with(400, "nothing_to_change");
        // Where a name may be absent, it is.
        let said = house.post(&format!("{task}/comments"), json!({ "author": unseen, "content": "x" })).await.ok(201);
        assert_eq!(said["comment"]["author"], "unknown", "{unseen:?}");
        let said = house.post(&format!("{chat}/messages"), json!({ "author": unseen, "content": "x" })).await.ok(201);
        assert_eq!(said["message"]["author"], "dan", "{unseen:?}");
        let cleared = house.patch(&task, json!({ "assignee": unseen, "description": unseen })).await.ok(200);
        assert_eq!((&cleared["task"]["assignee"], &cleared["task"]["description"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn every_field_has_a_measure() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let (task, chat) = (format!("/api/tasks/{task}"), format!("/api/chats/{chat}"));
    let (comments, messages, complete) =
        (format!("{task}/comments"), format!("{chat}/messages"), format!("{task}/complete"));
    let x = |n: usize| "ü".repeat(n);
    let many = |n: usize| (0..n).map(|n| json!(format!("{n}"))).collect::<Vec<_>>();
    let signal = |field: &str, value: Value| {
        let mut body =
            json!({ "taskId": &task[11..], "sessionKey": "s", "agentId": "a", "kind": "fyi", "message": "m" });
        body[field] = value;
        body
    };
    let models = |n: usize| json!((0..n).map(|n| (format!("r{n}"), json!("m"))).collect::<serde_json::Map<_, _>>());
    // Method, address, the body with the most, the body with one more, and how that is refused.
    let post = "POST";
    let patch = "PATCH";
    let own_session = format!("clutch:site:{}", &chat["/api/chats/".len()..]);
    let cases = [
        (
            patch,
            "/api/projects/site",
            json!({ "description": x(10_000) }),
            json!({ "description": x(10_001) }),
            "description_too_long",
        ),
        (
            patch,
            "/api/projects/site",
            json!({ "repo_url": x(2_000) }),
            json!({ "repo_url": x(2_001) }),
            "location_too_long",
        ),
        (
            patch,
            "/api/projects/site",
            json!({ "context_path": x(2_000) }),
            json!({ "context_path": x(2_001) }),
            "location_too_long",
        ),
        (
            patch,
            "/api/projects/site",
            json!({ "local_path": format!("/{}", "x".repeat(4_095)) }),
            json!({ "local_path": format!("/{}", "x".repeat(4_096)) }),
            "path_invalid",
        ),
        (
            patch,
            "/api/projects/site",
            json!({ "role_model_overrides": models(20) }),
            json!({ "role_model_overrides": models(21) }),
            "models_too_many",
        ),
        (
            patch,
            "/api/projects/site",
            json!({ "role_model_overrides": { "dev": x(500) } }),
            json!({ "role_model_overrides": { "dev": x(501) } }),
            "key_invalid",
        ),
        (patch, &task, json!({ "assignee": x(200) }), json!({ "assignee": x(201) }), "handle_too_long"),
        (patch, &task, json!({ "tags": [x(60)] }), json!({ "tags": [x(61)] }), "tag_too_long"),
        (patch, &task, json!({ "tags": many(50) }), json!({ "tags": many(51) }), "tags_too_many"),
        (patch, &task, json!({ "session_id": x(500) }), json!({ "session_id": x(501) }), "key_invalid"),
        (patch, &task, json!({ "agent_session_key": x(500) }), json!({ "agent_session_key": x(501) }), "key_invalid"),
        (patch, &task, json!({ "prompt_version_id": x(500) }), json!({ "prompt_version_id": x(501) }), "key_invalid"),
        (patch, &task, json!({ "branch": x(120) }), json!({ "branch": x(121) }), "branch_invalid"),
        (
            patch,
            &task,
            json!({ "post_merge_steps": x(50_000) }),
            json!({ "post_merge_steps": x(50_001) }),
            "field_too_long",
        ),
        (
            post,
            &comments,
            json!({ "content": "x", "author": x(200) }),
            json!({ "content": "x", "author": x(201) }),
            "handle_too_long",
        ),
        (
            post,
            &complete,
            json!({ "summary": "x", "prUrl": x(2_000) }),
            json!({ "summary": "x", "prUrl": x(2_001) }),
            "location_too_long",
        ),
        (
            post,
            &complete,
            json!({ "summary": "x", "agent": x(200) }),
            json!({ "summary": "x", "agent": x(201) }),
            "handle_too_long",
        ),
        (post, "/api/signal", signal("agentId", json!(x(200))), signal("agentId", json!(x(201))), "handle_too_long"),
        (post, "/api/signal", signal("sessionKey", json!(x(500))), signal("sessionKey", json!(x(501))), "key_invalid"),
        (post, "/api/signal", signal("runId", json!(x(500))), signal("runId", json!(x(501))), "key_invalid"),
        (patch, &chat, json!({ "title": x(200) }), json!({ "title": x(201) }), "chat_title_too_long"),
        (patch, &chat, json!({ "session_key": own_session }), json!({ "session_key": x(501) }), "key_invalid"),
        (
            post,
            "/api/chats",
            json!({ "project_id": project, "participants": many(50) }),
            json!({ "project_id": project, "participants": many(51) }),
            "participants_too_many",
        ),
        (
            post,
            "/api/chats",
            json!({ "project_id": project, "participants": [x(200)] }),
            json!({ "project_id": project, "participants": [x(201)] }),
            "handle_too_long",
        ),
        (
            post,
            &messages,
            json!({ "content": "x", "author": x(200) }),
            json!({ "content": "x", "author": x(201) }),
            "handle_too_long",
        ),
        (
            post,
            &messages,
            json!({ "content": "x", "run_id": x(500) }),
            json!({ "content": "x", "run_id": x(501) }),
            "key_invalid",
        ),
    ];
    for (method, path, most, more, code) in &cases {
        let reply = house.raw(method, path, &[], most.to_string()).await;
        assert!(reply.status.is_success(), "{method} {path} {code}: {}", reply.text);
        house.raw(method, path, &[], more.to_string()).await.fails_with(400, code);
    }
    // Another system's fault is cut: whoever reports it cannot make it shorter.
    let said = house.post(&messages, json!({ "content": "x", "failure_reason": x(40_000) })).await.ok(201);
    assert_eq!(said["message"]["failure_reason"].as_str().unwrap().chars().count(), 4_000);
}

#[tokio::test]
async fn ids_and_paths_are_taken_as_they_are_or_not_at_all() {
    let house = House::new();
    let project = house.project("site").await;
    let task = format!("/api/tasks/{}", house.task(&project, "t", "ready").await);
    for odd in ["a\u{0}b", "a\nb", "a\u{202e}b", "a\u{200b}b", "a\u{1b}[0mb"] {
        let path = format!("/srv/{odd}");
        house.patch("/api/projects/site", json!({ "local_path": path })).await.fails_with(400, "path_invalid");
        house.patch(&task, json!({ "agent_session_key": odd })).await.fails_with(400, "key_invalid");
        house.patch(&task, json!({ "branch": odd })).await.fails_with(400, "branch_invalid");
    }
    for branch in [
        "-rf", "a b", "a..b", "a~1", "a^", "a:b", "/a", "a/", "a//b", "a.lock", "a/.b", "a.", "@", "a@{1}", "a\\b",
        "a*",
    ] {
        house.patch(&task, json!({ "branch": branch })).await.fails_with(400, "branch_invalid");
    }
    for branch in ["main", "fix/a1b2c3d4", "feature/ünï-1.2_x", "a@b", "T-12"] {
        assert_eq!(house.patch(&task, json!({ "branch": branch })).await.ok(200)["task"]["branch"], branch);
    }
    for repo in ["../x", "a/..", "./b", "a/."] {
        house.patch("/api/projects/site", json!({ "github_repo": repo })).await.fails_with(400, "github_repo_invalid");
    }
    let spaced = "/srv/my  project/ünï";
    assert_eq!(
        house.patch("/api/projects/site", json!({ "local_path": spaced })).await.ok(200)["project"]["local_path"],
        spaced
    );
}

#[tokio::test]
async fn a_list_holds_texts_only() {
    let house = House::new();
    let project = house.project("site").await;
    for odd in [json!(["a", 1, null]), json!([["a"]]), json!([true]), json!("[\"a\", 1]"), json!("[null]")] {
        let new = json!({ "project_id": project, "title": "t", "tags": odd });
        let sentence = "tags must be an array of strings";
        house.post("/api/tasks", new).await.fails(400, "invalid_field", sentence);
        let new = json!({ "project_id": project, "participants": odd });
        house.post("/api/chats", new).await.fails(400, "invalid_field", "participants must be an array of names");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_said() {
    let house = House::new();
    let there = tempfile::tempdir().unwrap();
    let there = there.path().to_str().unwrap();
    let made = house.post("/api/projects", json!({ "name": "A", "slug": "a", "local_path": there })).await.ok(201);
    assert_eq!(made["warning"], Value::Null);
    let gone = format!("{there}/gone");
    let word = json!(format!("There is no folder {gone} on this machine."));
    let made = house.post("/api/projects", json!({ "name": "B", "slug": "b", "local_path": gone })).await.ok(201);
    assert_eq!((&made["warning"], &made["project"]["local_path"]), (&word, &json!(gone)), "taken, with a word");
    assert_eq!(house.patch("/api/projects/a", json!({ "local_path": gone })).await.ok(200)["warning"], word);
    assert_eq!(house.patch("/api/projects/a", json!({ "name": "C" })).await.ok(200)["warning"], Value::Null);
    // A file is no folder.
    let file = format!("{there}/file");
    std::fs::write(&file, "x").unwrap();
    let warned = house.patch("/api/projects/a", json!({ "local_path": file })).await.ok(200);
    assert!(warned["warning"].as_str().is_some_and(|w| w.contains(&file)), "{warned}");
}

/// A form of a page, as a browser sends it.
async fn form(house: &House, name: &str, fields: &[(&str, &str)]) -> Reply {
    let escaped = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    let fields: Vec<String> = fields.iter().map(|(name, text)| format!("{name}={}", escaped(text))).collect();
    let request = Request::post(format!("/fn/{name}"))
        .header("host", ADDRESS)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(fields.join("&").into());
    house.send(request.unwrap(), "127.0.0.1:5000").await
}

#[tokio::test]
async fn forms_of_pages_are_cleaned_too() {
    let house = House::new();
    let project = house.project("site").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    for (given, line, lines) in ODD {
        let fields = [
            ("project", project.as_str()),
            ("slug", "site"),
            ("title", given),
            ("description", given),
            ("status", "ready"),
            ("priority", "low"),
        ];
        let reply = form(&house, "create_task", &fields).await;
        assert!(reply.status.is_success(), "{given:?}: {}", reply.text);
        let tasks = house.get("/api/tasks?projectId=site").await.ok(200)["tasks"].clone();
        let task = tasks.as_array().unwrap().last().unwrap().clone();
        assert_eq!((&task["title"], &task["description"]), (&json!(line), &json!(lines)), "{given:?}");
        let task = id(&task);
        for (field, value) in [("assignee", (*given).to_owned()), ("tags", format!("{given},\u{200b},{given}"))] {
            let fields = [("task", task.as_str()), ("field", field), ("value", value.as_str())];
            let reply = form(&house, "edit_task", &fields).await;
            assert!(reply.status.is_success(), "{given:?}: {}", reply.text);
        }
        let now = house.look(&task).await;
        assert_eq!((&now["assignee"], &now["tags"]), (&json!(line), &json!(json!([line]).to_string())), "{given:?}");
        let reply = form(&house, "rename_chat", &[("chat", &chat), ("title", given)]).await;
        assert!(reply.status.is_success(), "{given:?}: {}", reply.text);
        assert_eq!(house.get(&format!("/api/chats/{chat}")).await.ok(200)["chat"]["title"], json!(line), "{given:?}");
    }
    let task = house.task(&project, "t", "ready").await;
    let long = "x".repeat(201);
    let refused = form(&house, "edit_task", &[("task", &task), ("field", "assignee"), ("value", &long)]).await;
    assert_eq!((refused.status.as_u16(), refused.text.contains("handle_too_long")), (400, true), "{}", refused.text);
    let refused = form(&house, "rename_chat", &[("chat", &chat), ("title", &long)]).await;
    assert_eq!(
        (refused.status.as_u16(), refused.text.contains("chat_title_too_long")),
        (400, true),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_page_takes_only_folders_that_are_there() {
    let house = House::new();
    let there = tempfile::tempdir().unwrap();
    let there = there.path().to_str().unwrap();
    let gone = format!("{there}/gone");
    let refused = form(&house, "create_project", &[("name", "A"), ("local_path", &gone)]).await;
    assert_eq!((refused.status.as_u16(), refused.text.contains("path_not_there")), (400, true), "{}", refused.text);
    assert_eq!(house.get("/api/projects").await.ok(200)["projects"], json!([]), "nothing was made");
    assert!(form(&house, "create_project", &[("name", "A"), ("local_path", there)]).await.status.is_success());
    // A program may have set a folder that is not there yet: it keeps nobody from saving the rest.
    let made = house.post("/api/projects", json!({ "name": "B", "slug": "b", "local_path": gone })).await.ok(201);
    let project = id(&made["project"]);
    let saved = form(&house, "update_project", &[("project", &project), ("name", "C"), ("local_path", &gone)]).await;
    assert!(saved.status.is_success(), "{}", saved.text);
    let other = format!("{there}/other");
    let refused = form(&house, "update_project", &[("project", &project), ("name", "D"), ("local_path", &other)]).await;
    assert_eq!((refused.status.as_u16(), refused.text.contains("path_not_there")), (400, true), "{}", refused.text);
    assert_eq!(house.get("/api/projects/b").await.ok(200)["project"]["name"], "C");
}

/// A board that was used before text was cleaned: its pages and answers are clean, and its things can be changed.
#[tokio::test]
async fn what_was_stored_before_does_no_harm() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let range = Range::children(Kind::Chat, &project, 10);
    let docs = house.office.read(&Fetch { scopes: vec![], ranges: vec![range.clone()] }).await.unwrap().value;
    let old = docs.get(&range).unwrap()[0].clone();
    let chat = Chat { title: "a\0b\u{202e}".into(), ..docs.first::<Chat>(&range).unwrap().clone() };
    let id = chat.id;
    let mut change = Change::default();
    change.put(old.rev, chat).touch(Scope::Project(project.parse().unwrap()));
    house.office.store().commit(change, IdempotencyKey("as before".into())).await.unwrap();
    assert_eq!(house.get(&format!("/api/chats/{id}")).await.ok(200)["chat"]["title"], "ab");
    let page = house.raw("GET", &format!("/projects/site/chat?chat={id}"), &[("accept", "text/html")], "").await;
    assert!(page.status.is_success() && page.text.contains("ab"), "{}", page.status);
    assert!(!page.text.contains(['\0', '\u{202e}', '\r']), "the page is clean");
    house.patch(&format!("/api/chats/{id}"), json!({ "session_key": format!("clutch:site:{id}") })).await.ok(200);
}
