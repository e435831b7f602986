//! What a look into a chat's session means for one message, as a pure function. The session is the
//! chat's, not the message's: words in it that bear no mark say nothing of this one.

use super::{LOST_AFTER_MS, by};
use crate::runtime::{Begun, RunEnd, RunEndKind, Sighting};

/// Looks in a row that find nothing at work before a run counts as over.
pub const LOOKS_IN_VAIN: u32 = 3;

/// What is known about a message.
#[derive(Clone, Copy, Debug)]
pub struct Clues<'a> {
    /// The run that took it, or would: the attempt's key.
    pub run: &'a str,
    /// It is known that the runtime took it.
    pub taken: bool,
    /// What the session shows.
    pub sighting: &'a Sighting,
    /// The run's end, if it was heard, or told by the runtime when it was asked.
    pub heard: Option<&'a RunEnd>,
    /// Any sign of the run was heard.
    pub sign: bool,
    /// The runtime is the very process that took it, and what it said since was heard.
    pub unbroken: bool,
    /// Rule 1: sent again under the same key it would arrive once.
    pub repeatable: bool,
    /// Milliseconds since the last sign of it, or since we began to listen.
    pub quiet_ms: i64,
    /// Looks before this one, in a row, that found it and nothing at work.
    pub in_vain: u32,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing of it is there, or it surely arrives only once: send it, with the same key.
    Send,
    /// The runtime has it: write that down.
    Taken,
    /// It goes on under this run: write that down.
    GoesOn(String),
    /// It is with the agent: wait for news.
    Working,
    /// Nothing is at work, and no end is known: look again soon.
    InVain,
    /// It is shown as failed, and may yet be gone on with: look again soon.
    Unsure,
    /// Its run is over.
    Over(RunEnd),
    /// It was taken, and the session shows nothing of it and nothing at work.
    Vanished,
    /// It began; nothing is at work, and no end is known.
    NoAnswer,
    /// The runtime does not tell whether it has it.
    CannotTell,
}

/// Judges.
#[must_use]
pub fn judge(clues: &Clues<'_>) -> Verdict {
    let Clues { run, sighting, .. } = *clues;
    let at = sighting.runs.iter().position(|r| r.run_id == run);
    if !clues.taken {
        let there = at.is_some() || clues.heard.is_some() || clues.sign;
        return match sighting.begun {
            _ if there => by("words: a sending, and a sign of it", Verdict::Taken),
            Begun::Yes => by("words: a sending, and it is there", Verdict::Taken),
            Begun::No => by("words: a sending, and nothing is there", Verdict::Send),
            Begun::CannotTell if clues.repeatable => by("words: a sending under a key that is known", Verdict::Send),
            Begun::CannotTell => by("words: a sending, and nothing is told", Verdict::CannotTell),
        };
    }
    if let Some(end) = clues.heard {
        return by("words: its end was heard", Verdict::Over(end.clone()));
    }
    if let Some(at) = at {
        if let Some(next) = sighting.runs.iter().skip(at + 1).rfind(|r| r.resumed) {
            return by("words: another id", Verdict::GoesOn(next.run_id.clone()));
        }
        if let Some(end) = sighting.runs.get(at).and_then(|r| r.end.as_ref()) {
            // What a restart cut off is shown as failed until the runtime goes on with it under a new id.
            return if end.how != RunEndKind::Failed {
                by("words: its end is shown", Verdict::Over(end.clone()))
            } else if clues.unbroken {
                by("words: failed", Verdict::Over(end.clone()))
            } else if clues.quiet_ms >= LOST_AFTER_MS {
                by("words: failed, and nothing goes on", Verdict::Over(end.clone()))
            } else {
                by("words: failed, and it may go on", Verdict::Unsure)
            };
        }
    }
    match (sighting.active, sighting.begun) {
        (Some(true), _) => by("words: active", Verdict::Working),
        (Some(false), _) if clues.in_vain + 1 < LOOKS_IN_VAIN => by("words: nothing at work yet", Verdict::InVain),
        (Some(false), Begun::No) if at.is_none() && !clues.sign => by("words: gone", Verdict::Vanished),
        (Some(false), _) => match answered_by_another(sighting, at) {
            Some(end) => by("words: another run answered it", Verdict::Over(end)),
            None => by("words: no answer", Verdict::NoAnswer),
        },
        (None, _) if clues.unbroken => by("words: trusted to speak", Verdict::Working),
        (None, _) => by("words: nothing is told", Verdict::CannotTell),
    }
}

