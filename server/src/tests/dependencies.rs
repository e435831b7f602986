//! `/api/tasks/:id/dependencies` (facts §2.7).

use clutch_domain::actor::Who;
use serde_json::{Value, json};

use super::{House, NOBODY, id, known};

struct Trio {
    house: House,
    a: String,
    b: String,
    c: String,
}

async fn trio() -> Trio {
    let house = House::on_disk();
    let project = house.project("site").await;
    let a = house.task(&project, "a", "ready").await;
    let b = house.task(&project, "b", "done").await;
    let c = house.task(&project, "c", "ready").await;
    Trio { house, a, b, c }
}

impl Trio {
    async fn wait(&self, task: &str, on: &str) -> super::Reply {
        self.house.post(&format!("/api/tasks/{task}/dependencies"), json!({ "depends_on_id": on })).await
    }

    async fn of(&self, task: &str) -> Value {
        self.house.get(&format!("/api/tasks/{task}/dependencies")).await.ok(200)
    }
}

#[tokio::test]
async fn both_generations_of_callers_find_their_keys() {
    let t = trio().await;
    let (a, b, c) = (&t.a, &t.b, &t.c);
    let none =
        json!({ "task_id": a, "dependencies": [], "blocked_by": [], "incomplete": [], "depends_on": [], "blocks": [] });
    assert_eq!(t.of(a).await, none);
    let edge = t.wait(a, b).await.ok(201);
    let inner = json!({ "id": "known", "task_id": a, "depends_on_id": b, "created_at": "known" });
    assert_eq!(known(edge["dependency"].clone(), &["id", "created_at"]), inner);
    let mut bare = edge.clone();
    bare.as_object_mut().unwrap().remove("dependency");
    assert_eq!(bare, edge["dependency"], "the bare object of older servers");
    let second = t.wait(a, "T-3").await.ok(201);
    let below = json!([
        { "id": b, "title": "b", "status": "done", "dependency_id": id(&edge) },
        { "id": c, "title": "c", "status": "ready", "dependency_id": id(&second) },
    ]);
    let incomplete = json!([{ "id": c, "title": "c", "status": "ready" }]);
    assert_eq!(
        t.of(a).await,
        json!({ "task_id": a, "dependencies": below, "blocked_by": [], "incomplete": incomplete, "depends_on": below, "blocks": [] })
    );
    let above = json!([{ "id": a, "title": "a", "status": "ready" }]);
    assert_eq!(
        t.of("T-3").await,
        json!({ "task_id": c, "dependencies": [], "blocked_by": above, "incomplete": [], "depends_on": [], "blocks": above })
    );
    assert_eq!(t.house.log(a).await[0].actor, Who::program(None));
}

#[tokio::test]
async fn what_cannot_wait() {
    let t = trio().await;
    let (a, b, c) = (&t.a, &t.b, &t.c);
    t.wait(a, b).await.ok(201);
    t.wait(b, c).await.ok(201);
    let far = t.house.task(&t.house.project("far").await, "far", "ready").await;
    let cycle = "Adding this dependency would create a cycle";
    t.wait(a, b).await.fails(409, "dependency_exists", "Dependency already exists");
    t.wait(a, a).await.fails(400, "self_dependency", "Task cannot depend on itself");
    t.wait(b, a).await.fails(400, "dependency_cycle", cycle);
    t.wait(c, a).await.fails(400, "dependency_cycle", cycle);
    t.wait(a, &far).await.fails(
        400,
        "dependency_across_projects",
        "Both tasks of a dependency must belong to the same project.",
    );
    for nobody in [NOBODY, "nobody", "T-99"] {
        t.wait(a, nobody).await.fails(404, "task_not_found", "Task not found");
        t.wait(nobody, a).await.fails(404, "task_not_found", "Task not found");
    }
    for body in [json!({}), json!({ "depends_on_id": "" }), json!({ "depends_on_id": null })] {
        t.house.post(&format!("/api/tasks/{a}/dependencies"), body).await.fails(
            400,
            "field_missing",
            "depends_on_id is required",
        );
    }
    t.wait(a, c).await.ok(201);
}

