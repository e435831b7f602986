//! What a rule gives: documents to write, and what must still be true when they are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    activity::Activity,
    doc::{Body, Doc, DocKey, Inside, Kind, Rev, Scope, Unique},
    range::{Docs, Range},
    sabotage::{Switch, removed},
    view::{Seen, Stop, View},
};

/// Something that must still have this revision when the change is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A document; 0 means that it must be absent.
    Doc(DocKey, Rev),
    /// A scope: nothing in it was changed since it was read.
    Scope(Scope, u64),
}

#[expect(clippy::large_enum_variant, reason = "nearly all of them are puts")]
/// What becomes of one document.
#[derive(Clone, Debug, PartialEq)]
enum Write {
    Put(Body),
    Delete,
}

/// A range that was read, and what was found: it must find exactly that when the change is applied, the empty
/// answer too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The range.
    pub range: Range,
    /// The documents that were found, in order, each with its revision.
    pub seen: Vec<(DocKey, Rev)>,
}

/// The call that a change answers, for the ledger of calls: who repeats it is told what came of it, and
/// another call under the same key is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Hash of what was asked.
    pub hash: Uuid,
    /// Names the decision: of two that were made for one key only one is applied.
    pub decision: Uuid,
}

/// A change: applied whole or not at all, only if all that it expects holds, once per key.
///
/// It says of each document one thing: what it is afterwards. A second put replaces the words of the
/// first, a delete takes an earlier put back, and a put after a delete is a bug of the rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    writes: BTreeMap<DocKey, Write>,
    /// What must hold.
    pub expects: Vec<Expect>,
    /// Scopes whose revision is raised by one.
    pub touches: Vec<Scope>,
    /// Lines for the log: exactly one per accepted command of a person, an agent or a program.
    pub activity: Vec<Activity>,
    /// The document that the command made, where it made one: what a caller is told of.
    pub made: Option<DocKey>,
    /// Of documents that are put and have members which this program does not know: their text as it was read.
    pub kept: BTreeMap<DocKey, Arc<str>>,
    /// Ranges that must still find what they found.
    pub guards: Vec<Guard>,
    /// The call that it answers, where its key may come again.
    pub request: Option<Request>,
}

/// A change taken apart, for those who apply it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Documents to write, each once.
    pub puts: Vec<Body>,
    /// Documents to remove; none of them is put. One that is absent is no error.
    pub deletes: Vec<DocKey>,
    /// What must hold.
    pub expects: Vec<Expect>,
    /// Scopes whose revision is raised by one.
    pub touches: Vec<Scope>,
    /// Lines for the log.
    pub activity: Vec<Activity>,
    /// The document that was made.
    pub made: Option<DocKey>,
    /// Of documents that are put and have members which this program does not know: their text as it was read.
    pub kept: BTreeMap<DocKey, Arc<str>>,
    /// Ranges that must still find what they found.
    pub guards: Vec<Guard>,
    /// The call that it answers.
    pub request: Option<Request>,
}

impl Change {
    /// Writes a document that was read at `rev` (0: it must be absent).
    /// Written twice, the first expectation stands and the last words win.
    pub fn put(&mut self, rev: Rev, body: impl Into<Body>) -> &mut Self {
        let body = body.into();
        let key = body.key();
        match self.writes.get_mut(&key) {
            None => {
                self.expects.push(Expect::Doc(key.clone(), rev));
                self.writes.insert(key, Write::Put(body));
            }
            Some(Write::Put(old)) => *old = body,
            // What is gone stays gone: a rule that forgot it would bring half a document back.
            Some(Write::Delete) => debug_assert!(false, "{} {} is put after its deletion", key.kind.word(), key.id),
        }
        self
    }

    /// Writes a new document, which is the one that the command made.
    pub fn create(&mut self, body: impl Into<Body>) -> &mut Self {
        let body = body.into();
        self.made = Some(body.key());
        self.put(0, body)
    }

    /// Writes a document whatever its revision is.
    pub fn overwrite(&mut self, body: impl Into<Body>) -> &mut Self {
        let body = body.into();
        self.writes.insert(body.key(), Write::Put(body));
        self
    }

