//! Session keys. The gateway lower-cases them and puts `agent:<agent>:` in front; events
//! and rows carry that form (old gateways send the raw key in `aborted` events). We answer
//! in the form in which the key was sent to us.

use std::collections::{HashMap, VecDeque};

/// How many of our keys are remembered; the oldest is forgotten first.
pub const KEYS_REMEMBERED: usize = 4096;

/// The gateway's form of a key: lower case, with `agent:<default agent>:` in front unless it names an agent.
#[must_use]
pub fn canonical(key: &str, default_agent: &str) -> String {
    let lower = key.to_lowercase();
    if lower.starts_with("agent:") { lower } else { format!("agent:{}:{lower}", default_agent.to_lowercase()) }
}

/// Remembers the keys that we sent, by their canonical form.
#[derive(Debug)]
pub struct KeyBook {
    agent: String,
    ours: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Default for KeyBook {
    fn default() -> Self {
        Self { agent: "main".into(), ours: HashMap::new(), order: VecDeque::new() }
    }
}

impl KeyBook {
    /// The agent that the gateway puts in front of bare keys, known after connecting.
    pub fn set_default_agent(&mut self, agent: &str) {
        if self.agent != agent {
            agent.clone_into(&mut self.agent);
            let kept: Vec<String> = self.order.drain(..).filter_map(|key| self.ours.remove(&key)).collect();
            for key in kept {
                self.remember(&key);
            }
        }
    }

    /// Remembers a key in our form.
    pub fn remember(&mut self, key: &str) {
        let canonical = canonical(key, &self.agent);
        if self.ours.insert(canonical.clone(), key.to_owned()).is_some() {
            return;
        }
        self.order.push_back(canonical);
        if self.order.len() > KEYS_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ours.remove(&oldest);
        }
    }

    /// Our form of a key from the gateway; a key that we never sent stays as it is.
    #[must_use]
    pub fn ours(&self, key: &str) -> String {
        self.ours.get(&canonical(key, &self.agent)).cloned().unwrap_or_else(|| key.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_form_is_the_gateways() {
        assert_eq!(canonical("clutch:proj:ChatA", "main"), "agent:main:clutch:proj:chata");
        assert_eq!(canonical("agent:dev:X", "main"), "agent:dev:x");
        assert_eq!(canonical("main", "main"), "agent:main:main");
    }

    #[test]
    fn both_forms_lead_back_to_ours() {
        let mut book = KeyBook::default();
        book.remember("clutch:Proj:ChatA");
        assert_eq!(book.ours("agent:main:clutch:proj:chata"), "clutch:Proj:ChatA");
        assert_eq!(book.ours("clutch:Proj:ChatA"), "clutch:Proj:ChatA");
        assert_eq!(book.ours("agent:main:other"), "agent:main:other");
        book.set_default_agent("Boss");
        assert_eq!(book.ours("agent:boss:clutch:proj:chata"), "clutch:Proj:ChatA");
    }

    #[test]
    fn the_book_does_not_grow_for_ever() {
        let mut book = KeyBook::default();
        for n in 0..=KEYS_REMEMBERED {
            book.remember(&format!("K{n}"));
        }
        assert_eq!(book.ours.len(), KEYS_REMEMBERED);
        assert_eq!(book.ours("k0"), "k0", "the oldest is forgotten");
        assert_eq!(book.ours("k1"), "K1");
    }
}
