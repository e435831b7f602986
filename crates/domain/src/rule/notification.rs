//! Notifications: told, seen, removed.

use crate::{
    change::Change,
    command::NewNotification,
    ctx::Ctx,
    doc::Scope,
    id::{CommentId, NotificationId},
    notification::{Notification, NotificationType},
    refusal::Refusal,
    rule::{Decided, alive, line},
    talk::{AuthorType, Comment, CommentType},
    view::{Seen, View},
};

/// Who speaks in the comment of a notification that names no agent.
const COORDINATOR: &str = "Coordinator";

/// Tells people something. What asks for somebody about a task is a comment there too.
pub fn notify(view: &View, new: &NewNotification, ctx: &mut Ctx<'_>) -> Decided {
    let project = match (new.task, new.project) {
        (Some(task), _) => Some(alive::task(view, task)?.is.project),
        (None, Some(project)) => Some(alive::project(view, project)?.is.id),
        (None, None) => None,
    };
    let mut change = Change::default();
    let title = new.title.as_ref().map_or_else(|| new.kind.title(new.severity).to_owned(), ToString::to_string);
    change.create(Notification {
        id: NotificationId(ctx.ids.fresh()),
        task: new.task,
        project,
        kind: new.kind,
        severity: new.severity,
        title: title.clone(),
        message: new.message.clone(),
        agent: new.agent.as_ref().map(ToString::to_string),
        read: false,
        of_triage: false,
        created_at: ctx.now,
    });
    let said = match new.kind {
        NotificationType::RequestInput => Some(CommentType::RequestInput),
        NotificationType::Escalation => Some(CommentType::StatusChange),
        NotificationType::Completion | NotificationType::System => None,
    };
    if let (Some(task), Some(project), Some(kind)) = (new.task, project, said) {
        let author = new.agent.as_ref().map_or_else(|| COORDINATOR.to_owned(), ToString::to_string);
        change.put(
            0,
            Comment {
                id: CommentId(ctx.ids.fresh()),
                task,
                project,
                author,
                author_type: if new.agent.is_some() { AuthorType::Agent } else { AuthorType::Coordinator },
                by: Some(ctx.actor.who.clone()),
                content: new.message.clone(),
                kind,
                responded_at: None,
                created_at: ctx.now,
            },
        );
        change.touch(Scope::Task(task));
    }
    let said = [("type", new.kind.word().to_owned()), ("title", title)];
    change.activity.push(line(ctx, project, new.task, "notified", &said));
    Ok(change)
}

/// Somebody has seen it, or has not.
pub fn mark(view: &View, id: NotificationId, read: bool, ctx: &mut Ctx<'_>) -> Decided {
    let old = found(view, id)?;
    let mut change = Change::default();
    if old.is.read != read {
        let what = if read { "notification_read" } else { "notification_unread" };
        change.activity.push(line(ctx, old.is.project, old.is.task, what, &[]));
        change.put(old.rev, Notification { read, ..old.is });
    }
    Ok(change)
}

/// It is gone.
pub fn delete(view: &View, id: NotificationId, ctx: &mut Ctx<'_>) -> Decided {
    let old = found(view, id)?;
    let mut change = Change::default();
    let said = [("title", old.is.title.clone())];
    change.activity.push(line(ctx, old.is.project, old.is.task, "notification_deleted", &said));
    change.delete(&old.doc);
    Ok(change)
}

/// One of a deleted project is not there.
fn found(view: &View, id: NotificationId) -> Result<Seen<Notification>, crate::view::Stop> {
    let old = view.must::<Notification>(id, Refusal::NotificationNotFound)?;
    if let Some(project) = old.is.project {
        alive::within(view, project, Refusal::NotificationNotFound)?;
    }
    Ok(old)
}
