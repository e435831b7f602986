//! Chats: their list, their messages, and what people do in them.

use clutch_domain::id::{ChatId, MessageId, ProjectId, TaskId};
use leptos::prelude::*;

use super::Saved;
use crate::{
    error::AppError,
    model::{
        chat::{OlderChats, Said},
        wire::Loaded,
    },
};

/// Title of a chat that nobody has named.
#[cfg(feature = "ssr")]
const NEW_CHAT: &str = "New chat";

/// The chats of a project.
#[server(prefix = "/fn", endpoint = "load_chats", output = crate::codec::Reply)]
pub async fn load_chats(slug: String) -> Result<Loaded, AppError> {
    use clutch_domain::query::{Query, answer};

    use super::edge;
    use crate::{
        model::{Extra, parts},
        site::site,
    };

    let load = async {
        let site = site()?;
        let query = Query::Chats { project: edge::project(&site, &slug).await?.id };
        let read = site.office.read(&query.fetch()).await?;
        let parts = parts(&query, &answer(&query, &read.value), &Extra::default());
        Ok::<_, AppError>(Loaded { version: read.version, parts })
    };
    edge::told(load.await)
}

/// The chats that follow one of a list, which was spoken in at `at` (milliseconds since 1970).
#[server(prefix = "/fn", endpoint = "load_older_chats", output = crate::codec::Reply)]
pub async fn load_older_chats(project: ProjectId, at: i64, chat: ChatId) -> Result<OlderChats, AppError> {
    use clutch_domain::{
        chat::Chat,
        doc::Kind,
        query::CHATS_SHOWN,
        range::{Before, Range},
        time::Millis,
    };

    use super::edge;
    use crate::{model::chat_row, site::site};

    let load = async {
        let range = Range::NewestChildren {
            kind: Kind::Chat,
            parent: project.to_string(),
            before: Some(Before { at: Millis(at), id: chat.to_string() }),
            limit: CHATS_SHOWN + 1,
        };
        let mut chats: Vec<Chat> = site()?.office.all(range).await?;
        let more = chats.len() > CHATS_SHOWN as usize;
        chats.truncate(CHATS_SHOWN as usize);
        Ok::<_, AppError>(OlderChats { rows: chats.iter().map(chat_row).collect(), more })
    };
    edge::told(load.await)
}

/// A chat with its newest messages.
#[server(prefix = "/fn", endpoint = "load_chat", output = crate::codec::Reply)]
pub async fn load_chat(chat: ChatId) -> Result<Loaded, AppError> {
    use clutch_domain::{
        query::{Query, answer},
        refusal::Refusal,
    };

    use super::edge;
    use crate::{
        model::{Extra, painted},
        site::site,
    };

    let load = async {
        let query = Query::Chat { chat };
        let read = site()?.office.read(&query.fetch()).await?;
        let parts = painted(query, answer(&query, &read.value), Extra::default()).await?;
        if parts.is_empty() { Err(Refusal::ChatNotFound.into()) } else { Ok(Loaded { version: read.version, parts }) }
    };
    edge::told(load.await)
}

/// Messages older than one that is shown, oldest first; fewer than fifty means that there are no more.
#[server(prefix = "/fn", endpoint = "load_older", output = crate::codec::Reply)]
pub async fn load_older(chat: ChatId, before: i64) -> Result<Vec<Said>, AppError> {
    use clutch_domain::{
        chat::Message,
        doc::Kind,
        query::MESSAGES_SHOWN,
        range::{Before, Range},
        time::Millis,
    };

    use super::edge;
    use crate::{model::messages, site::site};

    let load = async {
        let range = Range::NewestChildren {
            kind: Kind::Message,
            parent: chat.to_string(),
            before: Some(Before::moment(Millis(before))),
            limit: MESSAGES_SHOWN,
        };
        let mut said: Vec<Message> = site()?.office.all(range).await?;
        said.reverse();
        Ok::<_, AppError>(messages(said).await?)
    };
    edge::told(load.await)
}

