//! Who is thinking or typing: kept in memory for a few seconds, never stored.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use clutch_domain::{id::ChatId, time::Millis};

/// How long a sign holds without being repeated, in milliseconds (facts §1.7).
pub const TYPING_TTL_MS: i64 = 30_000;
/// Most signs that are kept; the oldest go first.
pub const TYPING_MAX: usize = 1_000;

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypingState {
    /// An agent thinks.
    Thinking,
    /// Somebody types.
    Typing,
}

/// Signs of life that expire by themselves.
#[derive(Default)]
pub struct Ephemeral {
    typing: Mutex<BTreeMap<(ChatId, String), (TypingState, Millis)>>,
}

impl Ephemeral {
    /// Sets or clears a sign.
    pub fn set(&self, chat: ChatId, author: &str, state: Option<TypingState>, now: Millis) {
        let mut typing = self.typing.lock().unwrap_or_else(PoisonError::into_inner);
        typing.retain(|_, (_, until)| *until > now);
        let key = (chat, author.chars().take(100).collect::<String>());
        match state {
            None => {
                typing.remove(&key);
            }
            Some(state) => {
                if typing.len() >= TYPING_MAX
                    && let Some(oldest) = typing.iter().min_by_key(|(_, (_, until))| *until).map(|(k, _)| k.clone())
                {
                    typing.remove(&oldest);
                }
                typing.insert(key, (state, now.plus(TYPING_TTL_MS)));
            }
        }
    }

    /// Who does what in a chat now.
    pub fn of(&self, chat: ChatId, now: Millis) -> Vec<(String, TypingState)> {
        let typing = self.typing.lock().unwrap_or_else(PoisonError::into_inner);
        typing
            .iter()
            .filter(|((c, _), (_, until))| *c == chat && *until > now)
            .map(|((_, author), (state, _))| (author.clone(), *state))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_expire_and_can_be_taken_back() {
        let chat = ChatId(uuid::Uuid::new_v4());
        let signs = Ephemeral::default();
        signs.set(chat, "ada", Some(TypingState::Thinking), Millis(0));
        signs.set(chat, "dan", Some(TypingState::Typing), Millis(10));
        assert_eq!(signs.of(chat, Millis(20)).len(), 2);
        signs.set(chat, "dan", None, Millis(20));
        assert_eq!(signs.of(chat, Millis(20)), [("ada".to_owned(), TypingState::Thinking)]);
        assert!(signs.of(chat, Millis(TYPING_TTL_MS)).is_empty());
    }
}
