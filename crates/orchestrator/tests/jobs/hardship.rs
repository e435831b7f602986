//! Bad days of each kind of effect: nothing is lost, nothing is done twice, and nothing is asked again and again without
//! a pause.

use std::time::Duration;

use clutch_domain::{
    chat::{DeliveryStatus, Message},
    doc::{DocKey, Kind},
    id::{ChatId, MessageId, SignalId, TaskId},
    run::{Run, RunState},
    talk::{Delivery, Signal},
};
use clutch_orchestrator::runtime::RunEndKind;
use tokio::time::Instant;

use crate::{
    answers::{answer, asked},
    fake::end,
    glass::{Dies, busiest_minute},
    house::{House, pass},
};

/// Most calls of the store within one minute: a full disk is tried once a second by whoever wants to write.
const STORE_MOST: usize = 240;
/// Most calls of one kind to the runtime within one minute.
const RUNTIME_MOST: usize = 20;
/// In which everything must be over, in virtual time.
const AT_MOST: Duration = Duration::from_secs(6 * 3_600);
/// More commits than any effect makes.
const COMMITS_MOST: u32 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Run,
    Answer,
    Message,
}

const ALL: [What; 3] = [What::Run, What::Answer, What::Message];

/// One effect, from what is there before it.
enum Of {
    Run(Option<TaskId>),
    Answer(Box<Run>, SignalId),
    Message(ChatId, Option<MessageId>),
}

impl Of {
    /// All that is needed for it.
    async fn ready(house: &House, what: What) -> Self {
        match what {
            What::Run => Self::Run(None),
            What::Answer => {
                let (run, signal) = asked(house, house.ready("Paint").await).await;
                Self::Answer(Box::new(run), signal)
            }
            What::Message => Self::Message(house.general().await, None),
        }
    }

    /// A person wants it.
    async fn begin(&mut self, house: &House) {
        match self {
            Self::Run(task) => *task = Some(house.ready("Build").await),
            Self::Answer(_, signal) => answer(house, *signal).await,
            Self::Message(chat, id) => *id = Some(house.say(*chat, "Hello").await),
        }
    }

    fn run(&self, house: &House) -> Option<Run> {
        let runs = house.all::<Run>();
        match self {
            Self::Run(task) => runs.into_iter().find(|run| Some(run.task) == *task),
            Self::Answer(run, _) => runs.into_iter().find(|other| other.id == run.id),
            Self::Message(..) => None,
        }
    }

    /// Its session, and the key under which its words go there.
    fn place(&self, house: &House) -> Option<(String, String)> {
        match self {
            Self::Run(_) => self.run(house).map(|run| (run.session_key, run.key)),
            Self::Answer(run, signal) => Some((run.session_key.clone(), format!("signal-{signal}"))),
            Self::Message(chat, id) => Some((house.session(*chat), format!("chat-{}-1", (*id)?))),
        }
    }

    fn arrived(&self, house: &House) -> usize {
        self.place(house).map_or(0, |(_, key)| house.runtime.arrived(&key))
    }

    /// The agent ends the turn that it began with.
    fn finish(&self, house: &House) {
        let (session, key) = self.place(house).unwrap();
        house.runtime.finish(&session, &key, end(RunEndKind::Finished, "That is all.", None), true);
    }

    fn over(&self, house: &House) -> bool {
        match self {
            Self::Run(_) => self.run(house).is_some_and(|run| run.state == RunState::Ended),
            Self::Answer(_, id) => {
                let sent = |s: &Signal| s.id == *id && s.delivery == Some(Delivery::Sent);
                house.all::<Signal>().iter().any(sent)
                    && self.run(house).is_some_and(|run| run.state == RunState::Ended)
            }
            Self::Message(_, id) => {
                let answered = |m: &Message| Some(m.id) == *id && m.delivery_status == Some(DeliveryStatus::Responded);
                house.all::<Message>().iter().any(answered)
            }
        }
    }

    /// The document that says how far it is.
    fn doc(&self, house: &House) -> DocKey {
        match self {
            Self::Run(_) => DocKey::new(Kind::Run, self.run(house).unwrap().id),
            Self::Answer(_, id) => DocKey::new(Kind::Signal, id),
            Self::Message(_, id) => DocKey::new(Kind::Message, id.unwrap()),
        }
    }

    async fn until_it_arrived(&self, house: &House) {
        house.until("the words arrive", || self.arrived(house) == 1).await;
    }

    /// The agent ends its turn, and that becomes known; its words came once.
    async fn comes_to_its_end(&self, house: &House) {
        self.until_it_arrived(house).await;
        self.finish(house);
        house.until("it is over", || self.over(house)).await;
        assert_eq!(self.arrived(house), 1);
    }
}

