//! The board: six columns, a header, and the panel of the ticket that the address names.

mod beyond;
mod card;
mod create;
#[cfg(feature = "hydrate")]
mod drag;
mod early;
mod hands;
mod head;
mod keys;
mod menu;
#[cfg(feature = "ssr")]
mod painted;
mod state;
mod stop;

use std::rc::Rc;

use clutch_domain::{
    command::Place,
    id::TaskId,
    query::{MORE_CARDS, Query},
    task::Status,
};
use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
    params::ParamsMap,
};

use super::{
    Empty, Trouble,
    frame::use_frame,
    load::load,
    opened::{closer, with},
    or_trouble,
    task::TaskPanel,
    use_query, use_slug,
};
use crate::{
    api::load_board,
    error::AppError,
    live::use_live,
    model::filter::Filter,
    ui::{Erase, Icon, StatusMark, Toasts, dynamic, fresh, list, listen::Alive},
};
pub use beyond::{Search, Told};
use card::CardItem;
pub use card::retries;
#[cfg(feature = "split")]
pub(super) use create::preload_dialog;
pub use head::{GatewayChip, ProjectHead};
pub use keys::{focus_card, send_on_ctrl_enter};
pub use menu::{card_of, delete_ticket};
pub use state::BoardState;

/// The page.
#[component]
pub fn BoardPage() -> impl IntoView {
    let frame = use_frame();
    let slug = use_slug();
    let board = load(move || slug.get(), load_board);
    view! {
        <Suspense fallback=Skeleton>
            {dynamic(move || Suspend::new(async move {
                let ready = frame.ready().await;
                let state = ready.and(board.await).and_then(|load| {
                    BoardState::new(&load).map(|state| (state, load.version)).ok_or_else(AppError::not_understood)
                });
                match state {
                    Ok((state, version)) => fresh(move || view! { <Board state version /> }.erase()),
                    Err(error) => view! { <Trouble error /> }.erase(),
                }
            }))}
        </Suspense>
    }
    .erase()
}

/// What is there before the cards are: the same six columns.
#[component]
fn Skeleton() -> impl IntoView {
    let columns = (0..state::COLUMNS)
        .map(|n| {
            let cards =
                (0..3 - n % 3).map(|_| view! { <div class="skel card"></div> }).map(Erase::erase).collect::<Vec<_>>();
            view! { <div class="col"><div class="skel line"></div>{cards}</div> }
        })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    view! {
        <div class="board-page">
            <div class="room"><div class="board" aria-busy="true" aria-label="Loading the board">{columns}</div></div>
        </div>
    }
}

