//! A workbench: documents in a map, commands applied to them, nothing else.
#![allow(clippy::unwrap_used, reason = "test helpers")]

use std::{collections::BTreeMap, sync::Arc};

use clutch_domain::{
    actor::Actor,
    change::{Change, Expect},
    command::{
        ClaimRun, Command, Completion, EndRun, Ended, HoldLease, NewProject, NewSignal, NewTask, Place, ProjectPatch,
        Retry,
    },
    ctx::Ctx,
    doc::{Body, Doc, DocKey, Inside, Scope},
    id::{ProjectId, RunId, SignalId, TaskId},
    invariant::Everything,
    project::Project,
    range::{Order, Range},
    refusal::Refusal,
    rule,
    run::Run,
    talk::{Signal, SignalKind, SignalSeverity},
    task::{Status, Task},
    text::{Body as Words, Handle, LocalPath, Name, SessionKey, Title},
    time::Millis,
    view::{Stop, View},
};
use uuid::Uuid;

pub const HOLDER: &str = "server-1";
pub const RETRY: Retry = Retry { wait_ms: 30_000, cap: 3 };

/// Documents and a clock.
pub struct Bench {
    docs: BTreeMap<DocKey, Arc<Doc>>,
    scopes: BTreeMap<Scope, u64>,
    pub now: Millis,
    next: u128,
    pub project: ProjectId,
    /// The last change that was applied.
    pub last: Change,
}

pub fn words(text: &str) -> Words {
    Words::parse(text).unwrap().unwrap()
}

impl Bench {
    /// A lease and a project whose loop is on.
    pub fn new() -> Self {
        let mut bench = Self {
            docs: BTreeMap::new(),
            scopes: BTreeMap::new(),
            now: Millis(1_000_000),
            next: 1,
            project: ProjectId(Uuid::nil()),
            last: Change::default(),
        };
        bench.run(&hold(HOLDER, None, true)).unwrap();
        let new = NewProject {
            local_path: LocalPath::parse("/srv/site").unwrap(),
            work_loop_enabled: true,
            ..NewProject::new(Name::parse("Site").unwrap())
        };
        bench.person(&Command::CreateProject(new)).unwrap();
        bench.project = bench.all::<Project>()[0].id;
        bench
    }

    /// The loop asks.
    pub fn run(&mut self, command: &Command) -> Result<(), Refusal> {
        self.ask(Actor::work_loop(), command)
    }

    /// A person asks.
    pub fn person(&mut self, command: &Command) -> Result<(), Refusal> {
        self.ask(Actor::human("dan"), command)
    }

    /// Anybody asks.
    pub fn ask(&mut self, actor: Actor, command: &Command) -> Result<(), Refusal> {
        let change = self.decide(actor, command)?;
        self.apply(&change).unwrap();
        self.last = change;
        let broken = Everything::of(self.docs.values().map(|d| &d.body)).broken();
        assert!(broken.is_empty(), "{command:?} broke {broken:#?}");
        Ok(())
    }

    /// Decides without applying.
    pub fn decide(&mut self, actor: Actor, command: &Command) -> Result<Change, Refusal> {
        let mut view = View::default();
        let first = self.next;
        loop {
            self.next = first;
            let next = &mut self.next;
            let mut ids = || {
                *next += 1;
                // The first eight digits are a contract, so they differ too.
                Uuid::from_u128((*next << 96) | *next)
            };
            let mut ctx = Ctx { actor: actor.clone(), now: self.now, ids: &mut ids };
            match rule::handle(&view, command, &mut ctx) {
                Ok(change) => return Ok(change),
                Err(Stop::Refuse(refusal)) => return Err(refusal),
                Err(Stop::Need(more)) => {
                    more.ranges.iter().for_each(|r| view.docs.insert(r, self.answer(r)));
                    let scopes = more.scopes.iter().map(|s| (*s, self.scopes.get(s).copied().unwrap_or(0)));
                    view.scopes.extend(scopes);
                }
            }
        }
    }

