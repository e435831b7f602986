//! Role prompts: written, chosen, seeded.
//!
//! The number of a version is a unique name that leads to it, and so is the version that counts: of those who write or
//! choose at one moment each rests on what it has seen, so one comes after the other.

use crate::{
    change::Change,
    command::NewPrompt,
    ctx::Ctx,
    doc::{Counter, DocKey, Kind, Scope, Unique, prompt_counter, prompt_in_force, prompt_number, prompts_of},
    id::PromptId,
    prompt::{Line, Version},
    range::Range,
    refusal::Refusal,
    task::Role,
    view::{Seen, View},
};

use super::{Decided, line};

/// The newest versions of a role.
#[must_use]
pub fn newest(role: Role, limit: u32) -> Range {
    Range::NewestChildren { kind: Kind::PromptVersion, parent: prompts_of(role), before: None, limit }
}

/// Writes a version, which counts from then on.
pub fn create(view: &View, new: &NewPrompt, ctx: &mut Ctx<'_>) -> Decided {
    view.gather(needed(new))?;
    if let Some(parent) = new.parent {
        let parent: Seen<Version> = view.must(parent, Refusal::PromptParentUnknown)?;
        if parent.is.role != new.line.role {
            return Err(Refusal::PromptParentUnknown.into());
        }
    }
    write(view, new, "prompt_created", ctx)
}

/// Writes the first version of a role.
pub fn seed(view: &View, new: &NewPrompt, ctx: &mut Ctx<'_>) -> Decided {
    view.gather(needed(new))?;
    if view.one::<Version>(newest(new.line.role, 1))?.is_some() {
        return Err(Refusal::PromptsExist.into());
    }
    write(view, new, "prompt_seeded", ctx)
}

/// This version counts from now on; said twice it changes nothing.
pub fn activate(view: &View, id: PromptId, ctx: &mut Ctx<'_>) -> Decided {
    let version: Seen<Version> = view.must(id, Refusal::PromptNotFound)?;
    let mut change = Change::default();
    if put_in_force(view, &mut change, &version.is)? {
        log(&mut change, ctx, "prompt_activated", &version.is);
        change.touch(Scope::Installation);
    }
    Ok(change)
}

fn needed(new: &NewPrompt) -> Vec<Range> {
    let mut ranges = vec![
        Range::doc(Kind::Counter, prompt_counter(&new.line)),
        Range::doc(Kind::Unique, prompt_in_force(&new.line)),
        newest(new.line.role, 1),
    ];
    ranges.extend(new.parent.map(|parent| Range::doc(Kind::PromptVersion, parent)));
    ranges
}

fn write(view: &View, new: &NewPrompt, what: &str, ctx: &mut Ctx<'_>) -> Decided {
    let NewPrompt { line, content, variables, change_summary, parent, created_by } = new;
    let mut change = Change::default();
    let version = next_number(view, &mut change, line)?;
    // Their order is that of their moments, so two of one moment follow each other.
    let before = view.one::<Version>(newest(line.role, 1))?.map(|newest| newest.is.created_at.plus(1));
    let version = Version {
        id: PromptId(ctx.ids.fresh()),
        role: line.role,
        model: line.model.clone(),
        version,
        content: content.as_str().to_owned(),
        change_summary: change_summary.as_ref().map(ToString::to_string),
        parent: *parent,
        created_by: created_by.to_string(),
        by: ctx.actor.who.clone(),
        variables: variables.iter().map(|name| (*name).to_owned()).collect(),
        created_at: before.map_or(ctx.now, |before| before.max(ctx.now)),
    };
    change.claim(prompt_number(line, version.version), DocKey::new(Kind::PromptVersion, version.id));
    put_in_force(view, &mut change, &version)?;
    log(&mut change, ctx, what, &version);
    change.create(version).touch(Scope::Installation);
    Ok(change)
}

fn next_number(view: &View, change: &mut Change, line: &Line) -> Result<u64, crate::view::Stop> {
    let name = prompt_counter(line);
    let (rev, last) = view.find::<Counter>(&name)?.map_or((0, 0), |counter| (counter.rev, counter.is.last));
    change.put(rev, Counter { name, last: last + 1 });
    Ok(last + 1)
}

/// Whether that is new.
fn put_in_force(view: &View, change: &mut Change, version: &Version) -> Result<bool, crate::view::Stop> {
    let (key, target) = (prompt_in_force(&version.line()), DocKey::new(Kind::PromptVersion, version.id));
    let before = view.find::<Unique>(&key)?;
    if before.as_ref().is_some_and(|before| before.is.target == target) {
        return Ok(false);
    }
    change.put(before.map_or(0, |before| before.rev), Unique { key, target });
    Ok(true)
}

fn log(change: &mut Change, ctx: &mut Ctx<'_>, what: &str, version: &Version) {
    let data = [
        ("prompt", version.id.to_string()),
        ("role", version.role.word().to_owned()),
        ("model", version.model.clone().unwrap_or_default()),
        ("version", version.version.to_string()),
        ("created_by", version.created_by.clone()),
    ];
    change.activity.push(line(ctx, None, None, what, &data));
}
