//! Messages at the lower edge: what was done, what went wrong, and a way to take it back. They stay while
//! somebody reads them: as long as a pointer or the focus is on one, no time passes for any.

use std::{sync::Arc, time::Duration};

use clutch_domain::id::Uuid;
use leptos::prelude::*;

use super::{Erase, list};
use crate::live::{layered::Turn, verbs};

/// Seconds that a message stays.
const READ: u32 = 7;
/// One that can be taken back.
const TAKE_BACK: u32 = 10;
/// One that says what went wrong.
const TROUBLE: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// Takes something back. Outlives the part of the page that offered it.
pub type Undo = Arc<dyn Fn() + Send + Sync>;
/// Does what was announced; told whether the page is being left, when no answer will be heard.
pub type Deed = Arc<dyn Fn(bool) + Send + Sync>;

#[derive(Clone)]
struct Toast {
    id: u32,
    bad: bool,
    sentence: String,
    undo: Option<Undo>,
    deed: Option<Deed>,
    turn: Turn,
    /// Seconds.
    left: u32,
}

/// Messages at the lower edge, read out by screen readers.
#[derive(Clone, Copy)]
pub struct Toasts {
    /// What goes as soon as its message does: pages do not show it any more.
    pub going: RwSignal<Vec<Uuid>>,
    list: RwSignal<Vec<Toast>>,
    last: StoredValue<u32>,
    /// Somebody reads.
    held: StoredValue<bool>,
}

impl Toasts {
    /// No messages.
    #[must_use]
    pub fn new() -> Self {
        Self {
            going: RwSignal::new(Vec::new()),
            list: RwSignal::new(Vec::new()),
            last: StoredValue::new(0),
            held: StoredValue::new(false),
        }
    }

    /// Says what went wrong.
    pub fn error(self, sentence: impl Into<String>) {
        self.push(sentence.into(), true, TROUBLE, None, None);
    }

    /// Says that something was done.
    pub fn done(self, sentence: impl Into<String>) {
        self.push(sentence.into(), false, READ, None, None);
    }

    /// Says that something was done, with a button that takes it back. Answers which message says it.
    pub fn undo(self, sentence: impl Into<String>, undo: Undo) -> u32 {
        self.push(sentence.into(), false, TAKE_BACK, Some(undo), None)
    }

    /// Says that `thing` is about to go, and does it when the message goes, unless it is taken back before.
    pub fn about_to(self, thing: Uuid, sentence: impl Into<String>, deed: Deed) {
        self.going.update(|going| going.push(thing));
        let spare: Undo = Arc::new(move || self.stays(thing));
        self.push(sentence.into(), false, TAKE_BACK, Some(spare), Some(deed));
    }

    /// It does not go.
    pub fn stays(self, thing: Uuid) {
        self.going.try_update(|going| going.retain(|other| *other != thing));
    }

    fn push(self, sentence: String, bad: bool, left: u32, undo: Option<Undo>, deed: Option<Deed>) -> u32 {
        let id = self.last.get_value() + 1;
        self.last.set_value(id);
        let new = Toast { id, bad, sentence, undo, deed, turn: verbs::turn(), left };
        let waits = self.list.try_update(|list| {
            let waits = !list.is_empty();
            // The same words twice help nobody.
            list.retain(|old| old.deed.is_some() || old.sentence != new.sentence);
            list.push(new);
            waits
        });
        if waits == Some(false) {
            self.each_second();
        }
        id
    }

    /// Counts as long as there is a message.
    fn each_second(self) {
        #[cfg(feature = "hydrate")]
        super::listen::whenever(SECOND, move || {
            self.pass();
            if self.list.try_with_untracked(Vec::is_empty) == Some(false) {
                self.each_second();
            }
        });
        let _ = SECOND;
    }

    /// A second passes.
    #[cfg_attr(
        not(any(feature = "hydrate", test)),
        expect(dead_code, reason = "nothing passes where pages are painted")
    )]
    fn pass(self) {
        if self.held.try_get_value() != Some(false) {
            return;
        }
        let mut over = Vec::new();
        self.list.try_update_untracked(|list| {
            for toast in list {
                toast.left = toast.left.saturating_sub(1);
                if toast.left == 0 {
                    over.push(toast.id);
                }
            }
        });
        over.into_iter().for_each(|id| self.close(id));
    }

    /// Somebody reads, or does not any more.
    fn hold(self, held: bool) {
        self.held.set_value(held);
    }

    fn take(self, id: u32) -> Option<Toast> {
        self.list.try_update(|list| {
            let at = list.iter().position(|toast| toast.id == id)?;
            Some(list.remove(at))
        })?
    }

    /// A message goes, and what it announced is done.
    pub fn close(self, id: u32) {
        if let Some(deed) = self.take(id).and_then(|toast| toast.deed) {
            deed(false);
        }
    }

    /// The page is left: what was announced is done now.
    pub fn leave(self) {
        let all = self.list.try_update(std::mem::take).unwrap_or_default();
        all.into_iter().filter_map(|toast| toast.deed).for_each(|deed| deed(true));
    }

    /// When that was done which can be taken back and was done last.
    #[must_use]
    pub fn newest(self) -> Option<Turn> {
        self.list.with_untracked(|list| list.iter().rev().find(|toast| toast.undo.is_some()).map(|toast| toast.turn))
    }

    /// Takes back what was done last; answers whether there was something.
    pub fn take_back(self) -> bool {
        let newest = self.list.with_untracked(|list| list.iter().rev().find(|t| t.undo.is_some()).map(|t| t.id));
        let undo = newest.and_then(|id| self.take(id)).and_then(|toast| toast.undo);
        undo.inspect(|undo| undo()).is_some()
    }
}

