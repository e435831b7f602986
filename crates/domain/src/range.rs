//! Bounded reads. A store answers ranges and knows nothing of their meaning.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    doc::{Body, Doc, DocKey, Inside, Kind, Scope, Unread},
    time::Millis,
};

/// Order of a [`Range::ByStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By `Index::order`, then id, ascending.
    Ordered,
    /// By `Index::at`, then id, descending.
    Newest,
}

/// Where a page by order begins: behind this order and id, or before them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct After {
    /// `Index::order` of the last one seen.
    pub order: f64,
    /// Its id.
    pub id: String,
}

// By the number's total order, so that ranges can be kept in maps.
impl Ord for After {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.total_cmp(&other.order).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for After {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for After {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for After {}

/// Where a page by time begins, newest first: behind this moment and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Before {
    /// `Index::at` of the last one seen.
    pub at: Millis,
    /// Its id.
    pub id: String,
}

impl Before {
    /// Behind everything of this moment.
    #[must_use]
    pub const fn moment(at: Millis) -> Self {
        Self { at, id: String::new() }
    }
}

/// One bounded read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "range", rename_all = "snake_case")]
pub enum Range {
    /// One document, or none.
    Doc {
        /// Which.
        key: DocKey,
    },
    /// The document that has a unique name, or none.
    ByUnique {
        /// The name.
        name: String,
    },
    /// What hangs on `parent`, by (order, id) ascending.
    Children {
        /// Kind.
        kind: Kind,
        /// Parent.
        parent: String,
        /// Page start.
        after: Option<After>,
        /// Most documents.
        limit: u32,
    },
    /// What hangs on `parent`, by (at, id) descending.
    NewestChildren {
        /// Kind.
        kind: Kind,
        /// Parent.
        parent: String,
        /// Page start.
        before: Option<Before>,
        /// Most documents.
        limit: u32,
    },
    /// What is linked to `link`, by (order, id) ascending.
    Linked {
        /// Kind.
        kind: Kind,
        /// Second parent.
        link: String,
        /// Most documents.
        limit: u32,
    },
    /// Documents of a scope in one status.
    ByStatus {
        /// Kind.
        kind: Kind,
        /// Scope; `None` is the whole installation.
        scope: Option<Scope>,
        /// Status.
        status: String,
        /// Order.
        order: Order,
        /// Most documents.
        limit: u32,
    },
    /// Documents of a scope in one status by (order, id), from a place on: forwards behind `from`, or
    /// backwards before it. Without a place from the first, or from the last.
    StatusPage {
        /// Kind.
        kind: Kind,
        /// Scope.
        scope: Scope,
        /// Status.
        status: String,
        /// Page start.
        from: Option<After>,
        /// Backwards: descending.
        back: bool,
        /// Most documents.
        limit: u32,
    },
    /// Documents of a scope in one status by (at, id) descending, behind a moment: where [`Order::Newest`] goes on.
    StatusBefore {
        /// Kind.
        kind: Kind,
        /// Scope.
        scope: Scope,
        /// Status.
        status: String,
        /// Page start.
        before: Before,
        /// Most documents.
        limit: u32,
    },
    /// Documents of a scope, by (at, id) descending.
    Newest {
        /// Kind.
        kind: Kind,
        /// Scope.
        scope: Scope,
        /// Page start.
        before: Option<Before>,
        /// Most documents.
        limit: u32,
    },
    /// All documents of a kind, by id ascending: for what goes through everything in steps.
    All {
        /// Kind.
        kind: Kind,
        /// Page start: behind this id.
        after: Option<String>,
        /// Most documents.
        limit: u32,
    },
}

impl Range {
    /// Whether a store has an index for it. One that has none would look at every document of the kind, so stores
    /// refuse it.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        match self {
            Self::Doc { .. } | Self::ByUnique { .. } | Self::All { .. } => true,
            Self::Children { kind, .. } => kind.found_by().parent,
            Self::NewestChildren { kind, .. } => kind.found_by().parent && !kind.found_by().order,
            Self::Linked { kind, .. } => kind.found_by().link,
            Self::ByStatus { kind, scope: None, .. } => kind.found_by().everywhere,
            Self::ByStatus { kind, scope: Some(_), .. }
            | Self::StatusPage { kind, .. }
            | Self::StatusBefore { kind, .. } => kind.found_by().status,
            Self::Newest { kind, .. } => kind.found_by().scope,
        }
    }

