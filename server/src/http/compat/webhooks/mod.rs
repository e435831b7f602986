//! The routes that plugins inside the gateway call back on (facts §4).
//!
//! | Route | Who calls | What it does |
//! |---|---|---|
//! | `POST /api/signal` | tool `signal` | an agent asks, warns or tells |
//! | `POST /api/tasks/:id/complete` | tool `mark_complete` | an agent reports its work as complete |
//! | `POST /api/chats/:id/messages` | channel plugin, scripts | an answer, or a person's words |
//! | `POST /api/chats/:id/typing` | channel plugin | somebody is thinking or typing |
//!
//! Where people log in, they stay open without a token from this machine, with the scope *agent*
//! ([`crate::http::scopes`]); everything else of `/api` needs a token there.
//!
//! A tool call may be repeated by the plugin when the answer was lost: the header
//! `idempotency-key` names the call, and the same call is done once.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    middleware,
    routing::post,
};
use clutch_domain::{
    actor::COORDINATOR,
    chat::{DeliveryStatus, Message, is_carried_run},
    command::{Command, Completion, NewMessage, NewSignal},
    id::ChatId,
    refusal::Refusal,
    speech,
    talk::{Comment, Signal, SignalSeverity},
    task::Task,
    text::{self, Excerpt, Handle, Location, Notes, RunKey, SessionKey},
};
use clutch_orchestrator::{office::Office, runtime::Runtimes};
use serde_json::{Value, json};

use crate::{
    chat::ephemeral::{Ephemeral, TypingState},
    http::{
        caller::Caller,
        compat::{
            body::{Body, Path, path_id},
            chats,
            error::Failure,
            fields,
            once::Call,
            programs::Programs,
            shapes, signals,
            tasks::find,
        },
        uploads::Uploads,
    },
    settings::WithoutPr,
    state::AppState,
};

/// All webhook routes.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/signal", post(signal))
        .route("/api/tasks/{id}/complete", post(complete))
        .route("/api/chats/{id}/messages", post(message))
        .route("/api/chats/{id}/typing", post(typing))
        .route_layer(middleware::from_fn(fields::told))
}

/// The run that reports, under either of the names that plugins use.
fn run_id(body: &Body) -> Result<Option<RunKey>, Failure> {
    Ok(body.parsed("run_id", RunKey::parse)?.or(body.parsed("runId", RunKey::parse)?))
}

/// `POST /api/signal` (facts §2.9).
async fn signal(
    State(office): State<Arc<Office>>,
    State(runtimes): State<Runtimes>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let needed = "taskId, sessionKey, agentId, kind, and message are required";
    let get = |name| body.needed(name, "field_missing", needed);
    let (task, kind) = (get("taskId")?, get("kind")?);
    let session = body.filled("sessionKey", SessionKey::parse, needed)?;
    let agent_id = body.filled("agentId", Handle::parse, needed)?;
    let message = body.markdown("message")?.ok_or_else(|| Failure::invalid("field_missing", needed))?;
    let severity = match body.text("severity")?.filter(|s| !s.is_empty()) {
        None => SignalSeverity::Normal,
        // The plugin's tool offers "urgent"; people see it as high.
        Some("urgent") => SignalSeverity::High,
        Some(word) => word.parse().map_err(|()| {
            Failure::invalid("invalid_field", "Invalid severity. Must be one of: normal, high, critical")
        })?,
    };
    let new = NewSignal {
        kind: kind.parse().map_err(|()| signals::kind_wrong())?,
        task: find(&office, task).await?.id,
        session_key: runtimes.from_session(session),
        agent_id: agent_id.clone(),
        run_id: run_id(&body)?,
        severity,
        message,
        options: clutch_domain::text::Options::default(),
    };
    let call = Call::of(&caller, &headers, "signal", "", &body)?;
    let done = call.run(&office, &caller.agent(agent_id.as_str()), &Command::RaiseSignal(new)).await?;
    let signal = done.made::<Signal>().ok_or(Refusal::SignalNotFound)?;
    Ok((
        StatusCode::CREATED,
        Json(json!({ "signalId": signal.id, "blocking": signal.blocking(), "signal": shapes::signal(signal) })),
    ))
}

