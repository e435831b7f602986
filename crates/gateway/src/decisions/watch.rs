//! Keeps what waits true: after each connection, event and gap, and when something expires, the lists are read again.
//! Events only say that there is something to look for, so a lost one, or one of another shape, costs nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clutch_domain::{decision::AskKind, time::Millis};
use clutch_orchestrator::runtime::{RuntimeError, Waiting};
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast, watch};

use super::{WAYS, waiting};
use crate::actor::{Link, wall};
use crate::runtime::Client;
use crate::state::GatewayState;
use crate::task::Part;
use crate::wire::{Event, Hello};

/// Time-out of one list, in milliseconds.
const LIST_MS: u64 = 15_000;
/// The lists are read at most this often, however much is asked.
const CALM: Duration = Duration::from_millis(150);
/// How soon a list that was not told is asked for again.
const AGAIN: Duration = Duration::from_secs(3);
/// Whatever is there is looked at again after this long, in case nobody tells.
const SELDOM: Duration = Duration::from_secs(300);

pub(crate) struct Watch {
    pub client: Client,
    pub told: watch::Sender<Waiting>,
    /// Somebody has decided, and wants to see it.
    pub kick: Arc<Notify>,
}

impl Part for Watch {
    const NAME: &'static str = "the look for what waits at the gateway";

    async fn work(&mut self) {
        self.turns().await;
    }

    fn mend(&mut self) {
        self.publish(Waiting::default());
    }
}

impl Watch {
    /// Runs until it is aborted.
    pub(crate) async fn run(mut self) {
        crate::task::keep(&mut self).await;
    }

    async fn turns(&mut self) {
        let mut link = self.client.shared.link.subscribe();
        let mut events = self.client.shared.raw.subscribe();
        loop {
            let now: Link = link.borrow_and_update().clone();
            let (GatewayState::Connected { .. }, Some(hello)) = (&now.state, &now.hello) else {
                self.publish(Waiting::default());
                if link.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let begun = Instant::now();
            let look = tokio::select! {
                look = look(&self.client, hello) => look,
                changed = moved(&mut link, &now) => if changed { continue } else { return },
            };
            let next = match look {
                Some(lists) => {
                    let told = waiting(&lists, |key| self.client.shared.keys().ours(key));
                    let next = pause(&told, wall());
                    self.publish(told);
                    next
                }
                None => AGAIN,
            };
            tokio::time::sleep_until((begun + CALM).into()).await;
            tokio::select! {
                changed = moved(&mut link, &now) => if !changed { return },
                () = concerns(&mut events) => {}
                () = self.kick.notified() => {}
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    fn publish(&self, now: Waiting) {
        self.told.send_if_modified(|told| {
            let news = *told != now;
            if news {
                *told = now;
            }
            news
        });
    }
}

/// Waits until there is another connection, or events of this one were missed. `false` where there will be none.
async fn moved(link: &mut watch::Receiver<Link>, known: &Link) -> bool {
    let other = |link: &Link| {
        link.connections != known.connections
            || link.gaps != known.gaps
            || !matches!(link.state, GatewayState::Connected { .. })
    };
    link.wait_for(other).await.is_ok()
}

/// Waits for an event about something that waits.
async fn concerns(events: &mut broadcast::Receiver<Arc<Event>>) {
    loop {
        match events.recv().await {
            Ok(event) if WAYS.iter().any(|way| event.event.starts_with(way.events)) => return,
            Ok(_) => {}
            // What was skipped may have been one.
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The lists of all that is offered; `None` where one of them was not told and may be in a moment.
async fn look(client: &Client, hello: &Hello) -> Option<Vec<(AskKind, Value)>> {
    let mut lists = Vec::new();
    for way in WAYS.iter().filter(|way| way.offered(hello)) {
        match client.request(way.list, json!({}), LIST_MS).await {
            Ok(list) => lists.push((way.kind, list)),
            // It offers it, but not to us.
            Err(RuntimeError::Refused { code, .. }) => {
                tracing::debug!(method = way.list, code, "the gateway does not tell what waits for people");
            }
            Err(error) => {
                tracing::debug!(method = way.list, %error, "what waits for people was not told; it is asked again");
                return None;
            }
        }
    }
    Some(lists)
}

/// Until when to wait for events.
fn pause(told: &Waiting, now: Millis) -> Duration {
    let Some(expires) = told.all.iter().filter_map(|one| one.expires).min() else { return SELDOM };
    // The gateway's clock may be another one: it says when something is over.
    let left = u64::try_from(expires.since(now)).unwrap_or_default();
    (Duration::from_millis(left) + CALM).clamp(AGAIN, SELDOM)
}
