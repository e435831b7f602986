//! What a range means, in terms of what a store keeps beside a document: the one place where it is said in Rust.

use std::cmp::Ordering;

use clutch_domain::{
    doc::{Index, Kind},
    range::{After, Before, Fetch, Order, Range},
    time::Millis,
};
use clutch_orchestrator::store::{Away, Fault, LiveDocs};
use futures_util::{future::ready, stream};

/// A document's place among others.
type Place<'a> = (&'a Index, &'a str);

/// The same in every adapter, so that no rule is written on the plainest one that would read whole tables on the others.
///
/// # Errors
/// A fault, when the fetch asks for what no index serves.
pub(crate) fn served(fetch: &Fetch) -> Result<(), Fault> {
    match fetch.ranges.iter().find(|range| !range.is_served()) {
        Some(range) => Err(Fault::new(format!("No index serves {range:?}; see the table of kinds."))),
        None => Ok(()),
    }
}

/// The answer to a watch that asks for what no index serves: it was never there.
pub(crate) fn refused(fetch: &Fetch) -> Option<LiveDocs> {
    let fault = served(fetch).err()?;
    Some(Box::pin(stream::once(ready(Err(Away { since: Millis(0), why: fault.what })))))
}

/// The kind of documents that a range finds by what is beside them; `None` where it names one document.
pub(crate) const fn kind(range: &Range) -> Option<Kind> {
    match range {
        Range::Doc { .. } | Range::ByUnique { .. } => None,
        Range::Children { kind, .. }
        | Range::NewestChildren { kind, .. }
        | Range::Linked { kind, .. }
        | Range::ByStatus { kind, .. }
        | Range::StatusPage { kind, .. }
        | Range::StatusBefore { kind, .. }
        | Range::Newest { kind, .. }
        | Range::All { kind, .. } => Some(*kind),
    }
}

/// Most documents that a range finds.
pub(crate) const fn limit(range: &Range) -> usize {
    match range {
        Range::Doc { .. } | Range::ByUnique { .. } => 1,
        Range::Children { limit, .. }
        | Range::NewestChildren { limit, .. }
        | Range::Linked { limit, .. }
        | Range::ByStatus { limit, .. }
        | Range::StatusPage { limit, .. }
        | Range::StatusBefore { limit, .. }
        | Range::Newest { limit, .. }
        | Range::All { limit, .. } => *limit as usize,
    }
}

/// The range that finds so many documents more.
pub(crate) fn with_more(range: &Range, more: usize) -> Range {
    let mut range = range.clone();
    match &mut range {
        Range::Doc { .. } | Range::ByUnique { .. } => {}
        Range::Children { limit, .. }
        | Range::NewestChildren { limit, .. }
        | Range::Linked { limit, .. }
        | Range::ByStatus { limit, .. }
        | Range::StatusPage { limit, .. }
        | Range::StatusBefore { limit, .. }
        | Range::Newest { limit, .. }
        | Range::All { limit, .. } => *limit = limit.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)),
    }
    range
}

/// Whether a document of the range's kind is in it, limits aside.
pub(crate) fn holds(range: &Range, id: &str, index: &Index) -> bool {
    match range {
        Range::Doc { .. } | Range::ByUnique { .. } => false,
        Range::Children { parent, after, .. } => {
            !parent.is_empty() && index.parent == *parent && behind(range, id, index, after.as_ref())
        }
        Range::NewestChildren { parent, before, .. } => {
            !parent.is_empty() && index.parent == *parent && older(index, id, before.as_ref())
        }
        Range::Linked { link, .. } => !link.is_empty() && index.link == *link,
        Range::ByStatus { scope, status, .. } => {
            !status.is_empty() && index.status == status && scope.is_none_or(|scope| index.scope == scope)
        }
        Range::StatusPage { scope, status, from, .. } => {
            !status.is_empty()
                && index.status == status
                && index.scope == *scope
                && behind(range, id, index, from.as_ref())
        }
        Range::StatusBefore { scope, status, before, .. } => {
            !status.is_empty() && index.status == status && index.scope == *scope && older(index, id, Some(before))
        }
        Range::Newest { scope, before, .. } => index.scope == *scope && older(index, id, before.as_ref()),
        Range::All { after, .. } => after.as_deref().is_none_or(|after| id > after),
    }
}

/// The order of a range.
pub(crate) fn compare(range: &Range, a: Place<'_>, b: Place<'_>) -> Ordering {
    match range {
        Range::NewestChildren { .. }
        | Range::Newest { .. }
        | Range::StatusBefore { .. }
        | Range::ByStatus { order: Order::Newest, .. } => (b.0.at, b.1).cmp(&(a.0.at, a.1)),
        Range::StatusPage { back: true, .. } => ordered((b.0.order, b.1), (a.0.order, a.1)),
        Range::All { .. } => a.1.cmp(b.1),
        _ => ordered((a.0.order, a.1), (b.0.order, b.1)),
    }
}

fn ordered(a: (f64, &str), b: (f64, &str)) -> Ordering {
    a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(b.1))
}

/// Behind the place where a page begins, in the range's direction.
fn behind(range: &Range, id: &str, index: &Index, from: Option<&After>) -> bool {
    let back = matches!(range, Range::StatusPage { back: true, .. });
    from.is_none_or(|from| {
        let side = ordered((index.order, id), (from.order, &from.id));
        if back { side.is_lt() } else { side.is_gt() }
    })
}

fn older(index: &Index, id: &str, before: Option<&Before>) -> bool {
    before.is_none_or(|before| (index.at, id) < (before.at, before.id.as_str()))
}
