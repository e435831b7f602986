//! Starts the app in the browser, on the page that the server has painted.

/// Called by the page's loader once the WASM is there.
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() {
    if !clutch_app::views::fit_the_page() {
        return;
    }
    #[cfg(feature = "split")]
    if clutch_app::preload().await.is_err() {
        return; // the browser's console says which file did not come
    }
    leptos::mount::hydrate_body(clutch_app::App);
}
