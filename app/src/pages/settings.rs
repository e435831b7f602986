//! A project's settings.

use clutch_domain::project::ChatLayout;
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{
    FormError, FormText, Missing, Trouble, board::ProjectHead, frame::use_frame, home::ColorChoice, or_trouble,
    use_slug,
};
use crate::{
    api::{DeleteProject, UpdateProject, delete_project, update_project},
    lazy::lazily,
    model::home::ProjectRow,
    ui::{Erase, Toasts, dynamic, use_act},
};

/// The page.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let frame = use_frame();
    let slug = use_slug();
    view! {
        <Suspense>
            {dynamic(move || {
                let slug = slug.get();
                Suspend::new(async move {
                    match frame.ready().await {
                        Err(error) => view! { <Trouble error /> }.erase(),
                        Ok(_) => match untrack(|| frame.row(&slug)) {
                            Some(row) => or_trouble(settings(row).await),
                            None => view! { <Missing /> }.erase(),
                        },
                    }
                })
            })}
        </Suspense>
    }
    .erase()
}

lazily! {
    fn settings(row: ProjectRow) in elsewhere as (settings_code, preload) { Ok(view! { <Settings row /> }.erase()) }
}

#[component]
fn Settings(row: ProjectRow) -> impl IntoView {
    let act = use_act();
    let toasts = expect_context::<Toasts>();
    let id = row.id;
    let color = RwSignal::new(row.color.clone());
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let form = FormText::of(&event);
        act.run(
            update_project(
                id,
                form.text("name"),
                form.filled("description"),
                form.filled("color").or_else(|| Some(color.get_untracked())),
                form.filled("local_path"),
                form.filled("github_repo"),
                form.filled("loop_on").is_some(),
                form.filled("max_agents"),
                form.filled("chat_layout"),
            ),
            move |answer| {
                if answer.is_ok() {
                    toasts.done("Settings saved.");
                }
            },
        );
    };
    let sure = RwSignal::new(false);
    let remove = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        act.run(delete_project(id), |_| {});
    };
    let total: u32 = row.counts.iter().sum();
    view! {
        <Title text=crate::ui::title(format!("{} settings · OpenClutch", row.name)) />
        <ProjectHead slug=row.slug.clone() name=Signal::stored(row.name.clone()) color=Signal::stored(row.color.clone()) at="settings" />
        <div class="page narrow">
            <form class="form panel-box" method="post" action=UpdateProject::url() on:submit=save>
                <FormError path=UpdateProject::PATH />
                <input type="hidden" name="project" value=id.to_string() />
                <label><span>"Name"</span><input name="name" required maxlength="100" autocomplete="off" value=row.name.clone() /></label>
                <label><span>"Description"<em>"optional"</em></span><input name="description" autocomplete="off" value=row.description.clone() /></label>
                <ColorChoice color />
                <label>
                    <span>"Repository on this machine"</span>
                    <input name="local_path" class="mono" autocomplete="off" spellcheck="false" placeholder="/home/you/project" value=row.local_path.clone() />
                    <small>"The absolute path of a git repository. Without it no agent starts."</small>
                </label>
                <label>
                    <span>"GitHub repository"<em>"optional"</em></span>
                    <input name="github_repo" class="mono" autocomplete="off" spellcheck="false" placeholder="owner/repo" value=row.github_repo.clone() />
                </label>
                <label class="switch">
                    <input type="checkbox" name="loop_on" value="true" checked=row.loop_on />
                    <span class="knob" aria-hidden="true"></span>
                    <span>"Let agents take tickets that are Ready"</span>
                </label>
                <label>
                    <span>"Agents at once"<em>"optional"</em></span>
                    <input name="max_agents" type="number" min="1" max="99" inputmode="numeric" value=row.max_agents.map(|n| n.to_string()) />
                    <small>"Empty: as many as the server allows."</small>
                </label>
                <label>
                    <span>"Messages in chats"</span>
                    <select name="chat_layout">
                        <option value="slack" selected=row.chat_layout == ChatLayout::Slack>"One below the other"</option>
                        <option value="imessage" selected=row.chat_layout == ChatLayout::Imessage>"Yours at the right, in bubbles"</option>
                    </select>
                </label>
                <div class="row end"><button class="btn p" disabled=move || act.busy.get() != 0>"Save"</button></div>
            </form>
            <section class="panel-box danger" aria-labelledby="danger">
                <h2 id="danger">"Delete this project"</h2>
                <p class="mut">
                    {match total {
                        0 => "It has no tickets. Its chats and its history go too.".to_owned(),
                        n => format!("Its {n} tickets go with it, and so do their comments and history. This cannot be undone."),
                    }}
                </p>
                <form method="post" action=DeleteProject::url() on:submit=remove>
                    <FormError path=DeleteProject::PATH />
                    <input type="hidden" name="project" value=id.to_string() />
                    <label class="check">
                        <input type="checkbox" required on:change=move |ev| sure.set(event_target_checked(&ev)) />
                        <span>"I mean it"</span>
                    </label>
                    <button class="btn bad">"Delete project"</button>
                </form>
            </section>
        </div>
    }
    .erase()
}
