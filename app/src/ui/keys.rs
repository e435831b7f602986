//! The keys of all pages: one table of what they are called, when they count, and what they do. The sheet of
//! keys, the palette and tooltips read it; pages say what a verb does while they are there.
//!
//! Who composes a character with an input method presses no key of ours: browsers tell it by `isComposing`,
//! and Safari, which ends the composition before the key that ends it, by the number 229. On a keyboard
//! without Latin letters a letter is told by where it lies.

use leptos::prelude::*;
use web_sys::KeyboardEvent;

/// What a key does, wherever the focus is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Opens the palette.
    Commands,
    /// Shows all keys.
    Keys,
    /// Opens the dialog for a new ticket.
    NewTicket,
    /// Leads to the board's filter.
    Filter,
    /// Leads to the search in chats.
    SearchChats,
    /// Takes back what was done last.
    Undo,
    /// Leads home.
    Home,
}

/// A key as people press it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke {
    /// `KeyboardEvent.key`; a letter is small.
    pub key: &'static str,
    /// `KeyboardEvent.code` of a letter: where it lies.
    pub code: &'static str,
    /// With Ctrl, or the command key of a Mac.
    pub ctrl: bool,
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it does.
    pub verb: Verb,
    /// What that is called.
    pub name: &'static str,
    /// Which key.
    pub stroke: Option<Stroke>,
    /// It counts also while somebody types.
    pub always: bool,
}

const fn plain(verb: Verb, name: &'static str, key: &'static str, code: &'static str) -> Entry {
    Entry { verb, name, stroke: Some(Stroke { key, code, ctrl: false }), always: false }
}

/// All of them.
pub const TABLE: [Entry; 7] = [
    Entry {
        verb: Verb::Commands,
        name: "Commands",
        stroke: Some(Stroke { key: "k", code: "KeyK", ctrl: true }),
        always: true,
    },
    plain(Verb::Keys, "Show all keys", "?", ""),
    plain(Verb::NewTicket, "New Ticket", "c", "KeyC"),
    plain(Verb::Filter, "Filter tickets", "/", ""),
    plain(Verb::SearchChats, "Search messages", "/", ""),
    Entry {
        verb: Verb::Undo,
        name: "Undo",
        stroke: Some(Stroke { key: "z", code: "KeyZ", ctrl: true }),
        always: false,
    },
    Entry { verb: Verb::Home, name: "Go home", stroke: None, always: false },
];

/// Keys of parts that have the focus, for the sheet: where, which, and what they do.
pub const PARTS: [(&str, &str, &str); 11] = [
    ("On a card", "Arrows", "Walk over the cards"),
    ("On a card", "Home, End", "Go to the first or last of the column"),
    ("On a card", "Enter", "Open the ticket"),
    ("On a card", "M", "Show what else can be done with it"),
    ("On a card", "Space", "Lift the card; then arrows move it"),
    ("On a lifted card", "Space", "Drop it"),
    ("On a lifted card", "Escape", "Put it back"),
    ("In a message", "Enter", "Send"),
    ("In a message", "Shift+Enter", "Begin a new line"),
    ("In a message", "Up", "Take the last message back that has not left"),
    ("In a form", "Ctrl+Enter", "Send"),
];

impl Stroke {
    /// In words: `Ctrl+K`.
    #[must_use]
    pub fn words(self) -> String {
        let key = self.key.to_ascii_uppercase();
        if self.ctrl { format!("Ctrl+{key}") } else { key }
    }

    /// Whether it was pressed.
    #[must_use]
    #[cfg(feature = "hydrate")]
    pub fn pressed(self, event: &KeyboardEvent) -> bool {
        let ctrl = event.ctrl_key() || event.meta_key();
        !composes(event) && self.is(&event.key(), &event.code(), ctrl, event.shift_key())
    }

    /// Whether these are its keys. `key` as the browser tells it, `code` where it lies.
    #[cfg(any(feature = "hydrate", test))]
    fn is(self, key: &str, code: &str, ctrl: bool, shift: bool) -> bool {
        let letter = !self.code.is_empty();
        // A letter of another alphabet is no letter of ours; a Latin one is what it says, wherever it lies.
        let there = if letter && !key.is_ascii() { code == self.code } else { key.eq_ignore_ascii_case(self.key) };
        there && ctrl == self.ctrl && !(letter && shift)
    }
}

/// The line of a verb.
#[must_use]
pub fn entry(verb: Verb) -> Entry {
    // Every verb has a line; a test looks.
    TABLE.into_iter().find(|entry| entry.verb == verb).unwrap_or(TABLE[0])
}

/// A tooltip: what it is called, and its key.
#[must_use]
pub fn tooltip(verb: Verb) -> String {
    let entry = entry(verb);
    entry.stroke.map_or_else(|| entry.name.to_owned(), |stroke| format!("{} ({})", entry.name, stroke.words()))
}

/// Whether somebody composes a character: then no key means anything to us.
#[must_use]
pub fn composes(event: &KeyboardEvent) -> bool {
    event.is_composing() || event.key_code() == 229
}

/// The name of the key that was pressed; empty while a character is composed.
#[must_use]
pub fn pressed(event: &KeyboardEvent) -> String {
    if composes(event) { String::new() } else { event.key() }
}

