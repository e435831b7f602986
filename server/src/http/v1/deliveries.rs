//! What webhooks were told, in v1.

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::{
    command::Command,
    doc::Kind,
    id::DeliveryId,
    range::{Before, Range},
    refusal::Refusal,
    time::Millis,
    webhook::Delivery as Inner,
};
use clutch_orchestrator::office::Office;
use http::StatusCode;

use super::{
    page::{self, Page, Paging},
    problem::Refused,
    shapes::Delivery,
    webhooks::{self, owners},
};
use crate::http::{
    caller::Caller,
    compat::{
        body::{Path, Query, path_id},
        error::Failure,
    },
};

/// When a delivery has its place in the list: when it is sent next, or when it was over.
pub fn place_of(told: &Inner) -> Millis {
    told.ended_at.unwrap_or(told.due)
}

/// What a webhook was told and is to be told: what waits, the last at the front, then what is over, the newest first.
///
/// What is over is forgotten after a week.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhook}/deliveries", operation_id = "list_webhook_deliveries", tag = "webhooks",
    params(("webhook" = String, Path, description = "Id."), Paging),
    responses((status = 200, body = Page<Delivery>), Refused)
)]
pub async fn list(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(webhook): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Delivery>>, Failure> {
    owners(&caller)?;
    let limit = page::limit(paging.limit)?;
    let before = page::place(paging.cursor.as_deref(), page::moment)?.map(|(at, id)| Before { at: Millis(at), id });
    let id = webhooks::find(&office, &webhook).await?.id;
    let range = Range::NewestChildren { kind: Kind::Delivery, parent: id.to_string(), before, limit: limit + 1 };
    let found: Vec<Inner> = office.all(range).await?;
    Ok(Json(Page::of(found, limit, |told| page::at(place_of(told), told.id))))
}

/// A delivery that is there, of a webhook that is.
pub async fn find(office: &Office, id: &str) -> Result<Inner, Failure> {
    let id: DeliveryId = path_id(id, Refusal::DeliveryNotFound)?;
    let told = office.get::<Inner>(id).await?.ok_or(Refusal::DeliveryNotFound)?;
    match webhooks::find(office, &told.webhook.to_string()).await {
        Err(failure) if failure.is(Refusal::WebhookNotFound) => Err(Refusal::DeliveryNotFound.into()),
        found => found.map(|_| told),
    }
}

/// One delivery.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{delivery}", operation_id = "get_webhook_delivery", tag = "webhooks",
    params(("delivery" = String, Path, description = "Id.")),
    responses((status = 200, body = Delivery), Refused)
)]
pub async fn show(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(delivery): Path<String>,
) -> Result<Json<Delivery>, Failure> {
    owners(&caller)?;
    Ok(Json(Delivery::from(&find(&office, &delivery).await?)))
}

/// Sends a delivery again, under its id.
///
/// One that waits is sent at once. What a receiver has already it drops by the id.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{delivery}/redeliver", operation_id = "redeliver_webhook_delivery", tag = "webhooks",
    params(("delivery" = String, Path, description = "Id.")),
    responses((status = 202, body = Delivery, description = "It is on its way."), Refused)
)]
pub async fn redeliver(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(delivery): Path<String>,
) -> Result<(StatusCode, Json<Delivery>), Failure> {
    owners(&caller)?;
    let id = find(&office, &delivery).await?.id;
    let done = office.run(&caller.actor(), &Command::Redeliver(id)).await?;
    let told = done.now::<Inner>(id).ok_or(Refusal::DeliveryNotFound)?;
    Ok((StatusCode::ACCEPTED, Json(Delivery::from(told))))
}
