//! The browser's end of `/live`, as one loop: open, say what is followed, read until the end, wait, again.
//! Frames go to pages, what pages say goes out between them. A tab that hears nothing for a while does not
//! believe its socket any more: after sleep or in another network it can look open for hours.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use clutch_domain::{id::ChatId, query::Query, time::Millis};
use futures_util::{Sink as _, Stream as _};
use gloo_net::websocket::{Message, State, WebSocketError, futures::WebSocket};
use leptos::prelude::*;

use super::{
    Feed, Live, Sink,
    subs::{Subs, Taken, give},
};
use crate::{
    model::wire::{Frame, Up},
    ui::listen::{How, hear, pause},
};

/// First wait after a loss; doubled up to [`LONGEST_WAIT_MS`].
const FIRST_WAIT_MS: f64 = 400.0;
/// Longest wait between two tries.
const LONGEST_WAIT_MS: f64 = 10_000.0;
/// How often it is looked whether the server was heard.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The server says something every twenty seconds. One that was not heard for so long is away.
const SILENCE_MAX_MS: f64 = 45_000.0;
/// One that is asked whether it is there answers within so long.
const ANSWER_MAX_MS: f64 = 5_000.0;
/// So much may wait to be said; a socket that takes none of it is opened anew.
const UNSAID_MAX: usize = 256;
/// The session ended.
const CLOSE_LOG_IN: u16 = 4401;
/// The server runs another build: this page's code is old.
const CLOSE_NEW_BUILD: u16 = 4409;
/// The server did not understand this page, and will not the next time either.
const CLOSE_NOT_UNDERSTOOD: u16 = 4400;

#[derive(Default)]
struct Wire {
    live: Option<Live>,
    subs: Subs,
    open: bool,
    unsaid: VecDeque<Up>,
    /// The tab is looked at again, or the network is back.
    woken: bool,
    /// Somebody composes a character with an input method.
    composing: bool,
    /// Of the loop.
    waker: Option<Waker>,
}

thread_local! {
    static WIRE: RefCell<Wire> = RefCell::default();
}

pub fn watch(live: Live, query: Query, version: Option<u64>, sink: Rc<dyn Sink>) {
    let (id, first) = WIRE.with_borrow_mut(|wire| {
        let (id, open) = wire.subs.add(query, version, sink);
        wire.say(open);
        (id, wire.live.replace(live).is_none())
    });
    if first {
        leptos::task::spawn_local(run(live));
    }
    on_cleanup(move || {
        // While the tab closes, the wire may be gone already.
        let _ = WIRE.try_with(|wire| {
            if let Ok(mut wire) = wire.try_borrow_mut() {
                let close = wire.subs.remove(id);
                wire.say(close);
            }
        });
    });
}

/// Tells the server that the person types in a chat, or has ended.
pub fn types(chat: ChatId, on: bool) {
    // While the tab closes, the wire may be gone already; the server takes the sign away with the tab.
    let _ = WIRE.try_with(|wire| {
        if let Ok(mut wire) = wire.try_borrow_mut() {
            wire.say(Up::Typing { chat, on });
        }
    });
}

/// Hears for as long as the tab lives what tells that a try is worth it now.
pub fn hear_the_world() {
    let wake = |_| {
        WIRE.with_borrow_mut(|wire| {
            wire.woken = !document().hidden();
            wire.wake();
        });
    };
    hear(&window(), "online", How::Passive, wake);
    hear(&document(), "visibilitychange", How::Passive, wake);
    let composes = |on| move |_| WIRE.with_borrow_mut(|wire| wire.composing = on);
    hear(&document(), "compositionstart", How::Passive, composes(true));
    hear(&document(), "compositionend", How::Passive, composes(false));
}

