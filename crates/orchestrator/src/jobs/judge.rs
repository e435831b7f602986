//! What a look into a session means for a run: the five rules, as a pure function.
//!
//! 1. Same connection, lately: the same key may be sent again. (The loop looks even then;
//!    a look is cheaper than a wrong guess.)
//! 2. Otherwise look first.
//! 3. A runtime that was restarted goes on by itself under a new run id: the run continued.
//! 4. A runtime that shows nothing of this: what began and gives no sign is given up.
//! 5. Nothing found: send, with the same key.
//!
//! A time-out is never an answer.

pub mod words;

use std::collections::BTreeMap;

use clutch_domain::{
    run::{Run, RunState},
    sabotage::{Switch, reach, removed},
};

use crate::runtime::{RunEnd, RunEndKind, SeenRun, Sighting};

/// After so long without any sign an end that is not known for certain is believed, in
/// milliseconds. A runtime that was restarted needs some of it to go on with its sessions.
pub const LOST_AFTER_MS: i64 = 60_000;

/// What is known about a run.
#[derive(Clone, Debug)]
pub struct Clues<'a> {
    /// The run as stored.
    pub run: &'a Run,
    /// What its session shows.
    pub sighting: &'a Sighting,
    /// Ends that were heard, by the runtime's run id.
    pub heard: &'a BTreeMap<String, RunEnd>,
    /// The runtime's process is the one that took the run: it was not restarted in between.
    pub unbroken: bool,
    /// Milliseconds since the last sign of the run, or since we began to listen.
    pub quiet_ms: i64,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing of it is there: send the prompt, with the same key.
    Send,
    /// The runtime has it: write that down.
    Taken,
    /// It goes on under this id: write that down.
    Continued(String),
    /// It is at work: wait for news.
    Working,
    /// It cannot be told yet: look again soon.
    Unsure,
    /// It is over.
    Over(RunEnd),
    /// It is over, and nobody knows how: stop what may be left, and count a failure.
    Lost(String),
}

/// Judges.
#[must_use]
pub fn judge(clues: &Clues<'_>) -> Verdict {
    let Clues { run, sighting, .. } = clues;
    if run.state == RunState::Claimed {
        return if sighting.shows_something() {
            by("judge: a claim, and something is there", Verdict::Taken)
        } else {
            by("judge: a claim, and nothing is there", Verdict::Send)
        };
    }
    if let Some(new) = continuation(clues) {
        return by("judge: another id", Verdict::Continued(new.to_owned()));
    }
    if sighting.active == Some(true) {
        // A session may be shown as active for a moment after its run has ended; it may
        // also be at work on what was said to it in the middle of a turn.
        let ended = end_of_id(clues, run.current_id()).is_some();
        return if ended {
            by("judge: active, and its end is known", Verdict::Unsure)
        } else {
            by("judge: active", Verdict::Working)
        };
    }
    let late = clues.quiet_ms >= LOST_AFTER_MS;
    match end_of(clues) {
        Some(end) if end.how == RunEndKind::Finished => {
            // A runtime that cannot tell whether something runs: words said in the middle of a
            // turn end at once and without words, while the turn itself goes on; and words that were
            // said after the turn that ended may have begun one of their own.
            let doubtful = sighting.active.is_none()
                && !run.successors.is_empty()
                && (end.last_words.is_empty() || goes_on_unheard(clues));
            if doubtful && !late {
                by("judge: a finish that may be another's", Verdict::Unsure)
            } else {
                by("judge: finished", Verdict::Over(with_words(end, sighting)))
            }
        }
        // Cut off by the runtime's own restart looks like a failure until it goes on.
        Some(end) if clues.unbroken => by("judge: failed", Verdict::Over(with_words(end, sighting))),
        Some(end) if late => by("judge: failed, and nothing goes on", Verdict::Over(with_words(end, sighting))),
        Some(_) => by("judge: failed, and it may go on", Verdict::Unsure),
        None if sighting.active.is_none() && clues.unbroken => by("judge: trusted to speak", Verdict::Working),
        None if !late => by("judge: nothing known yet", Verdict::Unsure),
        None => match finished_before(sighting) {
            Some(end) => by("judge: finished under another id", Verdict::Over(with_words(end, sighting))),
            None => {
                let why = "This run was lost: nothing runs in its session, and no end is known.";
                by("judge: lost", Verdict::Lost(why.into()))
            }
        },
    }
}

