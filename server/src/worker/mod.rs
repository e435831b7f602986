//! Hosts the work loop: gives it tokio's time and tasks, the role prompts, and keeps it running.
//!
//! The loop itself lives in `clutch_orchestrator::work`, where neither tokio nor a clock is
//! in reach: the simulator runs the very same code.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use clutch_domain::time::Millis;
use clutch_orchestrator::{
    prompt::Roles,
    work::{Parts, Reactor, WorkLoop},
};
use futures_util::future::BoxFuture;

/// tokio's time and tasks.
pub struct Tokio {
    began: Instant,
}

impl Default for Tokio {
    fn default() -> Self {
        Self { began: Instant::now() }
    }
}

impl Reactor for Tokio {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        tracing::trace!(name, "task");
        tokio::spawn(task);
    }

    fn steady(&self) -> Millis {
        Millis(i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, steady: Millis) -> BoxFuture<'static, ()> {
        let left = steady.since(self.steady());
        Box::pin(tokio::time::sleep(Duration::from_millis(left.unsigned_abs())))
    }
}

/// Starts the loop beside the server.
pub fn start(parts: Parts) {
    if !parts.policy.enabled {
        tracing::info!("the work loop is off (WORK_LOOP_ENABLED)");
        return;
    }
    tracing::info!(board = %parts.board, "the work loop starts");
    tokio::spawn(WorkLoop::new(parts).run());
}

/// Finds the folder of role prompts: as set, beside the program, or in the current folder.
pub fn roles_dir(set: Option<&Path>) -> Option<PathBuf> {
    if let Some(dir) = set {
        return Some(dir.to_owned());
    }
    let here = PathBuf::from("roles");
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("roles")));
    [Some(here), beside].into_iter().flatten().find(|dir| dir.is_dir())
}

/// The prompts in a folder, over those that are built in.
pub fn roles(dir: Option<&Path>) -> Result<Arc<Roles>, String> {
    Roles::load(dir).map(Arc::new)
}
