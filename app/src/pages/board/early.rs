//! What hands began before their code was there ([`super::hands`]): it is kept, and done once the code has come.

use leptos::prelude::*;
#[cfg(feature = "hydrate")]
use {
    crate::ui::{
        keys::pressed,
        listen::{Ears, How},
    },
    leptos::__reexports::send_wrapper::SendWrapper,
    wasm_bindgen::JsCast,
    web_sys::{Element, Event, KeyboardEvent, PointerEvent},
};

use crate::ui::keys::{Verb, use_keys};

/// What is kept.
#[derive(Default)]
pub struct Begun {
    /// Keys on cards and heads of columns, in their order.
    #[cfg(feature = "hydrate")]
    pub keys: Vec<KeyboardEvent>,
    /// A press that is not over, and where the pointer went since.
    #[cfg(feature = "hydrate")]
    pub press: Option<(PointerEvent, Option<PointerEvent>)>,
    /// Something is to be taken back.
    pub undo: bool,
}

#[cfg(feature = "hydrate")]
type Kept = SendWrapper<Begun>;
#[cfg(not(feature = "hydrate"))]
type Kept = Begun;

/// Keeps it until the code has come.
#[derive(Clone, Copy)]
pub struct Early(StoredValue<Option<Kept>>);

impl Early {
    /// Hears from now on.
    pub fn here() -> Self {
        #[cfg(feature = "hydrate")]
        let begun = SendWrapper::new(Begun::default());
        #[cfg(not(feature = "hydrate"))]
        let begun = Begun::default();
        let early = Self(StoredValue::new(Some(begun)));
        use_keys().bind(Verb::Undo, move || early.change(|begun| begun.undo = true));
        #[cfg(feature = "hydrate")]
        crate::ui::listen::follow(move || {
            let ears = Ears::here();
            // A button may be let go anywhere.
            for event in ["focusin", "pointerdown", "pointermove", "pointerup", "pointercancel", "keydown"] {
                ears.hear(&window(), event, How::Active, move |event| {
                    super::fetch_ahead();
                    early.change(|begun| begun.note(event));
                });
            }
        });
        early
    }

    /// The code is there. From now on nothing is kept.
    pub fn over(self) -> Option<Kept> {
        self.0.try_update_value(Option::take).flatten()
    }

    fn change(self, change: impl FnOnce(&mut Begun)) {
        self.0.try_update_value(|begun| {
            if let Some(begun) = begun {
                change(begun);
            }
        });
    }
}

#[cfg(feature = "hydrate")]
impl Begun {
    fn note(&mut self, event: Event) {
        match event.type_().as_str() {
            "pointerdown" => self.press = Some((event.unchecked_into(), None)),
            "pointermove" => {
                if let Some((_, to)) = &mut self.press {
                    *to = Some(event.unchecked_into());
                }
            }
            "keydown" => {
                let event: KeyboardEvent = event.unchecked_into();
                if self.wants(&event) {
                    event.prevent_default();
                    self.keys.push(event);
                }
            }
            "focusin" => {}
            _ => self.press = None,
        }
    }

    /// Whether it is a key of a card's or a head's. Those that also mean something to a link are the browser's, unless
    /// another was pressed before.
    fn wants(&self, event: &KeyboardEvent) -> bool {
        let target = event.target().and_then(|t| t.dyn_into::<Element>().ok());
        let key = pressed(event);
        let ours = [" ", "Home", "End", "m"].contains(&key.as_str()) || key.starts_with("Arrow");
        let follows = !self.keys.is_empty() && ["Enter", "Escape"].contains(&key.as_str());
        !(event.ctrl_key() || event.meta_key() || event.alt_key())
            && (ours || follows)
            && target.is_some_and(|target| target.closest(super::keys::PLACES).ok().flatten().is_some())
    }
}
