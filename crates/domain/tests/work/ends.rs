//! Claims, and what becomes of a task when its run ends.

use clutch_domain::{
    actor::{Actor, Who},
    command::{Command, Completion, ContinueRun, EndRun, Ended, FromSession, NewSignal, ProjectPatch},
    doc::Unique,
    id::RunId,
    refusal::Refusal,
    run::{Outcome, Run, RunState, Stopping},
    runtime::USUAL,
    talk::{Signal, SignalKind, SignalSeverity},
    task::{Role, Status, TaskFields},
    text::{Handle, RunKey, SessionKey},
};
use uuid::Uuid;

use crate::bench::{Bench, RETRY, claim, relocate, session_of, words};

#[test]
fn a_claim_is_the_run() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    bench.run(&claim(task, 1)).unwrap();
    let is = bench.task(task);
    let run = bench.the_run(is.open_run.unwrap());
    assert_eq!(is.status, Status::InProgress);
    assert_eq!(run.state, RunState::Claimed);
    assert_eq!(
        (run.session_key.as_str(), run.runtime.as_str()),
        (session_of(task, 1).as_str(), USUAL),
        "as it was told"
    );
    assert_eq!(is.agent_session_key.as_deref(), Some(run.session_key.as_str()));
    assert_eq!(run.key, format!("clutch-{}", run.id));
    assert_eq!(run.action_id, format!("{task}:dev:1"));
    let line = &bench.last.activity[0];
    assert_eq!((line.what.as_str(), &line.actor), ("agent_assigned", &Who::work_loop()));
    assert_eq!(line.data["to_status"], "in_progress");
    assert_eq!(bench.last.activity.len(), 1);
}

#[test]
fn a_claim_that_does_not_fit_any_more_is_refused() {
    type Before = fn(&mut Bench, clutch_domain::id::TaskId);
    let table: &[(&str, Refusal, Before)] = &[
        ("moved away", Refusal::NotReady, |b, t| b.person(&relocate(t, Status::Backlog)).unwrap()),
        ("another ordinal", Refusal::NotReady, |b, t| {
            let run = b.start(t);
            b.end(run, Ended::Aborted, "").unwrap();
            b.person(&relocate(t, Status::Ready)).unwrap();
        }),
        ("waits after a failure", Refusal::NotReady, |b, t| {
            let run = b.start(t);
            b.end(run, Ended::Failed, "no").unwrap();
        }),
        ("project off", Refusal::NotReady, |b, _| {
            b.patch(ProjectPatch { work_loop_enabled: Some(false), ..ProjectPatch::default() });
        }),
        ("its places were counted against another number", Refusal::NotReady, |b, _| {
            b.patch(ProjectPatch { work_loop_max_agents: Some(Some(1)), ..ProjectPatch::default() });
        }),
        ("no path", Refusal::NotReady, |b, _| {
            b.patch(ProjectPatch { local_path: Some(None), ..ProjectPatch::default() })
        }),
        ("paused", Refusal::NotReady, |b, _| b.person(&Command::PauseLoop(b.project, true)).unwrap()),
        ("run open", Refusal::RunOpen, |b, t| {
            b.start(t);
            b.person(&relocate(t, Status::Ready)).unwrap();
        }),
        ("waits for another", Refusal::DependenciesOpen(1), |b, t| {
            let other = b.ready("Buy paint");
            b.person(&Command::AddDependency(t, other)).unwrap();
        }),
        ("another leads", Refusal::LeaseLost, |b, _| b.run(&crate::bench::hold("server-2", None, true)).unwrap()),
    ];
    for (name, refusal, change) in table {
        let mut bench = Bench::new();
        let task = bench.ready("Paint");
        change(&mut bench, task);
        assert_eq!(bench.run(&claim(task, 1)), Err(*refusal), "{name}");
    }
}

