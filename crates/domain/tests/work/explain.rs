//! Why a ticket is where it is, in sentences.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;

use clutch_domain::{
    command::Ended,
    id::TaskId,
    plan::{
        Policy,
        explain::{Case, Explained, Fix, explain},
    },
    project::Project,
    run::{LoopState, Run, Stopping},
    talk::Signal,
    task::{Escalation, Resolution, Status, Task},
    text::Title,
    time::Millis,
};

use crate::bench::Bench;

struct Scene {
    task: Task,
    project: Project,
    state: Option<LoopState>,
    run: Option<Run>,
    question: Option<Signal>,
    others: Vec<Task>,
    policy: Policy,
}

impl Scene {
    fn of(bench: &Bench, task: TaskId) -> Self {
        let task = bench.all::<Task>().into_iter().find(|t| t.id == task).unwrap();
        let run = bench.all::<Run>().into_iter().find(|run| Some(run.id) == task.open_run);
        let question =
            bench.all::<Signal>().into_iter().find(|q| run.as_ref().is_some_and(|run| run.waits_for == Some(q.id)));
        let (project, policy) = (bench.all::<Project>()[0].clone(), Policy::default());
        Self { task, project, state: None, run, question, others: Vec::new(), policy }
    }

    /// One that stands in this column.
    fn at(status: Status) -> Self {
        let mut bench = Bench::new();
        let task = bench.ready("Paint the door");
        let mut scene = Self::of(&bench, task);
        scene.task.status = status;
        scene
    }

    fn explained(&self) -> Explained {
        explain(&Case {
            task: &self.task,
            project: &self.project,
            state: self.state.as_ref(),
            run: self.run.as_ref(),
            question: self.question.as_ref(),
            others: &self.others.iter().collect::<Vec<_>>(),
            policy: &self.policy,
        })
    }

    fn says(&mut self, note: &str) {
        let notes = BTreeMap::from([(self.task.id, note.to_owned())]);
        let (project, updated_at) = (self.project.id, Millis(0));
        self.state = Some(LoopState { notes, ..LoopState::new(project, updated_at) });
    }
}

type Make = fn(&mut Scene);

#[test]
fn each_column_has_its_sentences() {
    let table: Vec<(Status, Make, &[&str], &str)> = vec![
        (Status::Backlog, |_| {}, &["Nobody has released it yet: agents take what is Ready."], "Move it to Ready."),
        (
            Status::InProgress,
            |_| {},
            &["No agent that the loop knows works on it: somebody moved it here."],
            "Move it to Ready, and the loop gives it to an agent.",
        ),
        (
            Status::InReview,
            |_| {},
            &["It waits for somebody who looks at what was done."],
            "Move it to Done, or back to Ready with a comment that says what is missing.",
        ),
        (
            Status::InReview,
            |s| s.task.requires_human_review = true,
            &["It waits for somebody who looks at what was done.", "A person must look before it is done."],
            "Move it to Done, or back to Ready with a comment that says what is missing.",
        ),
        (
            Status::Blocked,
            |_| {},
            &["Somebody moved it to Blocked."],
            "Move it to Ready to have it tried again, give it to another kind of agent, split it, or put it back into the backlog.",
        ),
        (
            Status::Blocked,
            |s| {
                s.task.trouble = Some("The agent failed 3 times in a row".into());
                let reason = Some("It needs a key".into());
                s.task.escalation = Some(Escalation { at: Millis(0), by: "ada".into(), reason, notice: None });
            },
            &["The agent failed 3 times in a row.", "ada asked for a person at 1970-01-01 00:00 UTC: It needs a key."],
            "Move it to Ready to have it tried again, give it to another kind of agent, split it, or put it back into the backlog.",
        ),
        (Status::Done, |_| {}, &["It is done."], ""),
        (Status::Done, |s| s.task.resolution = Some(Resolution::Discarded), &["It was given up on purpose."], ""),
    ];
    for (status, make, because, next) in table {
        let mut scene = Scene::at(status);
        make(&mut scene);
        let told = scene.explained();
        let label = status.label();
        assert_eq!(told.state, format!("T-1 \u{201c}Paint the door\u{201d} is in {label} since 1970-01-01 00:16 UTC."));
        assert_eq!(
            (told.because.as_slice(), told.next.join(" ").as_str(), told.fix),
            (&because.iter().map(|b| (*b).to_owned()).collect::<Vec<_>>()[..], next, None)
        );
    }
}

