//! The header of a project's pages: name, tabs, the loop, the gateway, and on the board
//! the filters and the phone's column tabs.

use clutch_domain::task::Status;
use leptos::{html, prelude::*};

use super::{beyond::beyond, state::BoardState};
use crate::{
    live::use_live,
    model::{filter::Filter, home::CheckState},
    pages::{
        or_trouble,
        routes::{TABS, Tab},
        use_query,
    },
    ui::{
        CopyBox, Dot, Erase, Icon, StatusMark, coded, dynamic,
        keys::{Verb, tooltip, use_keys},
        listen::window_hears,
    },
};

/// Name and tabs.
#[component]
pub fn ProjectHead(
    /// Address.
    slug: String,
    /// Name.
    #[prop(into)]
    name: Signal<String>,
    /// `#rrggbb`.
    #[prop(into)]
    color: Signal<String>,
    /// Which tab is open: `board`, `chat` or `settings`.
    at: &'static str,
    /// Chips at the right.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let tab = |tab: &Tab| {
        let current = (tab.word == at).then_some("page");
        view! { <a class="tab" href=format!("/projects/{slug}/{}", tab.word) aria-current=current>{tab.label}</a> }
            .erase()
    };
    let tabs = TABS.iter().map(tab).collect::<Vec<_>>();
    view! {
        <header class="top">
            <h1><Dot color /><span class="cut" dir="auto">{dynamic(move || name.get())}</span></h1>
            <nav class="tabs" aria-label="Project">{tabs}</nav>
            <span class="grow"></span>
            {children.map(|c| c())}
        </header>
    }
    .erase()
}

/// The board's header.
#[component]
pub fn BoardHeader(state: BoardState) -> impl IntoView {
    let head = state.head;
    let slug = head.with_untracked(|h| h.slug.clone());
    let address = format!("/projects/{slug}/board");
    let keys = use_keys();
    let make = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if let Some(act) = keys.act(Verb::NewTicket) {
            act.run(());
        }
    };
    view! {
        <ProjectHead slug at="board" name=Signal::derive(move || head.with(|h| h.name.clone())) color=Signal::derive(move || head.with(|h| h.color.clone()))>
            <LoopChip state />
            <GatewayChip />
            <form action=address on:submit=make>
                <button class="btn p new" name="new" title=tooltip(Verb::NewTicket)><Icon name="plus" /><span>"New Ticket"</span></button>
            </form>
        </ProjectHead>
    }
}

/// The loop: how many agents are at work, paused, or off; with the one thing to do about it.
#[component]
fn LoopChip(state: BoardState) -> impl IntoView {
    let head = state.head;
    let enabled = super::use_frame().loop_enabled;
    let inside = move || {
        let (on, paused, running) = head.with(|h| (h.loop_on, h.paused, h.running));
        let button = |icon: &'static str, label: &'static str, action: fn(BoardState)| {
            view! {
                <button type="button" class="btn s q js-only" on:click=move |_| action(state)>
                    <Icon name=icon /><span>{label}</span>
                </button>
            }
        };
        if !enabled.get() {
            view! { <span class="pulse idle"></span><span>"Loop off for this server"</span> }.erase()
        } else if !on {
            view! { <span class="pulse idle"></span><span>"Loop off"</span>{button("play", "Switch on", |s| s.switch_loop(true))} }.erase()
        } else if paused {
            view! { <span class="pulse wait"></span><span>"Paused"{(running > 0).then(|| format!(" · {running} still running"))}</span>{button("play", "Resume", |s| s.pause_loop(false))} }.erase()
        } else {
            let pulse = if running > 0 { "pulse run" } else { "pulse ok" };
            let words = if running > 0 {
                view! { <span><b>{running}</b>" running"</span> }.erase()
            } else {
                view! { <span>"Loop on"</span> }.erase()
            };
            view! { <span class=pulse></span>{words}{button("pause", "Pause", |s| s.pause_loop(true))} }.erase()
        }
    };
    view! { <div class="loop" role="group" aria-label="Work loop">{dynamic(inside)}</div> }
}