#[test]
fn a_claim_does_not_survive_what_it_was_not_allowed_to_overlook() {
    type Meanwhile = fn(&mut Bench);
    let table: &[(&str, Meanwhile)] = &[
        ("pause", |b| b.person(&Command::PauseLoop(b.project, true)).unwrap()),
        ("switch", |b| b.patch(ProjectPatch { work_loop_enabled: Some(false), ..ProjectPatch::default() })),
        ("lease", |b| b.run(&crate::bench::hold("server-2", None, true)).unwrap()),
    ];
    for (name, meanwhile) in table {
        let mut bench = Bench::new();
        let task = bench.ready("Paint");
        let change = bench.decide(Actor::work_loop(), &claim(task, 1)).unwrap();
        meanwhile(&mut bench);
        assert!(bench.apply(&change).is_err(), "{name}");
    }
}

#[test]
fn ends_and_what_becomes_of_the_task() {
    type Before = fn(&mut Bench, clutch_domain::id::TaskId, RunId);
    let nothing: Before = |_, _, _| {};
    let reported: Before = |b, t, r| b.report(t, r);
    let pull_request: Before = |b, t, _| {
        let patch = TaskFields { pr_number: Some(Some(7)), ..TaskFields::default() };
        b.person(&Command::UpdateTask(t, patch.into())).unwrap();
    };
    let moved: Before = |b, t, _| b.person(&relocate(t, Status::Backlog)).unwrap();
    let table = [
        ("a report", Ended::Finished, reported, Outcome::Completed, Status::InReview),
        ("a report, then the model fails", Ended::Failed, reported, Outcome::Completed, Status::InReview),
        ("a pull request", Ended::Finished, pull_request, Outcome::Completed, Status::InReview),
        ("a pull request does not excuse a failure", Ended::Failed, pull_request, Outcome::Failed, Status::Ready),
        ("nothing", Ended::Finished, nothing, Outcome::Silent, Status::Blocked),
        ("a failure", Ended::Failed, nothing, Outcome::Failed, Status::Ready),
        ("stopped elsewhere", Ended::Aborted, nothing, Outcome::Aborted, Status::Blocked),
        ("moved away", Ended::Aborted, moved, Outcome::Aborted, Status::Backlog),
        ("moved away, then finished", Ended::Finished, moved, Outcome::Silent, Status::Backlog),
        ("moved away, then failed", Ended::Failed, moved, Outcome::Failed, Status::Backlog),
    ];
    for (name, how, before, outcome, status) in table {
        let mut bench = Bench::new();
        let task = bench.ready("Paint");
        let run = bench.start(task);
        before(&mut bench, task, run);
        bench.end(run, how, "words").unwrap();
        let (is, run) = (bench.task(task), bench.the_run(run));
        assert_eq!((run.outcome, is.status), (Some(outcome), status), "{name}");
        assert_eq!((is.open_run, is.agent_session_key.as_deref()), (None, None), "{name}");
        assert_eq!(is.ended_runs[&Role::Dev], 1, "{name}");
        assert_eq!(is.retry_at.is_some(), status == Status::Ready, "{name}");
        assert_eq!(is.trouble.is_some(), matches!(status, Status::Blocked | Status::Ready), "{name}");
        assert_eq!(bench.last.activity.len(), 1, "{name}");
        assert_eq!(bench.end(run.id, how, ""), Err(Refusal::RunEnded), "{name}: over is over");
    }
}

