//! Chats of a project: their list, the open one, and the words that are on their way.

mod aim;
mod anchor;
mod composer;
#[cfg(feature = "hydrate")]
mod files;
mod list;
mod marked;
mod menu;
mod message;
mod people;
mod search;
mod session;
mod state;
mod thread;
mod writing;

use std::rc::Rc;

use clutch_domain::{id::ChatId, query::Query};
use leptos::prelude::*;
use leptos_meta::Title;

use super::{
    Empty, Trouble,
    board::ProjectHead,
    frame::use_frame,
    load::{load, where_missing},
    or_trouble, use_query, use_slug,
};
use crate::{
    api::{load_chat, load_chats},
    error::{AppError, Class},
    lazy::lazily,
    live::use_live,
    model::wire::Loaded,
    ui::{Erase, dynamic, fresh},
};
use state::{ChatState, ListState};

/// The page.
#[component]
pub fn ChatPage() -> impl IntoView {
    let frame = use_frame();
    let slug = use_slug();
    let chats = load(move || slug.get(), load_chats);
    view! {
        <Suspense fallback=Skeleton>
            {dynamic(move || Suspend::new(async move {
                let shown = match frame.ready().await {
                    Ok(_) => match chats.await {
                        Ok(load) => chat_list(load).await,
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                };
                or_trouble(shown)
            }))}
        </Suspense>
    }
    .erase()
}

#[component]
fn Skeleton() -> impl IntoView {
    view! { <div class="page" aria-busy="true" aria-label="Loading the chats"><div class="skel wide"></div><div class="skel"></div></div> }
}

lazily! {
    fn chat_list(load: Loaded) in chat as (chat_list_code, preload) {
        let state = ListState::new(&load).ok_or_else(AppError::not_understood)?;
        let version = load.version;
        Ok(fresh(move || view! { <Chats state version /> }.erase()))
    }
}

#[component]
fn Chats(state: ListState, version: u64) -> impl IntoView {
    let project = state.head.with_untracked(|h| h.project);
    let slug = state.head.with_untracked(|h| h.slug.clone());
    let live = use_live();
    live.watch(Query::Chats { project }, Some(version), Rc::new(state));
    let query = use_query();
    let asked = Memo::new(move |_| query.with(|q| q.get("chat").and_then(|id| id.parse::<ChatId>().ok())));
    // Without a chat in the address the newest is shown; it stays when another is spoken in, until it is deleted.
    let chosen = Memo::new(move |shown: Option<&Option<ChatId>>| {
        asked.get().or_else(|| {
            let shown = shown.copied().flatten();
            state.rows.ids.with(|ids| {
                let kept = shown.filter(|shown| ids.contains(&shown.0));
                kept.or_else(|| ids.first().copied().map(ChatId))
            })
        })
    });
    let title = state.head.with_untracked(|h| format!("{} chat · OpenClutch", h.name));
    let head = state.head;
    let again = RwSignal::new(0);
    let resource = Resource::new_blocking(
        move || (chosen.get(), again.get()),
        |(chat, _)| async move {
            match chat {
                Some(chat) => load_chat(chat).await.map(Some),
                None => Ok(None),
            }
        },
    );
    where_missing(resource, again);
    let shown = dynamic(move || {
        Suspend::new(async move {
            match resource.await {
                Ok(Some(load)) => match ChatState::new(&load) {
                    Some(chat) if chat.head.with_untracked(|h| h.project != project) => {
                        let text = "It belongs to another project.";
                        view! { <Empty icon="compass" title="This chat is not there" text /> }.erase()
                    }
                    Some(chat) => {
                        let version = load.version;
                        fresh(move || view! { <thread::Thread list=state state=chat version /> }.erase())
                    }
                    None => view! { <Trouble error=AppError::not_understood() /> }.erase(),
                },
                Ok(None) => view! {
                    <Empty icon="reply" title="No chats yet" text="Talk to the agent about this project: ask about the code, plan tickets, think aloud." />
                }
                .erase(),
                Err(error) if error.class == Class::NotFound => {
                    view! { <Empty icon="compass" title="This chat is not there" text=error.of_reading() /> }.erase()
                }
                Err(error) => {
                    view! { <Empty icon="alert" title="This chat could not be loaded" text=error.of_reading() /> }.erase()
                }
            }
        })
    });
    view! {
        <Title text=crate::ui::title(title) />
        <div class="chat-page" class:open=move || asked.get().is_some()>
            <ProjectHead slug=slug.clone() at="chat" name=Signal::derive(move || head.with(|h| h.name.clone()))
                color=Signal::derive(move || head.with(|h| h.color.clone()))>
                <super::board::GatewayChip />
            </ProjectHead>
            <div class="chat-body">
                <list::ChatList state chosen />
                <section class="chat" aria-label="Chat">
                    <Suspense fallback=|| view! { <div class="thread" aria-busy="true"><div class="skel wide"></div><div class="skel"></div></div> }>
                        {shown}
                    </Suspense>
                </section>
            </div>
        </div>
    }
    .erase()
}
