//! Listening for signs of an effect while its end is waited for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use clutch_domain::time::Millis;
use futures_util::{FutureExt, future::BoxFuture, select_biased};
use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};

use super::{Desk, Hitch, Stop, line::Line};
use crate::runtime::{RUN_EVENTS_WAITING, RunEnd, RunEvent, RunSign, RuntimeError};

/// How long one call may wait for a run's end, in milliseconds.
const WAIT_MS: u32 = 25_000;
/// Signs of what is not known ask for a look; two such looks are this far apart at least, in milliseconds.
const LOOK_LEAST_MS: i64 = 1_000;
/// A wait that ends so much later than it should, in milliseconds, means that this machine slept.
const OVERSLEPT_MS: i64 = 60_000;
/// Most tool calls at once of which an end is waited for.
const CALLS_MAX: usize = 64;

/// Whose sign an event is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of the run that is followed, under one of its known ids.
    Ours,
    /// Of its session, under an id that is not known: it may go on under that.
    Session,
    /// None of our business.
    Nobodys,
}

enum News {
    Event(Result<Arc<RunEvent>, RecvError>),
    End(Option<RunEnd>),
    Connection,
    Due,
}

/// An ear that was put down, as by a server that does not lead for a while: what is said reaches it all the same.
pub(crate) struct Parked {
    to: Tuned,
    connection: Option<u64>,
    silent_from: Millis,
}

/// Hears a runtime's events, from when it is told which one.
pub(super) struct Ear {
    desk: Arc<Desk>,
    tuned: Option<Tuned>,
    /// Ends that were heard, by run id.
    pub heard: BTreeMap<String, RunEnd>,
    /// Whether any sign of the run itself was heard.
    pub ours: bool,
    /// Tool calls that have begun and not ended, as far as was heard.
    calls: BTreeSet<String>,
    /// Steady moment of the newest sign, or of when we began to listen.
    sign_at: Millis,
    /// The same, but of when this process began to listen, whatever it did in between.
    silent_from: Millis,
    /// Steady moment of the newest look.
    looked_at: Millis,
    /// The connection over which signs were listened for last.
    connection: Option<u64>,
}

/// To whom an ear listens.
struct Tuned {
    line: Arc<Line>,
    events: broadcast::Receiver<Arc<RunEvent>>,
}

impl Ear {
    pub fn new(desk: Arc<Desk>) -> Self {
        let now = desk.reactor.steady();
        Self {
            desk,
            tuned: None,
            heard: BTreeMap::new(),
            ours: false,
            calls: BTreeSet::new(),
            sign_at: now,
            silent_from: now,
            looked_at: now,
            connection: None,
        }
    }

    /// Goes on with one that was put down; of one that has missed something nothing counts.
    pub fn again(desk: Arc<Desk>, parked: Parked) -> Self {
        let ear = Self::new(desk);
        if parked.to.events.len() > RUN_EVENTS_WAITING {
            return ear;
        }
        let Parked { to, connection, silent_from } = parked;
        Self { tuned: Some(to), connection, silent_from, ..ear }
    }

    /// Puts it down; `None` where it has not heard anybody.
    pub fn park(&mut self) -> Option<Parked> {
        let to = self.tuned.take()?;
        Some(Parked { to, connection: self.connection, silent_from: self.silent_from })
    }

    /// From now on it hears this runtime, unless it hears one already.
    pub fn tune(&mut self, line: Arc<Line>) {
        if self.tuned.is_none() {
            self.connection = line.link().map(|link| link.connection);
            self.tuned = Some(Tuned { events: line.agents().events(), line });
        }
    }

    /// The line that it listens to.
    pub fn line(&self) -> Option<&Arc<Line>> {
        self.tuned.as_ref().map(|tuned| &tuned.line)
    }

    /// The same, for a step that cannot be taken before it is known.
    pub fn heard_line(&self) -> Result<Arc<Line>, Hitch> {
        self.line().cloned().ok_or_else(|| Hitch::Unclear("its runtime is not known yet".into()))
    }

    /// Milliseconds without a sign since this effect was taken up.
    pub fn quiet_ms(&self) -> i64 {
        self.desk.reactor.steady().since(self.sign_at)
    }

    /// Milliseconds without a sign, also before this effect was put down and taken up again.
    pub fn silent_ms(&self) -> i64 {
        self.desk.reactor.steady().since(self.silent_from)
    }

    /// There was a sign just now.
    pub fn sign(&mut self) {
        self.sign_at = self.desk.reactor.steady();
        self.silent_from = self.sign_at;
    }

    /// Whether a tool is at work, as far as was heard.
    pub fn in_a_call(&self) -> bool {
        !self.calls.is_empty()
    }

