//! Moving cards: which moves are allowed, and where a card comes to lie.
//! The browser calls these on the cards that it holds, before the server answers.

use crate::{command::Place, id::TaskId, refusal::Refusal, task::Status};

/// Below this distance between two neighbours a column is numbered anew.
pub const SMALLEST_GAP: f64 = 1e-6;

/// Whether a task may go from one column to another (facts §1.2.1).
///
/// Any column may follow any other, but nobody starts before what the task waits
/// for is done, and `done` is left on purpose only.
pub const fn may_move(from: Status, to: Status, open_dependencies: u32, reopen: bool) -> Result<(), Refusal> {
    if matches!(from, Status::Done) && !matches!(to, Status::Done) && !reopen {
        return Err(Refusal::DoneIsFinal);
    }
    if matches!(to, Status::InProgress) && !matches!(from, Status::InProgress) && open_dependencies > 0 {
        return Err(Refusal::DependenciesOpen(open_dependencies));
    }
    Ok(())
}

/// A card's place: its position, and new positions for the whole column where the gap had closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The moved card's position.
    pub position: f64,
    /// The other cards' new positions; empty unless the column was numbered anew.
    pub renumbered: Vec<(TaskId, f64)>,
}

/// Finds the place of `moved` among `column` (ordered, may contain `moved` itself).
pub fn place(column: &[(TaskId, f64)], moved: TaskId, place: Place) -> Result<Placed, Refusal> {
    let others: Vec<(TaskId, f64)> = column.iter().copied().filter(|(id, _)| *id != moved).collect();
    let find = |id: TaskId| others.iter().position(|(other, _)| *other == id).ok_or(Refusal::NeighbourNotFound);
    let slot = match place {
        Place::Top => 0,
        Place::End => others.len(),
        Place::Before(id) => find(id)?,
        Place::After(id) => find(id)? + 1,
        Place::Index(n) => (n as usize).min(others.len()),
    };
    let above = slot.checked_sub(1).map(|i| others[i].1);
    let below = others.get(slot).map(|(_, p)| *p);
    let position = match (above, below) {
        (None, None) => 1.0,
        (Some(a), None) => a + 1.0,
        (None, Some(b)) => b - 1.0,
        (Some(a), Some(b)) if b - a >= SMALLEST_GAP => f64::midpoint(a, b),
        (Some(_), Some(_)) => {
            let renumbered = others
                .iter()
                .enumerate()
                .map(|(i, (id, _))| (*id, (if i < slot { i } else { i + 1 }) as f64 + 1.0))
                .collect();
            return Ok(Placed { position: slot as f64 + 1.0, renumbered });
        }
    };
    Ok(Placed { position, renumbered: Vec::new() })
}
