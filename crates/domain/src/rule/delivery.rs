//! The way of a person's message to its agent: carried, spoken of, sent again, taken back.

use crate::{
    change::Change,
    chat::{Chat, DeliveryStatus, LastMessage, Message, Outbox, RETRIES, Step},
    command::{Carry, DeliveryPatch},
    ctx::Ctx,
    doc::{Kind, Scope},
    id::MessageId,
    range::Range,
    refusal::Refusal,
    right::Right,
    rule::{
        Decided, alive,
        chat::{LAST_WORDS, advance, behind, remove},
        line,
    },
    speech::Speech,
    text::preview,
    time::Millis,
    view::View,
};

/// Pause before the attempt after the first and after the second failure, in milliseconds.
const PAUSES_MS: [i64; 2] = [3_000, 20_000];

/// A step of a message on its way. A step that does not fit where the message is by now is refused,
/// so two couriers never carry one message.
pub fn carry(view: &View, id: MessageId, step: &Carry, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Message>(id, Refusal::MessageNotFound)?;
    let mut is = old.is;
    let now = ctx.now;
    let Some(outbox) = &mut is.outbox else { return Err(Refusal::DeliveryMoved.into()) };
    let mut said = None;
    let trouble = outbox.trouble.take();
    match (step, outbox.step) {
        (Carry::Send, Step::Queued) => {
            outbox.step = Step::Sending;
            outbox.attempt += 1;
            outbox.left = outbox.left.saturating_sub(1);
            outbox.run_id = None;
            outbox.not_before = None;
        }
        (Carry::NotSent, Step::Sending) => {
            outbox.step = Step::Queued;
            outbox.left += 1;
        }
        (Carry::Taken(run), Step::Sending) => {
            outbox.step = Step::Taken;
            outbox.run_id = Some(run.clone());
            is.delivery_status = Some(DeliveryStatus::Delivered);
            is.failure_reason = None;
            said = Some(("message_delivered", String::new()));
        }
        (Carry::AtWork, Step::Taken) if is.delivery_status == Some(DeliveryStatus::Delivered) => {
            is.delivery_status = Some(DeliveryStatus::Processing);
        }
        (Carry::AtWork, Step::Taken) => return Ok(Change::default()),
        (Carry::GoesOn(run), Step::Taken) => outbox.run_id = Some(run.clone()),
        (Carry::Trouble(what), Step::Queued | Step::Sending | Step::Taken) => {
            outbox.trouble = what.as_ref().map(ToString::to_string);
            if outbox.trouble == trouble {
                return Ok(Change::default());
            }
        }
        (Carry::Answered, Step::Taken) => {
            outbox.step = Step::Settled;
            is.delivery_status = Some(DeliveryStatus::Responded);
        }
        (Carry::Failed(reason), Step::Sending | Step::Taken) => {
            is.failure_reason = Some(reason.to_string());
            // What an agent has begun to read is never sent again by itself.
            if outbox.left == 0 || is.delivery_status == Some(DeliveryStatus::Processing) {
                outbox.step = Step::Settled;
                is.delivery_status = Some(DeliveryStatus::Failed);
                said = Some(("message_failed", reason.to_string()));
            } else {
                let pause = PAUSES_MS[if outbox.left > 1 { 0 } else { 1 }];
                outbox.step = Step::Queued;
                outbox.not_before = Some(now.plus(pause));
                is.delivery_status = Some(DeliveryStatus::Sent);
            }
        }
        (Carry::GaveUp(reason), Step::Queued | Step::Sending | Step::Taken) => {
            is.failure_reason = Some(reason.to_string());
            outbox.step = Step::Settled;
            is.delivery_status = Some(DeliveryStatus::Failed);
            said = Some(("message_failed", reason.to_string()));
        }
        _ => return Err(Refusal::DeliveryMoved.into()),
    }
    let settled = outbox.step == Step::Settled;
    if settled {
        outbox.behind = false;
    }
    let chat = is.chat;
    let given_up =
        is.outbox.as_ref().is_some_and(|o| o.introduces) && is.delivery_status == Some(DeliveryStatus::Failed);
    let mut change = Change::default();
    change.put(old.rev, is).touch(Scope::Chat(chat)).touch(Scope::Outbox);
    if settled {
        advance(view, &mut change, chat, Some(id))?;
    }
    if let Some((what, reason)) = said {
        let chat = view.find::<Chat>(chat)?;
        let project = chat.as_ref().map(|chat| chat.is.project);
        if let Some(chat) = chat.filter(|_| given_up) {
            // Nobody told the agent what the project is: the next words do.
            change.put(chat.rev, Chat { introduced: false, ..chat.is });
        }
        change.activity.push(line(ctx, project, None, what, &[("reason", reason)]));
    }
    Ok(change)
}

