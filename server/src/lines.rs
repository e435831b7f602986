//! What agents do right now: the newest line of each run, kept in memory and shown on the cards.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use clutch_domain::{
    doc::session_name,
    id::{ProjectId, TaskId},
    range::Range,
    run::Run,
};
use clutch_orchestrator::{
    office::Office,
    runtime::{AgentRuntime, RunSign},
};
use tokio::sync::{broadcast::error::RecvError, watch};

/// Longest line, in characters.
const LINE_MAX: usize = 300;
/// Most sessions whose task is remembered; beyond it the memory is made anew.
const SESSIONS_MAX: usize = 2_000;

/// Lines of one project by task.
pub type ProjectLines = BTreeMap<TaskId, String>;

#[derive(Default)]
struct Now {
    lines: BTreeMap<ProjectId, ProjectLines>,
}

/// The newest lines.
pub struct Lines {
    now: Mutex<Now>,
    news: watch::Sender<u64>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { now: Mutex::default(), news: watch::Sender::new(0) }
    }
}

impl Lines {
    /// Wakes when a line changed.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The lines of a project.
    pub fn of(&self, project: ProjectId) -> ProjectLines {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).lines.get(&project).cloned().unwrap_or_default()
    }

    fn set(&self, project: ProjectId, task: TaskId, line: Option<String>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = now.lines.entry(project).or_default();
        let changed = match line {
            Some(line) => lines.insert(task, line.clone()).as_deref() != Some(&line),
            None => lines.remove(&task).is_some(),
        };
        drop(now);
        if changed {
            self.news.send_modify(|n| *n += 1);
        }
    }

    /// Listens to the gateway for ever.
    pub async fn follow(self: Arc<Self>, office: Arc<Office>, runtime: Arc<dyn AgentRuntime>) {
        let mut events = runtime.events();
        let mut known: HashMap<String, Option<(ProjectId, TaskId)>> = HashMap::new();
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => continue, // lines only: the next one is newer anyway
                Err(RecvError::Closed) => return,
            };
            let line = match &event.what {
                RunSign::Line(line) => Some(clutch_domain::text::preview(line, LINE_MAX)),
                RunSign::Ended(_) => None,
                RunSign::Started | RunSign::Tool(_) | RunSign::Text(_) => continue,
            };
            if known.len() > SESSIONS_MAX {
                known.clear();
            }
            let place = match known.get(&event.session) {
                Some(place) => *place,
                None => {
                    let place = place_of(&office, &event.session).await;
                    known.insert(event.session.clone(), place);
                    place
                }
            };
            if let Some((project, task)) = place {
                self.set(project, task, line);
            }
        }
    }
}

async fn place_of(office: &Office, session: &str) -> Option<(ProjectId, TaskId)> {
    let run: Run = office.first(Range::unique(session_name(session))).await.ok()??;
    Some((run.project, run.task))
}
