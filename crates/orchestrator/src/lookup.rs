//! Finding what somebody names ([`clutch_domain::named`]), for every edge alike. What this program
//! cannot read is refused in words.

use clutch_domain::{named, project::Project, range::Fetch, task::Task};

use crate::office::{Error, Office};

impl Office {
    /// The task that is called `T-12`, `12`, or by its id.
    pub async fn task(&self, name: &str) -> Result<Option<Task>, Error> {
        let Some(range) = named::task(name) else { return Ok(None) };
        let task: Option<Task> = self.first(range).await?;
        match task {
            // What is in a deleted project is not there.
            Some(task) if self.get::<Project>(task.project).await?.is_some_and(|p| p.deleted_at.is_none()) => {
                Ok(Some(task))
            }
            _ => Ok(None),
        }
    }

    /// The project with this id or slug.
    pub async fn project(&self, name: &str) -> Result<Option<Project>, Error> {
        let ranges = named::project(name);
        let read = self.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
        let found = ranges.iter().find_map(|range| read.first::<Project>(range)).cloned();
        match ranges.iter().find_map(|range| read.unread(range).next()) {
            Some(unread) if found.is_none() => Err(unread.refusal().into()),
            // What lies in the bin is not there.
            _ => Ok(found.filter(|project| project.deleted_at.is_none())),
        }
    }
}
