//! Calls that are repeated under their key.

use clutch_domain::{
    actor::Actor,
    command::{Command, NewComment},
    id::TaskId,
    project::Project,
    talk::{AuthorType, Comment, CommentType},
    task::{Status, Task},
    text::{Body, Handle},
};
use clutch_orchestrator::{
    office::{Error, Office},
    store::IdempotencyKey,
};
use clutch_store::MemoryStore;
use futures_util::future::join_all;

use crate::house::{Counting, House, Ticking, me, new_project, new_task};

fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey(name.into())
}

fn comment(task: TaskId, words: &str) -> Command {
    Command::AddComment(NewComment {
        task,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: Body::parse(words).unwrap().unwrap(),
        kind: CommentType::Message,
    })
}

#[tokio::test]
async fn a_repeated_call_is_answered_with_what_the_first_one_made() {
    let house = House::new().await;
    let create = Command::CreateTask(new_task(house.project, "Once", Status::Backlog));
    let first = house.office.run_as(&me(), &create, &key("k")).await.unwrap();
    let again = house.office.run_as(&me(), &create, &key("k")).await.unwrap();
    let (first, again) = (first.made::<Task>().unwrap(), again.made::<Task>().unwrap());
    assert_eq!((first.id, first.number), (again.id, again.number));
    assert_eq!(house.tasks().await.len(), 1);

    // A name that the first call took does not refuse the second.
    let project = Command::CreateProject(new_project("Fish"));
    let first = house.office.run_as(&me(), &project, &key("p")).await.unwrap();
    let again = house.office.run_as(&me(), &project, &key("p")).await.unwrap();
    assert_eq!(first.made::<Project>().unwrap(), again.made::<Project>().unwrap());
    house.check().await;
}

#[tokio::test]
async fn another_call_under_a_key_is_told_apart_and_a_key_belongs_to_its_caller() {
    let house = House::new().await;
    let task = house.task("One", Status::Backlog).await;
    house.office.run_as(&me(), &comment(task, "one"), &key("k")).await.unwrap();
    let other = house.office.run_as(&me(), &comment(task, "two"), &key("k")).await;
    assert_eq!(other.err(), Some(Error::KeyReused));
    for actor in [Actor::agent("main"), Actor::agent("other"), Actor::program(Some("x"))] {
        house.office.run_as(&actor, &comment(task, "two"), &key("k")).await.unwrap();
    }
    // Names that programs claim are no callers of their own.
    let claimed = house.office.run_as(&Actor::program(Some("y")), &comment(task, "three"), &key("k")).await;
    assert_eq!(claimed.err(), Some(Error::KeyReused));
    assert_eq!(house.all::<Comment>().len(), 4);
}

#[tokio::test]
async fn the_same_call_at_once_is_done_once() {
    let house = House::new().await;
    for sole in [true, false] {
        let store = std::sync::Arc::new(MemoryStore::new().with_sole_writer(sole));
        let office = Office::new(
            store.clone(),
            std::sync::Arc::new(Ticking::default()),
            std::sync::Arc::new(Counting::starting_at(40_000)),
        );
        let create = Command::CreateProject(new_project("Birds"));
        let me = me();
        let key = key("once");
        let all = join_all((0..8).map(|_| office.run_as(&me, &create, &key))).await;
        let made: std::collections::BTreeSet<String> =
            all.into_iter().map(|done| done.unwrap().made::<Project>().unwrap().id.to_string()).collect();
        assert_eq!(made.len(), 1);
    }
    drop(house);
}

/// A nightly script uses one key for ever. What it made last night is there; tonight it does it again.
#[tokio::test]
async fn a_key_that_was_forgotten_may_be_used_again() {
    let house = House::new().await;
    let task = house.task("One", Status::Backlog).await;
    house.office.run_as(&me(), &comment(task, "nightly"), &key("nightly-report")).await.unwrap();
    // The ledger forgets the oldest keys.
    for _ in 0..=clutch_store::memory::LEDGER_KEPT {
        let mut touch = clutch_domain::change::Change::default();
        touch.touch(clutch_domain::doc::Scope::Loop);
        house.store.commit(touch, house.key()).await.unwrap();
    }
    house.office.run_as(&me(), &comment(task, "nightly"), &key("nightly-report")).await.unwrap();
    assert_eq!(house.all::<Comment>().len(), 2);
    house.check().await;
}
