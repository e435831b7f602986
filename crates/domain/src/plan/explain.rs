//! Why a ticket is where it is, and what would bring it on: for the loop's page, for programs, and for `clutch why`.

use serde::{Deserialize, Serialize};

use crate::{
    brake::{Budget, UsedUp},
    plan::{Policy, why::Why},
    project::Project,
    rule::work::next_attempt,
    run::{LoopState, Run, RunState},
    talk::Signal,
    task::{Resolution, Status, Task, words},
    text::preview,
    time::{Millis, Utc},
};

words! {
    /// What brings on a ticket that is ready and not taken.
    Fix {
        /// The server's own switch.
        Server = "server", "Switch the work loop on for this server (WORK_LOOP_ENABLED) and start it again.";
        /// The project's switch.
        SwitchOn = "switch_on", "Switch the work loop on in this project.";
        /// The loop is paused.
        Resume = "resume", "Resume the loop in this project.";
        /// The project's settings name no repository.
        Repository = "repository", "Give the path of the repository in the project's settings.";
        /// Other tickets.
        Others = "others", "Finish what it waits for, or take away that it waits.";
        /// Nothing: time does it.
        Time = "time", "Nothing needs to be done: it is tried again by itself. Move it to Ready once more to try at once.";
        /// Nothing: the agent before is going.
        Stopping = "stopping", "Nothing needs to be done: it goes on once the agent before has stopped.";
        /// A place that becomes free, or more of them.
        Places = "places", "Wait until an agent is done, or allow more at once in the project's settings.";
        /// Another day, or other brakes.
        Brakes = "brakes", "Wait until the next day begins, or change the project's brakes.";
        /// The project's dry run.
        DryRun = "dry_run", "Switch the dry run off in the project's brakes.";
        /// An agent that comes by itself.
        Agent = "agent", "Let an agent take it by itself, for example by MCP.";
    }
}

/// How many more than the limit may be at work: what waits for an answer takes no place and comes back.
const OVER_THE_LIMIT: u32 = 8;

/// What a note of the loop asks for, where the project and the ticket show it. What an agent's runtime or its prompt says
/// is theirs: of that only the sentence is known.
#[must_use]
pub fn fix(note: &str, task: &Task, project: &Project, policy: &Policy) -> Option<Fix> {
    let says = |why: Why| note == why.to_string();
    let role = task.acting_role();
    let taken = |most: u32, why: &dyn Fn(u32) -> Why| (most..=most + OVER_THE_LIMIT).any(|n| says(why(n)));
    let most = project.work_loop_max_agents.unwrap_or(policy.max_agents_per_project);
    Some(match () {
        () if says(Why::LoopOff) => Fix::Server,
        () if says(Why::ProjectOff) => Fix::SwitchOn,
        () if says(Why::Paused) => Fix::Resume,
        () if says(Why::NoPath) => Fix::Repository,
        () if says(Why::Pulled) => Fix::Agent,
        () if says(Why::OldRun) => Fix::Stopping,
        () if says(Why::Dependencies(task.open_dependencies)) => Fix::Others,
        () if bounds(&project.budget).any(|used_up| says(Why::UsedUp(used_up, Millis(0)))) => Fix::Brakes,
        () if says(Why::DryRun(role, next_attempt(task, role), project.model_of(role).map(str::to_owned))) => {
            Fix::DryRun
        }
        () if task.retry_at.is_some_and(|at| says(Why::RetriesAt(at))) => Fix::Time,
        () if taken(most, &|n| Why::ProjectAgents(n, most))
            || taken(policy.max_agents, &|n| Why::AllAgents(n, policy.max_agents))
            || policy.most_of(role).is_some_and(|most| taken(most, &|n| Why::RoleAgents(role, n, most))) =>
        {
            Fix::Places
        }
        () => return None,
    })
}

/// What the loop says once one of the bounds of a budget is reached.
fn bounds(budget: &Budget) -> impl Iterator<Item = UsedUp> {
    let Budget { runs, minutes, tokens, cost_micros } = *budget;
    let counts = [runs.map(UsedUp::Runs), minutes.map(UsedUp::Minutes)];
    counts.into_iter().chain([tokens.map(UsedUp::Tokens), cost_micros.map(UsedUp::Cost)]).flatten()
}

/// A ticket with what decides about it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The ticket.
    pub task: &'a Task,
    /// Its project.
    pub project: &'a Project,
    /// What the loop says of that.
    pub state: Option<&'a LoopState>,
    /// The run that is open.
    pub run: Option<&'a Run>,
    /// The question that its agent waits with.
    pub question: Option<&'a Signal>,
    /// What it waits for and is not done.
    pub others: &'a [&'a Task],
    /// The loop's settings.
    pub policy: &'a Policy,
}

/// Why a ticket is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Where it stands.
    pub state: String,
    /// Why, each a sentence.
    pub because: Vec<String>,
    /// What would bring it on, each a sentence; empty where nothing is left to do.
    pub next: Vec<String>,
    /// The same in a word, where the loop keeps it waiting for a reason that somebody can mend.
    pub fix: Option<Fix>,
}