/// Makes a chat and leads to it.
#[server(prefix = "/fn", endpoint = "create_chat", output = crate::codec::Reply)]
pub async fn create_chat(
    project: ProjectId,
    slug: String,
    #[server(default)] key: Option<String>,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        chat::Chat,
        command::{Command, NewChat},
        text::{ChatTitle, Participants, Slug},
    };

    use super::edge;

    let slug = edge::told(Slug::parse(&slug).map_err(AppError::from))?;
    let title = ChatTitle::made_of("", 0, NEW_CHAT);
    let new = NewChat { project, title, participants: Participants::coordinator(), about: None };
    let done = edge::run_once("create_chat", key, Command::CreateChat(new)).await?;
    if let Some(chat) = done.made::<Chat>() {
        edge::lead_to(&format!("/projects/{slug}/chat?chat={}", chat.id));
    }
    Ok(Saved::default())
}

/// Leads to the chat about a ticket; the first time it makes it, a deleted one it brings back.
#[server(prefix = "/fn", endpoint = "talk_about", output = crate::codec::Reply)]
pub async fn talk_about(task: TaskId) -> Result<Saved, AppError> {
    use clutch_domain::{
        chat::Chat,
        command::{Command, NewChat},
        doc::task_chat_name,
        project::Project,
        range::Range,
        refusal::Refusal,
        task::Task,
        text::{ChatTitle, Participants},
    };

    use super::edge;
    use crate::site::site;

    /// Longest title of a chat, in characters.
    const TITLE: usize = 100;

    let lead = async {
        let office = site()?.office;
        let about: Task = office.get(task).await?.ok_or(Refusal::TaskNotFound)?;
        let project: Project = office.get(about.project).await?.ok_or(Refusal::ProjectNotFound)?;
        let there: Option<Chat> = office.first(Range::unique(task_chat_name(task))).await?;
        let chat = match there {
            Some(chat) if chat.deleted_at.is_some() => {
                edge::run(Command::RestoreChat(chat.id)).await?;
                chat.id
            }
            Some(chat) => chat.id,
            None => {
                let words = format!("T-{} {}", about.number, about.title);
                let title = ChatTitle::made_of(&words, TITLE, NEW_CHAT);
                let participants = Participants::coordinator();
                let new = NewChat { project: about.project, title, participants, about: Some(task) };
                let done = edge::run(Command::CreateChat(new)).await?;
                done.made::<Chat>().ok_or(Refusal::ChatNotFound)?.id
            }
        };
        edge::lead_to(&format!("/projects/{}/chat?chat={chat}", project.slug));
        Ok::<_, AppError>(Saved::default())
    };
    edge::told(lead.await)
}

/// Gives a chat another name.
#[server(prefix = "/fn", endpoint = "rename_chat", output = crate::codec::Reply)]
pub async fn rename_chat(chat: ChatId, title: String) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{ChatPatch, Command},
        text::ChatTitle,
    };

    use super::edge::{save, told};

    let title = told(ChatTitle::parse(&title).map_err(AppError::from))?;
    save(Command::UpdateChat(chat, ChatPatch { title, session_key: None })).await
}

/// Takes a chat away; for a week it can be brought back.
#[server(prefix = "/fn", endpoint = "delete_chat", output = crate::codec::Reply)]
pub async fn delete_chat(chat: ChatId, slug: String) -> Result<Saved, AppError> {
    use clutch_domain::{command::Command, text::Slug};

    use super::edge;

    let slug = edge::told(Slug::parse(&slug).map_err(AppError::from))?;
    let saved = edge::save(Command::DeleteChat(chat)).await?;
    edge::lead_to(&format!("/projects/{slug}/chat"));
    Ok(saved)
}

/// Brings a deleted chat back.
#[server(prefix = "/fn", endpoint = "restore_chat", output = crate::codec::Reply)]
pub async fn restore_chat(chat: ChatId) -> Result<Saved, AppError> {
    super::edge::save(clutch_domain::command::Command::RestoreChat(chat)).await
}

