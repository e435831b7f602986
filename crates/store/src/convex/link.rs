//! The live connection: one WebSocket for all live reads, through the `convex` crate.
//!
//! What the crate does not do, and so is done here or in `watch`: it never says that it waits, it knows
//! no time-out, and it repeats a wrong key for ever. It reconnects by itself, with its queries. Nothing
//! is ever changed through it: it applies mutations in flight a second time after a reconnect.
//!
//! Each connection lives on a thread of its own. When a client is dropped while its connection fails, the crate's
//! socket task can go round for ever without giving way, if another thread drops what it waits for: it would take a
//! thread of the server for good, and the server could not end. On one thread that cannot happen.
//!
//! Where a connection fails while the crate takes a query, the crate keeps the query and forgets whose it is: it would
//! be asked for ever and read by nobody. Such a connection is given up, and all live reads move to a new one.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use clutch_domain::range::Fetch;
use convex::{ConvexClient, ConvexClientBuilder, QuerySubscription, Value, WebSocketState};
use tokio::{
    runtime,
    sync::{Mutex, mpsc, oneshot, watch},
    time::timeout,
};

use super::codec;

/// Changes of state that may wait to be noticed; beyond it the crate drops them.
const STATES: usize = 256;
/// Longest wait for the socket to open, and then for the crate to take a subscription, which it does at once.
const TAKE: Duration = Duration::from_secs(2);

/// Whether the socket is open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    Open,
    Closed,
}

#[derive(Clone)]
struct Connection {
    client: ConvexClient,
    socket: watch::Receiver<Socket>,
    generation: u64,
    /// The thread ends with the last of these, and the connection and its queries with it.
    _thread: Arc<oneshot::Sender<()>>,
}

/// The connection in use, and how many there have been.
#[derive(Default)]
struct Slot {
    connection: Option<Connection>,
    made: u64,
}

impl Slot {
    fn give_up(&mut self, generation: u64) {
        self.connection.take_if(|connection| connection.generation == generation);
    }
}

/// Opens the connection when it is first needed.
pub(super) struct Link {
    url: String,
    key: String,
    slot: Arc<Mutex<Slot>>,
}

/// One live query.
pub(super) struct Feed {
    /// Its answers; repeats are usual.
    pub(super) answers: QuerySubscription,
    /// The socket's state.
    pub(super) socket: watch::Receiver<Socket>,
    generation: u64,
}

impl Link {
    pub(super) fn new(url: &str, key: &str) -> Self {
        Self { url: url.to_owned(), key: key.to_owned(), slot: Arc::default() }
    }

    /// Subscribes to a fetch. The error is the crate's.
    pub(super) async fn subscribe(&self, fetch: &Fetch) -> Result<Feed, String> {
        let Value::Object(args) = Value::try_from(codec::fetch(fetch)).map_err(|e| e.to_string())? else {
            return Err("the arguments are no object".into());
        };
        let late = |_| "not connected".to_owned();
        let Connection { mut client, mut socket, generation, .. } = self.connection().await?;
        // While there is no socket the crate only keeps what it is asked, and would keep it at each new attempt.
        timeout(TAKE, socket.wait_for(|socket| *socket == Socket::Open))
            .await
            .map_err(late)?
            .map_err(|e| e.to_string())?;
        // The crate registers a query before it has sent it. Whoever only stopped waiting would leave it
        // behind, asked at each commit and read by nobody; so it is taken in any case, and given back.
        let slot = Arc::downgrade(&self.slot);
        let taking = tokio::spawn(async move {
            let taken = client.subscribe(super::FETCH, args).await;
            if taken.is_err()
                && let Some(slot) = Weak::upgrade(&slot)
            {
                slot.lock().await.give_up(generation);
            }
            taken
        });
        let taken = timeout(TAKE, taking).await.map_err(late)?;
        let answers = taken.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        Ok(Feed { answers, socket, generation })
    }

    /// Gives up a connection that has ended; the next subscription opens another.
    pub(super) async fn discard(&self, feed: Feed) {
        self.slot.lock().await.give_up(feed.generation);
    }

    async fn connection(&self) -> Result<Connection, String> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok(connection.clone());
        }
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        let (report, mut reports) = mpsc::channel(STATES);
        let (tell, socket) = watch::channel(Socket::Closed);
        let builder = ConvexClientBuilder::new(&self.url).with_on_state_change(report);
        let key = self.key.clone();
        let building = runtime.spawn(async move {
            let mut client = builder.build().await.map_err(|e| e.to_string())?;
            client.set_admin_auth(key, None).await;
            Ok::<_, String>(client)
        });
        runtime.spawn(async move {
            while let Some(state) = reports.recv().await {
                tell.send_replace(match state {
                    WebSocketState::Connected => Socket::Open,
                    WebSocketState::Connecting => Socket::Closed,
                });
            }
        });
        let (thread, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("convex".into())
            .spawn(move || drop(runtime.block_on(ended)))
            .map_err(|e| e.to_string())?;
        let client = building.await.map_err(|e| e.to_string())??;
        slot.made += 1;
        let connection = Connection { client, socket, generation: slot.made, _thread: Arc::new(thread) };
        slot.connection = Some(connection.clone());
        Ok(connection)
    }
}
