//! The lists of the loop's page.

use clutch_domain::{
    id::{ProjectId, TaskId, Uuid},
    plan::explain::Fix,
    task::{Role, Status},
};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{
    head::{Button, Press},
    state::Looping,
};
use crate::{
    api::{TriageTask, older_decisions, triage_task},
    live::use_live,
    model::work_loop::{Decision, RunRow, StuckRow, Ticket, WaitRow},
    pages::{FormText, board::retries},
    ui::{Ago, Avatar, Erase, Icon, Once, StatusMark, Toasts, coded, dynamic, list, use_act},
};

/// Rows that a section among all projects shows.
const FEW: usize = 5;
/// Decisions that the page of all projects shows.
const NEWEST: usize = 30;

/// A heading with its count, where there is something under it. Among all projects it is one of a project's.
fn part(
    (id, title): (&'static str, &'static str),
    state: Looping,
    inner: bool,
    many: impl Fn() -> usize + Send + Sync + 'static,
    rows: AnyView,
) -> AnyView {
    let id = format!("{id}-{}", state.project());
    // Among all projects these are many, and screen readers list the projects.
    let name = (!inner).then(|| id.clone());
    let many = Memo::new(move |_| many());
    let hidden = move || (many.get() == 0).then_some(true);
    let words = view! { {title}" "<span class="c">{dynamic(move || many.get().to_string())}</span> };
    let heading =
        if inner { view! { <h3 id=id>{words}</h3> }.erase() } else { view! { <h2 id=id>{words}</h2> }.erase() };
    view! {
        <section class="part" aria-labelledby=name hidden=hidden>
            {heading}
            <ul class="tickets rows" role="list">{rows}</ul>
        </section>
    }
    .erase()
}

/// A ticket's number and its link.
fn name(state: Looping, ticket: &Ticket) -> AnyView {
    let number = format!("T-{}", ticket.number);
    if ticket.number == 0 {
        return view! { <span class="mono">"T-?"</span><span class="mut">"A ticket that was deleted"</span> }.erase();
    }
    let address = state.head.with_untracked(|h| format!("/projects/{}/board?task={number}", h.slug));
    view! { <span class="mono">{number}</span><a class="cover cut" dir="auto" href=address>{ticket.title.clone()}</a> }
        .erase()
}

fn link(state: Looping, ticket: &Ticket) -> AnyView {
    let number = format!("T-{}", ticket.number);
    let address = state.head.with_untracked(|h| format!("/projects/{}/board?task={number}", h.slug));
    view! { <a class="to" href=address title=ticket.title.clone()>{number}</a> }.erase()
}

/// Agents at work.
#[component]
pub fn Running(
    /// Of which project.
    state: Looping,
    /// It is one of all that the page shows.
    #[prop(optional)]
    inner: bool,
) -> impl IntoView {
    let row = move |id: Uuid| {
        let Some(item) = state.runs.get(id) else { return ().erase() };
        dynamic(move || running(state, item.get())).into_any()
    };
    part(
        ("running", "At work"),
        state,
        inner,
        move || state.runs.ids.with(Vec::len),
        list(move || state.runs.ids.get(), row),
    )
}

fn running(state: Looping, row: RunRow) -> AnyView {
    let line = use_live().line(row.task);
    let works = row.asks.is_none() && row.trouble.is_none();
    let does = match (&row.trouble, &row.asks) {
        (Some(trouble), _) => {
            view! { <p class="why bad"><Icon name="alert" /><span>{coded(trouble)}</span></p> }.erase()
        }
        (None, Some(asks)) => {
            view! { <p class="ask"><b>"Asks you: "</b><span dir="auto">{asks.clone()}</span></p> }.erase()
        }
        (None, None) => {
            view! { <p class="does cut" dir="auto">{line.unwrap_or_else(|| row.state.clone())}</p> }.erase()
        }
    };
    let attempt = (row.attempt > 1).then(|| format!("attempt {}", row.attempt));
    let facts = [row.agent.clone().or_else(|| Some(row.role.label().to_owned())), row.model.clone(), attempt];
    let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    view! {
        <li>
            <Avatar role=row.role busy=works />
            {name(state, &row.ticket)}
            <span class="facts">{facts}</span>
            <span class="mut age"><Ago at=row.since /></span>
            {does}
        </li>
    }
    .erase()
}

