//! The live feed as pages see it. One WebSocket per tab keeps every open page true;
//! on the server all of this stands still.

pub mod layered;
pub mod parts;
#[cfg(feature = "hydrate")]
mod renew;
#[cfg(feature = "hydrate")]
mod socket;
#[cfg(any(feature = "hydrate", test))]
mod subs;
pub mod verbs;
#[cfg(feature = "hydrate")]
pub use socket::types;

use std::rc::Rc;

use clutch_domain::{
    id::{ChatId, TaskId},
    query::Query,
};
use leptos::prelude::*;
use serde::de::DeserializeOwned;

use crate::{
    model::{
        chat::{People, StreamView},
        home::Gateway,
        wire::Loaded,
    },
    ui::Clock,
};

/// How the feed stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Not connected yet; the page is as the server painted it.
    Starting,
    /// Every change arrives by itself.
    Live,
    /// No connection; it is tried again by itself. Why, in a sentence.
    Lost(String),
    /// The server is of another build than this page, which stays as it is until somebody reloads it.
    Old,
}

/// A page that takes parts. Parts have names and are replaced whole ([`crate::model`]).
pub trait Sink {
    /// A new or changed part.
    fn put(&self, name: &str, json: &str);
    /// A part went.
    fn del(&self, name: &str);
    /// Names of all parts that the page holds.
    fn names(&self) -> Vec<String>;
    /// A frame was taken whole; the page now holds this version.
    fn settled(&self, version: u64);
}

/// The feed, shared through Leptos' context.
#[derive(Clone, Copy)]
pub struct Live {
    /// How it stands.
    pub feed: RwSignal<Feed>,
    /// The gateway's state.
    pub gateway: RwSignal<Option<Gateway>>,
    /// When the server was heard last, in milliseconds since 1970 by the browser's clock; at first when the page
    /// woke, 0 before.
    pub heard: StoredValue<f64>,
    /// Raised to load once more what could not be loaded.
    pub again: RwSignal<u32>,
    /// Set by what the server says of its own.
    pub clock: Clock,
    lines: Told<TaskId, Option<String>>,
    streams: Told<ChatId, Option<StreamView>>,
    people: Told<ChatId, People>,
}

/// What passes by of some things: of agents at work that somebody sees, of chats that were opened here. Few.
type Told<K, T> = StoredValue<Vec<(K, ArcRwSignal<T>)>>;

fn told<K: PartialEq + Send + Sync + 'static, T: Default + Send + Sync + 'static>(
    all: Told<K, T>,
    key: K,
) -> ArcRwSignal<T> {
    let found = all.try_update_value(|all| match all.iter().find(|(other, _)| *other == key) {
        Some((_, one)) => one.clone(),
        None => {
            let one = ArcRwSignal::default();
            all.push((key, one.clone()));
            one
        }
    });
    found.unwrap_or_default()
}

impl Live {
    /// A feed that is not connected yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            feed: RwSignal::new(Feed::Starting),
            gateway: RwSignal::new(None),
            heard: StoredValue::new(0.0),
            again: RwSignal::new(0),
            lines: StoredValue::new(Vec::new()),
            streams: StoredValue::new(Vec::new()),
            people: StoredValue::new(Vec::new()),
        }
    }

    /// What the agent of a task does right now. Whoever follows it asks anew whenever it changes
    /// ([`Self::tell_line`]).
    #[must_use]
    pub fn line(&self, task: TaskId) -> Option<String> {
        told(self.lines, task).get()
    }

    /// Sets what the agent of a task does right now. Of tasks whose agents do nothing any more nothing is kept but
    /// for those that somebody looks at, who ask again.
    #[cfg(feature = "hydrate")]
    fn tell_line(self, task: TaskId, line: Option<String>) {
        let told = told(self.lines, task);
        if line.is_none() {
            self.lines.update_value(|lines| lines.retain(|(other, _)| *other != task));
        }
        told.set(line);
    }

    /// What the agent says right now in a chat.
    #[must_use]
    pub fn stream(&self, chat: ChatId) -> ArcRwSignal<Option<StreamView>> {
        told(self.streams, chat)
    }

    /// Who is in a chat right now.
    #[must_use]
    pub fn people(&self, chat: ChatId) -> ArcRwSignal<People> {
        told(self.people, chat)
    }

    /// Without a connection nobody is known to be anywhere, to say or to do anything; what the next one does
    /// not tell is not so.
    #[cfg(feature = "hydrate")]
    fn know_nothing(self) {
        self.people.with_value(|people| people.iter().for_each(|(_, one)| one.set(People::default())));
        self.streams.with_value(|streams| streams.iter().for_each(|(_, one)| one.set(None)));
        let lines = self.lines.try_update_value(std::mem::take).unwrap_or_default();
        lines.into_iter().for_each(|(_, one)| one.set(None));
    }

    /// Says how the feed stands.
    #[cfg(feature = "hydrate")]
    fn tell(self, state: Feed) {
        self.feed.maybe_update(|old| {
            let news = *old != state;
            *old = state;
            news
        });
    }

    /// Hears from now on, as long as the tab lives, whether the network is back and the tab looked at.
    pub fn hear(self) {
        #[cfg(feature = "hydrate")]
        crate::ui::listen::follow(move || {
            // So far it is as the server has painted it.
            self.heard.set_value(js_sys::Date::now());
            socket::hear_the_world();
        });
        // What could not be loaded is asked for again as soon as the server is back.
        Effect::new(move |was: Option<bool>| {
            let up = self.feed.with(|feed| *feed == Feed::Live);
            if up && was == Some(false) {
                self.ask_again();
            }
            up
        });
    }

    /// Loads what could not be loaded once more.
    pub fn ask_again(self) {
        self.again.update(|n| *n += 1);
    }

    /// Keeps a page true until the present owner goes. The page holds `version` already; without one all of it
    /// comes at once.
    pub fn watch(&self, query: Query, version: Option<u64>, sink: Rc<dyn Sink>) {
        #[cfg(feature = "hydrate")]
        socket::watch(*self, query, version, sink);
        #[cfg(not(feature = "hydrate"))]
        let _ = (query, version, sink);
    }
}

/// The feed of this page.
#[must_use]
pub fn use_live() -> Live {
    expect_context::<Live>()
}

/// Gives a page all parts of its first load.
pub fn fill(sink: &dyn Sink, loaded: &Loaded) {
    loaded.parts.iter().for_each(|(name, part)| sink.put(name, part.get()));
    sink.settled(loaded.version);
}

/// One part of a first load.
#[must_use]
pub fn part<T: DeserializeOwned>(loaded: &Loaded, name: &str) -> Option<T> {
    loaded.parts.get(name).and_then(|part| read(part.get()))
}

/// A part from its JSON. A part that this build does not understand is left out; the
/// server closes old builds' sockets, so the page reloads soon.
#[must_use]
pub fn read<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}
