//! The browser's end of `/live`: connects, comes back after a loss with jittered back-off,
//! opens every subscription again at the version that its page holds, and hands frames to pages.

use std::{cell::RefCell, rc::Rc, time::Duration};

use clutch_domain::{id::ChatId, query::Query};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{CloseEvent, MessageEvent, WebSocket};

use super::{Feed, Live, Sink};
use crate::model::wire::{Frame, Up};

/// First wait after a loss; doubled up to [`LONGEST_WAIT_MS`].
const FIRST_WAIT_MS: f64 = 400.0;
/// Longest wait between two tries.
const LONGEST_WAIT_MS: f64 = 10_000.0;
/// The server runs another build: this page's code is old.
const CLOSE_NEW_BUILD: u16 = 4409;
/// In the tab's storage: the build of which a page was loaded anew, as it was old.
const RELOADED: &str = "clutch-reloaded";
/// The session ended.
const CLOSE_LOG_IN: u16 = 4401;

struct Sub {
    id: u32,
    query: Query,
    /// What the page holds; `None` while a whole snapshot is on its way.
    version: Option<u64>,
    sink: Rc<dyn Sink>,
}

#[derive(Default)]
struct Wire {
    live: Option<Live>,
    socket: Option<WebSocket>,
    open: bool,
    // Kept alive as long as their socket; replaced with it.
    handlers: Vec<Closure<dyn FnMut(web_sys::Event)>>,
    subs: Vec<Sub>,
    last: u32,
    tries: i32,
}

thread_local! {
    static WIRE: RefCell<Wire> = RefCell::default();
}

pub fn watch(live: Live, query: Query, version: u64, sink: Rc<dyn Sink>) {
    let (id, first) = WIRE.with_borrow_mut(|wire| {
        wire.last += 1;
        let id = wire.last;
        wire.subs.push(Sub { id, query, version: Some(version), sink });
        if wire.open {
            wire.say(&Up::Open { sub: id, query, version: Some(version) });
        }
        (id, wire.live.replace(live).is_none())
    });
    if first {
        connect();
        wake_up_early();
    }
    on_cleanup(move || {
        // While the tab closes, the wire may be gone already.
        let _ = WIRE.try_with(|wire| {
            if let Ok(mut wire) = wire.try_borrow_mut() {
                wire.subs.retain(|sub| sub.id != id);
                if wire.open {
                    wire.say(&Up::Close { sub: id });
                }
            }
        });
    });
}

/// Tells the server that the person types in a chat, or has ended.
pub fn types(chat: ChatId, on: bool) {
    // While the tab closes, the wire may be gone already; the server takes the sign away with the tab.
    let _ = WIRE.try_with(|wire| {
        if let Ok(wire) = wire.try_borrow()
            && wire.open
        {
            wire.say(&Up::Typing { chat, on });
        }
    });
}

impl Wire {
    fn say(&self, up: &Up) {
        if let (Some(socket), Ok(text)) = (&self.socket, serde_json::to_string(up)) {
            // A socket that closes right now says so by its own event.
            let _ = socket.send_with_str(&text);
        }
    }
}

fn feed(state: Feed) {
    if let Some(live) = WIRE.with_borrow(|wire| wire.live) {
        live.feed.maybe_update(|old| {
            let news = *old != state;
            *old = state;
            news
        });
    }
}

fn connect() {
    let location = window().location();
    let scheme = if location.protocol().is_ok_and(|p| p == "https:") { "wss" } else { "ws" };
    let Ok(host) = location.host() else { return };
    let Ok(socket) = WebSocket::new(&format!("{scheme}://{host}/live?build={}", build())) else { return lost(0) };

    let mut handlers: Vec<Closure<dyn FnMut(web_sys::Event)>> = Vec::new();
    let mut on = |name: &str, handler: Box<dyn FnMut(web_sys::Event)>| {
        let closure = Closure::wrap(handler);
        let _ = socket.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
        handlers.push(closure);
    };
    on("open", Box::new(|_| opened()));
    on(
        "message",
        Box::new(|event| {
            let text = event.dyn_into::<MessageEvent>().ok().and_then(|m| m.data().as_string());
            if let Some(frame) = text.and_then(|t| serde_json::from_str::<Frame>(&t).ok()) {
                take(frame);
            }
        }),
    );
    on("close", Box::new(|event| lost(event.dyn_into::<CloseEvent>().map_or(0, |c| c.code()))));
    WIRE.with_borrow_mut(|wire| {
        wire.socket = Some(socket);
        wire.handlers = handlers;
        wire.open = false;
    });
}

