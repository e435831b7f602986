//! Agents' runs.

use std::time::Duration;

use clutch_domain::{
    command::{Command, Ended, MoveTask, Place},
    doc::{DocKey, Kind},
    id::TaskId,
    run::{Outcome, Run, RunState},
    task::Status,
};
use clutch_orchestrator::runtime::{RunEndKind, RunSign};
use tokio::time::Instant;

use crate::{
    fake::{Lost, end},
    house::{House, pass},
};

pub fn to(task: TaskId, status: Status) -> Command {
    Command::MoveTask(MoveTask { task, to: status, place: Place::End, reason: None, resolution: None, reopen: false })
}

/// The server dies with the prompt of a ticket's agent on its way.
async fn dies_starting(house: &House) -> (TaskId, Run) {
    house.runtime.lose_next(Lost::Before);
    let task = house.ready("Paint").await;
    house.until("it was sent", || !house.runtime.calls("start").is_empty()).await;
    house.kill();
    (task, house.all::<Run>().pop().unwrap())
}

/// The ticket is taken away: the prompt comes behind the stop.
#[tokio::test(start_paused = true)]
async fn a_stop_is_over_only_when_the_prompt_cannot_arrive_any_more() {
    let house = House::new(true).await;
    let (task, run) = dies_starting(&house).await;
    house.person(to(task, Status::Backlog)).await;
    house.start();
    house.until("it is stopped", || !house.runtime.calls("abort").is_empty()).await;
    pass(10).await;
    assert!(house.run(run.id).open(), "its prompt may arrive");
    house.runtime.hears(&run.session_key, &run.key);
    house.until("the attempt is over", || !house.run(run.id).open()).await;
    assert!(!house.runtime.is_at_work(&run.session_key), "its agent works on");
}

/// It arrives while the gateway refuses the next server, which sends it again.
#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_repeated_and_refused_has_not_failed() {
    let house = House::new(true).await;
    let (task, run) = dies_starting(&house).await;
    house.runtime.refuse("start", Some("busy"));
    house.start();
    house.until("it is refused", || house.runtime.calls("start").len() > 1).await;
    house.runtime.hears(&run.session_key, &run.key);
    house.until("it is followed", || house.run(run.id).state != RunState::Claimed).await;
    assert_eq!(house.run(run.id).state, RunState::Started);
    assert_eq!(house.task(task).failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_shows_nothing_for_ever_blocks_the_task_with_its_sentence() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    house.kill();
    house.runtime.refuse("sight", Some("missing scope: operator.read"));
    house.start();
    house.until("people are told", || house.run(run.id).trouble.is_some()).await;
    assert_eq!(house.run(run.id).trouble.as_deref(), Some("missing scope: operator.read"));
    assert_eq!(house.task(task).status, Status::InProgress);
    house.until("it is given up", || house.task(task).status == Status::Blocked).await;
    let (task, run) = (house.task(task), house.run(run.id));
    assert!(task.trouble.as_ref().unwrap().contains("missing scope: operator.read"), "{:?}", task.trouble);
    assert_eq!((run.state, run.trouble, task.open_run), (RunState::Ended, None, None), "its place is free");
    let looks = house.runtime.calls("sight").len();
    assert!((5..=15).contains(&looks), "asked less and less: {looks}");
}

