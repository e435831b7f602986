//! What the server gives to pages and server functions, through Leptos' context.

use std::{path::Path, pin::Pin, sync::Arc};

use clutch_domain::{
    access::UserRole,
    actor::Actor,
    plan::Policy,
    talk::AuthorType,
    text::{GithubRepo, Handle, LocalPath},
};
use clutch_orchestrator::{
    office::Office,
    runtime::{RuntimeState, Runtimes},
};
use leptos::{config::LeptosOptions, prelude::*};
use tokio::sync::watch;

use crate::{error::AppError, model::settings::Checked};

/// What is being found out.
type Finding<'a> = Pin<Box<dyn Future<Output = Checked> + Send + 'a>>;

/// Looks at what a project's settings name; in the context of server functions, as [`Site`] is.
pub trait Inspector: Send + Sync {
    /// A folder on this machine.
    fn folder<'a>(&'a self, path: &'a LocalPath) -> Finding<'a>;

    /// A repository on GitHub.
    fn repository<'a>(&'a self, repo: &'a GithubRepo) -> Finding<'a>;
}

/// The use-cases, the gateway's state and what pages say about this installation.
#[derive(Clone)]
pub struct Site {
    /// Use-cases.
    pub office: Arc<Office>,
    /// What runs agents.
    pub runtimes: Runtimes,
    /// What pages say about this installation.
    pub settings: Arc<SiteSettings>,
    /// The files that pages name.
    pub files: Arc<SiteFiles>,
}

impl Site {
    /// The state of the runtime that pages show; `None` on a server without any.
    #[must_use]
    pub fn runtime(&self) -> Option<watch::Receiver<RuntimeState>> {
        self.runtimes.usual().map(|runtime| runtime.agents.state())
    }

    /// Why no agent could start in a project's folder, as far as this machine can tell. Where the gateway is on
    /// another machine, the folder may be there.
    pub async fn lacks(&self, folder: &LocalPath) -> Option<String> {
        let path = folder.as_str().to_owned();
        let there = tokio::task::spawn_blocking(move || std::path::Path::new(&path).is_dir()).await.unwrap_or(false);
        (!there && is_here(&self.settings.gateway_url)).then(|| format!("There is no folder {folder} on this machine."))
    }
}

/// Whether an address leads to this machine itself.
fn is_here(address: &str) -> bool {
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, _)) => inner,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What pages say about this installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteSettings {
    /// The store, in words: `SQLite, /home/you/.local/share/openclutch/clutch.db`.
    pub store: String,
    /// The gateway's address, for example `ws://127.0.0.1:18789`.
    pub gateway_url: String,
    /// The gateway's token goes to another machine without encryption.
    pub token_in_the_clear: bool,
    /// `WORK_LOOP_ENABLED`: whether the loop may take anything at all.
    pub loop_enabled: bool,
    /// The loop's settings.
    pub policy: Policy,
    /// The address at which this server is reached from its own machine.
    pub public_url: String,
    /// Absolute path of the folder `plugins/openclutch`.
    pub plugin_dir: String,
    /// The data folder.
    pub data_dir: String,
    /// This program's version.
    pub version: String,
}

/// Names of the site's files, relative to its root, as every page names them. Read once: they belong to
/// this build, and a page shall open no file for them.
#[derive(Clone, Debug, Default)]
pub struct SiteFiles {
    /// The code that loads the WASM.
    pub script: String,
    /// The WASM.
    pub wasm: String,
    /// The stylesheet.
    pub style: String,
    /// The stylesheet of what comes later, where the build has it apart.
    pub later: Option<String>,
    /// The build that pages are made by: whoever says another one is older or newer. Empty where files have no
    /// hashes in their names, and no page is too old then.
    pub build: String,
    /// Which chunks of code a page names ahead, where the build has any.
    pub chunks: Option<leptos::WasmSplitManifest>,
}