/// What waits, and why.
#[component]
pub fn Waiting(
    /// Of which project.
    state: Looping,
    /// It is one of all that the page shows: only the first tickets.
    #[prop(optional)]
    inner: bool,
) -> impl IntoView {
    let most = if inner { FEW } else { usize::MAX };
    let row = move |id: Uuid| {
        let Some(item) = state.waits.get(id) else { return ().erase() };
        dynamic(move || waiting(state, item.get())).into_any()
    };
    let ids = move || state.waits.ids.with(|ids| ids.iter().copied().take(most).collect());
    let more = move || {
        let (all, slug) = (state.head.with(|h| h.ready as usize), state.head.with(|h| h.slug.clone()));
        let shown = state.waits.ids.with(Vec::len).min(most);
        // What does not fit on its own page either is in the list of its column.
        let to = if inner { "work-loop" } else { "tickets?column=ready" };
        (shown > 0 && all > shown).then(|| {
            view! { <li class="more"><a class="to" href=format!("/projects/{slug}/{to}")>{all - shown}" more"</a></li> }
        })
    };
    let rows = view! { {list(ids, row)}{dynamic(more)} }.erase();
    part(("waiting", "Ready, and not taken"), state, inner, move || state.waits.ids.with(Vec::len), rows)
}

fn waiting(state: Looping, row: WaitRow) -> AnyView {
    let why = retries(row.retries_at).or_else(|| row.why.clone());
    let (project, slug) = state.head.with_untracked(|h| (h.project, h.slug.clone()));
    // What holds up the whole project has its button above.
    let fix = why.is_some().then_some(row.fix).flatten();
    let settings = || view! { <a class="btn s" href=format!("/projects/{slug}/settings")>"Settings"</a> }.erase();
    let brakes =
        || view! { <a class="btn s" href=format!("/projects/{slug}/brakes") rel="external">"Brakes"</a> }.erase();
    let act = match fix {
        Some(Fix::Resume) => view! { <Button project press=Press::Resume /> }.erase(),
        Some(Fix::SwitchOn) => view! { <Button project press=Press::SwitchOn /> }.erase(),
        Some(Fix::Repository | Fix::Places) => settings(),
        Some(Fix::Brakes | Fix::DryRun) => brakes(),
        Some(Fix::Server) => view! { <a class="btn s" href="/?setup">"How it is set up"</a> }.erase(),
        Some(Fix::Others | Fix::Time | Fix::Stopping | Fix::Agent) | None => ().erase(),
    };
    let others = (!row.others.is_empty()).then(|| {
        let links = row.others.iter().map(|other| view! { " "{link(state, other)} }.erase()).collect::<Vec<_>>();
        view! { ":"{links} }
    });
    let icon = if fix == Some(Fix::Others) { "lock" } else { "clock" };
    let trouble =
        row.trouble.map(|trouble| view! { <p class="does mut"><span dir="auto">{coded(&trouble)}</span></p> });
    view! {
        <li>
            <StatusMark status=Status::Ready />
            {name(state, &row.ticket)}
            <span class="facts">{row.role.label()}</span>
            <span class="acts">{act}</span>
            {why.map(|why| view! { <p class="why"><Icon name=icon /><span>{coded(&why)}{others}</span></p> })}
            {trouble}
        </li>
    }
    .erase()
}

/// What needs somebody.
#[component]
pub fn Stuck(
    /// Of which project.
    state: Looping,
    /// It is one of all that the page shows.
    #[prop(optional)]
    inner: bool,
) -> impl IntoView {
    let row = move |id: Uuid| {
        let Some(item) = state.stuck.get(id) else { return ().erase() };
        dynamic(move || stuck(state, item.get())).into_any()
    };
    part(
        ("triage", "Triage"),
        state,
        inner,
        move || state.stuck.ids.with(Vec::len),
        list(move || state.stuck.ids.get(), row),
    )
}

fn stuck(state: Looping, row: StuckRow) -> AnyView {
    let trouble = row.trouble.clone().unwrap_or_else(|| "Somebody moved it to Blocked.".into());
    let escalated = row.escalated_by.as_ref().map(|by| {
        let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        view! { <p class="ask"><b>"A person is wanted. "</b><span dir="auto">{format!("{by} asked for one{reason}")}</span></p> }
    });
    let (id, number) = (row.id, row.ticket.number);
    let roles = Role::ALL.iter().map(|role| {
        view! { <option value=role.word() selected=*role == row.role>{role.label()}</option> }
    });
    let roles = roles.map(Erase::erase).collect::<Vec<_>>();
    let ticket = state.head.with_untracked(|h| format!("/projects/{}/board?task=T-{number}", h.slug));
    view! {
        <li class:wanted=row.escalated_by.is_some()>
            <StatusMark status=Status::Blocked />
            {name(state, &row.ticket)}
            <span class="mut age"><Ago at=row.since /></span>
            <span class="acts">
                <Step task=id step="unblock"><button class="btn s" aria-label=format!("Try T-{number} again")>"Try again"</button></Step>
                <details class="pop">
                    <summary aria-label=format!("What else can be done with T-{number}")>"More"</summary>
                    <div class="pop-body">
                        <Step task=id step="reassign">
                            <select name="role" aria-label="Role">{roles}</select>
                            <button class="btn s">"Try again as this"</button>
                        </Step>
                        {row.escalated_by.is_none().then(|| view! {
                            <Step task=id step="escalate">
                                <input name="reason" dir="auto" maxlength="500" autocomplete="off" placeholder="Why, for whoever looks" aria-label="Why a person must look" />
                                <button class="btn s">"Ask for a person"</button>
                            </Step>
                        })}
                        <Step task=id step="kill"><button class="btn s">"Back to the backlog"</button></Step>
                        <a class="btn s" href=ticket>"Open it, to split or change it"</a>
                    </div>
                </details>
            </span>
            <p class="why bad"><Icon name="alert" /><span dir="auto">{coded(&trouble)}</span></p>
            {escalated}
        </li>
    }
    .erase()
}

