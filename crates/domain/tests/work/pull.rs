//! Agents that take their tasks by themselves: claims, signs of life, questions, ends.
#![allow(clippy::unwrap_used, reason = "test helpers")]

use clutch_domain::{
    access::{Digest, Token, TokenScope},
    actor::{Actor, Who},
    command::{Command, ProjectPatch, PullTask, ReleaseRun},
    id::{RunId, TaskId},
    phase::Phase,
    plan::{
        Action, Plan, Policy, decide,
        world::{OpenRun, World},
    },
    project::Project,
    refusal::Refusal,
    run::{Ended, LoopState, Outcome, Run, RunState},
    runtime::{ALL, PULL},
    talk::Signal,
    task::{Role, Status, Task},
    text::{Handle, Runtimes},
    time::Millis,
};

use crate::bench::{Bench, RETRY, claim, relocate, words};

const HOLD_MS: i64 = 900_000;

fn token(n: u8) -> Token {
    Token {
        digest: Digest::new([n; 32]),
        name: "laptop".into(),
        scope: TokenScope::Agent,
        made_by: Who::human("dan"),
        created_at: Millis(0),
        expires_at: None,
        used_at: None,
        revoked_at: None,
    }
}

fn pull(task: TaskId, attempt: u32) -> Command {
    Command::PullTask(PullTask {
        task,
        phase: Phase::Work,
        role: Role::Dev,
        attempt,
        session: format!("the attempt {attempt} at {task}, taken"),
        agent: Handle::parse("claude").unwrap().unwrap(),
        model: None,
        prompt_version: "v".into(),
        hold_ms: HOLD_MS,
    })
}

fn agent() -> Actor {
    Actor::agent("claude")
}

impl Bench {
    fn taken(&mut self) -> (TaskId, RunId) {
        let task = self.ready("Paint");
        self.ask(agent(), &pull(task, 1)).unwrap();
        (task, self.last.made::<Run>().unwrap().id)
    }

    /// What the loop would do, whose runtimes are all away.
    fn plan(&self) -> Plan {
        let open = |run: Run| OpenRun {
            task: self.all::<Task>().into_iter().find(|task| task.id == run.task),
            question: run.waits_for.and_then(|id| self.all::<Signal>().into_iter().find(|s| s.id == id)),
            run,
        };
        let runs = self.all::<Run>().into_iter().filter(Run::open).map(open).collect();
        decide(&World { runs, ..World::default() }, self.now, &Policy::default())
    }
}

#[test]
fn who_takes_a_task_has_it_and_is_at_work() {
    let mut bench = Bench::new();
    let (task, run) = bench.taken();
    let is = bench.the_run(run);
    assert_eq!((is.state, is.runtime.as_str(), is.started_at), (RunState::Started, PULL, Some(bench.now)));
    let hold = is.hold.unwrap();
    assert_eq!((hold.agent.as_str(), hold.token, hold.until), ("claude", None, bench.now.plus(HOLD_MS)));
    assert_eq!((bench.task(task).status, bench.task(task).open_run), (Status::InProgress, Some(run)));
    // Nobody else gets it, neither by itself nor by the loop.
    assert_eq!(bench.ask(agent(), &pull(task, 1)), Err(Refusal::RunOpen));
    assert_eq!(bench.run(&claim(task, 1)), Err(Refusal::RunOpen));
}

