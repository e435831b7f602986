//! A page whose code is older than its server. It loads anew once, where nothing is lost by it: drafts and words
//! on their way are in the tab's storage. Where a form holds what nothing keeps, or the new page was painted by
//! the same build again, the person decides.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::{Feed, Live};

/// In the tab's storage: the build of which a page was loaded anew, as it was old.
const RELOADED: &str = "clutch-reloaded";

/// The build that painted this page; empty where it has no name.
pub fn build() -> String {
    document().document_element().and_then(|html| html.get_attribute("data-build")).unwrap_or_default()
}

/// Loads the page anew, or says that somebody has to. Once for each build: a page that does not get any newer
/// by that does not go round and round; nor does one whose tab keeps nothing.
pub fn renew(live: Live) {
    let build = build();
    let once = || {
        let kept = window().session_storage().ok().flatten()?;
        let again = kept.get_item(RELOADED).ok().flatten().is_some_and(|reloaded| reloaded == build);
        (!again && !has_unkept_words() && kept.set_item(RELOADED, &build).is_ok()).then_some(())
    };
    if once().is_none() || window().location().reload().is_err() {
        live.tell(Feed::Old);
    }
}

/// Whether a form holds what somebody wrote or chose and nothing keeps.
fn has_unkept_words() -> bool {
    let Ok(fields) = document().query_selector_all("form :is(input, textarea):not([data-draft], [type=hidden])") else {
        return false;
    };
    // A text area has the same members, and no `checked`.
    (0..fields.length())
        .filter_map(|n| fields.item(n))
        .map(|field| field.unchecked_into::<web_sys::HtmlInputElement>())
        .any(|field| match field.type_().as_str() {
            "checkbox" | "radio" => field.checked() != field.default_checked(),
            "file" => false,
            _ => !crate::ui::same_lines(&field.value(), &field.default_value()),
        })
}
