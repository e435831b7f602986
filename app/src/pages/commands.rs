//! What can be done here, by name and by key: the palette and the sheet of keys in one dialog.

use leptos::{html, prelude::*};

use super::{frame::use_frame, or_trouble};
use crate::{
    lazy::lazily,
    ui::{
        Dot, Erase, Sheet, dynamic,
        keys::{Entry, PARTS, Verb, use_keys},
        lower,
    },
};

/// Opens by its keys on every page.
#[component]
pub fn Commands() -> impl IntoView {
    let keys = use_keys();
    keys.hear();
    let open = RwSignal::new(false);
    let navigate = leptos_router::hooks::use_navigate();
    #[cfg(feature = "hydrate")]
    crate::ui::listen::follow(move || {
        keys.bind(Verb::Commands, move || open.set(true));
        keys.bind(Verb::Keys, move || open.set(true));
        let navigate = navigate.clone();
        keys.bind(Verb::Home, move || navigate("/", Default::default()));
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = (keys, navigate);
    view! {
        <Suspense>
            {dynamic(move || open.get().then(|| Suspend::new(async move { or_trouble(commands(open).await) })))}
        </Suspense>
    }
}

lazily! {
    fn commands(open: RwSignal<bool>) in elsewhere as (commands_code, preload) { Ok(view! { <Palette open /> }.erase()) }
}

/// A line that was found.
enum Found {
    Verb(Entry),
    Project(String, String, String),
}

#[component]
fn Palette(open: RwSignal<bool>) -> impl IntoView {
    let keys = use_keys();
    let frame = use_frame();
    let words = RwSignal::new(String::new());
    let node = NodeRef::<html::Input>::new();
    let list = NodeRef::<html::Ul>::new();
    let found = move || {
        let wanted = words.with(|words| lower(words.trim()));
        let fits = |name: &str| wanted.split_whitespace().all(|word| lower(name).contains(word));
        let verbs = keys.offered().into_iter().filter(|entry| entry.verb != Verb::Commands && fits(entry.name));
        let projects = frame.projects.all().into_iter().filter(|row| fits(&row.name));
        verbs
            .map(Found::Verb)
            .chain(projects.map(|row| Found::Project(row.slug, row.name, row.color)))
            .map(|found| match found {
                Found::Verb(entry) => {
                    let run = move |_| {
                        open.set(false);
                        if let Some(act) = keys.act(entry.verb) {
                            act.run(());
                        }
                    };
                    let key = entry.stroke.map(|stroke| view! { <kbd>{stroke.words()}</kbd> });
                    view! { <li><button type="button" on:click=run><span class="grow">{entry.name}</span>{key}</button></li> }.erase()
                }
                Found::Project(slug, name, color) => {
                    view! { <li><a href=format!("/projects/{slug}/board") on:click=move |_| open.set(false)><Dot color /><span class="grow cut" dir="auto">{name}</span></a></li> }.erase()
                }
            })
            .collect::<Vec<_>>()
    };
    // Enter takes the first.
    let first = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let line = list.get_untracked().and_then(|list| list.query_selector("button, a").ok().flatten());
        if let Some(line) = line.map(wasm_bindgen::JsCast::unchecked_into::<web_sys::HtmlElement>) {
            line.click();
        }
    };
    let parts = PARTS
        .iter()
        .map(|(place, key, does)| view! { <dt><kbd>{*key}</kbd></dt><dd>{*does}" "<small>{*place}</small></dd> })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    view! {
        <Sheet title="Commands and keys" leave=Callback::new(move |()| open.set(false))>
            <form on:submit=first>
                <input class="big" type="search" dir="auto" autofocus autocomplete="off" placeholder="What do you want to do?" aria-label="Command"
                    node_ref=node on:input=move |event| words.set(event_target_value(&event)) />
            </form>
            <ul class="commands" role="list" node_ref=list>{dynamic(found)}</ul>
            <dl class="keys">{parts}</dl>
        </Sheet>
    }
    .erase()
}
