//! What a rule gives: documents to write, and what must still be true when they are written.

use serde::{Deserialize, Serialize};

use crate::{
    activity::Activity,
    doc::{Body, Doc, DocKey, Kind, Rev, Scope, Unique},
};

/// Something that must still have this revision when the change is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// A document; 0 means that it must be absent.
    Doc(DocKey, Rev),
    /// A scope: nothing in it was changed since it was read. For rules that read more than they write.
    Scope(Scope, u64),
}

/// A change: applied whole or not at all, only if all that it expects holds, once per key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Documents to write.
    pub puts: Vec<Body>,
    /// Documents to remove; one that is absent is no error.
    pub deletes: Vec<DocKey>,
    /// What must hold.
    pub expects: Vec<Expect>,
    /// Scopes whose revision is raised by one.
    pub touches: Vec<Scope>,
    /// Lines for the log: exactly one per accepted command of a person, an agent or a program.
    pub activity: Vec<Activity>,
}

impl Change {
    /// Writes a document that was read at `rev` (0: it must be absent).
    pub fn put(&mut self, rev: Rev, body: impl Into<Body>) -> &mut Self {
        let body = body.into();
        let key = body.key();
        if let Some(old) = self.puts.iter_mut().find(|b| b.key() == key) {
            // The same document twice in one change: the first expectation stands, the last words win.
            *old = body;
        } else {
            self.expects.push(Expect::Doc(key, rev));
            self.puts.push(body);
        }
        self
    }

    /// Removes a document that was read.
    pub fn delete(&mut self, doc: &Doc) -> &mut Self {
        let key = doc.body.key();
        self.expects.push(Expect::Doc(key.clone(), doc.rev));
        self.deletes.push(key);
        self
    }

    /// Takes a unique name for `target`.
    pub fn claim(&mut self, name: String, target: DocKey) -> &mut Self {
        self.put(0, Unique { key: name, target })
    }

    /// Gives a unique name back.
    pub fn release(&mut self, name: String) -> &mut Self {
        self.deletes.push(DocKey::new(Kind::Unique, name));
        self
    }

    /// Raises a scope's revision, once however often it is said.
    pub fn touch(&mut self, scope: Scope) -> &mut Self {
        if !self.touches.contains(&scope) {
            self.touches.push(scope);
        }
        self
    }

    /// Whether nothing would be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty() && self.activity.is_empty()
    }
}
