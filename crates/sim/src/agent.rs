//! Agents: what they do with a ticket, and how they report.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use clutch_domain::{
    actor::Actor,
    command::{Command, Completion, NewSignal},
    id::{PromptId, TaskId},
    invariant::Law,
    prompt::Version,
    run::Run,
    talk::{SignalKind, SignalSeverity},
    task::{Task, TaskFields},
    text::{Body, Handle, RunKey, SessionKey},
};
use clutch_orchestrator::{
    office::{Error, Office},
    runtime::{RunEnd, RunEndKind, RunSign},
};

use crate::{
    exec::Exec,
    gateway::Gateway,
    people::beside::{WRITTEN, beginning},
    store::SimStore,
};

/// What an agent does with a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Works and reports.
    Complete,
    /// Opens a pull request instead of reporting.
    PullRequest,
    /// Asks, ends its turn, and reports once it has the answer.
    Ask,
    /// Asks in the middle of its work and goes on meanwhile.
    AskAndGoOn,
    /// Ends without reporting.
    Forget,
    /// Fails so many times, then reports.
    Fail(u32),
    /// Works for ten minutes.
    Slow,
    /// Gives no sign until it is given up, at the first attempt.
    Mute,
}

/// What agents know about the board.
pub struct Board {
    /// What is truly kept.
    pub store: Arc<SimStore>,
    /// Where webhooks arrive.
    pub office: Arc<Office>,
    scripts: Mutex<BTreeMap<TaskId, Script>>,
    reported: Mutex<Vec<Report>>,
    // Sessions and their tasks, also of runs that are gone by now.
    sessions: Mutex<BTreeMap<String, TaskId>>,
    open: Mutex<bool>,
}

/// A report that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// About which task.
    pub task: TaskId,
    /// Its words, which no other report has.
    pub words: String,
}

impl Board {
    /// A board that can be reached.
    #[must_use]
    pub fn new(store: Arc<SimStore>, office: Arc<Office>) -> Arc<Self> {
        Arc::new(Self {
            store,
            office,
            scripts: Mutex::default(),
            reported: Mutex::default(),
            sessions: Mutex::default(),
            open: Mutex::new(true),
        })
    }

    /// What the agent of a task will do.
    pub fn assign(&self, task: TaskId, script: Script) {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner).insert(task, script);
    }

    /// Whether webhooks are answered.
    pub fn set_open(&self, open: bool) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = open;
    }

    /// Reports that were accepted.
    #[must_use]
    pub fn reported(&self) -> Vec<Report> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A dispatch must have an open claim behind it.
    pub fn check_claim(&self, exec: &Exec, session: &str, key: &str) {
        match self.run_of(session) {
            Some(run) if run.key == key && run.open() => {}
            found => {
                let says = format!("{key} was dispatched into {session} without an open claim: {found:?}");
                exec.wrong(Law::ClaimedFirst, says);
            }
        }
        if let Some(run) = self.run_of(session) {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(session.to_owned(), run.task);
        }
    }

    /// What an agent is told is the version of its prompt that its claim names.
    pub fn check_told(&self, exec: &Exec, session: &str, message: &str) {
        let Some(run) = self.run_of(session) else { return };
        let version = run.prompt_version.parse::<PromptId>().ok().and_then(|id| self.store.get::<Version>(id));
        let told = match &version {
            Some(version) => message.starts_with(beginning(version)),
            None => !message.starts_with(WRITTEN),
        };
        if !told {
            let says = format!("{session} is not told {:?}", version.as_ref().map(|version| version.version));
            exec.wrong(Law::ToldAsClaimed, says);
        }
        if version.is_some() {
            exec.count("an agent was told a prompt that people wrote");
        }
    }

    /// The run of a session, as it is truly kept.
    #[must_use]
    pub fn run_of(&self, session: &str) -> Option<Run> {
        self.store.find::<Run>(|run| run.session_key == session)
    }

    /// The task of a session, also when its run is gone.
    #[must_use]
    pub fn task_of(&self, session: &str) -> Option<TaskId> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(session).copied()
    }

    /// Reports; true when it was accepted.
    async fn report(&self, exec: &Exec, report: Completion, words: String) -> bool {
        let task = report.task;
        let accepted = self.post(exec, &Command::CompleteTask(report)).await;
        if accepted {
            self.reported.lock().unwrap_or_else(PoisonError::into_inner).push(Report { task, words });
        }
        accepted
    }

    /// A webhook: three tries, as the plugin does. True when it was accepted.
    async fn post(&self, exec: &Exec, command: &Command) -> bool {
        for _ in 0..3 {
            let open = *self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open {
                match self.office.run(&Actor::agent("agent"), command).await {
                    Ok(_) => return true,
                    Err(Error::Refused(_)) => return false,
                    Err(_) => {}
                }
            }
            exec.sleep(2_000).await;
        }
        false
    }
}

