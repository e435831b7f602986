//! Projects.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use crate::{
    brake::Budget,
    id::ProjectId,
    task::{Role, Status},
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
    /// What its agents may use up on a day.
    #[serde(default, skip_serializing_if = "Budget::is_none")]
    pub budget: Budget,
    /// The loop says what it would do in this project, and does none of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Where the usage window of a model runs out, its attempt counts as failed, instead of waiting until that opens
    /// again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limits_fail: bool,
    /// Model per role.
    #[serde(default, deserialize_with = "crate::text::stored::each_value")]
    pub role_model_overrides: BTreeMap<String, String>,
    /// Runtime by role, for [`chats`](crate::runtime::CHATS) and for [`all`](crate::runtime::ALL) else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "crate::text::stored::each_value")]
    pub runtimes: BTreeMap<String, String>,
    /// Made at.
    pub created_at: Millis,
    /// Last changed at.
    pub updated_at: Millis,
    /// When it was deleted; it lies in the bin since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Millis>,
    /// It is being removed for good, and cannot be brought back any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub purging: bool,
}

/// How long a deleted project can be brought back: seven days, in milliseconds.
pub const KEPT_DELETED_MS: i64 = 7 * 24 * 3_600 * 1_000;

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

impl Project {
    /// The model for agents of a role, where one is set.
    #[must_use]
    pub fn model_of(&self, role: Role) -> Option<&str> {
        self.role_model_overrides.get(role.word()).map(String::as_str).filter(|model| !model.is_empty())
    }
}

/// How many tasks a project has in each column; kept by the rules that change them.
///
/// Stored by the statuses' words. A list of six numbers, as programs of before wrote it, reads as the
/// statuses of then; a word that this program does not know is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Whose.
    pub project: ProjectId,
    /// Tasks per status, by its word; one that is missing has none.
    #[serde(deserialize_with = "by_word")]
    pub by_status: BTreeMap<String, u32>,
    /// The project lies in the bin: lists leave its counts out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// The order in which counts were stored as a list.
const LISTED: [&str; 6] = ["backlog", "ready", "in_progress", "in_review", "blocked", "done"];

fn by_word<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, u32>, D::Error> {
    struct Either;

    impl<'de> Visitor<'de> for Either {
        type Value = BTreeMap<String, u32>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("numbers by status")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut counts = BTreeMap::new();
            while let Some((word, count)) = map.next_entry()? {
                counts.insert(word, count);
            }
            Ok(counts)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut counts = BTreeMap::new();
            for word in LISTED {
                let Some(count) = list.next_element()? else { break };
                counts.insert(word.to_owned(), count);
            }
            match list.next_element::<u32>()? {
                Some(_) => Err(A::Error::invalid_length(LISTED.len() + 1, &self)),
                None => Ok(counts),
            }
        }
    }

    from.deserialize_any(Either)
}

impl Counts {
    /// No tasks yet.
    #[must_use]
    pub const fn none(project: ProjectId) -> Self {
        Self { project, by_status: BTreeMap::new(), hidden: false }
    }

    /// Tasks in `status`.
    #[must_use]
    pub fn of(&self, status: Status) -> u32 {
        self.by_status.get(status.word()).copied().unwrap_or(0)
    }

    /// Tasks of each status, in the order of [`Status::ALL`].
    #[must_use]
    pub fn columns(&self) -> [u32; Status::ALL.len()] {
        let mut columns = [0; Status::ALL.len()];
        for (column, status) in columns.iter_mut().zip(Status::ALL) {
            *column = self.of(*status);
        }
        columns
    }

    /// All tasks, also those in a status that this program does not know.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.by_status.values().sum()
    }

    /// Takes one out of `from` and puts one into `to`.
    pub fn shift(&mut self, from: Option<Status>, to: Option<Status>) {
        if let Some(from) = from {
            let slot = self.by_status.entry(from.word().to_owned()).or_insert(0);
            *slot = slot.saturating_sub(1);
        }
        if let Some(to) = to {
            *self.by_status.entry(to.word().to_owned()).or_insert(0) += 1;
        }
    }
}
