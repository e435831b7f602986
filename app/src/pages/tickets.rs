//! All tickets of one column, page by page: what a board does not hold is found here, with and without our code.

use clutch_domain::task::Status;
use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::{NavigateOptions, hooks::use_navigate, params::ParamsMap};

use super::{
    FormText, Trouble,
    board::ProjectHead,
    frame::use_frame,
    load::{key, load, words},
    or_trouble, use_query, use_slug,
};
use crate::{
    api::load_tickets,
    error::AppError,
    lazy::lazily,
    live::part,
    model::{board::Card, tickets::ColumnPage, wire::Loaded},
    ui::{Ago, Erase, Icon, PriorityMark, StatusMark, dynamic, thousands},
};

/// The page.
#[component]
pub fn TicketsPage() -> impl IntoView {
    let frame = use_frame();
    let slug = use_slug();
    let query = use_query();
    let asked = move || {
        let word = |name| query.with(|q| q.get(name).unwrap_or_default());
        key(&[&slug.read(), &word("column"), &word("q"), &word("from")])
    };
    let loaded = load(asked, ask);
    view! {
        <Suspense>
            {dynamic(move || Suspend::new(async move {
                let ready = frame.ready().await;
                match ready.and(loaded.await) {
                    Ok(load) => or_trouble(tickets(load).await),
                    Err(error) => view! { <Trouble error /> }.erase(),
                }
            }))}
        </Suspense>
    }
    .erase()
}

fn ask(key: String) -> impl Future<Output = Result<Loaded, AppError>> + Send {
    let [slug, column, words, from] = words(&key);
    load_tickets(slug, Some(column), words, Some(from))
}

lazily! {
    fn tickets(load: Loaded) in elsewhere as (tickets_code, preload) {
        let page = RwSignal::new(part::<ColumnPage>(&load, "page").ok_or_else(AppError::not_understood)?);
        follow_the_counts(page);
        Ok(view! { {dynamic(move || view! { <Tickets page=page.get() /> })} }.into_any())
    }
}

/// What comes into a column or leaves it is told by the feed of all projects; then the page is loaded once more.
fn follow_the_counts(page: RwSignal<ColumnPage>) {
    let (frame, query) = (use_frame(), use_query());
    let slug = page.with_untracked(|page| page.slug.clone());
    Effect::new(move |was: Option<Option<[u32; 6]>>| {
        let now = frame.projects.with(|rows| rows.iter().find(|row| row.slug == slug).map(|row| row.counts));
        if was.is_some_and(|was| was != now) {
            let (slug, column, words) = page.with_untracked(|p| (p.slug.clone(), p.column, p.words.clone()));
            let from = query.with_untracked(|q| q.get("from"));
            leptos::task::spawn_local(async move {
                let again = load_tickets(slug, Some(column.word().to_owned()), words, from).await.ok();
                // Where it does not come, the bar above says that the server is away.
                if let Some(new) = again.and_then(|load| part::<ColumnPage>(&load, "page")) {
                    page.try_set(new);
                }
            });
        }
        now
    });
}

/// An address of this page.
fn address(page: &ColumnPage, column: Status, words: &str, from: Option<&str>) -> String {
    let mut query = ParamsMap::new();
    query.insert("column", column.word().to_owned());
    if !words.is_empty() {
        query.insert("q", words.to_owned());
    }
    if let Some(from) = from {
        query.insert("from", from.to_owned());
    }
    format!("/projects/{}/tickets{}", page.slug, query.to_query_string())
}

#[component]
fn Tickets(page: ColumnPage) -> impl IntoView {
    let ColumnPage { column, words, found, .. } = page.clone();
    let columns = Status::ALL
        .iter()
        .map(|status| {
            let current = (*status == column).then_some("page");
            view! {
                <a class="pill" href=address(&page, *status, &words, None) aria-current=current>
                    <StatusMark status=*status />{status.label()}" "{thousands(page.counts[*status as usize])}
                </a>
            }
        })
        .map(Erase::erase)
        .collect::<Vec<_>>();
    let navigate = use_navigate();
    let here = page.clone();
    let search = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let words = FormText::of(&event).text("q");
        navigate(&address(&here, column, words.trim(), None), NavigateOptions::default());
    };
    let field = NodeRef::<html::Input>::new();
    let said = said(&page);
    // The name and the colour follow the feed of all projects.
    let (frame, project) = (use_frame(), page.project);
    let row_now = Memo::new(move |_| {
        frame
            .projects
            .with(|rows| rows.iter().find(|row| row.id == project).map(|row| (row.name.clone(), row.color.clone())))
    });
    let (name, color) = (page.name.clone(), page.color.clone());
    let name = Signal::derive(move || row_now.get().map_or_else(|| name.clone(), |(name, _)| name));
    let color = Signal::derive(move || row_now.get().map_or_else(|| color.clone(), |(_, color)| color));
    let slug = page.slug.clone();
    let rows = found.cards.iter().map(|card| row(&slug, card)).collect::<Vec<_>>();
    let list = if rows.is_empty() {
        ().erase()
    } else {
        view! { <ul class="tickets" role="list" aria-label=column.label()>{rows}</ul> }.erase()
    };
    let behind = if column == Status::Done { "Older" } else { "Further down" };
    let on = found.next.as_ref().map(|next| {
        view! { <a class="btn" href=address(&page, column, &words, Some(next))>{behind}<Icon name="down" /></a> }
    });
    let first = if column == Status::Done { "To the newest" } else { "To the top" };
    let back = page.further.then(|| {
        view! { <a class="btn" href=address(&page, column, &words, None)><Icon name="up" />{first}</a> }
    });
    view! {
        <Title text=crate::ui::title(format!("{} in {} · OpenClutch", column.label(), page.name)) />
        <ProjectHead slug=page.slug.clone() at="board" name color />
        <div class="page tickets-page">
            <div class="page-head">
                <h2>"Tickets as a list"</h2>
                <span class="grow"></span>
                <a class="btn" href=format!("/projects/{slug}/board")>"To the board"</a>
            </div>
            <nav class="row columns" aria-label="Columns">{columns}</nav>
            <form class="row look-for" method="get" action=format!("/projects/{slug}/tickets") role="search" on:submit=search>
                <input type="hidden" name="column" value=column.word() />
                <label class="find">
                    <Icon name="search" />
                    <input type="search" name="q" dir="auto" maxlength="200" autocomplete="off" placeholder="Words or number" node_ref=field
                        aria-label=format!("Find tickets in {}", column.label()) value=words.clone() />
                </label>
                <button class="btn">"Find"</button>
                <span class="mut" role="status">{said}</span>
            </form>
            {list}
            <div class="row">{back}{on}</div>
        </div>
    }
    .erase()
}

