//! The panel of one ticket, beside the board; on small screens over it. It opens because the
//! address says `?task=T-12`, so a link to it works and it is there before any code is.

mod edges;
mod fields;
mod history;
mod state;
mod talk;
mod words;

use std::rc::Rc;

use clutch_domain::query::Query;
use leptos::{html, prelude::*};

use super::{
    Empty,
    board::BoardState,
    load::{self, key, load},
};
use crate::{
    api::load_task,
    error::{AppError, Class},
    lazy::lazily,
    live::use_live,
    model::wire::Loaded,
    ui::{Ago, Erase, Icon, StatusMark, closes, dynamic, keys::pressed, listen::window_hears, use_act},
};
use state::TaskState;

/// The panel.
#[component]
pub fn TaskPanel(
    /// The board beside it.
    board: BoardState,
    /// `T-12`, `12` or the id.
    name: String,
    /// Closes it.
    #[prop(name = "close")]
    closing: Callback<()>,
) -> impl IntoView {
    let slug = board.head.with_untracked(|h| h.slug.clone());
    let close = format!("/projects/{slug}/board");
    let asked = key(&[&slug, &name]);
    let task = load(
        move || asked.clone(),
        |key| {
            let [slug, name] = load::words(&key);
            load_task(slug, name)
        },
    );
    let leave = Callback::new(move |()| {
        focus_the_chosen();
        closing.run(());
    });
    let node = NodeRef::<html::Aside>::new();
    // Whoever opened the panel reads on from its beginning.
    crate::ui::listen::follow(move || {
        if let Some(panel) = node.get() {
            let _ = panel.focus();
            if let Ok(Some(card)) = document().query_selector(".card.sel") {
                let options = web_sys::ScrollIntoViewOptions::new();
                options.set_block(web_sys::ScrollLogicalPosition::Nearest);
                options.set_inline(web_sys::ScrollLogicalPosition::Nearest);
                card.scroll_into_view_with_scroll_into_view_options(&options);
            }
        }
    });
    let escape = move |event: web_sys::KeyboardEvent| {
        if pressed(&event) == "Escape" && !event.default_prevented() {
            leave.run(());
        }
    };
    let address = close.clone();
    view! {
        <aside class="panel" aria-label=format!("Ticket {name}") tabindex="-1" node_ref=node on:keydown=escape>
            <Suspense fallback=move || view! { <Loading close=address.clone() leave /> }>
                {
                    let close = close.clone();
                    move || {
                        let close = close.clone();
                        Suspend::new(async move {
                            let shown = match task.await {
                                Ok(load) => ticket(board, load, close.clone(), leave).await,
                                Err(error) => Err(error),
                            };
                            match shown {
                                Ok(ticket) => ticket,
                                Err(error) => {
                                    let title = if error.class == Class::NotFound { "No such ticket" } else { "This ticket could not be loaded" };
                                    view! {
                                        <header><span class="grow"></span><Close close leave /></header>
                                        <Empty icon="compass" title text=error.of_reading() />
                                    }
                                    .erase()
                                }
                            }
                        })
                    }
                }
            </Suspense>
        </aside>
    }
    .erase()
}

lazily! {
    fn ticket(board: BoardState, load: Loaded, close: String, leave: Callback<()>) in ticket as (ticket_code, preload) {
        let state = TaskState::new(&load).ok_or_else(AppError::not_understood)?;
        Ok(view! { <Ticket board state version=load.version close leave /> }.erase())
    }
}

/// The card that is open has the focus again when its panel goes.
fn focus_the_chosen() {
    let chosen = document().query_selector(".card.sel").ok().flatten().and_then(|card| super::board::card_of(&card));
    if let Some(card) = chosen {
        super::board::focus_card(card);
    }
}

#[component]
fn Close(close: String, leave: Callback<()>) -> impl IntoView {
    view! { <a class="icon-btn" href=close data-noscroll aria-label="Close" on:click=move |event| closes(&event, leave)><Icon name="x" /></a> }
}

#[component]
fn Loading(close: String, leave: Callback<()>) -> impl IntoView {
    view! {
        <header><span class="grow"></span><Close close leave /></header>
        <div class="body" aria-busy="true"><div class="skel wide"></div><div class="skel"></div><div class="skel"></div></div>
    }
}

#[component]
fn Ticket(board: BoardState, state: TaskState, version: u64, close: String, leave: Callback<()>) -> impl IntoView {
    let task = state.task;
    let (id, project, number) = task.with_untracked(|t| (t.id, t.project, t.number));
    use_live().watch(Query::Task { project, task: id }, Some(version), Rc::new(state));
    let act = use_act();
    // The board knows first: a move shows there before it is confirmed.
    let card = board.card(id);
    let status = Memo::new(move |_| {
        let kept = task.with(|t| t.status);
        card.as_ref().map_or(kept, |c| c.with(|c| c.status))
    });
    let why = move || {
        let (why, at) = task.with(|t| (t.why.clone(), t.retries_at));
        why.or_else(|| super::board::retries(at)).map(|why| {
            view! { <p class="note"><Icon name="clock" /><span>{why}</span></p> }
        })
    };
    let lost = Memo::new(move |_| task.with(|t| t.lost));
    let gone = move || {
        state.gone.get().then(|| view! { <p class="note bad" role="status"><Icon name="trash" /><span>"This ticket was deleted."</span></p> })
    };
    // A form that was sent may be gone, and the focus with it: then the key is heard nowhere else.
    window_hears(leptos::ev::keydown, move |event| {
        let target = event.target().and_then(|t| wasm_bindgen::JsCast::dyn_into::<web_sys::Element>(t).ok());
        let nowhere = target.is_some_and(|element| element.tag_name() == "BODY");
        if nowhere && pressed(&event) == "Escape" && !event.default_prevented() {
            leave.run(());
        }
    });
    let remove = move |_| {
        leave.run(());
        super::board::delete_ticket(board, id, number);
    };
    view! {
        <header>
            {dynamic(move || view! { <StatusMark status=status.get() /> })}
            <span class="mono">{format!("T-{number}")}</span>
            <span class="cut">
                {dynamic(move || status.get().label())}" · "{dynamic(move || view! { <Ago at=task.with(|t| t.since) long=true /> })}
            </span>
            <span class="grow"></span>
            <span class="saving" role="status">{dynamic(move || (act.busy.get() != 0).then_some("Saving…"))}</span>
            <Close close leave />
        </header>
        <div class="body">
            {dynamic(gone)}
            <words::TitleEdit state act />
            <talk::Questions state />
            {dynamic(why)}
            {dynamic(move || lost.get().map(|run| view! { <history::Lost run act /> }))}
            <fields::Fields board state status />
            <words::DescriptionEdit state act />
            <edges::Edges board state act />
            <talk::Thread state act />
            <history::Runs state />
            <history::Activity state />
            <p class="foot">
                <span class="mut">"Made "{dynamic(move || view! { <Ago at=task.with(|t| t.created_at) long=true /> })}</span>
                <span class="grow"></span>
                <button type="button" class="btn s q bad js-only" on:click=remove><Icon name="trash" />"Delete"</button>
            </p>
        </div>
    }
    .erase()
}
