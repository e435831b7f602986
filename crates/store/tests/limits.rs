//! What is cut off in a read never changes what follows from it.

#![allow(clippy::unwrap_used)]

mod before_data;

use std::{collections::BTreeMap, sync::Arc};

use clutch_domain::{
    actor::Actor,
    change::Change,
    command::{ClaimRun, Command, EndRun, Ended, HoldLease, Retry},
    doc::{Body, Scope},
    id::TaskId,
    plan::{self, Action, Policy},
    range::Range,
    run::{Run, RunState},
    task::{Role, Status, Task},
    text::Excerpt,
    time::Millis,
};
use clutch_orchestrator::{
    office::Office,
    store::{IdempotencyKey, Store},
};
use clutch_store::MemoryStore;
use serde_json::json;
use uuid::Uuid;

const NOW: Millis = Millis(2_000_000_000_000);

fn id(n: u64) -> Uuid {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(n))
}

/// The project of all these documents.
fn project() -> Body {
    serde_json::from_value(json!({ "project": {
        "id": id(1), "slug": "site", "name": "Site", "color": "#000000", "local_path": "/srv/site",
        "work_loop_enabled": true, "created_at": 1, "updated_at": 1,
    }}))
    .unwrap()
}

fn counts(ready: u64) -> Body {
    serde_json::from_value(json!({ "counts": { "project": id(1), "by_status": { "ready": ready } } })).unwrap()
}

fn ready(n: u64, more: serde_json::Value) -> Body {
    let mut task = json!({
        "id": id(n), "project": id(1), "number": n, "title": format!("Task {n}"), "status": "ready",
        "priority": "medium", "position": n as f64, "created_at": 1, "updated_at": 1, "status_changed_at": 1,
    });
    task.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    serde_json::from_value(json!({ "task": task })).unwrap()
}

fn run(n: u64, state: &str) -> Body {
    let waits = (state == "waiting").then(|| id(90_000 + n));
    serde_json::from_value(json!({ "run": {
        "id": id(50_000 + n), "task": id(n), "project": id(1), "role": "dev", "attempt": 1, "action_id": format!("a{n}"),
        "key": format!("k{n}"), "session_key": format!("s{n}"), "prompt_version": "p", "state": state,
        "waits_for": waits, "claimed_at": n,
    }}))
    .unwrap()
}

async fn house(bodies: impl IntoIterator<Item = Body>) -> Office {
    let store = MemoryStore::new();
    let mut change = Change::default();
    change.touch(Scope::Installation);
    for body in bodies {
        change.put(0, body);
    }
    store.commit(change, IdempotencyKey("made".into())).await.unwrap();
    before_data::office(Arc::new(store))
}

async fn plan(office: &Office, policy: &Policy) -> Vec<TaskId> {
    let plan = plan::decide(&before_data::world(office).await, NOW, policy);
    plan.actions.iter().filter_map(|a| if let Action::Claim(start) = a { Some(start.task) } else { None }).collect()
}

fn wide() -> Policy {
    Policy { max_agents: 50, max_agents_per_project: 50, max_dev_agents: 50, ..Policy::default() }
}

#[tokio::test]
async fn an_urgent_task_behind_hundreds_that_wait_starts() {
    let waits = (10..310).map(|n| ready(n, json!({ "open_dependencies": 1, "dependencies": 1 })));
    let urgent = [ready(400, json!({ "priority": "urgent" })), ready(401, json!({ "priority": "low" }))];
    let office = house([project(), counts(302)].into_iter().chain(waits).chain(urgent)).await;
    assert_eq!(plan(&office, &wide()).await, [TaskId(id(400)), TaskId(id(401))]);
    let world = before_data::world(&office).await;
    let notes = &plan::decide(&world, NOW, &wide()).notes[&world.projects[0].project.id].tasks;
    assert_eq!(notes.len(), 200, "so many of those that wait get a note");
}

#[tokio::test]
async fn hundreds_of_one_role_or_priority_hide_no_other() {
    let devs = (10..310).map(|n| ready(n, json!({})));
    let behind = [
        ready(400, json!({ "role": "research" })),
        ready(401, json!({ "priority": "urgent" })),
        ready(402, json!({ "retry_at": 5, "failures": 1, "role": "pm" })),
    ];
    let office = house([project(), counts(303)].into_iter().chain(devs).chain(behind)).await;
    let mut started = plan(&office, &Policy { max_dev_agents: 2, ..wide() }).await;
    started.sort_unstable();
    let expected = [10, 400, 401, 402].map(|n| TaskId(id(n)));
    assert_eq!(started, expected, "two devs, the urgent one first; the others have no limit of their own");
}

