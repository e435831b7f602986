//! The dialog "New ticket".

use clutch_domain::task::{Priority, Role, Status};
use leptos::{html, prelude::*, server_fn::ServerFn};

use super::state::BoardState;
use crate::{
    api::{CreateTask, create_task},
    pages::{FormError, FormText},
    ui::{Drafts, Erase, Modal, PriorityMark, Toasts, dynamic},
};

/// The dialog. It shows where the ticket will go and what happens there.
#[component]
pub fn NewTicket(
    /// The board.
    state: BoardState,
    /// The column that was asked for.
    status: Option<Status>,
) -> impl IntoView {
    let (project, slug) = state.head.with_untracked(|h| (h.project, h.slug.clone()));
    let takes = move || state.head.with(|h| h.loop_on && !h.paused && h.local_path.is_some());
    let on = state.head.with_untracked(|h| h.loop_on);
    let status = RwSignal::new(status.unwrap_or(if on { Status::Ready } else { Status::Backlog }));
    let toasts = expect_context::<Toasts>();
    let form = NodeRef::<html::Form>::new();
    let drafts = Drafts::keep(form, format!("new:{slug}"));
    let board = format!("/projects/{slug}/board");
    let to = slug.clone();
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let form = FormText::of(&event);
        let priority = form.text("priority").parse().unwrap_or(Priority::Medium);
        let column = form.text("status").parse().unwrap_or(Status::Backlog);
        let create = create_task(
            project,
            to.clone(),
            form.text("title"),
            form.filled("description"),
            column,
            priority,
            form.filled("role"),
        );
        state.act.run(create, move |answer| {
            if answer.is_ok() {
                drafts.sent();
                toasts.done(format!("Ticket made in {}.", column.label()));
            }
        });
    };
    let line = move || match status.get() {
        Status::Ready if takes() => "An agent takes it in a moment.",
        Status::Ready => "An agent takes it as soon as the loop runs here.",
        Status::Backlog => "An agent starts when this is Ready.",
        _ => "No agent starts from this column.",
    };
    let priorities = [Priority::Low, Priority::Medium, Priority::High, Priority::Urgent]
        .into_iter()
        .map(|p| {
            view! {
                <label>
                    <input type="radio" name="priority" value=p.word() checked=p == Priority::Medium />
                    <span><PriorityMark priority=p />{p.label()}</span>
                </label>
            }
        })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    let roles = Role::ALL
        .iter()
        .filter(|r| !matches!(r, Role::ConflictResolver))
        .map(|r| view! { <option value=r.word()>{r.label()}</option> })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    let statuses = Status::ALL
        .iter()
        .map(|s| view! { <option value=s.word() selected=status.get_untracked() == *s>{s.label()}</option> })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    view! {
        <Modal title="New ticket" close=board>
            <form class="form" method="post" action=CreateTask::url() node_ref=form on:submit=send on:keydown=super::keys::send_on_ctrl_enter>
                <FormError path=CreateTask::PATH />
                <input type="hidden" name="project" value=project.to_string() />
                <input type="hidden" name="slug" value=slug />
                <label>
                    <span class="sr">"Title"</span>
                    <input class="big" name="title" data-draft required maxlength="200" autocomplete="off" autofocus placeholder="What should be done?" />
                </label>
                <label>
                    <span class="sr">"Description"</span>
                    <textarea name="description" data-draft rows="6" placeholder="What an agent needs to know: the goal, where to look, how to tell that it is done."></textarea>
                </label>
                <fieldset class="seg"><legend>"Priority"</legend>{priorities}</fieldset>
                <div class="two">
                    <label><span>"Role"</span><select name="role"><option value="">"Auto"</option>{roles}</select></label>
                    <label>
                        <span>"Column"</span>
                        <select name="status" on:change=move |ev| { if let Ok(s) = event_target_value(&ev).parse() { status.set(s) } }>{statuses}</select>
                    </label>
                </div>
                <div class="row end">
                    <small class="grow">{dynamic(line)}</small>
                    <button class="btn p" disabled=move || state.act.busy.get() != 0>"Create ticket"</button>
                </div>
            </form>
        </Modal>
    }
    .erase()
}
