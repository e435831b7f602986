//! The open chat: its name, its messages, and the field for the next.

use std::rc::Rc;

use clutch_domain::{
    project::ChatLayout,
    query::{MESSAGES_SHOWN, Query},
};
use leptos::{html, prelude::*};

use super::{
    anchor::Anchor,
    composer::Composer,
    message::MessageView,
    people::{Here, Signs},
    state::{ChatState, ListState, Place, Sheet},
    writing::Streaming,
};
use crate::{
    api::{delete_chat, load_older, rename_chat, restore_chat},
    live::use_live,
    pages::{Empty, FormText},
    ui::{Act, Erase, Icon, Once, Toasts, Undo, dynamic, listen::Alive, use_act},
};

/// The list stands on its head (`column-reverse`), so it begins at its end and stays there while words come.
const NEAR_PX: i32 = 120;
/// So many screens away from the end of what is painted, more is loaded.
const SCREENS: i32 = 2;

/// The chat.
#[component]
pub fn Thread(list: ListState, state: ChatState, version: u64) -> impl IntoView {
    let id = state.head.with_untracked(|h| h.id);
    let class = match list.head.with_untracked(|h| h.layout) {
        ChatLayout::Slack => "thread slack",
        ChatLayout::Imessage => "thread imessage",
    };
    super::aim::follow(state);
    use_live().watch(Query::Chat { chat: id }, Some(version), Rc::new(state));
    let act = use_act();
    let node = NodeRef::<html::Div>::new();
    let loading = RwSignal::new(false);
    let toasts = expect_context::<Toasts>();
    let anchor = Anchor::new(node, state.below);
    // Where the keyboard is in a message that goes, it stays in the list.
    let painted = move |focused: bool| {
        anchor.hold();
        let lost = document().active_element().is_none_or(|element| element.tag_name() == "BODY");
        if let Some(thread) = node.try_get_untracked().flatten().filter(|_| focused && lost) {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            let _ = thread.focus_with_options(&options);
        }
    };
    let alive = Alive::here();
    let load = move |down: bool| {
        let bound = if down { state.next_below() } else { state.oldest().filter(|_| state.more.get_untracked()) };
        let Some(before) = bound.filter(|_| !loading.get_untracked() && !state.bringing.get_untracked()) else {
            return;
        };
        loading.set(true);
        leptos::task::spawn_local(async move {
            let answer = load_older(id, before).await;
            if !alive.is() {
                return;
            }
            anchor.pin(true);
            let thread = node.get_untracked();
            let focused = thread.as_ref().is_some_and(|thread| thread.contains(document().active_element().as_deref()));
            // Whoever has gone to the other end meanwhile keeps what is there, too.
            let reads_there = thread.as_ref().is_some_and(|thread| {
                let (up, screen) = (-thread.scroll_top(), thread.client_height());
                let away = if down { thread.scroll_height() - screen - up } else { up };
                away < SCREENS * screen
            });
            let stay = reads_there || marks(thread.as_ref());
            let stay = stay && state.places.with_untracked(Vec::len) < STAYING_MAX;
            // A page of messages at once takes longer than a frame: half of it, then the other half.
            let mut upper = None;
            match answer {
                Ok(found) if down => state.add_below(found),
                Ok(mut found) => {
                    let more = found.len() >= MESSAGES_SHOWN as usize;
                    let lower = found.split_off(found.len() / 2);
                    state.add_before(lower, true, stay);
                    state.arrange();
                    upper = Some((found, more));
                }
                Err(error) => toasts.error(error.of_reading()),
            }
            alive.frame(move || {
                painted(focused);
                if let Some((upper, more)) = upper {
                    state.add_before(upper, more, stay);
                    state.arrange();
                } else if down && !stay {
                    state.let_go_above();
                    state.arrange();
                }
                loading.set(false);
                alive.frame(move || {
                    painted(focused);
                    alive.frame(move || anchor.pin(false));
                });
            });
        });
    };
    let scrolled = move |_| {
        let Some(thread) = node.get_untracked() else { return };
        anchor.look();
        // In a list on its head the end is 0 and the way up is negative.
        let (up, screen) = (-thread.scroll_top(), thread.client_height());
        let below = state.below.get_untracked();
        state.at_end.set_value(up < NEAR_PX && !below);
        state.near_end.set_value(up < SCREENS * screen && !below);
        if up < NEAR_PX && !below && state.news.get_untracked() != 0 {
            state.news.set(0);
        }
        if up + screen > thread.scroll_height() - SCREENS * screen {
            load(false);
        } else if below && up < SCREENS * screen {
            load(true);
        }
    };
    crate::ui::listen::follow(move || {
        if state.down.get() > 0 {
            alive.frame(move || {
                if let Some(thread) = node.get_untracked() {
                    thread.set_scroll_top(0);
                    state.at_end.set_value(true);
                }
            });
        }
    });
    state.follow_days();
    let news = move || {
        let words = match (state.news.get(), state.below.get()) {
            (0, false) => return None,
            (0, true) => "Newest".to_owned(),
            (n, _) => format!("{n} new"),
        };
        Some(
            view! { <button type="button" class="btn s news" on:click=move |_| state.to_end()><Icon name="down" />{words}</button> },
        )
    };
    let above = move || {
        state.more.get().then(|| {
            view! { <button type="button" class="btn s q older js-only" disabled=move || loading.get() || state.bringing.get() on:click=move |_| load(false)>{dynamic(move || if loading.get() || state.bringing.get() { "Loading…" } else { "Older messages" })}</button> }
        })
    };
    let empty = move || {
        (state.places.with(Vec::is_empty) && state.open.get() == 0).then(|| {
            view! { <Empty icon="reply" title="Say something" text="The agent knows the project: its name, where it lies and what its README says." /> }
        })
    };
    let bring = use_act();
    let gone = move || {
        let back = state.head.with(|h| h.deleted).then(|| {
            view! {
                <button type="button" class="btn s js-only" disabled=move || bring.busy.get() != 0
                    on:click=move |_| bring.run(restore_chat(id), |_| {})>"Bring it back"</button>
            }
        });
        (state.gone.get() || back.is_some()).then(|| {
            view! { <p class="note bad" role="status"><Icon name="trash" /><span class="grow">"This chat was deleted."</span>{back}</p> }
        })
    };
    // A memo: the field must not be made anew at each change of the head.
    let open = Memo::new(move |_| !state.gone.get() && !state.head.with(|h| h.deleted));
    let composer = move || open.get().then(|| view! { <Composer state /> });
    view! {
        <Header list state />
        {dynamic(gone)}
        <div class=class class:aims=move || state.aim.with(Option::is_some) node_ref=node on:scroll=scrolled tabindex="0" role="log" aria-label="Messages" aria-busy=move || loading.get().to_string()>
            <div class="inner">
                {dynamic(above)}
                {dynamic(empty)}
                <For each=move || state.sheets.get() key=|sheet: &Sheet| sheet.id children=move |sheet| messages(state, sheet, act) />
                <Streaming state />
            </div>
        </div>
        {dynamic(news)}
        <Signs state />
        {dynamic(composer)}
    }
    .erase()
}

