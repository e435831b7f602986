//! The agents' attempts at a ticket, and its log.

use clutch_domain::{id::RunId, run::Outcome};
use leptos::{prelude::*, server_fn::ServerFn};

use super::state::TaskState;
use crate::{
    api::{StopAgent, stop_agent, treat_as_ended},
    model::task::{ActivityItem, RunItem},
    pages::FormError,
    ui::{Act, Ago, Avatar, Confirm, Erase, Markdown, duration, dynamic, use_act, use_clock},
};

/// The runs, newest first.
#[component]
pub fn Runs(state: TaskState) -> impl IntoView {
    move || {
        let runs = state.runs.all();
        (!runs.is_empty()).then(|| {
            let items = runs.into_iter().map(run).map(Erase::erase).collect::<Vec<_>>();
            view! { <section aria-labelledby="runs"><h3 class="sec" id="runs">"Runs"</h3><ul class="runs" role="list">{items}</ul></section> }
        })
    }
}

fn run(run: RunItem) -> AnyView {
    let clock = use_clock();
    let (begun, ended) = (run.started_at, run.ended_at);
    let span = move || duration(ended.unwrap_or_else(|| clock.now()).since(begun));
    let (class, word) = match run.outcome {
        Some(Outcome::Completed) => ("ok", Outcome::Completed.label()),
        Some(Outcome::Failed) => ("bad", Outcome::Failed.label()),
        Some(other) => ("quiet", other.label()),
        None => ("run", run.state.label()),
    };
    let stop = match (run.outcome, run.stopping) {
        (Some(_), _) => ().erase(),
        (None, true) => view! { <p class="mut" role="status">"It is being stopped\u{2026}"</p> }.erase(),
        (None, false) => view! { <Stop run=run.id /> }.erase(),
    };
    let model = run.model.clone().map(|m| view! { <span class="mono mut cut">{m}</span> });
    view! {
        <li>
            <p class="row">
                <Avatar role=run.role busy=run.outcome.is_none() />
                <b>{run.role.label()}</b><span class="mut">{format!("attempt {}", run.attempt)}</span>{model}
                <span class="grow"></span>
                <span class=format!("state {class}")>{word}</span><span class="mut">{dynamic(span)}</span>
            </p>
            {run.last_words.map(|html| view! { <div class="last"><Markdown html /></div> })}
            <p class="row mut">
                <span class="told" title=run.prompt.about>{run.prompt.word}</span>
                <span class="mono cut" title=run.session_key.clone()>{run.session_key.clone()}</span>
                {run.used.map(|used| view! { <span class="grow"></span><span>{used}</span> })}
            </p>
            {stop}
        </li>
    }
    .erase()
}

/// The agent at work can be stopped; without our code at once, as nothing can ask.
#[component]
fn Stop(run: RunId) -> impl IntoView {
    let act = use_act();
    let asking = RwSignal::new(false);
    let answer = Callback::new(move |yes: bool| {
        asking.set(false);
        if yes {
            act.run(stop_agent(run), |_| {});
        }
    });
    let ask = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        asking.set(true);
    };
    view! {
        <form method="post" action=StopAgent::url() on:submit=ask>
            <FormError path=StopAgent::PATH />
            <input type="hidden" name="run" value=run.to_string() />
            <button class="btn s" disabled=move || act.busy.get() != 0>"Stop the agent"</button>
        </form>
        {dynamic(move || asking.get().then(|| view! {
            <Confirm title="Stop the agent?".to_owned() yes="Stop" answer
                text="What it has done so far stays. Its ticket goes to Blocked and waits there for your word; move it to Ready to start another agent.".to_owned() />
        }))}
    }
    .erase()
}

/// Of a run that the gateway neither shows nor stops a person may say that it is over.
#[component]
pub fn Lost(run: RunId, act: Act) -> impl IntoView {
    let asking = RwSignal::new(false);
    let answer = Callback::new(move |yes: bool| {
        asking.set(false);
        if yes {
            act.run(treat_as_ended(run), |_| {});
        }
    });
    view! {
        <p class="row">
            <button type="button" class="btn s js-only" disabled=move || act.busy.get() != 0 on:click=move |_| asking.set(true)>"Treat as ended"</button>
        </p>
        {dynamic(move || asking.get().then(|| view! {
            <Confirm title="Treat the agent as ended?".to_owned() yes="Treat as ended" answer
                text="The board stops asking the gateway about it, and the ticket goes to Blocked. The agent may still be at work there: look first, so that no two work on the same files.".to_owned() />
        }))}
    }
}

/// The log, newest first; closed until it is asked for.
#[component]
pub fn Activity(state: TaskState) -> impl IntoView {
    view! {
        <details class="log">
            <summary>"Activity"<span class="mut">{dynamic(move || state.activity.ids.with(Vec::len))}</span></summary>
            <ul role="list">{dynamic(move || state.activity.all().into_iter().map(line).map(Erase::erase).collect::<Vec<_>>())}</ul>
        </details>
    }
    .erase()
}

fn line(item: ActivityItem) -> AnyView {
    view! {
        <li class=format!("by-{}", item.who_kind)>
            <span class="tick" aria-hidden="true"></span>
            <p><b>{item.who}</b>" "{item.text}{item.reason.map(|r| view! { <span class="mut">": "{r}</span> })}</p>
            <Ago at=item.at />
        </li>
    }
    .erase()
}
