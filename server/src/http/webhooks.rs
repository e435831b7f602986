//! The pages of a project's webhooks: plain forms, as that of who may come in. They work without our code, and cost the
//! app none. A secret is shown as the answer to a press, never behind an address.

mod page;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use clutch_domain::{
    command::{Command, NewWebhook, WebhookPatch},
    doc::Kind,
    project::Project,
    range::{Before, Range},
    refusal::Refusal,
    right::Right,
    rule::webhook::webhooks,
    text::{WebhookDescription, WebhookEvents, WebhookUrl},
    time::Millis,
    webhook::{Delivery, Webhook},
};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    http::{
        caller::Caller,
        compat::{error::Failure, projects},
        v1::owned as v1,
    },
    state::AppState,
};

/// Deliveries of a page.
const PAGE: u32 = 30;

/// Its routes.
pub fn routes() -> Router<AppState> {
    const ALL: &str = "/projects/{slug}/webhooks";
    const ONE: &str = "/projects/{slug}/webhooks/{webhook}";
    Router::new()
        .route(ALL, get(list).post(create))
        .route(ONE, get(show).post(update))
        .route(&format!("{ONE}/test"), post(try_out))
        .route(&format!("{ONE}/secret"), post(secret))
        .route(&format!("{ONE}/rotate"), post(rotate))
        .route(&format!("{ONE}/delete"), post(remove))
        .route(&format!("{ONE}/deliveries/{{delivery}}"), post(redeliver))
}

/// What a page says above everything else.
enum Said {
    Nothing,
    /// This is wrong.
    Wrong(String),
    /// This was done.
    Done(&'static str),
    /// The secret, shown here and nowhere else.
    Secret(String),
}

/// What was done before a page was led to.
const DONE: &[(&str, &str)] = &[
    ("changed", "Saved."),
    ("deleted", "The webhook is deleted."),
    ("test", "A test event is on its way. Look again in a moment to see what came of it."),
    ("again", "It is on its way again. Look again in a moment to see what came of it."),
];

#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
    #[serde(default)]
    before: String,
}

impl Asked {
    fn said(&self) -> Said {
        DONE.iter().find(|(word, _)| *word == self.done).map_or(Said::Nothing, |(_, says)| Said::Done(says))
    }

    fn before(&self) -> Option<Before> {
        let (at, id) = self.before.split_once('.')?;
        Some(Before { at: Millis(at.parse().ok()?), id: id.parse::<uuid::Uuid>().ok()?.to_string() })
    }
}

/// What a form of a webhook says, as it is shown again where something is wrong with it.
#[derive(Clone, Debug, Default)]
struct Form {
    url: String,
    description: String,
    all: bool,
    events: Vec<String>,
    on: bool,
}

impl Form {
    fn new() -> Self {
        Self { all: true, on: true, ..Self::default() }
    }

    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "url" => form.url = value.into_owned(),
                "description" => form.description = value.into_owned(),
                "which" => form.all = value == "all",
                "event" => form.events.push(value.into_owned()),
                "on" => form.on = true,
                _ => {}
            }
        }
        form
    }

    fn events(&self) -> Result<WebhookEvents, Refusal> {
        if self.all { Ok(WebhookEvents::all()) } else { WebhookEvents::parse(self.events.iter().map(String::as_str)) }
    }
}

impl From<&Webhook> for Form {
    fn from(webhook: &Webhook) -> Self {
        Self {
            url: webhook.url.clone(),
            description: webhook.description.clone(),
            all: webhook.events.is_empty(),
            events: webhook.events.clone(),
            on: webhook.on,
        }
    }
}

/// Where nobody logs in, whoever is on this machine may look, as at everything else. Where people do, owners may.
fn may_look(state: &AppState, caller: &Caller) -> Result<(), Failure> {
    if state.logins.is_none() || caller.actor().may(Right::Publish) {
        Ok(())
    } else {
        Err(Right::Publish.refusal().into())
    }
}

async fn project(state: &AppState, slug: &str) -> Result<Project, Failure> {
    projects::find(&state.office, slug).await
}

/// A webhook of this very project.
async fn find(state: &AppState, slug: &str, id: &str) -> Result<(Project, Webhook), Failure> {
    let project = project(state, slug).await?;
    let webhook = v1::find(&state.office, id).await?;
    if webhook.project == project.id { Ok((project, webhook)) } else { Err(Refusal::WebhookNotFound.into()) }
}

fn home(project: &Project) -> String {
    format!("/projects/{}/webhooks", project.slug)
}

fn at(project: &Project, webhook: &Webhook) -> String {
    format!("{}/{}", home(project), webhook.id)
}

async fn the_list(
    state: &AppState,
    project: &Project,
    form: &Form,
    said: &Said,
    status: StatusCode,
) -> Result<Response, Failure> {
    let all: Vec<Webhook> = state.office.all(webhooks(project.id)).await?;
    Ok(page::list(status, project, &all, form, said, state.office.now()))
}

async fn the_one(
    state: &AppState,
    project: &Project,
    webhook: &Webhook,
    form: &Form,
    said: &Said,
    (status, before): (StatusCode, Option<Before>),
) -> Result<Response, Failure> {
    let first = before.is_none();
    let range = Range::NewestChildren { kind: Kind::Delivery, parent: webhook.id.to_string(), before, limit: PAGE + 1 };
    let mut told: Vec<Delivery> = state.office.all(range).await?;
    let more = told.len() > PAGE as usize;
    told.truncate(PAGE as usize);
    let next = told.last().filter(|_| more).map(|last| format!("{}.{}", v1::place_of(last).0, last.id));
    let log = page::Log { told: &told, first, next: next.as_deref() };
    Ok(page::one(status, project, webhook, form, said, &log, state.office.now()))
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(slug): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    may_look(&state, &caller)?;
    let project = project(&state, &slug).await?;
    the_list(&state, &project, &Form::new(), &asked.said(), StatusCode::OK).await
}

