//! Finding messages of a project's chats, and the way back to an old one.
//!
//! Stores answer ranges and know no words, so messages are read page by page, newest first, and
//! looked at here. A call looks at so many and says where to go on.

use clutch_domain::id::{ChatId, MessageId, ProjectId};
use leptos::prelude::*;

use crate::{
    error::AppError,
    model::chat::{Back, Found},
};

/// The newest messages that have all the words, in any order and case, of all the chats of a project.
/// `before` is where an earlier call ended, in milliseconds since 1970.
#[server(prefix = "/fn", endpoint = "search_chats", output = crate::codec::Reply)]
pub async fn search_chats(project: ProjectId, words: String, before: Option<i64>) -> Result<Found, AppError> {
    use clutch_domain::time::Millis;

    use super::edge;
    use crate::site::site;

    let search = async { Ok(reading::search(&site()?.office, project, &words, before.map(Millis)).await?) };
    edge::told(search.await)
}

/// A page of the messages before a moment (milliseconds since 1970) on the way back to an older one.
#[server(prefix = "/fn", endpoint = "load_back", output = crate::codec::Reply)]
pub async fn load_back(chat: ChatId, message: MessageId, before: i64) -> Result<Back, AppError> {
    use clutch_domain::{
        chat::Message,
        doc::Kind,
        range::{Before, Range},
        time::Millis,
    };

    use super::edge;
    use crate::{model::messages, site::site};

    /// Messages of one page.
    const PAGE: u32 = 200;

    let load = async {
        let office = site()?.office;
        let to: Option<Message> = office.get(message).await?;
        let Some(to) = to.filter(|m| m.chat == chat) else { return Ok(Back::default()) };
        let range = Range::NewestChildren {
            kind: Kind::Message,
            parent: chat.to_string(),
            before: Some(Before::moment(Millis(before))),
            limit: PAGE + 1,
        };
        let mut read: Vec<Message> = office.all(range).await?;
        let more = read.len() > PAGE as usize;
        read.truncate(PAGE as usize);
        let reached = read.last().is_none_or(|oldest| oldest.created_at <= to.created_at);
        read.reverse();
        Ok::<_, AppError>(Back { there: true, items: messages(read).await?, reached, more })
    };
    edge::told(load.await)
}

#[cfg(feature = "ssr")]
mod reading {
    use std::collections::VecDeque;

    use clutch_domain::{
        chat::{Chat, Message},
        doc::Kind,
        id::ProjectId,
        range::{Before, Range},
        time::Millis,
    };
    use clutch_orchestrator::{office::Office, store::Fault};

    use super::super::snippet::Words;
    use crate::model::{
        byline,
        chat::{Found, Hit},
    };

    /// Chats of a project that are read at once.
    const CHATS: u32 = 200;
    /// A message may be so much newer than the moment by which its chat lies among the others: messages of one
    /// moment are put apart.
    const APART_MS: i64 = 1_000;
    /// Messages of one chat that are read at once.
    const PAGE: u32 = 200;
    /// Messages that one call looks at.
    const LOOKED_MAX: u32 = 5_000;
    /// Bytes of messages that one call looks at; the message that goes beyond is the last.
    const BYTES_MAX: usize = 16 * 1024 * 1024;
    /// Messages that one call finds.
    const HITS_MAX: usize = 50;

    /// One chat's messages, newest first, read as they are needed.
    struct Way {
        chat: Chat,
        read: VecDeque<Message>,
        // No unread message is newer than this; `None` when all are read.
        rest: Option<Millis>,
    }

    impl Way {
        fn new(chat: Chat, before: Option<Millis>) -> Self {
            let newest = chat.last.as_ref().map_or(chat.updated_at, |last| chat.updated_at.max(last.created_at));
            let rest = before.map_or(newest, |before| newest.min(before.plus(-1)));
            Self { chat, read: VecDeque::new(), rest: Some(rest) }
        }

        /// No message of this chat that was not looked at is newer.
        fn newest(&self) -> Option<Millis> {
            self.read.front().map(|m| m.created_at).or(self.rest)
        }

        async fn read_on(&mut self, office: &Office) -> Result<(), Fault> {
            let range = Range::NewestChildren {
                kind: Kind::Message,
                parent: self.chat.id.to_string(),
                before: self.rest.map(|rest| Before::moment(rest.plus(1))),
                limit: PAGE,
            };
            self.read = office.all::<Message>(range).await?.into();
            // Two messages of one chat never share a millisecond.
            let full = self.read.len() >= PAGE as usize;
            self.rest = self.read.back().filter(|_| full).map(|m| m.created_at.plus(-1));
            Ok(())
        }
    }

    /// The chats of a project, last spoken in first, read as they are needed.
    struct Ways {
        project: ProjectId,
        before: Option<Millis>,
        read: Vec<Way>,
        // The last chat that was read; `None` when all are.
        rest: Option<Before>,
    }

    impl Ways {
        async fn of(office: &Office, project: ProjectId, before: Option<Millis>) -> Result<Self, Fault> {
            let mut ways = Self { project, before, read: Vec::new(), rest: None };
            ways.read_on(office, None).await?;
            Ok(ways)
        }

        async fn read_on(&mut self, office: &Office, before: Option<Before>) -> Result<(), Fault> {
            let parent = self.project.to_string();
            let chats: Vec<Chat> =
                office.all(Range::NewestChildren { kind: Kind::Chat, parent, before, limit: CHATS }).await?;
            let last = chats.last().filter(|_| chats.len() >= CHATS as usize);
            self.rest = last.map(|chat| Before { at: chat.updated_at, id: chat.id.to_string() });
            self.read.extend(chats.into_iter().map(|chat| Way::new(chat, self.before)));
            Ok(())
        }

        /// The chat that may have the newest message of those that were not looked at.
        async fn next(&mut self, office: &Office) -> Result<Option<&mut Way>, Fault> {
            loop {
                let newest = self.read.iter().filter_map(Way::newest).max();
                let unread = self.rest.as_ref().map(|last| last.at.plus(APART_MS));
                if unread.is_none() || newest > unread {
                    return Ok(self.read.iter_mut().filter(|w| w.newest().is_some()).max_by_key(|w| w.newest()));
                }
                let last = self.rest.take();
                self.read_on(office, last).await?;
            }
        }
    }

    pub async fn search(
        office: &Office,
        project: ProjectId,
        words: &str,
        before: Option<Millis>,
    ) -> Result<Found, Fault> {
        let mut found = Found::default();
        let Some(words) = Words::of(words) else { return Ok(found) };
        let mut ways = Ways::of(office, project, before).await?;
        let (mut bytes, mut last) = (0, None);
        while let Some(way) = ways.next(office).await? {
            let full = found.looked >= LOOKED_MAX || bytes >= BYTES_MAX || found.hits.len() >= HITS_MAX;
            // Chats may share a millisecond, and the next call begins before it.
            if full && way.newest() < last {
                found.older = last.map(|at: Millis| at.0);
                break;
            }
            let Some(message) = way.read.pop_front() else {
                way.read_on(office).await?;
                continue;
            };
            last = Some(message.created_at);
            found.looked += 1;
            bytes += message.content.as_str().len();
            if let Some(pieces) = words.found_in(message.content.as_str()) {
                found.hits.push(Hit {
                    chat: way.chat.id,
                    title: way.chat.title.clone(),
                    message: message.id,
                    author: byline(message.by.as_ref(), &message.author).name,
                    at: message.said(),
                    pieces,
                });
            }
        }
        Ok(found)
    }
}