#[test]
fn a_pull_request_of_an_earlier_attempt_finishes_no_later_one() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let pr = |number| TaskFields { pr_number: Some(Some(number)), ..TaskFields::default() };
    let run = bench.start(task);
    bench.person(&Command::UpdateTask(task, pr(12).into())).unwrap();
    bench.end(run, Ended::Finished, "There it is.").unwrap();
    assert_eq!(bench.task(task).status, Status::InReview);
    bench.person(&relocate(task, Status::Ready)).unwrap();
    let run = bench.start(task);
    bench.end(run, Ended::Finished, "I think that is all.").unwrap();
    let is = bench.task(task);
    assert_eq!((bench.the_run(run).outcome, is.status), (Some(Outcome::Silent), Status::Blocked));
    assert_eq!(is.pr_number, Some(12));
    // An attempt that names the same one again has opened it as far as anybody can tell.
    bench.person(&relocate(task, Status::Ready)).unwrap();
    let run = bench.start(task);
    bench.person(&Command::UpdateTask(task, pr(12).into())).unwrap();
    bench.end(run, Ended::Finished, "I pushed to it.").unwrap();
    assert_eq!(bench.task(task).status, Status::InReview);
}

#[test]
fn an_agent_out_of_reach_blocks_its_task_wherever_it_would_be_started_again() {
    for (moved, expected) in [
        (None, Status::Blocked),
        (Some(Status::Ready), Status::Blocked),
        (Some(Status::Backlog), Status::Backlog),
        (Some(Status::InReview), Status::InReview),
    ] {
        let mut bench = Bench::new();
        let task = bench.ready("Paint");
        let run = bench.start(task);
        if let Some(to) = moved {
            bench.person(&relocate(task, to)).unwrap();
        }
        bench.end(run, Ended::OutOfReach, "missing scope.").unwrap();
        let is = bench.task(task);
        assert_eq!((is.status, is.open_run, bench.the_run(run).outcome), (expected, None, Some(Outcome::Failed)));
        let told = is.trouble.is_some_and(|t| t.contains("missing scope") && t.contains("move the task to Ready"));
        assert_eq!(told, expected == Status::Blocked);
    }
}

#[test]
fn a_person_may_treat_a_run_as_ended_that_cannot_be_followed() {
    for (moved, expected) in [(None, Status::Blocked), (Some(Status::Ready), Status::Ready)] {
        let mut bench = Bench::new();
        let task = bench.ready("Paint");
        let run = bench.start(task);
        assert_eq!(bench.person(&Command::TreatAsEnded(run)), Err(Refusal::RunIsFollowed));
        bench.run(&Command::TellTrouble(run, Some("missing scope.".into()))).unwrap();
        assert_eq!(bench.ask(Actor::agent("main"), &Command::TreatAsEnded(run)), Err(Refusal::HumansOnly));
        if let Some(to) = moved {
            bench.person(&relocate(task, to)).unwrap();
        }
        bench.person(&Command::TreatAsEnded(run)).unwrap();
        let (is, ended) = (bench.task(task), bench.the_run(run));
        assert_eq!((is.status, is.open_run, is.failures), (expected, None, 0), "no failure is counted");
        assert_eq!((ended.state, ended.outcome), (RunState::Ended, Some(Outcome::Aborted)));
        assert!(ended.last_words.unwrap().starts_with("A person treated the agent as ended"));
        let told = is.trouble.is_some_and(|t| t.contains("treated the agent as ended") && t.contains("to Ready"));
        assert_eq!(told, expected == Status::Blocked);
        assert_eq!(bench.person(&Command::TreatAsEnded(run)), Err(Refusal::RunEnded));
    }
}

#[test]
fn the_first_reason_to_stop_stands() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let run = bench.start(task);
    let stop =
        |how, why: &str, forget| Command::StopRun(run, Stopping { how, why: why.into(), forget, used: None, by: None });
    bench.run(&stop(Ended::Failed, "silent", false)).unwrap();
    bench.run(&stop(Ended::Aborted, "moved", false)).unwrap();
    assert!(bench.last.is_empty());
    bench.run(&stop(Ended::Aborted, "moved", true)).unwrap();
    let stopping = bench.the_run(run).stopping.unwrap();
    assert_eq!((stopping.how, stopping.why.as_str(), stopping.forget), (Ended::Failed, "silent", true));
    bench.end(run, Ended::Failed, "silent").unwrap();
    assert_eq!(bench.the_run(run).stopping, None);
    assert_eq!(bench.run(&stop(Ended::Failed, "again", false)), Err(Refusal::RunEnded));
}

