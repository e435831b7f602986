//! Finding what somebody names ([`clutch_domain::named`]), for every edge alike.

use clutch_domain::{named, project::Project, range::Fetch, task::Task};

use crate::{office::Office, store::Fault};

impl Office {
    /// The task that is called `T-12`, `12`, or by its id.
    pub async fn task(&self, name: &str) -> Result<Option<Task>, Fault> {
        match named::task(name) {
            Some(range) => self.first(range).await,
            None => Ok(None),
        }
    }

    /// The project with this id or slug.
    pub async fn project(&self, name: &str) -> Result<Option<Project>, Fault> {
        let ranges = named::project(name);
        let read = self.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
        Ok(ranges.iter().find_map(|range| read.first::<Project>(range)).cloned())
    }
}
