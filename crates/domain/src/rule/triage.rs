//! Triage: what the coordinator, or whoever stands in for it, does about a task that does not go on (facts §2.10).
//! Each is one change: the move, what follows from it, and the comment that says so.

use crate::{
    change::Change,
    command::{Place, Subtask, Triage, TriageStep},
    ctx::Ctx,
    doc::{DocKey, Kind, Scope, id8_name, number_name},
    id::{CommentId, NotificationId, TaskId},
    notification::{Notification, NotificationSeverity, NotificationType},
    project::Counts,
    range::Range,
    refusal::Refusal,
    rule::{
        Decided, alive, line,
        order::{at_end, ends_of},
        project::next_numbers,
        task::{TASK_NUMBER, enter, free_id},
    },
    talk::{AuthorType, Comment, CommentType},
    task::{Escalation, Resolution, SUBTASKS_MAX, Status, Task},
    text::{Body, Excerpt, cut},
    view::{Stop, View},
};

/// What the log and the comment say of a step.
struct Said {
    comment: String,
    data: Vec<(&'static str, String)>,
}

/// Takes the step. What is done is left alone, whoever comes late.
pub fn triage(view: &View, triage: &Triage, ctx: &mut Ctx<'_>) -> Decided {
    let old = alive::task(view, triage.task)?;
    if old.is.status == Status::Done {
        return Err(Refusal::DoneIsFinal.into());
    }
    let mut change = Change::default();
    let mut is = old.is.clone();
    let aborts = triage.step == TriageStep::Abort;
    let said = match &triage.step {
        TriageStep::Unblock => unblock(view, &mut change, &mut is, ctx)?,
        TriageStep::Reassign { role, model } => {
            is.role = role.or(is.role);
            let mut named = role.map(|role| format!("role: {}", role.word())).into_iter().collect::<Vec<_>>();
            named.extend(model.as_ref().map(|model| format!("model: {model}")));
            let named = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
            go(view, &mut change, &mut is, Status::Ready, None, ctx)?;
            let model = model.as_ref().map(ToString::to_string).unwrap_or_default();
            let role = role.map(|role| role.word().to_owned()).unwrap_or_default();
            Said {
                comment: format!("Task reassigned and moved to ready{named}."),
                data: vec![("action", "reassign".into()), ("role", role), ("model", model)],
            }
        }
        TriageStep::Split(parts) => split(view, &mut change, &mut is, parts, ctx)?,
        TriageStep::Escalate(reason) => escalate(&mut change, &mut is, triage, reason.as_ref(), ctx)?,
        TriageStep::Kill(reason) => {
            go(view, &mut change, &mut is, Status::Backlog, None, ctx)?;
            Said {
                comment: because("Task moved to backlog (killed).", reason.as_ref()),
                data: vec![("action", "kill".into()), ("reason", text(reason.as_ref()))],
            }
        }
        TriageStep::Abort => abort(view, &mut change, &mut is, ctx)?,
    };
    if !aborts {
        is.triaged_at = Some(ctx.now);
    }
    is.updated_at = ctx.now;
    let project = is.project;
    let mut data = said.data;
    let what = if is.status == old.is.status {
        "triaged"
    } else {
        data.extend([("from_status", old.is.status.word().to_owned()), ("to_status", is.status.word().into())]);
        "status_changed"
    };
    change.put(old.rev, is);
    let comment = Comment {
        id: CommentId(ctx.ids.fresh()),
        task: triage.task,
        project,
        author: triage.author.to_string(),
        author_type: if aborts { AuthorType::Human } else { AuthorType::Agent },
        by: Some(ctx.actor.who.clone()),
        content: Body::parse(&said.comment)?.ok_or(Refusal::ContentMissing)?,
        kind: CommentType::Message,
        responded_at: None,
        created_at: ctx.now,
    };
    match change.made {
        Some(_) => _ = change.put(0, comment),
        None => _ = change.create(comment),
    }
    change.touch(Scope::Project(project)).touch(Scope::Task(triage.task));
    let log = line(ctx, Some(project), Some(triage.task), what, &data);
    change.activity.push(log);
    Ok(change)
}

fn text(reason: Option<&Excerpt>) -> String {
    reason.map(ToString::to_string).unwrap_or_default()
}

fn because(what: &str, reason: Option<&Excerpt>) -> String {
    match reason.filter(|reason| !reason.as_str().is_empty()) {
        Some(reason) => format!("{what} Reason: {reason}"),
        None => what.to_owned(),
    }
}

/// Into another column; where it stands already it stays in its place.
fn go(
    view: &View,
    change: &mut Change,
    task: &mut Task,
    to: Status,
    resolution: Option<Resolution>,
    ctx: &mut Ctx<'_>,
) -> Result<(), Stop> {
    if task.status == to { Ok(()) } else { enter(view, change, task, to, Place::End, resolution, false, ctx) }
}

fn unblock(view: &View, change: &mut Change, task: &mut Task, ctx: &mut Ctx<'_>) -> Result<Said, Stop> {
    if task.status != Status::Blocked {
        return Err(Refusal::NotBlocked.into());
    }
    go(view, change, task, Status::Ready, None, ctx)?;
    Ok(Said { comment: "Task unblocked and moved to ready.".into(), data: vec![("action", "unblock".into())] })
}

/// Longest title of what is told of an escalation, in characters.
const TITLE_MAX: usize = 200;

/// A person must look. That is over when the task goes on, or is given up ([`enter`]).
fn escalate(
    change: &mut Change,
    task: &mut Task,
    triage: &Triage,
    reason: Option<&Excerpt>,
    ctx: &mut Ctx<'_>,
) -> Result<Said, Stop> {
    if matches!(task.status, Status::Backlog | Status::Ready) {
        return Err(Refusal::NotUnderWay.into());
    }
    let notice = NotificationId(ctx.ids.fresh());
    let title = format!("🚨 Escalated: {}", task.title);
    let message = reason.map(Excerpt::as_str).filter(|reason| !reason.is_empty()).unwrap_or(&title);
    change.put(
        0,
        Notification {
            id: notice,
            task: Some(task.id),
            project: Some(task.project),
            kind: NotificationType::Escalation,
            severity: NotificationSeverity::Critical,
            message: Body::parse(message)?.ok_or(Refusal::ContentMissing)?,
            title: cut(&title, TITLE_MAX),
            agent: Some(triage.author.to_string()),
            read: false,
            of_triage: true,
            created_at: ctx.now,
        },
    );
    task.escalation = Some(Escalation {
        notice: Some(notice),
        at: ctx.now,
        by: triage.author.to_string(),
        reason: reason.map(ToString::to_string).filter(|reason| !reason.is_empty()),
    });
    Ok(Said {
        comment: because("Task escalated: a person must look at it.", reason),
        data: vec![("action", "escalate".into()), ("reason", text(reason))],
    })
}

/// What was done is thrown away: the loop stops its agent as it sees the task gone from its column.
fn abort(view: &View, change: &mut Change, task: &mut Task, ctx: &mut Ctx<'_>) -> Result<Said, Stop> {
    if task.status != Status::InProgress {
        return Err(Refusal::NotInProgress.into());
    }
    go(view, change, task, Status::Done, Some(Resolution::Discarded), ctx)?;
    if task.open_run.is_none() {
        task.agent_session_key = None;
    }
    Ok(Said {
        comment: "Task aborted: its agent is stopped, and what it did is discarded.".into(),
        data: vec![("action", "abort".into())],
    })
}

/// Its parts are ready at once, at the end of their column in the order in which they were named, and it is done with.
fn split(
    view: &View,
    change: &mut Change,
    parent: &mut Task,
    parts: &[Subtask],
    ctx: &mut Ctx<'_>,
) -> Result<Said, Stop> {
    if parts.is_empty() {
        return Err(Refusal::SubtasksMissing.into());
    }
    if parts.len() > SUBTASKS_MAX {
        return Err(Refusal::SubtasksTooMany.into());
    }
    let project = parent.project;
    let wishes: Vec<TaskId> = parts.iter().map(|_| TaskId(ctx.ids.fresh())).collect();
    view.gather(
        [Range::doc(Kind::Counter, TASK_NUMBER), Range::doc(Kind::Counts, project)]
            .into_iter()
            .chain(wishes.iter().map(|wish| Range::doc(Kind::Unique, id8_name(project, *wish))))
            .chain(ends_of(project, Status::Ready, true, 1)),
    )?;
    let first = next_numbers(view, change, TASK_NUMBER, parts.len() as u64)?;
    let end = at_end(view, project, Status::Ready)?;
    // A reserved parent is finished by a person only; that is asked here.
    go(view, change, parent, Status::Done, Some(Resolution::Discarded), ctx)?;
    let mut titles = String::new();
    for (n, (part, wish)) in parts.iter().zip(wishes).enumerate() {
        let id = free_id(view, change, project, wish, ctx)?;
        let number = first + n as u64;
        let mut task = Task::new(id, project, number, part.title.clone(), Status::Ready, ctx.now);
        task.description.clone_from(&part.description);
        task.priority = part.priority.unwrap_or(parent.priority);
        task.role = part.role.or(parent.role);
        // What a person must look at does not come out of that by being split.
        task.requires_human_review = parent.requires_human_review;
        task.position = end + n as f64;
        titles.push_str(&format!("\n- {}", task.title));
        let key = DocKey::new(Kind::Task, id);
        if n == 0 {
            change.create(task);
        } else {
            change.put(0, task);
        }
        change.claim(id8_name(project, id), key.clone());
        change.claim(number_name(number), key);
    }
    if let Some(counts) = change.of::<Counts>(view, project)? {
        let mut shifted = counts.is;
        (0..parts.len()).for_each(|_| shifted.shift(None, Some(Status::Ready)));
        change.put(counts.rev, shifted);
    }
    Ok(Said {
        comment: format!("Task split into {} subtasks:\n{titles}", parts.len()),
        data: vec![("action", "split".into()), ("subtasks", parts.len().to_string())],
    })
}