/// An agent that speaks about another task than its own speaks for its own run only.
#[test]
fn a_report_or_question_about_another_task_counts_for_no_run_of_that_task() {
    for by_session in [true, false] {
        let mut bench = Bench::new();
        let (mine, other) = (bench.ready("Plan"), bench.ready("Paint"));
        let (pm, dev) = (bench.start(mine), bench.start(other));
        let names = |run: Run| match by_session {
            true => (SessionKey::parse(&run.session_key).unwrap().map(FromSession::from), None),
            false => (None, RunKey::parse(&run.key).unwrap()),
        };
        let (session_key, run_id) = names(bench.the_run(pm));
        let report = Completion {
            task: other,
            summary: words("All planned."),
            pr_url: None,
            notes: None,
            agent: None,
            session_key,
            run_id: run_id.clone(),
            finishes: false,
        };
        bench.ask(Actor::agent("main"), &Command::CompleteTask(report)).unwrap();
        assert_eq!(bench.task(other).status, Status::InProgress, "its own agent is at work");
        assert!(!bench.the_run(dev).reported && !bench.the_run(pm).reported);

        let elsewhere = "agent:main:somewhere";
        let session = if by_session { bench.the_run(pm).session_key } else { elsewhere.to_owned() };
        let new = NewSignal {
            task: other,
            session_key: SessionKey::parse(&session).unwrap().unwrap().into(),
            agent_id: Handle::agent(),
            run_id,
            kind: SignalKind::Question,
            severity: SignalSeverity::Normal,
            message: words("Red or green?"),
            options: clutch_domain::text::Options::default(),
        };
        bench.ask(Actor::agent("main"), &Command::RaiseSignal(new)).unwrap();
        assert_eq!(bench.last.made::<Signal>().unwrap().run, Some(pm), "the answer goes to whoever asked");
        bench.end(dev, Ended::Finished, "That is all.").unwrap();
        assert_eq!(bench.the_run(dev).outcome, Some(Outcome::Silent), "it waits for nothing that it asked");
        let question = bench.all::<Signal>()[0].id;
        bench.end(pm, Ended::Finished, "I asked.").unwrap();
        assert_eq!(bench.the_run(pm).waits_for, Some(question), "and whoever asked waits");
        bench.person(&Command::AnswerSignal(question, words("Green."))).unwrap();
        bench.run(&Command::SettleAnswer(question, Ok("turn-2".into()))).unwrap();
        assert_eq!((bench.the_run(pm).state, bench.the_run(pm).current_id()), (RunState::Started, "turn-2"));
    }
}

#[test]
fn failures_wait_longer_each_time_and_block_at_the_cap() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    for wait in [30_000, 60_000] {
        let run = bench.start(task);
        bench.end(run, Ended::Failed, "the disk is full").unwrap();
        let is = bench.task(task);
        assert_eq!(is.retry_at, Some(bench.now.plus(wait)));
        bench.now = bench.now.plus(wait);
    }
    let run = bench.start(task);
    bench.end(run, Ended::Failed, "the disk is full").unwrap();
    let is = bench.task(task);
    assert_eq!(is.status, Status::Blocked);
    assert_eq!(is.trouble.as_deref(), Some("The agent failed 3 times in a row. The last reason: the disk is full"));
}

#[test]
fn a_success_forgets_failures() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let run = bench.start(task);
    bench.end(run, Ended::Failed, "no").unwrap();
    bench.now = bench.now.plus(30_000);
    let run = bench.start(task);
    bench.report(task, run);
    bench.end(run, Ended::Finished, "done").unwrap();
    let is = bench.task(task);
    assert_eq!((is.failures, is.retry_at, is.trouble), (0, None, None));
}

