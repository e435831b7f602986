//! What people do to the things on a page. Each thing has a line of its own: what was done to it second is
//! asked for when the first was answered, so the server never decides it in another order; of what waits only
//! the newest of its kind is asked for. Lines belong to the tab: what was done is asked for also when its page
//! was left.

use std::{cell::RefCell, future::Future, pin::Pin};

use clutch_domain::id::Uuid;

use super::layered::Turn;
use crate::{api::Saved, error::AppError, ui::Act};

/// What became of something that a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server did it.
    Done(Saved),
    /// It did not, or nobody knows; the person was told.
    Refused(AppError),
    /// It was not asked for: a newer one of its kind takes its place.
    Replaced,
}

type Answer = Pin<Box<dyn Future<Output = Result<Saved, AppError>>>>;

struct Job {
    act: Act,
    ask: Box<dyn FnOnce() -> Answer>,
    then: Box<dyn FnOnce(Outcome)>,
}

/// What waits for one thing.
struct Line<J> {
    under_way: bool,
    waiting: Vec<(&'static str, J)>,
}

impl<J> Line<J> {
    /// Puts a job at the end; gives the one of its kind that waited, if there was one.
    fn push(&mut self, kind: &'static str, job: J) -> Option<J> {
        let old = self.waiting.iter().position(|(other, _)| *other == kind).map(|at| self.waiting.remove(at).1);
        self.waiting.push((kind, job));
        old
    }

    /// The next job, unless one is under way.
    fn next(&mut self) -> Option<J> {
        if self.under_way || self.waiting.is_empty() {
            return None;
        }
        self.under_way = true;
        Some(self.waiting.remove(0).1)
    }

    /// Nothing is under way and nothing waits after this.
    fn end(&mut self) -> bool {
        self.under_way = false;
        self.waiting.is_empty()
    }
}

thread_local! {
    static LINES: RefCell<Vec<(Uuid, Line<Job>)>> = const { RefCell::new(Vec::new()) };
    static TURNS: RefCell<Turn> = const { RefCell::new(0) };
}

/// The turn of what is done next in this tab.
pub fn turn() -> Turn {
    TURNS.with_borrow_mut(|last| {
        *last += 1;
        *last
    })
}

/// Asks for something that a person did to `thing`, after what was done to it before. `kind` names what it is:
/// the newest of a kind replaces one that still waits. `then` hears what became of it, also when the page is
/// gone.
pub fn ask<F>(
    act: Act,
    thing: Uuid,
    kind: &'static str,
    ask: impl FnOnce() -> F + 'static,
    then: impl FnOnce(Outcome) + 'static,
) where
    F: Future<Output = Result<Saved, AppError>> + 'static,
{
    line_up(thing, kind, Job { act, ask: Box::new(move || Box::pin(ask())), then: Box::new(then) });
}

/// Compiled once, not once for each verb.
fn line_up(thing: Uuid, kind: &'static str, job: Job) {
    let replaced = LINES.with_borrow_mut(|lines| match lines.iter_mut().find(|(other, _)| *other == thing) {
        Some((_, line)) => line.push(kind, job),
        None => {
            lines.push((thing, Line { under_way: false, waiting: vec![(kind, job)] }));
            None
        }
    });
    if let Some(old) = replaced {
        (old.then)(Outcome::Replaced);
    }
    go_on(thing);
}

fn go_on(thing: Uuid) {
    let next = of(thing, |line| line.next()).flatten();
    let Some(Job { act, ask, then }) = next else { return };
    act.run_to_its_end(ask(), move |answer| {
        then(answer.map_or_else(Outcome::Refused, Outcome::Done));
        if of(thing, |line| line.end()) == Some(true) {
            LINES.with_borrow_mut(|lines| lines.retain(|(other, _)| *other != thing));
        }
        go_on(thing);
    });
}

/// The line of a thing, if something was done to it that is not over.
fn of<R>(thing: Uuid, act: impl FnOnce(&mut Line<Job>) -> R) -> Option<R> {
    LINES.with_borrow_mut(|lines| lines.iter_mut().find(|(other, _)| *other == thing).map(|(_, line)| act(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_of_each_kind_only_the_newest_waits() {
        let mut line = Line { under_way: false, waiting: Vec::new() };
        assert_eq!(line.push("move", 1), None);
        assert_eq!(line.next(), Some(1));
        assert_eq!(line.push("move", 2), None, "what is under way is not replaced");
        assert_eq!(line.next(), None);
        assert_eq!(line.push("title", 3), None);
        assert_eq!(line.push("move", 4), Some(2));
        assert!(!line.end());
        assert_eq!(line.next(), Some(3));
        assert!(!line.end());
        assert_eq!(line.next(), Some(4));
        assert!(line.end());
        assert_eq!(line.next(), None);
    }
}
