//! The answer that is being written. Its settled blocks stay as they are, so what somebody marks or scrolls in them
//! stays too; and nobody is told of each piece: one line outside says that somebody writes.

use leptos::{html, prelude::*};

use super::{message::lines, state::ChatState};
use crate::{
    live::use_live,
    model::chat::StreamView,
    safe::SafeHtml,
    ui::{Erase, Markdown, dynamic, listen::Alive},
};

type Stream = ArcRwSignal<Option<StreamView>>;

/// Something of a stream, followed for itself.
fn of<T: Default + PartialEq + Send + Sync + 'static>(
    stream: &Stream,
    look: impl Fn(&StreamView) -> T + Send + Sync + 'static,
) -> Memo<T> {
    let stream = stream.clone();
    Memo::new(move |_| stream.with(|stream| stream.as_ref().map_or_else(T::default, &look)))
}

/// The run of which something is shown; it gives way to the message when that is there.
fn run_of(state: ChatState, stream: &Stream) -> Memo<Option<String>> {
    let run = of(stream, |stream| Some(stream.run.clone()));
    Memo::new(move |_| run.get().filter(|run| !state.answered(run)))
}

/// What the agent says right now.
#[component]
pub fn Streaming(state: ChatState) -> impl IntoView {
    let id = state.head.with_untracked(|h| h.id);
    let stream = use_live().stream(id);
    let run = run_of(state, &stream);
    let node = NodeRef::<html::Div>::new();
    let last = StoredValue::new(None::<String>);
    let alive = Alive::here();
    let inside = move || {
        let run = run.get();
        let before = last.try_update_value(|last| std::mem::replace(last, run.clone())).flatten();
        if let Some(before) = before.filter(|before| run.as_ref() != Some(before)) {
            hand_over(state, node, &before, alive);
        }
        match run {
            Some(_) => writing(&stream),
            None if state.waits.get() => dots(),
            None => ().erase(),
        }
    };
    view! { <div class="writing" node_ref=node class:off=move || state.below.get() aria-live="off">{dynamic(inside)}</div> }.erase()
}

/// The message takes the place of what was being written, which is still there: what is marked stays marked.
fn hand_over(state: ChatState, node: NodeRef<html::Div>, run: &str, alive: Alive) {
    let written = node.get_untracked().and_then(|node| node.query_selector(".bubble").ok().flatten());
    let marked = written.and_then(|written| super::marked::in_element(&written));
    if let (Some(marked), Some(message)) = (marked, state.answer(run)) {
        alive.frame(move || {
            let there = document().query_selector(&format!("#m-{message} .bubble")).ok().flatten();
            there.and_then(|there| super::marked::mark(&there, marked));
        });
    }
}

/// The same in a few words, for those who do not see it.
pub fn sentence(state: ChatState) -> Memo<String> {
    let id = state.head.with_untracked(|h| h.id);
    let stream = use_live().stream(id);
    let run = run_of(state, &stream);
    let at = of(&stream, |stream| (stream.who.clone(), stream.said));
    Memo::new(move |_| match run.get() {
        Some(_) => at.with(|(who, said)| format!("{who} is {}", if *said { "writing" } else { "thinking" })),
        None if state.waits.get() => "The agent has your message".to_owned(),
        None => String::new(),
    })
}

fn dots() -> AnyView {
    view! { <p class="thinking" aria-hidden="true"><i></i><i></i><i></i></p> }.erase()
}

fn writing(stream: &Stream) -> AnyView {
    let who = stream.with_untracked(|s| s.as_ref().map(|s| s.who.clone()).unwrap_or_default());
    let face = who.chars().next().map(String::from);
    let calls = of(stream, |s| s.calls.clone());
    let said = of(stream, |s| s.said);
    let phase = of(stream, |s| if s.said || s.ended { String::new() } else { s.phase.clone() });
    let waits = of(stream, |s| !s.said && !s.ended);
    let stream = stream.clone();
    let words = move || said.get().then(|| blocks(&stream));
    let phase = move || phase.with(|phase| (!phase.is_empty()).then(|| view! { <p class="phase">{phase.clone()}</p> }));
    view! {
        <article class="says leads">
            <p class="by"><span class="face" aria-hidden="true">{face}</span><b>{who}</b><span>"now"</span></p>
            {dynamic(move || lines(calls.get()))}
            {dynamic(words)}
            {dynamic(phase)}
            {dynamic(move || waits.get().then(dots))}
        </article>
    }
    .erase()
}

/// The words: settled blocks, each painted once, and the last one.
fn blocks(stream: &Stream) -> AnyView {
    let count = of(stream, |s| (s.turn, s.blocks.len()));
    let each = move || {
        let (turn, count) = count.get();
        (0..count).map(|n| (turn, n)).collect::<Vec<_>>()
    };
    let settled = stream.clone();
    let block = move |n: usize| {
        let html = settled.with_untracked(|s| s.as_ref().and_then(|s| s.blocks.get(n).cloned()));
        view! { <Markdown html=html.unwrap_or_default() /> }.erase()
    };
    let open: Memo<SafeHtml> = of(stream, |s| s.open.clone());
    view! {
        <div class="bubble grows" dir="auto">
            <For each=each key=|block| *block children=move |(_, n)| block(n) />
            {dynamic(move || view! { <Markdown html=open.get() /> })}
        </div>
    }
    .erase()
}
