//! What is said about tasks: comments, signals.

use serde::{Deserialize, Serialize};

use crate::{
    actor::{ActorKind, Who},
    id::{CommentId, ProjectId, RunId, SignalId, TaskId},
    task::words,
    text::Body,
    time::Millis,
};

words! {
    /// What kind of author wrote a comment.
    AuthorType {
        /// The coordinating agent.
        Coordinator = "coordinator", "Coordinator";
        /// A working agent.
        Agent = "agent", "Agent";
        /// A person.
        Human = "human", "Person";
    }
}

words! {
    /// What a comment is for.
    CommentType {
        /// Plain words.
        Message = "message", "Comment";
        /// Explains a change of status.
        StatusChange = "status_change", "Status";
        /// Asks for input.
        RequestInput = "request_input", "Asks for input";
        /// Reports the end of the work.
        Completion = "completion", "Completed";
    }
}

/// A comment on a task (facts §1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Id.
    pub id: CommentId,
    /// On which task.
    pub task: TaskId,
    /// Its project.
    pub project: ProjectId,
    /// Name of the author, as given.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub author: String,
    /// Kind of author, as given.
    pub author_type: AuthorType,
    /// Who wrote it, whatever author was given; not known of comments from before it was recorded.
    #[serde(default)]
    pub by: Option<Who>,
    /// Markdown.
    pub content: Body,
    /// What it is for.
    pub kind: CommentType,
    /// When a request was answered.
    #[serde(default)]
    pub responded_at: Option<Millis>,
    /// Written at.
    pub created_at: Millis,
}

impl Comment {
    /// Whether an agent wrote it, or a program in its place, and neither a person nor the board.
    #[must_use]
    pub fn is_of_an_agent(&self) -> bool {
        match &self.by {
            Some(who) => matches!(who.kind, ActorKind::Agent | ActorKind::Program),
            None => self.author_type == AuthorType::Agent,
        }
    }
}

words! {
    /// What an agent wants to say.
    SignalKind {
        /// It asks and waits.
        Question = "question", "Question";
        /// It cannot go on.
        Blocker = "blocker", "Blocker";
        /// Something is wrong.
        Alert = "alert", "Alert";
        /// Good to know; nobody waits.
        Fyi = "fyi", "Fyi";
    }
}

words! {
    /// How serious a signal is.
    SignalSeverity {
        /// The usual.
        Normal = "normal", "Normal";
        /// Soon.
        High = "high", "High";
        /// At once.
        Critical = "critical", "Critical";
    }
}

words! {
    /// Whether the answer reached the agent's session.
    Delivery {
        /// Will be sent; survives a crash.
        Pending = "pending", "Being delivered";
        /// The gateway took it.
        Sent = "sent", "Delivered";
        /// The gateway refused it; the reason is kept.
        Failed = "failed", "Not delivered";
    }
}

/// A signal of an agent (facts §1.11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Id; also the key under which the answer is sent.
    pub id: SignalId,
    /// About which task.
    pub task: TaskId,
    /// Its project.
    pub project: ProjectId,
    /// Which run asked, where it is known.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The task of the run that asked, where the question is about another one: that run waits for the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_from: Option<TaskId>,
    /// The session that asked, as it was given.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub session_key: String,
    /// Name of the agent, as it was given.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub agent_id: String,
    /// Kind.
    pub kind: SignalKind,
    /// Severity.
    pub severity: SignalSeverity,
    /// The words.
    pub message: Body,
    /// Answers that the agent offers; any other may be given, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::text::stored::each_line")]
    pub options: Vec<String>,
    /// When it was answered.
    #[serde(default)]
    pub responded_at: Option<Millis>,
    /// The answer.
    #[serde(default)]
    pub response: Option<Body>,
    /// Who answered; not known of answers from before it was recorded.
    #[serde(default)]
    pub answered_by: Option<Who>,
    /// When the answer reached the session.
    #[serde(default)]
    pub delivered_at: Option<Millis>,
    /// State of the answer's delivery.
    #[serde(default)]
    pub delivery: Option<Delivery>,
    /// Whether its sending has begun; not known of answers from before it was written down.
    #[serde(default)]
    pub delivery_begun: Option<bool>,
    /// Why it failed.
    #[serde(default, deserialize_with = "crate::text::stored::some_lines")]
    pub delivery_error: Option<String>,
    /// What keeps the answer from being sent, in a sentence of who refuses; for people, while it is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::text::stored::some_lines")]
    pub delivery_trouble: Option<String>,
    /// Its agent took the task by itself and asks for the answer: nobody brings it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fetched: bool,
    /// Its project lies in the bin: lists of the installation leave it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shelved: bool,
    /// Raised at.
    pub created_at: Millis,
}

impl Signal {
    /// Whether the agent waits for an answer.
    #[must_use]
    pub const fn blocking(&self) -> bool {
        !matches!(self.kind, SignalKind::Fyi)
    }

    /// Blocking and not answered.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.blocking() && self.responded_at.is_none()
    }

    /// Blocking and not over: not answered, or its answer has not reached the session.
    #[must_use]
    pub fn open(&self) -> bool {
        self.waits() || self.delivery == Some(Delivery::Pending)
    }

    /// Whether its answer was sent, and nobody knows yet whether it has arrived.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.delivery == Some(Delivery::Pending) && self.delivery_begun == Some(true)
    }

    /// Whether a program answered, and no person.
    #[must_use]
    pub fn answered_by_program(&self) -> bool {
        self.answered_by.as_ref().is_some_and(|who| !who.is_human())
    }

    /// The text in which an answer goes into the session (facts §2.9). Only a person's comes from "Human".
    #[must_use]
    pub fn answer_text(&self, response: &str) -> String {
        format!(
            "[{} Response from {}]\n\nOriginal {}:\n{}\n\nResponse:\n{}",
            self.kind.label(),
            if self.answered_by_program() { "Program" } else { "Human" },
            self.kind.word(),
            self.message,
            response
        )
    }
}
