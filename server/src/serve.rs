//! `clutch serve`: listens, serves, goes when it is asked to.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::{
    compose,
    http::connections,
    logs, private,
    settings::{Flags, Settings, Source},
};

/// How long open requests may take to end after the signal.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT. The error is a sentence for whoever started the program.
pub fn run(flags: &Flags, ready_file: Option<&Path>) -> Result<(), String> {
    let settings =
        Settings::resolve(flags, &Source::from_process().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(&settings.data_dir).map_err(|e| {
        format!(
            "The data folder {} cannot be made: {e}. Set CLUTCH_DATA_DIR to one that can.",
            settings.data_dir.display()
        )
    })?;
    let closed = private::close(&settings.data_dir, &settings.log_dir);
    let misread = logs::start(&settings.log_dir, settings.log.as_deref()).map_err(|e| {
        format!(
            "Logs cannot be written to {}: {e}. Set CLUTCH_LOG_DIR to a folder that can.",
            settings.log_dir.display()
        )
    })?;
    closed.tell();
    for warning in settings.warnings.iter().chain(&misread) {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("The program's threads could not be started: {e}."))?;
    let ended = runtime.block_on(serve(settings, ready_file));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn serve(settings: Settings, ready_file: Option<&Path>) -> Result<(), String> {
    // Caught from here on: whoever starts us may ask us to go at any moment.
    let mut asked = Asked::listen().map_err(|e| format!("Signals cannot be listened to: {e}."))?;
    let places = connections::places();
    let listener = TcpListener::bind(settings.address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "Port {} is taken by another program. Stop it, or choose another port with --port.",
            settings.address.port()
        ),
        _ => format!("Cannot listen on {}: {error}.", settings.address),
    })?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let (stop, stopping) = watch::channel(false);
    let house = tokio::select! {
        house = compose::house(&settings, address, places.tabs, stopping.clone()) => house?,
        () = asked.again() => return Ok(()),
    };
    let ready = ready_file.map(|file| Ready::say(file, &format!("http://{address}\n"))).transpose()?;
    tracing::info!(%address, data = %settings.data_dir.display(), "OpenClutch serves");
    let mut server = JoinSet::new();
    server.spawn(connections::serve(listener, house.router, places.connections, stopping));
    let ended = tokio::select! {
        () = asked.again() => Ok(()),
        ended = server.join_next() => Err(match ended {
            Some(Err(error)) => format!("The program stopped serving: {error}. Its log says where."),
            Some(Ok(())) | None => "The program stopped serving by itself; its log says why.".to_owned(),
        }),
    };
    tracing::info!("going");
    drop(ready);
    let _ = stop.send(true);
    // Whoever is still talking after the grace is cut off: nothing unconfirmed is lost by that.
    let gone = async {
        // None is left where serving has ended by itself.
        let _ = server.join_next().await;
        house.tabs.empty().await;
    };
    tokio::select! {
        _ = tokio::time::timeout(GRACE, gone) => {}
        () = asked.again() => tracing::info!("asked again: going at once"),
    }
    // Whoever speaks with the gateway goes before it.
    tokio::select! {
        () = house.supervisor.stop() => {}
        () = asked.again() => tracing::info!("asked again: parts of the server are cut off"),
    }
    house.gateway_task.shutdown().await;
    tracing::info!("gone");
    ended
}

/// SIGTERM and SIGINT.
struct Asked {
    term: Signal,
    int: Signal,
}

impl Asked {
    fn listen() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Ready when somebody asks us to go once more, also when that was before this is waited for.
    async fn again(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// The file that says where we answer. It goes when we do, so that nobody is sent to a server that is gone.
struct Ready(PathBuf);

impl Ready {
    /// Whoever looks sees nothing, or all of it.
    fn say(file: &Path, address: &str) -> Result<Self, String> {
        let mut draft = file.as_os_str().to_owned();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        std::fs::write(&draft, address)
            .and_then(|()| std::fs::rename(&draft, file))
            .map_err(|e| format!("{} cannot be written: {e}.", file.display()))?;
        Ok(Self(file.to_owned()))
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // It may have been taken away already.
        let _ = std::fs::remove_file(&self.0);
    }
}
