//! Starts the app in the browser, on the page that the server has painted.

/// Room for whoever cuts the code into chunks. It lays the constants of each chunk together, each chunk's from a
/// multiple of 16 on, in the place that all of them had; where they do not fit by a few bytes, it leaves all of
/// them in the main file, silently: 34 kB on the wire. Nothing reads this, so it is in none of the files.
#[cfg(feature = "split")]
#[used]
static ROOM: [u8; 4096] = [1; 4096];

/// Called by the page's loader once the WASM is there. Answers whether the page is awake.
#[wasm_bindgen::prelude::wasm_bindgen]
pub async fn hydrate() -> bool {
    if !clutch_app::views::fit_the_page() {
        return false;
    }
    #[cfg(feature = "split")]
    if clutch_app::preload().await.is_err() {
        return false; // the browser's console says which file did not come
    }
    clutch_app::wake()
}
