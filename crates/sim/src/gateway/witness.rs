//! What the gateway sees of the laws: who is told what, and who works, and for whom.

use clutch_domain::{id::TaskId, invariant::Law, run::Run};

use super::Gateway;
use crate::store::Said;

/// What is said under a key, whichever attempt it is: of a chat's message `chat-<message>` without the attempt.
fn words_of(key: &str) -> &str {
    if key.starts_with("chat-") { key.rsplit_once('-').map_or(key, |(words, _)| words) } else { key }
}

impl Gateway {
    /// Words arrived under a key, for the first time as it should be.
    pub(super) fn said(&self, session: &str, key: &str) {
        let (calls, most) = {
            let mut state = self.lock();
            let calls = state.calls.entry(words_of(key).to_owned()).or_insert(0);
            *calls += 1;
            (*calls, 1 + state.pressed.get(words_of(key)).copied().unwrap_or(0))
        };
        if calls > most {
            let law = if key.starts_with("clutch-") { Law::PromptOnce } else { Law::WordsOnce };
            self.exec.wrong(law, format!("{key} was said {calls} times in {session}"));
        }
    }

    /// Two agents never work on one task at the same time.
    pub(super) fn check_alone(&self, session: &str) {
        let Some(task) = self.board.task_of(session) else { return };
        let active = self.at_work();
        let active: Vec<String> = active.into_iter().filter(|s| self.board.task_of(s) == Some(task)).collect();
        if active.len() > 1 {
            self.exec.wrong(Law::OneAgent, format!("several agents work on one task: {active:?}"));
        }
    }

    /// What is written down about it is so.
    pub fn check(&self, said: &Said) {
        match said {
            Said::Over(run) => self.check_ended(run),
            Said::Arrived(id) if self.calls(&format!("signal-{id}")) == 0 => {
                self.exec.wrong(Law::AnswersArrive, format!("the answer to {id} is said to have arrived and has not"));
            }
            Said::Arrived(_) => {}
        }
    }

    /// A run ends in the store: nothing may work for it any more.
    fn check_ended(&self, run: &Run) {
        let at_work = self.lock().active.get(&run.session_key).is_some_and(|active| !active.typed);
        if self.keeps_out() {
            // It may be at work, or be gone on with later: the board was not let near it.
            self.exec.count("an agent was left alone");
            self.lock().lost.insert(run.session_key.clone());
            return;
        }
        if at_work {
            self.exec.wrong(Law::NoneForgotten, format!("{} is over and its agent works on", run.session_key));
        }
    }

    /// Whether it lets some server neither see nor stop anything now.
    pub fn keeps_out(&self) -> bool {
        self.clients().iter().any(|client| client.is_kept_out())
    }

    /// Agents that gave no sign since then (steady milliseconds), with the moment of their last.
    pub fn silent_since(&self, then: i64) -> Vec<(String, i64)> {
        let state = self.lock();
        let silent = state
            .active
            .iter()
            .filter(|(session, active)| !active.typed && active.sign_at < then && !state.lost.contains(*session));
        silent.map(|(session, active)| (session.clone(), active.sign_at)).collect()
    }

    /// A task's sessions that it keeps.
    pub fn sessions_of(&self, task: TaskId) -> Vec<String> {
        let all: Vec<String> = self.lock().sessions.keys().cloned().collect();
        all.into_iter().filter(|session| self.board.task_of(session) == Some(task)).collect()
    }

    /// Sessions in which something runs that the board began.
    pub fn at_work(&self) -> Vec<String> {
        let state = self.lock();
        let at_work = state.active.iter().filter(|(session, active)| !active.typed && !state.lost.contains(*session));
        at_work.map(|(session, _)| session.clone()).collect()
    }

    /// A person wants a message sent again.
    pub fn press_again(&self, message: impl std::fmt::Display) {
        *self.lock().pressed.entry(format!("chat-{message}")).or_insert(0) += 1;
    }

    /// How often a key began a turn or reached one.
    pub fn calls(&self, key: &str) -> u32 {
        self.lock().calls.get(words_of(key)).copied().unwrap_or(0)
    }
}
