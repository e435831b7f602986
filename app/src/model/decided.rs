//! Lines of the log as the loop's page says them: a sentence around a ticket.

use clutch_domain::{
    activity::Activity,
    actor::ActorKind,
    id::TaskId,
    run::Outcome,
    task::{Role, Status, Task},
};

use super::{
    logged,
    work_loop::{Decision, Ticket},
};

/// The ticket of an id, as lines name it.
pub fn ticket<'a>(tasks: impl Iterator<Item = &'a Task>, id: TaskId) -> Ticket {
    let mut tasks = tasks;
    let found = tasks.find(|task| task.id == id);
    Ticket { number: found.map_or(0, |t| t.number), title: found.map_or_else(String::new, |t| t.title.to_string()) }
}

/// What a line says about the loop and its agents; nothing where it is about something else.
#[must_use]
pub fn decision<'a>(line: &Activity, tasks: impl Iterator<Item = &'a Task>) -> Option<Decision> {
    let (before, after) = said(line)?;
    let reason = ["reason", "output_preview", "preview"].iter().find_map(|key| line.data.get(*key));
    Some(Decision {
        id: line.id,
        before,
        ticket: line.task.map(|id| ticket(tasks, id)),
        after,
        reason: reason.map(|words| words.trim().to_owned()).filter(|words| !words.is_empty()),
        at: line.at,
    })
}

/// Whether a line is one that [`decision`] tells.
#[must_use]
pub fn is_decision(line: &Activity) -> bool {
    said(line).is_some()
}

