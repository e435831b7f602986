//! Revisions of scopes that commits of this process have made: a live read that is behind them waits,
//! because whoever was told that a commit is done may expect to see it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::doc::Scope;
use clutch_orchestrator::store::Committed;

#[derive(Default)]
struct Slot {
    watchers: usize,
    rev: u64,
}

/// Only scopes that somebody watches are kept.
#[derive(Clone, Default)]
pub(super) struct Known {
    slots: Arc<Mutex<BTreeMap<Scope, Slot>>>,
}

impl Known {
    /// Begins to keep the revisions of these scopes.
    pub(super) fn watch(&self, scopes: &[Scope]) -> Watched {
        let mut slots = self.lock();
        for scope in scopes {
            slots.entry(*scope).or_default().watchers += 1;
        }
        drop(slots);
        Watched { known: self.clone(), scopes: scopes.to_vec() }
    }

    /// A commit is done.
    pub(super) fn learn(&self, committed: &Committed) {
        let mut slots = self.lock();
        for (scope, rev) in &committed.scopes {
            if let Some(slot) = slots.get_mut(scope) {
                slot.rev = slot.rev.max(*rev);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Scope, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scopes of one live read; given back on drop.
pub(super) struct Watched {
    known: Known,
    scopes: Vec<Scope>,
}

impl Watched {
    /// Whether one of these revisions, in the order of the scopes, is behind what is known.
    pub(super) fn ahead_of(&self, revs: &[u64]) -> bool {
        let slots = self.known.lock();
        self.scopes.iter().zip(revs).any(|(scope, rev)| slots.get(scope).is_some_and(|slot| slot.rev > *rev))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut slots = self.known.lock();
        for scope in &self.scopes {
            if let Some(slot) = slots.get_mut(scope) {
                slot.watchers -= 1;
                if slot.watchers == 0 {
                    slots.remove(scope);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_watches_is_forgotten() {
        let known = Known::default();
        let learn = |rev| known.learn(&Committed { scopes: vec![(Scope::Loop, rev)], ..Committed::default() });
        learn(9);
        let one = known.watch(&[Scope::Installation, Scope::Loop]);
        assert!(!one.ahead_of(&[0, 0]));
        learn(3);
        learn(2);
        assert!(one.ahead_of(&[5, 2]) && !one.ahead_of(&[0, 3]));
        let two = known.watch(&[Scope::Loop, Scope::Loop]);
        drop(one);
        assert!(two.ahead_of(&[0, 0]));
        drop(two);
        assert!(known.lock().is_empty());
    }
}
