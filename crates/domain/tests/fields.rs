//! Every member of a stored task is a field that somebody sets, or the rules' own: whoever adds one says which.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use clutch_domain::{
    id::{ProjectId, TaskId},
    refusal::Refusal,
    task::{Priority, Role, Status, Task, TaskField, TaskFields},
    text::{Body, Branch, Handle, Notes, PromptVersion, SessionKey, Tags, Title},
    time::Millis,
};
use uuid::Uuid;

/// Members that only rules write.
const RULES_OWN: &[&str] = &[
    "id",
    "project",
    "number",
    "status",
    "agent_spawned_at",
    "open_run",
    "ended_runs",
    "failures",
    "retry_at",
    "trouble",
    "resolution",
    "position",
    "open_dependencies",
    "dependencies",
    "dependents",
    "created_at",
    "updated_at",
    "status_changed_at",
    "completed_at",
];

fn task() -> Task {
    let (id, project) = (TaskId(Uuid::from_u128(1)), ProjectId(Uuid::from_u128(2)));
    Task::new(id, project, 7, Title::parse("Paint").unwrap(), Status::Backlog, Millis(5))
}

#[test]
fn each_member_of_a_task_is_a_field_or_the_rules_own() {
    let stored = serde_json::to_value(task()).unwrap();
    let members: BTreeSet<&str> = stored.as_object().unwrap().keys().map(String::as_str).collect();
    let said: BTreeSet<&str> = TaskFields::NAMES.iter().chain(RULES_OWN).copied().collect();
    assert_eq!(members, said);
    assert_eq!(said.len(), TaskFields::NAMES.len() + RULES_OWN.len(), "nobody is both");
}

#[test]
fn each_field_is_set_and_what_the_log_names_is_what_changed() {
    let all = TaskFields {
        title: Some(Title::parse("Varnish").unwrap()),
        description: Some(Body::parse("Twice.").unwrap()),
        priority: Some(Priority::Urgent),
        role: Some(Some(Role::Pm)),
        assignee: Some(Handle::parse("ann").unwrap()),
        requires_human_review: Some(true),
        tags: Some(Tags::parse(["wood"]).unwrap()),
        session_id: Some(SessionKey::parse("s").unwrap()),
        prompt_version_id: Some(PromptVersion::parse("v").unwrap()),
        branch: Some(Branch::parse("fix/1").unwrap()),
        pr_number: Some(Some(3)),
        agent_session_key: Some(SessionKey::parse("k").unwrap()),
        post_merge_steps: Some(Notes::parse("make").unwrap()),
    };
    let (old, mut new) = (task(), task());
    all.apply(&mut new);
    let (was, is) = (serde_json::to_value(&old).unwrap(), serde_json::to_value(&new).unwrap());
    for name in TaskFields::NAMES {
        assert_ne!(was[name], is[name], "{name}");
    }
    for name in RULES_OWN {
        assert_eq!(was[name], is[name], "{name}");
    }
    let unlogged = ["session_id", "prompt_version_id", "agent_session_key"];
    let logged: Vec<&str> = TaskFields::NAMES.iter().copied().filter(|name| !unlogged.contains(name)).collect();
    assert_eq!(TaskFields::changed(&old, &new), logged);
    assert!(TaskFields::changed(&old, &old).is_empty());
    let mut kept = new.clone();
    TaskFields::default().apply(&mut kept);
    assert_eq!(kept, new);
}

#[test]
fn what_forms_send_is_read_as_it_was_meant() {
    let parse = |field, text: &str| TaskFields::parse(field, text);
    assert_eq!(parse(TaskField::Priority, "high").unwrap().priority, Some(Priority::High));
    assert_eq!(parse(TaskField::Role, "pm").unwrap().role, Some(Some(Role::Pm)));
    assert_eq!(parse(TaskField::Role, "").unwrap().role, Some(None));
    assert_eq!(parse(TaskField::Assignee, " ").unwrap().assignee, Some(None));
    assert_eq!(parse(TaskField::Description, "").unwrap().description, Some(None));
    assert_eq!(parse(TaskField::NeedsReview, "true").unwrap().requires_human_review, Some(true));
    assert_eq!(parse(TaskField::Tags, "a, b").unwrap().tags, Some(Tags::parse(["a", "b"]).unwrap()));
    for (field, text) in [(TaskField::Priority, "huge"), (TaskField::Role, "cook"), (TaskField::NeedsReview, "on")] {
        assert_eq!(parse(field, text), Err(Refusal::ChoiceUnknown), "{field:?}");
    }
    assert_eq!(parse(TaskField::Title, " "), Err(Refusal::TitleMissing));
}
