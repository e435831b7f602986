//! What people see: pages, components and the server functions behind them.
//!
//! Feature `ssr` renders on the server, feature `hydrate` runs in the browser;
//! each is turned on by one leaf crate only (`server`, `frontend`).

// A page's view is one deep type in a release build.
#![recursion_limit = "512"]

pub mod api;
mod codec;
#[cfg(feature = "ssr")]
mod document;
pub mod error;
mod lazy;
pub mod live;
#[cfg(feature = "ssr")]
pub mod markdown;
pub mod model;
pub mod pages;
pub mod safe;
#[cfg(feature = "ssr")]
pub mod site;
pub mod ui;
pub mod views;

#[cfg(feature = "ssr")]
pub use document::shell;
pub use pages::App;
#[cfg(feature = "split")]
pub use pages::preload;

/// Wakes the page that the server has painted, in its own place of the document; true when it is awake.
#[cfg(feature = "hydrate")]
#[must_use]
pub fn wake() -> bool {
    use wasm_bindgen::JsCast;

    let place = leptos::prelude::document().get_element_by_id("app").and_then(|place| place.dyn_into().ok());
    let Some(place) = place else { return false };
    leptos::mount::hydrate_from(place, App).forget();
    true
}
