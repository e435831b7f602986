//! The ticket's fields. A choice is saved at once.

use clutch_domain::task::{Priority, Role, Status};
use leptos::{prelude::*, server_fn::ServerFn};

use super::state::TaskState;
use crate::{
    api::{Field, MoveTask, edit_task},
    live::use_live,
    model::task::TaskHead,
    pages::{
        FormError,
        board::{BoardState, end_of},
    },
    ui::{Act, Ago, Avatar, Erase, PriorityMark, StatusMark, dynamic},
};

/// All fields.
#[component]
pub fn Fields(board: BoardState, state: TaskState, status: Memo<Status>, act: Act) -> impl IntoView {
    let task = state.task;
    let id = task.with_untracked(|t| t.id);
    let save = Callback::new(move |(field, value): (Field, String)| act.run(edit_task(id, field, value), |_| {}));
    let first = task.get_untracked();

    let moving = {
        let options = choices(Status::ALL.iter().map(|s| (s.word(), s.label())), first.status.word());
        let go = move |event: web_sys::Event| {
            if let Ok(to) = event_target_value(&event).parse::<Status>() {
                board.request_move(id, to, end_of(to, false));
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
    let priority = {
        let options = choices(Priority::ALL.iter().map(|p| (p.word(), p.label())), first.priority.word());
        view! {
            {dynamic(move || view! { <PriorityMark priority=task.with(|t| t.priority) /> })}
            <select aria-label="Priority" prop:value=move || task.with(|t| t.priority.word())
                on:change=move |ev| save.run((Field::Priority, event_target_value(&ev)))>{options}</select>
        }
    };
    let role = {
        let all = std::iter::once(("", "Auto")).chain(Role::ALL.iter().map(|r| (r.word(), r.label())));
        let options = choices(all, first.role.map_or("", |r| r.word()));
        view! {
            <select aria-label="Role" prop:value=move || task.with(|t| t.role.map_or("", |r| r.word()))
                on:change=move |ev| save.run((Field::Role, event_target_value(&ev)))>{options}</select>
        }
    };
    let text = move |field: Field, label: &'static str, hint: &'static str, of: fn(&TaskHead) -> String| {
        view! {
            <input type="text" aria-label=label placeholder=hint autocomplete="off" value=task.with_untracked(of)
                prop:value=move || task.with(of) on:change=move |ev| save.run((field, event_target_value(&ev))) />
        }
    };
    let review = view! {
        <label class="switch">
            <input type="checkbox" checked=first.needs_review prop:checked=move || task.with(|t| t.needs_review)
                on:change=move |ev| save.run((Field::NeedsReview, event_target_checked(&ev).to_string())) />
            <span class="knob" aria-hidden="true"></span>
            <span class="mut">{dynamic(move || if task.with(|t| t.needs_review) { "A person looks before it is done" } else { "Not needed" })}</span>
        </label>
    };
    let pull = move || {
        task.with(|t| t.pr_number.zip(t.github_repo.clone())).map(|(n, repo)| {
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
            <dt>"Assignee"</dt><dd>{text(Field::Assignee, "Assignee", "Nobody", |t| t.assignee.clone().unwrap_or_default())}</dd>
            <dt>"Tags"</dt><dd>{text(Field::Tags, "Tags", "None; separate with commas", |t| t.tags.join(", "))}</dd>
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
    let line = use_live().line(state.task.with_untracked(|t| t.id));
    move || {
        let run = state.runs.with(|runs| runs.iter().find(|r| r.ended_at.is_none() && r.outcome.is_none()).cloned())?;
        let line = line.get();
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
