//! Why a ready task does not start, in words. Notes are stored only when they change,
//! so they name moments, not distances: "retries at 14:05:30 UTC" stays true while it waits.

use std::fmt;

use crate::{
    brake::{Spent, UsedUp, next_day},
    phase::{Need, PHASES, Row},
    plan::{
        Policy,
        world::{OwnWorld, World},
    },
    project::Project,
    runtime::PULL,
    sabotage::{Switch, reach, removed},
    task::{Role, Task},
    time::Millis,
};

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The switch of the whole installation.
    LoopOff,
    /// The project's own switch.
    ProjectOff,
    /// A person paused it.
    Paused,
    /// No repository.
    NoPath,
    /// Its runtime is away; the sentence says why.
    Away(String),
    /// This server has no runtime of this name.
    NoRuntime(String),
    /// The project leaves it to agents that come by themselves.
    Pulled,
    /// The prompt of its role cannot be used; the sentence says why.
    Prompt(String),
    /// What the project may use up on a day is used up; the next day begins at this moment.
    UsedUp(UsedUp, Millis),
    /// The usage window of its model ran out, and opens again at this moment.
    Shut(Option<String>, Millis),
    /// The loop only says what it would do in this project: an agent of this role, its attempt and its model.
    DryRun(Role, u32, Option<String>),
    /// It waits for this many other tasks.
    Dependencies(u32),
    /// It failed, and is tried again at this moment.
    RetriesAt(Millis),
    /// An older run of it is not over yet.
    OldRun,
    /// The installation's limit: at work, most.
    AllAgents(u32, u32),
    /// The project's limit: at work, most.
    ProjectAgents(u32, u32),
    /// The limit of a role in the project: at work, most.
    RoleAgents(Role, u32, u32),
}

impl Why {
    /// What keeps a whole project from starting anything.
    #[must_use]
    pub fn project(own: &OwnWorld, world: &World, policy: &Policy) -> Option<Self> {
        if !policy.enabled {
            Some(Self::LoopOff)
        } else if !own.project.work_loop_enabled {
            Some(Self::ProjectOff)
        } else if own.state.as_ref().is_some_and(|s| s.paused) && !removed(Switch::Pause) {
            Some(Self::Paused)
        } else if own.project.local_path.is_none() && PHASES.iter().all(|row| row.needs(Need::LocalPath)) {
            Some(Self::NoPath)
        } else {
            let of_roles = Role::ALL.iter().map(|role| Self::runtime(own.project.runtime_of(*role), world));
            let mut reasons = of_roles.collect::<Option<Vec<_>>>()?;
            reasons.dedup();
            // Where roles wait for different runtimes each task says it of its own.
            if reasons.len() == 1 { reasons.pop() } else { None }
        }
    }

    /// What keeps anything from starting in a runtime.
    #[must_use]
    pub fn runtime(name: &str, world: &World) -> Option<Self> {
        match world.runtimes.get(name) {
            None if name == PULL => Some(Self::Pulled),
            None => Some(Self::NoRuntime(name.to_owned())),
            Some(away) => away.clone().map(Self::Away),
        }
    }

    /// What keeps agents of a role from being told anything.
    #[must_use]
    pub fn prompt(project: &Project, role: Role, world: &World) -> Option<Self> {
        let told = world.prompt(role, project.model_of(role))?;
        told.as_ref().err().cloned().map(Self::Prompt)
    }

    /// What keeps a project from starting more than so many agents today. Those at work count with the time that they
    /// have taken so far.
    #[must_use]
    pub fn budget(own: &OwnWorld, world: &World, started: u32, now: Millis) -> Option<Self> {
        let spent = own.state.as_ref().map(|state| state.spent).unwrap_or_default().on(now);
        let at_work = world.runs.iter().map(|seen| &seen.run);
        let under_way = at_work
            .filter(|run| run.project == own.project.id && run.hold.is_none())
            .map(|run| run.worked(now).saturating_sub(run.worked_ms));
        let so_far = Spent {
            runs: spent.runs.saturating_add(started),
            worked_ms: under_way.fold(spent.worked_ms, i64::saturating_add),
            ..spent
        };
        let used_up = own.project.budget.used_up(&so_far).filter(|_| !removed(Switch::DayBudget))?;
        Some(Self::UsedUp(used_up, next_day(now)))
    }

