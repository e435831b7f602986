//! Read models of facts §2: numbers for booleans where programs expect them, `null` for what is absent.

use clutch_domain::{
    chat::{Chat, Message},
    doc::Dependency,
    notification::Notification,
    project::{ChatLayout, Project},
    talk::{Comment, Signal},
    task::Task,
    time::Millis,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

fn at(moment: Option<Millis>) -> Value {
    moment.map_or(Value::Null, |m| json!(m.0))
}

/// A list of texts as programs keep them: a JSON array in a string.
fn list(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| json!(texts).to_string())
}

/// Writes members of an object one after another.
macro_rules! members {
    ($object:ident, $($name:literal: $value:expr),+ $(,)?) => {
        $($object.serialize_entry($name, &$value)?;)+
    };
}

/// What [`task`] gives. Lists are long, so it becomes JSON without a detour.
pub struct TaskShape<'a>(&'a Task);

/// A task. `number` is ours, added.
pub const fn task(task: &Task) -> TaskShape<'_> {
    TaskShape(task)
}

impl TaskShape<'_> {
    /// About how long its JSON is.
    pub fn about_bytes(&self) -> usize {
        const WITHOUT_WORDS: usize = 1_280;
        WITHOUT_WORDS + self.0.description.as_ref().map_or(0, |text| text.as_str().len())
    }
}

// A task is taken apart whole, so the compiler asks about a new field.
impl Serialize for TaskShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Task {
            id,
            project,
            number,
            title,
            description,
            status,
            priority,
            role,
            assignee,
            requires_human_review,
            tags,
            session_id,
            prompt_version_id,
            agent_session_key,
            agent_spawned_at,
            failures,
            escalation,
            triaged_at,
            dispatch,
            branch,
            pr_number,
            post_merge_steps,
            resolution,
            position,
            created_at,
            updated_at,
            completed_at,
            // The rules' own, no part of the contract.
            open_run: _,
            ended_runs: _,
            fruitless: _,
            limited: _,
            retry_at: _,
            trouble: _,
            open_dependencies: _,
            dependencies: _,
            dependents: _,
            status_changed_at: _,
        } = self.0;
        const NEVER: () = ();
        let mut object = serializer.serialize_map(None)?;
        members!(
            object,
            "id": id, "project_id": project, "number": number, "title": title, "description": description,
            "status": status, "priority": priority, "role": role, "assignee": assignee,
            "requires_human_review": u8::from(*requires_human_review), "tags": list(tags),
            "session_id": session_id, "prompt_version_id": prompt_version_id,
            "agent_session_key": agent_session_key, "agent_spawned_at": agent_spawned_at,
            "agent_retry_count": (*failures > 0).then_some(failures), "branch": branch, "pr_number": pr_number,
            "post_merge_steps": post_merge_steps, "resolution": resolution, "triage_acked_at": triaged_at,
            "dispatch_status": dispatch.as_ref().map(|_| "pending"),
            "dispatch_requested_at": dispatch.as_ref().map(|d| d.at),
            "dispatch_requested_by": dispatch.as_ref().map(|d| &d.by),
            "escalated": u8::from(escalation.is_some()), "escalated_at": escalation.as_ref().map(|e| e.at),
            // Members of the contract that nothing here ever sets.
            "reviewer_rejection_count": NEVER, "triage_sent_at": NEVER, "auto_triage_count": NEVER,
            "cost_total": NEVER,
            "review_comments": NEVER, "review_count": NEVER, "verification_status": NEVER,
            "verification_output": NEVER,
            "position": position, "created_at": created_at, "updated_at": updated_at,
            "completed_at": completed_at,
        );
        object.end()
    }
}

/// A task in a few words.
pub fn task_summary(t: &Task) -> Value {
    json!({ "id": t.id, "title": t.title, "status": t.status })
}

