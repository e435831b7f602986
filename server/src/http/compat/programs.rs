//! What only the routes of programs share.

use std::{convert::Infallible, path::PathBuf, sync::Arc, time::Duration};

use clutch_domain::{plan::Policy, time::Millis};
use clutch_orchestrator::runtime::RuntimeError;
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
    pub models: Remembered<Infallible>,
    /// How the gateway is.
    pub dashboard: Remembered<()>,
    /// Its sessions.
    pub sessions: Remembered<RuntimeError>,
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

/// How long a failure holds: whoever waited for the same answer is told it, and does not wait all over again.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);

/// An answer and how long it holds.
type Held<E> = Option<(Instant, Result<Arc<Value>, E>)>;

/// An answer that is remembered for a while. Who asks meanwhile waits for whoever asks already.
pub struct Remembered<E>(Mutex<Held<E>>);

impl<E> Default for Remembered<E> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<E: Clone> Remembered<E> {
    /// Somebody has changed what was asked for: whoever asks next asks anew.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }

    /// The answer of before, or a new one, which says how long it holds.
    pub async fn or(&self, ask: impl Future<Output = Result<(Value, Duration), E>>) -> Result<Arc<Value>, E> {
        let mut held = self.0.lock().await;
        if let Some((until, answer)) = &*held
            && Instant::now() < *until
        {
            return answer.clone();
        }
        let (answer, holds) = match ask.await {
            Ok((answer, holds)) => (Ok(Arc::new(answer)), holds),
            Err(error) => (Err(error), FAILURE_HOLDS),
        };
        *held = Some((Instant::now() + holds, answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn those_who_ask_at_once_ask_once() {
        let asked = AtomicU32::new(0);
        let ask = async |answer: Result<(Value, Duration), &'static str>| {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            answer
        };
        let kept = Remembered::default();
        let fails = || kept.or(ask(Err("It is silent.")));
        assert_eq!(
            tokio::join!(fails(), fails(), fails()),
            (Err("It is silent."), Err("It is silent."), Err("It is silent."))
        );
        assert_eq!(asked.swap(0, Ordering::Relaxed), 1, "nobody waits for the same failure again");
        let kept = Remembered::default();
        let told = |holds| kept.or(ask(Ok((Value::from(7), holds))));
        let (one, other) = tokio::join!(told(Duration::from_secs(60)), told(Duration::ZERO));
        assert_eq!((one, other), (Ok(Arc::new(Value::from(7))), Ok(Arc::new(Value::from(7)))));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let kept = Remembered::default();
        let told = || kept.or(ask(Ok((Value::from(7), Duration::ZERO))));
        assert!(told().await.is_ok() && told().await.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 3, "what does not hold is asked for anew");
    }
}
