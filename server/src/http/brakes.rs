//! The page of a project's brakes: what its agents may use up on a day and what they have, a dry run, and what becomes
//! of usage windows that run out. A plain form, as the pages of webhooks; it works without our code and costs the app
//! none.

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use clutch_domain::{
    brake::{Budget, Spent, dollars, grouped},
    command::{Command, ProjectPatch},
    project::Project,
    run::LoopState,
    time::Millis,
};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    http::{
        access::moment,
        caller::Caller,
        compat::{body::Path, error::Failure, projects},
        door::escaped,
        login::page::{Wide, nonce, page},
    },
    state::AppState,
};

/// Its routes.
pub fn routes() -> Router<AppState> {
    Router::new().route("/projects/{slug}/brakes", get(show).post(change))
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

/// What the form says, as it is shown again where something is wrong with it.
#[derive(Clone, Debug, Default)]
struct Form {
    runs: String,
    minutes: String,
    tokens: String,
    dollars: String,
    dry_run: bool,
    waits: bool,
}

impl Form {
    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "runs" => form.runs = value.into_owned(),
                "minutes" => form.minutes = value.into_owned(),
                "tokens" => form.tokens = value.into_owned(),
                "dollars" => form.dollars = value.into_owned(),
                "dry_run" => form.dry_run = true,
                "waits" => form.waits = true,
                _ => {}
            }
        }
        form
    }
}

impl From<&Project> for Form {
    fn from(project: &Project) -> Self {
        let said = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let budget = &project.budget;
        Self {
            runs: said(budget.runs.map(u64::from)),
            minutes: said(budget.minutes.map(u64::from)),
            tokens: said(budget.tokens),
            dollars: budget
                .cost_micros
                .map(|micros| dollars(micros).trim_start_matches('$').to_owned())
                .unwrap_or_default(),
            dry_run: project.dry_run,
            waits: !project.limits_fail,
        }
    }
}

async fn show(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let project = projects::find(&state.office, &slug).await?;
    let said = if asked.done == "changed" { "<p class=\"made\" role=\"status\">Saved.</p>" } else { "" };
    the_page(&state, &project, &Form::from(&project), said, StatusCode::OK).await
}

async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(slug): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let project = projects::find(&state.office, &slug).await?;
    let form = Form::read(&body);
    let changed = async {
        let budget = Budget::parse(&form.runs, &form.minutes, &form.tokens, &form.dollars)?;
        let patch = ProjectPatch {
            budget: Some(budget),
            dry_run: Some(form.dry_run),
            limits_fail: Some(!form.waits),
            ..ProjectPatch::default()
        };
        state.office.run(&caller.actor(), &Command::UpdateProject(project.id, patch)).await?;
        Ok::<_, Failure>(())
    };
    match changed.await {
        Ok(()) => Ok(Redirect::to(&format!("{}?done=changed", here(&project))).into_response()),
        Err(failure) => {
            let said = format!("<p class=\"bad\" role=\"alert\">{}</p>", escaped(failure.sentence()));
            the_page(&state, &project, &form, &said, failure.status()).await
        }
    }
}

fn here(project: &Project) -> String {
    format!("/projects/{}/brakes", project.slug)
}

