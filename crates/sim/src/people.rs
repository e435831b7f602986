//! People, and the bad luck that they have.

use std::sync::Arc;

use clutch_domain::{
    actor::Actor,
    command::{Command, Direction, MoveTask, NewProject, NewTask, Place},
    id::{ProjectId, TaskId},
    project::{ChatLayout, Project},
    run::LoopState,
    talk::Signal,
    task::{Priority, Status, Task, TaskFields},
    text::{Body, LocalPath, Name, Title},
};
use clutch_orchestrator::office::{Error, Office};

use crate::{
    agent::{Board, Script},
    exec::Exec,
    rng::Rng,
    store::SimStore,
};

/// A person at the board.
pub struct Person {
    /// Time and luck.
    pub exec: Exec,
    /// What is truly kept; the page shows it.
    pub store: Arc<SimStore>,
    /// The use-cases.
    pub office: Arc<Office>,
    /// Who tells agents what to do.
    pub board: Arc<Board>,
}

impl Person {
    fn me() -> Actor {
        Actor::human("dan")
    }

    /// Does something until it is done: a person whose click failed clicks again.
    async fn insist(&self, command: Command) -> Option<clutch_orchestrator::office::Done> {
        loop {
            match self.office.run(&Self::me(), &command).await {
                Ok(done) => return Some(done),
                Err(Error::Refused(_)) => return None,
                Err(_) => self.exec.sleep(500).await,
            }
        }
    }

    /// A project with its loop on.
    pub async fn project(&self, name: &str) -> Option<ProjectId> {
        let new = NewProject {
            name: Name::parse(name).ok()?,
            slug: None,
            description: None,
            color: None,
            repo_url: None,
            local_path: LocalPath::parse("/srv/repository").ok()?,
            github_repo: None,
            chat_layout: ChatLayout::Slack,
            work_loop_enabled: true,
            work_loop_max_agents: None,
        };
        let done = self.insist(Command::CreateProject(new)).await?;
        done.made::<Project>().map(|p| p.id)
    }

    /// A task with an agent that will play its part.
    pub async fn task(
        &self,
        project: ProjectId,
        script: Script,
        status: Status,
        waits_for: Option<TaskId>,
    ) -> Option<TaskId> {
        let priority = self.exec.rng(|r| Priority::ALL[r.index(Priority::ALL.len())]);
        let new = NewTask {
            project,
            title: Title::parse(&format!("{script:?}")).ok()?,
            status,
            fields: TaskFields { priority: Some(priority), ..TaskFields::default() },
            dependencies: waits_for.map(|t| (t, Direction::DependsOn)).into_iter().collect(),
        };
        let done = self.insist(Command::CreateTask(new)).await?;
        let task = done.made::<Task>()?.id;
        self.board.assign(task, script);
        self.exec.say(|| format!("task {task} is {script:?}"));
        Some(task)
    }

    /// Answers a question, if there is one.
    async fn answer(&self) {
        let waiting: Vec<Signal> = self.store.all::<Signal>().into_iter().filter(Signal::waits).collect();
        let Some(signal) = self.pick(&waiting) else { return };
        if let Ok(Some(answer)) = Body::parse("Green.") {
            self.insist(Command::AnswerSignal(signal.id, answer)).await;
        }
    }

    fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.exec.rng(|r| r.index(from.len()))) }
    }

    async fn relocate(&self, task: TaskId, to: Status) {
        let relocate = MoveTask { task, to, place: Place::End, reason: None, resolution: None, reopen: false };
        self.insist(Command::MoveTask(relocate)).await;
    }

    /// Accepts finished work, so that what waits for it can begin.
    async fn accept(&self) {
        let tasks = self.store.all::<Task>();
        let finished: Vec<TaskId> =
            tasks.iter().filter(|t| t.status == Status::InReview && t.open_run.is_none()).map(|t| t.id).collect();
        if let Some(task) = self.pick(&finished) {
            self.relocate(*task, Status::Done).await;
        }
    }

    async fn pause(&self, project: ProjectId, paused: bool) {
        self.insist(Command::PauseLoop(project, paused)).await;
    }

    /// A restless person, until `until` of steady time.
    pub async fn meddle(self: Arc<Self>, projects: Vec<ProjectId>, until: i64) {
        while self.exec.now() < until {
            let (pause, luck) = self.exec.rng(|r| (r.between(3_000, 60_000), r.between(0, 99)));
            self.exec.sleep(pause).await;
            let tasks = self.store.all::<Task>();
            let Some(task) = self.pick(&tasks).map(|t| (t.id, t.status)) else { continue };
            let Some(project) = self.pick(&projects).copied() else { continue };
            match luck {
                0..=39 => self.answer().await,
                40..=54 => self.accept().await,
                55..=64 if task.1 == Status::Blocked => self.relocate(task.0, Status::Ready).await,
                65..=74 => {
                    let to = self.exec.rng(|r| [Status::Backlog, Status::Ready, Status::InReview][r.index(3)]);
                    self.relocate(task.0, to).await;
                }
                75..=78 => drop(self.insist(Command::DeleteTask(task.0)).await),
                79..=82 => {
                    self.pause(project, true).await;
                    let pause = self.exec.rng(|r| r.between(1_000, 90_000));
                    self.exec.sleep(pause).await;
                    self.pause(project, false).await;
                }
                83..=94 => {
                    let script = self.exec.rng(script);
                    self.task(project, script, Status::Ready, None).await;
                }
                _ => {}
            }
        }
    }

    /// A calm person: answers, accepts, and leaves the rest alone.
    pub async fn tidy(self: Arc<Self>) {
        for state in self.store.all::<LoopState>().into_iter().filter(|s| s.paused) {
            self.pause(state.project, false).await;
        }
        loop {
            self.exec.sleep(20_000).await;
            self.answer().await;
            self.accept().await;
        }
    }
}

/// Some script.
pub fn script(rng: &mut Rng) -> Script {
    match rng.between(0, 99) {
        0..=34 => Script::Complete,
        35..=44 => Script::PullRequest,
        45..=59 => Script::Ask,
        60..=71 => Script::AskAndGoOn,
        72..=79 => Script::Forget,
        80..=85 => Script::Fail(1),
        86..=89 => Script::Fail(9),
        90..=96 => Script::Slow,
        _ => Script::Mute,
    }
}
