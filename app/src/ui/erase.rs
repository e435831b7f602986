//! Views without their types. With `--cfg erase_components` Leptos hides the type of every
//! element from the next; what is left to multiply code are wrappers around them: lists,
//! options, closures. Here they are brought to a few common shapes, so that each is compiled
//! once and not once per element that it may hold. Measured, this and the parts of
//! [`crate::model`] halve the page's WASM.

use leptos::prelude::*;

/// Hides the type of a view, and of what it is wrapped in.
pub trait Erase {
    /// The view without its type.
    fn erase(self) -> AnyView;
}

impl<T: RenderHtml + Send> Erase for View<T> {
    fn erase(self) -> AnyView {
        self.into_inner().into_any()
    }
}

impl<T: Erase> Erase for Option<T> {
    fn erase(self) -> AnyView {
        self.map(Erase::erase).into_any()
    }
}

impl<T: Erase> Erase for Vec<T> {
    fn erase(self) -> AnyView {
        self.into_iter().map(Erase::erase).collect::<Vec<_>>().into_any()
    }
}

impl<T: RenderHtml + Send + 'static> Erase for Suspend<T> {
    fn erase(self) -> AnyView {
        self.into_any()
    }
}

macro_rules! plain {
    ($($t:ty),+) => {$(
        impl Erase for $t {
            fn erase(self) -> AnyView {
                self.into_any()
            }
        }
    )+};
}

plain!((), AnyView, String, &'static str, u32, usize);

/// A part of a view that follows what it reads, without the types of its function and its
/// output: all such parts share one way of being built, followed and hydrated.
pub fn dynamic<V: Erase + 'static>(mut part: impl FnMut() -> V + Send + 'static) -> Box<dyn FnMut() -> AnyView + Send> {
    Box::new(move || part().erase())
}
