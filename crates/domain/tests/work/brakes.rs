//! What bounds what agents use up: budgets of a day, dry runs, usage windows, agents that leave nothing, and people who
//! stop one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use clutch_domain::{
    actor::Actor,
    brake::{Budget, FRUITLESS_MAX, Spent, Used, WINDOWS_IN_A_ROW},
    command::{Command, EndRun, Ended, NewComment, ProjectPatch, Triage, TriageStep},
    id::{RunId, TaskId},
    plan::{
        Action, Policy, decide,
        explain::{Fix, fix},
    },
    project::Project,
    refusal::Refusal,
    run::{LoopState, Outcome, Run, RunState},
    talk::{AuthorType, CommentType},
    task::Status,
    text::Handle,
    time::{DAY_MS, Millis},
};

use crate::{
    bench::{Bench, RETRY, claim, relocate, words},
    plan::{claimed, note, plan, wide, world},
};

const MINUTE: i64 = 60_000;

fn spent(bench: &Bench) -> Spent {
    bench.all::<LoopState>()[0].spent
}

fn bound(bench: &mut Bench, budget: Budget) {
    bench.patch(ProjectPatch { budget: Some(budget), ..ProjectPatch::default() });
}

/// A turn ends, and its runtime tells what the run has used by now.
fn ends(bench: &mut Bench, run: RunId, how: Ended, used: Option<Used>) {
    let end = EndRun { run, as_id: None, how, last_words: "Done.".into(), used, retry: RETRY };
    bench.run(&Command::RunEnded(end)).unwrap();
}

fn used(tokens: u64, cents: u64) -> Option<Used> {
    Some(Used { input: tokens - 10, output: 10, cost_micros: Some(cents * 10_000) })
}

#[test]
fn what_agents_use_is_counted_for_the_day_of_their_project() {
    let mut bench = Bench::new();
    let (one, two) = (bench.ready("one"), bench.ready("two"));
    let first = bench.start(one);
    assert_eq!((spent(&bench).runs, spent(&bench).tokens), (1, 0));
    bench.now = bench.now.plus(90 * MINUTE);
    // It asks: the turn is over, the wait is no work, and what is told again is counted once.
    bench.question(one, first);
    ends(&mut bench, first, Ended::Finished, used(1_000, 50));
    assert_eq!(bench.the_run(first).state, RunState::Waiting);
    assert_eq!(spent(&bench), Spent { day: 0, runs: 1, worked_ms: 90 * MINUTE, tokens: 1_000, cost_micros: 500_000 });
    bench.now = bench.now.plus(600 * MINUTE);
    let key = bench.the_run(first).key;
    let on = clutch_domain::command::ContinueRun { run: first, from: key, as_id: "again".into() };
    bench.run(&Command::RunContinued(on)).unwrap();
    bench.now = bench.now.plus(10 * MINUTE);
    bench.report(one, first);
    ends(&mut bench, first, Ended::Finished, used(1_500, 80));
    let is = bench.the_run(first);
    assert_eq!((is.worked_ms, is.used, is.outcome), (100 * MINUTE, used(1_500, 80), Some(Outcome::Completed)));
    assert_eq!(spent(&bench), Spent { day: 0, runs: 1, worked_ms: 100 * MINUTE, tokens: 1_500, cost_micros: 800_000 });
    // A runtime that tells nothing costs nothing that anybody knows; a day that is over is over.
    bench.now = Millis(DAY_MS + 1);
    let second = bench.start(two);
    bench.now = bench.now.plus(MINUTE);
    ends(&mut bench, second, Ended::Finished, None);
    assert_eq!(spent(&bench), Spent { day: 1, runs: 1, worked_ms: MINUTE, tokens: 0, cost_micros: 0 });
    assert_eq!(bench.the_run(second).used, None);
}

#[test]
fn a_session_that_is_gone_takes_back_nothing_of_what_was_told_before() {
    let mut bench = Bench::new();
    let task = bench.ready("one");
    let run = bench.start(task);
    let stopping = clutch_domain::run::Stopping {
        how: Ended::Failed,
        why: "It is silent.".into(),
        forget: true,
        used: used(700, 7),
        by: None,
    };
    bench.run(&Command::StopRun(run, stopping)).unwrap();
    ends(&mut bench, run, Ended::Failed, None);
    assert_eq!((spent(&bench).tokens, bench.the_run(run).used), (700, used(700, 7)));
}

