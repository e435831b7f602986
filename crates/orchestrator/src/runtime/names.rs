//! How the sessions of a runtime are called.

use clutch_domain::{
    id::{ChatId, TaskId},
    task::Role,
    text::Slug,
};

/// The attempt whose session gets a name.
#[derive(Clone, Copy, Debug)]
pub struct OfRun<'a> {
    /// The project's address.
    pub slug: &'a Slug,
    /// The agent's role.
    pub role: Role,
    /// The task.
    pub task: TaskId,
    /// The ordinal of the attempt.
    pub attempt: u32,
}

/// Gives names to sessions. All of it is pure: the same gives the same name, for ever.
///
/// A name is given once and stored with its run or chat; from then on it is opaque, and found whole. Only the
/// adapter that gave it may take it apart, where its runtime calls a session otherwise than we do. Names of two
/// runtimes must never be the same.
pub trait Names: Send + Sync + 'static {
    /// The session of an attempt, which is that attempt's alone.
    fn of_run(&self, run: &OfRun<'_>) -> String;
    /// The session of a chat.
    fn of_chat(&self, slug: &Slug, chat: ChatId) -> String;
    /// The chat of a session, in whatever form the runtime calls that.
    fn chat_of(&self, session: &str) -> Option<ChatId>;
    /// The whole name of a session that reports shorten; `None` where they do not.
    fn whole(&self, said: &str) -> Option<String>;
}
