//! Wakes live reads when a commit touched one of their scopes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::doc::Scope;
use tokio::sync::Notify;

#[derive(Default)]
struct Registry {
    next: u64,
    // Ordered maps: the simulator needs the same order of waking in each run.
    by_scope: BTreeMap<Scope, BTreeMap<u64, Arc<Notify>>>,
}

/// Who waits for which scope.
#[derive(Clone, Default)]
pub(crate) struct Wakes {
    registry: Arc<Mutex<Registry>>,
}

impl Wakes {
    /// Registers a live read. A commit after this call is never missed, also when nobody waits at that moment.
    pub(crate) fn register(&self, scopes: &[Scope]) -> Wake {
        let notify = Arc::new(Notify::new());
        let mut registry = self.lock();
        let id = registry.next;
        registry.next += 1;
        for scope in scopes {
            registry.by_scope.entry(*scope).or_default().insert(id, notify.clone());
        }
        drop(registry);
        Wake { id, notify, scopes: scopes.to_vec(), wakes: self.clone() }
    }

    /// Wakes everybody who waits for one of these scopes. Call it after the commit is visible to reads.
    pub(crate) fn publish<'a>(&self, touched: impl IntoIterator<Item = &'a Scope>) {
        let registry = self.lock();
        for notify in touched.into_iter().filter_map(|scope| registry.by_scope.get(scope)).flat_map(BTreeMap::values) {
            notify.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one live read; it is given back on drop.
pub(crate) struct Wake {
    id: u64,
    notify: Arc<Notify>,
    scopes: Vec<Scope>,
    wakes: Wakes,
}

impl Wake {
    /// Waits until a scope was touched since the last return of this call (or since the registration).
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        let mut registry = self.wakes.lock();
        for scope in &self.scopes {
            if let Some(waiting) = registry.by_scope.get_mut(scope) {
                waiting.remove(&self.id);
                if waiting.is_empty() {
                    registry.by_scope.remove(scope);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_wake_leaves_nothing_behind() {
        let wakes = Wakes::default();
        let one = wakes.register(&[Scope::Loop, Scope::Installation]);
        let two = wakes.register(&[Scope::Loop]);
        drop(one);
        assert_eq!(wakes.lock().by_scope.keys().collect::<Vec<_>>(), [&Scope::Loop]);
        drop(two);
        assert!(wakes.lock().by_scope.is_empty());
    }
}
