//! A project with few open tasks and a long past: what the board and the loop read must not grow with it.

#![allow(dead_code, clippy::unwrap_used)]

use clutch_domain::{
    doc::{Body, Kind},
    id::ProjectId,
    plan::world::{Shape, World},
    project::Counts,
    query::{DONE_SHOWN, Query},
    range::{Docs, Fetch, Versioned},
};
use clutch_orchestrator::store::Store;
use serde_json::json;

use super::contract::{
    docs::{id, run, task},
    must, puts,
};

/// Tasks of the long past.
pub const PAST: u64 = 20_000;
/// Tasks of the short past: already more than a board shows.
pub const SHORT: u64 = DONE_SHOWN as u64 + 10;
/// Documents of one commit while a past is made.
pub const BATCH: u64 = 500;
/// Tasks per open column.
const OPEN: u64 = 12;

/// The project.
pub fn project() -> ProjectId {
    ProjectId(id(1))
}

/// The project, its open tasks and an open run.
pub async fn present(store: &dyn Store) {
    let body: Body = serde_json::from_value(json!({ "project": {
        "id": id(1), "slug": "birds", "name": "Birds", "color": "#3b82f6", "work_loop_enabled": true,
        "created_at": 1, "updated_at": 1,
    }}))
    .unwrap();
    let mut bodies = vec![body, Body::Counts(Counts::none(project()))];
    for (column, status) in ["backlog", "ready", "in_progress", "in_review", "blocked"].into_iter().enumerate() {
        bodies.extend((0..OPEN).map(|n| task(100_000 + column as u64 * 100 + n, 1, status, n as f64, 1)));
    }
    bodies.push(run(1, 100_201, "agent:main:birds:dev:x:r1", "started", 1));
    must(store, puts(bodies)).await;
}

/// A finished task.
pub fn done(n: u64) -> Body {
    task(n, 1, "done", n as f64, i64::try_from(n).unwrap())
}

/// The finished tasks from `from` on, up to `to`.
pub async fn past(store: &dyn Store, from: u64, to: u64) {
    for start in (from..to).step_by(usize::try_from(BATCH).unwrap()) {
        must(store, puts((start..to.min(start + BATCH)).map(done))).await;
    }
}

/// The board, as its live query reads it.
pub async fn board(store: &dyn Store) -> Versioned<Docs> {
    let asked = Query::board(project()).fetch();
    let answer = store.read(&asked).await.unwrap();
    let shown = asked
        .ranges
        .iter()
        .flat_map(|range| answer.value.get(range).unwrap())
        .filter(|doc| doc.body.kind() == Kind::Task);
    assert_eq!(shown.count() as u64, 5 * OPEN + u64::from(DONE_SHOWN));
    answer
}

/// The world, as the loop reads it once it knows its shape.
pub async fn world(store: &dyn Store) -> Versioned<Docs> {
    let mut fetch: Fetch = Shape::default().fetch();
    loop {
        let answer = store.read(&fetch).await.unwrap();
        let next = Shape::of(&answer.value).fetch();
        if next == fetch {
            let world = World::of(&answer.value, [(clutch_domain::runtime::usual(), None)].into());
            assert_eq!((world.projects[0].ready.len() as u64, world.runs.len()), (OPEN, 1));
            return answer;
        }
        fetch = next;
    }
}
