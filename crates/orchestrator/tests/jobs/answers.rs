//! Answers to agents' questions.

use clutch_domain::{
    actor::Actor,
    command::{Command, Completion, Ended, NewSignal},
    id::{SignalId, TaskId},
    run::{Outcome, Run, RunState, Stopping},
    talk::{Delivery, Signal, SignalKind, SignalSeverity},
    task::Status,
    text::{Body, Handle, SessionKey},
};
use clutch_orchestrator::runtime::RunEndKind;

use crate::{
    fake::{Lost, end},
    house::{House, pass},
    runs::to,
};

fn signal(house: &House, id: SignalId) -> Signal {
    house.all::<Signal>().into_iter().find(|s| s.id == id).unwrap()
}

/// The agent of a run asks, and is at work.
async fn ask(house: &House, run: &Run) -> SignalId {
    let new = NewSignal {
        task: run.task,
        session_key: SessionKey::parse(&run.session_key).unwrap().unwrap().into(),
        agent_id: Handle::agent(),
        run_id: None,
        kind: SignalKind::Question,
        severity: SignalSeverity::Normal,
        message: Body::parse("Red or green?").unwrap().unwrap(),
        options: clutch_domain::text::Options::default(),
    };
    house.agent(Command::RaiseSignal(new)).await.made::<Signal>().unwrap().id
}

/// An agent has asked about `task`, and its turn has ended.
pub async fn asked(house: &House, task: TaskId) -> (Run, SignalId) {
    let run = house.working(task).await;
    let id = ask(house, &run).await;
    house.runtime.finish(&run.session_key, &run.key, end(RunEndKind::Finished, "I asked.", None), true);
    house.until("it waits", || house.run(run.id).state == RunState::Waiting).await;
    (run, id)
}

