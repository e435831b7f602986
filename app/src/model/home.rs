//! The home page: projects, or the checked list of first steps.
//!
//! Parts: `"head"` ([`HomeHead`]), `"p:<project id>"` ([`ProjectRow`]); in the first load also
//! `"gateway"` ([`Gateway`]), `"store"` ([`Check`]) and `"server"` ([`Server`]).

use clutch_domain::{id::ProjectId, project::ChatLayout, time::Millis};
use serde::{Deserialize, Serialize};

/// Everything but the projects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HomeHead {
    /// Questions that wait for an answer, in all projects.
    pub waiting: u32,
}

/// One project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectRow {
    /// Id.
    pub id: ProjectId,
    /// Address.
    pub slug: String,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// `#rrggbb`.
    pub color: String,
    /// Tasks per status, in the order of `Status::ALL`.
    pub counts: [u32; 6],
    /// Agents at work.
    pub running: u32,
    /// Questions that wait for an answer.
    pub waiting: u32,
    /// The loop takes its tasks.
    pub loop_on: bool,
    /// Most agents at once.
    pub max_agents: Option<u32>,
    /// How messages of chats lie.
    pub chat_layout: ChatLayout,
    /// Path of the repository on the server; without it no agent starts.
    pub local_path: Option<String>,
    /// `owner/repo`.
    pub github_repo: Option<String>,
    /// Last change.
    pub updated_at: Millis,
}

impl ProjectRow {
    /// What the form of its settings shows.
    #[must_use]
    pub fn settings(&self) -> super::settings::Settings {
        super::settings::settings(
            &self.name,
            self.description.as_deref(),
            &self.color,
            self.local_path.as_deref(),
            self.github_repo.as_deref(),
            self.loop_on,
            self.max_agents,
            self.chat_layout,
        )
    }
}

/// What pages know about the server, as the part `"server"` of the home page's first load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// `WORK_LOOP_ENABLED`: whether the loop may take anything at all.
    pub loop_enabled: bool,
    /// The server's clock, for the first paint of ages.
    pub now: Millis,
}

/// One line of the list of first steps, and later of the doctor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `store`, `gateway`, `plugin`, `repository`, `loop`.
    pub id: String,
    /// How it stands now.
    pub state: CheckState,
    /// What it is, in two or three words.
    pub title: String,
    /// How it stands, in a sentence; when not well: what to do.
    pub sentence: String,
    /// A command to copy.
    pub command: Option<String>,
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Well.
    Ok,
    /// Being tried.
    Wait,
    /// Needs somebody.
    Bad,
    /// Comes later, after the ones before.
    Later,
}

/// The gateway's connection in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// How it stands.
    pub state: CheckState,
    /// One or two words for the chip, for example "Connected", "No gateway".
    pub word: String,
    /// What to know or do.
    pub sentence: String,
    /// Checks of gateway and plugin, as on the first page.
    pub checks: Vec<Check>,
}
