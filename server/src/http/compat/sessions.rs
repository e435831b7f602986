//! Sessions of the gateway (facts §2.14, §3.8), by its own methods: its files are its own business.
//!
//! What was said in sessions is for whoever could ask the gateway itself through [`super::rpc`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{Json, extract::State};
use clutch_domain::{
    doc::{Kind, session_name},
    id::ProjectId,
    project::Project,
    range::{Fetch, Range},
    right::Right,
    run::Run,
    time::Millis,
};
use clutch_gateway::{OpenClaw, wire::text};
use clutch_orchestrator::{office::Office, runtime::Runtimes};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Path, Query},
    error::Failure,
    gateway::{QUICK, SESSIONS_MAX, sessions},
    programs::Programs,
    transcript,
};

type Answer = Result<Json<Value>, Failure>;

/// Whoever gave no sign for so long is not at work, and after the second is not about to be.
const IDLE_MS: i64 = 5 * 60_000;
const OVER_MS: i64 = 15 * 60_000;
/// Sessions on a page, and the most of them.
const PAGE: usize = 100;
const PAGE_MAX: usize = 500;
/// Newest messages of a session that are told.
const MESSAGES: u32 = 500;
/// Words of a status and of a type.
pub const STATUSES: [&str; 4] = ["active", "idle", "completed", "stale"];
pub const TYPES: [&str; 4] = ["main", "chat", "agent", "cron"];

fn may_ask(caller: &Caller) -> Result<(), Failure> {
    if caller.actor().may(Right::Write) { Ok(()) } else { Err(Right::Write.refusal().into()) }
}

/// When anything last happened in it.
pub fn moment(row: &Value) -> Option<i64> {
    row["lastInteractionAt"].as_i64().or_else(|| row["updatedAt"].as_i64())
}

fn silent_for(row: &Value, now: Millis) -> i64 {
    moment(row).map_or(i64::MAX, |at| now.since(Millis(at)))
}

/// Whether a run is under way; where a gateway does not say, whether there was one a moment ago.
pub fn is_working(row: &Value, now: Millis) -> bool {
    row["hasActiveRun"].as_bool().unwrap_or_else(|| silent_for(row, now) < IDLE_MS)
}

/// Its standing in the list.
pub fn standing(row: &Value, now: Millis) -> &'static str {
    if is_working(row, now) {
        "active"
    } else if silent_for(row, now) < OVER_MS {
        "idle"
    } else if row["endedAt"].is_number() || text(row, "status") == "done" {
        "completed"
    } else {
        "stale"
    }
}

/// What kind of session it is, by its name.
pub fn kind(key: &str, runtimes: &Runtimes) -> &'static str {
    if runtimes.chat_of(key).is_some() {
        return "chat";
    }
    match key.split(':').collect::<Vec<_>>()[..] {
        ["main"] | ["agent", _, "main"] => "main",
        ["agent", _, "cron", ..] | ["cron", ..] => "cron",
        _ => "agent",
    }
}

/// All that can be said of a row without the store.
fn shape(row: &Value, key: &str, kind: &str, now: Millis) -> Value {
    let standing = standing(row, now);
    let number = |name: &str| row[name].as_f64().map_or(Value::Null, |_| row[name].clone());
    json!({
        "id": row["sessionId"], "session_key": key, "session_id": row["sessionId"], "session_type": kind,
        "model": row["model"], "provider": row["modelProvider"], "status": standing,
        "tokens_input": number("inputTokens"), "tokens_output": number("outputTokens"),
        "tokens_cache_read": null, "tokens_cache_write": null, "tokens_total": number("totalTokens"),
        "cost_input": null, "cost_output": null, "cost_cache_read": null, "cost_cache_write": null,
        "cost_total": number("estimatedCostUsd"), "last_active_at": moment(row),
        "output_preview": null, "stop_reason": null, "task_id": null, "project_slug": null, "file_path": null,
        "created_at": number("createdAt"), "updated_at": number("updatedAt"),
        "completed_at": if standing == "completed" { number("endedAt") } else { Value::Null },
    })
}

/// Query of the list.
#[derive(Deserialize)]
pub struct ListQuery {
    status: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    model: Option<String>,
    limit: Option<String>,
    offset: Option<String>,
}