/// `POST /api/tasks/:id/complete` (facts §2.6).
async fn complete(
    State(office): State<Arc<Office>>,
    State(runtimes): State<Runtimes>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let before = find(&office, &id).await?;
    let report = Completion {
        task: before.id,
        summary: body.markdown("summary")?.ok_or(Refusal::SummaryMissing)?,
        pr_url: body.parsed("prUrl", Location::parse)?,
        notes: body.parsed("notes", Notes::parse)?,
        agent: body.parsed("agent", Handle::parse)?,
        session_key: body.parsed("sessionKey", SessionKey::parse)?.map(|said| runtimes.from_session(said)),
        run_id: run_id(&body)?,
        finishes: programs.without_pr == WithoutPr::Done,
    };
    let call = Call::of(&caller, &headers, "complete", &id, &body)?;
    let who = caller.agent(report.agent.as_ref().map_or("agent", Handle::as_str));
    let done = call.run(&office, &who, &Command::CompleteTask(report)).await?;
    let comment = done.made::<Comment>().ok_or(Refusal::CommentNotFound)?;
    let after = done.now::<Task>(before.id);
    let mut task = after.unwrap_or(&before).clone();
    if call.may_repeat() {
        task = find(&office, &before.id.to_string()).await?;
    }
    Ok(Json(json!({
        "success": true,
        "task": { "id": task.id, "status": task.status, "completed_at": task.completed_at },
        "comment": { "id": comment.id, "type": comment.kind },
    })))
}

/// `POST /api/chats/:id/messages` (facts §2.3). Stores only, and sending is the caller's, as before;
/// with `"send": true` the server carries the message to the agent. Of an agent's words those for its gateway
/// (`NO_REPLY`) are left out; where nothing else was said, nothing is stored and `message` is null.
async fn message(
    State(office): State<Arc<Office>>,
    caller: Caller,
    State(ephemeral): State<Arc<Ephemeral>>,
    State(uploads): State<Arc<Uploads>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let chat: ChatId = path_id(&id, Refusal::ChatNotFound)?;
    let author = body.parsed("author", Handle::parse)?.unwrap_or_else(Handle::owner);
    let mut content = body.markdown("content")?.ok_or(Refusal::ContentMissing)?;
    let run_id = body.parsed("run_id", RunKey::parse)?;
    // Held until the message is written.
    let taken;
    if author.as_str() == COORDINATOR {
        chats::find(&office, &id).await?;
        if speech::to_people(content.as_str()).is_empty() {
            // It has nothing to say, and that is all that was asked of it.
            ephemeral.set(chat, author.as_str(), None);
            return Ok((StatusCode::OK, Json(json!({ "message": null }))));
        }
        if run_id.as_ref().is_some_and(|run| is_carried_run(run.as_str())) {
            return Err(Refusal::MessageExists.into()); // before its pictures are taken
        }
        taken = uploads.taken(content.as_str()).await;
        content = text::Body::parse(&taken.words)?.ok_or(Refusal::ContentMissing)?;
    }
    let retries = body.number("retry_count")?.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let new = NewMessage {
        chat,
        author: author.clone(),
        content,
        run_id,
        session_key: body.parsed("session_key", SessionKey::parse)?,
        is_automated: body.switch("is_automated")?.unwrap_or(false),
        delivery_status: body
            .word::<DeliveryStatus>("delivery_status", &["sent", "delivered", "processing", "responded", "failed"])?,
        retry_count: retries,
        cooldown_until: body.number("cooldown_until")?.and_then(|n| i64::try_from(n).ok()),
        failure_reason: body.text("failure_reason")?.map(Excerpt::from),
        send: body.switch("send")?.unwrap_or(false),
        calls: Vec::new(),
        resets: false,
        heard: false,
    };
    let who = if author.as_str() == COORDINATOR { caller.agent(COORDINATOR) } else { caller.claiming(author.as_str()) };
    let call = Call::of(&caller, &headers, "message", &id, &body)?;
    let done = call.run(&office, &who, &Command::PostMessage(new)).await?;
    // Whoever has spoken does not think or type any more.
    ephemeral.set(chat, author.as_str(), None);
    let message = done.made::<Message>().ok_or(Refusal::MessageNotFound)?;
    Ok((StatusCode::CREATED, Json(json!({ "message": shapes::message(message) }))))
}

/// `POST /api/chats/:id/typing` (facts §2.3). Kept in memory for a few seconds, never stored.
async fn typing(
    State(office): State<Arc<Office>>,
    State(ephemeral): State<Arc<Ephemeral>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let Some(Value::Bool(on)) = body.0.get("typing") else {
        return Err(Failure::invalid("field_missing", "typing (boolean) is required"));
    };
    let chat = chats::find(&office, &id).await?;
    let author = body.parsed("author", Handle::parse)?.unwrap_or_else(Handle::coordinator);
    let state = if body.text("state")? == Some("typing") { TypingState::Typing } else { TypingState::Thinking };
    ephemeral.set(chat.id, author.as_str(), on.then_some(state));
    Ok(Json(json!({ "ok": true })))
}
