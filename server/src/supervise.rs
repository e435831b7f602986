//! The parts that work as long as the server does: each has a name, is begun again when it breaks off or ends,
//! and is put down in order when the server goes. Nothing of the server works outside of it, so no part is gone
//! without a word.
//!
//! A part is put down where it waits. What parts do survives that: it is written down before it is done, or is
//! made anew from what is stored.

use std::{
    collections::BTreeMap,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clutch_domain::time::Millis;
use futures_util::FutureExt;
use serde::Serialize;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// When a part that has ended is begun again, and when it counts as well.
#[derive(Clone, Copy, Debug)]
struct Waits {
    /// Before it is begun again; each further pause in a row is twice as long,
    pause: Duration,
    /// but no longer than this.
    most: Duration,
    /// It has worked for so long since its last end.
    well: Duration,
}

impl Waits {
    fn longer(&self, pause: Duration) -> Duration {
        (pause * 2).min(self.most)
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self { pause: Duration::from_secs(1), most: Duration::from_secs(60), well: Duration::from_secs(60) }
    }
}

/// How long parts may take to be put down.
const END_MAX: Duration = Duration::from_secs(5);

/// A part that does not work, or has not for long enough since it was begun again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Down {
    /// Its name.
    pub part: &'static str,
    /// When it first ended, in milliseconds since 1970.
    pub since: Millis,
    /// How often it has ended since then.
    pub times: u32,
}

/// Begins parts and tasks, and ends them. Clones are the same supervisor.
#[derive(Clone, Default)]
pub struct Supervisor(Arc<Inner>);

#[derive(Default)]
struct Inner {
    stop: CancellationToken,
    tasks: TaskTracker,
    waits: Waits,
    down: watch::Sender<BTreeMap<&'static str, Down>>,
}

impl Supervisor {
    /// Keeps a part at work for as long as the server does. `begin` is called for each new beginning. Must be
    /// called within tokio.
    pub fn keep<F>(&self, name: &'static str, begin: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let this = self.clone();
        self.spawn(name, async move {
            let waits = this.0.waits;
            let mut pause = waits.pause;
            loop {
                // What is in `begin` itself may break off, too.
                let work = AssertUnwindSafe(async { begin().await }).catch_unwind();
                tokio::pin!(work);
                let first = tokio::select! {
                    ended = work.as_mut() => Some(ended),
                    () = sleep(waits.well) => None,
                };
                let ended = match first {
                    Some(ended) => ended,
                    None => {
                        this.well(name);
                        pause = waits.pause;
                        work.await
                    }
                };
                this.ended(name);
                let how = if ended.is_err() { "broke off; the log says above where" } else { "ended" };
                tracing::error!(part = name, ?pause, "a part of the server {how}; it is begun again");
                sleep(pause).await;
                pause = waits.longer(pause);
            }
        });
    }

    /// Looks after a part that cannot be begun again; or that others have begun, then `part` is ready when it is gone.
    pub fn watch(&self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        let this = self.clone();
        self.spawn(name, async move {
            // Whether it broke off or ended, it is gone.
            let _ = AssertUnwindSafe(part).catch_unwind().await;
            this.ended(name);
            tracing::error!(part = name, "a part of the server is gone; restart the server to have it again");
        });
    }

    /// Does something beside the caller, to its end or to the server's.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.0.stop.clone();
        let task = AssertUnwindSafe(task).catch_unwind();
        drop(self.0.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                ended = task => if ended.is_err() {
                    tracing::error!(task = name, "a task broke off; the log says above where");
                },
            }
        }));
    }

    /// The parts that do not work, by name.
    pub fn down(&self) -> Vec<Down> {
        self.0.down.borrow().values().cloned().collect()
    }

    /// Puts everything down, and waits until it is.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        if timeout(END_MAX, self.0.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.0.tasks.len(), "parts of the server do not end; they are cut off");
        }
    }

    fn well(&self, name: &'static str) {
        if self.0.down.send_if_modified(|down| down.remove(name).is_some()) {
            tracing::info!(part = name, "a part of the server works again");
        }
    }

    fn ended(&self, name: &'static str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let since = Millis(i64::try_from(now).unwrap_or(i64::MAX));
        self.0.down.send_modify(|down| down.entry(name).or_insert(Down { part: name, since, times: 0 }).times += 1);
    }
}

/// Tasks that end together, before others of their kind begin.
#[derive(Default)]
pub struct Brood(Mutex<Generation>);

#[derive(Clone, Default)]
struct Generation {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Brood {
    /// Does something beside the caller, to its end, to the end of those begun before the next
    /// [`Brood::renew`], or to the server's.
    pub fn spawn(&self, under: &Supervisor, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let Generation { stop, tasks } = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        under.spawn(
            name,
            tasks.track_future(async move {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = task => {}
                }
            }),
        );
    }

