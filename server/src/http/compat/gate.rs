//! Whether anybody must look: what `clutch-gate.sh` asks from cron (facts §2.11, §8.2).
//!
//! It is asked every minute, so what it reads is bounded: of each column and of the newest comments of a project
//! [`COLUMN_MAX`], of all projects together [`READ_MAX`]. Where a bound is met the counts are lower bounds, and the
//! answer says so (`truncated`, ours).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use clutch_domain::{
    doc::{Doc, Inside, Kind, Scope},
    id::{NotificationId, ProjectId, TaskId},
    notification::{Notification, NotificationSeverity, NotificationType, UNREAD},
    project::{Counts, Project},
    query::PROJECTS_MAX,
    range::{Docs, Fetch, Order, Range},
    talk::{AuthorType, Comment, CommentType, Signal},
    task::{Status, Task},
    time::Millis,
};
use clutch_orchestrator::{office::Office, store::Fault};
use http::StatusCode;
use serde_json::{Value, json};

use super::{error::Failure, notifications::newest};

/// Documents of one column, and newest comments, that are read of a project; in tests fewer.
const COLUMN_MAX: u32 = if cfg!(test) { 30 } else { 500 };
/// Documents that are read altogether.
pub const READ_MAX: u32 = 10_000;
/// Most entries of each list.
const LISTED: usize = 10;
/// A task in progress that nobody has touched for longer is stuck.
const STUCK_MS: i64 = 2 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// How many there are, and the first of them.
#[derive(Debug)]
struct Counted<T> {
    count: usize,
    first: Vec<T>,
}

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T: Clone> Counted<T> {
    fn push(&mut self, one: &T) {
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push(one.clone());
        }
    }
}

/// What a person must see.
#[derive(Clone, Debug)]
struct Escalated {
    id: String,
    severity: NotificationSeverity,
    message: String,
    agent: Option<String>,
}

/// Which notifications nobody has read.
#[derive(Debug, Default)]
struct Unread {
    ids: BTreeSet<NotificationId>,
    /// There may be more.
    more: bool,
}

/// Everything that waits for somebody.
#[derive(Debug, Default)]
struct Waiting {
    signals: Vec<Signal>,
    escalated: Counted<Escalated>,
    requests: Counted<(Comment, Task)>,
    ready: Counted<Task>,
    stuck: Counted<Task>,
    dispatched: Counted<Task>,
    review: Counted<Task>,
    /// All in review, also those that were not read.
    reviews: usize,
    truncated: bool,
}

/// `GET /api/gate`.
pub async fn show(State(office): State<Arc<Office>>) -> Response {
    let now = office.now();
    match look(&office, now).await {
        Ok(waiting) => Json(waiting.shape(now)).into_response(),
        Err(fault) => {
            tracing::error!(what = %fault, "the gate could not be asked");
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Failed to check gate status").into_response()
        }
    }
}

