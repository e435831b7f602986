//! The live connection: one WebSocket for all live reads, through the `convex` crate.
//!
//! What the crate does not do, and so is done here or in `watch`: it never says that it waits, it knows
//! no time-out, and it repeats a wrong key for ever. It reconnects by itself, with its queries. Nothing
//! is ever changed through it: it applies mutations in flight a second time after a reconnect.
//!
//! A connection is made once and kept while the store lives: when a client is dropped in the very moment in
//! which its connection fails, the crate's socket task can go round for ever on its thread (it waits for a
//! request from a sender that is gone, without ever giving way). At the end of the program that does no harm.
//! There is one reason to make another: where a connection fails while the crate takes a query, it keeps the query
//! and forgets whose it is, so that it would be asked for ever and read by nobody. Then all live reads move to a
//! new connection, once the old one is open again and can be let go of.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clutch_domain::range::Fetch;
use convex::{ConvexClient, ConvexClientBuilder, QuerySubscription, Value, WebSocketState};
use tokio::{
    sync::{Mutex, mpsc, watch},
    time::timeout,
};

use super::codec;

/// Changes of state that may wait to be noticed; beyond it the crate drops them.
const STATES: usize = 256;
/// Longest wait for the crate to take a subscription. It takes one at once, unless it is between two connections.
const TAKE: Duration = Duration::from_secs(2);

/// Whether the socket is open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    Open,
    Closed,
}

#[derive(Clone)]
struct Open {
    client: ConvexClient,
    socket: watch::Receiver<Socket>,
    generation: u64,
    /// It keeps a query that is nobody's.
    littered: Arc<AtomicBool>,
}

/// Opens the connection when it is first needed.
pub(super) struct Link {
    url: String,
    key: String,
    open: Arc<Mutex<(u64, Option<Open>)>>,
}

/// One live query.
pub(super) struct Feed {
    /// Its answers; repeats are usual.
    pub(super) answers: QuerySubscription,
    /// The socket's state.
    pub(super) socket: watch::Receiver<Socket>,
    generation: u64,
    // The connection ends with its last client.
    _client: ConvexClient,
}

impl Link {
    pub(super) fn new(url: &str, key: &str) -> Self {
        Self { url: url.to_owned(), key: key.to_owned(), open: Arc::new(Mutex::new((0, None))) }
    }

    /// Subscribes to a fetch. The error is the crate's.
    pub(super) async fn subscribe(&self, fetch: &Fetch) -> Result<Feed, String> {
        let Value::Object(args) = Value::try_from(codec::fetch(fetch)).map_err(|e| e.to_string())? else {
            return Err("the arguments are no object".into());
        };
        let Open { client, socket, generation, littered } = self.connection().await?;
        // The crate registers a query before it has sent it. Whoever only stopped waiting would leave it
        // behind, asked at each commit and read by nobody; so it is taken in any case, and given back.
        let mut asking = client.clone();
        let taking = tokio::spawn(async move {
            let taken = asking.subscribe(super::FETCH, args).await;
            littered.fetch_or(taken.is_err(), Ordering::Relaxed);
            taken
        });
        let taken = timeout(TAKE, taking).await.map_err(|_| "not connected".to_owned())?;
        let answers = taken.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        Ok(Feed { answers, socket, generation, _client: client })
    }

    /// Gives up a connection whose worker has ended; the next subscription opens another.
    pub(super) async fn discard(&self, feed: Feed) {
        let mut open = self.open.lock().await;
        if open.1.as_ref().is_some_and(|open| open.generation == feed.generation) {
            open.1 = None;
        }
    }

    async fn connection(&self) -> Result<Open, String> {
        let mut slot = self.open.lock().await;
        if let Some(open) = &slot.1 {
            return Ok(open.clone());
        }
        let (report, mut reports) = mpsc::channel(STATES);
        let builder = ConvexClientBuilder::new(&self.url).with_on_state_change(report);
        let mut client = builder.build().await.map_err(|e| e.to_string())?;
        client.set_admin_auth(self.key.clone(), None).await;
        let (tell, socket) = watch::channel(Socket::Closed);
        slot.0 += 1;
        let generation = slot.0;
        let littered = Arc::new(AtomicBool::new(false));
        // Ends with the connection, whose worker holds the other end, or lets go of it: whoever listens is told by
        // the end of `tell`.
        let (open, full) = (self.open.clone(), littered.clone());
        tokio::spawn(async move {
            while let Some(state) = reports.recv().await {
                if matches!(state, WebSocketState::Connected) && full.load(Ordering::Relaxed) {
                    let mut open = open.lock().await;
                    open.1.take_if(|open| open.generation == generation);
                    return;
                }
                tell.send_replace(match state {
                    WebSocketState::Connected => Socket::Open,
                    WebSocketState::Connecting => Socket::Closed,
                });
            }
        });
        let opened = Open { client, socket, generation, littered };
        slot.1 = Some(opened.clone());
        Ok(opened)
    }
}
