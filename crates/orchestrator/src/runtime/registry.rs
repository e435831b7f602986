//! The runtimes of a server.

use std::{collections::BTreeMap, sync::Arc};

use clutch_domain::{chat::Chat, command::FromSession, id::ChatId, run::Run, runtime::usual_of, text::SessionKey};

use super::{AgentRuntime, Conversations, Decisions, Names, Reporting, Sessions};

/// A runtime with all that is known of it.
pub struct Runtime {
    /// The name under which runs and chats are stored as its.
    pub name: String,
    /// How sentences call it, at their beginning: `The gateway`.
    pub label: String,
    /// How its agents report.
    pub reporting: Reporting,
    /// How its sessions are called.
    pub names: Arc<dyn Names>,
    /// Runs agents.
    pub agents: Arc<dyn AgentRuntime>,
    /// Speaks with them; `None` where nothing can be said to an agent that is at work.
    pub talk: Option<Arc<dyn Conversations>>,
    /// Looks after their sessions, where they are kept.
    pub sessions: Option<Arc<dyn Sessions>>,
    /// Tells what its agents may not do before a person has decided; `None` where it knows of no such things.
    pub decisions: Option<Arc<dyn Decisions>>,
}

impl Runtime {
    /// The agent's session of a chat; `None` before its first words. One that belongs to something else, as
    /// programs could once write it, is none.
    #[must_use]
    pub fn session_of<'a>(&self, chat: &'a Chat) -> Option<&'a str> {
        chat.session_key.as_deref().filter(|name| self.names.chat_of(name) == Some(chat.id))
    }
}

/// All runtimes of a server, by name. They are given at its start and stay.
#[derive(Clone, Default)]
pub struct Runtimes(Arc<BTreeMap<String, Arc<Runtime>>>);

impl Runtimes {
    /// These; of two with one name the last.
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = Runtime>) -> Self {
        Self(Arc::new(all.into_iter().map(|one| (one.name.clone(), Arc::new(one))).collect()))
    }

    /// The runtime of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Runtime>> {
        self.0.get(name)
    }

    /// The runtime of a run; `None` where this server has none of its name.
    #[must_use]
    pub fn of_run(&self, run: &Run) -> Option<&Arc<Runtime>> {
        self.get(&run.runtime)
    }

    /// The one that is meant where none is named.
    #[must_use]
    pub fn usual(&self) -> Option<&Arc<Runtime>> {
        usual_of(&self.0)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Runtime>> {
        self.0.values()
    }

    /// The runtime of a chat; `None` where this server has none of its name.
    #[must_use]
    pub fn of_chat(&self, chat: &Chat) -> Option<&Arc<Runtime>> {
        self.get(&chat.runtime)
    }

    /// What is known of the session from which somebody says to report.
    #[must_use]
    pub fn from_session(&self, said: SessionKey) -> FromSession {
        FromSession {
            whole: self.iter().filter_map(|runtime| runtime.names.whole(said.as_str())).collect(),
            chat: self.chat_of(said.as_str()),
            said,
        }
    }

    /// The chat of a session, in whatever form one of the runtimes calls it.
    #[must_use]
    pub fn chat_of(&self, session: &str) -> Option<ChatId> {
        self.iter().find_map(|runtime| runtime.names.chat_of(session))
    }
}
