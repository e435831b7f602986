//! What the work loop does next: a pure function from what is there to what should be done.
//!
//! Nothing is remembered between two calls. A restart of the server is an ordinary
//! call: open runs are documents, so they are attended again; answers that were not
//! delivered are documents, so they are delivered. The order of the documents in a
//! [`World`] does not matter.

pub mod explain;
pub mod why;
pub mod world;

use std::collections::{BTreeMap, VecDeque};

use crate::{
    command::Retry,
    id::{ProjectId, PromptId, RunId, SignalId, TaskId},
    phase::{Phase, Row},
    project::Project,
    rule::work::next_attempt,
    run::{Ended, Hold, RunState},
    runtime::{Standing, unknown},
    sabotage::{Switch, reach, removed},
    talk::{Delivery, Signal},
    task::{Role, Status, Task},
    text::{Excerpt, Slug},
    time::Millis,
};
use why::Why;
use world::{HELD_MAX, OpenRun, OwnWorld, WORKING_MAX, World};

/// How many agents may work, and how long things may take (facts §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `WORK_LOOP_ENABLED`: off starts no agent anywhere; what runs is still looked after.
    pub enabled: bool,
    /// `WORK_LOOP_CYCLE_MS`: the loop looks again after this long even if nothing changed.
    pub cycle_ms: i64,
    /// `WORK_LOOP_MAX_AGENTS`: most agents at work in the whole installation, 800 at most ([`world::WORKING_MAX`] less [`world::HELD_MAX`]). This
    /// and the following limits count by runtime.
    pub max_agents: u32,
    /// `WORK_LOOP_MAX_AGENTS_PER_PROJECT`: most in one project that names no limit of its own.
    pub max_agents_per_project: u32,
    /// `WORK_LOOP_MAX_DEV_AGENTS`: most dev agents in one project.
    pub max_dev_agents: u32,
    /// `WORK_LOOP_MAX_REVIEWER_AGENTS`: most reviewers in one project.
    pub max_reviewer_agents: u32,
    /// `WORK_LOOP_MAX_CONFLICT_RESOLVER_AGENTS`: most of them in one project.
    pub max_conflict_resolver_agents: u32,
    /// `WORK_LOOP_STALE_TASK_MINUTES`, in milliseconds: an agent that gives no sign for so long is stopped.
    pub stale_ms: i64,
    /// `WORK_LOOP_STALE_REVIEW_MINUTES`, in milliseconds: the same for reviewers.
    pub stale_review_ms: i64,
    /// Most seconds that one turn of an agent may take; the runtime sees to it.
    pub turn_seconds: u32,
    /// What happens after a failure.
    pub retry: Retry,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            enabled: true,
            cycle_ms: 30_000,
            max_agents: 10,
            max_agents_per_project: 3,
            max_dev_agents: 2,
            max_reviewer_agents: 1,
            max_conflict_resolver_agents: 1,
            stale_ms: 15 * 60_000,
            stale_review_ms: 30 * 60_000,
            turn_seconds: 3_600,
            retry: Retry { wait_ms: 30_000, cap: 3 },
        }
    }
}

impl Policy {
    /// Most agents of a role in one project, where there is a limit.
    #[must_use]
    pub const fn most_of(&self, role: Role) -> Option<u32> {
        match role {
            Role::Dev => Some(self.max_dev_agents),
            Role::Reviewer => Some(self.max_reviewer_agents),
            Role::ConflictResolver => Some(self.max_conflict_resolver_agents),
            Role::Pm | Role::Research => None,
        }
    }

