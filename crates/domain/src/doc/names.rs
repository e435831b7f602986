//! The words by which documents are found: links and bins of the index, and unique names.

use crate::{
    id::{ProjectId, TaskId},
    phase::{Need, Row},
    prompt::Line,
    task::{Priority, Role, Task},
};

/// The status of runs that take a place in the limits.
pub const RUN_WORKING: &str = "working";
/// The status of runs that wait for an answer.
pub const RUN_WAITING: &str = "waiting";

/// The status of messages that the server carries, or is to carry next in their chat.
pub const MESSAGE_OPEN: &str = "open";
/// The status of messages that wait for another one of their chat. Lists of the installation leave them out, so
/// one chat with many hides none of the others.
pub const MESSAGE_BEHIND: &str = "behind";

/// The link of ready tasks of one role and priority that could start now, in the order of their column.
/// Whoever looks for work goes through the priorities and finds the right one first, however many wait.
#[must_use]
pub fn startable_link(project: ProjectId, role: Role, priority: Priority) -> String {
    startable_under(&startable_beginning(project), role, priority)
}

fn startable_beginning(project: ProjectId) -> String {
    format!("start:{project}:")
}

fn startable_under(beginning: &str, role: Role, priority: Priority) -> String {
    [beginning, role.word(), ":", priority.word()].concat()
}

/// All of these links of a project, the most urgent first.
pub fn startable_links(project: ProjectId) -> impl Iterator<Item = String> {
    let beginning = startable_beginning(project);
    let groups = Priority::ALL.iter().rev().flat_map(|priority| Role::ALL.iter().map(move |role| (*role, *priority)));
    groups.map(move |(role, priority)| startable_under(&beginning, role, priority))
}

/// The link of ready tasks that failed and are tried again later.
#[must_use]
pub fn retries_link(project: ProjectId) -> String {
    format!("again:{project}")
}

/// The link of a task's signals that are not settled: not answered, or their answer is on its way.
#[must_use]
pub fn asks_link(task: TaskId) -> String {
    format!("asks:{task}")
}

/// Where a task stands among those that could start; empty where no phase takes it from its column.
pub(super) fn start_link(task: &Task) -> String {
    let Some(row) = Row::taking(task.status) else { return String::new() };
    if (row.needs(Need::Dependencies) && task.open_dependencies > 0) || task.open_run.is_some() {
        String::new()
    } else if task.retry_at.is_some() {
        retries_link(task.project)
    } else {
        startable_link(task.project, row.role(task), task.priority)
    }
}

/// The parent of deleted projects, in place of the installation.
pub const PROJECT_BIN: &str = "deleted-projects";

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

/// What all versions of a role's prompts hang on.
#[must_use]
pub fn prompts_of(role: Role) -> String {
    format!("prompts:{}", role.word())
}

fn of_line(what: &str, line: &Line) -> String {
    format!("{what}:{}:{}", line.role.word(), line.model.as_deref().unwrap_or_default())
}

/// The unique name of the version that counts.
#[must_use]
pub fn prompt_in_force(line: &Line) -> String {
    of_line("prompt-in-force", line)
}

/// The unique name of a version by its number.
#[must_use]
pub fn prompt_number(line: &Line, version: u64) -> String {
    of_line(&format!("prompt-number:{version}"), line)
}

/// Name of the [`Counter`](super::Counter) that tells the last number given.
#[must_use]
pub fn prompt_counter(line: &Line) -> String {
    of_line("prompt-versions", line)
}
