//! Tasks and their status machine (facts §1.2).

mod fields;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    brake::FRUITLESS_MAX,
    id::{NotificationId, ProjectId, RunId, TaskId},
    sabotage::{Switch, removed},
    text::{Body, Title},
    time::Millis,
};

pub use fields::{TaskField, TaskFields};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// All of them, in their natural order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that the wire uses.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The words that people read.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Where a task stands; one column of the board each.
    Status {
        /// Not planned yet.
        Backlog = "backlog", "Backlog";
        /// An agent may take it.
        Ready = "ready", "Ready";
        /// Somebody works on it.
        InProgress = "in_progress", "In progress";
        /// Waits for a review.
        InReview = "in_review", "In review";
        /// Cannot go on without help.
        Blocked = "blocked", "Blocked";
        /// Finished.
        Done = "done", "Done";
    }
}

words! {
    /// How urgent a task is; the order is the loop's order.
    Priority {
        /// Whenever there is time.
        Low = "low", "Low";
        /// The usual.
        Medium = "medium", "Medium";
        /// Soon.
        High = "high", "High";
        /// Before all others.
        Urgent = "urgent", "Urgent";
    }
}

words! {
    /// What kind of agent takes a task.
    Role {
        /// Plans, splits and asks.
        Pm = "pm", "PM";
        /// Writes code.
        Dev = "dev", "Dev";
        /// Finds things out.
        Research = "research", "Research";
        /// Judges work.
        Reviewer = "reviewer", "Reviewer";
        /// Brings branches together.
        ConflictResolver = "conflict_resolver", "Conflict resolver";
    }
}

words! {
    /// How a task ended.
    Resolution {
        /// Done as asked.
        Completed = "completed", "Completed";
        /// Given up on purpose.
        Discarded = "discarded", "Discarded";
        /// Its pull request was merged.
        Merged = "merged", "Merged";
    }
}

/// Most tasks that one task waits for, and most that wait for it: they are read and told at once.
pub const EDGES_MAX: u32 = 2_000;

/// Most parts into which a task is split at once.
pub const SUBTASKS_MAX: usize = 50;

/// A person must look at a task, as it does not go on (facts §1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Since when.
    pub at: Millis,
    /// Who said so, by the name that was given.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::text::stored::some_lines")]
    pub reason: Option<String>,
    /// What people were told of it; not known of one that a program of before made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<NotificationId>,
}

/// A manual dispatch (facts §2.8), from the moment in which it was asked for until its task leaves its column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// When.
    pub at: Millis,
    /// Who asked, by the name that was given.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub by: String,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Id; `REST` calls it `id`.
    pub id: TaskId,
    /// Its project.
    pub project: ProjectId,
    /// People see `T-<number>`; unique in the installation.
    pub number: u64,
    /// Title.
    pub title: Title,
    /// Markdown.
    #[serde(default)]
    pub description: Option<Body>,
    /// Column.
    pub status: Status,
    /// Priority.
    pub priority: Priority,
    /// Kind of agent; `None` counts as dev.
    #[serde(default)]
    pub role: Option<Role>,
    /// Registry id or free text.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub assignee: Option<String>,
    /// A person must look before it is done.
    #[serde(default)]
    pub requires_human_review: bool,
    /// Tags.
    #[serde(default, deserialize_with = "crate::text::stored::each_line")]
    pub tags: Vec<String>,
    /// Last session key used for it.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub session_id: Option<String>,
    /// Version of the prompt, as programs set it.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub prompt_version_id: Option<String>,
    /// Session of the agent that works on it now.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub agent_session_key: Option<String>,
    /// When that agent was started.
    #[serde(default)]
    pub agent_spawned_at: Option<Millis>,
    /// The run that is open now.
    #[serde(default)]
    pub open_run: Option<RunId>,
    /// Ended runs per role; the ordinal of the next attempt is one more.
    #[serde(default)]
    pub ended_runs: BTreeMap<Role, u32>,
    /// Failed attempts in a row since a person or a success last touched it. Counts failures only.
    #[serde(default)]
    pub failures: u32,
    /// Ended runs in a row of which nothing is there: no report, no comment, no question. A person's Ready begins anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fruitless: u32,
    /// Runs in a row that met a usage window which had run out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limited: u32,
    /// The loop does not try again before this moment.
    #[serde(default)]
    pub retry_at: Option<Millis>,
    /// Reason of the last failure, or why it is blocked, in words.
    #[serde(default, deserialize_with = "crate::text::stored::some_lines")]
    pub trouble: Option<String>,
    /// A person must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// When somebody last decided what becomes of it, as it did not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triaged_at: Option<Millis>,
    /// Somebody wants it handed to its assignee; nobody has taken it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<Dispatch>,
    /// Branch of the work.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub branch: Option<String>,
    /// Number of the pull request.
    #[serde(default)]
    pub pr_number: Option<u64>,
    /// Markdown of commands to run after the merge.
    #[serde(default, deserialize_with = "crate::text::stored::some_lines")]
    pub post_merge_steps: Option<String>,
    /// How it ended.
    #[serde(default)]
    pub resolution: Option<Resolution>,
    /// Order within its column.
    pub position: f64,
    /// Tasks that it waits for and that are not done; kept by the rules.
    #[serde(default)]
    pub open_dependencies: u32,
    /// Tasks that it waits for, done or not; kept by the rules.
    #[serde(default)]
    pub dependencies: u32,
    /// Tasks that wait for it; kept by the rules.
    #[serde(default)]
    pub dependents: u32,
    /// Made at.
    pub created_at: Millis,
    /// Last changed at, by whatever.
    pub updated_at: Millis,
    /// In this status since.
    pub status_changed_at: Millis,
    /// First done at.
    #[serde(default)]
    pub completed_at: Option<Millis>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Task {
    /// A new task of this status: nobody has worked on it, and all its fields are what is usual.
    #[must_use]
    pub fn new(id: TaskId, project: ProjectId, number: u64, title: Title, status: Status, now: Millis) -> Self {
        Self {
            id,
            project,
            number,
            title,
            description: None,
            status,
            priority: Priority::Medium,
            role: None,
            assignee: None,
            requires_human_review: false,
            tags: Vec::new(),
            session_id: None,
            prompt_version_id: None,
            agent_session_key: None,
            agent_spawned_at: None,
            open_run: None,
            ended_runs: BTreeMap::new(),
            failures: 0,
            fruitless: 0,
            limited: 0,
            retry_at: None,
            trouble: None,
            escalation: None,
            triaged_at: None,
            dispatch: None,
            branch: None,
            pr_number: None,
            post_merge_steps: None,
            resolution: None,
            position: 0.0,
            open_dependencies: 0,
            dependencies: 0,
            dependents: 0,
            created_at: now,
            updated_at: now,
            status_changed_at: now,
            completed_at: (status == Status::Done).then_some(now),
        }
    }

    /// `T-12`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("T-{}", self.number)
    }

    /// Whether so many of its agents left nothing that only a person lets another begin.
    #[must_use]
    pub fn is_fruitless(&self) -> bool {
        self.fruitless >= FRUITLESS_MAX && !removed(Switch::Fruitless)
    }

    /// The role that acts for it.
    #[must_use]
    pub fn acting_role(&self) -> Role {
        self.role.unwrap_or(Role::Dev)
    }
}