    /// Removes a document that was read.
    pub fn delete(&mut self, doc: &Doc) -> &mut Self {
        let key = doc.body.key();
        if self.writes.insert(key.clone(), Write::Delete).is_none() {
            self.expects.push(Expect::Doc(key, doc.rev));
        }
        self
    }

    /// Removes a document whatever its revision is; one that is absent is no error.
    pub fn remove(&mut self, key: DocKey) -> &mut Self {
        self.writes.insert(key, Write::Delete);
        self
    }

    /// Takes a unique name for `target`.
    pub fn claim(&mut self, name: String, target: DocKey) -> &mut Self {
        self.put(0, Unique { key: name, target })
    }

    /// Gives a unique name back.
    pub fn release(&mut self, name: String) -> &mut Self {
        self.remove(DocKey::new(Kind::Unique, name))
    }

    /// Raises a scope's revision, once however often it is said.
    pub fn touch(&mut self, scope: Scope) -> &mut Self {
        if !self.touches.contains(&scope) {
            self.touches.push(scope);
        }
        self
    }

    /// Makes the change rest on all that was read: whatever was found, and what was not, must still be so when it
    /// is applied. The edges of a project are left to the scope of its graph, where the change expects that.
    pub fn rest_on(&mut self, docs: &Docs) {
        let mut expected: BTreeSet<DocKey> = BTreeSet::new();
        let mut graph = removed(Switch::GraphUnchanged);
        for expect in &self.expects {
            match expect {
                Expect::Doc(key, _) => _ = expected.insert(key.clone()),
                Expect::Scope(scope, _) => graph |= matches!(scope, Scope::Graph(_)),
            }
        }
        for (range, found) in docs.iter() {
            match range {
                Range::Doc { key } if expected.contains(key) => {}
                Range::Doc { .. } if removed(Switch::RestOnRead) => {}
                Range::Doc { key } => {
                    self.expects.push(Expect::Doc(key.clone(), found.first().map_or(0, |doc| doc.rev)));
                }
                Range::Children { kind: Kind::Dependency, .. } | Range::Newest { kind: Kind::Dependency, .. }
                    if graph => {}
                _ => self.guards.push(Guard {
                    range: range.clone(),
                    seen: found.iter().map(|doc| (doc.body.key(), doc.rev)).collect(),
                }),
            }
        }
    }

    /// The document as it will be: as written so far, else as it was read. `None` where it is not there or goes.
    ///
    /// # Errors
    /// [`Stop::Need`] where it was neither written nor read.
    pub fn of<T: Inside + Clone>(&self, view: &View, id: impl ToString) -> Result<Option<Seen<T>>, Stop> {
        let key = DocKey::new(T::KIND, id);
        match self.writes.get(&key) {
            Some(Write::Delete) => Ok(None),
            Some(Write::Put(body)) => {
                let rev = self.expects.iter().find_map(|e| match e {
                    Expect::Doc(k, rev) if *k == key => Some(*rev),
                    _ => None,
                });
                let doc = Arc::new(Doc::new(rev.unwrap_or(0), body.clone()));
                Ok(T::of(body).map(|is| Seen { rev: doc.rev, is: is.clone(), doc: doc.clone() }))
            }
            None => view.find(key.id),
        }
    }

    /// The document with this id as this change writes it.
    #[must_use]
    pub fn written<T: Inside>(&self, id: impl ToString) -> Option<&T> {
        match self.writes.get(&DocKey::new(T::KIND, id))? {
            Write::Put(body) => T::of(body),
            Write::Delete => None,
        }
    }

    /// The document that the command made, as this change writes it.
    #[must_use]
    pub fn made<T: Inside>(&self) -> Option<&T> {
        match self.writes.get(self.made.as_ref()?)? {
            Write::Put(body) => T::of(body),
            Write::Delete => None,
        }
    }

    /// Whether this document is put.
    #[must_use]
    pub fn puts_key(&self, key: &DocKey) -> bool {
        matches!(self.writes.get(key), Some(Write::Put(_)))
    }

