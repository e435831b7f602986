//! `/live` over real sockets, as a browser uses it.

use std::sync::Arc;

use clutch_app::{
    model::{
        chat::{People, Typer},
        wire::Up,
    },
    site::SiteFiles,
};
use clutch_domain::{id::ChatId, query::Query};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, protocol::frame::coding::CloseCode};

use super::{
    House, id,
    tab::{PATIENCE, Tab, all_queries, connect, listen, parts_of, tab, tab_of, truth},
};
use crate::http::live::SUBSCRIPTIONS_MAX;

#[tokio::test]
async fn the_gateway_is_told_at_once() {
    let house = House::new();
    let address = listen(&house).await;
    let frame = tab(address).await.frame().await;
    assert_eq!(frame.t, "gateway");
    let gateway = frame.gateway.unwrap();
    assert!(!gateway.word.is_empty() && gateway.sentence.contains("ws://127.0.0.1:1"), "{gateway:?}");
}

#[tokio::test]
async fn a_page_opens_with_a_snapshot_and_follows_by_deltas() {
    let house = House::on_disk();
    let address = listen(&house).await;
    let (project, task, queries) = all_queries(&house).await;
    let mut tab = tab(address).await;
    for (sub, query) in (1..).zip(queries) {
        tab.open(sub, query, None).await;
        let frame = tab.next("snapshot").await;
        let (version, parts) = truth(&house, query).await;
        assert_eq!((frame.sub, frame.version, parts_of(&frame.parts)), (sub, version, parts));
        tab.pages.insert(sub, (frame.version, parts_of(&frame.parts)));
    }
    house.patch(&format!("/api/tasks/{task}"), json!({ "title": "second", "status": "blocked" })).await.ok(200);
    let new = house.task(&project, "third", "backlog").await;
    for (sub, query) in (1..).zip(queries) {
        let (_, want) = truth(&house, query).await;
        tab.take_until(sub, |(_, parts)| *parts == want).await;
    }
    // One card changed, one card is sent.
    house.patch(&format!("/api/tasks/{new}"), json!({ "priority": "urgent" })).await.ok(200);
    tab.say(&Up::Close { sub: 3 }).await;
    let delta = loop {
        let frame = tab.next("delta").await;
        if frame.sub == 2 {
            break frame;
        }
    };
    assert_eq!(delta.put.keys().collect::<Vec<_>>(), [&format!("t:{new}")]);
    assert!(delta.del.is_empty());
    house.delete(&format!("/api/tasks/{new}")).await.ok(200);
    let delta = loop {
        let frame = tab.next("delta").await;
        if frame.sub == 2 {
            break frame;
        }
    };
    assert_eq!(delta.del, [format!("t:{new}")]);
}

#[tokio::test]
async fn what_goes_away_becomes_empty() {
    let house = House::new();
    let address = listen(&house).await;
    let (_, task, queries) = all_queries(&house).await;
    let mut tab = tab(address).await;
    tab.open(1, queries[1], None).await;
    tab.open(2, queries[2], None).await;
    tab.take_until(1, |_| true).await;
    tab.take_until(2, |_| true).await;
    house.delete(&format!("/api/tasks/{task}")).await.ok(200);
    tab.take_until(2, |(_, parts)| parts.is_empty()).await;
    house.delete("/api/projects/site").await.ok(200);
    tab.take_until(1, |(_, parts)| parts.is_empty()).await;
}

