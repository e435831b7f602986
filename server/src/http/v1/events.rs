//! `GET /api/events`: what happens, as Server-Sent Events. Each event is a line of the activity log, with its id, so a
//! client that was away goes on behind the last one that it has seen.
//!
//! Nothing is told from memory: a commit only wakes the stream, which reads the lines behind the place where it is, in
//! the order of the log. So there is no queue that could overflow, and whoever reads slowly gets them later. A line is
//! told at least once: around the place where a client goes on, one may come again, with the same id.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, KeepAlive, Sse},
    },
};
use clutch_domain::{
    activity::Activity,
    doc::{Kind, Scope},
    id::{ActivityId, ProjectId, TaskId},
    project::Project,
    query::PROJECTS_MAX,
    range::{Before, Range},
    time::Millis,
};
use clutch_orchestrator::store::Fault;
use futures_util::{Stream, stream::unfold};
use http::HeaderMap;
use serde::Deserialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast::Receiver, broadcast::error::RecvError, watch},
    time::{Interval, MissedTickBehavior, interval},
};
use utoipa::IntoParams;

use super::{problem::Refused, shapes::Event};
use crate::{
    http::{
        caller::Caller,
        compat::{body::Query, error::Failure, projects, tasks},
    },
    state::AppState,
};

/// Most streams at once.
const STREAMS_MAX: usize = 256;
/// Lines of a project that are read at once.
const READ_AT_ONCE: u32 = 100;
/// Most lines of a project that a client gets behind the place where it goes on.
const REPLAY_MAX: usize = 1_000;
/// So far before the last line that a client has seen, lines of other projects are told again: they may have been
/// committed behind it.
const MARGIN_MS: i64 = 5_000;
/// How often a stream looks whether its caller's session or token is still in force, and says that it lives.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How often lines are looked for that other servers on the same engine wrote.
const OTHERS_EVERY: Duration = Duration::from_secs(5);
/// What a client is asked to wait before it comes again.
const AGAIN_MS: u64 = 2_000;

/// Room for streams.
#[derive(Clone)]
pub struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only those of this project: slug or id.
    project: Option<String>,
    /// Only those about this task: `T-12`, `12` or the id.
    task: Option<String>,
    /// Only those of these kinds, separated by commas.
    #[param(example = "status_changed,comment_added")]
    kinds: Option<String>,
}

/// What happens, as Server-Sent Events.
///
/// The name of an event is its kind, its data an `Event`, its id goes into `Last-Event-ID`. Behind that place at most a
/// thousand lines of each project are told again; where there are more, or where the place is not known (any more), an
/// event `reset` comes first: read anew what you need. Each event comes at least once.
#[utoipa::path(
    get, path = "/api/events", operation_id = "stream_events", tag = "events",
    params(Filter, ("Last-Event-ID" = Option<String>, Header, description = "The last event that you have seen.")),
    responses((status = 200, body = String, content_type = "text/event-stream"), Refused)
)]
pub async fn stream(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Ok(permit) = state.event_streams.0.clone().try_acquire_owned() else {
        let sentence = "Too many streams of events are open. Close some, or come again.";
        return Err(Failure::away("too_many_streams", sentence));
    };
    let task = match filter.task.as_deref() {
        None => None,
        Some(name) => Some(tasks::find(&state.office, name).await?),
    };
    let project = match (filter.project.as_deref(), &task) {
        (Some(name), _) => Some(projects::find(&state.office, name).await?.id),
        (None, task) => task.as_ref().map(|task| task.project),
    };
    let kinds = filter.kinds.as_deref().map(|kinds| kinds.split(',').map(|kind| kind.trim().to_owned()).collect());
    // Listened first, read second.
    let woken = state.office.lines();
    let last = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|id| id.trim().parse().ok()));
    let mut feed = Feed {
        woken,
        stop: state.stop.clone(),
        alive: calm(ALIVE_EVERY),
        others: calm(OTHERS_EVERY),
        only: Only { project, task: task.map(|task| task.id), kinds },
        begin: state.office.now(),
        places: BTreeMap::new(),
        waiting: VecDeque::from([Frame::default().retry(Duration::from_millis(AGAIN_MS)).comment("OpenClutch")]),
        caller,
        state,
        _permit: permit,
    };
    feed.go_on(last).await?;
    Ok(Sse::new(feed.frames()).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)).into_response())
}

fn calm(every: Duration) -> Interval {
    let mut calm = interval(every);
    calm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    calm
}

/// Ready when the server is going.
async fn gone(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Only {
    project: Option<ProjectId>,
    task: Option<TaskId>,
    kinds: Option<BTreeSet<String>>,
}

impl Only {
    fn wants(&self, line: &Activity) -> bool {
        self.task.is_none_or(|task| line.task == Some(task))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&line.what))
    }
}

/// A place in a project's log: behind this line, or behind all lines before this moment.
type Place = (Millis, Option<ActivityId>);