async fn look(office: &Office, now: Millis) -> Result<Waiting, Fault> {
    let projects = Range::children(Kind::Project, "installation", PROJECTS_MAX);
    let counts = Range::children(Kind::Counts, "installation", PROJECTS_MAX);
    let signals = Range::ByStatus {
        kind: Kind::Signal,
        scope: None,
        status: "waits".into(),
        order: Order::Newest,
        limit: COLUMN_MAX,
    };
    let notices = newest(UNREAD, COLUMN_MAX);
    let ranges = vec![projects.clone(), counts.clone(), signals.clone(), notices.clone()];
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    let counts: BTreeMap<ProjectId, &Counts> = docs.all::<Counts>(&counts).map(|c| (c.project, c)).collect();
    let here: BTreeSet<ProjectId> = docs.all::<Project>(&projects).map(|project| project.id).collect();
    let full = |range: &Range, limit: u32| docs.get(range).is_some_and(|found| found.len() >= limit as usize);
    let all_here = !full(&projects, PROJECTS_MAX);
    let mut waiting = Waiting {
        // Those of a deleted project leave the list of the installation in a moment.
        signals: docs.all::<Signal>(&signals).filter(|s| !all_here || here.contains(&s.project)).cloned().collect(),
        truncated: !all_here || full(&signals, COLUMN_MAX) || full(&notices, COLUMN_MAX),
        ..Waiting::default()
    };
    let unread = Unread {
        ids: docs.all::<Notification>(&notices).map(|notice| notice.id).collect(),
        more: full(&notices, COLUMN_MAX),
    };
    // What triage told is told with its task, while that is escalated.
    let told = docs.all::<Notification>(&notices).filter(|notice| {
        let somewhere = notice.project.is_none_or(|project| !all_here || here.contains(&project));
        notice.kind == NotificationType::Escalation && !notice.of_triage && somewhere
    });
    told.for_each(|notice| waiting.escalated.push(&Escalated::of(notice)));
    let mut left = READ_MAX;
    for project in docs.all::<Project>(&projects) {
        let Some(counts) = counts.get(&project.id).filter(|counts| counts.total() > 0) else { continue };
        if left == 0 {
            waiting.truncated = true;
            break;
        }
        waiting.reviews += counts.of(Status::InReview) as usize;
        let docs =
            office.read(&Fetch { scopes: Vec::new(), ranges: of_project(project.id, counts, left) }).await?.value;
        left = left.saturating_sub(u32::try_from(docs.len()).unwrap_or(u32::MAX));
        waiting.add(office, &docs, &unread, now).await?;
    }
    waiting.escalated.first.sort_by_key(|escalated| Reverse(escalated.severity));
    waiting.signals.sort_by_key(|s| (Reverse(s.severity), Reverse(s.created_at), s.id));
    Ok(waiting)
}

/// What is read of a project: all columns but the last, as a dispatched task may stand in each, and its newest comments.
fn of_project(project: ProjectId, counts: &Counts, left: u32) -> Vec<Range> {
    let open: Vec<Status> = Status::ALL.iter().copied().filter(|status| *status != Status::Done).collect();
    let comments = Range::newest(Kind::Comment, Scope::Project(project), COLUMN_MAX.min(left));
    columns(project, counts, left, &open).chain([comments]).collect()
}

/// Those of these columns in which something is, each as far as is read.
pub fn columns(project: ProjectId, counts: &Counts, left: u32, of: &[Status]) -> impl Iterator<Item = Range> {
    of.iter().filter(|status| counts.of(**status) > 0).map(move |status| Range::ByStatus {
        kind: Kind::Task,
        scope: Some(Scope::Project(project)),
        status: status.word().into(),
        order: Order::Ordered,
        limit: COLUMN_MAX.min(left),
    })
}

impl Waiting {
    async fn add(&mut self, office: &Office, docs: &Docs, unread: &Unread, now: Millis) -> Result<(), Fault> {
        let mut comments: &[Arc<Doc>] = &[];
        for (range, found) in docs.iter() {
            let (Range::ByStatus { limit, .. } | Range::Newest { limit, .. }) = range else { continue };
            if found.len() >= *limit as usize {
                self.truncated = true;
            }
            if matches!(range, Range::Newest { .. }) {
                comments = found;
            }
            for task in docs.all::<Task>(range) {
                if task.dispatch.is_some() {
                    self.dispatched.push(task);
                }
                if let Some(escalated) = Escalated::of_task(task, unread) {
                    self.escalated.push(&escalated);
                }
                match task.status {
                    Status::Ready if task.assignee.is_none() && task.open_dependencies == 0 => self.ready.push(task),
                    Status::InProgress if is_stuck(task, now) => self.stuck.push(task),
                    Status::InReview => self.review.push(task),
                    _ => {}
                }
            }
        }
        let asks = unanswered(comments.iter().filter_map(|doc| Comment::of(&doc.body)));
        let ranges: BTreeMap<TaskId, Range> =
            asks.iter().map(|comment| (comment.task, Range::doc(Kind::Task, comment.task))).collect();
        if ranges.is_empty() {
            return Ok(());
        }
        let fetch = Fetch { scopes: Vec::new(), ranges: ranges.values().cloned().collect() };
        let docs = office.read(&fetch).await?.value;
        for comment in asks {
            let task = ranges.get(&comment.task).and_then(|range| docs.first::<Task>(range));
            if let Some(task) = task.filter(|task| task.status != Status::Done) {
                self.requests.push(&(comment.clone(), task.clone()));
            }
        }
        Ok(())
    }

