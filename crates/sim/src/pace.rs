//! Counts calls within virtual minutes, to find what asks again and again without a pause.

use std::sync::{Mutex, PoisonError};

/// One counter: the minute, the calls in it, and whether too many were told already.
#[derive(Debug, Default)]
pub struct Pace(Mutex<(i64, u32)>);

impl Pace {
    /// One more call at this moment (steady milliseconds). `Some(calls)` once a minute, with the call that is one
    /// more than `most`.
    pub fn step(&self, now: i64, most: u32) -> Option<u32> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now / 60_000;
        *counted = if counted.0 == minute { (minute, counted.1 + 1) } else { (minute, 1) };
        (counted.1 == most + 1).then_some(counted.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_room_for_so_many_and_is_told_of_once() {
        let pace = Pace::default();
        assert_eq!([0, 1, 2, 3].map(|at| pace.step(at, 2)), [None, None, Some(3), None]);
        assert_eq!(pace.step(60_000, 2), None);
    }
}
