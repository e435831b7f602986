//! Projects.

use crate::{
    chat::Chat,
    command::{Force, NewProject, ProjectPatch},
    ctx::Ctx,
    doc::{Counter, DocKey, Kind, Scope, slug_name},
    id::{ChatId, ProjectId},
    project::{Counts, DEFAULT_COLOR, Project},
    range::Range,
    refusal::Refusal,
    rule::{Decided, line},
    task::Task,
    text::{Models, Slug},
    view::{Stop, View},
};

/// How many numbered slugs are tried for a name before giving up.
const SLUG_TRIES: u32 = 1_000;
/// How many of them are looked at together.
const SLUG_BATCH: usize = 50;
/// Most tasks that go with a project in one step.
const DELETE_MAX: u32 = 500;

/// Makes a project, its counts and its chat "General".
pub fn create(view: &View, new: &NewProject, ctx: &mut Ctx<'_>) -> Decided {
    check(new.work_loop_max_agents)?;
    let slug = match &new.slug {
        Some(slug) if view.taken(&slug_name(slug.as_str()))? => return Err(Refusal::SlugTaken.into()),
        Some(slug) => slug.clone(),
        None => free_slug(view, &Slug::from_name(new.name.as_str()).ok_or(Refusal::SlugInvalid)?)?,
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
        role_model_overrides: Default::default(),
        created_at: ctx.now,
        updated_at: ctx.now,
    };
    let general = Chat {
        id: ChatId(ctx.ids.fresh()),
        project: id,
        title: "General".into(),
        participants: Vec::new(),
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
    let old = view.must::<Project>(id, Refusal::ProjectNotFound)?;
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
    set(&mut is.role_model_overrides, patch.role_model_overrides.clone().map(Models::into_map));
    is.updated_at = ctx.now;
    let mut said = vec![("name", is.name.to_string())];
    if is.work_loop_enabled != old.is.work_loop_enabled {
        said.push(("work_loop", if is.work_loop_enabled { "on" } else { "off" }.into()));
    }
    change.put(old.rev, is);
    change.touch(Scope::Installation).touch(Scope::Project(id));
    let log = line(ctx, Some(id), None, "project_changed", &said);
    change.activity.push(log);
    Ok(change)
}

/// Removes a project. With force its tasks, edges and chats go too, at most [`DELETE_MAX`] tasks at once.
pub fn delete(view: &View, id: ProjectId, force: Force, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Project>(id, Refusal::ProjectNotFound)?;
    let counts = view.find::<Counts>(id)?;
    let tasks = view.list::<Task>(Range::children(Kind::Task, id, DELETE_MAX))?;
    if force == Force::No && !tasks.is_empty() {
        return Err(Refusal::ProjectHasTasks.into());
    }
    if tasks.len() as u32 == DELETE_MAX {
        return Err(Refusal::TooMuchAtOnce.into());
    }
    let mut change = crate::change::Change::default();
    super::task::remove_what_hangs_on(view, &mut change, &tasks.iter().map(|t| t.is.id).collect())?;
    for task in &tasks {
        super::task::not_reserved(&task.is, ctx)?;
        change.delete(&task.doc);
        change.release(crate::doc::id8_name(id, task.is.id)).release(crate::doc::number_name(task.is.number));
    }
    for chat in view.list::<Chat>(Range::children(Kind::Chat, id, DELETE_MAX))? {
        super::chat::remove_messages(view, &mut change, chat.is.id)?;
        super::chat::remove_chat(&mut change, chat);
    }
    if let Some(counts) = &counts {
        change.delete(&counts.doc);
    }
    change.remove(DocKey::new(Kind::LoopState, id));
    change.release(slug_name(old.is.slug.as_str()));
    change.delete(&old.doc);
    change.touch(Scope::Installation).touch(Scope::Project(id));
    let log = line(
        ctx,
        None,
        None,
        "project_deleted",
        &[("name", old.is.name.to_string()), ("tasks", tasks.len().to_string())],
    );
    change.activity.push(log);
    Ok(change)
}

/// The wish, or the first free one with a number; in batches, so that many of one name cost few looks.
fn free_slug(view: &View, wish: &Slug) -> Result<Slug, Stop> {
    if !view.taken(&slug_name(wish.as_str()))? {
        return Ok(wish.clone());
    }
    let tries: Vec<Slug> = (1..=SLUG_TRIES).map(|n| wish.numbered(n)).collect();
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
    let old = view.find::<Counter>(name)?;
    let (rev, last) = old.map_or((0, 0), |c| (c.rev, c.is.last));
    change.put(rev, Counter { name: name.into(), last: last + 1 });
    Ok(last + 1)
}