    /// A look has just come about: what was said until now is heard, and it counts for the connection over
    /// which it was made, which may have ended and come back while it was waited for.
    pub fn looked(&mut self, whose: &(dyn Fn(&RunEvent) -> Whose + Sync)) {
        self.looked_at = self.desk.reactor.steady();
        let now = self.line().and_then(|line| line.link()).map(|link| link.connection);
        if now.is_some() && now != self.connection {
            self.connection = now;
            self.calls.clear();
            self.sign();
        }
        self.drain(whose);
    }

    /// Takes in what was said in the meantime.
    fn drain(&mut self, whose: &(dyn Fn(&RunEvent) -> Whose + Sync)) {
        while let Some(tuned) = &mut self.tuned {
            match tuned.events.try_recv() {
                Ok(event) => {
                    let of = whose(&event);
                    if of != Whose::Nobodys {
                        self.take(&event, of);
                    }
                }
                Err(TryRecvError::Lagged(_)) => self.calls.clear(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn take(&mut self, event: &RunEvent, of: Whose) {
        self.sign();
        self.ours |= of == Whose::Ours;
        match &event.what {
            RunSign::Ended(end) => {
                self.calls.clear();
                self.heard.insert(event.run_id.clone(), end.clone());
            }
            RunSign::Tool(tool) if tool.ended.is_some() => _ = self.calls.remove(&tool.call),
            RunSign::Tool(tool) if self.calls.len() < CALLS_MAX => _ = self.calls.insert(tool.call.clone()),
            _ => {}
        }
    }

    /// Waits for anything worth a look, at most `within` milliseconds. With `run` the runtime is asked for that
    /// run's end; with `any` every sign of ours is worth it.
    pub async fn wait(
        &mut self,
        whose: &(dyn Fn(&RunEvent) -> Whose + Sync),
        within: i64,
        run: Option<&str>,
        any: bool,
        stop: &mut Stop,
    ) {
        let desk = self.desk.clone();
        let Some(line) = self.line().cloned() else { return desk.nap(within).await };
        let mut until = desk.reactor.steady().plus(within);
        let mut deadline = desk.reactor.sleep_until(until).fuse();
        let mut end =
            run.map_or_else(|| futures_util::future::pending().boxed(), |run| end_of(&desk, &line, run)).fuse();
        let mut state = line.agents().state();
        state.mark_unchanged();
        loop {
            let news = {
                let Some(tuned) = &mut self.tuned else { return };
                let stopped = stop.changed().fuse();
                let event = tuned.events.recv().fuse();
                let connection = state.changed().fuse();
                futures_util::pin_mut!(stopped, event, connection);
                select_biased! {
                    () = stopped => return,
                    event = event => News::Event(event),
                    end = end => News::End(end),
                    _ = connection => News::Connection,
                    () = deadline => News::Due,
                }
            };
            // What was said meanwhile nobody could hear, and perhaps the agent slept too: that is no silence.
            if desk.reactor.steady().since(until) > OVERSLEPT_MS {
                self.sign();
            }
            let soon = match news {
                News::Due => return,
                News::Event(Ok(event)) => {
                    let of = whose(&event);
                    if of != Whose::Nobodys {
                        self.take(&event, of);
                    }
                    if of == Whose::Ours && (any || matches!(event.what, RunSign::Ended(_))) {
                        return;
                    }
                    of == Whose::Session
                }
                News::Event(Err(RecvError::Lagged(_))) => {
                    self.calls.clear();
                    true
                }
                News::Event(Err(RecvError::Closed)) => {
                    desk.breathe().await;
                    return;
                }
                News::End(end) => {
                    if let (Some(end), Some(run)) = (end, run) {
                        self.sign();
                        self.heard.insert(run.to_owned(), end);
                    }
                    return;
                }
                News::Connection if line.link().is_none_or(|link| Some(link.connection) != self.connection) => return,
                News::Connection => false,
            };
            let least = self.looked_at.plus(LOOK_LEAST_MS);
            if soon && least < until {
                until = least;
                deadline = desk.reactor.sleep_until(until).fuse();
            }
        }
    }
}

/// Waits for the end of a run; `None` when a look is due instead.
fn end_of<'a>(desk: &'a Arc<Desk>, line: &'a Arc<Line>, id: &'a str) -> BoxFuture<'a, Option<RunEnd>> {
    async move {
        match line.agents().wait(id, WAIT_MS).await {
            Ok(end) => end,
            Err(RuntimeError::Away(_)) => {
                line.online().await;
                None
            }
            Err(RuntimeError::Unknown(_)) => {
                desk.breathe().await;
                None
            }
            // A runtime that cannot wait: the next look comes in its time.
            Err(RuntimeError::Refused { .. }) => futures_util::future::pending().await,
        }
    }
    .boxed()
}
