//! The lease, notes and pauses.

use std::collections::BTreeMap;

use clutch_domain::{
    actor::Actor,
    command::{Command, ContinueRun, EndRun, Ended},
    doc::{Counter, Scope},
    refusal::Refusal,
    run::{BEAT, Lease, LoopState, Run, Stopping},
};

use crate::bench::{Bench, HOLDER, hold};

fn holder(bench: &Bench) -> String {
    bench.all::<Lease>()[0].holder.clone()
}

fn beat(bench: &Bench) -> u64 {
    bench.all::<Counter>().iter().find(|c| c.name == BEAT).map_or(0, |c| c.last)
}

#[test]
fn a_sole_writer_takes_the_lease_at_once_and_never_beats() {
    let mut bench = Bench::new();
    bench.run(&hold("server-2", None, true)).unwrap();
    assert_eq!((holder(&bench), beat(&bench)), ("server-2".into(), 0));
    bench.run(&hold("server-2", None, true)).unwrap();
    assert!(bench.last.is_empty(), "nothing to write while it holds");
}

#[test]
fn others_take_over_only_from_a_beat_that_stood_still() {
    let mut bench = Bench::new();
    bench.run(&hold(HOLDER, None, false)).unwrap();
    assert_eq!(beat(&bench), 1);
    assert!(bench.last.touches.is_empty(), "a beat wakes nobody");
    assert_eq!(bench.run(&hold("server-2", None, false)), Err(Refusal::LeaseLost));
    assert_eq!(bench.run(&hold("server-2", Some(0), false)), Err(Refusal::LeaseLost));
    bench.run(&hold("server-2", Some(1), false)).unwrap();
    assert_eq!((holder(&bench), beat(&bench)), ("server-2".into(), 2));
    assert_eq!(bench.last.touches, [Scope::Loop]);
    assert_eq!(bench.run(&hold(HOLDER, None, false)), Err(Refusal::LeaseLost));
}

#[test]
fn a_beat_and_a_takeover_from_one_look_exclude_each_other() {
    let mut bench = Bench::new();
    let take_over = bench.decide(Actor::work_loop(), &hold("server-2", Some(0), false)).unwrap();
    bench.run(&hold(HOLDER, None, false)).unwrap();
    assert!(bench.apply(&take_over).is_err());
}

/// What each command of the loop writes is refused, or meets a conflict, once another server leads.
#[test]
fn everything_that_the_loop_writes_expects_its_lease() {
    let retry = crate::bench::RETRY;
    let commands = |bench: &Bench, task, run| {
        let end = EndRun { run, as_id: None, how: Ended::Failed, last_words: "no".into(), used: None, retry };
        let stopping = Stopping { how: Ended::Failed, why: "silent".into(), forget: false, used: None, by: None };
        vec![
            Command::RunStarted(run.into()),
            Command::RunContinued(ContinueRun { run, from: Run::key_of(run), as_id: "again".into() }),
            Command::StopRun(run, stopping),
            Command::TellTrouble(run, Some("it refuses".into())),
            Command::RunEnded(end),
            Command::NoteProject(bench.project, BTreeMap::from([(task, "Waits".to_owned())]), None),
        ]
    };
    for n in 0..6 {
        let mut bench = Bench::new();
        let task = bench.ready("Paint");
        bench.run(&crate::bench::claim(task, 1)).unwrap();
        let run = bench.task(task).open_run.unwrap();
        let command = commands(&bench, task, run).remove(n);
        let ours = Actor::work_loop().under(HOLDER);
        let change = bench.decide(ours.clone(), &command).unwrap();
        assert!(!change.is_empty(), "{command:?}");
        bench.run(&hold("server-2", None, true)).unwrap();
        assert!(bench.apply(&change).is_err(), "decided before, applied after: {command:?}");
        assert_eq!(bench.ask(ours, &command), Err(Refusal::LeaseLost), "{command:?}");
        bench.ask(Actor::work_loop().under("server-2"), &command).unwrap();
    }
}

#[test]
fn notes_are_written_when_they_change() {
    let mut bench = Bench::new();
    let task = bench.ready("Paint");
    let notes = BTreeMap::from([(task, "Waits for 1 task".to_owned())]);
    let say = |notes: &BTreeMap<_, _>, notice: Option<&str>| {
        Command::NoteProject(clutch_domain::id::ProjectId(uuid::Uuid::nil()), notes.clone(), notice.map(Into::into))
    };
    assert_eq!(bench.run(&say(&notes, None)), Err(Refusal::ProjectNotFound));
    let say = Command::NoteProject(bench.project, notes.clone(), Some("Paused.".into()));
    bench.run(&say).unwrap();
    let state = bench.all::<LoopState>()[0].clone();
    assert_eq!((state.notes, state.notice.as_deref()), (notes, Some("Paused.")));
    bench.run(&say).unwrap();
    assert!(bench.last.is_empty());
    bench.run(&Command::NoteProject(bench.project, BTreeMap::new(), None)).unwrap();
    assert!(bench.all::<LoopState>()[0].notes.is_empty());
}

#[test]
fn a_pause_keeps_notes_and_is_logged() {
    let mut bench = Bench::new();
    bench.run(&Command::NoteProject(bench.project, BTreeMap::new(), Some("x".into()))).unwrap();
    bench.person(&Command::PauseLoop(bench.project, true)).unwrap();
    let state = bench.all::<LoopState>()[0].clone();
    assert!(state.paused && state.notice.is_some());
    assert_eq!(bench.last.activity[0].what, "loop_paused");
    bench.person(&Command::PauseLoop(bench.project, true)).unwrap();
    assert!(bench.last.is_empty());
    bench.person(&Command::PauseLoop(bench.project, false)).unwrap();
    assert_eq!(bench.last.activity[0].what, "loop_resumed");
}
