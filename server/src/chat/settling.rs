//! Runs of chats that have ended, and whose answers wait to be brought.
//!
//! Listening to the gateway must never wait for the gateway or the store, or signs are missed; so the
//! bridge puts ends here and goes on listening, and takes them out again to bring them. What finds no room
//! is found again by looking into the sessions ([`crate::chat::missed`]).

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clutch_domain::{chat::Call, id::ChatId};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Most runs that wait.
pub const WAITING_MAX: usize = 256;
/// Most bytes that their words hold together.
pub const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Times that an answer is tried before it is given up: some twenty minutes with the pauses between.
pub const TRIES_MAX: u32 = 24;

/// Pauses before something is tried again: the first, and the longest. Each is twice the one before.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// Before the second try.
    pub first: Duration,
    /// Before a late one.
    pub longest: Duration,
}

impl Pauses {
    /// The pause after so many tries in vain.
    pub fn after(&self, tries: u32) -> Duration {
        let factor = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

/// A run that has finished in a chat's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The chat.
    pub chat: ChatId,
    /// The runtime of its session.
    pub runtime: String,
    /// Its session.
    pub session: String,
    /// The run's id.
    pub run: String,
    /// Its last words as the event told them: perhaps cut, perhaps none.
    pub words: String,
    /// What it did on the way.
    pub calls: Vec<Call>,
    /// Times that it was tried in vain.
    pub tries: u32,
}

struct Waiting {
    due: Instant,
    ended: Ended,
}

#[derive(Default)]
struct Queue {
    // Oldest first: answers of one chat are brought in order.
    waiting: VecDeque<Waiting>,
    bytes: usize,
    // Taken out, and not yet brought.
    in_hand: Option<String>,
}

/// The queue. Anybody may put something in; one takes out.
pub struct Settling {
    queue: Mutex<Queue>,
    news: Notify,
    pauses: Pauses,
}

impl Default for Settling {
    fn default() -> Self {
        Self::new(Pauses { first: Duration::from_secs(1), longest: Duration::from_secs(60) })
    }
}

impl Settling {
    /// An empty queue with these pauses between the tries of one answer.
    pub fn new(pauses: Pauses) -> Self {
        Self { queue: Mutex::default(), news: Notify::new(), pauses }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a run in, once. `false` where there is no room for it.
    pub fn put(&self, ended: Ended) -> bool {
        {
            let mut queue = self.queue();
            let known = queue.in_hand.as_ref() == Some(&ended.run)
                || queue.waiting.iter().any(|other| other.ended.run == ended.run);
            if known {
                return true;
            }
            if queue.waiting.len() >= WAITING_MAX || queue.bytes + ended.words.len() > BYTES_MAX {
                return false;
            }
            queue.bytes += ended.words.len();
            queue.waiting.push_back(Waiting { due: Instant::now(), ended });
        }
        self.news.notify_one();
        true
    }

    /// Puts back what was taken out and could not be brought, before the later ones of its chat; a try that
    /// was one counts. Gives it back where it was tried often enough.
    pub fn again(&self, mut ended: Ended, tried: bool) -> Result<(), Box<Ended>> {
        let pause = if tried {
            ended.tries += 1;
            self.pauses.after(ended.tries)
        } else {
            self.pauses.longest
        };
        if ended.tries >= TRIES_MAX {
            return Err(Box::new(ended));
        }
        let due = Instant::now() + pause;
        let mut queue = self.queue();
        queue.bytes += ended.words.len();
        queue.waiting.push_front(Waiting { due, ended });
        Ok(())
    }

    /// Takes out the next that is due, and waits for it. For one caller at a time.
    pub async fn next(&self) -> Ended {
        loop {
            let news = self.news.notified();
            let due = match self.due() {
                Ok(ended) => return ended,
                Err(due) => due,
            };
            match due {
                Some(due) => tokio::select! {
                    () = news => {}
                    () = sleep_until(due) => {}
                },
                None => news.await,
            }
        }
    }

    /// The next that is due, or when the next will be.
    fn due(&self) -> Result<Ended, Option<Instant>> {
        let now = Instant::now();
        let mut queue = self.queue();
        queue.in_hand = None;
        let mut chats = HashSet::new();
        let mut soonest: Option<Instant> = None;
        let mut found = None;
        for (at, waiting) in queue.waiting.iter().enumerate() {
            // What waits behind another of its chat keeps waiting, so that they come in order.
            if !chats.insert(waiting.ended.chat) {
                continue;
            }
            if waiting.due <= now {
                found = Some(at);
                break;
            }
            soonest = Some(soonest.map_or(waiting.due, |soonest| soonest.min(waiting.due)));
        }
        let Some(waiting) = found.and_then(|at| queue.waiting.remove(at)) else { return Err(soonest) };
        queue.bytes = queue.bytes.saturating_sub(waiting.ended.words.len());
        queue.in_hand = Some(waiting.ended.run.clone());
        Ok(waiting.ended)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn ended(chat: u128, run: &str, words: &str) -> Ended {
        Ended {
            chat: ChatId(Uuid::from_u128(chat)),
            runtime: "somewhere".into(),
            session: format!("session-{chat}"),
            run: run.to_owned(),
            words: words.to_owned(),
            calls: Vec::new(),
            tries: 0,
        }
    }

    #[tokio::test]
    async fn a_run_waits_once_and_none_overtakes_another_of_its_chat() {
        let soon = Pauses { first: Duration::from_millis(1), longest: Duration::from_millis(1) };
        let settling = Settling::new(soon);
        for (chat, run) in [(1, "a"), (1, "b"), (1, "a"), (2, "c")] {
            assert!(settling.put(ended(chat, run, "")));
        }
        let first = settling.next().await;
        assert_eq!(first.run, "a");
        assert!(settling.put(ended(1, "a", "")), "it is in hand already");
        settling.again(first, true).unwrap();
        let mut order = Vec::new();
        for _ in 0..3 {
            order.push(settling.next().await.run);
        }
        order.retain(|run| run != "c");
        assert_eq!(order, ["a", "b"]);
        assert!(settling.queue().waiting.is_empty() && settling.queue().bytes == 0);
    }

    #[tokio::test]
    async fn the_queue_is_bounded_in_runs_and_in_bytes_and_tries_end() {
        let settling = Settling::default();
        for n in 0..WAITING_MAX {
            assert!(settling.put(ended(n as u128, &format!("r{n}"), "")));
        }
        assert!(!settling.put(ended(1, "one-more", "")));

        let settling = Settling::default();
        let long = "x".repeat(BYTES_MAX / 2 + 1);
        assert!(settling.put(ended(1, "a", &long)));
        assert!(!settling.put(ended(2, "b", &long)));
        let a = settling.next().await;
        assert!(settling.put(ended(2, "b", &long)), "what is out leaves room");
        let tired = Ended { tries: TRIES_MAX, ..a.clone() };
        assert_eq!(settling.again(Ended { tries: TRIES_MAX - 1, ..a.clone() }, true), Err(Box::new(tired)));
        assert_eq!(settling.again(Ended { tries: TRIES_MAX - 1, ..a }, false), Ok(()), "only waited");
    }

    #[test]
    fn pauses_grow_to_an_end() {
        let pauses = Pauses { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
        let seconds = |tries| pauses.after(tries).as_secs();
        assert_eq!([0, 1, 2, 3, 6, 7, 40].map(seconds), [1, 1, 2, 4, 32, 60, 60]);
    }
}
