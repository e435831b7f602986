//! What of an agent's words is for people.

use serde_json::json;

use super::{
    House,
    chats::{bridge, chat},
};

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
