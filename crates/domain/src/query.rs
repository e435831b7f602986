//! Screens and feeds that can be asked for, and the only meaning of each:
//! a query names bounded ranges, [`answer`] turns the documents into a snapshot.

mod more;
pub mod work;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::{
    more::{MORE_CARDS, MORE_PAGES_MAX, More},
    work::LoopView,
};
use crate::{
    activity::Activity,
    chat::{Chat, Message},
    doc::{Dependency, Kind, RUN_WAITING, RUN_WORKING, Scope, Unread, asks_link},
    id::{ChatId, ProjectId, TaskId},
    project::{Counts, Project},
    range::{Docs, Fetch, Order, Range},
    run::{LoopState, Run},
    talk::{Comment, Signal},
    task::{Status, Task},
};

/// Most projects that are shown.
pub const PROJECTS_MAX: u32 = 500;
/// Most cards of an open column.
pub const COLUMN_MAX: u32 = 500;
/// Newest finished cards that a board shows.
pub const DONE_SHOWN: u32 = 50;
/// Most runs that are at work, and as many that wait, of one project.
pub const RUNS_MAX: u32 = 200;
/// Most waiting signals of one project.
pub const SIGNALS_MAX: u32 = 200;
/// Most comments of one task that a panel loads.
pub const COMMENTS_MAX: u32 = 500;
/// Newest activity lines of one task that a panel loads.
pub const ACTIVITY_MAX: u32 = 200;
/// Newest chats of a project that are followed live; older ones are listed when somebody asks for them.
pub const CHATS_SHOWN: u32 = 100;
/// Newest messages of a chat that are followed live; older ones are loaded on the way up.
pub const MESSAGES_SHOWN: u32 = 50;
/// Most edges of one task that a panel shows.
pub const EDGES_SHOWN: u32 = 200;

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
        /// How much more than usual of its columns.
        #[serde(default, skip_serializing_if = "More::is_none")]
        more: More,
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
    /// What the work loop does in a project, and what keeps it from doing more.
    Loop {
        /// Project.
        project: ProjectId,
    },
}

/// The answer to [`Query::Chats`].
#[derive(Clone, Debug, PartialEq)]
pub struct Chats {
    /// The project.
    pub project: Project,
    /// Chats, last spoken in first.
    pub chats: Vec<Chat>,
    /// There are older ones.
    pub more: bool,
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
    /// What this program cannot read of it.
    pub unread: Vec<Unread>,
}

/// The answer to [`Query::Task`].
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView {
    /// The project.
    pub project: Project,
    /// The task.
    pub task: Task,
    /// The newest comments, oldest first.
    pub comments: Vec<Comment>,
    /// There are older ones.
    pub more: bool,
    /// The newest signals and all that still ask, oldest first.
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
    /// What this program cannot read of it.
    pub unread: Vec<Unread>,
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
    /// To [`Query::Loop`].
    Loop(Box<LoopView>),
    /// What was asked for is not there (any more).
    Gone,
    /// It is there, and this program cannot read it.
    Unread(Unread),
}

impl Snapshot {
    /// Bytes of words in it that a page renders.
    #[must_use]
    pub fn words(&self) -> usize {
        match self {
            Self::Chat(view) => view.messages.iter().map(|m| m.content.as_str().len()).sum(),
            Self::Task(view) => {
                let description = view.task.description.as_ref().map_or(0, |d| d.as_str().len());
                let comments: usize = view.comments.iter().map(|c| c.content.as_str().len()).sum();
                let asked: usize = view.signals.iter().map(|s| s.message.as_str().len()).sum();
                let answered: usize =
                    view.signals.iter().filter_map(|s| s.response.as_ref()).map(|r| r.as_str().len()).sum();
                let last: usize = view.runs.iter().filter_map(|r| r.last_words.as_ref()).map(String::len).sum();
                description + comments + asked + answered + last
            }
            Self::Home(_) | Self::Board(_) | Self::Chats(_) | Self::Loop(_) | Self::Gone | Self::Unread(_) => 0,
        }
    }
}

/// What a page says of documents that it cannot show.
#[must_use]
pub fn unread_words(unread: &[Unread]) -> Option<String> {
    let newer = unread.iter().filter(|u| u.newer).count();
    let say = |n: usize, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("One thing here {one}")),
        n => Some(format!("{n} things here {many}")),
    };
    let newer_words = say(
        newer,
        "was written by a newer OpenClutch; update this server to see it.",
        "were written by a newer OpenClutch; update this server to see them.",
    );
    let damaged = say(
        unread.len() - newer,
        "cannot be read; the server's log names it.",
        "cannot be read; the server's log names them.",
    );
    match (newer_words, damaged) {
        (Some(newer), Some(damaged)) => Some(format!("{newer} {damaged}")),
        (one, other) => one.or(other),
    }
}

