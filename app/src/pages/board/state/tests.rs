//! The board's state without a browser and without a server.

use clutch_domain::{id::ProjectId, task::Role, time::Millis};
use serde_json::{Value, json, value::to_raw_value};

use super::{undo::UNDO_MAX, *};
use crate::{
    error::{AppError, Class},
    model::board::Facts,
};

fn id(n: u128) -> TaskId {
    TaskId(Uuid::from_u128(n))
}

fn card(n: u128, status: Status, position: f64) -> Card {
    Card {
        id: id(n),
        number: n as u64,
        title: format!("Ticket {n}"),
        status,
        position,
        facts: Facts {
            priority: clutch_domain::task::Priority::Medium,
            role: None,
            assignee: None,
            tags: Vec::new(),
            needs_review: false,
            pr_number: None,
        },
        since: Millis(n as i64),
        open_dependencies: 0,
        dependencies: 0,
        dependents: 0,
        why: None,
        retries_at: None,
        ask: None,
        agent: None,
    }
}

fn head(counts: [u32; COLUMNS]) -> Value {
    json!({
        "project": ProjectId(Uuid::from_u128(1)), "slug": "p", "name": "P", "color": "#000000", "github_repo": null,
        "local_path": null, "counts": counts, "loop_on": false, "paused": false, "notice": null, "running": 0, "waiting": 0,
    })
}

/// Tries something with a board of these cards at version 10.
fn board(cards: &[Card], test: impl FnOnce(BoardState, &Owner)) {
    let owner = Owner::new();
    owner.with(|| {
        provide_context(Toasts::new());
        provide_context(Clock::new());
        let mut counts = [0; COLUMNS];
        cards.iter().for_each(|card| counts[card.status as usize] += 1);
        let mut load = Loaded { version: 10, ..Loaded::default() };
        load.parts.insert("head".into(), to_raw_value(&head(counts)).unwrap());
        for card in cards {
            load.parts.insert(format!("t:{}", card.id), to_raw_value(card).unwrap());
        }
        let state = BoardState::new(&load).unwrap();
        test(state, &owner);
    });
}

fn column(state: BoardState, status: Status) -> Vec<u128> {
    state.columns[status as usize].with_untracked(|ids| ids.iter().map(|id| id.0.as_u128()).collect())
}

fn feed(state: BoardState, version: u64, card: &Card) {
    state.put(&format!("t:{}", card.id), &serde_json::to_string(card).unwrap());
    state.settled(version);
}

fn refused() -> Outcome {
    Outcome::Refused(AppError::new(Class::Conflict, "no", "No."))
}

const BACKLOG: Status = Status::Backlog;
const READY: Status = Status::Ready;
const REVIEW: Status = Status::InReview;

#[test]
fn a_move_shows_at_once_and_goes_back_when_it_is_refused() {
    board(&[card(1, BACKLOG, 1.0), card(2, READY, 1.0), card(3, READY, 2.0)], |state, _| {
        state.show(id(1), READY, Place::Before(id(3)), false, 1).unwrap();
        assert_eq!((column(state, BACKLOG), column(state, READY)), (vec![], vec![2, 1, 3]));
        assert_eq!(state.counts.get_untracked()[..2], [0, 3]);
        state.settle(id(1).0, 1, refused());
        assert_eq!((column(state, BACKLOG), column(state, READY)), (vec![1], vec![2, 3]));
        assert_eq!(state.counts.get_untracked()[..2], [1, 2]);
    });
}

/// So near to 1 that no card fits between.
const TIGHT: f64 = 1.000_000_000_1;

#[test]
fn cards_that_made_room_go_back_with_the_card_that_did_not_come() {
    // No number lies between these two: their neighbours are spread.
    let tight = [card(1, BACKLOG, 1.0), card(2, READY, 1.0), card(3, READY, TIGHT)];
    board(&tight, |state, _| {
        state.show(id(1), READY, Place::Before(id(3)), false, 1).unwrap();
        assert_eq!(column(state, READY), [2, 1, 3]);
        assert_ne!(state.peek(id(3)).unwrap().position, TIGHT);
        state.settle(id(1).0, 1, refused());
        assert_eq!(state.peek(id(2)).unwrap().position, 1.0);
        assert_eq!(state.peek(id(3)).unwrap().position, TIGHT);
    });
}

