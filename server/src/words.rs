//! Words as they were written, whole: pages show only the beginning of what is too long for them, and lead here.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use clutch_app::model::Words;
use clutch_domain::{
    chat::Message,
    talk::{Comment, Signal},
    task::Task,
};
use clutch_orchestrator::office::{self, Office};

use crate::rest::error::Failure;

/// Nothing in it is a page.
const POLICY: &str = "default-src 'none'; sandbox";

/// `GET /words/:kind/:id`: plain text, or 404.
pub async fn serve(State(office): State<Arc<Office>>, Path((kind, id)): Path<(String, String)>) -> Response {
    let found = match Words::by_word(&kind) {
        Some(kind) => read(&office, kind, &id).await,
        None => Ok(None),
    };
    match found {
        Ok(Some(text)) => {
            let mut response = text.into_response();
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            response
        }
        Ok(None) => (StatusCode::NOT_FOUND, "There are no such words; they may have been deleted.\n").into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

async fn read(office: &Office, kind: Words, id: &str) -> Result<Option<String>, office::Error> {
    let Ok(id) = id.parse::<uuid::Uuid>() else { return Ok(None) };
    Ok(match kind {
        Words::Message => office.get::<Message>(id).await?.map(|m| m.content.into_string()),
        Words::Comment => office.get::<Comment>(id).await?.map(|c| c.content.into_string()),
        Words::Description => office.get::<Task>(id).await?.and_then(|t| t.description).map(|d| d.into_string()),
        Words::Signal => office.get::<Signal>(id).await?.map(|s| s.message.into_string()),
        Words::Answer => office.get::<Signal>(id).await?.and_then(|s| s.response).map(|r| r.into_string()),
    })
}