    /// How long an agent of a role may give no sign, in milliseconds.
    #[must_use]
    pub const fn stale_after(&self, role: Role) -> i64 {
        if matches!(role, Role::Reviewer) { self.stale_review_ms } else { self.stale_ms }
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The run's task went elsewhere: stop its agent and close the run.
    Stop(RunId),
    /// The run waits for an answer that cannot reach it: end it, with this reason.
    Strand(RunId, String),
    /// A person's answer is on its way to the agent's session.
    Deliver(SignalId),
    /// Bring the run to its runtime, or follow it there.
    Attend(RunId),
    /// The run's runtime is none of this server's: it is not touched, and its card says so in this sentence.
    Leave(RunId, String),
    /// An agent that took the task itself has given no sign for long: the task goes back.
    Lapse(RunId),
    /// The task of an agent that took it went elsewhere: the run is over, as nobody can stop its agent.
    Close(RunId, Ended, String),
    /// Take a task for an agent.
    Claim(Start),
}

impl Action {
    fn reached(&self) {
        reach(match self {
            Self::Stop(_) => "plan: stops",
            Self::Strand(..) => "plan: strands",
            Self::Deliver(_) => "plan: delivers",
            Self::Attend(_) => "plan: attends",
            Self::Leave(..) => "plan: leaves alone",
            Self::Lapse(_) => "plan: takes back",
            Self::Close(..) => "plan: closes",
            Self::Claim(_) => "plan: claims",
        });
    }
}

/// An attempt that may begin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    /// Task.
    pub task: TaskId,
    /// What for.
    pub phase: Phase,
    /// The agent's role.
    pub role: Role,
    /// Ordinal of the attempt.
    pub attempt: u32,
    /// In which runtime.
    pub runtime: String,
    /// The project's address, of which the session's name is made.
    pub slug: Slug,
    /// Model; `None` leaves the runtime's default.
    pub model: Option<String>,
    /// Most agents of the project, as it is set.
    pub most: Option<u32>,
    /// The version of the prompt that counts; `None` is the one that comes with the program.
    pub prompt: Option<PromptId>,
}

/// What the loop says about a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Why each ready task does not start.
    pub tasks: BTreeMap<TaskId, String>,
    /// Why nothing starts in the whole project.
    pub notice: Option<Excerpt>,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// Look again at this moment at the latest, even if nothing changes.
    pub wake_at: Option<Millis>,
    /// What to say about projects; only those whose words changed.
    pub notes: BTreeMap<ProjectId, Notes>,
}

/// Decides what to do.
#[must_use]
pub fn decide(world: &World, now: Millis, policy: &Policy) -> Plan {
    let mut plan = Plan::default();
    let mut lapses_at: Option<Millis> = None;
    for seen in &world.runs {
        match &seen.run.hold {
            None => plan.actions.extend(tend(seen, &world.runtimes)),
            Some(hold) => match tend_held(seen, hold, now) {
                Some(action) => plan.actions.push(action),
                None if seen.run.state == RunState::Waiting => {}
                None => lapses_at = Some(lapses_at.map_or(hold.until, |at| at.min(hold.until))),
            },
        }
    }
    plan.actions.extend(world.answers.iter().filter(|s| reaches(world, s)).map(|s| Action::Deliver(s.id)));
    plan.actions.sort();
    plan.actions.iter().for_each(Action::reached);

    let mut queues = Queues::of(world, now, policy);
    while let Some(start) = queues.next(now, policy) {
        plan.actions.push(Action::Claim(start));
        reach("plan: claims");
    }
    plan.wake_at = queues.wake_at.into_iter().chain(lapses_at).min();
    for own in &world.projects {
        let said = queues.said.remove(&own.project.id).unwrap_or_default();
        let before = own.state.as_ref();
        let same = before.map_or(said == Notes::default(), |s| {
            s.notes == said.tasks && s.notice.as_deref() == said.notice.as_ref().map(Excerpt::as_str)
        });
        if !same || removed(Switch::EqualNotes) {
            plan.notes.insert(own.project.id, said);
        }
    }
    plan
}

/// Whether the runtime to which an answer goes is there, as far as the world tells.
fn reaches(world: &World, answer: &Signal) -> bool {
    let ready = |name: &str| world.runtimes.get(name).is_some_and(Option::is_none);
    match world.runs.iter().find(|seen| Some(seen.run.id) == answer.run) {
        Some(seen) => ready(&seen.run.runtime),
        // Its run is over, or was never ours: whoever delivers it looks.
        None => world.runtimes.values().any(Option::is_none),
    }
}

