//! Tasks for agents that come by themselves: which one is next, and what its agent is told.
//!
//! Beside the work loop, and whether that runs or not: such an agent needs no runtime of ours. Two that ask at once are
//! offered the same task, and the claim of one is refused; it is offered the next.

use std::{cmp::Reverse, sync::Arc};

use clutch_domain::{
    actor::Actor,
    command::{Command, PullTask},
    doc::{Kind, RUN_WAITING, RUN_WORKING, Unique, prompt_in_force, startable_link},
    id::{ProjectId, PromptId, TaskId},
    phase::Row,
    plan::{
        Policy,
        world::{HELD_MAX, STARTABLE_MAX, WAITING_MAX, WORKING_MAX},
    },
    project::Project,
    prompt::Line,
    query::PROJECTS_MAX,
    range::{Docs, Fetch, Order, Range},
    refusal::Refusal,
    rule::work::next_attempt,
    run::{Hold, LoopState, Run},
    task::{Priority, Role, Task},
    text::Handle,
};

use crate::{
    office::{Error, Office},
    prompt::{Roles, reading::Reading, stored::Stored},
    runtime::Reporting,
    store::Fault,
};

/// Most tasks that are tried for one agent, where others are quicker each time.
const TRIES: usize = 20;
/// Projects that are looked into in one read.
const PROJECTS_AT_ONCE: usize = 20;

/// What an agent asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// This task and no other.
    pub task: Option<TaskId>,
    /// A task of this project.
    pub project: Option<ProjectId>,
    /// A task for this role.
    pub role: Option<Role>,
    /// The agent. Who holds a task under this name, with the same token, is given that one again.
    pub agent: Handle,
    /// The model that its prompt is for.
    pub model: Option<String>,
}

/// What an agent has.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// Its run.
    pub run: Run,
    /// The task.
    pub task: Task,
    /// The project.
    pub project: Project,
    /// All that it is told.
    pub prompt: String,
}

/// What an agent is offered.
#[derive(Clone, Debug)]
pub enum Offer {
    /// It has this now.
    Taken(Box<Pulled>),
    /// There is nothing for it; the sentence says why.
    Nothing(String),
}

/// Gives tasks out.
pub struct Pull {
    office: Arc<Office>,
    roles: Arc<Roles>,
    prompts: Stored,
    policy: Policy,
    board: String,
}

/// A task that could be taken.
struct Candidate {
    task: Task,
    row: &'static Row,
}

/// Why a task cannot be had.
enum Missed {
    /// A rule says so.
    Refused(Refusal),
    /// Something else, in a sentence.
    Otherwise(String),
}

/// An agent that asks is refused, or something of ours fails.
type Answer<T> = Result<T, Error>;

impl Pull {
    /// Over these; `board` is the board's address without a slash at its end.
    #[must_use]
    pub fn new(office: Arc<Office>, roles: Arc<Roles>, policy: Policy, board: String) -> Self {
        Self { office, roles, prompts: Stored::default(), policy, board }
    }

    /// Another attempt after one that failed, as the loop has it.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Gives the agent the next task.
    ///
    /// # Errors
    /// Where one task was asked for: why that cannot be had. Otherwise what is ours, or that too many agents hold tasks.
    pub async fn next(&self, actor: &Actor, ask: &Ask) -> Answer<Offer> {
        let held = self.held().await?;
        let own = |run: &&Run| {
            let of = |hold: &Hold| hold.agent == ask.agent.as_str() && hold.token == actor.who.id;
            run.hold.as_ref().is_some_and(of) && ask.task.is_none_or(|task| run.task == task)
        };
        if let Some(run) = held.iter().find(own) {
            return self.told(run.clone()).await;
        }
        if held.len() >= HELD_MAX as usize {
            return Err(Refusal::HeldTooMany.into());
        }
        let candidates = self.candidates(ask).await?;
        let mut why = None;
        for candidate in candidates.into_iter().take(TRIES) {
            match self.take(actor, ask, &candidate).await? {
                Ok(run) => return self.told(run).await,
                Err(Missed::Refused(refusal)) if ask.task.is_some() => return Err(refusal.into()),
                Err(Missed::Refused(refusal)) => why = Some(refusal.to_string()),
                Err(Missed::Otherwise(sentence)) => why = Some(sentence),
            }
        }
        Ok(Offer::Nothing(why.unwrap_or_else(|| "No task is ready that could be started now.".to_owned())))
    }

    /// What the agent of a run is told, whoever asks again.
    async fn told(&self, run: Run) -> Answer<Offer> {
        let reading = Reading::of(&run);
        let docs = self.office.read(&Fetch { scopes: Vec::new(), ranges: reading.ranges() }).await?.value;
        let ticket = reading.ticket(&docs, &run, &self.board, Reporting::Pull).ok_or(Refusal::TaskNotFound)?;
        let prompt = match run.prompt_version.parse::<PromptId>() {
            Err(_) => self.roles.render(&ticket),
            Ok(id) => match self.prompts.these(&self.office, [id]).await?.remove(&id) {
                Some(Ok(template)) => ticket.told_by(&template),
                Some(Err(_)) | None => None,
            },
        };
        let prompt = prompt.ok_or_else(|| Fault::new("the prompt of a task that was taken cannot be told"))?;
        let (task, project) = (ticket.task.clone(), ticket.project.clone());
        Ok(Offer::Taken(Box::new(Pulled { run, task, project, prompt })))
    }

