//! The site's files: what cargo-leptos built, served from the site folder.
//!
//! Our own handler from the start, so that a build with the files inside the
//! program is a second source and not a rewrite.

use std::{
    net::SocketAddr,
    path::{Component, Path, PathBuf},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use clutch_app::shell;
use leptos::{config::LeptosOptions, prelude::provide_context};

use crate::{rest::error::Failure, state::AppState};

/// File names with a hash in them never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What Leptos needs to know; the environment that cargo-leptos sets wins.
pub fn leptos_options(address: SocketAddr) -> LeptosOptions {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let mut options = LeptosOptions::builder()
        .output_name("clutch")
        .site_root(set("LEPTOS_SITE_ROOT").unwrap_or_else(|| "target/site".into()))
        .site_pkg_dir("pkg")
        .site_addr(address)
        .build();
    if let Some(port) = set("LEPTOS_RELOAD_PORT").and_then(|p| p.parse().ok()) {
        options.reload_port = port;
    }
    if set("LEPTOS_WATCH").is_some() {
        options.env = leptos::config::Env::DEV;
    }
    // Release builds name their files by content; the list lies beside the program.
    options.hash_files = set("LEPTOS_HASH_FILES").map_or_else(hash_file_exists, |v| v == "true");
    options
}

fn hash_file_exists() -> bool {
    std::env::current_exe().is_ok_and(|exe| exe.with_file_name("hash.txt").is_file())
}

/// Serves a file of the site, else the app's page for unknown addresses.
pub async fn serve(State(state): State<AppState>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && let Some(file) = file_of(Path::new(&*state.leptos.site_root), &path)
        && let Some((bytes, encoding)) = read(&file, accepts_brotli(request.headers())).await
    {
        let cache = if path.starts_with("/pkg/") && state.leptos.hash_files { FOR_EVER } else { "no-cache" };
        let mut response = bytes.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(&file)));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        return response;
    }
    if path.starts_with("/pkg/") || path.starts_with("/fn/") {
        return Failure::new(StatusCode::NOT_FOUND, "file_not_found", "There is no such file.").into_response();
    }
    let site = state.site.clone();
    let options = state.leptos.clone();
    let page = leptos_axum::render_app_to_stream_with_context(
        move || provide_context(site.clone()),
        move || shell(options.clone()),
    );
    let mut response = page(request).await.into_response();
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    accepted.map(str::trim).any(|a| a == "br" || (a.starts_with("br;") && !a.ends_with("q=0")))
}

/// The file, compressed already where the build has done so; a page's WASM is too large to compress for each visitor.
async fn read(file: &Path, brotli: bool) -> Option<(Vec<u8>, Option<&'static str>)> {
    if brotli {
        let mut name = file.as_os_str().to_owned();
        name.push(".br");
        if let Ok(bytes) = tokio::fs::read(name).await {
            return Some((bytes, Some("br")));
        }
    }
    Some((tokio::fs::read(file).await.ok()?, None))
}

/// A file inside `root`; nothing that climbs out of it.
fn file_of(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    let inside = relative
        .components()
        .all(|part| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.')));
    let file = root.join(relative);
    (inside && !path.contains('%') && file.is_file()).then_some(file)
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()).unwrap_or("") {
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_climbs_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("site");
        std::fs::create_dir_all(root.join("pkg")).unwrap();
        std::fs::write(root.join("pkg/a.js"), "a").unwrap();
        std::fs::write(root.join(".secret"), "s").unwrap();
        std::fs::write(dir.path().join("outside"), "o").unwrap();
        assert!(file_of(&root, "/pkg/a.js").is_some());
        for path in
            ["/", "/pkg", "/../outside", "/pkg/../../outside", "/.secret", "//outside", "/%2e%2e/outside", "/none"]
        {
            assert!(file_of(&root, path).is_none(), "{path}");
        }
    }
}
