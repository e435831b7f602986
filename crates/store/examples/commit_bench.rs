//! Prints how long commits and reads take on this disk, nothing more:
//! `cargo run --release -p clutch-store --example commit_bench [folder]`.
//! The folder is made and removed; without one a temporary folder of the system is used.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clutch_domain::{
    activity::Activity,
    actor::Who,
    change::Change,
    doc::{Body, Kind, Scope},
    id::{ActivityId, ProjectId},
    range::{Fetch, Order, Range},
    time::Millis,
};
use clutch_orchestrator::store::{IdempotencyKey, Store};
use clutch_store::{MemoryStore, SqliteStore};
use futures_util::{StreamExt, future::join_all};
use uuid::Uuid;

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));

fn task(n: u128, position: f64) -> Body {
    serde_json::from_value(serde_json::json!({ "task": {
        "id": Uuid::from_u128(n), "project": PROJECT, "number": n, "title": format!("Task {n}"),
        "description": "Some words about what is to be done. ".repeat(20), "status": "ready",
        "priority": "medium", "position": position, "created_at": 1, "updated_at": 1, "status_changed_at": 1,
    }}))
    .unwrap()
}

/// What a command usually writes: a document, a line of the log, a scope.
fn change(n: u128, position: f64) -> Change {
    let line = Activity {
        id: ActivityId(Uuid::new_v4()),
        project: Some(PROJECT),
        task: None,
        what: "moved".into(),
        actor: Who::work_loop(),
        data: Default::default(),
        at: Millis(1),
    };
    let mut change = Change::default();
    change.overwrite(task(n, position)).touch(Scope::Project(PROJECT));
    change.activity.push(line);
    change
}

fn key() -> IdempotencyKey {
    IdempotencyKey(Uuid::new_v4().to_string())
}

fn report(what: &str, mut times: Vec<Duration>, whole: Duration) {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    let rate = times.len() as f64 / whole.as_secs_f64();
    println!("  {what:<44} p50 {:>7.3} ms   p99 {:>7.3} ms   {rate:>7.0} /s", at(0.5), at(0.99));
}

async fn timed<T>(future: impl Future<Output = T>) -> Duration {
    let start = Instant::now();
    future.await;
    start.elapsed()
}

async fn measure(store: Arc<dyn Store>) {
    println!("{}", store.describe());
    let start = Instant::now();
    let mut times = Vec::new();
    for n in 0..1_000 {
        times.push(timed(store.commit(change(10 + n % 500, n as f64), key())).await);
    }
    report("commits, one after another", times, start.elapsed());

    for crowd in [8_u128, 64] {
        let start = Instant::now();
        let workers = (0..crowd).map(|worker| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                for n in 0..100 {
                    times.push(timed(store.commit(change(10 + (worker * 100 + n) % 500, n as f64), key())).await);
                }
                times
            })
        });
        let times = join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
        report(&format!("commits, {crowd} at once"), times, start.elapsed());
    }

    let scopes = vec![Scope::Project(PROJECT)];
    let one = Fetch { scopes: scopes.clone(), ranges: vec![Range::doc(Kind::Task, Uuid::from_u128(10))] };
    let column = |limit| Range::ByStatus {
        kind: Kind::Task,
        scope: Some(Scope::Project(PROJECT)),
        status: "ready".into(),
        order: Order::Ordered,
        limit,
    };
    for (what, fetch) in [
        ("reads of one document", one),
        ("reads of 50 tasks", Fetch { scopes: scopes.clone(), ranges: vec![column(50)] }),
        ("reads of 500 tasks", Fetch { scopes: scopes.clone(), ranges: vec![column(500)] }),
    ] {
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..300 {
            times.push(timed(store.read(&fetch)).await);
        }
        report(what, times, start.elapsed());
    }

    let mut live = store.watch(Fetch { scopes, ranges: vec![Range::doc(Kind::Task, Uuid::from_u128(10))] });
    live.next().await;
    let start = Instant::now();
    let mut times = Vec::new();
    for n in 0..50 {
        // Longer apart than the pace of a watch, as people's clicks are.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let begun = Instant::now();
        store.commit(change(10, 1_000.0 + f64::from(n)), key()).await.unwrap();
        live.next().await;
        times.push(begun.elapsed());
    }
    report("from a commit's begin to a watcher", times, start.elapsed());
}

#[tokio::main]
async fn main() {
    measure(Arc::new(MemoryStore::new())).await;
    let place = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = place.join(format!("commit-bench-{}", std::process::id()));
    let start = Instant::now();
    let store = SqliteStore::open(&dir).unwrap();
    println!("\na new database opens in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    measure(Arc::new(store)).await;
    let start = Instant::now();
    drop(SqliteStore::open(&dir).unwrap());
    println!("  opened again and closed in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    std::fs::remove_dir_all(&dir).unwrap();
}
