//! Lists in pages. A cursor says where the next page begins; what is in it is ours and may change.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clutch_domain::time::Millis;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::compat::error::Failure;

/// Entries of a page, where the caller does not say.
const USUAL: u32 = 50;
/// Most entries of a page.
pub const MOST: u32 = 200;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Most entries of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
    /// Where it begins: the `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// For the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The page of what was found, which is one more than `limit` where there are others behind it; `place` says where a
    /// page that begins behind an entry begins.
    pub fn of<D>(mut found: Vec<D>, limit: u32, place: impl FnOnce(&D) -> String) -> Self
    where
        T: for<'a> From<&'a D>,
    {
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next_cursor = found.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(place(last)));
        Self { items: found.iter().map(T::from).collect(), next_cursor }
    }
}

/// Entries of the page.
pub fn limit(asked: Option<u32>) -> Result<u32, Failure> {
    match asked {
        None => Ok(USUAL),
        Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
        Some(_) => Err(Failure::invalid("invalid_field", format!("limit must be a number from 1 to {MOST}."))),
    }
}

/// The place that a cursor names.
pub fn place<T>(cursor: Option<&str>, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Failure> {
    let Some(cursor) = cursor else { return Ok(None) };
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let wrong =
        || Failure::invalid("invalid_cursor", "cursor must be the next_cursor of an earlier page of this list.");
    text.and_then(|text| read(&text)).map(Some).ok_or_else(wrong)
}

/// A place in a list that is in the order of time.
pub fn at(moment: Millis, id: impl std::fmt::Display) -> String {
    format!("{} {id}", moment.0)
}

/// The moment and the id of such a place.
pub fn moment(text: &str) -> Option<(i64, String)> {
    let (at, id) = text.split_once(' ')?;
    let id: uuid::Uuid = id.parse().ok()?;
    Some((at.parse().ok()?, id.to_string()))
}
