//! Turns documents into page parts for the live hub.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_app::model::{Extra, other_tasks, parts};
use clutch_domain::{
    doc::Kind,
    query::{Query, answer},
    range::{Docs, Fetch, Range},
    task::Task,
};
use clutch_orchestrator::{
    live::{Pages, Parts},
    store::{Fault, Store},
};

/// The pages of the app.
pub struct AppPages {
    /// Where neighbours' titles are read.
    pub store: Arc<dyn Store>,
}

#[async_trait]
impl Pages for AppPages {
    async fn parts(&self, query: &Query, docs: &Docs) -> Result<Parts, Fault> {
        let snapshot = answer(query, docs);
        let ranges: Vec<Range> = other_tasks(&snapshot).into_iter().map(|id| Range::doc(Kind::Task, id)).collect();
        let mut extra = Extra::default();
        if !ranges.is_empty() {
            let read = self.store.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
            extra.others = ranges.iter().filter_map(|r| read.first::<Task>(r).cloned()).collect();
        }
        Ok(parts(query, &snapshot, &extra))
    }
}
