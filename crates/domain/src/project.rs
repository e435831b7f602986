//! Projects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::ProjectId,
    task::Status,
    text::{Name, Slug},
    time::Millis,
};

/// Colour of a project that did not choose one.
pub const DEFAULT_COLOR: &str = "#3b82f6";

/// A project (facts §1.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Id.
    pub id: ProjectId,
    /// Address in URLs; unique.
    pub slug: Slug,
    /// Name.
    pub name: Name,
    /// What it is about.
    #[serde(default, deserialize_with = "crate::text::stored::some_lines")]
    pub description: Option<String>,
    /// `#rrggbb`.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub color: String,
    /// Legacy field of the original, kept for programs that set it.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub repo_url: Option<String>,
    /// Legacy field of the original, kept for programs that set it.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub context_path: Option<String>,
    /// Absolute path of the repository on the server; without it no agent starts.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub local_path: Option<String>,
    /// `owner/repo`.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub github_repo: Option<String>,
    /// Layout of its chats.
    #[serde(default)]
    pub chat_layout: ChatLayout,
    /// Whether the work loop takes its tasks.
    #[serde(default)]
    pub work_loop_enabled: bool,
    /// Most agents at once in this project.
    #[serde(default)]
    pub work_loop_max_agents: Option<u32>,
    /// Model per role.
    #[serde(default, deserialize_with = "crate::text::stored::each_value")]
    pub role_model_overrides: BTreeMap<String, String>,
    /// Made at.
    pub created_at: Millis,
    /// Last changed at.
    pub updated_at: Millis,
}

/// How chats look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatLayout {
    /// Rows with avatars.
    #[default]
    Slack,
    /// Bubbles.
    Imessage,
}

/// How many tasks a project has in each column; kept by the rules that change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Whose.
    pub project: ProjectId,
    /// Tasks per status, in [`Status::ALL`] order.
    pub by_status: [u32; 6],
}

impl Counts {
    /// No tasks yet.
    #[must_use]
    pub const fn none(project: ProjectId) -> Self {
        Self { project, by_status: [0; 6] }
    }

    /// Tasks in `status`.
    #[must_use]
    pub const fn of(&self, status: Status) -> u32 {
        self.by_status[status as usize]
    }

    /// All tasks.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.by_status.iter().sum()
    }

    /// Takes one out of `from` and puts one into `to`.
    pub fn shift(&mut self, from: Option<Status>, to: Option<Status>) {
        if let Some(from) = from {
            let slot = &mut self.by_status[from as usize];
            *slot = slot.saturating_sub(1);
        }
        if let Some(to) = to {
            self.by_status[to as usize] += 1;
        }
    }
}
