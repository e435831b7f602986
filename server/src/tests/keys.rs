//! Calls that are repeated under their `idempotency-key`.

use serde_json::{Value, json};

use super::House;

#[tokio::test]
async fn every_route_that_makes_something_does_it_once_for_its_key() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let (one, two) = (house.task(&project, "One", "backlog").await, house.task(&project, "Two", "backlog").await);
    let chat = house.get(&format!("/api/chats?projectId={project}")).await.ok(200)["chats"][0]["id"].clone();
    let signal = json!({
        "taskId": one, "sessionKey": "s", "agentId": "main", "kind": "fyi", "message": "words",
    });
    let table = [
        ("/api/projects".to_owned(), json!({ "name": "Other", "slug": "other" }), "name"),
        ("/api/tasks".into(), json!({ "project_id": project, "title": "Three" }), "title"),
        (format!("/api/tasks/{one}/comments"), json!({ "content": "words" }), "content"),
        (format!("/api/tasks/{one}/dependencies"), json!({ "depends_on_id": two }), "more"),
        ("/api/chats".into(), json!({ "project_id": project }), "title"),
        (format!("/api/chats/{}/messages", chat.as_str().unwrap()), json!({ "content": "words" }), "content"),
        ("/api/signal".into(), signal, "message"),
        (format!("/api/tasks/{two}/complete"), json!({ "summary": "words" }), "summary"),
    ];
    for (path, body, field) in table {
        let call = async |body: &Value| house.raw("POST", &path, &[("idempotency-key", "k")], body.to_string()).await;
        let first = call(&body).await;
        assert!([200, 201].contains(&first.status.as_u16()), "{path}: {}", first.json());
        let again = call(&body).await;
        assert_eq!((first.status, first.json()), (again.status, again.json()), "{path}");
        let mut other = body.clone();
        other[field] = json!("another");
        call(&other).await.fails_with(422, "idempotency_key_reused");
    }
    let list = house.get(&format!("/api/tasks?projectId={project}")).await.ok(200);
    assert_eq!(list["tasks"].as_array().unwrap().len(), 3);
}