#[test]
fn a_ready_ticket_says_what_the_loop_says_and_what_mends_it() {
    let table: Vec<(Make, &[&str], Option<Fix>)> = vec![
        (|_| {}, &["Nothing keeps it: the work loop gives it to an agent when it looks next."], None),
        // Before the loop has said anything.
        (
            |s| s.policy.enabled = false,
            &["The work loop is switched off for this server (WORK_LOOP_ENABLED)."],
            Some(Fix::Server),
        ),
        (|s| s.project.work_loop_enabled = false, &["The work loop is off in this project."], Some(Fix::SwitchOn)),
        (
            |s| s.project.local_path = None,
            &["The project has no repository path; set it in Settings."],
            Some(Fix::Repository),
        ),
        (
            |s| s.says("The loop is paused in this project."),
            &["The loop is paused in this project."],
            Some(Fix::Resume),
        ),
        (
            |s| {
                s.task.open_dependencies = 1;
                s.says("Waits for 1 task");
                let title = Title::parse("Buy paint").unwrap();
                s.others.push(Task::new(
                    TaskId(Default::default()),
                    s.project.id,
                    3,
                    title,
                    Status::Blocked,
                    Millis(0),
                ));
            },
            &["Waits for 1 task.", "It waits for T-3 \u{201c}Buy paint\u{201d} (Blocked)."],
            Some(Fix::Others),
        ),
        (
            |s| {
                s.task.retry_at = Some(Millis(1_767_362_730_000));
                s.task.trouble = Some("It is full".into());
                s.says("Retries at 14:05:30 UTC");
            },
            &["Retries at 14:05:30 UTC.", "The last attempt failed: It is full."],
            Some(Fix::Time),
        ),
        // What only its speaker understands is told as it was said.
        (|s| s.says("The gateway is away: nobody listens"), &["The gateway is away: nobody listens."], None),
    ];
    for (make, because, fix) in table {
        let mut scene = Scene::at(Status::Ready);
        make(&mut scene);
        let told = scene.explained();
        assert_eq!((told.because.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), told.fix), (because, fix));
        assert_eq!(told.next.len(), 1, "{told:?}");
        assert!(fix.is_none_or(|fix| told.next == [fix.label()]), "{told:?}");
    }
}

#[test]
fn a_ticket_with_an_agent_says_who_has_it_and_what_it_waits_for() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint the door");
    let run = bench.start(task);
    let scene = Scene::of(&bench, task);
    let told = scene.explained();
    assert_eq!(told.because, ["A Dev agent has it since 1970-01-01 00:16 UTC (attempt 1, big)."]);
    assert_eq!(told.next, ["Nothing needs to be done: the ticket goes on when the agent reports or ends."]);
    let mut stopped = Scene::of(&bench, task);
    stopped.run.as_mut().unwrap().stopping =
        Some(Stopping { how: Ended::Aborted, why: "Its ticket was moved".into(), forget: false, used: None, by: None });
    assert_eq!(stopped.explained().because[1], "The agent is being stopped: Its ticket was moved.");
    bench.question(task, run);
    bench.end(run, Ended::Finished, "").unwrap();
    let told = Scene::of(&bench, task).explained();
    assert!(told.because[1].starts_with("It asks: \u{201c}"), "{told:?}");
    assert_eq!(told.next, ["Answer it on the ticket."]);
}
