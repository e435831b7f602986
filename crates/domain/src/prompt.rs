//! What agents of a role are told, as people and programs write it: versions, of which one counts (facts §1.14).
//!
//! A version never changes. Which one of a role and model counts is told by a unique name that leads to it, so it is one
//! and no other, whoever writes at once.

mod line;

use serde::{Deserialize, Serialize};

use crate::{actor::Who, id::PromptId, task::Role, time::Millis};

pub use self::line::Line;

/// A version of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Id.
    pub id: PromptId,
    /// Role.
    pub role: Role,
    /// Model that it is for; `None` is any.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::text::stored::some_line")]
    pub model: Option<String>,
    /// Its number among those of its role and model, from 1.
    pub version: u64,
    /// The template.
    #[serde(deserialize_with = "crate::text::stored::lines")]
    pub content: String,
    /// What is new in it, as given.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::text::stored::some_lines")]
    pub change_summary: Option<String>,
    /// The version that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<PromptId>,
    /// Who made it, by the name that was given.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub created_by: String,
    /// Who made it.
    pub by: Who,
    /// What the template names of what is filled in.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::text::stored::each_line")]
    pub variables: Vec<String>,
    /// When; later than every other of its role.
    pub created_at: Millis,
}

impl Version {
    /// Whose it is.
    #[must_use]
    pub fn line(&self) -> Line {
        Line { role: self.role, model: self.model.clone() }
    }
}
