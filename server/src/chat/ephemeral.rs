//! Who is in a chat, and who thinks or types there: kept in memory while it is so, never stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clutch_app::model::{
    chat::{People, Typer},
    sign_of,
};
use clutch_domain::id::ChatId;
use tokio::sync::watch;

/// How long a program's sign holds without being repeated (facts §1.7).
pub const TYPING_TTL: Duration = Duration::from_secs(30);
/// How long a tab's sign holds: it repeats it about every three seconds.
pub const TAB_TYPING_TTL: Duration = Duration::from_secs(6);
/// Most signs that are kept; the oldest go first.
pub const TYPING_MAX: usize = 1_000;
/// Longest name of an author that is kept, in characters.
const NAME_MAX: usize = 100;
/// How often signs that are over are taken away.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypingState {
    /// An agent thinks.
    Thinking,
    /// Somebody types.
    Typing,
}

/// Whose sign it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// A program says it of somebody.
    Named(String),
    /// The person at a tab.
    Tab(u64),
}

#[derive(Default)]
struct Now {
    typing: BTreeMap<(ChatId, Who), (TypingState, Instant)>,
    open: BTreeMap<ChatId, BTreeSet<u64>>,
}

/// Signs of life that expire by themselves.
pub struct Ephemeral {
    now: Mutex<Now>,
    news: watch::Sender<u64>,
    last_tab: AtomicU64,
}

impl Default for Ephemeral {
    fn default() -> Self {
        Self { now: Mutex::default(), news: watch::Sender::new(0), last_tab: AtomicU64::new(0) }
    }
}

impl Ephemeral {
    /// Wakes when somebody came, went, began or ended.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// A place for a tab that is connected; it ends with the seat.
    pub fn seat(self: &Arc<Self>) -> Seat {
        Seat { room: self.clone(), tab: self.last_tab.fetch_add(1, Ordering::Relaxed), open: BTreeSet::new() }
    }

    /// Sets or clears the sign of somebody whom a program names.
    pub fn set(&self, chat: ChatId, author: &str, state: Option<TypingState>) {
        let who = Who::Named(author.chars().take(NAME_MAX).collect());
        self.sign(chat, who, state.map(|state| (state, Instant::now() + TYPING_TTL)));
    }

