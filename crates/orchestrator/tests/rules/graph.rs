//! Large graphs of dependencies.

use clutch_domain::{
    command::{Command, Direction},
    id::TaskId,
    refusal::Refusal,
    task::{EDGES_MAX, Status},
};

use crate::house::{House, new_task, waiting_for};

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

/// What hangs on one task is read and told at once, so there is a measure, in both directions and however it is
/// asked for; the sentence names it.
#[tokio::test]
async fn a_task_has_so_many_neighbours_and_no_more() {
    let house = House::new().await;
    let most = EDGES_MAX as usize;
    let mut others = Vec::new();
    for _ in 0..=most {
        others.push(house.task("other", Status::Backlog).await);
    }
    let (last, most_of_them) = others.split_last().unwrap();
    for direction in [Direction::DependsOn, Direction::Blocks] {
        let all = |ids: &[TaskId]| ids.iter().map(|id| (*id, direction)).collect::<Vec<_>>();
        let new = |ids: &[TaskId]| waiting_for(new_task(house.project, "full", Status::Backlog), &all(ids));
        house.refuses(Command::CreateTask(new(&others)), Refusal::TooManyDependencies).await;
        let full = house.make(new(most_of_them)).await;
        let one_more = match direction {
            Direction::DependsOn => Command::AddDependency(full, *last),
            Direction::Blocks => Command::AddDependency(*last, full),
        };
        house.refuses(one_more, Refusal::TooManyDependencies).await;
        house.run(Command::DeleteTask(full)).await.unwrap();
    }
    assert!(Refusal::TooManyDependencies.to_string().contains("2,000"), "the sentence says {most}");
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