#[tokio::test(start_paused = true)]
async fn a_trouble_that_ends_is_forgotten() {
    let house = House::new(true).await;
    let run = house.working(house.ready("Paint").await).await;
    house.kill();
    house.runtime.refuse("sight", Some("busy"));
    house.start();
    house.until("people are told", || house.run(run.id).trouble.is_some()).await;
    house.runtime.refuse("sight", None);
    house.until("it is over", || house.run(run.id).trouble.is_none()).await;
    house.runtime.finish(&run.session_key, &run.key, end(RunEndKind::Finished, "I think so", None), true);
    house.until("it ends", || house.run(run.id).outcome == Some(Outcome::Silent)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_person_treats_as_ended_is_asked_for_no_longer() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    house.kill();
    house.runtime.refuse("sight", Some("busy"));
    house.start();
    house.until("people are told", || house.run(run.id).trouble.is_some()).await;
    house.person(Command::TreatAsEnded(run.id)).await;
    let asked = house.runtime.calls("sight").len();
    pass(3_600).await;
    assert_eq!(house.task(task).status, Status::Blocked);
    assert!(house.runtime.calls("sight").len() <= asked + 1, "one look may have been under way");
    house.person(to(task, Status::Ready)).await;
    house.until("a person said so", || house.runtime.calls("start").len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_can_still_be_stopped() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    house.kill();
    house.runtime.refuse("sight", Some("busy"));
    house.start();
    house.until("it is asked", || house.runtime.calls("sight").len() >= 8).await;
    house.person(to(task, Status::Backlog)).await;
    let asked = Instant::now();
    house.until("the stop is heard", || house.run(run.id).stopping.is_some()).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "it does not wait for the pause of a minute");
    house.runtime.refuse("sight", None);
    house.until("it is stopped", || house.run(run.id).outcome == Some(Outcome::Aborted)).await;
    assert_eq!(house.task(task).status, Status::Backlog);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_nobody_can_stop_keeps_the_next_from_beginning() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    house.runtime.refuse("abort", Some("sessions are read-only"));
    house.person(to(task, Status::Ready)).await;
    house.until("it is given up", || house.run(run.id).state == RunState::Ended).await;
    let now = house.task(task);
    assert_eq!(now.status, Status::Blocked, "a person has to look");
    assert!(now.trouble.as_ref().unwrap().contains("sessions are read-only"), "{:?}", now.trouble);
    assert!(house.runtime.calls("abort").len() <= 15);
    pass(3_600).await;
    assert_eq!(house.runtime.calls("start").len(), 1);
    house.person(to(task, Status::Ready)).await;
    house.until("a person said so", || house.runtime.calls("start").len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn why_a_run_is_stopped_outlives_the_server_that_stops_it() {
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    house.runtime.refuse("abort", Some("not now"));
    house.until("it is silent", || !house.runtime.calls("abort").is_empty()).await;
    let stopping = house.run(run.id).stopping.unwrap();
    assert_eq!(stopping.how, Ended::Failed, "written before anything was stopped");
    house.kill();
    // Somebody, or the lost call itself, has stopped it in the meantime: it looks as if a person had.
    house.runtime.finish(&run.session_key, &run.key, end(RunEndKind::Aborted, "", None), true);
    house.runtime.refuse("abort", None);
    house.start();
    house.until("it ends", || house.run(run.id).state == RunState::Ended).await;
    let run = house.run(run.id);
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert!(run.last_words.as_ref().unwrap().contains("gave no sign"), "{:?}", run.last_words);
    house.until("it is tried again", || house.runtime.calls("start").len() == 2).await;
}

/// The wall clock is set back over the gateway's restart: by its moments the connection looks older than the run.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_hides_no_restart_of_the_gateway() {
    let house = House::new(true).await;
    house.set_clock(600_000);
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    assert_eq!(run.boot.as_deref(), Some("boot-1"));
    house.set_clock(-600_000);
    house.runtime.restart();
    pass(20).await;
    assert_eq!(house.run(run.id).state, RunState::Started, "its end is not believed while it may be resumed");
    house.runtime.resume(&run.session_key, "new");
    house.until("it goes on", || house.run(run.id).successors == ["new"]).await;
    house.runtime.finish(&run.session_key, "new", end(RunEndKind::Failed, "", Some("no credit")), true);
    house.until("it ends", || house.run(run.id).outcome == Some(Outcome::Failed)).await;
    assert_eq!(house.runtime.calls("start").len(), 1, "nobody began beside it");
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_process_that_took_the_run_is_believed_at_once() {
    for marks in [true, false] {
        let house = House::new(marks).await;
        let run = house.working(house.ready("Paint").await).await;
        let began = Instant::now();
        house.runtime.finish(&run.session_key, &run.key, end(RunEndKind::Failed, "", Some("no credit")), true);
        house.until("it ends", || house.run(run.id).outcome == Some(Outcome::Failed)).await;
        assert!(began.elapsed() < Duration::from_secs(10), "{marks}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn one_long_tool_call_is_no_silence_and_silence_is() {
    let house = House::new(true).await;
    let run = house.working(house.ready("Paint").await).await;
    house.runtime.tool(&run.session_key, &run.key, "call-1", None);
    pass(50 * 60).await;
    assert_eq!(house.run(run.id).state, RunState::Started, "a build takes its time");
    house.runtime.tool(&run.session_key, &run.key, "call-1", Some(true));
    let ended = Instant::now();
    house.until("it is silent", || house.run(run.id).state == RunState::Ended).await;
    assert!(ended.elapsed() >= Duration::from_secs(15 * 60) && ended.elapsed() < Duration::from_secs(17 * 60));
    assert!(house.run(run.id).last_words.unwrap().contains("gave no sign for 15 minutes"));
}

/// The lease is lost while a look is under way, and won again before that look has come back.
#[tokio::test(start_paused = true)]
async fn whoever_leads_again_goes_on_counting_the_silence_of_an_agent() {
    let house = House::shared(true).await;
    let run = house.working(house.ready("Paint").await).await;
    let silent = Instant::now();
    pass(10 * 60).await;
    house.runtime.looks_take(Duration::from_secs(28));
    let looks = house.runtime.calls("sight").len();
    house.until("a look is under way", || house.runtime.calls("sight").len() > looks).await;
    house.runtime.looks_take(Duration::ZERO);
    house.glass.set_full(true);
    pass(15).await;
    house.glass.set_full(false);
    house.until("it is given up", || house.run(run.id).state == RunState::Ended).await;
    assert!(silent.elapsed() >= Duration::from_secs(15 * 60) && silent.elapsed() < Duration::from_secs(17 * 60));
}

#[tokio::test(start_paused = true)]
async fn chatter_under_unknown_ids_does_not_make_a_look_of_each_word() {
    let house = House::new(true).await;
    let run = house.working(house.ready("Paint").await).await;
    let before = house.runtime.calls("sight").len();
    for n in 0..600 {
        house.runtime.tell(&run.session_key, "sub-agent", RunSign::Text(format!("word {n}")));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let looks = house.runtime.calls("sight").len() - before;
    assert!((30..=62).contains(&looks), "about one a second: {looks}");
}

#[tokio::test(start_paused = true)]
async fn on_a_gateway_that_tells_nothing_a_stop_takes_the_session_along() {
    let house = House::new(false).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    house.person(to(task, Status::Backlog)).await;
    house.until("it is stopped", || house.run(run.id).outcome == Some(Outcome::Aborted)).await;
    assert_eq!(house.runtime.keys("abort"), ["forget"]);
    let house = House::new(true).await;
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    house.person(to(task, Status::Backlog)).await;
    house.until("it is stopped", || house.run(run.id).outcome == Some(Outcome::Aborted)).await;
    assert_eq!(house.runtime.keys("abort"), [""], "where it can be told, the transcript stays");
}

/// The rules refuse the end of the run for a reason that stays.
#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_written_is_tried_once_a_minute() {
    let house = House::new(true).await;
    let run = house.working(house.ready("Paint").await).await;
    house.lose(DocKey::new(Kind::Counts, house.project)).await;
    house.runtime.finish(&run.session_key, &run.key, end(RunEndKind::Finished, "All done", None), true);
    house.until("people are told", || house.run(run.id).trouble.is_some()).await;
    pass(600).await;
    let before = house.runtime.calls("sight").len();
    pass(3_600).await;
    let looks = house.runtime.calls("sight").len() - before;
    assert!((30..=61).contains(&looks), "{looks} in an hour");
    assert!(house.run(run.id).open());
}
