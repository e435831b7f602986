//! Documents: what a store keeps. A store knows keys, revisions and an index;
//! only the domain knows what is inside.

mod found_by;
mod names;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    access::{Account, BrowserSession, INSTALLATION, Token},
    activity::{Activity, REFUSED, REFUSED_LOG_INS},
    chat::{Chat, Message},
    id::{ChatId, ProjectId, TaskId},
    notification::{self, Notification},
    project::{Counts, Project},
    prompt::Version,
    refusal::Refusal,
    run::{Lease, LoopState, Run, RunState},
    talk::{Comment, Signal},
    task::{Status, Task},
    time::Millis,
    webhook::{DELIVERIES_ENDED, Delivery, WEBHOOK_BIN, WEBHOOK_ON, Webhook, deliveries_due},
};

pub use self::found_by::FoundBy;
use self::names::start_link;
pub use self::names::{
    CHAT_BIN, MESSAGE_BEHIND, MESSAGE_OPEN, PROJECT_BIN, RUN_WAITING, RUN_WORKING, action_name, asks_link, edge_name,
    id8_name, message_run_name, number_name, prompt_counter, prompt_in_force, prompt_number, prompts_of, retries_link,
    session_name, slug_name, startable_link, startable_links, task_chat_name,
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
    ($($(#[$doc:meta])* $kind:ident($body:ty) = $word:literal v $version:literal by [$($by:ident),*];)+) => {
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

            /// Version of its bodies, from 1. It is raised when the meaning of a member changes, so that
            /// older programs leave such a document alone; a member that only joins needs no new version,
            /// because a program keeps what it does not know.
            #[must_use]
            pub const fn version(self) -> u32 {
                match self { $(Self::$kind => $version,)+ }
            }

            /// What its documents can be found by.
            #[must_use]
            pub const fn found_by(self) -> FoundBy {
                match self { $(Self::$kind => FoundBy::NOTHING$(.$by())*,)+ }
            }
        }

        /// What is inside a document. Stored as `{"<kind>": {"v": <version>, ...}}`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Body {
            $($(#[$doc])* #[serde(rename = $word)] $kind($body),)+
            /// One that this program cannot read. It is never written.
            #[serde(skip)]
            Unread(Unread),
        }

        impl Body {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)+ Self::Unread(unread) => unread.key.kind }
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

/// A document that this program cannot read: it is passed over in lists, and asked for alone it is
/// refused in words. It stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Which.
    pub key: DocKey,
    /// A newer program wrote it; otherwise it is damaged.
    pub newer: bool,
}

impl Unread {
    /// The refusal that says so.
    #[must_use]
    pub const fn refusal(&self) -> Refusal {
        if self.newer { Refusal::WrittenByNewer } else { Refusal::Unreadable }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.key.kind.word(), self.key.id, self.refusal())
    }
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
    Project(Project) = "project" v 1 by [parent];
    /// Its counts per column.
    Counts(Counts) = "counts" v 1 by [parent];
    /// A task.
    Task(Task) = "task" v 1 by [parent, order, link, status];
    /// A "waits for" edge.
    Dependency(Dependency) = "dependency" v 1 by [parent, link, scope];
    /// A comment.
    Comment(Comment) = "comment" v 1 by [parent, scope];
    /// A signal.
    Signal(Signal) = "signal" v 1 by [parent, link, status, everywhere, scope];
    /// A line of the log.
    Activity(Activity) = "activity" v 1 by [parent, scope];
    /// A run.
    Run(Run) = "run" v 1 by [parent, status, everywhere, scope];
    /// The loop's view of a project.
    LoopState(LoopState) = "loop_state" v 1 by [parent];
    /// The loop's lease.
    Lease(Lease) = "lease" v 1 by [];
    /// A chat.
    Chat(Chat) = "chat" v 1 by [parent, scope];
    /// A message.
    Message(Message) = "message" v 1 by [parent, status, everywhere, scope];
    /// A unique name.
    Unique(Unique) = "unique" v 1 by [];
    /// A counter.
    Counter(Counter) = "counter" v 1 by [];
    /// A program's token.
    Token(Token) = "token" v 1 by [parent];
    /// Who may log in.
    Account(Account) = "account" v 1 by [parent];
    /// A browser that is logged in.
    BrowserSession(BrowserSession) = "browser_session" v 1 by [parent];
    /// Something that programs tell people. The word `notification` is taken by a retired kind.
    Notification(Notification) = "notice" v 1 by [parent, link];
    /// A version of a role's prompt.
    PromptVersion(Version) = "prompt_version" v 1 by [parent];
    /// A webhook.
    Webhook(Webhook) = "webhook" v 1 by [parent, link, status, everywhere];
    /// What a webhook is told of one line of the log.
    Delivery(Delivery) = "delivery" v 1 by [parent, link];
}

/// Kinds that programs of before had, and what they were found by. Stores drop such documents.
pub const RETIRED_KINDS: &[(&str, FoundBy)] = &[("notification", FoundBy::NOTHING.parent().status())];

/// Version of what [`Body::index`] says. It is raised whenever one of its words changes: then the server
/// that leads writes the documents of [`REINDEXED`] again, so that they are found by the new words.
pub const INDEX_VERSION: u64 = 1;

/// Kinds whose words are others than those that programs of before wrote.
pub const REINDEXED: &[Kind] = &[Kind::Run, Kind::Signal, Kind::Task];

/// Name of the [`Counter`] that tells up to which [`INDEX_VERSION`] everything is in order.
pub const INDEXED: &str = "index-version";

impl Kind {
    /// Members that bodies of before had and that mean nothing any more: dropped when one is written again.
    #[must_use]
    pub const fn retired_members(self) -> &'static [&'static str] {
        match self {
            Self::Task => &[
                "dispatch_status",
                "dispatch_requested_at",
                "dispatch_requested_by",
                "reported_run",
                "reviewer_rejection_count",
                "triage_sent_at",
                "triage_acked_at",
                "auto_triage_count",
                "escalated",
                "escalated_at",
                "review_comments",
                "review_count",
                "verification_status",
                "verification_output",
            ],
            _ => &[],
        }
    }
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
    /// The text that is stored, where it has members that this program does not know. Whoever writes
    /// the document again hands it back ([`Change::keep`](crate::change::Change::keep)), and they stay.
    pub kept: Option<Arc<str>>,
}

