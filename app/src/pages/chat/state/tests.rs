//! The chat's state without a browser and without a server.

use serde_json::{Value, json, value::to_raw_value};

use super::*;

const MINUTE: i64 = 60_000;
const WINDOW: u128 = PAGE as u128;

fn item(n: u128, author: &str, at: i64) -> Value {
    json!({
        "id": Uuid::from_u128(n), "author": author, "mine": author == "you", "notice": false, "automated": false,
        "html": "x", "text": "x", "run": null, "status": null, "open": false, "queued": false, "reason": null, "at": at,
    })
}

fn chat(items: impl Iterator<Item = Value>, test: impl FnOnce(ChatState, &Owner)) {
    let owner = Owner::new();
    owner.with(|| {
        let head = json!({ "id": Uuid::from_u128(1), "project": Uuid::from_u128(9), "title": "T", "session": null, "more": false, "ticket": null, "deleted": false });
        let mut load = Loaded { version: 1, ..Loaded::default() };
        load.parts.insert("chat".into(), to_raw_value(&head).unwrap());
        for item in items {
            for part in ["m", "w"] {
                load.parts.insert(format!("{part}:{}", item["id"].as_str().unwrap()), to_raw_value(&item).unwrap());
            }
        }
        let state = ChatState::new(&load).unwrap();
        test(state, &owner);
    });
}

