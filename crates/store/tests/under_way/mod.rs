//! What an older program had under way is gone on with, whatever store keeps it: runs, an answer and messages, each in
//! the session and under the key that the gateway knows.

#![allow(dead_code, clippy::unwrap_used)]
// The ban is for the engine; the tests give it tokio's time.
#![allow(clippy::disallowed_methods)]

#[path = "../../../orchestrator/tests/jobs/fake.rs"]
mod fake;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use clutch_domain::{
    chat::{Chat, DeliveryStatus, Message, Step},
    doc::Inside,
    id::{ChatId, RunId},
    plan::Policy,
    project::Project,
    range::Range,
    run::{Outcome, Run, RunState},
    runtime::USUAL,
    speech::Speech,
    talk::{Delivery, Signal},
    task::{Role, Task},
    time::Millis,
};
use clutch_orchestrator::{
    jobs::{
        mail::{Letter, Mail},
        post::{Parcel, Receipt},
    },
    office::Office,
    prompt::Roles,
    runtime::{AgentRuntime, Conversations, RunEnd, RunEndKind, Runtime, Runtimes, StartRun},
    work::{Parts, Reactor, WorkLoop},
};
use futures_util::future::BoxFuture;
use tokio::{task::AbortHandle, time::Instant};

use fake::{Fake, end};

/// So many times as fast as a clock goes the engine's: a lease that somebody else held is free after twenty seconds.
const PACE: u32 = 5;
/// In which a condition must come true.
const AT_MOST: Duration = Duration::from_secs(120);

/// tokio's time, hurried; what it spawned ends with it.
struct Hurried {
    began: Instant,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Reactor for Hurried {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.tasks.lock().unwrap().push(tokio::spawn(task).abort_handle());
    }

    fn steady(&self) -> Millis {
        Millis((self.began.elapsed() * PACE).as_millis() as i64)
    }

    fn sleep_until(&self, steady: Millis) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.began + Duration::from_millis(steady.0.max(0) as u64) / PACE))
    }
}

impl Drop for Hurried {
    fn drop(&mut self) {
        self.tasks.lock().unwrap().iter().for_each(AbortHandle::abort);
    }
}

/// Letters are the bare words; answers are remembered by their runs.
#[derive(Default)]
struct Post(Mutex<Vec<String>>);

#[async_trait]
impl Mail for Post {
    async fn letter(&self, message: &Message, _: &Project, _: Option<&Task>) -> Letter {
        Letter { speech: Speech::Words, text: message.content.to_string(), pictures: Vec::new() }
    }

    async fn keep(&self, _: &Arc<Runtime>, _: ChatId, _: &str, run: &str, _: &RunEnd) -> Result<(), String> {
        self.0.lock().unwrap().push(run.to_owned());
        Ok(())
    }
}

/// Older programs had no webhooks.
#[async_trait]
impl clutch_orchestrator::jobs::post::Post for Post {
    async fn send(&self, parcel: &Parcel) -> Receipt {
        panic!("nobody asked for {parcel:?}")
    }
}

/// A server that goes on with what an older program left.
struct House {
    office: Arc<Office>,
    runtime: Arc<Fake>,
    post: Arc<Post>,
}

impl House {
    async fn all<T: Inside + Clone>(&self) -> Vec<T> {
        self.office.all(Range::All { kind: T::KIND, after: None, limit: 1_000 }).await.unwrap()
    }

    async fn find<T: Inside + Clone>(&self, wanted: impl Fn(&T) -> bool) -> T {
        self.all::<T>().await.into_iter().find(wanted).unwrap()
    }

    /// The session in which the gateway knows a chat.
    async fn session(&self, chat: ChatId) -> String {
        self.find::<Chat>(|c| c.id == chat).await.session_key.unwrap()
    }

