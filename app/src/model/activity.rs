//! What happened in a project.

use serde::{Deserialize, Serialize};

/// The part `"head"`; each line of the log is a part [`ActivityItem`](super::task::ActivityItem) beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivityHead {
    /// Address of the project.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
}
