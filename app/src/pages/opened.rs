//! What the address opens on a page, a dialog or a panel: the addresses with it, and the way back. Closing leads
//! to the entry of the history that it was opened from; where there is none, its own is written over. So going
//! back never opens again what was closed.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
    params::ParamsMap,
};

/// The address that opens something beside all else that is asked for.
pub fn with(query: &ParamsMap, name: &'static str, value: &str) -> String {
    let mut query = query.clone();
    query.replace(name, value.to_owned());
    query.to_query_string()
}

/// How many addresses that show it lie behind one another since the page was without it; 0 where that is not known.
fn steps(before: u32, was: Option<&str>, now: Option<&str>) -> u32 {
    match (was, now) {
        (_, None) => 0,
        (None, Some(_)) => 1,
        (Some(was), Some(now)) if was == now => before,
        // One among several: the way back is as long as somebody has walked.
        (Some(_), Some(_)) => before.saturating_mul(2),
    }
}

/// Closes what the address opens under a name.
pub fn closer(query: Memo<ParamsMap>, name: &'static str) -> Callback<()> {
    let (path, navigate) = (use_location().pathname, use_navigate());
    let walked = StoredValue::new(0);
    Effect::new(move |was: Option<Option<String>>| {
        let now = query.with(|query| query.get(name));
        if let Some(was) = was {
            walked.update_value(|walked| *walked = steps(*walked, was.as_deref(), now.as_deref()));
        }
        now
    });
    Callback::new(move |()| {
        if walked.try_get_value() == Some(1) && back() {
            return;
        }
        let mut query = query.get_untracked();
        query.remove(name);
        let here = NavigateOptions { replace: true, scroll: false, ..Default::default() };
        navigate(&format!("{}{}", path.get_untracked(), query.to_query_string()), here);
    })
}

/// One entry back in the history, if there is a browser.
fn back() -> bool {
    #[cfg(feature = "hydrate")]
    return window().history().is_ok_and(|history| history.back().is_ok());
    #[cfg(not(feature = "hydrate"))]
    false
}

/// Leads to where the server says after something was done. A dialog that has done its work is written over.
#[cfg(feature = "hydrate")]
pub mod led {
    use std::cell::RefCell;

    use leptos::prelude::*;
    use leptos_router::{
        NavigateOptions,
        hooks::{use_location, use_navigate},
    };

    type Lead = Box<dyn Fn(&str)>;

    thread_local! {
        static LEAD: RefCell<Option<Lead>> = const { RefCell::new(None) };
    }

    /// Before the router, which would lead in its own way.
    pub fn first() {
        let lead = |to: &str| LEAD.with_borrow(|lead| lead.iter().for_each(|lead| lead(to)));
        let _ = leptos::server_fn::redirect::set_redirect_hook(lead);
    }

    /// Inside the router.
    pub fn here() {
        let (query, navigate) = (use_location().query, use_navigate());
        let lead: Lead = Box::new(move |to| {
            let replace = query.with_untracked(|query| query.get("new").is_some());
            navigate(to, NavigateOptions { replace, ..Default::default() });
        });
        LEAD.set(Some(lead));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_known_for_one_step_only() {
        let mut walked = 0;
        let mut was: Option<&str> = None;
        for (now, far) in [
            (Some("T-1"), 1), // opened here
            (Some("T-1"), 1),
            (Some("T-2"), 2), // from its panel
            (Some("T-3"), 4),
            (None, 0),
            (Some("T-1"), 1),
            (None, 0),
        ] {
            walked = steps(walked, was, now);
            assert_eq!(walked, far, "{was:?} {now:?}");
            was = now;
        }
        // However many tickets are walked through, the way back never looks like one step, or none.
        assert_eq!((0..40).fold(1, |far, _| steps(far, Some("T-1"), Some("T-2"))), u32::MAX);
        // The page came with it: whatever follows, nothing of ours lies behind.
        assert_eq!(steps(0, Some("T-1"), Some("T-2")), 0);
    }

    #[test]
    fn what_is_asked_for_else_stays() {
        let mut query = ParamsMap::new();
        query.insert("task", "T-1".to_owned());
        assert_eq!(with(&query, "new", "ready"), "?task=T%2D1&new=ready");
    }
}
