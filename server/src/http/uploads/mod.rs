//! Pictures that people and agents send: `POST /api/upload/image`, `GET /uploads/images/*` (facts §9).
//!
//! They lie in `<data folder>/uploads/images` (or `CLUTCH_UPLOAD_DIR`), outside of the site's folder, under random names with the
//! extension of what they are. A name never gets another content, so browsers keep it for ever.

mod left;
mod picture;
mod serve;
mod store;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, Multipart, State,
        multipart::{Field, MultipartError, MultipartRejection},
    },
    routing::{get, post},
};
use http::StatusCode;
use serde_json::{Value, json};

pub use left::without_names;
pub use store::Uploads;

use crate::{http::compat::error::Failure, state::AppState};
use picture::Trouble;
use store::Unkept;

/// Where pictures are sent.
pub const PATH: &str = "/api/upload/image";
/// Largest picture, in bytes.
pub const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Largest body that is read to its end, in bytes: whoever sends too much is still answered in words.
const BODY_BYTES_MAX: usize = 40 * 1024 * 1024;
/// Pictures that are decoded at the same time; each takes up to some hundred megabytes.
pub(crate) const DECODERS: usize = 2;

/// What may be sent.
pub const TYPES: [&str; 5] = ["image/jpeg", "image/jpg", "image/png", "image/gif", "image/webp"];

/// Both routes.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route(PATH, post(upload).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)))
        .route("/uploads/images/{*name}", get(serve::serve))
}

/// `POST /api/upload/image`, multipart, field `image`.
///
/// 200 `{url, filename, size, type}`, of the picture as it is kept; `note` says in a sentence if it is not
/// all of what was sent. 400 `file_missing`, `file_type`, `file_too_large`, `picture_unreadable`,
/// `upload_unreadable`; 413 `picture_too_large` (pixels); 507 `uploads_full`.
async fn upload(
    State(uploads): State<Arc<Uploads>>,
    body: Result<Multipart, MultipartRejection>,
) -> Result<Json<Value>, Failure> {
    let mut body = body.map_err(|_| missing())?;
    let mut file = None;
    while let Some(mut field) = body.next_field().await.map_err(unreadable)? {
        if field.name() == Some("image") && field.file_name().is_some() && file.is_none() {
            file = Some(receive(&mut field).await?);
        }
    }
    let bytes = file.ok_or_else(missing)?;
    let kept = uploads.keep(bytes).await?;
    let url = format!("/uploads/images/{}", kept.name);
    let mut answer = json!({ "url": url, "filename": kept.name, "size": kept.size, "type": kept.kind.mime() });
    if kept.stopped {
        answer["note"] = "The animation is too long or not of a kind that is kept: only its first picture was.".into();
    }
    Ok(Json(answer))
}

/// The bytes of a field. What is too much is read and forgotten.
async fn receive(field: &mut Field<'_>) -> Result<Vec<u8>, Failure> {
    // What it says of itself only keeps out what does not even say that it is a picture.
    let declared = field.content_type().map(|t| t.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let mut bytes = Vec::new();
    let mut size = 0;
    while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
        size += chunk.len();
        if size <= FILE_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        } else {
            bytes = Vec::new();
        }
    }
    if declared.is_some_and(|t| !TYPES.contains(&t.as_str())) {
        return Err(wrong_type());
    }
    if size > FILE_BYTES_MAX {
        return Err(too_large());
    }
    Ok(bytes)
}

fn missing() -> Failure {
    Failure::invalid("file_missing", "No image file provided")
}

fn wrong_type() -> Failure {
    Failure::invalid("file_type", format!("Invalid file type. Allowed types: {}", TYPES.join(", ")))
}

fn too_large() -> Failure {
    Failure::invalid("file_too_large", "File too large. Maximum size: 10MB")
}

/// The connection was cut, or the body is no multipart.
fn unreadable(error: MultipartError) -> Failure {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    Failure::invalid("upload_unreadable", "Failed to upload image: it did not arrive whole. Send it again.")
}

impl From<Unkept> for Failure {
    fn from(unkept: Unkept) -> Self {
        refused(unkept)
    }
}

fn refused(unkept: Unkept) -> Failure {
    match unkept {
        Unkept::Picture(Trouble::Kind) => wrong_type(),
        Unkept::Picture(Trouble::Broken) => {
            Failure::invalid("picture_unreadable", "This picture is damaged. Save it anew and send it again.")
        }
        Unkept::Picture(Trouble::Pixels) => Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "picture_too_large",
            format!(
                "This picture has too many pixels. Make it smaller: at most {} million, and {} on a side.",
                picture::PIXELS_MAX / 1_000_000,
                picture::SIDE_MAX
            ),
        ),
        Unkept::Full { place, limit_mb } => Failure::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "uploads_full",
            format!(
                "There is no room for more pictures ({limit_mb} MB). Remove some from {}, or raise CLUTCH_UPLOAD_QUOTA_MB.",
                place.display()
            ),
        ),
        Unkept::Fault(what) => {
            tracing::error!(%what, "an upload could not be kept");
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Failed to upload image")
        }
    }
}
