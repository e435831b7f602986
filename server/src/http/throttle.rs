//! How often somebody may do something: so many times at once, then one more after each pause.
//!
//! For each key one moment is kept (the generic cell rate algorithm): when all that it did is paid for. Keys that have
//! paid are as good as new and are forgotten first; where all places are taken by others, newcomers share one place.
//! So neither memory nor the time of a look grows with how many ask.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A measure, for each key by itself.
pub struct Throttle<K> {
    /// How often at once.
    burst: u32,
    /// How long until once more.
    each: Duration,
    /// Most keys that are kept.
    most: usize,
    paid: Mutex<Paid<K>>,
}

struct Paid<K> {
    by: HashMap<K, Instant>,
    // Of all that have no place of their own.
    rest: Option<Instant>,
    // Places are looked through when so much time has passed, not at each newcomer.
    swept: Option<Instant>,
}

impl<K: Eq + Hash + Clone> Throttle<K> {
    /// `burst` times at once, then once in each `each`, for at most `most` keys.
    pub fn new(burst: u32, each: Duration, most: usize) -> Self {
        Self { burst, each, most, paid: Mutex::new(Paid { by: HashMap::new(), rest: None, swept: None }) }
    }

    /// Once more for this key, or how long until then.
    ///
    /// # Errors
    /// The time to wait.
    pub fn takes(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let mut guard = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = &mut *guard;
        if paid.by.len() >= self.most
            && !paid.by.contains_key(key)
            && paid.swept.is_none_or(|at| now.saturating_duration_since(at) >= self.each)
        {
            paid.by.retain(|_, until| *until > now);
            paid.swept = Some(now);
        }
        let before =
            if paid.by.len() < self.most || paid.by.contains_key(key) { paid.by.get(key).copied() } else { paid.rest };
        let until = before.map_or(now, |until| until.max(now));
        let ahead = until.saturating_duration_since(now);
        let room = self.each * self.burst.saturating_sub(1);
        if ahead > room {
            return Err(ahead - room);
        }
        let until = until + self.each;
        if paid.by.len() < self.most || paid.by.contains_key(key) {
            paid.by.insert(key.clone(), until);
        } else {
            paid.rest = Some(until);
        }
        Ok(())
    }

    /// What this key did is forgiven.
    pub fn forgets(&self, key: &K) {
        self.paid.lock().unwrap_or_else(PoisonError::into_inner).by.remove(key);
    }
}

/// Whoever has one address of IPv6 has as many as they like of the same 64 bits.
pub fn net(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_and_then_one_after_each_pause() {
        let (throttle, now) = (Throttle::new(3, SECOND, 9), Instant::now());
        assert!((0..3).all(|_| throttle.takes(&"a", now).is_ok()));
        assert_eq!(throttle.takes(&"a", now), Err(SECOND));
        assert!(throttle.takes(&"b", now).is_ok(), "each by itself");
        assert_eq!(throttle.takes(&"a", now + SECOND / 2), Err(SECOND / 2), "a refusal costs nothing");
        assert!(throttle.takes(&"a", now + SECOND).is_ok());
        assert!(throttle.takes(&"a", now + SECOND).is_err());
        assert!(
            (0..3).all(|_| throttle.takes(&"a", now + SECOND * 99).is_ok()),
            "nothing is saved up beyond the burst"
        );
        assert!(throttle.takes(&"a", now + SECOND * 99).is_err());
        throttle.forgets(&"a");
        assert!(throttle.takes(&"a", now + SECOND * 99).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_newcomers_share_what_is_left() {
        let (throttle, now) = (Throttle::new(2, SECOND, 100), Instant::now());
        let taken = (0..10_000).filter(|n| throttle.takes(n, now).is_ok()).count();
        assert_eq!(taken, 102, "a hundred with a place, and the others together two");
        assert_eq!(throttle.paid.lock().unwrap().by.len(), 100);
        assert!(throttle.takes(&5, now).is_ok(), "who has a place keeps it");
        // Those who have paid make room.
        let later = now + SECOND * 5;
        assert!((20_000..20_100).all(|n| throttle.takes(&n, later).is_ok()));
        assert_eq!(throttle.paid.lock().unwrap().by.len(), 100);
    }

    #[test]
    fn a_network_is_one_caller() {
        let net = |text: &str| net(text.parse().unwrap()).to_string();
        assert_eq!(net("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(net("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(net("192.0.2.7"), "192.0.2.7");
    }
}