/// What an open run needs.
fn tend(seen: &OpenRun, runtimes: &Standing) -> Option<Action> {
    let run = &seen.run;
    if !runtimes.contains_key(&run.runtime) {
        let sentence = Excerpt::from(unknown(&run.runtime)).to_string();
        return (run.trouble.as_deref() != Some(&sentence)).then_some(Action::Leave(run.id, sentence));
    }
    // Whose report finished its task may still say its last words, as in review.
    let said_all = |t: &Task| run.reported && t.status == Status::Done;
    let kept = |t: &Task| (run.phase.row().keeps(t.status) || said_all(t)) && t.open_run == Some(run.id);
    let kept = seen.task.as_ref().is_some_and(kept);
    if !kept {
        return Some(Action::Stop(run.id));
    }
    if run.stopping.is_some() && run.open() {
        // Whoever began to stop it may be gone; whoever follows it does not know that somebody wants it stopped.
        let asked = run.stopping.as_ref().is_some_and(|stopping| stopping.by.is_some());
        return Some(if asked { Action::Stop(run.id) } else { Action::Attend(run.id) });
    }
    match run.state {
        RunState::Claimed | RunState::Started => Some(Action::Attend(run.id)),
        RunState::Ended => None,
        RunState::Waiting => match &seen.question {
            Some(q) if q.waits() || q.delivery == Some(Delivery::Pending) => None,
            Some(q) => {
                let why = q.delivery_error.as_deref().unwrap_or("its session is gone");
                Some(Action::Strand(run.id, format!("The answer could not be delivered to the agent: {why}")))
            }
            None => Some(Action::Strand(run.id, "The question that the agent waited for was removed.".into())),
        },
    }
}

/// What an open run needs whose agent took it: nobody follows it.
fn tend_held(seen: &OpenRun, hold: &Hold, now: Millis) -> Option<Action> {
    let run = &seen.run;
    if let Some(stopping) = &run.stopping {
        return Some(Action::Close(run.id, stopping.how, stopping.why.clone()));
    }
    let row = run.phase.row();
    if !seen.task.as_ref().is_some_and(|t| row.keeps(t.status) && t.open_run == Some(run.id)) {
        return Some(Action::Close(run.id, Ended::Aborted, format!("The task was taken from {}.", hold.agent)));
    }
    let waits = run.state == RunState::Waiting && seen.question.as_ref().is_some_and(Signal::waits);
    ((hold.until <= now && !waits) || removed(Switch::SignsCount)).then_some(Action::Lapse(run.id))
}

/// Ready tasks of each project in their order, and what is taken of the limits.
struct Queues<'a> {
    world: &'a World,
    lanes: BTreeMap<ProjectId, Lane<'a>>,
    said: BTreeMap<ProjectId, Notes>,
    /// By runtime.
    at_work: BTreeMap<&'a str, u32>,
    wake_at: Option<Millis>,
}

struct Lane<'a> {
    own: &'a OwnWorld,
    project: &'a Project,
    started: u32,
    tasks: VecDeque<(&'static Row, &'a Task)>,
    at_work: u32,
    by_runtime: BTreeMap<&'a str, u32>,
    by_role: BTreeMap<(&'a str, Role), u32>,
}

impl<'a> Lane<'a> {
    const fn new(own: &'a OwnWorld, tasks: VecDeque<(&'static Row, &'a Task)>) -> Self {
        let project = &own.project;
        Self { own, project, started: 0, tasks, at_work: 0, by_runtime: BTreeMap::new(), by_role: BTreeMap::new() }
    }

    /// An agent takes a place.
    fn take(&mut self, runtime: &'a str, role: Role) {
        self.at_work += 1;
        *self.by_runtime.entry(runtime).or_insert(0) += 1;
        *self.by_role.entry((runtime, role)).or_insert(0) += 1;
    }
}

impl<'a> Queues<'a> {
    fn of(world: &'a World, now: Millis, policy: &Policy) -> Self {
        let mut queues =
            Self { world, lanes: BTreeMap::new(), said: BTreeMap::new(), at_work: BTreeMap::new(), wake_at: None };
        for own in &world.projects {
            queues.open_lane(own, world, now, policy);
        }
        for run in world.runs.iter().map(|r| &r.run).filter(|r| r.takes_a_place()) {
            *queues.at_work.entry(&run.runtime).or_insert(0) += 1;
            if let Some(lane) = queues.lanes.get_mut(&run.project) {
                lane.take(&run.runtime, run.role);
            }
        }
        queues
    }

