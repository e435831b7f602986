//! What the gateway keeps on disk, whatever becomes of its process.

use clutch_orchestrator::runtime::RunEnd;

/// A run as the gateway's ledger keeps it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Id.
    pub id: String,
    /// Its end, if it has one.
    pub end: Option<RunEnd>,
    /// Made by the gateway to go on after its restart.
    pub resumed: bool,
}

/// A session as it is kept on disk.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Keys of the messages in it.
    pub keys: Vec<String>,
    /// Its runs.
    pub runs: Vec<Record>,
    /// Newest words of the agent.
    pub words: Option<String>,
    /// The agent asked.
    pub asked: bool,
    /// A person's answer is in it.
    pub answered: bool,
    /// The agent reported.
    pub reported: bool,
}
