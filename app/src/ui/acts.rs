//! Doing something and saying how it went: one path for every change that is not a form.

use std::future::Future;

use leptos::prelude::*;

use super::{Erase, dynamic, listen::Alive};

use crate::{api::Saved, error::AppError};

/// How long a message stays.
#[cfg(feature = "hydrate")]
const TOAST_SECONDS: u64 = 7;

/// Messages at the lower edge, read out by screen readers.
#[derive(Clone, Copy)]
pub struct Toasts {
    list: RwSignal<Vec<Toast>>,
    last: StoredValue<u32>,
}

/// Takes something back. Outlives the part of the page that offered it.
pub type Undo = std::sync::Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
struct Toast {
    id: u32,
    bad: bool,
    sentence: String,
    undo: Option<Undo>,
}

impl Toasts {
    /// No messages.
    #[must_use]
    pub fn new() -> Self {
        Self { list: RwSignal::new(Vec::new()), last: StoredValue::new(0) }
    }

    /// Says what went wrong.
    pub fn error(self, sentence: impl Into<String>) {
        self.push(true, sentence.into(), None);
    }

    /// Says that something was done.
    pub fn done(self, sentence: impl Into<String>) {
        self.push(false, sentence.into(), None);
    }

    /// Says that something was done, with a button that takes it back.
    pub fn undo(self, sentence: impl Into<String>, undo: Undo) {
        self.push(false, sentence.into(), Some(undo));
    }

    fn push(self, bad: bool, sentence: String, undo: Option<Undo>) {
        let id = self.last.get_value() + 1;
        self.last.set_value(id);
        self.list.update(|list| {
            // The same words twice help nobody.
            list.retain(|old| old.sentence != sentence);
            list.push(Toast { id, bad, sentence, undo });
        });
        #[cfg(feature = "hydrate")]
        super::listen::whenever(std::time::Duration::from_secs(TOAST_SECONDS), move || self.close(id));
    }

    fn close(self, id: u32) {
        self.list.update(|list| list.retain(|toast| toast.id != id));
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
    let items = move || {
        toasts
            .list
            .get()
            .into_iter()
            .map(|Toast { id, bad, sentence, undo }| {
                let undo = undo.map(|undo| {
                    let take_back = move |_| {
                        toasts.close(id);
                        undo();
                    };
                    view! { <button type="button" class="btn s" on:click=take_back>"Undo"</button> }
                });
                view! {
                    <div class=if bad { "toast bad" } else { "toast" }>
                        <super::Icon name=if bad { "alert" } else { "check" } />
                        <p>{sentence}</p>
                        {undo}
                        <button type="button" class="icon-btn" aria-label="Dismiss" on:click=move |_| toasts.close(id)>
                            <super::Icon name="x" />
                        </button>
                    </div>
                }
            })
            .map(Erase::erase)
            .collect::<Vec<_>>()
    };
    view! { <div class="toasts" role="status" aria-live="polite">{dynamic(items)}</div> }
}

/// Runs changes. While one runs, `busy` is true.
#[derive(Clone, Copy)]
pub struct Act {
    /// At least one change is on its way.
    pub busy: RwSignal<u32>,
    toasts: Toasts,
    alive: Alive,
}

/// A runner for changes of this component.
#[must_use]
pub fn use_act() -> Act {
    Act { busy: RwSignal::new(0), toasts: expect_context::<Toasts>(), alive: Alive::here() }
}

impl Act {
    /// Runs a change; a refusal is shown as its sentence. `then` hears how it went, if this part of the page is
    /// still there then.
    pub fn run(
        self,
        change: impl Future<Output = Result<Saved, AppError>> + 'static,
        then: impl FnOnce(Result<Saved, AppError>) + 'static,
    ) {
        self.run_to_its_end(change, move |answer| {
            if self.alive.is() {
                then(answer);
            }
        });
    }

    /// Like [`Self::run`], but `then` hears how it went in any case: it touches nothing of the page that may be
    /// gone.
    pub fn run_to_its_end(
        self,
        change: impl Future<Output = Result<Saved, AppError>> + 'static,
        then: impl FnOnce(Result<Saved, AppError>) + 'static,
    ) {
        // Boxed: the path below is compiled once, not once per change.
        self.run_boxed(Box::pin(change), Box::new(then));
    }

    fn run_boxed(self, change: std::pin::Pin<Box<dyn Future<Output = Result<Saved, AppError>>>>, then: Then) {
        // What waited for its turn may be of a page that was left meanwhile.
        self.busy.try_update(|n| *n += 1);
        leptos::task::spawn_local(async move {
            let answer = change.await;
            // The page may be gone by now.
            self.busy.try_update(|n| *n -= 1);
            if let Err(error) = &answer {
                self.toasts.error(error.sentence.clone());
            }
            then(answer);
        });
    }
}

type Then = Box<dyn FnOnce(Result<Saved, AppError>)>;
