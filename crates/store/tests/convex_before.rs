//! A deployment that the program before bodies had versions left: it reads, and is worked on.

#![allow(clippy::unwrap_used)]

mod before_data;
mod bridge;

use std::{collections::BTreeMap, sync::Arc};

use bridge::Deployment;
use serde_json::{Value, json};

/// The bridge with the rows of then.
async fn then() -> Deployment {
    let place = Deployment::bridge(&[]);
    let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in std::fs::read_to_string(before_data::file("convex.jsonl")).unwrap().lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        tables.entry(line["table"].as_str().unwrap().to_owned()).or_default().push(line["row"].take());
    }
    for (table, rows) in tables {
        place.control("/insert", json!({ "table": table, "rows": rows })).await;
    }
    place
}

#[tokio::test]
async fn a_deployment_of_before_is_gone_on_with() {
    let place = then().await;
    let office = before_data::office(Arc::new(place.store()));
    before_data::everything_reads(&office).await;
    before_data::the_loop_goes_on(&office).await;
    before_data::one_can_work_on(&office).await;
}