#[test]
fn a_question_keeps_the_run_open_until_its_answer_was_worked_off() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let run = bench.start(task);
    let question = bench.question(task, run);
    bench.end(run, Ended::Finished, "I asked.").unwrap();
    assert_eq!((bench.the_run(run).state, bench.the_run(run).waits_for), (RunState::Waiting, Some(question)));
    assert_eq!(bench.task(task).status, Status::InProgress);
    assert!(!bench.the_run(run).takes_a_place(), "who waits for a person takes nobody's place");

    bench.person(&Command::AnswerSignal(question, words("Green."))).unwrap();
    bench.run(&Command::SettleAnswer(question, Ok("turn-2".into()))).unwrap();
    let is = bench.the_run(run);
    assert_eq!((is.state, is.waits_for, is.current_id()), (RunState::Started, None, "turn-2"));

    let late = EndRun {
        run,
        as_id: Some(is.key.clone()),
        how: Ended::Finished,
        last_words: Default::default(),
        used: None,
        retry: RETRY,
    };
    bench.run(&Command::RunEnded(late)).unwrap();
    assert!(bench.last.is_empty(), "the first turn's end, told late, is not the end of the second");
    bench.end(run, Ended::Finished, "Done, but I forgot to report.").unwrap();
    assert_eq!(bench.task(task).status, Status::Blocked);
}

#[test]
fn an_answer_on_its_way_keeps_the_run_open_too() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let run = bench.start(task);
    let question = bench.question(task, run);
    bench.person(&Command::AnswerSignal(question, words("Green."))).unwrap();
    bench.end(run, Ended::Finished, "I asked.").unwrap();
    assert_eq!(bench.the_run(run).waits_for, Some(question));
}

#[test]
fn starting_and_continuing_can_be_said_twice() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let run = bench.start(task);
    bench.run(&Command::RunStarted(run.into())).unwrap();
    assert!(bench.last.is_empty());
    let goes_on =
        |from: &str, as_id: &str| Command::RunContinued(ContinueRun { run, from: from.into(), as_id: as_id.into() });
    let key = bench.the_run(run).key;
    bench.run(&goes_on(&key, "resumed")).unwrap();
    assert_eq!(bench.the_run(run).current_id(), "resumed");
    bench.run(&goes_on(&key, "resumed")).unwrap();
    assert!(bench.last.is_empty());
    bench.run(&goes_on(&key, "older")).unwrap();
    assert!(bench.last.is_empty(), "what was seen before the newest turn is not what it goes on as");
    bench.run(&goes_on("resumed", "newer")).unwrap();
    assert_eq!(bench.the_run(run).current_id(), "newer");
    bench.end(run, Ended::Failed, "").unwrap();
    assert_eq!(bench.run(&Command::RunStarted(run.into())), Err(Refusal::RunEnded));
    let nobody = RunId(Uuid::from_u128(9));
    assert_eq!(bench.run(&Command::RunStarted(nobody.into())), Err(Refusal::RunNotFound));
}

#[test]
fn a_run_whose_task_was_deleted_goes_when_it_ends() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let run = bench.start(task);
    bench.person(&Command::DeleteTask(task)).unwrap();
    assert!(bench.the_run(run).open(), "the loop stops its agent first");
    bench.end(run, Ended::Aborted, "Stopped.").unwrap();
    assert!(bench.all::<Run>().is_empty());
    let names: Vec<Unique> = bench.all();
    assert!(!names.iter().any(|n| n.key.starts_with("action:") || n.key.starts_with("session:")), "{names:?}");
}

#[test]
fn long_last_words_are_cut_at_characters() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let run = bench.start(task);
    bench.end(run, Ended::Finished, &"ä".repeat(5_000)).unwrap();
    let kept = bench.the_run(run).last_words.unwrap();
    assert_eq!(kept.chars().count(), 4_000);
    assert!(kept.ends_with('…'));
    let preview = &bench.last.activity[0].data["output_preview"];
    assert_eq!(preview.chars().count(), 500);
}
