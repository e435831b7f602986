//! What people do about what agents use up: budgets, dry runs, agents that are stopped; usage windows that run out; and
//! a coordinator that never gives up.

use std::sync::Arc;

use clutch_domain::{
    actor::Actor,
    brake::Budget,
    command::{Command, ProjectPatch, Triage, TriageStep},
    id::ProjectId,
    project::Project,
    run::Run,
    task::{Status, Task},
    text::Handle,
};

use super::Person;

/// One day in so many has them: all others stay as they are without.
pub const EVERY: u64 = 9;
/// Which of those.
pub const NTH: u64 = 1;

impl Person {
    /// Uses the brakes, until `until` of steady time.
    pub async fn brake(self: Arc<Self>, until: i64) {
        loop {
            let (pause, luck) = self.exec.rng(|r| (r.between(2_000, 25_000), r.between(0, 99)));
            self.exec.sleep(pause).await;
            if self.exec.now() >= until {
                return;
            }
            let projects: Vec<Project> =
                self.store.all::<Project>().into_iter().filter(|p| p.deleted_at.is_none()).collect();
            let Some(project) = self.pick(&projects).cloned() else { continue };
            match luck {
                0..=19 => self.bound(project.id).await,
                20..=29 => {
                    self.exec.count("a project ran dry");
                    self.set(project.id, ProjectPatch { dry_run: Some(true), ..ProjectPatch::default() }).await;
                    self.wait(60_000).await;
                    self.set(project.id, ProjectPatch { dry_run: Some(false), ..ProjectPatch::default() }).await;
                }
                30..=36 => {
                    let patch = ProjectPatch { limits_fail: Some(!project.limits_fail), ..ProjectPatch::default() };
                    self.set(project.id, patch).await;
                }
                37..=46 => self.stop_one().await,
                47..=61 => {
                    let ms = self.exec.rng(|r| r.between(5_000, 240_000));
                    self.exec.count("a usage window ran out");
                    self.gateway.run_out(ms);
                }
                _ => self.unblock().await,
            }
        }
    }

    async fn set(&self, project: ProjectId, patch: ProjectPatch) {
        self.insist_at(1, Command::UpdateProject(project, patch)).await;
    }

    /// A budget that is soon used up, or none any more.
    async fn bound(&self, project: ProjectId) {
        let (which, much) = self.exec.rng(|r| (r.between(0, 5), r.between(1, 12)));
        let few = u32::try_from(much).unwrap_or(1);
        let many = u64::from(few);
        let budget = match which {
            0 | 1 => Budget { runs: Some(few), ..Budget::default() },
            2 => Budget { minutes: Some(few), ..Budget::default() },
            3 => Budget { tokens: Some(many * 10_000), ..Budget::default() },
            4 => Budget { cost_micros: Some(many * 100_000), ..Budget::default() },
            _ => Budget::default(),
        };
        self.exec.count("a budget was set");
        self.set(project, ProjectPatch { budget: Some(budget), ..ProjectPatch::default() }).await;
    }

    async fn stop_one(&self) {
        let open: Vec<Run> = self.store.all::<Run>().into_iter().filter(Run::open).collect();
        if let Some(run) = self.pick(&open).map(|run| run.id)
            && self.insist_at(1, Command::StopAgent(run)).await.is_some()
        {
            self.exec.count("an agent was stopped by a person");
        }
    }

    /// A coordinator lets another agent try, mostly where most have tried in vain.
    async fn unblock(&self) {
        let tasks = self.store.all::<Task>().into_iter().filter(|task| task.status == Status::Blocked);
        let Some(task) = tasks.max_by_key(|task| task.fruitless) else { return };
        let ask = Triage { task: task.id, author: Handle::owner(), step: TriageStep::Unblock };
        if self.insist_as(&Actor::program(Some("coordinator")), 0, Command::Triage(ask)).await.is_none()
            && task.is_fruitless()
        {
            self.exec.count("another agent was refused after a row of fruitless ones");
        }
    }

    /// Lets go of the brakes.
    pub(super) async fn let_go(&self, project: &Project) {
        if project.dry_run || !project.budget.is_none() {
            let patch =
                ProjectPatch { dry_run: Some(false), budget: Some(Budget::default()), ..ProjectPatch::default() };
            self.insist(Command::UpdateProject(project.id, patch)).await;
        }
    }
}
