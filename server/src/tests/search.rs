//! Finding messages, and the way back to an old one: the server functions as pages call them.

use axum::http::Request;
use clutch_app::model::chat::{Back, Found};
use clutch_domain::{
    change::Change,
    chat::Message,
    id::{ChatId, MessageId},
    text::Body,
    time::Millis,
};
use clutch_orchestrator::store::IdempotencyKey;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::{ADDRESS, BEGIN, House, NOBODY, Reply, id};

async fn call(house: &House, name: &str, fields: &[(&str, &str)]) -> Reply {
    let plain = |v: &str| v.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace(' ', "+");
    let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    let request = Request::post(format!("/fn/{name}"))
        .header("host", ADDRESS)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(form.join("&").into());
    house.send(request.unwrap(), "127.0.0.1:5000").await
}

async fn ask<T: DeserializeOwned>(house: &House, name: &str, fields: &[(&str, &str)]) -> T {
    let reply = call(house, name, fields).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str(&reply.text).unwrap()
}

async fn search(house: &House, project: &str, words: &str, before: Option<i64>) -> Found {
    let before = before.map(|at| at.to_string());
    let mut fields = vec![("project", project), ("words", words)];
    fields.extend(before.as_deref().map(|at| ("before", at)));
    ask(house, "search_chats", &fields).await
}

async fn chat(house: &House, project: &str, title: &str) -> ChatId {
    let body = json!({ "project_id": project, "title": title });
    id(&house.post("/api/chats", body).await.ok(201)["chat"]).parse().unwrap()
}

async fn say(house: &House, chat: ChatId, words: &str) -> String {
    let body = json!({ "author": "kimi", "content": words });
    id(&house.post(&format!("/api/chats/{chat}/messages"), body).await.ok(201)["message"])
}

/// Many messages at given moments, as history has them: rules would give each a moment of its own.
async fn history(house: &House, chat: ChatId, said: impl Iterator<Item = (i64, String)>) -> Vec<MessageId> {
    let mut ids = Vec::new();
    let mut change = Change::default();
    for (at, words) in said {
        let id = MessageId(Uuid::new_v4());
        ids.push(id);
        change.put(
            0,
            Message {
                id,
                chat,
                author: "kimi".into(),
                by: None,
                content: Body::parse(&words).unwrap().unwrap(),
                run_id: None,
                session_key: None,
                is_automated: false,
                delivery_status: None,
                retry_count: None,
                cooldown_until: None,
                failure_reason: None,
                calls: Vec::new(),
                outbox: None,
                created_at: Millis(at),
                said_at: None,
            },
        );
    }
    house.office.store().commit(change, IdempotencyKey(Uuid::new_v4().to_string())).await.unwrap();
    ids
}

fn lines(found: &Found) -> Vec<String> {
    found.hits.iter().map(|hit| hit.pieces.iter().map(|p| p.text.as_str()).collect()).collect()
}

#[tokio::test]
async fn what_is_said_in_any_chat_of_the_project_is_found_newest_first() {
    for house in [House::new(), House::on_disk()] {
        let (project, other) = (house.project("site").await, house.project("other").await);
        let (a, b) = (chat(&house, &project, "a").await, chat(&house, &project, "b").await);
        let theirs = chat(&house, &other, "theirs").await;
        let first = say(&house, a, "The feeder <b>LOG</b> is built").await;
        say(&house, b, "Nothing of that").await;
        let second = say(&house, b, "A log of the Feeder").await;
        say(&house, theirs, "The feeder log of others").await;
        say(&house, a, "A feeder alone").await;

        let found = search(&house, &project, " Log  feeder", None).await;
        let hits: Vec<_> = found.hits.iter().map(|h| (h.message.to_string(), h.chat, h.title.as_str())).collect();
        assert_eq!(hits, [(second, b, "b"), (first, a, "a")]);
        assert_eq!((found.looked, found.older), (4, None));
        assert_eq!(found.hits[0].author, "A program, as kimi");
        // What is marked is said by pieces: there is no markup in any.
        let pieces: Vec<_> = found.hits[1].pieces.iter().map(|p| (p.text.as_str(), p.hit)).collect();
        assert_eq!(
            pieces,
            [("The ", false), ("feeder", true), (" <b>", false), ("LOG", true), ("</b> is built", false)]
        );

        assert_eq!(lines(&search(&house, &other, "feeder", None).await), ["The feeder log of others"]);
        for nothing in ["", "  ", "magpie"] {
            assert!(search(&house, &project, nothing, None).await.hits.is_empty());
        }
        assert_eq!(search(&house, NOBODY, "feeder", None).await, Found::default());
        house.delete(&format!("/api/chats/{b}")).await.ok(200);
        assert_eq!(lines(&search(&house, &project, "log", None).await), ["The feeder <b>LOG</b> is built"]);
    }
}

