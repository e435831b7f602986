//! The five rules as a table.

use clutch_domain::{
    id::{ProjectId, RunId, TaskId},
    task::Role,
    time::Millis,
};
use uuid::Uuid;

use super::*;
use crate::runtime::Begun;

const SOON: i64 = 1_000;
const LATE: i64 = LOST_AFTER_MS;

fn run(state: RunState, successors: &[&str]) -> Run {
    Run {
        id: RunId(Uuid::from_u128(5)),
        task: TaskId(Uuid::from_u128(1)),
        project: ProjectId(Uuid::from_u128(1)),
        role: Role::Dev,
        attempt: 1,
        phase: clutch_domain::phase::Phase::Work,
        action_id: "a".into(),
        key: "key".into(),
        runtime: clutch_domain::runtime::usual(),
        session_key: "s".into(),
        model: None,
        prompt_version: "p".into(),
        state,
        successors: successors.iter().map(ToString::to_string).collect(),
        waits_for: None,
        reported: false,
        opened_pr: Some(false),
        hold: None,
        hears: None,
        boot: None,
        stopping: None,
        trouble: None,
        claimed_at: Millis(0),
        started_at: None,
        used: None,
        worked_ms: 0,
        turn_at: None,
        ended_at: None,
        outcome: None,
        last_words: None,
    }
}

fn end(how: RunEndKind, words: &str) -> RunEnd {
    RunEnd { how, last_words: words.into(), reason: None }
}

fn seen(id: &str, end: Option<RunEnd>) -> SeenRun {
    SeenRun { run_id: id.into(), end, said_at: None, resumed: false }
}

fn sighting(begun: Begun, active: Option<bool>, runs: Vec<SeenRun>) -> Sighting {
    Sighting { begun, active, runs, last_words: Some("said last".into()) }
}

fn verdict(run: &Run, sighting: &Sighting, heard: &[(&str, RunEnd)], unbroken: bool, quiet_ms: i64) -> Verdict {
    let heard = heard.iter().map(|(id, end)| ((*id).to_owned(), end.clone())).collect();
    judge(&Clues { run, sighting, heard: &heard, unbroken, quiet_ms })
}

#[test]
fn a_claim_is_sent_only_when_nothing_of_it_is_there() {
    let claimed = run(RunState::Claimed, &[]);
    let table = [
        (Sighting::default(), Verdict::Send),
        (Sighting { active: Some(false), ..Sighting::default() }, Verdict::Send),
        (sighting(Begun::Yes, None, vec![]), Verdict::Taken),
        (sighting(Begun::CannotTell, None, vec![]), Verdict::Taken),
        (sighting(Begun::Yes, Some(false), vec![]), Verdict::Taken),
        (sighting(Begun::No, Some(true), vec![]), Verdict::Taken),
        (sighting(Begun::No, Some(false), vec![seen("other", None)]), Verdict::Taken),
        (sighting(Begun::Yes, Some(false), vec![seen("key", Some(end(RunEndKind::Finished, "x")))]), Verdict::Taken),
    ];
    for (sighting, expected) in table {
        assert_eq!(verdict(&claimed, &sighting, &[], false, LATE), expected, "{sighting:?}");
    }
}

#[test]
fn another_id_in_the_session_is_the_attempt_continued() {
    let started = run(RunState::Started, &[]);
    let cut = seen("key", Some(end(RunEndKind::Failed, "")));
    let look = sighting(
        Begun::Yes,
        Some(true),
        vec![cut, SeenRun { run_id: "new".into(), end: None, said_at: None, resumed: true }],
    );
    assert_eq!(verdict(&started, &look, &[], false, SOON), Verdict::Continued("new".into()));
    let known = run(RunState::Started, &["new"]);
    assert_eq!(verdict(&known, &look, &[], false, SOON), Verdict::Working);
}

#[test]
fn what_was_said_in_the_session_before_is_no_continuation() {
    let done = Some(end(RunEndKind::Finished, "typed"));
    let answered = run(RunState::Started, &["signal-1"]);
    let first = seen("key", Some(end(RunEndKind::Finished, "I asked.")));
    // A person typed there while the run waited; then the answer came, and its turn is at work, or not yet to be seen.
    let runs = vec![first.clone(), seen("typed", done.clone()), seen("signal-1", None)];
    assert_eq!(verdict(&answered, &sighting(Begun::Yes, Some(true), runs), &[], true, SOON), Verdict::Working);
    let runs = vec![first.clone(), seen("typed", done.clone())];
    assert_eq!(verdict(&answered, &sighting(Begun::Yes, Some(false), runs), &[], true, SOON), Verdict::Unsure);
    // What comes after the one that is followed answers it; what is at work is followed, whoever began it.
    let runs = vec![first.clone(), seen("signal-1", None), seen("later", done)];
    let later = Verdict::Continued("later".into());
    assert_eq!(verdict(&answered, &sighting(Begun::Yes, Some(false), runs), &[], true, SOON), later);
    let runs = vec![first, seen("at-work", None), seen("signal-1", None)];
    let busy = Verdict::Continued("at-work".into());
    assert_eq!(verdict(&answered, &sighting(Begun::Yes, Some(true), runs), &[], true, SOON), busy);
}