#[component]
fn Board(state: BoardState, version: u64) -> impl IntoView {
    let head = state.head;
    let project = head.with_untracked(|h| h.project);
    let (live, painted) = (use_live(), StoredValue::new(Some(version)));
    crate::ui::listen::follow(move || {
        let query = Query::Board { project, more: state.more.get() };
        live.watch(query, painted.try_update_value(Option::take).flatten(), Rc::new(state));
    });

    let toasts = expect_context::<Toasts>();
    crate::ui::listen::follow(move || {
        toasts.going.track();
        state.arrange();
    });

    let query = use_query();
    filter_in_the_address(state, query);
    let (close_new, close_task) = (closer(query, "new"), closer(query, "task"));
    let task = Memo::new(move |_| query.with(|q| q.get("task")));
    let new = Memo::new(move |_| query.with(|q| q.get("new").map(|s| s.parse::<Status>().ok())));
    let chosen = Memo::new(move |_| task.get().and_then(|t| t.trim_start_matches(['T', 't', '-']).parse::<u64>().ok()));
    let menu = RwSignal::new(None);
    // Once there is something to ask, the menu stays.
    let asks = Memo::new(move |was: Option<&bool>| {
        was.is_some_and(|was| *was) || menu.with(Option::is_some) || state.reopening.with(Option::is_some)
    });
    let node = NodeRef::<html::Div>::new();
    let awake = RwSignal::new(false);
    let early = early::Early::here();
    crate::ui::listen::follow(move || awake.set(true));
    let alive = Alive::here();
    crate::ui::listen::follow(move || alive.frame(move || stop::begin(state)));
    let on_click = menu::opener(menu);
    // The server reads the title after the page's signals are gone, so it holds its own share.
    let titled = ArcRwSignal::from(head);
    let title = move || crate::ui::title(titled.with(|h| format!("{} · OpenClutch", h.name)));
    let columns = Status::ALL
        .iter()
        .map(|status| view! { <Column state status=*status chosen /> })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    view! {
        <Title text=title />
        {dynamic(move || {
            state.gone.get().then(|| {
                view! {
                    <Empty icon="compass" title="This project was deleted" text="Somebody removed it a moment ago.">
                        <a class="btn p" href="/">"Go home"</a>
                    </Empty>
                }
            })
        })}
        <div class="board-page" class:with-panel=move || task.get().is_some() class:gone=move || state.gone.get()>
            <head::BoardHeader state />
            <head::Filters state />
            <head::ColumnTabs state node />
            <div class="room">
                <div class="board" class:one=move || filled(state) == 1 class:bare=move || filled(state) == 0 node_ref=node on:focusin=stop::follower(state) on:click=on_click>{columns}</div>
            </div>
            <Suspense>
                {dynamic(move || awake.get().then(|| Suspend::new(async move { or_trouble(hands::hands(state, node, menu, early, chosen).await) })))}
            </Suspense>
            <Suspense>
                {dynamic(move || {
                    asks.get().then(|| Suspend::new(async move {
                        or_trouble(menu::card_menu(state, menu).await)
                    }))
                })}
            </Suspense>
            {dynamic(move || task.get().map(|name| fresh(move || view! { <TaskPanel board=state name=name.clone() close=close_task /> }.erase())))}
            <Suspense>
                {dynamic(move || {
                    new.get().map(|status| Suspend::new(async move {
                        or_trouble(create::new_ticket(state, status, close_new).await)
                    }))
                })}
            </Suspense>
            <p hidden id="card-keys">"Arrows walk over the cards, Home and End go to the ends of a column. Space lifts a card, M shows what else can be done with it."</p>
            <p class="sr" aria-live="assertive">{dynamic(move || state.spoken.get())}</p>
        </div>
    }
}

/// So many columns have cards.
fn filled(state: BoardState) -> usize {
    state.columns.iter().filter(|ids| ids.with(|ids| !ids.is_empty())).count()
}

/// The address says what is shown, so a link and a reload show the same.
fn filter_in_the_address(state: BoardState, query: Memo<ParamsMap>) {
    state.show_only(query.with_untracked(Filter::of));
    let (navigate, path) = (use_navigate(), use_location().pathname);
    let board = state.head.with_untracked(|h| format!("/projects/{}/board", h.slug));
    crate::ui::listen::follow(move || {
        let filter = state.filter.get();
        let wanted = query.with(|query| (Filter::of(query) != filter).then(|| filter.into_query(query)));
        // The address of another page comes before this one goes: it is not this board's to write.
        let Some(wanted) = wanted.filter(|_| path.with_untracked(|path| *path == board)) else { return };
        let here = NavigateOptions { replace: true, scroll: false, ..Default::default() };
        // An address without a question is the page's own.
        let wanted = Some(wanted.to_query_string()).filter(|text| !text.is_empty());
        navigate(wanted.as_deref().unwrap_or(&board), here);
    });
}

/// Somebody is at the board: what a click may want is fetched before the click.
#[cfg(feature = "hydrate")]
fn fetch_ahead() {
    #[cfg(feature = "split")]
    {
        use std::sync::Once;
        static BEGUN: Once = Once::new();
        BEGUN.call_once(|| {
            leptos::task::spawn_local(async {
                // Whoever then wants it fetches it again, and says what is wrong.
                let _ = super::task::preload().await;
            });
        });
    }
}

