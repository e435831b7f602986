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
    office::{Error, Office},
    runtime::{RunEvent, RunSign, Runtime},
};
use tokio::sync::{broadcast::error::RecvError, watch};

/// Longest line, in characters.
const LINE_MAX: usize = 300;
/// Most sessions whose task is remembered; beyond it the memory is made anew.
const SESSIONS_MAX: usize = 2_000;

/// Lines of one project by task.
pub type ProjectLines = BTreeMap<TaskId, String>;

/// The newest line of a task's agent. Each attempt at a task has a session of its own.
struct Line {
    runtime: String,
    session: String,
    run: String,
    words: String,
}

/// The newest lines.
pub struct Lines {
    now: Mutex<BTreeMap<ProjectId, BTreeMap<TaskId, Line>>>,
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
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = now.get(&project).into_iter().flatten();
        lines.map(|(task, line)| (*task, line.words.clone())).collect()
    }

    /// A run says what it does now.
    fn say(&self, runtime: &str, (project, task): (ProjectId, TaskId), event: &RunEvent, words: String) {
        let runtime = runtime.to_owned();
        let line = Line { runtime, session: event.session.clone(), run: event.run_id.clone(), words };
        let changed = {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            let lines = now.entry(project).or_default();
            let changed = lines.get(&task).is_none_or(|before| before.words != line.words);
            lines.insert(task, line);
            changed
        };
        if changed {
            self.news.send_modify(|n| *n += 1);
        }
    }

    /// Takes the line of a task away if it is one of these.
    fn drop_if(&self, (project, task): (ProjectId, TaskId), over: impl FnOnce(&Line) -> bool) {
        let gone = {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            let lines = now.get_mut(&project);
            lines.is_some_and(|lines| lines.get(&task).is_some_and(over) && lines.remove(&task).is_some())
        };
        if gone {
            self.news.send_modify(|n| *n += 1);
        }
    }

    /// Ends may have been missed: only who says something more is shown again.
    fn forget(&self, runtime: &str) {
        let gone = {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            let before: usize = now.values().map(BTreeMap::len).sum();
            now.values_mut().for_each(|lines| lines.retain(|_, line| line.runtime != runtime));
            before != now.values().map(BTreeMap::len).sum::<usize>()
        };
        if gone {
            self.news.send_modify(|n| *n += 1);
        }
    }

    /// Listens to a runtime for ever.
    pub async fn follow(self: Arc<Self>, office: Arc<Office>, runtime: Arc<Runtime>) {
        let mut events = runtime.agents.events();
        let mut state = runtime.agents.state();
        let mut known: HashMap<String, Option<(ProjectId, TaskId)>> = HashMap::new();
        loop {
            let event = tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => event,
                    Err(RecvError::Lagged(_)) => {
                        self.forget(&runtime.name);
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                },
                // A gateway that goes away tells no ends.
                Ok(()) = state.changed() => {
                    if !state.borrow_and_update().is_ready() {
                        self.forget(&runtime.name);
                    }
                    continue;
                }
            };
            if matches!(event.what, RunSign::Tool(_) | RunSign::Text(_)) {
                continue;
            }
            if known.len() > SESSIONS_MAX {
                known.clear();
            }
            let place = match known.get(&event.session) {
                Some(place) => *place,
                // Only what is known is remembered: a store in trouble says nothing about the session.
                None => match place_of(&office, &event.session).await {
                    Ok(place) => *known.entry(event.session.clone()).or_insert(place),
                    Err(error) => {
                        tracing::debug!(session = event.session, %error, "nobody knows whose line this is");
                        continue;
                    }
                },
            };
            let Some(place) = place else { continue };
            match &event.what {
                RunSign::Line(line) => {
                    self.say(&runtime.name, place, &event, clutch_domain::text::preview(line, LINE_MAX));
                }
                // What another attempt at this task did is over.
                RunSign::Started => self.drop_if(place, |line| line.session != event.session),
                // Words into the middle of a run end by themselves, and the run goes on.
                RunSign::Ended(_) => self.drop_if(place, |line| line.run == event.run_id),
                RunSign::Tool(_) | RunSign::Text(_) => {}
            }
        }
    }
}

async fn place_of(office: &Office, session: &str) -> Result<Option<(ProjectId, TaskId)>, Error> {
    let run: Option<Run> = office.first(Range::unique(session_name(session))).await?;
    Ok(run.map(|run| (run.project, run.task)))
}