/// One turn of an agent.
pub struct Turn {
    /// Where it runs.
    pub gateway: Arc<Gateway>,
    /// Its session.
    pub session: String,
    /// Its run id.
    pub run: String,
    /// A person at the gateway began it.
    pub typed: bool,
}

/// Plays a turn to its end.
pub async fn work(turn: Turn) {
    let gateway = turn.gateway.clone();
    let board = gateway.board.clone();
    let exec = gateway.exec.clone();
    let Some(run) = board.run_of(&turn.session).filter(|_| !turn.typed) else {
        gateway.publish(&turn.session, &turn.run, RunSign::Started);
        turn.busy(3).await;
        // Now and then the model fails, always on the same message.
        let fails = turn.run.starts_with("chat-") && turn.run.bytes().map(u64::from).sum::<u64>().is_multiple_of(97);
        let end = if fails { failed() } else { finished("You are welcome.") };
        gateway.finish(&turn.session, &turn.run, end);
        return;
    };
    if let Err(end) = gateway.ask_model(&turn.session, run.project) {
        exec.count("a usage window was met");
        gateway.publish(&turn.session, &turn.run, RunSign::Started);
        gateway.finish(&turn.session, &turn.run, end);
        return;
    }
    let script = board.scripts.lock().unwrap_or_else(PoisonError::into_inner).get(&run.task).copied();
    let script = script.unwrap_or(Script::Complete);
    gateway.publish(&turn.session, &turn.run, RunSign::Started);
    let seconds = match script {
        Script::Slow => 600,
        Script::Mute if run.attempt == 1 => 0,
        _ => exec.rng(|r| r.between(2, 25)),
    };
    turn.busy(seconds).await;
    let end = turn.play(script, &run).await;
    gateway.finish(&turn.session, &turn.run, end);
}

fn finished(words: &str) -> RunEnd {
    RunEnd { how: RunEndKind::Finished, last_words: words.into(), reason: None }
}

fn failed() -> RunEnd {
    RunEnd { how: RunEndKind::Failed, last_words: String::new(), reason: Some("the model failed".into()) }
}

impl Turn {
    /// Works visibly.
    async fn busy(&self, seconds: i64) {
        let exec = &self.gateway.exec;
        let until = exec.now() + seconds * 1_000;
        while exec.now() < until {
            let step = exec.rng(|r| r.between(300, 4_000));
            exec.sleep(step).await;
            self.gateway.publish(&self.session, &self.run, RunSign::Line("works".into()));
        }
    }

