//! Lines of the log in words, for the page of one ticket.

use clutch_domain::{
    activity::Activity,
    actor::{ActorKind, OWNER, Who},
    task::Status,
};

use super::{byline::owner, task::ActivityItem};

/// Who did something, as lines of the log name them.
pub fn who(actor: &Who) -> String {
    match (actor.kind, actor.name.as_deref()) {
        (ActorKind::Human, Some(OWNER)) => owner().to_owned(),
        (ActorKind::Program, Some(claim)) => format!("A program as \u{201c}{claim}\u{201d}"),
        (ActorKind::Program, None) => "A program".to_owned(),
        (ActorKind::Human | ActorKind::Agent, Some(name)) => name.to_owned(),
        (kind, _) => kind.label().to_owned(),
    }
}

/// A line as a ticket's page shows it.
pub fn activity(line: &Activity) -> ActivityItem {
    ActivityItem {
        id: line.id,
        who: who(&line.actor),
        who_kind: line.actor.kind.word().to_owned(),
        text: said(line),
        reason: line.data.get("reason").cloned(),
        at: line.at,
    }
}

/// What happened, as the second half of a sentence that begins with who.
fn said(line: &Activity) -> String {
    let of = |key: &str| line.data.get(key).map_or("", String::as_str);
    let column = |key: &str| of(key).parse::<Status>().map_or_else(|()| of(key).to_owned(), |s| s.label().to_owned());
    let role = || if of("role").is_empty() { String::new() } else { format!(" ({})", of("role")) };
    match line.what.as_str() {
        "task_created" => format!("made this ticket in {}", column("status")),
        "status_changed" => format!("moved it from {} to {}", column("from_status"), column("to_status")),
        "reordered" => format!("reordered it in {}", column("status")),
        "task_changed" => {
            format!("changed {}", of("fields").replace("requires_human_review", "needs review").replace('_', " "))
        }
        "pr_opened" => format!("opened pull request #{}", of("pr_number")),
        "comment_added" => "commented".into(),
        "signal_raised" => format!("raised a {}", of("kind")),
        "signal_answered" => "answered".into(),
        "answer_delivered" if of("reason").is_empty() => "delivered the answer".into(),
        "answer_delivered" => "could not deliver the answer".into(),
        "decided" => match (of("not_taken"), of("asked")) {
            ("", "questions") => "answered the agent\u{2019}s question".into(),
            ("", _) => format!("decided \u{201c}{}\u{201d}: {}", of("said").replace('-', " "), of("preview")),
            (why, _) => format!("was not heard by the gateway: {why}"),
        },
        "task_completed" if of("recorded_only").is_empty() => "reported the work as complete".into(),
        "task_completed" => "reported again after the run was over; it was only recorded".into(),
        "dependency_added" => format!("made it wait for {}", of("depends_on")),
        "dependency_removed" => format!("took away that it waits for {}", of("depends_on")),
        "agent_assigned" => format!("started an agent{}", role()),
        "agent_completed" => format!("saw the agent finish{}", role()),
        "agent_stopped" => format!("wanted the agent stopped{}", role()),
        "agent_reaped" => format!("saw the agent stop{}", role()),
        other => other.replace('_', " "),
    }
}
