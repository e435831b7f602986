//! Who is at work on what in this process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::time::Millis;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};

use super::{Deposed, Desk, JobId, Stop, drive::rest_after};

/// What a job was when it came back: whether there was anything to do.
pub(crate) type Work = BoxFuture<'static, Result<bool, Deposed>>;

/// The effects that are under way in this process, one task each. Dropping it lets go of them: they
/// end before their next step.
#[derive(Default)]
pub(crate) struct Hands(Arc<Inner>);

#[derive(Default)]
struct Inner {
    all: Mutex<BTreeMap<JobId, Hand>>,
    back: Notify,
}

enum Hand {
    AtWork {
        stop: watch::Sender<bool>,
    },
    /// It came back without having done anything, or ended in a panic: not again before this steady moment.
    Rests {
        until: Millis,
        idle: u32,
    },
}

/// Tells that a job is back, however it ended.
struct Back {
    hands: Arc<Inner>,
    desk: Arc<Desk>,
    job: JobId,
    idle: u32,
    worked: bool,
}

impl Drop for Back {
    fn drop(&mut self) {
        let mut all = self.hands.all();
        if !all.contains_key(&self.job) {
            return; // nobody leads here any more
        }
        if self.worked {
            all.remove(&self.job);
        } else {
            // Also where it panicked, and where nothing was to be done because what is seen lags behind
            // what was written: never at once again.
            let until = self.desk.reactor.steady().plus(rest_after(self.idle));
            all.insert(self.job, Hand::Rests { until, idle: self.idle.saturating_add(1) });
        }
        drop(all);
        self.hands.back.notify_one();
    }
}

impl Inner {
    fn all(&self) -> MutexGuard<'_, BTreeMap<JobId, Hand>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.0.all().clear();
    }
}

impl Hands {
    /// Ready when a job came back since the last time.
    pub async fn back(&self) {
        self.0.back.notified().await;
    }

    /// Begins a job, unless it is under way or rests.
    pub fn begin(&self, desk: &Arc<Desk>, job: JobId, name: &'static str, work: impl FnOnce(Stop) -> Work) {
        let mut all = self.0.all();
        let idle = match all.get(&job) {
            None => 0,
            Some(Hand::AtWork { .. }) => return,
            Some(Hand::Rests { until, .. }) if desk.reactor.steady() < *until => return,
            Some(Hand::Rests { idle, .. }) => *idle,
        };
        let (stop, wanted) = watch::channel(false);
        all.insert(job, Hand::AtWork { stop });
        drop(all);
        let work = work(Stop::new(wanted));
        let mut back = Back { hands: self.0.clone(), desk: desk.clone(), job, idle, worked: false };
        let task = async move {
            match work.await {
                Ok(worked) => back.worked = worked,
                Err(Deposed) => tracing::info!(?job, "left to the server that leads now"),
            }
            drop(back);
        };
        desk.reactor.spawn(name, Box::pin(task));
    }

    /// The jobs that are under way.
    pub fn at_work(&self) -> BTreeSet<JobId> {
        let all = self.0.all();
        all.iter().filter(|(_, hand)| matches!(hand, Hand::AtWork { .. })).map(|(job, _)| *job).collect()
    }

    /// Wants a job undone.
    pub fn stop(&self, job: JobId) {
        if let Some(Hand::AtWork { stop }) = self.0.all().get(&job) {
            stop.send_if_modified(|is| !std::mem::replace(is, true));
        }
    }

    /// The next moment at which one that rests may begin again. Those whose moment is past are forgotten when
    /// they have rested for long: what has to be done comes again by itself.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let mut all = self.0.all();
        all.retain(|_, hand| match hand {
            Hand::AtWork { .. } => true,
            Hand::Rests { until, idle } => now.since(*until) < rest_after(idle.saturating_add(1)),
        });
        let resting = all.values().filter_map(|hand| match hand {
            Hand::Rests { until, .. } if *until > now => Some(*until),
            _ => None,
        });
        resting.min()
    }
}
