//! Two people at once on a Convex deployment: commands are overtaken before their commit by others that write a kind in
//! common, and what must always be true still is. Of all such pairs one in [`EACH`], or in `CLUTCH_RACES_EACH`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod bridge;
#[allow(dead_code)]
#[path = "../../orchestrator/tests/rules/house.rs"]
mod house;
#[path = "../../orchestrator/tests/rules/scene.rs"]
mod scene;

use std::sync::Arc;

use bridge::Deployment;
use clutch_store::MemoryStore;
use scene::{office_over, overtake, pairs, scene};

/// A pair is a deployment with new rows and some ten calls; what is compared is the same for each.
const EACH: usize = 7;

#[tokio::test]
async fn what_is_overtaken_on_convex_keeps_what_must_be_true() {
    let memory = Arc::new(MemoryStore::new());
    let all = scene(&office_over(memory.clone())).await;
    let place = Deployment::bridge(&[]);
    scene(&office_over(Arc::new(place.store()))).await;
    let begin = place.rows().await;
    let each = std::env::var("CLUTCH_RACES_EACH").map_or(EACH, |each| each.parse().unwrap());
    let pairs = pairs(&memory, &all).await;
    let mut cases = 0;
    for (one, other, last) in pairs.iter().step_by(each) {
        place.control("/rows", begin.clone()).await;
        assert!(overtake(Arc::new(place.store()), one, other, *last).await, "{one:?} reaches its commit");
        cases += 1;
    }
    println!("{cases} of {} pairs", pairs.len());
    assert!(cases > all.len(), "{cases} cases of {} commands", all.len());
}
