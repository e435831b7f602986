//! Chats of v1 and their messages.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use clutch_domain::{
    chat::{Chat as Inner, Message as MessageDoc},
    command::{ChatPatch, Command, NewChat, NewMessage},
    doc::Kind,
    id::{ChatId, ProjectId},
    range::{Before, Range},
    refusal::Refusal,
    text::{Body, ChatTitle, Participants},
    time::Millis,
};
use clutch_orchestrator::office::Office;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    etag::{held, run_on},
    input::Input,
    page::{self, Page, Paging},
    problem::{Refused, Reused, Stale},
    shapes::{Chat, Message},
    tasks::author,
};
use crate::http::{
    caller::Caller,
    compat::{
        body::{Path, Query},
        chats::{default_title, find},
        error::Failure,
        projects,
    },
};

/// Chats that are read at once while a list is put together; in tests fewer, so that lists have several pages.
const READ_AT_ONCE: u32 = if cfg!(test) { 5 } else { 500 };

/// All chats of a project, some perhaps twice. They lie in the order in which somebody spoke, and one that is spoken in
/// while they are read comes to the front: so the front is read once more where it was not all.
async fn all_chats(office: &Office, project: ProjectId) -> Result<Vec<Inner>, Failure> {
    let page =
        |before| Range::NewestChildren { kind: Kind::Chat, parent: project.to_string(), before, limit: READ_AT_ONCE };
    let mut all: Vec<Inner> = office.all(page(None)).await?;
    let mut read = all.len();
    while read == READ_AT_ONCE as usize {
        let before = all.last().map(|chat| Before { at: chat.updated_at, id: chat.id.to_string() });
        let more: Vec<Inner> = office.all(page(before)).await?;
        read = more.len();
        all.extend(more);
    }
    if all.len() > READ_AT_ONCE as usize {
        all.extend(office.all(page(None)).await?);
    }
    Ok(all)
}

/// The chats of a project, the newest made first.
///
/// One that is spoken in while you page is met once all the same.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/chats", operation_id = "list_chats", tag = "chats",
    params(("project" = String, Path, description = "Slug or id."), Paging),
    responses((status = 200, body = Page<Chat>), Refused)
)]
pub async fn list(
    State(office): State<Arc<Office>>,
    Path(project): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Chat>>, Failure> {
    let limit = page::limit(paging.limit)?;
    let below = page::place(paging.cursor.as_deref(), page::moment)?;
    let project = projects::find(&office, &project).await?.id;
    let mut chats = all_chats(&office, project).await?;
    let place = |chat: &Inner| (chat.created_at.0, chat.id.to_string());
    chats.sort_by_key(|chat| Reverse(place(chat)));
    chats.dedup_by_key(|chat| chat.id);
    chats.retain(|chat| below.as_ref().is_none_or(|below| place(chat) < *below));
    Ok(Json(Page::of(chats, limit, |chat| page::at(chat.created_at, chat.id))))
}

/// What a new chat may say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewChat)]
pub struct New {
    /// Title; left out, one with the date is made.
    title: Option<String>,
    /// Who takes part; left out, the coordinating agent.
    participants: Option<Vec<String>>,
}

/// Makes a chat.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/chats", operation_id = "create_chat", tag = "chats", request_body = New,
    params(
        ("project" = String, Path, description = "Slug or id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once."),
    ),
    responses((status = 201, body = Chat), Refused, Reused)
)]
pub async fn create(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
    input: Input<New>,
) -> Result<(StatusCode, Json<Chat>), Failure> {
    let project = projects::find(&office, &project).await?.id;
    let new = &input.value;
    let title = new.title.as_deref().map(ChatTitle::parse).transpose()?.flatten();
    let participants = match &new.participants {
        None => Participants::coordinator(),
        Some(names) => Participants::parse(names.iter().map(String::as_str))?,
    };
    let title = title.unwrap_or_else(|| default_title(office.now()));
    let command = Command::CreateChat(NewChat { project, title, participants, about: None });
    let done = input.run(&office, &caller, &headers, &format!("v1:chat:{project}"), &command).await?;
    let chat = done.made::<Inner>().ok_or(Refusal::ChatNotFound)?;
    Ok((StatusCode::CREATED, Json(Chat::from(chat))))
}