    fn shape(&self, now: Millis) -> Value {
        // In this order: what an agent waits for before what could be begun.
        let parts = [
            (self.signals.len(), "pending agent signal(s)"),
            (self.escalated.count, "unread escalation(s)"),
            (self.requests.count, "pending input request(s)"),
            (self.dispatched.count, "pending dispatch(es)"),
            (self.ready.count, "task(s) ready for assignment"),
            (self.stuck.count, "stuck task(s)"),
            (self.reviews, "task(s) in review"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let needed = !parts.is_empty();
        let mut shape = json!({
            "needsAttention": needed,
            "reason": needed.then(|| parts.join("; ")),
            "details": {
                "readyTasks": self.ready.count, "pendingInputs": self.requests.count, "stuckTasks": self.stuck.count,
                "reviewTasks": self.reviews, "pendingDispatch": self.dispatched.count, "unreadEscalations": self.escalated.count,
                "pendingSignals": self.signals.len(),
            },
            "timestamp": now,
        });
        if needed {
            shape["tasks"] = json!({
                "ready": first(&self.ready.first, |t| json!({ "id": t.id, "title": t.title, "priority": t.priority })),
                "pendingInput": first(&self.requests.first, |(c, t)| json!({
                    "taskId": t.id, "taskTitle": t.title, "author": c.author, "content": c.content,
                })),
                "stuck": first(&self.stuck.first, |t| json!({
                    "id": t.id, "title": t.title, "assignee": t.assignee, "hours": (now.0 - t.updated_at.0) / HOUR_MS,
                })),
                "review": first(&self.review.first, |t| json!({ "id": t.id, "title": t.title, "assignee": t.assignee })),
                "pendingDispatch": first(&self.dispatched.first, |t| json!({
                    "id": t.id, "title": t.title, "assignee": t.assignee,
                })),
            });
        }
        if self.escalated.count > 0 {
            shape["escalations"] = json!(first(&self.escalated.first, Escalated::shape));
        }
        if !self.signals.is_empty() {
            shape["signals"] = json!(first(&self.signals, |s| json!({
                "id": s.id, "kind": s.kind, "severity": s.severity, "message": s.message, "agent_id": s.agent_id,
                "task_id": s.task,
            })));
        }
        if self.truncated {
            shape["truncated"] = json!(true);
        }
        shape
    }
}

fn first<T>(all: &[T], shape: impl Fn(&T) -> Value) -> Vec<Value> {
    all.iter().take(LISTED).map(shape).collect()
}

impl Escalated {
    fn of(notice: &Notification) -> Self {
        Self {
            id: notice.id.to_string(),
            severity: notice.severity,
            message: notice.message.to_string(),
            agent: notice.agent.clone(),
        }
    }

    /// A task that a person must look at, until somebody has read what was told of it. Programs of before told nothing.
    fn of_task(task: &Task, unread: &Unread) -> Option<Self> {
        let escalation = task.escalation.as_ref()?;
        let id = match escalation.notice {
            None => task.id.to_string(),
            Some(notice) if unread.more || unread.ids.contains(&notice) => notice.to_string(),
            Some(_) => return None,
        };
        let reason = escalation.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let message = format!("🚨 Escalated: {}{reason}", task.title);
        Some(Self { id, severity: NotificationSeverity::Critical, message, agent: Some(escalation.by.clone()) })
    }

    fn shape(&self) -> Value {
        json!({ "id": self.id, "severity": self.severity, "message": self.message, "agent": self.agent })
    }
}

const fn is_stuck(task: &Task, now: Millis) -> bool {
    now.0 - task.updated_at.0 > STUCK_MS
}

/// The requests for input among comments, newest first, that nobody has answered. Whoever answers writes a comment:
/// a later one of a person or of the coordinator is the answer to all before it.
fn unanswered<'a>(newest_first: impl Iterator<Item = &'a Comment>) -> Vec<&'a Comment> {
    let mut answered: BTreeSet<TaskId> = BTreeSet::new();
    let mut asks = Vec::new();
    for comment in newest_first {
        if comment.kind == CommentType::RequestInput {
            if comment.responded_at.is_none() && !answered.contains(&comment.task) {
                asks.push(comment);
            }
        } else if comment.author_type != AuthorType::Agent {
            answered.insert(comment.task);
        }
    }
    asks
}