/// Words that reach an agent at work are answered under another run, which says what there is to say: the
/// end of their own is one without words.
fn answered_by_another(sighting: &Sighting, at: Option<usize>) -> Option<RunEnd> {
    let mut later = sighting.runs.iter().skip(at? + 1).filter_map(|run| run.end.as_ref());
    later.any(|end| end.how == RunEndKind::Finished).then(|| RunEnd {
        how: RunEndKind::Finished,
        last_words: String::new(),
        reason: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SeenRun;

    fn end() -> RunEnd {
        RunEnd { how: RunEndKind::Finished, last_words: "yes".into(), reason: None }
    }

    fn seen(id: &str, end: Option<RunEnd>, resumed: bool) -> SeenRun {
        SeenRun { run_id: id.into(), end, said_at: None, resumed }
    }

    fn look(begun: Begun, active: Option<bool>, runs: Vec<SeenRun>) -> Sighting {
        Sighting { begun, active, runs, last_words: Some("something older".into()) }
    }

    fn clues<'a>(taken: bool, sighting: &'a Sighting) -> Clues<'a> {
        Clues {
            run: "key",
            taken,
            sighting,
            heard: None,
            sign: false,
            unbroken: false,
            repeatable: false,
            quiet_ms: 0,
            in_vain: 0,
        }
    }

    #[test]
    fn an_unclear_sending_is_made_again_only_where_nothing_arrived() {
        let table = [
            (look(Begun::No, Some(false), vec![]), Verdict::Send),
            (look(Begun::No, None, vec![]), Verdict::Send),
            // Somebody else's run in the session is no witness.
            (look(Begun::No, Some(true), vec![seen("other", None, false)]), Verdict::Send),
            (look(Begun::Yes, Some(true), vec![]), Verdict::Taken),
            (look(Begun::Yes, Some(false), vec![seen("key", Some(end()), false)]), Verdict::Taken),
            (look(Begun::CannotTell, None, vec![]), Verdict::CannotTell),
        ];
        for (sighting, expected) in table {
            assert_eq!(judge(&clues(false, &sighting)), expected, "{sighting:?}");
        }
        let blind = look(Begun::CannotTell, None, vec![]);
        assert_eq!(judge(&Clues { repeatable: true, ..clues(false, &blind) }), Verdict::Send, "rule 1");
        assert_eq!(judge(&Clues { sign: true, ..clues(false, &blind) }), Verdict::Taken, "it was heard");
        let ended = end();
        assert_eq!(judge(&Clues { heard: Some(&ended), repeatable: true, ..clues(false, &blind) }), Verdict::Taken);
    }

    #[test]
    fn what_was_taken_is_never_sent() {
        for begun in [Begun::Yes, Begun::No, Begun::CannotTell] {
            for active in [Some(true), Some(false), None] {
                for runs in [vec![], vec![seen("key", None, false)], vec![seen("other", Some(end()), false)]] {
                    for in_vain in 0..5 {
                        for unbroken in [true, false] {
                            let sighting = look(begun, active, runs.clone());
                            let all = Clues { in_vain, unbroken, repeatable: true, ..clues(true, &sighting) };
                            assert_ne!(judge(&all), Verdict::Send, "{all:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_run_that_ends_or_goes_on_under_another_id_is_followed() {
        let over = look(Begun::Yes, Some(false), vec![seen("key", Some(end()), false)]);
        assert_eq!(judge(&clues(true, &over)), Verdict::Over(end()));
        let cut = look(Begun::Yes, Some(true), vec![seen("key", Some(end()), false), seen("new", None, true)]);
        assert_eq!(judge(&clues(true, &cut)), Verdict::GoesOn("new".into()));
        // A run that was resumed before these words were said is none of theirs.
        let before = look(Begun::Yes, Some(true), vec![seen("old", None, true), seen("key", None, false)]);
        assert_eq!(judge(&clues(true, &before)), Verdict::Working);
        let elsewhere = look(Begun::No, Some(true), vec![seen("old", None, true)]);
        assert_eq!(judge(&clues(true, &elsewhere)), Verdict::Working);
    }

    #[test]
    fn a_failure_is_believed_once_a_resumption_is_out_of_the_question() {
        let cut = RunEnd { how: RunEndKind::Failed, last_words: String::new(), reason: Some("cut off".into()) };
        let shown = look(Begun::Yes, Some(false), vec![seen("key", Some(cut.clone()), false)]);
        assert_eq!(judge(&clues(true, &shown)), Verdict::Unsure);
        assert_eq!(judge(&Clues { quiet_ms: LOST_AFTER_MS, ..clues(true, &shown) }), Verdict::Over(cut.clone()));
        assert_eq!(judge(&Clues { unbroken: true, ..clues(true, &shown) }), Verdict::Over(cut.clone()));
        assert_eq!(judge(&Clues { heard: Some(&cut), ..clues(true, &shown) }), Verdict::Over(cut.clone()));
    }

    #[test]
    fn nothing_at_work_is_believed_after_three_looks() {
        let begun = look(Begun::Yes, Some(false), vec![seen("key", None, false)]);
        let gone = look(Begun::No, Some(false), vec![]);
        for in_vain in 0..LOOKS_IN_VAIN - 1 {
            assert_eq!(judge(&Clues { in_vain, ..clues(true, &begun) }), Verdict::InVain);
            assert_eq!(judge(&Clues { in_vain, ..clues(true, &gone) }), Verdict::InVain);
        }
        let in_vain = LOOKS_IN_VAIN - 1;
        assert_eq!(judge(&Clues { in_vain, ..clues(true, &begun) }), Verdict::NoAnswer);
        assert_eq!(judge(&Clues { in_vain, ..clues(true, &gone) }), Verdict::Vanished);
        assert_eq!(judge(&Clues { in_vain, sign: true, ..clues(true, &gone) }), Verdict::NoAnswer, "it had begun");
        let runs =
            vec![seen("before", Some(end()), false), seen("key", None, false), seen("after", Some(end()), false)];
        let steered = look(Begun::Yes, Some(false), runs);
        let silent = RunEnd { last_words: String::new(), ..end() };
        assert_eq!(
            judge(&Clues { in_vain, ..clues(true, &steered) }),
            Verdict::Over(silent),
            "another run answered it"
        );
    }

    #[test]
    fn where_nothing_is_told_only_an_unbroken_line_means_that_it_works() {
        let blind = look(Begun::CannotTell, None, vec![]);
        assert_eq!(judge(&Clues { unbroken: true, ..clues(true, &blind) }), Verdict::Working);
        assert_eq!(judge(&clues(true, &blind)), Verdict::CannotTell);
        let ended = end();
        assert_eq!(judge(&Clues { heard: Some(&ended), ..clues(true, &blind) }), Verdict::Over(end()));
    }
}
