//! Tasks: the status machine, order, dependencies, fields.

use clutch_domain::{
    change::Change,
    command::{Command, Direction, EdgeRef, NewComment, Place, TaskPatch},
    id::CommentId,
    refusal::Refusal,
    rule::placing,
    talk::{AuthorType, Comment, CommentType},
    task::{Priority, Status, Status::*, TaskField, TaskFields},
    text::{Body, Branch, Handle, Notes, Title},
    time::Millis,
};
use uuid::Uuid;

use crate::house::{House, at, new_task, reopen, to, waiting_for};

#[tokio::test]
async fn any_column_may_follow_any_other_but_done_is_left_on_purpose() {
    for from in Status::ALL {
        for target in Status::ALL {
            let house = House::new().await;
            let task = house.task("One", *from).await;
            if *from == Done && *target != Done {
                house.refuses(to(task, *target), Refusal::DoneIsFinal).await;
                house.run(reopen(task, *target)).await.unwrap();
                let task = house.get(task).await;
                assert_eq!((task.completed_at, task.resolution), (None, None));
            } else {
                house.run(to(task, *target)).await.unwrap();
            }
            assert_eq!(house.get(task).await.status, *target);
            house.check().await;
        }
    }
}

#[tokio::test]
async fn nobody_starts_before_what_it_waits_for_is_done() {
    let house = House::new().await;
    let first = house.task("First", Ready).await;
    let second =
        house.make(waiting_for(new_task(house.project, "Second", Ready), &[(first, Direction::DependsOn)])).await;
    house.refuses(to(second, InProgress), Refusal::DependenciesOpen(1)).await;
    for free in [Backlog, Blocked, InReview, Ready] {
        house.run(to(second, free)).await.unwrap();
        house.check().await;
    }
    house.run(to(first, Done)).await.unwrap();
    house.check().await;
    house.run(to(second, InProgress)).await.unwrap();
    house.run(reopen(first, Ready)).await.unwrap();
    assert_eq!(house.get(second).await.open_dependencies, 1);
    house.check().await;
}

#[tokio::test]
async fn a_move_is_recorded_as_the_one_who_moved() {
    let house = House::new().await;
    let task = house.task("One", Backlog).await;
    house.run(to(task, Ready)).await.unwrap();
    let line = house.log().await.into_iter().find(|a| a.what == "status_changed").unwrap();
    assert_eq!(
        (line.actor.name.as_deref(), line.data["from_status"].as_str(), line.data["to_status"].as_str()),
        (Some("dan"), "backlog", "ready")
    );
}

#[tokio::test]
async fn every_accepted_command_writes_one_line_and_a_refused_one_none() {
    let house = House::new().await;
    let task = house.task("One", Done).await;
    let before = house.log().await.len();
    house.refuses(to(task, Ready), Refusal::DoneIsFinal).await;
    assert_eq!(house.log().await.len(), before);
    house.run(reopen(task, Ready)).await.unwrap();
    assert_eq!(house.log().await.len(), before + 1);
}

#[tokio::test]
async fn cards_lie_where_they_were_put() {
    let house = House::new().await;
    let mut ids = Vec::new();
    for title in ["a", "b", "c"] {
        ids.push(house.task(title, Ready).await);
    }
    let new = house.task("x", Backlog).await;
    let cases = [
        (Place::End, "abcx"),
        (Place::Top, "xabc"),
        (Place::Before(ids[1]), "axbc"),
        (Place::After(ids[1]), "abxc"),
        (Place::Index(0), "xabc"),
        (Place::Index(2), "abxc"),
        (Place::Index(99), "abcx"),
    ];
    for (place, want) in cases {
        for from in [Backlog, Ready] {
            house.run(to(new, from)).await.unwrap();
            house.run(at(new, Ready, place)).await.unwrap();
            let mut ready: Vec<_> = house.tasks().await.into_iter().filter(|t| t.status == Ready).collect();
            ready.sort_by(|a, b| a.position.total_cmp(&b.position));
            let order: String = ready.iter().map(|t| t.title.as_str()).collect();
            assert_eq!(order, want, "{place:?} from {from:?}");
        }
    }
    let elsewhere = house.task("y", Backlog).await;
    house.refuses(at(new, Ready, Place::Before(elsewhere)), Refusal::NeighbourNotFound).await;
}

#[tokio::test]
async fn a_column_without_room_between_cards_is_numbered_anew() {
    let house = House::new().await;
    let a = house.task("a", Ready).await;
    let mut last = house.task("b", Ready).await;
    for n in 0..60 {
        let next = house.task(&format!("{n}"), Backlog).await;
        house.run(at(next, Ready, Place::After(a))).await.unwrap();
        let (first, moved, below) =
            (house.get(a).await.position, house.get(next).await.position, house.get(last).await.position);
        assert!(first < moved && moved < below, "{first} {moved} {below}");
        last = next;
    }
    let mut positions: Vec<f64> = house.tasks().await.iter().map(|t| t.position).collect();
    positions.sort_by(f64::total_cmp);
    assert!(positions.windows(2).all(|w| w[1] - w[0] >= placing::SMALLEST_GAP / 2.0));
}

