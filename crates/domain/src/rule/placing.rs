//! Moving cards: which moves are allowed, and where a card comes to lie.
//! The browser calls these on the cards that it holds, before the server answers.

use crate::{
    command::Place,
    id::TaskId,
    refusal::Refusal,
    sabotage::{Switch, removed},
    task::Status,
};

/// Below this distance between two neighbours nothing is put between them any more: first they are spread.
pub const SMALLEST_GAP: f64 = 1e-6;
/// Between cards that were spread there is at least this much room, so that they are not spread again soon.
pub const WIDE_GAP: f64 = 1e-3;
/// Cards on either side that are spread first; doubled until the gaps are wide.
pub const HALF_WINDOW: usize = 16;

/// Whether a task may go from one column to another (facts §1.2.1).
///
/// Any column may follow any other, but nobody starts before what the task waits
/// for is done, and `done` is left on purpose only.
pub fn may_move(from: Status, to: Status, open_dependencies: u32, reopen: bool) -> Result<(), Refusal> {
    if matches!(from, Status::Done) && !matches!(to, Status::Done) && !reopen {
        return Err(Refusal::DoneIsFinal);
    }
    let early = matches!(to, Status::InProgress) && !matches!(from, Status::InProgress) && open_dependencies > 0;
    if early && !removed(Switch::DependenciesFirst) {
        return Err(Refusal::DependenciesOpen(open_dependencies));
    }
    Ok(())
}

/// A card's place: its position, and new positions for cards around it where the gap had closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The moved card's position.
    pub position: f64,
    /// Other cards' new positions; empty unless cards were spread to make room.
    pub spread: Vec<Card>,
}

/// A card of a column: its task and its position.
pub type Card = (TaskId, f64);

/// Finds the place of `moved` among `column` (ordered, may contain `moved` itself).
///
/// # Errors
/// [`Refusal::NeighbourNotFound`] when the neighbour is not in the column.
pub fn place(column: &[Card], moved: TaskId, place: Place) -> Result<Placed, Refusal> {
    let others: Vec<Card> = column.iter().copied().filter(|(id, _)| *id != moved).collect();
    let find = |id: TaskId| others.iter().position(|(other, _)| *other == id).ok_or(Refusal::NeighbourNotFound);
    let slot = match place {
        Place::Top => 0,
        Place::End => others.len(),
        Place::Before(id) => find(id)?,
        Place::After(id) => find(id)? + 1,
        Place::Index(n) => (n as usize).min(others.len()),
    };
    let above: Vec<Card> = others[..slot].iter().rev().copied().collect();
    let below = &others[slot..];
    if let Some(position) = between(above.first(), below.first()) {
        return Ok(Placed { position, spread: Vec::new() });
    }
    let mut half = HALF_WINDOW;
    loop {
        if let Some(placed) = spread(&above, below, half) {
            return Ok(placed);
        }
        half *= 2;
    }
}

/// A position between two neighbours; `None` where the gap between them has closed.
#[must_use]
pub fn between(above: Option<&Card>, below: Option<&Card>) -> Option<f64> {
    match (above, below) {
        (None, None) => Some(1.0),
        (Some((_, a)), None) => Some(a + 1.0),
        (None, Some((_, b))) => Some(b - 1.0),
        (Some((_, a)), Some((_, b))) if b - a >= SMALLEST_GAP => Some(f64::midpoint(*a, *b)),
        (Some(_), Some(_)) => None,
    }
}

/// Makes room at a place: spreads the `half` cards above it and the `half` below it evenly over the room
/// that they have. `above` and `below` name the nearest first, and one more than `half` where the column goes
/// on: that one stays, and the room ends there. `None` when the room is too small; then ask with twice as many.
#[must_use]
pub fn spread(above: &[Card], below: &[Card], half: usize) -> Option<Placed> {
    let (up, down) = (above.len().min(half), below.len().min(half));
    let (from, to) = (above.get(half).map(|c| c.1), below.get(half).map(|c| c.1));
    let gaps = (up + down + 2) as f64;
    let (first, step) = match (from, to) {
        (None, None) => (1.0, 1.0),
        (Some(from), None) => (from + 1.0, 1.0),
        (None, Some(to)) => (to - (gaps - 1.0), 1.0),
        (Some(from), Some(to)) => {
            let step = (to - from) / gaps;
            if step < WIDE_GAP {
                return None;
            }
            (from + step, step)
        }
    };
    let at = |n: usize| first + step * n as f64;
    let above = above[..up].iter().rev().enumerate().map(|(n, (id, _))| (*id, at(n)));
    let below = below[..down].iter().enumerate().map(|(n, (id, _))| (*id, at(up + 1 + n)));
    Some(Placed { position: at(up), spread: above.chain(below).collect() })
}
