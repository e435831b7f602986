//! How far people's messages came (facts §2.3, "Delivery-queue helpers").
//!
//! Old plugins steer by these. Where the server carries a message itself, what they say changes
//! nothing, and what they ask is answered from what the gateway confirmed.

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::{
    actor::{Actor, COORDINATOR},
    chat::{DeliveryStatus, Message},
    command::{Command, DeliveryPatch, NewMessage},
    doc::Kind,
    id::{ChatId, MessageId},
    range::{Order, Range},
    refusal::Refusal,
    text::{self, Excerpt},
};
use clutch_orchestrator::office::Office;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Path, Query, path_id},
    chats,
    error::Failure,
    shapes,
};

type Answer = Result<Json<Value>, Failure>;

/// How far back the helpers look in a chat.
const LOOK_BACK: u32 = 200;
/// Most messages that a list names.
const LIST_MAX: usize = 100;
/// Most waiting messages of the installation that are looked at.
const WAITING_MAX: u32 = 500;
const MINUTE_MS: i64 = 60_000;
const STATUSES: [&str; 5] = ["sent", "delivered", "processing", "responded", "failed"];

async fn newest(office: &Office, id: &str) -> Result<(ChatId, Vec<Message>), Failure> {
    let chat = chats::find(office, id).await?.id;
    let range = Range::NewestChildren { kind: Kind::Message, parent: chat.to_string(), before: None, limit: LOOK_BACK };
    let mut found: Vec<Message> = office.all(range).await?;
    found.retain(|m| m.author != COORDINATOR);
    found.reverse();
    Ok((chat, found))
}

/// `GET /api/chats/:id/all-sent-messages`.
pub async fn all_sent(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let (chat, found) = newest(&office, &id).await?;
    let sent = found.iter().filter(|m| m.delivery_status == Some(DeliveryStatus::Sent)).take(LIST_MAX);
    Ok(Json(json!({ "messages": sent.map(shapes::message).collect::<Vec<_>>(), "chat_id": chat })))
}

fn one(chat: ChatId, message: Option<&Message>) -> Json<Value> {
    Json(json!({ "message": message.map(shapes::message), "chat_id": chat }))
}

/// `GET /api/chats/:id/latest-human-message`.
pub async fn latest_human(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let (chat, found) = newest(&office, &id).await?;
    Ok(one(chat, found.iter().rev().find(|m| m.author != "system")))
}

async fn oldest(office: &Office, id: &str, status: DeliveryStatus) -> Answer {
    let (chat, found) = newest(office, id).await?;
    Ok(one(chat, found.iter().find(|m| m.delivery_status == Some(status))))
}

/// `GET /api/chats/:id/oldest-sent-message`.
pub async fn oldest_sent(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    oldest(&office, &id, DeliveryStatus::Sent).await
}

/// `GET /api/chats/:id/oldest-delivered-message`.
pub async fn oldest_delivered(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    oldest(&office, &id, DeliveryStatus::Delivered).await
}

/// `GET /api/chats/:id/oldest-processing-message`.
pub async fn oldest_processing(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    oldest(&office, &id, DeliveryStatus::Processing).await
}

/// The message of a path, which must belong to the path's chat.
async fn message(office: &Office, chat: &str, id: &str) -> Result<Message, Failure> {
    let chat = chats::find(office, chat).await?.id;
    let id: MessageId = path_id(id, Refusal::MessageNotFound)?;
    let found: Option<Message> = office.get(id).await?;
    found.filter(|m| m.chat == chat).ok_or_else(|| Refusal::MessageNotFound.into())
}

/// `PATCH /api/chats/:id/messages/:messageId/status`.
pub async fn patch(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path((chat, id)): Path<(String, String)>,
    body: Body,
) -> Answer {
    let status = body
        .word::<DeliveryStatus>("delivery_status", &STATUSES)?
        .ok_or_else(|| Failure::invalid("field_missing", "delivery_status is required"))?;
    let patch = DeliveryPatch {
        status,
        retry_count: body.number("retry_count")?.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        cooldown_until: body.number("cooldown_until")?.and_then(|n| i64::try_from(n).ok()),
        failure_reason: body.text("failure_reason")?.map(Excerpt::from),
    };
    let found = message(&office, &chat, &id).await?;
    office.run(&caller.actor(), &Command::SetDelivery(found.id, patch)).await?;
    let now = message(&office, &chat, &id).await?;
    Ok(Json(json!({ "message": shapes::message(&now), "success": true })))
}

/// `POST /api/chats/:id/messages/:messageId/retry`.
pub async fn retry(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path((chat, id)): Path<(String, String)>,
) -> Answer {
    let found = message(&office, &chat, &id).await?;
    office.run(&caller.actor(), &Command::RetryMessage(found.id)).await?;
    let now = message(&office, &chat, &id).await?;
    Ok(Json(json!({ "message": shapes::message(&now), "success": true })))
}

