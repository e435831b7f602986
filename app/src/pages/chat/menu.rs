//! The menu above the field: commands after `/`, models after `/model `, tickets and agents after `@`.

use leptos::{html, prelude::*};

use super::state::ChatState;
use crate::{
    api::{chat_models, find_mentions},
    model::{chat::ModelChoice, slash::SLASHES},
    ui::{
        Erase, dynamic,
        keys::{composes, pressed},
        lower,
    },
};

/// The server is asked when nobody has typed for so long.
#[cfg(feature = "hydrate")]
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice {
    /// What is put into the text.
    puts: String,
    /// What it is called.
    title: String,
    /// What it is.
    hint: String,
    /// It is all that was meant: choosing it sends.
    sends: bool,
}

/// What is open, and which choice is marked.
#[derive(Clone, Copy)]
pub struct Menu {
    field: NodeRef<html::Textarea>,
    choices: RwSignal<Vec<Choice>>,
    marked: RwSignal<usize>,
    /// Where in the text the choice goes, in UTF-16 units.
    from: StoredValue<usize>,
    /// Where the caret was when the choices were looked for, in the same units.
    caret: StoredValue<usize>,
    /// The gateway's models, once they were asked for.
    models: StoredValue<Option<Vec<ModelChoice>>>,
    /// Number of the newest question to the server: an older answer is dropped.
    asked: StoredValue<u32>,
    state: ChatState,
}

/// What was done with a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Nothing: it is the field's.
    Ours,
    /// The menu took it.
    Taken,
    /// The menu took it, and what is in the field is to be sent.
    Send,
}

impl Menu {
    /// A closed menu of a field.
    pub fn new(field: NodeRef<html::Textarea>, state: ChatState) -> Self {
        Self {
            field,
            choices: RwSignal::new(Vec::new()),
            marked: RwSignal::new(0),
            from: StoredValue::new(0),
            caret: StoredValue::new(0),
            models: StoredValue::new(None),
            asked: StoredValue::new(0),
            state,
        }
    }

    /// Closes it.
    pub fn close(self) {
        self.asked.update_value(|n| *n += 1);
        if !self.choices.with_untracked(Vec::is_empty) {
            self.choices.set(Vec::new());
        }
    }

    /// Looks at what was typed.
    pub fn look(self) {
        let Some(field) = self.field.get_untracked() else { return };
        let text: Vec<u16> = field.value().encode_utf16().collect();
        let caret = field.selection_start().ok().flatten().map_or(text.len(), |at| (at as usize).min(text.len()));
        self.caret.set_value(caret);
        let before = String::from_utf16_lossy(&text[..caret]);
        if let Some(wanted) = before.strip_prefix("/model ") {
            let wanted = lower(wanted.trim());
            self.ask("/model ".len(), async move {
                self.models()
                    .await
                    .into_iter()
                    .filter(|m| lower(&m.id).contains(&wanted))
                    .map(|m| Choice { puts: m.id.clone(), title: m.id, hint: m.name, sends: true })
                    .collect()
            });
            return;
        }
        if before.starts_with('/') && !before.contains(char::is_whitespace) {
            let wanted = lower(&before);
            let found = SLASHES.iter().filter(|s| s.name.starts_with(&wanted));
            self.show(
                0,
                found
                    .map(|s| Choice {
                        puts: if s.takes.is_empty() { s.name.into() } else { format!("{} ", s.name) },
                        title: format!("{} {}", s.name, s.takes),
                        hint: s.does.into(),
                        sends: s.takes.is_empty(),
                    })
                    .collect(),
            );
            return;
        }
        let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        match word.strip_prefix('@') {
            Some(wanted) => {
                let wanted = wanted.to_owned();
                let chat = self.state.head.with_untracked(|h| h.id);
                self.ask(caret - word.encode_utf16().count(), async move {
                    let found = find_mentions(chat, wanted).await.unwrap_or_default();
                    found
                        .into_iter()
                        .map(|m| Choice { puts: format!("{} ", m.name), title: m.name, hint: m.what, sends: false })
                        .collect()
                });
            }
            None => self.close(),
        }
    }