#[test]
fn nothing_starts_once_the_budget_of_the_day_is_used_up() {
    let none = Budget::default();
    for (budget, says) in [
        (Budget { runs: Some(1), ..none }, "1 agent"),
        (Budget { minutes: Some(5), ..none }, "5 minutes of work"),
        (Budget { tokens: Some(1_000), ..none }, "1,000 tokens"),
        (Budget { cost_micros: Some(500_000), ..none }, "$0.50"),
    ] {
        let mut bench = Bench::new();
        bound(&mut bench, budget);
        let (one, two) = (bench.ready("one"), bench.ready("two"));
        let run = bench.start(one);
        bench.now = bench.now.plus(5 * MINUTE);
        ends(&mut bench, run, Ended::Finished, used(1_000, 50));
        let held = plan(&bench, &wide());
        let why = format!("Today\u{2019}s budget of {says} is used up; the next day begins at 00:00 UTC");
        assert_eq!((claimed(&held), note(&held, &bench, two)), (vec![], why));
        assert_eq!(held.wake_at, Some(Millis(DAY_MS)));
        let project = bench.all::<Project>().remove(0);
        assert_eq!(fix(&note(&held, &bench, two), &bench.task(two), &project, &wide()), Some(Fix::Brakes));
        // Whoever planned it before is refused too.
        assert_eq!(bench.run(&claim(two, 1)), Err(Refusal::NotReady), "{says}");
        // The next day, or more of it, lets it start.
        let mut tomorrow = world(&bench);
        assert_eq!(claimed(&decide(&tomorrow, Millis(DAY_MS), &wide())), [two]);
        tomorrow.projects[0].project.budget = none;
        assert_eq!(claimed(&decide(&tomorrow, bench.now, &wide())), [two]);
        bench.now = Millis(DAY_MS);
        bench.run(&claim(two, 1)).unwrap();
    }
}

#[test]
fn a_plan_starts_no_more_than_the_budget_has_left() {
    let mut bench = Bench::new();
    bound(&mut bench, Budget { runs: Some(2), ..Budget::default() });
    let ids = ["one", "two", "three"].map(|title| bench.ready(title));
    let first = plan(&bench, &wide());
    assert_eq!(claimed(&first), &ids[..2]);
    assert!(note(&first, &bench, ids[2]).contains("2 agents is used up"), "{first:?}");
    // What is under way counts with the time that it has taken.
    bound(&mut bench, Budget { minutes: Some(10), ..Budget::default() });
    bench.start(ids[0]);
    bench.now = bench.now.plus(10 * MINUTE - 1);
    assert_eq!(claimed(&plan(&bench, &wide())), &ids[1..]);
    bench.now = bench.now.plus(1);
    assert_eq!(claimed(&plan(&bench, &wide())), []);
}

#[test]
fn a_budget_that_is_set_between_plan_and_claim_counts() {
    let mut bench = Bench::new();
    let task = bench.ready("one");
    let change = bench.decide(Actor::work_loop(), &claim(task, 1)).unwrap();
    bound(&mut bench, Budget { runs: Some(0), ..Budget::default() });
    assert!(bench.apply(&change).is_err(), "it rests on the project as it was");
    assert_eq!(bench.run(&claim(task, 1)), Err(Refusal::NotReady));
}

#[test]
fn a_dry_run_says_which_agent_would_start_and_starts_none() {
    let mut bench = Bench::new();
    bench.patch(ProjectPatch { dry_run: Some(true), ..ProjectPatch::default() });
    let (one, two) = (bench.ready("one"), bench.ready("two"));
    let policy = Policy { max_dev_agents: 1, ..wide() };
    let dry = plan(&bench, &policy);
    assert_eq!(claimed(&dry), []);
    assert_eq!(note(&dry, &bench, one), "Dry run: a Dev agent would start (attempt 1)");
    let project = bench.all::<Project>().remove(0);
    assert_eq!(fix(&note(&dry, &bench, one), &bench.task(one), &project, &policy), Some(Fix::DryRun));
    // The place that it would take is taken.
    assert_eq!(note(&dry, &bench, two), "Dev agents at work: 1 of 1");
    assert_eq!(bench.run(&claim(one, 1)), Err(Refusal::NotReady));
    assert_eq!(
        bench.ask(
            Actor::agent("main"),
            &Command::UpdateProject(bench.project, ProjectPatch { dry_run: Some(false), ..ProjectPatch::default() })
        ),
        Ok(())
    );
    assert_eq!(claimed(&plan(&bench, &policy)), [one]);
}

