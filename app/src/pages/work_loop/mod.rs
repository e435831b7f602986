//! The work loop's page, of one project and of all: how it stands, who is at work, what waits and why, what needs
//! somebody, and what was decided.

mod head;
mod rows;
mod state;

use std::rc::Rc;

use clutch_domain::{
    id::{ProjectId, Uuid},
    query::Query,
};
use leptos::prelude::*;
use leptos_meta::Title;

use super::{
    Trouble,
    board::{GatewayChip, ProjectHead},
    frame::use_frame,
    load::load,
    or_trouble, use_slug,
};
use crate::{
    api::{load_loop, load_loops},
    error::AppError,
    lazy::lazily,
    live::{part, use_live},
    model::{home::CheckState, wire::Loaded},
    ui::{Dot, Erase, Icon, coded, dynamic, fresh, list, listen::follow},
};
use head::{Off, Standing};
use rows::{Decisions, Running, Stuck, Waiting};
use state::Looping;

/// The page of one project, or of all where the address names none.
#[component]
pub fn LoopPage() -> impl IntoView {
    let frame = use_frame();
    let slug = use_slug();
    view! {
        <Suspense>
            {dynamic(move || {
                let slug = slug.get();
                Suspend::new(async move {
                    match frame.ready().await {
                        Ok(_) => or_trouble(page(slug).await),
                        Err(error) => view! { <Trouble error /> }.erase(),
                    }
                })
            })}
        </Suspense>
    }
    .erase()
}

lazily! {
    fn page(slug: String) in work_loop as (page_code, preload) {
        Ok(fresh(move || if slug.is_empty() {
            view! { <All /> }.erase()
        } else {
            view! { <OfProject slug=slug.clone() /> }.erase()
        }))
    }
}

fn skeleton() -> AnyView {
    view! {
        <div class="page" aria-busy="true" aria-label="Loading what the loop does">
            <div class="skel wide"></div><div class="skel"></div><div class="skel"></div>
        </div>
    }
    .erase()
}

#[component]
fn OfProject(slug: String) -> impl IntoView {
    let loaded = load(move || slug.clone(), load_loop);
    view! {
        <Suspense fallback=skeleton>
            {dynamic(move || Suspend::new(async move {
                let shown = loaded.await.and_then(|load| {
                    Looping::new(&load).map(|state| (state, load.version)).ok_or_else(AppError::not_understood)
                });
                match shown {
                    Ok((state, version)) => view! { <One state version /> }.erase(),
                    Err(error) => view! { <Trouble error /> }.erase(),
                }
            }))}
        </Suspense>
    }
    .erase()
}

#[component]
fn One(state: Looping, version: u64) -> impl IntoView {
    let head = state.head;
    let (project, slug) = head.with_untracked(|h| (h.project, h.slug.clone()));
    use_live().watch(Query::Loop { project }, Some(version), Rc::new(state));
    let title = head.with_untracked(|h| format!("{} loop · OpenClutch", h.name));
    view! {
        <Title text=crate::ui::title(title) />
        <ProjectHead slug at="work-loop" name=Signal::derive(move || head.with(|h| h.name.clone()))
            color=Signal::derive(move || head.with(|h| h.color.clone()))>
            <GatewayChip />
        </ProjectHead>
        <div class="page loop-page">
            <Standing state />
            <Running state />
            <Stuck state />
            <Waiting state />
            <Decisions states=Signal::derive(move || vec![state]) of=Some(project) />
            <p class="mut">"What the loop does in every project: "<a href="/work-loop">"Work loop"</a></p>
        </div>
    }
    .erase()
}

/// Most projects of which the page of all shows what happens as it happens; the others are links.
pub const LOOPS_MAX: usize = 24;

#[component]
fn All() -> impl IntoView {
    let frame = use_frame();
    // As they are when the page is opened; what is switched on later comes by the feed.
    let first = untrack(|| on(&frame.projects.all()));
    let asked = first.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let loaded = load(move || asked.clone(), load_loops);
    view! {
        <Title text="Work loop · OpenClutch" />
        <Suspense fallback=skeleton>
            {dynamic(move || Suspend::new(async move {
                match loaded.await {
                    Ok(load) => view! { <Projects load /> }.erase(),
                    Err(error) => view! { <Trouble error /> }.erase(),
                }
            }))}
        </Suspense>
    }
    .erase()
}

