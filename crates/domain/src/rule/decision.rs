//! What a person decides at a runtime: the log keeps who, what and about what.

use crate::{
    change::Change,
    chat::Chat,
    command::DecisionMade,
    ctx::Ctx,
    doc::Scope,
    rule::{Decided, line, talk::run_in},
    text::preview,
    view::View,
};

/// Longest beginning of a command or question in the log, in characters.
const ABOUT_MAX: usize = 120;

/// Writes a decision down, in the log of the project whose session it came from, or else in that of no project.
pub fn note(view: &View, made: &DecisionMade, ctx: &mut Ctx<'_>) -> Decided {
    let (mut project, mut task) = (None, None);
    if let Some(session) = &made.session {
        if let Some(chat) = session.chat {
            project = view.find::<Chat>(chat)?.map(|chat| chat.is.project);
        } else if let Some(run) = run_in(view, session)? {
            (project, task) = (Some(run.is.project), Some(run.is.task));
        }
    }
    let said = [
        ("asked", made.asked.word().to_owned()),
        ("said", made.said.word().to_owned()),
        ("preview", preview(made.about.as_str(), ABOUT_MAX)),
        ("not_taken", made.not_taken.as_ref().map_or_else(String::new, |why| preview(why.as_str(), 200))),
    ];
    let mut change = Change::default();
    if let Some(task) = task {
        change.touch(Scope::Task(task));
    }
    change.activity.push(line(ctx, project, task, "decided", &said));
    Ok(change)
}
