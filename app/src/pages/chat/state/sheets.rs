//! Messages are painted in sheets. Where something is put before the elements of a list, Leptos takes as many of them
//! out and puts them in again, and with them goes what is marked, scrolled or focused there. A whole sheet that is put
//! before others moves none of them, and within a sheet messages are only added at its end.

use leptos::prelude::*;

use super::{
    Place,
    reach::{Key, PAGE},
};

/// Some messages in a row, about a page of them.
#[derive(Clone)]
pub struct Sheet {
    /// Its number, by which the list knows it.
    pub id: u32,
    /// The messages.
    pub places: ArcRwSignal<Vec<Place>>,
    from: Key,
    to: Key,
}

/// All sheets of a chat, in order.
#[derive(Clone, Default)]
pub struct Sheets {
    all: Vec<Sheet>,
    last: u32,
}

fn key(place: &Place) -> Key {
    (place.at, place.id.0)
}

impl Sheets {
    /// The sheets.
    pub fn all(&self) -> Vec<Sheet> {
        self.all.clone()
    }

    /// Lays messages onto the sheets; whether there are others than before.
    pub fn lay(&mut self, places: &[Place]) -> bool {
        let old = std::mem::take(&mut self.all);
        let before: Vec<u32> = old.iter().map(|sheet| sheet.id).collect();
        let first = old.first().map(|sheet| sheet.from);
        let (above, mut rest) = places.split_at(places.partition_point(|p| first.is_some_and(|from| key(p) < from)));
        // Pages end where those below begin.
        above.rchunks(PAGE).rev().for_each(|some| self.add(some));
        let ends: Vec<Option<Key>> = old.iter().skip(1).map(|sheet| Some(sheet.from)).chain([None]).collect();
        for (mut sheet, end) in old.into_iter().zip(ends) {
            let mut mine = rest.partition_point(|p| end.is_none_or(|end| key(p) < end));
            if end.is_none() {
                // A full one takes no more.
                mine = rest.partition_point(|p| key(p) <= sheet.to).max(PAGE).min(mine);
            }
            let (some, after) = rest.split_at(mine);
            rest = after;
            if let (Some(from), Some(to)) = (some.first(), some.last()) {
                (sheet.from, sheet.to) = (key(from), key(to));
                if sheet.places.with_untracked(|old| old != some) {
                    sheet.places.set(some.to_vec());
                }
                self.all.push(sheet);
            }
        }
        rest.chunks(PAGE).for_each(|some| self.add(some));
        !self.all.iter().map(|sheet| sheet.id).eq(before)
    }

    fn add(&mut self, some: &[Place]) {
        let (Some(from), Some(to)) = (some.first(), some.last()) else { return };
        self.last += 1;
        let places = ArcRwSignal::new(some.to_vec());
        self.all.push(Sheet { id: self.last, places, from: key(from), to: key(to) });
    }
}

#[cfg(test)]
mod tests {
    use clutch_domain::id::{MessageId, Uuid};

    use super::*;

    fn places(from: i64, to: i64) -> Vec<Place> {
        let place = |n: i64| Place { id: MessageId(Uuid::from_u128(n as u128)), at: n, leads: false, day: None };
        (from..=to).map(place).collect()
    }

    /// Each sheet's number, first and last message.
    fn laid(sheets: &mut Sheets, from: i64, to: i64) -> Vec<(u32, i64, i64)> {
        sheets.lay(&places(from, to));
        let all = sheets.all();
        let sheet = |s: &Sheet| s.places.with_untracked(|p| (s.id, p[0].at, p[p.len() - 1].at));
        all.iter().map(sheet).collect()
    }

    #[test]
    fn a_sheet_keeps_its_messages() {
        let mut sheets = Sheets::default();
        assert_eq!(laid(&mut sheets, 151, 200), [(1, 151, 200)]);
        assert_eq!(laid(&mut sheets, 101, 200), [(2, 101, 150), (1, 151, 200)], "older ones before it");
        assert_eq!(laid(&mut sheets, 101, 203), [(2, 101, 150), (1, 151, 200), (3, 201, 203)], "it is full");
        assert_eq!(laid(&mut sheets, 101, 230), [(2, 101, 150), (1, 151, 200), (3, 201, 230)], "this one is not");
        assert_eq!(laid(&mut sheets, 120, 260), [(2, 120, 150), (1, 151, 200), (3, 201, 250), (4, 251, 260)]);
        assert_eq!(
            laid(&mut sheets, 1, 210),
            [(5, 1, 19), (6, 20, 69), (7, 70, 119), (2, 120, 150), (1, 151, 200), (3, 201, 210)]
        );
        assert_eq!(laid(&mut sheets, 900, 949), [(3, 900, 949)], "elsewhere");
        assert!(!sheets.lay(&places(900, 949)));
        assert!(sheets.lay(&[]) && sheets.all().is_empty());
    }
}