/// Those that are switched on, as many as are shown.
fn on(projects: &[crate::model::home::ProjectRow]) -> Vec<ProjectId> {
    projects.iter().filter(|row| row.loop_on).map(|row| row.id).take(LOOPS_MAX).collect()
}

#[component]
fn Projects(load: Loaded) -> impl IntoView {
    let (frame, live) = (use_frame(), use_live());
    let shown = Memo::new(move |_| frame.projects.with(on));
    let (states, owner) = (RwSignal::new(Vec::<Looping>::new()), StoredValue::new(Owner::current()));
    let join = move |id: ProjectId, load: Option<&Loaded>| {
        let state = load.and_then(Looping::new).unwrap_or_else(|| Looping::of(id));
        live.watch(Query::Loop { project: id }, load.map(|load| load.version), Rc::new(state));
        states.update(|states| states.push(state));
    };
    for id in shown.get_untracked() {
        join(id, part::<Loaded>(&load, &id.to_string()).as_ref());
    }
    // Made for the page, not for this moment of it.
    follow(move || {
        for id in shown.get() {
            if states.with_untracked(|all| all.iter().all(|state| state.project() != id))
                && let Some(owner) = owner.get_value()
            {
                owner.with(|| join(id, None));
            }
        }
    });
    let here = move || {
        let shown = shown.get();
        states.with(|all| all.iter().copied().filter(|state| shown.contains(&state.project())).collect::<Vec<_>>())
    };
    let ids = move || here().into_iter().map(|state| state.project().0).collect::<Vec<_>>();
    let section = move |id: Uuid| {
        let state = states.with_untracked(|all| all.iter().find(|state| state.project().0 == id).copied());
        state.map(|state| view! { <Section state /> }).erase()
    };
    let rest = move || {
        let shown = shown.get();
        let rows = frame.projects.all().into_iter().filter(|row| !shown.contains(&row.id));
        rows.map(|row| view! { <Off row /> }).map(Erase::erase).collect::<Vec<_>>()
    };
    let away =
        move || live.gateway.with(|g| g.as_ref().filter(|g| g.state == CheckState::Bad).map(|g| g.sentence.clone()));
    let none = move || frame.projects.ids.with(Vec::is_empty);
    view! {
        <div class="page loop-page">
            <div class="page-head"><h1>"Work loop"</h1><span class="grow"></span><GatewayChip /></div>
            {dynamic(move || away().map(|sentence| view! {
                <p class="notice"><Icon name="alert" /><span>{coded(&sentence)}" "<a href="/?setup">"Set it up"</a></span></p>
            }))}
            {dynamic(move || none().then(|| view! {
                <p class="lead">"There is no project yet. "<a href="/?new=project">"Make the first"</a>", and the loop gives its tickets to agents."</p>
            }))}
            {list(ids, section)}
            {dynamic(move || {
                let rest = rest();
                (!rest.is_empty()).then(|| view! { <ul class="tickets others" role="list" aria-label="Other projects">{rest}</ul> })
            })}
            <Decisions states=Signal::derive(here) of=None />
        </div>
    }
    .erase()
}

/// A project among all.
#[component]
fn Section(state: Looping) -> impl IntoView {
    let head = state.head;
    let id = format!("loop-{}", state.project());
    let name = id.clone();
    let address = move || head.with(|h| format!("/projects/{}/work-loop", h.slug));
    view! {
        <section class="of-project" aria-labelledby=name>
            <h2 id=id><a href=address><Dot color=Signal::derive(move || head.with(|h| h.color.clone())) /><span class="cut" dir="auto">{dynamic(move || head.with(|h| h.name.clone()))}</span></a></h2>
            <Standing state inner=true />
            <Running state inner=true />
            <Stuck state inner=true />
            <Waiting state inner=true />
        </section>
    }
    .erase()
}