/// A form that decides about a ticket.
#[component]
fn Step(task: TaskId, step: &'static str, children: Children) -> impl IntoView {
    let (act, once, toasts) = (use_act(), Once::new(), expect_context::<Toasts>());
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let form = FormText::of(&event);
        let (role, reason) = (form.filled("role"), form.filled("reason"));
        let what = format!("{task} {step} {role:?} {reason:?}");
        let done = match step {
            "escalate" => "A person is asked for.",
            "kill" => "It is back in the backlog.",
            _ => "It is Ready again.",
        };
        let Some(key) = once.begin(&what) else { return };
        // The row may have gone with what was decided, before the answer is here.
        act.run_to_its_end(triage_task(task, step.to_owned(), role, reason, Some(key)), move |answer| {
            once.end(answer.as_ref().err());
            if answer.is_ok() {
                toasts.done(done);
            }
        });
    };
    view! {
        <form class="row" method="post" action=TriageTask::url() on:submit=send>
            <input type="hidden" name="task" value=task.to_string() />
            <input type="hidden" name="step" value=step />
            {children()}
        </form>
    }
    .erase()
}

/// What was decided, the newest first; of all projects that the page shows, or of one, whose older ones can be had too.
#[component]
pub fn Decisions(states: Signal<Vec<Looping>>, of: Option<ProjectId>) -> impl IntoView {
    let all = Memo::new(move |_| {
        let mut all: Vec<(i64, Uuid, usize)> = Vec::new();
        for (n, state) in states.get().into_iter().enumerate() {
            let ids = state.decided.ids.get();
            all.extend(ids.into_iter().filter_map(|id| state.decided.peek(id).map(|d| (-d.at.0, id, n))));
        }
        all.sort_unstable();
        if of.is_none() {
            all.truncate(NEWEST);
        }
        all.into_iter().map(|(_, id, _)| id).collect::<Vec<_>>()
    });
    let line = move |id: Uuid| {
        let found = untrack(|| states.get().into_iter().find_map(|state| state.decided.peek(id).map(|d| (state, d))));
        found.map(|(state, decision)| decided(state, decision, of.is_none())).erase()
    };
    let (end, act) = (RwSignal::new(false), RwSignal::new(false));
    let toasts = expect_context::<Toasts>();
    let further = move |_| {
        let Some(state) = states.get_untracked().first().copied() else { return };
        let last = state.decided.ids.with_untracked(|ids| ids.last().copied());
        let Some(last) = last.and_then(|id| state.decided.peek(id)) else { return };
        act.set(true);
        leptos::task::spawn_local(async move {
            let found = older_decisions(state.project(), last.id).await;
            act.try_set(false);
            match found {
                Ok(older) => {
                    end.try_set(older.next.is_none());
                    state.add_older(older.decisions);
                }
                Err(error) => toasts.error(error.sentence),
            }
        });
    };
    let more = move || {
        // A page that has fewer than it shows at first has all of them.
        (of.is_some() && !end.get() && all.with(Vec::len) >= 20).then(|| {
            view! { <button type="button" class="btn js-only" disabled=move || act.get() on:click=further>"Show more"<Icon name="down" /></button> }
        })
    };
    view! {
        <section class="part" aria-labelledby="decided">
            <h2 id="decided">"What was decided"</h2>
            {dynamic(move || all.with(Vec::is_empty).then(|| view! { <p class="mut">"Nothing yet: the loop has given nothing to agents here."</p> }))}
            <ol class="decided">{list(move || all.get(), line)}</ol>
            {dynamic(more)}
        </section>
    }
    .erase()
}

fn decided(state: Looping, decision: Decision, named: bool) -> AnyView {
    let Decision { before, ticket, after, reason, at, .. } = decision;
    let project = named.then(|| state.head.with_untracked(|h| h.name.clone()));
    let ticket = ticket.map(|ticket| {
        let title = ticket.title.clone();
        if ticket.number == 0 {
            view! { " a ticket that was deleted" }.erase()
        } else {
            view! { " "{link(state, &ticket)}" "<span class="mut" dir="auto">{title}</span> }.erase()
        }
    });
    view! {
        <li>
            <span class="mut age"><Ago at=at /></span>
            <div>
                <p>{before}{ticket}{after}{project.map(|name| view! { <span class="mut" dir="auto">" in "{name}</span> })}</p>
                {reason.map(|reason| view! { <p class="mut cut" dir="auto">{reason}</p> })}
            </div>
        </li>
    }
    .erase()
}
