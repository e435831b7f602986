//! Tickets, comments and messages of a megabyte on Convex, within the limits that Convex itself has: pages open, are
//! followed and worked on, and so do those that functions of before closed for ever.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod before_data;
mod bridge;
mod contract;

use std::sync::Arc;

use bridge::{Deployment, KEY, client};
use clutch_domain::{
    actor::Actor,
    chat::{Chat, DeliveryStatus, Message},
    command::{
        Carry, Command, Force, MoveTask, NewChat, NewComment, NewMessage, NewProject, NewSignal, NewTask, Place,
        TaskPatch,
    },
    doc::{Body, Kind},
    id::{ProjectId, TaskId},
    project::{ChatLayout, Project},
    query::Query,
    range::{Docs, Order, Range},
    talk::{AuthorType, Comment, CommentType, Signal, SignalKind, SignalSeverity},
    task::{Status, Task, TaskFields},
    text::{BODY_MAX, Body as Words, ChatTitle, Handle, Name, Participants, SessionKey, Title},
};
use clutch_orchestrator::{
    office::{Done, Office},
    store::Store,
};
use contract::{docs, soon};
use futures_util::StreamExt;
use serde_json::{Value, json};

/// More than one transaction of Convex may read.
const MANY: u64 = 18;

/// A text of a megabyte that no other one begins like.
fn log(n: u64) -> Words {
    Words::parse(&format!("{n}: é {}", "All is well, says the log. ".repeat(BODY_MAX / 28))).unwrap().unwrap()
}

async fn run(office: &Office, command: Command) -> Done {
    office.run(&Actor::human("dan"), &command).await.unwrap()
}

async fn logs(office: &Office) -> ProjectId {
    let new = NewProject {
        name: Name::parse("Logs").unwrap(),
        slug: None,
        description: None,
        color: None,
        repo_url: None,
        local_path: None,
        github_repo: None,
        chat_layout: ChatLayout::default(),
        work_loop_enabled: false,
        work_loop_max_agents: None,
    };
    run(office, Command::CreateProject(new)).await.made::<Project>().unwrap().id
}

