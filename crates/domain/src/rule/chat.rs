//! Chats and messages, as far as webhooks and REST need them.

use crate::{
    actor::{ActorKind, COORDINATOR, SYSTEM},
    change::Change,
    chat::{About, Chat, DeliveryStatus, LastMessage, Message, Outbox, Step, is_carried_run},
    command::{ChatPatch, NewChat, NewMessage},
    ctx::Ctx,
    doc::{DocKey, Kind, MESSAGE_BEHIND, MESSAGE_OPEN, Scope, message_run_name, task_chat_name},
    id::{ChatId, MessageId},
    range::{Order, Range},
    refusal::Refusal,
    rule::{
        Decided, Room, alive,
        answer::{same_answer, shows_more},
        line,
    },
    speech::{Speech, may_send, to_people},
    task::Task,
    text::{Body, preview},
    time::Millis,
    view::{Seen, Stop, View},
};

/// Messages of a deleted chat that are removed for good in one step.
const PURGE_STEP: u32 = 500;
/// Most messages of a chat that are on their way when it is deleted.
const OPEN_MAX: u32 = 500;

/// Makes a chat.
pub fn create(view: &View, new: &NewChat, ctx: &mut Ctx<'_>) -> Decided {
    let project = alive::project(view, new.project)?;
    let id = ChatId(ctx.ids.fresh());
    let mut change = Change::default();
    let about = match new.about {
        None => None,
        Some(task) => {
            let found = view.must::<Task>(task, Refusal::TaskNotFound)?;
            if found.is.project != new.project {
                return Err(Refusal::TaskNotFound.into());
            }
            if view.taken(&task_chat_name(task))? {
                return Err(Refusal::ChatExists.into());
            }
            change.claim(task_chat_name(task), DocKey::new(Kind::Chat, id));
            Some(About { task, number: found.is.number })
        }
    };
    change.create(Chat {
        id,
        project: new.project,
        title: new.title.to_string(),
        participants: new.participants.clone().into_vec(),
        runtime: project.is.runtime_of_chats().to_owned(),
        session_key: None,
        about,
        introduced: false,
        deleted_at: None,
        last: None,
        created_at: ctx.now,
        updated_at: ctx.now,
    });
    change.touch(Scope::Chats(new.project));
    let log = line(ctx, Some(new.project), None, "chat_created", &[("title", new.title.to_string())]);
    change.activity.push(log);
    Ok(change)
}

/// Renames a chat or ties it to a session.
pub fn update(view: &View, id: ChatId, patch: &ChatPatch, ctx: &mut Ctx<'_>) -> Decided {
    if patch.title.is_none() && patch.session_key.is_none() {
        return Err(Refusal::NothingToChange.into());
    }
    let old = alive::chat(view, id)?;
    let mut is = old.is;
    if let Some(title) = &patch.title {
        is.title = title.to_string();
    }
    if let Some(key) = &patch.session_key {
        if key.chat != Some(id) {
            return Err(Refusal::SessionForeign.into());
        }
        is.session_key = Some(key.name.to_string());
    }
    is.updated_at = ctx.now;
    let project = is.project;
    let said = is.title.clone();
    let mut change = Change::default();
    change.put(old.rev, is).touch(Scope::Chats(project)).touch(Scope::Chat(id));
    let log = line(ctx, Some(project), None, "chat_changed", &[("title", said)]);
    change.activity.push(log);
    Ok(change)
}

/// Messages of a chat that are on their way in one of the two states, in their order.
fn on_their_way(chat: ChatId, status: &str, limit: u32) -> Range {
    Range::ByStatus {
        kind: Kind::Message,
        scope: Some(Scope::Chat(chat)),
        status: status.into(),
        order: Order::Ordered,
        limit,
    }
}

/// What [`advance`] reads.
pub(crate) fn line_of(chat: ChatId) -> [Range; 2] {
    [on_their_way(chat, MESSAGE_OPEN, 2), on_their_way(chat, MESSAGE_BEHIND, 2)]
}

/// A message has left the line of its chat: the next one is its head, unless there is another.
pub(crate) fn advance(view: &View, change: &mut Change, chat: ChatId, left: Option<MessageId>) -> Result<(), Stop> {
    let [open, behind] = line_of(chat);
    view.gather([open.clone(), behind.clone()])?;
    if view.list::<Message>(open)?.iter().any(|m| Some(m.is.id) != left) {
        return Ok(());
    }
    if let Some(next) = view.list::<Message>(behind)?.into_iter().find(|m| Some(m.is.id) != left) {
        lead(change, next);
    }
    Ok(())
}

/// A message is the head of its chat's line from now on.
fn lead(change: &mut Change, message: Seen<Message>) {
    let outbox = message.is.outbox.clone().map(|o| Outbox { behind: false, ..o });
    change.put(message.rev, Message { outbox, ..message.is }).touch(Scope::Outbox);
}

