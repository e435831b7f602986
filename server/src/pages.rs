//! Turns documents into page parts for the live hub.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use clutch_app::model::{Extra, card_name, painted};
use clutch_domain::{
    change::Change,
    doc::{Body, Dependency, Doc, Inside, Kind},
    plan::Policy,
    query::{Query, Snapshot, answer},
    range::{Docs, Fetch, Range, Versioned},
    task::Task,
};
use clutch_orchestrator::{
    live::{Pages, Parts, Patch},
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};
use futures_util::{StreamExt, stream};

/// The pages of the app.
pub struct AppPages {
    /// Where neighbours are read that did not come along.
    pub store: Arc<dyn Store>,
    /// The loop's settings, which its page tells.
    pub policy: Policy,
}

impl AppPages {
    async fn read(&self, ranges: Vec<Range>) -> Result<Docs, Fault> {
        if ranges.is_empty() {
            return Ok(Docs::default());
        }
        Ok(self.store.read(&Fetch { scopes: Vec::new(), ranges }).await?.value)
    }
}

#[async_trait]
impl Pages for AppPages {
    async fn parts(&self, query: &Query, docs: &Docs) -> Result<Parts, Fault> {
        let snapshot = answer(query, docs);
        if let Snapshot::Unread(unread) = &snapshot {
            return Err(Fault::new(unread.to_string()));
        }
        let ranges = Extra::ranges(&snapshot);
        let missing: Vec<Range> = ranges.iter().filter(|r| docs.get(r).is_none()).cloned().collect();
        let read = self.read(missing).await?;
        let mut extra = Extra { policy: self.policy.clone(), ..Extra::default() };
        extra.take(ranges.iter().filter_map(|range| docs.get(range).or_else(|| read.get(range))).flatten());
        let ranges = extra.further(&snapshot);
        let read = self.read(ranges.clone()).await?;
        extra.take(ranges.iter().filter_map(|range| read.get(range)).flatten());
        painted(*query, snapshot, extra).await
    }

    /// Of a board only the cards that are others now, where nothing else that a card shows is.
    async fn patch(&self, query: &Query, before: &Docs, docs: &Docs) -> Result<Option<Patch>, Fault> {
        let Query::Board { .. } = query else { return Ok(None) };
        let fetch = query.fetch();
        let (columns, others): (Vec<&Range>, Vec<&Range>) = fetch.ranges.iter().partition(|range| is_column(range));
        let cards_depend_on = |range: &&&Range| !matches!(range, Range::Doc { key } if key.kind != Kind::LoopState);
        if others.iter().filter(cards_depend_on).any(|range| !same(before.get(range), docs.get(range))) {
            return Ok(None);
        }
        let all = |docs: &Docs| -> Vec<Arc<Doc>> {
            columns.iter().flat_map(|range| docs.get(range).unwrap_or_default()).cloned().collect()
        };
        let (old, new) = (all(before), all(docs));
        let [old_ones, new_ones] = [&old, &new].map(|docs| docs.iter().map(place).collect::<HashSet<usize>>());
        let mut changed = Docs::default();
        for range in &others {
            changed.insert(range, docs.get(range).unwrap_or_default().to_vec());
        }
        for range in &columns {
            let found = docs.get(range).unwrap_or_default().iter();
            let told = |doc: &&Arc<Doc>| !old_ones.contains(&place(doc)) || matches!(doc.body, Body::Unread(_));
            changed.insert(range, found.filter(told).cloned().collect());
        }
        let put = self.parts(query, &changed).await?;
        if put.is_empty() {
            return Ok(None); // the board is gone
        }
        let left = old.iter().filter(|doc| !new_ones.contains(&place(doc)));
        let names = left.filter_map(|doc| Task::of(&doc.body)).map(|task| card_name(task.id));
        let del = names.filter(|name| !put.contains_key(name)).collect();
        Ok(Some(Patch { put, del }))
    }
}

fn is_column(range: &Range) -> bool {
    matches!(range, Range::ByStatus { kind: Kind::Task, .. })
}

/// Where a document lies, which tells it from all others as long as somebody holds it.
fn place(doc: &Arc<Doc>) -> usize {
    Arc::as_ptr(doc).addr()
}

/// Whether two answers are the same documents. Stores hand out one that did not change as it was.
fn same(a: Option<&[Arc<Doc>]>, b: Option<&[Arc<Doc>]>) -> bool {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// The store as live pages watch it: the page of a task shows the titles of its neighbours, so
/// whoever watches edges watches the tasks at their ends too, in the same transaction. A rename of
/// a neighbour changes none of the ranges of the query itself, and would go unseen.
pub struct WithNeighbours(pub Arc<dyn Store>);

#[async_trait]
impl Store for WithNeighbours {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.0.read(fetch).await
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        self.0.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.0.commit(change, key).await
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        let edges: Vec<Range> = fetch.ranges.iter().filter(|r| of_edges(r)).cloned().collect();
        if edges.is_empty() {
            return self.0.watch(fetch);
        }
        let first = (self.0.clone(), self.0.watch(fetch.clone()), Vec::new());
        Box::pin(stream::unfold(first, move |(store, mut inner, mut known)| {
            let (fetch, edges) = (fetch.clone(), edges.clone());
            async move {
                loop {
                    let item = inner.next().await?;
                    if let Ok(read) = &item {
                        let neighbours = ends(&edges, &read.value);
                        if neighbours != known {
                            // The new watch begins with an answer of its own, at this version or above.
                            let ranges = fetch.ranges.iter().chain(&neighbours).cloned().collect();
                            inner = store.watch(Fetch { scopes: fetch.scopes.clone(), ranges });
                            known = neighbours;
                            continue;
                        }
                    }
                    return Some((item, (store, inner, known)));
                }
            }
        }))
    }

    fn sole_writer(&self) -> bool {
        self.0.sole_writer()
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

fn of_edges(range: &Range) -> bool {
    matches!(range, Range::Children { kind: Kind::Dependency, .. } | Range::Linked { kind: Kind::Dependency, .. })
}

/// Both ends of all edges, each once.
fn ends(edges: &[Range], docs: &Docs) -> Vec<Range> {
    let all = edges.iter().flat_map(|r| docs.all::<Dependency>(r)).flat_map(|d| [d.task, d.depends_on]);
    let ids: std::collections::BTreeSet<_> = all.collect();
    ids.into_iter().map(|id| Range::doc(Kind::Task, id)).collect()
}