    /// Documents that are put.
    pub fn puts(&self) -> impl Iterator<Item = &Body> {
        self.writes.values().filter_map(|write| match write {
            Write::Put(body) => Some(body),
            Write::Delete => None,
        })
    }

    /// Documents that go.
    pub fn deletes(&self) -> impl Iterator<Item = &DocKey> {
        self.writes.iter().filter(|(_, write)| matches!(write, Write::Delete)).map(|(key, _)| key)
    }

    /// Keeps the members that this program does not know of the documents that it writes: the store
    /// puts them back from what was read.
    pub fn keep(&mut self, read: &Docs) {
        let known: BTreeMap<DocKey, &Arc<str>> =
            read.docs().filter_map(|doc| doc.kept.as_ref().map(|kept| (doc.body.key(), kept))).collect();
        if known.is_empty() {
            return;
        }
        for (key, kept) in known {
            if self.puts_key(&key) {
                self.kept.insert(key, Arc::clone(kept));
            }
        }
    }

    /// Whether nothing would be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.activity.is_empty()
    }

    /// Taken apart.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        let Self { writes, expects, touches, activity, made, kept, guards, request } = self;
        let mut parts = Parts { expects, touches, activity, made, kept, guards, request, ..Parts::default() };
        for (key, write) in writes {
            match write {
                Write::Put(body) => parts.puts.push(body),
                Write::Delete => parts.deletes.push(key),
            }
        }
        parts
    }
}

/// Whatever the documents' revisions are, unless `expects` says.
impl From<Parts> for Change {
    fn from(Parts { puts, deletes, expects, touches, activity, made, kept, guards, request }: Parts) -> Self {
        let mut change = Self { expects, touches, activity, made, kept, guards, request, writes: BTreeMap::new() };
        puts.into_iter().for_each(|body| _ = change.overwrite(body));
        deletes.into_iter().for_each(|key| _ = change.remove(key));
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::Counter;

    fn counter(last: u64) -> Counter {
        Counter { name: "n".into(), last }
    }

    fn read(last: u64) -> Doc {
        Doc::new(3, counter(last).into())
    }

    #[test]
    fn the_last_words_win_and_the_first_expectation_stands() {
        let mut change = Change::default();
        change.put(3, counter(1)).put(9, counter(2));
        let parts = change.into_parts();
        assert_eq!(parts.puts, [counter(2).into()]);
        assert_eq!(parts.expects, [Expect::Doc(DocKey::new(Kind::Counter, "n"), 3)]);
    }

    #[test]
    fn a_delete_takes_an_earlier_put_back() {
        let mut change = Change::default();
        change.put(3, counter(1)).delete(&read(0));
        let parts = change.into_parts();
        assert_eq!((parts.puts.len(), parts.deletes), (0, vec![DocKey::new(Kind::Counter, "n")]));
        assert_eq!(parts.expects.len(), 1);
    }

    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "is put after its deletion"))]
    fn a_put_after_a_delete_is_a_bug() {
        let mut change = Change::default();
        change.delete(&read(0)).put(3, counter(1));
        // Where the check is compiled out, what is gone stays gone.
        assert_eq!(change.puts().count(), 0);
    }

    #[test]
    fn a_document_is_given_as_written_so_far() {
        let (mut change, mut view) = (Change::default(), View::default());
        let range = crate::range::Range::doc(Kind::Counter, "n");
        assert!(matches!(change.of::<Counter>(&view, "n"), Err(Stop::Need(_))));
        view.docs.insert(&range, vec![Arc::new(read(7))]);
        assert_eq!(change.of::<Counter>(&view, "n").unwrap().map(|c| (c.rev, c.is.last)), Some((3, 7)));
        change.put(3, counter(8));
        assert_eq!(change.of::<Counter>(&view, "n").unwrap().map(|c| (c.rev, c.is.last)), Some((3, 8)));
        change.delete(&read(7));
        assert!(change.of::<Counter>(&view, "n").unwrap().is_none());
    }
}