    /// Ends all that was begun, and waits until it has ended.
    pub async fn renew(&self) {
        let old = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        old.stop.cancel();
        old.tasks.close();
        old.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicU32, Ordering},
    };

    use tokio::sync::mpsc;

    use super::*;

    const NEVER: Duration = Duration::from_secs(3_600);
    const SOON: Duration = Duration::from_millis(1);

    fn supervisor(well: Duration) -> Supervisor {
        let waits = Waits { pause: SOON, most: SOON, well };
        Supervisor(Arc::new(Inner { waits, ..Inner::default() }))
    }

    /// Tells when it is dropped.
    struct Told(mpsc::Sender<&'static str>, &'static str);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.try_send(self.1);
        }
    }

    #[test]
    fn pauses_grow_to_a_minute() {
        let waits = Waits::default();
        let pauses = std::iter::successors(Some(waits.pause), |pause| Some(waits.longer(*pause)));
        let pauses: Vec<u64> = pauses.take(9).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[tokio::test]
    async fn a_part_that_ends_or_breaks_off_is_said_to_be_down_and_begun_again() {
        let supervisor = supervisor(NEVER);
        let (begun, mut begins) = mpsc::channel(16);
        let count = AtomicU32::new(0);
        supervisor.keep("fragile", move || {
            let n = count.fetch_add(1, Ordering::Relaxed);
            begun.try_send(n).unwrap();
            // Also what comes before the work itself.
            assert!(n != 0, "on purpose");
            async move {
                match n {
                    1..=5 if n.is_multiple_of(2) => panic!("on purpose"),
                    1..=5 => {}
                    _ => pending().await,
                }
            }
        });
        supervisor.keep("steady", pending::<()>);
        for n in 0..=6 {
            assert_eq!(begins.recv().await, Some(n));
            // On one thread all but the last have ended before it is heard that they began.
            let down: Vec<_> = supervisor.down().iter().map(|d| (d.part, d.times)).collect();
            assert_eq!(down, [("fragile", (n + 1).min(6))]);
        }
        let first = supervisor.down()[0].since;
        assert!(first.0 > 1_700_000_000_000, "{first:?}");
        supervisor.stop().await;
        assert!(begins.recv().await.is_none(), "nothing is begun after the end");
    }

    #[tokio::test]
    async fn a_part_that_has_worked_for_long_is_well_again() {
        let supervisor = supervisor(SOON);
        let count = AtomicU32::new(0);
        supervisor.keep("once", move || {
            let first = count.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                if !first {
                    pending::<()>().await;
                }
            }
        });
        let mut down = supervisor.0.down.subscribe();
        down.wait_for(|down| down.contains_key("once")).await.unwrap();
        down.wait_for(BTreeMap::is_empty).await.unwrap();
        supervisor.stop().await;
    }

    #[tokio::test]
    async fn a_part_that_cannot_be_begun_again_is_down_for_good() {
        let supervisor = supervisor(SOON);
        supervisor.watch("breaks off", async { panic!("on purpose") });
        let (gone, told) = tokio::sync::oneshot::channel::<()>();
        supervisor.watch("theirs", async move { drop(told.await) });
        let mut down = supervisor.0.down.subscribe();
        down.wait_for(|down| down.contains_key("breaks off")).await.unwrap();
        assert!(!supervisor.0.down.borrow().contains_key("theirs"));
        drop(gone);
        down.wait_for(|down| down.len() == 2 && down.values().all(|d| d.times == 1)).await.unwrap();
        supervisor.stop().await;
    }

    #[tokio::test]
    async fn the_end_waits_until_everything_is_put_down() {
        let supervisor = Supervisor::default();
        let (tell, mut told) = mpsc::channel(16);
        let (ready, mut readies) = mpsc::channel(16);
        let brood = Brood::default();
        for name in ["part", "task", "child"] {
            let held = Told(tell.clone(), name);
            let ready = ready.clone();
            let work = async move {
                let _held = held;
                ready.send(()).await.unwrap();
                pending::<()>().await;
            };
            match name {
                "part" => {
                    let once = Mutex::new(Some(work));
                    supervisor.keep(name, move || once.lock().unwrap().take().unwrap());
                }
                "task" => supervisor.spawn(name, work),
                _ => brood.spawn(&supervisor, name, work),
            }
            readies.recv().await.unwrap();
        }
        supervisor.stop().await;
        let mut gone: Vec<&str> = std::iter::from_fn(|| told.try_recv().ok()).collect();
        gone.sort_unstable();
        assert_eq!(gone, ["child", "part", "task"]);
        supervisor.spawn("late", async move { tell.send("late").await.unwrap() });
        assert_eq!(told.recv().await, None, "what comes after the end is not begun");
    }

    #[tokio::test]
    async fn those_of_before_have_ended_when_others_begin() {
        let supervisor = Supervisor::default();
        let brood = Brood::default();
        let (tell, mut told) = mpsc::channel(16);
        let (ready, mut readies) = mpsc::channel(16);
        let child = |name| {
            let (held, ready) = (Told(tell.clone(), name), ready.clone());
            async move {
                let _held = held;
                ready.send(()).await.unwrap();
                pending::<()>().await;
            }
        };
        brood.spawn(&supervisor, "old", child("old"));
        brood.spawn(&supervisor, "breaks off", async { panic!("on purpose") });
        readies.recv().await.unwrap();
        brood.renew().await;
        assert_eq!(told.try_recv(), Ok("old"));
        brood.spawn(&supervisor, "new", child("new"));
        readies.recv().await.unwrap();
        assert!(told.try_recv().is_err(), "the new one works on");
        supervisor.stop().await;
        assert_eq!(told.try_recv(), Ok("new"));
    }
}