    /// Applies a change, or says what it expected in vain.
    pub fn apply(&mut self, change: &Change) -> Result<(), Expect> {
        for expect in &change.expects {
            let holds = match expect {
                Expect::Doc(key, rev) => self.docs.get(key).map_or(0, |d| d.rev) == *rev,
                Expect::Scope(scope, rev) => self.scopes.get(scope).copied().unwrap_or(0) == *rev,
            };
            if !holds {
                return Err(expect.clone());
            }
        }
        for key in change.deletes() {
            self.docs.remove(key);
        }
        for body in change.puts() {
            let rev = self.docs.get(&body.key()).map_or(0, |d| d.rev) + 1;
            self.docs.insert(body.key(), Arc::new(Doc::new(rev, body.clone())));
        }
        for line in &change.activity {
            let body = Body::from(line.clone());
            self.docs.insert(body.key(), Arc::new(Doc::new(1, body)));
        }
        for scope in &change.touches {
            *self.scopes.entry(*scope).or_insert(0) += 1;
        }
        Ok(())
    }

    fn answer(&self, range: &Range) -> Vec<Arc<Doc>> {
        let find = |wanted: &dyn Fn(&Body) -> bool, limit: u32, newest: bool| {
            let mut found: Vec<_> = self.docs.values().filter(|d| wanted(&d.body)).cloned().collect();
            found.sort_by(|a, b| {
                let (x, y) = (a.body.index(), b.body.index());
                let order = if newest { y.at.cmp(&x.at) } else { x.order.total_cmp(&y.order) };
                order.then(a.body.key().cmp(&b.body.key()))
            });
            found.truncate(limit as usize);
            found
        };
        match range {
            Range::Doc { key } => self.docs.get(key).cloned().into_iter().collect(),
            Range::ByUnique { name } => {
                let target = self.docs.get(&DocKey::unique(name)).and_then(|d| match &d.body {
                    Body::Unique(unique) => Some(unique.target.clone()),
                    _ => None,
                });
                target.and_then(|t| self.docs.get(&t).cloned()).into_iter().collect()
            }
            Range::Children { kind, parent, limit, .. } => {
                find(&|b| b.kind() == *kind && b.index().parent == *parent, *limit, false)
            }
            Range::NewestChildren { kind, parent, limit, .. } => {
                find(&|b| b.kind() == *kind && b.index().parent == *parent, *limit, true)
            }
            Range::Linked { kind, link, limit } => {
                find(&|b| b.kind() == *kind && b.index().link == *link, *limit, false)
            }
            Range::ByStatus { kind, scope, status, order, limit } => find(
                &|b| {
                    let index = b.index();
                    b.kind() == *kind && index.status == status && scope.is_none_or(|s| s == index.scope)
                },
                *limit,
                *order == Order::Newest,
            ),
            Range::StatusPage { kind, scope, status, back, limit, .. } => {
                let mut found = find(
                    &|b| {
                        let index = b.index();
                        b.kind() == *kind && index.status == status && *scope == index.scope
                    },
                    u32::MAX,
                    false,
                );
                if *back {
                    found.reverse();
                }
                found.truncate(*limit as usize);
                found
            }
            Range::StatusBefore { kind, scope, status, limit, .. } => find(
                &|b| {
                    let index = b.index();
                    b.kind() == *kind && index.status == status && *scope == index.scope
                },
                *limit,
                true,
            ),
            Range::Newest { kind, scope, limit, .. } => {
                find(&|b| b.kind() == *kind && b.index().scope == *scope, *limit, true)
            }
            Range::All { kind, limit, .. } => self
                .docs
                .range(DocKey::new(*kind, "")..)
                .map(|(_, doc)| doc)
                .filter(|d| d.body.kind() == *kind)
                .take(*limit as usize)
                .cloned()
                .collect(),
        }
    }

    /// All documents of a kind.
    pub fn all<T: Inside + Clone>(&self) -> Vec<T> {
        self.docs.values().filter_map(|d| T::of(&d.body)).cloned().collect()
    }

