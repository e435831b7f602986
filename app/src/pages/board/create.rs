//! The dialog "New ticket".

use clutch_domain::task::{Priority, Role, Status};
use leptos::{html, prelude::*, server_fn::ServerFn};

use super::state::BoardState;
use crate::{
    api::{CreateTask, create_task},
    error::AppError,
    lazy::lazily,
    pages::{FormError, FormText},
    ui::{Drafts, Erase, Modal, Once, PriorityMark, Toasts, dynamic},
};

lazily! {
    /// The dialog "New ticket", with its code.
    fn new_ticket(state: BoardState, status: Option<Status>, leave: Callback<()>) in ticket as (new_ticket_code, preload_dialog) {
        Ok(view! { <NewTicket state status leave /> }.erase())
    }
}

/// The dialog. It shows where the ticket will go and what happens there.
#[component]
fn NewTicket(
    /// The board.
    state: BoardState,
    /// The column that was asked for.
    status: Option<Status>,
    /// Closes it.
    leave: Callback<()>,
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
    let once = Once::new();
    let unsure = RwSignal::new(false);
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let form = FormText::of(&event);
        let [title, description, to_column, priority, role] =
            ["title", "description", "status", "priority", "role"].map(|field| form.text(field));
        let what = [title.as_str(), &description, &to_column, &priority, &role].join("\n");
        let column = to_column.parse().unwrap_or(Status::Backlog);
        let priority = priority.parse().unwrap_or(Priority::Medium);
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let slug = to.clone();
        let create = |key| create_task(project, slug, title, filled(description), column, priority, filled(role), key);
        once.run(state.act, &what, create, move |answer| {
            unsure.try_set(answer.as_ref().is_err_and(AppError::unsure));
            if answer.is_ok() {
                drafts.sent(|name| form.raw(name));
                toasts.done(format!("Ticket made in {}.", column.label()));
                leave.run(());
            }
        });
    };
    let may_be_there = move || {
        unsure.get().then(|| {
            view! {
                <p class="form-error" role="alert">
                    "No answer came: the ticket may be there already. Trying again as it stands here makes it only once; changed, it is another ticket."
                </p>
            }
        })
    };
    let line = move || match status.get() {
        Status::Ready if takes() => "An agent takes it in a moment.",
        Status::Ready => "An agent takes it as soon as the loop runs here.",
        Status::Backlog => "An agent starts when this is Ready.",
        _ => "No agent starts from this column.",
    };
    // Buttons, by the names that scripts know; without our code the form's own choice.
    let chosen = RwSignal::new(Priority::Medium);
    let priorities = [Priority::Low, Priority::Medium, Priority::High, Priority::Urgent]
        .into_iter()
        .map(|p| {
            view! {
                <label class="nojs-only">
                    <input type="radio" name="priority" value=p.word() checked=p == Priority::Medium prop:checked=move || chosen.get() == p />
                    <span><PriorityMark priority=p />{p.label()}</span>
                </label>
                <button type="button" class="js-only" aria-label=p.label() aria-pressed=move || (chosen.get() == p).to_string() on:click=move |_| chosen.set(p)>
                    <PriorityMark priority=p />{p.label()}
                </button>
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
        <Modal title="New ticket" close=board leave>
            <form class="form" method="post" action=CreateTask::url() node_ref=form on:submit=send on:keydown=super::keys::send_on_ctrl_enter>
                <FormError path=CreateTask::PATH />
                {dynamic(may_be_there)}
                <input type="hidden" name="project" value=project.to_string() />
                <input type="hidden" name="slug" value=slug />
                <label>
                    <span class="sr">"Title"</span>
                    <input class="big" name="title" dir="auto" data-draft required maxlength="200" autocomplete="off" autofocus placeholder="What should be done?" />
                </label>
                <label>
                    <span class="sr">"Description"</span>
                    <textarea name="description" dir="auto" data-draft rows="6" placeholder="What an agent needs to know: the goal, where to look, how to tell that it is done."></textarea>
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
                    <button class="btn p" disabled=move || state.act.busy.get() != 0>"Create Task"</button>
                </div>
            </form>
        </Modal>
    }
    .erase()
}
