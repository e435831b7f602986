//! What must be true of data that an older program wrote, whatever store keeps it.

#![allow(dead_code, clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use clutch_domain::{
    actor::Actor,
    chat::{Chat, Message},
    command::{Command, MoveTask, NewComment, NewMessage, NewTask, Place},
    doc::Kind,
    id::{ChatId, ProjectId, TaskId},
    plan::{self, Policy, world::Shape, world::World},
    project::Project,
    query::{self, Query, Snapshot},
    range::Range,
    refusal::Refusal,
    run::Run,
    talk::{AuthorType, CommentType, Signal},
    task::{Priority, Status, Task, TaskFields},
    text::{Body, Handle, Title},
    time::Millis,
};
use clutch_orchestrator::{
    office::{Clock, Error, IdSource, Office},
    store::Store,
    upgrade,
};
use uuid::Uuid;

/// A file of the data.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/before").join(name)
}

struct Later(AtomicI64);

impl Clock for Later {
    fn now(&self) -> Millis {
        Millis(1_800_000_000_000 + self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

/// Ids that count on from one office to the next: a key that was used before would do nothing.
struct Counting;

impl IdSource for Counting {
    fn fresh(&self) -> Uuid {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Uuid::from_u128(0x4000_9000_0000_0000_0000 | u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// An office over the store, a while after the data was written.
pub fn office(store: Arc<dyn Store>) -> Office {
    Office::new(store, Arc::new(Later(AtomicI64::new(0))), Arc::new(Counting))
}

async fn ask(office: &Office, query: Query) -> Snapshot {
    let docs = office.read(&query.fetch()).await.unwrap().value;
    query::answer(&query, &docs)
}

/// The projects by name.
pub async fn projects(office: &Office) -> BTreeMap<String, Project> {
    let found: Vec<Project> = office.all(Range::children(Kind::Project, "installation", 100)).await.unwrap();
    found.into_iter().map(|p| (p.name.to_string(), p)).collect()
}

/// The tasks of a project by title.
pub async fn tasks(office: &Office, project: ProjectId) -> BTreeMap<String, Task> {
    let found: Vec<Task> = office.all(Range::children(Kind::Task, project, 1_000)).await.unwrap();
    found.into_iter().map(|t| (t.title.to_string(), t)).collect()
}

/// What the server that leads does first.
pub async fn upgraded(office: &Office) {
    assert!(upgrade::reindex(office, || true).await.unwrap());
}

/// Every screen has its answer, and what is on it is what was written.
pub async fn everything_reads(office: &Office) {
    let Snapshot::Home(home) = ask(office, Query::Home).await else { panic!("no home") };
    assert!(home.projects.len() >= 5, "{:?}", home.projects);
    assert_eq!(home.waiting.len(), 2, "a question and an alert wait");
    let (mut seen_tasks, mut comments, mut messages) = (0, 0, 0);
    for project in &home.projects {
        let Snapshot::Board(board) = ask(office, Query::board(project.id)).await else {
            panic!("no board of {}", project.slug)
        };
        assert_eq!(board.counts.total() as usize, board.tasks.len(), "{}", project.slug);
        for task in &board.tasks {
            let Snapshot::Task(panel) = ask(office, Query::Task { project: project.id, task: task.id }).await else {
                panic!("no panel of {}", task.short())
            };
            assert_eq!(panel.task, *task);
            assert_eq!(panel.waits_for.len() as u32, task.dependencies, "{}", task.title);
            assert_eq!(panel.blocks.len() as u32, task.dependents, "{}", task.title);
            seen_tasks += 1;
            comments += panel.comments.len();
        }
        let Snapshot::Chats(chats) = ask(office, Query::Chats { project: project.id }).await else {
            panic!("no chats of {}", project.slug)
        };
        for chat in &chats.chats {
            let Snapshot::Chat(shown) = ask(office, Query::Chat { chat: chat.id }).await else {
                panic!("no chat {}", chat.title)
            };
            messages += shown.messages.len();
        }
    }
    assert!((31..=33).contains(&seen_tasks), "{seen_tasks} tasks");
    assert!((6..=7).contains(&comments), "{comments} comments");
    assert_eq!(messages, 10, "all but the one in the deleted chat");

    let birds = &projects(office).await["Birds"];
    assert_eq!(birds.description.as_deref(), Some("Songs, nests\nand eggs"), "line ends are one kind");
    assert_eq!(birds.role_model_overrides["pm"], "anthropic/opus");
    let all = tasks(office, birds.id).await;
    let count = |status: Status| all.values().filter(|t| t.status == status).count();
    let counts: Vec<usize> = Status::ALL.iter().map(|s| count(*s)).collect();
    assert_eq!(counts.iter().sum::<usize>(), 28, "{counts:?}");
    let failed = &all["Run that is failed"];
    assert_eq!((failed.status, failed.failures), (Status::Ready, 1));
    assert_eq!(failed.trouble.as_deref(), Some("the model is overloaded"));
    let completed: Vec<Run> = office.all(Range::children(Kind::Run, all["Run that is completed"].id, 9)).await.unwrap();
    assert!(completed[0].reported && completed[0].outcome.is_some());
    let asked: Vec<Signal> = office.all(Range::children(Kind::Signal, all["Run that is waits"].id, 9)).await.unwrap();
    assert!(asked[0].waits());
    let bin: Vec<Chat> = office.all(Range::children(Kind::Chat, clutch_domain::doc::CHAT_BIN, 9)).await.unwrap();
    assert_eq!(bin.iter().map(|c| c.title.as_str()).collect::<Vec<_>>(), ["Deleted"]);
    let kept: Vec<Message> = office.all(Range::children(Kind::Message, bin[0].id, 9)).await.unwrap();
    assert_eq!(kept.len(), 1);
}

/// The world as the loop reads it.
pub async fn world(office: &Office) -> World {
    let mut shape = Shape::default();
    loop {
        let docs = office.read(&shape.fetch()).await.unwrap().value;
        let next = Shape::of(&docs);
        if next == shape {
            return World::of(&docs, [(clutch_domain::runtime::usual(), None)].into());
        }
        shape = next;
    }
}

/// The loop sees what it must go on with, and plans.
pub async fn the_loop_goes_on(office: &Office) {
    let world = world(office).await;
    assert_eq!(world.runs.len(), 6, "claimed, started, waiting for two answers, going on after two");
    assert_eq!(world.answers.len(), 1, "one answer is on its way");
    let policy = Policy { max_agents_per_project: 20, max_agents: 20, max_dev_agents: 20, ..Policy::default() };
    let plan = plan::decide(&world, Millis(1_800_000_000_000), &policy);
    let claims: Vec<TaskId> = plan
        .actions
        .iter()
        .filter_map(|a| if let plan::Action::Claim(start) = a { Some(start.task) } else { None })
        .collect();
    let birds = &projects(office).await["Birds"];
    let all = tasks(office, birds.id).await;
    let waits = |title: &str| !claims.contains(&all[title].id);
    assert!(waits("Ready 0") && waits("Ready 2") && !waits("Ready 1"), "dependencies are known: {claims:?}");
    assert!(claims.contains(&all["Run that is failed"].id), "its wait is over");
}

/// People and agents go on with what is there.
pub async fn one_can_work_on(office: &Office) {
    let me = Actor::human("dan");
    let birds = &projects(office).await["Birds"];
    let all = tasks(office, birds.id).await;
    let to = |task, to, place, reopen| {
        Command::MoveTask(MoveTask { task, to, place, reason: None, resolution: None, reopen })
    };
    let words = |text: &str| Body::parse(text).unwrap().unwrap();
    let general: Vec<Chat> = office.all(Range::children(Kind::Chat, birds.id, 1)).await.unwrap();
    let general: ChatId = general[0].id;
    let commands = [
        Command::CreateTask(NewTask {
            project: birds.id,
            title: Title::parse("New").unwrap(),
            status: Status::Ready,
            fields: TaskFields { priority: Some(Priority::Urgent), ..TaskFields::default() },
            dependencies: vec![(all["Backlog 0"].id, clutch_domain::command::Direction::DependsOn)],
        }),
        to(all["Backlog 0"].id, Status::Done, Place::End, false),
        to(all["Backlog 1"].id, Status::Backlog, Place::After(all["Backlog 2"].id), false),
        to(all["Done 2"].id, Status::Ready, Place::Top, true),
        Command::AddComment(NewComment {
            task: all["Backlog 0"].id,
            author: Handle::owner(),
            author_type: AuthorType::Human,
            content: words("Still here"),
            kind: CommentType::Message,
        }),
        Command::AddDependency(all["Backlog 2"].id, all["Backlog 1"].id),
        Command::DeleteTask(all["Run that is gave up"].id),
        Command::PostMessage(NewMessage { send: true, ..NewMessage::new(general, Handle::owner(), words("Go on")) }),
        Command::PauseLoop(birds.id, true),
    ];
    for command in commands {
        office.run(&me, &command).await.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    }
    let after = tasks(office, birds.id).await;
    assert_eq!(after["New"].open_dependencies, 0, "what it waits for was done");
    assert_eq!(after["Backlog 0"].status, Status::Done);
    assert!(after["New"].number > all.values().map(|t| t.number).max().unwrap());
}

/// Some texts are of a newer program, some are damaged: the rest is there as ever, and those are left alone.
pub async fn what_cannot_be_read_spoils_nothing(office: &Office, newer: TaskId, damaged: TaskId) {
    let me = Actor::human("dan");
    let birds = projects(office).await["Birds"].clone();
    let Snapshot::Board(board) = ask(office, Query::board(birds.id)).await else { panic!("no board") };
    assert_eq!(board.tasks.len(), 26, "all but those two");
    let words = query::unread_words(&board.unread).unwrap();
    assert!(words.contains("newer OpenClutch") && words.contains("cannot be read"), "{words}");
    assert!(board.tasks.iter().all(|t| t.id != newer && t.id != damaged));
    for (task, refusal) in [(newer, Refusal::WrittenByNewer), (damaged, Refusal::Unreadable)] {
        let panel = ask(office, Query::Task { project: birds.id, task }).await;
        assert!(matches!(panel, Snapshot::Unread(unread) if unread.refusal() == refusal));
        assert_eq!(office.get::<Task>(task).await, Err(Error::Refused(refusal)));
        let comment = Command::AddComment(NewComment {
            task,
            author: Handle::owner(),
            author_type: AuthorType::Human,
            content: Body::parse("Hello?").unwrap().unwrap(),
            kind: CommentType::Message,
        });
        assert_eq!(office.run(&me, &comment).await.err(), Some(Error::Refused(refusal)));
        assert_eq!(office.run(&me, &Command::DeleteTask(task)).await.err(), Some(Error::Refused(refusal)));
    }
    let world = world(office).await;
    assert_eq!(world.runs.len(), 6);
}
