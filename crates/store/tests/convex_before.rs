//! A deployment that the program before bodies had versions left: it reads, and is worked on.

#![allow(clippy::unwrap_used)]

mod before_data;
mod bridge;
mod under_way;

use std::{collections::BTreeMap, sync::Arc};

use bridge::Deployment;
use serde_json::{Value, json};

/// The bridge with the rows of then; a row may be changed before.
async fn then(change: impl Fn(&str, &mut Value)) -> Deployment {
    let place = Deployment::bridge(&[]);
    let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in std::fs::read_to_string(before_data::file("convex.jsonl")).unwrap().lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let table = line["table"].as_str().unwrap().to_owned();
        change(&table, &mut line["row"]);
        tables.entry(table).or_default().push(line["row"].take());
    }
    for (table, rows) in tables {
        place.control("/insert", json!({ "table": table, "rows": rows })).await;
    }
    place
}

#[tokio::test]
async fn a_deployment_of_before_is_gone_on_with() {
    let place = then(|_, _| {}).await;
    let office = before_data::office(Arc::new(place.store()));
    before_data::upgraded(&office).await;
    before_data::everything_reads(&office).await;
    before_data::the_loop_goes_on(&office).await;
    before_data::one_can_work_on(&office).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_under_way_in_a_deployment_of_before_goes_on() {
    let place = then(|_, _| {}).await;
    under_way::goes_on(before_data::office(Arc::new(place.store()))).await;
}

#[tokio::test]
async fn what_a_newer_program_wrote_spoils_nothing() {
    let ids = std::sync::Mutex::new(BTreeMap::new());
    let place = then(|table, row| {
        let body = row["body"].as_str().unwrap_or_default().to_owned();
        for (title, text) in
            [("Backlog 1", r#"{"task":{"v":9,"shape":"quite another"}}"#), ("In review 2", r#"{"task":{"id":"#)]
        {
            if table == "task" && body.contains(&format!("\"title\":\"{title}\"")) {
                ids.lock().unwrap().insert(title, row["id"].as_str().unwrap().to_owned());
                row["body"] = json!(text);
            }
        }
    })
    .await;
    let ids = ids.into_inner().unwrap();
    let office = before_data::office(Arc::new(place.store()));
    before_data::upgraded(&office).await;
    let id = |title: &str| ids[title].parse().unwrap();
    before_data::what_cannot_be_read_spoils_nothing(&office, id("Backlog 1"), id("In review 2")).await;
}
