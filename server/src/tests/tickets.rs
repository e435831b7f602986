//! Every ticket is reached and found, however many a project has: the server functions as pages call them.

use axum::{body::Body, http::Request};
use clutch_app::model::tickets::Found;
use clutch_domain::{
    change::Change,
    id::TaskId,
    task::{Status, Task},
};
use clutch_orchestrator::store::IdempotencyKey;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ADDRESS, House, Reply};

async fn call(house: &House, name: &str, form: String) -> Reply {
    let request = Request::post(format!("/fn/{name}"))
        .header("host", ADDRESS)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(Body::from(form));
    house.send(request.unwrap(), "127.0.0.1:5000").await
}

async fn find(house: &House, project: &str, more: &str) -> Found {
    let reply = call(house, "find_tickets", format!("project={project}&{more}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str(&reply.text).unwrap()
}

async fn page(house: &House, more: &str) -> Value {
    let reply = call(house, "load_tickets", format!("slug=site&{more}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str::<Value>(&reply.text).unwrap()["parts"]["page"].clone()
}

fn numbers(page: &Value) -> Vec<u64> {
    page["found"]["cards"].as_array().unwrap().iter().map(|card| card["number"].as_u64().unwrap()).collect()
}

/// Many tickets at once, as a project of years has them: 1 is the first and the oldest.
async fn history(house: &House, project: &str, status: Status, numbers: std::ops::RangeInclusive<u64>) {
    let mut change = Change::default();
    for n in numbers {
        // Two share a place each, and two a moment.
        let body = json!({
            "id": TaskId(Uuid::new_v4()), "project": project, "number": n, "title": format!("Bird {n}"),
            "status": status.word(), "priority": "medium", "position": (n / 2) as f64,
            "created_at": n / 2, "updated_at": n / 2, "status_changed_at": n / 2,
        });
        change.put(0, serde_json::from_value::<Task>(body).unwrap());
    }
    house.office.store().commit(change, IdempotencyKey(Uuid::new_v4().to_string())).await.unwrap();
}

#[tokio::test]
async fn a_column_comes_in_pages_each_ticket_once() {
    for house in [House::new(), House::on_disk()] {
        let project = house.project("site").await;
        history(&house, &project, Status::Done, 1..=120).await;
        history(&house, &project, Status::Backlog, 121..=240).await;
        for (column, newest) in [("done", true), ("backlog", false)] {
            let (mut seen, mut from, mut pages) = (Vec::new(), String::new(), 0);
            loop {
                let page = page(&house, &format!("column={column}&from={from}")).await;
                seen.extend(numbers(&page));
                pages += 1;
                let Some(next) = page["found"]["next"].as_str() else { break };
                from = next.to_owned();
            }
            assert_eq!((seen.len(), pages), (120, 3), "{column}");
            let place = |n: &u64| if newest { -((n / 2) as i64) } else { (n / 2) as i64 };
            assert!(seen.is_sorted_by_key(place), "{column}: {seen:?}");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 120, "{column}");
        }
        // Words are looked for in the whole column.
        let found = page(&house, "column=done&words=bird+9").await;
        assert_eq!(numbers(&found).len(), (1..=120).filter(|n: &u64| n.to_string().contains('9')).count());
        assert_eq!((&found["found"]["looked"], &found["found"]["next"]), (&json!(120), &Value::Null));
    }
}

#[tokio::test]
async fn a_look_ends_after_so_many_tickets_and_says_where_to_go_on() {
    let house = House::new();
    let project = house.project("site").await;
    history(&house, &project, Status::Done, 1..=5_300).await;
    let (first, from) = {
        let found = find(&house, &project, "words=BIRD+53").await;
        (found.cards.len(), found.next.unwrap())
    };
    let rest = find(&house, &project, &format!("words=BIRD+53&from={from}")).await;
    assert_eq!((rest.looked, rest.next), (300, None));
    // Of those that lie first in their order.
    let fit = |numbers: std::ops::RangeInclusive<u64>| numbers.filter(|n| n.to_string().contains("53")).count();
    assert_eq!((first, rest.cards.len()), (fit(1..=4_999), fit(5_000..=5_300)));
    // So many are found at once; no one is left out between two looks.
    let (mut seen, mut from) = (0, String::new());
    loop {
        let found = find(&house, &project, &format!("words=bird&from={from}")).await;
        assert!(found.cards.len() <= 200);
        seen += found.cards.len();
        let Some(next) = found.next else { break };
        from = next;
    }
    assert_eq!(seen, 5_300);
}

#[tokio::test]
async fn what_waits_for_a_person_is_found_wherever_it_lies() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "Ask somebody", "backlog").await;
    house.task(&project, "Ask nobody", "backlog").await;
    let ask = json!({ "taskId": task, "sessionKey": "main:site:dev:1", "agentId": "kimi", "kind": "question", "message": "Which?" });
    house.post("/api/signal", ask).await.ok(201);
    let found = find(&house, &project, "need=true&words=ask").await;
    assert_eq!(found.cards.iter().map(|card| card.id.to_string()).collect::<Vec<_>>(), [task]);
    assert_eq!(found.cards[0].ask.as_ref().unwrap().text, "Which?");
    assert!(find(&house, &project, "running=true").await.cards.is_empty());
}

#[tokio::test]
async fn accents_and_capitals_are_no_difference() {
    let house = House::new();
    let project = house.project("site").await;
    for title in ["cafe\u{301}", "CAFÉ", "cafe", "care"] {
        house.task(&project, title, "done").await;
    }
    for words in ["caf%C3%A9", "cafe%CC%81", "CAFE"] {
        assert_eq!(find(&house, &project, &format!("words={words}")).await.cards.len(), 3, "{words}");
    }
}

#[tokio::test]
async fn nonsense_is_refused_in_words() {
    let house = House::new();
    let project = house.project("site").await;
    for (name, form) in
        [("find_tickets", format!("project={project}&from=1_2")), ("load_tickets", "slug=site&from=x".into())]
    {
        let reply = call(&house, name, form).await;
        assert_eq!(reply.status, 400, "{name}: {}", reply.text);
        assert!(reply.text.contains("no such place among the tickets"), "{}", reply.text);
    }
    assert_eq!(call(&house, "load_tickets", "slug=nowhere".into()).await.status, 404);
    let gone = Uuid::new_v4();
    assert_eq!(call(&house, "find_tickets", format!("project={gone}")).await.status, 404);
}
