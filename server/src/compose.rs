//! The composition root: the only place that picks adapters and puts them together.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use clutch_app::{
    App, shell,
    site::{Inspector, Site, SiteSettings},
};
use clutch_domain::time::Millis;
use clutch_gateway::{Config, GatewayTask, OpenClaw, Secret, words::shown_address};
use clutch_orchestrator::{
    live::Hub,
    office::{Clock, IdSource, Office},
    prompt::Roles,
    pull::Pull,
    runtime::{Runtime, Runtimes},
    store::Store,
    work::Parts,
};
use clutch_store::{CheckError, ConvexStore, SqliteStore};
use leptos::{config::LeptosOptions, prelude::provide_context};
use leptos_axum::{LeptosRoutes, generate_route_list};
use tokio::sync::watch;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use uuid::Uuid;

use crate::{
    chat::{bridge::Bridge, ephemeral::Ephemeral, mail::ServerMail, missed, settling::Settling, streams::Streams},
    http::{
        access, agent_sessions, answers, assets, audit,
        bearer::Bearers,
        bounds,
        caller::{self, Caller},
        compat::{self, programs::Programs, webhooks},
        door::{self, Door, Guarded},
        forms::{self, Seals},
        live,
        login::{self, Logins},
        mcp, needs,
        session::Sessions,
        short,
        uploads::{self, Uploads},
        v1::{self, EventStreams},
        whole::{self, Workshop},
        words,
    },
    owner,
    pages::{AppPages, WithNeighbours},
    settings::{Engine, Secret as Password, Settings},
    state::AppState,
    supervise::Supervisor,
    webhooks::{HttpPost, Keys, System, Way},
    worker::{self, bin, lines::Lines},
};

