//! The document: it is what clients rest on, so a change of it is seen, and it tells the truth about the routes.

use axum::body::Body;
use serde_json::{Value, json};

use super::super::{House, NOBODY};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

async fn document(house: &House) -> Value {
    house.get("/api/v1/openapi.json").await.ok(200)
}

/// All references of a value.
fn references<'a>(of: &'a Value, found: &mut Vec<&'a str>) {
    match of {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value.as_str() {
            Some(path) if name == "$ref" => found.push(path),
            _ => references(value, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_the_one_that_is_kept() {
    let house = House::new();
    let now = house.get("/api/v1/openapi.json").await;
    let mut now = now.ok(200);
    now["info"]["version"] = json!("0");
    let now = format!("{}\n", serde_json::to_string_pretty(&now).unwrap());
    if std::env::var_os("CLUTCH_KEEP_OPENAPI").is_some() {
        std::fs::write(KEPT, &now).unwrap();
    }
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    assert!(
        kept == now,
        "The OpenAPI document is another than docs/openapi.json. Within v1 members only join (docs/api.md); if this \
         change keeps that, run this test once with CLUTCH_KEEP_OPENAPI=1 and commit the file."
    );
}

#[tokio::test]
async fn the_document_holds_together() {
    let house = House::new();
    let document = document(&house).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    let mut all = Vec::new();
    references(&document, &mut all);
    assert!(all.len() > 50, "{}", all.len());
    for path in all {
        assert!(document.pointer(path.strip_prefix('#').unwrap()).is_some(), "{path} leads nowhere");
    }
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            names.push(operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name")));
            assert!(operation["summary"].as_str().is_some_and(|s| !s.is_empty()), "{method} {path} says nothing");
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "each operation has a name of its own");
}

#[tokio::test]
async fn what_it_names_is_there_and_answers_as_it_says() {
    let house = House::on_disk();
    let document = document(&house).await;
    let mut routes = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if path == "/api/events" {
            continue; // never ends
        }
        let address = path.split('/').map(|part| if part.starts_with('{') { NOBODY } else { part });
        let address = address.collect::<Vec<_>>().join("/");
        for (method, operation) in item.as_object().unwrap() {
            let reply = house.raw(&method.to_uppercase(), &address, &[], Body::from("{}")).await;
            let status = reply.status.as_str();
            assert!(operation["responses"].get(status).is_some(), "{method} {path} answers {status}: {}", reply.text);
            assert!(!["route_not_found", "method_not_allowed"].contains(&reply.json()["code"].as_str().unwrap_or("")));
            routes += 1;
        }
        let wrong = house.raw("TRACE", &address, &[], Body::empty()).await;
        assert!(wrong.status.is_client_error(), "{}", wrong.text);
    }
    assert!(routes >= 30, "{routes}");
}

#[tokio::test]
async fn people_read_it_without_a_script() {
    let house = House::new();
    let page = house.get("/api/docs").await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script") && !page.text.contains("http://") && !page.text.contains("https://"));
    let document = document(&house).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let shown = format!("<code>{} {path}</code>", method.to_uppercase());
            assert!(page.text.contains(&shown), "{shown} is not on the page");
        }
    }
    for link in page.text.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.text.contains(&format!("id=\"{link}\"")), "#{link} leads nowhere");
    }
}
