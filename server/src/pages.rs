//! Turns documents into page parts for the live hub.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_app::model::{Extra, other_tasks, painted};
use clutch_domain::{
    change::Change,
    doc::{Dependency, Kind},
    query::{Query, Snapshot, answer},
    range::{Docs, Fetch, Range, Versioned},
    task::Task,
};
use clutch_orchestrator::{
    live::{Pages, Parts},
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};
use futures_util::{StreamExt, stream};

/// The pages of the app.
pub struct AppPages {
    /// Where neighbours are read that did not come along.
    pub store: Arc<dyn Store>,
}

#[async_trait]
impl Pages for AppPages {
    async fn parts(&self, query: &Query, docs: &Docs) -> Result<Parts, Fault> {
        let snapshot = answer(query, docs);
        if let Snapshot::Unread(unread) = &snapshot {
            return Err(Fault::new(unread.to_string()));
        }
        let ranges: Vec<Range> = other_tasks(&snapshot).into_iter().map(|id| Range::doc(Kind::Task, id)).collect();
        let missing: Vec<Range> = ranges.iter().filter(|r| docs.get(r).is_none()).cloned().collect();
        let mut read = Docs::default();
        if !missing.is_empty() {
            read = self.store.read(&Fetch { scopes: Vec::new(), ranges: missing }).await?.value;
        }
        let find = |range: &Range| docs.first::<Task>(range).or_else(|| read.first::<Task>(range)).cloned();
        let extra = Extra { others: ranges.iter().filter_map(find).collect() };
        painted(*query, snapshot, extra).await
    }
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
