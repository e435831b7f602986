//! Adapters of the port [`Store`](clutch_orchestrator::store::Store): where documents are kept.
//!
//! [`sqlite`] is the embedded default, one file in the data folder. [`memory`] forgets
//! everything at the end of the process and is deterministic: tests and the simulator use it.
//! [`convex`] is the remote engine. All pass the one suite in `tests/contract`; an adapter that joins
//! them runs it too.

mod cache;
pub mod convex;
pub mod faults;
pub mod memory;
mod prepare;
mod ranges;
pub mod sqlite;
mod text;
mod wakes;

pub use convex::{CheckError, ConvexStore, Waits};
pub use faults::{CommitFault, Faults};
pub use memory::MemoryStore;
pub use sqlite::{OpenError, Options, SqliteStore};
