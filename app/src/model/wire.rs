//! Frames of the live feed (`/live`, one WebSocket per tab). JSON text frames.

use std::collections::BTreeMap;

use clutch_domain::{
    id::{ChatId, ProjectId, TaskId},
    query::Query,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use super::chat::{People, StreamView};

/// Parts of a page by name; each value is the part's JSON as text.
pub type Parts = BTreeMap<String, Box<serde_json::value::RawValue>>;

/// A page as a server function gives it for the first paint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Loaded {
    /// Version of the live query.
    pub version: u64,
    /// All parts.
    pub parts: Parts,
}

/// What the browser says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Up {
    /// Opens a subscription. With `version`, the page is painted already up to there.
    Open {
        /// Number of the subscription, chosen by the browser.
        sub: u32,
        /// What to watch.
        query: Query,
        /// The version that the page holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// Ends it.
    Close {
        /// Number.
        sub: u32,
    },
    /// The person types in a chat that the tab has open, or has ended. Repeated while it is so.
    Typing {
        /// Chat.
        chat: ChatId,
        /// Types.
        on: bool,
    },
    /// Is the server there? It answers with [`Down::Beat`].
    Beat,
}

/// What the server says. Browsers read it as [`Frame`].
#[derive(Debug, Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Down {
    /// The whole page.
    Snapshot {
        /// Subscription.
        sub: u32,
        /// Version.
        version: u64,
        /// All parts.
        parts: Parts,
    },
    /// What changed since `from`; applied only onto exactly that version.
    Delta {
        /// Subscription.
        sub: u32,
        /// Version that it is applied to.
        from: u64,
        /// Version afterwards.
        to: u64,
        /// New and changed parts.
        put: Parts,
        /// Names of parts that went.
        del: Vec<String>,
    },
    /// The page is as it was painted: `version` is still right.
    Current {
        /// Subscription.
        sub: u32,
        /// Version.
        version: u64,
    },
    /// The store does not answer for now; the page may be old.
    Away {
        /// Subscription.
        sub: u32,
        /// A sentence.
        why: String,
    },
    /// The gateway's connection, as [`super::home::Gateway`]; sent at once and at each change.
    Gateway {
        /// Its state.
        gateway: super::home::Gateway,
    },
    /// What agents do right now; sent for the projects of the open boards. Never stored.
    Lines {
        /// Project.
        project: ProjectId,
        /// The newest line per task; `None` takes it away.
        lines: BTreeMap<TaskId, Option<String>>,
    },
    /// What the agent says right now in an open chat; `None` takes it away. Never stored.
    Stream {
        /// Chat.
        chat: ChatId,
        /// The answer, beyond what this tab was told of it.
        stream: Option<StreamView>,
    },
    /// Who is in an open chat, sent at once and at each change. Never stored.
    People {
        /// Chat.
        chat: ChatId,
        /// Tabs that have it open, and who thinks or types.
        people: People,
    },
    /// The server is there. Said every now and then, and when it is asked.
    Beat {
        /// What time it is there.
        now: Millis,
    },
    /// The server goes; the browser comes back by itself.
    Bye,
}

/// A [`Down`] as the browser reads it: one flat record, because raw JSON cannot be taken
/// out of a tagged enum.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Frame {
    /// Which [`Down`] it is.
    pub t: String,
    /// Subscription.
    pub sub: u32,
    /// Version of a snapshot, or of a page that is still right.
    pub version: u64,
    /// Version that a delta is applied to.
    pub from: u64,
    /// Version after a delta.
    pub to: u64,
    /// Parts of a snapshot.
    pub parts: Parts,
    /// Parts of a delta.
    pub put: Parts,
    /// Names of parts that went.
    pub del: Vec<String>,
    /// Why the store is away.
    pub why: String,
    /// What time it is on the server, in milliseconds since 1970.
    pub now: i64,
    /// The gateway.
    pub gateway: Option<super::home::Gateway>,
    /// What agents do.
    pub lines: BTreeMap<TaskId, Option<String>>,
    /// Where an agent writes, or people are.
    pub chat: Option<ChatId>,
    /// What it says, beyond what was told.
    pub stream: Option<StreamView>,
    /// Who is there.
    pub people: People,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_reads_what_the_server_says() {
        let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
        let parts = Parts::from([("head".to_owned(), raw(r#"{"a":1}"#))]);
        let task = TaskId(Default::default());
        let chat = ChatId(Default::default());
        let people = People { here: 2, typing: vec![super::super::chat::Typer { name: None, thinks: false }] };
        let frames = [
            Down::Snapshot { sub: 3, version: 7, parts: parts.clone() },
            Down::Delta { sub: 3, from: 7, to: 9, put: parts, del: vec!["t:1".into()] },
            Down::Away { sub: 3, why: "gone".into() },
            Down::Lines {
                project: ProjectId(Default::default()),
                lines: BTreeMap::from([(task, Some("reads".to_owned()))]),
            },
            Down::Bye,
            Down::Beat { now: Millis(5) },
            Down::People { chat, people: people.clone() },
        ];
        let read: Vec<Frame> =
            frames.iter().map(|f| serde_json::from_str(&serde_json::to_string(f).unwrap()).unwrap()).collect();
        assert_eq!((read[0].t.as_str(), read[0].sub, read[0].version), ("snapshot", 3, 7));
        assert_eq!(read[0].parts["head"].get(), r#"{"a":1}"#);
        assert_eq!((read[1].from, read[1].to, read[1].put.len(), read[1].del.len()), (7, 9, 1, 1));
        assert_eq!(read[2].why, "gone");
        assert_eq!(read[3].lines[&task].as_deref(), Some("reads"));
        assert_eq!(read[4].t, "bye");
        assert_eq!((read[5].t.as_str(), read[5].now), ("beat", 5));
        assert_eq!((read[6].t.as_str(), read[6].chat, &read[6].people), ("people", Some(chat), &people));
    }
}