    /// Tries to take one. The inner error says why this one cannot be had.
    async fn take(&self, actor: &Actor, ask: &Ask, candidate: &Candidate) -> Answer<Result<Run, Missed>> {
        let Candidate { task, row } = candidate;
        let role = row.role(task);
        let prompt_version = match self.prompt(role, ask.model.as_deref()).await? {
            Ok(version) => version,
            Err(why) => return Ok(Err(Missed::Otherwise(why))),
        };
        let attempt = next_attempt(task, role);
        let command = Command::PullTask(PullTask {
            task: task.id,
            phase: row.phase,
            role,
            attempt,
            session: format!("pull:{}:{}:{attempt}", task.id, role.word()),
            agent: ask.agent.clone(),
            model: ask.model.clone(),
            prompt_version,
            hold_ms: self.policy.stale_after(role),
        });
        match self.office.run(actor, &command).await {
            Ok(done) => Ok(done.made::<Run>().cloned().ok_or(Missed::Refused(Refusal::NotReady))),
            Err(Error::Refused(refusal)) => Ok(Err(Missed::Refused(refusal))),
            Err(busy @ Error::Busy) => Ok(Err(Missed::Otherwise(busy.to_string()))),
            Err(error) => Err(error),
        }
    }

    /// The version that counts for a role and model, or why nobody can be told by it.
    async fn prompt(&self, role: Role, model: Option<&str>) -> Answer<Result<String, String>> {
        let own = model.map(|model| Line { role, model: Some(model.to_owned()) });
        let lines: Vec<Line> = own.into_iter().chain([Line::any(role)]).collect();
        let range = |line: &Line| Range::doc(Kind::Unique, prompt_in_force(line));
        let fetch = Fetch { scopes: Vec::new(), ranges: lines.iter().map(range).collect() };
        let docs = self.office.read(&fetch).await?.value;
        let named =
            lines.iter().find_map(|line| docs.first::<Unique>(&range(line))?.target.id.parse::<PromptId>().ok());
        let Some(id) = named else { return Ok(Ok(self.roles.version(role).to_owned())) };
        let known = self.prompts.these(&self.office, [id]).await?.remove(&id);
        Ok(known.map_or_else(|| Err("Its prompt was not found.".to_owned()), |known| known.map(|_| id.to_string())))
    }

    /// Open runs of agents that took their tasks.
    async fn held(&self) -> Answer<Vec<Run>> {
        let ranges = [(RUN_WORKING, WORKING_MAX), (RUN_WAITING, WAITING_MAX)].map(|(status, limit)| Range::ByStatus {
            kind: Kind::Run,
            scope: None,
            status: status.into(),
            order: Order::Ordered,
            limit,
        });
        let docs = self.office.read(&Fetch { scopes: Vec::new(), ranges: ranges.to_vec() }).await?.value;
        let runs = ranges.iter().flat_map(|range| docs.all::<Run>(range));
        Ok(runs.filter(|run| run.hold.is_some()).cloned().collect())
    }

    /// What could be taken, the most urgent first.
    async fn candidates(&self, ask: &Ask) -> Answer<Vec<Candidate>> {
        if let Some(task) = ask.task {
            let task = self.office.get::<Task>(task).await?.ok_or(Refusal::TaskNotFound)?;
            let row = Row::taking(task.status).ok_or(Refusal::NotReady)?;
            return Ok(vec![Candidate { task, row }]);
        }
        let projects: Vec<ProjectId> = match ask.project {
            Some(project) => vec![project],
            None => {
                let all = Range::children(Kind::Project, "installation", PROJECTS_MAX);
                self.office.all::<Project>(all).await?.iter().map(|project| project.id).collect()
            }
        };
        let mut found = Vec::new();
        for some in projects.chunks(PROJECTS_AT_ONCE) {
            let looks: Vec<(ProjectId, Vec<Range>)> = some.iter().map(|p| (*p, startable(*p, ask.role))).collect();
            let mut ranges: Vec<Range> = looks.iter().flat_map(|(_, ranges)| ranges.iter().cloned()).collect();
            ranges.extend(some.iter().map(|project| Range::doc(Kind::LoopState, project)));
            let docs = self.office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
            for (_, ranges) in looks.iter().filter(|(project, _)| !paused(&docs, *project)) {
                let tasks = ranges.iter().flat_map(|range| docs.all::<Task>(range));
                found.extend(
                    tasks.filter_map(|task| Row::taking(task.status).map(|row| Candidate { task: task.clone(), row })),
                );
            }
        }
        found.sort_by(|a, b| {
            let key = |c: &Candidate| (Reverse(c.task.priority), c.task.position);
            let ((one, place), (other, beside)) = (key(a), key(b));
            one.cmp(&other).then(place.total_cmp(&beside)).then(a.task.id.cmp(&b.task.id))
        });
        Ok(found)
    }
}

fn paused(docs: &Docs, project: ProjectId) -> bool {
    docs.first::<LoopState>(&Range::doc(Kind::LoopState, project)).is_some_and(|state| state.paused)
}

/// The top of what could start in a project.
fn startable(project: ProjectId, role: Option<Role>) -> Vec<Range> {
    let roles = Role::ALL.iter().copied().filter(|one| role.is_none_or(|role| role == *one));
    let links = roles.flat_map(|role| Priority::ALL.iter().map(move |p| startable_link(project, role, *p)));
    links.map(|link| Range::Linked { kind: Kind::Task, link, limit: STARTABLE_MAX }).collect()
}
