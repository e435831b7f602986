//! What v1 answers with. A document is taken apart whole where it can be, so the compiler asks about a new member.

mod said;
mod spending;
mod webhook;

use std::collections::BTreeMap;

use clutch_domain::{
    actor, doc, project, run, talk, task,
    time::{Millis, Utc},
};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::{
    said::{Chat, Event, Message, Signal},
    spending::{Budget, Spending, Usage, usd},
    webhook::{Delivery, Webhook, WebhookPayload, WebhookSecret, payload},
};
use super::words;

/// A moment as the wire has it: RFC 3339, in UTC, with milliseconds.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-28T09:30:00.000Z")]
pub struct Moment(pub Millis);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Utc { year, month, day, hour, minute, second } = self.0.utc();
        let ms = self.0.0.rem_euclid(1_000);
        to.collect_str(&format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"))
    }
}

fn at(moment: Option<Millis>) -> Option<Moment> {
    moment.map(Moment)
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
pub struct Actor {
    /// What kind of caller.
    #[schema(value_type = words::ActorKind)]
    pub kind: actor::ActorKind,
    /// Its name. Of a program without a token it is only what that said.
    pub name: Option<String>,
}

impl From<&actor::Who> for Actor {
    fn from(who: &actor::Who) -> Self {
        Self { kind: who.kind, name: who.name.clone() }
    }
}

/// A project: a board.
#[derive(Debug, Serialize, ToSchema)]
pub struct Project {
    /// Id.
    pub id: Uuid,
    /// Its address, unique.
    pub slug: String,
    /// Name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// `#rrggbb`.
    pub color: String,
    /// Folder of its repository on the server; without one no agent starts.
    pub local_path: Option<String>,
    /// `owner/repo`.
    pub github_repo: Option<String>,
    /// Whether the work loop takes its tasks.
    pub work_loop_enabled: bool,
    /// Most agents at once.
    pub work_loop_max_agents: Option<u32>,
    /// What its agents may use up on a day.
    pub budget: Budget,
    /// The work loop says what it would do, and does none of it.
    pub dry_run: bool,
    /// An attempt whose model's usage window runs out counts as failed, instead of waiting until that opens again.
    pub limits_fail: bool,
    /// Model by role.
    pub models: BTreeMap<String, String>,
    /// Runtime by role.
    pub runtimes: BTreeMap<String, String>,
    /// Made at.
    pub created_at: Moment,
    /// Last changed at.
    pub updated_at: Moment,
}

impl From<&project::Project> for Project {
    fn from(p: &project::Project) -> Self {
        Self {
            id: p.id.0,
            slug: p.slug.to_string(),
            name: p.name.to_string(),
            description: p.description.clone(),
            color: p.color.clone(),
            local_path: p.local_path.clone(),
            github_repo: p.github_repo.clone(),
            work_loop_enabled: p.work_loop_enabled,
            work_loop_max_agents: p.work_loop_max_agents,
            budget: Budget::from(&p.budget),
            dry_run: p.dry_run,
            limits_fail: p.limits_fail,
            models: p.role_model_overrides.clone(),
            runtimes: p.runtimes.clone(),
            created_at: Moment(p.created_at),
            updated_at: Moment(p.updated_at),
        }
    }
}

/// A person must look at a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct Escalation {
    /// Since when.
    pub at: Moment,
    /// Who said so, by the name that was given.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A task.
#[derive(Debug, Serialize, ToSchema)]
pub struct Task {
    /// Id.
    pub id: Uuid,
    /// Its number in the installation.
    pub number: u64,
    /// What people say: `T-` and the number.
    #[schema(example = "T-12")]
    pub name: String,
    /// Its project.
    pub project_id: Uuid,
    /// Title.
    pub title: String,
    /// Markdown.
    pub description: Option<String>,
    /// Column.
    #[schema(value_type = words::Status)]
    pub status: task::Status,
    /// How urgent.
    #[schema(value_type = words::Priority)]
    pub priority: task::Priority,
    /// Kind of agent; `null` counts as dev.
    #[schema(value_type = Option<words::Role>)]
    pub role: Option<task::Role>,
    /// Who has it.
    pub assignee: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// A person must look before it is done.
    pub requires_human_review: bool,
    /// Branch of the work.
    pub branch: Option<String>,
    /// Number of the pull request.
    pub pr_number: Option<u64>,
    /// Markdown of commands to run after the merge.
    pub post_merge_steps: Option<String>,
    /// How it ended.
    #[schema(value_type = Option<words::Resolution>)]
    pub resolution: Option<task::Resolution>,
    /// Order in its column, ascending; done tasks are ordered by `completed_at`, newest first.
    pub position: f64,
    /// Tasks that it waits for.
    pub dependencies: u32,
    /// Of them, those that are not done.
    pub open_dependencies: u32,
    /// Tasks that wait for it.
    pub dependents: u32,
    /// The run that is open now.
    pub open_run: Option<Uuid>,
    /// Failed attempts in a row.
    pub failures: u32,
    /// No other attempt before this moment.
    pub retry_at: Option<Moment>,
    /// Why the last attempt failed, or why it is blocked.
    pub trouble: Option<String>,
    /// A person must look, as it does not go on.
    pub escalation: Option<Escalation>,
    /// Made at.
    pub created_at: Moment,
    /// Last changed at.
    pub updated_at: Moment,
    /// In this column since.
    pub status_changed_at: Moment,
    /// First done at.
    pub completed_at: Option<Moment>,
}

impl From<&task::Task> for Task {
    fn from(task: &task::Task) -> Self {
        let task::Task {
            id,
            project,
            number,
            title,
            description,
            status,
            priority,
            role,
            assignee,
            requires_human_review,
            tags,
            open_run,
            failures,
            retry_at,
            trouble,
            escalation,
            branch,
            pr_number,
            post_merge_steps,
            resolution,
            position,
            open_dependencies,
            dependencies,
            dependents,
            created_at,
            updated_at,
            status_changed_at,
            completed_at,
            // The original's, and the rules' own.
            session_id: _,
            prompt_version_id: _,
            agent_session_key: _,
            agent_spawned_at: _,
            ended_runs: _,
            triaged_at: _,
            dispatch: _,
            fruitless: _,
            limited: _,
        } = task;
        Self {
            id: id.0,
            number: *number,
            name: task.short(),
            project_id: project.0,
            title: title.to_string(),
            description: description.as_ref().map(ToString::to_string),
            status: *status,
            priority: *priority,
            role: *role,
            assignee: assignee.clone(),
            tags: tags.clone(),
            requires_human_review: *requires_human_review,
            branch: branch.clone(),
            pr_number: *pr_number,
            post_merge_steps: post_merge_steps.clone(),
            resolution: *resolution,
            position: *position,
            dependencies: *dependencies,
            open_dependencies: *open_dependencies,
            dependents: *dependents,
            open_run: open_run.map(|run| run.0),
            failures: *failures,
            retry_at: at(*retry_at),
            trouble: trouble.clone(),
            escalation: escalation.as_ref().map(|e| Escalation {
                at: Moment(e.at),
                by: e.by.clone(),
                reason: e.reason.clone(),
            }),
            created_at: Moment(*created_at),
            updated_at: Moment(*updated_at),
            status_changed_at: Moment(*status_changed_at),
            completed_at: at(*completed_at),
        }
    }
}

/// A comment on a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct Comment {
    /// Id.
    pub id: Uuid,
    /// On which task.
    pub task_id: Uuid,
    /// The author that was given.
    pub author: String,
    /// What kind of author was given.
    #[schema(value_type = words::AuthorType)]
    pub author_type: talk::AuthorType,
    /// Who wrote it, whatever author was given; not known of old ones.
    pub by: Option<Actor>,
    /// Markdown.
    pub content: String,
    /// What it is for.
    #[schema(value_type = words::CommentType)]
    pub kind: talk::CommentType,
    /// Written at.
    pub created_at: Moment,
}

