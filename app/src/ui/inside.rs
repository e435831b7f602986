//! What can be pressed inside rendered words (`markdown.rs`): the button at a block of code, and a picture.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, MouseEvent};

use super::{Toasts, to_clipboard};

/// How long a button says that it copied.
const SAID: Duration = Duration::from_secs(2);
/// A picture of ours that leads to itself.
const THUMBNAIL: &str = "a[href^='/uploads/images/']:has(> img)";

/// Something inside was pressed.
pub fn pressed(event: MouseEvent, toasts: Toasts) {
    let Some(target) = event.target().and_then(|t| t.dyn_into::<Element>().ok()) else { return };
    let at = |what: &str| target.closest(what).ok().flatten();
    if let Some(button) = at(".copy-code") {
        copy(button, toasts);
    } else if let Some(link) = at(THUMBNAIL) {
        // With a key or another button it is a link like others: a new tab, a new window.
        let plain =
            event.button() == 0 && !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
        if plain && enlarge(&link).is_some() {
            event.prevent_default();
        }
    }
}

fn copy(button: Element, toasts: Toasts) {
    let Some(words) = button.next_element_sibling().and_then(|code| code.text_content()) else { return };
    let say = |button: &Element, class, label| {
        button.set_class_name(class);
        let _ = button.set_attribute("aria-label", label);
    };
    to_clipboard(words.strip_suffix('\n').unwrap_or(&words), toasts, move || {
        say(&button, "copy-code icon-btn js-only done", "Copied");
        super::listen::whenever(SAID, move || say(&button, "copy-code icon-btn js-only", "Copy the code"));
    });
}

/// The whole picture above the page. The dialog gives the focus back by itself; whatever is pressed in it
/// closes it.
fn enlarge(link: &Element) -> Option<()> {
    let document = document();
    let of = |name: &str, class: &str, inside: &Element| {
        let element = document.create_element(name).ok()?;
        element.set_class_name(class);
        inside.append_child(&element).ok()?;
        Some(element)
    };
    let dialog = document.create_element("dialog").ok()?;
    dialog.set_class_name("lightbox");
    let small = link.query_selector("img").ok()??;
    let words = small.get_attribute("alt").unwrap_or_default();
    dialog.set_attribute("aria-label", &words).ok()?;
    let close = of("button", "btn s", &dialog)?;
    close.set_attribute("type", "button").ok()?;
    close.set_text_content(Some("Close"));
    let picture = of("img", "", &dialog)?;
    picture.set_attribute("alt", &words).ok()?;
    picture.set_attribute("src", &link.get_attribute("href")?).ok()?;
    document.body()?.append_child(&dialog).ok()?;

    let dialog: web_sys::HtmlDialogElement = dialog.dyn_into().ok()?;
    #[cfg(feature = "hydrate")]
    {
        use super::listen::{Ears, How};

        // They end with the dialog, which is no part of the page that painted the picture.
        let ears = Ears::default();
        let (shown, over, ends) = (dialog.clone(), dialog.clone(), ears.clone());
        ears.hear(&dialog, "click", How::Passive, move |_| shown.close());
        ears.hear(&dialog, "close", How::Passive, move |_| {
            over.remove();
            ends.end();
        });
    }
    dialog.show_modal().ok()
}
