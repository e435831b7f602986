//! Chats and reading messages (facts §2.3). Writing messages is a webhook.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use clutch_domain::{
    chat::{Chat, Message},
    command::{ChatPatch, Command, NewChat, OwnSession},
    doc::Kind,
    id::{ChatId, MessageId, ProjectId},
    project::Project,
    range::{Before, Range},
    refusal::Refusal,
    text::{CHAT_TITLE_MAX, ChatTitle, Participants, SessionKey},
    time::{Millis, Utc},
};
use clutch_orchestrator::{office::Office, runtime::Runtimes};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Path, Query, path_id},
    error::Failure,
    once::Call,
    projects, shapes,
};

type Answer = Result<Json<Value>, Failure>;
/// Most chats of one page.
const CHATS_MAX: u32 = 100;
/// Most messages of one page.
const MESSAGES_MAX: u32 = 100;

/// A chat by id.
pub async fn find(office: &Office, id: &str) -> Result<Chat, Failure> {
    let id: ChatId = path_id(id, Refusal::ChatNotFound)?;
    let chat: Option<Chat> = office.get(id).await?;
    let chat = chat.filter(|chat| chat.deleted_at.is_none()).ok_or(Refusal::ChatNotFound)?;
    let project: Option<Project> = office.get(chat.project).await?;
    project.filter(|project| project.deleted_at.is_none()).ok_or(Refusal::ChatNotFound)?;
    Ok(chat)
}

/// Query of the list.
#[derive(Deserialize)]
pub struct ListQuery {
    #[serde(rename = "projectId")]
    project_id: Option<String>,
    #[serde(flatten)]
    page: PageQuery,
}

/// `GET /api/chats?projectId=`, spoken in last first. `cursor` is where the next page begins, for its `before`.
pub async fn list(State(office): State<Arc<Office>>, Query(query): Query<ListQuery>) -> Answer {
    let project = query.project_id.filter(|p| !p.is_empty());
    let project = project.ok_or_else(|| Failure::invalid("field_missing", "projectId is required"))?;
    let limit = query.page.limit(CHATS_MAX, CHATS_MAX)?;
    let before = match query.page.before.as_deref().filter(|b| !b.is_empty()) {
        None => None,
        Some(cursor) => Some(
            place(cursor)
                .ok_or_else(|| Failure::invalid("invalid_field", "before must be the cursor of an earlier answer"))?,
        ),
    };
    let project = projects::find(&office, &project).await?.id;
    let range = Range::NewestChildren { kind: Kind::Chat, parent: project.to_string(), before, limit: limit + 1 };
    let mut page: Vec<Chat> = office.all(range).await?;
    let more = page.len() > limit as usize;
    page.truncate(limit as usize);
    // A chat moves when somebody speaks in it, so the place is told and not only the chat.
    let cursor = page.last().map(|chat| format!("{}:{}", chat.updated_at.0, chat.id));
    let chats: Vec<Value> = page.iter().map(with_last).collect();
    Ok(Json(json!({ "chats": chats, "hasMore": more, "cursor": cursor })))
}

/// The place that a cursor names.
fn place(cursor: &str) -> Option<Before> {
    let (at, id) = cursor.split_once(':')?;
    let id: ChatId = id.parse().ok()?;
    Some(Before { at: Millis(at.parse().ok()?), id: id.to_string() })
}

fn with_last(chat: &Chat) -> Value {
    let mut shape = shapes::chat(chat);
    let last = chat
        .last
        .as_ref()
        .map_or(Value::Null, |l| json!({ "content": l.content, "author": l.author, "created_at": l.said() }));
    shape.insert("lastMessage".into(), last);
    Value::Object(shape)
}

fn not_names() -> Failure {
    Failure::invalid("invalid_field", "participants must be an array of names")
}

/// `POST /api/chats`.
pub async fn create(
    State(office): State<Arc<Office>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let project: ProjectId = body.id("project_id", "project_id is required", Refusal::ProjectNotFound)?;
    let participants = match (body.texts("participants"), body.some("participants")) {
        (Err(_), _) => return Err(not_names()),
        (_, None) => Participants::coordinator(),
        (Ok(Some(names)), _) => Participants::parse(names.iter().filter_map(Value::as_str))?,
        (Ok(None), Some(Value::String(name))) => Participants::parse([name.as_str()])?,
        (Ok(None), Some(_)) => return Err(not_names()),
    };
    let title = match body.parsed("title", ChatTitle::parse)? {
        Some(title) => title,
        None => default_title(office.now()),
    };
    let new = NewChat { project, title, participants, about: None };
    let call = Call::of(&caller, &headers, "chat", "", &body)?;
    let done = call.run(&office, &caller.actor(), &Command::CreateChat(new)).await?;
    let chat = done.made::<Chat>().ok_or(Refusal::ChatNotFound)?;
    Ok((StatusCode::CREATED, Json(json!({ "chat": shapes::chat(chat) }))))
}

