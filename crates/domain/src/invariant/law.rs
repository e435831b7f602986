//! The laws: what must always be true, each with a name of its own, so that a test can say which one was broken.

use std::fmt;

macro_rules! laws {
    ($($(#[$doc:meta])* $law:ident = $says:literal;)+) => {
        /// Something that must always be true.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Law { $($(#[$doc])* $law,)+ }

        impl Law {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$law,)+];

            /// The law in words.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$law => $says,)+ }
            }
        }
    };
}

laws! {
    // Of documents, between any two changes: `Everything::broken`.
    /// Counts of a project, and of the edges at a task.
    Counts = "what is counted is what is there";
    /// Dependencies.
    NoCircle = "no task waits for itself, not through others either";
    /// Actions and open runs.
    OneRun = "a task has one open run at most, and knows it; an action is claimed once";
    /// Outcomes and questions of runs.
    RunWhole = "an ended run says how it ended, a waiting one for what it waits";
    /// Slugs, numbers, edges, actions, sessions.
    Names = "a unique name is taken by what has it, and by nothing else";
    /// Parents.
    Parents = "nothing is without what it hangs on";
    /// The cap of failures.
    Cap = "a task fails no more often in a row than it may";
    /// People who may log in, and their browsers.
    Owned = "where people log in, somebody is an owner, and a session says of whom it is what their account says";

    /// Escalations.
    EscalatedUntil = "a task waits for a person as long as it neither goes on nor is given up nor done";

    // Of a commit, beside what was there before it.
    /// Places in the whole installation.
    PlacesInAll = "no claim beyond the places of the installation";
    /// Places in a project.
    PlacesInProject = "no claim beyond the places of a project";
    /// Places of a role.
    PlacesOfRole = "no claim beyond the places of a role in a project";
    /// Pause.
    NotWhilePaused = "nothing is claimed in a project that is paused";
    /// The project's switch, and the bin.
    NotWhileOff = "nothing is claimed in a project that is switched off or deleted";
    /// What a project may use up on a day.
    WithinBudget = "nothing is claimed in a project whose budget of the day is used up";
    /// Dry runs.
    NotWhileDry = "nothing is claimed in a project whose loop only says what it would do";
    /// Usage windows.
    NotWhileShut = "nothing is claimed for a model whose usage window has run out, where the project knows and waits for that";
    /// Agents that leave nothing.
    PersonAfterFruitless = "after a row of agents that left nothing only a person lets another begin";
    /// Waiting after a failure.
    NotBeforeRetry = "nothing is claimed before it may be tried again";
    /// Role prompts.
    SoundPrompt = "nothing is claimed to be told by a prompt that cannot be used";
    /// Dependencies.
    NotBeforeOthers = "nothing is claimed while it waits for others";
    /// Writing.
    LeaderWrites = "only the server that leads takes the loop's steps";
    /// Notes.
    SaidOnce = "notes are written when their words change, and then only";
    /// Reports and outcomes.
    ReportHolds = "a run that has reported neither fails nor ends in silence";
    /// Stops and their reasons.
    StoppedForCause = "a run ends as stopped only where its task was taken from it";
    /// Repeated calls.
    DoneOnce = "a call that is repeated under its key is done once";

    // Of what happens outside the store.
    /// Effects.
    LeaderActs = "only the server that leads asks anything of the runtime that changes something";
    /// Prompts.
    PromptOnce = "the prompt of an attempt reaches the model once";
    /// Versions of prompts.
    ToldAsClaimed = "an agent is told the version of its prompt that its claim names";
    /// Words of people.
    WordsOnce = "a person's words reach the agent once";
    /// Agents of one task.
    OneAgent = "one agent at a time works on a task";
    /// Dispatches.
    ClaimedFirst = "nothing is dispatched without an open claim";
    /// Effects of one server.
    FollowedOnce = "a server has one effect at a time at work on a run";
    /// Agents in silence.
    SilentStopped = "an agent that gives no sign is stopped in time";
    /// Agents that took their task themselves.
    HeldWhileThere = "an agent that took its task keeps it as long as it gives signs, and loses it when it gives none";
    /// Agents whose run is over.
    NoneForgotten = "no agent works for a run that is over, nor does the runtime go on with one";
    /// Reports.
    ReportKept = "a report that was accepted is kept";
    /// Reports about others.
    ReportOfItsOwn = "a report counts for the run that it names, and for no other";
    /// Answers.
    AnswersArrive = "an answer arrives, or it says why not; what is said to have arrived has";

    /// Chats.
    ChatsGoOn = "a message arrives and is answered, or it says why not, and the next one goes";

    /// Webhooks.
    EventsTold = "each event that a webhook asks for reaches its receiver at least once, under one id";

    /// What agents use.
    SpentOnce = "what a project's day says was used was used, and is counted once";

    // Of the whole.
    /// Rest.
    AtRest = "once nothing goes wrong any more, everything comes to rest with a reason";
    /// Pace.
    NoHurry = "nothing is asked again and again without a pause";
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.says())
    }
}

/// A law that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub law: Law,
    /// What is wrong, in a sentence.
    pub what: String,
}

impl Breach {
    /// A breach.
    #[must_use]
    pub fn new(law: Law, what: impl Into<String>) -> Self {
        Self { law, what: what.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.what)
    }
}
