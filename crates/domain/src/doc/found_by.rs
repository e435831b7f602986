//! What documents can be found by.

#[cfg(doc)]
use super::Index;

/// What documents of a kind can be found by besides their id: a store keeps indexes for these only, and
/// [`Range::is_served`](crate::range::Range::is_served) tells of a range whether one of them answers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoundBy {
    /// [`Index::parent`].
    pub parent: bool,
    /// [`Index::order`], where it is one of its own: in all other kinds it follows from [`Index::at`].
    pub order: bool,
    /// [`Index::link`].
    pub link: bool,
    /// [`Index::status`], within a scope.
    pub status: bool,
    /// [`Index::status`], in the whole installation.
    pub everywhere: bool,
    /// [`Index::scope`], whatever its status.
    pub scope: bool,
}

impl FoundBy {
    pub(super) const NOTHING: Self =
        Self { parent: false, order: false, link: false, status: false, everywhere: false, scope: false };

    pub(super) const fn parent(self) -> Self {
        Self { parent: true, ..self }
    }

    pub(super) const fn order(self) -> Self {
        Self { order: true, ..self }
    }

    pub(super) const fn everywhere(self) -> Self {
        Self { everywhere: true, ..self }
    }

    pub(super) const fn scope(self) -> Self {
        Self { scope: true, ..self }
    }

    pub(super) const fn link(self) -> Self {
        Self { link: true, ..self }
    }

    pub(super) const fn status(self) -> Self {
        Self { status: true, ..self }
    }
}
