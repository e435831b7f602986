//! Projects.

use crate::{
    chat::Chat,
    command::{Force, NewProject, ProjectPatch},
    ctx::Ctx,
    doc::{Counter, DocKey, Kind, Scope, slug_name},
    id::{ChatId, ProjectId},
    project::{Counts, DEFAULT_COLOR, Project},
    range::{After, Range},
    refusal::Refusal,
    right::Right,
    rule::{Decided, alive, line, require},
    task::Task,
    text::{Models, Runtimes, Slug},
    view::{Stop, View},
};

/// How many of them are looked at together.
const SLUG_BATCH: usize = 50;
/// Tasks that are looked at together.
const PAGE: u32 = 500;

/// Makes a project, its counts and its chat "General".
pub fn create(view: &View, new: &NewProject, ctx: &mut Ctx<'_>) -> Decided {
    check(new.work_loop_max_agents)?;
    if new.work_loop_enabled || new.work_loop_max_agents.is_some() {
        require(ctx, Right::Spend)?;
    }
    let slug = match &new.slug {
        Some(slug) if view.taken(&slug_name(slug.as_str()))? => return Err(Refusal::SlugTaken.into()),
        Some(slug) => slug.clone(),
        None => free_slug(view, &Slug::from_name(new.name.as_str()))?,
    };
    let id = ProjectId(ctx.ids.fresh());
    let project = Project {
        id,
        slug: slug.clone(),
        name: new.name.clone(),
        description: new.description.clone().map(String::from),
        color: new.color.clone().map_or_else(|| DEFAULT_COLOR.into(), String::from),
        repo_url: new.repo_url.clone().map(String::from),
        context_path: None,
        local_path: new.local_path.clone().map(String::from),
        github_repo: new.github_repo.clone().map(String::from),
        chat_layout: new.chat_layout,
        work_loop_enabled: new.work_loop_enabled,
        work_loop_max_agents: new.work_loop_max_agents,
        budget: Default::default(),
        dry_run: false,
        limits_fail: false,
        role_model_overrides: Default::default(),
        runtimes: Default::default(),
        created_at: ctx.now,
        updated_at: ctx.now,
        deleted_at: None,
        purging: false,
    };
    let general = Chat {
        id: ChatId(ctx.ids.fresh()),
        project: id,
        title: "General".into(),
        participants: Vec::new(),
        runtime: crate::runtime::usual(),
        session_key: None,
        about: None,
        introduced: false,
        deleted_at: None,
        last: None,
        created_at: ctx.now,
        updated_at: ctx.now,
    };
    let mut change = crate::change::Change::default();
    change.create(project).put(0, Counts::none(id)).put(0, general);
    change.claim(slug_name(slug.as_str()), DocKey::new(Kind::Project, id));
    change.touch(Scope::Installation).touch(Scope::Project(id));
    let log = line(ctx, Some(id), None, "project_created", &[("name", new.name.to_string())]);
    change.activity.push(log);
    Ok(change)
}

/// Changes fields of a project.
pub fn update(view: &View, id: ProjectId, patch: &ProjectPatch, ctx: &mut Ctx<'_>) -> Decided {
    if *patch == ProjectPatch::default() {
        return Err(Refusal::NothingToChange.into());
    }
    check(patch.work_loop_max_agents.flatten())?;
    let old = alive::project(view, id)?;
    let mut is = old.is.clone();
    let mut change = crate::change::Change::default();
    if let Some(slug) = &patch.slug
        && *slug != is.slug
    {
        if view.taken(&slug_name(slug.as_str()))? {
            return Err(Refusal::SlugTaken.into());
        }
        change.claim(slug_name(slug.as_str()), DocKey::new(Kind::Project, id));
        change.release(slug_name(is.slug.as_str()));
        is.slug = slug.clone();
    }
    set(&mut is.name, patch.name.clone());
    set(&mut is.color, patch.color.clone().map(String::from));
    set_text(&mut is.description, &patch.description);
    set_text(&mut is.repo_url, &patch.repo_url);
    set_text(&mut is.context_path, &patch.context_path);
    set_text(&mut is.local_path, &patch.local_path);
    set_text(&mut is.github_repo, &patch.github_repo);
    set(&mut is.chat_layout, patch.chat_layout);
    set(&mut is.work_loop_enabled, patch.work_loop_enabled);
    set(&mut is.work_loop_max_agents, patch.work_loop_max_agents);
    set(&mut is.budget, patch.budget);
    set(&mut is.dry_run, patch.dry_run);
    set(&mut is.limits_fail, patch.limits_fail);
    set(&mut is.role_model_overrides, patch.role_model_overrides.clone().map(Models::into_map));
    set(&mut is.runtimes, patch.runtimes.clone().map(Runtimes::into_map));
    // A form may send what is there already.
    let spends = |p: &Project| {
        let spending = (p.work_loop_enabled, p.work_loop_max_agents, p.budget, p.dry_run);
        (spending, p.role_model_overrides.clone(), p.runtimes.clone())
    };
    if spends(&is) != spends(&old.is) {
        require(ctx, Right::Spend)?;
    }
    is.updated_at = ctx.now;
    let mut said = vec![("name", is.name.to_string())];
    if is.work_loop_enabled != old.is.work_loop_enabled {
        said.push(("work_loop", if is.work_loop_enabled { "on" } else { "off" }.into()));
    }
    if is.dry_run != old.is.dry_run {
        said.push(("dry_run", if is.dry_run { "on" } else { "off" }.into()));
    }
    change.put(old.rev, is);
    change.touch(Scope::Installation).touch(Scope::Project(id));
    let log = line(ctx, Some(id), None, "project_changed", &said);
    change.activity.push(log);
    Ok(change)
}

