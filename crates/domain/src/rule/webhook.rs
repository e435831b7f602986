//! Webhooks: made, changed, told what happens.

use crate::{
    activity::{Activity, WEBHOOK_TESTED},
    change::Change,
    command::{Came, NewWebhook, QueueDeliveries, SettleDelivery, WebhookPatch},
    ctx::Ctx,
    doc::{Kind, Scope},
    id::{DeliveryId, ProjectId, WebhookId},
    range::Range,
    refusal::Refusal,
    rule::{Decided, alive, line},
    time::Millis,
    view::{Seen, Stop, View},
    webhook::{
        ATTEMPTS_KEPT, Attempt, DELIVERIES_ENDED, Delivery, DeliveryState, FAILING_MOST_MS, KEPT_MS, Last,
        OLD_SECRET_MS, OldSecret, Secret, WAITING_MAX, WEBHOOKS_MAX, Webhook, delivery_id, pause,
    },
};

/// Documents that one step removes.
const STEP: u32 = 100;

/// The webhooks of a project, the oldest first.
#[must_use]
pub fn webhooks(project: ProjectId) -> Range {
    Range::children(Kind::Webhook, project, WEBHOOKS_MAX)
}

/// A webhook that is not deleted, of a project that is not.
fn there(view: &View, id: WebhookId) -> Result<Seen<Webhook>, Stop> {
    let webhook = view.must::<Webhook>(id, Refusal::WebhookNotFound)?;
    if webhook.is.deleted_at.is_some() {
        return Err(Refusal::WebhookNotFound.into());
    }
    alive::within(view, webhook.is.project, Refusal::WebhookNotFound)?;
    Ok(webhook)
}

fn log(change: &mut Change, ctx: &mut Ctx<'_>, what: &str, webhook: &Webhook, more: (&str, String)) -> Activity {
    let data = [
        ("webhook", webhook.id.to_string()),
        // Not the whole address: the log is read by all.
        ("host", webhook.host().to_owned()),
        ("description", webhook.description.clone()),
        more,
    ];
    let line = line(ctx, Some(webhook.project), None, what, &data);
    change.activity.push(line.clone());
    change.touch(Scope::Webhooks);
    line
}

/// Makes a webhook.
pub fn create(view: &View, new: &NewWebhook, ctx: &mut Ctx<'_>) -> Decided {
    view.gather([Range::doc(Kind::Project, new.project), webhooks(new.project)])?;
    alive::project(view, new.project)?;
    if view.list::<Webhook>(webhooks(new.project))?.len() >= WEBHOOKS_MAX as usize {
        return Err(Refusal::WebhooksTooMany.into());
    }
    let webhook = Webhook {
        id: WebhookId(ctx.ids.fresh()),
        project: new.project,
        url: new.url.to_string(),
        description: new.description.to_string(),
        events: new.events.clone().into_vec(),
        on: new.on,
        off_because: None,
        secret: Secret { generation: 1, key: new.key.clone() },
        old_secret: None,
        since: ctx.now,
        place: ctx.now,
        waiting: 0,
        failing_since: None,
        last: None,
        made_by: ctx.actor.who.clone(),
        created_at: ctx.now,
        deleted_at: None,
    };
    let mut change = Change::default();
    log(&mut change, ctx, "webhook_created", &webhook, ("events", webhook.events.join(", ")));
    change.create(webhook);
    Ok(change)
}

/// Changes a webhook. One that is switched on again is told what happens from then on.
pub fn update(view: &View, id: WebhookId, patch: &WebhookPatch, ctx: &mut Ctx<'_>) -> Decided {
    let old = there(view, id)?;
    let mut is = old.is.clone();
    if let Some(url) = &patch.url {
        is.url = url.to_string();
    }
    if let Some(description) = &patch.description {
        is.description = description.to_string();
    }
    if let Some(events) = &patch.events {
        is.events = events.clone().into_vec();
    }
    if let Some(on) = patch.on {
        is.on = on;
    }
    let mut fields = Vec::new();
    for (name, differs) in [
        ("url", is.url != old.is.url),
        ("description", is.description != old.is.description),
        ("events", is.events != old.is.events),
        ("on", is.on != old.is.on),
    ] {
        if differs {
            fields.push(name);
        }
    }
    let mut change = Change::default();
    if fields.is_empty() {
        return Ok(change);
    }
    if is.on && !old.is.on {
        is.off_because = None;
        is.since = ctx.now;
        is.place = ctx.now;
    }
    if is.url != old.is.url || is.on != old.is.on {
        is.failing_since = None;
    }
    log(&mut change, ctx, "webhook_changed", &is, ("fields", fields.join(", ")));
    change.put(old.rev, is);
    Ok(change)
}

