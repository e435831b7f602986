//! `clutch serve`: listens, serves, goes when it is asked to.

use std::{
    future::{Future, IntoFuture},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    compose, logs, private,
    settings::{Flags, Settings, Source},
};

/// How long open requests may take to end after the signal.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT. The error is a sentence for whoever started the program.
pub fn run(flags: &Flags, ready_file: Option<&Path>) -> Result<(), String> {
    let settings = Settings::resolve(flags, &Source::from_process()).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(&settings.data_dir).map_err(|e| {
        format!(
            "The data folder {} cannot be made: {e}. Set CLUTCH_DATA_DIR to one that can.",
            settings.data_dir.display()
        )
    })?;
    let closed = private::close(&settings.data_dir, &settings.log_dir);
    logs::start(&settings.log_dir).map_err(|e| {
        format!(
            "Logs cannot be written to {}: {e}. Set CLUTCH_LOG_DIR to a folder that can.",
            settings.log_dir.display()
        )
    })?;
    closed.tell();
    for warning in &settings.warnings {
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
    let listener = TcpListener::bind(settings.address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "Port {} is taken by another program. Stop it, or choose another port with --port.",
            settings.address.port()
        ),
        _ => format!("Cannot listen on {}: {error}.", settings.address),
    })?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let (stop, stopping) = watch::channel(false);
    let house = compose::house(&settings, address, stopping.clone()).await?;
    // Whoever reads that we are ready may ask us to go at once.
    let asked = asked_to_go();
    if let Some(file) = ready_file {
        std::fs::write(file, format!("http://{address}\n"))
            .map_err(|e| format!("{} cannot be written: {e}.", file.display()))?;
    }
    tracing::info!(%address, data = %settings.data_dir.display(), "OpenClutch serves");
    let service = house.router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(wait_for(stopping.clone()));
    let server = tokio::spawn(served.into_future());
    asked.await;
    tracing::info!("going");
    let _ = stop.send(true);
    // Whoever is still talking after the grace is cut off: nothing unconfirmed is lost by that.
    let gone = async {
        let _ = server.await;
        house.tabs.empty().await;
    };
    let _ = tokio::time::timeout(GRACE, gone).await;
    house.gateway_task.shutdown().await;
    tracing::info!("gone");
    Ok(())
}

async fn wait_for(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn asked_to_go() -> impl Future<Output = ()> {
    let term = signal(SignalKind::terminate());
    async move {
        match term {
            Ok(mut term) => tokio::select! {
                _ = term.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            },
            Err(_) => drop(tokio::signal::ctrl_c().await),
        }
    }
}
