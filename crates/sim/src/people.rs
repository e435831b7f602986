//! People, and the bad luck that they have.

pub mod beside;
pub mod brakes;

use std::sync::Arc;

use clutch_domain::{
    actor::Actor,
    chat::{Chat, DeliveryStatus, Message},
    command::{
        Command, Direction, EdgeRef, Force, MoveTask, NewComment, NewMessage, NewProject, NewTask, NewWebhook, Place,
        ProjectPatch,
    },
    doc::Dependency,
    id::{ProjectId, TaskId},
    invariant::Law,
    project::Project,
    run::LoopState,
    talk::{AuthorType, CommentType, Signal},
    task::{Priority, Role, Status, Task, TaskFields},
    text::{Body, Handle, LocalPath, Name, Title, WebhookDescription, WebhookEvents, WebhookUrl},
};
use clutch_orchestrator::{
    office::{Done, Error, Office},
    store::IdempotencyKey,
};

use crate::{
    agent::{Board, Script},
    exec::Exec,
    gateway::Gateway,
    rng::Rng,
    store::SimStore,
};

/// So often the bin is looked after, in milliseconds.
const BIN_MS: i64 = 20_000;

/// A person at the board.
pub struct Person {
    /// Time and luck.
    pub exec: Exec,
    /// What is truly kept; the page shows it.
    pub store: Arc<SimStore>,
    /// Who tells agents what to do.
    pub board: Arc<Board>,
    /// Who is told of each press that wants words said again.
    pub gateway: Arc<Gateway>,
    // The use-cases, of each server whose pages people have open.
    offices: Vec<Arc<Office>>,
}

impl Person {
    /// A person whose pages come from these servers.
    #[must_use]
    pub fn new(exec: Exec, store: Arc<SimStore>, offices: Vec<Arc<Office>>, gateway: Arc<Gateway>) -> Self {
        Self { exec, store, board: gateway.board.clone(), gateway, offices }
    }

    fn me() -> Actor {
        Actor::human("dan")
    }

    /// Does something until it is done: a person whose click failed clicks again, which is the same press.
    async fn insist(&self, command: Command) -> Option<Done> {
        self.insist_at(0, command).await
    }

    /// The same on the pages of another server, where there is one.
    async fn insist_at(&self, page: usize, command: Command) -> Option<Done> {
        self.insist_as(&Self::me(), page, command).await
    }

    /// The same of somebody else.
    async fn insist_as(&self, actor: &Actor, page: usize, command: Command) -> Option<Done> {
        let office = self.offices.get(page % self.offices.len().max(1))?;
        let key = IdempotencyKey(self.exec.rng(Rng::uuid).to_string());
        loop {
            match office.run_as(actor, &command, &key).await {
                Ok(done) => return Some(done),
                Err(Error::Refused(_)) => return None,
                Err(Error::KeyReused) => {
                    self.exec.wrong(Law::DoneOnce, format!("{command:?} is taken for another call"));
                    return None;
                }
                Err(_) => {
                    self.exec.count("a person pressed again");
                    self.exec.sleep(500).await;
                }
            }
        }
    }