/// The runtime ended in the middle of what somebody typed, and keeps it as if it went on for ever.
#[test]
fn what_stands_before_a_turn_that_ended_is_over() {
    let answered = run(RunState::Started, &["signal-1"]);
    let (done, cut) = (Some(end(RunEndKind::Finished, "typed")), Some(end(RunEndKind::Failed, "")));
    let before = [seen("key", Some(end(RunEndKind::Finished, "I asked."))), seen("typed-1", None)];
    let look = |active: bool, then: &[SeenRun]| {
        sighting(Begun::Yes, Some(active), before.iter().chain(then).cloned().collect())
    };
    let at_work = look(true, &[seen("typed-2", done.clone()), seen("signal-1", None)]);
    assert_eq!(verdict(&answered, &at_work, &[], true, SOON), Verdict::Working);
    let cut_off = look(false, &[seen("typed-2", done.clone()), seen("signal-1", cut)]);
    assert_eq!(verdict(&answered, &cut_off, &[], false, SOON), Verdict::Unsure, "it may go on");
    // Words that joined it say nothing of the turn.
    let joined = look(true, &[seen("typed-2", Some(end(RunEndKind::Finished, ""))), seen("signal-1", None)]);
    assert_eq!(verdict(&answered, &joined, &[], true, SOON), Verdict::Continued("typed-1".into()));
}

/// The gateway was restarted, went on, and came to an end, all unseen; the turn of the answer was cut off after that.
#[test]
fn what_the_runtime_went_on_with_before_the_answer_is_no_continuation_of_it() {
    let answered = run(RunState::Started, &["signal-1"]);
    let cut = Some(end(RunEndKind::Failed, ""));
    let before = SeenRun { resumed: true, ..seen("resumed", Some(end(RunEndKind::Finished, "I asked."))) };
    let runs = vec![seen("key", cut.clone()), before.clone(), seen("signal-1", cut.clone())];
    assert_eq!(verdict(&answered, &sighting(Begun::Yes, Some(false), runs), &[], false, SOON), Verdict::Unsure);
    let runs = vec![seen("key", cut.clone()), before.clone(), seen("signal-1", None)];
    assert_eq!(verdict(&answered, &sighting(Begun::Yes, Some(true), runs.clone()), &[], true, SOON), Verdict::Working);
    // Words that joined it have no turn of their own: there it is what counts.
    let joined = ("signal-1", end(RunEndKind::Finished, ""));
    let goes_on = Verdict::Continued("resumed".into());
    assert_eq!(verdict(&answered, &sighting(Begun::Yes, Some(false), runs), &[joined], true, SOON), goes_on);
}

#[test]
fn a_finish_is_believed_at_once_unless_something_still_runs() {
    let started = run(RunState::Started, &[]);
    let finish = end(RunEndKind::Finished, "done");
    let over = Verdict::Over(finish.clone());
    let by_look = vec![seen("key", Some(finish.clone()))];
    assert_eq!(verdict(&started, &sighting(Begun::Yes, Some(false), by_look.clone()), &[], false, SOON), over);
    assert_eq!(verdict(&started, &sighting(Begun::Yes, None, vec![]), &[("key", finish.clone())], true, SOON), over);
    assert_eq!(verdict(&started, &sighting(Begun::Yes, Some(true), by_look), &[], true, LATE), Verdict::Unsure);
}

