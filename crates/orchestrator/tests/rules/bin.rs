//! Deleted projects: gone at once, whole in the bin for a week, and then removed in short steps.

use clutch_domain::{
    actor::Actor,
    chat::Chat,
    command::{Command, Direction, Force, NewComment, NewMessage, NewProject, NewSignal, ProjectPatch},
    doc::{Dependency, Kind, PROJECT_BIN, Unique},
    id::{ChatId, TaskId},
    project::{Counts, Project},
    query::{Query, Snapshot, answer},
    range::Range,
    refusal::Refusal,
    talk::{AuthorType, Comment, CommentType, Signal, SignalKind, SignalSeverity},
    task::{Status, Task},
    text::{Body, Color, Handle, SessionKey, Slug},
};

use crate::house::{House, me, new_project, new_task, to, waiting_for};

fn words(text: &str) -> Body {
    Body::parse(text).unwrap().unwrap()
}

fn comment(task: TaskId) -> Command {
    Command::AddComment(NewComment {
        task,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: words("Nice."),
        kind: CommentType::Message,
    })
}

fn question(task: TaskId) -> Command {
    Command::RaiseSignal(NewSignal {
        task,
        session_key: SessionKey::parse("s").unwrap().unwrap().into(),
        agent_id: Handle::agent(),
        run_id: None,
        kind: SignalKind::Question,
        severity: SignalSeverity::Normal,
        message: words("Red or green?"),
        options: clutch_domain::text::Options::default(),
    })
}

async fn general(house: &House) -> ChatId {
    house.list::<Chat>(Range::children(Kind::Chat, house.project, 10)).await[0].id
}

/// A project with tasks that wait for each other, words, questions and a message on its way.
async fn full(house: &House, tasks: usize) -> Vec<TaskId> {
    let mut made: Vec<TaskId> = Vec::new();
    for n in 0..tasks {
        let mut new = new_task(house.project, &format!("t{n}"), Status::ALL[n % 6]);
        if let (Some(last), false) = (made.last(), new.status == Status::InProgress) {
            new = waiting_for(new, &[(*last, Direction::DependsOn)]);
        }
        let task = house.make(new).await;
        house.run(comment(task)).await.unwrap();
        made.push(task);
    }
    house.run(question(made[0])).await.unwrap();
    let mut send = NewMessage::new(general(house).await, Handle::owner(), words("Hello"));
    send.send = true;
    house.run(Command::PostMessage(send)).await.unwrap();
    made
}

