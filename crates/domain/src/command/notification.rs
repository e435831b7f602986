//! What programs tell people.

use crate::{
    id::{ProjectId, TaskId},
    notification::{NotificationSeverity, NotificationType},
    text::{Body, Handle, Title},
};

/// A new notification (facts §2.12).
#[derive(Clone, Debug, PartialEq)]
pub struct NewNotification {
    /// About which task.
    pub task: Option<TaskId>,
    /// In which project; the task's, where one is named.
    pub project: Option<ProjectId>,
    /// About what.
    pub kind: NotificationType,
    /// How loud.
    pub severity: NotificationSeverity,
    /// One line; otherwise what is usual for its type.
    pub title: Option<Title>,
    /// The words.
    pub message: Body,
    /// Which agent, as given.
    pub agent: Option<Handle>,
}
