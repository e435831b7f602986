//! Which pages are followed, and what each of them holds. Nothing here knows a browser.

use std::rc::Rc;

use clutch_domain::query::Query;

use super::Sink;
use crate::model::wire::{Frame, Up};

struct Sub {
    id: u32,
    query: Query,
    /// What the page holds; `None` while a whole snapshot is on its way.
    version: Option<u64>,
    sink: Rc<dyn Sink>,
}

impl Sub {
    const fn open(&self) -> Up {
        Up::Open { sub: self.id, query: self.query, version: self.version }
    }
}

/// What is to be done with a frame of a page.
pub enum Taken {
    /// Nothing: it belongs to a page that is gone, or to something that the page does not hold.
    Nothing,
    /// The server is to be asked for the whole page.
    Ask(Up),
    /// The page takes it ([`give`]).
    Page(Rc<dyn Sink>),
}

/// The open subscriptions of this tab.
#[derive(Default)]
pub struct Subs {
    list: Vec<Sub>,
    last: u32,
}

impl Subs {
    /// Begins to follow a page that holds `version`, if any; gives its number and what the server is told.
    pub fn add(&mut self, query: Query, version: Option<u64>, sink: Rc<dyn Sink>) -> (u32, Up) {
        self.last += 1;
        let sub = Sub { id: self.last, query, version, sink };
        let open = sub.open();
        self.list.push(sub);
        (self.last, open)
    }

    /// Follows it no more.
    pub fn remove(&mut self, id: u32) -> Up {
        self.list.retain(|sub| sub.id != id);
        Up::Close { sub: id }
    }

    /// What a server that knows nothing of this tab is told: every page with the version that it holds.
    pub fn all(&self) -> Vec<Up> {
        self.list.iter().map(Sub::open).collect()
    }

    /// Whose frame it is, and whether it fits what the page holds. The page takes it after this: what it does
    /// then may open and close subscriptions.
    pub fn take(&mut self, frame: &Frame) -> Taken {
        let Some(sub) = self.list.iter_mut().find(|sub| sub.id == frame.sub) else { return Taken::Nothing };
        match frame.t.as_str() {
            "delta" if sub.version == Some(frame.from) => sub.version = Some(frame.to),
            // Not onto what we hold: the whole is asked for, once.
            "delta" if sub.version.take().is_some() => return Taken::Ask(sub.open()),
            "delta" => return Taken::Nothing,
            _ => sub.version = Some(frame.version),
        }
        Taken::Page(sub.sink.clone())
    }
}

/// Gives a page what a frame says.
pub fn give(sink: &dyn Sink, frame: &Frame) {
    let version = match frame.t.as_str() {
        "delta" => {
            frame.del.iter().for_each(|name| sink.del(name));
            frame.put.iter().for_each(|(name, part)| sink.put(name, part.get()));
            frame.to
        }
        "snapshot" => {
            sink.names().iter().filter(|name| !frame.parts.contains_key(*name)).for_each(|name| sink.del(name));
            frame.parts.iter().for_each(|(name, part)| sink.put(name, part.get()));
            frame.version
        }
        _ => frame.version,
    };
    sink.settled(version);
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeMap,
    };

    use super::*;

    #[derive(Default)]
    struct Page {
        parts: RefCell<BTreeMap<String, String>>,
        version: Cell<u64>,
    }

    impl Sink for Page {
        fn put(&self, name: &str, json: &str) {
            self.parts.borrow_mut().insert(name.into(), json.into());
        }
        fn del(&self, name: &str) {
            self.parts.borrow_mut().remove(name);
        }
        fn names(&self) -> Vec<String> {
            self.parts.borrow().keys().cloned().collect()
        }
        fn settled(&self, version: u64) {
            self.version.set(version);
        }
    }

    fn parts(all: &[(&str, &str)]) -> crate::model::wire::Parts {
        let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
        all.iter().map(|(name, text)| ((*name).to_owned(), raw(text))).collect()
    }

    fn take(subs: &mut Subs, frame: &Frame) -> Option<Up> {
        match subs.take(frame) {
            Taken::Page(sink) => give(&*sink, frame),
            Taken::Ask(up) => return Some(up),
            Taken::Nothing => {}
        }
        None
    }

    #[test]
    fn a_difference_goes_only_onto_what_it_was_made_for() {
        let (mut subs, page) = (Subs::default(), Rc::new(Page::default()));
        let (sub, up) = subs.add(Query::Home, Some(7), page.clone());
        assert_eq!(up, Up::Open { sub, query: Query::Home, version: Some(7) });
        let delta = |from, to, put: &[(&str, &str)], del: &[&str]| Frame {
            t: "delta".into(),
            sub,
            from,
            to,
            put: parts(put),
            del: del.iter().map(|name| (*name).to_owned()).collect(),
            ..Frame::default()
        };
        assert_eq!(take(&mut subs, &delta(7, 8, &[("a", "1"), ("b", "2")], &[])), None);
        assert_eq!(take(&mut subs, &delta(8, 9, &[("a", "3")], &["b"])), None);
        assert_eq!(*page.parts.borrow(), BTreeMap::from([("a".into(), "3".into())]));
        assert_eq!(page.version.get(), 9);
        // Onto something else: the whole is asked for once, and nothing is taken until it is there.
        assert_eq!(
            take(&mut subs, &delta(11, 12, &[("a", "9")], &[])),
            Some(Up::Open { sub, query: Query::Home, version: None })
        );
        assert_eq!(take(&mut subs, &delta(12, 13, &[("a", "9")], &[])), None);
        assert_eq!(page.parts.borrow()["a"], "3");
        let whole = Frame { t: "snapshot".into(), sub, version: 13, parts: parts(&[("c", "4")]), ..Frame::default() };
        assert_eq!(take(&mut subs, &whole), None);
        assert_eq!(*page.parts.borrow(), BTreeMap::from([("c".into(), "4".into())]));
        assert_eq!(subs.all(), [Up::Open { sub, query: Query::Home, version: Some(13) }]);
        // What belongs to nobody is nobody's.
        assert_eq!(subs.remove(sub), Up::Close { sub });
        assert_eq!(take(&mut subs, &delta(13, 14, &[("c", "5")], &[])), None);
        assert_eq!(page.parts.borrow()["c"], "4");
        assert!(subs.all().is_empty());
    }
}
