//! Session keys. The gateway lower-cases them and puts `agent:<agent>:` in front; events
//! and rows carry that form (old gateways send the raw key in `aborted` events). We answer
//! in the form in which the key was sent to us.
//!
//! Names that the board has stored for its tickets begin with `agent:main:`, and stay as they are. A gateway
//! whose agents are called otherwise refuses that agent ("no longer exists in configuration"); there its
//! default agent stands in, on the way out and on the way back.

use std::collections::{HashMap, VecDeque};

/// How many of our keys are remembered; the oldest is forgotten first.
pub const KEYS_REMEMBERED: usize = 4096;

/// The gateway's form of a key: lower case, with `agent:<default agent>:` in front unless it names an agent.
#[must_use]
pub fn canonical(key: &str, default_agent: &str) -> String {
    let lower = key.to_lowercase();
    if lower.starts_with("agent:") { lower } else { format!("agent:{}:{lower}", default_agent.to_lowercase()) }
}

/// How the names begin that the board has stored for its tickets.
const MAIN: &str = "agent:main:";

/// Remembers the keys that we sent, by their canonical form.
#[derive(Debug)]
pub struct KeyBook {
    agent: String,
    // The default agent works for `main`, of whom the gateway does not know.
    stands_in: bool,
    ours: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Default for KeyBook {
    fn default() -> Self {
        Self { agent: "main".into(), stands_in: false, ours: HashMap::new(), order: VecDeque::new() }
    }
}

impl KeyBook {
    /// The agent that the gateway puts in front of bare keys, known after connecting.
    pub fn set_default_agent(&mut self, agent: &str) {
        if self.agent != agent {
            agent.clone_into(&mut self.agent);
            self.anew();
        }
    }

    /// Whether the default agent works for the agent `main`, which the gateway does not have.
    pub fn stand_in(&mut self, stands_in: bool) {
        if self.stands_in != stands_in {
            self.stands_in = stands_in;
            self.anew();
        }
    }

    fn anew(&mut self) {
        let kept: Vec<String> = self.order.drain(..).filter_map(|key| self.ours.remove(&key)).collect();
        for key in kept {
            self.remember(&key);
        }
    }

    /// A key of ours as the gateway must be asked for it.
    #[must_use]
    pub fn theirs(&self, key: &str) -> String {
        match key.get(..MAIN.len()) {
            Some(start) if self.stands_in && start.eq_ignore_ascii_case(MAIN) => {
                format!("agent:{}:{}", self.agent, &key[MAIN.len()..])
            }
            _ => key.to_owned(),
        }
    }

    fn canonical(&self, key: &str) -> String {
        canonical(&self.theirs(key), &self.agent)
    }

    /// Remembers a key in our form.
    pub fn remember(&mut self, key: &str) {
        let canonical = self.canonical(key);
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

    /// Whether two keys, each in whatever form, name one session.
    #[must_use]
    pub fn same(&self, one: &str, other: &str) -> bool {
        self.canonical(one) == self.canonical(other)
    }

    /// Our form of a key from the gateway. A key that we never sent, or sent before our restart, stays as it
    /// is, except that it names `main` where another agent stands in for it.
    #[must_use]
    pub fn ours(&self, key: &str) -> String {
        if let Some(ours) = self.ours.get(&self.canonical(key)) {
            return ours.clone();
        }
        let rest = key.strip_prefix("agent:").and_then(|rest| rest.split_once(':'));
        match rest {
            Some((agent, rest)) if self.stands_in && agent.eq_ignore_ascii_case(&self.agent) => format!("{MAIN}{rest}"),
            _ => key.to_owned(),
        }
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
        assert!(book.same("agent:main:clutch:proj:chata", "clutch:Proj:ChatA"));
        book.set_default_agent("Boss");
        assert!(book.same("agent:boss:clutch:proj:chata", "clutch:Proj:ChatA"));
        assert!(!book.same("agent:main:clutch:proj:chata", "clutch:Proj:ChatA"), "another agent's");
        assert_eq!(book.ours("agent:boss:clutch:proj:chata"), "clutch:Proj:ChatA");
    }

    #[test]
    fn another_agent_stands_in_for_main_there_and_back() {
        let ticket = "agent:main:Proj:dev:aaaaaaaa:r1";
        let mut book = KeyBook::default();
        book.remember(ticket);
        book.set_default_agent("boss");
        assert_eq!(book.theirs(ticket), ticket, "a gateway may have both agents");
        book.stand_in(true);
        assert_eq!(book.theirs(ticket), "agent:boss:Proj:dev:aaaaaaaa:r1");
        assert_eq!(book.theirs("clutch:proj:c"), "clutch:proj:c");
        assert_eq!(book.ours("agent:boss:proj:dev:aaaaaaaa:r1"), ticket);
        assert!(book.same("agent:boss:proj:dev:aaaaaaaa:r1", ticket));
        // After a restart of ours nobody remembers; stored names are found all the same.
        let mut book = KeyBook::default();
        book.set_default_agent("boss");
        book.stand_in(true);
        assert_eq!(book.ours("agent:boss:proj:dev:aaaaaaaa:r1"), "agent:main:proj:dev:aaaaaaaa:r1");
        assert_eq!(book.ours("agent:other:x"), "agent:other:x");
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