fn described(docs: &Docs) -> usize {
    let tasks = docs.docs().filter_map(|doc| if let Body::Task(task) = &doc.body { Some(task) } else { None });
    tasks.filter(|task| task.description.as_ref().is_some_and(|text| text.as_str().len() > BODY_MAX / 2)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_whose_tickets_carry_a_megabyte_opens() {
    let place = Deployment::bridge(&[]);
    let store: Arc<dyn Store> = Arc::new(place.store());
    let office = before_data::office(store.clone());
    let project = logs(&office).await;
    let mut tasks: Vec<TaskId> = Vec::new();
    for n in 0..MANY {
        let mut new = NewTask::new(project, Title::parse(&format!("Ticket {n}")).unwrap(), Status::Backlog);
        new.fields.description = Some(Some(log(n)));
        tasks.push(run(&office, Command::CreateTask(new)).await.made::<Task>().unwrap().id);
    }
    let board = Query::board(project);
    let queries = place.stat("queries").await;
    let docs = store.read(&board.fetch()).await.unwrap().value;
    println!(
        "measured: on Convex, opening a board with {MANY} MB: {} round trips",
        place.stat("queries").await - queries
    );
    assert_eq!(described(&docs), tasks.len());

    // Somebody looks on while others work.
    let mut live = store.watch(board.fetch());
    assert_eq!(described(&soon("the board", live.next()).await.unwrap().unwrap().value), tasks.len());
    let title = Title::parse("Another title").unwrap();
    let rename = TaskPatch::from(TaskFields { title: Some(title.clone()), ..TaskFields::default() });
    run(&office, Command::UpdateTask(tasks[3], rename)).await;
    let queries = place.stat("queries").await;
    let shown = soon("the new title", live.next()).await.unwrap().unwrap();
    let titles = shown.value.docs().filter(|doc| matches!(&doc.body, Body::Task(task) if task.title == title)).count();
    assert_eq!((described(&shown.value), titles), (tasks.len(), 1));
    assert!(place.stat("queries").await - queries <= 1, "what did not change is not asked for again");
    let to = |task, place| {
        Command::MoveTask(MoveTask { task, to: Status::Backlog, place, reason: None, resolution: None, reopen: false })
    };
    run(&office, to(tasks[9], Place::Before(tasks[2]))).await;
    run(&office, to(tasks[4], Place::Index(11))).await;

    // The same of a ticket's panel.
    for n in 0..MANY {
        let comment = NewComment {
            task: tasks[0],
            author: Handle::owner(),
            author_type: AuthorType::Human,
            content: log(n),
            kind: CommentType::Message,
        };
        run(&office, Command::AddComment(comment)).await;
    }
    let panel = store.read(&Query::Task { project, task: tasks[0] }.fetch()).await.unwrap().value;
    let comments = panel.docs().filter(
        |doc| matches!(&doc.body, Body::Comment(Comment { content, .. }) if content.as_str().len() > BODY_MAX / 2),
    );
    assert_eq!(comments.count() as u64, MANY);
    let whole: Vec<Task> = office.all(Range::children(Kind::Task, project, 100)).await.unwrap();
    for (n, id) in tasks.iter().enumerate() {
        let task = whole.iter().find(|task| task.id == *id).unwrap();
        assert!(task.description.as_ref() == Some(&log(n as u64)), "ticket {n} came back changed");
    }
}

/// A row as functions of version 2 wrote it.
fn row(n: u64) -> Value {
    let body = docs::titled(n, 1, "ready", n as f64, 1, "Long", Some(&"x".repeat(890_000)));
    let index = body.index();
    json!({
        "id": body.key().id, "rev": 1, "scope": index.scope.word(), "parent": index.parent, "link": index.link,
        "status": index.status, "ord": index.order, "at": { "$integer": "AQAAAAAAAAA=" },
        "body": serde_json::to_string(&body).unwrap(), "more": 0,
    })
}

#[tokio::test]
async fn a_board_that_was_closed_for_ever_opens_again() {
    let place = Deployment::bridge(&[]);
    for n in 1..=MANY + 2 {
        place.control("/insert", json!({ "table": "task", "rows": [row(n)] })).await;
    }
    let store = place.store();
    let column = contract::fetch([Range::children(Kind::Task, docs::id(1), 100)]);
    let why = store.read(&column).await.unwrap_err();
    assert!(why.what.contains("Read too much data"), "the limit is there: {why}");
    let shorten = async || {
        let body = json!({ "path": "retention:shorten", "args": [{}], "format": "convex_encoded_json" });
        let asked = client()
            .post(format!("{}/api/mutation", place.url))
            .header("authorization", format!("Convex {KEY}"))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer: Value = serde_json::from_str(&asked.send().await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        answer["value"] == json!(true)
    };
    // As the deployment's timer does it; it goes on by itself.
    soon("all rows are short", async { while !shorten().await {} }).await;
    let found = store.read(&column).await.unwrap().value;
    assert_eq!(described(&found) as u64, MANY + 2);
    // Then this program brings what is stored in order, a little at a time.
    before_data::upgraded(&before_data::office(Arc::new(store))).await;
}

fn in_all(kind: Kind, status: &str) -> Range {
    Range::ByStatus { kind, scope: None, status: status.into(), order: Order::Ordered, limit: 100 }
}

/// Takes a step until there is nothing left to do.
async fn steps(office: &Office, command: &Command) -> u64 {
    for taken in 0.. {
        if office.run(&Actor::sweeper(), command).await.unwrap().change.is_empty() {
            return taken;
        }
    }
    unreachable!("there is always one more")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_and_messages_of_a_megabyte_go_with_their_project_and_chat() {
    let place = Deployment::bridge(&[]);
    let office = before_data::office(Arc::new(place.store()));
    let project = logs(&office).await;
    let new = NewTask::new(project, Title::parse("Ask").unwrap(), Status::Backlog);
    let task = run(&office, Command::CreateTask(new)).await.made::<Task>().unwrap().id;
    let mut chats = Vec::new();
    for title in ["Left", "Deleted"] {
        let title = ChatTitle::parse(title).unwrap().unwrap();
        let new = NewChat { project, title, participants: Participants::default(), about: None };
        chats.push(run(&office, Command::CreateChat(new)).await.made::<Chat>().unwrap().id);
    }
    for n in 0..MANY {
        let question = NewSignal {
            task,
            session_key: SessionKey::parse("agent:main:logs").unwrap().unwrap().into(),
            agent_id: Handle::agent(),
            run_id: None,
            kind: SignalKind::Question,
            severity: SignalSeverity::Normal,
            message: log(n),
            options: clutch_domain::text::Options::default(),
        };
        run(&office, Command::RaiseSignal(question)).await;
        for chat in &chats {
            let words = NewMessage { send: true, ..NewMessage::new(*chat, Handle::owner(), log(n)) };
            run(&office, Command::PostMessage(words)).await;
        }
    }
    let questions = async || office.all::<Signal>(in_all(Kind::Signal, "waits")).await.unwrap().len() as u64;
    let open = async || office.all::<Message>(in_all(Kind::Message, "open")).await.unwrap();
    assert_eq!((questions().await, open().await.len()), (MANY, chats.len()));

    run(&office, Command::DeleteChat(chats[1])).await;
    // Those that did not fit are given up by whoever carries them, one after another.
    let mut carried = 0;
    while let Some(next) = open().await.into_iter().find(|message| message.chat == chats[1]) {
        let given_up = Command::CarryMessage(next.id, Carry::GaveUp("The chat was deleted.".into()));
        office.run(&Actor::courier(), &given_up).await.unwrap();
        carried += 1;
    }
    assert!(carried > 0, "all of {MANY} megabytes were written in one change");
    let said: Vec<Message> = office.all(Range::children(Kind::Message, chats[1], 100)).await.unwrap();
    assert_eq!(said.len() as u64, MANY);
    assert!(said.iter().all(|message| message.delivery_status == Some(DeliveryStatus::Failed)));

    run(&office, Command::DeleteProject(project, Force::Yes)).await;
    let taken = steps(&office, &Command::ShelveProject(project)).await;
    println!("measured: on Convex, {} MB of a deleted project leave the lists in {taken} steps", 2 * MANY);
    assert_eq!((questions().await, open().await.len()), (0, 0));
    for _ in 0..=MANY {
        run(&office, Command::RestoreProject(project)).await;
    }
    assert_eq!(questions().await, MANY, "all of them are back");
}