    /// A project with its loop on.
    pub async fn project(&self, name: &str) -> Option<ProjectId> {
        let most = self.exec.rng(|r| r.chance(30).then(|| u32::try_from(r.between(1, 3)).unwrap_or(1)));
        let new = NewProject {
            local_path: LocalPath::parse("/srv/repository").ok()?,
            work_loop_enabled: true,
            work_loop_max_agents: most,
            ..NewProject::new(Name::parse(name).ok()?)
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
        let (priority, role, number) = self.exec.rng(|r| (some(r, Priority::ALL), role(r), r.bits()));
        let new = NewTask {
            project,
            // No other task is called so: made twice it would be seen.
            title: Title::parse(&format!("{script:?} ({number})")).ok()?,
            status,
            fields: TaskFields { priority, role: Some(role), ..TaskFields::default() },
            dependencies: waits_for.map(|t| (t, Direction::DependsOn)).into_iter().collect(),
        };
        let done = self.insist(Command::CreateTask(new)).await?;
        let task = done.made::<Task>()?.id;
        self.board.assign(task, script);
        self.exec.say(|| format!("task {task} is {script:?}"));
        Some(task)
    }

    /// A whole day: projects, tasks, some of them in chains, and mostly more than that.
    pub async fn day(self: Arc<Self>, until: i64) {
        let exec = self.exec.clone();
        let mut projects = Vec::new();
        for name in ["Site", "Shop"] {
            projects.extend(self.project(name).await);
        }
        let tasks = exec.rng(|r| r.between(4, 14));
        let mut last = None;
        for _ in 0..tasks {
            let (project, script, chained) = exec.rng(|r| (r.index(projects.len()), script(r), r.chance(25)));
            let Some(project) = projects.get(project).copied() else { return };
            let waits_for = last.filter(|(p, _)| chained && *p == project).map(|(_, t)| t);
            last = self.task(project, script, Status::Ready, waits_for).await.map(|t| (project, t));
        }
        if exec.rng(|r| r.chance(80)) {
            self.meddle(until).await;
        }
    }

    /// Has programs elsewhere told what happens in each project, from early on.
    pub async fn listen(self: Arc<Self>) {
        let mut heard = std::collections::BTreeSet::new();
        while heard.len() < 3 && self.exec.now() < crate::STORM_MS {
            self.exec.sleep(5_000).await;
            for project in self.store.all::<Project>() {
                if project.deleted_at.is_none() && heard.insert(project.id) {
                    let some = self.exec.rng(|r| r.chance(50));
                    let words = ["status_changed", "agent_assigned", "agent_completed", "message_sent"];
                    let events = if some { WebhookEvents::parse(words) } else { Ok(WebhookEvents::all()) };
                    let (Ok(url), Ok(description), Ok(events)) =
                        (WebhookUrl::parse("https://example.com/"), WebhookDescription::parse(""), events)
                    else {
                        return;
                    };
                    let (project, on, key) = (project.id, true, String::new());
                    let new = NewWebhook { project, url, description, events, on, key };
                    self.insist(Command::CreateWebhook(new)).await;
                }
            }
        }
    }

    /// Answers a question, if there is one.
    async fn answer(&self) {
        let waiting: Vec<Signal> = self.store.all::<Signal>().into_iter().filter(Signal::waits).collect();
        if let Some(signal) = self.pick(&waiting) {
            self.reply(signal).await;
        }
    }

    async fn reply(&self, signal: &Signal) {
        if let Ok(Some(answer)) = Body::parse("Green.") {
            self.insist_at(1, Command::AnswerSignal(signal.id, answer)).await;
        }
    }

    fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.exec.rng(|r| r.index(from.len()))) }
    }

    async fn relocate(&self, task: TaskId, to: Status, place: Place) {
        let relocate = MoveTask { task, to, place, reason: None, resolution: None, reopen: false };
        self.insist(Command::MoveTask(relocate)).await;
    }

    /// Accepts finished work, so that what waits for it can begin.
    async fn accept(&self) {
        let tasks = self.store.all::<Task>();
        let finished: Vec<TaskId> =
            tasks.iter().filter(|t| t.status == Status::InReview && t.open_run.is_none()).map(|t| t.id).collect();
        if let Some(task) = self.pick(&finished) {
            self.relocate(*task, Status::Done, Place::End).await;
        }
    }

    async fn pause(&self, project: ProjectId, paused: bool) {
        self.insist(Command::PauseLoop(project, paused)).await;
    }

    async fn switch(&self, project: ProjectId, on: bool) {
        let patch = ProjectPatch { work_loop_enabled: Some(on), ..ProjectPatch::default() };
        self.insist(Command::UpdateProject(project, patch)).await;
    }

    /// Some milliseconds, from a second on.
    async fn wait(&self, most: i64) {
        let ms = self.exec.rng(|r| r.between(1_000, most));
        self.exec.sleep(ms).await;
    }

    /// A restless person, until `until` of steady time.
    async fn meddle(&self, until: i64) {
        while self.exec.now() < until {
            let (pause, luck) = self.exec.rng(|r| (r.between(2_000, 45_000), r.between(0, 99)));
            self.exec.sleep(pause).await;
            let tasks = self.store.all::<Task>();
            let Some(task) = self.pick(&tasks).cloned() else { continue };
            let projects: Vec<Project> =
                self.store.all::<Project>().into_iter().filter(|p| p.deleted_at.is_none()).collect();
            let Some(project) = self.pick(&projects).map(|p| p.id) else { continue };
            match luck {
                0..=19 => self.answer().await,
                20..=29 => self.accept().await,
                30..=36 if task.status == Status::Blocked => self.relocate(task.id, Status::Ready, Place::End).await,
                37..=43 => {
                    let to = self.exec.rng(|r| some(r, &[Status::Backlog, Status::Ready, Status::InReview]));
                    self.relocate(task.id, to.unwrap_or(Status::Ready), Place::End).await;
                }
                44..=48 => self.take_away(&tasks).await,
                49..=51 => drop(self.insist(Command::DeleteTask(task.id)).await),
                52..=55 => {
                    self.pause(project, true).await;
                    self.wait(90_000).await;
                    self.pause(project, false).await;
                }
                56..=59 => {
                    // Switched off just when there is something to start.
                    let (script, late) = self.exec.rng(|r| (script(r), r.between(0, 150)));
                    let off = async {
                        self.exec.sleep(late).await;
                        self.switch(project, false).await;
                    };
                    futures_util::join!(self.task(project, script, Status::Ready, None), off);
                    self.wait(60_000).await;
                    self.switch(project, true).await;
                }
                60..=67 => {
                    let script = self.exec.rng(script);
                    self.task(project, script, Status::Ready, None).await;
                }
                68..=71 => self.tangle(project).await,
                72..=76 => self.rewire(&task, &tasks).await,
                77..=81 => self.reorder(&task, &tasks).await,
                82..=85 => {
                    let (priority, role) = self.exec.rng(|r| (some(r, Priority::ALL), role(r)));
                    let patch = TaskFields { priority, role: Some(role), ..TaskFields::default() };
                    self.insist(Command::UpdateTask(task.id, patch.into())).await;
                }
                86..=89 => self.comment_while_it_goes(&task).await,
                90..=91 => {
                    let most = self.exec.rng(|r| r.chance(70).then(|| u32::try_from(r.between(1, 3)).unwrap_or(1)));
                    let patch = ProjectPatch { work_loop_max_agents: Some(most), ..ProjectPatch::default() };
                    self.insist(Command::UpdateProject(project, patch)).await;
                }
                92..=94 => self.throw_away(project, projects.len()).await,
                _ => self.chat().await,
            }
        }
    }

    /// Says something in a chat, or wants what failed sent again.
    async fn chat(&self) {
        let failed = |message: &Message| message.delivery_status == Some(DeliveryStatus::Failed) && !message.open();
        if self.exec.rng(|r| r.chance(30))
            && let Some(message) = self.store.find::<Message>(failed)
        {
            self.exec.count("a person wanted a message sent again");
            // From this press on its words may come once more, whatever becomes of the call.
            self.gateway.press_again(message.id);
            self.insist(Command::RetryMessage(message.id)).await;
            return;
        }
        let chats: Vec<Chat> = self.store.all::<Chat>().into_iter().filter(|c| c.deleted_at.is_none()).collect();
        let Some(chat) = self.pick(&chats).map(|chat| chat.id) else { return };
        for _ in 0..self.exec.rng(|r| r.between(1, 3)) {
            let number = self.exec.rng(|r| r.bits() >> 40);
            let Ok(Some(words)) = Body::parse(&format!("How is it going? ({number})")) else { return };
            let mut new = NewMessage::new(chat, Handle::owner(), words);
            new.send = true;
            self.exec.count("a person wrote in a chat");
            self.insist(Command::PostMessage(new)).await;
        }
    }

    /// Takes a task from the agent that works on it, and perhaps gives it back at once.
    async fn take_away(&self, tasks: &[Task]) {
        let busy: Vec<TaskId> = tasks.iter().filter(|t| t.open_run.is_some()).map(|t| t.id).collect();
        let Some(task) = self.pick(&busy).copied() else { return };
        self.exec.count("a task was taken from its agent");
        // Somebody else may answer its question at the same moment.
        let (late, back, other) = self.exec.rng(|r| (r.between(0, 150), r.chance(60), r.chance(40)));
        let answering = async {
            self.exec.sleep(late).await;
            if let Some(signal) = self.store.find::<Signal>(|signal| signal.task == task && signal.waits()) {
                self.reply(&signal).await;
            }
        };
        futures_util::join!(self.relocate(task, Status::Backlog, Place::End), answering);
        if other {
            let role = self.exec.rng(role);
            self.insist_at(
                1,
                Command::UpdateTask(task, TaskFields { role: Some(role), ..TaskFields::default() }.into()),
            )
            .await;
        }
        if back {
            self.relocate(task, Status::Ready, Place::Top).await;
        }
    }

    /// Four tasks; two of the four edges of a circle are there, the other two are drawn at the same moment on two
    /// pages. One of them has to be refused, and then all of them go again.
    async fn tangle(&self, project: ProjectId) {
        let mut made = Vec::new();
        for _ in 0..4 {
            made.extend(self.task(project, Script::Complete, Status::Backlog, None).await);
        }
        let [a, b, c, d] = made[..] else { return };
        self.insist(Command::AddDependency(b, c)).await;
        self.insist(Command::AddDependency(d, a)).await;
        let (one, other) = (Command::AddDependency(a, b), Command::AddDependency(c, d));
        let drawn = futures_util::join!(self.insist_at(0, one), self.insist_at(1, other));
        if drawn.0.is_none() || drawn.1.is_none() {
            self.exec.count("a circle was refused");
        }
        for task in [a, b, c, d] {
            self.insist(Command::DeleteTask(task)).await;
        }
    }

    /// An edge comes, or goes.
    async fn rewire(&self, task: &Task, tasks: &[Task]) {
        let edges: Vec<Dependency> = self.store.all::<Dependency>();
        if self.exec.rng(|r| r.chance(50))
            && let Some(edge) = self.pick(&edges)
        {
            self.insist(Command::RemoveDependency(EdgeRef::Id(edge.id))).await;
            return;
        }
        let others: Vec<TaskId> = tasks.iter().filter(|t| t.project == task.project).map(|t| t.id).collect();
        if let Some(on) = self.pick(&others).copied() {
            self.insist(Command::AddDependency(task.id, on)).await;
        }
    }

    /// A card goes to another place of its column.
    async fn reorder(&self, task: &Task, tasks: &[Task]) {
        let column: Vec<TaskId> = tasks
            .iter()
            .filter(|t| (t.project, t.status) == (task.project, task.status) && t.id != task.id)
            .map(|t| t.id)
            .collect();
        let Some(neighbour) = self.pick(&column).copied() else { return };
        let place = self.exec.rng(|r| some(r, &[Place::Top, Place::Before(neighbour), Place::After(neighbour)]));
        self.relocate(task.id, task.status, place.unwrap_or(Place::Top)).await;
    }

    /// Somebody writes a comment while somebody else removes the task.
    async fn comment_while_it_goes(&self, task: &Task) {
        let Ok(Some(content)) = Body::parse("Nice.") else { return };
        let comment = NewComment {
            task: task.id,
            author: Handle::owner(),
            author_type: AuthorType::Human,
            content,
            kind: CommentType::Message,
        };
        if task.open_run.is_some() && self.exec.rng(|r| r.chance(70)) {
            self.insist(Command::AddComment(comment)).await;
            return;
        }
        let late = self.exec.rng(|r| r.between(0, 100));
        let going = async {
            self.exec.sleep(late).await;
            self.insist_at(1, Command::DeleteTask(task.id)).await
        };
        futures_util::join!(self.insist_at(0, Command::AddComment(comment)), going);
    }

    /// A project goes into the bin, comes back, or goes for good while another one takes its place.
    async fn throw_away(&self, project: ProjectId, projects: usize) {
        self.insist(Command::DeleteProject(project, Force::Yes)).await;
        self.exec.count("a project was deleted");
        self.wait(120_000).await;
        if projects > 1 && self.exec.rng(|r| r.chance(30)) {
            self.exec.count("a project went for good");
            self.insist(Command::DiscardProject(project)).await;
            if let Some(new) = self.project("Shop").await {
                self.task(new, Script::Complete, Status::Ready, None).await;
            }
        } else {
            self.insist(Command::RestoreProject(project)).await;
        }
    }

    /// What the leading server does with the bin: takes what lies there out of the lists, brings back what was
    /// restored, and removes for good what was given up.
    pub async fn sweep(self: Arc<Self>) {
        let Some(office) = self.offices.first().cloned() else { return };
        loop {
            self.exec.sleep(BIN_MS).await;
            for project in self.store.all::<Project>() {
                let step = match (project.deleted_at.is_some(), project.purging) {
                    (false, _) => continue,
                    (true, false) => Command::ShelveProject(project.id),
                    (true, true) => Command::PurgeProject(project.id),
                };
                // As many steps as it takes; what fails is taken up again in the next round.
                while let Ok(done) = office.run(&Actor::sweeper(), &step).await
                    && !done.change.is_empty()
                {}
            }
        }
    }

    /// A calm person: switches everything on again, brings back what lies in the bin, answers, accepts, and leaves
    /// the rest alone.
    pub async fn tidy(self: Arc<Self>) {
        for project in self.store.all::<Project>() {
            if project.deleted_at.is_some() {
                self.insist(Command::RestoreProject(project.id)).await;
            }
            if !project.work_loop_enabled {
                self.switch(project.id, true).await;
            }
            self.let_go(&project).await;
        }
        for state in self.store.all::<LoopState>().into_iter().filter(|s| s.paused) {
            self.pause(state.project, false).await;
        }
        loop {
            self.exec.sleep(20_000).await;
            self.mend_prompts().await;
            self.answer().await;
            self.accept().await;
            self.put_back().await;
        }
    }

    /// A card that was dragged within its column just when its agent gave it back stands in progress with nobody at it.
    async fn put_back(&self) {
        let alone = |task: &Task| task.status == Status::InProgress && task.open_run.is_none();
        if let Some(task) = self.store.find::<Task>(alone) {
            self.relocate(task.id, Status::Ready, Place::End).await;
        }
    }
}

fn some<T: Copy>(rng: &mut Rng, from: &[T]) -> Option<T> {
    if from.is_empty() { None } else { from.get(rng.index(from.len())).copied() }
}

/// Mostly the usual kind of agent.
fn role(rng: &mut Rng) -> Option<Role> {
    if rng.chance(60) { None } else { some(rng, Role::ALL) }
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
        90..=93 => Script::Slow,
        _ => Script::Mute,
    }
}
