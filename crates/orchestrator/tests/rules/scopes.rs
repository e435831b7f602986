//! Whoever watches a screen, or the loop's world, is woken by what changes it, and by as little else as can be.

use std::collections::BTreeSet;

use clutch_domain::{
    actor::Actor,
    chat::Chat,
    command::{Command, NewComment, NewSignal},
    doc::{Kind, Scope},
    id::TaskId,
    plan::world::Shape,
    query::Query,
    range::{Docs, Fetch, Range, Versioned},
    talk::{AuthorType, CommentType, Signal, SignalKind, SignalSeverity},
    task::Status,
    text::{Body, Handle, SessionKey},
};
use futures_util::{FutureExt, StreamExt};

use crate::{
    house::{House, me},
    races::scene,
};

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

fn signal(task: TaskId, kind: SignalKind) -> Command {
    Command::RaiseSignal(NewSignal {
        task,
        session_key: SessionKey::parse("s").unwrap().unwrap(),
        agent_id: Handle::agent(),
        run_id: None,
        kind,
        severity: SignalSeverity::Normal,
        message: words("Red?"),
    })
}

async fn read(house: &House, fetch: &Fetch) -> Versioned<Docs> {
    house.store.read(fetch).await.unwrap()
}

/// What the loop watches.
async fn world(house: &House) -> Fetch {
    let mut shape = Shape::default();
    loop {
        let next = Shape::of(&read(house, &shape.fetch()).await.value);
        if next == shape {
            return shape.fetch();
        }
        shape = next;
    }
}

/// Everything that somebody may look at.
async fn looks(house: &House) -> Vec<(String, Fetch)> {
    let project = house.project;
    let mut queries = vec![Query::Home, Query::Board { project }, Query::Chats { project }];
    queries.extend(house.tasks().await.iter().map(|task| Query::Task { project, task: task.id }));
    queries.extend(house.all::<Chat>().iter().map(|chat| Query::Chat { chat: chat.id }));
    let mut looks: Vec<(String, Fetch)> = queries.iter().map(|query| (format!("{query:?}"), query.fetch())).collect();
    looks.push(("the loop's world".into(), world(house).await));
    looks
}

/// Runs a command; whatever it changes in a look must wake that look. Answers the scopes that it touched.
async fn woken(house: &House, actor: &Actor, command: &Command) -> BTreeSet<Scope> {
    let mut before = Vec::new();
    for (name, fetch) in looks(house).await {
        let docs = read(house, &fetch).await.value;
        before.push((name, fetch, docs));
    }
    let touched: BTreeSet<Scope> = match house.office.run(actor, command).await {
        Ok(done) => done.committed.scopes.iter().map(|(scope, _)| *scope).collect(),
        Err(_) => BTreeSet::new(),
    };
    for (name, fetch, docs) in before {
        let changed = read(house, &fetch).await.value != docs;
        let wakes = fetch.scopes.iter().any(|scope| touched.contains(scope));
        assert!(wakes || !changed, "{name} is not told of {command:?}, which touches {touched:?}");
    }
    touched
}

#[tokio::test]
async fn every_look_is_told_of_what_changes_it() {
    let count = scene().await.1.len();
    for first in 0..count {
        // Each after each other one: what the first made is there for the others to change.
        let (house, all) = scene().await;
        let one = all[first].clone();
        for (actor, command) in std::iter::once(&one).chain(&all) {
            woken(&house, actor, command).await;
        }
        for waits in house.all::<Signal>() {
            woken(&house, &me(), &Command::AnswerSignal(waits.id, words("Blue."))).await;
            let courier = Actor::work_loop();
            woken(&house, &courier, &Command::SettleAnswer(waits.id, Ok("run".into()))).await;
        }
    }
}

#[tokio::test]
async fn a_comment_reads_no_board_and_does_not_wake_the_loop() {
    let house = House::new().await;
    let (project, task) = (house.project, house.task("a", Status::Ready).await);
    let other = house.task("b", Status::Ready).await;
    let mut panel = house.store.watch(Query::Task { project, task }.fetch());
    let mut still = Vec::new();
    for query in [Query::Home, Query::Board { project }, Query::Chats { project }, Query::Task { project, task: other }]
    {
        still.push(query.fetch());
    }
    still.push(world(&house).await);
    let mut still: Vec<_> = still.into_iter().map(|fetch| (fetch.clone(), house.store.watch(fetch))).collect();
    for live in std::iter::once(&mut panel).chain(still.iter_mut().map(|(_, live)| live)) {
        live.next().await.unwrap().unwrap();
    }
    let mut shown = 0;
    for command in [comment(task), signal(task, SignalKind::Fyi)] {
        let actor = if matches!(command, Command::AddComment(_)) { me() } else { Actor::agent("main") };
        let touched = woken(&house, &actor, &command).await;
        assert_eq!(touched, BTreeSet::from([Scope::Task(task)]));
        shown += panel.next().await.unwrap().unwrap().value.len();
        for (fetch, live) in &mut still {
            assert!(fetch.scopes.iter().all(|scope| !touched.contains(scope)), "{:?}", fetch.scopes);
            assert!(live.next().now_or_never().is_none(), "it is read again: {:?}", fetch.scopes);
        }
    }
    assert!(shown > 0);
    // A question is on the card.
    let asks = woken(&house, &Actor::agent("main"), &signal(task, SignalKind::Question)).await;
    assert!(asks.contains(&Scope::Project(project)) && asks.contains(&Scope::Installation), "{asks:?}");
}

/// A tab that is open across an upgrade holds a version of before: the new numbers go on from there.
#[tokio::test]
async fn a_version_that_was_told_before_is_never_told_again() {
    let house = House::new().await;
    let (project, task) = (house.project, house.task("a", Status::Ready).await);
    let chats = house.list::<Chat>(Range::children(Kind::Chat, project, 1)).await;
    // What these screens were numbered by before they had scopes of their own.
    let before = read(&house, &Fetch { scopes: vec![Scope::Project(project)], ranges: Vec::new() }).await.version;
    for query in [Query::Board { project }, Query::Chats { project }, Query::Task { project, task }] {
        assert!(read(&house, &query.fetch()).await.version >= before, "{query:?}");
    }
    assert_eq!(Query::Chat { chat: chats[0].id }.fetch().scopes, [Scope::Chat(chats[0].id)]);
}
