//! What handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use clutch_app::site::Site;
use clutch_gateway::OpenClaw;
use clutch_orchestrator::{live::Hub, office::Office, prompt::Roles, pull::Pull, runtime::Runtimes};
use leptos::config::LeptosOptions;
use tokio::sync::watch;

use crate::{
    chat::{ephemeral::Ephemeral, streams::Streams},
    http::{
        bearer::Bearers, compat::programs::Programs, forms::Seals, limits::Limits, live::Tabs, login::Logins,
        session::Sessions, uploads::Uploads, v1::EventStreams, whole::Workshop,
    },
    supervise::Supervisor,
    webhooks::{Keys, Way},
    worker::lines::Lines,
};

/// Shared state of the web server.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// What works beside requests.
    pub supervisor: Supervisor,
    /// Where pages are made.
    pub workshop: Workshop,
    /// Use-cases.
    pub office: Arc<Office>,
    /// Live queries.
    pub hub: Arc<Hub>,
    /// The gateway, for what only it has: its address, and a wish to reconnect.
    pub gateway: Arc<OpenClaw>,
    /// What runs agents.
    pub runtimes: Runtimes,
    /// The prompts that come with the program.
    pub roles: Arc<Roles>,
    /// Tasks for agents that come by themselves.
    pub pull: Arc<Pull>,
    /// What agents do right now.
    pub lines: Arc<Lines>,
    /// What agents say right now.
    pub streams: Arc<Streams>,
    /// Who is typing.
    pub ephemeral: Arc<Ephemeral>,
    /// Browser sessions.
    pub sessions: Arc<Sessions>,
    /// Tokens of programs.
    pub bearers: Arc<Bearers>,
    /// Log-in, where it is on.
    pub logins: Option<Arc<Logins>>,
    /// How often callers may ask.
    pub limits: Arc<Limits>,
    /// What only routes for programs need.
    pub programs: Arc<Programs>,
    /// Room for streams of events.
    pub event_streams: EventStreams,
    /// Pictures that were sent.
    pub uploads: Arc<Uploads>,
    /// What signs to webhooks.
    pub webhook_keys: Arc<Keys>,
    /// Where webhooks may send.
    pub webhook_way: Way,
    /// What pages may know.
    pub site: Site,
    /// Tabs that are connected.
    pub tabs: Arc<Tabs>,
    /// Marks links that we made.
    pub seals: Seals,
    /// True once the server is going.
    #[from_ref(skip)]
    pub stop: watch::Receiver<bool>,
    /// Leptos' own settings.
    pub leptos: LeptosOptions,
}
