//! What a rule may know about its surroundings: who asks, when, and fresh ids.

use uuid::Uuid;

use crate::{actor::Actor, time::Millis};

/// Gives fresh ids. The caller brings the randomness, and gives the same row of ids each
/// time that one decision runs its rule.
pub trait Ids: Send {
    /// A new UUID, version 4.
    fn fresh(&mut self) -> Uuid;
}

impl<F: FnMut() -> Uuid + Send> Ids for F {
    fn fresh(&mut self) -> Uuid {
        self()
    }
}

/// Surroundings of one command.
pub struct Ctx<'a> {
    /// Who asks.
    pub actor: Actor,
    /// Now.
    pub now: Millis,
    /// Source of ids.
    pub ids: &'a mut dyn Ids,
}
