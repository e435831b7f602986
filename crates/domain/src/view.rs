//! What a rule sees. A rule is run until it has everything that it asks for:
//! the first look at something unread stops it with [`Stop::Need`], the caller
//! reads that and runs the rule again. In the browser `Need` means "unsure":
//! the page waits for the server.

use std::sync::Arc;

use crate::{
    doc::{Doc, Inside, Kind, Rev, Scope},
    range::{Docs, Range},
    refusal::Refusal,
};

/// Why a rule did not give a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// It needs to see more.
    Need(Vec<Range>),
    /// It needs to know a scope's revision.
    NeedScope(Scope),
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

impl View {
    /// Everything in a range.
    pub fn list<T: Inside + Clone>(&self, range: Range) -> Result<Vec<Seen<T>>, Stop> {
        match self.docs.get(&range) {
            None => Err(Stop::Need(vec![range])),
            Some(docs) => Ok(docs
                .iter()
                .filter_map(|d| T::of(&d.body).map(|is| Seen { rev: d.rev, is: is.clone(), doc: d.clone() }))
                .collect()),
        }
    }

    /// The first in a range.
    pub fn one<T: Inside + Clone>(&self, range: Range) -> Result<Option<Seen<T>>, Stop> {
        Ok(self.list(range)?.into_iter().next())
    }

    /// One document by its id.
    pub fn find<T: Inside + Clone>(&self, id: impl ToString) -> Result<Option<Seen<T>>, Stop> {
        self.one(Range::doc(T::KIND, id))
    }

    /// One document by its id, or a refusal.
    pub fn must<T: Inside + Clone>(&self, id: impl ToString, missing: Refusal) -> Result<Seen<T>, Stop> {
        self.find(id)?.ok_or(Stop::Refuse(missing))
    }

    /// Whether a unique name is taken.
    pub fn taken(&self, name: &str) -> Result<bool, Stop> {
        let range = Range::doc(Kind::Unique, name);
        match self.docs.get(&range) {
            None => Err(Stop::Need(vec![range])),
            Some(docs) => Ok(!docs.is_empty()),
        }
    }

    /// A scope's revision as it was when this view began to be read.
    pub fn scope(&self, scope: Scope) -> Result<u64, Stop> {
        self.scopes.iter().find(|(s, _)| *s == scope).map(|(_, rev)| *rev).ok_or(Stop::NeedScope(scope))
    }
}
