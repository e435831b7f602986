//! What the server gives to pages and server functions, through Leptos' context.

use std::sync::Arc;

use clutch_domain::actor::{Actor, OWNER};
use clutch_orchestrator::{
    office::Office,
    runtime::{AgentRuntime, RuntimeState},
};
use leptos::prelude::*;
use tokio::sync::watch;

use crate::error::AppError;

/// The use-cases, the gateway's state and what pages say about this installation.
#[derive(Clone)]
pub struct Site {
    /// Use-cases.
    pub office: Arc<Office>,
    /// The gateway's connection.
    pub runtime: watch::Receiver<RuntimeState>,
    /// The agents, for stopping one.
    pub agents: Arc<dyn AgentRuntime>,
    /// What pages say about this installation.
    pub settings: Arc<SiteSettings>,
}

/// What pages say about this installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteSettings {
    /// The store, in words: `SQLite, /home/you/.local/share/openclutch/clutch.db`.
    pub store: String,
    /// The gateway's address, for example `ws://127.0.0.1:18789`.
    pub gateway_url: String,
    /// `WORK_LOOP_ENABLED`: whether the loop may take anything at all.
    pub loop_enabled: bool,
    /// The address at which this server is reached from its own machine.
    pub public_url: String,
    /// Absolute path of the folder `plugins/openclutch`.
    pub plugin_dir: String,
    /// The data folder.
    pub data_dir: String,
    /// This program's version.
    pub version: String,
}

/// The site of this request.
///
/// # Errors
/// When the server was put together without it; that is our fault, not the caller's.
pub fn site() -> Result<Site, AppError> {
    use_context::<Site>()
        .ok_or_else(|| clutch_orchestrator::store::Fault::new("no Site in the context of a server function").into())
}

/// Who opened the page, as far as the server can tell: put into the request's extensions
/// by the server's session layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The request carries the cookie that a page view makes.
    pub person: bool,
}

/// Who acts through a page. There is one person per installation; log-in brings more.
/// A request without the cookie of a page view is a program, whatever it says of itself.
#[must_use]
pub fn who() -> Actor {
    let visitor = use_context::<http::request::Parts>().and_then(|parts| parts.extensions.get::<Visitor>().copied());
    match visitor {
        Some(Visitor { person: true }) => Actor::human(OWNER),
        _ => Actor::program(None),
    }
}