#[test]
fn a_confirmed_move_stays_until_the_feed_brings_it() {
    board(&[card(1, BACKLOG, 1.0)], |state, _| {
        state.show(id(1), READY, Place::End, false, 1).unwrap();
        state.settle(id(1).0, 1, Outcome::Done(Saved { version: 12 }));
        // What was on its way before the answer is older than the move.
        feed(state, 11, &Card { title: "Renamed".into(), ..card(1, BACKLOG, 1.0) });
        assert_eq!(column(state, READY), [1]);
        assert_eq!(state.peek(id(1)).unwrap().title, "Renamed");
        // Somebody moved it on: what the server has is what is.
        feed(state, 13, &card(1, REVIEW, 1.0));
        assert_eq!((column(state, READY), column(state, REVIEW)), (vec![], vec![1]));
    });
}

#[test]
fn an_answer_settles_its_own_move_only() {
    board(&[card(1, BACKLOG, 1.0)], |state, _| {
        state.show(id(1), READY, Place::End, false, 1).unwrap();
        state.show(id(1), REVIEW, Place::End, false, 2).unwrap();
        state.settle(id(1).0, 1, refused());
        assert_eq!(column(state, REVIEW), [1]);
        state.settle(id(1).0, 2, Outcome::Replaced);
        assert_eq!(column(state, BACKLOG), [1]);
    });
}

#[test]
fn a_lifted_card_is_moved_by_the_hand_alone_and_put_back_to_what_is() {
    board(&[card(1, BACKLOG, 1.0)], |state, _| {
        assert!(!state.is_moved(id(1)));
        state.show_lifted(id(1), READY, Place::End).unwrap();
        assert!(state.is_moved(id(1)));
        feed(state, 11, &card(1, REVIEW, 1.0));
        assert_eq!(column(state, READY), [1]);
        state.put_back();
        assert_eq!((column(state, READY), column(state, REVIEW)), (vec![], vec![1]));
    });
}

#[test]
fn while_somebody_drags_the_cards_lie_still() {
    board(&[card(1, BACKLOG, 1.0), card(2, BACKLOG, 2.0)], |state, _| {
        state.hold(true);
        feed(state, 11, &card(1, READY, 1.0));
        assert_eq!(column(state, BACKLOG), [1, 2]);
        state.hold(false);
        assert_eq!((column(state, BACKLOG), column(state, READY)), (vec![2], vec![1]));
    });
}

#[test]
fn what_was_done_last_can_be_named_and_taken_back() {
    board(&[card(1, BACKLOG, 1.0), card(2, BACKLOG, 2.0)], |state, _| {
        assert_eq!(state.below(id(1), BACKLOG), Some(id(2)));
        assert_eq!(state.undo(), None);
        for n in 0..UNDO_MAX + 3 {
            state.remember(n as Turn, Inverse::Field { task: id(1), field: TaskField::Assignee, value: n.to_string() });
        }
        assert_eq!(state.undo.with_value(Vec::len), UNDO_MAX);
    });
}

#[test]
fn a_move_by_hand_is_offered_back_until_a_newer_one_or_a_refusal() {
    board(&[card(1, BACKLOG, 1.0), card(2, BACKLOG, 2.0)], |state, _| {
        let toasts = state.toasts;
        let offered = || toasts.newest().is_some();
        state.remember(7, Inverse::Move { task: id(1), to: READY, before: None });
        // Of another card nothing is offered.
        state.offer_undo(id(2));
        assert!(!offered());
        state.offer_undo(id(1));
        assert!(offered());
        state.forget(6);
        assert!(offered() && state.last() == Some(7));
        state.forget(7);
        assert!(!offered() && state.last().is_none());
        // There is one offer, for the newest move; what was done besides can still be taken back.
        state.remember(8, Inverse::Field { task: id(2), field: TaskField::Assignee, value: "ada".into() });
        state.remember(9, Inverse::Move { task: id(1), to: READY, before: None });
        state.offer_undo(id(1));
        state.remember(10, Inverse::Move { task: id(2), to: READY, before: None });
        state.offer_undo(id(2));
        state.forget(9);
        assert!(offered());
        state.forget(10);
        assert!(!offered() && state.last() == Some(8));
    });
}

