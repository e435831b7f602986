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
        crate::ui::listen::follow(move || {
            let Some(form) = drafts.form.get() else { return };
            for field in drafts.fields(&form) {
                let kept = storage().and_then(|s| s.get_item(&drafts.key(&field)).ok().flatten());
                match kept {
                    Some(text) if untouched(&field) => field.set_value(&text),
                    // Typed before our code arrived.
                    _ if !untouched(&field) => drafts.store(&field),
                    _ => {}
                }
            }
            super::listen::hear(&form, "input", super::listen::How::Passive, move |event| {
                let field = event.target().map(wasm_bindgen::JsCast::unchecked_into::<web_sys::HtmlInputElement>);
                if let Some(field) = field.filter(|f| f.has_attribute("data-draft")) {
                    drafts.store(&field);
                }
            });
        });
        drafts
    }

    /// The words were sent: forgets them and empties the fields that hold what `sent` says of them. What
    /// was typed meanwhile was not sent, and stays.
    pub fn sent(self, sent: impl Fn(&str) -> Option<String>) {
        #[cfg(feature = "hydrate")]
        for field in self.form.try_get_untracked().flatten().map(|form| self.fields(&form)).unwrap_or_default() {
            if sent(&field.name()).is_some_and(|words| same_lines(&words, &field.value())) {
                self.clear(&field);
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = sent;
    }

    /// Whether nothing is written in any of the fields, or they are gone.
    #[must_use]
    pub fn are_empty(self) -> bool {
        #[cfg(feature = "hydrate")]
        if let Some(form) = self.form.try_get_untracked().flatten() {
            return self.fields(&form).iter().all(|field| field.value().is_empty());
        }
        true
    }

    /// The text that the draft of a field was begun on; `now`, where there is no draft yet.
    #[must_use]
    pub fn begun_on(self, field: &str, now: &str) -> String {
        #[cfg(feature = "hydrate")]
        if let Some(storage) = storage() {
            let kept = |kind: &str| storage.get_item(&self.place(kind, field)).ok().flatten();
            if let (Some(_), Some(base)) = (kept("draft"), kept("base")) {
                return base;
            }
        }
        self.begin_on(field, now);
        now.to_owned()
    }

    /// From now on the draft of a field stands on this text.
    pub fn begin_on(self, field: &str, text: &str) {
        #[cfg(feature = "hydrate")]
        if let Some(storage) = storage() {
            let _ = storage.set_item(&self.place("base", field), text);
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (field, text);
    }

    /// The words are given up.
    pub fn give_up(self) {
        #[cfg(feature = "hydrate")]
        for field in self.form.try_get_untracked().flatten().map(|form| self.fields(&form)).unwrap_or_default() {
            self.clear(&field);
        }
    }

    #[cfg(feature = "hydrate")]
    fn clear(self, field: &web_sys::HtmlInputElement) {
        if let Some(storage) = storage() {
            let _ = storage.remove_item(&self.key(field));
            let _ = storage.remove_item(&self.place("base", &field.name()));
        }
        field.set_value("");
    }

    #[cfg(feature = "hydrate")]
    fn fields(self, form: &web_sys::HtmlFormElement) -> Vec<web_sys::HtmlInputElement> {
        let Ok(list) = form.query_selector_all("[data-draft]") else { return Vec::new() };
        // A textarea has the same `value`, `defaultValue` and `name` as an input.
        (0..list.length()).filter_map(|n| list.item(n)).map(wasm_bindgen::JsCast::unchecked_into).collect()
    }

    #[cfg(feature = "hydrate")]
    fn key(self, field: &web_sys::HtmlInputElement) -> String {
        self.place("draft", &field.name())
    }

    #[cfg(feature = "hydrate")]
    fn place(self, kind: &str, field: &str) -> String {
        self.name.with_value(|name| format!("{kind}:{name}:{field}"))
    }

    #[cfg(feature = "hydrate")]
    fn store(self, field: &web_sys::HtmlInputElement) {
        if let Some(storage) = storage() {
            let key = self.key(field);
            let text = field.value();
            // What is as it was painted is no draft: it would hide what others make of it.
            let none = text.is_empty() || untouched(field);
            let _ = if none { storage.remove_item(&key) } else { storage.set_item(&key, &text) };
        }
    }
}

/// Whether a field holds what it was painted with. A text area gives every line end as one character, and
/// its painted text as it came.
#[cfg(feature = "hydrate")]
fn untouched(field: &web_sys::HtmlInputElement) -> bool {
    same_lines(&field.value(), &field.default_value())
}

/// Whether two texts are the same but for the characters at the ends of their lines.
#[must_use]
pub fn same_lines(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
    a == b || plain(a) == plain(b)
}

/// Writes a field's text as if somebody had typed it: whoever listens to typing hears of it.
#[cfg(feature = "hydrate")]
pub fn write(field: &web_sys::HtmlTextAreaElement, words: &str) {
    field.set_value(words);
    let init = web_sys::EventInit::new();
    init.set_bubbles(true);
    if let Ok(event) = web_sys::Event::new_with_event_init_dict("input", &init) {
        let _ = field.dispatch_event(&event);
    }
}

/// Puts words where the caret is, as if somebody had typed them, so that they can be undone: apart from what stands
/// around them, and the caret behind them. Whoever writes in another field meanwhile goes on there; then the browser
/// knows no way to undo it.
#[cfg(feature = "hydrate")]
pub fn insert(field: &web_sys::HtmlTextAreaElement, words: &str) {
    use wasm_bindgen::JsCast;

    let text: Vec<u16> = field.value().encode_utf16().collect();
    let place =
        |at: Result<Option<u32>, _>| at.ok().flatten().map_or(text.len(), |at: u32| (at as usize).min(text.len()));
    let (from, to) = (place(field.selection_start()), place(field.selection_end()));
    let (before, after) = (String::from_utf16_lossy(&text[..from]), String::from_utf16_lossy(&text[to..]));
    let gap = |needed: bool| if needed { "\n\n" } else { "" };
    let ends = before.is_empty() || before.ends_with("\n\n");
    let begins = after.is_empty() || after.starts_with('\n');
    let words = format!("{}{words}{}", gap(!ends), gap(!begins));
    let busy = document().active_element().is_some_and(|active| {
        !active.is_same_node(Some(field))
            && active.matches("input:not([type=file]), textarea, [contenteditable]").unwrap_or_default()
    });
    if !busy {
        let _ = field.focus();
        let _ = field.set_selection_range(from as u32, to as u32);
        let typed = document().dyn_into::<web_sys::HtmlDocument>().is_ok_and(|document| {
            document.exec_command_with_show_ui_and_value("insertText", false, &words).unwrap_or_default()
        });
        if typed {
            return;
        }
    }
    write(field, &format!("{before}{words}{after}"));
    let at = (from + words.encode_utf16().count()) as u32;
    let _ = field.set_selection_range(at, at);
}

/// The tab's storage.
#[cfg(feature = "hydrate")]
pub(super) fn storage() -> Option<web_sys::Storage> {
    window().session_storage().ok().flatten()
}
