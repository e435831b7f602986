//! Something as the server has it, and on top what people did to it here and the server has not shown yet.
//! Each of these layers is a patch with a turn, so it can be taken away alone: by the answer that refuses
//! it, or when what the server sends shows it already.

use std::{any::Any, sync::Arc};

use leptos::prelude::*;

/// Number of something that a person did on this page; larger is later.
pub type Turn = u32;

/// The turn of what is only held, and of which the server knows nothing: above all others.
pub const HELD: Turn = Turn::MAX;

/// What a layer does to the thing below it.
pub type Patch<T> = Arc<dyn Fn(&mut T) + Send + Sync>;

/// When a confirmed layer is not wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The page holds this version.
    Version(u64),
    /// The thing itself comes again.
    Next,
}

struct Layer {
    turn: Turn,
    /// A [`Patch`] of the thing that it lies on.
    patch: Box<dyn Any + Send + Sync>,
    /// `None` while the answer is on its way.
    until: Option<Until>,
}

/// The layers on one thing, without its type: compiled once for all kinds. Each change answers whether what is
/// shown may be another now.
#[derive(Default)]
pub struct Layers(Vec<Layer>);

impl Layers {
    fn drop_where(&mut self, gone: &dyn Fn(&Layer) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|layer| !gone(layer));
        self.0.len() < before
    }

    /// What the same turn did before is forgotten; later turns lie higher, whenever they came.
    fn lay(&mut self, turn: Turn, patch: Box<dyn Any + Send + Sync>) {
        self.drop_where(&|layer| layer.turn == turn);
        let at = self.0.iter().position(|layer| layer.turn > turn).unwrap_or(self.0.len());
        self.0.insert(at, Layer { turn, patch, until: None });
    }

    /// The server did it; the layer stays until that shows.
    pub fn confirm(&mut self, turn: Turn, until: Until) -> bool {
        self.0.iter_mut().filter(|layer| layer.turn == turn).for_each(|layer| layer.until = Some(until));
        false
    }

    /// The server did not do it, or it was let go: what lies below is shown again.
    pub fn take_away(&mut self, turn: Turn) -> bool {
        self.drop_where(&|layer| layer.turn == turn)
    }

    /// The page holds this version: what was done up to it is in what the server has.
    pub fn reach(&mut self, version: u64) -> bool {
        self.drop_where(&|layer| matches!(layer.until, Some(Until::Version(until)) if until <= version))
    }

    /// The thing came again.
    fn renew(&mut self) {
        self.drop_where(&|layer| layer.until == Some(Until::Next));
    }

    /// Whether this turn has a layer.
    pub fn has(&self, turn: Turn) -> bool {
        self.0.iter().any(|layer| layer.turn == turn)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// See above.
pub struct Layered<T> {
    kept: T,
    layers: Layers,
    shown: ArcRwSignal<T>,
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Layered<T> {
    /// With nothing on top.
    pub fn new(kept: T) -> Self {
        Self { shown: ArcRwSignal::new(kept.clone()), kept, layers: Layers::default() }
    }

    /// As the server has it.
    pub const fn kept(&self) -> &T {
        &self.kept
    }

    /// As it is shown, to follow.
    pub const fn shown(&self) -> &ArcRwSignal<T> {
        &self.shown
    }

    /// What lies on top.
    pub const fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The server has it so now.
    pub fn keep(&mut self, kept: T) {
        self.kept = kept;
        self.layers.renew();
        self.show();
    }

    /// A person did this in this turn.
    pub fn lay(&mut self, turn: Turn, patch: Patch<T>) {
        self.layers.lay(turn, Box::new(patch));
        self.show();
    }

    /// Changes what lies on top.
    pub fn change(&mut self, change: &dyn Fn(&mut Layers) -> bool) {
        if change(&mut self.layers) {
            self.show();
        }
    }

    fn show(&self) {
        let mut new = self.kept.clone();
        for patch in self.layers.0.iter().filter_map(|layer| layer.patch.downcast_ref::<Patch<T>>()) {
            patch(&mut new);
        }
        if self.shown.with_untracked(|old| *old != new) {
            self.shown.set(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Thing {
        title: &'static str,
        place: u32,
    }

    fn title(title: &'static str) -> Patch<Thing> {
        Arc::new(move |thing| thing.title = title)
    }

    fn place(place: u32) -> Patch<Thing> {
        Arc::new(move |thing| thing.place = place)
    }

    fn shown(layered: &Layered<Thing>) -> (&'static str, u32) {
        layered.shown().with_untracked(|thing| (thing.title, thing.place))
    }

    #[test]
    fn what_is_refused_goes_alone() {
        let owner = Owner::new();
        owner.with(|| {
            let mut layered = Layered::new(Thing { title: "old", place: 1 });
            layered.lay(1, title("mine"));
            layered.lay(2, place(7));
            layered.lay(3, title("mine again"));
            assert_eq!(shown(&layered), ("mine again", 7));
            layered.change(&|all| all.take_away(3));
            assert_eq!(shown(&layered), ("mine", 7));
            // What others do meanwhile shows below.
            layered.keep(Thing { title: "theirs", place: 2 });
            assert_eq!(shown(&layered), ("mine", 7));
            layered.change(&|all| all.take_away(1) && !all.take_away(1));
            assert_eq!(shown(&layered), ("theirs", 7));
            layered.change(&|all| all.take_away(2));
            assert_eq!(shown(&layered), ("theirs", 2));
            assert!(layered.layers().is_empty());
        });
    }

    #[test]
    fn what_is_confirmed_stays_until_it_shows() {
        let owner = Owner::new();
        owner.with(|| {
            let mut layered = Layered::new(Thing { title: "old", place: 1 });
            layered.lay(1, place(5));
            layered.change(&|all| all.confirm(1, Until::Version(9)));
            // An older state comes by the feed after the answer.
            layered.keep(Thing { title: "new", place: 1 });
            layered.change(&|all| all.reach(8));
            assert_eq!(shown(&layered), ("new", 5));
            layered.keep(Thing { title: "new", place: 5 });
            layered.change(&|all| all.reach(9));
            assert!(layered.layers().is_empty());
            layered.lay(2, title("mine"));
            layered.change(&|all| all.confirm(2, Until::Next));
            assert_eq!(shown(&layered), ("mine", 5));
            // Somebody was quicker: what the server has is what is.
            layered.keep(Thing { title: "theirs", place: 5 });
            assert_eq!(shown(&layered), ("theirs", 5));
        });
    }

    #[test]
    fn what_is_in_the_hand_lies_on_top_of_all() {
        let owner = Owner::new();
        owner.with(|| {
            let mut layered = Layered::new(Thing { title: "old", place: 1 });
            layered.lay(HELD, place(9));
            layered.lay(4, place(3));
            layered.lay(2, place(2));
            assert_eq!(shown(&layered), ("old", 9));
            layered.lay(HELD, place(8));
            assert_eq!(shown(&layered), ("old", 8));
            layered.change(&|all| all.take_away(HELD));
            assert_eq!(shown(&layered), ("old", 3), "later turns lie higher, whenever they came");
        });
    }
}
