//! What is known to go wrong and is being mended: faults and laws that wait for it, each with the reason. One that is
//! mended goes into [`MENDED`], and then out of here together with the `if` that asked for it.

use std::cell::RefCell;

/// A fault or a law that is off for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// A server that slept goes on with a command that it had begun, although another one leads by now: only claims
    /// expect the lease.
    WritesOfTheDeposed,
    /// Wall clocks step and differ: a connection's beginning is compared with a claim's moment by two clocks.
    ClocksDiffer,
    /// A runtime that refuses to show or to stop a session for ever is asked for ever.
    RefusedForEver,
    /// A stop is repeated across the runtime's restart as it was decided before it: without removing the session,
    /// which the runtime then goes on with.
    StoppedIsResumed,
    /// A report that names another task than its session's is booked on that task's open run.
    ReportsForOthers,
    /// A turn that a person at the gateway began while the run waited is taken for its newest, and its end for the
    /// run's, while the turn of the answer is at work.
    TypedIsFollowed,
    /// Words joined a turn that the gateway's restart cut off: the end of an older turn is believed for the run's in
    /// the very moment in which the gateway goes on with it.
    EndedWhileGoneOn,
    /// An old gateway that cannot be asked whether an answer arrived is told it again.
    AnswersToldAgain,
}

impl Known {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::WritesOfTheDeposed,
        Self::ClocksDiffer,
        Self::RefusedForEver,
        Self::StoppedIsResumed,
        Self::ReportsForOthers,
        Self::TypedIsFollowed,
        Self::EndedWhileGoneOn,
        Self::AnswersToldAgain,
    ];

    /// Whether it happens, or is looked for.
    #[must_use]
    pub fn happens(self) -> bool {
        TRIED
            .with_borrow(|tried| tried.iter().rev().find(|(known, _)| *known == self).map(|(_, on)| *on))
            .unwrap_or_else(|| MENDED.contains(&self))
    }
}

/// What the product stands by now.
pub const MENDED: &[Known] = &[
    Known::WritesOfTheDeposed,
    Known::ClocksDiffer,
    Known::RefusedForEver,
    Known::StoppedIsResumed,
    Known::ReportsForOthers,
    Known::TypedIsFollowed,
    Known::AnswersToldAgain,
];

thread_local! {
    static TRIED: RefCell<Vec<(Known, bool)>> = const { RefCell::new(Vec::new()) };
}

/// Lets one of them happen on this thread, or not, whatever [`MENDED`] says.
pub fn try_out(known: Known, happens: bool) {
    TRIED.with_borrow_mut(|tried| tried.push((known, happens)));
}
