//! Documents: what a store keeps. A store knows keys, revisions and an index;
//! only the domain knows what is inside.

use serde::{Deserialize, Serialize};

use crate::{
    activity::Activity,
    chat::{Chat, Message},
    id::{ChatId, ProjectId, TaskId},
    project::{Counts, Project},
    run::{Lease, LoopState, Run},
    talk::{Comment, Notification, Signal},
    task::Task,
    time::Millis,
};

/// A document's revision: 0 means absent, the first write makes it 1.
pub type Rev = u64;

/// One "waits for" edge (facts §1.3): `task` waits for `depends_on`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Id.
    pub id: crate::id::DependencyId,
    /// Project of both.
    pub project: ProjectId,
    /// The one that waits.
    pub task: TaskId,
    /// The one that it waits for.
    pub depends_on: TaskId,
    /// Made at.
    pub created_at: Millis,
}

/// A name that only one document may have; put with "must be absent".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unique {
    /// The name, for example `slug:site`.
    pub key: String,
    /// The document that has it.
    pub target: DocKey,
}

/// A number that only grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Which.
    pub name: String,
    /// Last number given.
    pub last: u64,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($body:ty) = $word:literal;)+) => {
        /// Kinds of documents.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $word)] $kind,)+ }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The word that stores use.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$kind => $word,)+ }
            }
        }

        #[expect(clippy::large_enum_variant, reason = "a document lives on the heap already, in its `Arc<Doc>`")]
        /// What is inside a document. Stored as `{"<kind>": {...}}`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Body { $($(#[$doc])* #[serde(rename = $word)] $kind($body),)+ }

        impl Body {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)+ }
            }
        }

        $(
            impl Inside for $body {
                const KIND: Kind = Kind::$kind;
                fn of(body: &Body) -> Option<&Self> {
                    match body { Body::$kind(inside) => Some(inside), _ => None }
                }
            }
            impl From<$body> for Body {
                fn from(inside: $body) -> Self { Self::$kind(inside) }
            }
        )+
    };
}

/// A type that is the inside of one kind of document.
pub trait Inside: Sized {
    /// The kind.
    const KIND: Kind;
    /// The inside of `body`, if it is of this kind.
    fn of(body: &Body) -> Option<&Self>;
}

kinds! {
    /// A project.
    Project(Project) = "project";
    /// Its counts per column.
    Counts(Counts) = "counts";
    /// A task.
    Task(Task) = "task";
    /// A "waits for" edge.
    Dependency(Dependency) = "dependency";
    /// A comment.
    Comment(Comment) = "comment";
    /// A signal.
    Signal(Signal) = "signal";
    /// A notification.
    Notification(Notification) = "notification";
    /// A line of the log.
    Activity(Activity) = "activity";
    /// A run.
    Run(Run) = "run";
    /// The loop's view of a project.
    LoopState(LoopState) = "loop_state";
    /// The loop's lease.
    Lease(Lease) = "lease";
    /// A chat.
    Chat(Chat) = "chat";
    /// A message.
    Message(Message) = "message";
    /// A unique name.
    Unique(Unique) = "unique";
    /// A counter.
    Counter(Counter) = "counter";
}

/// Names one document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocKey {
    /// Kind.
    pub kind: Kind,
    /// Id within the kind.
    pub id: String,
}

impl DocKey {
    /// A key.
    #[must_use]
    pub fn new(kind: Kind, id: impl ToString) -> Self {
        Self { kind, id: id.to_string() }
    }

    /// The document that holds a unique name.
    #[must_use]
    pub fn unique(key: impl ToString) -> Self {
        Self::new(Kind::Unique, key)
    }
}

/// What a store returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Doc {
    /// Revision, from 1.
    pub rev: Rev,
    /// Inside.
    pub body: Body,
}

/// Whose revision a change raises, and on which live queries hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "scope", content = "id", rename_all = "snake_case")]
pub enum Scope {
    /// The list of projects and their counts.
    Installation,
    /// Everything of one project.
    Project(ProjectId),
    /// The messages of one chat.
    Chat(ChatId),
    /// The loop's lease.
    Loop,
    /// Messages that the server carries to agents, of all chats; it wakes the courier.
    Outbox,
    /// The dependencies of one project. No document belongs to it; whoever makes or removes an edge raises it,
    /// so a search for circles can expect that the graph is as it was.
    Graph(ProjectId),
}

impl Scope {
    /// The word that stores use as a key.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Installation => "installation".into(),
            Self::Loop => "loop".into(),
            Self::Outbox => "outbox".into(),
            Self::Project(id) => format!("project:{id}"),
            Self::Chat(id) => format!("chat:{id}"),
            Self::Graph(id) => format!("graph:{id}"),
        }
    }
}

/// What ranges filter and sort on; a store keeps it beside the body.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Scope that the document belongs to.
    pub scope: Scope,
    /// What it hangs on, for [`Range::Children`](crate::range::Range::Children); empty when nothing.
    pub parent: String,
    /// A second thing that it hangs on, for [`Range::Linked`](crate::range::Range::Linked); empty when nothing.
    pub link: String,
    /// State, for [`Range::ByStatus`](crate::range::Range::ByStatus); empty when it has none.
    pub status: &'static str,
    /// Order among its siblings.
    pub order: f64,
    /// Moment, for newest-first.
    pub at: Millis,
}

