//! Runs that the runtime neither shows nor stops.

use crate::{
    command::{EndRun, Ended, Retry},
    ctx::Ctx,
    id::RunId,
    refusal::Refusal,
    task::{Status, Task},
    view::View,
};

use super::{
    Decided,
    work::{ended, open_run},
};

/// A person says that the agent is gone whom the runtime neither shows nor stops: its place is free, and its
/// task waits for the person's next word, as whether it is true nobody else knows.
pub fn treat_as_ended(view: &View, run: RunId, ctx: &mut Ctx<'_>) -> Decided {
    let run = open_run(view, run)?.is;
    if run.trouble.is_none() {
        return Err(Refusal::RunIsFollowed.into());
    }
    let said =
        format!("{} treated the agent as ended, as it could not be followed or stopped.", ctx.actor.who.in_words());
    let end = EndRun {
        run: run.id,
        as_id: None,
        how: Ended::Aborted,
        last_words: said.as_str().into(),
        used: None,
        // It has not failed, so no failure is counted.
        retry: Retry { wait_ms: 0, cap: u32::MAX },
    };
    let mut change = ended(view, &end, ctx)?;
    if let Some(mut task) = change.of::<Task>(view, run.task)?
        && task.is.status == Status::Blocked
        && task.is.trouble.is_some()
    {
        task.is.trouble = Some(format!("{said} Move the task to Ready to start another."));
        change.put(task.rev, task.is);
    }
    Ok(change)
}

/// What people are told of a run that the runtime neither shows nor stops.
pub(super) fn out_of_reach(words: &str) -> String {
    format!(
        "Nobody can see or stop the agent of the last attempt, so it may still be at work: {words} \
         Stop it there, then move the task to Ready."
    )
}
