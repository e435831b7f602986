//! The contract for `ConvexStore`, on the bridge or on the deployment of `CONVEX_TEST_URL`.

#![allow(clippy::unwrap_used)]

mod bridge;
mod contract;

use std::sync::Arc;

use async_trait::async_trait;
use bridge::Deployment;
use clutch_domain::doc::{DocKey, Kind};
use clutch_orchestrator::store::Store;
use contract::{
    Place, doc,
    docs::{id, titled},
    must, puts,
};

struct Convex(Deployment);

#[async_trait]
impl Place for Convex {
    fn new() -> Self {
        Self(Deployment::new())
    }

    async fn open(&self) -> Arc<dyn Store> {
        self.0.prepare().await;
        Arc::new(self.0.store())
    }
}

contract::contract!(Convex);

/// JSON makes six bytes of one of these: more than a document of Convex holds.
#[tokio::test]
async fn an_inside_larger_than_a_document_of_convex_survives() {
    let place = Convex::new();
    let store = &*place.open().await;
    let words: String = "\u{1}\u{2}\"é".chars().cycle().take(700_000).collect();
    for title in ["first", "second"] {
        let body = titled(1, 1, "ready", 1.0, 1, title, Some(&words));
        must(store, puts([body.clone()])).await;
        let found = doc(store, &DocKey::new(Kind::Task, id(1))).await.unwrap();
        assert!(found.body == body, "it came back changed");
    }
}

#[tokio::test]
async fn it_says_what_it_is() {
    let place = Convex::new();
    let store = place.0.store();
    assert!(!store.sole_writer());
    assert_eq!(store.describe(), format!("Convex, {}", place.0.url));
    assert!(clutch_store::ConvexStore::new("example.org", "k").err().unwrap().what.contains("CONVEX_URL"));
    assert!(clutch_store::ConvexStore::new("http://c", "a\nb").err().unwrap().what.contains("key"));
}