/// Explains a ticket.
#[must_use]
pub fn explain(case: &Case<'_>) -> Explained {
    let Case { task, .. } = case;
    let state = format!(
        "{} \u{201c}{}\u{201d} is in {} since {}.",
        task.short(),
        task.title,
        task.status.label(),
        moment(task.status_changed_at)
    );
    let (because, next, fix) = match task.status {
        Status::Backlog => (
            vec!["Nobody has released it yet: agents take what is Ready.".into()],
            vec!["Move it to Ready.".into()],
            None,
        ),
        Status::Ready => ready(case),
        Status::InProgress => in_progress(case),
        Status::InReview => in_review(case),
        Status::Blocked => blocked(case),
        Status::Done => {
            let how = match task.resolution {
                Some(Resolution::Discarded) => "It was given up on purpose.",
                Some(Resolution::Merged) => "It is done, and its pull request was merged.",
                Some(Resolution::Completed) | None => "It is done.",
            };
            (vec![how.to_owned()], Vec::new(), None)
        }
    };
    Explained { state, because, next, fix }
}

type Reasons = (Vec<String>, Vec<String>, Option<Fix>);

/// What the loop says of a ready ticket; before it has said anything, what the ticket itself shows.
fn note(case: &Case<'_>) -> Option<String> {
    let said = case.state.and_then(|state| state.notes.get(&case.task.id).or(state.notice.as_ref()).cloned());
    let shown = || {
        let why = match () {
            () if !case.policy.enabled => Why::LoopOff,
            () if !case.project.work_loop_enabled => Why::ProjectOff,
            () if case.state.is_some_and(|state| state.paused) => Why::Paused,
            () if case.project.local_path.is_none() => Why::NoPath,
            () if case.task.open_dependencies > 0 => Why::Dependencies(case.task.open_dependencies),
            () => return None,
        };
        Some(why.to_string())
    };
    said.or_else(shown)
}

fn ready(case: &Case<'_>) -> Reasons {
    let task = case.task;
    let Some(note) = note(case) else {
        let taken = "Nothing keeps it: the work loop gives it to an agent when it looks next.";
        return (vec![taken.to_owned()], vec!["Nothing needs to be done.".into()], None);
    };
    let fix = fix(&note, task, case.project, case.policy);
    let mut because = vec![sentence(&note)];
    because.extend(case.others.iter().map(|other| waits_for(other)));
    if fix == Some(Fix::Time)
        && let Some(trouble) = &task.trouble
    {
        because.push(sentence(&format!("The last attempt failed: {trouble}")));
    }
    let next =
        fix.map_or("Whoever mends what the sentence says brings it on; the loop looks again by itself.", Fix::label);
    (because, vec![next.to_owned()], fix)
}

fn in_progress(case: &Case<'_>) -> Reasons {
    let Some(run) = case.run.filter(|run| run.open()) else {
        let because = "No agent that the loop knows works on it: somebody moved it here.";
        let next = "Move it to Ready, and the loop gives it to an agent.";
        return (vec![because.into()], vec![next.into()], None);
    };
    let model = run.model.as_ref().map(|model| format!(", {model}")).unwrap_or_default();
    let since = moment(run.started_at.unwrap_or(run.claimed_at));
    let mut because = vec![match &run.hold {
        Some(hold) => format!("{} took it by itself at {since} and has it until {}.", hold.agent, moment(hold.until)),
        None if run.state == RunState::Claimed => {
            format!("It is being given to a {} agent (attempt {}{model}).", run.role.label(), run.attempt)
        }
        None => format!("A {} agent has it since {since} (attempt {}{model}).", run.role.label(), run.attempt),
    }];
    let mut next = Vec::new();
    if let Some(stopping) = &run.stopping {
        because.push(sentence(&format!("The agent is being stopped: {}", stopping.why)));
    }
    if let Some(trouble) = &run.trouble {
        because.push(sentence(&format!("What is needed to follow or stop the agent is refused: {trouble}")));
        next.push("Look whether the gateway is well; it is asked again by itself.".into());
    }
    if let Some(question) = case.question.filter(|question| question.waits()) {
        because.push(format!("It asks: \u{201c}{}\u{201d}", preview(question.message.as_str(), 300)));
        next.push("Answer it on the ticket.".into());
    }
    if next.is_empty() {
        next.push("Nothing needs to be done: the ticket goes on when the agent reports or ends.".into());
    }
    (because, next, None)
}

fn in_review(case: &Case<'_>) -> Reasons {
    let mut because = vec!["It waits for somebody who looks at what was done.".to_owned()];
    if case.task.requires_human_review {
        because.push("A person must look before it is done.".into());
    }
    if case.run.is_some_and(Run::open) {
        because.push("Its agent still says its last words.".into());
    }
    (because, vec!["Move it to Done, or back to Ready with a comment that says what is missing.".into()], None)
}

fn blocked(case: &Case<'_>) -> Reasons {
    let task = case.task;
    let mut because = vec![task.trouble.as_deref().map_or_else(|| "Somebody moved it to Blocked.".into(), sentence)];
    if let Some(escalation) = &task.escalation {
        let reason = escalation.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        because.push(sentence(&format!("{} asked for a person at {}{reason}", escalation.by, moment(escalation.at))));
    }
    because.extend(case.others.iter().map(|other| waits_for(other)));
    let next = "Move it to Ready to have it tried again, give it to another kind of agent, split it, or put it back into the backlog.";
    (because, vec![next.into()], None)
}

fn waits_for(other: &Task) -> String {
    format!("It waits for {} \u{201c}{}\u{201d} ({}).", other.short(), other.title, other.status.label())
}

/// With a full stop.
fn sentence(words: &str) -> String {
    let words = words.trim();
    if words.ends_with(['.', '!', '?', '\u{201d}']) { words.to_owned() } else { format!("{words}.") }
}

/// To the minute, in UTC.
fn moment(at: Millis) -> String {
    let Utc { year, month, day, hour, minute, .. } = at.utc();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}
