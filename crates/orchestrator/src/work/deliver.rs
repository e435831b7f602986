//! One courier per answer on its way: brings a person's words into the session that asked.

use std::sync::Arc;

use clutch_domain::{
    command::Command,
    id::SignalId,
    run::Run,
    speech::Speech,
    talk::{Delivery, Signal},
};

use crate::{
    runtime::{Begun, RuntimeError, Sighting},
    work::desk::{Deposed, Desk},
};

/// Delivers an answer and writes down that it was, or why not.
pub(super) async fn deliver(desk: Arc<Desk>, id: SignalId) {
    if carry(&desk, id).await.is_err() {
        tracing::info!(signal = %id, "left to the server that leads now");
    }
}

/// Why an answer does not go into the session of a run that is over.
const OVER: &str = "The agent that asked has ended. The next attempt is told the answer with its ticket.";

async fn carry(desk: &Desk, id: SignalId) -> Result<(), Deposed> {
    let key = format!("signal-{id}");
    loop {
        let Some(signal) = desk.find::<Signal>(id).await? else { return Ok(()) };
        let Some(answer) = signal.response.as_ref().filter(|_| signal.delivery == Some(Delivery::Pending)) else {
            return Ok(());
        };
        let turn = match signal.run {
            Some(run) => Some(desk.turn(run).await),
            None => None,
        };
        let run = match signal.run {
            Some(run) => desk.find::<Run>(run).await?,
            None => None,
        };
        // Plugins shorten session keys; ours is the whole one.
        let session = run.as_ref().map_or(&signal.session_key, |r| &r.session_key);
        // Somebody may have sent it before a crash, so look first. A look costs little beside an answer given twice.
        let sighting = desk.look(session, &key).await?;
        let over = signal.run.is_some() && !run.as_ref().is_some_and(Run::open);
        let settled = match arrived(&sighting, &key) {
            Some(run_id) => Ok(run_id),
            None if over => Err(OVER.into()),
            None => {
                desk.lawful()?;
                let words = signal.answer_text(answer.as_str());
                match desk.runtime.steer(session, Speech::Words, &words, &[], &key).await {
                    Ok(accepted) => Ok(accepted.run_id),
                    Err(RuntimeError::Refused { sentence, .. }) => Err(sentence.into()),
                    Err(RuntimeError::Unknown(why) | RuntimeError::Away(why)) => {
                        tracing::debug!(signal = %id, %why, "not known whether the answer arrived; looking");
                        drop(turn);
                        desk.breathe().await;
                        continue;
                    }
                }
            }
        };
        if let Err(refusal) = desk.write(&Command::SettleAnswer(id, settled)).await? {
            tracing::debug!(signal = %id, %refusal, "the answer is settled already");
        }
        return Ok(());
    }
}

/// The run that took the words, if they are there.
///
/// A runtime that marks nothing says "begun" of any session with words in it; that is no witness
/// for these, and an answer that comes twice is better than one that never comes.
fn arrived(sighting: &Sighting, key: &str) -> Option<String> {
    let named = sighting.runs.iter().find(|r| r.run_id == key);
    match named {
        Some(run) => Some(run.run_id.clone()),
        None if sighting.begun == Begun::Yes && !sighting.runs.is_empty() => {
            sighting.runs.last().map(|r| r.run_id.clone())
        }
        None => None,
    }
}
