//! How many tabs there are, and how much they may ask for. Nobody is cut off for asking too fast: whoever
//! does is heard later, so that the others are heard at all.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

/// Most tabs that are connected.
pub const TABS_MAX: usize = 2_048;
/// Most subscriptions of one tab.
pub const SUBSCRIPTIONS_MAX: usize = 32;
/// Most subscriptions of all tabs of one caller.
const CALLERS_SUBSCRIPTIONS_MAX: usize = 4_096;
/// Frames of one tab: at once, and in a second after those.
const TAB_PACE: (f64, f64) = (128.0, 20.0);
/// Frames of all tabs of one caller.
const CALLERS_PACE: (f64, f64) = (2_048.0, 200.0);

/// All tabs that are connected.
pub struct Tabs {
    open: watch::Sender<usize>,
    most: usize,
    // Without log-in there are two callers: the person in the browser, and programs.
    people: Arc<Caller>,
    programs: Arc<Caller>,
}

impl Tabs {
    /// Room for so many.
    pub fn new(most: usize) -> Self {
        let caller = || Arc::new(Caller { subscriptions: AtomicUsize::new(0), pace: Pace::new(CALLERS_PACE) });
        Self { open: watch::Sender::new(0), most, people: caller(), programs: caller() }
    }

    /// Ready when no tab is connected.
    pub async fn empty(&self) {
        // The sender is here: it cannot be gone.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// How many tabs are connected.
    #[cfg(test)]
    pub fn open(&self) -> usize {
        *self.open.borrow()
    }

    /// A place for one more tab, as long as it is held.
    pub fn take(self: &Arc<Self>, person: bool) -> Option<Seated> {
        let mut free = false;
        self.open.send_if_modified(|open| {
            free = *open < self.most;
            *open += usize::from(free);
            free
        });
        let caller = if person { &self.people } else { &self.programs };
        free.then(|| Seated { tabs: self.clone(), caller: caller.clone(), held: 0, pace: Pace::new(TAB_PACE) })
    }
}

struct Caller {
    subscriptions: AtomicUsize,
    pace: Pace,
}

/// A tab that is connected.
pub struct Seated {
    tabs: Arc<Tabs>,
    caller: Arc<Caller>,
    held: usize,
    pace: Pace,
}

impl Seated {
    /// The tab has so many subscriptions from now on; false if those are too many.
    #[must_use]
    pub fn holds(&mut self, subscriptions: usize) -> bool {
        let all = &self.caller.subscriptions;
        let before = self.held;
        let others = all.fetch_sub(before, Ordering::Relaxed).saturating_sub(before);
        all.fetch_add(subscriptions, Ordering::Relaxed);
        self.held = subscriptions;
        subscriptions <= before
            || (subscriptions <= SUBSCRIPTIONS_MAX && others + subscriptions <= CALLERS_SUBSCRIPTIONS_MAX)
    }

    /// A frame came. How long to wait before the next one is heard.
    pub fn heard(&self) -> Option<Duration> {
        let now = Instant::now();
        let pause = self.pace.takes(now).max(self.caller.pace.takes(now));
        (!pause.is_zero()).then_some(pause)
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.caller.subscriptions.fetch_sub(self.held, Ordering::Relaxed);
        self.tabs.open.send_modify(|open| *open -= 1);
    }
}

/// So much at once, and so much in each second.
struct Pace {
    burst: f64,
    each_second: f64,
    left: Mutex<(f64, Instant)>,
}

impl Pace {
    fn new((burst, each_second): (f64, f64)) -> Self {
        Self { burst, each_second, left: Mutex::new((burst, Instant::now())) }
    }

    /// Takes one; what is not there yet is waited for.
    fn takes(&self, now: Instant) -> Duration {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (had, since) = *left;
        let has = (had + now.saturating_duration_since(since).as_secs_f64() * self.each_second).min(self.burst) - 1.0;
        *left = (has, now);
        Duration::from_secs_f64((-has).max(0.0) / self.each_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_heard_in_its_pace_and_a_person_at_once() {
        let (pace, mut now) = (Pace::new((10.0, 20.0)), Instant::now());
        assert!((0..10).all(|_| pace.takes(now).is_zero()));
        assert_eq!(pace.takes(now), Duration::from_millis(50));
        assert_eq!(pace.takes(now), Duration::from_millis(100));
        now += Duration::from_secs(3_600);
        assert!((0..10).all(|_| pace.takes(now).is_zero()), "what was not used is not saved up");
        assert!(!pace.takes(now).is_zero());
        for _ in 0..1_000 {
            now += Duration::from_millis(50);
            assert!(pace.takes(now) <= Duration::from_millis(51), "the right pace never waits for more than one");
        }
    }

    #[tokio::test]
    async fn places_come_back() {
        let tabs = Arc::new(Tabs::new(2));
        let (first, second) = (tabs.take(true).unwrap(), tabs.take(false).unwrap());
        assert!(tabs.take(true).is_none());
        drop(first);
        let third = tabs.take(true).unwrap();
        drop((second, third));
        tabs.empty().await;
    }

    #[test]
    fn subscriptions_are_counted_for_each_caller() {
        let tabs = Arc::new(Tabs::new(TABS_MAX));
        let mut programs: Vec<Seated> = Vec::new();
        for _ in 0..CALLERS_SUBSCRIPTIONS_MAX / SUBSCRIPTIONS_MAX {
            let mut tab = tabs.take(false).unwrap();
            assert!((1..=SUBSCRIPTIONS_MAX).all(|n| tab.holds(n)));
            programs.push(tab);
        }
        assert!(!tabs.take(false).unwrap().holds(1), "all of them are held");
        assert!(tabs.take(true).unwrap().holds(1), "but not the person's");
        assert!(programs[0].holds(0));
        assert!(tabs.take(false).unwrap().holds(1));
        assert!(!tabs.take(true).unwrap().holds(SUBSCRIPTIONS_MAX + 1));
        drop(programs);
        assert_eq!(tabs.programs.subscriptions.load(Ordering::Relaxed), 0);
    }
}
