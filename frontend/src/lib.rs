//! Starts the app in the browser, on the page that the server has painted.

/// Called by the page's loader once the WASM is there.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_body(clutch_app::App);
}
