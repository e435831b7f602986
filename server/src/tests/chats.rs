//! `/api/chats`, their messages and typing (facts §2.3).

use std::path::PathBuf;

use clutch_domain::actor::Who;
use serde_json::{Value, json};

use super::{House, NOBODY, id, keys, known};
use crate::chat::{bridge::Bridge, ephemeral::TypingState, settling::Settling};

pub async fn chat(house: &House, project: &str, title: &str) -> String {
    id(&house.post("/api/chats", json!({ "project_id": project, "title": title })).await.ok(201)["chat"])
}

#[tokio::test]
async fn a_chat_has_exactly_these_fields() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let made = house.post("/api/chats", json!({ "project_id": project, "title": " Plans " })).await.ok(201);
    let chat = made["chat"].clone();
    assert_eq!(made, json!({ "chat": chat }));
    let shape = known(chat.clone(), &["id", "created_at", "updated_at"]);
    // What is not there is absent here, not null.
    assert_eq!(
        shape,
        json!({ "id": "known", "project_id": project, "title": "Plans", "participants": "[\"ada\"]", "created_at": "known", "updated_at": "known" })
    );
    let path = format!("/api/chats/{}", id(&chat));
    assert_eq!(house.get(&path).await.ok(200), json!({ "chat": chat }));
    let key = format!("clutch:site:{}", id(&chat));
    let tied = house.patch(&path, json!({ "session_key": key })).await.ok(200)["chat"].clone();
    assert_eq!(keys(&tied), ["created_at", "id", "participants", "project_id", "session_key", "title", "updated_at"]);
    let renamed = house.patch("/api/chats", json!({ "id": id(&chat), "title": "New" })).await.ok(200)["chat"].clone();
    assert_eq!((&renamed["title"], &renamed["session_key"]), (&json!("New"), &json!(key)));
    assert_eq!(house.delete(&path).await.ok(200), json!({ "success": true }));
    house.get(&path).await.fails(404, "chat_not_found", "Chat not found");
}

#[tokio::test]
async fn participants_and_titles_have_defaults() {
    let house = House::new();
    let project = house.project("site").await;
    for (given, kept) in [
        (json!(["ada", "dan"]), json!("[\"ada\",\"dan\"]")),
        (json!("[\"dan\"]"), json!("[\"dan\"]")),
        (json!("dan"), json!("[\"dan\"]")),
        (json!([]), json!("[]")),
        (Value::Null, json!("[\"ada\"]")),
    ] {
        let body = json!({ "project_id": project, "title": "t", "participants": given });
        assert_eq!(house.post("/api/chats", body).await.ok(201)["chat"]["participants"], kept, "{given}");
    }
    for title in [json!("  "), Value::Null] {
        let made = house.post("/api/chats", json!({ "project_id": project, "title": title })).await.ok(201);
        assert_eq!(made["chat"]["title"], "Chat 2023-11-14 22:13");
    }
}

#[tokio::test]
async fn what_cannot_be_made_or_changed() {
    let house = House::new();
    let project = house.project("site").await;
    let chat = chat(&house, &project, "c").await;
    let names = ("invalid_field", "participants must be an array of names");
    for (status, body, (code, sentence)) in [
        (400, json!({}), ("field_missing", "project_id is required")),
        (400, json!({ "project_id": "" }), ("field_missing", "project_id is required")),
        (400, json!({ "project_id": 1 }), ("invalid_field", "project_id must be a string")),
        (404, json!({ "project_id": NOBODY }), ("project_not_found", "Project not found")),
        (400, json!({ "project_id": project, "title": 1 }), ("invalid_field", "title must be a string")),
        (400, json!({ "project_id": project, "participants": 1 }), names),
        (400, json!({ "project_id": project, "participants": [1] }), names),
    ] {
        house.post("/api/chats", body).await.fails(status, code, sentence);
    }
    let either = ("nothing_to_change", "title or session_key is required");
    for (status, body, (code, sentence)) in [
        (400, json!({}), ("field_missing", "id is required")),
        (400, json!({ "id": chat }), either),
        (400, json!({ "id": chat, "title": " " }), either),
        (400, json!({ "id": chat, "title": 1 }), ("invalid_field", "title must be a string")),
        (404, json!({ "id": NOBODY, "title": "x" }), ("chat_not_found", "Chat not found")),
        (404, json!({ "id": "nobody", "title": "x" }), ("chat_not_found", "Chat not found")),
    ] {
        house.patch("/api/chats", body).await.fails(status, code, sentence);
    }
    house.patch(&format!("/api/chats/{chat}"), json!({})).await.fails(400, "nothing_to_change", "No fields to update");
    house.get("/api/chats").await.fails(400, "field_missing", "projectId is required");
    house.get(&format!("/api/chats?projectId={NOBODY}")).await.fails(404, "project_not_found", "Project not found");
    for nobody in [NOBODY, "nobody"] {
        let path = format!("/api/chats/{nobody}");
        let gone = ("chat_not_found", "Chat not found");
        house.get(&path).await.fails(404, gone.0, gone.1);
        house.patch(&path, json!({ "title": "x" })).await.fails(404, gone.0, gone.1);
        house.delete(&path).await.fails(404, gone.0, gone.1);
        house.get(&format!("{path}/messages")).await.fails(404, gone.0, gone.1);
        house.post(&format!("{path}/messages"), json!({ "content": "x" })).await.fails(404, gone.0, gone.1);
        house.post(&format!("{path}/typing"), json!({ "typing": true })).await.fails(404, gone.0, gone.1);
    }
}

