//! A change made ready for writing: what every adapter must decide in the same way.

use std::{collections::BTreeSet, sync::Arc};

use clutch_domain::{
    change::{Change, Expect, Guard, Parts, Request},
    doc::{Body, DocKey, Index, Scope},
};
use clutch_orchestrator::store::Fault;

/// One document to write.
pub(crate) struct Put {
    pub(crate) key: DocKey,
    pub(crate) index: Index,
    pub(crate) body: Body,
    /// Its text as it was read, where that has members which are not known.
    pub(crate) kept: Option<Arc<str>>,
    /// The change expects that it is absent, so the writer need not look for an old version.
    pub(crate) fresh: bool,
}

/// A change without doubles, with its activity lines among the documents.
pub(crate) struct Prepared {
    pub(crate) expects: Vec<Expect>,
    pub(crate) deletes: Vec<DocKey>,
    pub(crate) puts: Vec<Put>,
    pub(crate) touches: Vec<Scope>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) made: Option<DocKey>,
    pub(crate) request: Option<Request>,
}

/// Brings a change into its one meaning: a scope touched twice is raised once; a line of the log must be
/// new. All expectations are about the state before the change.
///
/// # Errors
/// A document whose order is no finite number: no engine could sort or return it.
pub(crate) fn prepare(change: Change) -> Result<Prepared, Fault> {
    let Parts { puts: bodies, deletes, mut expects, touches, activity, mut kept, made, guards, request } =
        change.into_parts();
    let lines: Vec<Body> = activity.into_iter().map(Body::from).collect();
    expects.extend(lines.iter().map(|line| Expect::Doc(line.key(), 0)));
    let absent: BTreeSet<&DocKey> =
        expects.iter().filter_map(|e| if let Expect::Doc(key, 0) = e { Some(key) } else { None }).collect();

    let mut puts: Vec<Put> = Vec::with_capacity(bodies.len() + lines.len());
    for body in bodies.into_iter().chain(lines) {
        let key = body.key();
        if let Body::Unread(unread) = &body {
            return Err(Fault::new(format!("{unread} It cannot be written.")));
        }
        let index = body.index();
        let by = key.kind.found_by();
        debug_assert!(
            (by.parent || index.parent.is_empty())
                && (by.link || index.link.is_empty())
                && (by.status || index.status.is_empty()),
            "{} says more about itself than the table of kinds: {index:?}",
            key.kind.word()
        );
        if !index.order.is_finite() {
            return Err(Fault::new(format!("{} {} has no finite order", key.kind.word(), key.id)));
        }
        puts.push(Put { fresh: absent.contains(&key), kept: kept.remove(&key), key, index, body });
    }
    let mut seen = BTreeSet::new();
    let touches = touches.into_iter().filter(|scope| seen.insert(*scope)).collect();
    Ok(Prepared { expects, deletes, puts, touches, guards, made, request })
}

/// The words of a conflict in what was only read, the same in every adapter.
pub(crate) fn changed(guard: &Guard) -> String {
    format!("{:?} finds something else than was seen", guard.range)
}

/// The words of a conflict, the same in every adapter.
pub(crate) fn conflict(expect: &Expect, found: u64) -> String {
    match expect {
        Expect::Doc(key, 0) => format!("{} {} is there already", key.kind.word(), key.id),
        Expect::Doc(key, rev) if found == 0 => {
            format!("{} {} is gone, revision {rev} was expected", key.kind.word(), key.id)
        }
        Expect::Doc(key, rev) => format!("{} {} has revision {found} instead of {rev}", key.kind.word(), key.id),
        Expect::Scope(scope, rev) => format!("{} has revision {found} instead of {rev}", scope.word()),
    }
}
