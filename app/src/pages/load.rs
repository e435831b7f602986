//! What a page shows, as the server gives it: fetched once, on the server where the page is painted there, and
//! again when the page asks for something else or for what it could not have. Leptos compiles its part of that
//! for each kind of key and answer; so all pages have one key, a text, and one answer.

use std::{future::Future, pin::Pin, sync::Arc};

use leptos::prelude::*;

use crate::{
    error::{AppError, Class},
    live::use_live,
    model::wire::Loaded,
};

/// A load that pages wait for.
pub type Load = Resource<Result<Loaded, AppError>>;
type Key = Arc<dyn Fn() -> String + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = Result<Loaded, AppError>> + Send>>;
type Ask = Arc<dyn Fn(String) -> Answer + Send + Sync>;

/// Parts of a key; none of them has one.
const BETWEEN: &str = "\n";

/// A key of several words.
pub fn key(words: &[&str]) -> String {
    words.join(BETWEEN)
}

/// The words of a key, in order; empty ones behind the last.
pub fn words<const N: usize>(key: &str) -> [String; N] {
    let mut words = key.split(BETWEEN);
    std::array::from_fn(|_| words.next().unwrap_or_default().to_owned())
}

/// Loads what a key, which is followed, asks for.
pub fn load<F>(key: impl Fn() -> String + Send + Sync + 'static, ask: fn(String) -> F) -> Load
where
    F: Future<Output = Result<Loaded, AppError>> + Send + 'static,
{
    erased(Arc::new(key), Arc::new(move |key| Box::pin(ask(key))))
}

fn erased(key: Key, ask: Ask) -> Load {
    let again = RwSignal::new(0);
    let load = Resource::new_blocking(move || (key(), again.get()), move |(key, _)| ask(key));
    where_missing(load, again);
    load
}

/// Loads once more what could not be loaded, by raising `again`: when the server is back, and when somebody asks for
/// it. What is not there does not come by that, and what was loaded is kept true by the feed: it stays as it is.
pub fn where_missing<T: Send + Sync + 'static>(load: Resource<Result<T, AppError>>, again: RwSignal<u32>) {
    let missing =
        move || load.with_untracked(|answer| matches!(answer, Some(Err(error)) if error.class != Class::NotFound));
    renewed(Box::new(missing), again);
}

fn renewed(missing: Box<dyn Fn() -> bool>, again: RwSignal<u32>) {
    let live = use_live();
    Effect::new(move |before: Option<u32>| {
        let asked = live.again.get();
        if before.is_some_and(|before| before != asked) && missing() {
            again.update(|n| *n += 1);
        }
        asked
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made() {
        assert_eq!(words(&key(&["site", "T-1"])), ["site", "T-1"]);
        assert_eq!(words(&key(&["site", "", "a b", ""])), ["site", "", "a b", ""]);
        assert_eq!(words(""), ["", ""]);
    }
}