#[tokio::test]
async fn the_list_has_the_last_words_and_the_newest_talk_first() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let (a, b) = (chat(&house, &project, "a").await, chat(&house, &project, "b").await);
    let list = async || -> Vec<(String, Value)> {
        let list = house.get(&format!("/api/chats?projectId={project}")).await.ok(200);
        list["chats"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (c["title"].as_str().unwrap().to_owned(), c["lastMessage"].clone()))
            .collect()
    };
    assert_eq!(list().await, [("b".into(), Value::Null), ("a".into(), Value::Null), ("General".into(), Value::Null)]);
    let said =
        house.post(&format!("/api/chats/{a}/messages"), json!({ "content": "hello" })).await.ok(201)["message"].clone();
    let last = json!({ "content": "hello", "author": "dan", "created_at": said["created_at"] });
    assert_eq!(list().await, [("a".into(), last), ("b".into(), Value::Null), ("General".into(), Value::Null)]);
    house.post(&format!("/api/chats/{b}/messages"), json!({ "content": "and b" })).await.ok(201);
    assert_eq!(list().await[0].0, "b");
    assert_eq!(house.get("/api/chats?projectId=site").await.ok(200)["chats"].as_array().unwrap().len(), 3, "by slug");
}

#[tokio::test]
async fn a_message_has_exactly_these_fields() {
    let house = House::on_disk();
    let path = format!("/api/chats/{}/messages", chat(&house, &house.project("site").await, "c").await);
    let chat_id = path.split('/').nth(3).unwrap();
    let made = house.post(&path, json!({ "content": " hi " })).await.ok(201);
    assert_eq!(
        known(made["message"].clone(), &["id", "created_at"]),
        json!({ "id": "known", "chat_id": chat_id, "author": "dan", "by": "program", "content": "hi", "is_automated": 0, "delivery_status": "sent", "created_at": "known" })
    );
    // As the plugin of both generations sends it.
    let answer = json!({ "author": "ada", "content": "done", "is_automated": false, "session_key": "agent:main:clutch:site:x", "run_id": "r-1" });
    assert_eq!(
        known(house.post(&path, answer.clone()).await.ok(201)["message"].clone(), &["id", "created_at"]),
        json!({
            "id": "known", "chat_id": chat_id, "author": "ada", "content": "done", "run_id": "r-1", "session_key": "agent:main:clutch:site:x",
            "is_automated": 0, "by": "agent", "created_at": "known",
        }),
        "an agent's message has no delivery"
    );
    house.post(&path, answer).await.fails(409, "message_exists", "Message already exists");
    let full = json!({
        "author": "system", "content": "s", "is_automated": true, "delivery_status": "failed", "retry_count": 2, "cooldown_until": 1_700_000_123_456_i64,
        "failure_reason": "why",
    });
    let kept = house.post(&path, full).await.ok(201)["message"].clone();
    let want = json!({ "author": "system", "is_automated": 1, "delivery_status": "failed", "retry_count": 2, "cooldown_until": 1_700_000_123_456_i64, "failure_reason": "why" });
    for (name, value) in want.as_object().unwrap() {
        assert_eq!(&kept[name], value, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_message() {
    let house = House::new();
    let path = format!("/api/chats/{}/messages", chat(&house, &house.project("site").await, "c").await);
    let deliveries = "Invalid delivery_status. Must be one of: sent, delivered, processing, responded, failed";
    for (body, code, sentence) in [
        (json!({}), "content_missing", "Content is required"),
        (json!({ "content": " " }), "content_missing", "Content is required"),
        (json!({ "content": [] }), "invalid_field", "content must be a string"),
        (json!({ "content": "x", "author": 1 }), "invalid_field", "author must be a string"),
        (json!({ "content": "x", "run_id": 1 }), "invalid_field", "run_id must be a string"),
        (json!({ "content": "x", "delivery_status": "lost" }), "invalid_field", deliveries),
        (json!({ "content": "x", "retry_count": "a few" }), "invalid_field", "retry_count must be a whole number"),
        (json!({ "content": "x", "cooldown_until": -1 }), "invalid_field", "cooldown_until must be a whole number"),
    ] {
        house.post(&path, body).await.fails(400, code, sentence);
    }
    assert_eq!(house.get(&path).await.ok(200), json!({ "messages": [], "hasMore": false, "cursor": null }));
}

#[tokio::test]
async fn an_answer_exists_once_whoever_brings_it() {
    let house = House::on_disk();
    let path = format!("/api/chats/{}/messages", chat(&house, &house.project("site").await, "c").await);
    // An older plugin does not know the run; the bridge does. Either may be first.
    let by_plugin = |words: &str| json!({ "author": "ada", "content": words });
    let by_bridge = |words: &str, run: &str| json!({ "author": "ada", "content": words, "run_id": run });
    let first = house.post(&path, by_plugin("one\n two")).await.ok(201)["message"].clone();
    let matched = house.post(&path, by_bridge("one two", "r-1")).await.ok(201)["message"].clone();
    assert_eq!((&matched["id"], &matched["run_id"]), (&first["id"], &json!("r-1")));
    house.post(&path, by_bridge("three", "r-2")).await.ok(201);
    house.post(&path, by_plugin("three")).await.fails(409, "message_exists", "Message already exists");
    // A person may say the same twice.
    house.post(&path, json!({ "content": "yes" })).await.ok(201);
    house.post(&path, json!({ "content": "yes" })).await.ok(201);
    assert_eq!(house.get(&path).await.ok(200)["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_repeated_message_is_written_once() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let path = format!("/api/chats/{}/messages", chat(&house, &project, "c").await);
    let other = format!("/api/chats/{}/messages", chat(&house, &project, "d").await);
    let say = async |path: &str, content: &str| {
        house.raw("POST", path, &[("idempotency-key", "k")], json!({ "content": content }).to_string()).await
    };
    let first = say(&path, "x").await.ok(201);
    assert_eq!(say(&path, "x").await.ok(201), first);
    say(&path, "y").await.fails_with(422, "idempotency_key_reused");
    say(&other, "x").await.fails_with(422, "idempotency_key_reused");
    assert_eq!(house.get(&path).await.ok(200)["messages"], json!([first["message"]]));
}

#[tokio::test]
async fn messages_come_in_pages() {
    let house = House::on_disk();
    let path = format!("/api/chats/{}/messages", chat(&house, &house.project("site").await, "c").await);
    for n in 0..105 {
        house.post(&path, json!({ "content": n.to_string() })).await.ok(201);
    }
    let page = async |query: &str| -> (Vec<u32>, bool, Value) {
        let page = house.get(&format!("{path}?{query}")).await.ok(200);
        assert_eq!(keys(&page), ["cursor", "hasMore", "messages"]);
        let words = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["content"].as_str().unwrap().parse().unwrap())
            .collect();
        (words, page["hasMore"].as_bool().unwrap(), page["cursor"].clone())
    };
    let (words, more, cursor) = page("").await;
    assert_eq!((words, more), ((55..105).collect(), true), "the newest fifty, oldest first");
    let (words, more, cursor) = page(&format!("limit=50&before={}", cursor.as_str().unwrap())).await;
    assert_eq!((words, more), ((5..55).collect(), true));
    let (words, more, cursor) = page(&format!("before={}", cursor.as_str().unwrap())).await;
    assert_eq!((words, more), ((0..5).collect(), false));
    assert_eq!(page(&format!("before={}", cursor.as_str().unwrap())).await, (vec![], false, Value::Null));
    assert_eq!(page("limit=500").await.0.len(), 100, "at most a hundred");
    assert!(page("limit=105").await.1);
    assert_eq!(page("limit=0").await.0, [104], "at least one");
    house.get(&format!("{path}?limit=x")).await.fails(400, "invalid_field", "limit must be a whole number");
    for nobody in [NOBODY, "nobody"] {
        house.get(&format!("{path}?before={nobody}")).await.fails(404, "message_not_found", "Message not found");
    }
}

#[tokio::test]
async fn typing_is_told_and_taken_back() {
    let house = House::new();
    let chat = chat(&house, &house.project("site").await, "c").await;
    let path = format!("/api/chats/{chat}/typing");
    let now = || house.state.ephemeral.of(chat.parse().unwrap());
    assert_eq!(house.post(&path, json!({ "typing": true })).await.ok(200), json!({ "ok": true }));
    house.post(&path, json!({ "typing": true, "author": "dan", "state": "typing" })).await.ok(200);
    house.post(&path, json!({ "typing": true, "author": "kimi", "state": "dreaming" })).await.ok(200);
    let (thinks, types) = (TypingState::Thinking, TypingState::Typing);
    assert_eq!(now(), [("ada".to_owned(), thinks), ("dan".to_owned(), types), ("kimi".to_owned(), thinks)]);
    house.post(&path, json!({ "typing": false })).await.ok(200);
    house.post(&path, json!({ "typing": false, "author": "kimi" })).await.ok(200);
    assert_eq!(now(), [("dan".to_owned(), types)]);
    for body in [json!({}), json!({ "typing": 1 }), json!({ "typing": "true" }), json!({ "typing": null })] {
        house.post(&path, body).await.fails(400, "field_missing", "typing (boolean) is required");
    }
    house.post(&path, json!({ "typing": true, "author": [] })).await.fails(
        400,
        "invalid_field",
        "author must be a string",
    );
    assert!(
        house
            .project_log(house.get(&format!("/api/chats/{chat}")).await.ok(200)["chat"]["project_id"].as_str().unwrap())
            .await
            .iter()
            .all(|l| l.what != "typing")
    );
}

#[tokio::test]
async fn whoever_a_message_names_it_is_recorded_truly() {
    let house = House::new();
    let project = house.project("site").await;
    let path = format!("/api/chats/{}/messages", chat(&house, &project, "c").await);
    for (author, actor) in
        [("dan", Who::program(Some("dan"))), ("ada", Who::agent("ada")), ("system", Who::program(Some("system")))]
    {
        house.post(&path, json!({ "content": author, "author": author })).await.ok(201);
        let line = house.project_log(&project).await.remove(0);
        assert_eq!((line.what.as_str(), line.actor), ("message_sent", actor));
    }
}

#[tokio::test]
async fn a_deleted_chat_is_gone_for_programs_and_leaves_the_bin_with_its_project() {
    let house = House::new();
    let (kept, doomed) = (house.project("kept").await, house.project("doomed").await);
    let mut chats = Vec::new();
    for project in [&kept, &doomed] {
        let chat = chat(&house, project, "Plans").await;
        house.post(&format!("/api/chats/{chat}/messages"), json!({ "content": "hello" })).await.ok(201);
        house.delete(&format!("/api/chats/{chat}")).await.ok(200);
        for path in [format!("/api/chats/{chat}"), format!("/api/chats/{chat}/messages")] {
            house.get(&path).await.fails(404, "chat_not_found", "Chat not found");
        }
        chats.push(chat);
    }
    let there = async |chat: &str| {
        let id: clutch_domain::id::ChatId = chat.parse().unwrap();
        house.office.get::<clutch_domain::chat::Chat>(id).await.unwrap().is_some()
    };
    house.delete(&format!("/api/projects/{doomed}")).await.ok(200);
    crate::worker::bin::sweep(&house.office).await.unwrap();
    assert_eq!((there(&chats[0]).await, there(&chats[1]).await), (true, true), "a week is not over");
    house.delete(&format!("/api/projects/{doomed}?now=true")).await.ok(200);
    crate::worker::bin::sweep(&house.office).await.unwrap();
    assert_eq!((there(&chats[0]).await, there(&chats[1]).await), (true, false), "its project is gone for good");
}

pub fn bridge(house: &House) -> Bridge {
    let state = &house.state;
    Bridge {
        office: house.office.clone(),
        runtimes: state.runtimes.clone(),
        streams: state.streams.clone(),
        uploads: state.uploads.clone(),
        ephemeral: state.ephemeral.clone(),
        settling: Settling::default(),
        looks: Default::default(),
    }
}

/// A picture where agents leave them; answers the line that names it.
fn left(name: &str) -> (PathBuf, String) {
    let folder = PathBuf::from("/tmp/openclaw-images");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-{name}.png", uuid::Uuid::new_v4()));
    image::RgbaImage::from_pixel(2, 2, image::Rgba([9, 9, 9, 255])).save(&path).unwrap();
    let line = format!("IMAGE: {}", path.display());
    (path, line)
}

#[tokio::test]
async fn the_pictures_of_an_answer_are_taken_once_whoever_brings_it() {
    let house = House::on_disk();
    let chat = chat(&house, &house.project("site").await, "c").await;
    let path = format!("/api/chats/{chat}/messages");
    let bridge = bridge(&house);
    let bring =
        async |run: &str, words: &str| bridge.keep(chat.parse().unwrap(), "s", run, words, vec![]).await.unwrap();
    let plugin = async |words: &str| house.post(&path, json!({ "author": "ada", "content": words })).await;
    let said = async || -> Vec<(String, Value)> {
        let all = house.get(&path).await.ok(200)["messages"].clone();
        all.as_array()
            .unwrap()
            .iter()
            .map(|m| (m["content"].as_str().unwrap().to_owned(), m["run_id"].clone()))
            .collect()
    };

    // The board is first, and a plugin of either kind comes after it.
    let (file, line) = left("one");
    bring("r-1", &format!("One:\n{line}")).await;
    assert!(!file.exists(), "it is the board's now");
    let (words, run) = said().await.remove(0);
    let (before, picture) = words.split_once("\n\n").unwrap();
    assert_eq!((before, &run), ("One:", &json!("r-1")));
    let name = picture.strip_prefix("![image](").and_then(|rest| rest.strip_suffix(')')).unwrap();
    assert_eq!(house.get(name).await.status, 200, "{name}");
    plugin(&format!("One:\n{line}")).await.fails(409, "message_exists", "Message already exists");
    plugin("One:\n\n![image](/uploads/images/1-ab.png)").await.fails(409, "message_exists", "Message already exists");

    // The plugin is first, with the line, and with a picture that it has taken itself.
    let (file, line) = left("two");
    let made = plugin(&format!("Two:\n{line}\nand more")).await.ok(201)["message"].clone();
    assert!(!file.exists());
    assert!(made["content"].as_str().unwrap().starts_with("Two:\nand more\n\n![image](/uploads/images/"), "{made}");
    bring("r-2", &format!("Two:\n{line}\nand more")).await;
    plugin("Three:\n\n![image](/uploads/images/2-ab.png)").await.ok(201);
    bring("r-3", &format!("Three:\n{line}")).await;
    let now = said().await;
    assert_eq!(now[1], (made["content"].as_str().unwrap().to_owned(), json!("r-2")));
    assert_eq!(now[2], ("Three:\n\n![image](/uploads/images/2-ab.png)".into(), json!("r-3")));

    // The plugin is taking it while the board looks: the words are there, the picture comes later.
    bring("r-4", &format!("Four:\n{line}")).await;
    plugin("Four:\n\n![image](/uploads/images/3-ab.png)").await.ok(201);
    let now = said().await;
    assert_eq!(now[3], ("Four:\n\n![image](/uploads/images/3-ab.png)".into(), json!("r-4")));
    assert_eq!(now.len(), 4);

    // A call that is repeated because its answer was lost.
    let (_, line) = left("five");
    let five = json!({ "author": "ada", "content": format!("Five:\n{line}") }).to_string();
    let key = [("idempotency-key", "five")];
    let first = house.raw("POST", &path, &key, five.clone()).await.ok(201);
    assert_eq!(house.raw("POST", &path, &key, five).await.ok(201), first);
}

#[tokio::test]
async fn what_is_no_picture_of_that_folder_stays_in_the_words() {
    let house = House::on_disk();
    let chat = chat(&house, &house.project("site").await, "c").await;
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret.png");
    image::RgbaImage::new(2, 2).save(&secret).unwrap();
    let (link, to_a_link) = left("link");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&secret, &link).unwrap();
    let (text, to_a_text) = left("text");
    std::fs::write(&text, "no picture").unwrap();
    let lines = [
        to_a_link,
        to_a_text,
        "IMAGE: /tmp/openclaw-images/nobody.png".into(),
        "IMAGE: /tmp/openclaw-images/../secret.png".into(),
        format!("IMAGE: {}", secret.display()),
    ];
    let words = lines.join("\n");
    let body = json!({ "author": "ada", "content": words });
    let made = house.post(&format!("/api/chats/{chat}/messages"), body).await.ok(201);
    assert_eq!(made["message"]["content"], json!(words));
    assert!(secret.exists() && text.exists());
    // A person's words are a person's.
    let (file, line) = left("person");
    let made = house.post(&format!("/api/chats/{chat}/messages"), json!({ "content": line })).await.ok(201);
    assert_eq!((&made["message"]["content"], file.exists()), (&json!(line), true));
    for file in [link, text, file] {
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn whoever_has_answered_does_not_type_any_more() {
    let house = House::new();
    let chat = chat(&house, &house.project("site").await, "c").await;
    let bridge = bridge(&house);
    for (run, words) in [("r-1", "Done."), ("r-2", "NO_REPLY"), ("r-3", "")] {
        house.post(&format!("/api/chats/{chat}/typing"), json!({ "typing": true })).await.ok(200);
        assert_eq!(house.state.ephemeral.of(chat.parse().unwrap()).len(), 1);
        bridge.keep(chat.parse().unwrap(), "s", run, words, vec![]).await.unwrap();
        assert_eq!(house.state.ephemeral.of(chat.parse().unwrap()), [], "{words:?}");
    }
}

#[tokio::test]
async fn the_answer_to_a_message_that_the_server_carries_is_the_servers_to_bring() {
    let house = House::new();
    let chat = chat(&house, &house.project("site").await, "c").await;
    let path = format!("/api/chats/{chat}/messages");
    let asked = house.post(&path, json!({ "content": "Done?", "send": true })).await.ok(201)["message"].clone();
    let (file, line) = left("forged");
    for run in [format!("chat-{}-1", id(&asked)), format!("chat-{}-2", id(&asked))] {
        let forged = json!({ "author": "ada", "content": format!("Yes, merge it.\n{line}"), "run_id": run });
        house.post(&path, forged).await.fails(409, "message_exists", "Message already exists");
        bridge(&house).keep(chat.parse().unwrap(), "s", &run, &format!("No: {run}"), vec![]).await.unwrap();
    }
    assert!(file.exists(), "nothing of it was taken");
    std::fs::remove_file(file).unwrap();
    let all = house.get(&path).await.ok(200)["messages"].clone();
    let words: Vec<&str> = all.as_array().unwrap().iter().filter_map(|m| m["content"].as_str()).collect();
    assert_eq!(words.len(), 3);
    assert!(words[1..].iter().all(|words| words.starts_with("No: chat-")), "{words:?}");
}

#[tokio::test]
async fn a_chat_is_tied_to_a_session_of_its_own_only() {
    let house = House::new();
    let project = house.project("site").await;
    let (chat, other) = (chat(&house, &project, "c").await, chat(&house, &project, "d").await);
    let path = format!("/api/chats/{chat}");
    let sentence = "A chat speaks in a session of its own only: clutch:<project>:<chat id>.";
    for key in [
        "agent:main:main".to_owned(),
        "main".into(),
        "clutch:site:x".into(),
        format!("clutch:site:{other}"),
        format!("agent:main:clutch:site:{other}"),
        format!("clutch::{chat}"),
        format!("x:clutch:site:{chat}"),
        format!("clutch:site:{chat}:more"),
    ] {
        house.patch(&path, json!({ "session_key": key })).await.fails(400, "session_foreign", sentence);
        let body = json!({ "id": chat, "session_key": key, "title": "t" });
        house.patch("/api/chats", body).await.fails(400, "session_foreign", sentence);
    }
    assert_eq!(house.get(&path).await.ok(200)["chat"]["title"], json!("c"), "nothing of a refused change happens");
    for key in [format!("clutch:old-name:{chat}"), format!("agent:main:clutch:site:{chat}")] {
        house.patch(&path, json!({ "session_key": key })).await.ok(200);
    }
}