/// The gateway: a word, and behind it the sentences and what to copy.
#[component]
pub fn GatewayChip() -> impl IntoView {
    let live = use_live();
    let class = move || {
        live.gateway.with(|g| match g.as_ref().map(|g| g.state) {
            Some(CheckState::Ok) => "pulse ok",
            Some(CheckState::Bad) => "pulse bad",
            _ => "pulse wait",
        })
    };
    let checks = move || {
        live.gateway.get().map(|g| {
            g.checks
                .into_iter()
                .map(|c| {
                    let class = match c.state {
                        CheckState::Ok => "pulse ok",
                        CheckState::Bad => "pulse bad",
                        CheckState::Wait => "pulse wait",
                        CheckState::Later => "pulse idle",
                    };
                    view! {
                        <h2><span class=class></span>{c.title}</h2>
                        <p>{coded(&c.sentence)}</p>
                        {c.command.map(|text| view! { <CopyBox text /> })}
                    }
                })
                .map(Erase::erase)
                .collect::<Vec<_>>()
        })
    };
    let node = NodeRef::<html::Details>::new();
    // A click elsewhere closes it.
    window_hears(leptos::ev::click, move |event| {
        let inside = event.target().and_then(|t| wasm_bindgen::JsCast::dyn_into::<web_sys::Element>(t).ok());
        if inside.is_none_or(|e| e.closest(".pop").ok().flatten().is_none())
            && let Some(details) = node.get_untracked()
        {
            details.set_open(false);
        }
    });
    view! {
        <details class="pop gateway" node_ref=node>
            <summary><span class=class></span><span class="cut">{dynamic(move || live.gateway.with(|g| g.as_ref().map_or("Gateway".into(), |g| g.word.clone())))}</span></summary>
            <div class="pop-body">{dynamic(checks)}</div>
        </details>
    }
}

