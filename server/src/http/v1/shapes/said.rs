//! What is said and what happens: signals, chats, messages, events.

use std::collections::BTreeMap;

use clutch_domain::{activity, chat, talk};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Actor, Moment, at};
use crate::http::v1::words;

/// What an agent asks or tells.
#[derive(Debug, Serialize, ToSchema)]
pub struct Signal {
    /// Id.
    pub id: Uuid,
    /// About which task.
    pub task_id: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// The run that asked, where it is known.
    pub run_id: Option<Uuid>,
    /// The agent, by the name that it gave.
    pub agent: String,
    /// Kind.
    #[schema(value_type = words::SignalKind)]
    pub kind: talk::SignalKind,
    /// How serious.
    #[schema(value_type = words::SignalSeverity)]
    pub severity: talk::SignalSeverity,
    /// Markdown.
    pub message: String,
    /// Answers that it offers.
    pub options: Vec<String>,
    /// Whether somebody waits for an answer.
    pub waits: bool,
    /// The answer.
    pub response: Option<String>,
    /// Who answered.
    pub answered_by: Option<Actor>,
    /// Answered at.
    pub answered_at: Option<Moment>,
    /// How far the answer is on its way to the agent.
    #[schema(value_type = Option<words::Delivery>)]
    pub delivery: Option<talk::Delivery>,
    /// Why it was not delivered, or what keeps it.
    pub delivery_trouble: Option<String>,
    /// Raised at.
    pub created_at: Moment,
}

impl From<&talk::Signal> for Signal {
    fn from(s: &talk::Signal) -> Self {
        Self {
            id: s.id.0,
            task_id: s.task.0,
            project_id: s.project.0,
            run_id: s.run.map(|run| run.0),
            agent: s.agent_id.clone(),
            kind: s.kind,
            severity: s.severity,
            message: s.message.to_string(),
            options: s.options.clone(),
            waits: s.waits(),
            response: s.response.as_ref().map(ToString::to_string),
            answered_by: s.answered_by.as_ref().map(Actor::from),
            answered_at: at(s.responded_at),
            delivery: s.delivery,
            delivery_trouble: s.delivery_error.clone().or_else(|| s.delivery_trouble.clone()),
            created_at: Moment(s.created_at),
        }
    }
}

/// A chat.
#[derive(Debug, Serialize, ToSchema)]
pub struct Chat {
    /// Id.
    pub id: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// Title.
    pub title: String,
    /// Who takes part.
    pub participants: Vec<String>,
    /// The task that it is about.
    pub task_id: Option<Uuid>,
    /// The runtime of its agent.
    pub runtime: String,
    /// Made at.
    pub created_at: Moment,
    /// Last spoken in at.
    pub updated_at: Moment,
}

impl From<&chat::Chat> for Chat {
    fn from(c: &chat::Chat) -> Self {
        Self {
            id: c.id.0,
            project_id: c.project.0,
            title: c.title.clone(),
            participants: c.participants.clone(),
            task_id: c.about.map(|about| about.task.0),
            runtime: c.runtime.clone(),
            created_at: Moment(c.created_at),
            updated_at: Moment(c.updated_at),
        }
    }
}

/// A message in a chat.
#[derive(Debug, Serialize, ToSchema)]
pub struct Message {
    /// Id.
    pub id: Uuid,
    /// In which chat.
    pub chat_id: Uuid,
    /// The author that was given.
    pub author: String,
    /// Who wrote it, whatever author was given; not known of old ones.
    pub by: Option<Actor>,
    /// Markdown.
    pub content: String,
    /// Whether the server brings it to the agent.
    pub carried: bool,
    /// How far it is on its way to the agent; `null` of words that go to none.
    #[schema(value_type = Option<words::DeliveryStatus>)]
    pub delivery: Option<chat::DeliveryStatus>,
    /// Why it was not delivered.
    pub failure_reason: Option<String>,
    /// Written at.
    pub created_at: Moment,
}

impl From<&chat::Message> for Message {
    fn from(m: &chat::Message) -> Self {
        Self {
            id: m.id.0,
            chat_id: m.chat.0,
            author: m.author.clone(),
            by: m.by.as_ref().map(Actor::from),
            content: m.content.to_string(),
            carried: m.outbox.is_some(),
            delivery: m.delivery_status,
            failure_reason: m.failure_reason.clone(),
            created_at: Moment(m.said()),
        }
    }
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    /// Id; also the id of the event in the stream, for `Last-Event-ID`.
    pub id: Uuid,
    /// What happened, a stable word.
    #[schema(example = "status_changed")]
    pub kind: String,
    /// In which project.
    pub project_id: Option<Uuid>,
    /// About which task.
    pub task_id: Option<Uuid>,
    /// Who did it.
    pub actor: Actor,
    /// More about it, by name.
    pub data: BTreeMap<String, String>,
    /// When.
    pub at: Moment,
}

impl From<&activity::Activity> for Event {
    fn from(a: &activity::Activity) -> Self {
        Self {
            id: a.id.0,
            kind: a.what.clone(),
            project_id: a.project.map(|project| project.0),
            task_id: a.task.map(|task| task.0),
            actor: Actor::from(&a.actor),
            data: a.data.clone(),
            at: Moment(a.at),
        }
    }
}
