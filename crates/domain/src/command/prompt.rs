//! What is asked about role prompts.

use crate::{
    id::PromptId,
    prompt::Line,
    text::{Excerpt, Handle, PromptText},
};

/// A new version of a prompt. Whether its template can be filled in is for the edge to say, which knows the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPrompt {
    /// Whose.
    pub line: Line,
    /// The template.
    pub content: PromptText,
    /// What it names of what is filled in.
    pub variables: Vec<&'static str>,
    /// What is new in it.
    pub change_summary: Option<Excerpt>,
    /// The version that it was made of.
    pub parent: Option<PromptId>,
    /// Who made it, by the name that was given.
    pub created_by: Handle,
}