    /// What keeps the model of a role from being asked, as far as any project knows. A project that does not wait for
    /// windows asks all the same.
    #[must_use]
    pub fn window(project: &Project, role: Role, world: &World, now: Millis) -> Option<Self> {
        if project.limits_fail {
            return None;
        }
        let (runtime, model) = (project.runtime_of(role), project.model_of(role));
        let known = world.projects.iter().filter_map(|own| own.state.as_ref()).flat_map(|state| &state.windows);
        let until = known.filter(|window| window.shuts(runtime, model, now)).map(|window| window.until).max()?;
        (!removed(Switch::UsageWindow)).then(|| Self::Shut(model.map(str::to_owned), until))
    }

    /// What keeps one task from starting, apart from limits.
    #[must_use]
    pub fn task(row: &Row, task: &Task, now: Millis) -> Option<Self> {
        if row.needs(Need::Dependencies) && task.open_dependencies > 0 && !removed(Switch::DependenciesFirst) {
            Some(Self::Dependencies(task.open_dependencies))
        } else if task.open_run.is_some() && !removed(Switch::OldRunFirst) {
            Some(Self::OldRun)
        } else {
            task.retry_at.filter(|at| now < *at && !removed(Switch::RetryWait)).map(Self::RetriesAt)
        }
    }

    /// Notes that this reason was given, for whoever counts branches.
    pub(crate) fn reached(self) -> Self {
        reach(match self {
            Self::LoopOff => "plan: the loop is off",
            Self::ProjectOff => "plan: the project is off",
            Self::Paused => "plan: paused",
            Self::NoPath => "plan: no repository",
            Self::Away(_) => "plan: the runtime is away",
            Self::NoRuntime(_) => "plan: the runtime is not known",
            Self::Pulled => "plan: left to agents that come",
            Self::Prompt(_) => "plan: the prompt cannot be used",
            Self::UsedUp(..) => "plan: the budget is used up",
            Self::Shut(..) => "plan: the usage window ran out",
            Self::DryRun(..) => "plan: would start",
            Self::Dependencies(_) => "plan: waits for others",
            Self::RetriesAt(_) => "plan: tried again later",
            Self::OldRun => "plan: the old run is being stopped",
            Self::AllAgents(..) => "plan: all places are taken",
            Self::ProjectAgents(..) => "plan: the project's places are taken",
            Self::RoleAgents(..) => "plan: the role's places are taken",
        });
        self
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoopOff => f.write_str("The work loop is switched off for this server (WORK_LOOP_ENABLED)."),
            Self::ProjectOff => f.write_str("The work loop is off in this project."),
            Self::Paused => f.write_str("The loop is paused in this project."),
            Self::NoPath => f.write_str("The project has no repository path; set it in Settings."),
            Self::Away(sentence) | Self::Prompt(sentence) => f.write_str(sentence),
            Self::NoRuntime(name) => write!(f, "This server has no runtime called \u{201c}{name}\u{201d}"),
            Self::Pulled => f.write_str("Waits for an agent that takes it by itself, for example by MCP"),
            Self::Dependencies(1) => f.write_str("Waits for 1 task"),
            Self::Dependencies(n) => write!(f, "Waits for {n} tasks"),
            Self::OldRun => f.write_str("The agent of the last attempt is being stopped"),
            Self::RetriesAt(at) => {
                let utc = at.utc();
                write!(f, "Retries at {:02}:{:02}:{:02} UTC", utc.hour, utc.minute, utc.second)
            }
            Self::UsedUp(used_up, _) => {
                write!(f, "Today\u{2019}s budget of {used_up} is used up; the next day begins at 00:00 UTC")
            }
            Self::Shut(model, at) => {
                let (of, at) = (model.as_deref().unwrap_or("the model"), at.utc());
                write!(
                    f,
                    "The usage window of {of} ran out; it opens at {:04}-{:02}-{:02} {:02}:{:02} UTC",
                    at.year, at.month, at.day, at.hour, at.minute
                )
            }
            Self::DryRun(role, attempt, model) => {
                let model = model.as_ref().map_or_else(String::new, |model| format!(", with {model}"));
                write!(f, "Dry run: a {} agent would start (attempt {attempt}{model})", role.label())
            }
            Self::AllAgents(n, most) => write!(f, "Agents at work in all projects: {n} of {most}"),
            Self::ProjectAgents(n, most) => write!(f, "Agents at work in this project: {n} of {most}"),
            Self::RoleAgents(role, n, most) => write!(f, "{} agents at work: {n} of {most}", role.label()),
        }
    }
}