#[test]
fn a_usage_window_that_ran_out_parks_the_task_and_its_model_until_it_opens() {
    let mut bench = Bench::new();
    let (one, two) = (bench.ready("one"), bench.ready("two"));
    let run = bench.start(one);
    let opens = bench.now.plus(2 * 60 * MINUTE);
    ends(&mut bench, run, Ended::Limited(opens), None);
    let task = bench.task(one);
    assert_eq!((task.status, task.retry_at, task.failures, task.limited), (Status::Ready, Some(opens), 0, 1));
    assert!(task.trouble.unwrap().starts_with("The model\u{2019}s usage window ran out"));
    assert_eq!(bench.the_run(run).outcome, Some(Outcome::Limited));
    // The same model is asked by nobody, another one by whoever is set to it. The claims here name the model "big".
    assert_eq!(bench.run(&claim(two, 1)), Err(Refusal::NotReady));
    let mut seen = world(&bench);
    seen.projects[0].project.role_model_overrides = [("dev".to_owned(), "big".to_owned())].into();
    let shut = decide(&seen, bench.now, &wide());
    assert_eq!(claimed(&shut), []);
    let said = &shut.notes[&bench.project].tasks;
    assert_eq!(said[&two], "The usage window of big ran out; it opens at 1970-01-01 02:16 UTC");
    assert!(said[&one].starts_with("Retries at 02:16:40 UTC"), "{said:?}");
    assert_eq!(shut.wake_at, Some(opens));
    seen.projects[0].project.role_model_overrides = [("dev".to_owned(), "small".to_owned())].into();
    assert_eq!(claimed(&decide(&seen, bench.now, &wide())), [two]);
    // Whoever does not want to wait any more does not.
    seen.projects[0].project.role_model_overrides = [("dev".to_owned(), "big".to_owned())].into();
    seen.projects[0].project.limits_fail = true;
    assert_eq!(claimed(&decide(&seen, bench.now, &wide())), [two]);
    bench.patch(ProjectPatch { limits_fail: Some(true), ..ProjectPatch::default() });
    let change = bench.decide(Actor::work_loop(), &claim(two, 1));
    assert!(change.is_ok(), "{change:?}");
    bench.patch(ProjectPatch { limits_fail: Some(false), ..ProjectPatch::default() });
    // It opens, and all goes on by itself.
    bench.now = opens;
    bench.run(&claim(two, 1)).unwrap();
    bench.run(&claim(one, 2)).unwrap();
}

#[test]
fn where_a_project_does_not_wait_a_window_counts_as_a_failure_and_waiting_has_an_end() {
    let mut bench = Bench::new();
    bench.patch(ProjectPatch { limits_fail: Some(true), ..ProjectPatch::default() });
    let task = bench.ready("one");
    let run = bench.start(task);
    let opens = bench.now.plus(10 * MINUTE);
    ends(&mut bench, run, Ended::Limited(opens), None);
    let is = bench.task(task);
    assert_eq!((is.status, is.failures, is.limited), (Status::Ready, 1, 0));
    assert_eq!(is.retry_at, Some(bench.now.plus(RETRY.wait_ms)));
    assert!(bench.all::<LoopState>()[0].windows.is_empty());

    bench.patch(ProjectPatch { limits_fail: Some(false), ..ProjectPatch::default() });
    for nth in 1..=WINDOWS_IN_A_ROW {
        bench.now = bench.now.plus(10 * MINUTE);
        let run = bench.start(task);
        let opens = bench.now.plus(MINUTE);
        ends(&mut bench, run, Ended::Limited(opens), None);
        assert_eq!((bench.task(task).limited, bench.task(task).failures), (nth, 1));
    }
    bench.now = bench.now.plus(10 * MINUTE);
    let run = bench.start(task);
    let opens = bench.now.plus(MINUTE);
    ends(&mut bench, run, Ended::Limited(opens), None);
    assert_eq!((bench.task(task).limited, bench.task(task).failures), (0, 2));
}

/// The coordinator lets another agent try.
fn unblocks(bench: &mut Bench, task: TaskId) -> Result<(), Refusal> {
    let ask = Triage { task, author: Handle::owner(), step: TriageStep::Unblock };
    bench.ask(Actor::program(Some("coordinator")), &Command::Triage(ask))
}