    pub fn task(&self, id: TaskId) -> Task {
        self.all::<Task>().into_iter().find(|t| t.id == id).unwrap()
    }

    pub fn the_run(&self, id: RunId) -> Run {
        self.all::<Run>().into_iter().find(|r| r.id == id).unwrap()
    }

    /// A ready task.
    pub fn ready(&mut self, title: &str) -> TaskId {
        let new = NewTask::new(self.project, Title::parse(title).unwrap(), Status::Ready);
        self.person(&Command::CreateTask(new)).unwrap();
        self.all::<Task>().into_iter().find(|t| t.title.as_str() == title).unwrap().id
    }

    /// Claims a task and has the runtime take it.
    pub fn start(&mut self, task: TaskId) -> RunId {
        let attempt = self.task(task).ended_runs.values().sum::<u32>() + 1;
        self.run(&claim(task, attempt)).unwrap();
        let run = self.task(task).open_run.unwrap();
        self.run(&Command::RunStarted(run.into())).unwrap();
        run
    }

    pub fn end(&mut self, run: RunId, how: Ended, last_words: &str) -> Result<(), Refusal> {
        let as_id = None;
        self.run(&Command::RunEnded(EndRun {
            run,
            as_id,
            how,
            last_words: last_words.into(),
            used: None,
            retry: RETRY,
        }))
    }

    /// The agent of a run asks.
    pub fn question(&mut self, task: TaskId, run: RunId) -> SignalId {
        let session_key = self.the_run(run).session_key;
        let session_key = SessionKey::parse(&session_key).unwrap().unwrap();
        let new = NewSignal {
            task,
            session_key: session_key.into(),
            agent_id: Handle::agent(),
            run_id: None,
            kind: SignalKind::Question,
            severity: SignalSeverity::Normal,
            message: words("Red or green?"),
            options: clutch_domain::text::Options::default(),
        };
        self.ask(Actor::agent("main"), &Command::RaiseSignal(new)).unwrap();
        self.last.made::<Signal>().unwrap().id
    }

    /// The agent of a run reports.
    pub fn report(&mut self, task: TaskId, run: RunId) {
        self.report_as(task, run, false);
    }

    /// The same where work without a pull request may need no review.
    pub fn report_as(&mut self, task: TaskId, run: RunId, finishes: bool) {
        let report = Completion {
            task,
            summary: words("Done."),
            pr_url: None,
            notes: None,
            agent: None,
            session_key: SessionKey::parse(&self.the_run(run).session_key).unwrap().map(Into::into),
            run_id: None,
            finishes,
        };
        self.ask(Actor::agent("main"), &Command::CompleteTask(report)).unwrap();
    }

    pub fn patch(&mut self, patch: ProjectPatch) {
        self.person(&Command::UpdateProject(self.project, patch)).unwrap();
    }
}

/// How the runtime of these tests calls the session of an attempt.
pub fn session_of(task: TaskId, attempt: u32) -> String {
    format!("the attempt {attempt} at {task}")
}

pub fn claim(task: TaskId, attempt: u32) -> Command {
    Command::ClaimRun(ClaimRun {
        task,
        phase: clutch_domain::phase::Phase::Work,
        role: clutch_domain::task::Role::Dev,
        attempt,
        runtime: clutch_domain::runtime::usual(),
        session: session_of(task, attempt),
        model: Some("big".into()),
        most: None,
        prompt_version: "abc".into(),
        holder: HOLDER.into(),
    })
}

pub fn hold(holder: &str, take_over_beat: Option<u64>, sole_writer: bool) -> Command {
    Command::HoldLease(HoldLease { holder: holder.into(), take_over_beat, sole_writer })
}

pub fn relocate(task: TaskId, to: Status) -> Command {
    Command::MoveTask(clutch_domain::command::MoveTask {
        task,
        to,
        place: Place::End,
        reason: None,
        resolution: None,
        reopen: false,
    })
}