impl From<&talk::Comment> for Comment {
    fn from(c: &talk::Comment) -> Self {
        Self {
            id: c.id.0,
            task_id: c.task.0,
            author: c.author.clone(),
            author_type: c.author_type,
            by: c.by.as_ref().map(Actor::from),
            content: c.content.to_string(),
            kind: c.kind,
            created_at: Moment(c.created_at),
        }
    }
}

/// A task at the other end of a dependency.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskRef {
    /// Id.
    pub id: Uuid,
    /// Number.
    pub number: u64,
    /// Title.
    pub title: String,
    /// Column.
    #[schema(value_type = words::Status)]
    pub status: task::Status,
}

impl From<&task::Task> for TaskRef {
    fn from(t: &task::Task) -> Self {
        Self { id: t.id.0, number: t.number, title: t.title.to_string(), status: t.status }
    }
}

/// What a task waits for, and what waits for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dependencies {
    /// It waits for these.
    pub depends_on: Vec<TaskRef>,
    /// These wait for it.
    pub blocks: Vec<TaskRef>,
}

/// One "waits for".
#[derive(Debug, Serialize, ToSchema)]
pub struct Dependency {
    /// Id.
    pub id: Uuid,
    /// The task that waits.
    pub task_id: Uuid,
    /// The one that it waits for.
    pub depends_on_id: Uuid,
    /// Made at.
    pub created_at: Moment,
}