#[tokio::test]
async fn who_has_the_newest_version_is_told_so() {
    let house = House::on_disk();
    let address = listen(&house).await;
    let (_, _, queries) = all_queries(&house).await;
    for query in queries {
        // As a page painted by the server: it knows its version, and nobody else looks at the query yet.
        assert_eq!(house.state.hub.live(), 0);
        let (version, _) = truth(&house, query).await;
        let mut first = tab(address).await;
        first.open(7, query, Some(version)).await;
        let frame = first.next("current").await;
        assert_eq!((frame.sub, frame.version), (7, version));
        let mut second = tab(address).await;
        second.open(8, query, Some(version)).await;
        let frame = second.next("current").await;
        assert_eq!((frame.sub, frame.version), (8, version), "also when somebody looks already");
        // The last tab that closes ends the live query.
        first.say(&Up::Close { sub: 7 }).await;
        second.socket.close(None).await.unwrap();
        tokio::time::timeout(PATIENCE, async {
            while house.state.hub.live() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("nobody watches, but the query lives on");
    }
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed() {
    let house = House::on_disk();
    let address = listen(&house).await;
    let (project, task, [_, board, _]) = all_queries(&house).await;
    let mut stays = tab(address).await;
    stays.open(1, board, None).await;
    let old = stays.take_until(1, |_| true).await;
    for n in 0..5 {
        house.patch(&format!("/api/tasks/{task}"), json!({ "title": format!("title {n}") })).await.ok(200);
        house.task(&project, &n.to_string(), "backlog").await;
        // Each change is seen before the next, so that there are several deltas.
        let (_, want) = truth(&house, board).await;
        stays.take_until(1, |(_, parts)| *parts == want).await;
    }
    let (now, want) = stays.pages[&1].clone();
    let mut back = tab(address).await;
    back.pages.insert(4, old.clone());
    back.open(4, board, Some(old.0)).await;
    let first = back.next("delta").await;
    assert_eq!((first.sub, first.from), (4, old.0));
    assert!(first.to < now, "there was more than one");
    let mut again = tab(address).await;
    again.pages.insert(4, old.clone());
    again.open(4, board, Some(old.0)).await;
    assert_eq!(
        again.take_until(4, |(version, _)| *version == now).await.1,
        want,
        "deltas alone lead to the newest page"
    );
    // A version that nobody knows any more, from the past or from another life, gets everything.
    for unknown in [0, now + 1_000, u64::MAX] {
        let mut lost = tab(address).await;
        lost.open(5, board, Some(unknown)).await;
        let frame = lost.next("snapshot").await;
        assert_eq!((frame.version, parts_of(&frame.parts)), (now, want.clone()));
    }
}

#[tokio::test]
async fn a_panel_follows_the_names_of_its_neighbours() {
    let house = House::on_disk();
    let address = listen(&house).await;
    let (project, task, [_, _, panel]) = all_queries(&house).await;
    let (below, above) = (house.task(&project, "below", "ready").await, house.task(&project, "above", "ready").await);
    let mut tab = tab(address).await;
    tab.open(1, panel, None).await;
    tab.take_until(1, |_| true).await;
    house.post(&format!("/api/tasks/{task}/dependencies"), json!({ "depends_on_id": below })).await.ok(201);
    house.post(&format!("/api/tasks/{above}/dependencies"), json!({ "depends_on_id": task })).await.ok(201);
    for (neighbour, title) in [(&below, "lower"), (&above, "upper"), (&below, "lowest")] {
        house.patch(&format!("/api/tasks/{neighbour}"), json!({ "title": title, "status": "blocked" })).await.ok(200);
        tab.take_until(1, |(_, parts)| parts.values().any(|p| p["title"] == *title && p["status"] == "blocked")).await;
    }
    house.delete(&format!("/api/tasks/{below}")).await.ok(200);
    tab.take_until(1, |(_, parts)| !parts.values().any(|p| p["title"] == "lowest")).await;
}

#[tokio::test]
async fn a_number_may_be_used_again() {
    let house = House::new();
    let address = listen(&house).await;
    let (project, _, [home, board, _]) = all_queries(&house).await;
    let mut tab = tab(address).await;
    tab.open(1, home, None).await;
    tab.take_until(1, |_| true).await;
    tab.open(1, board, None).await;
    let frame = tab.next("snapshot").await;
    assert_eq!(parts_of(&frame.parts), truth(&house, board).await.1, "the number is the board's now");
    house.task(&project, "new", "backlog").await;
    let delta = tab.next("delta").await;
    assert_eq!((delta.sub, delta.from), (1, frame.version), "and nothing of the home page comes under it");
    tab.say(&Up::Close { sub: 1 }).await;
    tab.say(&Up::Close { sub: 99 }).await;
    tab.open(2, board, None).await;
    let frame = tab.next("snapshot").await;
    assert_eq!(frame.sub, 2);
    for n in 0..3 {
        house.task(&project, &n.to_string(), "backlog").await;
        assert_eq!(tab.next("delta").await.sub, 2, "a closed number is silent");
    }
}

#[tokio::test]
async fn what_is_not_understood_ends_the_tab() {
    let house = House::new();
    let address = listen(&house).await;
    let wide = format!("{{\"t\":\"{}\"}}", "é".repeat(500));
    let nonsense = [
        Message::text(""),
        Message::text("hello"),
        Message::text("{}"),
        Message::text("null"),
        Message::text(r#"{"t":"shout"}"#),
        Message::text(r#"{"t":"open"}"#),
        Message::text(r#"{"t":"open","sub":-1,"query":{"query":"home"}}"#),
        Message::text(r#"{"t":"open","sub":1,"query":{"query":"everything"}}"#),
        Message::text(r#"{"t":"open","sub":1,"query":{"query":"board","project":"x"}}"#),
        Message::text(r#"{"t":"open","sub":4294967296,"query":{"query":"home"}}"#),
        Message::text(wide),
        Message::binary(r#"{"t":"close","sub":1}"#),
    ];
    for message in nonsense {
        let mut tab = tab(address).await;
        tab.socket.send(message.clone()).await.unwrap();
        let (code, reason) = tab.ended().await.unwrap_or_else(|| panic!("{message:?} ended without a word"));
        assert_eq!(code, 4400, "{message:?}");
        assert!(!reason.is_empty() && reason.len() <= 123, "{reason}");
    }
    let mut large = tab(address).await;
    // The server may be gone before all of it is sent.
    let _ = large.socket.send(Message::text(format!("{{\"t\":\"{}\"}}", "x".repeat(20_000)))).await;
    assert_ne!(large.ended().await.map(|(code, _)| code), Some(1000));
}

#[tokio::test]
async fn a_tab_has_so_many_subscriptions_and_no_more() {
    let house = House::new();
    let address = listen(&house).await;
    let (_, _, [home, board, _]) = all_queries(&house).await;
    let mut tab = tab(address).await;
    for sub in 0..SUBSCRIPTIONS_MAX as u32 {
        tab.open(sub, if sub % 2 == 0 { home } else { board }, None).await;
        assert_eq!(tab.next("snapshot").await.sub, sub);
    }
    // Opening one again is not one more; closing one makes room.
    tab.open(3, home, None).await;
    assert_eq!(tab.next("snapshot").await.sub, 3);
    tab.say(&Up::Close { sub: 0 }).await;
    tab.open(100, home, None).await;
    assert_eq!(tab.next("snapshot").await.sub, 100);
    tab.open(101, home, None).await;
    assert_eq!(tab.ended().await, Some((4400, "too many subscriptions".into())));
}

#[tokio::test]
async fn a_page_of_another_build_is_told_so() {
    let mut house = House::new();
    house.state.site.files = Arc::new(SiteFiles { build: "abc".into(), ..SiteFiles::default() });
    let address = listen(&house).await;
    assert_eq!(tab_of(address, "abd").await.ended().await.map(|(code, _)| code), Some(4409));
    // Our own build, and whoever has none, are served.
    for build in ["abc", ""] {
        let mut tab = tab_of(address, build).await;
        tab.open(1, Query::Home, None).await;
        tab.next("snapshot").await;
    }
}

#[tokio::test]
async fn a_page_that_is_ahead_is_never_sent_back() {
    let house = House::on_disk();
    let address = listen(&house).await;
    let (_, task, [_, board, _]) = all_queries(&house).await;
    let mut stays = tab(address).await;
    stays.open(1, board, None).await;
    let (now, _) = stays.take_until(1, |_| true).await;
    // Painted from the store, a commit before its watchers hear of it.
    let mut ahead = tab(address).await;
    ahead.open(2, board, Some(now + 1)).await;
    ahead.say(&Up::Beat).await;
    ahead.next("beat").await;
    for title in ["after that", "and then"] {
        house.patch(&format!("/api/tasks/{task}"), json!({ "title": title })).await.ok(200);
    }
    let frame = ahead.next_of_page().await;
    let version = if frame.t == "delta" { frame.from } else { frame.version };
    assert!(version > now, "{frame:?}");
}

#[tokio::test]
async fn only_our_own_pages_may_listen() {
    let house = House::new();
    let address = listen(&house).await;
    for headers in [
        [("origin", "http://evil.example")],
        [("origin", "http://127.0.0.1:1")],
        [("origin", "null")],
        [("sec-fetch-site", "cross-site")],
        [("x-forwarded-for", "192.0.2.7")],
        [("host", "evil.example")],
    ] {
        match connect(address, &headers, None).await.err() {
            Some(tungstenite::Error::Http(response)) => {
                assert_eq!(response.status(), 403, "{headers:?}");
                let body: Value =
                    serde_json::from_slice(response.body().as_deref().unwrap_or_default()).unwrap_or_default();
                assert!(body["code"].is_string(), "{headers:?} {body}");
            }
            other => panic!("{headers:?} was let in: {other:?}"),
        }
    }
    let ours = format!("http://{address}");
    connect(address, &[("origin", &ours)], None).await.unwrap().next("gateway").await;
    let plain = house.get("/live").await;
    assert!(plain.status.is_client_error(), "not an upgrade: {}", plain.status);
}

#[tokio::test]
async fn a_server_that_goes_says_so() {
    let house = House::new();
    let address = listen(&house).await;
    let mut tab = tab(address).await;
    tab.open(1, Query::Home, None).await;
    tab.next("snapshot").await;
    house.stop.send(true).unwrap();
    tab.next("bye").await;
    assert_eq!(tab.ended().await, Some((CloseCode::Restart.into(), String::new())));
}

#[tokio::test]
async fn a_slow_reader_ends_with_the_last_state() {
    let house = House::new();
    let address = listen(&house).await;
    let (_, task, [_, board, panel]) = all_queries(&house).await;
    let mut slow = connect(address, &[], Some(4_096)).await.unwrap();
    slow.open(1, panel, None).await;
    slow.take_until(1, |_| true).await;
    let mut quick = tab(address).await;
    quick.open(1, board, None).await;
    quick.take_until(1, |_| true).await;
    // Far more than both ends' buffers hold: the server cannot have sent all of it.
    let comments = format!("/api/tasks/{task}/comments");
    for n in 0..160 {
        house.post(&comments, json!({ "content": format!("{n} {}", "x".repeat(100_000)) })).await.ok(201);
    }
    house.patch(&format!("/api/tasks/{task}"), json!({ "title": "the last word" })).await.ok(200);
    // Nobody else waits for the slow one.
    quick.take_until(1, |(_, parts)| json!(parts).to_string().contains("the last word")).await;
    let (_, want) = truth(&house, panel).await;
    let mut frames = 0;
    let last = {
        let mut page = slow.pages.remove(&1);
        loop {
            let frame = slow.next_of_page().await;
            frames += 1;
            page = Some(match (frame.t.as_str(), page) {
                ("delta", Some((version, mut parts))) => {
                    assert_eq!(version, frame.from);
                    frame.del.iter().for_each(|name| drop(parts.remove(name)));
                    parts.extend(parts_of(&frame.put));
                    (frame.to, parts)
                }
                _ => (frame.version, parts_of(&frame.parts)),
            });
            if let Some((_, parts)) = &page
                && parts["task"] == want["task"]
            {
                break page.unwrap().1;
            }
        }
    };
    assert_eq!(last, want);
    assert!(frames < 161, "states were skipped: {frames} frames for 161 changes");
}

/// The next words about who is in a chat.
async fn people(tab: &mut Tab) -> People {
    tab.next("people").await.people
}

/// Reads on until the tab is told this.
async fn told(tab: &mut Tab, here: u32, typing: &[(Option<&str>, bool)]) {
    let typing = typing.iter().map(|(name, thinks)| Typer { name: name.map(str::to_owned), thinks: *thinks });
    let want = People { here, typing: typing.collect() };
    let mut got = Vec::new();
    loop {
        got.push(people(tab).await);
        if got.last() == Some(&want) {
            return;
        }
        assert!(got.len() < 10, "never {want:?}, but {got:?}");
    }
}

async fn two_in_a_chat() -> (House, ChatId, Tab, Tab) {
    let house = House::new();
    let address = listen(&house).await;
    let project = house.project("site").await;
    let list = house.get(&format!("/api/chats?projectId={project}")).await.ok(200);
    let chat: ChatId = id(&list["chats"][0]).parse().unwrap();
    let (mut a, mut b) = (tab(address).await, tab(address).await);
    a.open(1, Query::Chat { chat }, None).await;
    a.take_until(1, |_| true).await;
    told(&mut a, 1, &[]).await;
    b.open(1, Query::Chat { chat }, None).await;
    b.take_until(1, |_| true).await;
    told(&mut a, 2, &[]).await;
    told(&mut b, 2, &[]).await;
    (house, chat, a, b)
}

#[tokio::test]
async fn who_types_is_seen_by_the_others_until_it_is_over() {
    let (_house, chat, mut a, mut b) = two_in_a_chat().await;
    a.say(&Up::Typing { chat, on: true }).await;
    told(&mut b, 2, &[(None, false)]).await;
    a.say(&Up::Typing { chat, on: false }).await;
    told(&mut b, 2, &[]).await;
    // Not taken back, it goes by itself.
    a.say(&Up::Typing { chat, on: true }).await;
    told(&mut b, 2, &[(None, false)]).await;
    told(&mut b, 2, &[]).await;
    // The person at the first tab typed all this alone: it was told of nothing. The next word that it gets is this.
    b.say(&Up::Typing { chat, on: true }).await;
    assert_eq!(people(&mut a).await.typing, [Typer { name: None, thinks: false }]);
    // It goes with the tab, and so does the tab itself.
    b.socket.close(None).await.unwrap();
    told(&mut a, 1, &[]).await;
}

#[tokio::test]
async fn what_programs_say_of_agents_is_shown_and_taken_back() {
    let (house, chat, mut a, mut b) = two_in_a_chat().await;
    let path = format!("/api/chats/{chat}/typing");
    house.post(&path, json!({ "typing": true })).await.ok(200);
    told(&mut a, 2, &[(Some("Ada"), true)]).await;
    told(&mut b, 2, &[(Some("Ada"), true)]).await;
    house.post(&path, json!({ "typing": true, "author": "kimi", "state": "typing" })).await.ok(200);
    told(&mut a, 2, &[(Some("Ada"), true), (Some("Kimi"), false)]).await;
    house.post(&path, json!({ "typing": false })).await.ok(200);
    told(&mut a, 2, &[(Some("Kimi"), false)]).await;
    // A tab that closes the chat is not in it, and is told no more of it.
    b.say(&Up::Close { sub: 1 }).await;
    told(&mut a, 1, &[(Some("Kimi"), false)]).await;
    b.say(&Up::Typing { chat, on: true }).await;
    house.post(&path, json!({ "typing": false, "author": "kimi" })).await.ok(200);
    assert_eq!(people(&mut a).await, People { here: 1, typing: vec![] }, "nobody types in a chat that is not open");
}

/// Pages that cannot be made, so many times.
struct Failing(std::sync::atomic::AtomicUsize);

#[async_trait::async_trait]
impl clutch_orchestrator::live::Pages for Failing {
    async fn parts(
        &self,
        _: &Query,
        _: &clutch_domain::range::Docs,
    ) -> Result<clutch_orchestrator::live::Parts, clutch_orchestrator::store::Fault> {
        use std::sync::atomic::Ordering::Relaxed;
        if self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(clutch_orchestrator::store::Fault::new("a secret of the store"));
        }
        Ok(Default::default())
    }
}

#[tokio::test]
async fn a_page_that_could_not_be_made_comes_by_itself_and_says_nothing_of_the_store() {
    use clutch_orchestrator::live::{Hub, Update};
    let pages = std::sync::Arc::new(Failing(2.into()));
    let store = std::sync::Arc::new(clutch_store::MemoryStore::new());
    let hub = Hub::new(
        store,
        pages,
        std::sync::Arc::new(|task| drop(tokio::spawn(task))),
        std::sync::Arc::new(|time| Box::pin(tokio::time::sleep(time))),
    );
    let topic = hub.open(Query::Home);
    let mut news = topic.subscribe();
    let mut away = 0;
    loop {
        match topic.since(None) {
            Update::Snapshot(..) => break,
            Update::Away(why) => {
                assert!(!why.contains("secret"), "{why}");
                away += 1;
            }
            _ => {}
        }
        tokio::time::timeout(super::tab::PATIENCE, news.changed()).await.expect("it is tried again").unwrap();
    }
    assert!(away >= 1, "nothing is written meanwhile, and it heals");
}
