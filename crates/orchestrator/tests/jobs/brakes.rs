//! What an agent has used is in the books when its run is over; usage windows that run out; people who stop one.

use std::time::Duration;

use clutch_domain::{
    brake::Used,
    command::Command,
    run::{LoopState, Outcome, Run},
    task::Status,
    time::Millis,
};
use clutch_orchestrator::runtime::RunEndKind;
use tokio::time::Instant;

use crate::{
    fake::end,
    house::{House, pass},
    runs::to,
};

const USED: Used = Used { input: 900, output: 100, cost_micros: Some(420_000) };

fn finish(house: &House, run: &Run, kind: RunEndKind, reason: Option<&str>) {
    house.runtime.finish(&run.session_key, &run.key, end(kind, "", reason), true);
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_used_is_kept_with_its_run_and_counted_for_its_project() {
    let house = House::new(true).await;
    let run = house.working(house.ready("Paint").await).await;
    house.runtime.uses(&run.session_key, 900, 100, 420_000);
    finish(&house, &run, RunEndKind::Finished, None);
    house.until("it ends", || !house.run(run.id).open()).await;
    assert_eq!(house.run(run.id).used, Some(USED));
    let spent = house.all::<LoopState>().remove(0).spent;
    assert_eq!((spent.runs, spent.tokens, spent.cost_micros), (1, 1_000, 420_000));
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_does_not_tell_keeps_no_run_from_its_end() {
    let house = House::new(true).await;
    let run = house.working(house.ready("Paint").await).await;
    house.runtime.refuse("used", Some("missing scope: operator.read"));
    finish(&house, &run, RunEndKind::Finished, None);
    house.until("it ends", || !house.run(run.id).open()).await;
    assert_eq!((house.run(run.id).used, house.run(run.id).outcome), (None, Some(Outcome::Silent)));
}

/// The session goes when the agent is stopped, and the server with it a moment later.
#[tokio::test(start_paused = true)]
async fn what_was_used_is_known_also_where_the_session_goes_and_the_server_dies() {
    let house = House::new(false).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    house.runtime.uses(&run.session_key, 900, 100, 420_000);
    house.runtime.refuse("abort", Some("busy"));
    house.person(to(task, Status::Backlog)).await;
    house.until("it is to be stopped", || house.run(run.id).stopping.is_some()).await;
    house.kill();
    house.runtime.refuse("abort", None);
    house.start();
    house.until("it is stopped", || !house.run(run.id).open()).await;
    assert_eq!(house.runtime.keys("abort").last().map(String::as_str), Some("forget"));
    assert_eq!(house.run(run.id).used, Some(USED));
    assert_eq!(house.all::<LoopState>().remove(0).spent.tokens, 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_usage_window_that_ran_out_is_waited_for_and_goes_on_by_itself() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    let before = Instant::now();
    finish(&house, &run, RunEndKind::Failed, Some("429 usage limit reached. Try again in 2 hours."));
    house.until("it waits", || house.run(run.id).outcome == Some(Outcome::Limited)).await;
    let is = house.task(task);
    assert_eq!((is.status, is.failures), (Status::Ready, 0));
    let other = house.ready("Dry").await;
    pass(3_600).await;
    assert_eq!(house.runtime.calls("start").len(), 1, "the model is shut for the other ticket too");
    let state = house.all::<LoopState>().remove(0);
    assert!(state.notes[&other].starts_with("The usage window of the model ran out; it opens at "), "{state:?}");
    house.until("both go on", || house.runtime.calls("start").len() == 3).await;
    let waited = before.elapsed();
    assert!((7_200..7_300).contains(&waited.as_secs()), "{waited:?}");
    let until = is.retry_at.unwrap_or(Millis(0));
    assert!(state.windows.iter().any(|window| window.until == until), "{state:?}");
}

#[tokio::test(start_paused = true)]
async fn a_person_stops_an_agent_at_once() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    pass(5).await;
    let asked = Instant::now();
    house.person(Command::StopAgent(run.id)).await;
    house.until("it is stopped", || !house.run(run.id).open()).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "it does not wait for the next look");
    assert!(!house.runtime.is_at_work(&run.session_key));
    let is = house.task(task);
    assert_eq!((is.status, house.run(run.id).outcome), (Status::Blocked, Some(Outcome::Aborted)));
    assert!(is.trouble.as_deref().unwrap_or_default().contains("stopped the agent"), "{:?}", is.trouble);
    house.person(to(task, Status::Ready)).await;
    house.until("another begins", || house.runtime.calls("start").len() == 2).await;
}