/// One chat.
#[utoipa::path(
    get, path = "/api/v1/chats/{chat}", operation_id = "get_chat", tag = "chats",
    params(
        ("chat" = String, Path, description = "Id."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that you have."),
    ),
    responses((status = 200, body = Chat, headers(("ETag" = String))), (status = 304, description = "You have it."), Refused)
)]
pub async fn show(
    State(office): State<Arc<Office>>,
    Path(chat): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id = find(&office, &chat).await?.id;
    now(&office, id, &headers).await
}

async fn now(office: &Office, id: ChatId, headers: &HeaderMap) -> Result<Response, Failure> {
    let chat = held::<Inner>(office, id).await?.ok_or(Refusal::ChatNotFound)?;
    Ok(chat.answer(headers, |chat| Chat::from(chat)))
}

/// What is to change of a chat.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChatPatch)]
pub struct Patch {
    /// Title.
    title: Option<String>,
}

/// Changes a chat.
#[utoipa::path(
    patch, path = "/api/v1/chats/{chat}", operation_id = "update_chat", tag = "chats", request_body = Patch,
    params(
        ("chat" = String, Path, description = "Id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 200, body = Chat, headers(("ETag" = String))), Refused, Stale)
)]
pub async fn update(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(chat): Path<String>,
    headers: HeaderMap,
    Input { value: patch, .. }: Input<Patch>,
) -> Result<Response, Failure> {
    let id = find(&office, &chat).await?.id;
    let title = patch.title.as_deref().map(ChatTitle::parse).transpose()?.flatten();
    let command = Command::UpdateChat(id, ChatPatch { title, session_key: None });
    run_on::<Inner>(&office, &caller.actor(), &headers, id, &command).await?;
    now(&office, id, &HeaderMap::new()).await
}

/// Deletes a chat.
#[utoipa::path(
    delete, path = "/api/v1/chats/{chat}", operation_id = "delete_chat", tag = "chats",
    params(
        ("chat" = String, Path, description = "Id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 204, description = "It lies in the bin for a week."), Refused, Stale)
)]
pub async fn remove(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(chat): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id = find(&office, &chat).await?.id;
    run_on::<Inner>(&office, &caller.actor(), &headers, id, &Command::DeleteChat(id)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The messages of a chat, newest first.
#[utoipa::path(
    get, path = "/api/v1/chats/{chat}/messages", operation_id = "list_messages", tag = "chats",
    params(("chat" = String, Path, description = "Id."), Paging),
    responses((status = 200, body = Page<Message>), Refused)
)]
pub async fn messages(
    State(office): State<Arc<Office>>,
    Path(chat): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Message>>, Failure> {
    let limit = page::limit(paging.limit)?;
    let before = page::place(paging.cursor.as_deref(), page::moment)?;
    let chat = find(&office, &chat).await?.id;
    let before = before.map(|(at, id)| Before { at: Millis(at), id });
    let range = Range::NewestChildren { kind: Kind::Message, parent: chat.to_string(), before, limit: limit + 1 };
    let found: Vec<MessageDoc> = office.all(range).await?;
    Ok(Json(Page::of(found, limit, |m| page::at(m.created_at, m.id))))
}

/// What a new message may say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMessage)]
pub struct NewWords {
    /// Markdown.
    content: String,
    /// In whose name; left out, in the caller's own.
    author: Option<String>,
    /// Whether it is brought to the agent; otherwise it is only kept.
    #[serde(default)]
    send: bool,
}

/// Writes a message.
#[utoipa::path(
    post, path = "/api/v1/chats/{chat}/messages", operation_id = "create_message", tag = "chats", request_body = NewWords,
    params(
        ("chat" = String, Path, description = "Id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once."),
    ),
    responses((status = 201, body = Message), Refused, Reused)
)]
pub async fn post(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(chat): Path<String>,
    headers: HeaderMap,
    input: Input<NewWords>,
) -> Result<(StatusCode, Json<Message>), Failure> {
    let chat = find(&office, &chat).await?.id;
    let new = &input.value;
    let content = Body::parse(&new.content)?.ok_or(Refusal::ContentMissing)?;
    let (author, actor) = author(&caller, new.author.as_deref())?;
    let message = NewMessage { send: new.send, ..NewMessage::new(chat, author, content) };
    let command = Command::PostMessage(message);
    let done = input.run_as(&office, &caller, &actor, &headers, &format!("v1:message:{chat}"), &command).await?;
    let message = done.made::<MessageDoc>().ok_or(Refusal::MessageNotFound)?;
    Ok((StatusCode::CREATED, Json(Message::from(message))))
}