fn messages(state: ChatState, sheet: Sheet, act: Act) -> AnyView {
    view! {
        <For each=move || sheet.places.get() key=|place: &Place| place.clone() let:place>
            <MessageView state place act />
        </For>
    }
    .erase()
}

/// Most messages that stay painted because somebody has marked something among them.
const STAYING_MAX: usize = 1_000;

/// Whether somebody has marked something in the list: what is marked is not taken away.
fn marks(thread: Option<&web_sys::HtmlDivElement>) -> bool {
    let selection = window().get_selection().ok().flatten().filter(|selection| !selection.is_collapsed());
    selection
        .and_then(|selection| selection.anchor_node())
        .is_some_and(|node| thread.is_some_and(|thread| thread.contains(Some(&node))))
}

#[component]
fn Header(list: ListState, state: ChatState) -> impl IntoView {
    let id = state.head.with_untracked(|h| h.id);
    let slug = list.head.with_untracked(|h| h.slug.clone());
    let act = use_act();
    let renaming = RwSignal::new(false);
    let once = Once::new();
    let rename = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let title = FormText::of(&event).text("title");
        if title.trim().is_empty() || title.trim() == state.head.with_untracked(|h| h.title.clone()) {
            return renaming.set(false);
        }
        // The words stay in the form until they are kept.
        let asked = title.clone();
        once.run(
            act,
            &asked,
            |_| rename_chat(id, title),
            move |answer| {
                if answer.is_ok() {
                    renaming.try_set(false);
                }
            },
        );
    };
    let name = move || {
        if renaming.get() {
            let title = state.head.with_untracked(|h| h.title.clone());
            view! {
                <form on:submit=rename on:keydown=move |ev| if crate::ui::keys::pressed(&ev) == "Escape" { renaming.set(false) }>
                    <input name="title" dir="auto" aria-label="Name of the chat" maxlength="100" autocomplete="off" autofocus value=title />
                    <button class="btn s">"Save"</button>
                </form>
            }
            .erase()
        } else {
            view! {
                <h2 class="cut" dir="auto">{dynamic(move || state.head.with(|h| h.title.clone()))}</h2>
                <button type="button" class="icon-btn js-only" aria-label="Rename" on:click=move |_| renaming.set(true)><Icon name="edit" /></button>
            }
            .erase()
        }
    };
    let ticket = state.head.with_untracked(|h| h.ticket).map(|number| {
        let href = format!("/projects/{slug}/board?task=T-{number}");
        view! { <a class="chip" href=href>{format!("T-{number}")}</a> }
    });
    let back = format!("/projects/{slug}/chat");
    let to = slug.clone();
    let toasts = expect_context::<Toasts>();
    // Outlives the thread: the page leads elsewhere at once.
    let restore: Undo = std::sync::Arc::new(move || {
        leptos::task::spawn_local(async move {
            if let Err(error) = restore_chat(id).await {
                toasts.error(error.sentence);
            }
        });
    });
    let delete = move |_| {
        let (title, restore) = (state.head.with_untracked(|h| h.title.clone()), restore.clone());
        act.run_to_its_end(delete_chat(id, to.clone()), move |answer| {
            if answer.is_ok() {
                list.remove(id);
                toasts.undo(format!("\u{201c}{title}\u{201d} was deleted."), restore);
            }
        });
    };
    view! {
        <header class="chat-head">
            <a class="icon-btn back" href=back data-noscroll aria-label="All chats"><Icon name="up" /></a>
            {dynamic(name)}
            {ticket}
            <Here chat=id />
            <span class="grow"></span>
            <super::session::SessionChip state />
            <span class="saving" role="status">{dynamic(move || (act.busy.get() != 0).then_some("Saving…"))}</span>
            <button type="button" class="icon-btn js-only" aria-label="Delete this chat" disabled=move || act.busy.get() != 0 on:click=delete><Icon name="trash" /></button>
        </header>
    }
    .erase()
}
