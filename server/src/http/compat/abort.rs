//! Stopping what works: an agent on a task (facts §2.6), an answer in a session (§2.4).

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::HeaderMap};
use clutch_domain::{
    chat::Chat,
    command::{Command, Triage, TriageStep},
    doc::{Kind, Scope},
    id::RunId,
    range::{Fetch, Range},
    refusal::Refusal,
    right::Right,
    run::Run,
    task::{Status, Task},
    text::{Handle, SessionKey},
};
use clutch_orchestrator::{
    office::Office,
    runtime::{RuntimeError, Runtimes},
};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::{MaybeBody, Path},
    error::Failure,
    once::Call,
    tasks::find,
};

type Answer = Result<Json<Value>, Failure>;

/// How long the loop may take to stop an agent before the caller is told "not yet".
const STOPS: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 5_000 });
/// The session that is meant where none is named.
const MAIN: &str = "main";

/// `POST /api/tasks/:id/abort`: what was done is discarded. The loop stops its own agent; one that somebody runs by hand is
/// stopped here. Folders, branches and pull requests are nobody's here, so nothing of that is removed.
pub async fn task(
    State(office): State<Arc<Office>>,
    State(runtimes): State<Runtimes>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    MaybeBody(body): MaybeBody,
) -> Answer {
    let author = body.parsed("triggeredBy", Handle::parse)?.unwrap_or_else(Handle::user);
    let task = find(&office, &id).await?;
    let call = Call::of(&caller, &headers, "abort", &id, &body)?;
    let actor = caller.claiming(author.as_str());
    let asked = Command::Triage(Triage { task: task.id, author, step: TriageStep::Abort });
    match call.run(&office, &actor, &asked).await {
        Err(refused) if refused.is(Refusal::NotInProgress) || refused.is(Refusal::DoneIsFinal) => {
            let sentence = format!("Task is not in_progress (current status: {})", task.status.word());
            return Err(Failure::invalid(Refusal::NotInProgress.code(), sentence));
        }
        answer => _ = answer?,
    }
    let (stopped, errors) = match stop(&office, &runtimes, &task).await {
        Ok(stopped) => (stopped, Vec::new()),
        Err(error) => (false, vec![error]),
    };
    Ok(Json(json!({ "success": true, "result": {
        "success": true, "sessionKilled": stopped, "worktreeRemoved": false, "branchDeleted": false, "errors": errors,
    } })))
}

/// Whether whoever worked on it does not any more.
async fn stop(office: &Office, runtimes: &Runtimes, before: &Task) -> Result<bool, String> {
    if let Some(run) = before.open_run {
        return if ended(office, before, run).await {
            Ok(true)
        } else {
            Err("The agent is being stopped; it was still at work when this was answered.".into())
        };
    }
    let Some(session) = before.agent_session_key.as_deref().filter(|_| before.status == Status::InProgress) else {
        return Ok(false);
    };
    let runtime = runtimes.usual().ok_or("This server runs no agents.")?;
    match runtime.agents.abort(session, false).await {
        Ok(()) => Ok(true),
        Err(RuntimeError::Away(_)) => Err("OpenClaw gateway not connected".into()),
        Err(error) => Err(error.to_string()),
    }
}

async fn ended(office: &Office, task: &Task, run: RunId) -> bool {
    let range = Range::doc(Kind::Run, run);
    let fetch = Fetch { scopes: vec![Scope::Project(task.project)], ranges: vec![range.clone()] };
    let mut watch = office.store().watch(fetch);
    let over = async {
        while let Some(read) = watch.next().await {
            if read.is_ok_and(|read| read.value.first::<Run>(&range).is_none_or(|run| !run.open())) {
                return;
            }
        }
    };
    tokio::time::timeout(STOPS, over).await.is_ok()
}

/// `POST /api/chat/abort`: stops the answer that is being given in a session, as the button of a chat does.
pub async fn chat(
    State(office): State<Arc<Office>>,
    State(runtimes): State<Runtimes>,
    caller: Caller,
    MaybeBody(body): MaybeBody,
) -> Answer {
    if !caller.actor().may(Right::Write) {
        return Err(Right::Write.refusal().into());
    }
    let session = body.parsed("sessionKey", SessionKey::parse)?.map_or_else(|| MAIN.to_owned(), |key| key.to_string());
    let chat = match runtimes.chat_of(&session) {
        Some(chat) => office.get::<Chat>(chat).await?,
        None => None,
    };
    let runtime = chat.as_ref().map_or_else(|| runtimes.usual(), |chat| runtimes.of_chat(chat));
    let runtime = runtime.ok_or_else(|| Failure::away("gateway_away", "This server runs no agents."))?;
    runtime.agents.abort(&session, false).await?;
    Ok(Json(json!({ "success": true, "message": "Chat abort request processed" })))
}
