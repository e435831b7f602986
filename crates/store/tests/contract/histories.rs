//! A whole history: the same commands, decided over this store and over the plainest one, say the same and leave the
//! same documents at the same revisions.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use clutch_domain::{
    actor::Actor,
    chat::{Chat, Message},
    command::{
        Carry, ClaimRun, Command, Completion, Direction, EdgeRef, EndRun, Ended, Force, HoldLease, MoveTask,
        NewComment, NewMessage, NewProject, NewPrompt, NewSignal, NewTask, Place as Spot, ProjectPatch, Retry,
    },
    doc::{Dependency, Doc, Inside, Kind},
    phase::Phase,
    project::Project,
    prompt::{Line, Version},
    query::{Query, answer},
    range::{Fetch, Range},
    right::{Right, needed},
    run::Run,
    talk::{AuthorType, CommentType, Signal, SignalKind, SignalSeverity},
    task::{Priority, Role, Status, Task, TaskFields},
    text::{Body, Excerpt, Handle, LocalPath, Name, PromptText, SessionKey, Title},
    time::Millis,
};
use clutch_orchestrator::{
    office::{Clock, Error, IdSource, Office},
    store::Store,
};
use clutch_store::MemoryStore;
use uuid::Uuid;

use super::Place;

/// Where the dice begin.
const SEED: u64 = 7;
/// Commands of the history.
const COMMANDS: u64 = 300;

/// One clock and one row of ids for a house; both begin anew with each command, so that it does not matter how often a
/// store made the office ask.
#[derive(Default)]
struct Turn {
    at: AtomicI64,
    id: AtomicU64,
}

impl Turn {
    fn begins(&self, nth: u64) {
        self.at.store(1_000_000 + i64::try_from(nth).unwrap() * 1_000, Ordering::Relaxed);
        self.id.store(nth << 16, Ordering::Relaxed);
    }
}

impl Clock for Turn {
    fn now(&self) -> Millis {
        Millis(self.at.load(Ordering::Relaxed))
    }
}

