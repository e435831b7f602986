//! Chats in pages, and what of an agent's words is for people.

use serde_json::json;

use super::{
    House,
    chats::{bridge, chat},
    keys,
};

/// The hundred-and-first chat could not be reached by anybody.
#[tokio::test]
async fn chats_come_in_pages() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let mut made = vec![];
    for n in 0..104 {
        made.push(chat(&house, &project, &n.to_string()).await);
    }
    let page = async |query: String| -> (Vec<String>, bool, String) {
        let page = house.get(&format!("/api/chats?projectId={project}{query}")).await.ok(200);
        assert_eq!(keys(&page), ["chats", "cursor", "hasMore"]);
        let titles = page["chats"].as_array().unwrap().iter().map(|c| c["title"].as_str().unwrap().to_owned());
        let cursor = page["cursor"].as_str().unwrap_or_default().to_owned();
        (titles.collect(), page["hasMore"].as_bool().unwrap(), cursor)
    };
    let (first, more, cursor) = page(String::new()).await;
    assert_eq!((first.len(), first[0].as_str(), more), (100, "103", true));
    // Whoever is spoken in meanwhile goes to the front, and the next page begins where the first ended.
    let oldest = made.remove(4);
    house.post(&format!("/api/chats/{oldest}/messages"), json!({ "content": "up" })).await.ok(201);
    let (rest, more, cursor) = page(format!("&before={cursor}")).await;
    assert_eq!((rest, more), (["3", "2", "1", "0", "General"].map(String::from).to_vec(), false));
    assert_eq!(page(format!("&before={cursor}")).await, (vec![], false, String::new()));
    assert_eq!(page("&limit=2".into()).await.0, ["4", "103"]);
    assert_eq!(page("&limit=500".into()).await.0.len(), 100);
    for before in ["x", "1:x", "x:00000000-0000-0000-0000-000000000000", "1"] {
        let reply = house.get(&format!("/api/chats?projectId={project}&before={before}")).await;
        reply.fails(400, "invalid_field", "before must be the cursor of an earlier answer");
    }
    house.get(&format!("/api/chats?projectId={project}&limit=x")).await.fails(
        400,
        "invalid_field",
        "limit must be a whole number",
    );
}

/// What an agent says to its gateway was a message to people.
#[tokio::test]
async fn words_for_the_gateway_are_kept_from_people() {
    let house = House::on_disk();
    let path = format!("/api/chats/{}/messages", chat(&house, &house.project("site").await, "c").await);
    for words in ["NO_REPLY", " HEARTBEAT_OK\n", "**NO_REPLY**"] {
        let silent = house.post(&path, json!({ "author": "ada", "content": words })).await.ok(200);
        assert_eq!(silent, json!({ "message": null }), "{words:?}");
    }
    let said = house.post(&path, json!({ "author": "ada", "content": "Done.\n\nNO_REPLY" })).await.ok(201);
    assert_eq!(said["message"]["content"], "Done.");
    // A person may say so.
    house.post(&path, json!({ "content": "NO_REPLY" })).await.ok(201);
    let all = house.get(&path).await.ok(200)["messages"].clone();
    let words: Vec<&str> = all.as_array().unwrap().iter().filter_map(|m| m["content"].as_str()).collect();
    assert_eq!(words, ["Done.", "NO_REPLY"]);
    let chat = path.split('/').nth(3).unwrap().parse().unwrap();
    for (run, words) in [("r-1", "HEARTBEAT_OK"), ("r-2", "All is well.\n\n**NO_REPLY**")] {
        bridge(&house).keep(chat, "s", run, words, vec![]).await.unwrap();
    }
    let all = house.get(&path).await.ok(200)["messages"].clone();
    assert_eq!((all.as_array().unwrap().len(), &all[2]["content"]), (3, &json!("All is well.")));
}
