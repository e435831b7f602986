//! What the loop decides.

use std::collections::BTreeMap;

use clutch_domain::{
    command::{Command, Ended},
    id::{PromptId, TaskId},
    plan::{
        Action, Plan, Policy, decide,
        explain::{Fix, fix},
        world::{OpenRun, OwnWorld, World},
    },
    project::Project,
    prompt::Line,
    run::{LoopState, Outcome, Run},
    runtime::{ALL, USUAL, unknown, usual},
    talk::Signal,
    task::{Priority, Role, Status, Task},
    text::Excerpt,
    time::Millis,
};

use crate::bench::{Bench, relocate, words};

/// The world as the loop would read it.
pub fn world(bench: &Bench) -> World {
    let tasks = bench.all::<Task>();
    let signals = bench.all::<Signal>();
    let own = |project: Project| OwnWorld {
        state: bench.all::<LoopState>().into_iter().find(|s| s.project == project.id),
        ready: tasks.iter().filter(|t| t.project == project.id && t.status == Status::Ready).cloned().collect(),
        project,
    };
    let open = |run: Run| OpenRun {
        task: tasks.iter().find(|t| t.id == run.task).cloned(),
        question: run.waits_for.and_then(|q| signals.iter().find(|s| s.id == q).cloned()),
        run,
    };
    World {
        projects: bench.all::<Project>().into_iter().map(own).collect(),
        runs: bench.all::<Run>().into_iter().filter(Run::open).map(open).collect(),
        answers: signals
            .iter()
            .filter(|s| s.delivery == Some(clutch_domain::talk::Delivery::Pending))
            .cloned()
            .collect(),
        runtimes: [(usual(), None)].into(),
        prompts: BTreeMap::new(),
    }
}

fn away(world: &mut World, runtime: &str, sentence: &str) {
    world.runtimes.insert(runtime.to_owned(), Some(sentence.to_owned()));
}

pub fn plan(bench: &Bench, policy: &Policy) -> Plan {
    decide(&world(bench), bench.now, policy)
}

pub fn claimed(plan: &Plan) -> Vec<TaskId> {
    let starts = plan.actions.iter().filter_map(|a| if let Action::Claim(start) = a { Some(start.task) } else { None });
    starts.collect()
}

pub fn note(plan: &Plan, bench: &Bench, task: TaskId) -> String {
    plan.notes.get(&bench.project).and_then(|n| n.tasks.get(&task)).cloned().unwrap_or_default()
}

pub fn wide() -> Policy {
    Policy { max_agents_per_project: 10, max_dev_agents: 10, ..Policy::default() }
}

/// Changes the ready tasks of the only project, without a command.
fn with(bench: &Bench, change: impl Fn(&mut Task)) -> World {
    let mut world = world(bench);
    world.projects[0].ready.iter_mut().for_each(change);
    world
}

#[test]
fn priority_goes_before_position_and_the_order_of_documents_does_not_matter() {
    let mut bench = Bench::new();
    let ids: Vec<TaskId> = ["one", "two", "three"].map(|t| bench.ready(t)).into();
    let urgent = ids[2];
    let mut world = with(&bench, |t| {
        if t.id == urgent {
            t.priority = Priority::Urgent;
        }
    });
    let straight = decide(&world, bench.now, &wide());
    assert_eq!(claimed(&straight), [ids[2], ids[0], ids[1]]);
    world.projects[0].ready.reverse();
    assert_eq!(decide(&world, bench.now, &wide()), straight);
}

#[test]
fn limits_hold_and_say_so() {
    let tiny = |change: fn(&mut Policy)| {
        let mut policy = wide();
        change(&mut policy);
        policy
    };
    let table = [
        (tiny(|p| p.max_agents = 1), "Agents at work in all projects: 1 of 1"),
        (tiny(|p| p.max_agents_per_project = 1), "Agents at work in this project: 1 of 1"),
        (tiny(|p| p.max_dev_agents = 1), "Dev agents at work: 1 of 1"),
    ];
    for (policy, why) in table {
        let mut bench = Bench::new();
        let (one, two) = (bench.ready("one"), bench.ready("two"));
        let fresh = plan(&bench, &policy);
        assert_eq!(claimed(&fresh), [one], "{why}");
        assert_eq!(note(&fresh, &bench, two), why);
        bench.start(one);
        let busy = plan(&bench, &policy);
        assert_eq!(claimed(&busy), [], "{why}");
        assert_eq!(note(&busy, &bench, two), why);
        let waits = bench.all::<Task>().into_iter().find(|task| task.id == two).unwrap();
        assert_eq!(fix(why, &waits, &bench.all::<Project>()[0], &policy), Some(Fix::Places), "{why}");
    }
}

