//! A project's settings.

mod check;

use clutch_domain::project::ChatLayout;
use leptos::{html, prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use self::check::Check;
use super::{
    FormError, FormText, Missing, Trouble, board::ProjectHead, frame::use_frame, home::ColorChoice, or_trouble,
    use_slug,
};
use crate::{
    api::{DeleteProject, UpdateProject, delete_project, load_home, restore_project, update_project},
    error::Class,
    lazy::lazily,
    live::part,
    model::{
        home::ProjectRow,
        settings::{Settings, in_words, same},
    },
    ui::{Erase, Toasts, Undo, dynamic, fresh, use_act},
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
    fn settings(row: ProjectRow) in elsewhere as (settings_code, preload) {
        Ok(fresh(move || view! { <Settings row=row.clone() /> }.erase()))
    }
}

#[component]
fn Settings(row: ProjectRow) -> impl IntoView {
    let act = use_act();
    let toasts = expect_context::<Toasts>();
    let frame = use_frame();
    let id = row.id;
    let node = NodeRef::<html::Form>::new();
    let color = RwSignal::new(row.color.clone());
    // What the form was painted from: what is still so in a field was not touched, and follows the feed.
    let was = RwSignal::new(row.settings());
    // What others made of a field that somebody works on here.
    let theirs = RwSignal::new(Settings::new());
    let now = Memo::new(move |_| {
        frame
            .projects
            .with(|rows| rows.iter().find(|r| r.id == id).map(|r| (r.name.clone(), r.color.clone(), r.settings())))
    });
    let meet = move |now: Settings| {
        let Some(form) = node.try_get_untracked().flatten() else { return };
        let shown = shown(&form, color);
        let (mut new, mut others) = (was.get_untracked(), theirs.get_untracked());
        for (field, is) in now {
            let here = shown.get(&field).cloned().unwrap_or_default();
            if same(&here, &is) {
                others.remove(&field);
            } else if new.get(&field).is_none_or(|was| same(was, &here)) {
                write(&form, &field, &is, color);
            } else if new.get(&field) != Some(&is) {
                others.insert(field.clone(), is.clone());
            }
            new.insert(field, is);
        }
        was.set(new);
        theirs.set(others);
    };
    crate::ui::listen::follow(move || {
        node.track();
        if let Some((_, _, now)) = now.get() {
            meet(now);
        }
    });
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some(form) = node.get_untracked() else { return };
        let mine = shown(&form, color);
        let of = |field: &str| mine.get(field).cloned();
        let painted = serde_json::to_string(&was.get_untracked()).ok();
        let save = update_project(
            id,
            of("name"),
            of("description"),
            of("color"),
            of("local_path"),
            of("github_repo"),
            of("loop_on"),
            of("max_agents"),
            of("chat_layout"),
            painted,
        );
        act.run(save, move |answer| match answer {
            Ok(_) => {
                was.try_set(mine);
                theirs.try_set(Settings::new());
                toasts.done("Settings saved.");
            }
            // What they made of it may not have come by the feed.
            Err(error) if error.class == Class::Conflict => leptos::task::spawn_local(async move {
                let row = load_home().await.ok().and_then(|load| part::<ProjectRow>(&load, &format!("p:{id}")));
                if let Some(row) = row {
                    meet(row.settings());
                }
            }),
            Err(_) => {}
        });
    };
    let note = move |field: &'static str| {
        dynamic(move || {
            theirs.with(|all| all.get(field).map(|is| in_words(field, is))).map(|is| {
                view! { <small class="theirs" role="status">"Somebody changed this to "{is}" meanwhile. Saving keeps what stands here."</small> }
            })
        })
    };
    let (folder, repository) = (Check::of("local_path", node), Check::of("github_repo", node));
    let name = Signal::derive(move || now.with(|now| now.as_ref().map_or_else(String::new, |(name, ..)| name.clone())));
    let dot =
        Signal::derive(move || now.with(|now| now.as_ref().map_or_else(String::new, |(_, color, _)| color.clone())));
    let painted = was.with_untracked(|was| serde_json::to_string(was).unwrap_or_default());
    let sure = RwSignal::new(false);
    // Outlives the page, which leads home at once.
    let restore: Undo = std::sync::Arc::new(move || {
        leptos::task::spawn_local(async move {
            if let Err(error) = restore_project(id).await {
                toasts.error(error.sentence);
            }
        });
    });
    let deleted = row.name.clone();
    let remove = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let (deleted, restore) = (deleted.clone(), restore.clone());
        act.run_to_its_end(delete_project(id), move |answer| {
            if answer.is_ok() {
                toasts.undo(format!("\u{201c}{deleted}\u{201d} was deleted."), restore);
            }
        });
    };
    let total: u32 = row.counts.iter().sum();
    view! {
        <Title text=crate::ui::title(format!("{} settings · OpenClutch", row.name)) />
        <ProjectHead slug=row.slug.clone() name color=dot at="settings" />
        <div class="page narrow settings-page">
            <form class="form panel-box" method="post" action=UpdateProject::url() node_ref=node on:submit=save>
                <FormError path=UpdateProject::PATH />
                <input type="hidden" name="project" value=id.to_string() />
                <input type="hidden" name="was" value=painted />
                <label><span>"Name"</span><input name="name" dir="auto" required maxlength="100" autocomplete="off" value=row.name.clone() /></label>
                {note("name")}
                <label><span>"Description"<em>"optional"</em></span><input name="description" dir="auto" autocomplete="off" value=row.description.clone() /></label>
                {note("description")}
                <ColorChoice color />
                {note("color")}
                <label>
                    <span>"Repository on this machine"</span>
                    <input name="local_path" class="mono" dir="ltr" autocomplete="off" spellcheck="false" placeholder="/home/you/project" value=row.local_path.clone()
                        on:input=move |_| folder.forget() on:change=move |_| folder.look() />
                    <small>"The absolute path of a git repository. Without it no agent starts."</small>
                </label>
                {folder.view("Check the repository on this machine")}
                {note("local_path")}
                <label>
                    <span>"GitHub repository"<em>"optional"</em></span>
                    <input name="github_repo" class="mono" dir="ltr" autocomplete="off" spellcheck="false" placeholder="owner/repo" value=row.github_repo.clone()
                        on:input=move |_| repository.forget() on:change=move |_| repository.look() />
                </label>
                {repository.view("Check the repository on GitHub")}
                {note("github_repo")}
                <label class="switch">
                    <input type="checkbox" name="loop_on" value="true" checked=row.loop_on />
                    <span class="knob" aria-hidden="true"></span>
                    <span>"Let agents take tickets that are Ready"</span>
                </label>
                {note("loop_on")}
                <label>
                    <span>"Agents at once"<em>"optional"</em></span>
                    <input name="max_agents" type="number" min="1" max="99" inputmode="numeric" value=row.max_agents.map(|n| n.to_string()) />
                    <small>"Empty: as many as the server allows."</small>
                </label>
                {note("max_agents")}
                <label>
                    <span>"Messages in chats"</span>
                    <select name="chat_layout">
                        <option value="slack" selected=row.chat_layout == ChatLayout::Slack>"One below the other"</option>
                        <option value="imessage" selected=row.chat_layout == ChatLayout::Imessage>"Yours at the right, in bubbles"</option>
                    </select>
                </label>
                {note("chat_layout")}
                <div class="row end"><button class="btn p" disabled=move || act.busy.get() != 0>"Save"</button></div>
            </form>
            <p class="mut">"What agents may use up on a day, and dry runs: "<a href=format!("/projects/{}/brakes", row.slug) rel="external">"Brakes"</a></p>
            <p class="mut owners">"What happens here is sent to programs elsewhere: "<a href=format!("/projects/{}/webhooks", row.slug) rel="external">"Webhooks"</a></p>
            <p class="mut">"Tokens of programs, people, and browsers that are logged in: "<a href="/access" rel="external">"Who may come in"</a></p>
            // Shown where people log in (public/as).
            <p class="mut log-out" hidden>"Your password, and browsers in which you are logged in: "<a href="/account" rel="external">"Your account"</a></p>
            <form class="log-out" hidden method="post" action="/logout" rel="external"><button class="btn">"Log out"</button></form>
            <section class="panel-box danger" aria-labelledby="danger">
                <h2 id="danger">"Delete this project"</h2>
                <p class="mut">
                    {match total {
                        0 => "It has no tickets. Its chats and its history go too. For a week it can be brought back.".to_owned(),
                        n => format!("Its {n} tickets go with it, and so do their comments and history. For a week it can be brought back."),
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

/// What stands in the form. A colour that is none of those to choose from is the project's own.
fn shown(form: &web_sys::HtmlFormElement, color: RwSignal<String>) -> Settings {
    let text = FormText::of_form(form);
    crate::model::settings::FIELDS
        .iter()
        .map(|(field, _)| {
            let value = text.filled(field);
            let value = if *field == "color" { value.or_else(|| Some(color.get_untracked())) } else { value };
            ((*field).to_owned(), value.unwrap_or_default())
        })
        .collect()
}

/// Writes a value into a field of the form.
fn write(form: &web_sys::HtmlFormElement, field: &str, value: &str, color: RwSignal<String>) {
    let all = form.query_selector_all(&format!("[name={field}]"));
    let Ok(all) = all else { return };
    for n in 0..all.length() {
        // Text areas and lists have the same `value`.
        let Some(input) = all.item(n).map(wasm_bindgen::JsCast::unchecked_into::<web_sys::HtmlInputElement>) else {
            continue;
        };
        match input.type_().as_str() {
            "radio" => input.set_checked(input.value() == value),
            "checkbox" => input.set_checked(!value.is_empty()),
            _ => input.set_value(value),
        }
    }
    if field == "color" {
        color.set(value.to_owned());
    }
}