const fn at_order(at: Millis) -> f64 {
    at.0 as f64
}

fn nil_or(project: Option<ProjectId>) -> Scope {
    project.map_or(Scope::Installation, Scope::Project)
}

impl Body {
    /// The document's key.
    #[must_use]
    pub fn key(&self) -> DocKey {
        let id = match self {
            Self::Project(p) => p.id.to_string(),
            Self::Counts(c) => c.project.to_string(),
            Self::Task(t) => t.id.to_string(),
            Self::Dependency(d) => d.id.to_string(),
            Self::Comment(c) => c.id.to_string(),
            Self::Signal(s) => s.id.to_string(),
            Self::Notification(n) => n.id.to_string(),
            Self::Activity(a) => a.id.to_string(),
            Self::Run(r) => r.id.to_string(),
            Self::LoopState(l) => l.project.to_string(),
            Self::Lease(_) => "loop".into(),
            Self::Chat(c) => c.id.to_string(),
            Self::Message(m) => m.id.to_string(),
            Self::Unique(u) => u.key.clone(),
            Self::Counter(c) => c.name.clone(),
        };
        DocKey { kind: self.kind(), id }
    }

    /// What ranges filter on.
    #[must_use]
    pub fn index(&self) -> Index {
        let plain = |scope, parent: String, at: Millis| Index {
            scope,
            parent,
            link: String::new(),
            status: "",
            order: at_order(at),
            at,
        };
        let installed = Scope::Installation;
        match self {
            Self::Project(p) => plain(installed, "installation".into(), p.created_at),
            Self::Counts(_) => plain(installed, "installation".into(), Millis(0)),
            Self::Task(t) => Index {
                scope: Scope::Project(t.project),
                parent: t.project.to_string(),
                link: String::new(),
                status: t.status.word(),
                order: t.position,
                at: if t.status == crate::task::Status::Done {
                    t.completed_at.unwrap_or(t.status_changed_at)
                } else {
                    t.created_at
                },
            },
            Self::Dependency(d) => Index {
                link: d.depends_on.to_string(),
                ..plain(Scope::Project(d.project), d.task.to_string(), d.created_at)
            },
            Self::Comment(c) => plain(Scope::Project(c.project), c.task.to_string(), c.created_at),
            Self::Signal(s) => Index {
                status: if s.waits() {
                    "waits"
                } else if matches!(s.delivery, Some(crate::talk::Delivery::Pending)) {
                    "delivering"
                } else {
                    "settled"
                },
                ..plain(Scope::Project(s.project), s.task.to_string(), s.created_at)
            },
            Self::Notification(n) => Index {
                status: if n.read { "read" } else { "unread" },
                ..plain(installed, "installation".into(), n.created_at)
            },
            Self::Activity(a) => plain(nil_or(a.project), a.task.map(|t| t.to_string()).unwrap_or_default(), a.at),
            Self::Run(r) => Index {
                status: if r.open() { "open" } else { "ended" },
                link: r.session_key.to_lowercase(),
                ..plain(Scope::Project(r.project), r.task.to_string(), r.claimed_at)
            },
            Self::LoopState(l) => plain(Scope::Project(l.project), l.project.to_string(), Millis(0)),
            Self::Lease(_) => plain(Scope::Loop, String::new(), Millis(0)),
            Self::Chat(c) => {
                let parent = if c.deleted_at.is_some() { CHAT_BIN.into() } else { c.project.to_string() };
                plain(Scope::Project(c.project), parent, c.deleted_at.unwrap_or(c.updated_at))
            }
            Self::Message(m) => Index {
                status: if m.open() {
                    "open"
                } else if m.waits_elsewhere() {
                    "waiting"
                } else {
                    ""
                },
                ..plain(Scope::Chat(m.chat), m.chat.to_string(), m.created_at)
            },
            Self::Unique(_) | Self::Counter(_) => plain(installed, String::new(), Millis(0)),
        }
    }
}

/// The parent of deleted chats, in place of their project.
pub const CHAT_BIN: &str = "deleted-chats";

/// The unique name of a project's slug.
#[must_use]
pub fn slug_name(slug: &str) -> String {
    format!("slug:{slug}")
}

/// The unique name of a task's number.
#[must_use]
pub fn number_name(number: u64) -> String {
    format!("task-number:{number}")
}

/// The unique name of the first eight characters of a task's id in its project.
#[must_use]
pub fn id8_name(project: ProjectId, task: TaskId) -> String {
    format!("id8:{project}:{}", task.id8())
}

/// The unique name of an edge between two tasks.
#[must_use]
pub fn edge_name(task: TaskId, depends_on: TaskId) -> String {
    format!("edge:{task}:{depends_on}")
}

/// The unique name of the chat about a task.
#[must_use]
pub fn task_chat_name(task: TaskId) -> String {
    format!("chat-of-task:{task}")
}

/// The unique name of a message's run id.
#[must_use]
pub fn message_run_name(run_id: &str) -> String {
    format!("message-run:{run_id}")
}

/// The unique name of an action of the loop.
#[must_use]
pub fn action_name(action_id: &str) -> String {
    format!("action:{action_id}")
}

/// The unique name of a run's session, lower-cased as gateways do.
#[must_use]
pub fn session_name(session_key: &str) -> String {
    format!("session:{}", session_key.to_lowercase())
}