impl Wire {
    /// What is said without a connection is said by the next one, which tells all that is followed.
    fn say(&mut self, up: Up) {
        if self.open {
            self.unsaid.push_back(up);
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Why a connection ended: the code of its close, 0 where there was none.
type Code = u16;

async fn run(live: Live) {
    let mut tries = 0;
    loop {
        let code = connection(live, &mut tries).await;
        WIRE.with_borrow_mut(|wire| {
            wire.open = false;
            wire.unsaid.clear();
        });
        live.know_nothing();
        match code {
            CLOSE_NEW_BUILD => {
                // A half-written character is part of no draft yet.
                while WIRE.with_borrow(|wire| wire.composing) {
                    pause(Duration::from_millis(500)).await;
                }
                return super::renew::renew(live);
            }
            CLOSE_LOG_IN => return live.tell(Feed::Lost("You are logged out. Reload the page to log in.".into())),
            CLOSE_NOT_UNDERSTOOD => {
                let why =
                    "The server does not understand this page. Reload it; if that does not help, its log says more.";
                return live.tell(Feed::Lost(why.into()));
            }
            _ => live.tell(Feed::Lost("The server does not answer. This page goes on by itself when it does.".into())),
        }
        let wait = (FIRST_WAIT_MS * 2_f64.powi(tries.min(8))).min(LONGEST_WAIT_MS);
        let jittered = wait * (0.5 + js_sys::Math::random() / 2.0);
        tries += 1;
        woken_or(Duration::from_millis(jittered as u64)).await;
    }
}

/// Waits, but no longer than until somebody looks at the tab again or the network is back.
async fn woken_or(wait: Duration) {
    let mut timer = Box::pin(pause(wait));
    poll_fn(|cx| {
        if take_woken(cx) {
            return Poll::Ready(());
        }
        timer.as_mut().poll(cx)
    })
    .await;
}

fn take_woken(cx: &Context<'_>) -> bool {
    WIRE.with_borrow_mut(|wire| {
        wire.waker = Some(cx.waker().clone());
        std::mem::take(&mut wire.woken)
    })
}

fn now() -> f64 {
    js_sys::Date::now()
}

/// What happens next on a connection.
enum Next {
    Opened,
    Heard(String),
    Closed(Code),
    Say(Up),
    Woken,
    Look,
}

/// One connection, from its opening to its end.
async fn connection(live: Live, tries: &mut i32) -> Code {
    let location = window().location();
    let scheme = if location.protocol().is_ok_and(|p| p == "https:") { "wss" } else { "ws" };
    let Ok(host) = location.host() else { return 0 };
    let Ok(mut socket) = WebSocket::open(&format!("{scheme}://{host}/live?build={}", super::renew::build())) else {
        return 0;
    };
    let mut look = Box::pin(pause(LOOK_EVERY));
    let mut open = false;
    let mut heard = now();
    let mut asked = None;
    loop {
        let next = poll_fn(|cx| {
            // What was said comes before the end that follows it.
            while let Poll::Ready(item) = Pin::new(&mut socket).poll_next(cx) {
                return Poll::Ready(match item {
                    Some(Ok(Message::Text(text))) => Next::Heard(text),
                    Some(Err(WebSocketError::ConnectionClose(close))) => Next::Closed(close.code),
                    None => Next::Closed(0),
                    // The close follows, and tells more.
                    Some(Ok(Message::Bytes(_)) | Err(_)) => continue,
                });
            }
            if !open {
                let ready = Pin::new(&mut socket).poll_ready(cx).is_ready();
                if ready && matches!(socket.state(), State::Open) {
                    return Poll::Ready(Next::Opened);
                }
            } else if take_woken(cx) {
                return Poll::Ready(Next::Woken);
            }
            if let Some(up) = WIRE.with_borrow_mut(|wire| wire.unsaid.pop_front()) {
                return Poll::Ready(Next::Say(up));
            }
            look.as_mut().poll(cx).map(|()| Next::Look)
        })
        .await;
        match next {
            Next::Closed(code) => return code,
            Next::Opened => {
                open = true;
                WIRE.with_borrow_mut(|wire| {
                    wire.open = true;
                    wire.unsaid = wire.subs.all().into();
                    // The answer also tells what time it is.
                    wire.unsaid.push_front(Up::Beat);
                });
                live.tell(Feed::Live);
            }
            Next::Heard(text) => {
                (heard, asked) = (now(), None);
                live.heard.set_value(heard);
                if let Ok(frame) = serde_json::from_str::<Frame>(&text) {
                    // A server that takes us and lets us go again is not asked all the quicker for it.
                    if matches!(frame.t.as_str(), "snapshot" | "delta" | "current" | "beat") {
                        *tries = 0;
                    }
                    take(live, frame);
                }
            }
            Next::Say(up) => say(&mut socket, &up),
            // Whoever comes back to this tab wants to know at once whether it is true.
            Next::Woken if asked.is_none() => {
                asked = Some(now());
                say(&mut socket, &Up::Beat);
            }
            Next::Woken => {}
            Next::Look => {
                look = Box::pin(pause(LOOK_EVERY));
                let unsaid = WIRE.with_borrow(|wire| wire.unsaid.len());
                let late = asked.is_some_and(|asked| now() - asked > ANSWER_MAX_MS);
                if late || now() - heard > SILENCE_MAX_MS || unsaid > UNSAID_MAX {
                    return 0;
                }
            }
        }
    }
}

fn say(socket: &mut WebSocket, up: &Up) {
    if let Ok(text) = serde_json::to_string(up) {
        // A socket that closes right now says so by its own event.
        let _ = Pin::new(socket).start_send(Message::Text(text));
    }
}

fn take(live: Live, frame: Frame) {
    match frame.t.as_str() {
        "gateway" => live.gateway.set(frame.gateway),
        "lines" => frame.lines.into_iter().for_each(|(task, line)| live.tell_line(task, line)),
        "stream" => {
            if let Some(chat) = frame.chat {
                live.stream(chat).update(|held| match (held, frame.stream) {
                    (Some(held), Some(next)) => held.go_on(next),
                    (held, next) => *held = next,
                });
            }
        }
        "people" => {
            if let Some(chat) = frame.chat {
                live.people(chat).set(frame.people);
            }
        }
        "away" => live.tell(Feed::Lost(frame.why)),
        "snapshot" | "delta" | "current" => {
            live.tell(Feed::Live);
            match WIRE.with_borrow_mut(|wire| wire.subs.take(&frame)) {
                Taken::Page(sink) => give(&*sink, &frame),
                Taken::Ask(up) => WIRE.with_borrow_mut(|wire| wire.say(up)),
                Taken::Nothing => {}
            }
        }
        "beat" => live.clock.set(Millis(frame.now)),
        // `bye` is followed by the close.
        _ => {}
    }
}
