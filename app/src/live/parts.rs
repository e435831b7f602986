//! The items of one kind on a page: each has a name that the server gives it, a place among the others, and
//! what people did to it here on top of it ([`Layered`]).

use std::{any::Any, marker::PhantomData};

use clutch_domain::{id::Uuid, time::Millis};
use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::layered::{Layered, Layers, Patch, Turn, Until};

/// A place: by number, then by word; items in one place lie by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order(i64, String);

impl Order {
    /// The smallest first.
    pub const fn by(number: i64) -> Self {
        Self(number, String::new())
    }

    /// The newest first.
    pub const fn newest(at: Millis) -> Self {
        Self(-at.0, String::new())
    }

    /// As an encyclopedia has them.
    pub const fn word(word: String) -> Self {
        Self(0, word)
    }
}

/// An item of a page.
pub trait Part: Clone + PartialEq + DeserializeOwned + Send + Sync + 'static {
    /// What its names begin with, for example `c:`; the rest of a name is its id.
    const PREFIX: &'static str;
    /// Its id.
    fn id(&self) -> Uuid;
    /// Its place.
    fn order(&self) -> Order;
}

/// An item, without its type.
trait Item: Any + Send + Sync {
    /// What people did to it.
    fn layers(&self) -> &Layers;
    /// Changes that; gives the item's place.
    fn change(&mut self, change: &dyn Fn(&mut Layers) -> bool) -> Order;
}

impl<T: Part> Item for Layered<T> {
    fn layers(&self) -> &Layers {
        Self::layers(self)
    }

    fn change(&mut self, change: &dyn Fn(&mut Layers) -> bool) -> Order {
        Self::change(self, change);
        self.shown().with_untracked(Part::order)
    }
}

struct Slot {
    id: Uuid,
    order: Order,
    item: Box<dyn Item>,
}

impl Slot {
    fn of<T: Part>(&self) -> Option<&Layered<T>> {
        (&*self.item as &dyn Any).downcast_ref()
    }
}

/// The items by their ids, without their type: compiled once for all kinds.
#[derive(Default)]
struct Index(Vec<Slot>);

impl Index {
    fn find(&self, id: Uuid) -> Result<usize, usize> {
        self.0.binary_search_by(|slot| slot.id.cmp(&id))
    }

    fn get(&self, id: Uuid) -> Option<&Slot> {
        self.find(id).ok().map(|at| &self.0[at])
    }

    fn get_mut(&mut self, id: Uuid) -> Option<&mut Slot> {
        self.find(id).ok().map(|at| &mut self.0[at])
    }

    fn put(&mut self, new: Slot) {
        match self.find(new.id) {
            Ok(at) => self.0[at] = new,
            Err(at) => self.0.insert(at, new),
        }
    }

    fn del(&mut self, id: Uuid) -> Option<Slot> {
        self.find(id).ok().map(|at| self.0.remove(at))
    }

    fn ids(&self) -> Vec<Uuid> {
        let mut all: Vec<&Slot> = Vec::with_capacity(self.0.len());
        // Items in one place lie by their ids. They are few, and a sorting of their own would weigh five
        // kilobytes in the page.
        for slot in &self.0 {
            let at = all.partition_point(|other| other.order <= slot.order);
            all.insert(at, slot);
        }
        all.into_iter().map(|slot| slot.id).collect()
    }

    /// Changes what lies on all items to which somebody did something here.
    fn change(&mut self, change: &dyn Fn(&mut Layers) -> bool) {
        for slot in self.0.iter_mut().filter(|slot| !slot.item.layers().is_empty()) {
            slot.order = slot.item.change(change);
        }
    }

    fn names(&self, prefix: &str, all: &mut Vec<String>) {
        all.extend(self.0.iter().map(|slot| format!("{prefix}{}", slot.id.hyphenated())));
    }
}

/// The id in a name of this kind.
pub fn id_in(name: &str, prefix: &str) -> Option<Uuid> {
    Uuid::parse_str(name.strip_prefix(prefix)?).ok()
}

/// All items of one kind; `Copy`, so every handler can have them. What comes after the page is gone does nothing.
pub struct Parts<T: Part> {
    /// Their ids in order, as of the last frame that was taken whole.
    pub ids: RwSignal<Vec<Uuid>>,
    index: StoredValue<Index>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Part> Clone for Parts<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Part> Copy for Parts<T> {}

impl<T: Part> Default for Parts<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Part> Parts<T> {
    /// None yet.
    pub fn new() -> Self {
        Self { ids: RwSignal::new(Vec::new()), index: StoredValue::new(Index::default()), kind: PhantomData }
    }