async fn the_page(
    state: &AppState,
    project: &Project,
    form: &Form,
    said: &str,
    status: StatusCode,
) -> Result<Response, Failure> {
    let of_loop: Option<LoopState> = state.office.get(project.id).await?;
    let now = state.office.now();
    let nonce = nonce();
    let (name, slug) = (escaped(project.name.as_str()), escaped(project.slug.as_str()));
    let checked = |is: bool| if is { " checked" } else { "" };
    let field = |name: &str, label: &str, value: &str, about: &str| {
        format!(
            "<label for=\"{name}\">{label}</label><input id=\"{name}\" name=\"{name}\" inputmode=\"decimal\" \
             autocomplete=\"off\" maxlength=\"24\" value=\"{}\" aria-describedby=\"{name}-about\">\
             <small id=\"{name}-about\">{about}</small>",
            escaped(value)
        )
    };
    let html = format!(
        "<h1>Brakes of {name}</h1><p>What agents may use up in this project on one day. Where it is used up none is \
         started any more until the next day begins (00:00 UTC); those at work bring their tickets to an end.</p>\
         {said}{}{}\
         <form method=\"post\" action=\"{}\" class=\"new\"><h2>Most on a day</h2>\
         {}{}{}{}\
         <p><small>Empty is no bound, 0 starts nobody.</small></p>\
         <h2>How it works here</h2>\
         <label class=\"check\"><input type=\"checkbox\" name=\"dry_run\" value=\"yes\"{}>\
         <span>Dry run: each Ready ticket says which agent would start, and none does</span></label>\
         <label class=\"check\"><input type=\"checkbox\" name=\"waits\" value=\"yes\"{}>\
         <span>Where a usage window of the model runs out, wait until it opens again and go on by itself. Off: the \
         attempt counts as failed</span></label>\
         <button type=\"submit\">Save</button></form>\
         <p><a href=\"/projects/{slug}/settings\">Back to the settings</a> \u{b7} \
         <a href=\"/projects/{slug}/board\">Back to the board</a></p>",
        today(project, &of_loop.as_ref().map(|state| state.spent).unwrap_or_default().on(now)),
        windows(of_loop.as_ref(), now),
        here(project),
        field("runs", "Agents started", &form.runs, "Each attempt at a ticket is one."),
        field("minutes", "Minutes of work", &form.minutes, "Of all agents together; waiting for an answer is none."),
        field("tokens", "Tokens", &form.tokens, "Read and written, as far as the gateway tells."),
        field("dollars", "Dollars", &form.dollars, "As the gateway estimates them; nothing where it does not."),
        checked(form.dry_run),
        checked(form.waits),
    );
    Ok(page(status, "Brakes", &html, &nonce, Some(Wide)))
}

/// What was used today, beside what may be.
fn today(project: &Project, spent: &Spent) -> String {
    let budget = &project.budget;
    let minutes = spent.worked_ms.max(0).unsigned_abs() / 60_000;
    let row = |what: &str, used: u64, most: Option<u64>, says: fn(u64) -> String| {
        let of = most.map_or_else(String::new, |most| format!(" of {}", says(most)));
        let meter = most.filter(|most| *most > 0).map_or_else(String::new, |most| {
            format!("<progress max=\"{most}\" value=\"{}\" aria-label=\"{what}\"></progress>", used.min(most))
        });
        format!("<li><span>{what}</span><span><b>{}</b>{of} {meter}</span></li>", says(used))
    };
    let rows = [
        row("Agents started", u64::from(spent.runs), budget.runs.map(u64::from), grouped),
        row("Minutes of work", minutes, budget.minutes.map(u64::from), grouped),
        row("Tokens", spent.tokens, budget.tokens, grouped),
        row("Dollars", spent.cost_micros, budget.cost_micros, dollars),
    ];
    let used_up = budget.used_up(spent).map_or_else(String::new, |used_up| {
        format!("<p class=\"bad\" role=\"status\">Today\u{2019}s budget of {used_up} is used up: no agent is started before 00:00 UTC.</p>")
    });
    format!("<h2>Today</h2>{used_up}<ul>{}</ul>", rows.concat())
}

/// Usage windows that have run out, as far as agents of this project met them.
fn windows(of_loop: Option<&LoopState>, now: Millis) -> String {
    let open = of_loop.into_iter().flat_map(|state| &state.windows).filter(|window| now < window.until);
    let rows: String = open
        .map(|window| {
            let model = window.model.as_deref().unwrap_or("the runtime\u{2019}s own model");
            let (model, at) = (escaped(model), moment(window.until));
            format!("<li><span>The usage window of <b>{model}</b> ran out</span><span>opens at {at}</span></li>")
        })
        .collect();
    if rows.is_empty() { rows } else { format!("<ul>{rows}</ul>") }
}