#[test]
fn who_waits_for_a_person_takes_no_place() {
    let mut bench = Bench::new();
    let (one, two) = (bench.ready("one"), bench.ready("two"));
    let policy = Policy { max_dev_agents: 1, ..Policy::default() };
    let run = bench.start(one);
    bench.question(one, run);
    assert_eq!(claimed(&plan(&bench, &policy)), []);
    bench.end(run, Ended::Finished, "").unwrap();
    assert_eq!(claimed(&plan(&bench, &policy)), [two]);
}

#[test]
fn roles_without_a_limit_of_their_own_share_the_projects() {
    let mut bench = Bench::new();
    for title in ["one", "two", "three", "four"] {
        bench.ready(title);
    }
    let world = with(&bench, |t| t.role = Some(Role::Research));
    let plan = decide(&world, bench.now, &Policy::default());
    assert_eq!(claimed(&plan).len(), 3);
}

#[test]
fn every_ready_task_that_does_not_start_has_a_reason() {
    type Hinder = fn(&mut World, &mut Policy);
    let table: Vec<(&str, Option<Fix>, Hinder)> = vec![
        ("The work loop is switched off for this server (WORK_LOOP_ENABLED).", Some(Fix::Server), |_, p| {
            p.enabled = false
        }),
        ("The loop is paused in this project.", Some(Fix::Resume), |w, _| {
            let project = w.projects[0].project.id;
            let updated_at = Millis(0);
            w.projects[0].state = Some(LoopState { paused: true, ..LoopState::new(project, updated_at) });
        }),
        ("The project has no repository path; set it in Settings.", Some(Fix::Repository), |w, _| {
            w.projects[0].project.local_path = None
        }),
        ("Nobody listens.", None, |w, _| away(w, USUAL, "Nobody listens.")),
        ("Waits for 1 task", Some(Fix::Others), |w, _| w.projects[0].ready[0].open_dependencies = 1),
        ("Waits for 2 tasks", Some(Fix::Others), |w, _| w.projects[0].ready[0].open_dependencies = 2),
        ("Retries at 14:05:30 UTC", Some(Fix::Time), |w, _| {
            w.projects[0].ready[0].retry_at = Some(Millis(1_767_362_730_000))
        }),
        ("The agent of the last attempt is being stopped", Some(Fix::Stopping), |w, _| {
            w.projects[0].ready[0].open_run = Some(clutch_domain::id::RunId(uuid::Uuid::nil()));
        }),
    ];
    for (why, mends, change) in table {
        let mut bench = Bench::new();
        let task = bench.ready("one");
        let (mut world, mut policy) = (world(&bench), Policy::default());
        change(&mut world, &mut policy);
        let plan = decide(&world, bench.now, &policy);
        assert_eq!(claimed(&plan), [], "{why}");
        assert_eq!(note(&plan, &bench, task), why);
        let own = &world.projects[0];
        assert_eq!(fix(why, &own.ready[0], &own.project, &policy), mends, "{why}");
    }
}

#[test]
fn a_project_that_is_off_says_so_once() {
    let mut bench = Bench::new();
    bench.ready("one");
    let mut world = world(&bench);
    world.projects[0].project.work_loop_enabled = false;
    let notes = &decide(&world, bench.now, &Policy::default()).notes[&bench.project];
    let notice = notes.notice.as_ref().map(Excerpt::as_str).unwrap();
    assert_eq!(notice, "The work loop is off in this project.");
    let own = &world.projects[0];
    assert_eq!(fix(notice, &own.ready[0], &own.project, &Policy::default()), Some(Fix::SwitchOn));
}

#[test]
fn notes_are_planned_only_when_they_change() {
    let mut bench = Bench::new();
    bench.ready("one");
    bench.ready("two");
    let policy = Policy { max_agents: 1, ..Policy::default() };
    let notes = plan(&bench, &policy).notes[&bench.project].clone();
    bench.run(&Command::NoteProject(bench.project, notes.tasks, notes.notice)).unwrap();
    assert!(plan(&bench, &policy).notes.is_empty());
    assert!(plan(&bench, &wide()).notes[&bench.project].tasks.is_empty(), "a reason that is gone is cleared");
}

#[test]
fn the_loop_wakes_for_the_next_retry() {
    let mut bench = Bench::new();
    let task = bench.ready("one");
    let run = bench.start(task);
    bench.end(run, Ended::Failed, "no").unwrap();
    assert_eq!(plan(&bench, &wide()).wake_at, Some(bench.now.plus(30_000)));
    bench.now = bench.now.plus(30_000);
    let due = plan(&bench, &wide());
    assert_eq!((claimed(&due).as_slice(), due.wake_at), (&[task][..], None));
}