/// Takes a chat away. What is on its way in it ends here; of very long messages the first, and whoever carries the
/// others gives them up one after another.
pub fn delete(view: &View, id: ChatId, ctx: &mut Ctx<'_>) -> Decided {
    let old = alive::chat(view, id)?;
    let mut change = Change::default();
    let ranges = [MESSAGE_OPEN, MESSAGE_BEHIND].map(|status| on_their_way(id, status, OPEN_MAX));
    view.gather(ranges.iter().cloned())?;
    let [open, behind] = ranges.map(|range| view.list::<Message>(range));
    let mut room = Room::default();
    for message in open?.into_iter().chain(behind?) {
        if room.takes(message.is.content.as_str().len()) {
            give_up(&mut change, message, "The chat was deleted.");
        } else {
            lead(&mut change, message);
            break;
        }
    }
    let (project, title) = (old.is.project, old.is.title.clone());
    change.put(old.rev, Chat { deleted_at: Some(ctx.now), ..old.is });
    change.touch(Scope::Chats(project)).touch(Scope::Chat(id));
    let log = line(ctx, Some(project), None, "chat_deleted", &[("title", title)]);
    change.activity.push(log);
    Ok(change)
}

/// Ends the way of a message whose chat is not there any more.
pub(crate) fn give_up(change: &mut Change, message: Seen<Message>, why: &str) {
    let mut is = message.is;
    if let Some(outbox) = &mut is.outbox {
        outbox.step = Step::Settled;
        outbox.behind = false;
    }
    is.delivery_status = Some(DeliveryStatus::Failed);
    is.failure_reason = Some(why.into());
    change.touch(Scope::Chat(is.chat)).touch(Scope::Outbox);
    change.put(message.rev, is);
}

/// Brings a deleted chat back. One that is not deleted stays as it is.
pub fn restore(view: &View, id: ChatId, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Chat>(id, Refusal::ChatNotFound)?;
    let mut change = Change::default();
    if old.is.deleted_at.is_none() {
        return Ok(change);
    }
    let (project, title) = (old.is.project, old.is.title.clone());
    alive::project(view, project)?;
    advance(view, &mut change, id, None)?;
    change.put(old.rev, Chat { deleted_at: None, ..old.is });
    change.touch(Scope::Chats(project)).touch(Scope::Chat(id));
    let log = line(ctx, Some(project), None, "chat_restored", &[("title", title)]);
    change.activity.push(log);
    Ok(change)
}

/// Removes a deleted chat for good; of a long one the next part of its messages, the chat itself last.
pub fn purge(view: &View, id: ChatId) -> Decided {
    let old = view.must::<Chat>(id, Refusal::ChatNotFound)?;
    if old.is.deleted_at.is_none() {
        return Err(Refusal::NothingToChange.into());
    }
    let mut change = Change::default();
    let messages = view.list::<Message>(Range::children(Kind::Message, id, PURGE_STEP))?;
    let last = (messages.len() as u32) < PURGE_STEP;
    messages.into_iter().for_each(|message| remove(&mut change, message));
    if last {
        remove_chat(&mut change, old);
    }
    change.touch(Scope::Chat(id));
    Ok(change)
}

/// Removes a chat without its messages.
pub(crate) fn remove_chat(change: &mut Change, chat: Seen<Chat>) {
    if let Some(about) = chat.is.about {
        change.release(task_chat_name(about.task));
    }
    change.delete(&chat.doc);
}

/// Removes a message with its name.
pub(crate) fn remove(change: &mut Change, message: Seen<Message>) {
    if let Some(run) = &message.is.run_id {
        change.release(message_run_name(run));
    }
    if message.is.open() {
        change.touch(Scope::Outbox);
    }
    change.delete(&message.doc);
}

/// Longest last words of a chat that are kept for lists, in characters.
pub(super) const LAST_WORDS: usize = 200;
/// Messages of one moment are put apart, one millisecond each: up to this the place is as good as the moment.
const PUT_APART_MS: i64 = 1_000;

