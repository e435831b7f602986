//! What is asked for once: a press that is repeated, because a key was held, a hand was impatient or an
//! answer was lost, is the same press. Its key goes with the request, and the server does under one key
//! one thing only.

use std::future::Future;

use leptos::prelude::*;

use super::Act;
use crate::{api::Saved, error::AppError};

/// A key that nobody else has: 128 random bits as hexadecimal digits. (`crypto.randomUUID` is missing where
/// a page comes over plain http; these numbers are not.)
#[must_use]
pub fn fresh_key() -> String {
    #[cfg(feature = "hydrate")]
    {
        let mut bytes = [0; 16];
        if let Ok(crypto) = window().crypto() {
            let _ = crypto.get_random_values_with_u8_array(&mut bytes);
        }
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
    #[cfg(not(feature = "hydrate"))]
    String::new()
}

/// What was asked for last, and the key it has.
#[derive(Clone)]
struct Asked {
    what: String,
    key: String,
}

/// Something that is made once, however often it is pressed.
#[derive(Clone, Copy)]
pub struct Once {
    asked: StoredValue<Option<Asked>>,
    under_way: StoredValue<bool>,
}

impl Once {
    /// Nothing was asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self { asked: StoredValue::new(None), under_way: StoredValue::new(false) }
    }

    /// The key for asking for `what`; `None` while an answer is waited for. The same words have the same
    /// key until it is known what became of them, other words have another.
    pub fn begin(self, what: &str) -> Option<String> {
        if self.under_way.get_value() {
            return None;
        }
        let kept = self.asked.get_value().filter(|asked| asked.what == what).map(|asked| asked.key);
        let key = kept.unwrap_or_else(fresh_key);
        self.asked.set_value(Some(Asked { what: what.to_owned(), key: key.clone() }));
        self.under_way.set_value(true);
        Some(key)
    }

    /// The answer has come, or none.
    pub fn end(self, error: Option<&AppError>) {
        // The page may be gone by now.
        self.under_way.try_update_value(|under_way| *under_way = false);
        if !error.is_some_and(AppError::unsure) {
            self.asked.try_update_value(|asked| *asked = None);
        }
    }

    /// Asks for `what` with `ask`, which gets the key, unless it is under way.
    pub fn run<F>(
        self,
        act: Act,
        what: &str,
        ask: impl FnOnce(Option<String>) -> F,
        then: impl FnOnce(Result<Saved, AppError>) + 'static,
    ) where
        F: Future<Output = Result<Saved, AppError>> + 'static,
    {
        let Some(key) = self.begin(what) else { return };
        act.run(ask(Some(key)), move |answer| {
            self.end(answer.as_ref().err());
            then(answer);
        });
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}
