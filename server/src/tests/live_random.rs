//! Whatever happens to a board, the deltas that tabs get lead to the page as it is.

use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::json;

use super::{
    House,
    tab::{all_queries, listen, parts_of, tab, truth},
};

/// What may happen to a board.
#[derive(Clone, Debug)]
enum Act {
    Make(usize),
    Move(usize, usize),
    Retitle(usize),
    Comment,
    Delete(usize),
    Depend(usize),
    Signal,
    Rename,
    Switch(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..6_usize).prop_map(Act::Make),
        4 => (0..20_usize, 0..6_usize).prop_map(|(n, to)| Act::Move(n, to)),
        2 => (0..20_usize).prop_map(Act::Retitle),
        2 => Just(Act::Comment),
        1 => (0..20_usize).prop_map(Act::Delete),
        2 => (0..20_usize).prop_map(Act::Depend),
        1 => Just(Act::Signal),
        1 => Just(Act::Rename),
        1 => any::<bool>().prop_map(Act::Switch),
    ]
}

const WORDS: [&str; 6] = ["backlog", "ready", "in_progress", "in_review", "blocked", "done"];

/// Does it through REST; what is refused changes nothing, which is fine.
async fn does(house: &House, project: &str, first: &str, made: &mut Vec<String>, n: usize, act: &Act) {
    let any = |made: &[String], i: usize| if made.is_empty() { first.to_owned() } else { made[i % made.len()].clone() };
    match act {
        Act::Make(status) => made.push(house.task(project, &format!("made {n}"), WORDS[*status]).await),
        Act::Move(i, to) => {
            let body = json!({ "status": WORDS[*to], "force": true });
            house.patch(&format!("/api/tasks/{}", any(made, *i)), body).await;
        }
        Act::Retitle(i) => {
            drop(house.patch(&format!("/api/tasks/{}", any(made, *i)), json!({ "title": format!("t{n}") })).await)
        }
        Act::Comment => {
            drop(house.post(&format!("/api/tasks/{first}/comments"), json!({ "content": format!("c{n}") })).await)
        }
        Act::Delete(i) if !made.is_empty() => {
            let at = i % made.len();
            house.delete(&format!("/api/tasks/{}", made.remove(at))).await.ok(200);
        }
        Act::Delete(_) => {}
        Act::Depend(i) => {
            let body = json!({ "depends_on_id": any(made, *i) });
            house.post(&format!("/api/tasks/{first}/dependencies"), body).await;
        }
        Act::Signal => {
            let body = json!({ "taskId": first, "sessionKey": "s", "agentId": "a", "kind": "question", "message": format!("q{n}") });
            house.post("/api/signal", body).await.ok(201);
        }
        Act::Rename => drop(house.patch(&format!("/api/projects/{project}"), json!({ "name": format!("n{n}") })).await),
        Act::Switch(on) => {
            drop(house.patch(&format!("/api/projects/{project}"), json!({ "work_loop_enabled": on })).await)
        }
    }
}

async fn deltas_lead_to_the_truth(acts: Vec<Act>) -> Result<(), TestCaseError> {
    let house = House::new();
    let address = listen(&house).await;
    let (project, first, queries) = all_queries(&house).await;
    let mut follows = tab(address).await;
    for (sub, query) in (1..).zip(queries) {
        follows.open(sub, query, None).await;
    }
    for sub in 1..=3 {
        follows.take_until(sub, |_| true).await;
    }
    let mut made = Vec::new();
    for (n, act) in acts.iter().enumerate() {
        does(&house, &project, &first, &mut made, n, act).await;
    }
    for (sub, query) in (1..).zip(queries) {
        let (newest, want) = truth(&house, query).await;
        let (version, parts) = follows.take_until(sub, |(_, parts)| *parts == want).await;
        // Whoever comes now sees the same.
        let mut fresh = tab(address).await;
        fresh.open(9, query, None).await;
        let frame = fresh.next("snapshot").await;
        prop_assert_eq!(parts_of(&frame.parts), parts);
        prop_assert!(version <= frame.version && frame.version <= newest, "{} {} {}", version, frame.version, newest);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn deltas_applied_in_order_are_the_page(acts in proptest::collection::vec(act(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(deltas_lead_to_the_truth(acts))?;
    }
}
