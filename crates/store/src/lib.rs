//! Adapters of the port [`Store`](clutch_orchestrator::store::Store): where documents are kept.
//!
//! [`sqlite`] is the embedded default, one file in the data folder. [`memory`] forgets
//! everything at the end of the process and is deterministic: tests and the simulator use it.
//! Both pass the one suite in `tests/contract`; an adapter that joins them runs it too.

pub mod faults;
pub mod memory;
mod prepare;
pub mod sqlite;
mod wakes;

pub use faults::{CommitFault, Faults};
pub use memory::MemoryStore;
pub use sqlite::{OpenError, Options, SqliteStore};
