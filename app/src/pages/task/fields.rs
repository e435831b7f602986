//! The ticket's fields. A choice is saved at once.

use clutch_domain::task::{Priority, Role, Status, TaskField as Field};
use leptos::{html, prelude::*, server_fn::ServerFn};

use super::state::TaskState;
use crate::{
    api::MoveTask,
    live::use_live,
    model::{board::Facts, task::TaskHead},
    pages::{
        FormError,
        board::{BoardState, end_of},
    },
    ui::{Ago, Avatar, Erase, PriorityMark, StatusMark, dynamic},
};

/// All fields.
#[component]
pub fn Fields(board: BoardState, state: TaskState, status: Memo<Status>) -> impl IntoView {
    let task = state.task;
    let id = task.with_untracked(|t| t.id);
    // Shown at once; a refused choice goes back to what is by itself.
    let save = move |field: Field, value: String| state.edit(board, field, value);
    let first = task.get_untracked();
    // The others follow what is, further down.
    let Facts { priority, role, needs_review, assignee: _, tags: _, pr_number: _ } = first.facts;

    let moving = {
        let options = choices(Status::ALL.iter().map(|s| (s.word(), s.label())), first.status.word());
        let go = move |event: web_sys::Event| {
            if let Ok(to) = event_target_value(&event).parse::<Status>() {
                board.move_by_hand(id, to, end_of(to, false));
                // Refused, or asked about first: the choice says what is.
                if status.get_untracked() != to {
                    event_target::<web_sys::HtmlSelectElement>(&event).set_value(status.get_untracked().word());
                }
            }
        };
        // The form is for pages without our code: there the button moves the ticket.
        view! {
            <form class="row" method="post" action=MoveTask::url() on:submit=|ev| ev.prevent_default()>
                <input type="hidden" name="task" value=id.to_string() />
                {dynamic(move || (status.get() == Status::Done).then(|| view! { <input type="hidden" name="reopen" value="true" /> }))}
                {dynamic(move || view! { <StatusMark status=status.get() /> })}
                <select name="to" aria-label="Status" prop:value=move || status.get().word() on:change=go>{options}</select>
                <button class="btn s nojs-only">"Move"</button>
            </form>
        }
    };
    let choice = move |field: Field, label: &'static str, options: Vec<AnyView>, of: fn(&TaskHead) -> &'static str| {
        let now = Memo::new(move |_| task.with(of));
        let chosen = move |event: web_sys::Event| save(field, event_target_value(&event));
        view! { <select aria-label=label prop:value=move || now.get() on:change=chosen>{options}</select> }.erase()
    };
    let priority = {
        let options = choices(Priority::ALL.iter().map(|p| (p.word(), p.label())), priority.word());
        view! {
            {dynamic(move || view! { <PriorityMark priority=task.with(|t| t.facts.priority) /> })}
            {choice(Field::Priority, "Priority", options, |t| t.facts.priority.word())}
        }
    };
    let role = {
        let all = std::iter::once(("", "Auto")).chain(Role::ALL.iter().map(|r| (r.word(), r.label())));
        let options = choices(all, role.map_or("", |r| r.word()));
        choice(Field::Role, "Role", options, |t| t.facts.role.map_or("", |r| r.word()))
    };
    let text = move |field: Field, label: &'static str, hint: &'static str, of: fn(&TaskHead) -> String| {
        let node = NodeRef::<html::Input>::new();
        let now = Memo::new(move |_| task.with(of));
        let painted = StoredValue::new(now.get_untracked());
        let show = move |input: &web_sys::HtmlInputElement| {
            let now = now.try_get_untracked().unwrap_or_default();
            input.set_value(&now);
            painted.try_update_value(|painted| *painted = now);
        };
        // What somebody is writing here is not written over by what comes from elsewhere.
        let follow = move |input: &web_sys::HtmlInputElement| {
            if painted.try_with_value(|painted| *painted == input.value()).unwrap_or_default() {
                show(input);
            }
        };
        crate::ui::listen::follow(move || {
            now.track();
            if let Some(input) = node.get() {
                follow(&input);
            }
        });
        let written = move |event: web_sys::Event| {
            let input = event_target::<web_sys::HtmlInputElement>(&event);
            let value = input.value();
            painted.update_value(|painted| painted.clone_from(&value));
            save(field, value);
        };
        view! {
            <input type="text" dir="auto" aria-label=label placeholder=hint autocomplete="off" node_ref=node value=now.get_untracked() on:change=written />
        }
    };
    let review = {
        let now = Memo::new(move |_| task.with(|t| t.facts.needs_review));
        let chosen = move |event: web_sys::Event| save(Field::NeedsReview, event_target_checked(&event).to_string());
        view! {
            <label class="switch">
                <input type="checkbox" checked=needs_review prop:checked=move || now.get() on:change=chosen />
                <span class="knob" aria-hidden="true"></span>
                <span class="mut">{dynamic(move || if now.get() { "A person looks before it is done" } else { "Not needed" })}</span>
            </label>
        }
    };
    let pull = move || {
        task.with(|t| t.facts.pr_number.zip(t.github_repo.clone())).map(|(n, repo)| {
            view! {
                <dt>"Pull request"</dt>
                <dd><a class="link" rel="external noreferrer" target="_blank" href=format!("https://github.com/{repo}/pull/{n}")>{format!("#{n}")}</a></dd>
            }
        })
    };
    let branch = move || task.with(|t| t.branch.clone()).map(|b| view! { <dt>"Branch"</dt><dd class="mono">{b}</dd> });
    let ended = move || {
        task.with(|t| {
            t.completed_at
                .zip(t.resolution.or(Some(clutch_domain::task::Resolution::Completed)))
                .filter(|_| t.status == Status::Done)
        })
        .map(|(at, how)| view! { <dt>"Ended"</dt><dd>{how.label()}" · "<Ago at long=true /></dd> })
    };
    view! {
        <FormError path=MoveTask::PATH />
        <dl class="fields">
            <dt>"Status"</dt><dd>{moving}</dd>
            <dt>"Priority"</dt><dd>{priority}</dd>
            <dt>"Role"</dt><dd>{role}</dd>
            <Agent state />
            <dt>"Assignee"</dt><dd>{text(Field::Assignee, "Assignee", "Nobody", |t| t.facts.assignee.clone().unwrap_or_default())}</dd>
            <dt>"Tags"</dt><dd>{text(Field::Tags, "Tags", "None; separate with commas", |t| t.facts.tags.join(", "))}</dd>
            <dt>"Review"</dt><dd>{review}</dd>
            {dynamic(branch)}{dynamic(pull)}{dynamic(ended)}
        </dl>
    }
    .erase()
}

fn choices<'a>(all: impl Iterator<Item = (&'a str, &'a str)>, now: &str) -> Vec<AnyView> {
    all.map(|(word, label)| {
        view! { <option value=word.to_owned() selected=word == now>{label.to_owned()}</option> }.erase()
    })
    .collect()
}

/// The agent at work, with what it does right now.
#[component]
fn Agent(state: TaskState) -> impl IntoView {
    let (live, id) = (use_live(), state.task.with_untracked(|t| t.id));
    move || {
        let run = state.runs.all().into_iter().find(|r| r.ended_at.is_none() && r.outcome.is_none())?;
        let line = live.line(id);
        Some(view! {
            <dt>"Agent"</dt>
            <dd class="live">
                <Avatar role=run.role busy=true />
                <span class="cut">{line.unwrap_or_else(|| run.state.label().to_owned())}</span>
                <span class="mut">{format!("attempt {}", run.attempt)}</span>
            </dd>
        })
    }
}