/// What a column says of tickets that it has and this board does not hold, at least one.
fn rest(status: Status, left: u32) -> String {
    let (tickets, are) = if left == 1 { ("ticket", "is") } else { ("tickets", "are") };
    // Done is by time, newest first; open columns are by place.
    if status == Status::Done {
        format!("{left} older {tickets} {are} not shown")
    } else {
        format!("{left} more {tickets} below {are} not shown")
    }
}

#[component]
fn Column(state: BoardState, status: Status, chosen: Memo<Option<u64>>) -> impl IntoView {
    let ids = state.columns[status as usize];
    let count = move || state.counts.with(|c| c[status as usize]);
    let query = use_query();
    let add = move || query.with(|query| with(query, "new", status.word()));
    let list_of_all = state.head.with_untracked(|h| format!("/projects/{}/tickets?column={}", h.slug, status.word()));
    // With a filter, what was looked at is said beside it.
    let left = Memo::new(move |_| {
        let left = count().saturating_sub(state.loaded.with(|l| l[status as usize]));
        Some(left).filter(|left| *left > 0 && state.filter.with(Filter::is_none))
    });
    let hidden = move || {
        left.get().map(|left| {
            let all = view! { <a href=list_of_all.clone()>"All as a list"</a> };
            let may = state.more.with(|more| more.and(status).is_some());
            let more = may.then(|| {
                let label = format!("Show {} more", left.min(MORE_CARDS));
                view! { <button type="button" class="btn s js-only" disabled=move || state.waits.get() on:click=move |_| state.show_more(status)>{label}</button> }
            });
            view! { <div class="rest"><p>{rest(status, left)}</p>{more}{all}</div> }
        })
    };
    let cards = list(
        move || ids.with(|ids| ids.iter().map(|id| id.0).collect()),
        move |id| view! { <CardItem board=state id=TaskId(id) chosen /> }.erase(),
    );
    let words =
        move || if state.filter.with(Filter::is_none) { hint(status) } else { "Nothing here is shown by the filter." };
    let empty = move || ids.with(Vec::is_empty).then(|| view! { <p class="none">{words()}</p> });
    view! {
        <section class=format!("col col-{}", status.word()) class:bare=move || ids.with(Vec::is_empty) id=format!("col-{}", status.word()) data-status=status.word() aria-label=status.label()>
            <header>
                <StatusMark status />
                <h2>{status.label()}</h2>
                <span class="c">{dynamic(count)}</span>
                <span class="grow"></span>
                <a class="icon-btn" href=add data-noscroll aria-label=format!("New ticket in {}", status.label())><Icon name="plus" /></a>
            </header>
            <ul class="cards" role="list">{cards}</ul>
            {dynamic(empty)}
            {dynamic(hidden)}
        </section>
    }
    .erase()
}

/// What an empty column is for.
const fn hint(status: Status) -> &'static str {
    match status {
        Status::Backlog => "Ideas and plans. No agent touches them here.",
        Status::Ready => "Put a ticket here and an agent takes it.",
        Status::InProgress => "Agents at work appear here.",
        Status::InReview => "Finished work waits here for a look.",
        Status::Blocked => "Nothing is stuck.",
        Status::Done => "Nothing is done yet.",
    }
}

/// The place that a column's end or beginning means: done sorts itself.
pub const fn end_of(status: Status, top: bool) -> Place {
    match status {
        Status::Done => Place::End,
        _ if top => Place::Top,
        _ => Place::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_said_truly() {
        for (status, left, words) in [
            (Status::Done, 1, "1 older ticket is not shown"),
            (Status::Done, 2, "2 older tickets are not shown"),
            (Status::Backlog, 7, "7 more tickets below are not shown"),
            (Status::Ready, 1, "1 more ticket below is not shown"),
        ] {
            assert_eq!(rest(status, left), words);
        }
    }
}
