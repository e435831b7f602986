//! Agents that come by themselves: they take tasks, give signs of life, ask, report, give back, or vanish.

use std::sync::Arc;

use clutch_domain::{
    actor::Actor,
    command::{Command, Completion, NewSignal, ReleaseRun},
    id::{RunId, TaskId},
    plan::Policy,
    run::Run,
    talk::{Signal, SignalKind, SignalSeverity},
    text::{Body, Handle, Options, RunKey, SessionKey},
};
use clutch_orchestrator::{
    office::{Error, Office},
    prompt::Roles,
    pull::{Ask, Offer, Pull},
};

use crate::{exec::Exec, rng::Rng, store::SimStore};

/// So many calls are tried where the board does not answer.
const TRIES: u32 = 20;
/// So often it looks whether its question was answered.
const LOOKS: u32 = 400;

/// What it does with a task.
#[derive(Clone, Copy, Debug)]
enum Way {
    Reports,
    Asks,
    Vanishes,
    GivesBack,
    TakesLong,
}

/// An agent that comes by itself.
pub struct Puller {
    exec: Exec,
    store: Arc<SimStore>,
    office: Arc<Office>,
    pull: Pull,
    policy: Policy,
    name: &'static str,
}

impl Puller {
    /// One that is called so.
    #[must_use]
    pub fn new(
        exec: Exec,
        store: Arc<SimStore>,
        office: Arc<Office>,
        roles: Arc<Roles>,
        policy: Policy,
        name: &'static str,
    ) -> Self {
        let pull = Pull::new(office.clone(), roles, policy.clone(), "http://127.0.0.1:3002".into());
        Self { exec, store, office, pull, policy, name }
    }

    fn me(&self) -> Actor {
        Actor::agent(self.name)
    }

    /// Comes and takes tasks until `until` of steady time; what it has then it brings to its end.
    pub async fn day(self, until: i64) {
        while self.exec.now() < until {
            let pause = self.exec.rng(|r| r.between(5_000, 120_000));
            self.exec.sleep(pause).await;
            let Ok(Some(agent)) = Handle::parse(self.name) else { return };
            let ask = Ask { task: None, project: None, role: None, agent, model: None };
            if let Ok(Offer::Taken(pulled)) = self.pull.next(&self.me(), &ask).await {
                self.work(&pulled.run).await;
            }
        }
    }

    async fn work(&self, run: &Run) {
        let way = self.exec.rng(|r| match r.between(0, 99) {
            0..=44 => Way::Reports,
            45..=59 => Way::Asks,
            60..=74 => Way::Vanishes,
            75..=84 => Way::GivesBack,
            _ => Way::TakesLong,
        });
        self.exec.say(|| format!("{} has {} and {way:?}", self.name, run.session_key));
        self.exec.count("an agent took a task by itself");
        let busy = self.exec.rng(|r| r.between(1_000, 90_000));
        self.exec.sleep(busy).await;
        match way {
            Way::Vanishes => self.exec.count("an agent that took its task vanished"),
            Way::Reports => self.report(run.task, run.id, &run.key, &run.session_key).await,
            Way::GivesBack => {
                let release = ReleaseRun { run: run.id, reason: "I cannot.".into(), retry: self.policy.retry };
                self.insist(&Command::ReleaseRun(release)).await;
            }
            Way::Asks => {
                if self.ask(run).await && self.insist(&Command::Heartbeat(run.id)).await {
                    self.report(run.task, run.id, &run.key, &run.session_key).await;
                }
            }
            Way::TakesLong => {
                let hold = self.policy.stale_after(run.role);
                for _ in 0..6 {
                    self.exec.sleep(hold / 3).await;
                    if !self.insist(&Command::Heartbeat(run.id)).await {
                        return; // it was taken away
                    }
                }
                self.report(run.task, run.id, &run.key, &run.session_key).await;
            }
        }
    }

    /// Asks and waits for the answer; `false` where there will be none.
    async fn ask(&self, run: &Run) -> bool {
        let number = self.exec.rng(Rng::bits);
        let Ok(Some(message)) = Body::parse(&format!("Red or green? ({number})")) else { return false };
        let Ok(Some(session)) = SessionKey::parse(&run.session_key) else { return false };
        let words = message.clone();
        let signal = Command::RaiseSignal(NewSignal {
            task: run.task,
            session_key: session.into(),
            agent_id: Handle::agent(),
            run_id: RunKey::parse(&run.key).ok().flatten(),
            kind: SignalKind::Question,
            severity: SignalSeverity::Normal,
            message,
            options: Options::parse(["Red", "Green"]).unwrap_or_default(),
        });
        if !self.insist(&signal).await {
            return false;
        }
        let mut looks = 0;
        while looks < LOOKS {
            self.exec.sleep(30_000).await;
            let asked: Vec<Signal> = self.store.all::<Signal>().into_iter().filter(|s| s.message == words).collect();
            if asked.is_empty() || !self.store.get::<Run>(run.id).is_some_and(|run| run.open()) {
                return false;
            }
            if !asked.iter().any(Signal::waits) {
                return true;
            }
            looks += 1;
        }
        false
    }

    async fn report(&self, task: TaskId, run: RunId, key: &str, session: &str) {
        let number = self.exec.rng(Rng::bits);
        let Ok(Some(summary)) = Body::parse(&format!("It is done, says {} of {run} ({number}).", self.name)) else {
            return;
        };
        self.store.hears(session);
        let report = Completion {
            task,
            summary,
            pr_url: None,
            notes: None,
            agent: Handle::parse(self.name).ok().flatten(),
            session_key: None,
            run_id: RunKey::parse(key).ok().flatten(),
            finishes: false,
        };
        self.insist(&Command::CompleteTask(report)).await;
    }

    /// Says it until it is done; `false` where it is refused, or nobody answers for long.
    async fn insist(&self, command: &Command) -> bool {
        for _ in 0..TRIES {
            match self.office.run(&self.me(), command).await {
                Ok(_) => return true,
                Err(Error::Refused(_)) => return false,
                Err(_) => self.exec.sleep(2_000).await,
            }
        }
        false
    }
}