async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(slug): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    v1::owners(&caller)?;
    let (project, form) = (project(&state, &slug).await?, Form::read(&body));
    let made = async {
        let url = WebhookUrl::parse(&form.url)?;
        let new = NewWebhook {
            project: project.id,
            url: url.clone(),
            description: WebhookDescription::parse(&form.description)?,
            events: form.events()?,
            on: form.on,
            key: state.webhook_keys.fingerprint().to_owned(),
        };
        v1::admitted(&state.webhook_way, &url).await?;
        let done = state.office.run(&caller.actor(), &Command::CreateWebhook(new)).await?;
        let webhook = done.made::<Webhook>().cloned().ok_or(Refusal::WebhookNotFound)?;
        let secret = v1::secret_of(&state.webhook_keys, &webhook)?;
        Ok::<_, Failure>((webhook, secret))
    };
    match made.await {
        Ok((webhook, secret)) => {
            let said = Said::Secret(secret);
            the_one(&state, &project, &webhook, &Form::from(&webhook), &said, (StatusCode::OK, None)).await
        }
        Err(failure) => {
            let said = Said::Wrong(failure.sentence().to_owned());
            the_list(&state, &project, &form, &said, failure.status()).await
        }
    }
}

async fn show(
    State(state): State<AppState>,
    caller: Caller,
    Path((slug, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    may_look(&state, &caller)?;
    let (project, webhook) = find(&state, &slug, &id).await?;
    let place = (StatusCode::OK, asked.before());
    the_one(&state, &project, &webhook, &Form::from(&webhook), &asked.said(), place).await
}

async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Path((slug, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Failure> {
    v1::owners(&caller)?;
    let (project, webhook) = find(&state, &slug, &id).await?;
    let form = Form::read(&body);
    let changed = async {
        let url = WebhookUrl::parse(&form.url)?;
        let patch = WebhookPatch {
            url: Some(url.clone()),
            description: Some(WebhookDescription::parse(&form.description)?),
            events: Some(form.events()?),
            on: Some(form.on),
        };
        v1::admitted(&state.webhook_way, &url).await?;
        state.office.run(&caller.actor(), &Command::UpdateWebhook(webhook.id, patch)).await?;
        Ok::<_, Failure>(())
    };
    match changed.await {
        Ok(()) => Ok(Redirect::to(&format!("{}?done=changed", at(&project, &webhook))).into_response()),
        Err(failure) => {
            let said = Said::Wrong(failure.sentence().to_owned());
            the_one(&state, &project, &webhook, &form, &said, (failure.status(), None)).await
        }
    }
}

/// Does something with a webhook, and leads to where its end is seen; where it is refused, says why.
async fn done(
    state: &AppState,
    caller: &Caller,
    (project, webhook): (&Project, &Webhook),
    command: &Command,
    to: &str,
) -> Result<Response, Failure> {
    match state.office.run(&caller.actor(), command).await {
        Ok(_) => Ok(Redirect::to(to).into_response()),
        Err(error) => {
            let failure = Failure::from(error);
            let said = Said::Wrong(failure.sentence().to_owned());
            the_one(state, project, webhook, &Form::from(webhook), &said, (failure.status(), None)).await
        }
    }
}

async fn try_out(
    State(state): State<AppState>,
    caller: Caller,
    Path((slug, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    v1::owners(&caller)?;
    let (project, webhook) = find(&state, &slug, &id).await?;
    let to = format!("{}?done=test", at(&project, &webhook));
    done(&state, &caller, (&project, &webhook), &Command::TestWebhook(webhook.id), &to).await
}

async fn redeliver(
    State(state): State<AppState>,
    caller: Caller,
    Path((slug, id, delivery)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    v1::owners(&caller)?;
    let (project, webhook) = find(&state, &slug, &id).await?;
    let told = v1::find_delivery(&state.office, &delivery).await?;
    if told.webhook != webhook.id {
        return Err(Refusal::DeliveryNotFound.into());
    }
    let to = format!("{}?done=again", at(&project, &webhook));
    done(&state, &caller, (&project, &webhook), &Command::Redeliver(told.id), &to).await
}

async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Path((slug, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    v1::owners(&caller)?;
    let (project, webhook) = find(&state, &slug, &id).await?;
    let to = format!("{}?done=deleted", home(&project));
    done(&state, &caller, (&project, &webhook), &Command::DeleteWebhook(webhook.id), &to).await
}

async fn secret(
    State(state): State<AppState>,
    caller: Caller,
    Path((slug, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    v1::owners(&caller)?;
    let (project, webhook) = find(&state, &slug, &id).await?;
    with_secret(&state, &project, &webhook).await
}

async fn rotate(
    State(state): State<AppState>,
    caller: Caller,
    Path((slug, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    v1::owners(&caller)?;
    let (project, webhook) = find(&state, &slug, &id).await?;
    let rotate = Command::RotateWebhook(webhook.id, state.webhook_keys.fingerprint().to_owned());
    let done = state.office.run(&caller.actor(), &rotate).await?;
    with_secret(&state, &project, done.now::<Webhook>(webhook.id).unwrap_or(&webhook)).await
}

async fn with_secret(state: &AppState, project: &Project, webhook: &Webhook) -> Result<Response, Failure> {
    let (said, status) = match v1::secret_of(&state.webhook_keys, webhook) {
        Ok(secret) => (Said::Secret(secret), StatusCode::OK),
        Err(failure) => (Said::Wrong(failure.sentence().to_owned()), failure.status()),
    };
    the_one(state, project, webhook, &Form::from(webhook), &said, (status, None)).await
}
