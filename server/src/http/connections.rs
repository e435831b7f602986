//! Connections: how many there may be, and for how long one may say nothing, so that whoever is slow or
//! idle, by weakness or on purpose, takes no place from others.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, Sleep, sleep},
};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Most connections that are not live feeds.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a request's head may take, and a connection may wait for its next request.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// How long a client may take nothing of an answer.
const STUCK_MAX: Duration = Duration::from_secs(60);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Pause after a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(200);
/// Open files that are asked of the system.
const FILES_WANTED: u64 = 65_536;
/// Open files that the store, logs, pictures and the gateway may need.
const FILES_KEPT: u64 = 256;

/// How long others may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For a request's head, and between two requests.
    head: Duration,
    /// To take something of an answer.
    stuck: Duration,
}

/// How many connections of each kind there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Requests under way, and connections that wait for one.
    pub connections: usize,
    /// Live feeds.
    pub tabs: usize,
}

/// Raises the limit of open files as far as the system lets us, and shares out what there is. The store
/// and the logs keep theirs, so connections never take the last one.
pub fn places() -> Places {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.unwrap_or(u64::MAX).min(FILES_WANTED);
    let mut files = now.current.unwrap_or(u64::MAX);
    if files < most {
        match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: now.maximum }) {
            Ok(()) => files = most,
            Err(error) => tracing::warn!(%error, files, "the limit of open files could not be raised"),
        }
    }
    let places = shared_out(files);
    if places.connections < CONNECTIONS_MAX {
        tracing::warn!(
            "This system lets the program open {files} files, so it takes at most {} connections and {} live pages at once. \
             Raise the limit (ulimit -n) for more.",
            places.connections,
            places.tabs
        );
    }
    places
}

fn shared_out(files: u64) -> Places {
    let free = usize::try_from(files.saturating_sub(FILES_KEPT)).unwrap_or(usize::MAX);
    Places {
        connections: (free / 3 * 2).clamp(16, CONNECTIONS_MAX),
        tabs: (free / 3).clamp(8, crate::http::live::TABS_MAX),
    }
}

/// Serves until `stop` says so; then connections finish what they do. Ready when all have ended.
pub async fn serve(listener: TcpListener, router: Router, most: usize, stop: watch::Receiver<bool>) {
    serve_with(Patience { head: HEAD_MAX, stuck: STUCK_MAX }, listener, router, most, stop).await;
}

async fn serve_with(
    patience: Patience,
    listener: TcpListener,
    router: Router,
    most: usize,
    stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(most));
    let tasks = TaskTracker::new();
    let mut stopping = stop.clone();
    loop {
        let place = tokio::select! {
            () = told(&mut stopping) => break,
            place = place(&places, most) => place,
        };
        let (stream, peer) = tokio::select! {
            () = told(&mut stopping) => break,
            taken = take(&listener) => taken,
        };
        // A page is sent in pieces; none of them shall wait for the next one.
        let _ = stream.set_nodelay(true);
        tasks.spawn(connection(patience, stream, peer, router.clone(), stop.clone(), place));
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn place(places: &Arc<Semaphore>, most: usize) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Some(place);
    }
    tracing::warn!("All {most} connections are in use; new ones wait until one ends");
    // Never closed.
    places.clone().acquire_owned().await.ok()
}

/// The next connection. Trouble passes: it is said, and after a pause tried again.
async fn take(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut said = false;
    loop {
        let error = match listener.accept().await {
            Ok(taken) => return taken,
            Err(error) => error,
        };
        // The other side went before it was its turn.
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            continue;
        }
        if !said {
            said = true;
            let used_up = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
            if used_up.iter().any(|e| error.raw_os_error() == Some(e.raw_os_error())) {
                tracing::error!(
                    "No file can be opened any more, so no connection is taken: raise the limit (ulimit -n)"
                );
            } else {
                tracing::error!(%error, "no connection can be taken");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connection(
    patience: Patience,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
    _place: Option<OwnedSemaphorePermit>,
) {
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    let serving = http.serve_connection(TokioIo::new(Unstuck::new(stream, patience.stuck)), service).with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = told(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%peer, %error, "a connection broke");
    }
}

/// A stream that fails when the other side has taken nothing for too long.
struct Unstuck<T> {
    inner: T,
    most: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<T> Unstuck<T> {
    const fn new(inner: T, most: Duration) -> Self {
        Self { inner, most, stuck: None }
    }

    fn judge<R>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let most = self.most;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(most)));
        ready!(stuck.as_mut().poll(context));
        stuck.as_mut().reset(Instant::now() + most);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Unstuck<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Unstuck<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.judge(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn the_store_keeps_its_files() {
        for files in [0, 64, 256, 1_024, 4_096, 65_536, u64::MAX] {
            let Places { connections, tabs } = shared_out(files);
            assert!(connections >= 16 && tabs >= 8, "{files}");
            if files >= 1_024 {
                assert!((connections + tabs) as u64 + FILES_KEPT <= files, "{files}: {connections} {tabs}");
            }
        }
        assert_eq!(shared_out(65_536), Places { connections: CONNECTIONS_MAX, tabs: crate::http::live::TABS_MAX });
    }

    /// What ends connections that say nothing does not end a live feed, on which nothing may be said for hours.
    #[tokio::test]
    async fn a_live_feed_outlives_what_ends_silent_connections() {
        use axum::{
            extract::{WebSocketUpgrade, ws::Message},
            response::Response,
            routing::get,
        };
        use futures_util::{SinkExt, StreamExt};
        use tokio_tungstenite::tungstenite;

        async fn echo(upgrade: WebSocketUpgrade) -> Response {
            upgrade.on_upgrade(|mut socket| async move {
                while let Some(Ok(Message::Text(words))) = socket.recv().await {
                    let _ = socket.send(Message::Text(words)).await;
                }
            })
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let patience = Patience { head: Duration::from_millis(50), stuck: Duration::from_millis(50) };
        let router = Router::new().route("/live", get(echo));
        let serving = tokio::spawn(serve_with(patience, listener, router, 8, stopping));
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut feed, _) = tokio_tungstenite::client_async(format!("ws://{address}/live"), stream).await.unwrap();
        for n in 0..5 {
            // Those who say nothing, or half of a head, are let go meanwhile.
            for said in ["", "GET /live HTTP/1.1\r\nhost: x"] {
                let mut silent = TcpStream::connect(address).await.unwrap();
                silent.write_all(said.as_bytes()).await.unwrap();
                let mut rest = Vec::new();
                let _ = silent.read_to_end(&mut rest).await;
            }
            let words = tungstenite::Message::text(format!("round {n}"));
            feed.send(words.clone()).await.unwrap();
            assert_eq!(feed.next().await.unwrap().unwrap(), words);
        }
        feed.close(None).await.unwrap();
        stop.send(true).unwrap();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn who_takes_nothing_is_let_go_and_who_is_slow_is_not() {
        let (here, mut there) = tokio::io::duplex(4);
        let most = Duration::from_millis(500);
        let mut here = Unstuck::new(here, most);
        let slow = tokio::spawn(async move {
            let mut got = vec![0; 12];
            for piece in got.chunks_mut(4) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                there.read_exact(piece).await.unwrap();
            }
            (got, there)
        });
        here.write_all(b"twelve bytes").await.unwrap();
        let (got, _there) = slow.await.unwrap();
        assert_eq!(got, b"twelve bytes");
        let began = Instant::now();
        let error = here.write_all(b"twelve bytes").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= most);
    }
}