impl From<&doc::Dependency> for Dependency {
    fn from(d: &doc::Dependency) -> Self {
        Self { id: d.id.0, task_id: d.task.0, depends_on_id: d.depends_on.0, created_at: Moment(d.created_at) }
    }
}

/// One attempt of an agent at a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct Run {
    /// Id.
    pub id: Uuid,
    /// The task.
    pub task_id: Uuid,
    /// The agent's role.
    #[schema(value_type = words::Role)]
    pub role: task::Role,
    /// Which attempt of this role, from 1.
    pub attempt: u32,
    /// In which runtime.
    pub runtime: String,
    /// Its session, as the runtime calls it.
    pub session: String,
    /// Model asked for; `null` is the runtime's default.
    pub model: Option<String>,
    /// Where it stands.
    #[schema(value_type = words::RunState)]
    pub state: run::RunState,
    /// The signal whose answer it waits for.
    pub waits_for: Option<Uuid>,
    /// The agent that took the task by itself.
    pub held_by: Option<String>,
    /// Without another sign of life by then its task goes back.
    pub held_until: Option<Moment>,
    /// What keeps it from being followed.
    pub trouble: Option<String>,
    /// How it ended.
    #[schema(value_type = Option<words::Outcome>)]
    pub outcome: Option<run::Outcome>,
    /// The agent's last words, or why it failed.
    pub last_words: Option<String>,
    /// Claimed at.
    pub claimed_at: Moment,
    /// Taken by the runtime at.
    pub started_at: Option<Moment>,
    /// Over at.
    pub ended_at: Option<Moment>,
    /// What it used, told when a turn of it ends; `null` where its runtime tells nothing.
    pub usage: Option<Usage>,
    /// How long it worked in turns that are over, in milliseconds. Waiting for an answer is no work.
    pub worked_ms: i64,
}

impl From<&run::Run> for Run {
    fn from(r: &run::Run) -> Self {
        Self {
            id: r.id.0,
            task_id: r.task.0,
            role: r.role,
            attempt: r.attempt,
            runtime: r.runtime.clone(),
            session: r.session_key.clone(),
            model: r.model.clone(),
            state: r.state,
            waits_for: r.waits_for.map(|signal| signal.0),
            held_by: r.hold.as_ref().map(|hold| hold.agent.clone()),
            held_until: r.hold.as_ref().filter(|_| r.open()).map(|hold| Moment(hold.until)),
            trouble: r.trouble.clone(),
            outcome: r.outcome,
            last_words: r.last_words.clone(),
            claimed_at: Moment(r.claimed_at),
            started_at: at(r.started_at),
            ended_at: at(r.ended_at),
            usage: r.used.as_ref().map(Usage::from),
            worked_ms: r.worked_ms,
        }
    }
}
