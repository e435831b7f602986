//! Home: the projects; with none, the first steps.

use clutch_domain::{task::Status, text::Slug};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;

use super::{FormError, Trouble, frame::use_frame, opened::closer, or_trouble, steps::Steps, use_query};
use crate::{
    api::{CreateProject, create_project},
    lazy::lazily,
    model::home::{CheckState, ProjectRow},
    ui::{Ago, Dot, Erase, Icon, Modal, Once, StatusMark, dynamic, use_act},
};

/// Colours to choose from; a program may set any other.
pub const COLORS: [(&str, &str); 8] = [
    ("#3b82f6", "Blue"),
    ("#8b5cf6", "Violet"),
    ("#ec4899", "Pink"),
    ("#ef4444", "Red"),
    ("#f97316", "Orange"),
    ("#eab308", "Yellow"),
    ("#22c55e", "Green"),
    ("#14b8a6", "Teal"),
];

/// The page.
#[component]
pub fn HomePage() -> impl IntoView {
    let frame = use_frame();
    view! {
        <Title text="OpenClutch" />
        <Suspense fallback=Skeleton>
            {dynamic(move || Suspend::new(async move {
                match frame.ready().await {
                    Ok(_) => or_trouble(projects().await),
                    Err(error) => view! { <Trouble error /> }.erase(),
                }
            }))}
        </Suspense>
    }
    .erase()
}

#[component]
fn Skeleton() -> impl IntoView {
    view! { <div class="page" aria-busy="true" aria-label="Loading"><div class="skel wide"></div><div class="skel"></div><div class="skel"></div></div> }
}

lazily! {
    fn projects() in elsewhere as (projects_code, preload) { Ok(view! { <Projects /> }.erase()) }
}

#[component]
fn Projects() -> impl IntoView {
    let frame = use_frame();
    let query = use_query();
    let live = crate::live::use_live();
    let none = Memo::new(move |_| frame.projects.ids.with(Vec::is_empty));
    let asked = move || query.with(|q| q.get("new").is_some());
    let close_new = closer(query, "new");
    let unwell = move || live.gateway.with(|g| g.as_ref().is_some_and(|g| g.state == CheckState::Bad));
    let setup = move || query.with(|q| q.get("setup").is_some());
    view! {
        <div class="page home-page">
            <div class="page-head">
                <h1>{dynamic(move || if none.get() { "Welcome" } else { "Projects" })}</h1>
                <span class="grow"></span>
                {dynamic(move || (!none.get()).then(|| view! { <a class="btn p" href="/?new=project" data-noscroll><Icon name="plus" />"New project"</a> }))}
            </div>
            {dynamic(move || {
                if none.get() {
                    view! {
                        <p class="lead">
                            "OpenClutch is the board on which people and agents do the same work: you write a ticket, an agent takes it, and you watch it happen."
                        </p>
                        <div class="first">
                            <Steps />
                            <section class="panel-box" aria-labelledby="first-project">
                                <h2 id="first-project">"Your first project"</h2>
                                <ProjectForm />
                            </section>
                        </div>
                    }
                    .erase()
                } else {
                    view! {
                        {dynamic(move || if setup() {
                            view! { <Steps /> }.erase()
                        } else if unwell() {
                            view! { <Steps open_only=true /> }.erase()
                        } else {
                            ().erase()
                        })}
                        <ul class="projects">{dynamic(move || frame.projects.all().into_iter().map(|row| view! { <Row row /> }).map(Erase::erase).collect::<Vec<_>>())}</ul>
                    }
                    .erase()
                }
            })}
        </div>
        {dynamic(move || (asked() && !none.get()).then(|| view! { <Modal title="New project" close="/" leave=close_new><ProjectForm /></Modal> }))}
    }
}