#[test]
fn what_may_be_taken() {
    type Make = fn(&mut Bench) -> TaskId;
    let table: &[(&str, Make, Result<(), Refusal>)] = &[
        ("a ready one", |b| b.ready("x"), Ok(())),
        (
            "one of a project whose loop is off",
            |b| {
                b.patch(ProjectPatch { work_loop_enabled: Some(false), ..ProjectPatch::default() });
                b.ready("x")
            },
            Ok(()),
        ),
        (
            "one of a project without a repository",
            |b| {
                b.patch(ProjectPatch { local_path: Some(None), ..ProjectPatch::default() });
                b.ready("x")
            },
            Ok(()),
        ),
        (
            "one of a paused project",
            |b| {
                let project = b.project;
                b.person(&Command::PauseLoop(project, true)).unwrap();
                b.ready("x")
            },
            Err(Refusal::LoopPaused),
        ),
        (
            "one that waits for another",
            |b| {
                let (one, other) = (b.ready("x"), b.ready("y"));
                b.person(&Command::AddDependency(one, other)).unwrap();
                one
            },
            Err(Refusal::DependenciesOpen(1)),
        ),
        (
            "one that the loop has",
            |b| {
                let task = b.ready("x");
                b.run(&claim(task, 1)).unwrap();
                task
            },
            Err(Refusal::RunOpen),
        ),
        (
            "one of a deleted project",
            |b| {
                let (task, project) = (b.ready("x"), b.project);
                b.person(&Command::DeleteProject(project, clutch_domain::command::Force::Yes)).unwrap();
                task
            },
            Err(Refusal::ProjectNotFound),
        ),
    ];
    for (what, make, may) in table {
        let mut bench = Bench::new();
        let task = make(&mut bench);
        assert_eq!(bench.ask(agent(), &pull(task, 1)), *may, "{what}");
    }
}

#[test]
fn signs_of_life_keep_it_and_silence_gives_it_back() {
    let mut bench = Bench::new();
    let (task, run) = bench.taken();
    let begun = bench.now;
    assert_eq!((bench.plan().actions, bench.plan().wake_at), (vec![], Some(begun.plus(HOLD_MS))));
    // Signs that come close together write nothing.
    bench.now = begun.plus(1_000);
    bench.ask(agent(), &Command::Heartbeat(run)).unwrap();
    assert!(bench.last.is_empty());
    bench.now = begun.plus(HOLD_MS - 1);
    bench.ask(agent(), &Command::Heartbeat(run)).unwrap();
    let until = begun.plus(2 * HOLD_MS - 1);
    assert_eq!(bench.the_run(run).hold.unwrap().until, until);
    // Whoever planned by what was before takes nothing away.
    bench.now = begun.plus(HOLD_MS);
    bench.run(&Command::LapseRun(run, RETRY)).unwrap();
    assert!(bench.the_run(run).open() && bench.plan().actions.is_empty());

    bench.now = until;
    assert_eq!(bench.plan().actions, [Action::Lapse(run)]);
    bench.run(&Command::LapseRun(run, RETRY)).unwrap();
    let (is, after) = (bench.the_run(run), bench.task(task));
    assert_eq!((is.state, is.outcome), (RunState::Ended, Some(Outcome::Failed)));
    assert_eq!(is.last_words.as_deref(), Some("claude gave no sign of life for 15 minutes."));
    assert_eq!((after.status, after.failures, after.open_run), (Status::Ready, 1, None));
    // Somebody else has the next attempt, and this agent nothing more to say.
    assert_eq!(bench.ask(agent(), &Command::Heartbeat(run)), Err(Refusal::RunEnded));
    bench.now = after.retry_at.unwrap();
    bench.ask(agent(), &pull(task, 2)).unwrap();
}

#[test]
fn a_question_that_nobody_answered_keeps_it_too() {
    let mut bench = Bench::new();
    let (task, run) = bench.taken();
    let (first, second) = (bench.question(task, run), bench.question(task, run));
    let is = bench.the_run(run);
    assert_eq!((is.state, is.waits_for, is.takes_a_place()), (RunState::Waiting, Some(first), false));
    bench.now = bench.now.plus(100 * HOLD_MS);
    assert!(bench.plan().actions.is_empty());
    bench.run(&Command::LapseRun(run, RETRY)).unwrap();
    assert!(bench.the_run(run).open(), "it is not expected to give signs");

    // Answers are its own to fetch: nobody brings them. With the last one it is expected to go on.
    bench.person(&Command::AnswerSignal(first, words("Red."))).unwrap();
    let answered = bench.all::<Signal>().into_iter().find(|s| s.id == first).unwrap();
    assert_eq!((answered.delivery, answered.response), (None, Some(words("Red."))));
    assert_eq!(bench.the_run(run).waits_for, Some(second));
    bench.person(&Command::AnswerSignal(second, words("Green."))).unwrap();
    let is = bench.the_run(run);
    assert_eq!((is.state, is.waits_for), (RunState::Started, None));
    assert_eq!(is.hold.unwrap().until, bench.now.plus(HOLD_MS));
}