    /// Takes a part that is of this kind; answers whether it is.
    pub fn put(self, name: &str, json: &str) -> bool {
        if !name.starts_with(T::PREFIX) {
            return false;
        }
        if let Some(item) = super::read::<T>(json) {
            self.keep(item);
        }
        true
    }

    /// The server has this item so now.
    pub fn keep(self, item: T) {
        let id = item.id();
        let mut item = Some(item);
        self.change(id, |old| {
            if let Some(item) = item.take() {
                old.keep(item);
            }
        });
        if let Some(new) = item {
            let order = new.order();
            put(self.index, Slot { id, order, item: Box::new(Layered::new(new)) });
        }
    }

    /// Changes an item, and puts it where what is shown of it belongs. Answers whether it is there.
    fn change(self, id: Uuid, mut change: impl FnMut(&mut Layered<T>)) -> bool {
        let mut found = false;
        write(self.index, &mut |index| {
            let Some(slot) = index.get_mut(id) else { return };
            let Some(item) = (&mut *slot.item as &mut dyn Any).downcast_mut::<Layered<T>>() else { return };
            change(item);
            slot.order = item.shown().with_untracked(Part::order);
            found = true;
        });
        found
    }

    fn item<R>(self, id: Uuid, mut look: impl FnMut(&Layered<T>) -> R) -> Option<R> {
        let mut found = None;
        read(self.index, &mut |index| found = index.get(id).and_then(Slot::of).map(&mut look));
        found
    }

    /// A part of this kind went; answers whether it is of this kind.
    pub fn del(self, name: &str) -> bool {
        if let Some(id) = id_in(name, T::PREFIX) {
            self.remove(id);
        }
        name.starts_with(T::PREFIX)
    }

    /// An item is gone.
    pub fn remove(self, id: Uuid) {
        remove(self.index, id);
    }

    /// Adds the names of all.
    pub fn names(self, all: &mut Vec<String>) {
        names(self.index, T::PREFIX, all);
    }

    /// A frame was taken whole: [`Parts::ids`] tell what there is now.
    pub fn settle(self) {
        settle(self.index, self.ids);
    }

    /// An item, to follow.
    pub fn get(self, id: Uuid) -> Option<ArcRwSignal<T>> {
        self.item(id, |item| item.shown().clone())
    }

    /// An item as it is now.
    pub fn peek(self, id: Uuid) -> Option<T> {
        self.get(id).map(|item| item.get_untracked())
    }

    /// All items in order, followed.
    pub fn all(self) -> Vec<T> {
        self.ids.get().into_iter().filter_map(|id| self.get(id)).map(|item| item.get()).collect()
    }

    /// Looks at all items in order, followed.
    pub fn with<R>(self, look: impl FnOnce(&[T]) -> R) -> R {
        look(&self.all())
    }

    /// Looks at what is kept and what is shown of every item, in no order. Nothing is followed.
    pub fn each(self, mut look: impl FnMut(&T, &T)) {
        read(self.index, &mut |index| {
            for item in index.0.iter().filter_map(Slot::of::<T>) {
                item.shown().with_untracked(|shown| look(item.kept(), shown));
            }
        });
    }

    /// What the server has of an item.
    pub fn kept<R>(self, id: Uuid, look: impl Fn(&T) -> R) -> Option<R> {
        self.item(id, |item| look(item.kept()))
    }

    /// A person did this to an item; answers whether there is such an item.
    pub fn lay(self, id: Uuid, turn: Turn, patch: Patch<T>) -> bool {
        self.change(id, |item| item.lay(turn, patch.clone()))
    }

    /// What a turn did is confirmed, wherever it did something.
    pub fn confirm(self, turn: Turn, until: Until) {
        change(self.index, &|layers| layers.confirm(turn, until));
    }

    /// What a turn did is taken away, wherever it did something.
    pub fn take_away(self, turn: Turn) {
        change(self.index, &|layers| layers.take_away(turn));
    }

    /// The page holds this version.
    pub fn reach(self, version: u64) {
        change(self.index, &|layers| layers.reach(version));
    }