fn column(project: ProjectId, status: Status, more: More) -> Range {
    let done = status == Status::Done;
    let first = if done { DONE_SHOWN } else { COLUMN_MAX };
    Range::ByStatus {
        kind: Kind::Task,
        scope: Some(Scope::Project(project)),
        status: status.word().into(),
        order: if done { Order::Newest } else { Order::Ordered },
        limit: first + more.cards(status),
    }
}

/// Runs at work, and runs that wait: each as many.
fn open_runs(scope: Option<Scope>) -> [Range; 2] {
    [RUN_WORKING, RUN_WAITING].map(|status| Range::ByStatus {
        kind: Kind::Run,
        scope,
        status: status.into(),
        order: Order::Ordered,
        limit: RUNS_MAX,
    })
}

/// The newest children: what is shown is never cut at its new end.
fn newest(kind: Kind, task: TaskId, limit: u32) -> Range {
    Range::NewestChildren { kind, parent: task.to_string(), before: None, limit }
}

fn waiting(scope: Option<Scope>) -> Range {
    Range::ByStatus { kind: Kind::Signal, scope, status: "waits".into(), order: Order::Ordered, limit: SIGNALS_MAX }
}

impl Query {
    /// A board as it is opened.
    #[must_use]
    pub fn board(project: ProjectId) -> Self {
        Self::Board { project, more: More::default() }
    }

    /// The project of which it shows what agents are doing at this moment.
    #[must_use]
    pub const fn shows_lines_of(&self) -> Option<ProjectId> {
        match *self {
            Self::Board { project, .. } | Self::Task { project, .. } | Self::Loop { project } => Some(project),
            Self::Home | Self::Chats { .. } | Self::Chat { .. } => None,
        }
    }