/// Under which id that is not known the attempt goes on: one at work, one that came after the one that is
/// followed, or one that the runtime made for it, where the words that are followed joined that. What somebody else
/// said in the session before, or the runtime went on with before, is over and none of it: turns come one after
/// another, so what stands before one that has ended is over, whether its own row says so or not.
fn continuation<'a>(clues: &Clues<'a>) -> Option<&'a str> {
    let Clues { run, sighting, .. } = *clues;
    let followed = run.current_id();
    let current = sighting.runs.iter().position(|r| r.run_id == followed);
    let joins = current.is_none() || end_of_id(clues, followed).is_some_and(|end| is_empty_finish(&end));
    let ended = |r: &SeenRun| r.end.as_ref().is_some_and(|end| !is_empty_finish(end));
    let over = sighting.runs.iter().rposition(ended);
    let at_work = |at: usize, r: &SeenRun| r.end.is_none() && over.is_none_or(|over| at > over);
    let mut runs = sighting.runs.iter().enumerate().filter(|(_, r)| !run.is_known_as(&r.run_id));
    let goes_on =
        runs.find(|(at, r)| at_work(*at, r) || current.is_some_and(|current| *at > current) || r.resumed && joins);
    goes_on.map(|(_, r)| r.run_id.as_str())
}

/// The verdict, and for whoever counts branches the one that led to it.
fn by<V>(branch: &'static str, verdict: V) -> V {
    reach(branch);
    verdict
}

/// The end of what is followed now.
fn end_of(clues: &Clues<'_>) -> Option<RunEnd> {
    end_of_id(clues, joined(clues))
}

/// The run whose end counts. Words that were said in the middle of a turn end at once and without words of the
/// agent: then the end of the turn that they joined counts, and that turn may itself have been begun with words
/// said before them that had joined one.
fn joined<'a>(clues: &Clues<'a>) -> &'a str {
    let run = clues.run;
    let followed = run.current_id();
    if removed(Switch::JoinedTurn) {
        return followed;
    }
    let known = std::iter::once(&run.key).chain(&run.successors).map(String::as_str);
    let seen = known.rev().filter(|id| *id == followed || is_seen(clues, id));
    let mut turns = seen.filter(|id| !end_of_id(clues, id).is_some_and(|end| is_empty_finish(&end)));
    turns.next().unwrap_or(followed)
}

/// Whether something that came after the turn whose end counts has not ended, as far as is known.
fn goes_on_unheard(clues: &Clues<'_>) -> bool {
    let counts = joined(clues);
    let mut after = clues.run.successors.iter().rev().take_while(|id| *id != counts);
    after.any(|id| end_of_id(clues, id).is_none())
}

fn is_empty_finish(end: &RunEnd) -> bool {
    end.how == RunEndKind::Finished && end.last_words.is_empty()
}

fn is_seen(clues: &Clues<'_>, id: &str) -> bool {
    clues.heard.contains_key(id) || clues.sighting.runs.iter().any(|r| r.run_id == id)
}

fn end_of_id(clues: &Clues<'_>, id: &str) -> Option<RunEnd> {
    let seen = clues.sighting.runs.iter().find(|r| r.run_id == id).and_then(|r| r.end.as_ref());
    // What was heard is the better witness: it has the words and the reason.
    clues.heard.get(id).or(seen).cloned()
}

/// A finish of any run of a session that is at rest, when the id that was followed left no trace:
/// words said in the middle of a turn are answered under that turn's id.
fn finished_before(sighting: &Sighting) -> Option<RunEnd> {
    sighting.last_words.as_ref()?;
    sighting.runs.iter().rev().filter_map(|r| r.end.as_ref()).find(|e| e.how == RunEndKind::Finished).cloned()
}

fn with_words(mut end: RunEnd, sighting: &Sighting) -> RunEnd {
    if end.last_words.is_empty()
        && let Some(words) = &sighting.last_words
    {
        end.last_words.clone_from(words);
    }
    end
}

#[cfg(test)]
mod tests;
