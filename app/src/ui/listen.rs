//! Listeners, timers and frames. Whatever the page asks its browser for ends with the part of the page
//! that asked: a listener is taken away, a timer and a frame never come. Everything of this kind goes
//! through here (a test of the house looks that it does).

use std::time::Duration;

use leptos::prelude::*;

/// Whether the part of the page that made it is still there. Late answers and frames ask it.
#[derive(Clone, Copy)]
pub struct Alive(StoredValue<()>);

impl Alive {
    /// Of the present owner.
    #[must_use]
    pub fn here() -> Self {
        Self(StoredValue::new(()))
    }

    /// Still there.
    #[must_use]
    pub fn is(self) -> bool {
        self.0.try_get_value().is_some()
    }

    /// Does something in the next frame, if the part is still there then.
    pub fn frame(self, act: impl FnOnce() + 'static) {
        next_frame(move || {
            if self.is() {
                act();
            }
        });
    }

    /// Does something so much later, if the part is still there then.
    pub fn after(self, wait: Duration, act: impl FnOnce() + 'static) {
        whenever(wait, move || {
            if self.is() {
                act();
            }
        });
    }
}

// What follows is boxed before Leptos gets it: its ways to the browser are compiled once, not once for each use.

/// Does something so much later, whatever becomes of the page: only for what lives as long as the tab.
pub fn whenever(wait: Duration, act: impl FnOnce() + 'static) {
    let act: Box<dyn FnOnce()> = Box::new(act);
    set_timeout(act, wait);
}

/// Does something in the next frame, whatever becomes of the page: only for what looks itself whether the
/// elements that it wants are there.
pub fn next_frame(act: impl FnOnce() + 'static) {
    let act: Box<dyn FnOnce()> = Box::new(act);
    request_animation_frame(act);
}

/// Does something again and again until the present owner goes.
pub fn every(pause: Duration, act: impl Fn() + 'static) {
    if let Ok(handle) = set_interval_with_handle(act, pause) {
        on_cleanup(move || handle.clear());
    }
}

/// Does something once the page is awake, and again whenever what it read has changed; on the server never.
pub fn follow(act: impl FnMut() + 'static) {
    let mut act: Box<dyn FnMut()> = Box::new(act);
    Effect::new(move |_| act());
}

/// Hears what happens anywhere in the window until the present owner goes.
pub fn window_hears<E>(event: E, act: impl Fn(E::EventType) + 'static)
where
    E: leptos::ev::EventDescriptor + 'static,
    E::EventType: wasm_bindgen::JsCast,
{
    let act: Box<dyn Fn(E::EventType)> = Box::new(act);
    let handle = window_event_listener(event, act);
    on_cleanup(move || handle.remove());
}

#[cfg(feature = "hydrate")]
pub use browser::{Ears, How, hear, pause, resized};

#[cfg(feature = "hydrate")]
mod browser {
    use std::{cell::RefCell, rc::Rc, time::Duration};

    use leptos::{__reexports::send_wrapper::SendWrapper, prelude::*};
    use wasm_bindgen::{JsCast, closure::Closure};
    use web_sys::{Event, EventTarget};

    /// How a listener hears.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum How {
        /// It never keeps the browser from what it does.
        #[default]
        Passive,
        /// It may.
        Active,
        /// It may, and hears before the element that is meant.
        First,
    }

    struct Ear {
        target: EventTarget,
        event: &'static str,
        first: bool,
        act: Closure<dyn FnMut(Event)>,
    }

    impl Drop for Ear {
        fn drop(&mut self) {
            let act = self.act.as_ref().unchecked_ref();
            let _ = self.target.remove_event_listener_with_callback_and_bool(self.event, act, self.first);
        }
    }

    /// Listeners that are taken away together.
    #[derive(Clone, Default)]
    pub struct Ears(Rc<RefCell<Vec<Ear>>>);

    impl Ears {
        /// Listeners that end with the present owner.
        pub fn here() -> Self {
            let ears = Self::default();
            let end = SendWrapper::new(ears.clone());
            on_cleanup(move || end.end());
            ears
        }

        /// Hears one kind of event at a target.
        pub fn hear(&self, target: &EventTarget, event: &'static str, how: How, act: impl FnMut(Event) + 'static) {
            self.take(target, event, how, Box::new(act));
        }

        fn take(&self, target: &EventTarget, event: &'static str, how: How, act: Box<dyn FnMut(Event)>) {
            let act = Closure::wrap(act);
            let options = web_sys::AddEventListenerOptions::new();
            options.set_passive(how == How::Passive);
            options.set_capture(how == How::First);
            let called = act.as_ref().unchecked_ref();
            let _ = target.add_event_listener_with_callback_and_add_event_listener_options(event, called, &options);
            self.0.borrow_mut().push(Ear { target: target.clone(), event, first: how == How::First, act });
        }

        /// Takes all of them away.
        pub fn end(&self) {
            // Out of the cell first: what a listener holds may have listeners of its own.
            let ears = self.0.take();
            drop(ears);
        }
    }

    /// Hears one kind of event at a target until the present owner goes.
    pub fn hear(target: &EventTarget, event: &'static str, how: How, act: impl FnMut(Event) + 'static) {
        Ears::here().hear(target, event, how, act);
    }

    /// Hears whenever an element has got another size, until the present owner goes.
    pub fn resized(element: &web_sys::Element, act: impl FnMut() + 'static) {
        let act = Closure::wrap(Box::new(act) as Box<dyn FnMut()>);
        let Ok(observer) = web_sys::ResizeObserver::new(act.as_ref().unchecked_ref()) else { return };
        observer.observe(element);
        let both = SendWrapper::new((observer, act));
        on_cleanup(move || {
            let (observer, act) = both.take();
            observer.disconnect();
            drop(act);
        });
    }

    /// Ready after so long, whatever becomes of the page.
    pub async fn pause(wait: Duration) {
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        let promise = js_sys::Promise::new(&mut |ready, _| {
            let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&ready, wait);
        });
        let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
    }
}