/// What verbs do right now.
#[derive(Clone, Copy)]
pub struct Keys {
    bound: RwSignal<Vec<(u32, Verb, Callback<()>)>>,
    last: StoredValue<u32>,
}

impl Keys {
    /// No page is there yet.
    #[must_use]
    pub fn new() -> Self {
        Self { bound: RwSignal::new(Vec::new()), last: StoredValue::new(0) }
    }

    /// Hears keys, as long as the owner is there.
    pub fn hear(self) {
        #[cfg(feature = "hydrate")]
        super::listen::window_hears(leptos::ev::keydown, move |event| self.press(&event));
        #[cfg(not(feature = "hydrate"))]
        let _ = self;
    }

    #[cfg(feature = "hydrate")]
    fn press(self, event: &KeyboardEvent) {
        use wasm_bindgen::JsCast;

        if composes(event) || event.alt_key() || event.default_prevented() {
            return;
        }
        let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        let typing = target.is_some_and(|element| element.closest(BUSY).ok().flatten().is_some());
        let ctrl = event.ctrl_key() || event.meta_key();
        let (key, code) = (event.key(), event.code());
        let fits = |entry: &&Entry| {
            (entry.always || !typing) && entry.stroke.is_some_and(|s| s.is(&key, &code, ctrl, event.shift_key()))
        };
        let act = TABLE.iter().filter(fits).find_map(|entry| self.act(entry.verb));
        if let Some(act) = act {
            event.prevent_default();
            act.run(());
        }
    }

    /// What a verb does now; what was bound last counts.
    #[must_use]
    pub fn act(self, verb: Verb) -> Option<Callback<()>> {
        self.bound.with_untracked(|all| all.iter().rev().find(|(_, other, _)| *other == verb).map(|(_, _, act)| *act))
    }

    /// All that can be done now, in the order of the table. Followed.
    #[must_use]
    pub fn offered(self) -> Vec<Entry> {
        self.bound
            .with(|all| TABLE.into_iter().filter(|entry| all.iter().any(|(_, verb, _)| *verb == entry.verb)).collect())
    }

    /// Says what a verb does, as long as the present owner is there.
    pub fn bind(self, verb: Verb, act: impl Fn() + Send + Sync + 'static) {
        self.put(verb, Callback::new(move |()| act()));
    }

    fn put(self, verb: Verb, act: Callback<()>) {
        let id = self.last.try_update_value(|last| {
            *last += 1;
            *last
        });
        let Some(id) = id else { return };
        self.bound.try_update(|all| all.push((id, verb, act)));
        on_cleanup(move || {
            self.bound.try_update(|all| all.retain(|(other, ..)| *other != id));
        });
    }
}

/// Where letters are letters.
#[cfg(feature = "hydrate")]
const BUSY: &str = "input, textarea, select, dialog, [role=menu], [contenteditable]";

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

/// The keys of this page.
#[must_use]
pub fn use_keys() -> Keys {
    expect_context::<Keys>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_one_line() {
        for (n, entry) in TABLE.iter().enumerate() {
            assert_eq!(TABLE.iter().position(|other| other.verb == entry.verb), Some(n), "{entry:?}");
            assert_eq!(super::entry(entry.verb), *entry);
        }
        assert_eq!(tooltip(Verb::NewTicket), "New Ticket (C)");
        assert_eq!(tooltip(Verb::Commands), "Commands (Ctrl+K)");
        assert_eq!(tooltip(Verb::Home), "Go home");
    }

    #[test]
    fn a_letter_is_found_on_every_keyboard() {
        let stroke = entry(Verb::NewTicket).stroke.unwrap();
        for (key, code, ctrl, shift, fits) in [
            ("c", "KeyC", false, false, true),
            ("C", "KeyC", false, false, true),  // caps lock
            ("с", "KeyC", false, false, true),  // Cyrillic
            ("ψ", "KeyC", false, false, true),  // Greek
            ("j", "KeyC", false, false, false), // Dvorak: there is the letter what counts
            ("c", "KeyI", false, false, true),  // Dvorak
            ("c", "KeyC", true, false, false),  // copies
            ("C", "KeyC", false, true, false),  // a capital is something else
            ("Process", "KeyC", false, false, false),
        ] {
            assert_eq!(stroke.is(key, code, ctrl, shift), fits, "{key} {code}");
        }
        let keys = entry(Verb::Keys).stroke.unwrap();
        assert!(keys.is("?", "Slash", false, true) && keys.is("?", "Minus", false, true));
        assert!(!keys.is("/", "Slash", false, false));
    }

    #[test]
    fn what_is_bound_last_counts_until_it_goes() {
        let owner = Owner::new();
        owner.with(|| {
            let keys = Keys::new();
            let done = RwSignal::new(Vec::new());
            keys.bind(Verb::Undo, move || done.update(|all| all.push("page")));
            let dialog = Owner::new();
            dialog.with(|| keys.bind(Verb::Undo, move || done.update(|all| all.push("dialog"))));
            keys.act(Verb::Undo).unwrap().run(());
            assert_eq!(keys.offered().iter().map(|entry| entry.verb).collect::<Vec<_>>(), [Verb::Undo]);
            dialog.cleanup();
            keys.act(Verb::Undo).unwrap().run(());
            assert_eq!(done.get_untracked(), ["dialog", "page"]);
            assert!(keys.act(Verb::Home).is_none());
        });
    }
}