#[tokio::test]
async fn a_call_looks_at_so_many_and_the_next_goes_on_exactly_there() {
    let house = House::new();
    let project = house.project("site").await;
    let (a, b) = (chat(&house, &project, "a").await, chat(&house, &project, "b").await);
    // Both chats speak at the same moments: no moment may be cut in two.
    let said = |name: &'static str| {
        (0..2_600_i64).map(move |n| (BEGIN - 1 - n, format!("{name}{n} {}", if n == 2_599 { "needle" } else { "hay" })))
    };
    history(&house, a, said("a")).await;
    history(&house, b, said("b")).await;
    let found = search(&house, &project, "needle", None).await;
    assert!(found.hits.is_empty());
    assert_eq!((found.looked, found.older), (5_000, Some(BEGIN - 2_500)));
    let rest = search(&house, &project, "needle", found.older).await;
    let mut both = lines(&rest);
    both.sort();
    assert_eq!((both, rest.looked, rest.older), (vec!["a2599 needle".to_owned(), "b2599 needle".into()], 200, None));

    // So many are found at once, and together each exactly once.
    let (mut all, mut before, mut calls) = (Vec::new(), None, 0);
    loop {
        let found = search(&house, &project, "hay 1", before).await;
        assert!(found.hits.len() <= 51 && calls < 100);
        assert!(found.hits.windows(2).all(|two| two[0].at >= two[1].at), "newest first");
        all.extend(lines(&found));
        (before, calls) = (found.older, calls + 1);
        if before.is_none() {
            break;
        }
    }
    let mut want: Vec<String> =
        said("a").chain(said("b")).map(|(_, w)| w).filter(|w| w.contains("hay") && w.contains('1')).collect();
    all.sort();
    want.sort();
    assert_eq!(all, want);
}

#[tokio::test]
async fn huge_messages_end_a_call_early_too() {
    let house = House::new();
    let project = house.project("site").await;
    let a = chat(&house, &project, "a").await;
    let huge = "x".repeat(999_000);
    history(&house, a, (0..40_i64).map(|n| (BEGIN - 1 - n, format!("{n} {huge}")))).await;
    let found = search(&house, &project, "39", None).await;
    assert_eq!((found.hits.len(), found.looked, found.older), (0, 17, Some(BEGIN - 17)));
    let found = search(&house, &project, "39", found.older).await;
    let found = search(&house, &project, "39", found.older).await;
    assert_eq!((found.hits.len(), found.looked, found.older), (1, 6, None));
    assert!(lines(&found)[0].starts_with("39 xxx") && lines(&found)[0].ends_with('…'));
}

#[tokio::test]
async fn the_way_back_leads_to_the_message_page_by_page() {
    for house in [House::new(), House::on_disk()] {
        let project = house.project("site").await;
        let (a, b) = (chat(&house, &project, "a").await, chat(&house, &project, "b").await);
        let ids = history(&house, a, (0..501_i64).map(|n| (BEGIN - 1_000 + n, format!("line {n}")))).await;
        let there = history(&house, b, [(BEGIN, "elsewhere".to_owned())].into_iter()).await[0];
        let back = async |chat: ChatId, to: MessageId, before: i64| -> Back {
            let (chat, to, before) = (chat.to_string(), to.to_string(), before.to_string());
            ask(&house, "load_back", &[("chat", &chat), ("message", &to), ("before", &before)]).await
        };
        let first = back(a, ids[100], BEGIN - 1_000 + 450).await;
        assert!(first.there && !first.reached && first.more);
        assert_eq!(
            first.items.iter().map(|m| m.message.id).collect::<Vec<_>>(),
            ids[250..450],
            "two hundred, oldest first"
        );
        let second = back(a, ids[100], first.items[0].message.at.0).await;
        assert!(second.there && second.reached && second.more);
        assert_eq!(second.items.iter().map(|m| m.message.id).collect::<Vec<_>>(), ids[50..250]);
        let third = back(a, ids[0], second.items[0].message.at.0).await;
        assert!(third.reached && !third.more && third.items.len() == 50);
        // What is not in this chat is not looked for.
        for to in [there, MessageId(NOBODY.parse().unwrap())] {
            assert_eq!(back(a, to, BEGIN).await, Back::default());
        }
    }
}

#[tokio::test]
async fn words_are_found_in_every_chat_however_many_there_are() {
    let house = House::new();
    let project = house.project("site").await;
    let first = chat(&house, &project, "First").await;
    say(&house, first, "Where is the needle?").await;
    for n in 0..420 {
        let other = chat(&house, &project, &format!("Chat {n}")).await;
        say(&house, other, "Hay, and nothing else.").await;
    }
    let (mut before, mut looked, mut hits) = (None, 0, Vec::new());
    loop {
        let found = search(&house, &project, "needle", before).await;
        looked += found.looked;
        hits.extend(found.hits.into_iter().map(|hit| hit.chat));
        before = found.older;
        if before.is_none() {
            break;
        }
    }
    assert_eq!((hits, looked), (vec![first], 421));
    // What is new in an old chat is among the first.
    say(&house, first, "Here is the needle.").await;
    let found = search(&house, &project, "needle", None).await;
    assert!(found.hits[0].at > found.hits[1].at && found.hits.len() == 2);
}