/// A program's word on how far a message came. Where the server carries the message itself it knows
/// better, and the word changes nothing.
pub fn set_delivery(view: &View, id: MessageId, patch: &DeliveryPatch, _: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Message>(id, Refusal::MessageNotFound)?;
    let mut is = old.is;
    if is.outbox.is_some() {
        return Ok(Change::default());
    }
    is.delivery_status = Some(patch.status);
    is.retry_count = patch.retry_count.or(is.retry_count);
    is.cooldown_until = patch.cooldown_until.map(Millis).or(is.cooldown_until);
    is.failure_reason = patch.failure_reason.clone().map(String::from).or(is.failure_reason);
    let chat = is.chat;
    let mut change = Change::default();
    change.put(old.rev, is).touch(Scope::Chat(chat));
    Ok(change)
}

/// Sends a failed message again, with all its attempts. Never while a run may be alive.
///
/// Where nobody has queued a message, its author carries it: a program's retry only says "not failed"
/// of it (facts §2.3), and a person's hands it to the server, as words. What the server carries
/// itself it knows better, and a retry of what has not failed changes nothing.
pub fn retry(view: &View, id: MessageId, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Message>(id, Refusal::MessageNotFound)?;
    let mut is = old.is;
    if is.open() {
        return Err(Refusal::MessageUnderWay.into());
    }
    let retries = is.retry_count.unwrap_or(0);
    if retries >= RETRIES {
        return Err(Refusal::RetriesUsedUp.into());
    }
    let chat = alive::chat(view, is.chat)?;
    let failed = is.delivery_status == Some(DeliveryStatus::Failed);
    let before = is.outbox.take();
    if before.is_some() && !failed {
        return Ok(Change::default());
    }
    is.retry_count = Some(retries + 1);
    is.delivery_status = Some(DeliveryStatus::Sent);
    is.failure_reason = None;
    is.cooldown_until = None;
    let mut change = Change::default();
    change.touch(Scope::Chat(is.chat));
    let project = chat.is.project;
    if failed && (before.is_some() || ctx.actor.may(Right::Instruct)) {
        let (attempt, speech) = before.map_or((0, Speech::Words), |o| (o.attempt, o.speech));
        if speech == Speech::Command && !ctx.actor.may(Right::Instruct) {
            return Err(Refusal::CommandRefused.into());
        }
        let introduces = !chat.is.introduced && speech == Speech::Words;
        let behind = behind(view, is.chat)?;
        is.outbox = Some(Outbox { attempt, introduces, behind, speech, ..Outbox::queued() });
        change.touch(Scope::Outbox);
        let spoken = Chat { introduced: chat.is.introduced || introduces, ..chat.is.clone() };
        if spoken != chat.is {
            change.put(chat.rev, spoken).touch(Scope::Chats(project));
        }
    }
    change.put(old.rev, is);
    let log = line(ctx, Some(project), None, "message_retried", &[]);
    change.activity.push(log);
    Ok(change)
}

/// Takes back a message that waits: its words return to whoever wrote them.
pub fn withdraw(view: &View, id: MessageId, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Message>(id, Refusal::MessageNotFound)?;
    let Some(outbox) = old.is.outbox.as_ref().filter(|o| o.step == Step::Queued) else {
        return Err(Refusal::MessageLeft.into());
    };
    let chat = view.must::<Chat>(old.is.chat, Refusal::ChatNotFound)?;
    let (project, introduces) = (chat.is.project, outbox.introduces);
    // The list of chats shows the newest words.
    let newest = Range::NewestChildren { kind: Kind::Message, parent: chat.is.id.to_string(), before: None, limit: 2 };
    let before = view.list::<Message>(newest)?.into_iter().find(|m| m.is.id != id).map(|m| m.is);
    let last = before.map(|m| LastMessage {
        content: preview(m.content.as_str(), LAST_WORDS),
        author: m.author,
        by: m.by,
        created_at: m.created_at,
        said_at: m.said_at,
    });
    let mut change = Change::default();
    change.put(chat.rev, Chat { last, introduced: chat.is.introduced && !introduces, ..chat.is });
    change.touch(Scope::Chat(old.is.chat)).touch(Scope::Chats(project)).touch(Scope::Outbox);
    advance(view, &mut change, old.is.chat, Some(id))?;
    remove(&mut change, old);
    let log = line(ctx, Some(project), None, "message_withdrawn", &[]);
    change.activity.push(log);
    Ok(change)
}
