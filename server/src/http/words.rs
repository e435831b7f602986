//! Words as they were written, whole: pages show only the beginning of what is too long for them, and lead here.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use clutch_app::model::{Words, commenter};
use clutch_domain::{
    chat::{Chat, Message},
    doc::Kind,
    id::TaskId,
    project::Project,
    range::{After, Range},
    talk::{Comment, Signal},
    task::Task,
    time::Utc,
};
use clutch_orchestrator::{
    office::{self, Office},
    store::Fault,
};
use futures_util::{Stream, stream};

use crate::http::compat::error::Failure;

/// Nothing in it is a page.
const POLICY: &str = "default-src 'none'; sandbox";
/// Comments that are read at once.
const PAGE: u32 = 100;

/// `GET /words/:kind/:id`: plain text, or 404.
pub async fn serve(State(office): State<Arc<Office>>, Path((kind, id)): Path<(String, String)>) -> Response {
    let found = match (Words::by_word(&kind), id.parse::<uuid::Uuid>()) {
        (Some(kind), Ok(id)) => read(&office, kind, id).await.map(|found| found.map(IntoResponse::into_response)),
        (None, Ok(id)) if kind == "comments" => thread(office, TaskId(id)).await,
        _ => Ok(None),
    };
    match found {
        Ok(Some(mut response)) => {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            response
        }
        Ok(None) => (StatusCode::NOT_FOUND, "There are no such words; they may have been deleted.\n").into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

async fn read(office: &Office, kind: Words, id: uuid::Uuid) -> Result<Option<String>, office::Error> {
    let found = match kind {
        Words::Message => match office.get::<Message>(id).await? {
            Some(m) => office.get::<Chat>(m.chat).await?.map(|chat| (chat.project, m.content.into_string())),
            None => None,
        },
        Words::Comment => office.get::<Comment>(id).await?.map(|c| (c.project, c.content.into_string())),
        Words::Description => {
            office.get::<Task>(id).await?.and_then(|t| t.description.map(|d| (t.project, d.into_string())))
        }
        Words::Signal => office.get::<Signal>(id).await?.map(|s| (s.project, s.message.into_string())),
        Words::Answer => office.get::<Signal>(id).await?.and_then(|s| s.response.map(|r| (s.project, r.into_string()))),
    };
    let Some((project, words)) = found else { return Ok(None) };
    // What is in a deleted project is not there.
    let there = office.get::<Project>(project).await?.is_some_and(|p| p.deleted_at.is_none());
    Ok(there.then_some(words))
}

/// All comments of a task, oldest first, however many: a panel shows the newest only.
async fn thread(office: Arc<Office>, task: TaskId) -> Result<Option<Response>, office::Error> {
    if office.task(&task.to_string()).await?.is_none() {
        return Ok(None);
    }
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok(Some((plain, Body::from_stream(comments(office, task))).into_response()))
}

/// The pages of a thread, each read when the one before was taken. An error cuts the answer off.
fn comments(office: Arc<Office>, task: TaskId) -> impl Stream<Item = Result<String, Fault>> {
    stream::try_unfold((office, Some(None)), move |(office, place): (_, Option<Option<After>>)| async move {
        let Some(after) = place else { return Ok(None) };
        let range = Range::Children { kind: Kind::Comment, parent: task.to_string(), after, limit: PAGE };
        let page = office.all::<Comment>(range).await?;
        let last = page.last().filter(|_| page.len() >= PAGE as usize);
        let next = last.map(|c| Some(After { order: c.created_at.0 as f64, id: c.id.to_string() }));
        Ok(Some((page.iter().map(told).collect::<String>(), (office, next))))
    })
}

fn told(comment: &Comment) -> String {
    let Utc { year, month, day, hour, minute, .. } = comment.created_at.utc();
    let (name, words) = (commenter(comment).name, comment.content.as_str());
    format!("{name}, {year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC\n\n{words}\n\n\n")
}