impl Default for Toasts {
    fn default() -> Self {
        Self::new()
    }
}

/// Where messages appear.
#[component]
pub fn ToastRegion() -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let ids = move || toasts.list.with(|list| list.iter().map(|toast| Uuid::from_u128(toast.id.into())).collect());
    let one = move |id: Uuid| {
        let toast = toasts.list.with_untracked(|list| list.iter().find(|t| u128::from(t.id) == id.as_u128()).cloned());
        let Some(Toast { id, bad, sentence, undo, .. }) = toast else { return ().erase() };
        let undo = undo.map(|undo| {
            let take_back = move |_| {
                toasts.hold(false);
                if toasts.take(id).is_some() {
                    undo();
                }
            };
            view! { <button type="button" class="btn s" on:click=take_back>"Undo"</button> }
        });
        let close = move |_| {
            toasts.hold(false);
            toasts.close(id);
        };
        view! {
            <div class=if bad { "toast bad" } else { "toast" }>
                <super::Icon name=if bad { "alert" } else { "check" } />
                <p>{sentence}</p>
                {undo}
                <button type="button" class="icon-btn" aria-label="Dismiss" on:click=close>
                    <super::Icon name="x" />
                </button>
            </div>
        }
        .erase()
    };
    view! {
        <div class="toasts" role="status" aria-live="polite"
            on:pointerover=move |_| toasts.hold(true) on:pointerout=move |_| toasts.hold(false)
            on:focusin=move |_| toasts.hold(true) on:focusout=move |_| toasts.hold(false)>
            {list(ids, one)}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(toasts: Toasts) -> Vec<String> {
        toasts.list.with_untracked(|list| list.iter().map(|toast| toast.sentence.clone()).collect())
    }

    fn pass(toasts: Toasts, seconds: u32) {
        (0..seconds).for_each(|_| toasts.pass());
    }

    #[test]
    fn a_message_stays_its_time_and_while_somebody_reads() {
        Owner::new().with(|| {
            let toasts = Toasts::new();
            toasts.done("Done.");
            toasts.error("Wrong.");
            toasts.undo("Gone.", Arc::new(|| {}));
            toasts.done("Done.");
            assert_eq!(sentences(toasts), ["Wrong.", "Gone.", "Done."]);
            pass(toasts, READ - 1);
            toasts.hold(true);
            pass(toasts, 100);
            assert_eq!(sentences(toasts).len(), 3);
            toasts.hold(false);
            pass(toasts, 1);
            assert_eq!(sentences(toasts), ["Wrong.", "Gone."]);
            pass(toasts, TAKE_BACK - READ);
            assert_eq!(sentences(toasts), ["Wrong."]);
            pass(toasts, TROUBLE - TAKE_BACK);
            assert!(sentences(toasts).is_empty());
        });
    }

    #[test]
    fn what_is_announced_is_done_once_or_taken_back() {
        Owner::new().with(|| {
            let toasts = Toasts::new();
            let done = StoredValue::new(Vec::new());
            let announce = |n: u128| {
                let deed: Deed = Arc::new(move |leaving| done.update_value(|done| done.push((n, leaving))));
                toasts.about_to(Uuid::from_u128(n), "Deleting it.", deed);
            };
            announce(1);
            assert_eq!(toasts.going.get_untracked(), [Uuid::from_u128(1)]);
            assert!(toasts.take_back() && !toasts.take_back());
            assert!(toasts.going.get_untracked().is_empty());
            pass(toasts, 100);
            assert!(done.get_value().is_empty());
            // Two with the same words are two.
            announce(2);
            announce(3);
            pass(toasts, TAKE_BACK);
            assert_eq!(done.get_value(), [(2, false), (3, false)]);
            announce(4);
            toasts.leave();
            pass(toasts, 100);
            assert_eq!(done.get_value()[2..], [(4, true)]);
        });
    }

    #[test]
    fn the_last_is_taken_back_first() {
        Owner::new().with(|| {
            let toasts = Toasts::new();
            let back = StoredValue::new(Vec::new());
            for n in 1..=2 {
                toasts.undo(n.to_string(), Arc::new(move || back.update_value(|back| back.push(n))));
            }
            let newest = toasts.newest();
            toasts.done("3");
            assert_eq!(toasts.newest(), newest);
            assert!(toasts.take_back() && toasts.take_back() && !toasts.take_back());
            assert_eq!((back.get_value(), toasts.newest()), (vec![2, 1], None));
        });
    }
}
