//! Manual dispatch: somebody wants a task handed to an agent by whoever watches that list from outside (facts §2.8).

use crate::{
    change::Change,
    command::NewDispatch,
    ctx::Ctx,
    doc::{DocKey, Kind, Scope},
    refusal::Refusal,
    rule::{Decided, alive, line},
    task::{Dispatch, Status},
    view::View,
};

/// Puts the task on the list, where it stays until it leaves its column: whoever takes it moves it.
pub fn request(view: &View, new: &NewDispatch, ctx: &mut Ctx<'_>) -> Decided {
    let old = alive::task(view, new.task)?;
    let mut is = old.is;
    if is.status == Status::Done {
        return Err(Refusal::DoneIsFinal.into());
    }
    if is.dispatch.is_some() {
        return Err(Refusal::DispatchActive.into());
    }
    is.assignee = Some(new.agent.to_string());
    is.dispatch = Some(Dispatch { at: ctx.now, by: new.by.to_string() });
    is.updated_at = ctx.now;
    let project = is.project;
    let mut change = Change::default();
    change.put(old.rev, is).touch(Scope::Project(project));
    change.made = Some(DocKey::new(Kind::Task, new.task));
    let said = [("agent_id", new.agent.to_string()), ("dispatch_status", "pending".into())];
    let log = line(ctx, Some(project), Some(new.task), "agent_started", &said);
    change.activity.push(log);
    Ok(change)
}
