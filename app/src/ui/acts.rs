//! Doing something and saying how it went: one path for every change that is not a form.

use std::future::Future;

use leptos::prelude::*;

use super::{Toasts, listen::Alive};
use crate::{api::Saved, error::AppError};

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
