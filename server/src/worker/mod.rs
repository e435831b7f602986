//! Hosts the work loop: gives it tokio's time and tasks, the role prompts, and keeps it running.
//!
//! The loop itself lives in `clutch_orchestrator::work`, where neither tokio nor a clock is
//! in reach: the simulator runs the very same code.

pub mod bin;
pub mod lines;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use clutch_domain::{task::Role, time::Millis};
use clutch_orchestrator::{
    prompt::Roles,
    work::{Leading, Parts, Reactor, WorkLoop},
};
use futures_util::future::BoxFuture;
use rustix::time::{ClockId, clock_gettime};

use crate::supervise::{Brood, Supervisor};

/// No sleep is longer: a machine that slept meanwhile is noticed after so long at the latest, and what a
/// clock says after a wake is asked again.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// tokio's tasks, and the time that goes on while the machine sleeps.
pub struct Tokio {
    supervisor: Supervisor,
    brood: Brood,
}

/// Milliseconds of the clock that goes on while the machine sleeps.
fn awake_or_not() -> Millis {
    let now = clock_gettime(ClockId::Boottime);
    Millis(now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000))
}

impl Tokio {
    /// Tasks are begun under this supervisor.
    pub fn new(supervisor: Supervisor) -> Self {
        Self { supervisor, brood: Brood::default() }
    }
}

impl Reactor for Tokio {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        self.brood.spawn(&self.supervisor, name, task);
    }

    fn steady(&self) -> Millis {
        awake_or_not()
    }

    fn sleep_until(&self, steady: Millis) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // tokio's own clock stands still while the machine sleeps.
            loop {
                let left = steady.since(awake_or_not());
                if left <= 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left.unsigned_abs()).min(SLEEP_MAX)).await;
            }
        })
    }
}

/// Starts the loop beside the server. Switched off it takes nothing new, but it still
/// follows the agents that are at work, stops those whose task was moved away, and brings
/// answers to their sessions.
///
/// Answers whether this server leads, for what else only one server may do. `reactor` is the one in `parts`.
pub fn start(supervisor: &Supervisor, reactor: Arc<Tokio>, parts: Parts) -> Leading {
    tracing::info!(board = %parts.board, takes_tasks = parts.policy.enabled, "the work loop starts");
    let work = WorkLoop::new(parts);
    let leading = work.leading();
    supervisor.keep("work loop", move || {
        let (work, reactor) = (work.clone(), reactor.clone());
        async move {
            // A loop that is begun again knows nothing of those whom the one before has begun: they end first,
            // so that nothing is attended twice. What they did is written down, and taken up from there.
            reactor.brood.renew().await;
            work.run().await;
        }
    });
    leading
}

/// The prompts that the program brings along.
const BUILT_IN: [(Role, &str); 5] = [
    (Role::Pm, include_str!("../../../roles/pm.md")),
    (Role::Dev, include_str!("../../../roles/dev.md")),
    (Role::Research, include_str!("../../../roles/research.md")),
    (Role::Reviewer, include_str!("../../../roles/reviewer.md")),
    (Role::ConflictResolver, include_str!("../../../roles/conflict_resolver.md")),
];

/// The built-in prompts, and over them the `<role>.md` files of a folder.
pub fn roles(dir: Option<&Path>) -> Result<Arc<Roles>, String> {
    let mut texts: BTreeMap<Role, String> = BUILT_IN.iter().map(|(role, text)| (*role, (*text).to_owned())).collect();
    if let Some(dir) = dir {
        for (role, text) in &mut texts {
            let file = dir.join(format!("{}.md", role.word()));
            match std::fs::read_to_string(&file) {
                Ok(own) => *text = own,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => {}
                Err(error) => return Err(format!("CLUTCH_ROLES_DIR: {} cannot be read: {error}.", file.display())),
            }
        }
    }
    let roles = Roles::load(texts.iter().map(|(role, text)| (*role, text.as_str()))).map_err(|e| e.to_string())?;
    Ok(Arc::new(roles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_steady_clock_goes_on_and_sleeps_end_by_it() {
        let tokio = Tokio::new(Supervisor::default());
        let before = tokio.steady();
        tokio.sleep_until(before).await;
        let until = before.plus(30);
        tokio.sleep_until(until).await;
        assert!(tokio.steady() >= until, "never too early");
        // The system's count of seconds since it was started, asleep or not, is the same clock.
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!((seconds * 1_000.0 - tokio.steady().0 as f64).abs() < 60_000.0, "{seconds} {:?}", tokio.steady());
    }

    #[test]
    fn own_prompts_lie_over_the_built_in_ones() {
        let built_in = roles(None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let own = "{{ticket}} {{description}} {{comments}} {{reporting}} be brief";
        std::fs::write(dir.path().join("dev.md"), own).unwrap();
        let mixed = roles(Some(dir.path())).unwrap();
        assert_ne!(mixed.version(Role::Dev), built_in.version(Role::Dev));
        assert_eq!(mixed.version(Role::Pm), built_in.version(Role::Pm));
        std::fs::write(dir.path().join("dev.md"), "{{nonsense}}").unwrap();
        assert!(roles(Some(dir.path())).unwrap_err().contains("nonsense"));
        assert!(roles(Some(Path::new("/nowhere/at/all"))).is_err());
    }
}
