//! Unsaved words. Fields marked `data-draft` live in the tab's storage under a name, so
//! neither a live update nor a reload nor closing a panel loses them. The fields keep their
//! own text, so what was typed before our code arrived is not lost either.

use leptos::{html, prelude::*};

/// The drafts of one form.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "the server keeps no drafts"))]
pub struct Drafts {
    form: NodeRef<html::Form>,
    name: StoredValue<String>,
}

impl Drafts {
    /// Keeps the marked fields of `form`, and gives back what was kept under `name`.
    #[must_use]
    pub fn keep(form: NodeRef<html::Form>, name: String) -> Self {
        let drafts = Self { form, name: StoredValue::new(name) };
        #[cfg(feature = "hydrate")]
        Effect::new(move |_| {
            let Some(form) = drafts.form.get() else { return };
            for field in drafts.fields(&form) {
                let kept = storage().and_then(|s| s.get_item(&drafts.key(&field)).ok().flatten());
                match kept {
                    Some(text) if field.value() == field.default_value() => field.set_value(&text),
                    // Typed before our code arrived.
                    _ if field.value() != field.default_value() => drafts.store(&field),
                    _ => {}
                }
            }
            let on_input =
                wasm_bindgen::closure::Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
                    let field = event.target().map(wasm_bindgen::JsCast::unchecked_into::<web_sys::HtmlInputElement>);
                    if let Some(field) = field.filter(|f| f.has_attribute("data-draft")) {
                        drafts.store(&field);
                    }
                });
            let _ =
                form.add_event_listener_with_callback("input", wasm_bindgen::JsCast::unchecked_ref(on_input.as_ref()));
            on_input.forget(); // lives as long as the form's element, which holds it
        });
        drafts
    }

    /// The words were sent: forgets them and empties the fields.
    pub fn sent(self) {
        #[cfg(feature = "hydrate")]
        if let Some(form) = self.form.try_get_untracked().flatten() {
            for field in self.fields(&form) {
                if let Some(storage) = storage() {
                    let _ = storage.remove_item(&self.key(&field));
                }
                field.set_value("");
            }
        }
    }

    #[cfg(feature = "hydrate")]
    fn fields(self, form: &web_sys::HtmlFormElement) -> Vec<web_sys::HtmlInputElement> {
        let Ok(list) = form.query_selector_all("[data-draft]") else { return Vec::new() };
        // A textarea has the same `value`, `defaultValue` and `name` as an input.
        (0..list.length()).filter_map(|n| list.item(n)).map(wasm_bindgen::JsCast::unchecked_into).collect()
    }

    #[cfg(feature = "hydrate")]
    fn key(self, field: &web_sys::HtmlInputElement) -> String {
        self.name.with_value(|name| format!("draft:{name}:{}", field.name()))
    }

    #[cfg(feature = "hydrate")]
    fn store(self, field: &web_sys::HtmlInputElement) {
        if let Some(storage) = storage() {
            let key = self.key(field);
            let text = field.value();
            let _ = if text.is_empty() { storage.remove_item(&key) } else { storage.set_item(&key, &text) };
        }
    }
}

#[cfg(feature = "hydrate")]
fn storage() -> Option<web_sys::Storage> {
    window().session_storage().ok().flatten()
}
