//! What an ended turn leaves in the books: what it used of the project's day, a usage window that ran out, and whether
//! anything came of it.

use crate::{
    brake::{Spent, Used, WINDOWS_MAX, Window},
    change::Change,
    ctx::Ctx,
    doc::Kind,
    id::TaskId,
    range::Range,
    run::{LoopState, Run},
    sabotage::{Switch, removed},
    talk::Comment,
    time::Millis,
    view::{Stop, View},
};

/// Newest comments among which those of an agent are looked for.
const COMMENTS: u32 = 5;

/// The newest words on a task: enough to see whether its agent wrote any.
pub(super) fn newest_comments(task: TaskId) -> Range {
    Range::NewestChildren { kind: Kind::Comment, parent: task.to_string(), before: None, limit: COMMENTS }
}

/// Whether anything is there of what an agent did, beside its report: it wrote a comment, or asked.
pub(super) fn left_something(view: &View, run: &Run) -> Result<bool, Stop> {
    let comments = view.list::<Comment>(newest_comments(run.task))?;
    let said = comments.iter().any(|c| c.is.created_at > run.claimed_at && c.is.is_of_an_agent());
    // Who went on after an answer had asked for it.
    Ok(said || run.turn_at.is_some())
}

/// What people are told of a task whose agents leave nothing.
pub(super) fn fruitless(times: u32, last: &str) -> String {
    format!(
        "{times} agents in a row ended without a report, a comment or a question, so only a person may let another \
         begin: look at the ticket, then move it to Ready. {last}"
    )
    .trim()
    .to_owned()
}

/// What a turn that is over used counts for the day of its project. Whoever took a task by itself spends what is
/// its own.
pub(super) fn spend(
    view: &View,
    change: &mut Change,
    run: &mut Run,
    used: Option<Used>,
    shut: Option<Millis>,
    ctx: &Ctx<'_>,
) -> Result<(), Stop> {
    let counted = if removed(Switch::CountOnce) { None } else { run.used }.unwrap_or_default();
    let worked_before = run.worked_ms;
    run.worked_ms = run.worked(ctx.now);
    // Of a session that is gone nothing is known any more; what was known of it stays.
    run.used = run.used.max(used).max(run.stopping.as_ref().and_then(|stopping| stopping.used));
    if run.hold.is_some() {
        return Ok(());
    }
    let Some(state) = view.find::<LoopState>(run.project)? else { return Ok(()) };
    let (mut is, now) = (state.is.clone(), run.used.unwrap_or_default());
    let spent = is.spent.on(ctx.now);
    is.spent = Spent {
        worked_ms: spent.worked_ms.saturating_add(run.worked_ms.saturating_sub(worked_before)),
        tokens: spent.tokens.saturating_add(now.tokens().saturating_sub(counted.tokens())),
        cost_micros: spent
            .cost_micros
            .saturating_add(now.cost_micros.unwrap_or(0).saturating_sub(counted.cost_micros.unwrap_or(0))),
        ..spent
    };
    is.windows.retain(|window| ctx.now < window.until);
    if let Some(until) = shut {
        is.windows.retain(|window| window.runtime != run.runtime || window.model != run.model);
        let excess = (is.windows.len() + 1).saturating_sub(WINDOWS_MAX);
        is.windows.drain(..excess);
        is.windows.push(Window { runtime: run.runtime.clone(), model: run.model.clone(), until });
    }
    if is != state.is {
        is.updated_at = ctx.now;
        change.put(state.rev, is);
    }
    Ok(())
}