#[test]
fn an_open_run_is_attended_stopped_or_left_to_its_question() {
    let mut bench = Bench::new();
    let task = bench.ready("one");
    let run = bench.start(task);
    assert_eq!(plan(&bench, &wide()).actions, [Action::Attend(run)]);

    bench.report(task, run);
    assert_eq!(plan(&bench, &wide()).actions, [Action::Attend(run)], "a report does not end the turn");
    for to in [Status::Backlog, Status::Ready, Status::Blocked] {
        bench.person(&relocate(task, to)).unwrap();
        assert_eq!(plan(&bench, &wide()).actions, [Action::Stop(run)], "{to:?}");
    }
    bench.person(&Command::DeleteTask(task)).unwrap();
    assert_eq!(plan(&bench, &wide()).actions, [Action::Stop(run)], "deleted");
}

/// As in review. Whose task somebody else finished is stopped.
#[test]
fn whoever_finished_a_task_by_its_report_says_its_last_words() {
    for reports in [true, false] {
        let mut bench = Bench::new();
        let task = bench.ready("one");
        let run = bench.start(task);
        if reports {
            bench.report_as(task, run, true);
        } else {
            bench.person(&relocate(task, Status::Done)).unwrap();
        }
        let status = |bench: &Bench| bench.all::<Task>().iter().map(|t| t.status).collect::<Vec<_>>();
        assert_eq!(status(&bench), [Status::Done]);
        let wanted = if reports { Action::Attend(run) } else { Action::Stop(run) };
        assert_eq!(plan(&bench, &wide()).actions, [wanted], "{reports}");
        bench.end(run, Ended::Finished, "Bye.").unwrap();
        assert_eq!(bench.the_run(run).outcome, Some(if reports { Outcome::Completed } else { Outcome::Silent }));
        assert_eq!(status(&bench), [Status::Done]);
    }
}

#[test]
fn answers_are_delivered_while_the_gateway_answers_and_what_cannot_be_delivered_strands() {
    let mut bench = Bench::new();
    let task = bench.ready("one");
    let run = bench.start(task);
    let question = bench.question(task, run);
    bench.end(run, Ended::Finished, "").unwrap();
    assert_eq!(plan(&bench, &wide()).actions, []);
    bench.person(&Command::AnswerSignal(question, words("Green."))).unwrap();
    let mut seen = world(&bench);
    assert_eq!(decide(&seen, bench.now, &wide()).actions, [Action::Deliver(question)]);
    away(&mut seen, USUAL, "Nobody listens.");
    assert_eq!(decide(&seen, bench.now, &wide()).actions, []);

    bench.run(&Command::SettleAnswer(question, Err("no such session".into()))).unwrap();
    let why = "The answer could not be delivered to the agent: no such session";
    assert_eq!(plan(&bench, &wide()).actions, [Action::Strand(run, why.into())]);
}

#[test]
fn projects_share_fairly() {
    let mut bench = Bench::new();
    for title in ["one", "two", "three"] {
        bench.ready(title);
    }
    let mut world = world(&bench);
    let mut other = world.projects[0].clone();
    other.project.id = clutch_domain::id::ProjectId(uuid::Uuid::from_u128(u128::MAX));
    other.ready.truncate(1);
    other.ready[0].id = TaskId(uuid::Uuid::from_u128(u128::MAX));
    let theirs = other.ready[0].id;
    world.projects.push(other);
    let starts = claimed(&decide(&world, bench.now, &Policy { max_agents: 2, ..wide() }));
    assert_eq!(starts.len(), 2);
    assert!(starts.contains(&theirs), "one long column does not keep the others waiting");
}

#[test]
fn the_projects_model_for_the_role_is_asked_for() {
    let mut bench = Bench::new();
    bench.ready("one");
    let mut world = world(&bench);
    world.projects[0].project.role_model_overrides.insert("dev".into(), "big".into());
    let plan = decide(&world, bench.now, &wide());
    let Action::Claim(start) = &plan.actions[0] else { panic!("{plan:?}") };
    assert_eq!((start.model.as_deref(), start.attempt), (Some("big"), 1));
}

