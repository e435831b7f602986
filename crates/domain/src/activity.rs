//! The activity log: one line per accepted command, with the true actor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    actor::Who,
    id::{ActivityId, ProjectId, TaskId},
    time::Millis,
};

/// What a line says of log-ins that were refused.
pub const REFUSED: &str = "log_ins_refused";
/// What such lines hang on: they come from outside, and only the newest are kept.
pub const REFUSED_LOG_INS: &str = "log-ins-refused";
/// How many.
pub const REFUSED_MAX: u32 = 200;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Id.
    pub id: ActivityId,
    /// Project, where there is one.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// Task, where there is one.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// Stable word, for example `status_changed` (facts §1.10).
    pub what: String,
    /// Who.
    pub actor: Who,
    /// Details, for example `from_status`, `to_status`, `reason`.
    #[serde(default, deserialize_with = "crate::text::stored::each_value")]
    pub data: BTreeMap<String, String>,
    /// When.
    pub at: Millis,
}

/// What the log says of a test of a webhook, which is sent to that webhook only.
pub const WEBHOOK_TESTED: &str = "webhook_tested";

/// All that the log of a project may say, in groups, each word with what it means for people: what a webhook may be
/// told. A word joins here with the rule that writes it; a test looks that none is missing.
pub const OF_PROJECTS: &[(&str, &[(&str, &str)])] = &[
    (
        "Tickets",
        &[
            ("task_created", "A ticket was made"),
            ("task_changed", "A ticket was edited"),
            ("status_changed", "A ticket moved to another column"),
            ("reordered", "A ticket moved within its column"),
            ("comment_added", "Somebody commented"),
            ("pr_opened", "A pull request was opened"),
            ("task_completed", "An agent reported its ticket as complete"),
            ("dependency_added", "A ticket waits for another"),
            ("dependency_removed", "A ticket does not wait for another any more"),
            ("triaged", "A coordinator decided about a ticket"),
            ("task_deleted", "A ticket was deleted"),
        ],
    ),
    (
        "Agents",
        &[
            ("agent_assigned", "The work loop gave a ticket to an agent"),
            ("agent_started", "Somebody asked for an agent"),
            ("agent_continued", "An agent went on after a restart"),
            ("agent_waiting", "An agent waits for an answer"),
            ("agent_stopped", "Somebody wants an agent stopped"),
            ("agent_completed", "An agent finished"),
            ("agent_reaped", "An agent failed or was stopped"),
            ("signal_raised", "An agent asks or tells something"),
            ("signal_answered", "Somebody answered an agent"),
            ("answer_delivered", "An answer reached its agent, or did not"),
            ("decided", "Somebody decided what an agent waited for at its gateway"),
            ("loop_paused", "The work loop was paused"),
            ("loop_resumed", "The work loop was resumed"),
        ],
    ),
    (
        "Chats",
        &[
            ("chat_created", "A chat was begun"),
            ("chat_changed", "A chat was renamed"),
            ("chat_deleted", "A chat was deleted"),
            ("chat_restored", "A chat was brought back"),
            ("message_sent", "Somebody wrote in a chat"),
            ("message_matched", "A program\u{2019}s message was one that was there"),
            ("message_delivered", "A message reached its agent"),
            ("message_failed", "A message did not reach its agent"),
            ("message_retried", "A message is sent again"),
            ("message_withdrawn", "A message was taken back"),
        ],
    ),
    (
        "Project",
        &[
            ("project_created", "The project was made"),
            ("project_changed", "The project\u{2019}s settings changed"),
            ("project_restored", "The project was brought back"),
            ("notified", "A program tells people something"),
            ("notification_read", "A notification was read"),
            ("notification_unread", "A notification counts as unread again"),
            ("notification_deleted", "A notification was deleted"),
            ("webhook_created", "A webhook was made"),
            ("webhook_changed", "A webhook was changed"),
            ("webhook_rotated", "A webhook has a new secret"),
            ("webhook_off", "A webhook was switched off as its receiver fails"),
            ("webhook_redelivered", "Somebody sent an event again"),
            ("webhook_deleted", "A webhook was deleted"),
        ],
    ),
];

/// Whether the log of a project may say this word.
#[must_use]
pub fn is_of_projects(word: &str) -> bool {
    OF_PROJECTS.iter().any(|(_, words)| words.iter().any(|(known, _)| *known == word))
}
