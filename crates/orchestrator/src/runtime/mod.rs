//! The ports to whatever runs agents.
//!
//! [`AgentRuntime`] is what the work loop needs: start, look, wait, stop, hear. [`Conversations`] brings words into
//! a session and back, for answers to questions and for chats; [`Sessions`] looks after what a session remembers,
//! [`Decisions`] tells what waits for a person.
//! [`Names`] calls its sessions, [`Runtimes`] are all of a server. They speak of runs, sessions and sightings, never of one gateway's frames.

mod agents;
mod conversations;
mod decisions;
mod error;
mod event;
mod names;
mod registry;
mod run;
mod sighting;
mod state;

pub use agents::{Accepted, AgentRuntime, Reporting, StartRun};
pub use conversations::{Conversations, Model, Picture, SessionInfo, Sessions};
pub use decisions::{
    Asks, Choice, DECISION_LINE_MAX, DECISION_PARTS_MAX, DECISION_WORDS_MAX, DECISIONS_MAX, Decision, Decisions,
    Question, Reply, Waiting,
};
pub use error::RuntimeError;
pub use event::{RUN_EVENTS_WAITING, RunEvent, RunSign, ToolSign};
pub use names::{Names, OfRun};
pub use registry::{Runtime, Runtimes};
pub use run::{RunEnd, RunEndKind};
pub use sighting::{Begun, SeenRun, Sighting};
pub use state::{Away, Link, RuntimeState, Trouble};
