//! What programs tell people (facts §1.8). Pages show none of it: who told it lists it, and the gate counts what nobody has read.

use serde::{Deserialize, Serialize};

use crate::{
    id::{NotificationId, ProjectId, TaskId},
    task::words,
    text::Body,
    time::Millis,
};

/// What unread ones hang on, and what those that were read do.
pub const UNREAD: &str = "unread";
/// See [`UNREAD`].
pub const READ: &str = "read";

words! {
    /// What a notification is about.
    NotificationType {
        /// A person is needed.
        Escalation = "escalation", "🚨 Escalation";
        /// Somebody asks.
        RequestInput = "request_input", "❓ Input Requested";
        /// Work ended.
        Completion = "completion", "✅ Task Completed";
        /// Anything else.
        System = "system", "📢 Notification";
    }
}

words! {
    /// How loud a notification is.
    NotificationSeverity {
        /// Good to know.
        Info = "info", "Info";
        /// Look soon.
        Warning = "warning", "Warning";
        /// Look now.
        Critical = "critical", "Critical";
    }
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Id.
    pub id: NotificationId,
    /// About which task, as far as that is still there.
    #[serde(default)]
    pub task: Option<TaskId>,
    /// In which project: it goes with that.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// About what.
    pub kind: NotificationType,
    /// How loud.
    pub severity: NotificationSeverity,
    /// One line.
    #[serde(deserialize_with = "crate::text::stored::title")]
    pub title: String,
    /// The words.
    pub message: Body,
    /// Which agent, as given.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub agent: Option<String>,
    /// Somebody has seen it.
    #[serde(default)]
    pub read: bool,
    /// Triage made it as it escalated the task: it says nothing any more once that is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_triage: bool,
    /// Made at.
    pub created_at: Millis,
}

impl NotificationType {
    /// The title of one that was given none.
    #[must_use]
    pub const fn title(self, severity: NotificationSeverity) -> &'static str {
        match (self, severity) {
            (Self::Escalation, NotificationSeverity::Critical) => "🚨 CRITICAL: Escalation",
            _ => self.label(),
        }
    }
}
