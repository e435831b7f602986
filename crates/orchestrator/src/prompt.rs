//! Prompts: a role's words from `roles/<role>.md`, filled with the ticket.
//!
//! A template is plain text with `{{name}}` in it. Every name is known ([`NAMES`]) or the
//! template is refused when it is loaded; nothing is escaped; what is filled in is never
//! filled again, so a ticket may speak about `{{title}}`.

use std::{collections::BTreeMap, fmt::Write};

use clutch_domain::{
    project::Project,
    run::Run,
    talk::{AuthorType, Comment, Signal},
    task::{Role, Task},
    time::{Millis, Utc},
};

use crate::runtime::Reporting;

/// How many of the newest comments an agent is told.
pub const COMMENTS_TOLD: u32 = 30;

/// What a template may name.
pub const NAMES: &[&str] = &[
    "ticket",
    "description",
    "comments",
    "reporting",
    "id",
    "number",
    "title",
    "attempt",
    "role",
    "repository",
    "board",
    "project",
];
/// What it must name: without these an agent does not know what to do, or how to say that it did it.
pub const NEEDED: &[&str] = &["ticket", "description", "comments", "reporting"];

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// A name that means nothing.
    #[error("roles/{role}.md names {{{{{name}}}}}, which is not known. Known are: {known}.")]
    Unknown {
        /// Role.
        role: &'static str,
        /// Name.
        name: String,
        /// Names that may be used.
        known: String,
    },
    /// A name that must be there is not.
    #[error("roles/{role}.md must name {{{{{name}}}}} somewhere.")]
    Needed {
        /// Role.
        role: &'static str,
        /// Name.
        name: &'static str,
    },
    /// `{{` without `}}`.
    #[error("roles/{role}.md opens {{{{ in line {line} and does not close it.")]
    Open {
        /// Role.
        role: &'static str,
        /// Line, from 1.
        line: usize,
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

/// One piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Name(&'static str),
}

#[derive(Clone, Debug)]
struct Template {
    pieces: Vec<Piece>,
    version: String,
}

/// The prompts of all roles.
#[derive(Clone, Debug)]
pub struct Roles {
    templates: BTreeMap<Role, Template>,
}

impl Roles {
    /// Reads templates. Every role must have one.
    pub fn load<'t>(texts: impl IntoIterator<Item = (Role, &'t str)>) -> Result<Self, PromptError> {
        let mut templates = BTreeMap::new();
        for (role, text) in texts {
            templates.insert(role, Template::parse(role, text)?);
        }
        match Role::ALL.iter().find(|r| !templates.contains_key(r)) {
            Some(role) => Err(PromptError::Missing { role: role.word() }),
            None => Ok(Self { templates }),
        }
    }

    /// Version of a role's prompt: the first 12 hexadecimal digits of its text's hash.
    #[must_use]
    pub fn version(&self, role: Role) -> &str {
        self.templates.get(&role).map_or("", |t| &t.version)
    }

    /// The whole prompt of one attempt.
    #[must_use]
    pub fn render(&self, ticket: &Ticket<'_>) -> String {
        let mut text = String::new();
        let Some(template) = self.templates.get(&ticket.run.role) else { return text };
        for piece in &template.pieces {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Name(name) => text.push_str(ticket.value(name).trim_end()),
            }
        }
        text
    }
}

impl Template {
    fn parse(role: Role, text: &str) -> Result<Self, PromptError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((words, tail)) = rest.split_once("{{") {
            pieces.push(Piece::Words(words.to_owned()));
            let Some((name, tail)) = tail.split_once("}}") else {
                let line = text[..text.len() - tail.len()].lines().count();
                return Err(PromptError::Open { role: role.word(), line });
            };
            let name = name.trim();
            let Some(known) = NAMES.iter().find(|n| **n == name) else {
                return Err(PromptError::Unknown { role: role.word(), name: name.to_owned(), known: NAMES.join(", ") });
            };
            pieces.push(Piece::Name(known));
            rest = tail;
        }
        pieces.push(Piece::Words(rest.to_owned()));
        for name in NEEDED {
            if !pieces.contains(&Piece::Name(name)) {
                return Err(PromptError::Needed { role: role.word(), name });
            }
        }
        let mut version = format!("{:016x}", fnv1a(text.as_bytes()));
        version.truncate(12);
        Ok(Self { pieces, version })
    }
}

impl Ticket<'_> {
    fn value(&self, name: &str) -> String {
        match name {
            "ticket" => self.head(),
            "description" => {
                self.task.description.as_ref().map_or_else(|| "(no description)".into(), ToString::to_string)
            }
            "comments" => self.talk(),
            "reporting" => self.reporting(),
            "id" => self.task.id.to_string(),
            "number" => self.task.short(),
            "title" => self.task.title.to_string(),
            "attempt" => self.run.attempt.to_string(),
            "role" => self.run.role.word().to_owned(),
            "repository" => self.project.local_path.clone().unwrap_or_default(),
            "board" => self.board.to_owned(),
            "project" => self.project.name.to_string(),
            _ => String::new(),
        }
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
            let _ = writeln!(head, "{label}: {}", self.value(name));
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
        format!("{}\n\n{}", self.commenting(), self.asking())
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