/// The build that painted this page; empty where it has no name.
fn build() -> String {
    document().document_element().and_then(|html| html.get_attribute("data-build")).unwrap_or_default()
}

/// Loads the page anew, as another build serves now: once for each build that is old, so that a page which
/// does not get any newer by that does not go round and round.
fn renew() -> bool {
    let Ok(Some(kept)) = window().session_storage() else { return false };
    let build = build();
    let again = kept.get_item(RELOADED).ok().flatten().is_some_and(|reloaded| reloaded == build);
    !again && kept.set_item(RELOADED, &build).is_ok() && window().location().reload().is_ok()
}

fn opened() {
    WIRE.with_borrow_mut(|wire| {
        wire.open = true;
        wire.tries = 0;
        for sub in &wire.subs {
            wire.say(&Up::Open { sub: sub.id, query: sub.query, version: sub.version });
        }
    });
    feed(Feed::Live);
}

fn lost(code: u16) {
    let wait = WIRE.with_borrow_mut(|wire| {
        wire.open = false;
        wire.socket = None;
        wire.tries += 1;
        (FIRST_WAIT_MS * 2_f64.powi(wire.tries.min(8) - 1)).min(LONGEST_WAIT_MS)
    });
    if let Some(live) = WIRE.with_borrow(|wire| wire.live) {
        live.forget_people();
    }
    match code {
        // Unsaved text is kept as drafts in the tab's storage, so nothing is lost.
        CLOSE_NEW_BUILD if renew() => return,
        CLOSE_NEW_BUILD => feed(Feed::Lost("The server is of another build than this page. Reload the page.".into())),
        CLOSE_LOG_IN => return feed(Feed::Lost("You are logged out. Reload the page to log in.".into())),
        _ => feed(Feed::Lost("The server does not answer. This page goes on by itself when it does.".into())),
    }
    let jittered = wait * (0.5 + js_sys::Math::random() / 2.0);
    set_timeout(again, Duration::from_millis(jittered as u64));
}

fn again() {
    if WIRE.with_borrow(|wire| wire.socket.is_none()) {
        connect();
    }
}

/// Tries at once when the network comes back or the tab is looked at again.
fn wake_up_early() {
    let closure = Closure::<dyn FnMut()>::new(again);
    let _ = window().add_event_listener_with_callback("online", closure.as_ref().unchecked_ref());
    let _ = document().add_event_listener_with_callback("visibilitychange", closure.as_ref().unchecked_ref());
    closure.forget(); // once per page, for as long as the page lives
}

fn take(frame: Frame) {
    let Some(live) = WIRE.with_borrow(|wire| wire.live) else { return };
    match frame.t.as_str() {
        "gateway" => live.gateway.set(frame.gateway),
        "lines" => frame.lines.into_iter().for_each(|(task, line)| live.line(task).set(line)),
        "stream" => {
            if let Some(chat) = frame.chat {
                live.stream(chat).set(frame.stream);
            }
        }
        "people" => {
            if let Some(chat) = frame.chat {
                live.people(chat).set(frame.people);
            }
        }
        "away" => feed(Feed::Lost(frame.why)),
        "snapshot" | "delta" | "current" => {
            feed(Feed::Live);
            take_page(frame);
        }
        // `bye` is followed by the close; anything else is from a newer server, which will close too.
        _ => {}
    }
}

fn take_page(frame: Frame) {
    // The page is called without holding the wire: what it does may open and close subscriptions.
    let sink = WIRE.with_borrow_mut(|wire| {
        let at = wire.subs.iter().position(|sub| sub.id == frame.sub)?;
        let sub = &mut wire.subs[at];
        match frame.t.as_str() {
            "delta" if sub.version == Some(frame.from) => sub.version = Some(frame.to),
            "delta" => {
                // Not onto what we hold: ask for the whole, once.
                if sub.version.take().is_some() {
                    let again = Up::Open { sub: sub.id, query: sub.query, version: None };
                    wire.say(&again);
                }
                return None;
            }
            _ => sub.version = Some(frame.version),
        }
        Some(wire.subs[at].sink.clone())
    });
    let Some(sink) = sink else { return };
    let version = match frame.t.as_str() {
        "delta" => {
            frame.del.iter().for_each(|name| sink.del(name));
            frame.put.iter().for_each(|(name, part)| sink.put(name, part.get()));
            frame.to
        }
        "snapshot" => {
            sink.names().iter().filter(|name| !frame.parts.contains_key(*name)).for_each(|name| sink.del(name));
            frame.parts.iter().for_each(|(name, part)| sink.put(name, part.get()));
            frame.version
        }
        _ => frame.version,
    };
    sink.settled(version);
}