/// Takes a message back that has not left; it is gone from the chat.
#[server(prefix = "/fn", endpoint = "withdraw_message", output = crate::codec::Reply)]
pub async fn withdraw_message(message: MessageId) -> Result<Saved, AppError> {
    super::edge::save(clutch_domain::command::Command::WithdrawMessage(message)).await
}

/// Sends a failed message again.
#[server(prefix = "/fn", endpoint = "retry_message", output = crate::codec::Reply)]
pub async fn retry_message(message: MessageId) -> Result<Saved, AppError> {
    super::edge::save(clutch_domain::command::Command::RetryMessage(message)).await
}

/// Stops the answer that is being written in a chat; what was said so far is kept.
#[server(prefix = "/fn", endpoint = "stop_answer", output = crate::codec::Reply)]
pub async fn stop_answer(chat: ChatId) -> Result<Saved, AppError> {
    use clutch_domain::{chat::Chat, refusal::Refusal, right::Right};

    use super::edge;
    use crate::site::{site, who};

    let stop = async {
        if !who().may(Right::Write) {
            return Err(Refusal::NotAllowed.into());
        }
        let site = site()?;
        let found: Chat = site.office.get(chat).await?.ok_or(Refusal::ChatNotFound)?;
        let runtime = site.runtimes.of_chat(&found);
        if let Some((runtime, session)) = runtime.and_then(|of| of.session_of(&found).map(|session| (of, session))) {
            runtime.agents.abort(session, false).await.map_err(|error| {
                AppError::new(crate::error::Class::Away, "not_stopped", format!("It could not be stopped: {error}."))
            })?;
        }
        Ok::<_, AppError>(Saved::default())
    };
    edge::told(stop.await)
}

/// A ticket that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Made {
    /// Its number.
    pub number: u64,
}

/// Makes a ticket of a message, or of the part of it that somebody has marked: the first line is the
/// title, and a link leads back.
#[server(prefix = "/fn", endpoint = "ticket_of", output = crate::codec::Reply)]
pub async fn ticket_of(
    message: MessageId,
    part: Option<String>,
    #[server(default)] key: Option<String>,
) -> Result<Made, AppError> {
    use clutch_domain::{
        chat::{Chat, Message},
        command::{Command, NewTask},
        project::Project,
        refusal::Refusal,
        task::{Status, Task, TaskFields},
        text::{Body, Title, preview},
    };

    use super::edge;
    use crate::site::site;

    /// Longest title that a first line becomes, in characters (facts §7.4).
    const FIRST_LINE: usize = 100;

    let make = async {
        let office = site()?.office;
        let said: Message = office.get(message).await?.ok_or(Refusal::MessageNotFound)?;
        let chat: Chat = office.get(said.chat).await?.ok_or(Refusal::ChatNotFound)?;
        let project: Project = office.get(chat.project).await?.ok_or(Refusal::ProjectNotFound)?;
        let words = part.as_deref().map(str::trim).filter(|part| !part.is_empty()).unwrap_or(said.content.as_str());
        let first =
            words.lines().map(|line| line.trim_start_matches(['#', '>', '-', '*', ' '])).find(|l| !l.is_empty());
        let back = format!("/projects/{}/chat?chat={}#m-{}", project.slug, chat.id, said.id);
        let about = format!("{words}\n\n[From the chat \u{201c}{}\u{201d}]({back})", chat.title);
        let new = NewTask {
            project: project.id,
            title: Title::parse(&preview(first.unwrap_or("From a chat"), FIRST_LINE))?,
            status: Status::Backlog,
            fields: TaskFields { description: Some(Body::parse(&about)?), ..TaskFields::default() },
            dependencies: Vec::new(),
        };
        let done = edge::run_once("ticket_of", key, Command::CreateTask(new)).await?;
        let made = done.made::<Task>().ok_or(Refusal::TaskNotFound)?;
        // Asked for again, it has the number that it got the first time.
        let kept: Option<Task> = office.get(made.id).await?;
        Ok::<_, AppError>(Made { number: kept.ok_or(Refusal::TaskNotFound)?.number })
    };
    edge::told(make.await)
}
