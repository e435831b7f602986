//! `GET /api/v1/tasks/{task}/why`.

use clutch_domain::command::Command;
use serde_json::json;

use super::super::{House, NOBODY, id};

#[tokio::test]
async fn why_a_ticket_is_where_it_is_is_said_in_sentences() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let first = house.task(&project, "Buy paint", "backlog").await;
    let task = house.task(&project, "Paint", "ready").await;
    let why = async |name: &str| house.get(&format!("/api/v1/tasks/{name}/why")).await;
    let nothing = why("T-2").await.ok(200);
    assert_eq!(nothing["because"][0], "Nothing keeps it: the work loop gives it to an agent when it looks next.");
    assert_eq!((id(&nothing), &nothing["name"], &nothing["status"]), (task.clone(), &json!("T-2"), &json!("ready")));
    house.post(&format!("/api/tasks/{task}/dependencies"), json!({ "depends_on_id": first })).await.ok(201);
    house
        .by_loop(Command::NoteProject(
            project.parse().unwrap(),
            [(task.parse().unwrap(), "Waits for 1 task".into())].into(),
            None,
        ))
        .await;
    let waits = why("2").await.ok(200);
    let because = json!(["Waits for 1 task.", "It waits for T-1 \u{201c}Buy paint\u{201d} (Backlog)."]);
    assert_eq!((&waits["because"], &waits["fix"]), (&because, &json!("others")));
    for name in [&task[..8], &task, "t-2"] {
        assert_eq!(why(name).await.ok(200), waits, "{name}");
    }
    house.patch(&format!("/api/tasks/{first}"), json!({ "status": "done" })).await.ok(200);
    house.by_loop(Command::NoteProject(project.parse().unwrap(), [].into(), None)).await;
    house.run_of(&task, 1).await;
    let works = why("T-2").await.ok(200)["because"][0].as_str().unwrap().to_owned();
    assert!(works.starts_with("A Dev agent has it since 2023-11-14"), "{works}");
    for name in ["T-9", "nonsense", "00000000", NOBODY] {
        why(name).await.problem(404, "task_not_found");
    }
}