#[test]
fn what_was_found_behind_the_board_is_shown_until_the_feed_tells_of_it() {
    board(&[card(1, BACKLOG, 1.0)], |state, _| {
        let counts = |state: BoardState| state.loaded.with_untracked(|loaded| loaded[BACKLOG as usize]);
        // One that the board holds already is the feed's.
        state.show_found(vec![card(1, READY, 1.0), card(2, BACKLOG, 2.0), card(3, BACKLOG, 3.0)]);
        assert_eq!((column(state, BACKLOG), counts(state)), (vec![1, 2, 3], 1));
        // A whole page of the feed does not name them, and takes none of them away.
        assert_eq!(state.names(), ["head".to_owned(), format!("t:{}", id(1))]);
        // One that came onto the board is the feed's from then on.
        feed(state, 11, &card(2, BACKLOG, 0.5));
        state.show_found(vec![card(3, BACKLOG, 4.0)]);
        assert_eq!((column(state, BACKLOG), counts(state)), (vec![2, 1, 3], 2));
        state.del(&format!("t:{}", id(2)));
        state.settled(12);
        state.show_found(Vec::new());
        assert_eq!(column(state, BACKLOG), [1]);
    });
}

#[test]
fn a_card_that_was_found_stays_where_it_was_moved_until_it_is_found_again() {
    board(&[card(1, BACKLOG, 1.0)], |state, _| {
        state.show_found(vec![card(2, BACKLOG, 2.0)]);
        state.show(id(2), READY, Place::End, false, 1).unwrap();
        state.settle(id(2).0, 1, Outcome::Done(Saved { version: 11 }));
        state.settled(11);
        assert_eq!(column(state, READY), [2]);
        state.show_found(vec![card(2, REVIEW, 1.0)]);
        assert_eq!((column(state, READY), column(state, REVIEW)), (vec![], vec![2]));
    });
}

#[test]
fn a_board_shows_so_many_pages_more_and_no_further() {
    board(&[], |state, _| {
        for n in 1..=clutch_domain::query::MORE_PAGES_MAX {
            state.waits.set(false);
            state.show_more(if n % 2 == 0 { BACKLOG } else { Status::Done });
            assert!(state.waits.get_untracked(), "{n}");
        }
        let most = state.more.get_untracked();
        state.settled(11);
        state.show_more(READY);
        assert_eq!((state.more.get_untracked(), state.waits.get_untracked()), (most, false));
    });
}

#[test]
fn a_card_that_is_about_to_go_is_not_shown_nor_counted() {
    board(&[card(1, BACKLOG, 1.0), card(2, BACKLOG, 2.0)], |state, _| {
        let toasts = expect_context::<Toasts>();
        toasts.about_to(id(1).0, "Deleting it.", Arc::new(|_| {}));
        state.arrange();
        assert_eq!((column(state, BACKLOG), state.counts.get_untracked()[BACKLOG as usize]), (vec![2], 1));
        assert!(toasts.newest() > state.last(), "Ctrl+Z takes it back");
        toasts.take_back();
        state.arrange();
        assert_eq!((column(state, BACKLOG), state.counts.get_untracked()[BACKLOG as usize]), (vec![1, 2], 2));
        assert_eq!(toasts.newest(), None);
    });
}

#[test]
fn fields_read_and_write_as_forms_do() {
    let mut facts = card(1, BACKLOG, 1.0).facts;
    for (field, text) in [
        (TaskField::Priority, "urgent"),
        (TaskField::Role, Role::ALL[1].word()),
        (TaskField::Assignee, "ada"),
        (TaskField::Tags, "a, b"),
        (TaskField::NeedsReview, "true"),
    ] {
        facts.set(field, text);
        assert_eq!(facts.text(field).as_deref(), Some(text), "{field:?}");
    }
    facts.set(TaskField::Priority, "nonsense");
    facts.set(TaskField::Role, "");
    facts.set(TaskField::Tags, " , ");
    assert_eq!(facts.text(TaskField::Priority).as_deref(), Some("urgent"));
    assert_eq!((facts.role, facts.tags), (None, Vec::new()));
}

#[test]
fn what_comes_after_the_board_was_left_does_nothing() {
    let mut left = None;
    board(&[card(1, BACKLOG, 1.0)], |state, owner| {
        state.show(id(1), READY, Place::End, false, 1).unwrap();
        owner.cleanup();
        left = Some(state);
    });
    let state = left.unwrap();
    state.settle(id(1).0, 1, Outcome::Done(Saved { version: 12 }));
    state.settle(id(1).0, 1, refused());
}