/// A comment. `by` is ours, added: what kind of caller wrote it, whatever author it was given.
pub fn comment(c: &Comment) -> Value {
    json!({
        "id": c.id, "task_id": c.task, "author": c.author, "author_type": c.author_type, "content": c.content,
        "type": c.kind, "responded_at": at(c.responded_at), "created_at": c.created_at,
        "by": c.by.as_ref().map(|who| who.kind),
    })
}

/// A project.
pub fn project(p: &Project) -> Value {
    let mut shape = json!({
        "id": p.id, "slug": p.slug, "name": p.name, "description": p.description, "color": p.color,
        "repo_url": p.repo_url, "context_path": p.context_path, "local_path": p.local_path,
        "github_repo": p.github_repo,
        "chat_layout": match p.chat_layout { ChatLayout::Slack => "slack", ChatLayout::Imessage => "imessage" },
        "work_loop_enabled": u8::from(p.work_loop_enabled), "work_loop_max_agents": p.work_loop_max_agents,
        "role_model_overrides": if p.role_model_overrides.is_empty() { Value::Null } else { json!(p.role_model_overrides) },
        "created_at": p.created_at, "updated_at": p.updated_at,
    });
    // Where a project chooses none, programs see what they always saw.
    if !p.runtimes.is_empty() {
        shape["runtimes"] = json!(p.runtimes);
    }
    shape
}

/// A dependency.
pub fn dependency(d: &Dependency) -> Value {
    json!({ "id": d.id, "task_id": d.task, "depends_on_id": d.depends_on, "created_at": d.created_at })
}

/// A signal.
pub fn signal(s: &Signal) -> Value {
    json!({
        "id": s.id, "task_id": s.task, "session_key": s.session_key, "agent_id": s.agent_id, "kind": s.kind,
        "severity": s.severity, "message": s.message, "blocking": u8::from(s.blocking()),
        "responded_at": at(s.responded_at), "response": s.response, "delivered_at": at(s.delivered_at),
        "notification_status": s.delivery, "notification_error": s.delivery_error, "created_at": s.created_at,
    })
}

/// A notification.
pub fn notification(n: &Notification) -> Value {
    json!({
        "id": n.id, "task_id": n.task, "project_id": n.project, "type": n.kind, "severity": n.severity,
        "title": n.title, "message": n.message, "agent": n.agent, "read": u8::from(n.read),
        "created_at": n.created_at,
    })
}

fn with(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value);
    }
}

/// A chat: absent fields stay absent.
pub fn chat(c: &Chat) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("id".into(), json!(c.id));
    map.insert("project_id".into(), json!(c.project));
    map.insert("title".into(), json!(c.title));
    map.insert("participants".into(), json!(json!(c.participants).to_string()));
    with(&mut map, "session_key", c.session_key.as_ref().map(|k| json!(k)));
    map.insert("created_at".into(), json!(c.created_at));
    map.insert("updated_at".into(), json!(c.updated_at));
    map
}

/// A message: absent fields stay absent. `by` is ours, added, as in a comment.
pub fn message(m: &Message) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), json!(m.id));
    map.insert("chat_id".into(), json!(m.chat));
    map.insert("author".into(), json!(m.author));
    map.insert("content".into(), json!(m.content));
    with(&mut map, "by", m.by.as_ref().map(|who| json!(who.kind)));
    with(&mut map, "run_id", m.run_id.as_ref().map(|v| json!(v)));
    with(&mut map, "session_key", m.session_key.as_ref().map(|v| json!(v)));
    map.insert("is_automated".into(), json!(u8::from(m.is_automated)));
    with(&mut map, "delivery_status", m.delivery_status.map(|v| json!(v)));
    with(&mut map, "retry_count", m.retry_count.map(|v| json!(v)));
    with(&mut map, "cooldown_until", m.cooldown_until.map(|v| json!(v)));
    with(&mut map, "failure_reason", m.failure_reason.as_ref().map(|v| json!(v)));
    map.insert("created_at".into(), json!(m.said()));
    Value::Object(map)
}
