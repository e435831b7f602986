//! One message, and the answer that is being written.

use clutch_domain::{
    chat::{Call, DeliveryStatus},
    id::MessageId,
    time::{DAY_MS, Millis, Utc},
};
use leptos::prelude::*;

use super::state::{ChatState, Place};
use crate::{
    api::{retry_message, ticket_of},
    live::use_live,
    model::{
        chat::{MessageItem, Way},
        home::CheckState,
    },
    ui::{Act, Erase, Icon, Markdown, Once, SaidAt, Toasts, dynamic, to_clipboard, use_clock},
};

/// A message in its place: below a new day's line, with its author's name where another spoke before.
#[component]
pub fn MessageView(state: ChatState, place: Place, act: Act) -> impl IntoView {
    let Some(item) = state.item(&place) else { return ().erase() };
    let day = place.day.map(|day| view! { <p class="day"><span>{dynamic(move || day_words(day))}</span></p> });
    let leads = place.leads;
    let id = place.id;
    let aimed = Signal::derive(move || state.aim.get() == Some(id));
    view! {
        {day}
        {dynamic(move || one(state, item.get(), leads, aimed, act))}
    }
    .erase()
}

fn one(state: ChatState, m: MessageItem, leads: bool, aimed: Signal<bool>, act: Act) -> AnyView {
    let anchor = format!("m-{}", m.id);
    if m.notice {
        return view! { <div class="notice" class:aimed=aimed id=anchor><Icon name="alert" /><Markdown html=m.html /></div> }.erase();
    }
    let class = match (m.mine, leads) {
        (true, true) => "says me leads",
        (true, false) => "says me",
        (false, true) => "says leads",
        (false, false) => "says",
    };
    let link = format!("#{anchor}");
    let by = leads.then(|| {
        view! {
            <p class="by">
                <span class="face" aria-hidden="true">{m.author.chars().next().map(String::from)}</span>
                <b>{m.author.clone()}</b>
                <a href=link><SaidAt at=m.said_at.unwrap_or(m.at) /><span class="sr">" Link to this message"</span></a>
            </p>
        }
    });
    let words = if m.automated {
        view! { <details class="folded"><summary>"Automated message"</summary><Markdown html=m.html.clone() /></details> }.erase()
    } else {
        view! { <Markdown html=m.html.clone() /> }.erase()
    };
    let mine = m.mine;
    let kept = state.way(m.id);
    let way = dynamic(move || {
        let kept = kept.as_ref()?.get();
        // Of a program's words only what is under way is told, and what went wrong.
        let told = mine || kept.open || kept.status == Some(DeliveryStatus::Failed);
        told.then(|| way(&kept, act))
    });
    let tools = tools(&m);
    let calls = calls(m.calls);
    view! { <article class=class class:aimed=aimed id=anchor>{by}{calls}<div class="bubble" dir="auto">{words}</div>{tools}{way}</article> }.erase()
}

/// More tool calls than this are folded behind one line.
const CALLS_SHOWN: usize = 3;

/// What the agent did before it answered.
fn calls(calls: Vec<Call>) -> AnyView {
    if calls.len() <= CALLS_SHOWN {
        return lines(calls);
    }
    let failed = calls.iter().filter(|c| c.failed).count();
    let ms: u64 = calls.iter().filter_map(|c| c.ms).map(u64::from).sum();
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let words = format!("{} steps{failed}", calls.len());
    view! { <details class="steps"><summary><span>{words}</span><time>{took(ms)}</time></summary>{lines(calls)}</details> }.erase()
}

/// Tool calls, each in a line.
pub fn lines(calls: Vec<Call>) -> AnyView {
    if calls.is_empty() {
        return ().erase();
    }
    let rows: Vec<AnyView> = calls
        .into_iter()
        .map(|call| {
            let class = if call.failed { "bad" } else { "" };
            let end = call.ms.map(|ms| view! { <time>{took(ms.into())}</time> });
            let failed = call.failed.then(|| view! { <em>"failed"</em> });
            view! { <li class=class><span class="cut">{call.line}</span>{failed}{end}</li> }.erase()
        })
        .collect();
    view! { <ul class="calls" role="list">{rows}</ul> }.erase()
}

/// `12 ms`, `0.4 s`, `2 min 5 s`.
fn took(ms: u64) -> String {
    match ms {
        0..100 => format!("{ms} ms"),
        100..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
    }
}

