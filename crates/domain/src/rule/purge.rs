//! What becomes of a deleted project: it leaves the lists of the installation, and after a while it
//! is removed for good. Each command here is one bounded step; the server that leads takes them
//! one after another until a step has nothing to do.

use crate::{
    activity::Activity,
    change::Change,
    chat::{Chat, Message},
    ctx::Ctx,
    doc::{Dependency, DocKey, Inside, Kind, MESSAGE_OPEN, Scope, edge_name, id8_name, number_name},
    id::ProjectId,
    notification::Notification,
    project::{Counts, Project},
    range::{Order, Range},
    refusal::Refusal,
    rule::{Decided, Room, chat, webhook, work},
    run::{LoopState, Run},
    talk::{Comment, Signal},
    task::Task,
    view::{Seen, Stop, View},
    webhook::Webhook,
};

/// Documents that one step touches.
const STEP: u32 = 100;
/// Messages on their way that one step looks at.
const OPEN: u32 = 200;

/// A deleted project, which is all that these commands touch.
fn deleted(view: &View, id: ProjectId) -> Result<Seen<Project>, Stop> {
    let project = view.must::<Project>(id, Refusal::ProjectNotFound)?;
    if project.is.deleted_at.is_none() { Err(Refusal::NothingToChange.into()) } else { Ok(project) }
}

/// Signals of a project in one state of the index.
fn signals(id: ProjectId, status: &str) -> Range {
    Range::ByStatus {
        kind: Kind::Signal,
        scope: Some(Scope::Project(id)),
        status: status.into(),
        order: Order::Ordered,
        limit: STEP,
    }
}

/// Takes the next of a deleted project's questions out of the installation's lists, and gives up its messages
/// that are on their way.
pub fn shelve(view: &View, id: ProjectId, _: &mut Ctx<'_>) -> Decided {
    let open = Range::ByStatus {
        kind: Kind::Message,
        scope: None,
        status: MESSAGE_OPEN.into(),
        order: Order::Ordered,
        limit: OPEN,
    };
    let ranges = [signals(id, "waits"), signals(id, "delivering"), open];
    view.gather(ranges.iter().cloned().chain([Range::doc(Kind::Project, id)]))?;
    deleted(view, id)?;
    let [waits, delivering, open] = ranges;
    let mut change = Change::default();
    let mut room = Room::default();
    for signal in view.list::<Signal>(waits)?.into_iter().chain(view.list(delivering)?) {
        if room.takes(words(&signal.is)) {
            change.put(signal.rev, Signal { shelved: true, ..signal.is });
        }
    }
    let messages = view.list::<Message>(open)?;
    view.gather(messages.iter().map(|m| Range::doc(Kind::Chat, m.is.chat)))?;
    let mut ours = Vec::new();
    for message in messages {
        let of = view.find::<Chat>(message.is.chat)?;
        if of.is_some_and(|chat| chat.is.project == id) {
            ours.push(message);
        }
    }
    view.gather(ours.iter().flat_map(|message| chat::line_of(message.is.chat)))?;
    for message in ours {
        // Its words, and those of the one that becomes the head of the line. Those behind it follow in the next steps.
        if !room.takes(2 * message.is.content.as_str().len()) {
            break;
        }
        chat::advance(view, &mut change, message.is.chat, Some(message.is.id))?;
        chat::give_up(&mut change, message, "The project was deleted.");
    }
    if !change.is_empty() {
        change.touch(Scope::Project(id)).touch(Scope::Installation);
    }
    Ok(change)
}

/// Brings the next of a project's questions back into the lists.
pub(crate) fn unshelve(view: &View, change: &mut Change, id: ProjectId) -> Result<(), Stop> {
    let mut room = Room::default();
    for signal in view.list::<Signal>(signals(id, "shelved"))? {
        if room.takes(words(&signal.is)) {
            change.put(signal.rev, Signal { shelved: false, ..signal.is });
        }
    }
    Ok(())
}

/// Bytes of a question and its answer.
fn words(signal: &Signal) -> usize {
    signal.message.as_str().len() + signal.response.as_ref().map_or(0, |answer| answer.as_str().len())
}

