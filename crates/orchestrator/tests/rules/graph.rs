//! Large graphs of dependencies.

use clutch_domain::{command::Command, id::TaskId, refusal::Refusal, task::Status};

use crate::house::House;

/// A chain in which each task waits for the next.
async fn chain(house: &House, long: usize) -> Vec<TaskId> {
    let mut tasks = Vec::new();
    for _ in 0..long {
        tasks.push(house.task("link", Status::Backlog).await);
    }
    for pair in tasks.windows(2) {
        house.run(Command::AddDependency(pair[0], pair[1])).await.unwrap();
    }
    tasks
}

/// However long a chain is, few looks tell whether an edge would close it: a look is a journey on a shared
/// engine, and each runs the rule from its beginning while nobody else can write.
#[tokio::test]
async fn a_long_chain_is_searched_in_few_looks() {
    let house = House::new().await;
    let tasks = chain(&house, 1_100).await;
    house.reset_reads();
    house.refuses(Command::AddDependency(tasks[1_099], tasks[0]), Refusal::DependencyCycle).await;
    let (looks, _) = house.reads();
    assert!(looks <= 14, "{looks} looks");
    let other = house.task("other", Status::Backlog).await;
    house.reset_reads();
    house.run(Command::AddDependency(other, tasks[0])).await.unwrap();
    let (looks, _) = house.reads();
    assert!(looks <= 14, "{looks} looks");
}

#[tokio::test]
async fn many_that_wait_for_one_are_told_in_one_look() {
    let house = House::new().await;
    let first = house.task("first", Status::Ready).await;
    let mut waiting = Vec::new();
    for _ in 0..150 {
        let task = house.task("waits", Status::Backlog).await;
        house.run(Command::AddDependency(task, first)).await.unwrap();
        waiting.push(task);
    }
    house.reset_reads();
    house.run(crate::house::to(first, Status::Done)).await.unwrap();
    let (looks, _) = house.reads();
    assert!(looks <= 5, "{looks} looks");
    for task in waiting {
        assert_eq!(house.get(task).await.open_dependencies, 0);
    }
    house.reset_reads();
    house.run(Command::DeleteTask(first)).await.unwrap();
    let (looks, _) = house.reads();
    assert!(looks <= 5, "{looks} looks");
    house.check().await;
}