/// What can be done with a message: its words copied, a ticket made of it.
fn tools(m: &MessageItem) -> AnyView {
    let (id, text) = (m.id, m.text.clone());
    let toasts = expect_context::<Toasts>();
    let copy = move |_| {
        to_clipboard(&text, toasts, move || toasts.done("Copied."));
    };
    // A beginning is not what was said; its link leads to all of it.
    let copy = (!m.cut).then(|| {
        view! { <button type="button" class="icon-btn" aria-label="Copy" title="Copy" on:click=copy><Icon name="copy" /></button> }
    });
    let busy = RwSignal::new(false);
    let once = Once::new();
    let make = move |_| {
        let part = marked(id);
        let Some(key) = once.begin(part.as_deref().unwrap_or_default()) else { return };
        busy.set(true);
        leptos::task::spawn_local(async move {
            let answer = ticket_of(id, part, Some(key)).await;
            once.end(answer.as_ref().err());
            match answer {
                Ok(made) => toasts.done(format!("T-{} made in Backlog.", made.number)),
                Err(error) => toasts.error(error.sentence),
            }
            busy.try_set(false);
        });
    };
    view! {
        <span class="tools js-only">
            {copy}
            <button type="button" class="icon-btn" aria-label="Make a ticket" title="Make a ticket" disabled=move || busy.get() on:click=make><Icon name="plus" /></button>
        </span>
    }
    .erase()
}

/// What is marked in a message, if anything.
fn marked(message: MessageId) -> Option<String> {
    let selection = window().get_selection().ok().flatten()?;
    let inside = document().get_element_by_id(&format!("m-{message}"))?;
    let held = |node: Option<web_sys::Node>| node.is_some_and(|node| inside.contains(Some(&node)));
    let words: String = selection.to_string().into();
    (held(selection.anchor_node()) && held(selection.focus_node()) && !words.trim().is_empty()).then_some(words)
}

/// How far a person's message came, in words; a failed one can be sent again.
fn way(m: &Way, act: Act) -> AnyView {
    let id = m.id;
    let (class, words) = match m.status {
        None | Some(DeliveryStatus::Responded) => return ().erase(),
        Some(DeliveryStatus::Failed) => {
            let why = m.reason.clone().unwrap_or_else(|| "No reason was given.".into());
            ("way bad", format!("Not answered: {why}"))
        }
        Some(_) if m.trouble.is_some() => {
            let why = m.trouble.as_deref().unwrap_or_default();
            ("way bad", format!("What is needed to carry it is refused; tried again: {why}"))
        }
        Some(DeliveryStatus::Sent) if m.queued => match &m.reason {
            Some(why) => ("way", format!("Tried again in a moment: {why}")),
            // Why is seen in the header; here it is said in a word.
            None if gateway_away() => ("way", "Waits for the gateway".to_owned()),
            None => ("way", "Waits for its turn".to_owned()),
        },
        Some(DeliveryStatus::Sent) if m.open => ("way", "On its way".to_owned()),
        Some(DeliveryStatus::Sent) => ("way", "Stored".to_owned()),
        Some(DeliveryStatus::Delivered) => ("way", "Delivered".to_owned()),
        Some(DeliveryStatus::Processing) => ("way", "Being answered".to_owned()),
    };
    let again = (m.status == Some(DeliveryStatus::Failed)).then(|| {
        view! {
            <button type="button" class="btn s js-only" disabled=move || act.busy.get() != 0
                on:click=move |_| act.run(retry_message(id), |_| {})>"Send again"</button>
        }
    });
    view! { <p class=class><span>{words}</span>{again}</p> }.erase()
}

fn gateway_away() -> bool {
    use_live().gateway.with(|g| g.as_ref().is_none_or(|g| g.checks.first().is_none_or(|c| c.state != CheckState::Ok)))
}

/// A day in words: "Today", "Yesterday", or its date.
fn day_words(day: i64) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let clock = use_clock();
    match clock.day(clock.now()) - day {
        0 => "Today".into(),
        1 => "Yesterday".into(),
        _ => {
            let Utc { year, month, day, .. } = Millis(day * DAY_MS).utc();
            format!("{day} {} {year}", MONTHS[(month - 1) as usize])
        }
    }
}
