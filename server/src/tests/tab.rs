//! A browser tab at `/live`, over a real socket.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use clutch_app::model::wire::{Frame, Parts, Up};
use clutch_domain::query::Query;
use clutch_orchestrator::live::Pages;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use super::House;
use crate::{
    compose,
    http::{connections, door::Door},
    pages::AppPages,
};

/// Nothing here takes that long; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Serves the house on a free port.
pub async fn listen(house: &House) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = compose::router(house.state.clone(), Door::new(address));
    // The house's stop is told to its tabs only: some tests look at what they are told.
    let (never, stop) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        connections::serve(listener, router, 512, stop).await;
        drop(never);
    });
    address
}

/// Frames that are of no page, and come whenever they like.
const OTHERS: [&str; 5] = ["gateway", "lines", "stream", "people", "beat"];

pub type Page = (u64, BTreeMap<String, Value>);

/// A browser tab.
pub struct Tab {
    pub socket: WebSocketStream<TcpStream>,
    pub pages: BTreeMap<u32, Page>,
    // Words about who is there that came before the page that was waited for.
    early: VecDeque<Frame>,
}

pub async fn connect(
    address: SocketAddr,
    headers: &[(&'static str, &str)],
    buffer: Option<u32>,
) -> Result<Tab, tungstenite::Error> {
    dial(address, "/live", headers, buffer).await
}

/// A tab whose page was made by this build.
pub async fn tab_of(address: SocketAddr, build: &str) -> Tab {
    dial(address, &format!("/live?build={build}"), &[], None).await.unwrap()
}

async fn dial(
    address: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
    buffer: Option<u32>,
) -> Result<Tab, tungstenite::Error> {
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer).unwrap();
    }
    let stream = socket.connect(address).await.unwrap();
    let (socket, _) = client_async(request, stream).await?;
    Ok(Tab { socket, pages: BTreeMap::new(), early: VecDeque::new() })
}

pub async fn tab(address: SocketAddr) -> Tab {
    connect(address, &[], None).await.unwrap()
}

pub fn parts_of(parts: &Parts) -> BTreeMap<String, Value> {
    parts.iter().map(|(name, raw)| (name.clone(), serde_json::from_str(raw.get()).unwrap())).collect()
}

impl Tab {
    pub async fn say(&mut self, up: &Up) {
        self.socket.send(Message::text(serde_json::to_string(up).unwrap())).await.unwrap();
    }

    pub async fn open(&mut self, sub: u32, query: Query, version: Option<u64>) {
        self.say(&Up::Open { sub, query, version }).await;
    }

    /// The next message that is not the protocol's own.
    pub async fn message(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other,
            }
        }
    }

    pub async fn frame(&mut self) -> Frame {
        match self.message().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("no frame: {other:?}"),
        }
    }

    /// The next frame of this kind; others that are no pages' are passed over.
    pub async fn next(&mut self, kind: &str) -> Frame {
        if let Some(at) = self.early.iter().position(|frame| frame.t == kind)
            && let Some(frame) = self.early.remove(at)
        {
            return frame;
        }
        let next = async {
            loop {
                let frame = self.frame().await;
                if frame.t == kind {
                    return frame;
                }
                assert!(OTHERS.contains(&frame.t.as_str()), "{kind} awaited, but {frame:?}");
            }
        };
        tokio::time::timeout(PATIENCE, next).await.unwrap_or_else(|_| panic!("no {kind} came"))
    }

    /// Takes frames as a page does, a delta onto exactly the version that it names, until `done`.
    pub async fn take_until(&mut self, sub: u32, done: impl Fn(&Page) -> bool) -> Page {
        match tokio::time::timeout(PATIENCE, self.take(sub, done)).await {
            Ok(page) => page,
            Err(_) => panic!("the page stays at {:#?}", self.pages.get(&sub)),
        }
    }

    async fn take(&mut self, sub: u32, done: impl Fn(&Page) -> bool) -> Page {
        loop {
            if let Some(page) = self.pages.get(&sub)
                && done(page)
            {
                return page.clone();
            }
            let frame = self.frame().await;
            match frame.t.as_str() {
                "snapshot" => {
                    let before = self.pages.insert(frame.sub, (frame.version, parts_of(&frame.parts)));
                    assert!(before.is_none_or(|(version, _)| version < frame.version), "a version went back");
                }
                "delta" => {
                    let page = self.pages.get_mut(&frame.sub).expect("a delta without a page");
                    assert_eq!(page.0, frame.from, "a delta onto another version");
                    assert!(frame.to > frame.from && (!frame.put.is_empty() || !frame.del.is_empty()), "{frame:?}");
                    for name in &frame.del {
                        assert!(page.1.remove(name).is_some(), "{name} is removed, but was not there");
                    }
                    page.1.extend(parts_of(&frame.put));
                    page.0 = frame.to;
                }
                "people" => self.early.push_back(frame),
                other if OTHERS.contains(&other) => {}
                other => panic!("{other}: {frame:?}"),
            }
        }
    }

    /// The next frame of a page, whatever it holds.
    pub async fn next_of_page(&mut self) -> Frame {
        let next = async {
            loop {
                let frame = self.frame().await;
                if matches!(frame.t.as_str(), "snapshot" | "delta") {
                    return frame;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("no page came")
    }

    /// How the server ended it: code and reason.
    pub async fn ended(&mut self) -> Option<(u16, String)> {
        let ended = async {
            loop {
                match self.message().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|f| (f.code.into(), f.reason.to_string())),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the server does not end it")
    }
}

/// The page as it should be, read from the store without the hub.
pub async fn truth(house: &House, query: Query) -> (u64, BTreeMap<String, Value>) {
    let store = house.office.store().clone();
    let read = store.read(&query.fetch()).await.unwrap();
    let parts = AppPages { store, policy: Default::default() }.parts(&query, &read.value).await.unwrap();
    (read.version, parts_of(&parts))
}

pub async fn all_queries(house: &House) -> (String, String, [Query; 3]) {
    let project = house.project("site").await;
    let task = house.task(&project, "first", "ready").await;
    let (p, t) = (project.parse().unwrap(), task.parse().unwrap());
    (project, task, [Query::Home, Query::board(p), Query::Task { project: p, task: t }])
}
