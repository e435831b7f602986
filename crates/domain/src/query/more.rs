//! How much of a board's columns is shown.

use serde::{Deserialize, Serialize};

use crate::task::Status;

/// So many cards more of a column a board shows for each page beyond the first.
pub const MORE_CARDS: u32 = 200;
/// Most pages beyond the first that a board shows, of all its columns together.
pub const MORE_PAGES_MAX: u8 = 10;

/// How much more than the first page a board shows of each column: pages per column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct More([u8; 6]);

impl More {
    /// A page more of a column; `None` where a board shows no more.
    #[must_use]
    pub fn and(self, status: Status) -> Option<Self> {
        let mut pages = self.0;
        pages[status as usize] += 1;
        Self::within(pages)
    }

    fn within(pages: [u8; 6]) -> Option<Self> {
        (pages.iter().sum::<u8>() <= MORE_PAGES_MAX).then_some(Self(pages))
    }

    /// Only the first page of each column.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn cards(self, status: Status) -> u32 {
        u32::from(self.0[status as usize]) * MORE_CARDS
    }
}

// A digit for each column, as large as its pages.
impl TryFrom<String> for More {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        let mut pages = [0; 6];
        let mut digits = word.chars();
        for page in &mut pages {
            let digit = digits.next().and_then(|c| c.to_digit(u32::from(MORE_PAGES_MAX) + 1));
            *page = digit.ok_or("a digit for each column")? as u8;
        }
        Self::within(pages).filter(|_| digits.next().is_none()).ok_or("a board does not show so much")
    }
}

impl From<More> for String {
    fn from(more: More) -> Self {
        let digit = |n: &u8| char::from_digit(u32::from(*n), u32::from(MORE_PAGES_MAX) + 1);
        more.0.iter().filter_map(digit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Query, *};
    use crate::{doc::Kind, id::ProjectId, range::Range};

    #[test]
    fn a_board_shows_more_within_bounds_and_says_so_in_a_word() {
        let mut more = More::default();
        for n in 0..MORE_PAGES_MAX {
            more = more.and(if n == 0 { Status::Backlog } else { Status::Done }).unwrap();
            let word = String::from(more);
            assert_eq!(More::try_from(word.clone()), Ok(more), "{word}");
        }
        assert_eq!((String::from(more).as_str(), more.and(Status::Ready)), ("100009", None));
        assert_eq!(String::from(More::default().and(Status::Ready).unwrap()), "010000");
        for word in ["", "00000", "0000000", "00000b", "ffffff", "555000x", "666666", "-00000", "00000é"] {
            assert!(More::try_from(word.to_owned()).is_err(), "{word}");
        }
        let limits = |more| {
            let fetch = Query::Board { project: ProjectId(crate::id::Uuid::nil()), more }.fetch();
            fetch
                .ranges
                .iter()
                .filter_map(|r| match r {
                    Range::ByStatus { kind: Kind::Task, limit, .. } => Some(*limit),
                    _ => None,
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(limits(More::default()), [500, 500, 500, 500, 500, 50]);
        assert_eq!(limits(more), [700, 500, 500, 500, 500, 50 + 9 * 200]);
    }
}