fn said(line: &Activity) -> Option<(String, String)> {
    let of = |key: &str| line.data.get(key).map_or("", String::as_str);
    let agent = || match of("role").parse::<Role>() {
        Ok(role) => format!("The {} agent", role.label()),
        Err(()) => "The agent".to_owned(),
    };
    let who = match line.actor.kind {
        ActorKind::Loop => "The loop".to_owned(),
        _ => logged::who(&line.actor),
    };
    let column = |key: &str| of(key).parse::<Status>().map_or_else(|()| of(key).to_owned(), |s| s.label().to_owned());
    let nothing = String::new;
    Some(match (line.what.as_str(), of("action")) {
        ("agent_assigned", _) => {
            let more = [
                Some(of("attempt")).filter(|n| !matches!(*n, "" | "1")).map(|n| format!("attempt {n}")),
                Some(of("model")).filter(|model| !model.is_empty()).map(str::to_owned),
            ];
            let more = more.into_iter().flatten().collect::<Vec<_>>().join(", ");
            let after = if more.is_empty() { String::new() } else { format!(" ({more})") };
            match (of("agent"), of("role").parse::<Role>()) {
                ("", Ok(role)) => (format!("The loop gave a {} agent", role.label()), after),
                ("", Err(())) => ("The loop gave an agent".into(), after),
                (name, _) => (format!("{name} took"), after),
            }
        }
        ("agent_stopped", _) => (format!("{who} wanted the agent stopped at"), nothing()),
        ("agent_started", _) => (format!("{who} asked for an agent for"), nothing()),
        ("agent_continued", _) => ("After a restart the agent went on with".into(), nothing()),
        ("agent_waiting", _) => (format!("{} waits for an answer about", agent()), nothing()),
        ("agent_completed" | "agent_reaped", _) => match of("outcome").parse::<Outcome>() {
            Ok(Outcome::Silent) => (format!("{} left", agent()), " without a report".into()),
            Ok(Outcome::Failed) => (format!("{} failed at", agent()), nothing()),
            Ok(Outcome::Aborted) => (format!("{} was stopped at", agent()), nothing()),
            Ok(Outcome::Limited) => (format!("{} was held up by a usage window at", agent()), nothing()),
            Ok(Outcome::Completed) | Err(()) => (format!("{} finished", agent()), nothing()),
        },
        ("task_completed", _) => (format!("{who} reported"), " as complete".into()),
        ("signal_raised", _) if of("kind") == "question" => (format!("{who} asked about"), nothing()),
        ("signal_answered", _) => (format!("{who} answered the agent of"), nothing()),
        ("answer_delivered", _) if !of("reason").is_empty() => {
            ("The answer did not reach the agent of".into(), nothing())
        }
        ("answer_delivered", _) => ("The answer reached the agent of".into(), nothing()),
        ("loop_paused", _) => (format!("{who} paused the loop"), nothing()),
        ("loop_resumed", _) => (format!("{who} resumed the loop"), nothing()),
        (_, "unblock") => (format!("{who} unblocked"), nothing()),
        (_, "reassign") => {
            let role =
                of("role").parse::<Role>().map_or_else(|()| String::new(), |r| format!(" to a {} agent", r.label()));
            (format!("{who} gave"), format!("{role} anew"))
        }
        (_, "escalate") => (format!("{who} asked for a person at"), nothing()),
        (_, "kill") => (format!("{who} put"), " back into the backlog".into()),
        (_, "split") => (format!("{who} split"), format!(" into {} tickets", of("subtasks"))),
        (_, "abort") => (format!("{who} stopped the work on"), " and discarded it".into()),
        // Where people and programs put their tickets is the board's story.
        ("status_changed", _) if matches!(line.actor.kind, ActorKind::Loop | ActorKind::Agent) => {
            (format!("{who} moved"), format!(" from {} to {}", column("from_status"), column("to_status")))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clutch_domain::{actor::Who, id::ActivityId, time::Millis};

    use super::*;

    fn line(actor: Who, what: &str, data: &[(&str, &str)]) -> Activity {
        let data: BTreeMap<String, String> = data.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Activity {
            id: ActivityId(Default::default()),
            project: None,
            task: None,
            what: what.into(),
            actor,
            data,
            at: Millis(0),
        }
    }

    #[test]
    fn what_the_loop_and_its_agents_decide_are_sentences() {
        let (work, dan, kimi) = (Who::work_loop, || Who::human("dan"), || Who::agent("kimi"));
        for (line, words) in [
            (
                line(work(), "agent_assigned", &[("role", "dev"), ("attempt", "1"), ("model", ""), ("agent", "")]),
                "The loop gave a Dev agent T",
            ),
            (
                line(work(), "agent_assigned", &[("role", "pm"), ("attempt", "2"), ("model", "opus"), ("agent", "")]),
                "The loop gave a PM agent T (attempt 2, opus)",
            ),
            (line(kimi(), "agent_assigned", &[("role", "dev"), ("attempt", "1"), ("agent", "kimi")]), "kimi took T"),
            (line(work(), "agent_completed", &[("role", "dev"), ("outcome", "completed")]), "The Dev agent finished T"),
            (
                line(work(), "agent_completed", &[("role", "dev"), ("outcome", "silent")]),
                "The Dev agent left T without a report",
            ),
            (line(work(), "agent_reaped", &[("role", "dev"), ("outcome", "failed")]), "The Dev agent failed at T"),
            (
                line(work(), "agent_reaped", &[("role", "dev"), ("outcome", "aborted")]),
                "The Dev agent was stopped at T",
            ),
            (line(work(), "agent_waiting", &[]), "The agent waits for an answer about T"),
            (line(kimi(), "task_completed", &[]), "kimi reported T as complete"),
            (line(kimi(), "signal_raised", &[("kind", "question")]), "kimi asked about T"),
            (line(dan(), "signal_answered", &[]), "You answered the agent of T"),
            (line(work(), "answer_delivered", &[("reason", "gone")]), "The answer did not reach the agent of T"),
            (line(dan(), "loop_paused", &[]), "You paused the loop"),
            (line(dan(), "status_changed", &[("action", "unblock")]), "You unblocked T"),
            (
                line(dan(), "status_changed", &[("action", "reassign"), ("role", "reviewer")]),
                "You gave T to a Reviewer agent anew",
            ),
            (line(dan(), "status_changed", &[("action", "kill")]), "You put T back into the backlog"),
            (line(dan(), "triaged", &[("action", "escalate")]), "You asked for a person at T"),
            (
                line(work(), "status_changed", &[("from_status", "in_progress"), ("to_status", "in_review")]),
                "The loop moved T from In progress to In review",
            ),
        ] {
            let (before, after) = said(&line).unwrap_or_else(|| panic!("{line:?}"));
            let ticket = if line.what.starts_with("loop_") { "" } else { " T" };
            assert_eq!(format!("{before}{ticket}{after}"), words);
        }
        for line in [
            line(dan(), "status_changed", &[("from_status", "ready"), ("to_status", "done")]),
            line(Who::program(None), "status_changed", &[("from_status", "ready"), ("to_status", "blocked")]),
            line(dan(), "comment_added", &[]),
            line(kimi(), "signal_raised", &[("kind", "fyi")]),
        ] {
            assert!(!is_decision(&line), "{line:?}");
        }
    }
}