/// Messages that somebody else carries and that have waited for so long, oldest first. What the
/// server carries itself is never among them: it is followed to its end.
async fn waiting(office: &Office, minutes: i64) -> Result<Vec<Message>, Failure> {
    let range = Range::ByStatus {
        kind: Kind::Message,
        scope: None,
        status: "waiting".into(),
        order: Order::Ordered,
        limit: WAITING_MAX,
    };
    let now = office.now();
    let mut found: Vec<Message> = office.all(range).await?;
    found.retain(|m| now.since(m.said()) >= minutes.saturating_mul(MINUTE_MS));
    Ok(found)
}

/// Query of the list of stuck messages.
#[derive(Deserialize)]
pub struct StuckQuery {
    limit: Option<String>,
    age_minutes: Option<String>,
}

fn minutes_of(text: Option<&str>) -> Result<i64, Failure> {
    let text = text.filter(|t| !t.is_empty());
    text.map_or(Ok(5), str::parse)
        .ok()
        .filter(|n| *n >= 0)
        .ok_or_else(|| Failure::invalid("invalid_field", "age_minutes must be a whole number"))
}

/// `GET /api/chats/messages/stuck`.
pub async fn stuck(State(office): State<Arc<Office>>, Query(query): Query<StuckQuery>) -> Answer {
    let minutes = minutes_of(query.age_minutes.as_deref())?;
    let limit = query.limit.as_deref().filter(|l| !l.is_empty()).map_or(Ok(100), str::parse::<usize>);
    let limit = limit.map_err(|_| Failure::invalid("invalid_field", "limit must be a whole number"))?.clamp(1, 500);
    let now = office.now();
    let found = waiting(&office, minutes).await?;
    let shown: Vec<Value> = found
        .iter()
        .take(limit)
        .map(|m| {
            let mut shape = shapes::message(m);
            shape["age_ms"] = json!(now.since(m.said()));
            shape
        })
        .collect();
    Ok(Json(json!({ "total": shown.len(), "messages": shown, "age_threshold_minutes": minutes })))
}

/// `POST /api/chats/messages/recover`.
pub async fn recover(State(office): State<Arc<Office>>, caller: Caller, body: Body) -> Answer {
    let minutes = body.number("age_threshold_minutes")?.map_or(5, |n| i64::try_from(n).unwrap_or(i64::MAX));
    let action = body.text("action")?.unwrap_or("mark_failed").to_owned();
    let (done_word, again) = match action.as_str() {
        "mark_failed" => ("marked_failed", false),
        "retry" => ("retried", true),
        _ => return Err(Failure::invalid("invalid_field", "action must be 'mark_failed' or 'retry'")),
    };
    let found = waiting(&office, minutes).await?;
    if found.is_empty() {
        return Ok(Json(json!({
            "success": true, "action": action, "processed": 0, "message": "No stuck messages found",
        })));
    }
    let (mut processed, mut failed) = (0_u32, 0_u32);
    let mut chats: Vec<(ChatId, u32)> = Vec::new();
    for message in found.iter().take(LIST_MAX) {
        let command = if again {
            Command::RetryMessage(message.id)
        } else {
            Command::SetDelivery(
                message.id,
                DeliveryPatch {
                    status: DeliveryStatus::Failed,
                    retry_count: None,
                    cooldown_until: None,
                    failure_reason: Some(format!("Gateway restart/timeout (age: {minutes}+ minutes)").into()),
                },
            )
        };
        if office.run(&caller.actor(), &command).await.is_err() {
            failed += 1;
            continue;
        }
        processed += 1;
        match chats.iter_mut().find(|(chat, _)| *chat == message.chat) {
            Some((_, count)) => *count += 1,
            None => chats.push((message.chat, 1)),
        }
    }
    let mut result = json!({ "action": done_word, "processed": processed, "failed": failed });
    if !again {
        let mut added = 0;
        for (chat, count) in &chats {
            let many = if *count == 1 { "message was" } else { "messages were" };
            let words = format!("{count} {many} not answered and marked as failed. They can be sent again.");
            let Some(content) = text::Body::parse(&words)? else { continue };
            let notice = NewMessage::new(*chat, text::Handle::system(), content);
            added += u32::from(office.run(&Actor::notices(), &Command::PostMessage(notice)).await.is_ok());
        }
        result["system_messages_added"] = json!(added);
    }
    Ok(Json(json!({
        "success": true, "action": action, "total_found": found.len(), "processed": processed, "failed": failed,
        "results": [result], "age_threshold_minutes": minutes,
    })))
}