/// What was looked at, and what was found.
fn said(page: &ColumnPage) -> String {
    let all = page.counts[page.column as usize];
    let (shown, looked) = (page.found.cards.len(), page.found.looked);
    let more = page.found.next.is_some();
    match (page.words.is_empty(), page.further, more) {
        (true, false, false) if all == 0 => "No ticket is in this column.".into(),
        (true, false, false) => format!("All {} tickets of this column.", thousands(all)),
        (true, false, true) => format!("The first {shown} of {} tickets.", thousands(all)),
        (true, true, true) => format!("{shown} further ones of {} tickets.", thousands(all)),
        (true, true, false) => format!("The last {shown} of {} tickets.", thousands(all)),
        (false, false, false) => format!("{shown} found among all {} tickets of this column.", thousands(looked)),
        (false, false, true) => {
            format!("{shown} found; {} of {} tickets were looked at.", thousands(looked), thousands(all))
        }
        (false, true, true) => format!("{shown} found in {} further tickets; there are more.", thousands(looked)),
        (false, true, false) => format!("{shown} found in the last {} tickets.", thousands(looked)),
    }
}

fn row(slug: &str, card: &Card) -> AnyView {
    let facts = card.facts.clone();
    let tags = facts.tags.into_iter().map(|t| view! { <span class="tag">{t}</span> }).map(Erase::erase);
    view! {
        <li>
            <StatusMark status=card.status />
            <span class="mono">{format!("T-{}", card.number)}</span>
            <a class="cover cut" dir="auto" href=format!("/projects/{slug}/board?task=T-{}", card.number)>{card.title.clone()}</a>
            <span class="facts">
                <PriorityMark priority=facts.priority />
                {facts.role.map(|role| view! { <span class=format!("chip role-{}", role.word())>{role.label()}</span> })}
                {tags.collect::<Vec<_>>()}
                {facts.pr_number.map(|n| view! { <span class="mark"><Icon name="pr" />{format!("#{n}")}</span> })}
                {facts.assignee.map(|name| view! { <span class="who" dir="auto">{name}</span> })}
            </span>
            <span class="mut age"><Ago at=card.since /></span>
        </li>
    }
    .erase()
}

#[cfg(test)]
mod tests {
    use clutch_domain::id::ProjectId;

    use super::*;
    use crate::model::tickets::Found;

    #[test]
    fn what_is_listed_is_said_truly() {
        let page = |words: &str, further, looked, next: Option<&str>| ColumnPage {
            project: ProjectId(Default::default()),
            slug: "p".into(),
            name: "P".into(),
            color: "#000000".into(),
            counts: [0, 0, 0, 0, 0, 12_000],
            column: Status::Done,
            words: words.into(),
            further,
            found: Found { cards: Vec::new(), looked, next: next.map(str::to_owned) },
        };
        for (page, words) in [
            (page("", false, 50, Some("x")), "The first 0 of 12,000 tickets."),
            (page("", true, 50, None), "The last 0 of 12,000 tickets."),
            (page("a", false, 5_000, Some("x")), "0 found; 5,000 of 12,000 tickets were looked at."),
            (page("a", false, 12_000, None), "0 found among all 12,000 tickets of this column."),
            (page("a", true, 2_000, None), "0 found in the last 2,000 tickets."),
        ] {
            assert_eq!(said(&page), words);
        }
        assert_eq!(
            address(&page("", true, 0, None), Status::Ready, "a ü", Some("1_2")),
            "/projects/p/tickets?column=ready&q=a%20%C3%BC&from=1%5F2"
        );
    }
}
