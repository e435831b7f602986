//! Pictures, as browsers ask for them.

use std::{io, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::UNIX_EPOCH};

use axum::{
    body::{Body, Bytes},
    extract::{self, State},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::{fs::File, io::AsyncReadExt};

use super::{picture::Kind, store::Uploads};

/// A name never gets another content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Bytes that are read at a time.
const CHUNK: usize = 64 * 1024;

/// `GET` and `HEAD /uploads/images/<name>`. 404 as plain text for whatever is not a file of that folder
/// itself: nothing climbs, no symbolic link is followed.
pub async fn serve(
    State(uploads): State<Arc<Uploads>>,
    name: Result<extract::Path<String>, extract::rejection::PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(extract::Path(name)) = name else { return nothing() };
    if !is_name(&name) {
        return nothing();
    }
    let (file, size, tag) = match open(&uploads.dir().join(&name)).await {
        Ok(found) => found,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%name, %error, "a picture could not be read");
            }
            return nothing();
        }
    };
    let kind = Path::new(&name).extension().and_then(|e| e.to_str()).and_then(Kind::by_extension);
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|v| v.trim() == "*" || v.trim().trim_start_matches("W/") == tag);
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { Body::from_stream(chunks(file)).into_response() };
    let out = response.headers_mut();
    if !known {
        let mime = kind.map_or("application/octet-stream", Kind::mime);
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
        out.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
        if kind.is_none() {
            out.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
        }
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER));
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    out.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    response
}

impl Uploads {
    /// A picture that is kept and its type; `None` when it is not there, no picture, or larger than `most` bytes.
    pub async fn read(&self, name: &str, most: usize) -> Option<(Vec<u8>, &'static str)> {
        if !is_name(name) {
            return None;
        }
        let kind = Path::new(name).extension().and_then(|e| e.to_str()).and_then(Kind::by_extension)?;
        let (mut file, size, _) = open(&self.dir().join(name)).await.ok()?;
        if size > most as u64 {
            return None;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await.ok()?;
        Some((bytes, kind.mime()))
    }
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "Not found").into_response()
}

/// Letters, digits, `-`, `_` and inner dots: what we make, and what the original made.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    name.len() <= 255
        && name.bytes().all(plain)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
}

/// The file, its size and its tag. A symbolic link is not found, also one that is put there between the look
/// and the opening: then what was opened is not what was looked at.
pub(super) async fn open(path: &Path) -> io::Result<(File, u64, String)> {
    let not_found = || io::Error::from(io::ErrorKind::NotFound);
    let seen = tokio::fs::symlink_metadata(path).await?;
    if !seen.is_file() {
        return Err(not_found());
    }
    let file = File::open(path).await?;
    let opened = file.metadata().await?;
    if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Err(not_found());
    }
    let changed = opened.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let tag = format!("\"{:x}-{:x}\"", opened.len(), changed.as_millis());
    Ok((file, opened.len(), tag))
}

fn chunks(file: File) -> impl futures_util::Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(chunk), file)))
    })
}
