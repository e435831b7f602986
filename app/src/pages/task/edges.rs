//! What this ticket waits for, and what waits for it.

use std::time::Duration;

use leptos::{html, prelude::*, server_fn::ServerFn};

use super::state::TaskState;
use crate::{
    api::{AddDependency, add_dependency, remove_dependency},
    model::{board::Card, filter::Filter, task::EdgeItem},
    pages::{
        FormError, FormText,
        board::{BoardState, Search, Told},
    },
    ui::{Act, Erase, Icon, Once, StatusMark, dynamic, thousands},
};

/// A pause in typing after which the server is asked.
const PAUSE: Duration = Duration::from_millis(250);

/// Most tickets that the picker offers.
const OFFERED: usize = 6;

/// Both lists and the picker.
#[component]
pub fn Edges(board: BoardState, state: TaskState, act: Act) -> impl IntoView {
    let edges = state.edges;
    let picking = RwSignal::new(false);
    let of = move |waits: bool| edges.all().into_iter().filter(move |e| e.waits == waits);
    let list = move |waits: bool| of(waits).map(|e| edge(e, act)).map(Erase::erase).collect::<Vec<_>>();
    let any = move |waits: bool| of(waits).next().is_some();
    view! {
        <section class="edges" aria-labelledby="waits-for">
            <div class="sec">
                <h3 id="waits-for">"Waits for"</h3>
                <button type="button" class="icon-btn js-only" aria-label="Add a ticket that this one waits for" aria-expanded=move || picking.get().to_string()
                    on:click=move |_| picking.update(|p| *p = !*p)><Icon name="plus" /></button>
            </div>
            {dynamic(move || picking.get().then(|| view! { <Picker board state act picking /> }))}
            <ul role="list">{dynamic(move || list(true))}</ul>
            {dynamic(move || (!any(true) && !picking.get()).then(|| view! { <p class="mut">"Nothing: it can start when it is Ready."</p> }))}
            {dynamic(move || any(false).then(|| view! { <h3 class="sec">"Blocks"</h3><ul role="list">{list(false)}</ul> }))}
        </section>
    }
    .erase()
}

fn edge(edge: EdgeItem, act: Act) -> AnyView {
    let name = format!("T-{}", edge.number);
    let remove = edge.waits.then(|| {
        let label = format!("Do not wait for {name}");
        view! {
            <button type="button" class="icon-btn js-only" aria-label=label on:click=move |_| act.run(remove_dependency(edge.id), |_| {})>
                <Icon name="x" />
            </button>
        }
    });
    view! {
        <li>
            <StatusMark status=edge.status />
            <a href=format!("?task={name}") data-noscroll><span class="mono">{name.clone()}</span><span class="cut" dir="auto">{edge.title}</span></a>
            {remove}
        </li>
    }
    .erase()
}

/// What is said where nothing was found. `told` is of the server, where the board does not hold everything.
fn nothing(told: Option<Told>) -> String {
    match told {
        None | Some(Told::Looked { more: false, .. }) => "No other ticket of this project has these words.".into(),
        Some(Told::Asked) => "Looking through the tickets that are not on this board…".into(),
        Some(Told::Looked { at, more: true }) => {
            format!("None of the {} tickets that were looked at. A number finds any ticket.", thousands(at))
        }
        Some(Told::Failed(why)) => format!("{why} No ticket on this board has these words; a number finds any ticket."),
    }
}

/// Finds a ticket of this project by number or words; a number of any ticket works too.
#[component]
fn Picker(board: BoardState, state: TaskState, act: Act, picking: RwSignal<bool>) -> impl IntoView {
    let id = state.task.with_untracked(|t| t.id);
    let words = RwSignal::new(String::new());
    let node = NodeRef::<html::Input>::new();
    crate::ui::listen::follow(move || {
        if let Some(input) = node.get() {
            let _ = input.focus();
        }
    });
    let once = Once::new();
    let add = Callback::new(move |other: String| {
        let what = other.clone();
        once.run(
            act,
            &what,
            |key| add_dependency(id, other, key),
            move |answer| {
                if answer.is_ok() {
                    picking.try_set(false);
                }
            },
        );
    });
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        add.run(FormText::of(&event).text("other"));
    };
    // Behind the board the server looks.
    let search = Search::new(board);
    let behind = RwSignal::new(Vec::<Card>::new());
    crate::ui::listen::follow(move || {
        let filter = Filter::default().with_words(&words.read());
        behind.set(Vec::new());
        search.told.set(Told::Asked);
        if board.is_part() && !filter.is_none() {
            search.ask(PAUSE, filter, 1, move |cards| behind.set(cards));
        }
    });
    let offers = move || {
        let linked: Vec<_> = state.edges.all().into_iter().map(|e| e.other).collect();
        let mut found = board.find(&words.get(), OFFERED + 1 + linked.len());
        for card in behind.get() {
            if found.iter().all(|other| other.id != card.id) {
                found.push(card);
            }
        }
        found.retain(|c| c.id != id && !linked.contains(&c.id));
        found.truncate(OFFERED);
        if found.is_empty() {
            let told = if board.is_part() { Some(search.told.get()) } else { None };
            return view! { <li class="mut" role="status">{nothing(told)}</li> }.erase();
        }
        found
            .into_iter()
            .map(|c| {
                let name = format!("T-{}", c.number);
                let other = c.id.to_string();
                view! {
                    <li>
                        <button type="button" on:click=move |_| add.run(other.clone())>
                            <StatusMark status=c.status /><span class="mono">{name}</span><span class="cut" dir="auto">{c.title}</span>
                        </button>
                    </li>
                }
            })
            .map(Erase::erase).collect::<Vec<_>>()
            .erase()
    };
    view! {
        <form class="picker" method="post" action=AddDependency::url() on:submit=send
            on:keydown=move |ev| if crate::ui::keys::pressed(&ev) == "Escape" { ev.prevent_default(); ev.stop_propagation(); picking.set(false) }>
            <FormError path=AddDependency::PATH />
            <input type="hidden" name="task" value=id.to_string() />
            <input name="other" type="text" dir="auto" autocomplete="off" placeholder="Number or words of a ticket" aria-label="Ticket that this one waits for"
                node_ref=node on:input=move |ev| words.set(event_target_value(&ev)) />
            <ul role="list">{dynamic(offers)}</ul>
        </form>
    }
    .erase()
}