impl IdSource for Turn {
    fn fresh(&self) -> Uuid {
        Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(self.id.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Use-cases over a store, for one command after another.
pub struct House {
    office: Office,
    store: Arc<dyn Store>,
    turn: Arc<Turn>,
}

impl House {
    /// A house over a store.
    pub fn over(store: Arc<dyn Store>) -> Self {
        let turn = Arc::new(Turn::default());
        Self { office: Office::new(store.clone(), turn.clone(), turn.clone()), store, turn }
    }

    /// What came of a command, in words.
    pub async fn run(&self, nth: u64, command: &Command) -> String {
        self.turn.begins(nth);
        let actor = match needed(command) {
            Right::Lead => Actor::work_loop(),
            Right::Carry => Actor::courier(),
            Right::Sweep => Actor::sweeper(),
            _ => Actor::human("dan"),
        };
        match self.office.run(&actor, command).await {
            Ok(done) => format!("made {:?}", done.change.made),
            Err(Error::Refused(refusal)) => format!("refused: {refusal:?}"),
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    /// All documents, in a fixed order.
    pub async fn everything(&self) -> Vec<Doc> {
        let ranges: Vec<Range> =
            Kind::ALL.iter().map(|kind| Range::All { kind: *kind, after: None, limit: 10_000 }).collect();
        let read = self.store.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await.unwrap().value;
        ranges.iter().flat_map(|range| read.get(range).unwrap()).map(|doc| (**doc).clone()).collect()
    }

    async fn all<T: Inside + Clone>(&self) -> Vec<T> {
        self.everything().await.iter().filter_map(|doc| T::of(&doc.body)).cloned().collect()
    }
}

/// A row of numbers that depends on its beginning alone (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number below that one.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below.max(1) as u64).unwrap()
    }

    fn of<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { from.get(self.roll(from.len())).cloned() }
    }
}

fn words(text: &str) -> Body {
    Body::parse(text).unwrap().unwrap()
}

fn new_project(nth: u64) -> Command {
    Command::CreateProject(NewProject {
        local_path: LocalPath::parse("/srv/birds").unwrap(),
        work_loop_enabled: true,
        ..NewProject::new(Name::parse(&format!("Birds {}", nth % 3)).unwrap())
    })
}

/// Any command, from what there is; `None` where there is nothing to do it to.
async fn next(house: &House, dice: &mut Dice, nth: u64) -> Option<Command> {
    let projects: Vec<Project> = house.all().await;
    let tasks: Vec<Task> = house.all().await;
    let project = dice.of(&projects);
    let task = dice.of(&tasks);
    let place = |dice: &mut Dice, other: &Task| {
        dice.of(&[Spot::End, Spot::Top, Spot::Before(other.id), Spot::After(other.id)]).unwrap()
    };
    Some(match dice.roll(105) {
        0..=2 => new_project(nth),
        3..=24 => {
            let depends = dice.of(&tasks).filter(|other| Some(other.project) == project.as_ref().map(|p| p.id));
            let fields = TaskFields {
                priority: dice.of(Priority::ALL),
                role: dice.of(&[None, Some(Role::Pm), Some(Role::Dev)]),
                ..TaskFields::default()
            };
            Command::CreateTask(NewTask {
                project: project?.id,
                title: Title::parse(&format!("Paint {nth}")).unwrap(),
                status: dice.of(&[Status::Backlog, Status::Ready, Status::InReview])?,
                fields,
                dependencies: depends.map(|other| (other.id, Direction::DependsOn)).into_iter().collect(),
            })
        }
        25..=39 => {
            let other = dice.of(&tasks)?;
            let place = place(dice, &other);
            let reopen = dice.roll(2) == 0;
            let to = dice.of(Status::ALL)?;
            Command::MoveTask(MoveTask { task: task?.id, to, place, reason: None, resolution: None, reopen })
        }
        40..=43 => {
            let fields = TaskFields { priority: dice.of(Priority::ALL), ..TaskFields::default() };
            Command::UpdateTask(task?.id, fields.into())
        }
        44..=46 => Command::DeleteTask(task?.id),
        47..=52 => Command::AddDependency(task?.id, dice.of(&tasks)?.id),
        53..=54 => {
            let edges: Vec<Dependency> = house.all().await;
            Command::RemoveDependency(EdgeRef::Id(dice.of(&edges)?.id))
        }
        55..=58 => Command::AddComment(NewComment {
            task: task?.id,
            author: Handle::owner(),
            author_type: AuthorType::Human,
            content: words("Nice."),
            kind: CommentType::Message,
        }),
        59..=61 => Command::RaiseSignal(NewSignal {
            task: task?.id,
            session_key: SessionKey::parse("by-hand").unwrap().unwrap().into(),
            agent_id: Handle::agent(),
            run_id: None,
            kind: SignalKind::Question,
            severity: SignalSeverity::Normal,
            message: words("Red?"),
            options: clutch_domain::text::Options::default(),
        }),
        62..=63 => {
            let signals: Vec<Signal> = house.all().await;
            Command::AnswerSignal(dice.of(&signals)?.id, words("Green."))
        }
        64..=65 => {
            let signals: Vec<Signal> = house.all().await;
            Command::SettleAnswer(dice.of(&signals)?.id, Ok(format!("run-{nth}")))
        }
        66..=67 => Command::CompleteTask(Completion {
            task: task?.id,
            summary: words("Done."),
            pr_url: None,
            notes: None,
            agent: None,
            session_key: None,
            run_id: None,
            finishes: false,
        }),
        68..=70 => {
            let chats: Vec<Chat> = house.all().await;
            let mut new = NewMessage::new(dice.of(&chats)?.id, Handle::owner(), words(&format!("Hello {nth}")));
            new.send = true;
            Command::PostMessage(new)
        }
        71..=73 => {
            let messages: Vec<Message> = house.all().await;
            let step = dice.of(&[
                Carry::Send,
                Carry::Taken(format!("run-{nth}")),
                Carry::Answered,
                Carry::Failed("no".into()),
            ])?;
            Command::CarryMessage(dice.of(&messages)?.id, step)
        }
        74 => Command::DeleteChat(dice.of(&house.all::<Chat>().await)?.id),
        75 => Command::RestoreChat(dice.of(&house.all::<Chat>().await)?.id),
        76..=84 => {
            let ready: Vec<Task> = tasks.iter().filter(|task| task.status == Status::Ready).cloned().collect();
            let task = dice.of(&ready)?;
            let role = task.acting_role();
            Command::ClaimRun(ClaimRun {
                task: task.id,
                phase: Phase::Work,
                role,
                attempt: task.ended_runs.get(&role).copied().unwrap_or(0) + 1,
                runtime: clutch_domain::runtime::usual(),
                session: format!("{}:{}:{:?}", task.id, role.word(), task.ended_runs.get(&role)),
                model: None,
                most: None,
                prompt_version: "v".into(),
                holder: "one".into(),
            })
        }
        85..=87 => Command::RunStarted(dice.of(&house.all::<Run>().await)?.id.into()),
        88..=91 => Command::RunEnded(EndRun {
            run: dice.of(&house.all::<Run>().await)?.id,
            as_id: None,
            how: dice.of(&[Ended::Finished, Ended::Failed, Ended::Aborted])?,
            last_words: Excerpt::from("The end."),
            used: None,
            retry: Retry { wait_ms: 1_000, cap: 2 },
        }),
        92..=93 => Command::PauseLoop(project?.id, dice.roll(2) == 0),
        94 => {
            let on = ProjectPatch { work_loop_enabled: Some(dice.roll(2) == 0), ..ProjectPatch::default() };
            Command::UpdateProject(project?.id, on)
        }
        95 => Command::DeleteProject(project?.id, Force::Yes),
        96..=97 => Command::RestoreProject(project?.id),
        98 => Command::ShelveProject(project?.id),
        99 => Command::PurgeProject(project?.id),
        100..=102 => Command::CreatePrompt(NewPrompt {
            line: Line { role: dice.of(Role::ALL)?, model: dice.of(&[None, Some("gpt".to_owned())])? },
            content: PromptText::parse(&format!("Do it {nth} times.")).unwrap()?,
            variables: Vec::new(),
            change_summary: None,
            parent: None,
            created_by: Handle::owner(),
        }),
        _ => Command::ActivatePrompt(dice.of(&house.all::<Version>().await)?.id),
    })
}

/// The command with which a history goes on, from what there is: first a lease and a project.
pub async fn goes_on(house: &House, dice: &mut Dice, nth: u64) -> Option<Command> {
    match nth {
        0 => Some(Command::HoldLease(HoldLease { holder: "one".into(), take_over_beat: None, sole_writer: true })),
        1 => Some(new_project(0)),
        _ => next(house, dice, nth).await,
    }
}

pub async fn the_same_history_leaves_the_same_documents(place: &impl Place) {
    let (plain, house) = (House::over(Arc::new(MemoryStore::new())), House::over(place.open().await));
    let mut dice = Dice(SEED);
    let mut done = 0;
    for nth in 0..COMMANDS {
        let Some(command) = goes_on(&plain, &mut dice, nth).await else { continue };
        let (expected, found) = (plain.run(nth, &command).await, house.run(nth, &command).await);
        assert_eq!(found, expected, "{nth}: {command:?}");
        done += u64::from(!found.starts_with("refused"));
    }
    assert_eq!(house.everything().await, plain.everything().await);
    for project in plain.all::<Project>().await {
        let query = Query::board(project.id);
        let shown = house.store.read(&query.fetch()).await.unwrap().value;
        let expected = plain.store.read(&query.fetch()).await.unwrap().value;
        assert_eq!(answer(&query, &shown), answer(&query, &expected));
    }
    assert!(done > COMMANDS / 2, "{done} commands did something");
}
