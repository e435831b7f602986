//! What a command names a prompt by.

use crate::task::Role;

/// Whose prompt it is: a role's, for one model or for any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Role.
    pub role: Role,
    /// Model; `None` is any.
    pub model: Option<String>,
}

impl Line {
    /// Of a role, whatever the model.
    #[must_use]
    pub const fn any(role: Role) -> Self {
        Self { role, model: None }
    }
}
