//! Safeguards taken away on purpose, one at a time, to see that the simulator notices.
//!
//! Beside each safeguard stands `removed(Switch::…)`. In the product that is `false` and leaves no code behind: the
//! switches exist only under the feature `sabotage`, which nothing but the simulator's tests turns on (a test holds
//! that). A switch names the [law](crate::invariant::Law) that is broken without its safeguard, and a test demands
//! that exactly this one is.
//!
//! Under the same feature code may say which of its branches it went through, [`reach`].

#[cfg(not(feature = "sabotage"))]
use std::collections::BTreeMap;

use crate::invariant::Law;

macro_rules! switches {
    ($($(#[$doc:meta])* $switch:ident breaks $law:ident;)+) => {
        /// A safeguard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Switch { $($(#[$doc])* $switch,)+ }

        impl Switch {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$switch,)+];

            /// The law that does not hold without it.
            #[must_use]
            pub const fn breaks(self) -> Law {
                match self { $(Self::$switch => Law::$law,)+ }
            }
        }
    };
}

switches! {
    /// Whoever takes up a run looks into its session before it sends the prompt.
    LookFirst breaks PromptOnce;
    /// An attempt that failed is stopped before it counts as over.
    StopFirst breaks NoneForgotten;
    /// A task that went elsewhere has its agent stopped before its run counts as over.
    StopMoved breaks NoneForgotten;
    /// A stop is written before anything is stopped, or the next server begins anew what it finds no trace of.
    StopWritten breaks PromptOnce;
    /// A stop is written with its reason, which outlives the server.
    StopReason breaks StoppedForCause;
    /// Where the runtime may go on by itself with what is stopped, the session goes too.
    ForgetSession breaks NoneForgotten;
    /// Words that joined a turn end at once: the end of the turn is the one that counts.
    JoinedTurn breaks NoneForgotten;
    /// An end names the turn that ended; while the run goes on with a newer one it ends nothing.
    EndOfItsTurn breaks NoneForgotten;
    /// The name of an action is taken with its claim.
    ActionName breaks Names;
    /// No attempt begins while an older one is not over.
    OldRunFirst breaks OneRun;
    /// The loop's commands expect that whoever gives them holds the lease.
    UnderLease breaks LeaderWrites;
    /// A leader is replaced only once its beat has stood still for long.
    DeadFirst breaks LeaderActs;
    /// Before each effect: whether this server still leads.
    Lawful breaks LeaderActs;
    /// Most agents in the installation.
    PlacesInAll breaks PlacesInAll;
    /// Most agents in a project.
    PlacesInProject breaks PlacesInProject;
    /// Most agents of a role.
    PlacesOfRole breaks PlacesOfRole;
    /// A paused project.
    Pause breaks NotWhilePaused;
    /// A project whose loop is off.
    Off breaks NotWhileOff;
    /// A prompt that cannot be used starts nobody.
    SoundPrompt breaks SoundPrompt;
    /// The version that was claimed is told, whatever counts by now.
    PromptOfClaim breaks ToldAsClaimed;
    /// The last owner stays one.
    LastOwner breaks Owned;
    /// What asks for a person is over when the task goes on or is given up.
    EscalationOver breaks EscalatedUntil;
    /// What a project may use up on a day.
    DayBudget breaks WithinBudget;
    /// A project whose loop only says what it would do.
    DryRun breaks NotWhileDry;
    /// A usage window that ran out.
    UsageWindow breaks NotWhileShut;
    /// Of what a run used, its next turn counts only what is new.
    CountOnce breaks SpentOnce;
    /// Agents that leave nothing, one after the other.
    Fruitless breaks PersonAfterFruitless;
    /// The wait after a failure.
    RetryWait breaks NotBeforeRetry;
    /// The cap of failures.
    FailureCap breaks Cap;
    /// What was reported decides how a run ended.
    ReportCounts breaks ReportHolds;
    /// A report counts for the run that it names.
    ReportNames breaks ReportOfItsOwn;
    /// A report that moves nothing any more is kept all the same.
    LateReport breaks ReportKept;
    /// An agent without a sign is given up.
    Stale breaks SilentStopped;
    /// An agent that took its task and gives signs keeps it.
    SignsCount breaks HeldWhileThere;
    /// A known key is answered with what was done under it.
    Ledger breaks DoneOnce;
    /// The search for a circle.
    CycleSearch breaks NoCircle;
    /// The search for a circle expects that the graph is as it was.
    GraphUnchanged breaks NoCircle;
    /// What was read must still be so when the change is applied.
    RestOnRead breaks Parents;
    /// Only what waits for nothing starts.
    DependenciesFirst breaks NotBeforeOthers;
    /// An answer is looked for before it is said again.
    AnswerOnce breaks WordsOnce;
    /// What may have arrived is not said again.
    NeverAgain breaks WordsOnce;
    /// An answer of which nothing can be told is not said to have arrived.
    AnswerInDoubt breaks AnswersArrive;
    /// A message of which nothing can be told is not said to have been answered.
    MessageInDoubt breaks ChatsGoOn;
    /// What is refused again and again is given up.
    GivingUp breaks AtRest;
    /// An agent that is being stopped is told nothing: what it was told may be gone with its session.
    NothingToStopped breaks WordsOnce;
    /// A run does not end while words to its agent may arrive yet.
    WordsUnderWay breaks NoneForgotten;
    /// A run does not end while its own prompt may arrive yet.
    PromptUnderWay breaks ClaimedFirst;
    /// A sending that is repeated and refused says nothing of the one before.
    RefusedAgain breaks WordsOnce;
    /// A run that was put down is taken up by the same server only once the effect before has let go of it.
    OneSeat breaks FollowedOnce;
    /// An event counts as delivered once its receiver has said so, and only then.
    TakenByAnswer breaks EventsTold;
    /// The log is read up to where it was turned into deliveries, and no further.
    PlaceBehindQueued breaks EventsTold;
    /// Equal notes are not written.
    EqualNotes breaks SaidOnce;
    /// What is at work is looked at now and then only.
    LookPace breaks NoHurry;
}

#[cfg(feature = "sabotage")]
mod on {
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeMap,
    };

    use super::Switch;

    thread_local! {
        static REMOVED: Cell<Option<Switch>> = const { Cell::new(None) };
        static REACHED: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Whether this safeguard is taken away on this thread.
    #[must_use]
    pub fn removed(switch: Switch) -> bool {
        REMOVED.get() == Some(switch)
    }

    /// Takes a safeguard away on this thread, or none.
    pub fn remove(switch: Option<Switch>) {
        REMOVED.set(switch);
    }

    /// This thread went through a branch.
    pub fn reach(branch: &'static str) {
        REACHED.with_borrow_mut(|reached| *reached.entry(branch).or_insert(0) += 1);
    }

    /// How often this thread went through each branch since it was asked last.
    #[must_use]
    pub fn reached() -> BTreeMap<&'static str, u64> {
        REACHED.take()
    }
}

#[cfg(feature = "sabotage")]
pub use on::{reach, reached, remove, removed};

/// Whether this safeguard is taken away: never.
#[cfg(not(feature = "sabotage"))]
#[must_use]
#[inline(always)]
pub const fn removed(_: Switch) -> bool {
    false
}

/// Takes no safeguard away.
#[cfg(not(feature = "sabotage"))]
pub const fn remove(_: Option<Switch>) {}

/// A branch was gone through; nobody counts.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub const fn reach(_: &'static str) {}

/// Nobody counts.
#[cfg(not(feature = "sabotage"))]
#[must_use]
pub const fn reached() -> BTreeMap<&'static str, u64> {
    BTreeMap::new()
}
