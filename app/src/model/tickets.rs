//! Tickets that were looked for, and a page of one column.

use clutch_domain::{id::ProjectId, task::Status};
use serde::{Deserialize, Serialize};

use super::board::Card;

/// What a look through tickets has found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Those that were looked for, in the order of the look.
    pub cards: Vec<Card>,
    /// So many tickets were looked at.
    pub looked: u32,
    /// Where the next look goes on; `None` when all were looked at.
    pub next: Option<String>,
}

/// The part `"page"` of the page of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnPage {
    /// Project.
    pub project: ProjectId,
    /// Address of the project.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
    /// Tickets per column.
    pub counts: [u32; 6],
    /// The column.
    pub column: Status,
    /// Words that were looked for.
    pub words: String,
    /// It is not the column's first page.
    pub further: bool,
    /// Its tickets.
    pub found: Found,
}
