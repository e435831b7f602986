//! What happened in a project, newest first, and live.

use std::rc::Rc;

use clutch_domain::query::Query;
use leptos::prelude::*;
use leptos_meta::Title;

use super::{Trouble, board::ProjectHead, frame::use_frame, load::load, or_trouble, use_slug};
use crate::{
    error::AppError,
    lazy::lazily,
    live::{Sink, fill, part, parts::Parts, read, use_live},
    model::{activity::ActivityHead, task::ActivityItem, wire::Loaded},
    ui::{Ago, Erase, dynamic, fresh},
};

/// The newest lines of a project's log.
#[server(prefix = "/fn", endpoint = "load_activity", output = crate::codec::Reply)]
pub async fn load_activity(slug: String) -> Result<Loaded, AppError> {
    use clutch_domain::query::answer;

    use crate::{
        api::edge,
        model::{Extra, parts},
        site::site,
    };

    let load = async {
        let site = site()?;
        let query = Query::Activity { project: edge::project(&site, &slug).await?.id };
        let read = site.office.read(&query.fetch()).await?;
        let mut parts = parts(&query, &answer(&query, &read.value), &Extra::default());
        crate::model::put(&mut parts, "query", &query);
        Ok::<_, AppError>(Loaded { version: read.version, parts })
    };
    edge::told(load.await)
}

/// The page.
#[component]
pub fn ActivityPage() -> impl IntoView {
    let frame = use_frame();
    let slug = use_slug();
    let loaded = load(move || slug.get(), load_activity);
    view! {
        <Suspense>
            {dynamic(move || Suspend::new(async move {
                match frame.ready().await.and(loaded.await) {
                    Ok(load) => or_trouble(log(load).await),
                    Err(error) => view! { <Trouble error /> }.erase(),
                }
            }))}
        </Suspense>
    }
    .erase()
}

#[derive(Clone, Copy)]
struct LogState {
    head: RwSignal<ActivityHead>,
    lines: Parts<ActivityItem>,
}

impl Sink for LogState {
    fn put(&self, name: &str, json: &str) {
        if !self.lines.put(name, json)
            && let Some(head) = read(json)
        {
            self.head.set(head);
        }
    }

    fn del(&self, name: &str) {
        self.lines.del(name);
    }

    fn names(&self) -> Vec<String> {
        let mut all = vec!["head".to_owned()];
        self.lines.names(&mut all);
        all
    }

    fn settled(&self, _version: u64) {
        self.lines.settle();
    }
}

lazily! {
    fn log(load: Loaded) in elsewhere as (log_code, preload) {
        let head = part(&load, "head").ok_or_else(AppError::not_understood)?;
        let query: Query = part(&load, "query").ok_or_else(AppError::not_understood)?;
        let state = LogState { head: RwSignal::new(head), lines: Parts::new() };
        fill(&state, &load);
        let version = load.version;
        Ok(fresh(move || view! { <Log state query version /> }.erase()))
    }
}

#[component]
fn Log(state: LogState, query: Query, version: u64) -> impl IntoView {
    use_live().watch(query, Some(version), Rc::new(state));
    let head = state.head;
    let slug = head.with_untracked(|head| head.slug.clone());
    view! {
        <Title text=crate::ui::title(format!("Activity in {} · OpenClutch", head.with_untracked(|head| head.name.clone()))) />
        <ProjectHead slug at="activity" name=Signal::derive(move || head.with(|h| h.name.clone()))
            color=Signal::derive(move || head.with(|h| h.color.clone())) />
        <div class="page log">
            <div class="page-head"><h2>"Activity"</h2></div>
            <ul role="list">{dynamic(move || state.lines.all().into_iter().map(line).map(Erase::erase).collect::<Vec<_>>())}</ul>
        </div>
    }
    .erase()
}

fn line(item: ActivityItem) -> AnyView {
    view! {
        <li class=format!("by-{}", item.who_kind)>
            <span class="tick" aria-hidden="true"></span>
            <p dir="auto"><b>{item.who}</b>" "{item.text}{item.reason.map(|r| view! { <span class="mut">": "{r}</span> })}</p>
            <Ago at=item.at />
        </li>
    }
    .erase()
}