    /// Whom programs say to do what in a chat now.
    #[cfg(test)]
    pub fn of(&self, chat: ChatId) -> Vec<(String, TypingState)> {
        let now = Instant::now();
        let name = |who: &Who| match who {
            Who::Named(name) => Some(name.clone()),
            Who::Tab(_) => None,
        };
        let signs = self.lock();
        let here = signs.typing.iter().filter(|((c, _), (_, until))| *c == chat && *until > now);
        here.filter_map(|((_, who), (state, _))| Some((name(who)?, *state))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sign(&self, chat: ChatId, who: Who, sign: Option<(TypingState, Instant)>) {
        let changed = {
            let mut now = self.lock();
            let key = (chat, who);
            match sign {
                None => now.typing.remove(&key).is_some(),
                Some(sign) => {
                    if now.typing.len() >= TYPING_MAX
                        && !now.typing.contains_key(&key)
                        && let Some(oldest) = now.typing.iter().min_by_key(|(_, (_, until))| *until).map(|(k, _)| k)
                    {
                        let oldest = oldest.clone();
                        now.typing.remove(&oldest);
                    }
                    // A sign that is only repeated is no news.
                    now.typing.insert(key, sign).is_none_or(|(before, _)| before != sign.0)
                }
            }
        };
        if changed {
            self.tell();
        }
    }

    fn tell(&self) {
        self.news.send_modify(|n| *n += 1);
    }

    fn sweep(&self, time: Instant) {
        let gone = {
            let mut now = self.lock();
            let before = now.typing.len();
            now.typing.retain(|_, (_, until)| *until > time);
            before != now.typing.len()
        };
        if gone {
            self.tell();
        }
    }

    /// Takes away what is over, for ever.
    pub async fn keep_swept(self: Arc<Self>) {
        let mut due = tokio::time::interval(SWEEP_EVERY);
        loop {
            due.tick().await;
            self.sweep(Instant::now());
        }
    }
}

/// A connected tab. What it has open and what its person types goes with it.
pub struct Seat {
    room: Arc<Ephemeral>,
    tab: u64,
    open: BTreeSet<ChatId>,
}

impl Seat {
    /// The tab has these chats open, and no others.
    pub fn opens(&mut self, chats: &BTreeSet<ChatId>) {
        if *chats == self.open {
            return;
        }
        {
            let mut now = self.room.lock();
            for left in self.open.difference(chats) {
                now.typing.remove(&(*left, Who::Tab(self.tab)));
                if let Some(tabs) = now.open.get_mut(left) {
                    tabs.remove(&self.tab);
                    if tabs.is_empty() {
                        now.open.remove(left);
                    }
                }
            }
            for come in chats.difference(&self.open) {
                now.open.entry(*come).or_default().insert(self.tab);
            }
        }
        self.open.clone_from(chats);
        self.room.tell();
    }

    /// The person at the tab types, or has ended; only in a chat that the tab has open.
    pub fn types(&self, chat: ChatId, on: bool) {
        self.types_at(chat, on, Instant::now());
    }

    fn types_at(&self, chat: ChatId, on: bool, time: Instant) {
        if self.room.lock().open.get(&chat).is_some_and(|tabs| tabs.contains(&self.tab)) {
            let sign = on.then(|| (TypingState::Typing, time + TAB_TYPING_TTL));
            self.room.sign(chat, Who::Tab(self.tab), sign);
        }
    }

    /// Who is in a chat, as this tab sees it: without what its own person types.
    pub fn sees(&self, chat: ChatId) -> People {
        self.sees_at(chat, Instant::now())
    }

    fn sees_at(&self, chat: ChatId, time: Instant) -> People {
        let now = self.room.lock();
        // Names come before tabs, and the first name is the empty one.
        let here = now.typing.range((chat, Who::Named(String::new()))..).take_while(|((c, _), _)| *c == chat);
        let signs = here.filter(|((_, who), (_, until))| *until > time && *who != Who::Tab(self.tab));
        let typing = signs.map(|((_, who), (state, _))| Typer {
            name: match who {
                Who::Named(name) => Some(sign_of(name)),
                Who::Tab(_) => None,
            },
            thinks: *state == TypingState::Thinking,
        });
        People {
            typing: typing.collect(),
            here: now.open.get(&chat).map_or(0, |tabs| u32::try_from(tabs.len()).unwrap_or(u32::MAX)),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.opens(&BTreeSet::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> ChatId {
        ChatId(uuid::Uuid::new_v4())
    }

    fn typer(name: Option<&str>, thinks: bool) -> Typer {
        Typer { name: name.map(str::to_owned), thinks }
    }

    #[test]
    fn signs_expire_and_can_be_taken_back() {
        let (chat, signs) = (chat(), Arc::new(Ephemeral::default()));
        let mut news = signs.subscribe();
        signs.set(chat, "ada", Some(TypingState::Thinking));
        signs.set(chat, "dan", Some(TypingState::Typing));
        assert_eq!(signs.of(chat).len(), 2);
        signs.set(chat, "dan", None);
        assert_eq!(signs.of(chat), [("ada".to_owned(), TypingState::Thinking)]);
        news.mark_unchanged();
        let now = Instant::now();
        signs.sweep(now);
        assert!(!news.has_changed().unwrap() && signs.of(chat).len() == 1);
        signs.sweep(now + TYPING_TTL);
        assert!(news.has_changed().unwrap() && signs.of(chat).is_empty(), "whoever looks is told");
    }

    #[test]
    fn a_repeated_sign_holds_on_and_is_no_news() {
        let (chat, signs) = (chat(), Arc::new(Ephemeral::default()));
        let (mut mine, mut other) = (signs.seat(), signs.seat());
        mine.opens(&BTreeSet::from([chat]));
        other.opens(&BTreeSet::from([chat]));
        let mut news = signs.subscribe();
        let now = Instant::now();
        mine.types_at(chat, true, now);
        assert!(news.has_changed().unwrap());
        news.mark_unchanged();
        let half = now + TAB_TYPING_TTL / 2;
        mine.types_at(chat, true, half);
        assert!(!news.has_changed().unwrap());
        assert_eq!(other.sees_at(chat, now + TAB_TYPING_TTL).typing, [typer(None, false)]);
        assert!(mine.sees_at(chat, half).typing.is_empty(), "a tab does not see what its own person types");
        assert!(other.sees_at(chat, half + TAB_TYPING_TTL).typing.is_empty(), "it is over, swept or not");
    }

    #[test]
    fn a_tab_is_where_it_has_a_chat_open_and_nowhere_after() {
        let (a, b, signs) = (chat(), chat(), Arc::new(Ephemeral::default()));
        let (mut first, mut second) = (signs.seat(), signs.seat());
        first.opens(&BTreeSet::from([a, b]));
        second.opens(&BTreeSet::from([a]));
        first.types(a, true);
        second.types(b, true);
        assert_eq!((first.sees(a).here, first.sees(b).here), (2, 1));
        assert!(first.sees(b).typing.is_empty(), "nobody types in a chat that he has not open");
        signs.set(a, "kimi", Some(TypingState::Thinking));
        assert_eq!(second.sees(a).typing, [typer(Some("Kimi"), true), typer(None, false)]);
        first.opens(&BTreeSet::from([b]));
        assert_eq!(second.sees(a), People { here: 1, typing: vec![typer(Some("Kimi"), true)] });
        drop((first, second));
        assert!(signs.lock().open.is_empty(), "nothing leaks");
    }

    #[test]
    fn there_are_never_too_many_signs() {
        let (a, signs) = (chat(), Arc::new(Ephemeral::default()));
        for n in 0..TYPING_MAX + 5 {
            signs.set(a, &n.to_string(), Some(TypingState::Typing));
        }
        assert_eq!(signs.of(a).len(), TYPING_MAX);
    }
}