    fn open_lane(&mut self, own: &'a OwnWorld, world: &World, now: Millis, policy: &Policy) {
        let id = own.project.id;
        let hindered = Why::project(own, world, policy).or_else(|| Why::budget(own, world, 0, now)).map(Why::reached);
        if let Some(why) = hindered {
            if let Why::UsedUp(_, at) = &why {
                self.wake_by(*at);
            }
            let notice = Excerpt::from(why.to_string());
            let tasks = own.ready.iter().map(|t| (t.id, notice.to_string())).collect();
            self.said.insert(id, Notes { tasks, notice: Some(notice) });
            return;
        }
        let taken = own.ready.iter().filter_map(|task| Row::taking(task.status).map(|row| (row, task)));
        let mut tasks: Vec<(&Row, &Task)> = taken.collect();
        tasks.sort_by(|(_, a), (_, b)| {
            b.priority.cmp(&a.priority).then(a.position.total_cmp(&b.position)).then(a.id.cmp(&b.id))
        });
        let mut startable = VecDeque::new();
        for (row, task) in tasks {
            if let Some(at) = task.retry_at.filter(|at| now < *at) {
                self.wake_by(at);
            }
            let role = row.role(task);
            let runtime = || Why::runtime(own.project.runtime_of(role), world);
            let prompt = || Why::prompt(&own.project, role, world);
            let window = || Why::window(&own.project, role, world, now);
            match Why::task(row, task, now).or_else(runtime).or_else(prompt).or_else(window).map(Why::reached) {
                Some(why) => {
                    if let Why::Shut(_, at) = &why {
                        self.wake_by(*at);
                    }
                    self.say(id, task.id, &why);
                }
                None => startable.push_back((row, task)),
            }
        }
        self.lanes.insert(id, Lane::new(own, startable));
    }

    fn wake_by(&mut self, at: Millis) {
        self.wake_at = Some(self.wake_at.map_or(at, |sooner| sooner.min(at)));
    }

    fn say(&mut self, project: ProjectId, task: TaskId, why: &Why) {
        self.said.entry(project).or_default().tasks.insert(task, why.to_string());
    }

    /// The next task to take: from the project with the fewest agents at work, so that
    /// one long column does not keep the others waiting.
    fn next(&mut self, now: Millis, policy: &Policy) -> Option<Start> {
        loop {
            let id = *self.lanes.iter().filter(|(_, l)| !l.tasks.is_empty()).min_by_key(|(id, l)| (l.at_work, **id))?.0;
            let lane = self.lanes.get_mut(&id)?;
            let (row, task) = lane.tasks.pop_front()?;
            let role = row.role(task);
            // Limits count by runtime: agents of one that is away keep none of another's places.
            let runtime = lane.project.runtime_of(role);
            let here = self.at_work.get(runtime).copied().unwrap_or(0);
            let of_project = lane.by_runtime.get(runtime).copied().unwrap_or(0);
            let of_role = lane.by_role.get(&(runtime, role)).copied().unwrap_or(0);
            let most = lane.project.work_loop_max_agents.unwrap_or(policy.max_agents_per_project);
            let all = policy.max_agents.min(WORKING_MAX - HELD_MAX);
            let why = if here >= all && !removed(Switch::PlacesInAll) {
                Some(Why::AllAgents(here, all))
            } else if of_project >= most && !removed(Switch::PlacesInProject) {
                Some(Why::ProjectAgents(of_project, most))
            } else {
                let most = policy.most_of(role).filter(|m| of_role >= *m && !removed(Switch::PlacesOfRole));
                most.map(|m| Why::RoleAgents(role, of_role, m))
            };
            let why = why.or_else(|| Why::budget(lane.own, self.world, lane.started, now));
            if let Some(why) = why.map(Why::reached) {
                self.say(id, task.id, &why);
                continue;
            }
            lane.take(runtime, role);
            lane.started += 1;
            *self.at_work.entry(runtime).or_insert(0) += 1;
            let model = lane.project.model_of(role);
            if lane.project.dry_run && !removed(Switch::DryRun) {
                let why = Why::DryRun(role, next_attempt(task, role), model.map(str::to_owned)).reached();
                self.say(id, task.id, &why);
                continue;
            }
            return Some(Start {
                task: task.id,
                phase: row.phase,
                role,
                attempt: next_attempt(task, role),
                runtime: runtime.to_owned(),
                slug: lane.project.slug.clone(),
                model: model.map(str::to_owned),
                most: lane.project.work_loop_max_agents,
                prompt: self.world.prompt(role, model).and_then(|told| told.as_ref().ok()).copied(),
            });
        }
    }
}
