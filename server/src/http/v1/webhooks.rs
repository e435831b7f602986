//! Webhooks of v1. All of it is for owners: what happens leaves the house this way, and addresses may hold a secret.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use clutch_domain::{
    command::{Command, NewWebhook, WebhookPatch},
    id::WebhookId,
    refusal::Refusal,
    right::Right,
    rule::webhook::webhooks,
    text::{WebhookDescription, WebhookEvents, WebhookUrl},
    webhook::{self, Webhook as Inner},
};
use clutch_orchestrator::office::Office;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    etag::{held, run_on},
    input::{Input, patched},
    page::Page,
    problem::{Refused, Reused, Stale},
    shapes::{Delivery, Moment, Webhook, WebhookSecret},
};
use crate::{
    http::{
        caller::Caller,
        compat::{
            body::{Path, path_id},
            error::Failure,
            projects,
        },
    },
    state::AppState,
    webhooks::{Keys, Way},
};

/// Refuses whoever may not say what leaves the house.
pub fn owners(caller: &Caller) -> Result<(), Failure> {
    if caller.actor().may(Right::Publish) { Ok(()) } else { Err(Right::Publish.refusal().into()) }
}

/// A webhook that is there, in a project that is.
pub async fn find(office: &Office, id: &str) -> Result<Inner, Failure> {
    let id: WebhookId = path_id(id, Refusal::WebhookNotFound)?;
    let webhook = office.get::<Inner>(id).await?.filter(|webhook| webhook.deleted_at.is_none());
    let webhook = webhook.ok_or(Refusal::WebhookNotFound)?;
    match projects::find(office, &webhook.project.to_string()).await {
        Err(failure) if failure.is(Refusal::ProjectNotFound) => Err(Refusal::WebhookNotFound.into()),
        found => found.map(|_| webhook),
    }
}

/// Refuses an address to which nothing may be sent.
pub async fn admitted(way: &Way, url: &WebhookUrl) -> Result<(), Failure> {
    way.admits(url.as_str()).await.map_err(|closed| Failure::invalid("webhook_url_closed", closed.0))
}

/// The secret as its owner sees it.
pub fn secret_of(keys: &Keys, webhook: &Inner) -> Result<String, Failure> {
    keys.shown(webhook.id, &webhook.secret).ok_or_else(|| {
        Failure::new(
            StatusCode::CONFLICT,
            "webhook_key_foreign",
            "This secret is made of another server's key. Give all servers of this store the same CLUTCH_WEBHOOKS_KEY, \
             or give the webhook a new secret.",
        )
    })
}

fn shown(keys: &Keys, webhook: &Inner, now: clutch_domain::time::Millis) -> Result<WebhookSecret, Failure> {
    let old = webhook.old_secret.as_ref().filter(|old| now < old.until);
    let old_secret_until = old.map(|old| Moment(old.until));
    Ok(WebhookSecret { webhook_id: webhook.id.0, secret: secret_of(keys, webhook)?, old_secret_until })
}

/// A secret is nobody's to keep on the way.
fn kept_by_nobody<T: Serialize>(status: StatusCode, body: T) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response()
}

fn events(words: Option<&Vec<String>>) -> Result<WebhookEvents, Refusal> {
    words.map_or_else(|| Ok(WebhookEvents::all()), |words| WebhookEvents::parse(words.iter().map(String::as_str)))
}

/// The webhooks of a project, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    params(("project" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Page<Webhook>), Refused)
)]
pub async fn list(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<Page<Webhook>>, Failure> {
    owners(&caller)?;
    let project = projects::find(&office, &project).await?.id;
    let all: Vec<Inner> = office.all(webhooks(project)).await?;
    Ok(Json(Page { items: all.iter().map(Webhook::from).collect(), next_cursor: None }))
}

/// What a new webhook may say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct New {
    /// The receiver's address: `https` or `http`.
    #[schema(example = "https://example.com/hooks/board")]
    url: String,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// The kinds of events that it is told; left out or `null`, all.
    #[schema(example = json!(["status_changed", "comment_added"]))]
    events: Option<Vec<String>>,
    /// Whether it is on; left out, it is.
    enabled: Option<bool>,
}

/// A new webhook with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookMade)]
pub struct Made {
    /// The webhook.
    webhook: Webhook,
    /// What signs, as Standard Webhooks writes it.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// Makes a webhook.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/webhooks", operation_id = "create_webhook", tag = "webhooks", request_body = New,
    params(
        ("project" = String, Path, description = "Slug or id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once."),
    ),
    responses((status = 201, body = Made), Refused, Reused)
)]
pub async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
    input: Input<New>,
) -> Result<Response, Failure> {
    owners(&caller)?;
    let project = projects::find(&state.office, &project).await?.id;
    let new = &input.value;
    let command = Command::CreateWebhook(NewWebhook {
        project,
        url: WebhookUrl::parse(&new.url)?,
        description: WebhookDescription::parse(&new.description)?,
        events: events(new.events.as_ref())?,
        on: new.enabled.unwrap_or(true),
        key: state.webhook_keys.fingerprint().to_owned(),
    });
    admitted(&state.webhook_way, &WebhookUrl::parse(&new.url)?).await?;
    let done = input.run(&state.office, &caller, &headers, &format!("v1:webhook:{project}"), &command).await?;
    let webhook = done.made::<Inner>().ok_or(Refusal::WebhookNotFound)?;
    let secret = secret_of(&state.webhook_keys, webhook)?;
    Ok(kept_by_nobody(StatusCode::CREATED, Made { webhook: Webhook::from(webhook), secret }))
}

