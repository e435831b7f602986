//! The work loop's page: what it does, what waits, what it decided, and what people do about tickets that do not go on.

use clutch_domain::id::{ActivityId, ProjectId, TaskId};
use leptos::prelude::*;

use super::Saved;
use crate::{
    error::AppError,
    model::{wire::Loaded, work_loop::Older},
};

/// What the loop does in a project.
#[server(prefix = "/fn", endpoint = "load_loop", output = crate::codec::Reply)]
pub async fn load_loop(slug: String) -> Result<Loaded, AppError> {
    use super::edge;
    use crate::site::site;

    let load = async {
        let site = site()?;
        let project = edge::project(&site, &slug).await?.id;
        reading::page(&site, project).await
    };
    edge::told(load.await)
}

/// The same of several projects: a part for each, under its id.
#[server(prefix = "/fn", endpoint = "load_loops", output = crate::codec::Reply)]
pub async fn load_loops(projects: String) -> Result<Loaded, AppError> {
    use clutch_domain::refusal::Refusal;

    use super::edge;
    use crate::{
        model::{put, wire::Parts},
        pages::LOOPS_MAX,
        site::site,
    };

    let load = async {
        let site = site()?;
        let mut parts = Parts::new();
        for id in projects.split_whitespace().take(LOOPS_MAX) {
            let project: ProjectId = id.parse().map_err(|_| Refusal::ProjectNotFound)?;
            match reading::page(&site, project).await {
                Ok(page) => put(&mut parts, project.to_string(), &page),
                // It went a moment ago.
                Err(error) if error.class == crate::error::Class::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Loaded { version: 0, parts })
    };
    edge::told(load.await)
}

/// Decisions behind one of them.
#[server(prefix = "/fn", endpoint = "older_decisions", output = crate::codec::Reply)]
pub async fn older_decisions(project: ProjectId, behind: ActivityId) -> Result<Older, AppError> {
    super::edge::told(async { reading::older(&crate::site::site()?, project, behind).await }.await)
}

/// Decides what becomes of a ticket that does not go on: `unblock`, `reassign` (to a role), `escalate` or `kill`.
#[server(prefix = "/fn", endpoint = "triage_task", output = crate::codec::Reply)]
pub async fn triage_task(
    task: TaskId,
    step: String,
    #[server(default)] role: Option<String>,
    #[server(default)] reason: Option<String>,
    #[server(default)] key: Option<String>,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{Command, Triage, TriageStep},
        refusal::Refusal,
        task::Role,
        text::Excerpt,
    };

    use super::edge::{filled, save_once, told};
    use crate::site::{author, who};

    let reason = filled(reason).map(Excerpt::from);
    let step = told(match step.as_str() {
        "unblock" => Ok(TriageStep::Unblock),
        "reassign" => Ok(TriageStep::Reassign { role: filled(role).and_then(|r| r.parse::<Role>().ok()), model: None }),
        "escalate" => Ok(TriageStep::Escalate(reason)),
        "kill" => Ok(TriageStep::Kill(reason)),
        _ => Err(Refusal::ChoiceUnknown.into()),
    })?;
    let (author, _) = author(&who());
    save_once("triage_task", key, Command::Triage(Triage { task, author, step })).await
}

#[cfg(feature = "ssr")]
mod reading {
    use clutch_domain::{
        activity::Activity,
        doc::{Inside, Kind},
        id::{ActivityId, ProjectId, TaskId},
        project::Project,
        query::{Query, Snapshot, answer, work},
        range::{Docs, Fetch, Range},
        refusal::Refusal,
        task::Task,
    };

    use crate::{
        error::AppError,
        model::{Extra, older as told, parts, wire::Loaded, work_loop::Older},
        site::Site,
    };

    async fn read(site: &Site, ranges: Vec<Range>) -> Result<Docs, AppError> {
        Ok(site.office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value)
    }

    fn all<'a>(
        docs: &'a Docs,
        ranges: &'a [Range],
    ) -> impl Iterator<Item = &'a std::sync::Arc<clutch_domain::doc::Doc>> {
        ranges.iter().filter_map(|range| docs.get(range)).flatten()
    }

    /// The page of a project.
    pub async fn page(site: &Site, project: ProjectId) -> Result<Loaded, AppError> {
        let query = Query::Loop { project };
        let found = site.office.read(&query.fetch()).await?;
        let snapshot = answer(&query, &found.value);
        if let Snapshot::Unread(unread) = &snapshot {
            return Err(unread.refusal().into());
        }
        let ranges = Extra::ranges(&snapshot);
        let docs = read(site, ranges.clone()).await?;
        let mut extra = Extra { policy: site.settings.policy.clone(), ..Extra::default() };
        extra.take(all(&docs, &ranges));
        let ranges = extra.further(&snapshot);
        let docs = read(site, ranges.clone()).await?;
        extra.take(all(&docs, &ranges));
        let parts = parts(&query, &snapshot, &extra);
        if parts.is_empty() {
            Err(Refusal::ProjectNotFound.into())
        } else {
            Ok(Loaded { version: found.version, parts })
        }
    }

    /// Decisions behind one of them.
    pub async fn older(site: &Site, project: ProjectId, behind: ActivityId) -> Result<Older, AppError> {
        let of: Option<Project> = site.office.get(project).await?;
        of.filter(|project| project.deleted_at.is_none()).ok_or(Refusal::ProjectNotFound)?;
        // A line that is forgotten by now has none behind it.
        let line: Option<Activity> = site.office.get(behind).await?;
        let Some(line) = line.filter(|line| line.project == Some(project)) else { return Ok(Older::default()) };
        let range = work::lines(project, Some(&line));
        let docs = read(site, vec![range.clone()]).await?;
        let lines: Vec<Activity> = docs.all(&range).cloned().collect();
        let wanted: std::collections::BTreeSet<TaskId> = lines.iter().filter_map(|line| line.task).collect();
        let ranges: Vec<Range> = wanted.into_iter().map(|id| Range::doc(Kind::Task, id)).collect();
        let docs = read(site, ranges.clone()).await?;
        let tasks: Vec<Task> = all(&docs, &ranges).filter_map(|doc| Task::of(&doc.body)).cloned().collect();
        Ok(told(&lines, &tasks))
    }
}