/// Everything that serves.
pub struct House {
    /// All routes with their layers.
    pub router: Router,
    /// All that works beside requests, to be stopped before the gateway.
    pub supervisor: Supervisor,
    /// The gateway's tasks, to be ended in order.
    pub gateway_task: GatewayTask,
    /// Tabs that are connected.
    pub tabs: Arc<live::Tabs>,
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

struct TimedIds;

impl IdSource for TimedIds {
    fn fresh(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Opens the engine that the settings name. The error is a sentence.
///
/// A Convex deployment that does not answer is no error: the pages say what they wait for. One that is
/// not ours, or has not our functions, is.
async fn open(settings: &Settings) -> Result<Arc<dyn Store>, String> {
    let Engine::Convex { url, key } = &settings.engine else {
        return Ok(Arc::new(SqliteStore::open(&settings.data_dir).map_err(|e| e.to_string())?));
    };
    let store = ConvexStore::new(url, key.reveal()).map_err(|fault| fault.what)?;
    match store.check().await {
        Ok(()) => {}
        Err(CheckError::Away(fault)) => tracing::warn!("{fault}"),
        Err(CheckError::Functions(fault) | CheckError::Unfit(fault)) => return Err(fault.what),
    }
    Ok(Arc::new(store))
}

/// The office alone, for what is asked while no server runs. The error is a sentence.
pub async fn office(settings: &Settings) -> Result<Office, String> {
    std::fs::create_dir_all(&settings.data_dir)
        .map_err(|e| format!("The data folder {} cannot be made: {e}.", settings.data_dir.display()))?;
    Ok(Office::new(open(settings).await?, Arc::new(SystemClock), Arc::new(TimedIds)))
}

/// Puts the house together, for so many tabs. Must run within tokio. The error is a sentence.
pub async fn house(
    settings: &Settings,
    address: SocketAddr,
    tabs: usize,
    stop: watch::Receiver<bool>,
) -> Result<House, String> {
    let store = open(settings).await?;
    let sessions = Sessions::open(&settings.data_dir).map_err(|e| format!("The session key cannot be kept: {e}."))?;
    let office = Arc::new(Office::new(store.clone(), Arc::new(SystemClock), Arc::new(TimedIds)));
    let started_at = office.now();
    let (gateway, gateway_task) = OpenClaw::connect(Config {
        url: settings.gateway_url.clone(),
        token: settings.gateway_token.as_ref().and_then(|t| Secret::new(t.reveal())),
        identity_dir: settings.data_dir.join("identity"),
        legacy_identity: std::env::home_dir().map(|h| h.join(".openclutch/identity/device.json")),
        version: env!("CARGO_PKG_VERSION").into(),
    });
    let runtimes = Runtimes::new([gateway.runtime()]);
    let supervisor = Supervisor::default();
    supervisor.watch("gateway connection", gateway_task.ended());
    let lines = Arc::new(Lines::default());
    let streams = Arc::new(Streams::default());
    for runtime in runtimes.iter() {
        supervisor.keep("lines", {
            let (lines, office, runtime) = (lines.clone(), office.clone(), runtime.clone());
            move || lines.clone().follow(office.clone(), runtime.clone())
        });
        supervisor.keep("streams", {
            let (streams, runtime) = (streams.clone(), runtime.clone());
            move || streams.clone().follow(runtime.clone())
        });
    }
    // Agents and plugins are on this machine, whatever addresses are listened on.
    let near =
        if address.ip().is_unspecified() { format!("127.0.0.1:{}", address.port()) } else { address.to_string() };
    let public_url = settings.public_url.clone().unwrap_or_else(|| format!("http://{near}"));
    let uploads = Arc::new(Uploads::open(settings.upload_dir.clone(), settings.upload_quota_mb));
    let ephemeral = Arc::new(Ephemeral::default());
    let bridge = Arc::new(Bridge {
        office: office.clone(),
        runtimes: runtimes.clone(),
        streams: streams.clone(),
        uploads: uploads.clone(),
        ephemeral: ephemeral.clone(),
        settling: Settling::default(),
        looks: watch::Sender::default(),
    });
    let reactor = Arc::new(worker::Tokio::new(supervisor.clone()));
    let roles = worker::roles(settings.roles_dir.as_deref())?;
    let webhook_keys = Keys::open(&settings.data_dir, settings.webhooks.key.as_ref())
        .map_err(|e| format!("The key of webhooks cannot be kept: {e}."))?;
    let webhook_keys = Arc::new(webhook_keys);
    let webhook_way = Way::new(Arc::new(System), settings.webhooks.private.clone());
    let parts = Parts {
        office: office.clone(),
        runtimes: runtimes.clone(),
        reactor: reactor.clone(),
        roles: roles.clone(),
        mail: Arc::new(ServerMail { bridge: bridge.clone(), board: public_url.clone() }),
        post: Arc::new(HttpPost::new(webhook_keys.clone(), webhook_way.clone())?),
        policy: settings.policy.clone(),
        board: public_url.clone(),
    };
    let leading = worker::start(&supervisor, reactor, parts);
    supervisor.keep("bin", {
        let (office, leading) = (office.clone(), leading.clone());
        move || bin::empty(office.clone(), leading.clone())
    });
    supervisor.keep("bridge", {
        let bridge = bridge.clone();
        move || bridge.clone().follow()
    });
    for runtime in runtimes.iter() {
        let (bridge, runtime, leading) = (bridge.clone(), runtime.clone(), leading.clone());
        supervisor.keep("missed answers", move || {
            let leading = leading.clone();
            missed::fetch(bridge.clone(), runtime.clone(), move || leading.holds(), missed::PAUSES)
        });
    }
    // A shared engine can be asked beside us.
    if store.sole_writer() {
        let (data_dir, office) = (settings.data_dir.clone(), office.clone());
        supervisor.keep("the owner's socket", move || owner::listen(data_dir.clone(), office.clone()));
    }
    let state = share(Picked {
        supervisor: supervisor.clone(),
        office,
        gateway,
        runtimes,
        roles,
        lines,
        streams,
        ephemeral,
        sessions,
        password: settings.access.as_ref().map(|access| access.password.clone()),
        uploads,
        webhook_keys,
        webhook_way,
        programs: Programs {
            policy: settings.policy.clone(),
            without_pr: settings.without_pr,
            roots: settings.roots.clone(),
            ..Programs::at(started_at)
        },
        stop,
        settings: SiteSettings {
            store: store.describe(),
            gateway_url: shown_address(&settings.gateway_url),
            token_in_the_clear: settings.token_in_the_clear,
            loop_enabled: settings.policy.enabled,
            policy: settings.policy.clone(),
            public_url,
            plugin_dir: assets::plugin_dir().display().to_string(),
            data_dir: settings.data_dir.display().to_string(),
            version: env!("CARGO_PKG_VERSION").into(),
        },
        seals: Seals::new().ok_or("The system gives no random numbers.")?,
        tabs,
        leptos: assets::leptos_options(address),
    });
    if let Some(logins) = &state.logins
        && let Err(error) = logins.settled().await
    {
        tracing::warn!(%error, "the password could not be compared with the store's yet: nobody can log in until then");
    }
    let door = match &settings.access {
        None => Door::new(address),
        Some(access) => {
            Door::guarded(address, Guarded { names: access.hosts.clone(), proxies: access.proxies.clone() })
        }
    };
    let tabs = state.tabs.clone();
    Ok(House { router: router(state, door), supervisor, gateway_task, tabs })
}

/// Adapters and settings that somebody has picked.
pub(crate) struct Picked {
    pub supervisor: Supervisor,
    pub office: Arc<Office>,
    pub gateway: Arc<OpenClaw>,
    pub runtimes: Runtimes,
    pub roles: Arc<Roles>,
    pub lines: Arc<Lines>,
    pub streams: Arc<Streams>,
    pub ephemeral: Arc<Ephemeral>,
    pub sessions: Sessions,
    pub password: Option<Password>,
    pub uploads: Arc<Uploads>,
    pub webhook_keys: Arc<Keys>,
    pub webhook_way: Way,
    pub programs: Programs,
    pub stop: watch::Receiver<bool>,
    pub settings: SiteSettings,
    pub seals: Seals,
    pub tabs: usize,
    pub leptos: LeptosOptions,
}

/// What handlers share. Must run within tokio: live queries are its tasks.
pub(crate) fn share(picked: Picked) -> AppState {
    let Picked {
        supervisor,
        office,
        gateway,
        runtimes,
        roles,
        lines,
        streams,
        ephemeral,
        sessions,
        password,
        uploads,
        webhook_keys,
        webhook_way,
        programs,
        stop,
        settings,
        seals,
        tabs,
        leptos,
    } = picked;
    supervisor.keep("signs of people", {
        let ephemeral = ephemeral.clone();
        move || ephemeral.clone().keep_swept()
    });
    let bearers = Arc::new(Bearers::new(office.clone()));
    supervisor.keep("uses of tokens", {
        let bearers = bearers.clone();
        move || bearers.clone().keep_written()
    });
    let logins = password.map(|password| Arc::new(Logins::new(office.clone(), password)));
    if let Some(logins) = logins.clone() {
        supervisor.keep("signs of browsers", move || logins.clone().keep_written());
    }
    let store = office.store().clone();
    let watched = Arc::new(WithNeighbours(store.clone()));
    let hub = Hub::new(
        watched,
        Arc::new(AppPages { store, policy: programs.policy.clone() }),
        Arc::new({
            let supervisor = supervisor.clone();
            move |task| supervisor.spawn("live query", task)
        }),
        Arc::new(|time| Box::pin(tokio::time::sleep(time))),
    );
    let site = Site {
        office: office.clone(),
        runtimes: runtimes.clone(),
        settings: Arc::new(settings),
        files: Arc::new(assets::site_files(&leptos)),
    };
    let pull = Pull::new(office.clone(), roles.clone(), programs.policy.clone(), site.settings.public_url.clone());
    AppState {
        workshop: Workshop::new(supervisor.clone()),
        pull: Arc::new(pull),
        supervisor,
        office,
        hub,
        gateway,
        runtimes,
        roles,
        lines,
        streams,
        ephemeral,
        sessions: Arc::new(sessions),
        bearers,
        logins,
        limits: Arc::default(),
        programs: Arc::new(programs),
        event_streams: EventStreams::default(),
        uploads,
        webhook_keys,
        webhook_way,
        site,
        tabs: Arc::new(live::Tabs::new(tabs)),
        seals,
        stop,
        leptos,
    }
}

/// All routes with their layers.
pub(crate) fn router(state: AppState, door: Door) -> Router {
    let site = state.site.clone();
    let inspector: Arc<dyn Inspector> = state.programs.clone();
    let context = move || {
        provide_context(site.clone());
        provide_context(inspector.clone());
    };
    let options = state.leptos.clone();
    let pages = generate_route_list(App);
    let login = if state.logins.is_some() { login::routes() } else { Router::new() };
    let of_the_app = Router::<AppState>::new()
        .leptos_routes_with_context(&state, pages, context, move || shell(options.clone()))
        .route_layer(middleware::from_fn_with_state(state.workshop.clone(), whole::pages));
    let app = Router::<AppState>::new()
        .merge(login)
        .merge(access::routes())
        .merge(audit::routes())
        .merge(needs::routes())
        .merge(agent_sessions::routes())
        .merge(crate::http::webhooks::routes())
        .merge(crate::http::brakes::routes())
        .merge(of_the_app)
        .merge(compat::routes())
        .merge(webhooks::routes())
        .merge(v1::routes())
        .merge(mcp::inside::routes(&state))
        .merge(uploads::routes())
        .route(caller::LIVE, get(live::upgrade))
        .route(caller::HEALTH, get(health))
        .route("/t/{number}", get(short::ticket))
        .route("/words/{kind}/{id}", get(words::serve))
        .method_not_allowed_fallback(compat::wrong_method)
        .fallback(assets::serve);
    layers(app, &state, door).with_state(state)
}

/// What every request goes through, outermost last.
fn layers(app: Router<AppState>, state: &AppState, door: Door) -> Router<AppState> {
    let seals = state.seals.clone();
    app.layer(middleware::from_fn_with_state(seals, forms::answers))
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::max(compat::body::BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(bounds::Bodies::default(), bounds::bodies))
        .layer(middleware::from_fn_with_state(state.clone(), caller::callers))
        .layer(middleware::from_fn(bounds::targets))
        .layer(middleware::from_fn_with_state(door, door::closed))
        .layer(CatchPanicLayer::custom(panicked))
        // Also what the door, or a panic, answers.
        .layer(middleware::from_fn(answers::answers))
}

/// 200 while the store answers; `degraded`, with their names, where parts of the server do not work.
/// Whoever is not known is told no more than that.
async fn health(State(state): State<AppState>, caller: Caller) -> Response {
    match state.office.read(&Default::default()).await {
        Ok(_) => {
            let down = state.supervisor.down();
            if caller == Caller::Stranger {
                let word = if down.is_empty() { "ok" } else { "degraded" };
                return axum::Json(serde_json::json!({ "status": word })).into_response();
            }
            let mut shape = serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") });
            let away = away(&state.runtimes);
            if !away.is_empty() {
                shape["away"] = away.into();
            }
            if !down.is_empty() {
                shape["status"] = "degraded".into();
                shape["down"] = serde_json::json!(down);
            }
            axum::Json(shape).into_response()
        }
        Err(fault) => compat::error::Failure::from(fault).into_response(),
    }
}

/// The runtimes of which nothing can be asked now, and why. The server itself is well without them.
fn away(runtimes: &Runtimes) -> Vec<serde_json::Value> {
    let away = |runtime: &Arc<Runtime>| {
        let state = runtime.agents.state();
        let away = state.borrow().away().cloned()?;
        Some(serde_json::json!({
            "runtime": runtime.name,
            "since": away.since,
            "sentence": away.sentence,
            "retry_at": away.retry_at,
            "needs_person": away.needs_person,
        }))
    };
    runtimes.iter().filter_map(away).collect()
}

/// What it was and where, the log knows already.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    compat::error::Failure::from(clutch_orchestrator::store::Fault::new("a panic")).into_response()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// All layers around a handler that panics.
    pub(crate) fn panicking(state: AppState, door: Door) -> Router {
        let app = Router::<AppState>::new().route("/panics", get(|| async { panicking_handler() }));
        layers(app, &state, door).with_state(state)
    }

    fn panicking_handler() {
        panic!("on purpose");
    }
}