#[tokio::test]
async fn an_edge_is_removed_by_its_ends_or_by_its_id() {
    let t = trio().await;
    let (a, b, c) = (&t.a, &t.b, &t.c);
    let success = json!({ "success": true });
    t.wait(a, b).await.ok(201);
    assert_eq!(t.house.delete(&format!("/api/tasks/{a}/dependencies?depends_on_id={b}")).await.ok(200), success);
    let gone = "Dependency not found";
    t.house.delete(&format!("/api/tasks/{a}/dependencies?depends_on_id={b}")).await.fails(
        404,
        "dependency_not_found",
        gone,
    );
    t.wait(a, b).await.ok(201);
    assert_eq!(t.house.delete("/api/tasks/T-1/dependencies?depends_on_id=T-2").await.ok(200), success);
    for missing in ["", "?depends_on_id="] {
        let path = format!("/api/tasks/{a}/dependencies{missing}");
        t.house.delete(&path).await.fails(400, "field_missing", "depends_on_id is required");
    }
    for nobody in [NOBODY, "nobody"] {
        t.house.delete(&format!("/api/tasks/{a}/dependencies?depends_on_id={nobody}")).await.fails(
            404,
            "dependency_not_found",
            gone,
        );
        t.house.delete(&format!("/api/tasks/{a}/dependencies/{nobody}")).await.fails(404, "dependency_not_found", gone);
    }
    let edge = id(&t.wait(a, c).await.ok(201));
    t.house.delete(&format!("/api/tasks/{b}/dependencies/{edge}")).await.fails(404, "dependency_not_found", gone);
    assert_eq!(t.of(a).await["incomplete"].as_array().unwrap().len(), 1, "another task's edge is not touched");
    assert_eq!(t.house.delete(&format!("/api/tasks/{a}/dependencies/{edge}")).await.ok(200), success);
    let edge = id(&t.wait(a, c).await.ok(201));
    assert_eq!(
        t.house.delete(&format!("/api/tasks/{c}/dependencies/{edge}")).await.ok(200),
        success,
        "from its other end"
    );
    assert_eq!(t.of(a).await["dependencies"], json!([]));
}

#[tokio::test]
async fn nobody_starts_before_what_it_waits_for_is_done() {
    let t = trio().await;
    let path = format!("/api/tasks/{}", t.a);
    t.wait(&t.a, &t.b).await.ok(201);
    t.wait(&t.a, &t.c).await.ok(201);
    let sentence = "Cannot change status: dependencies not complete. 1 incomplete dependencies must be done first.";
    for word in ["in_progress", "in-progress", "progress"] {
        t.house.patch(&path, json!({ "status": word })).await.fails(400, "dependencies_open", sentence);
    }
    for other in ["blocked", "in_review", "backlog", "ready"] {
        t.house.patch(&path, json!({ "status": other })).await.ok(200);
    }
    t.house.patch(&format!("/api/tasks/{}", t.c), json!({ "status": "done" })).await.ok(200);
    t.house.patch(&path, json!({ "status": "in_progress" })).await.ok(200);
    // Reopening what it waits for counts again.
    t.house.patch(&path, json!({ "status": "ready" })).await.ok(200);
    t.house.patch(&format!("/api/tasks/{}", t.c), json!({ "status": "ready", "force": true })).await.ok(200);
    t.house.patch(&path, json!({ "status": "in_progress" })).await.fails(400, "dependencies_open", sentence);
}

#[tokio::test]
async fn a_new_task_brings_its_edges() {
    let t = trio().await;
    let project = t.house.look(&t.a).await["project_id"].clone();
    let body = json!({
        "project_id": project, "title": "new",
        "dependencies": [{ "task_id": t.b, "direction": "depends_on" }, { "task_id": "T-3", "direction": "blocks" }],
    });
    let new = id(&t.house.post("/api/tasks", body).await.ok(201)["task"]);
    let now = t.of(&new).await;
    assert_eq!((now["dependencies"][0]["id"].clone(), now["blocked_by"][0]["id"].clone()), (json!(t.b), json!(t.c)));
    assert_eq!(now["incomplete"], json!([]), "b is done");
    assert_eq!(t.of(&t.c).await["incomplete"][0]["id"], json!(new));
}