/// Filters, and a sentence about the whole project where there is one.
#[component]
pub fn Filters(state: BoardState) -> impl IntoView {
    let head = state.head;
    let filter = state.filter;
    let change = move |f: fn(&mut Filter)| {
        let mut new = filter.get_untracked();
        f(&mut new);
        state.show_only(new);
    };
    let typed = move |words: String| {
        state.show_only(filter.get_untracked().with_words(&words));
    };
    let first = filter.with_untracked(|f| f.words().to_owned());
    let (navigate, query) = (leptos_router::hooks::use_navigate(), use_query());
    let field = NodeRef::<html::Input>::new();
    let keys = use_keys();
    keys.bind(Verb::Filter, move || {
        if let Some(field) = field.get_untracked() {
            let _ = field.focus();
        }
    });
    #[cfg(feature = "hydrate")]
    keys.bind(Verb::NewTicket, move || {
        navigate(
            &query.with_untracked(|query| crate::pages::opened::with(query, "new", "")),
            leptos_router::NavigateOptions { scroll: false, ..Default::default() },
        );
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = (navigate, query);
    let need = move || {
        let n = head.with(|h| h.waiting);
        (n > 0 || filter.with(|f| f.need)).then(|| {
            view! {
                <button type="button" class="pill need js-only" aria-pressed=move || filter.with(|f| f.need).to_string()
                    on:click=move |_| change(|f| f.need = !f.need)>
                    {n}{if n == 1 { " needs you" } else { " need you" }}
                </button>
            }
        })
    };
    let running = move || {
        let n = head.with(|h| h.running);
        (n > 0 || filter.with(|f| f.running)).then(|| {
            view! {
                <button type="button" class="pill js-only" aria-pressed=move || filter.with(|f| f.running).to_string()
                    on:click=move |_| change(|f| f.running = !f.running)>
                    "Running "{n}
                </button>
            }
        })
    };
    let notice = move || {
        head.with(|h| h.notice.clone().filter(|_| !h.loop_on || h.local_path.is_some()))
            .map(|text| view! { <p class="notice"><Icon name="alert" /><span>{coded(&text)}</span></p> })
    };
    let no_repository = move || {
        head.with(|h| (h.loop_on && h.local_path.is_none()).then(|| h.slug.clone())).map(|slug| {
            view! {
                <p class="notice">
                    <Icon name="alert" />
                    <span>"No agent starts before this project knows its repository. "<a href=format!("/projects/{slug}/settings")>"Give its path"</a></span>
                </p>
            }
        })
    };
    // What the board does not hold is looked for once the page is awake.
    let awake = RwSignal::new(false);
    crate::ui::listen::follow(move || awake.set(true));
    let looks = Memo::new(move |_| awake.get() && state.is_part() && !filter.with(Filter::is_none));
    view! {
        <div class="bar">
            {dynamic(need)}{dynamic(running)}
            <label class="find js-only">
                <Icon name="search" />
                <input type="search" dir="auto" placeholder="Filter" aria-label="Filter tickets" node_ref=field
                    value=first on:input=move |ev| typed(event_target_value(&ev)) />
                <kbd>"/"</kbd>
            </label>
            <Suspense>
                {dynamic(move || looks.get().then(|| Suspend::new(async move { or_trouble(beyond(state).await) })))}
            </Suspense>
            {dynamic(notice)}{dynamic(no_repository)}
        </div>
    }
    .erase()
}

/// Whether one column fills the screen: the styles know from which width on.
#[cfg(feature = "hydrate")]
fn fills_the_screen(board: &web_sys::Element) -> bool {
    board.query_selector(".col").ok().flatten().is_some_and(|column| column.client_width() >= board.client_width())
}

/// On phones: one column at a time, with tabs; the columns are swiped.
#[component]
pub fn ColumnTabs(state: BoardState, node: NodeRef<html::Div>) -> impl IntoView {
    let at = RwSignal::new(0_usize);
    #[cfg(feature = "hydrate")]
    crate::ui::listen::follow(move || {
        use crate::ui::listen::{Alive, How, hear};

        if let Some(board) = node.get() {
            let width = move |board: &web_sys::Element| f64::from(board.client_width().max(1));
            let follow = board.clone();
            hear(&board, "scroll", How::Passive, move |_| {
                let now = (f64::from(follow.scroll_left()) / width(&follow)).round() as usize;
                if at.try_get_untracked().is_some_and(|old| old != now) {
                    at.set(now.min(super::state::COLUMNS - 1));
                }
            });
            // First the column where something happens.
            let first = state.counts.with_untracked(|c| [2, 1, 3, 0].into_iter().find(|n| c[*n] > 0)).unwrap_or(0);
            // Not before it is laid out: until then it has no width to scroll by.
            Alive::here().frame(move || {
                if fills_the_screen(&board) {
                    board.set_scroll_left((first as f64 * width(&board)) as i32);
                }
            });
        }
    });
    let go = move |n: usize| {
        if let Some(board) = node.get_untracked() {
            board.set_scroll_left(board.client_width() * n as i32);
        }
    };
    let tabs = Status::ALL
        .iter()
        .enumerate()
        .map(|(n, status)| {
            view! {
                <button type="button" aria-pressed=move || (at.get() == n).to_string() aria-label=move || format!("{} {}", status.label(), state.counts.with(|c| c[n])) data-tab=status.word() on:click=move |_| go(n)>
                    <StatusMark status=*status /><span class="word">{status.label()}</span><span class="c">{dynamic(move || state.counts.with(|c| c[n]))}</span>
                </button>
            }
        })
        .map(Erase::erase).collect::<Vec<_>>();
    view! { <div class="col-tabs js-only" role="group" aria-label="Columns">{tabs}</div> }.erase()
}
