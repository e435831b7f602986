//! Small documents. A number names each, so that a failure can be read.

use clutch_domain::{
    activity::Activity,
    actor::Who,
    doc::{Body, Counter, Dependency, DocKey, Scope, Unique},
    id::{DependencyId, ProjectId},
    time::Millis,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The id with this number.
pub fn id(n: u64) -> Uuid {
    Uuid::from_u128(u128::from(n))
}

/// The scope of the project with this number.
pub fn project(n: u64) -> Scope {
    Scope::Project(ProjectId(id(n)))
}

/// A counter that stands at `last`.
pub fn counter(name: &str, last: u64) -> Body {
    Body::Counter(Counter { name: name.into(), last })
}

/// A unique name that leads to `target`.
pub fn unique(name: &str, target: DocKey) -> Body {
    Body::Unique(Unique { key: name.into(), target })
}

/// An edge, linked to `depends_on`.
pub fn dependency(n: u64, task: u64, depends_on: u64, at: i64) -> Body {
    Body::Dependency(Dependency {
        id: DependencyId(id(n)),
        project: ProjectId(id(0)),
        task: clutch_domain::id::TaskId(id(task)),
        depends_on: clutch_domain::id::TaskId(id(depends_on)),
        created_at: Millis(at),
    })
}

/// A line of the log.
pub fn line(n: u64, project: Option<u64>, at: i64) -> Activity {
    Activity {
        id: clutch_domain::id::ActivityId(id(n)),
        project: project.map(|p| ProjectId(id(p))),
        task: None,
        what: "tested".into(),
        actor: Who::work_loop(),
        data: Default::default(),
        at: Millis(at),
    }
}

/// Documents with many fields are made from JSON, as they are stored: a field that joins them is no matter here.
fn from_json(value: Value) -> Body {
    serde_json::from_value(value).unwrap()
}

/// A task of a project.
pub fn task(n: u64, project: u64, status: &str, position: f64, at: i64) -> Body {
    titled(n, project, status, position, at, &format!("Task {n}"), None)
}

/// A task with its words.
pub fn titled(n: u64, project: u64, status: &str, position: f64, at: i64, title: &str, words: Option<&str>) -> Body {
    from_json(json!({ "task": {
        "id": id(n), "project": id(project), "number": n, "title": title, "description": words,
        "status": status, "priority": "medium", "position": position,
        "created_at": at, "updated_at": at, "status_changed_at": at,
    }}))
}

/// A comment on a task.
pub fn comment(n: u64, task: u64, at: i64) -> Body {
    from_json(json!({ "comment": {
        "id": id(n), "task": id(task), "project": id(0), "author": "dan", "author_type": "human",
        "content": format!("Comment {n}"), "kind": "message", "created_at": at,
    }}))
}

/// A run.
pub fn run(n: u64, project: u64, session: &str, state: &str, at: i64) -> Body {
    from_json(json!({ "run": {
        "id": id(n), "task": id(7), "project": id(project), "role": "dev", "attempt": 1,
        "action_id": format!("action-{n}"), "key": format!("key-{n}"), "session_key": session,
        "prompt_version": "abc", "state": state, "claimed_at": at,
    }}))
}

/// A chat of a project, somebody has spoken in it.
pub fn chat(n: u64, project: u64, title: &str) -> Body {
    from_json(json!({ "chat": {
        "id": id(n), "project": id(project), "title": title, "created_at": 1, "updated_at": 1,
        "last": { "content": "Hi", "author": "dan", "created_at": 1 },
    }}))
}