/// One webhook.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhook}", operation_id = "get_webhook", tag = "webhooks",
    params(
        ("webhook" = String, Path, description = "Id."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that you have."),
    ),
    responses((status = 200, body = Webhook, headers(("ETag" = String))), (status = 304, description = "You have it."), Refused)
)]
pub async fn show(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(webhook): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    owners(&caller)?;
    let id = find(&office, &webhook).await?.id;
    let webhook = held::<Inner>(&office, id).await?.ok_or(Refusal::WebhookNotFound)?;
    Ok(webhook.answer(&headers, |webhook| Webhook::from(webhook)))
}

/// What is to change of a webhook: a member that is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookPatch)]
pub struct Patch {
    /// The receiver's address.
    url: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// The kinds of events that it is told; `null` is all.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<Option<Vec<String>>>,
    /// On or off. One that is switched on is told what happens from then on.
    enabled: Option<bool>,
}

/// Changes a webhook.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/{webhook}", operation_id = "update_webhook", tag = "webhooks", request_body = Patch,
    params(
        ("webhook" = String, Path, description = "Id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 200, body = Webhook, headers(("ETag" = String))), Refused, Stale)
)]
pub async fn update(
    State(state): State<AppState>,
    caller: Caller,
    Path(webhook): Path<String>,
    headers: HeaderMap,
    Input { value: patch, .. }: Input<Patch>,
) -> Result<Response, Failure> {
    owners(&caller)?;
    let id = find(&state.office, &webhook).await?.id;
    let change = WebhookPatch {
        url: patch.url.as_deref().map(WebhookUrl::parse).transpose()?,
        description: patch.description.as_deref().map(WebhookDescription::parse).transpose()?,
        events: patch.events.as_ref().map(|words| events(words.as_ref())).transpose()?,
        on: patch.enabled,
    };
    if let Some(url) = &change.url {
        admitted(&state.webhook_way, url).await?;
    }
    run_on::<Inner>(&state.office, &caller.actor(), &headers, id, &Command::UpdateWebhook(id, change)).await?;
    let webhook = held::<Inner>(&state.office, id).await?.ok_or(Refusal::WebhookNotFound)?;
    Ok(webhook.answer(&HeaderMap::new(), |webhook| Webhook::from(webhook)))
}

/// Deletes a webhook, with all that it was told.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{webhook}", operation_id = "delete_webhook", tag = "webhooks",
    params(
        ("webhook" = String, Path, description = "Id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 204, description = "It is gone."), Refused, Stale)
)]
pub async fn remove(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(webhook): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    owners(&caller)?;
    let id = find(&office, &webhook).await?.id;
    run_on::<Inner>(&office, &caller.actor(), &headers, id, &Command::DeleteWebhook(id)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The secret of a webhook.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhook}/secret", operation_id = "get_webhook_secret", tag = "webhooks",
    params(("webhook" = String, Path, description = "Id.")),
    responses((status = 200, body = WebhookSecret), Refused)
)]
pub async fn secret(
    State(state): State<AppState>,
    caller: Caller,
    Path(webhook): Path<String>,
) -> Result<Response, Failure> {
    owners(&caller)?;
    let webhook = find(&state.office, &webhook).await?;
    Ok(kept_by_nobody(StatusCode::OK, shown(&state.webhook_keys, &webhook, state.office.now())?))
}

/// Gives a webhook a new secret.
///
/// For a day both sign what is sent, so that a receiver can change over in between.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook}/rotate", operation_id = "rotate_webhook_secret", tag = "webhooks",
    params(("webhook" = String, Path, description = "Id.")),
    responses((status = 200, body = WebhookSecret), Refused)
)]
pub async fn rotate(
    State(state): State<AppState>,
    caller: Caller,
    Path(webhook): Path<String>,
) -> Result<Response, Failure> {
    owners(&caller)?;
    let id = find(&state.office, &webhook).await?.id;
    let rotate = Command::RotateWebhook(id, state.webhook_keys.fingerprint().to_owned());
    let done = state.office.run(&caller.actor(), &rotate).await?;
    let webhook = done.now::<Inner>(id).ok_or(Refusal::WebhookNotFound)?;
    Ok(kept_by_nobody(StatusCode::OK, shown(&state.webhook_keys, webhook, state.office.now())?))
}

/// Sends a webhook an event `webhook_tested` that nothing has caused.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook}/test", operation_id = "test_webhook", tag = "webhooks",
    params(("webhook" = String, Path, description = "Id.")),
    responses((status = 202, body = Delivery, description = "It is on its way."), Refused)
)]
pub async fn try_out(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(webhook): Path<String>,
) -> Result<(StatusCode, Json<Delivery>), Failure> {
    owners(&caller)?;
    let id = find(&office, &webhook).await?.id;
    let done = office.run(&caller.actor(), &Command::TestWebhook(id)).await?;
    let told = done.made::<webhook::Delivery>().ok_or(Refusal::DeliveryNotFound)?;
    Ok((StatusCode::ACCEPTED, Json(Delivery::from(told))))
}