    /// One document.
    #[must_use]
    pub fn doc(kind: Kind, id: impl ToString) -> Self {
        Self::Doc { key: DocKey::new(kind, id) }
    }

    /// The document that has a unique name.
    #[must_use]
    pub fn unique(name: impl Into<String>) -> Self {
        Self::ByUnique { name: name.into() }
    }

    /// The first `limit` children.
    #[must_use]
    pub fn children(kind: Kind, parent: impl ToString, limit: u32) -> Self {
        Self::Children { kind, parent: parent.to_string(), after: None, limit }
    }

    /// The newest `limit` documents of a kind in a scope.
    #[must_use]
    pub const fn newest(kind: Kind, scope: Scope, limit: u32) -> Self {
        Self::Newest { kind, scope, before: None, limit }
    }

    /// The first `limit` documents that are linked.
    #[must_use]
    pub fn linked(kind: Kind, link: impl ToString, limit: u32) -> Self {
        Self::Linked { kind, link: link.to_string(), limit }
    }
}

/// What a read asks for: ranges, and the scopes whose revisions make up the answer's version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fetch {
    /// Scopes covered. A watch runs again when a commit touches one of them.
    pub scopes: Vec<Scope>,
    /// Ranges.
    pub ranges: Vec<Range>,
}

/// A value and the version at which it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned<T> {
    /// Sum of the revisions of the fetch's scopes, read in the same transaction.
    pub version: u64,
    /// Each scope's revision, in the fetch's order.
    pub scopes: Vec<(Scope, u64)>,
    /// The value.
    pub value: T,
}

/// Documents by the range that asked for them.
#[derive(Clone, Debug, Default)]
pub struct Docs {
    found: BTreeMap<Range, Vec<Arc<Doc>>>,
}

// Stores hand out the same `Arc` for a document that did not change: its inside is looked at only where they differ.
impl PartialEq for Docs {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Arc<Doc>, b: &Arc<Doc>| Arc::ptr_eq(a, b) || a == b;
        self.found.len() == other.found.len()
            && self.found.iter().zip(&other.found).all(|((asked, found), (other_asked, other_found))| {
                asked == other_asked
                    && found.len() == other_found.len()
                    && found.iter().zip(other_found).all(|(a, b)| same(a, b))
            })
    }
}

impl Docs {
    /// Keeps the answer to `range`.
    pub fn insert(&mut self, range: &Range, docs: Vec<Arc<Doc>>) {
        self.found.insert(range.clone(), docs);
    }

    /// The answer to `range`; `None` when it was not asked for.
    #[must_use]
    pub fn get(&self, range: &Range) -> Option<&[Arc<Doc>]> {
        self.found.get(range).map(Vec::as_slice)
    }

    /// The answer to `range`, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, range: &Range) -> Option<&mut Vec<Arc<Doc>>> {
        self.found.get_mut(range)
    }

    /// The insides of the answer to `range`; empty when it was not asked for.
    pub fn all<'a, T: Inside + 'a>(&'a self, range: &Range) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.get(range).unwrap_or(&[]).iter().filter_map(|d| T::of(&d.body))
    }

    /// The first inside of the answer to `range`.
    #[must_use]
    pub fn first<T: Inside>(&self, range: &Range) -> Option<&T> {
        self.get(range)?.first().and_then(|d| T::of(&d.body))
    }

    /// What this program could not read of the answer to `range`.
    pub fn unread<'a>(&'a self, range: &Range) -> impl Iterator<Item = &'a Unread> + use<'a> {
        self.get(range).unwrap_or(&[]).iter().filter_map(|doc| match &doc.body {
            Body::Unread(unread) => Some(unread),
            _ => None,
        })
    }

    /// Every document that was read; one that two ranges found is there twice.
    pub fn docs(&self) -> impl Iterator<Item = &Arc<Doc>> {
        self.found.values().flatten()
    }

    /// How many documents were read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.values().map(Vec::len).sum()
    }

    /// Nothing was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes everything of `other`; its answers replace ours.
    pub fn merge(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    /// All ranges that were read, with their answers.
    pub fn iter(&self) -> impl Iterator<Item = (&Range, &[Arc<Doc>])> {
        self.found.iter().map(|(range, docs)| (range, docs.as_slice()))
    }
}