fn put(state: ChatState, item: &Value) {
    for part in ["m", "w"] {
        state.put(&format!("{part}:{}", item["id"].as_str().unwrap()), &item.to_string());
    }
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
        state.add_before(vec![said(item(5, "ada", 1))], false, false);
        state.arrange();
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

fn said(item: Value) -> Said {
    serde_json::from_value(json!({ "message": item, "way": item })).unwrap()
}

fn items(numbers: impl Iterator<Item = u128>) -> Vec<Said> {
    numbers.map(|n| said(item(n, "ada", n as i64))).collect()
}

/// A chat of which so many were said, read from its end to its beginning.
fn read_up(last: u128, test: impl FnOnce(ChatState)) {
    chat((last - WINDOW + 1..=last).map(|n| item(n, "ada", n as i64)), |state, _| {
        state.at_end.set_value(false);
        while let Some(oldest) = state.oldest().filter(|oldest| *oldest > 1) {
            let to = oldest as u128 - 1;
            state.add_before(items(to.saturating_sub(WINDOW - 1).max(1)..=to), to > WINDOW, false);
            state.arrange();
        }
        test(state);
    });
}

#[test]
fn a_long_chat_is_painted_in_part_and_comes_again_on_the_way_down() {
    read_up(1_000, |state| {
        let painted = shown(state);
        assert_eq!((painted.len(), painted[0], state.below.get_untracked()), (PAINTED_MAX, 1, true));
        assert!(!state.more.get_untracked());
        assert!(!state.has(MessageId(Uuid::from_u128(1_000))), "it is held and not painted");
        assert_eq!(state.names().len() as u128, WINDOW + 1);
        // What comes now is news, and not painted here.
        for n in 1_001..=1_003 {
            put(state, &item(n, "ada", n as i64));
            del(state, n - WINDOW);
            state.settled(n as u64);
        }
        assert_eq!((state.news.get_untracked(), shown(state)), (3, painted));
        let mut seen = 0;
        while let Some(bound) = state.next_below() {
            let to = bound as u128 - 1;
            state.add_below(items(to - WINDOW + 1..=to));
            state.let_go_above();
            state.arrange();
            let now = shown(state);
            assert!(now.len() < PAINTED_MAX + PAGE && now.windows(2).all(|two| two[0] + 1 == two[1]), "{now:?}");
            assert!(now.contains(&(to - WINDOW)), "nothing is left out");
            seen = to;
        }
        assert_eq!((seen, shown(state).last(), state.below.get_untracked()), (1_000, Some(&1_003), false));
        assert!(state.more.get_untracked());
    });
}

#[test]
fn the_end_is_one_step_away() {
    read_up(600, |state| {
        put(state, &item(601, "ada", 601));
        del(state, 551);
        state.settled(2);
        state.to_end();
        assert_eq!(shown(state), (552..=601).collect::<Vec<_>>());
        let news = state.news.get_untracked();
        assert_eq!((news, state.below.get_untracked(), state.more.get_untracked()), (0, false, true));
        assert_eq!(state.down.get_untracked(), 1);
    });
}

#[test]
fn who_stays_at_the_end_of_a_lively_chat_does_not_hold_all_of_it() {
    chat((1..=WINDOW).map(|n| item(n, "ada", n as i64)), |state, _| {
        let mut most = 0;
        for n in WINDOW + 1..=1_000 {
            put(state, &item(n, "ada", n as i64));
            del(state, n - WINDOW);
            state.settled(n as u64);
            most = most.max(shown(state).len());
        }
        assert!(most <= PAINTED_MAX + PAGE, "{most}");
        assert_eq!((shown(state).last(), state.more.get_untracked()), (Some(&1_000), true));
        // Who reads further up keeps what is read.
        state.at_end.set_value(false);
        state.near_end.set_value(false);
        let first = shown(state)[0];
        for n in 1_001..=1_500 {
            put(state, &item(n, "ada", n as i64));
            del(state, n - WINDOW);
            state.settled(n as u64);
        }
        assert_eq!((shown(state)[0], state.below.get_untracked()), (first, true));
        assert!(shown(state).len() <= PAINTED_MAX + PAGE);
    });
}

#[test]
fn a_message_is_waited_for_until_its_answer_is_there() {
    let id = |n: u128| Uuid::from_u128(n);
    let mut asked = item(1, "you", 1);
    asked["open"] = true.into();
    chat([asked.clone(), item(2, "you", 2)].into_iter(), |state, _| {
        assert!(state.waits.get_untracked());
        let mut answer = item(3, "ada", 3);
        answer["run"] = format!("chat-{}-1", id(2)).into();
        put(state, &answer);
        state.settled(2);
        assert!(state.waits.get_untracked(), "another's");
        answer["id"] = id(4).to_string().into();
        answer["run"] = format!("chat-{}-2", id(1)).into();
        put(state, &answer);
        state.settled(3);
        assert_eq!((state.waits.get_untracked(), state.open.get_untracked()), (false, 1));
    });
}

#[test]
fn what_comes_after_the_chat_was_left_does_nothing() {
    let mut left = None;
    chat([item(1, "ada", 10)].into_iter(), |state, owner| {
        owner.cleanup();
        left = Some(state);
    });
    let older = said(item(2, "ada", 1));
    left.unwrap().add_before(vec![older], false, false);
}

#[test]
fn the_chat_spoken_in_last_is_first() {
    let owner = Owner::new();
    owner.with(|| {
        let row =
            |n: u128, at: i64| json!({ "id": Uuid::from_u128(n), "title": "T", "who": "", "words": "", "at": at });
        let mut load = Loaded { version: 1, ..Loaded::default() };
        let head =
            json!({ "project": Uuid::from_u128(9), "slug": "p", "name": "P", "color": "#000000", "layout": "slack", "more": false });
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
        // Older ones were asked for. One that others push out of the newest stays, a deleted one goes.
        let older = (100..250).map(|n| serde_json::from_value(row(n, -(n as i64))).unwrap()).collect();
        state.add_older(older, true);
        assert_eq!((ids().len(), state.more.get_untracked()), (153, true));
        for n in [120, 240, 2] {
            state.del(&format!("c:{}", Uuid::from_u128(n)));
        }
        state.settled(3);
        assert_eq!((ids().len(), ids()[0], ids().contains(&2), ids().contains(&240)), (151, 1, false, true));
        assert_eq!(state.names().len(), 101, "the newest and the head");
    });
}
