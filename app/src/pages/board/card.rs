//! One card.

use clutch_domain::{
    id::TaskId,
    task::{Role, Status},
    time::Millis,
};
use leptos::prelude::*;

use super::state::BoardState;
use crate::{
    live::use_live,
    model::{
        board::{Card, Facts},
        filter::needs_you,
    },
    ui::{Ago, Avatar, Erase, How, Icon, PriorityMark, StatusMark, dynamic, use_clock},
};

/// A card of the board. The whole of it leads to its panel; it is followed, so one change
/// paints one card.
#[component]
pub fn CardItem(
    /// Where it lies.
    board: BoardState,
    /// Which.
    id: TaskId,
    /// The one whose panel is open.
    chosen: Memo<Option<u64>>,
) -> impl IntoView {
    let Some(card) = board.card(id) else { return ().erase() };
    let fresh = board.up.get_value();
    let class = {
        let card = card.clone();
        move || {
            let card = card.read();
            let mut class = String::from(if fresh { "card fresh" } else { "card" });
            if needs_you(&card) {
                class.push_str(" need");
            }
            // These two go from card to card by hand (`keys.rs`): hundreds of cards need not ask themselves each time.
            if chosen.get_untracked() == Some(card.number) {
                class.push_str(" sel");
            }
            if board.lifted.get_value() == Some(id) {
                class.push_str(" held");
            }
            class
        }
    };
    #[cfg(not(feature = "ssr"))]
    let inside = inside(card, board.tab(id));
    // Most cards are painted as they were before.
    #[cfg(feature = "ssr")]
    let inside = {
        let (now, tab) = (card.get_untracked(), board.tab(id));
        let age = crate::ui::age(now.since);
        super::painted::inside(now, age, |_| inside(card, tab))
    };
    view! { <li class=class data-card=id.to_string() id=format!("card-{id}")>{inside}</li> }.erase()
}

/// What a card shows. Its link is made once: where it has the focus, the whole board is laid out for each of its
/// attributes that is written again.
fn inside(card: ArcRwSignal<Card>, tab: Option<&'static str>) -> AnyView {
    let (number, live) = (card.with_untracked(|card| card.number), use_live());
    let (head, title) = (card.clone(), card.clone());
    let rest = move || {
        let card = card.get();
        // What nobody does is not followed: of hundreds of cards few have agents at work.
        let line = card.agent.as_ref().and_then(|_| live.line(card.id));
        rest(card, line)
    };
    view! {
        {dynamic(move || head.with(|card| view! {
            <div class="h">
                <StatusMark status=card.status />
                <span class="mono">{format!("T-{number}")}</span>
                <span class="age"><Ago at=card.since /></span>
                <button type="button" class="icon-btn more js-only" data-menu tabindex="-1" aria-haspopup="menu"
                    aria-label=format!("Actions for T-{number}")>
                    <Icon name="more" />
                </button>
            </div>
        }))}
        <h3><a class="cover" dir="auto" tabindex=tab aria-describedby="card-keys" aria-keyshortcuts="Space M" href=format!("?task=T-{number}") data-noscroll draggable="false">{dynamic(move || title.with(|card| card.title.clone()))}</a></h3>
        {dynamic(rest)}
    }
    .erase()
}

fn rest(card: Card, line: Option<String>) -> AnyView {
    let asks = card.ask.as_ref().map(|ask| {
        view! { <p class="ask"><b>"Asks you: "</b><span dir="auto">{ask.text.clone()}</span></p> }
    });
    let review =
        (card.ask.is_none() && needs_you(&card)).then(|| view! { <p class="ask"><b>"Your review"</b>" is wanted"</p> });
    let agent = card.agent.as_ref().filter(|_| card.ask.is_none()).map(|agent| {
        view! {
            <p class="live">
                <Avatar role=agent.role busy=true />
                <span class="cut" dir="auto">{line.unwrap_or_else(|| agent.state.clone())}</span>
            </p>
        }
    });
    let trouble = card.agent.as_ref().and_then(|agent| agent.trouble.clone());
    let icon = if trouble.is_some() || card.status == Status::Blocked { "alert" } else { "clock" };
    let why = trouble.or_else(|| retries(card.retries_at).or(card.why).filter(|_| card.agent.is_none())).map(|why| {
        view! { <p class="why"><Icon name=icon /><span>{why}</span></p> }
    });
    let attempt = card
        .agent
        .as_ref()
        .filter(|a| a.attempt > 1)
        .map(|a| view! { <span>{format!("attempt {}", a.attempt)}</span> });
    let Facts { priority, role, assignee, tags, needs_review: _, pr_number } = card.facts;
    let role = role.map(|role| view! { <span class=role_class(role)>{role.label()}</span> });
    let waits = (card.open_dependencies > 0).then(|| {
        let label = match card.open_dependencies {
            1 => "Waits for 1 ticket".to_owned(),
            n => format!("Waits for {n} tickets"),
        };
        view! { <span class="mark" role="img" aria-label=label.clone() title=label><Icon name="lock" />{card.open_dependencies}</span> }
    });
    let linked = (card.open_dependencies == 0 && card.dependencies > 0).then(|| {
        view! { <span class="mark" role="img" aria-label="Everything it waited for is done" title="Everything it waited for is done"><Icon name="link" />{card.dependencies}</span> }
    });
    let blocks = (card.dependents > 0).then(|| {
        let label = match card.dependents {
            1 => "1 ticket waits for this one".to_owned(),
            n => format!("{n} tickets wait for this one"),
        };
        view! { <span class="mark" role="img" aria-label=label.clone() title=label><Icon name="branch" />{card.dependents}</span> }
    });
    let pr = pr_number.map(|n| view! { <span class="mark"><Icon name="pr" />{format!("#{n}")}</span> });
    let tags = tags
        .into_iter()
        .take(3)
        .map(|t| view! { <span class="tag" dir="auto">{t}</span> })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    view! {
        {asks}{review}{agent}{why}
        <div class="m"><PriorityMark priority />{role}{tags}{waits}{linked}{blocks}{pr}{attempt}
            {assignee.map(|name| view! { <span class="grow"></span><span class="who" dir="auto">{name}</span> })}
        </div>
    }
    .erase()
}

/// When it is tried again, by the reader's clock.
pub fn retries(at: Option<Millis>) -> Option<String> {
    at.map(|at| format!("Retries at {}", use_clock().time(at, How::Second)))
}

/// A role's chip.
fn role_class(role: Role) -> String {
    format!("chip role-{}", role.word())
}