/// Takes a project away, with force also when there are tasks: one small change, after which neither it nor
/// anything in it is there, its address is free and its agents are stopped. What is in it stays as it is.
pub fn delete(view: &View, id: ProjectId, force: Force, ctx: &mut Ctx<'_>) -> Decided {
    let first = Range::children(Kind::Task, id, 1);
    view.gather([Range::doc(Kind::Project, id), Range::doc(Kind::Counts, id), first.clone()])?;
    let old = alive::project(view, id)?;
    if force == Force::No && !view.list::<Task>(first)?.is_empty() {
        return Err(Refusal::ProjectHasTasks.into());
    }
    if !ctx.actor.may(Right::Decide) {
        nothing_reserved(view, id, ctx)?;
    }
    let mut change = crate::change::Change::default();
    let mut tasks = 0;
    if let Some(counts) = view.find::<Counts>(id)? {
        tasks = counts.is.total();
        change.put(counts.rev, Counts { hidden: true, ..counts.is });
    }
    change.release(slug_name(old.is.slug.as_str()));
    let name = old.is.name.to_string();
    change.put(old.rev, Project { deleted_at: Some(ctx.now), ..old.is });
    change.touch(Scope::Installation).touch(Scope::Project(id));
    let said = [("name", name), ("tasks", tasks.to_string())];
    let log = line(ctx, None, None, "project_deleted", &said);
    change.activity.push(log);
    Ok(change)
}

/// Refuses where a task of the project is kept for people.
fn nothing_reserved(view: &View, id: ProjectId, ctx: &Ctx<'_>) -> Result<(), Stop> {
    let mut after = None;
    loop {
        let page =
            view.list::<Task>(Range::Children { kind: Kind::Task, parent: id.to_string(), after, limit: PAGE })?;
        for task in &page {
            super::task::not_reserved(&task.is, ctx)?;
        }
        match page.last() {
            Some(last) if page.len() == PAGE as usize => {
                after = Some(After { order: last.is.position, id: last.is.id.to_string() });
            }
            _ => return Ok(()),
        }
    }
}

/// Brings a deleted project back: under its address, or the next free one where somebody has taken it. Said of
/// one that is not deleted it brings the next of its questions back into the lists, until none is missing.
pub fn restore(view: &View, id: ProjectId, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Project>(id, Refusal::ProjectNotFound)?;
    let mut change = crate::change::Change::default();
    if old.is.purging {
        return Err(Refusal::ProjectNotFound.into());
    }
    super::purge::unshelve(view, &mut change, id)?;
    if old.is.deleted_at.is_some() {
        let slug = free_slug(view, &old.is.slug)?;
        change.claim(slug_name(slug.as_str()), DocKey::new(Kind::Project, id));
        if let Some(counts) = view.find::<Counts>(id)? {
            change.put(counts.rev, Counts { hidden: false, ..counts.is });
        }
        let name = old.is.name.to_string();
        change.put(old.rev, Project { slug, deleted_at: None, updated_at: ctx.now, ..old.is });
        let log = line(ctx, Some(id), None, "project_restored", &[("name", name)]);
        change.activity.push(log);
    }
    if !change.is_empty() {
        change.made = Some(DocKey::new(Kind::Project, id));
        change.touch(Scope::Installation).touch(Scope::Project(id));
    }
    Ok(change)
}

/// The wish, or the first free one with a number; in batches, so that many of one name cost few looks.
fn free_slug(view: &View, wish: &Slug) -> Result<Slug, Stop> {
    if !view.taken(&slug_name(wish.as_str()))? {
        return Ok(wish.clone());
    }
    let tries: Vec<Slug> = wish.tries().skip(1).collect();
    for batch in tries.chunks(SLUG_BATCH) {
        view.gather(batch.iter().map(|slug| Range::doc(Kind::Unique, slug_name(slug.as_str()))))?;
        for slug in batch {
            if !view.taken(&slug_name(slug.as_str()))? {
                return Ok(slug.clone());
            }
        }
    }
    Err(Refusal::SlugTaken.into())
}

fn check(max: Option<u32>) -> Result<(), Refusal> {
    if max == Some(0) { Err(Refusal::MaxAgentsInvalid) } else { Ok(()) }
}

pub(crate) fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// A text that may be cleared.
pub(crate) fn set_text<T: Clone + Into<String>>(slot: &mut Option<String>, value: &Option<Option<T>>) {
    set(slot, value.clone().map(|text| text.map(Into::into)));
}

/// The next number of a counter, written into the change.
pub(crate) fn next_number(view: &View, change: &mut crate::change::Change, name: &str) -> Result<u64, Stop> {
    next_numbers(view, change, name, 1)
}

/// The first of so many numbers that follow each other.
pub(crate) fn next_numbers(
    view: &View,
    change: &mut crate::change::Change,
    name: &str,
    count: u64,
) -> Result<u64, Stop> {
    let old = view.find::<Counter>(name)?;
    let (rev, last) = old.map_or((0, 0), |c| (c.rev, c.is.last));
    change.put(rev, Counter { name: name.into(), last: last + count });
    Ok(last + 1)
}