    /// Waits until a document is so.
    async fn until<T: Inside + Clone>(&self, what: &str, is: impl Fn(&T) -> bool) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = self.all::<T>().await.into_iter().find(&is) {
                return found;
            }
            assert!(began.elapsed() < AT_MOST, "never: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The runtime took this run, and works on it.
    async fn began(&self, run: &Run) {
        let start = StartRun {
            key: run.key.clone(),
            session: run.session_key.clone(),
            message: "Work.".into(),
            model: None,
            folder: None,
            environment: Vec::new(),
            timeout_seconds: 60,
        };
        self.runtime.start(start).await.unwrap();
    }

    /// What runs there under this id is cut off, and the runtime goes on with it under another.
    fn went_on(&self, session: &str, id: &str, as_id: &str) {
        self.runtime.finish(session, id, end(RunEndKind::Failed, "", Some("exited before restart")), false);
        self.runtime.resume(session, as_id);
    }

    /// The agent's turn ends, and everybody hears it.
    fn finishes(&self, session: &str, id: &str) {
        self.runtime.finish(session, id, end(RunEndKind::Finished, "The end.", None), true);
    }

    async fn run_over(&self, id: RunId) -> Run {
        self.until::<Run>("the run is over", |run| run.id == id && run.state == RunState::Ended).await
    }

    async fn answered(&self, message: &Message) {
        let status = |m: &Message| m.id == message.id && m.delivery_status == Some(DeliveryStatus::Responded);
        self.until("the message is answered", status).await;
    }

    fn start(&self) -> Arc<Hurried> {
        let server = Arc::new(Hurried { began: Instant::now(), tasks: Mutex::default() });
        let roles = Role::ALL.iter().map(|r| (*r, "{{ticket}}{{description}}{{comments}}{{reporting}}"));
        let work = WorkLoop::new(Parts {
            office: self.office.clone(),
            runtimes: Runtimes::new([self.runtime.runtime(USUAL)]),
            reactor: server.clone(),
            roles: Arc::new(Roles::load(roles).unwrap()),
            mail: self.post.clone(),
            post: self.post.clone(),
            policy: Policy::default(),
            board: "http://127.0.0.1:3002".into(),
        });
        server.spawn("loop", Box::pin(work.run()));
        server
    }
}

/// The whole of it, over data that an older program wrote.
pub async fn goes_on(office: Office) {
    let house = House { office: Arc::new(office), runtime: Fake::new(true), post: Arc::default() };
    let signals: Vec<Signal> = house.all().await;
    let waits = |run: &Run, told: bool| {
        let of = signals.iter().find(|signal| Some(signal.id) == run.waits_for);
        run.state == RunState::Waiting && of.is_some_and(|s| (s.delivery == Some(Delivery::Pending)) == told)
    };
    let claimed: Run = house.find(|run: &Run| run.state == RunState::Claimed).await;
    let resumed: Run = house.find(|run: &Run| run.successors == ["resumed-1"]).await;
    let answered: Run = house.find(|run: &Run| run.successors == ["answer-run"]).await;
    let plain: Run = house.find(|run: &Run| run.state == RunState::Started && run.successors.is_empty()).await;
    let asked: Run = house.find(|run| waits(run, false)).await;
    let told: Run = house.find(|run| waits(run, true)).await;
    let step = |message: &Message, step: Step| message.outbox.as_ref().is_some_and(|outbox| outbox.step == step);
    let sending: Message = house.find(|m| step(m, Step::Sending)).await;
    let queued: Message = house.find(|m| step(m, Step::Queued)).await;
    let taken: Message = house.find(|m| step(m, Step::Taken)).await;
    let key = |message: &Message| format!("chat-{}-1", message.id);
    let (general, about) = (house.session(sending.chat).await, house.session(taken.chat).await);

    // What the gateway has of it: all but the run that was claimed, the answer, and the message that was queued.
    for run in [&resumed, &answered, &plain, &asked, &told] {
        house.began(run).await;
    }
    for run in [&asked, &told] {
        house.runtime.finish(&run.session_key, &run.key, end(RunEndKind::Finished, "I asked.", None), false);
    }
    house.went_on(&resumed.session_key, &resumed.key, "resumed-1");
    house.went_on(&answered.session_key, &answered.key, "answer-run");
    for (session, message) in [(&general, &sending), (&about, &taken)] {
        house.runtime.steer(session, Speech::Words, "Hello", &[], &key(message)).await.unwrap();
    }
    house.went_on(&about, &key(&taken), "resumed-2");

    let server = house.start();
    // The claim is sent, in its own session, under its own key.
    house.until::<Run>("the claim is taken", |run| run.id == claimed.id && run.state == RunState::Started).await;
    let signal = house.until::<Signal>("the answer is told", |signal| {
        Some(signal.id) == told.waits_for && signal.delivery == Some(Delivery::Sent)
    });
    let answer = format!("signal-{}", signal.await.id);
    let sessions = |what: &str, key: &str| -> Vec<String> {
        house.runtime.calls(what).into_iter().filter(|call| call.key == key).map(|call| call.session).collect()
    };
    assert_eq!(sessions("start", &claimed.key), [claimed.session_key.as_str()]);
    assert_eq!(sessions("steer", &answer), [told.session_key.as_str()]);

    // Each is followed to its end, under the id that it has by now.
    for (run, id) in [
        (&claimed, claimed.key.as_str()),
        (&resumed, "resumed-1"),
        (&answered, "answer-run"),
        (&plain, plain.key.as_str()),
        (&told, answer.as_str()),
    ] {
        house.finishes(&run.session_key, id);
        let over = house.run_over(run.id).await;
        assert_eq!(over.outcome, Some(Outcome::Silent), "{id}");
        assert_eq!((&over.key, &over.session_key), (&run.key, &run.session_key));
    }
    house.finishes(&about, "resumed-2");
    house.answered(&taken).await;
    house.finishes(&general, &key(&sending));
    house.answered(&sending).await;
    house.until::<Message>("the next one goes", |m| m.id == queued.id && step(m, Step::Taken)).await;
    assert_eq!(sessions("steer", &key(&queued)), [general.as_str()]);
    house.finishes(&general, &key(&queued));
    house.answered(&queued).await;

    let kept = house.post.0.lock().unwrap().clone();
    assert_eq!(kept, ["resumed-2".to_owned(), key(&sending), key(&queued)]);
    let waiting = house.find::<Run>(|run| run.id == asked.id).await;
    assert_eq!((waiting.state, waiting.key), (RunState::Waiting, asked.key), "its question is open");
    let said: Vec<String> = ["start", "steer"].iter().flat_map(|what| house.runtime.keys(what)).collect();
    assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), said.len(), "nothing was said twice: {said:?}");
    drop(server);
}
