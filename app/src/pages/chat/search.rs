//! Looking for messages in all chats of the project. What is found takes the place of the list.

use clutch_domain::id::ProjectId;
use leptos::{html, prelude::*};

use crate::{
    api::search_chats,
    model::chat::{Found, Hit},
    ui::{
        Ago, Erase, dynamic,
        keys::{Verb, pressed, use_keys},
        thousands,
    },
};

/// A search begins when nobody has typed for so long.
#[cfg(feature = "hydrate")]
const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// A search.
#[derive(Clone, Copy)]
pub struct Search {
    project: ProjectId,
    /// What is looked for; empty while nothing is.
    words: RwSignal<String>,
    found: RwSignal<Found>,
    busy: RwSignal<bool>,
    trouble: RwSignal<Option<String>>,
    // Answers to words that are not looked for any more are let go.
    turn: StoredValue<u32>,
    #[cfg(feature = "hydrate")]
    alive: crate::ui::listen::Alive,
    field: NodeRef<html::Input>,
}

impl Search {
    /// Nothing is looked for.
    pub fn new(project: ProjectId) -> Self {
        let search = Self {
            project,
            words: RwSignal::new(String::new()),
            found: RwSignal::new(Found::default()),
            busy: RwSignal::new(false),
            trouble: RwSignal::new(None),
            turn: StoredValue::new(0),
            #[cfg(feature = "hydrate")]
            alive: crate::ui::listen::Alive::here(),
            field: NodeRef::new(),
        };
        // Typed before our code arrived, or put back by the browser.
        crate::ui::listen::follow(move || {
            if let Some(field) = search.field.get() {
                search.typed(&field.value());
            }
        });
        search
    }

    /// Something is looked for.
    pub fn on(self) -> bool {
        self.words.with(|words| !words.is_empty())
    }

    fn typed(self, words: &str) {
        let words = words.trim();
        if self.words.with_untracked(|old| old == words) {
            return;
        }
        self.turn.update_value(|turn| *turn += 1);
        self.words.set(words.to_owned());
        self.found.set(Found::default());
        self.trouble.set(None);
        self.busy.set(!words.is_empty());
        #[cfg(feature = "hydrate")]
        if !words.is_empty() {
            let turn = self.turn.get_value();
            self.alive.after(PAUSE, move || self.ask(turn));
        }
    }

    /// Asks for what is found, or for what is older than what was found.
    fn ask(self, turn: u32) {
        if self.turn.try_get_value() != Some(turn) {
            return;
        }
        self.busy.set(true);
        self.trouble.set(None);
        let (words, before) = (self.words.get_untracked(), self.found.with_untracked(|found| found.older));
        leptos::task::spawn_local(async move {
            let answer = search_chats(self.project, words, before).await;
            if self.turn.try_get_value() != Some(turn) {
                return;
            }
            self.busy.set(false);
            match answer {
                Ok(more) => self.found.update(|found| {
                    found.hits.extend(more.hits);
                    found.looked += more.looked;
                    found.older = more.older;
                }),
                Err(error) => self.trouble.set(Some(error.of_reading())),
            }
        });
    }

    fn clear(self) {
        if let Some(field) = self.field.get_untracked() {
            field.set_value("");
        }
        self.typed("");
    }
}

/// Where the words are typed. `/` leads to it, Escape empties it.
#[component]
pub fn SearchField(search: Search) -> impl IntoView {
    use_keys().bind(Verb::SearchChats, move || {
        if let Some(field) = search.field.get_untracked() {
            let _ = field.focus();
        }
    });
    let escape = move |event: web_sys::KeyboardEvent| {
        if pressed(&event) == "Escape" {
            event.prevent_default();
            search.clear();
        }
    };
    view! {
        <input class="find js-only" type="search" dir="auto" maxlength="200" autocomplete="off" aria-label="Search messages" placeholder="Search messages"
            node_ref=search.field on:input=move |event| search.typed(&event_target_value(&event)) on:keydown=escape />
    }
    .erase()
}

/// What was found, and whether there may be more.
#[component]
pub fn Results(search: Search, slug: String) -> impl IntoView {
    let hits = move || {
        let hits = search.found.with(|found| found.hits.clone());
        hits.into_iter().map(|hit| one(&slug, hit)).collect::<Vec<_>>()
    };
    let how = move || {
        let (hits, looked, more) = search.found.with(|f| (f.hits.len(), f.looked, f.older.is_some()));
        match (search.trouble.get(), search.busy.get(), hits) {
            (Some(trouble), ..) => trouble,
            (None, true, _) => "Searching…".into(),
            (None, false, 0) if more => format!("Nothing found in the newest {} messages.", thousands(looked)),
            (None, false, 0) => "Nothing found.".into(),
            (None, false, 1) => "1 message".into(),
            (None, false, n) => format!("{n} messages"),
        }
    };
    let on = move || {
        let again = search.trouble.with(Option::is_some);
        let older = search.found.with(|found| found.older.is_some());
        (!search.busy.get() && (again || older)).then(|| {
            view! {
                <button type="button" class="btn s" on:click=move |_| search.ask(search.turn.get_value())>
                    {if again { "Try again" } else { "Search older ones" }}
                </button>
            }
        })
    };
    view! {
        <div class="hits">
            <p class="how" role="status">{dynamic(how)}</p>
            <ul role="list" aria-label="Messages that were found">{dynamic(hits)}</ul>
            {dynamic(on)}
        </div>
    }
    .erase()
}

fn one(slug: &str, hit: Hit) -> AnyView {
    let pieces = hit
        .pieces
        .into_iter()
        .map(|piece| if piece.hit { view! { <mark>{piece.text}</mark> }.erase() } else { piece.text.erase() });
    view! {
        <li>
            <a href=format!("/projects/{slug}/chat?chat={}#m-{}", hit.chat, hit.message) data-noscroll>
                <b class="cut" dir="auto">{hit.title}</b>
                <Ago at=hit.at />
                <span class="words" dir="auto">{format!("{}: ", hit.author)}{pieces.collect::<Vec<_>>()}</span>
            </a>
        </li>
    }
    .erase()
}
