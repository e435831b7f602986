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
use clutch_app::{shell, site::SiteFiles};
use leptos::{config::LeptosOptions, prelude::provide_context};

use crate::{http::compat::error::Failure, state::AppState};

/// The folder of code and look within the site.
const PKG: &str = "pkg";
/// File names with a hash in them never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Where a build by hand puts the site, from the repository's folder.
const BUILT: &str = "target/site";

/// What Leptos needs to know; the environment that cargo-leptos sets wins.
pub fn leptos_options(address: SocketAddr) -> LeptosOptions {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let mut options = LeptosOptions::builder()
        .output_name("clutch")
        .site_root(set("LEPTOS_SITE_ROOT").unwrap_or_else(|| site_root(beside_the_program("site"))))
        .site_pkg_dir(PKG)
        .site_addr(address)
        .build();
    if let Some(port) = set("LEPTOS_RELOAD_PORT").and_then(|p| p.parse().ok()) {
        options.reload_port = port;
    }
    if set("LEPTOS_WATCH").is_some() {
        options.env = leptos::config::Env::DEV;
    }
    // Release builds name their files by content; the list lies beside the program.
    options.hash_files = set("LEPTOS_HASH_FILES").map_or_else(|| hash_file().is_some(), |v| v == "true");
    options
}

/// The names of the site's files, and a word in the log where they are missing: pages would come without
/// look and code, and nobody would know why.
pub fn site_files(options: &LeptosOptions) -> SiteFiles {
    let list = hash_file().filter(|_| options.hash_files);
    let files = SiteFiles::read(options, list.as_deref());
    let root = Path::new(&*options.site_root);
    let missing = |name: &&String| !root.join(name.as_str()).is_file();
    let missing: Vec<&str> = [&files.script, &files.wasm, &files.style]
        .into_iter()
        .chain(&files.later)
        .filter(missing)
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        let place = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        tracing::warn!(
            "Pages come without look and code: {} is not in {}. Keep the folder `site` beside the program, or set LEPTOS_SITE_ROOT to it.",
            missing.join(", "),
            place.display()
        );
    }
    files
}

/// The packed program has its site beside it; a build by hand is started from the repository.
fn site_root(beside: Option<PathBuf>) -> String {
    beside.filter(|site| site.is_dir()).map_or_else(|| BUILT.to_owned(), |site| site.display().to_string())
}

fn beside_the_program(name: &str) -> Option<PathBuf> {
    std::env::current_exe().ok().map(|program| program.with_file_name(name))
}

fn hash_file() -> Option<PathBuf> {
    beside_the_program("hash.txt").filter(|file| file.is_file())
}

/// The folder of our plugin, as an absolute path: of the repository that the program was built in, else of
/// the current folder. The copy beside a packed program comes last: it is thrown away with the program,
/// and the gateway keeps the path in its settings.
pub fn plugin_dir() -> PathBuf {
    let here = std::env::current_dir().ok();
    let program = std::env::current_exe().ok();
    find_plugin(program.as_deref(), here.as_deref()).unwrap_or_else(|| {
        let guess = PathBuf::from(PLUGIN);
        let guess = std::path::absolute(&guess).unwrap_or(guess);
        tracing::warn!(
            "The plugin for OpenClaw was not found; pages name {} for it. Start the program from its repository's folder.",
            guess.display()
        );
        guess
    })
}

/// The plugin within the repository, and the file that makes a folder one.
const PLUGIN: &str = "plugins/openclutch";
const PLUGIN_FILE: &str = "openclaw.plugin.json";

fn find_plugin(program: Option<&Path>, here: Option<&Path>) -> Option<PathBuf> {
    let mut above: Vec<&Path> = program.into_iter().flat_map(|program| program.ancestors().skip(1)).collect();
    // From the outside: the repository comes before the copy beside a packed program within it.
    above.reverse();
    let mut places = above.into_iter().chain(here).map(|folder| folder.join(PLUGIN));
    places.find(|plugin| plugin.join(PLUGIN_FILE).is_file())
}

/// Whether the site has a file there: the program's own code and look, which hold no secret.
pub fn is_file(options: &LeptosOptions, path: &str) -> bool {
    path.starts_with("/pkg/") || file_of(Path::new(&*options.site_root), path).is_some()
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
    // Whole before the first byte leaves, and made to its end, as all pages.
    let page = leptos_axum::render_app_async_with_context(
        move || provide_context(site.clone()),
        move || shell(options.clone()),
    );
    let mut response = state.workshop.make(async move { page(request).await.into_response() }).await;
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
    fn the_site_is_looked_for_beside_the_program_first() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(site_root(None), BUILT);
        assert_eq!(site_root(Some(dir.path().join("site"))), BUILT, "there is none");
        std::fs::create_dir(dir.path().join("site")).unwrap();
        assert_eq!(site_root(Some(dir.path().join("site"))), dir.path().join("site").display().to_string());
    }

    #[test]
    fn the_plugin_is_found_from_anywhere() {
        let dir = tempfile::tempdir().unwrap();
        let (repository, elsewhere) = (dir.path().join("clutch"), dir.path().join("home"));
        let packed = repository.join("target/app/release-1");
        let plugin = repository.join(PLUGIN);
        for folder in [&packed, &elsewhere, &plugin] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let found = |program: &Path, here: &Path| find_plugin(Some(&program.join("clutch")), Some(here));
        assert_eq!(found(&packed, &repository), None, "a folder without a plugin is none");
        std::fs::write(plugin.join(PLUGIN_FILE), "{}").unwrap();
        let copy = packed.join(PLUGIN);
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::write(copy.join(PLUGIN_FILE), "{}").unwrap();
        assert_eq!(found(&packed, &elsewhere), Some(plugin.clone()), "as a service");
        assert_eq!(found(Path::new("/usr/bin"), &repository), Some(plugin), "from the repository's folder");
        assert_eq!(found(Path::new("/usr/bin"), &elsewhere), None);
    }

    #[test]
    fn files_are_named_by_what_the_build_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let pkg = dir.path().join("pkg");
        std::fs::create_dir(&pkg).unwrap();
        let mut options = leptos_options("127.0.0.1:1".parse().unwrap());
        options.site_root = dir.path().display().to_string().into();
        let list = dir.path().join("hash.txt");
        std::fs::write(&list, "js: aa\nwasm: bb\ncss: cc\nlater: ff\nmanifest: dd\nsplit: ee\n").unwrap();
        std::fs::write(pkg.join("__wasm_split_manifest.dd.json"), r#"{"page":["a","b"]}"#).unwrap();
        let files = SiteFiles::read(&options, Some(&list));
        let names = [&files.script, &files.wasm, &files.style];
        assert_eq!(names, ["pkg/clutch.aa.js", "pkg/clutch.bb.wasm", "pkg/clutch.cc.css"]);
        assert_eq!(files.later.as_deref(), Some("pkg/clutch-later.ff.css"));
        assert!(files.chunks.is_some());
        std::fs::write(pkg.join("clutch_bg.wasm"), "").unwrap();
        let files = SiteFiles::read(&options, None);
        let names = [&files.script, &files.wasm, &files.style];
        assert_eq!(names, ["pkg/clutch.js", "pkg/clutch_bg.wasm", "pkg/clutch.css"]);
        assert!(files.chunks.is_none() && files.later.is_none(), "a build that watches has one file of each");
    }

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