/// `Chat 2026-11-22 9:05`, in UTC.
pub fn default_title(now: Millis) -> ChatTitle {
    let Utc { year, month, day, hour, minute, .. } = now.utc();
    ChatTitle::made_of(&format!("Chat {year}-{month:02}-{day:02} {hour}:{minute:02}"), CHAT_TITLE_MAX, "Chat")
}

/// `PATCH /api/chats`, with the id in the body.
pub async fn update_by_body(
    State(office): State<Arc<Office>>,
    State(runtimes): State<Runtimes>,
    caller: Caller,
    body: Body,
) -> Answer {
    let id: ChatId = body.id("id", "id is required", Refusal::ChatNotFound)?;
    let patch = patch_of(&body, &runtimes)?;
    if patch.title.is_none() && patch.session_key.is_none() {
        return Err(Failure::invalid("nothing_to_change", "title or session_key is required"));
    }
    change(&office, &caller, id, patch).await
}

/// `PATCH /api/chats/:id`.
pub async fn update(
    State(office): State<Arc<Office>>,
    State(runtimes): State<Runtimes>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body,
) -> Answer {
    let id: ChatId = path_id(&id, Refusal::ChatNotFound)?;
    let patch = patch_of(&body, &runtimes)?;
    change(&office, &caller, id, patch).await
}

fn patch_of(body: &Body, runtimes: &Runtimes) -> Result<ChatPatch, Failure> {
    let own = |name: SessionKey| OwnSession { chat: runtimes.chat_of(name.as_str()), name };
    Ok(ChatPatch {
        title: body.parsed("title", ChatTitle::parse)?,
        session_key: body.parsed("session_key", SessionKey::parse)?.map(own),
    })
}

async fn change(office: &Office, caller: &Caller, id: ChatId, patch: ChatPatch) -> Answer {
    let done = office.run(&caller.actor(), &Command::UpdateChat(id, patch)).await?;
    let chat = done.now::<Chat>(id).ok_or(Refusal::ChatNotFound)?;
    Ok(Json(json!({ "chat": shapes::chat(chat) })))
}

/// `GET /api/chats/:id`.
pub async fn show(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    Ok(Json(json!({ "chat": shapes::chat(&find(&office, &id).await?) })))
}

/// `DELETE /api/chats/:id`.
pub async fn remove(State(office): State<Arc<Office>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let id: ChatId = path_id(&id, Refusal::ChatNotFound)?;
    office.run(&caller.actor(), &Command::DeleteChat(id)).await?;
    Ok(Json(json!({ "success": true })))
}

/// Query of a page.
#[derive(Deserialize)]
pub struct PageQuery {
    limit: Option<String>,
    before: Option<String>,
}

impl PageQuery {
    fn limit(&self, usual: u32, most: u32) -> Result<u32, Failure> {
        let limit = self.limit.as_deref().filter(|l| !l.is_empty()).map_or(Ok(usual), str::parse::<u32>);
        let limit = limit.map_err(|_| Failure::invalid("invalid_field", "limit must be a whole number"))?;
        Ok(limit.clamp(1, most))
    }
}

/// `GET /api/chats/:id/messages`, oldest first.
pub async fn messages(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Answer {
    let chat = find(&office, &id).await?;
    let limit = query.limit(50, MESSAGES_MAX)?;
    let before = match query.before.as_deref().filter(|b| !b.is_empty()) {
        None => None,
        Some(id) => {
            let id: MessageId = path_id(id, Refusal::MessageNotFound)?;
            let message: Option<Message> = office.get(id).await?;
            let message = message.filter(|m| m.chat == chat.id).ok_or(Refusal::MessageNotFound)?;
            Some(Before { at: message.created_at, id: message.id.to_string() })
        }
    };
    let range = Range::NewestChildren { kind: Kind::Message, parent: chat.id.to_string(), before, limit: limit + 1 };
    let mut page: Vec<Message> = office.all(range).await?;
    let more = page.len() > limit as usize;
    page.truncate(limit as usize);
    page.reverse();
    let cursor = page.first().map(|m| m.id);
    let shown: Vec<Value> = page.iter().map(shapes::message).collect();
    Ok(Json(json!({ "messages": shown, "hasMore": more, "cursor": cursor })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_titles_carry_the_date() {
        for (ms, want) in [
            (0, "Chat 1970-01-01 0:00"),
            (951_827_700_000, "Chat 2000-02-29 12:35"),
            (1_795_330_629_421, "Chat 2026-11-22 6:57"),
        ] {
            assert_eq!(default_title(Millis(ms)).as_str(), want);
        }
    }
}