    /// Whether a turn has done something to an item.
    pub fn has(self, id: Uuid, turn: Turn) -> bool {
        let mut has = false;
        read(self.index, &mut |index| has = index.get(id).is_some_and(|slot| slot.item.layers().has(turn)));
        has
    }
}

// What knows no kind is compiled once. Nothing is done where the page is gone.

fn read(index: StoredValue<Index>, look: &mut dyn FnMut(&Index)) {
    index.try_with_value(|index| look(index));
}

fn write(index: StoredValue<Index>, change: &mut dyn FnMut(&mut Index)) {
    index.try_update_value(|index| change(index));
}

fn put(index: StoredValue<Index>, new: Slot) {
    let mut new = Some(new);
    write(index, &mut |index| {
        if let Some(new) = new.take() {
            index.put(new);
        }
    });
}

fn remove(index: StoredValue<Index>, id: Uuid) {
    // What goes is dropped outside: it may be followed by something that looks here.
    let mut gone = None;
    write(index, &mut |index| gone = index.del(id));
    drop(gone);
}

fn names(index: StoredValue<Index>, prefix: &str, all: &mut Vec<String>) {
    read(index, &mut |index| index.names(prefix, all));
}

fn settle(index: StoredValue<Index>, ids: RwSignal<Vec<Uuid>>) {
    let mut now = Vec::new();
    read(index, &mut |index| now = index.ids());
    if ids.try_with_untracked(|old| *old != now).unwrap_or_default() {
        ids.set(now);
    }
}

fn change(index: StoredValue<Index>, change: &dyn Fn(&mut Layers) -> bool) {
    write(index, &mut |index| index.change(change));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Note {
        id: Uuid,
        at: i64,
        words: String,
    }

    impl Part for Note {
        const PREFIX: &'static str = "n:";
        fn id(&self) -> Uuid {
            self.id
        }
        fn order(&self) -> Order {
            Order::by(self.at)
        }
    }

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn put(parts: Parts<Note>, n: u128, at: i64, words: &str) {
        let json = format!(r#"{{"id":"{}","at":{at},"words":"{words}"}}"#, id(n));
        assert!(parts.put(&format!("n:{}", id(n)), &json));
    }

    fn words(parts: Parts<Note>) -> Vec<String> {
        parts.settle();
        parts.all().into_iter().map(|note| note.words).collect()
    }

    #[test]
    fn items_lie_in_order_and_move_with_what_is_shown_of_them() {
        let owner = Owner::new();
        owner.with(|| {
            let parts = Parts::<Note>::new();
            put(parts, 1, 30, "c");
            put(parts, 2, 10, "a");
            put(parts, 3, 10, "b");
            assert!(parts.ids.with_untracked(Vec::is_empty), "nothing shows before the frame was taken whole");
            assert_eq!(words(parts), ["a", "b", "c"]);
            // Others' parts are others'.
            assert!(!parts.put("m:1", "{}") && !parts.del("m:1"));
            // One that does not make sense leaves what is there.
            assert!(parts.put(&format!("n:{}", id(1)), "{}"));
            put(parts, 2, 40, "d");
            assert_eq!(words(parts), ["b", "c", "d"]);
            assert!(parts.lay(id(2), 1, Arc::new(|note| note.at = 0)));
            assert!(!parts.lay(id(9), 1, Arc::new(|note| note.at = 0)));
            assert_eq!(words(parts), ["d", "b", "c"]);
            parts.take_away(1);
            assert_eq!(words(parts), ["b", "c", "d"]);
            let mut names = Vec::new();
            parts.names(&mut names);
            assert_eq!(names, [1, 2, 3].map(|n| format!("n:{}", id(n))));
            assert!(parts.del(&format!("n:{}", id(1))));
            assert_eq!(words(parts), ["b", "d"]);
        });
    }

    #[test]
    fn what_comes_after_the_page_is_gone_does_nothing() {
        let owner = Owner::new();
        let parts = owner.with(|| {
            let parts = Parts::<Note>::new();
            put(parts, 1, 1, "a");
            parts
        });
        owner.cleanup();
        put(parts, 1, 2, "b");
        parts.lay(id(1), 1, Arc::new(|note| note.at = 0));
        parts.confirm(1, Until::Version(3));
        parts.reach(3);
        parts.take_away(1);
        parts.settle();
        assert!(parts.get(id(1)).is_none());
    }
}
