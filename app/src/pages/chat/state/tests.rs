//! The chat's state without a browser and without a server.

use serde_json::{Value, json, value::to_raw_value};

use super::*;

const MINUTE: i64 = 60_000;
const WINDOW: u128 = MESSAGES_SHOWN as u128;

fn item(n: u128, author: &str, at: i64) -> Value {
    json!({
        "id": Uuid::from_u128(n), "author": author, "mine": author == "you", "notice": false, "automated": false,
        "html": "x", "text": "x", "run": null, "status": null, "open": false, "queued": false, "reason": null, "at": at,
    })
}

fn chat(items: impl Iterator<Item = Value>, test: impl FnOnce(ChatState, &Owner)) {
    let owner = Owner::new();
    owner.with(|| {
        let head = json!({ "id": Uuid::from_u128(1), "title": "T", "session": null, "more": false, "ticket": null, "deleted": false });
        let mut load = Loaded { version: 1, ..Loaded::default() };
        load.parts.insert("chat".into(), to_raw_value(&head).unwrap());
        for item in items {
            load.parts.insert(format!("m:{}", item["id"].as_str().unwrap()), to_raw_value(&item).unwrap());
        }
        let state = ChatState::new(&load).unwrap();
        test(state, &owner);
    });
}

fn put(state: ChatState, item: &Value) {
    state.put(&format!("m:{}", item["id"].as_str().unwrap()), &item.to_string());
}

fn del(state: ChatState, n: u128) {
    state.del(&format!("m:{}", Uuid::from_u128(n)));
}

fn shown(state: ChatState) -> Vec<u128> {
    state.places.with_untracked(|places| places.iter().map(|place| place.id.0.as_u128()).collect())
}

#[test]
fn words_of_one_author_stand_under_one_name_and_days_begin_anew() {
    let day = 24 * 60 * MINUTE;
    let said = [(1, "ada", 0), (2, "ada", MINUTE), (3, "you", 2 * MINUTE), (4, "you", 20 * MINUTE), (5, "you", day)];
    chat(said.into_iter().map(|(n, who, at)| item(n, who, at)), |state, _| {
        let places = state.places.get_untracked();
        assert_eq!(places.iter().map(|p| p.leads).collect::<Vec<_>>(), [true, false, true, true, true]);
        assert_eq!(places.iter().map(|p| p.day).collect::<Vec<_>>(), [Some(0), None, None, None, Some(1)]);
        assert_eq!(state.oldest(), Some(0));
    });
}

#[test]
fn answers_that_come_while_nobody_looks_at_the_end_are_counted() {
    chat([item(1, "ada", 10)].into_iter(), |state, _| {
        put(state, &item(2, "ada", 20));
        state.settled(2);
        assert_eq!(state.news.get_untracked(), 0, "the end is in view");
        state.at_end.set_value(false);
        put(state, &item(3, "ada", 30));
        put(state, &item(4, "you", 40));
        state.settled(3);
        put(state, &item(3, "ada", 30));
        state.settled(4);
        assert_eq!(state.news.get_untracked(), 1, "mine and what is known are no news");
        let older: crate::model::chat::MessageItem = serde_json::from_value(item(5, "ada", 1)).unwrap();
        state.add_older(vec![older], 50);
        assert_eq!((state.news.get_untracked(), shown(state)), (1, vec![5, 1, 2, 3, 4]));
        assert!(!state.more.get_untracked());
    });
}

#[test]
fn what_the_window_lets_go_stays_and_what_is_removed_goes() {
    chat((1..=WINDOW).map(|n| item(n, "ada", n as i64)), |state, _| {
        put(state, &item(WINDOW + 1, "ada", 1_000));
        del(state, 1);
        state.settled(2);
        assert_eq!(shown(state).len() as u128, WINDOW + 1, "it only left the window");
        del(state, 30);
        state.settled(3);
        assert!(!shown(state).contains(&30));
        assert!(!state.more.get_untracked());
        assert_eq!(state.names().len() as u128, WINDOW + 1, "the window and the head");
    });
}

#[test]
fn where_all_of_the_window_left_at_once_the_gap_is_not_hidden() {
    chat((1..=WINDOW).map(|n| item(n, "ada", n as i64)), |state, _| {
        for n in 1..=WINDOW {
            del(state, n);
            put(state, &item(1_000 + n, "ada", 1_000 + n as i64));
        }
        state.settled(2);
        assert_eq!(shown(state).first(), Some(&1_001));
        assert!(state.more.get_untracked());
    });
}

#[test]
fn what_comes_after_the_chat_was_left_does_nothing() {
    let mut left = None;
    chat([item(1, "ada", 10)].into_iter(), |state, owner| {
        owner.cleanup();
        left = Some(state);
    });
    let older = serde_json::from_value(item(2, "ada", 1)).unwrap();
    left.unwrap().add_older(vec![older], 50);
}

#[test]
fn the_chat_spoken_in_last_is_first() {
    let owner = Owner::new();
    owner.with(|| {
        let row =
            |n: u128, at: i64| json!({ "id": Uuid::from_u128(n), "title": "T", "who": "", "words": "", "at": at });
        let mut load = Loaded { version: 1, ..Loaded::default() };
        let head =
            json!({ "project": Uuid::from_u128(9), "slug": "p", "name": "P", "color": "#000000", "layout": "slack" });
        load.parts.insert("head".into(), to_raw_value(&head).unwrap());
        for (n, at) in [(1, 10), (2, 30), (3, 20)] {
            load.parts.insert(format!("c:{}", Uuid::from_u128(n)), to_raw_value(&row(n, at)).unwrap());
        }
        let state = ListState::new(&load).unwrap();
        let ids = || state.rows.ids.with_untracked(|ids| ids.iter().map(Uuid::as_u128).collect::<Vec<_>>());
        assert_eq!(ids(), [2, 3, 1]);
        state.put(&format!("c:{}", Uuid::from_u128(1)), &row(1, 40).to_string());
        state.settled(2);
        assert_eq!(ids(), [1, 2, 3]);
    });
}