struct Feed {
    state: AppState,
    caller: Caller,
    only: Only,
    woken: Receiver<ProjectId>,
    stop: watch::Receiver<bool>,
    alive: Interval,
    others: Interval,
    /// Where a project is that nobody has read yet.
    begin: Millis,
    places: BTreeMap<ProjectId, Place>,
    waiting: VecDeque<Frame>,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    /// Begins behind the last line that the client has seen; `Some(None)` where it says one that is none.
    async fn go_on(&mut self, last: Option<Option<ActivityId>>) -> Result<(), Failure> {
        let Some(last) = last else { return Ok(()) };
        let seen = match last {
            Some(id) => self.state.office.get::<Activity>(id).await?,
            None => None,
        };
        let Some(seen) = seen else {
            self.reset();
            return Ok(());
        };
        self.begin = seen.at.plus(-MARGIN_MS);
        if let Some(project) = seen.project {
            self.places.insert(project, (seen.at, Some(seen.id)));
        }
        self.look(None).await?;
        Ok(())
    }

    fn reset(&mut self) {
        self.waiting.push_back(Frame::default().event("reset").data("{}"));
    }

    fn frames(self) -> impl Stream<Item = Result<Frame, Infallible>> {
        unfold(self, async |mut feed| {
            loop {
                if let Some(frame) = feed.waiting.pop_front() {
                    return Some((Ok(frame), feed));
                }
                feed.wait().await?;
            }
        })
    }

    /// Waits until there is something to tell; `None` at the end.
    async fn wait(&mut self) -> Option<()> {
        let dirty = tokio::select! {
            biased;
            () = gone(&mut self.stop) => return None,
            _ = self.alive.tick() => return self.caller.stands(&self.state).await.then_some(()),
            woken = self.woken.recv() => match woken {
                Ok(project) => {
                    let mut dirty = BTreeSet::from([project]);
                    while let Ok(more) = self.woken.try_recv() { dirty.insert(more); }
                    Some(dirty)
                }
                // Too many to name: all may have changed.
                Err(RecvError::Lagged(_)) => None,
                Err(RecvError::Closed) => return None,
            },
            _ = self.others.tick(), if !self.state.office.store().sole_writer() => None,
        };
        if let Err(fault) = self.look(dirty).await {
            // The client comes again, and goes on behind what it has.
            tracing::warn!(%fault, "a stream of events ended");
            return None;
        }
        Some(())
    }

    /// Reads what these projects have behind where they are; of `None`, all.
    async fn look(&mut self, dirty: Option<BTreeSet<ProjectId>>) -> Result<(), Fault> {
        let projects: Vec<ProjectId> = match (self.only.project, dirty) {
            (Some(project), dirty) => {
                dirty.is_none_or(|dirty| dirty.contains(&project)).then_some(project).into_iter().collect()
            }
            (None, Some(dirty)) => dirty.into_iter().collect(),
            (None, None) => {
                let all: Vec<Project> =
                    self.state.office.all(Range::children(Kind::Project, "installation", PROJECTS_MAX)).await?;
                all.into_iter().map(|project| project.id).collect()
            }
        };
        let mut lines = Vec::new();
        for project in projects {
            let place = self.places.get(&project).copied().unwrap_or((self.begin, None));
            let (new, cut) = self.behind(project, place).await?;
            if cut {
                self.reset();
            }
            if let Some(newest) = new.first() {
                self.places.insert(project, (newest.at, Some(newest.id)));
            }
            lines.extend(new.into_iter().filter(|line| self.only.wants(line)));
        }
        lines.sort_by_key(|line| (line.at, line.id));
        for line in lines {
            let shape = Event::from(&line);
            let frame = Frame::default().id(line.id.to_string()).event(&line.what);
            // Plain data cannot fail to serialise.
            self.waiting.push_back(frame.json_data(&shape).map_err(|e| Fault::new(e.to_string()))?);
        }
        Ok(())
    }

    /// The lines of a project behind a place, newest first, and whether there are more than are told.
    async fn behind(&self, project: ProjectId, place: Place) -> Result<(Vec<Activity>, bool), Fault> {
        let mut found: Vec<Activity> = Vec::new();
        let mut before: Option<Before> = None;
        loop {
            let range =
                Range::Newest { kind: Kind::Activity, scope: Scope::Project(project), before, limit: READ_AT_ONCE };
            let page: Vec<Activity> = self.state.office.all(range).await?;
            let whole = page.len() < READ_AT_ONCE as usize;
            before = page.last().map(|line| Before { at: line.at, id: line.id.to_string() });
            let all = page.len();
            let new: Vec<Activity> = page.into_iter().take_while(|line| (line.at, Some(line.id)) > place).collect();
            let reached = new.len() < all;
            found.extend(new);
            if reached || whole {
                return Ok((found, false));
            }
            if found.len() >= REPLAY_MAX {
                return Ok((found, true));
            }
        }
    }
}