/// Nothing was asked without a pause since then.
fn no_hurry(house: &House, since: Instant, what: What) {
    let store = house.glass.most_in_a_minute(since);
    assert!(store <= STORE_MOST, "{what:?}: {store} calls of the store in a minute");
    for kind in ["start", "sight", "steer", "abort", "wait"] {
        let calls = house.runtime.calls(kind).into_iter().map(|call| call.at).filter(|at| *at >= since);
        let most = busiest_minute(&calls.collect::<Vec<Instant>>());
        assert!(most <= RUNTIME_MOST, "{what:?}: {most} calls of {kind} in a minute");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_each_commit_loses_nothing_and_does_nothing_twice() {
    for what in ALL {
        for dies in [Dies::Before, Dies::After] {
            let mut commits = 0;
            for nth in 1..COMMITS_MOST {
                let house = House::new(true).await;
                let mut of = Of::ready(&house, what).await;
                house.glass.die_at(nth, dies);
                of.begin(&house).await;
                let began = Instant::now();
                let (mut finished, mut died) = (false, false);
                while !of.over(&house) {
                    assert!(began.elapsed() < AT_MOST, "{what:?} never ends, killed {dies:?} commit {nth}");
                    if house.glass.has_died() {
                        died = true;
                        house.kill();
                        house.start();
                    }
                    if !finished && of.arrived(&house) > 0 {
                        finished = true;
                        of.finish(&house);
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                assert_eq!(of.arrived(&house), 1, "{what:?}, killed {dies:?} commit {nth}");
                no_hurry(&house, began, what);
                if !died {
                    break;
                }
                commits = nth;
            }
            assert!((2..COMMITS_MOST - 1).contains(&commits), "{what:?} was killed at {commits} commits");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_is_waited_for() {
    for what in ALL {
        // Full before it begins, and full when its end is to be written.
        let house = House::new(true).await;
        let mut of = Of::ready(&house, what).await;
        let since = Instant::now();
        house.glass.set_full(true);
        of.begin(&house).await;
        pass(1_800).await;
        assert_eq!(of.arrived(&house), 0, "{what:?}: nothing is done that is not written");
        no_hurry(&house, since, what);
        house.glass.set_full(false);
        of.until_it_arrived(&house).await;
        pass(5).await;
        house.glass.set_full(true);
        let since = Instant::now();
        of.finish(&house);
        pass(1_800).await;
        assert!(!of.over(&house), "{what:?}");
        no_hurry(&house, since, what);
        house.glass.set_full(false);
        house.until("it is over", || of.over(&house)).await;
        assert_eq!(of.arrived(&house), 1, "{what:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_keeps_nobody_busy_and_nothing_else_waiting() {
    for what in ALL {
        for newer in [true, false] {
            let house = House::new(true).await;
            let mut of = Of::ready(&house, what).await;
            of.begin(&house).await;
            of.until_it_arrived(&house).await;
            pass(5).await;
            house.glass.blur(of.doc(&house), newer);
            house.kill();
            house.start();
            let since = Instant::now();
            of.finish(&house);
            let other = house.working(house.ready("Another").await).await;
            house.runtime.finish(&other.session_key, &other.key, end(RunEndKind::Finished, "Done.", None), true);
            house.until("another one goes", || house.run(other.id).state == RunState::Ended).await;
            pass(1_800).await;
            no_hurry(&house, since, what);
            assert_eq!(of.arrived(&house), 1, "{what:?}: it is left as it is");
        }
    }
}

/// The ticket of a run cannot be read: its agent is neither told anything nor forgotten.
#[tokio::test(start_paused = true)]
async fn a_ticket_that_cannot_be_read_keeps_nobody_busy() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    house.working(task).await;
    house.glass.blur(DocKey::new(Kind::Task, task), true);
    house.kill();
    house.start();
    let since = Instant::now();
    pass(3_600).await;
    no_hurry(&house, since, What::Run);
    assert_eq!(house.runtime.calls("start").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_changes_nothing() {
    const DAY: i64 = 24 * 3_600_000;
    for what in ALL {
        for day in [DAY, -DAY] {
            let house = House::new(true).await;
            let since = Instant::now();
            let mut of = Of::ready(&house, what).await;
            of.begin(&house).await;
            of.until_it_arrived(&house).await;
            house.set_clock(day);
            pass(60).await;
            house.set_clock(-2 * day);
            pass(60).await;
            assert!(!of.over(&house), "{what:?}");
            of.comes_to_its_end(&house).await;
            no_hurry(&house, since, what);
        }
    }
}

/// The machine sleeps, with the server, the gateway and the agent on it.
#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_gives_nothing_up() {
    for what in ALL {
        let house = House::new(true).await;
        let mut of = Of::ready(&house, what).await;
        of.begin(&house).await;
        of.until_it_arrived(&house).await;
        pass(100).await;
        tokio::time::advance(Duration::from_secs(8 * 3_600)).await;
        let since = Instant::now();
        pass(100).await;
        assert!(!of.over(&house), "{what:?}");
        assert!(house.runtime.calls("abort").is_empty(), "{what:?}: sleep is no silence");
        of.comes_to_its_end(&house).await;
        no_hurry(&house, since, what);
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_refuses_for_ever_is_asked_less_and_less() {
    for what in ALL {
        for call in ["start", "steer", "sight"] {
            let house = House::new(true).await;
            let mut of = Of::ready(&house, what).await;
            let since = Instant::now();
            house.runtime.refuse(call, Some("not today"));
            of.begin(&house).await;
            pass(3_600).await;
            no_hurry(&house, since, what);
            let calls = house.runtime.calls(call).into_iter().filter(|made| made.at >= since).count();
            assert!(calls <= 15, "{what:?}: {calls} calls of {call} in an hour");
        }
    }
}