impl Doc {
    /// A document of which everything is known.
    #[must_use]
    pub const fn new(rev: Rev, body: Body) -> Self {
        Self { rev, body, kept: None }
    }
}

/// Whose revision a change raises, and on which live queries hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "scope", content = "id", rename_all = "snake_case")]
pub enum Scope {
    /// The list of projects and their counts.
    Installation,
    /// A project: what its board shows, and all of it that no other scope has.
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
    /// The words about one task, which only its own page shows. What its card shows is the project's scope.
    Task(TaskId),
    /// The list of chats of one project.
    Chats(ProjectId),
    /// Who may come in.
    Access,
    /// Webhooks and their deliveries; it wakes who sends them.
    Webhooks,
}

impl Scope {
    /// The word that stores use as a key.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Installation => "installation".into(),
            Self::Loop => "loop".into(),
            Self::Outbox => "outbox".into(),
            Self::Access => "access".into(),
            Self::Webhooks => "webhooks".into(),
            Self::Project(id) => format!("project:{id}"),
            Self::Chat(id) => format!("chat:{id}"),
            Self::Graph(id) => format!("graph:{id}"),
            Self::Task(id) => format!("task:{id}"),
            Self::Chats(id) => format!("chats:{id}"),
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
    /// Order among its siblings: the moment as a number, unless the kind has an order of its own ([`FoundBy::order`]).
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
            Self::Activity(a) => a.id.to_string(),
            Self::Run(r) => r.id.to_string(),
            Self::LoopState(l) => l.project.to_string(),
            Self::Lease(_) => "loop".into(),
            Self::Chat(c) => c.id.to_string(),
            Self::Message(m) => m.id.to_string(),
            Self::Unique(u) => u.key.clone(),
            Self::Counter(c) => c.name.clone(),
            Self::Token(t) => t.digest.to_string(),
            Self::Account(a) => a.name.clone(),
            Self::BrowserSession(b) => b.digest.to_string(),
            Self::Notification(n) => n.id.to_string(),
            Self::PromptVersion(p) => p.id.to_string(),
            Self::Webhook(w) => w.id.to_string(),
            Self::Delivery(d) => d.id.to_string(),
            Self::Unread(u) => u.key.id.clone(),
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
            Self::Project(p) => match p.deleted_at {
                None => plain(installed, "installation".into(), p.created_at),
                Some(at) => plain(installed, PROJECT_BIN.into(), at),
            },
            Self::Counts(c) => {
                plain(installed, if c.hidden { String::new() } else { "installation".into() }, Millis(0))
            }
            Self::Task(t) => Index {
                scope: Scope::Project(t.project),
                parent: t.project.to_string(),
                link: start_link(t),
                status: t.status.word(),
                order: t.position,
                at: if t.status == Status::Done { t.completed_at.unwrap_or(t.status_changed_at) } else { t.created_at },
            },
            Self::Dependency(d) => Index {
                link: d.depends_on.to_string(),
                ..plain(Scope::Project(d.project), d.task.to_string(), d.created_at)
            },
            Self::Comment(c) => plain(Scope::Project(c.project), c.task.to_string(), c.created_at),
            Self::Signal(s) => Index {
                status: if s.shelved && (s.waits() || s.delivery == Some(crate::talk::Delivery::Pending)) {
                    "shelved"
                } else if s.waits() {
                    "waits"
                } else if matches!(s.delivery, Some(crate::talk::Delivery::Pending)) {
                    "delivering"
                } else {
                    "settled"
                },
                link: if s.open() { asks_link(s.asked_from.unwrap_or(s.task)) } else { String::new() },
                ..plain(Scope::Project(s.project), s.task.to_string(), s.created_at)
            },
            Self::Activity(a) => {
                let none = if a.what == REFUSED { REFUSED_LOG_INS } else { "" };
                plain(nil_or(a.project), a.task.map_or_else(|| none.to_owned(), |t| t.to_string()), a.at)
            }
            Self::Run(r) => Index {
                status: match r.state {
                    RunState::Claimed | RunState::Started => RUN_WORKING,
                    RunState::Waiting => RUN_WAITING,
                    RunState::Ended => "ended",
                },
                ..plain(Scope::Project(r.project), r.task.to_string(), r.claimed_at)
            },
            Self::LoopState(l) => plain(Scope::Project(l.project), l.project.to_string(), Millis(0)),
            Self::Lease(_) => plain(Scope::Loop, String::new(), Millis(0)),
            Self::Chat(c) => {
                let parent = if c.deleted_at.is_some() { CHAT_BIN.into() } else { c.project.to_string() };
                plain(Scope::Project(c.project), parent, c.deleted_at.unwrap_or(c.updated_at))
            }
            Self::Message(m) => Index {
                status: if m.outbox.as_ref().is_some_and(|o| o.behind) && m.open() {
                    MESSAGE_BEHIND
                } else if m.open() {
                    MESSAGE_OPEN
                } else if m.waits_elsewhere() {
                    "waiting"
                } else {
                    ""
                },
                ..plain(Scope::Chat(m.chat), m.chat.to_string(), m.created_at)
            },
            Self::Token(t) => plain(Scope::Access, INSTALLATION.into(), t.created_at),
            Self::Account(a) => plain(Scope::Access, INSTALLATION.into(), a.created_at),
            Self::BrowserSession(b) => plain(Scope::Access, INSTALLATION.into(), b.created_at),
            // Its project finds it where that goes for good.
            Self::Notification(n) => Index {
                link: n.project.map(|project| project.to_string()).unwrap_or_default(),
                ..plain(installed, if n.read { notification::READ } else { notification::UNREAD }.into(), n.created_at)
            },
            Self::PromptVersion(p) => plain(installed, prompts_of(p.role), p.created_at),
            // Its project finds it where that goes for good.
            Self::Webhook(w) => {
                let parent = if w.deleted_at.is_some() { WEBHOOK_BIN.into() } else { w.project.to_string() };
                Index {
                    link: w.project.to_string(),
                    status: if w.sends() { WEBHOOK_ON } else { "off" },
                    ..plain(Scope::Webhooks, parent, w.deleted_at.unwrap_or(w.created_at))
                }
            }
            Self::Delivery(d) => Index {
                link: if d.waits() { deliveries_due(d.webhook) } else { DELIVERIES_ENDED.into() },
                ..plain(Scope::Webhooks, d.webhook.to_string(), d.ended_at.unwrap_or(d.due))
            },
            Self::Unique(_) | Self::Counter(_) | Self::Unread(_) => plain(installed, String::new(), Millis(0)),
        }
    }
}
