//! Who did what, over all projects: the lines of the log, the newest first, page by page. A plain page, as that of who
//! may come in: it works without our code, and costs the app none.
//!
//! No index has all lines by time. Each project has its own, and so have those of no project; a page takes the newest
//! of each of them and lays them together, so what it costs follows from how many projects there are and not from how
//! much they have behind them.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use clutch_domain::{
    access::{INSTALLATION, called},
    activity::Activity,
    actor::{ActorKind, Who},
    doc::{Kind, PROJECT_BIN, Scope},
    id::{ActivityId, ProjectId},
    project::Project,
    query::PROJECTS_MAX,
    range::{Before, Fetch, Range},
    refusal::Refusal,
    right::Right,
    time::Millis,
};
use clutch_orchestrator::{office::Office, store::Fault};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    http::{
        access::{happened, moment},
        caller::Caller,
        compat::error::Failure,
        door::escaped,
        login::page::{Wide, nonce, page},
    },
    state::AppState,
};

/// Where the page is.
pub const PATH: &str = "/audit";
/// Lines of a page.
const PAGE: usize = 50;
/// Turns in which lines are looked for that a filter lets through; then the page says where it stopped.
const TURNS: usize = 20;
/// Longest detail that is shown whole, in characters.
const DETAIL: usize = 200;

/// Its route.
pub fn routes() -> Router<AppState> {
    Router::new().route(PATH, get(show))
}

/// What is asked for; what makes no sense is everything.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    by: String,
    #[serde(default)]
    project: String,
    #[serde(default)]
    before: String,
}

/// Kinds of callers, as the form names them.
const KINDS: [(&str, &str); 7] = [
    ("person", "people"),
    ("token", "programs with a token"),
    ("program", "programs without one"),
    ("agent", "agents"),
    ("loop", "the work loop"),
    ("server", "OpenClutch itself"),
    ("operator", "whoever has the data folder"),
];

fn kind(who: &Who) -> &'static str {
    match who.kind {
        ActorKind::Human => "person",
        ActorKind::Program if who.id.is_some() => "token",
        ActorKind::Program => "program",
        ActorKind::Agent => "agent",
        ActorKind::Loop => "loop",
        ActorKind::Server if who.is_operator() => "operator",
        ActorKind::Server => "server",
    }
}

async fn show(State(state): State<AppState>, Query(asked): Query<Asked>, caller: Caller) -> Response {
    if state.logins.is_some() && !caller.actor().may(Right::Admit) {
        return Failure::from(Refusal::OwnersOnly).into_response();
    }
    match whole(&state.office, &asked).await {
        Ok(html) => page(StatusCode::OK, "Who did what", &html, &nonce(), Some(Wide)),
        Err(fault) => Failure::from(fault).into_response(),
    }
}

async fn whole(office: &Office, asked: &Asked) -> Result<String, Fault> {
    let (there, gone) = (
        Range::children(Kind::Project, INSTALLATION, PROJECTS_MAX),
        Range::children(Kind::Project, PROJECT_BIN, PROJECTS_MAX),
    );
    let read = office.read(&Fetch { scopes: Vec::new(), ranges: vec![there.clone(), gone.clone()] }).await?;
    let living: Vec<&Project> = read.value.all::<Project>(&there).collect();
    let all: BTreeMap<ProjectId, &Project> =
        living.iter().copied().chain(read.value.all::<Project>(&gone)).map(|project| (project.id, project)).collect();
    let wanted = living.iter().find(|project| project.slug.as_str() == asked.project);
    let scopes: Vec<Scope> = match wanted {
        Some(project) => vec![Scope::Project(project.id)],
        None if asked.project == "none" => vec![Scope::Installation],
        None => all.keys().map(|id| Scope::Project(*id)).chain([Scope::Installation]).collect(),
    };
    let by = KINDS.iter().find(|(word, _)| *word == asked.by).map(|(word, _)| *word);
    let found = look(office, &scopes, by, cursor(&asked.before)).await?;
    let chosen = |value: &str, now: &str| if value == now { " selected" } else { "" };
    let kinds: String = KINDS
        .iter()
        .map(|(word, says)| format!("<option value=\"{word}\"{}>{says}</option>", chosen(word, &asked.by)))
        .collect();
    let projects: String = living
        .iter()
        .map(|project| {
            let slug = escaped(project.slug.as_str());
            let selected = chosen(project.slug.as_str(), &asked.project);
            format!("<option value=\"{slug}\"{selected}>{}</option>", escaped(project.name.as_str()))
        })
        .collect();
    let mut html = format!(
        "<h1>Who did what</h1><form method=\"get\" action=\"{PATH}\" class=\"new\">\
         <label for=\"by\">By</label><select id=\"by\" name=\"by\"><option value=\"\">everybody</option>{kinds}</select>\
         <label for=\"project\">In</label><select id=\"project\" name=\"project\"><option value=\"\">all projects, and outside of them</option>\
         <option value=\"none\"{}>no project: who may come in</option>{projects}</select>\
         <button type=\"submit\">Show</button></form>",
        chosen("none", &asked.project)
    );
    if found.lines.is_empty() {
        let more = if found.next.is_some() { " among those that were looked at" } else { "" };
        html.push_str(&format!("<p>There is nothing{more}.</p>"));
    } else {
        let rows: String = found.lines.iter().map(|line| row(line, &all)).collect();
        html.push_str(&format!("<ul>{rows}</ul>"));
    }
    if let Some(Before { at, id }) = found.next {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("by", &asked.by).append_pair("project", &asked.project);
        let query = query.append_pair("before", &format!("{}.{id}", at.0)).finish();
        html.push_str(&format!("<p><a rel=\"next\" href=\"{PATH}?{}\">Older</a></p>", escaped(&query)));
    }
    html.push_str("<p><a href=\"/access\">Who may come in</a> \u{b7} <a href=\"/\">Back to the board</a></p>");
    Ok(html)
}

