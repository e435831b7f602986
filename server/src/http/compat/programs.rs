//! What only the routes of programs share.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clutch_domain::{plan::Policy, time::Millis};
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::github::GitHub;
use crate::settings::{Knobs, WithoutPr};

/// Settings, and what was asked of others a moment ago.
pub struct Programs {
    /// When the server began.
    pub started_at: Millis,
    /// The limits of the loop.
    pub policy: Policy,
    /// What becomes of a task that is reported as complete without a pull request.
    pub without_pr: WithoutPr,
    /// Folders in which paths may be asked about.
    pub roots: Vec<PathBuf>,
    /// The loop's settings for the next start.
    pub knobs: Knobs,
    /// Where repositories are looked up.
    pub github: GitHub,
    /// The gateway's models.
    pub models: Remembered,
    /// How the gateway is.
    pub dashboard: Remembered,
    /// Its sessions.
    pub sessions: Remembered,
}

impl Programs {
    /// With what is usual.
    pub fn at(started_at: Millis) -> Self {
        Self {
            started_at,
            policy: Policy::default(),
            without_pr: WithoutPr::default(),
            roots: Vec::new(),
            knobs: Knobs::default(),
            github: GitHub::default(),
            models: Remembered::default(),
            dashboard: Remembered::default(),
            sessions: Remembered::default(),
        }
    }
}

/// An answer and how long it holds.
type Held = Option<(Instant, Arc<Value>)>;

/// An answer that is remembered for a while. Who asks meanwhile waits for whoever asks already.
#[derive(Default)]
pub struct Remembered(Mutex<Held>);

impl Remembered {
    /// The answer of before, or a new one, which says how long it holds; one that does not hold is not kept.
    pub async fn or<E>(&self, ask: impl Future<Output = Result<(Value, Duration), E>>) -> Result<Arc<Value>, E> {
        let mut held = self.0.lock().await;
        if let Some((until, answer)) = &*held
            && Instant::now() < *until
        {
            return Ok(answer.clone());
        }
        let (answer, holds) = ask.await?;
        let answer = Arc::new(answer);
        *held = Some((Instant::now() + holds, answer.clone()));
        Ok(answer)
    }
}
