//! A person decides what an agent waits for at its runtime.
//!
//! The log is written before anything is said: no agent ever did something of which nobody knows who allowed it. Where
//! the runtime does not take what was said, a second line says so.

use clutch_domain::{
    actor::Actor,
    command::{Command, DecisionMade, Said},
    decision::AskKind,
    text::{Excerpt, SessionKey},
};

use crate::{
    office::{Error, Office},
    runtime::{Asks, DECISION_WORDS_MAX, Decision, Question, Reply, RuntimeError, Runtimes},
};

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    /// It was decided meanwhile, or nobody waits for it any more.
    #[error("This does not wait any more: somebody else was quicker, its time was over, or its agent went on.")]
    Gone,
    /// What was said is no answer to what was asked.
    #[error("{0}")]
    Unfit(&'static str),
    /// Whoever says it may not, or it could not be written down.
    #[error(transparent)]
    Office(#[from] Error),
    /// The runtime did not take it, or nobody knows whether it did.
    #[error("{0}")]
    Runtime(RuntimeError),
}

/// Says `reply` to what waits at a runtime under this id.
///
/// # Errors
/// [`Undecided`]: nothing was said, or the runtime did not take it.
pub async fn decide(
    office: &Office,
    runtimes: &Runtimes,
    actor: &Actor,
    (runtime, kind, id): (&str, AskKind, &str),
    reply: Reply,
) -> Result<(), Undecided> {
    let port = runtimes.get(runtime).and_then(|runtime| runtime.decisions.clone()).ok_or(Undecided::Gone)?;
    let waiting = port.waiting().borrow().clone();
    let asked = waiting.find(kind, id).ok_or(Undecided::Gone)?;
    fits(&asked.asks, &reply).map_err(Undecided::Unfit)?;
    let session = asked.session.as_deref().and_then(|name| SessionKey::parse(name).ok().flatten());
    let made = DecisionMade {
        asked: kind,
        said: match &reply {
            Reply::Verdict(verdict) => Said::Verdict(*verdict),
            Reply::Answers(_) => Said::Answered,
            Reply::Cancel => Said::Cancelled,
        },
        about: about(asked),
        session: session.map(|name| runtimes.from_session(name)),
        not_taken: None,
    };
    office.run(actor, &Command::NoteDecision(made.clone())).await?;
    let Err(error) = port.decide(kind, id, reply).await else { return Ok(()) };
    let not_taken = Some(Excerpt::of(&error.to_string()));
    office.run(actor, &Command::NoteDecision(DecisionMade { not_taken, ..made })).await?;
    Err(Undecided::Runtime(error))
}

/// What the log says that it was about.
fn about(asked: &Decision) -> Excerpt {
    Excerpt::of(match &asked.asks {
        Asks::Command { command, .. } => command,
        Asks::Plugin { title, .. } => title,
        Asks::Questions(all) => all.first().map_or("", |one| &one.text),
    })
}

/// Whether this may be said to that.
fn fits(asks: &Asks, reply: &Reply) -> Result<(), &'static str> {
    match (asks, reply) {
        (Asks::Command { allowed, .. } | Asks::Plugin { allowed, .. }, Reply::Verdict(verdict)) => {
            if allowed.contains(verdict) { Ok(()) } else { Err("The gateway does not take this decision here.") }
        }
        (Asks::Questions(_), Reply::Cancel) => Ok(()),
        (Asks::Questions(all), Reply::Answers(answers)) => {
            if answers.keys().any(|id| all.iter().all(|one| one.id != *id)) {
                return Err("This is no answer to what was asked.");
            }
            all.iter().try_for_each(|one| answer_fits(one, answers.get(&one.id).map(Vec::as_slice).unwrap_or_default()))
        }
        _ => Err("This is no answer to what was asked."),
    }
}

fn answer_fits(asked: &Question, given: &[String]) -> Result<(), &'static str> {
    let offered = |answer: &String| asked.options.iter().any(|choice| choice.label == *answer);
    let worded =
        |answer: &String| asked.words && !answer.trim().is_empty() && answer.chars().count() <= DECISION_WORDS_MAX;
    match given {
        [] => Err("Each question needs an answer."),
        [_, _, ..] if !asked.several => Err("This question takes one answer."),
        given if given.iter().all(|answer| offered(answer) || worded(answer)) => Ok(()),
        _ if asked.words => Err("An answer has one to 4,000 characters."),
        _ => Err("Choose one of the answers that are offered."),
    }
}

#[cfg(test)]
mod tests {
    use clutch_domain::decision::Verdict;

    use super::*;
    use crate::runtime::Choice;

    fn question(id: &str, options: &[&str], several: bool, words: bool) -> Question {
        let options = options.iter().map(|label| Choice { label: (*label).into(), about: String::new() }).collect();
        Question { id: id.into(), header: String::new(), text: "Which?".into(), options, several, words }
    }

    fn answers(all: &[(&str, &[&str])]) -> Reply {
        let each = |(id, given): &(&str, &[&str])| ((*id).to_owned(), given.iter().map(|a| (*a).to_owned()).collect());
        Reply::Answers(all.iter().map(each).collect())
    }

    #[test]
    fn only_what_was_offered_is_said() {
        let asks = Asks::Questions(vec![
            question("one", &["red", "blue"], false, false),
            question("many", &["a", "b"], true, false),
            question("free", &["x"], false, true),
        ]);
        let long = "y".repeat(DECISION_WORDS_MAX + 1);
        for (reply, ok) in [
            (answers(&[("one", &["red"]), ("many", &["a", "b"]), ("free", &["my own"])]), true),
            (answers(&[("one", &["red"]), ("many", &["a"]), ("free", &["x"])]), true),
            (answers(&[("one", &["red"]), ("many", &["a"])]), false),
            (answers(&[("one", &["red", "blue"]), ("many", &["a"]), ("free", &["x"])]), false),
            (answers(&[("one", &["green"]), ("many", &["a"]), ("free", &["x"])]), false),
            (answers(&[("one", &["red"]), ("many", &["a", "c"]), ("free", &["x"])]), false),
            (answers(&[("one", &["red"]), ("many", &["a"]), ("free", &[" "])]), false),
            (answers(&[("one", &["red"]), ("many", &["a"]), ("free", &[&long])]), false),
            (answers(&[("one", &["red"]), ("many", &["a"]), ("free", &["x"]), ("other", &["x"])]), false),
            (Reply::Cancel, true),
            (Reply::Verdict(Verdict::Deny), false),
        ] {
            assert_eq!(fits(&asks, &reply).is_ok(), ok, "{reply:?}");
        }
        let allowed = vec![Verdict::AllowOnce, Verdict::Deny];
        let asks = Asks::Command { command: "ls".into(), cut: false, folder: None, allowed };
        for (reply, ok) in [
            (Reply::Verdict(Verdict::AllowOnce), true),
            (Reply::Verdict(Verdict::Deny), true),
            (Reply::Verdict(Verdict::AllowAlways), false),
            (Reply::Cancel, false),
            (answers(&[]), false),
        ] {
            assert_eq!(fits(&asks, &reply).is_ok(), ok, "{reply:?}");
        }
    }
}