/// Removes the next part of a deleted project for good; the project itself last, when no agent works in it any
/// more. From the first step on it cannot be brought back.
pub fn purge(view: &View, id: ProjectId, _: &mut Ctx<'_>) -> Decided {
    let project = deleted(view, id)?;
    let mut change = Change::default();
    let left = next_part(view, &mut change, id)?;
    if !change.is_empty() {
        if !project.is.purging {
            change.put(project.rev, Project { purging: true, ..project.is });
        }
        change.touch(Scope::Project(id));
    } else if !left {
        view.gather([Range::doc(Kind::Counts, id), Range::doc(Kind::LoopState, id)])?;
        if let Some(counts) = view.find::<Counts>(id)? {
            change.delete(&counts.doc);
        }
        if let Some(state) = view.find::<LoopState>(id)? {
            change.delete(&state.doc);
        }
        change.delete(&project.doc);
        change.touch(Scope::Project(id)).touch(Scope::Installation);
    }
    Ok(change)
}

/// The next documents of a project, kind by kind. Answers whether some have to stay for now.
fn next_part(view: &View, change: &mut Change, id: ProjectId) -> Result<bool, Stop> {
    let tasks = view.list::<Task>(Range::children(Kind::Task, id, STEP))?;
    for task in tasks {
        change.delete(&task.doc);
        change.release(id8_name(id, task.is.id)).release(number_name(task.is.number));
    }
    if !change.is_empty() {
        return Ok(true);
    }
    for edge in newest::<Dependency>(view, id)? {
        change.delete(&edge.doc);
        change.release(edge_name(edge.is.task, edge.is.depends_on)).touch(Scope::Graph(id));
    }
    remove_all::<Comment>(view, change, id)?;
    remove_all::<Signal>(view, change, id)?;
    if !change.is_empty() {
        return Ok(true);
    }
    view.gather([Range::newest(Kind::Run, Scope::Project(id), STEP), webhook::of_project(id)])?;
    let runs = newest::<Run>(view, id)?;
    let at_work = runs.iter().any(|run| run.is.open());
    for run in runs.into_iter().filter(|run| !run.is.open()) {
        // An open run stays: the loop stops its agent and then closes it.
        work::forget(change, &run);
    }
    if let Some(chat) = newest::<Chat>(view, id)?.into_iter().next() {
        let messages = view.list::<Message>(Range::newest(Kind::Message, Scope::Chat(chat.is.id), STEP))?;
        if messages.is_empty() {
            chat::remove_chat(change, chat);
        } else {
            change.touch(Scope::Chat(chat.is.id));
            messages.into_iter().for_each(|message| chat::remove(change, message));
        }
    }
    for notice in view.list::<Notification>(Range::linked(Kind::Notification, id, STEP))? {
        change.delete(&notice.doc);
    }
    if let Some(hook) = view.list::<Webhook>(webhook::of_project(id))?.into_iter().next() {
        webhook::next_part(view, change, hook)?;
        change.touch(Scope::Webhooks);
    }
    if change.is_empty() {
        remove_all::<Activity>(view, change, id)?;
    }
    Ok(at_work)
}

fn newest<T: Inside + Clone>(view: &View, id: ProjectId) -> Result<Vec<Seen<T>>, Stop> {
    view.list(Range::newest(T::KIND, Scope::Project(id), STEP))
}

fn remove_all<T: Inside + Clone>(view: &View, change: &mut Change, id: ProjectId) -> Result<(), Stop> {
    for found in newest::<T>(view, id)? {
        change.delete(&found.doc);
    }
    Ok(())
}

/// Gives a project in the bin up at once: it cannot be brought back, and the next steps remove it.
pub fn discard(view: &View, id: ProjectId, ctx: &mut Ctx<'_>) -> Decided {
    let project = deleted(view, id)?;
    let mut change = Change::default();
    if !project.is.purging {
        let name = project.is.name.to_string();
        change.put(project.rev, Project { purging: true, ..project.is });
        change.touch(Scope::Installation);
        change.activity.push(super::line(ctx, None, None, "project_discarded", &[("name", name)]));
        change.made = Some(DocKey::new(Kind::Project, id));
    }
    Ok(change)
}