#[test]
fn after_a_row_of_agents_that_left_nothing_only_a_person_lets_another_begin() {
    let mut bench = Bench::new();
    let task = bench.ready("one");
    for nth in 1..=FRUITLESS_MAX {
        let run = bench.start(task);
        bench.now = bench.now.plus(MINUTE);
        ends(&mut bench, run, Ended::Finished, None);
        assert_eq!((bench.task(task).fruitless, bench.task(task).status), (nth, Status::Blocked));
        bench.now = bench.now.plus(MINUTE);
        if nth < FRUITLESS_MAX {
            unblocks(&mut bench, task).unwrap();
        }
    }
    let why = bench.task(task).trouble.unwrap();
    assert!(why.starts_with("4 agents in a row ended without a report, a comment or a question"), "{why}");
    assert_eq!(unblocks(&mut bench, task), Err(Refusal::HumansOnly));
    for to in [Status::Ready, Status::InProgress] {
        assert_eq!(bench.ask(Actor::agent("main"), &relocate(task, to)), Err(Refusal::HumansOnly));
    }
    // Round about is no way either.
    bench.ask(Actor::agent("main"), &relocate(task, Status::Backlog)).unwrap();
    assert_eq!(bench.ask(Actor::agent("main"), &relocate(task, Status::Ready)), Err(Refusal::HumansOnly));
    bench.person(&relocate(task, Status::Ready)).unwrap();
    assert_eq!(bench.task(task).fruitless, 0);
    assert_eq!(claimed(&plan(&bench, &wide())), [task]);
}

#[test]
fn a_failure_that_would_be_tried_again_is_not_after_such_a_row() {
    let mut bench = Bench::new();
    let task = bench.ready("one");
    for _ in 1..FRUITLESS_MAX {
        let run = bench.start(task);
        ends(&mut bench, run, Ended::Finished, None);
        unblocks(&mut bench, task).unwrap();
    }
    let run = bench.start(task);
    ends(&mut bench, run, Ended::Failed, None);
    let is = bench.task(task);
    assert_eq!((is.status, is.retry_at, is.fruitless), (Status::Blocked, None, FRUITLESS_MAX));
}

#[test]
fn an_agent_that_said_something_or_asked_left_something() {
    let comment = |task, by: AuthorType| NewComment {
        task,
        author: Handle::agent(),
        author_type: by,
        content: words("Half of it is there."),
        kind: CommentType::Message,
    };
    for (who, by, left) in [
        (Actor::agent("main"), AuthorType::Agent, true),
        (Actor::program(Some("main")), AuthorType::Agent, true),
        (Actor::human("dan"), AuthorType::Human, false),
    ] {
        let mut bench = Bench::new();
        let task = bench.ready("one");
        let run = bench.start(task);
        bench.now = bench.now.plus(MINUTE);
        bench.ask(who.clone(), &Command::AddComment(comment(task, by))).unwrap();
        ends(&mut bench, run, Ended::Finished, None);
        assert_eq!(bench.task(task).fruitless, u32::from(!left), "{who:?}");
        // What was said before it says nothing of the next one.
        bench.now = bench.now.plus(MINUTE);
        unblocks(&mut bench, task).unwrap();
        bench.now = bench.now.plus(MINUTE);
        let run = bench.start(task);
        ends(&mut bench, run, Ended::Finished, None);
        assert_eq!(bench.task(task).fruitless, 1 + u32::from(!left));
    }
    let mut bench = Bench::new();
    let task = bench.ready("one");
    let run = bench.start(task);
    bench.question(task, run);
    ends(&mut bench, run, Ended::Finished, None);
    let key = bench.the_run(run).key;
    let on = clutch_domain::command::ContinueRun { run, from: key, as_id: "again".into() };
    bench.run(&Command::RunContinued(on)).unwrap();
    ends(&mut bench, run, Ended::Failed, None);
    assert_eq!(bench.task(task).fruitless, 0);
}

#[test]
fn a_person_stops_an_agent_and_the_ticket_says_who_did() {
    let mut bench = Bench::new();
    let task = bench.ready("one");
    let run = bench.start(task);
    bench.person(&Command::StopAgent(run)).unwrap();
    let is = bench.the_run(run);
    let stopping = is.stopping.unwrap();
    assert_eq!((stopping.how, stopping.by.as_deref(), stopping.forget), (Ended::Aborted, Some("A person"), false));
    // Whoever follows it is told, though its task is where it was.
    assert_eq!(plan(&bench, &wide()).actions, [Action::Stop(run)]);
    // Said again, by somebody else too, it changes nothing.
    bench.ask(Actor::agent("main"), &Command::StopAgent(run)).unwrap();
    assert!(bench.last.is_empty());
    ends(&mut bench, run, Ended::Aborted, None);
    let task = bench.task(task);
    assert_eq!((task.status, task.fruitless), (Status::Blocked, 0));
    assert_eq!(task.trouble.as_deref(), Some("A person stopped the agent. Move the task to Ready to start another."));
    assert_eq!(bench.person(&Command::StopAgent(run)), Err(Refusal::RunEnded));
    assert_eq!(bench.all::<Run>().len(), 1);
}