#[tokio::test]
async fn fields_change_and_can_be_cleared() {
    let house = House::new().await;
    let task = house.task("One", Backlog).await;
    let set = TaskFields {
        description: Some(Body::parse("words").unwrap()),
        assignee: Some(Some(Handle::coordinator())),
        pr_number: Some(Some(12)),
        branch: Some(Branch::parse("fix/1").unwrap()),
        post_merge_steps: Some(Notes::parse("make").unwrap()),
        priority: Some(Priority::Urgent),
        ..TaskFields::default()
    };
    house.run(Command::UpdateTask(task, set.into())).await.unwrap();
    let is = house.get(task).await;
    assert_eq!((is.pr_number, is.branch.as_deref(), is.priority), (Some(12), Some("fix/1"), Priority::Urgent));
    let clear = TaskFields {
        description: Some(None),
        assignee: Some(None),
        pr_number: Some(None),
        branch: Some(None),
        post_merge_steps: Some(None),
        ..TaskFields::default()
    };
    house.run(Command::UpdateTask(task, clear.into())).await.unwrap();
    let is = house.get(task).await;
    assert_eq!(
        (is.description, is.assignee, is.pr_number, is.branch, is.post_merge_steps),
        (None, None, None, None, None)
    );
}

#[tokio::test]
async fn a_text_that_somebody_else_changed_is_not_written_over() {
    let house = House::new().await;
    let task = house.task("One", Backlog).await;
    let text = |words: &str, was: &str| {
        let fields = TaskFields { description: Some(Body::parse(words).unwrap()), ..TaskFields::default() };
        let instead_of = Some((TaskField::Description, was.to_owned()));
        Command::UpdateTask(task, TaskPatch { instead_of, ..TaskPatch::from(fields) })
    };
    house.run(text("first\nline", "")).await.unwrap();
    // Begun on nothing, saved over something.
    house.refuses(text("second", ""), Refusal::TextChanged).await;
    assert_eq!(house.get(task).await.description.as_ref().map(Body::as_str), Some("first\nline"));
    // Browsers end lines in their own way; and two who write the same do not disagree.
    house.run(text("second", "first\r\nline\r\n")).await.unwrap();
    house.run(text("second", "first")).await.unwrap();
    assert_eq!(house.get(task).await.description.as_ref().map(Body::as_str), Some("second"));
    // Where nobody says what they had before them, the last one counts, as for programs.
    let blind = TaskFields { description: Some(Body::parse("third").unwrap()), ..TaskFields::default() };
    house.run(Command::UpdateTask(task, blind.into())).await.unwrap();
    let title = TaskFields { title: Some(Title::parse("Two").unwrap()), ..TaskFields::default() };
    let instead_of = Some((TaskField::Title, "Zero".to_owned()));
    let late = Command::UpdateTask(task, TaskPatch { instead_of, ..TaskPatch::from(title) });
    house.refuses(late, Refusal::TextChanged).await;
}

#[tokio::test]
async fn sending_a_task_back_to_ready_forgets_what_went_wrong() {
    let house = House::new().await;
    let task = house.task("One", Blocked).await;
    let mut is = house.get(task).await;
    (is.failures, is.retry_at, is.trouble) = (3, Some(Millis(9)), Some("It fell.".into()));
    let mut change = Change::default();
    change.overwrite(is);
    house.store.commit(change, house.key()).await.unwrap();
    house.run(to(task, Ready)).await.unwrap();
    let is = house.get(task).await;
    assert_eq!((is.failures, is.retry_at, is.trouble), (0, None::<Millis>, None));
}

#[tokio::test]
async fn circles_are_refused_wherever_an_edge_is_made() {
    let house = House::new().await;
    let (a, b, c) = (house.task("a", Backlog).await, house.task("b", Backlog).await, house.task("c", Backlog).await);
    house.run(Command::AddDependency(a, b)).await.unwrap();
    house.run(Command::AddDependency(b, c)).await.unwrap();
    house.refuses(Command::AddDependency(a, a), Refusal::SelfDependency).await;
    house.refuses(Command::AddDependency(a, b), Refusal::DependencyExists).await;
    house.refuses(Command::AddDependency(b, a), Refusal::DependencyCycle).await;
    house.refuses(Command::AddDependency(c, a), Refusal::DependencyCycle).await;
    let through =
        waiting_for(new_task(house.project, "d", Backlog), &[(a, Direction::DependsOn), (c, Direction::Blocks)]);
    house.refuses(Command::CreateTask(through), Refusal::DependencyCycle).await;
    house.check().await;
    house.run(Command::RemoveDependency(EdgeRef::Ends(b, c))).await.unwrap();
    house.refuses(Command::RemoveDependency(EdgeRef::Ends(b, c)), Refusal::DependencyNotFound).await;
    house.run(Command::AddDependency(c, a)).await.unwrap();
    house.check().await;
}

/// However many there are: nothing is left without its task.
#[tokio::test]
async fn a_removed_task_takes_all_its_words_with_it() {
    let house = House::new().await;
    let task = house.task("a", Backlog).await;
    let comment = Command::AddComment(NewComment {
        task,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: Body::parse("words").unwrap().unwrap(),
        kind: CommentType::Message,
    });
    house.run(comment).await.unwrap();
    let one = house.all::<Comment>().remove(0);
    let mut change = Change::default();
    for n in 0..4_100_u128 {
        change.overwrite(Comment { id: CommentId(Uuid::from_u128(n + 1)), ..one.clone() });
    }
    house.store.commit(change, house.key()).await.unwrap();
    house.run(Command::DeleteTask(task)).await.unwrap();
    assert_eq!(house.all::<Comment>().len(), 0);
    house.check().await;
}

#[tokio::test]
async fn a_removed_task_takes_its_edges_with_it() {
    let house = House::new().await;
    let (a, b, c) = (house.task("a", Backlog).await, house.task("b", Ready).await, house.task("c", Backlog).await);
    house.run(Command::AddDependency(a, b)).await.unwrap();
    house.run(Command::AddDependency(b, c)).await.unwrap();
    house.run(Command::DeleteTask(b)).await.unwrap();
    house.check().await;
    house.refuses(Command::DeleteTask(b), Refusal::TaskNotFound).await;
    house.run(Command::AddDependency(a, c)).await.unwrap();
    house.check().await;
}
