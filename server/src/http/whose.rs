//! Whose a session is: the ticket of the run, or the chat, for which it was made. Names are found whole, as they are
//! stored.

use std::collections::{BTreeMap, BTreeSet};

use clutch_domain::{
    chat::Chat,
    doc::{Kind, session_name},
    id::{ProjectId, TaskId},
    project::Project,
    range::{Fetch, Range},
    run::Run,
    task::Task,
};
use clutch_orchestrator::{office::Office, runtime::Runtimes, store::Fault};

use crate::http::{desk, door::escaped};

/// Whose a session is.
#[derive(Clone, Debug)]
pub struct Whose {
    /// Its project.
    pub project: Project,
    /// Its ticket; gone where it was deleted meanwhile.
    pub task: Option<Task>,
    /// The attempt.
    pub run: Option<Run>,
    /// Its chat.
    pub chat: Option<Chat>,
}

impl Whose {
    /// Its name: the ticket or chat.
    pub fn name(&self) -> String {
        match (&self.task, &self.chat) {
            (Some(task), _) => format!("T-{} {}", task.number, task.title),
            (None, Some(chat)) => chat.title.clone(),
            (None, None) => "A deleted ticket".to_owned(),
        }
    }

    /// Where it is shown.
    pub fn address(&self) -> Option<String> {
        let slug = &self.project.slug;
        if self.project.deleted_at.is_some() {
            return None;
        }
        match (&self.task, &self.chat) {
            (Some(task), _) => Some(format!("/projects/{slug}/board?task=T-{}", task.number)),
            (None, Some(chat)) if chat.deleted_at.is_none() => Some(format!("/projects/{slug}/chat?chat={}", chat.id)),
            _ => None,
        }
    }

    /// Project and name, with the way there.
    pub fn html(&self) -> String {
        let name = escaped(&self.name());
        let name = match self.address() {
            Some(to) => format!("<a href=\"{}\" dir=\"auto\">{name}</a>", escaped(&to)),
            None => format!("<span dir=\"auto\">{name}</span>"),
        };
        let project = escaped(self.project.name.as_str());
        format!("{}<span dir=\"auto\">{project}</span> {name}", desk::dot(&self.project))
    }
}

/// Whose these sessions are, as far as they are ours.
pub async fn whose<'a>(
    office: &Office,
    runtimes: &Runtimes,
    sessions: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Whose>, Fault> {
    let sessions: BTreeSet<&str> = sessions.into_iter().collect();
    let run = |session: &str| Range::unique(session_name(session));
    let chat = |session: &str| Some(Range::doc(Kind::Chat, runtimes.chat_of(session)?));
    let ranges: Vec<Range> = sessions.iter().flat_map(|one| [Some(run(one)), chat(one)]).flatten().collect();
    if ranges.is_empty() {
        return Ok(BTreeMap::new());
    }
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    let mut ours: Vec<(&str, Option<Run>, Option<Chat>)> = Vec::new();
    let (mut projects, mut tasks) = (BTreeSet::<ProjectId>::new(), BTreeSet::<TaskId>::new());
    for session in sessions {
        let run = docs.first::<Run>(&run(session)).cloned();
        let chat = chat(session).and_then(|range| docs.first::<Chat>(&range).cloned());
        if run.is_none() && chat.is_none() {
            continue;
        }
        projects.extend(run.as_ref().map(|run| run.project).or(chat.as_ref().map(|chat| chat.project)));
        tasks.extend(run.as_ref().map(|run| run.task));
        ours.push((session, run, chat));
    }
    let project = |id: ProjectId| Range::doc(Kind::Project, id);
    let task = |id: TaskId| Range::doc(Kind::Task, id);
    let ranges: Vec<Range> = projects.into_iter().map(project).chain(tasks.into_iter().map(task)).collect();
    if ranges.is_empty() {
        return Ok(BTreeMap::new());
    }
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    let each = ours.into_iter().filter_map(|(session, run, chat)| {
        let id = run.as_ref().map(|run| run.project).or(chat.as_ref().map(|chat| chat.project))?;
        let project = docs.first::<Project>(&project(id))?.clone();
        let task = run.as_ref().and_then(|run| docs.first::<Task>(&task(run.task)).cloned());
        Some((session.to_owned(), Whose { project, task, run, chat }))
    });
    Ok(each.collect())
}