struct Found {
    lines: Vec<Activity>,
    next: Option<Before>,
}

/// The newest lines of all scopes together, behind a place.
async fn look(office: &Office, scopes: &[Scope], by: Option<&str>, mut before: Option<Before>) -> Result<Found, Fault> {
    let mut lines = Vec::new();
    let limit = u32::try_from(PAGE).unwrap_or(u32::MAX);
    for _ in 0..TURNS {
        let of = |scope: &Scope| Range::Newest { kind: Kind::Activity, scope: *scope, before: before.clone(), limit };
        let ranges: Vec<Range> = scopes.iter().map(of).collect();
        let read = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?;
        let mut turn: Vec<&Activity> = ranges.iter().flat_map(|range| read.value.all::<Activity>(range)).collect();
        turn.sort_by_cached_key(|line| std::cmp::Reverse((line.at, line.id.to_string())));
        // Each has given its newest: of all together no more than so many are sure to have none between.
        turn.truncate(PAGE);
        let whole = turn.len() == PAGE;
        for line in turn {
            let place = Some(Before { at: line.at, id: line.id.to_string() });
            if by.is_none_or(|by| by == kind(&line.actor)) {
                if lines.len() == PAGE {
                    return Ok(Found { lines, next: before });
                }
                lines.push(line.clone());
            }
            before = place;
        }
        if !whole {
            return Ok(Found { lines, next: None });
        }
    }
    Ok(Found { lines, next: before })
}

/// The place that a link names.
fn cursor(text: &str) -> Option<Before> {
    let (at, id) = text.split_once('.')?;
    let id: ActivityId = id.parse().ok()?;
    Some(Before { at: Millis(at.parse().ok()?), id: id.to_string() })
}

fn row(line: &Activity, projects: &BTreeMap<ProjectId, &Project>) -> String {
    let what = happened(line).unwrap_or_else(|| {
        let details = line.data.iter().map(|(name, value)| {
            let short: String = value.chars().take(DETAIL).collect();
            let more = if short.len() < value.len() { "\u{2026}" } else { "" };
            format!("{}: {}{more}", escaped(&name.replace('_', " ")), escaped(&short))
        });
        let details = details.collect::<Vec<_>>().join(", ");
        let what = format!("<b>{}</b>", escaped(&line.what.replace('_', " ")));
        if details.is_empty() { what } else { format!("{what}: {details}") }
    });
    let place = line.project.and_then(|id| projects.get(&id)).map_or_else(String::new, |project| {
        let (name, slug) = (escaped(project.name.as_str()), escaped(project.slug.as_str()));
        match line.task {
            Some(task) if project.deleted_at.is_none() => {
                format!(" \u{b7} <a href=\"/projects/{slug}/board?task={task}\">{name}, the ticket</a>")
            }
            _ => format!(" \u{b7} {name}"),
        }
    });
    format!("<li><div>{} {what}<small>{}{place}</small></div></li>", caller_of(&line.actor), moment(line.at))
}

/// Who, and as what they came.
pub(super) fn caller_of(who: &Who) -> String {
    let name = who.name.as_deref();
    let which = who.id.as_deref().map_or_else(String::new, |id| format!(" ({})", escaped(id)));
    match kind(who) {
        "person" => format!("{}{which}", escaped(called(name.unwrap_or("A person")))),
        "token" => format!("The token {}{which}", escaped(name.unwrap_or("without a name"))),
        "program" => match name {
            // What it says of itself is a claim.
            Some(name) => format!("A program, as {}", escaped(name)),
            None => "A program".to_owned(),
        },
        "agent" => format!("The agent {}{which}", escaped(name.unwrap_or("without a name"))),
        // What they typed, where the server runs.
        "operator" => format!("<code>{}</code>", escaped(name.unwrap_or_default())),
        _ => escaped(name.map_or_else(|| who.kind.label().to_owned(), |name| format!("OpenClutch, {name}")).as_str()),
    }
}