/// `GET /api/sessions`.
pub async fn list(
    State(office): State<Arc<Office>>,
    State(gateway): State<Arc<OpenClaw>>,
    State(runtimes): State<Runtimes>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Answer {
    may_ask(&caller)?;
    let word = |name: &str, value: &Option<String>, all: &[&str]| match value.as_deref().filter(|v| !v.is_empty()) {
        Some(word) if !all.contains(&word) => {
            Err(Failure::invalid("invalid_field", format!("Invalid {name}. Must be one of: {}", all.join(", "))))
        }
        word => Ok(word.map(str::to_owned)),
    };
    let status = word("status", &query.status, &STATUSES)?;
    let wanted = word("type", &query.kind, &TYPES)?;
    let model = query.model.as_deref().filter(|model| !model.is_empty());
    let number = |name: &str, value: &Option<String>, usual: usize| match value.as_deref().filter(|v| !v.is_empty()) {
        None => Ok(usual),
        Some(text) => {
            text.parse().map_err(|_| Failure::invalid("invalid_field", format!("{name} must be a whole number")))
        }
    };
    let limit = number("limit", &query.limit, PAGE)?.clamp(1, PAGE_MAX);
    let offset = number("offset", &query.offset, 0)?;
    let now = office.now();
    let list = sessions(&gateway, &programs.sessions).await?;
    let rows = list["sessions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    for row in rows {
        let key = gateway.ours(text(row, "key"));
        let kind = kind(&key, &runtimes);
        let is_model = |wanted: &str| {
            let (provider, model) = (text(row, "modelProvider"), text(row, "model"));
            model == wanted || format!("{provider}/{model}") == wanted
        };
        if status.as_deref().is_none_or(|status| standing(row, now) == status)
            && wanted.as_deref().is_none_or(|wanted| kind == wanted)
            && model.is_none_or(is_model)
        {
            found.push(shape(row, &key, kind, now));
        }
    }
    let total = found.len();
    let mut page: Vec<Value> = found.into_iter().skip(offset).take(limit).collect();
    place(&office, &runtimes, &mut page).await?;
    let mut answer = json!({ "sessions": page, "total": total, "limit": limit, "offset": offset });
    if rows.len() >= SESSIONS_MAX as usize {
        // Older ones were not looked at.
        answer["truncated"] = json!(true);
    }
    Ok(Json(answer))
}

/// Says of each session of ours which ticket and project it is for. Names are found whole, as they are stored.
async fn place(office: &Office, runtimes: &Runtimes, shapes: &mut [Value]) -> Result<(), Failure> {
    let key = |shape: &Value| text(shape, "session_key").to_owned();
    let runs: BTreeMap<String, Range> =
        shapes.iter().map(|shape| (key(shape), Range::unique(session_name(&key(shape))))).collect();
    let chats: BTreeMap<String, Range> = shapes
        .iter()
        .filter_map(|shape| Some((key(shape), Range::doc(Kind::Chat, runtimes.chat_of(&key(shape))?))))
        .collect();
    let ranges: Vec<Range> = runs.values().chain(chats.values()).cloned().collect();
    if ranges.is_empty() {
        return Ok(());
    }
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    let run = |key: &str| docs.first::<Run>(runs.get(key)?);
    let chat = |key: &str| docs.first::<clutch_domain::chat::Chat>(chats.get(key)?);
    let whose = |key: &str| run(key).map(|run| run.project).or_else(|| chat(key).map(|chat| chat.project));
    let projects: BTreeSet<ProjectId> = shapes.iter().filter_map(|shape| whose(&key(shape))).collect();
    if projects.is_empty() {
        return Ok(());
    }
    let ranges = projects.iter().map(|id| Range::doc(Kind::Project, *id)).collect();
    let named = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    for shape in shapes {
        let key = key(shape);
        if let Some(run) = run(&key) {
            shape["task_id"] = json!(run.task);
        }
        let project = whose(&key).and_then(|id| named.first::<Project>(&Range::doc(Kind::Project, id)));
        if let Some(project) = project {
            shape["project_slug"] = json!(project.slug);
        }
    }
    Ok(())
}

/// The row of a session that is named by its key, in whatever form, or by the gateway's id.
pub fn row_of<'a>(gateway: &OpenClaw, list: &'a Value, named: &str) -> Option<&'a Value> {
    let rows = list["sessions"].as_array()?;
    rows.iter().find(|row| text(row, "sessionId") == named || gateway.is_session(text(row, "key"), named))
}

/// The same with its key as we call it; 404 where there is none.
fn named<'a>(gateway: &OpenClaw, list: &'a Value, id: &str) -> Result<(&'a Value, String), Failure> {
    let missing = || Failure::new(StatusCode::NOT_FOUND, "session_not_found", "Session not found");
    let row = row_of(gateway, list, id).ok_or_else(missing)?;
    Ok((row, gateway.ours(text(row, "key"))))
}

