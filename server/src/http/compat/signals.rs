//! Reading and answering signals (facts §2.9). Raising them is a webhook.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use clutch_domain::{
    command::Command,
    doc::Kind,
    id::SignalId,
    range::{Fetch, Order, Range},
    refusal::Refusal,
    talk::{Delivery, Signal, SignalKind},
    text,
};
use clutch_orchestrator::office::Office;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Path, Query, path_id},
    error::Failure,
    shapes,
    tasks::find,
};

type Answer = Result<Json<Value>, Failure>;

/// Most signals that are read for a list, the newest.
const READ_MAX: u32 = 2_000;
/// How long an answer may take to reach the gateway before the caller is told "not yet".
const DELIVERY_WAIT: Duration = Duration::from_secs(5);

/// Query of the list.
#[derive(Deserialize)]
pub struct ListQuery {
    task_id: Option<String>,
    kind: Option<String>,
    blocking: Option<String>,
    unresponded: Option<String>,
    limit: Option<String>,
}

/// `GET /api/signal`.
pub async fn list(State(office): State<Arc<Office>>, Query(query): Query<ListQuery>) -> Result<Json<Value>, Failure> {
    let by_status = |status: &str| Range::ByStatus {
        kind: Kind::Signal,
        scope: None,
        status: status.into(),
        order: Order::Newest,
        limit: READ_MAX,
    };
    let waiting = by_status("waits");
    let yes = |v: &Option<String>| v.as_deref() == Some("true");
    let mut ranges = vec![waiting.clone()];
    match query.task_id.as_deref().filter(|t| !t.is_empty()) {
        Some(task) => {
            let task = find(&office, task).await?.id;
            let parent = task.to_string();
            ranges.push(Range::NewestChildren { kind: Kind::Signal, parent, before: None, limit: READ_MAX });
        }
        None => ranges.extend([waiting.clone(), by_status("delivering"), by_status("settled")]),
    }
    let kind =
        query.kind.as_deref().filter(|k| !k.is_empty()).map(|k| k.parse::<SignalKind>().map_err(|()| kind_wrong()));
    let kind = kind.transpose()?;
    let limit = query.limit.as_deref().filter(|l| !l.is_empty()).map_or(Ok(50), str::parse::<usize>);
    let limit = limit.map_err(|_| Failure::invalid("invalid_field", "limit must be a whole number"))?;
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
    let mut signals: Vec<&Signal> = ranges[1..].iter().flat_map(|r| docs.all::<Signal>(r)).collect();
    signals.retain(|s| {
        kind.is_none_or(|k| s.kind == k)
            && (!yes(&query.blocking) || s.blocking())
            && (!yes(&query.unresponded) || s.responded_at.is_none())
    });
    signals.sort_by_key(|s| (std::cmp::Reverse(s.severity), std::cmp::Reverse(s.created_at), s.id));
    let shown: Vec<Value> = signals.into_iter().take(limit).map(shapes::signal).collect();
    Ok(Json(json!({ "signals": shown, "pendingCount": docs.all::<Signal>(&waiting).count() })))
}

/// The sentence for a kind that is none.
pub fn kind_wrong() -> Failure {
    Failure::invalid("invalid_field", "Invalid kind. Must be one of: question, blocker, alert, fyi")
}

/// `POST /api/signal/:id/respond`. The answer is kept and sent by the outbox; this waits a moment to tell how that went.
pub async fn respond(State(office): State<Arc<Office>>, caller: Caller, Path(id): Path<String>, body: Body) -> Answer {
    let id: SignalId = path_id(&id, Refusal::SignalNotFound)?;
    answer(&office, &caller, id, words(&body, &["response"])?).await
}

/// The answer under one of these names.
fn words(body: &Body, names: &[&'static str]) -> Result<text::Body, Failure> {
    match names.iter().find_map(|&name| body.some(name)) {
        Some(Value::String(text)) => Ok(text::Body::parse(text)?.ok_or(Refusal::ResponseMissing)?),
        _ => Err(Refusal::ResponseMissing.into()),
    }
}

/// What the original's CLI calls an answer, on routes that the original never had (facts §8.1).
const CALLED: &[&str] = &["response", "message", "answer", "content"];

/// `POST /api/signal/respond`, with the id in the body.
pub async fn respond_by_body(State(office): State<Arc<Office>>, caller: Caller, body: Body) -> Answer {
    let named = ["signalId", "signal_id", "id"].iter().find_map(|&name| body.some(name)).and_then(Value::as_str);
    let named = named.ok_or_else(|| Failure::invalid("field_missing", "signalId is required"))?;
    let id = path_id(named, Refusal::SignalNotFound)?;
    answer_again(&office, &caller, id, words(&body, CALLED)?).await
}

/// `PATCH /api/tasks/:id/respond`, by the signal's id, or by its task: then the newest question there that waits.
pub async fn respond_by_task(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(named): Path<String>,
    body: Body,
) -> Answer {
    let said = words(&body, CALLED)?;
    if let Ok(id) = named.parse::<SignalId>()
        && office.get::<Signal>(id).await?.is_some()
    {
        return answer_again(&office, &caller, id, said).await;
    }
    let task = find(&office, &named).await?.id;
    let parent = task.to_string();
    let newest = Range::NewestChildren { kind: Kind::Signal, parent, before: None, limit: READ_MAX };
    let signals = office.all::<Signal>(newest).await?;
    let asks = signals.iter().find(|signal| signal.waits());
    let asks = asks.or_else(|| signals.iter().find(|signal| signal.response.as_ref() == Some(&said)));
    answer_again(&office, &caller, asks.ok_or(Refusal::SignalNotFound)?.id, said).await
}

/// The CLI says it on one route and then on the other: the same words twice are one answer.
async fn answer_again(office: &Office, caller: &Caller, id: SignalId, said: text::Body) -> Answer {
    match answer(office, caller, id, said.clone()).await {
        Err(refused) if refused.is(Refusal::SignalAnswered) => {
            let signal: Signal = office.get(id).await?.ok_or(Refusal::SignalNotFound)?;
            if signal.response.as_ref() == Some(&said) { Ok(told(&signal)) } else { Err(refused) }
        }
        answered => answered,
    }
}

fn told(signal: &Signal) -> Json<Value> {
    let sent = signal.delivery == Some(Delivery::Sent);
    Json(json!({ "success": true, "signal": shapes::signal(signal), "notificationSent": sent }))
}

async fn answer(office: &Office, caller: &Caller, id: SignalId, answer: text::Body) -> Answer {
    let done = office.run(&caller.actor(), &Command::AnswerSignal(id, answer)).await?;
    let answered = done.now::<Signal>(id).cloned().ok_or(Refusal::SignalNotFound)?;
    let range = Range::doc(Kind::Signal, id);
    let fetch =
        Fetch { scopes: vec![clutch_domain::doc::Scope::Project(answered.project)], ranges: vec![range.clone()] };
    let mut watch = office.store().watch(fetch);
    let settled = async {
        while let Some(read) = watch.next().await {
            let Ok(read) = read else { continue };
            if let Some(signal) = read.value.first::<Signal>(&range).filter(|s| s.delivery != Some(Delivery::Pending)) {
                return Some(signal.clone());
            }
        }
        None
    };
    let signal = tokio::time::timeout(DELIVERY_WAIT, settled).await.ok().flatten().unwrap_or(answered);
    Ok(told(&signal))
}