/// Takes a step of the sweeper's until nothing is left to do; answers how many there were.
async fn steps(house: &House, step: Command) -> usize {
    for n in 0.. {
        house.reset_reads();
        match house.office.run(&Actor::sweeper(), &step).await {
            Ok(done) if done.change.is_empty() => return n,
            Ok(done) => {
                let (looks, most) = house.reads();
                let touched = done.change.puts().count() + done.change.deletes().count();
                assert!(touched <= 450 && looks <= 12 && most <= 420, "{touched} written, {looks} looks, {most} read");
            }
            Err(clutch_orchestrator::office::Error::Refused(_)) => return n,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_deleted_project_is_gone_at_once_whatever_is_in_it() {
    let house = House::new().await;
    let tasks = full(&house, 7).await;
    let chat = general(&house).await;
    let signal = house.all::<Signal>()[0].id;
    let edge = house.all::<Dependency>()[0].id;
    house.refuses(Command::DeleteProject(house.project, Force::No), Refusal::ProjectHasTasks).await;
    let done = house.run(Command::DeleteProject(house.project, Force::Yes)).await.unwrap();
    assert!(done.change.puts().count() + done.change.deletes().count() <= 4, "hiding is one small change");
    house.check_everything();

    let table = [
        (Command::DeleteProject(house.project, Force::Yes), Refusal::ProjectNotFound),
        (
            Command::UpdateProject(
                house.project,
                ProjectPatch { color: Some(Color::parse("#ffffff").unwrap().unwrap()), ..Default::default() },
            ),
            Refusal::ProjectNotFound,
        ),
        (Command::CreateTask(new_task(house.project, "x", Status::Ready)), Refusal::ProjectNotFound),
        (to(tasks[1], Status::Backlog), Refusal::TaskNotFound),
        (Command::DeleteTask(tasks[1]), Refusal::TaskNotFound),
        (comment(tasks[1]), Refusal::TaskNotFound),
        (question(tasks[1]), Refusal::TaskNotFound),
        (Command::AddDependency(tasks[6], tasks[0]), Refusal::TaskNotFound),
        (Command::RemoveDependency(clutch_domain::command::EdgeRef::Id(edge)), Refusal::DependencyNotFound),
        (Command::AnswerSignal(signal, words("Green.")), Refusal::SignalNotFound),
        (Command::PostMessage(NewMessage::new(chat, Handle::owner(), words("Hello?"))), Refusal::ChatNotFound),
        (Command::DeleteChat(chat), Refusal::ChatNotFound),
        (Command::PauseLoop(house.project, true), Refusal::ProjectNotFound),
    ];
    for (command, refusal) in table {
        house.refuses(command, refusal).await;
    }
    for query in [
        Query::board(house.project),
        Query::Task { project: house.project, task: tasks[0] },
        Query::Chats { project: house.project },
    ] {
        let read = house.store.read(&query.fetch()).await.unwrap();
        assert_eq!(answer(&query, &read.value), Snapshot::Gone, "{query:?}");
    }
    let read = house.store.read(&Query::Home.fetch()).await.unwrap();
    let Snapshot::Home(home) = answer(&Query::Home, &read.value) else { panic!("home") };
    assert!(home.projects.is_empty() && home.counts.is_empty() && home.waiting.is_empty());

    // Its name and its address are free.
    let again = house.run(Command::CreateProject(new_project("Birds"))).await.unwrap();
    assert_eq!(again.made::<Project>().unwrap().slug.as_str(), "birds");
    house.check_everything();
}

#[tokio::test]
async fn what_a_deleted_project_has_in_the_lists_of_all_leaves_them_and_comes_back() {
    let house = House::new().await;
    full(&house, 3).await;
    house.run(Command::DeleteProject(house.project, Force::Yes)).await.unwrap();
    assert_eq!(steps(&house, Command::ShelveProject(house.project)).await, 1);
    house.check_everything();
    let status = |kind, status: &str| Range::ByStatus {
        kind,
        scope: None,
        status: status.into(),
        order: clutch_domain::range::Order::Ordered,
        limit: 10,
    };
    assert!(house.list::<Signal>(status(Kind::Signal, "waits")).await.is_empty());
    assert!(house.list::<clutch_domain::chat::Message>(status(Kind::Message, "open")).await.is_empty());

    let taken = house.run(Command::CreateProject(new_project("Birds"))).await.unwrap();
    assert_eq!(taken.made::<Project>().unwrap().slug.as_str(), "birds");
    let before: Counts = house.list(Range::doc(Kind::Counts, house.project)).await.remove(0);
    let back = house.run(Command::RestoreProject(house.project)).await.unwrap();
    assert_eq!(back.made::<Project>().unwrap().slug.as_str(), "birds-1", "the next free address");
    assert!(house.run(Command::RestoreProject(house.project)).await.unwrap().change.is_empty());
    house.check().await;
    let after: Counts = house.list(Range::doc(Kind::Counts, house.project)).await.remove(0);
    assert_eq!((before.by_status, after.hidden), (after.by_status, false));
    assert_eq!(house.list::<Signal>(status(Kind::Signal, "waits")).await.len(), 1);
    house.run(comment(house.tasks().await[0].id)).await.unwrap();

    // Taken away again, it comes back under its own address when that is free.
    house.run(Command::DeleteProject(house.project, Force::Yes)).await.unwrap();
    house.run(Command::RestoreProject(house.project)).await.unwrap();
    assert_eq!(house.list::<Project>(Range::doc(Kind::Project, house.project)).await[0].slug.as_str(), "birds-1");
}

#[tokio::test]
async fn a_project_is_removed_for_good_in_short_steps() {
    for size in [1, 219, 500] {
        let house = House::new().await;
        full(&house, size).await;
        house.run(Command::DeleteProject(house.project, Force::Yes)).await.unwrap();
        house.run(Command::DiscardProject(house.project)).await.unwrap();
        house.refuses(Command::RestoreProject(house.project), Refusal::ProjectNotFound).await;
        steps(&house, Command::ShelveProject(house.project)).await;
        let taken = steps(&house, Command::PurgeProject(house.project)).await;
        assert!(taken <= 6 + size / 15, "{taken} steps for {size} tasks");
        house.check_everything();
        assert!(house.list::<Project>(Range::children(Kind::Project, PROJECT_BIN, 10)).await.is_empty());
        assert_eq!(
            (house.all::<Task>().len(), house.all::<Comment>().len(), house.all::<Dependency>().len()),
            (0, 0, 0)
        );
        assert!(house.all::<Unique>().is_empty());
    }
}

#[tokio::test]
async fn a_living_project_is_never_swept() {
    let house = House::new().await;
    full(&house, 2).await;
    for step in [Command::ShelveProject(house.project), Command::PurgeProject(house.project)] {
        let answer = house.office.run(&Actor::sweeper(), &step).await;
        assert_eq!(answer.err(), Some(clutch_orchestrator::office::Error::Refused(Refusal::NothingToChange)));
    }
    house.refuses(Command::DiscardProject(house.project), Refusal::NothingToChange).await;
    house.check().await;
}

#[tokio::test]
async fn a_program_does_not_delete_what_is_kept_for_people() {
    let house = House::new().await;
    let mut reserved = new_task(house.project, "Look", Status::Ready);
    reserved.fields.requires_human_review = Some(true);
    house.make(reserved).await;
    let delete = Command::DeleteProject(house.project, Force::Yes);
    let answer = house.office.run(&Actor::program(None), &delete).await;
    assert_eq!(answer.err(), Some(clutch_orchestrator::office::Error::Refused(Refusal::HumansOnly)));
    house.office.run(&me(), &delete).await.unwrap();
}

/// The address of a deleted project may be taken by a rename, too.
#[tokio::test]
async fn a_rename_may_take_a_freed_address() {
    let house = House::new().await;
    let other = house
        .run(Command::CreateProject(NewProject { slug: Slug::parse("other").ok(), ..new_project("Other") }))
        .await
        .unwrap();
    let other = other.made::<Project>().unwrap().id;
    house.run(Command::DeleteProject(house.project, Force::Yes)).await.unwrap();
    let rename = ProjectPatch { slug: Some(Slug::parse("birds").unwrap()), ..ProjectPatch::default() };
    house.run(Command::UpdateProject(other, rename)).await.unwrap();
    house.check_everything();
}
