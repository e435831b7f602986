//! Lists whose lines are known by their ids: a line keeps its elements, and so its focus, wherever it goes.
//! Leptos' own list is compiled for each of its uses; here all share one.

use std::sync::Arc;

use clutch_domain::id::Uuid;
use leptos::prelude::*;

use super::Erase;

/// A line for each of `ids`, which are followed.
pub fn list(
    ids: impl Fn() -> Vec<Uuid> + Send + Sync + 'static,
    line: impl Fn(Uuid) -> AnyView + Send + Sync + 'static,
) -> AnyView {
    shared(Arc::new(ids), Arc::new(line))
}

type Ids = Arc<dyn Fn() -> Vec<Uuid> + Send + Sync>;
type Line = Arc<dyn Fn(Uuid) -> AnyView + Send + Sync>;

fn shared(ids: Ids, line: Line) -> AnyView {
    view! { <For each=move || ids() key=|id| *id children=move |id| line(id) /> }.erase()
}