#[test]
fn its_report_ends_it() {
    let mut bench = Bench::new();
    let (task, run) = bench.taken();
    bench.report(task, run);
    let (is, after) = (bench.the_run(run), bench.task(task));
    assert_eq!(
        (is.state, is.outcome, is.last_words.as_deref()),
        (RunState::Ended, Some(Outcome::Completed), Some("Done."))
    );
    assert_eq!((after.status, after.open_run, after.ended_runs.get(&Role::Dev)), (Status::InReview, None, Some(&1)));
}

#[test]
fn what_is_given_back_counts_as_an_attempt() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    for attempt in 1..=RETRY.cap {
        bench.ask(agent(), &pull(task, attempt)).unwrap();
        let run = bench.last.made::<Run>().unwrap().id;
        let release = ReleaseRun { run, reason: "There is no brush.".into(), retry: RETRY };
        bench.ask(agent(), &Command::ReleaseRun(release)).unwrap();
        bench.now = bench.now.plus(10 * HOLD_MS);
    }
    let after = bench.task(task);
    assert_eq!(after.status, Status::Blocked);
    assert!(
        after.trouble.as_ref().is_some_and(|why| why.contains("claude gave it back: There is no brush.")),
        "{after:?}"
    );
}

#[test]
fn nobody_else_speaks_for_it() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let of = |token: &Token| Actor {
        who: Who { id: Some(token.digest.id8().into()), ..Who::agent("claude") },
        ..Actor::token(token)
    };
    let (own, other) = (of(&token(1)), of(&token(2)));
    bench.ask(own.clone(), &pull(task, 1)).unwrap();
    let run = bench.last.made::<Run>().unwrap().id;
    let release = || Command::ReleaseRun(ReleaseRun { run, reason: "".into(), retry: RETRY });
    for stranger in [other, agent()] {
        assert_eq!(bench.ask(stranger.clone(), &Command::Heartbeat(run)), Err(Refusal::RunOfAnother));
        assert_eq!(bench.ask(stranger, &release()), Err(Refusal::RunOfAnother));
    }
    bench.ask(own, &release()).unwrap();

    let task = bench.ready("Wash");
    let run = bench.start(task);
    assert_eq!(bench.ask(agent(), &Command::Heartbeat(run)), Err(Refusal::RunNotHeld));
    assert_eq!(bench.run(&Command::LapseRun(run, RETRY)), Err(Refusal::RunNotHeld));
}

#[test]
fn a_task_that_is_taken_from_it_ends_it() {
    let mut bench = Bench::new();
    let (task, run) = bench.taken();
    bench.person(&relocate(task, Status::Backlog)).unwrap();
    let closed = bench.plan().actions;
    let [Action::Close(of, Ended::Aborted, why)] = closed.as_slice() else { panic!("{closed:?}") };
    assert_eq!((*of, why.as_str()), (run, "The task was taken from claude."));
    bench.end(run, Ended::Aborted, why).unwrap();
    assert_eq!(bench.the_run(run).outcome, Some(Outcome::Aborted));
    assert_eq!(bench.task(task).status, Status::Backlog);
    assert_eq!(bench.ask(agent(), &Command::Heartbeat(run)), Err(Refusal::RunEnded));
}

#[test]
fn a_project_that_leaves_it_to_agents_says_so() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    bench.patch(ProjectPatch { runtimes: Some(Runtimes::parse([(ALL, PULL)]).unwrap()), ..ProjectPatch::default() });
    let world = World {
        projects: vec![clutch_domain::plan::world::OwnWorld {
            project: bench.all::<Project>().remove(0),
            state: bench.all::<LoopState>().into_iter().next(),
            ready: bench.all::<Task>(),
        }],
        ..World::default()
    };
    let plan = decide(&world, bench.now, &Policy::default());
    assert!(plan.actions.is_empty());
    let says = &plan.notes[&bench.project].tasks[&task];
    assert_eq!(says, "Waits for an agent that takes it by itself, for example by MCP");
}
