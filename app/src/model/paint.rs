//! Rendering off the threads that serve: a page's words may take a core for half a second, and whoever asks
//! for something else meanwhile must not wait for it.

use std::sync::{Arc, LazyLock};

use clutch_domain::{
    chat::Message,
    query::{Query, Snapshot},
};
use clutch_orchestrator::store::Fault;
use tokio::sync::Semaphore;

use super::{
    chat::{Said, Way},
    make::{Budget, Extra, message, parts},
    wire::Parts,
};

/// So many bytes of words are rendered where they are asked for: it takes less than handing them on.
const LIGHT: usize = 16 * 1024;

/// One core always stays with those who only ask.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new((cores / 2).max(1)))
});

/// The page as named parts; a thing that is gone has none.
///
/// # Errors
/// Rendering ended in a panic.
pub async fn painted(query: Query, snapshot: Snapshot, extra: Extra) -> Result<Parts, Fault> {
    if snapshot.words() <= LIGHT {
        return Ok(parts(&query, &snapshot, &extra));
    }
    aside(move || parts(&query, &snapshot, &extra)).await
}

/// Messages as pages show them, in the order in which they come; of many long ones the last are whole.
///
/// # Errors
/// Rendering ended in a panic.
pub async fn messages(said: Vec<Message>) -> Result<Vec<Said>, Fault> {
    let make = |said: Vec<Message>| {
        let mut budget = Budget::default();
        let mut one = |m: &Message| Said { message: message(m, &mut budget), way: Way::of(m) };
        let mut items: Vec<Said> = said.iter().rev().map(&mut one).collect();
        items.reverse();
        items
    };
    if said.iter().map(|m| m.content.as_str().len()).sum::<usize>() <= LIGHT {
        return Ok(make(said));
    }
    aside(move || make(said)).await
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let fault = |what: &dyn std::fmt::Display| Fault::new(format!("a page could not be rendered: {what}"));
    let place = PLACES.clone().acquire_owned().await.map_err(|error| fault(&error))?;
    let done = tokio::task::spawn_blocking(move || {
        // Held here: whoever asked may be gone before it is done.
        let _place = place;
        work()
    });
    done.await.map_err(|error| fault(&error))
}
