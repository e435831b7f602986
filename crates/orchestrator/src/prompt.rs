//! Prompts: a role's words from `roles/<role>.md`, filled with the ticket.
//!
//! [`template`] is the language, [`variables`] are the names, `fill.rs` says what stands for each.

mod fill;
mod lexer;
mod page;
mod parser;
pub(crate) mod reading;
pub mod stored;
pub mod template;
pub mod variables;

use std::{collections::BTreeMap, fmt::Write};

use clutch_domain::{
    project::Project,
    run::Run,
    talk::{AuthorType, Comment, Signal},
    task::{Role, Task},
    time::{Millis, Utc},
};

use self::template::{Faults, Template};
use crate::runtime::Reporting;

/// How many of the newest comments an agent is told.
pub const COMMENTS_TOLD: u32 = 30;

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// It cannot be read, or names what is not known.
    #[error("roles/{role}.md cannot be used. {what}")]
    Broken {
        /// Role.
        role: &'static str,
        /// What is wrong, in sentences.
        what: String,
    },
    /// A name that must be there is not.
    #[error("roles/{role}.md must name {{{{{name}}}}} somewhere.")]
    Needed {
        /// Role.
        role: &'static str,
        /// Name.
        name: &'static str,
    },
    /// A role without a template.
    #[error("There is no prompt for the role {role}: roles/{role}.md is missing.")]
    Missing {
        /// Role.
        role: &'static str,
    },
}

/// Everything that a prompt tells.
#[derive(Clone, Debug)]
pub struct Ticket<'a> {
    /// The task.
    pub task: &'a Task,
    /// Its project.
    pub project: &'a Project,
    /// The attempt.
    pub run: &'a Run,
    /// Comments, oldest first.
    pub comments: Vec<&'a Comment>,
    /// Signals of earlier attempts, oldest first; only answered ones are told.
    pub signals: Vec<&'a Signal>,
    /// Address of the board, without a slash at its end.
    pub board: &'a str,
    /// How the agent reports.
    pub reporting: Reporting,
}

/// The prompt of a role that comes with the program, or lies in a folder beside it.
#[derive(Clone, Debug)]
struct Standard {
    text: String,
    template: Template,
    version: String,
}

/// The prompts of all roles.
#[derive(Clone, Debug)]
pub struct Roles {
    standard: BTreeMap<Role, Standard>,
}

impl Roles {
    /// Reads templates. Every role must have one, which tells an agent all that it has to know.
    pub fn load<'t>(texts: impl IntoIterator<Item = (Role, &'t str)>) -> Result<Self, PromptError> {
        let mut standard = BTreeMap::new();
        for (role, text) in texts {
            let broken = |faults: Faults| PromptError::Broken { role: role.word(), what: faults.sentences() };
            let template = Template::compile(role, text).map_err(broken)?;
            if let Some(part) = template.lacks().first() {
                return Err(PromptError::Needed { role: role.word(), name: part.name_and_head().0 });
            }
            let mut version = format!("{:016x}", fnv1a(text.as_bytes()));
            version.truncate(12);
            standard.insert(role, Standard { text: text.to_owned(), template, version });
        }
        match Role::ALL.iter().find(|r| !standard.contains_key(r)) {
            Some(role) => Err(PromptError::Missing { role: role.word() }),
            None => Ok(Self { standard }),
        }
    }

    /// The template of a role, as it is written.
    #[must_use]
    pub fn text(&self, role: Role) -> &str {
        self.standard.get(&role).map_or("", |standard| &standard.text)
    }

    /// Version of a role's prompt: the first 12 hexadecimal digits of its text's hash.
    #[must_use]
    pub fn version(&self, role: Role) -> &str {
        self.standard.get(&role).map_or("", |standard| &standard.version)
    }

    /// The whole prompt of one attempt; `None` where it would be longer than any model reads.
    #[must_use]
    pub fn render(&self, ticket: &Ticket<'_>) -> Option<String> {
        ticket.told_by(&self.standard.get(&ticket.run.role)?.template)
    }
}

