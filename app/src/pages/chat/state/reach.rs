//! Which part of a long chat is held and painted. The newest messages are always held, because the feed tells what
//! becomes of them; the others only around where somebody reads. Going up, what is far below is let go, and it is
//! remembered where its pages end, so that it comes again on the way down.

use std::collections::BTreeSet;

use clutch_domain::{id::Uuid, query::MESSAGES_SHOWN};

/// A message's place: when it was written, and its id.
pub type Key = (i64, Uuid);

/// Messages of a page; as many of the newest are followed live.
pub const PAGE: usize = MESSAGES_SHOWN as usize;
/// So many messages stay painted, and less than a page more.
pub const PAINTED_MAX: usize = 4 * PAGE;

/// Whither a page on the way down has led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// All the newest are painted.
    AtEnd,
    /// There are others below.
    Below,
    /// What lies between here and the newest is not known.
    Lost,
}

/// How far down the painted part reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    // The newest one that is painted; `None` where all the newest are.
    end: Option<Key>,
    // Behind the newest message of each page below, in milliseconds; the nearest page last.
    pages: Vec<i64>,
    // So many messages of the first page came after it was let go.
    fresh: usize,
    // More came at once than the feed tells.
    lost: bool,
}

impl Reach {
    /// The newest one that is painted; `None` where all the newest are.
    pub const fn end(&self) -> Option<Key> {
        self.end
    }

    /// Behind the newest message of the page below.
    pub fn next(&self) -> Option<i64> {
        self.pages.last().copied()
    }

    /// Lets go what is too far below; `held` are all messages that are held, in order. Gives those that need not be
    /// held any more, unless it reaches as far as before.
    pub fn let_go_below(&mut self, held: &[Key]) -> Option<Vec<Uuid>> {
        let painted = held.partition_point(|key| self.end.is_none_or(|end| *key <= end));
        let mut left = painted;
        while left >= PAINTED_MAX + PAGE {
            self.pages.push(held[left - 1].0 + 1);
            left -= PAGE;
        }
        if left == painted {
            return None;
        }
        self.end = Some(held[left - 1]);
        let tail = held.len().saturating_sub(PAGE);
        Some(held[left..painted.min(tail).max(left)].iter().map(|(_, id)| *id).collect())
    }

    /// The messages that are too far above.
    pub fn let_go_above(&self, held: &[Key]) -> Vec<Uuid> {
        let painted = held.partition_point(|key| self.end.is_none_or(|end| *key <= end));
        if painted < PAINTED_MAX + PAGE {
            return Vec::new();
        }
        held[..painted - PAINTED_MAX].iter().map(|(_, id)| *id).collect()
    }

    /// The page below was painted, down to this message.
    pub fn go_on(&mut self, newest: Option<Key>) -> Arrived {
        self.pages.pop();
        self.end = self.end.max(newest);
        if !self.pages.is_empty() {
            return Arrived::Below;
        }
        let lost = self.lost;
        *self = Self::default();
        if lost { Arrived::Lost } else { Arrived::AtEnd }
    }

    /// These messages, in order, are not among the newest any more, because others came; `all` the newest were
    /// pushed out at once. Gives those that need not be held.
    pub fn pushed_out(&mut self, old: &[Key], all: bool) -> BTreeSet<Uuid> {
        self.lost |= all;
        let mut unseen = BTreeSet::new();
        for (at, id) in old.iter().filter(|key| self.end.is_some_and(|end| **key > end)) {
            unseen.insert(*id);
            if self.pages.first().is_some_and(|bound| at < bound) {
                continue;
            }
            if self.fresh == 0 || self.fresh == PAGE {
                self.pages.insert(0, at + 1);
                self.fresh = 0;
            } else if let Some(first) = self.pages.first_mut() {
                *first = at + 1;
            }
            self.fresh += 1;
        }
        unseen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(from: i64, to: i64) -> Vec<Key> {
        (from..=to).map(|n| (n, Uuid::from_u128(n as u128))).collect()
    }

    /// The messages of a page: so many before its end.
    fn page(bound: i64) -> Vec<Key> {
        keys((bound - PAGE as i64).max(1), bound - 1)
    }

    #[test]
    fn what_is_let_go_on_the_way_up_comes_again_on_the_way_down() {
        let last = 1_000;
        let mut reach = Reach::default();
        let mut held = keys(last - PAGE as i64 + 1, last);
        while held[0].0 > 1 {
            let mut all = page(held[0].0);
            all.extend(&held);
            held = all;
            if let Some(gone) = reach.let_go_below(&held) {
                held.retain(|(_, id)| !gone.contains(id));
            }
            assert!(held.len() < PAINTED_MAX + 2 * PAGE, "{}", held.len());
            assert_eq!(held.last(), Some(&(last, Uuid::from_u128(last as u128))), "the newest are always held");
        }
        assert!(reach.let_go_below(&held).is_none());
        // Meanwhile others came.
        for n in last + 1..=last + 120 {
            held.push((n, Uuid::from_u128(n as u128)));
            let old = held[held.len() - PAGE - 1];
            let gone = reach.pushed_out(&[old], false);
            held.retain(|(_, id)| !gone.contains(id));
        }
        let mut seen: BTreeSet<i64> = BTreeSet::new();
        loop {
            let end = reach.end();
            seen.extend(held.iter().filter(|key| end.is_none_or(|end| **key <= end)).map(|key| key.0));
            let Some(bound) = reach.next() else { break };
            let found = page(bound);
            assert!(
                Some(found[0]) <= end.map(|(at, _)| (at + 1, Uuid::max())),
                "no hole between {end:?} and {found:?}"
            );
            held.extend(&found);
            held.sort_unstable();
            held.dedup();
            let arrived = reach.go_on(found.last().copied());
            assert_eq!(arrived == Arrived::AtEnd, reach.end().is_none());
            let gone = reach.let_go_above(&held);
            held.retain(|(_, id)| !gone.contains(id));
            assert!(held.len() < PAINTED_MAX + 3 * PAGE, "{}", held.len());
        }
        assert_eq!(seen.len() as i64, last + 120, "every one was painted");
        assert_eq!(reach, Reach::default());
    }

    #[test]
    fn where_more_came_than_is_told_the_way_down_says_so() {
        let mut reach = Reach::default();
        let mut held = keys(1, 260);
        let gone = reach.let_go_below(&held).unwrap();
        assert_eq!((gone.len(), reach.next(), reach.end().unwrap().0), (0, Some(261), 210), "they are the newest");
        let old = held.split_off(210);
        assert_eq!(reach.pushed_out(&old, true).len(), 50);
        assert_eq!(reach.go_on(old.last().copied()), Arrived::Lost);
    }
}
