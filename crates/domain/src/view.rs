//! What a rule sees. A rule is run until it has everything that it asks for: where
//! something is unread it stops with [`Stop::Need`], the caller reads that and runs the
//! rule again. A rule names all that it needs at one depth of its questions with
//! [`View::gather`], so that each depth costs one look, however many documents there are.

use std::sync::Arc;

use crate::{
    doc::{Doc, Inside, Kind, Rev, Scope, Unread},
    range::{Docs, Fetch, Range},
    refusal::Refusal,
};

/// Why a rule did not give a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// It needs to see more: ranges, and revisions of scopes.
    Need(Fetch),
    /// The answer is no.
    Refuse(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

/// What has been read so far.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Documents.
    pub docs: Docs,
    /// Revisions of scopes, as of the **first** read: an expectation must not be newer than what was seen.
    pub scopes: Vec<(Scope, u64)>,
}

/// A document's inside with its revision.
#[derive(Clone, Debug)]
pub struct Seen<T> {
    /// Revision.
    pub rev: Rev,
    /// Inside, ready to be changed.
    pub is: T,
    /// As it was read.
    pub doc: Arc<Doc>,
}

fn need(range: Range) -> Stop {
    Stop::Need(Fetch { scopes: Vec::new(), ranges: vec![range] })
}

impl View {
    /// Stops unless all these ranges are read, and asks for all that are not at once.
    ///
    /// # Errors
    /// [`Stop::Need`] with whatever is unread.
    pub fn gather(&self, ranges: impl IntoIterator<Item = Range>) -> Result<(), Stop> {
        self.gather_under(None, ranges)
    }

    /// As [`gather`](Self::gather), with the revision of a scope read in the same moment.
    ///
    /// # Errors
    /// [`Stop::Need`] with whatever is unread.
    pub fn gather_under(&self, scope: Option<Scope>, ranges: impl IntoIterator<Item = Range>) -> Result<(), Stop> {
        let scopes: Vec<Scope> =
            scope.into_iter().filter(|s| self.scopes.iter().all(|(known, _)| known != s)).collect();
        let ranges: Vec<Range> = ranges.into_iter().filter(|range| self.docs.get(range).is_none()).collect();
        if scopes.is_empty() && ranges.is_empty() { Ok(()) } else { Err(Stop::Need(Fetch { scopes, ranges })) }
    }

    /// Everything in a range that this program can read.
    ///
    /// # Errors
    /// [`Stop::Need`] when it is unread.
    pub fn list<T: Inside + Clone>(&self, range: Range) -> Result<Vec<Seen<T>>, Stop> {
        match self.docs.get(&range) {
            None => Err(need(range)),
            Some(docs) => Ok(docs
                .iter()
                .filter_map(|d| T::of(&d.body).map(|is| Seen { rev: d.rev, is: is.clone(), doc: d.clone() }))
                .collect()),
        }
    }

    /// The first in a range. One that this program cannot read is refused: whoever changed what hangs
    /// on it would do it blindly.
    ///
    /// # Errors
    /// [`Stop::Need`] when it is unread; [`Stop::Refuse`] when this program cannot read it.
    pub fn one<T: Inside + Clone>(&self, range: Range) -> Result<Option<Seen<T>>, Stop> {
        let unread = self.docs.unread(&range).next().map(Unread::refusal);
        let first = self.list(range)?.into_iter().next();
        match unread {
            Some(refusal) if first.is_none() => Err(refusal.into()),
            _ => Ok(first),
        }
    }

    /// One document by its id.
    ///
    /// # Errors
    /// [`Stop::Need`] when it is unread.
    pub fn find<T: Inside + Clone>(&self, id: impl ToString) -> Result<Option<Seen<T>>, Stop> {
        self.one(Range::doc(T::KIND, id))
    }

    /// One document by its id, or a refusal.
    ///
    /// # Errors
    /// [`Stop::Need`] when it is unread, the refusal when it is not there.
    pub fn must<T: Inside + Clone>(&self, id: impl ToString, missing: Refusal) -> Result<Seen<T>, Stop> {
        self.find(id)?.ok_or(Stop::Refuse(missing))
    }

    /// Whether a unique name is taken.
    ///
    /// # Errors
    /// [`Stop::Need`] when it is unread.
    pub fn taken(&self, name: &str) -> Result<bool, Stop> {
        let range = Range::doc(Kind::Unique, name);
        match self.docs.get(&range) {
            None => Err(need(range)),
            Some(docs) => Ok(!docs.is_empty()),
        }
    }

    /// A scope's revision as it was when this view began to be read.
    ///
    /// # Errors
    /// [`Stop::Need`] when it is unread.
    pub fn scope(&self, scope: Scope) -> Result<u64, Stop> {
        let known = self.scopes.iter().find(|(s, _)| *s == scope).map(|(_, rev)| *rev);
        known.ok_or_else(|| Stop::Need(Fetch { scopes: vec![scope], ranges: Vec::new() }))
    }
}
