//! Screens and feeds that can be asked for, and the only meaning of each:
//! a query names bounded ranges, [`answer`] turns the documents into a snapshot.

use serde::{Deserialize, Serialize};

use crate::{
    activity::Activity,
    chat::{Chat, Message},
    doc::{Dependency, Kind, Scope},
    id::{ChatId, ProjectId, TaskId},
    project::{Counts, Project},
    range::{Docs, Fetch, Order, Range},
    run::{LoopState, Run},
    talk::{Comment, Notification, Signal},
    task::{Status, Task},
};

/// Most projects that are shown.
pub const PROJECTS_MAX: u32 = 500;
/// Most cards of an open column.
pub const COLUMN_MAX: u32 = 500;
/// Newest finished cards that a board shows.
pub const DONE_SHOWN: u32 = 50;
/// Most open runs of one project.
pub const RUNS_MAX: u32 = 200;
/// Most waiting signals of one project.
pub const SIGNALS_MAX: u32 = 200;
/// Most comments of one task that a panel loads.
pub const COMMENTS_MAX: u32 = 500;
/// Newest activity lines of one task that a panel loads.
pub const ACTIVITY_MAX: u32 = 200;
/// Newest chats of a project that are listed.
pub const CHATS_MAX: u32 = 100;
/// Newest messages of a chat that are followed live; older ones are loaded on the way up.
pub const MESSAGES_SHOWN: u32 = 50;
/// Most edges of one task.
pub const EDGES_MAX: u32 = 200;

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "query", rename_all = "snake_case")]
pub enum Query {
    /// All projects with their counts and what waits for a person.
    Home,
    /// One board.
    Board {
        /// Project.
        project: ProjectId,
    },
    /// One task with all that hangs on it.
    Task {
        /// Project.
        project: ProjectId,
        /// Task.
        task: TaskId,
    },
    /// The chats of a project.
    Chats {
        /// Project.
        project: ProjectId,
    },
    /// One chat with its newest messages.
    Chat {
        /// Chat.
        chat: ChatId,
    },
}

/// The answer to [`Query::Chats`].
#[derive(Clone, Debug, PartialEq)]
pub struct Chats {
    /// The project.
    pub project: Project,
    /// Chats, last spoken in first.
    pub chats: Vec<Chat>,
}

/// The answer to [`Query::Chat`].
#[derive(Clone, Debug, PartialEq)]
pub struct ChatView {
    /// The chat.
    pub chat: Chat,
    /// Its newest messages, oldest first.
    pub messages: Vec<Message>,
    /// There are older ones.
    pub more: bool,
}

/// The answer to [`Query::Home`].
#[derive(Clone, Debug, PartialEq)]
pub struct Home {
    /// Projects by name.
    pub projects: Vec<Project>,
    /// Counts, in any order.
    pub counts: Vec<Counts>,
    /// Open runs of all projects.
    pub runs: Vec<Run>,
    /// Signals that wait for an answer, of all projects, newest first.
    pub waiting: Vec<Signal>,
    /// Unread notifications, newest first.
    pub notifications: Vec<Notification>,
}

/// The answer to [`Query::Board`].
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// The project.
    pub project: Project,
    /// Counts of all its tasks, also of those not shown.
    pub counts: Counts,
    /// Tasks: open columns by position, done newest first.
    pub tasks: Vec<Task>,
    /// Open runs.
    pub runs: Vec<Run>,
    /// Signals that wait for an answer, oldest first.
    pub waiting: Vec<Signal>,
    /// The loop's notes.
    pub loop_state: Option<LoopState>,
}

