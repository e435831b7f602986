//! What waits, put together: what the store has, and what runtimes tell.

use std::{cmp::Reverse, collections::BTreeMap};

use clutch_domain::{
    doc::{Kind, Scope},
    id::{ProjectId, TaskId},
    project::Project,
    query::{Query, SIGNALS_MAX, Snapshot, answer},
    range::{Docs, Fetch, Order, Range},
    run::Run,
    talk::{Signal, SignalSeverity},
    task::{Status, Task},
    time::Millis,
};
use clutch_orchestrator::{runtime::Decision, store::Fault};

use crate::{
    http::whose::{Whose, whose},
    state::AppState,
};

/// Columns in which a ticket may lie that was handed up, tickets of each that are looked at, and columns in all.
const COLUMNS: [Status; 3] = [Status::Blocked, Status::InProgress, Status::InReview];
const COLUMN_MAX: u32 = 100;
const COLUMNS_MAX: usize = 150;
/// Most cards of the page.
const CARDS_MAX: usize = 200;

/// Everything that the page shows.
pub struct Needs {
    /// Projects by name.
    pub projects: Vec<Project>,
    /// What waits, the most urgent first.
    pub cards: Vec<Card>,
    /// There is more.
    pub more: bool,
    /// A runtime that tells of such things cannot be asked now.
    pub away: bool,
    /// When this was.
    pub now: Millis,
}

/// Something that waits.
pub struct Card {
    pub what: What,
    /// The ticket or chat that it is about, where that is known.
    pub whose: Option<Whose>,
    /// Who asks, as people know them.
    pub who: Option<String>,
    pub since: Option<Millis>,
    pub expires: Option<Millis>,
    pub critical: bool,
}

/// What it is.
pub enum What {
    /// An agent's question.
    Signal(Box<Signal>),
    /// Something at a runtime.
    Decision { runtime: String, decision: Box<Decision> },
    /// A ticket that a coordinator has handed up; why.
    Escalated(Option<String>),
}

/// All of it, as it is now.
pub async fn gather(state: &AppState) -> Result<Needs, Fault> {
    let (office, now) = (&state.office, state.office.now());
    let read = office.read(&Query::Home.fetch()).await?;
    let Snapshot::Home(home) = answer(&Query::Home, &read.value) else {
        return Err(Fault::new("the list of projects cannot be read"));
    };
    // Of columns that have cards; of the first of them, where there are very many.
    let full = home.counts.iter().flat_map(|counts| {
        let has = move |status: &&Status| counts.of(**status) > 0;
        COLUMNS.iter().filter(has).map(move |status| column(counts.project, *status))
    });
    let columns: Vec<Range> = full.take(COLUMNS_MAX).collect();
    let task = |id: TaskId| Range::doc(Kind::Task, id);
    let asked = home.waiting.iter().map(|signal| task(signal.task));
    let ranges: Vec<Range> = columns.iter().cloned().chain(asked).collect();
    let docs = if ranges.is_empty() {
        Docs::default()
    } else {
        office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value
    };
    let mut projects: BTreeMap<ProjectId, &Project> =
        home.projects.iter().map(|project| (project.id, project)).collect();
    projects.retain(|_, project| project.deleted_at.is_none());
    let of = |project: ProjectId, task: Option<Task>| {
        Some(Whose { project: (*projects.get(&project)?).clone(), task, run: None, chat: None })
    };
    let mut cards: Vec<Card> = Vec::new();
    for signal in &home.waiting {
        let Some(whose) = of(signal.project, docs.first::<Task>(&task(signal.task)).cloned()) else { continue };
        let asker: Option<&Run> = home.runs.iter().find(|run| Some(run.id) == signal.run);
        let who = asker.map_or_else(|| signal.agent_id.clone(), |run| run.role.label().to_owned());
        cards.push(Card {
            critical: signal.severity == SignalSeverity::Critical,
            whose: Some(whose),
            who: Some(who),
            since: Some(signal.created_at),
            expires: None,
            what: What::Signal(Box::new(signal.clone())),
        });
    }
    for task in columns.iter().flat_map(|range| docs.all::<Task>(range)) {
        let Some(escalation) = &task.escalation else { continue };
        let Some(whose) = of(task.project, Some(task.clone())) else { continue };
        cards.push(Card {
            critical: false,
            whose: Some(whose),
            who: None,
            since: Some(escalation.at),
            expires: None,
            what: What::Escalated(escalation.reason.clone()),
        });
    }
    let (mut more, mut away) = (home.waiting.len() >= SIGNALS_MAX as usize, false);
    let mut told: Vec<(String, Decision)> = Vec::new();
    for runtime in state.runtimes.iter() {
        let Some(port) = &runtime.decisions else { continue };
        let waiting = port.waiting().borrow().clone();
        away |= !runtime.agents.state().borrow().is_ready();
        more |= waiting.more;
        told.extend(waiting.all.iter().map(|one| (runtime.name.clone(), one.clone())));
    }
    let sessions = told.iter().filter_map(|(_, one)| one.session.as_deref());
    let known = whose(office, &state.runtimes, sessions).await?;
    for (runtime, decision) in told {
        let whose = decision.session.as_ref().and_then(|session| known.get(session)).cloned();
        let role = whose.as_ref().and_then(|whose| whose.run.as_ref()).map(|run| run.role.label().to_owned());
        cards.push(Card {
            critical: false,
            who: role.or_else(|| decision.agent.clone()),
            whose,
            since: decision.created,
            expires: decision.expires,
            what: What::Decision { runtime, decision: Box::new(decision) },
        });
    }
    sort(&mut cards);
    more |= cards.len() > CARDS_MAX;
    cards.truncate(CARDS_MAX);
    Ok(Needs { projects: home.projects, cards, more, away, now })
}

/// What is critical first, then what ends by itself, then agents that wait, the longest first; tickets last.
fn sort(cards: &mut [Card]) {
    cards.sort_by_key(|card| {
        let ends = card.expires.unwrap_or(Millis(i64::MAX));
        let ticket = matches!(card.what, What::Escalated(_));
        (Reverse(card.critical), ends, ticket, card.since)
    });
}

fn column(project: ProjectId, status: Status) -> Range {
    Range::ByStatus {
        kind: Kind::Task,
        scope: Some(Scope::Project(project)),
        status: status.word().into(),
        order: Order::Ordered,
        limit: COLUMN_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_critical_or_ends_comes_first() {
        let card = |name: &str, critical, expires: Option<i64>, since: i64| Card {
            what: What::Escalated(Some(name.to_owned())),
            whose: None,
            who: None,
            since: Some(Millis(since)),
            expires: expires.map(Millis),
            critical,
        };
        let mut cards = vec![
            card("old", false, None, 1),
            card("new", false, None, 9),
            card("late", false, Some(80), 2),
            card("soon", false, Some(40), 8),
            card("critical", true, None, 7),
        ];
        sort(&mut cards);
        let names: Vec<&str> = cards
            .iter()
            .map(|card| match &card.what {
                What::Escalated(Some(name)) => name.as_str(),
                _ => "",
            })
            .collect();
        assert_eq!(names, ["critical", "soon", "late", "old", "new"]);
    }
}
