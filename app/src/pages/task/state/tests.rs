//! The panel's state without a browser and without a server.

use serde_json::{json, value::to_raw_value};

use super::*;
use crate::error::{AppError, Class};

fn head(title: &str, priority: &str) -> serde_json::Value {
    json!({
        "id": Uuid::from_u128(7), "project": Uuid::from_u128(1), "slug": "p", "number": 7, "title": title,
        "description": "Words", "description_html": "<p>Words</p>", "status": "ready",
        "facts": { "priority": priority, "role": null, "assignee": null, "tags": [], "needs_review": false, "pr_number": null },
        "branch": null, "github_repo": null, "resolution": null, "why": null, "failures": 0, "created_at": 0, "since": 0,
        "completed_at": null,
    })
}

fn panel(test: impl FnOnce(TaskState, &Owner)) {
    let owner = Owner::new();
    owner.with(|| {
        let mut load = Loaded { version: 1, ..Loaded::default() };
        load.parts.insert("task".into(), to_raw_value(&head("Old", "medium")).unwrap());
        for (n, at) in [(1, 20), (2, 10)] {
            let name = Uuid::from_u128(n);
            let comment =
                json!({ "id": name, "author": "ada", "mine": false, "kind": "message", "content": "x", "at": at });
            load.parts.insert(format!("c:{name}"), to_raw_value(&comment).unwrap());
        }
        let state = TaskState::new(&load).unwrap();
        test(state, &owner);
    });
}

fn feed(state: TaskState, title: &str, priority: &str) {
    state.put("task", &head(title, priority).to_string());
    state.settled(2);
}

fn priority(state: TaskState) -> String {
    state.task.with_untracked(|t| t.facts.text(TaskField::Priority)).unwrap()
}

fn choose(state: TaskState, turn: u32, priority: &'static str) {
    state.lay(turn, Arc::new(move |task: &mut TaskHead| task.facts.set(TaskField::Priority, priority)));
}

fn refused() -> Outcome {
    Outcome::Refused(AppError::new(Class::Conflict, "no", "No."))
}

#[test]
fn a_refused_choice_falls_back_to_what_is_now() {
    panel(|state, _| {
        choose(state, 1, "urgent");
        assert_eq!(priority(state), "urgent");
        feed(state, "New", "low");
        // Another field's news does not undo the choice that is on its way.
        assert_eq!(
            (priority(state).as_str(), state.task.with_untracked(|t| t.title.clone()).as_str()),
            ("urgent", "New")
        );
        state.settle(1, &refused());
        assert_eq!(priority(state), "low");
    });
}

#[test]
fn a_kept_choice_stays_until_the_feed_brings_it() {
    panel(|state, _| {
        choose(state, 1, "urgent");
        choose(state, 2, "high");
        state.settle(1, &Outcome::Done(crate::api::Saved { version: 2 }));
        assert_eq!(priority(state), "high");
        state.settle(2, &Outcome::Done(crate::api::Saved { version: 3 }));
        assert_eq!(priority(state), "high");
        feed(state, "Old", "high");
        feed(state, "Old", "low");
        assert_eq!(priority(state), "low");
    });
}

#[test]
fn words_that_were_saved_show_until_the_feed_brings_them() {
    panel(|state, _| {
        state.wrote(Arc::new(|task: &mut TaskHead| task.title = "Mine".into()));
        assert_eq!(state.task.with_untracked(|t| t.title.clone()), "Mine");
        feed(state, "Theirs, later", "medium");
        assert_eq!(state.task.with_untracked(|t| t.title.clone()), "Theirs, later");
    });
}

#[test]
fn items_come_and_go_in_their_order() {
    panel(|state, _| {
        let ids = || state.comments.ids.with_untracked(|ids| ids.iter().map(Uuid::as_u128).collect::<Vec<_>>());
        assert_eq!(ids(), [2, 1]);
        assert_eq!(state.names().len(), 3);
        state.del(&format!("c:{}", Uuid::from_u128(2)));
        state.settled(2);
        assert_eq!(ids(), [1]);
        assert!(!state.gone.get_untracked());
        state.del("task");
        assert!(state.gone.get_untracked());
    });
}

#[test]
fn what_comes_after_the_panel_was_closed_does_nothing() {
    let mut closed = None;
    panel(|state, owner| {
        choose(state, 1, "urgent");
        owner.cleanup();
        closed = Some(state);
    });
    let state = closed.unwrap();
    state.settle(1, &refused());
    state.wrote(Arc::new(|task: &mut TaskHead| task.title = "Late".into()));
}