    async fn play(&self, script: Script, run: &Run) -> RunEnd {
        match script {
            Script::Complete | Script::Slow => self.report(run).await,
            Script::Forget => finished("I think that is all."),
            Script::Fail(times) if run.attempt <= times => failed(),
            Script::Fail(_) => self.report(run).await,
            Script::Mute if run.attempt == 1 => {
                self.gateway.exec.sleep(3 * 3_600_000).await;
                finished("Here I am.")
            }
            Script::Mute => self.report(run).await,
            Script::PullRequest => {
                let patch = TaskFields { pr_number: Some(Some(7)), ..TaskFields::default() };
                self.gateway.board.post(&self.gateway.exec, &Command::UpdateTask(run.task, patch.into())).await;
                finished("I opened a pull request.")
            }
            Script::Ask | Script::AskAndGoOn => self.ask(script, run).await,
        }
    }

    async fn ask(&self, script: Script, run: &Run) -> RunEnd {
        let session = |with: fn(&mut crate::gateway::Session) -> bool| self.gateway.session(&self.session, with);
        if !session(|s| s.asked) {
            if !self.raise("Red or green?", run).await {
                return finished("I could not ask.");
            }
            // Some have two questions, each with an answer of its own.
            if self.gateway.exec.rng(|r| r.chance(30)) {
                self.raise("Gloss or matt?", run).await;
            }
            session(|s| std::mem::replace(&mut s.asked, true));
            if script == Script::AskAndGoOn {
                let seconds = self.gateway.exec.rng(|r| r.between(20, 200));
                self.busy(seconds).await;
            }
        }
        if session(|s| s.answered) { self.report(run).await } else { finished("I asked and wait.") }
    }

    /// Asks the board; whether that came about.
    async fn raise(&self, question: &str, run: &Run) -> bool {
        let Ok(Some(message)) = Body::parse(question) else { return false };
        let Ok(Some(session_key)) = SessionKey::parse(&self.session) else { return false };
        let signal = Command::RaiseSignal(NewSignal {
            task: run.task,
            session_key: session_key.into(),
            agent_id: Handle::agent(),
            run_id: RunKey::parse(&self.run).ok().flatten(),
            kind: SignalKind::Question,
            severity: SignalSeverity::Normal,
            message,
            options: clutch_domain::text::Options::default(),
        });
        self.gateway.board.post(&self.gateway.exec, &signal).await
    }

    async fn report(&self, run: &Run) -> RunEnd {
        if self.gateway.session(&self.session, |s| s.reported) {
            return finished("Already reported.");
        }
        let exec = self.gateway.exec.clone();
        let (luck, number) = exec.rng(|r| (r.between(0, 99), r.bits() >> 40));
        let words = format!("It is done, says {} ({number}).", self.run);
        let Ok(Some(summary)) = Body::parse(&words) else { return finished("") };
        let mut report = Completion {
            task: run.task,
            summary,
            pr_url: None,
            notes: None,
            agent: Some(Handle::agent()),
            session_key: SessionKey::parse(&self.session).ok().flatten().map(Into::into),
            run_id: RunKey::parse(&self.run).ok().flatten(),
            finishes: false,
        };
        let board = self.gateway.board.clone();
        board.store.hears(&self.session);
        if luck < 5 {
            // The turn ends while its report is still on the way.
            exec.count("report came late");
            let process = self.gateway.process();
            let late = exec.rng(|r| r.between(500, 90_000));
            let from = exec.clone();
            self.gateway.session(&self.session, |s| s.reported = true);
            exec.spawn(
                process,
                "late report",
                Box::pin(async move {
                    from.sleep(late).await;
                    board.report(&from, report, words).await;
                }),
            );
            return finished("Done.");
        }
        if (5..9).contains(&luck)
            && let Some(other) = board.store.find::<Task>(|t| t.project == run.project && t.id != run.task)
        {
            exec.count("report named another task");
            report.task = other.id;
            board.report(&exec, report.clone(), words.clone()).await;
            report.task = run.task;
        }
        if !board.report(&exec, report.clone(), words.clone()).await {
            return finished("I could not report.");
        }
        self.gateway.session(&self.session, |s| s.reported = true);
        if (9..17).contains(&luck) {
            exec.count("report came twice");
            board.report(&exec, report, words).await;
        }
        finished("Done.")
    }
}
