//! The chats of the project, newest first.

use clutch_domain::id::{ChatId, Uuid};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{
    search::{Results, Search, SearchField},
    state::ListState,
};
use crate::{
    api::{CreateChat, create_chat, load_older_chats},
    pages::FormError,
    ui::{Ago, Erase, Icon, Once, Toasts, dynamic, list, use_act},
};

/// The list, with the button for a new chat.
#[component]
pub fn ChatList(state: ListState, chosen: Memo<Option<ChatId>>) -> impl IntoView {
    let (project, slug) = state.head.with_untracked(|h| (h.project, h.slug.clone()));
    let act = use_act();
    let search = Search::new(project);
    let to = slug.clone();
    let found_in = slug.clone();
    let once = Once::new();
    let make = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        once.run(act, "", |key| create_chat(project, to.clone(), key), |_| {});
    };
    let address = StoredValue::new(slug.clone());
    let row = move |id: Uuid| {
        let Some(item) = state.rows.get(id) else { return ().erase() };
        let current = move || (chosen.get() == Some(ChatId(id))).then_some("page");
        let inside = move || {
            let row = item.get();
            let words = if row.words.is_empty() {
                "Nothing was said yet".to_owned()
            } else {
                format!("{}: {}", row.who, row.words)
            };
            view! { <b class="cut" dir="auto">{row.title}</b><Ago at=row.at /><span class="cut" dir="auto">{words}</span> }
        };
        view! {
            <li>
                <a href=format!("/projects/{}/chat?chat={}", address.get_value(), ChatId(id)) aria-current=current data-noscroll>{dynamic(inside)}</a>
            </li>
        }
        .erase()
    };
    let busy = RwSignal::new(false);
    let toasts = expect_context::<Toasts>();
    let older = move |_| {
        let Some((at, last)) = state.last().filter(|_| !busy.get_untracked()) else { return };
        busy.set(true);
        leptos::task::spawn_local(async move {
            match load_older_chats(project, at.0, last).await {
                Ok(found) => state.add_older(found.rows, found.more),
                Err(error) => toasts.error(error.of_reading()),
            }
            busy.try_set(false);
        });
    };
    let more = move || {
        (state.more.get() && !search.on()).then(|| {
            view! { <button type="button" class="btn s q js-only" disabled=busy on:click=older>{dynamic(move || if busy.get() { "Loading…" } else { "Older chats" })}</button> }
        })
    };
    view! {
        <nav class="chats" aria-label="Chats">
            <header>
                <h2>"Chats"</h2>
                <form method="post" action=CreateChat::url() on:submit=make>
                    <FormError path=CreateChat::PATH />
                    <input type="hidden" name="project" value=project.to_string() />
                    <input type="hidden" name="slug" value=slug />
                    <button class="btn s" disabled=move || act.busy.get() != 0><Icon name="plus" />"New"</button>
                </form>
            </header>
            <SearchField search />
            {dynamic(move || search.on().then(|| view! { <Results search slug=found_in.clone() /> }))}
            <ul role="list" class:off=move || search.on()>{list(move || state.rows.ids.get(), row)}</ul>
            {dynamic(more)}
        </nav>
    }
    .erase()
}