/// `GET /api/sessions/:id`.
pub async fn show(
    State(office): State<Arc<Office>>,
    State(gateway): State<Arc<OpenClaw>>,
    State(runtimes): State<Runtimes>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    may_ask(&caller)?;
    let list = sessions(&gateway, &programs.sessions).await?;
    let (row, key) = named(&gateway, &list, &id)?;
    let mut shapes = [shape(row, &key, kind(&key, &runtimes), office.now())];
    place(&office, &runtimes, &mut shapes).await?;
    let [shape] = shapes;
    Ok(Json(json!({ "session": shape })))
}

/// `GET /api/sessions/:id/history`.
pub async fn history(
    State(gateway): State<Arc<OpenClaw>>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    may_ask(&caller)?;
    let list = sessions(&gateway, &programs.sessions).await?;
    let (row, key) = named(&gateway, &list, &id)?;
    let told = gateway.request("chat.history", json!({ "sessionKey": key, "limit": MESSAGES }), QUICK).await?;
    Ok(Json(transcript::shape(&id, row, &told)))
}

/// `POST /api/sessions/:id/cancel`: what runs in it is stopped; what was said stays.
pub async fn cancel(
    State(gateway): State<Arc<OpenClaw>>,
    State(runtimes): State<Runtimes>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    may_ask(&caller)?;
    let list = sessions(&gateway, &programs.sessions).await?;
    let (_, key) = named(&gateway, &list, &id)?;
    let runtime = runtimes.usual().ok_or_else(|| Failure::away("gateway_away", "This server runs no agents."))?;
    runtime.agents.abort(&key, false).await?;
    Ok(Json(json!({ "success": true, "sessionKey": key })))
}

/// Query of one standing.
#[derive(Deserialize)]
pub struct StatusQuery {
    #[serde(rename = "sessionId")]
    session_id: Option<String>,
}

/// `GET /api/sessions/status?sessionId=`.
pub async fn status(
    State(office): State<Arc<Office>>,
    State(gateway): State<Arc<OpenClaw>>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    Query(query): Query<StatusQuery>,
) -> Answer {
    may_ask(&caller)?;
    let id = query.session_id.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Failure::invalid("field_missing", "sessionId is required"))?;
    let list = sessions(&gateway, &programs.sessions).await?;
    Ok(Json(json!({ "session": told(&gateway, &list, &id, office.now()) })))
}

/// `POST /api/sessions/status`.
pub async fn statuses(
    State(office): State<Arc<Office>>,
    State(gateway): State<Arc<OpenClaw>>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    body: Body,
) -> Answer {
    may_ask(&caller)?;
    let needed = || Failure::invalid("invalid_field", "sessionIds must be an array");
    let ids = body.some("sessionIds").and_then(Value::as_array).ok_or_else(needed)?;
    let ids = ids.iter().map(|id| id.as_str()).collect::<Option<BTreeSet<&str>>>();
    let ids = ids.ok_or_else(|| Failure::invalid("invalid_field", "sessionIds must be an array of strings"))?;
    if ids.len() > PAGE_MAX {
        return Err(Failure::invalid("too_many", "At most 500 sessions are told of at once"));
    }
    let list = sessions(&gateway, &programs.sessions).await?;
    let now = office.now();
    let shapes: Map<String, Value> =
        ids.into_iter().map(|id| (id.to_owned(), told(&gateway, &list, id, now))).collect();
    Ok(Json(json!({ "sessions": shapes })))
}

/// How one session stands, as it was told of the gateway's list of processes.
fn told(gateway: &OpenClaw, list: &Value, id: &str, now: Millis) -> Value {
    let Some(row) = row_of(gateway, list, id) else {
        return json!({
            "id": id, "status": "not_found", "isActive": false, "isIdle": false, "isStuck": false,
        });
    };
    let working = is_working(row, now);
    let idle = !working && silent_for(row, now) < OVER_MS;
    let status = if working {
        "running"
    } else if idle {
        "idle"
    } else {
        "completed"
    };
    let mut shape = json!({
        "id": id, "status": status, "isActive": working, "isIdle": idle, "isStuck": !working && !idle,
    });
    for (ours, theirs) in [("updatedAt", "updatedAt"), ("createdAt", "createdAt"), ("model", "model")] {
        if !row[theirs].is_null() {
            shape[ours] = row[theirs].clone();
        }
    }
    if let Some(at) = moment(row) {
        shape["lastActivity"] = json!(at);
    }
    let count = |name: &str| row[name].as_u64().unwrap_or_default();
    if row["totalTokens"].is_number() {
        shape["tokens"] = json!({
            "input": count("inputTokens"), "output": count("outputTokens"), "total": count("totalTokens"),
        });
    }
    shape
}