/// Gives a webhook a new secret; the one before signs too for a day.
pub fn rotate(view: &View, id: WebhookId, key: &str, ctx: &mut Ctx<'_>) -> Decided {
    let old = there(view, id)?;
    let mut is = old.is;
    let secret = Secret { generation: is.secret.generation.saturating_add(1), key: key.to_owned() };
    let before = std::mem::replace(&mut is.secret, secret);
    is.old_secret = Some(OldSecret { secret: before, until: ctx.now.plus(OLD_SECRET_MS) });
    let mut change = Change::default();
    log(&mut change, ctx, "webhook_rotated", &is, ("generation", is.secret.generation.to_string()));
    change.put(old.rev, is);
    Ok(change)
}

/// Takes a webhook away. Nothing is sent any more; what it was told goes in the next steps.
pub fn delete(view: &View, id: WebhookId, ctx: &mut Ctx<'_>) -> Decided {
    let old = there(view, id)?;
    let is = Webhook { deleted_at: Some(ctx.now), on: false, ..old.is };
    let mut change = Change::default();
    log(&mut change, ctx, "webhook_deleted", &is, ("", String::new()));
    change.put(old.rev, is);
    Ok(change)
}

/// Sends an event that nothing has caused, to see what its receiver says.
pub fn test(view: &View, id: WebhookId, ctx: &mut Ctx<'_>) -> Decided {
    let old = there(view, id)?;
    let mut is = old.is;
    if !is.on {
        return Err(Refusal::WebhookOff.into());
    }
    let mut change = Change::default();
    let line = log(&mut change, ctx, WEBHOOK_TESTED, &is, ("", String::new()));
    is.waiting += 1;
    change.create(Delivery::of(&is, &line, ctx.now));
    change.put(old.rev, is);
    Ok(change)
}

/// A person wants a delivery sent again, or at once: under its id, with all its attempts.
pub fn redeliver(view: &View, id: DeliveryId, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Delivery>(id, Refusal::DeliveryNotFound)?;
    let webhook = match there(view, old.is.webhook) {
        Err(Stop::Refuse(_)) => return Err(Refusal::DeliveryNotFound.into()),
        webhook => webhook?,
    };
    if !webhook.is.on {
        return Err(Refusal::WebhookOff.into());
    }
    let mut change = Change::default();
    let mut is = webhook.is;
    log(&mut change, ctx, "webhook_redelivered", &is, ("event", old.is.what.clone()));
    if !old.is.waits() {
        is.waiting += 1;
    }
    // Written again in any case: that is what wakes who sends it.
    change.put(webhook.rev, is);
    let again =
        Delivery { state: DeliveryState::Waiting, due: ctx.now, tries: 0, given_up: None, ended_at: None, ..old.is };
    change.put(old.rev, again);
    Ok(change)
}

/// Makes deliveries of lines, each once, and remembers up to where the log was read.
pub fn queue(view: &View, queue: &QueueDeliveries, ctx: &mut Ctx<'_>) -> Decided {
    let ids = queue.lines.iter().map(|line| delivery_id(queue.webhook, *line));
    view.gather(
        std::iter::once(Range::doc(Kind::Webhook, queue.webhook))
            .chain(queue.lines.iter().map(|line| Range::doc(Kind::Activity, line)))
            .chain(ids.map(|id| Range::doc(Kind::Delivery, id))),
    )?;
    let mut change = Change::default();
    let webhook = view.must::<Webhook>(queue.webhook, Refusal::WebhookNotFound)?;
    if !webhook.is.sends() {
        return Err(Refusal::WebhookOff.into());
    }
    if webhook.is.waiting >= WAITING_MAX {
        return Err(Refusal::DeliveriesTooMany.into());
    }
    let mut is = webhook.is.clone();
    for id in &queue.lines {
        if view.find::<Delivery>(delivery_id(is.id, *id))?.is_some() {
            continue;
        }
        if let Some(line) = view.find::<Activity>(id)?.filter(|line| is.wants(&line.is)) {
            change.put(0, Delivery::of(&is, &line.is, ctx.now));
            is.waiting += 1;
        }
    }
    // Never back, and never ahead of now: a line of a server whose clock is ahead hides none of the others.
    is.place = is.place.max(queue.place.min(ctx.now));
    if is != webhook.is {
        change.put(webhook.rev, is).touch(Scope::Webhooks);
    }
    Ok(change)
}