/// The answer to [`Query::Task`].
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView {
    /// The project.
    pub project: Project,
    /// The task.
    pub task: Task,
    /// Comments, oldest first.
    pub comments: Vec<Comment>,
    /// Signals, oldest first.
    pub signals: Vec<Signal>,
    /// Runs, newest first.
    pub runs: Vec<Run>,
    /// Activity, newest first.
    pub activity: Vec<Activity>,
    /// Edges to what it waits for.
    pub waits_for: Vec<Dependency>,
    /// Edges from what waits for it.
    pub blocks: Vec<Dependency>,
    /// The loop's note about it; for a ready task without one, what it says of the whole project.
    pub note: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Snapshot {
    /// To [`Query::Home`].
    Home(Home),
    /// To [`Query::Board`].
    Board(Box<Board>),
    /// To [`Query::Task`].
    Task(Box<TaskView>),
    /// To [`Query::Chats`].
    Chats(Box<Chats>),
    /// To [`Query::Chat`].
    Chat(Box<ChatView>),
    /// What was asked for is not there (any more).
    Gone,
}

fn column(project: ProjectId, status: Status) -> Range {
    let done = status == Status::Done;
    Range::ByStatus {
        kind: Kind::Task,
        scope: Some(Scope::Project(project)),
        status: status.word().into(),
        order: if done { Order::Newest } else { Order::Ordered },
        limit: if done { DONE_SHOWN } else { COLUMN_MAX },
    }
}

fn open_runs(scope: Option<Scope>) -> Range {
    Range::ByStatus { kind: Kind::Run, scope, status: "open".into(), order: Order::Ordered, limit: RUNS_MAX }
}

fn waiting(scope: Option<Scope>) -> Range {
    Range::ByStatus { kind: Kind::Signal, scope, status: "waits".into(), order: Order::Ordered, limit: SIGNALS_MAX }
}

fn unread() -> Range {
    Range::ByStatus { kind: Kind::Notification, scope: None, status: "unread".into(), order: Order::Newest, limit: 50 }
}

impl Query {
    /// The ranges and scopes to read.
    #[must_use]
    pub fn fetch(&self) -> Fetch {
        match *self {
            Self::Home => Fetch {
                scopes: vec![Scope::Installation],
                ranges: vec![
                    Range::children(Kind::Project, "installation", PROJECTS_MAX),
                    Range::children(Kind::Counts, "installation", PROJECTS_MAX),
                    open_runs(None),
                    waiting(None),
                    unread(),
                ],
            },
            Self::Board { project } => {
                let scope = Some(Scope::Project(project));
                let mut ranges = vec![
                    Range::doc(Kind::Project, project),
                    Range::doc(Kind::Counts, project),
                    Range::doc(Kind::LoopState, project),
                    open_runs(scope),
                    waiting(scope),
                ];
                ranges.extend(Status::ALL.iter().map(|s| column(project, *s)));
                Fetch { scopes: vec![Scope::Project(project)], ranges }
            }
            Self::Chats { project } => Fetch {
                scopes: vec![Scope::Project(project)],
                ranges: vec![
                    Range::doc(Kind::Project, project),
                    Range::NewestChildren {
                        kind: Kind::Chat,
                        parent: project.to_string(),
                        before: None,
                        limit: CHATS_MAX,
                    },
                ],
            },
            Self::Chat { chat } => Fetch {
                scopes: vec![Scope::Chat(chat)],
                ranges: vec![
                    Range::doc(Kind::Chat, chat),
                    Range::NewestChildren {
                        kind: Kind::Message,
                        parent: chat.to_string(),
                        before: None,
                        limit: MESSAGES_SHOWN + 1,
                    },
                ],
            },
            Self::Task { project, task } => Fetch {
                scopes: vec![Scope::Project(project)],
                ranges: vec![
                    Range::doc(Kind::Project, project),
                    Range::doc(Kind::Task, task),
                    Range::doc(Kind::LoopState, project),
                    Range::NewestChildren {
                        kind: Kind::Comment,
                        parent: task.to_string(),
                        before: None,
                        limit: COMMENTS_MAX,
                    },
                    Range::children(Kind::Signal, task, SIGNALS_MAX),
                    Range::NewestChildren { kind: Kind::Run, parent: task.to_string(), before: None, limit: 50 },
                    Range::NewestChildren {
                        kind: Kind::Activity,
                        parent: task.to_string(),
                        before: None,
                        limit: ACTIVITY_MAX,
                    },
                    Range::children(Kind::Dependency, task, EDGES_MAX),
                    Range::Linked { kind: Kind::Dependency, link: task.to_string(), limit: EDGES_MAX },
                ],
            },
        }
    }
}

/// The meaning of a query.
#[must_use]
pub fn answer(query: &Query, docs: &Docs) -> Snapshot {
    let ranges = query.fetch().ranges;
    match *query {
        Query::Home => {
            let mut projects: Vec<Project> = docs.all(&ranges[0]).cloned().collect();
            projects.sort_by(|a, b| {
                a.name.as_str().to_lowercase().cmp(&b.name.as_str().to_lowercase()).then(a.id.cmp(&b.id))
            });
            let mut waiting: Vec<Signal> = docs.all(&ranges[3]).cloned().collect();
            waiting.reverse();
            Snapshot::Home(Home {
                projects,
                counts: docs.all(&ranges[1]).cloned().collect(),
                runs: docs.all(&ranges[2]).cloned().collect(),
                waiting,
                notifications: docs.all(&ranges[4]).cloned().collect(),
            })
        }
        Query::Board { project } => {
            let Some(is) = docs.first::<Project>(&ranges[0]) else { return Snapshot::Gone };
            Snapshot::Board(Box::new(Board {
                project: is.clone(),
                counts: docs.first::<Counts>(&ranges[1]).cloned().unwrap_or_else(|| Counts::none(project)),
                loop_state: docs.first::<LoopState>(&ranges[2]).cloned(),
                runs: docs.all(&ranges[3]).cloned().collect(),
                waiting: docs.all(&ranges[4]).cloned().collect(),
                tasks: ranges[5..].iter().flat_map(|r| docs.all::<Task>(r)).cloned().collect(),
            }))
        }
        Query::Chats { .. } => {
            let Some(project) = docs.first::<Project>(&ranges[0]) else { return Snapshot::Gone };
            Snapshot::Chats(Box::new(Chats {
                project: project.clone(),
                chats: docs.all::<Chat>(&ranges[1]).cloned().collect(),
            }))
        }
        Query::Chat { .. } => {
            let Some(chat) = docs.first::<Chat>(&ranges[0]) else { return Snapshot::Gone };
            let mut messages: Vec<Message> = docs.all(&ranges[1]).cloned().collect();
            let more = messages.len() > MESSAGES_SHOWN as usize;
            messages.truncate(MESSAGES_SHOWN as usize);
            messages.reverse();
            Snapshot::Chat(Box::new(ChatView { chat: chat.clone(), messages, more }))
        }
        Query::Task { project, task } => {
            let (Some(p), Some(t)) = (docs.first::<Project>(&ranges[0]), docs.first::<Task>(&ranges[1])) else {
                return Snapshot::Gone;
            };
            if t.project != project {
                return Snapshot::Gone;
            }
            let mut comments: Vec<Comment> = docs.all(&ranges[3]).cloned().collect();
            comments.reverse();
            Snapshot::Task(Box::new(TaskView {
                project: p.clone(),
                task: t.clone(),
                comments,
                signals: docs.all(&ranges[4]).cloned().collect(),
                runs: docs.all(&ranges[5]).cloned().collect(),
                activity: docs.all(&ranges[6]).cloned().collect(),
                waits_for: docs.all(&ranges[7]).cloned().collect(),
                blocks: docs.all(&ranges[8]).cloned().collect(),
                note: docs.first::<LoopState>(&ranges[2]).and_then(|l| {
                    l.notes.get(&task).or(l.notice.as_ref().filter(|_| t.status == Status::Ready)).cloned()
                }),
            }))
        }
    }
}
