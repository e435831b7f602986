//! What somebody reads stays where it is, whatever grows or goes above and below it: older messages, newer ones, a
//! picture, an answer that is being written. Browsers do this in different ways, and some not at all.

use leptos::{html, prelude::*};

/// Keeps the first message in view where it is.
#[derive(Clone, Copy)]
pub struct Anchor {
    thread: NodeRef<html::Div>,
    // The end of the list is not the end of the chat: else whoever is at the end stays there.
    #[cfg(feature = "hydrate")]
    stays: RwSignal<bool>,
    // The message's id, and how far its words begin above the end. A message that is painted anew is another element.
    #[cfg(feature = "hydrate")]
    held: StoredValue<Option<(String, f64)>>,
    // Also at the end: what is loaded there comes below.
    #[cfg(feature = "hydrate")]
    pinned: StoredValue<bool>,
}

impl Anchor {
    /// In this list, which stands on its head. `stays` tells whether its end is not the end of the chat.
    pub fn new(thread: NodeRef<html::Div>, stays: RwSignal<bool>) -> Self {
        let anchor = Self {
            thread,
            #[cfg(feature = "hydrate")]
            stays,
            #[cfg(feature = "hydrate")]
            held: StoredValue::new(None),
            #[cfg(feature = "hydrate")]
            pinned: StoredValue::new(false),
        };
        #[cfg(feature = "hydrate")]
        crate::ui::listen::follow(move || {
            if let Some(inner) = thread.get().and_then(|thread| thread.first_element_child()) {
                crate::ui::listen::resized(&inner, move || anchor.hold());
            }
        });
        #[cfg(not(feature = "hydrate"))]
        let _ = (stays, anchor.thread);
        anchor
    }

    /// The list was scrolled: another one is in view. What has grown since the last look, and was not heard of yet,
    /// counts first: what is scrolled to is not what it was measured by.
    pub fn look(self) {
        #[cfg(feature = "hydrate")]
        {
            self.hold();
            let found = self.found();
            self.held.try_update_value(|held| {
                let same = |held: &(String, f64)| found.as_ref().is_some_and(|found| found.0 == held.0);
                // The same one keeps its place, with what was less than a point.
                if !held.as_ref().is_some_and(same) {
                    *held = found;
                }
            });
        }
    }

    /// Holds what is in view now also where that is the end, or not any more.
    pub fn pin(self, pinned: bool) {
        #[cfg(feature = "hydrate")]
        {
            if pinned {
                self.look();
            }
            self.pinned.try_update_value(|now| *now = pinned);
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = pinned;
    }

    /// Something above or below may have got another size.
    pub fn hold(self) {
        #[cfg(feature = "hydrate")]
        {
            let stays = [self.stays.try_get_untracked(), self.pinned.try_get_value()].contains(&Some(true));
            let Some(thread) = self.thread.try_get_untracked().flatten() else { return };
            // In a list on its head the end is 0, or a point beside it, and the way up is negative.
            let up = thread.scroll_top();
            let held = self.held.try_get_value().flatten().filter(|_| up < -1 || stays);
            let message = held.and_then(|(id, was)| Some((document().get_element_by_id(&id)?, id, was)));
            let Some((message, id, was)) = message else {
                let found = self.found();
                self.held.try_update_value(|held| *held = found);
                return;
            };
            // Whole points: what is left is made up for the next time.
            let grown = (above_end(&message) - was).round();
            if grown != 0.0 {
                thread.set_scroll_top(up - grown as i32);
                self.held.set_value(Some((id, was + grown)));
            }
        }
    }

    #[cfg(feature = "hydrate")]
    fn found(self) -> Option<(String, f64)> {
        let thread = self.thread.try_get_untracked()??;
        let inner = thread.first_element_child()?;
        let top = thread.get_bounding_client_rect().top();
        let all = inner.children();
        // What is not shown lies nowhere: it stands at the end.
        let below = |n: u32| {
            let place = all.item(n).map(|child| child.get_bounding_client_rect());
            place.is_some_and(|place| place.bottom() > top || place.width() == 0.0)
        };
        // The first that ends below the upper edge; they lie in order.
        let (mut from, mut to) = (0, all.length());
        while from < to {
            let middle = u32::midpoint(from, to);
            if below(middle) { to = middle } else { from = middle + 1 }
        }
        let message = (from..all.length()).filter_map(|n| all.item(n)).find(|child| child.has_attribute("id"))?;
        Some((message.id(), above_end(&message)))
    }
}

/// How far the words of a message begin above the end of its list. What stands over them, its author and a day, comes
/// and goes with the messages before it.
#[cfg(feature = "hydrate")]
fn above_end(message: &web_sys::Element) -> f64 {
    let end = message.parent_element().map_or(0.0, |inner| inner.get_bounding_client_rect().bottom());
    let words = message.query_selector(".bubble").ok().flatten();
    end - words.as_ref().unwrap_or(message).get_bounding_client_rect().top()
}
