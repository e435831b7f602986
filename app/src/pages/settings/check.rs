//! Looking at what a field of the settings names, before it is saved: when the field is left, and by a button.

use leptos::{html, prelude::*};

use super::super::FormText;
use crate::{
    api::check_setting,
    model::settings::Checked,
    ui::{Erase, dynamic},
};

/// A field that can be looked at.
#[derive(Clone, Copy)]
pub(super) struct Check {
    field: &'static str,
    form: NodeRef<html::Form>,
    said: RwSignal<Option<Checked>>,
    looking: RwSignal<bool>,
    // Which look it was: an answer to what is not there any more says nothing.
    turn: StoredValue<u32>,
}

impl Check {
    /// Of a field of this form.
    pub(super) fn of(field: &'static str, form: NodeRef<html::Form>) -> Self {
        Self { field, form, said: RwSignal::new(None), looking: RwSignal::new(false), turn: StoredValue::new(0) }
    }

    /// Somebody types: what was said is about something else.
    pub(super) fn forget(self) {
        self.turn.update_value(|turn| *turn += 1);
        self.looking.set(false);
        self.said.set(None);
    }

    /// Looks at what stands in the field.
    pub(super) fn look(self) {
        self.forget();
        let Some(form) = self.form.get_untracked() else { return };
        let Some(value) = FormText::of_form(&form).filled(self.field) else { return };
        let mine = self.turn.get_value();
        self.looking.set(true);
        leptos::task::spawn_local(async move {
            let answer = check_setting(self.field.to_owned(), value).await;
            // The page may be gone by now.
            if self.turn.try_get_value() != Some(mine) {
                return;
            }
            self.looking.set(false);
            self.said.set(Some(answer.unwrap_or_else(|error| Checked { well: false, sentence: error.sentence })));
        });
    }

    /// The button, and what was found.
    pub(super) fn view(self, label: &'static str) -> impl IntoView {
        view! {
            <div class="row checked js-only">
                <button type="button" class="btn" aria-label=label disabled=move || self.looking.get() on:click=move |_| self.look()>"Check"</button>
                <small class="grow" role="status">
                    {dynamic(move || {
                        if self.looking.get() {
                            return view! { "Looking\u{2026}" }.erase();
                        }
                        match self.said.get() {
                            None => ().erase(),
                            Some(Checked { well: true, sentence }) => view! { <span>{sentence}</span> }.erase(),
                            Some(Checked { sentence, .. }) => view! { <span class="theirs">{sentence}</span> }.erase(),
                        }
                    })}
                </small>
            </div>
        }
        .erase()
    }
}