#[tokio::test]
async fn places_are_counted_however_many_runs_wait() {
    let waiting = (10..310).flat_map(|n| {
        let task = ready(n, json!({ "status": "in_progress", "open_run": id(50_000 + n) }));
        [task, run(n, "waiting")]
    });
    let working = (400..403).flat_map(|n| {
        let task = ready(n, json!({ "status": "in_progress", "open_run": id(50_000 + n) }));
        [task, run(n, "started")]
    });
    let next = (500..510).map(|n| ready(n, json!({})));
    let office = house([project(), counts(10)].into_iter().chain(waiting).chain(working).chain(next)).await;
    let policy = Policy { max_agents: 4, ..wide() };
    assert_eq!(plan(&office, &policy).await.len(), 1, "three of four places are taken");
    let world = before_data::world(&office).await;
    let attended = plan::decide(&world, NOW, &policy).actions.into_iter().filter(|a| matches!(a, Action::Attend(_)));
    assert_eq!(attended.count(), 3);
}

#[tokio::test]
async fn a_question_behind_hundreds_of_notes_keeps_its_run_open() {
    let fyi = (10..310).map(|n| {
        serde_json::from_value(json!({ "signal": {
            "id": id(n), "task": id(5), "project": id(1), "session_key": "agent:main:other", "agent_id": "a",
            "kind": "fyi", "severity": "normal", "message": "note", "created_at": n,
        }}))
        .unwrap()
    });
    let office = house([project(), counts(1), ready(5, json!({}))].into_iter().chain(fyi)).await;
    let by_loop = async |command: Command| office.run(&Actor::work_loop(), &command).await.unwrap();
    by_loop(Command::HoldLease(HoldLease { holder: "a".into(), take_over_beat: None, sole_writer: true })).await;
    let claim = ClaimRun {
        task: TaskId(id(5)),
        phase: clutch_domain::phase::Phase::Work,
        role: Role::Dev,
        attempt: 1,
        runtime: clutch_domain::runtime::usual(),
        session: "session".into(),
        model: None,
        most: None,
        prompt_version: "p".into(),
        holder: "a".into(),
    };
    by_loop(Command::ClaimRun(claim)).await;
    let runs = async || office.all::<Run>(Range::children(clutch_domain::doc::Kind::Run, id(5), 9)).await.unwrap();
    let open = runs().await.remove(0);
    by_loop(Command::RunStarted(open.id.into())).await;
    let mut change = Change::default();
    let asks: Body = serde_json::from_value(json!({ "signal": {
        "id": id(1_000), "task": id(5), "project": id(1), "run": open.id, "session_key": open.session_key,
        "agent_id": "a", "kind": "question", "severity": "high", "message": "Which?", "created_at": 5_000,
    }}))
    .unwrap();
    change.put(0, asks);
    office.store().commit(change, IdempotencyKey("asks".into())).await.unwrap();
    by_loop(Command::RunEnded(EndRun {
        run: open.id,
        as_id: None,
        how: Ended::Finished,
        last_words: Excerpt::from("I asked."),
        used: None,
        retry: Retry { wait_ms: 1, cap: 3 },
    }))
    .await;
    let after = runs().await.remove(0);
    assert_eq!((after.state, after.waits_for.map(|s| s.0)), (RunState::Waiting, Some(id(1_000))));
    let task = office.get::<Task>(id(5)).await.unwrap().unwrap();
    assert_eq!(task.status, Status::InProgress);
    let shown: BTreeMap<_, _> = {
        let query =
            clutch_domain::query::Query::Task { project: clutch_domain::id::ProjectId(id(1)), task: TaskId(id(5)) };
        let docs = office.read(&query.fetch()).await.unwrap().value;
        let clutch_domain::query::Snapshot::Task(view) = clutch_domain::query::answer(&query, &docs) else { panic!() };
        view.signals.iter().map(|s| (s.id.0, s.created_at)).collect()
    };
    assert!(shown.contains_key(&id(1_000)) && shown.contains_key(&id(309)), "the newest, and what asks");
}