/// What came of a delivery. Said twice, the second is refused.
pub fn settle(view: &View, settled: &SettleDelivery, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Delivery>(settled.delivery, Refusal::DeliveryNotFound)?;
    if !old.is.waits() {
        return Err(Refusal::DeliveryMoved.into());
    }
    let webhook = view.must::<Webhook>(old.is.webhook, Refusal::WebhookNotFound)?;
    let (mut is, mut hook) = (old.is, webhook.is);
    let mut change = Change::default();
    match &settled.came {
        Came::GivenUp(why) => {
            is.given_up = Some(why.to_string());
            is.state = DeliveryState::Failed;
        }
        Came::Sent(attempt, asked_ms) => {
            is.tries += 1;
            is.attempts.push(attempt.clone());
            let over = is.attempts.len().saturating_sub(ATTEMPTS_KEPT);
            is.attempts.drain(..over);
            hook.last = Some(Last { at: attempt.at, taken: attempt.taken(), status: attempt.status });
            if attempt.taken() {
                is.state = DeliveryState::Delivered;
                hook.failing_since = None;
            } else {
                match pause(is.tries, *asked_ms).filter(|_| !attempt.gone()) {
                    Some(pause) => is.due = ctx.now.plus(pause),
                    None => is.state = DeliveryState::Failed,
                }
                failed(&mut change, &mut hook, attempt, ctx);
            }
        }
    }
    if !is.waits() {
        is.ended_at = Some(ctx.now);
        hook.waiting = hook.waiting.saturating_sub(1);
    }
    change.put(old.rev, is).put(webhook.rev, hook).touch(Scope::Webhooks);
    Ok(change)
}

/// Switches off what is gone for good, and what has failed for days.
fn failed(change: &mut Change, hook: &mut Webhook, attempt: &Attempt, ctx: &mut Ctx<'_>) {
    let since = *hook.failing_since.get_or_insert(attempt.at);
    let why = if attempt.gone() {
        "Its receiver answered 410 Gone: it wants nothing any more.".to_owned()
    } else if ctx.now.since(since) >= FAILING_MOST_MS {
        let last = attempt.error.as_deref().unwrap_or("no answer");
        format!("Its receiver took nothing for {} days. The last answer: {last}", FAILING_MOST_MS / crate::time::DAY_MS)
    } else {
        return;
    };
    if hook.sends() {
        hook.on = false;
        hook.off_because = Some(why.clone());
        log(change, ctx, "webhook_off", hook, ("reason", why));
    }
}

/// Removes the next part of a deleted webhook for good, itself last.
pub fn purge(view: &View, id: WebhookId, _: &mut Ctx<'_>) -> Decided {
    let webhook = view.must::<Webhook>(id, Refusal::WebhookNotFound)?;
    if webhook.is.deleted_at.is_none() {
        return Err(Refusal::NothingToChange.into());
    }
    let mut change = Change::default();
    next_part(view, &mut change, webhook)?;
    change.touch(Scope::Webhooks);
    Ok(change)
}

/// The next deliveries of a webhook that goes, or itself.
pub(crate) fn next_part(view: &View, change: &mut Change, webhook: Seen<Webhook>) -> Result<(), Stop> {
    let deliveries = view.list::<Delivery>(Range::children(Kind::Delivery, webhook.is.id, STEP))?;
    if deliveries.is_empty() {
        change.delete(&webhook.doc);
        return Ok(());
    }
    let waiting = deliveries.iter().filter(|delivery| delivery.is.waits()).count();
    for delivery in &deliveries {
        change.delete(&delivery.doc);
    }
    let waiting = webhook.is.waiting.saturating_sub(u32::try_from(waiting).unwrap_or(u32::MAX));
    if waiting != webhook.is.waiting {
        change.put(webhook.rev, Webhook { waiting, ..webhook.is });
    }
    Ok(())
}

/// Removes the next deliveries that have been over for long.
pub fn forget(view: &View, ctx: &mut Ctx<'_>) -> Decided {
    let mut change = Change::default();
    for delivery in view.list::<Delivery>(Range::linked(Kind::Delivery, DELIVERIES_ENDED, STEP))? {
        if delivery.is.ended_at.is_some_and(|at: Millis| ctx.now.since(at) > KEPT_MS) {
            change.delete(&delivery.doc);
        }
    }
    Ok(change)
}

/// The webhooks of a project that goes for good, deleted ones too.
pub(crate) fn of_project(project: ProjectId) -> Range {
    Range::linked(Kind::Webhook, project, WEBHOOKS_MAX)
}