#[test]
fn words_in_the_middle_of_a_turn_end_at_once_and_the_turn_goes_on() {
    let steered = run(RunState::Started, &["signal-1"]);
    let empty = ("signal-1", end(RunEndKind::Finished, ""));
    let busy = sighting(Begun::Yes, Some(true), vec![seen("key", None)]);
    assert_eq!(verdict(&steered, &busy, std::slice::from_ref(&empty), true, SOON), Verdict::Unsure);
    // The runtime was restarted in the middle of that turn and will go on with it.
    let cut = sighting(Begun::Yes, Some(false), vec![seen("key", Some(end(RunEndKind::Failed, "")))]);
    assert_eq!(verdict(&steered, &cut, std::slice::from_ref(&empty), false, SOON), Verdict::Unsure);
    let rest = sighting(Begun::Yes, Some(false), vec![seen("key", Some(end(RunEndKind::Finished, "said last")))]);
    let over = Verdict::Over(end(RunEndKind::Finished, "said last"));
    assert_eq!(verdict(&steered, &rest, std::slice::from_ref(&empty), true, SOON), over);
    // After a restart of ours nothing was heard: the finish of the turn stands for it, but not at once.
    assert_eq!(verdict(&steered, &rest, &[], true, SOON), Verdict::Unsure);
    assert_eq!(verdict(&steered, &rest, &[], true, LATE), over);
    // Words after those joined the same turn: however many did, the end of one of them is never the turn's.
    let twice = run(RunState::Started, &["signal-1", "signal-2"]);
    let both = [empty.clone(), ("signal-2", end(RunEndKind::Finished, ""))];
    let going_on = sighting(Begun::Yes, Some(false), vec![seen("key", None)]);
    assert_eq!(verdict(&twice, &going_on, &both, true, SOON), Verdict::Unsure);
    assert_eq!(verdict(&twice, &cut, &both, false, SOON), Verdict::Unsure);
    assert_eq!(verdict(&twice, &rest, &both, true, SOON), over);
    // Only where nothing else is known of the attempt is an empty finish the end of it.
    let nothing = sighting(Begun::Yes, Some(false), vec![]);
    assert_eq!(verdict(&twice, &nothing, &both, true, SOON), over, "with the words that the session shows");
    // Where the runtime cannot tell, an empty finish waits.
    let blind = sighting(Begun::Yes, None, vec![]);
    assert_eq!(verdict(&steered, &blind, std::slice::from_ref(&empty), true, SOON), Verdict::Unsure);
    // So does the end of a turn after which two answers came: the first began one, and the second joined that.
    let asked = [("key", end(RunEndKind::Finished, "I asked.")), ("signal-2", end(RunEndKind::Finished, ""))];
    assert_eq!(verdict(&twice, &blind, &asked, false, SOON), Verdict::Unsure);
    let over_at_last = Verdict::Over(end(RunEndKind::Finished, "I asked."));
    assert_eq!(verdict(&twice, &blind, &asked, false, LATE), over_at_last);
    let all = [asked.as_slice(), &[("signal-1", end(RunEndKind::Finished, "Done."))]].concat();
    assert_eq!(verdict(&twice, &blind, &all, false, SOON), Verdict::Over(end(RunEndKind::Finished, "Done.")));
}

#[test]
fn a_failure_is_believed_once_a_resumption_is_out_of_the_question() {
    let started = run(RunState::Started, &[]);
    for how in [RunEndKind::Failed, RunEndKind::Aborted] {
        let look = sighting(Begun::Yes, Some(false), vec![seen("key", Some(end(how, "x")))]);
        assert_eq!(verdict(&started, &look, &[], true, SOON), Verdict::Over(end(how, "x")));
        assert_eq!(verdict(&started, &look, &[], false, SOON), Verdict::Unsure);
        assert_eq!(verdict(&started, &look, &[], false, LATE), Verdict::Over(end(how, "x")));
    }
}

#[test]
fn silence_is_patience_first_and_loss_at_last() {
    let started = run(RunState::Started, &[]);
    let at_rest = sighting(Begun::Yes, Some(false), vec![seen("key", None)]);
    assert_eq!(verdict(&started, &at_rest, &[], true, SOON), Verdict::Unsure);
    assert!(matches!(verdict(&started, &at_rest, &[], true, LATE), Verdict::Lost(_)));
    // A runtime that cannot tell is trusted to speak over the connection on which it took the run.
    let blind = sighting(Begun::Yes, None, vec![]);
    assert_eq!(verdict(&started, &blind, &[], true, LATE), Verdict::Working);
    assert_eq!(verdict(&started, &blind, &[], false, SOON), Verdict::Unsure);
    assert!(matches!(verdict(&started, &blind, &[], false, LATE), Verdict::Lost(_)));
    let nothing = Sighting::default();
    assert!(matches!(verdict(&started, &nothing, &[], false, LATE), Verdict::Lost(_)));
}

#[test]
fn what_was_heard_is_better_than_what_is_seen() {
    let started = run(RunState::Started, &[]);
    let look = sighting(Begun::Yes, Some(false), vec![seen("key", Some(end(RunEndKind::Finished, "")))]);
    let heard = ("key", end(RunEndKind::Finished, "heard"));
    assert_eq!(verdict(&started, &look, &[heard], true, SOON), Verdict::Over(end(RunEndKind::Finished, "heard")));
}