/// Writes a message. One that answers a run exists once, whoever brings it: the bridge with the
/// run's id, or an older plugin that does not know the id. What an agent says to its gateway only is not kept.
pub fn post(view: &View, new: &NewMessage, ctx: &mut Ctx<'_>) -> Decided {
    let spoken;
    let new = if new.author.as_str() == COORDINATOR || ctx.actor.who.kind == ActorKind::Agent {
        let content = Body::parse(to_people(new.content.as_str()))?.ok_or(Refusal::NothingSaid)?;
        spoken = NewMessage { content, ..new.clone() };
        &spoken
    } else {
        new
    };
    let chat = alive::chat(view, new.chat)?;
    let id = MessageId(ctx.ids.fresh());
    let mut change = Change::default();
    if let Some(run) = &new.run_id
        && (view.taken(&message_run_name(run.as_str()))? || !new.heard && is_carried_run(run.as_str()))
    {
        return Err(Refusal::MessageExists.into());
    }
    if let Some(same) = same_answer(view, new, ctx.now)? {
        let mut is = same.is;
        let more = shows_more(new.content.as_str(), is.content.as_str());
        if new.run_id.is_none() && !more {
            return Err(Refusal::MessageExists.into());
        }
        if more {
            is.content = new.content.clone();
        }
        if let Some(run) = &new.run_id {
            is.run_id = Some(run.to_string());
            is.calls.clone_from(&new.calls);
            change.claim(message_run_name(run.as_str()), DocKey::new(Kind::Message, is.id));
        }
        change.made = Some(DocKey::new(Kind::Message, is.id));
        let run = is.run_id.clone().unwrap_or_default();
        change.put(same.rev, is).touch(Scope::Chat(new.chat));
        let log = line(ctx, Some(chat.is.project), None, "message_matched", &[("run", run)]);
        change.activity.push(log);
        return Ok(change);
    }
    if let Some(run) = &new.run_id {
        change.claim(message_run_name(run.as_str()), DocKey::new(Kind::Message, id));
    }
    let person = new.author.as_str() != COORDINATOR;
    let outbox = if new.send && person { Some(queued(view, &chat.is, new, ctx)?) } else { None };
    let sends = outbox.is_some();
    let introduces = outbox.as_ref().is_some_and(|o| o.introduces);
    // Lists sort by time: two messages of one chat never share a millisecond, and none stands before one
    // that was there, also when the clock was ahead then. What is shown is the clock's word.
    let at = chat.is.last.as_ref().map_or(ctx.now, |last| ctx.now.max(last.created_at.plus(1)));
    let said_at = (at.since(ctx.now) > PUT_APART_MS).then_some(ctx.now);
    change.create(Message {
        id,
        chat: new.chat,
        author: new.author.to_string(),
        by: Some(ctx.actor.who.clone()),
        content: new.content.clone(),
        run_id: new.run_id.clone().map(String::from),
        session_key: new.session_key.clone().map(String::from),
        is_automated: new.is_automated,
        delivery_status: new
            .delivery_status
            .or((person && new.author.as_str() != SYSTEM).then_some(DeliveryStatus::Sent)),
        retry_count: new.retry_count,
        cooldown_until: new.cooldown_until.map(Millis),
        failure_reason: new.failure_reason.clone().map(String::from),
        calls: new.calls.clone(),
        outbox,
        created_at: at,
        said_at,
    });
    let project = chat.is.project;
    let mut is = chat.is;
    is.introduced = (is.introduced && !new.resets) || introduces;
    is.updated_at = ctx.now;
    is.last = Some(LastMessage {
        content: preview(new.content.as_str(), LAST_WORDS),
        author: new.author.to_string(),
        by: Some(ctx.actor.who.clone()),
        created_at: at,
        said_at,
    });
    change.put(chat.rev, is);
    change.touch(Scope::Chat(new.chat)).touch(Scope::Chats(project));
    if sends {
        change.touch(Scope::Outbox);
    }
    let log = line(ctx, Some(project), None, "message_sent", &[("author", new.author.to_string())]);
    change.activity.push(log);
    Ok(change)
}

/// A message's place in the queue. The first words tell the agent what the project is; a command goes alone.
fn queued(view: &View, chat: &Chat, new: &NewMessage, ctx: &Ctx<'_>) -> Result<Outbox, Stop> {
    let speech = may_send(&ctx.actor, new.author.as_str(), new.content.as_str())?;
    let introduces = !chat.introduced && speech == Speech::Words;
    Ok(Outbox { introduces, behind: behind(view, chat.id)?, speech, ..Outbox::queued() })
}

/// Whether a new message of a chat has to stand behind another.
pub(super) fn behind(view: &View, chat: ChatId) -> Result<bool, Stop> {
    Ok(!view.list::<Message>(on_their_way(chat, MESSAGE_OPEN, 1))?.is_empty())
}

/// The session of a chat gets its name, before its first words leave.
pub fn name_session(view: &View, id: ChatId, name: &str, before: Option<&str>) -> Decided {
    let old = alive::chat(view, id)?;
    let mut change = Change::default();
    if old.is.session_key.as_deref() == before {
        change.touch(Scope::Chats(old.is.project)).touch(Scope::Chat(id));
        change.put(old.rev, Chat { session_key: Some(name.to_owned()), ..old.is });
    }
    Ok(change)
}
