//! Who leads: one loop for several servers that share a store.
//!
//! The holder raises a beat every five seconds. A contender takes over only after it has
//! seen the same beat for twenty seconds of its own steady clock; a holder whose beat was
//! not confirmed for ten seconds stops before its next effect, so the two never overlap.
//! A store with a single writer needs none of this: its server takes the lease at once.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use clutch_domain::{
    actor::Actor,
    command::{Command, HoldLease},
    doc::{Counter, Kind},
    range::{Fetch, Range},
    run::{BEAT, Lease},
    sabotage::{Switch, removed},
    time::Millis,
};
use tokio::sync::watch;

use crate::{jobs::Desk, office::Error};

/// The holder raises its beat so often, in milliseconds.
pub const BEAT_EVERY_MS: i64 = 5_000;
/// A beat that stood still for so long has lost its holder, in milliseconds.
pub const DEAD_AFTER_MS: i64 = 20_000;
/// A holder that was not confirmed for so long does nothing more, in milliseconds.
pub const UNSURE_AFTER_MS: i64 = 10_000;

/// Whether this process leads.
pub(crate) struct Lead {
    pub holder: String,
    sole: bool,
    // Steady milliseconds of the last confirmed beat; MIN when we do not lead.
    confirmed: AtomicI64,
    lost: watch::Sender<u64>,
}

impl Lead {
    pub fn new(holder: String, sole: bool) -> Self {
        Self { holder, sole, confirmed: AtomicI64::new(i64::MIN), lost: watch::Sender::new(0) }
    }

    pub fn holds(&self, steady: Millis) -> bool {
        let at = self.confirmed.load(Ordering::Acquire);
        at != i64::MIN && (self.sole || steady.since(Millis(at)) < UNSURE_AFTER_MS)
    }

    /// An answer that comes late never makes the lease older than one that came before it.
    fn confirm(&self, asked_at: Millis) {
        self.confirmed.fetch_max(asked_at.0, Ordering::AcqRel);
    }

    pub fn lose(&self) {
        self.confirmed.store(i64::MIN, Ordering::Release);
        self.lost.send_modify(|n| *n += 1);
    }

    /// Changes when the lease is lost.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.lost.subscribe()
    }
}

/// Waits until this process leads; its beat goes on by itself until the lease is lost.
pub(super) async fn win(desk: &Arc<Desk>) {
    let mut seen: Option<(u64, Millis)> = None;
    loop {
        let asked_at = desk.reactor.steady();
        let take_over_beat = match seen {
            Some((beat, since)) if asked_at.since(since) >= DEAD_AFTER_MS || removed(Switch::DeadFirst) => Some(beat),
            _ => None,
        };
        match hold(desk, take_over_beat).await {
            Ok(()) => {
                desk.lead.confirm(asked_at);
                if !desk.lead.sole {
                    desk.reactor.spawn("lease", Box::pin(keep(desk.clone())));
                }
                return;
            }
            Err(Error::Refused(_)) => match beat(desk).await {
                Some(now) if seen.is_none_or(|(old, _)| old != now) => seen = Some((now, desk.reactor.steady())),
                Some(_) => {}
                None => seen = None,
            },
            Err(error) => {
                tracing::warn!(%error, "the work loop's lease could not be asked for");
                seen = None;
            }
        }
        desk.nap(if desk.lead.sole { 1_000 } else { BEAT_EVERY_MS }).await;
    }
}

async fn keep(desk: Arc<Desk>) {
    let mut losses = desk.lead.losses();
    losses.mark_unchanged();
    loop {
        desk.nap(BEAT_EVERY_MS).await;
        if losses.has_changed().unwrap_or(true) {
            return;
        }
        let asked_at = desk.reactor.steady();
        match hold(&desk, None).await {
            Ok(()) => desk.lead.confirm(asked_at),
            Err(Error::Refused(_)) => return desk.lead.lose(),
            Err(error) => {
                tracing::warn!(%error, "the work loop's beat was not confirmed");
                if !desk.lead.holds(desk.reactor.steady()) {
                    return desk.lead.lose();
                }
            }
        }
    }
}

async fn hold(desk: &Desk, take_over_beat: Option<u64>) -> Result<(), Error> {
    let hold = HoldLease { holder: desk.lead.holder.clone(), take_over_beat, sole_writer: desk.lead.sole };
    desk.office.run(&Actor::work_loop(), &Command::HoldLease(hold)).await.map(|_| ())
}

async fn beat(desk: &Desk) -> Option<u64> {
    let (lease, beat) = (Range::doc(Kind::Lease, "loop"), Range::doc(Kind::Counter, BEAT));
    let read = desk.office.read(&Fetch { scopes: Vec::new(), ranges: vec![lease.clone(), beat.clone()] }).await.ok()?;
    read.value.first::<Lease>(&lease)?;
    Some(read.value.first::<Counter>(&beat).map_or(0, |b| b.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_late_makes_no_lease_older() {
        let lead = Lead::new("a".into(), false);
        assert!(!lead.holds(Millis(0)));
        lead.confirm(Millis(20_000));
        lead.confirm(Millis(5_000));
        assert!(lead.holds(Millis(20_000 + UNSURE_AFTER_MS - 1)));
        assert!(!lead.holds(Millis(20_000 + UNSURE_AFTER_MS)));
        lead.lose();
        assert!(!lead.holds(Millis(20_000)));
    }
}
