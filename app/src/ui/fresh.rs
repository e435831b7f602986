//! What shows something else is something else. Leptos fits a new view onto the elements of the old one
//! where both have one shape, and all our views have: so a field would keep what was typed for another
//! ticket, and an element the listeners of a page that is gone.

use std::sync::atomic::{AtomicU32, Ordering};

use clutch_domain::id::Uuid;
use leptos::prelude::*;

use super::list;

/// A view that is made anew, whatever stood in its place: a list of one line that is in no other list.
pub fn fresh(make: impl Fn() -> AnyView + Send + Sync + 'static) -> AnyView {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let this = Uuid::from_u128(u128::from(LAST.fetch_add(1, Ordering::Relaxed)));
    list(move || vec![this], move |_| make())
}
