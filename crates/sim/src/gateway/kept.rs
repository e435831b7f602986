//! What the gateway keeps on disk, whatever becomes of its process.

use clutch_domain::id::ProjectId;
use clutch_orchestrator::runtime::{RunEnd, RunEndKind};

use super::Gateway;

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

/// What a turn uses, in tokens.
const TURN: u64 = 5_000;

impl Gateway {
    /// A turn asks the model, which says how long its usage window is shut where it is.
    pub fn ask_model(&self, session: &str, project: ProjectId) -> Result<(), RunEnd> {
        let (now, mut state) = (self.exec.now(), self.lock());
        if now < state.shut_until {
            let seconds = (state.shut_until - now) / 1_000 + 1;
            let reason = Some(format!("usage limit reached, try again in {seconds} seconds"));
            return Err(RunEnd { how: RunEndKind::Failed, last_words: String::new(), reason });
        }
        *state.used.entry(session.to_owned()).or_insert(0) += TURN;
        *state.used_for.entry(project).or_insert(0) += TURN;
        Ok(())
    }

    /// What a session has used; `None` where there is none (any more).
    pub fn used(&self, session: &str) -> Option<u64> {
        let state = self.lock();
        state.sessions.contains_key(session).then(|| state.used.get(session).copied().unwrap_or(0))
    }

    /// What agents of a project have used, whatever became of their sessions.
    pub fn used_for(&self, project: ProjectId) -> u64 {
        self.lock().used_for.get(&project).copied().unwrap_or(0)
    }

    /// The model's usage window runs out, for so long.
    pub fn run_out(&self, ms: i64) {
        let until = self.exec.now() + ms;
        self.lock().shut_until = until;
    }
}