    /// Asked for once: a gateway does not change its models while somebody types.
    async fn models(self) -> Vec<ModelChoice> {
        if let Some(models) = self.models.try_get_value().flatten() {
            return models;
        }
        match chat_models().await {
            Ok(models) => {
                self.models.try_update_value(|kept| *kept = Some(models.clone()));
                models
            }
            Err(_) => Vec::new(),
        }
    }

    fn ask(self, from: usize, question: impl Future<Output = Vec<Choice>> + 'static) {
        self.asked.update_value(|n| *n += 1);
        let mine = self.asked.get_value();
        leptos::task::spawn_local(async move {
            #[cfg(feature = "hydrate")]
            crate::ui::listen::pause(PAUSE).await;
            if self.asked.try_get_value() != Some(mine) {
                return;
            }
            let found = question.await;
            if self.asked.try_get_value() == Some(mine) {
                self.show(from, found);
            }
        });
    }

    fn show(self, from: usize, found: Vec<Choice>) {
        self.from.set_value(from);
        self.marked.set(0);
        self.choices.set(found);
    }

    /// A key in the field.
    pub fn key(self, event: &web_sys::KeyboardEvent) -> Key {
        let count = self.choices.with_untracked(Vec::len);
        if count == 0 || composes(event) {
            return Key::Ours;
        }
        match pressed(event).as_str() {
            "ArrowDown" => self.marked.update(|n| *n = (*n + 1) % count),
            "ArrowUp" => self.marked.update(|n| *n = (*n + count - 1) % count),
            "Escape" => self.close(),
            // The caret goes elsewhere: a choice would take the place of other words.
            "ArrowLeft" | "ArrowRight" | "Home" | "End" => {
                self.close();
                return Key::Ours;
            }
            "Enter" if event.shift_key() => return Key::Ours,
            "Enter" | "Tab" => return self.choose(self.marked.get_untracked(), pressed(event) == "Enter"),
            _ => return Key::Ours,
        }
        Key::Taken
    }

    fn choose(self, n: usize, may_send: bool) -> Key {
        let choice = self.choices.with_untracked(|c| c.get(n).cloned());
        let (Some(choice), Some(field)) = (choice, self.field.get_untracked()) else { return Key::Taken };
        let text: Vec<u16> = field.value().encode_utf16().collect();
        let caret = field.selection_start().ok().flatten().map_or(text.len(), |at| (at as usize).min(text.len()));
        if caret != self.caret.get_value() {
            self.close();
            return Key::Ours;
        }
        let from = self.from.get_value().min(caret);
        let before = String::from_utf16_lossy(&text[..from]);
        let after = String::from_utf16_lossy(&text[caret..]);
        let whole = format!("{before}{}{after}", choice.puts);
        #[cfg(feature = "hydrate")]
        crate::ui::write(&field, &whole);
        #[cfg(not(feature = "hydrate"))]
        let _ = &whole;
        let at = (from + choice.puts.encode_utf16().count()) as u32;
        let _ = field.set_selection_range(at, at);
        let _ = field.focus();
        self.close();
        if choice.sends && may_send && after.is_empty() { Key::Send } else { Key::Taken }
    }

    /// The list; `send` is called when a choice is all that was meant.
    pub fn view(self, send: Callback<()>) -> impl IntoView + use<> {
        let rows = move || {
            self.choices
                .get()
                .into_iter()
                .enumerate()
                .map(|(n, choice)| {
                    // Before the field loses the focus.
                    let pick = move |event: web_sys::MouseEvent| {
                        event.prevent_default();
                        if self.choose(n, true) == Key::Send {
                            send.run(());
                        }
                    };
                    view! {
                        <li role="option" id=format!("choice-{n}") aria-selected=move || (self.marked.get() == n).to_string() on:mousedown=pick>
                            <b class="cut">{choice.title}</b>
                            <span class="cut">{choice.hint}</span>
                        </li>
                    }
                })
                .map(Erase::erase)
                .collect::<Vec<_>>()
        };
        let list = move || {
            (!self.choices.with(Vec::is_empty))
                .then(|| view! { <ul class="choices" id="choices" role="listbox" aria-label="Suggestions">{dynamic(rows)}</ul> })
        };
        dynamic(list)
    }

    /// The id of the marked choice, for screen readers.
    pub fn active(self) -> Option<String> {
        (!self.choices.with(Vec::is_empty)).then(|| format!("choice-{}", self.marked.get()))
    }
}
