//! Where a card comes to lie in its column: the few cards around its place are read, never the column.
//! What their positions mean is said in [`placing`], which the page uses too.

use crate::{
    change::Change,
    command::Place,
    doc::{Kind, Scope},
    id::{ProjectId, TaskId},
    range::{After, Range},
    refusal::Refusal,
    rule::placing::{self, Card},
    task::{Status, Task},
    view::{Stop, View},
};

/// Cards that are read at once on the way to the n-th of a column.
const PAGE: u32 = 1_000;

/// The first or last cards of a column; nothing for `done`, which is ordered by time.
pub(crate) fn ends_of(project: ProjectId, status: Status, back: bool, limit: u32) -> Option<Range> {
    page(project, status, None, back, limit)
}

fn page(project: ProjectId, status: Status, from: Option<&Card>, back: bool, limit: u32) -> Option<Range> {
    let from = from.map(|(id, order)| After { order: *order, id: id.to_string() });
    (status != Status::Done).then(|| Range::StatusPage {
        kind: Kind::Task,
        scope: Scope::Project(project),
        status: status.word().into(),
        from,
        back,
        limit,
    })
}

/// A position below everything in a column: one card is read.
pub(crate) fn at_end(view: &View, project: ProjectId, status: Status) -> Result<f64, Stop> {
    let last = cards(view, ends_of(project, status, true, 1))?;
    Ok(last.first().map_or(1.0, |(_, position)| position + 1.0))
}

fn cards(view: &View, range: Option<Range>) -> Result<Vec<Card>, Stop> {
    let Some(range) = range else { return Ok(Vec::new()) };
    Ok(view.list::<Task>(range)?.into_iter().map(|t| (t.is.id, t.is.position)).collect())
}

/// Where a card of this column lies.
fn card(view: &View, project: ProjectId, status: Status, id: TaskId) -> Result<Card, Stop> {
    let beside = view.find::<Task>(id)?.map(|t| t.is).filter(|t| t.project == project && t.status == status);
    Ok(beside.map(|t| (t.id, t.position)).ok_or(Refusal::NeighbourNotFound)?)
}

/// The position of `moved` at a place of a column: two neighbours are read. Where there is no room between
/// them the cards around are spread, and written into the change.
pub(crate) fn place_in(
    view: &View,
    change: &mut Change,
    project: ProjectId,
    status: Status,
    moved: TaskId,
    place: Place,
) -> Result<f64, Stop> {
    if status == Status::Done {
        return Ok(0.0);
    }
    // `most` cards above and below the place, nearest first; the moved card itself is none of them.
    let around = |beside: &Beside, most: u32| -> Result<(Vec<Card>, Vec<Card>), Stop> {
        let (up, down) = match beside {
            Beside::End => (ends_of(project, status, true, most + 1), None),
            Beside::Top => (None, ends_of(project, status, false, most + 1)),
            Beside::Above(card) | Beside::Below(card) => {
                (page(project, status, Some(card), true, most + 1), page(project, status, Some(card), false, most + 1))
            }
        };
        view.gather(up.clone().into_iter().chain(down.clone()))?;
        let (mut above, mut below) = (cards(view, up)?, cards(view, down)?);
        match beside {
            Beside::Above(card) => below.insert(0, *card),
            Beside::Below(card) => above.insert(0, *card),
            Beside::Top | Beside::End => {}
        }
        for side in [&mut above, &mut below] {
            side.retain(|(id, _)| *id != moved);
            side.truncate(most as usize);
        }
        Ok((above, below))
    };
    let beside = match place {
        Place::End => Beside::End,
        Place::Top => Beside::Top,
        Place::Before(id) if id == moved => return Err(Refusal::NeighbourNotFound.into()),
        Place::After(id) if id == moved => return Err(Refusal::NeighbourNotFound.into()),
        Place::Before(id) => Beside::Above(card(view, project, status, id)?),
        Place::After(id) => Beside::Below(card(view, project, status, id)?),
        Place::Index(n) => nth(view, project, status, moved, n)?,
    };
    let (above, below) = around(&beside, 1)?;
    if let Some(position) = placing::between(above.first(), below.first()) {
        return Ok(position);
    }
    let mut half = placing::HALF_WINDOW;
    let placed = loop {
        let (above, below) = around(&beside, half as u32 + 1)?;
        match placing::spread(&above, &below, half) {
            Some(placed) => break placed,
            None => half *= 2,
        }
    };
    view.gather(placed.spread.iter().map(|(id, _)| Range::doc(Kind::Task, id)))?;
    for (id, position) in &placed.spread {
        let Some(other) = change.of::<Task>(view, id)? else { continue };
        let mut is = other.is;
        is.position = *position;
        change.put(other.rev, is);
    }
    Ok(placed.position)
}

/// A place of a column by the card beside it.
enum Beside {
    Top,
    End,
    Above(Card),
    Below(Card),
}

/// The place with `n` cards above it, without the moved one.
fn nth(view: &View, project: ProjectId, status: Status, moved: TaskId, n: u32) -> Result<Beside, Stop> {
    let (mut left, mut from) = (n as usize, None);
    loop {
        let limit = u32::try_from(left + 2).unwrap_or(PAGE).min(PAGE);
        let found = cards(view, page(project, status, from.as_ref(), false, limit))?;
        let last = found.last().copied();
        let more = found.len() == limit as usize;
        let found: Vec<Card> = found.into_iter().filter(|(id, _)| *id != moved).collect();
        match found.get(left) {
            Some(card) => return Ok(Beside::Above(*card)),
            None if !more => return Ok(Beside::End),
            None => (left, from) = (left - found.len(), last),
        }
    }
}