/// What waits for a runtime that is away, or that this server has not, waits alone and says why.
#[test]
fn a_runtime_that_is_away_stops_nobody_else() {
    let mut bench = Bench::new();
    let here = bench.ready("Paint");
    let there = bench.ready("Plan");
    let mut world = with(&bench, |task| {
        if task.id == there {
            task.role = Some(Role::Pm);
        }
    });
    world.projects[0].project.runtimes = [("pm".to_owned(), "other".to_owned())].into();
    for (sentence, gone) in [("The other does not answer: it sleeps.", true), ("This server has no runtime", false)] {
        if gone {
            away(&mut world, "other", sentence);
        } else {
            world.runtimes.remove("other");
        }
        let plan = decide(&world, bench.now, &Policy::default());
        assert_eq!(claimed(&plan), [here]);
        assert!(note(&plan, &bench, there).starts_with(sentence), "{:?}", plan.notes);
        let notes = &plan.notes[&bench.project];
        assert_eq!((notes.notice.as_ref(), notes.tasks.len()), (None, 1), "the project itself is well");
    }
    world.runtimes.insert("other".into(), None);
    away(&mut world, USUAL, "Nobody listens.");
    let plan = decide(&world, bench.now, &Policy::default());
    assert_eq!(claimed(&plan), [there]);
    let Some(Action::Claim(start)) = plan.actions.last() else { panic!("{plan:?}") };
    assert_eq!(start.runtime, "other");
    // Where every role waits for one reason, the whole project does.
    world.projects[0].project.runtimes = [(ALL.to_owned(), "nowhere".to_owned())].into();
    let plan = decide(&world, bench.now, &Policy::default());
    assert_eq!(claimed(&plan), []);
    assert!(plan.notes[&bench.project].notice.as_ref().unwrap().as_str().contains("\u{201c}nowhere\u{201d}"));
}

#[test]
fn agents_of_a_runtime_that_is_away_take_none_of_anothers_places() {
    let mut bench = Bench::new();
    let policy = Policy { max_agents: 1, max_agents_per_project: 1, max_dev_agents: 1, ..Policy::default() };
    let old = bench.ready("Paint");
    bench.start(old);
    let new = bench.ready("Plan");
    assert_eq!(claimed(&plan(&bench, &policy)), []);
    let mut world = world(&bench);
    world.projects[0].project.runtimes = [(ALL.to_owned(), "other".to_owned())].into();
    world.runtimes.insert("other".into(), None);
    away(&mut world, USUAL, "Nobody listens.");
    assert_eq!(claimed(&decide(&world, bench.now, &policy)), [new]);
}

/// A run keeps its runtime for life, and whoever has not that leaves the run alone.
#[test]
fn a_run_whose_runtime_this_server_has_not_is_left_alone_and_says_so() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let run = bench.start(task);
    let mut world = world(&bench);
    world.runs[0].run.runtime = "other".into();
    let left = Action::Leave(run, unknown("other"));
    assert_eq!(decide(&world, bench.now, &Policy::default()).actions, std::slice::from_ref(&left));
    // Also one that should be stopped: nothing here can stop it.
    world.runs[0].task = None;
    assert_eq!(decide(&world, bench.now, &Policy::default()).actions, [left]);
    world.runs[0].run.trouble = Some(unknown("other"));
    assert_eq!(decide(&world, bench.now, &Policy::default()).actions, [], "it is said once");
    world.runtimes.insert("other".into(), None);
    assert_eq!(decide(&world, bench.now, &Policy::default()).actions, [Action::Stop(run)]);
}

/// The version for the model goes before the one for any, and where it cannot be used that one is not told instead.
#[test]
fn a_task_starts_with_the_prompt_of_its_role_and_model_and_not_with_a_broken_one() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let mut world = world(&bench);
    let told = |world: &World| {
        let plan = decide(world, bench.now, &Policy::default());
        let start =
            plan.actions.iter().find_map(|a| if let Action::Claim(start) = a { Some(start.prompt) } else { None });
        (start, note(&plan, &bench, task))
    };
    let id = |n: u128| PromptId(uuid::Uuid::from_u128(n));
    let line = |role, model: Option<&str>| Line { role, model: model.map(str::to_owned) };
    assert_eq!(told(&world), (Some(None), String::new()), "what comes with the program");
    world.prompts.insert(line(Role::Pm, None), Ok(id(1)));
    world.prompts.insert(line(Role::Dev, Some("gpt")), Err("It is broken.".into()));
    assert_eq!(told(&world).0, Some(None), "neither is its own");
    world.prompts.insert(line(Role::Dev, None), Ok(id(2)));
    assert_eq!(told(&world).0, Some(Some(id(2))));
    world.projects[0].project.role_model_overrides = [("dev".to_owned(), "gpt".to_owned())].into();
    assert_eq!(told(&world), (None, "It is broken.".to_owned()));
    world.prompts.insert(line(Role::Dev, Some("gpt")), Ok(id(3)));
    assert_eq!(told(&world), (Some(Some(id(3))), String::new()));
}
