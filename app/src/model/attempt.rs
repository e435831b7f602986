//! An agent's attempt at a ticket, as the panel shows it.

use clutch_domain::{
    brake::{Used, dollars, grouped},
    id::PromptId,
    prompt::Version,
    run::{Run, RunState},
};

use super::{
    byline::byline,
    task::{Prompt, RunItem},
};
use crate::markdown::render;

/// The version of a prompt that a run was told, where it is one of the store.
pub(super) fn version_of(run: &Run) -> Option<PromptId> {
    run.prompt_version.parse().ok()
}

pub(super) fn attempt(run: &Run, versions: &[Version]) -> RunItem {
    RunItem {
        id: run.id,
        role: run.role,
        attempt: run.attempt,
        state: run.state,
        model: run.model.clone(),
        prompt: prompt(run, versions),
        session_key: run.session_key.clone(),
        used: run.used.as_ref().map(used),
        stopping: run.open() && run.stopping.is_some(),
        started_at: run.started_at.unwrap_or(run.claimed_at),
        ended_at: if run.state == RunState::Ended { run.ended_at } else { None },
        outcome: run.outcome,
        last_words: run.last_words.as_deref().map(render),
    }
}

/// `12,345 tokens · $0.42`.
fn used(used: &Used) -> String {
    let tokens = format!("{} tokens", grouped(used.tokens()));
    used.cost_micros.map_or_else(|| tokens.clone(), |micros| format!("{tokens} \u{b7} {}", dollars(micros)))
}

/// What its agent was told, in a word and in a sentence.
fn prompt(run: &Run, versions: &[Version]) -> Prompt {
    let role = run.role.label();
    let Some(id) = version_of(run) else {
        let about = format!("The {role} prompt that came with the server: {}", run.prompt_version);
        return Prompt { word: "built-in prompt".into(), about };
    };
    let Some(version) = versions.iter().find(|version| version.id == id) else {
        return Prompt { word: "prompt unknown".into(), about: format!("The version {id}, which cannot be read.") };
    };
    let model = version.model.as_ref().map_or_else(String::new, |model| format!(" for {model}"));
    let (by, utc) = (byline(Some(&version.by), &version.created_by).name, version.created_at.utc());
    let at = format!("{:04}-{:02}-{:02} {:02}:{:02} UTC", utc.year, utc.month, utc.day, utc.hour, utc.minute);
    let what = version.change_summary.as_ref().map_or_else(String::new, |what| format!(": {what}"));
    let about = format!("Version {} of the {role} prompt{model}, by {by}, {at}{what}", version.version);
    Prompt { word: format!("prompt v{}", version.version), about }
}