    /// The ranges and scopes to read. The scopes follow from the query alone, so its version never goes back.
    #[must_use]
    pub fn fetch(&self) -> Fetch {
        match *self {
            Self::Home => Fetch {
                scopes: vec![Scope::Installation],
                ranges: vec![
                    Range::children(Kind::Project, "installation", PROJECTS_MAX),
                    Range::children(Kind::Counts, "installation", PROJECTS_MAX),
                    waiting(None),
                ]
                .into_iter()
                .chain(open_runs(None))
                .collect(),
            },
            Self::Board { project, more } => {
                let scope = Some(Scope::Project(project));
                let mut ranges = vec![
                    Range::doc(Kind::Project, project),
                    Range::doc(Kind::Counts, project),
                    Range::doc(Kind::LoopState, project),
                    waiting(scope),
                ];
                ranges.extend(open_runs(scope));
                ranges.extend(Status::ALL.iter().map(|s| column(project, *s, more)));
                Fetch { scopes: vec![Scope::Project(project)], ranges }
            }
            Self::Chats { project } => Fetch {
                scopes: vec![Scope::Project(project), Scope::Chats(project)],
                ranges: vec![
                    Range::doc(Kind::Project, project),
                    Range::NewestChildren {
                        kind: Kind::Chat,
                        parent: project.to_string(),
                        before: None,
                        limit: CHATS_SHOWN + 1,
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
            Self::Loop { project } => work::fetch(project),
            Self::Task { project, task } => Fetch {
                scopes: vec![Scope::Project(project), Scope::Task(task)],
                ranges: vec![
                    Range::doc(Kind::Project, project),
                    Range::doc(Kind::Task, task),
                    Range::doc(Kind::LoopState, project),
                    newest(Kind::Comment, task, COMMENTS_MAX + 1),
                    newest(Kind::Signal, task, SIGNALS_MAX),
                    newest(Kind::Run, task, 50),
                    newest(Kind::Activity, task, ACTIVITY_MAX),
                    Range::children(Kind::Dependency, task, EDGES_SHOWN),
                    Range::Linked { kind: Kind::Dependency, link: task.to_string(), limit: EDGES_SHOWN },
                    Range::Linked { kind: Kind::Signal, link: asks_link(task), limit: SIGNALS_MAX },
                ],
            },
        }
    }
}

/// A project that is not deleted.
fn there<'a>(docs: &'a Docs, range: &Range) -> Option<&'a Project> {
    docs.first::<Project>(range).filter(|project| project.deleted_at.is_none())
}

/// The meaning of a query.
#[must_use]
pub fn answer(query: &Query, docs: &Docs) -> Snapshot {
    let ranges = query.fetch().ranges;
    // The thing itself, before what hangs on it.
    let itself = match query {
        Query::Home => None,
        Query::Task { .. } => docs.unread(&ranges[0]).chain(docs.unread(&ranges[1])).next(),
        Query::Board { .. } | Query::Chats { .. } | Query::Chat { .. } | Query::Loop { .. } => {
            docs.unread(&ranges[0]).next()
        }
    };
    if let Some(unread) = itself {
        return Snapshot::Unread(unread.clone());
    }
    let unread = || ranges.iter().flat_map(|range| docs.unread(range)).cloned().collect();
    match *query {
        Query::Home => {
            let mut projects: Vec<Project> = docs.all(&ranges[0]).cloned().collect();
            projects.sort_by(|a, b| {
                a.name.as_str().to_lowercase().cmp(&b.name.as_str().to_lowercase()).then(a.id.cmp(&b.id))
            });
            let mut waiting: Vec<Signal> = docs.all(&ranges[2]).cloned().collect();
            waiting.reverse();
            // What lies in the bin has left these lists, or does so in a moment.
            let all = docs.get(&ranges[0]).is_some_and(|found| found.len() < PROJECTS_MAX as usize);
            let here: BTreeSet<ProjectId> = projects.iter().map(|p| p.id).collect();
            waiting.retain(|signal| !all || here.contains(&signal.project));
            Snapshot::Home(Home {
                projects,
                counts: docs.all(&ranges[1]).cloned().collect(),
                runs: ranges[3..].iter().flat_map(|r| docs.all::<Run>(r)).cloned().collect(),
                waiting,
            })
        }
        Query::Board { project, .. } => {
            let Some(is) = there(docs, &ranges[0]) else { return Snapshot::Gone };
            Snapshot::Board(Box::new(Board {
                project: is.clone(),
                counts: docs.first::<Counts>(&ranges[1]).cloned().unwrap_or_else(|| Counts::none(project)),
                loop_state: docs.first::<LoopState>(&ranges[2]).cloned(),
                waiting: docs.all(&ranges[3]).cloned().collect(),
                runs: ranges[4..6].iter().flat_map(|r| docs.all::<Run>(r)).cloned().collect(),
                tasks: ranges[6..].iter().flat_map(|r| docs.all::<Task>(r)).cloned().collect(),
                unread: unread(),
            }))
        }
        Query::Chats { .. } => {
            let Some(project) = there(docs, &ranges[0]) else { return Snapshot::Gone };
            let mut chats: Vec<Chat> = docs.all::<Chat>(&ranges[1]).cloned().collect();
            let more = chats.len() > CHATS_SHOWN as usize;
            chats.truncate(CHATS_SHOWN as usize);
            Snapshot::Chats(Box::new(Chats { project: project.clone(), chats, more }))
        }
        Query::Chat { .. } => {
            let Some(chat) = docs.first::<Chat>(&ranges[0]) else { return Snapshot::Gone };
            let mut messages: Vec<Message> = docs.all(&ranges[1]).cloned().collect();
            let more = messages.len() > MESSAGES_SHOWN as usize;
            messages.truncate(MESSAGES_SHOWN as usize);
            messages.reverse();
            Snapshot::Chat(Box::new(ChatView { chat: chat.clone(), messages, more }))
        }
        Query::Loop { .. } => {
            let Some(project) = there(docs, &ranges[0]) else { return Snapshot::Gone };
            Snapshot::Loop(Box::new(work::view(project, docs, &ranges, unread())))
        }
        Query::Task { project, task } => {
            let (Some(p), Some(t)) = (there(docs, &ranges[0]), docs.first::<Task>(&ranges[1])) else {
                return Snapshot::Gone;
            };
            if t.project != project {
                return Snapshot::Gone;
            }
            let mut comments: Vec<Comment> = docs.all(&ranges[3]).cloned().collect();
            let more = comments.len() > COMMENTS_MAX as usize;
            comments.truncate(COMMENTS_MAX as usize);
            comments.reverse();
            // The newest, and whatever still asks, however old it is.
            let mut signals: Vec<Signal> = docs.all(&ranges[4]).chain(docs.all(&ranges[9])).cloned().collect();
            signals.sort_by_key(|s| (s.created_at, s.id));
            signals.dedup_by_key(|s| s.id);
            Snapshot::Task(Box::new(TaskView {
                project: p.clone(),
                task: t.clone(),
                comments,
                more,
                signals,
                runs: docs.all(&ranges[5]).cloned().collect(),
                activity: docs.all(&ranges[6]).cloned().collect(),
                waits_for: docs.all(&ranges[7]).cloned().collect(),
                blocks: docs.all(&ranges[8]).cloned().collect(),
                unread: unread(),
                note: docs.first::<LoopState>(&ranges[2]).and_then(|l| {
                    l.notes.get(&task).or(l.notice.as_ref().filter(|_| t.status == Status::Ready)).cloned()
                }),
            }))
        }
    }
}