impl Ticket<'_> {
    /// The prompt of this attempt by a template; `None` where it would be longer than any model reads.
    #[must_use]
    pub fn told_by(&self, template: &Template) -> Option<String> {
        template.render(|name| self.fill(name))
    }

    /// The lines that programs read too; each stands alone.
    fn head(&self) -> String {
        let mut head = String::new();
        for (label, name) in [
            ("Ticket", "id"),
            ("Number", "number"),
            ("Title", "title"),
            ("Attempt", "attempt"),
            ("Role", "role"),
            ("Project", "project"),
            ("Repository", "repository"),
            ("Board", "board"),
        ] {
            let _ = writeln!(head, "{label}: {}", self.fill(name).text);
        }
        if self.run.attempt > 1
            && let Some(trouble) = &self.task.trouble
        {
            let _ = writeln!(head, "\nThe last attempt did not succeed: {trouble}");
        }
        head
    }

    fn talk(&self) -> String {
        let mut talk = String::new();
        for comment in &self.comments {
            let said = indented(comment.content.as_str());
            let _ = writeln!(talk, "- {} {} ({}): {said}", utc(comment.created_at), comment.author, kind(comment));
        }
        if talk.is_empty() {
            talk.push_str("(no comments)\n");
        }
        let answered = self.signals.iter().filter_map(|s| s.response.as_ref().map(|r| (s, r)));
        for (n, (signal, answer)) in answered.enumerate() {
            if n == 0 {
                talk.push_str("\nAnswered before:\n");
            }
            let by = if signal.answered_by_program() { " (by a program)" } else { "" };
            let _ = writeln!(
                talk,
                "- Question: {}\n  Answer{by}: {}",
                indented(signal.message.as_str()),
                indented(answer.as_str())
            );
        }
        talk
    }

    fn reporting(&self) -> String {
        match self.reporting {
            // Nobody knows on which machine it is.
            Reporting::Pull => self.asking(),
            Reporting::Plugin | Reporting::Mcp | Reporting::Cli => {
                format!("{}\n\n{}", self.commenting(), self.asking())
            }
        }
    }

    /// Every agent has a shell.
    fn commenting(&self) -> String {
        let (board, id, role) = (self.board.replace('\'', "'\\''"), self.task.id, self.run.role.word());
        // No line of a comment is this one by chance.
        let end = format!("END_OF_COMMENT_{}", &self.run.id.to_string()[..8]);
        format!(
            "Comment on the ticket, so that people can follow you. Your words stand between the first line and the last \
             one and arrive as they are, with quotes, backticks and everything:\n\
             \n\
             curl -sS -X POST '{board}/api/tasks/{id}/comments?author={role}%20agent&author_type=agent' \
             -H 'content-type: text/plain; charset=utf-8' --data-binary @- <<'{end}'\n\
             ...\n\
             {end}"
        )
    }

    /// How it asks people, and says that it is done.
    fn asking(&self) -> String {
        match self.reporting {
            Reporting::Plugin => self.asking_by_tools(""),
            Reporting::Mcp => self.asking_by_tools(" of the MCP server `openclutch`"),
            Reporting::Pull => self.asking_and_waiting(),
            Reporting::Cli => self.asking_by_commands(),
        }
    }

    fn asking_by_tools(&self, whose: &str) -> String {
        let id = self.task.id;
        format!(
            "Ask with the tool `signal`{whose} (taskId: {id}, kind: question, blocker, alert or fyi, message). After a \
             question or a blocker end your turn; the answer arrives as a message in this session, and you go on from \
             there.\n\
             \n\
             When the work is done, call the tool `mark_complete`{whose} (taskId: {id}, summary, and prUrl if you opened \
             a pull request). A turn that ends without it, and without an open question, counts as not done."
        )
    }

    /// Of an agent that took the ticket itself: nobody wakes it, so it waits for answers, and says that it is there.
    fn asking_and_waiting(&self) -> String {
        let (task, run) = (self.task.short(), self.run.id);
        let minutes = self.run.hold.as_ref().map_or(0, |hold| hold.ms / 60_000).max(1);
        format!(
            "All of this is done with tools of the MCP server `openclutch`; the ticket is {task}, the run is {run}.\n\
             \n\
             - `comment` on the ticket, so that people can follow you.\n\
             - Call `heartbeat` at least every {minutes} minutes, and before anything that takes long: without a sign of \
             life the ticket goes back to the board. It also tells you when the ticket was taken from you; then stop.\n\
             - Ask with `signal` (kind: question, blocker, alert or fyi), with `options` where there are some. Let it wait \
             for the answer, and go on asking with `get_signal` while there is none. Nobody takes the ticket from you \
             meanwhile.\n\
             - When the work is done, call `complete_task` with a summary, and the pull request's address if you opened \
             one. If you cannot do it, call `release_task` and say why."
        )
    }

    /// As the comment's command: what stands between first and last line arrives as it is, here as JSON.
    fn asking_by_commands(&self) -> String {
        let (board, id, role) = (self.board.replace('\'', "'\\''"), self.task.id, self.run.role.word());
        let as_json = |text: &str| serde_json::Value::from(text).to_string();
        let (session, run) = (as_json(&self.run.session_key), as_json(&self.run.key));
        let end = format!("END_OF_REPORT_{}", &self.run.id.to_string()[..8]);
        let curl = "-H 'content-type: application/json' --data-binary @-";
        format!(
            "Ask with this command; it is JSON, kind is question, blocker, alert or fyi. After a question or a blocker \
             end your turn:\n\
             \n\
             curl -sS -X POST '{board}/api/signal' {curl} <<'{end}'\n\
             {{\"taskId\": \"{id}\", \"sessionKey\": {session}, \"run_id\": {run}, \"agentId\": \"{role}\", \
             \"kind\": \"question\", \"message\": \"...\"}}\n\
             {end}\n\
             \n\
             When the work is done, say so with this command, with \"prUrl\" if you opened a pull request. A turn that \
             ends without it, and without an open question, counts as not done.\n\
             \n\
             curl -sS -X POST '{board}/api/tasks/{id}/complete' {curl} <<'{end}'\n\
             {{\"sessionKey\": {session}, \"run_id\": {run}, \"summary\": \"...\"}}\n\
             {end}"
        )
    }
}

/// What kind of author wrote a comment. A program may call itself an agent, which most agents' comments
/// are; the word of a person or of the coordinator weighs more, and is not taken from a program.
fn kind(comment: &Comment) -> String {
    let word = comment.author_type.word();
    match &comment.by {
        Some(who) if who.is_program() && comment.author_type != AuthorType::Agent => format!("program, as {word}"),
        _ => word.to_owned(),
    }
}

/// Further lines of an entry stand under its first.
fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}

/// `2026-01-02 14:05 UTC`.
fn utc(at: Millis) -> String {
    let Utc { year, month, day, hour, minute, .. } = at.utc();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// A hash that stays the same on every machine and in every version (FNV-1a, 64 bits).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