impl SiteFiles {
    /// Reads what the build has written: `hash_file` (lines `js: <hash>`, of `js`, `wasm`, `css`, `later`,
    /// `manifest` and `split`) where it names files by their content, and the list of chunks.
    #[must_use]
    pub fn read(options: &LeptosOptions, hash_file: Option<&Path>) -> Self {
        let hashes = hash_file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let hash = |kind: &str| {
            let of =
                |line: &'_ str| line.split_once(':').map(|(k, hash)| (k.trim().to_owned(), hash.trim().to_owned()));
            hashes.lines().filter_map(of).find(|(k, _)| k == kind).map(|(_, hash)| hash)
        };
        let (pkg, name) = (&options.site_pkg_dir, &options.output_name);
        let root = Path::new(&*options.site_root);
        let file = |kind: &str, extension: &str| match hash(kind) {
            Some(hash) => format!("{pkg}/{name}.{hash}.{extension}"),
            None => format!("{pkg}/{name}.{extension}"),
        };
        let mut wasm = file("wasm", "wasm");
        let as_bindgen_names_it = format!("{pkg}/{name}_bg.wasm");
        if !root.join(&wasm).is_file() && root.join(&as_bindgen_names_it).is_file() {
            wasm = as_bindgen_names_it;
        }
        let list = hash("manifest").map_or_else(
            || "__wasm_split_manifest.json".to_owned(),
            |hash| format!("__wasm_split_manifest.{hash}.json"),
        );
        let loader = hash("split").map_or_else(
            || "__wasm_split.______________________.js".to_owned(),
            |hash| format!("__wasm_split.{hash}.js"),
        );
        let chunks = std::fs::read(root.join(&**pkg).join(list)).ok().and_then(|bytes| {
            let list = serde_json::from_slice(&bytes)
                .inspect_err(|error| tracing::error!(%error, "the list of the page's chunks is damaged"))
                .ok()?;
            Some(leptos::WasmSplitManifest(ArcStoredValue::new((format!("/{pkg}"), list, loader))))
        });
        let build = hash("wasm").unwrap_or_default();
        let later = hash("later").map(|hash| format!("{pkg}/{name}-later.{hash}.css"));
        Self { script: file("js", "js"), wasm, style: file("css", "css"), later, build, chunks }
    }
}

/// The site of this request.
///
/// # Errors
/// When the server was put together without it; that is our fault, not the caller's.
pub fn site() -> Result<Site, AppError> {
    use_context::<Site>()
        .ok_or_else(|| clutch_orchestrator::store::Fault::new("no Site in the context of a server function").into())
}

/// Who calls a server function: put into the request's extensions by the server, which alone decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor(pub Actor);

/// What whoever has logged in may do; put beside [`Visitor`] where people log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedIn(pub UserRole);

/// What whoever looks at the page may do; nothing is said where nobody logs in.
#[must_use]
pub fn role() -> Option<UserRole> {
    let parts = use_context::<http::request::Parts>()?;
    parts.extensions.get::<LoggedIn>().map(|LoggedIn(role)| *role)
}

/// Who acts through a page; a program, where the server has not said otherwise.
#[must_use]
pub fn who() -> Actor {
    let visitor = use_context::<http::request::Parts>().and_then(|parts| parts.extensions.get::<Visitor>().cloned());
    visitor.map_or_else(|| Actor::program(None), |Visitor(actor)| actor)
}

/// The author of what is written through a page. A program that calls the page's functions is named as one.
#[must_use]
pub fn author(actor: &Actor) -> (Handle, AuthorType) {
    if !actor.is_human() {
        return (Handle::program(), AuthorType::Agent);
    }
    // Names of people are shorter than those of authors may be.
    let name = actor.who.name.as_deref().and_then(|name| Handle::parse(name).ok().flatten());
    (name.unwrap_or_else(Handle::owner), AuthorType::Human)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_several_names() {
        for here in [
            "ws://127.0.0.1:18789",
            "ws://localhost:1/x",
            "wss://LOCALHOST",
            "ws://[::1]:18789",
            "ws://u:p@127.0.0.9:1",
        ] {
            assert!(is_here(here), "{here}");
        }
        for away in [
            "wss://gateway.example:443",
            "ws://192.168.7.2:18789",
            "ws://[2001:db8::1]:1",
            "",
            "ws://localhost.example",
        ] {
            assert!(!is_here(away), "{away}");
        }
    }
}
