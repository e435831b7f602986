//! What is made, where little is known of it.

use super::{NewProject, NewTask};
use crate::{
    id::ProjectId,
    project::ChatLayout,
    task::{Status, TaskFields},
    text::{Name, Title},
};

impl NewProject {
    /// A project of which nothing else is known; its loop is off.
    #[must_use]
    pub const fn new(name: Name) -> Self {
        Self {
            name,
            slug: None,
            description: None,
            color: None,
            repo_url: None,
            local_path: None,
            github_repo: None,
            chat_layout: ChatLayout::Slack,
            work_loop_enabled: false,
            work_loop_max_agents: None,
        }
    }
}

impl NewTask {
    /// A task of which nothing else is known.
    #[must_use]
    pub fn new(project: ProjectId, title: Title, status: Status) -> Self {
        Self { project, title, status, fields: TaskFields::default(), dependencies: Vec::new() }
    }
}