/// A project: its columns as a bar, its agents, what waits for a person.
#[component]
fn Row(row: ProjectRow) -> impl IntoView {
    let board = format!("/projects/{}/board", row.slug);
    let total: u32 = row.counts.iter().sum();
    let counts = Status::ALL
        .iter()
        .zip(row.counts)
        .filter(|(status, n)| *n > 0 && **status != Status::Done)
        .map(|(status, n)| view! { <span class="count"><StatusMark status=*status />{n}<span class="word">{status.label()}</span></span> })
        .map(Erase::erase).collect::<Vec<_>>();
    let state = match (row.waiting, row.running, row.loop_on) {
        (1.., _, _) => {
            view! { <span class="pill need">{row.waiting}" need"{(row.waiting == 1).then_some("s")}" you"</span> }
                .erase()
        }
        (_, 1.., _) => {
            view! { <span class="pill run"><span class="pulse run"></span>{row.running}" running"</span> }.erase()
        }
        (_, _, true) => view! { <span class="pill quiet">"Loop on"</span> }.erase(),
        _ => view! { <span class="pill quiet">"Loop off"</span> }.erase(),
    };
    view! {
        <li class="project">
            <Dot color=row.color />
            <div class="what">
                <h2><a class="cover" dir="auto" href=board>{row.name}</a></h2>
                <p class="mut cut">{row.description.unwrap_or_else(|| row.local_path.unwrap_or_else(|| "No repository yet".into()))}</p>
            </div>
            <div class="counts">
                {if total == 0 { view! { <span class="mut">"No tickets yet"</span> }.erase() } else { counts.erase() }}
            </div>
            {state}
            <span class="mut age"><Ago at=row.updated_at /></span>
        </li>
    }
}

/// The form that makes a project. It posts by itself; with our code it answers in place.
#[component]
fn ProjectForm() -> impl IntoView {
    let act = use_act();
    let name = RwSignal::new(String::new());
    let color = RwSignal::new(COLORS[0].0.to_owned());
    let frame = use_frame();
    // The address that it will get: as the server does, the first that is free.
    let slug = move || {
        if name.with(|name| name.trim().is_empty()) {
            return "your-project".to_owned();
        }
        let wish = name.with(|name| Slug::from_name(name));
        let free = |slug: &Slug| frame.projects.with(|rows| rows.iter().all(|row| row.slug != slug.as_str()));
        let found = wish.tries().find(free);
        found.unwrap_or(wish).into_string()
    };
    let once = Once::new();
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let form = super::FormText::of(&event);
        let [name, description, color, local_path, github_repo, loop_on] =
            ["name", "description", "color", "local_path", "github_repo", "loop_on"].map(|field| form.text(field));
        let what = [name.as_str(), &description, &color, &local_path, &github_repo, &loop_on].join("\n");
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let create = |key| {
            create_project(
                name,
                None,
                filled(description),
                filled(color),
                filled(local_path),
                filled(github_repo),
                !loop_on.is_empty(),
                key,
            )
        };
        once.run(act, &what, create, |_| {});
    };
    view! {
        <form class="form" method="post" action=CreateProject::url() on:submit=send>
            <FormError path=CreateProject::PATH />
            <label>
                <span>"Name"</span>
                <input name="name" dir="auto" required maxlength="100" autocomplete="off" autofocus placeholder="Acme API"
                    on:input=move |ev| name.set(event_target_value(&ev)) />
                <small>"Address: /projects/"{slug}"/board"</small>
            </label>
            <label><span>"Description"<em>"optional"</em></span><input name="description" dir="auto" autocomplete="off" /></label>
            <ColorChoice color />
            <label>
                <span>"Repository on this machine"</span>
                <input name="local_path" class="mono" dir="ltr" autocomplete="off" spellcheck="false" placeholder="/home/you/project" />
                <small>"The absolute path of a git repository. Without it no agent starts."</small>
            </label>
            <label>
                <span>"GitHub repository"<em>"optional"</em></span>
                <input name="github_repo" class="mono" dir="ltr" autocomplete="off" spellcheck="false" placeholder="owner/repo" />
            </label>
            <label class="switch">
                <input type="checkbox" name="loop_on" value="true" checked />
                <span class="knob" aria-hidden="true"></span>
                <span>"Let agents take tickets that are Ready"</span>
            </label>
            <div class="row end">
                <button class="btn p" disabled=move || act.busy.get() != 0>"Create project"</button>
            </div>
        </form>
    }
    .erase()
}

/// Eight colours as radio buttons.
#[component]
pub fn ColorChoice(
    /// The chosen one.
    color: RwSignal<String>,
) -> impl IntoView {
    let choices = COLORS
        .into_iter()
        .map(|(hex, name)| {
            view! {
                <label title=name>
                    <input type="radio" name="color" value=hex checked=color.get_untracked() == hex aria-label=name
                        on:change=move |_| color.set(hex.into()) />
                    <Dot color=Signal::stored(hex.to_owned()) />
                </label>
            }
        })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    view! { <fieldset class="colors"><legend>"Colour"</legend>{choices}</fieldset> }
}