pub async fn answer(house: &House, id: SignalId) {
    house.person(Command::AnswerSignal(id, Body::parse("Green.").unwrap().unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_reaches_the_session_that_asked_once() {
    for marks in [true, false] {
        for lost in [None, Some(Lost::Before), Some(Lost::After)] {
            let house = House::new(marks).await;
            let (run, id) = asked(&house, house.ready("Paint").await).await;
            if let Some(lost) = lost {
                house.runtime.lose_next(lost);
            }
            answer(&house, id).await;
            house.until("it is delivered", || signal(&house, id).delivery == Some(Delivery::Sent)).await;
            let key = format!("signal-{id}");
            assert_eq!(house.runtime.arrived(&key), 1, "{marks}");
            assert_eq!(house.runtime.calls("steer")[0].session, run.session_key);
            house.until("it goes on", || house.run(run.id).state == RunState::Started).await;
            assert_eq!(house.run(run.id).successors, [key]);
        }
    }
}

/// The connection goes with the answer, to a gateway that cannot be asked whether it arrived.
#[tokio::test(start_paused = true)]
async fn an_answer_that_may_have_arrived_is_not_said_twice_and_the_next_attempt_is_told_it() {
    for lost in [Lost::Before, Lost::After] {
        let house = House::new(false).await;
        let task = house.ready("Paint").await;
        let (run, id) = asked(&house, task).await;
        house.runtime.lose_next(lost);
        answer(&house, id).await;
        house.until("it was sent", || !house.runtime.calls("steer").is_empty()).await;
        house.runtime.reconnect();
        house.until("it is given up", || signal(&house, id).delivery == Some(Delivery::Failed)).await;
        assert!(signal(&house, id).delivery_error.unwrap().contains("does not tell"));
        assert_eq!(house.runtime.calls("steer").len(), 1);
        house.until("the attempt is given up", || house.run(run.id).state == RunState::Ended).await;
        house.until("the next begins", || house.runtime.calls("start").len() == 2).await;
        assert_eq!(house.task(task).status, Status::InProgress);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_before_it_sends_leaves_nothing_unsaid() {
    let house = House::new(false).await;
    let (_, id) = asked(&house, house.ready("Paint").await).await;
    house.kill();
    answer(&house, id).await;
    house.start();
    house.until("it is delivered", || signal(&house, id).delivery == Some(Delivery::Sent)).await;
    assert_eq!(house.runtime.arrived(&format!("signal-{id}")), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_shows_nothing_for_ever_is_given_up() {
    let house = House::new(true).await;
    let (run, id) = asked(&house, house.ready("Paint").await).await;
    house.runtime.lose_next(Lost::Before);
    house.runtime.refuse("sight", Some("missing scope: operator.read"));
    answer(&house, id).await;
    house.until("people are told", || signal(&house, id).delivery_trouble.is_some()).await;
    assert_eq!(signal(&house, id).delivery_trouble.as_deref(), Some("missing scope: operator.read"));
    house.until("it is given up", || signal(&house, id).delivery == Some(Delivery::Failed)).await;
    assert!(signal(&house, id).delivery_error.unwrap().contains("missing scope"));
    assert_eq!(signal(&house, id).delivery_trouble, None, "it is not tried any more");
    house.until("the attempt is given up", || house.run(run.id).state == RunState::Ended).await;
}

#[tokio::test(start_paused = true)]
async fn a_trouble_of_an_answer_that_ends_is_forgotten() {
    let house = House::new(true).await;
    let (_, id) = asked(&house, house.ready("Paint").await).await;
    house.runtime.lose_next(Lost::Before);
    house.runtime.refuse("sight", Some("busy"));
    answer(&house, id).await;
    house.until("people are told", || signal(&house, id).delivery_trouble.is_some()).await;
    house.runtime.refuse("sight", None);
    house.until("it is delivered", || signal(&house, id).delivery == Some(Delivery::Sent)).await;
    assert_eq!(signal(&house, id).delivery_trouble, None);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_not_sent_to_an_agent_that_is_being_stopped() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let (run, id) = asked(&house, task).await;
    house.runtime.refuse("abort", Some("busy"));
    house.person(to(task, Status::Backlog)).await;
    house.until("it is being stopped", || house.run(run.id).stopping.is_some()).await;
    answer(&house, id).await;
    house.until("it is settled", || signal(&house, id).delivery == Some(Delivery::Failed)).await;
    assert!(signal(&house, id).delivery_error.unwrap().contains("The next attempt is told the answer"));
    assert!(house.runtime.calls("steer").is_empty());
    house.runtime.refuse("abort", None);
    house.until("the attempt is over", || house.run(run.id).state == RunState::Ended).await;
}

/// The server dies with the answer to a question about `task` on its way.
async fn dies_answering(house: &House, task: TaskId) -> (Run, SignalId) {
    let (run, id) = asked(house, task).await;
    house.runtime.lose_next(Lost::Before);
    answer(house, id).await;
    house.until("it was sent", || !house.runtime.calls("steer").is_empty()).await;
    house.kill();
    (run, id)
}

/// The server died with the answer on its way, and the ticket was taken from its agent: the words come behind the stop.
#[tokio::test(start_paused = true)]
async fn a_stop_is_over_only_when_no_answer_can_arrive_any_more() {
    for marks in [true, false] {
        let house = House::new(marks).await;
        let task = house.ready("Paint").await;
        let (run, id) = dies_answering(&house, task).await;
        house.person(to(task, Status::Backlog)).await;
        let stopping = Stopping { how: Ended::Aborted, why: "Moved away.".into(), forget: false, used: None, by: None };
        house.office.run(&Actor::work_loop(), &Command::StopRun(run.id, stopping)).await.unwrap();
        house.start();
        house.until("its agent is stopped", || !house.runtime.calls("abort").is_empty()).await;
        pass(10).await;
        assert!(house.run(run.id).open(), "the answer may begin a turn");
        house.runtime.hears(&run.session_key, &format!("signal-{id}"));
        house.until("the attempt is over", || house.run(run.id).state == RunState::Ended).await;
        assert!(!house.runtime.is_at_work(&run.session_key), "its agent works on, {marks}");
        assert_eq!(house.runtime.calls("steer").len(), 1);
    }
}

/// The same, and the ticket is deleted, with it the question that says that an answer was sent.
#[tokio::test(start_paused = true)]
async fn an_answer_that_outlives_its_ticket_leaves_no_agent_at_work() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let (run, id) = dies_answering(&house, task).await;
    house.person(Command::DeleteTask(task)).await;
    house.start();
    house.until("its agent is stopped", || !house.runtime.calls("abort").is_empty()).await;
    pass(10).await;
    house.runtime.hears(&run.session_key, &format!("signal-{id}"));
    house.until("the attempt is over", || house.all::<Run>().is_empty()).await;
    assert!(!house.runtime.is_at_work(&run.session_key), "its agent works on");
}

/// It arrives while the gateway refuses the next server, which sends it again.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_repeated_and_refused_has_not_failed() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let (run, id) = dies_answering(&house, task).await;
    house.runtime.refuse("steer", Some("busy"));
    house.start();
    house.until("it is refused", || house.runtime.calls("steer").len() > 1).await;
    house.runtime.hears(&run.session_key, &format!("signal-{id}"));
    house.until("it is settled", || signal(&house, id).delivery != Some(Delivery::Pending)).await;
    assert_eq!(signal(&house, id).delivery, Some(Delivery::Sent));
    assert!(house.run(run.id).open(), "its agent works on it");
}

/// The agent went on without its answer, reports, and ends, while nobody can tell whether the answer arrived.
#[tokio::test(start_paused = true)]
async fn an_attempt_is_not_over_while_an_answer_to_it_may_arrive() {
    let house = House::new(false).await;
    let run = house.working(house.ready("Paint").await).await;
    let id = ask(&house, &run).await;
    house.runtime.lose_next(Lost::After);
    answer(&house, id).await;
    house.until("it was sent", || !house.runtime.calls("steer").is_empty()).await;
    let done = Completion {
        task: run.task,
        summary: Body::parse("Painted.").unwrap().unwrap(),
        pr_url: None,
        notes: None,
        agent: None,
        session_key: Some(SessionKey::parse(&run.session_key).unwrap().unwrap().into()),
        run_id: None,
        finishes: false,
    };
    house.agent(Command::CompleteTask(done)).await;
    house.runtime.finish(&run.session_key, &run.key, end(RunEndKind::Finished, "Done.", None), true);
    house
        .until("the answer is settled", || {
            let settled = signal(&house, id).delivery != Some(Delivery::Pending);
            assert!(settled || house.run(run.id).open(), "it is over");
            settled
        })
        .await;
    house.until("the attempt is over", || house.run(run.id).outcome == Some(Outcome::Completed)).await;
}

/// Nobody knows yet whether the first of two answers arrived when the second is given.
#[tokio::test(start_paused = true)]
async fn an_attempt_goes_on_with_the_answer_that_was_said_last() {
    let house = House::new(false).await;
    let run = house.working(house.ready("Paint").await).await;
    let (one, two) = (ask(&house, &run).await, ask(&house, &run).await);
    house.runtime.lose_next(Lost::After);
    answer(&house, one).await;
    house.until("the first is sent", || !house.runtime.calls("steer").is_empty()).await;
    answer(&house, two).await;
    let sent = |id| signal(&house, id).delivery == Some(Delivery::Sent);
    house.until("both are delivered", || sent(one) && sent(two)).await;
    let key = |id: SignalId| format!("signal-{id}");
    house.runtime.finish(&run.session_key, &key(one), end(RunEndKind::Finished, "Done.", None), true);
    pass(120).await;
    assert!(house.run(run.id).open(), "its agent works on the second answer");
    house.runtime.finish(&run.session_key, &key(two), end(RunEndKind::Finished, "Done.", None), true);
    house.until("the attempt is over", || !house.run(run.id).open()).await;
    assert_eq!((house.runtime.arrived(&key(one)), house.runtime.arrived(&key(two))), (1, 1));
}
