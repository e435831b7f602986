//! The agent's session behind a chat, and what is said to it.

use clutch_domain::id::ChatId;
use leptos::prelude::*;

use super::Saved;
use crate::{
    error::AppError,
    model::chat::{Heard, Mention, ModelChoice, SessionView},
};

/// Writes a message as whoever calls. Once this answers, the message reaches the agent,
/// whatever dies in between. A command that the page knows ([`crate::model::slash`]) is done instead.
/// Sent again under the same key, it is one message.
#[server(prefix = "/fn", endpoint = "send_message", output = crate::codec::Reply)]
pub async fn send_message(
    chat: ChatId,
    content: String,
    #[server(default)] key: Option<String>,
) -> Result<Heard, AppError> {
    use clutch_domain::{
        command::{Command, NewMessage},
        refusal::Refusal,
        speech,
        text::Body,
    };

    use super::edge;
    use crate::{
        model::slash,
        site::{author, who},
    };

    let send = async {
        if let Some((name, rest)) = slash::parse(&content)
            && speech::issue(&content).is_none()
        {
            return work::command(chat, name, rest, key).await;
        }
        let content = Body::parse(&content)?.ok_or(Refusal::ContentMissing)?;
        let message = NewMessage { send: true, ..NewMessage::new(chat, author(&who()).0, content) };
        edge::run_once("send_message", key, Command::PostMessage(message)).await?;
        Ok(Heard::default())
    };
    edge::told(send.await)
}

/// The agent's session of a chat; `None` before its first words, and while the gateway is away.
#[server(prefix = "/fn", endpoint = "chat_session", output = crate::codec::Reply)]
pub async fn chat_session(chat: ChatId) -> Result<Option<SessionView>, AppError> {
    super::edge::told(work::view(chat).await)
}

/// Models that the gateway offers.
#[server(prefix = "/fn", endpoint = "chat_models", output = crate::codec::Reply)]
pub async fn chat_models() -> Result<Vec<ModelChoice>, AppError> {
    super::edge::told(work::models().await)
}

/// Lets another model answer in a chat.
#[server(prefix = "/fn", endpoint = "use_model", output = crate::codec::Reply)]
pub async fn use_model(chat: ChatId, model: String) -> Result<Saved, AppError> {
    super::edge::told(work::use_model(chat, model).await.map(|_| Saved::default()))
}

/// Lets the agent forget a chat. Its messages stay, and the next one tells it again what the project is.
#[server(prefix = "/fn", endpoint = "reset_chat", output = crate::codec::Reply)]
pub async fn reset_chat(chat: ChatId) -> Result<Saved, AppError> {
    super::edge::told(work::reset(chat).await.map(|_| Saved::default()))
}

/// Shortens what the agent remembers of a chat. Answers when it is done, which can take minutes.
#[server(prefix = "/fn", endpoint = "compact_chat", output = crate::codec::Reply)]
pub async fn compact_chat(chat: ChatId) -> Result<Saved, AppError> {
    super::edge::told(work::compact(chat).await.map(|_| Saved::default()))
}

/// Tickets that are open, and agents, by a part of their name; the best few.
#[server(prefix = "/fn", endpoint = "find_mentions", output = crate::codec::Reply)]
pub async fn find_mentions(chat: ChatId, words: String) -> Result<Vec<Mention>, AppError> {
    super::edge::told(work::mentions(chat, &words).await)
}

#[cfg(feature = "ssr")]
mod work {
    use std::sync::Arc;

    use clutch_domain::{
        actor::{Actor, COORDINATOR},
        chat::{Chat, Message},
        command::{Command, NewChat, NewMessage},
        doc::{Kind, Scope},
        id::ChatId,
        project::Project,
        range::{Fetch, Order, Range},
        refusal::Refusal,
        right::Right,
        task::{Status, Task},
        text::{Body, ChatTitle, Handle, Participants},
    };
    use clutch_orchestrator::runtime::{Away, Runtime, RuntimeError, RuntimeState, Sessions};

    use crate::{
        api::edge,
        error::{AppError, Class},
        markdown,
        model::{
            chat::{Heard, Mention, ModelChoice, SessionView},
            slash::SLASHES,
        },
        site::{Site, site, who},
    };

    /// Newest messages among which one that is under way is looked for.
    const LOOKED_AT: u32 = 20;

    async fn living(site: &Site, chat: ChatId) -> Result<Chat, AppError> {
        let found: Option<Chat> = site.office.get(chat).await?;
        let chat = found.filter(|chat| chat.deleted_at.is_none()).ok_or(Refusal::ChatNotFound)?;
        let project: Option<Project> = site.office.get(chat.project).await?;
        if project.is_none_or(|project| project.deleted_at.is_some()) {
            return Err(Refusal::ChatNotFound.into());
        }
        Ok(chat)
    }

    /// The session of a chat, also of one that nobody has spoken in.
    async fn session(site: &Site, chat: &Chat) -> Result<String, AppError> {
        let runtime = runtime(site, chat)?;
        if let Some(name) = runtime.session_of(chat) {
            return Ok(name.to_owned());
        }
        let project: Project = site.office.get(chat.project).await?.ok_or(Refusal::ProjectNotFound)?;
        Ok(runtime.names.of_chat(&project.slug, chat.id))
    }

    fn runtime<'a>(site: &'a Site, chat: &Chat) -> Result<&'a Arc<Runtime>, AppError> {
        site.runtimes.of_chat(chat).ok_or_else(|| {
            let sentence = format!("This server has no runtime called \u{201c}{}\u{201d}.", chat.runtime);
            AppError::new(Class::Conflict, "runtime_unknown", sentence)
        })
    }

    /// What looks after the sessions of a runtime.
    fn care(runtime: &Runtime) -> Result<Arc<dyn Sessions>, AppError> {
        runtime.sessions.clone().ok_or_else(|| {
            let sentence = format!("{} keeps no sessions that could be looked after.", runtime.label);
            AppError::new(Class::Conflict, "sessions_not_kept", sentence)
        })
    }

    fn away(error: RuntimeError) -> AppError {
        match error {
            RuntimeError::Refused { sentence, .. } => {
                AppError::new(Class::Conflict, "gateway_refused", format!("The gateway refused it: {sentence}"))
            }
            other => AppError::new(Class::Away, "gateway_away", format!("The gateway does not answer: {other}")),
        }
    }

    /// Goes on to its end, also when whoever asked closes the tab.
    async fn to_its_end<T: Send + 'static>(
        work: impl Future<Output = Result<T, AppError>> + Send + 'static,
    ) -> Result<T, AppError> {
        let (done, answer) = tokio::sync::oneshot::channel();
        leptos::task::spawn(async move {
            // Nobody may wait any more.
            let _ = done.send(work.await);
        });
        answer.await.unwrap_or_else(|_| Err(AppError::not_understood()))
    }

    async fn notice(site: &Site, actor: &Actor, chat: ChatId, words: &str, resets: bool) -> Result<(), AppError> {
        let Some(content) = Body::parse(words)? else { return Ok(()) };
        let message = NewMessage { resets, ..NewMessage::new(chat, Handle::system(), content) };
        site.office.run(actor, &Command::PostMessage(message)).await?;
        Ok(())
    }

    /// Orders to a session are a person's, typed or pressed; a program's are refused as its typed ones are.
    fn person() -> Result<Actor, AppError> {
        let actor = who();
        match actor.is_human() {
            true if actor.may(Right::Instruct) => Ok(actor),
            true => Err(Refusal::ViewersLook.into()),
            false => Err(Refusal::CommandRefused.into()),
        }
    }

    /// What a command of the page does and answers.
    pub async fn command(chat: ChatId, name: &str, rest: &str, key: Option<String>) -> Result<Heard, AppError> {
        person()?;
        let said = |words: String| Ok(Heard { note: Some(markdown::render(&words)) });
        let done = Ok(Heard::default());
        match name {
            "/new" => {
                new_chat(chat, rest, key).await?;
                done
            }
            "/status" => said(status(chat).await?),
            "/model" if rest.is_empty() => said(list_models(chat).await?),
            "/model" => {
                use_model(chat, rest.to_owned()).await?;
                done
            }
            "/compact" => {
                compact(chat).await?;
                done
            }
            "/reset" => {
                reset(chat).await?;
                done
            }
            "/issue" => said("Say after `/issue` what you want; the agent makes tickets of it.".into()),
            _ => said(help()),
        }
    }

    fn help() -> String {
        let line = |(name, takes, does): (&str, &str, &str)| match takes {
            "" => format!("- `{name}`: {does}\n"),
            _ => format!("- `{name} {takes}`: {does}\n"),
        };
        let lines: String = SLASHES.iter().map(|s| line((s.name, s.takes, s.does))).collect();
        format!(
            "{lines}\nOther words with a slash go to the agent's gateway. `@` finds tickets and agents, \
             the Up key takes back a message that has not left yet."
        )
    }

    async fn new_chat(chat: ChatId, title: &str, key: Option<String>) -> Result<(), AppError> {
        let site = site()?;
        let found = living(&site, chat).await?;
        let project: Project = site.office.get(found.project).await?.ok_or(Refusal::ProjectNotFound)?;
        let title = ChatTitle::made_of(title, 100, "New chat");
        let new = NewChat { project: found.project, title, participants: Participants::coordinator(), about: None };
        let made = edge::run_once("new_chat", key, Command::CreateChat(new)).await?;
        if let Some(chat) = made.made::<Chat>() {
            edge::lead_to(&format!("/projects/{}/chat?chat={}", project.slug, chat.id));
        }
        Ok(())
    }

    async fn status(chat: ChatId) -> Result<String, AppError> {
        let site = site()?;
        let found = living(&site, chat).await?;
        let mut lines = match &*runtime(&site, &found)?.agents.state().borrow() {
            RuntimeState::Ready { what, .. } => vec![format!("Gateway: connected, {what}")],
            RuntimeState::Away(Away { retry_at: None, .. }) => vec!["Gateway: connecting".to_owned()],
            RuntimeState::Away(Away { sentence, .. }) => vec![format!("Gateway: {sentence}")],
        };
        lines.push(format!("Session: `{}`", session(&site, &found).await?));
        match view(chat).await? {
            None => lines.push("The agent has not been spoken to here yet.".into()),
            Some(view) => {
                let tokens = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
                lines.push(format!("Model: {}", view.model.as_deref().unwrap_or("the gateway's default")));
                if let Some(percent) = view.percent() {
                    let (used, window) = (tokens(view.used), tokens(view.window));
                    lines.push(format!("Context: {percent} % ({used} of {window} tokens)"));
                }
                lines.push(format!("Tokens: {} read, {} written", tokens(view.input), tokens(view.output)));
                lines.extend(view.cost().map(|cost| format!("Cost so far: {cost} (estimated)")));
            }
        }
        lines.push(if busy(&site, chat).await? { "The agent is at work." } else { "Nothing is under way." }.into());
        Ok(lines.iter().map(|line| format!("- {line}\n")).collect())
    }

    /// Mentions that are offered at once.
    const MENTIONS: usize = 8;
    /// Tickets of a column that are looked through for a mention.
    const TICKETS_LOOKED_AT: u32 = 500;

    pub async fn mentions(chat: ChatId, words: &str) -> Result<Vec<Mention>, AppError> {
        let site = site()?;
        let found = living(&site, chat).await?;
        let wanted = words.trim().to_lowercase();
        let column = |status: Status| Range::ByStatus {
            kind: Kind::Task,
            scope: Some(Scope::Project(found.project)),
            status: status.word().into(),
            order: Order::Ordered,
            limit: TICKETS_LOOKED_AT,
        };
        let ranges: Vec<Range> = Status::ALL.iter().copied().filter(|s| *s != Status::Done).map(column).collect();
        let read = site.office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?;
        let mut tasks: Vec<&Task> = ranges.iter().flat_map(|range| read.value.all::<Task>(range)).collect();
        tasks.sort_by_key(|task| std::cmp::Reverse(task.status_changed_at));
        let mut agents = std::collections::BTreeSet::from([COORDINATOR.to_owned()]);
        agents.extend(found.participants.iter().cloned());
        agents.extend(tasks.iter().filter_map(|task| task.assignee.clone()));
        let agents = agents.into_iter().filter(|name| name.to_lowercase().contains(&wanted));
        let agents = agents.map(|name| Mention { name: format!("@{name}"), what: "agent".into() });
        let named = |task: &&&Task| {
            format!("t-{}", task.number).contains(&wanted) || task.title.as_str().to_lowercase().contains(&wanted)
        };
        let tickets = tasks.iter().filter(named);
        let tickets = tickets.map(|t| Mention { name: format!("T-{}", t.number), what: t.title.to_string() });
        // Agents first: there are few, and tickets would push them out.
        Ok(agents.take(MENTIONS / 2).chain(tickets).take(MENTIONS).collect())
    }

    async fn busy(site: &Site, chat: ChatId) -> Result<bool, AppError> {
        let newest =
            Range::NewestChildren { kind: Kind::Message, parent: chat.to_string(), before: None, limit: LOOKED_AT };
        Ok(site.office.all::<Message>(newest).await?.iter().any(Message::open))
    }

    async fn free(site: &Site, chat: ChatId) -> Result<(), AppError> {
        if busy(site, chat).await? {
            let sentence = "The agent is at work in this chat. Stop it or wait for its answer, then try again.";
            return Err(AppError::new(Class::Conflict, "agent_at_work", sentence));
        }
        Ok(())
    }

    pub async fn view(chat: ChatId) -> Result<Option<SessionView>, AppError> {
        let site = site()?;
        let found: Option<Chat> = site.office.get(chat).await?;
        // A header without figures is better than an error while the gateway is away.
        let runtime = found.as_ref().and_then(|chat| site.runtimes.of_chat(chat));
        let name = runtime.and_then(|runtime| runtime.session_of(found.as_ref()?));
        let info = match (runtime.and_then(|runtime| runtime.sessions.as_ref()), name) {
            (Some(sessions), Some(name)) => sessions.session(name).await.ok().flatten(),
            _ => None,
        };
        Ok(info.map(|info| SessionView {
            model: info.model,
            used: info.used,
            window: info.window,
            input: info.input,
            output: info.output,
            cost_micros: info.cost_micros,
        }))
    }

    pub async fn models() -> Result<Vec<ModelChoice>, AppError> {
        let site = site()?;
        let usual = site.runtimes.usual();
        let Some(sessions) = usual.and_then(|runtime| runtime.sessions.as_ref()) else { return Ok(Vec::new()) };
        let models = sessions.models().await.map_err(away)?;
        Ok(models.into_iter().map(|m| ModelChoice { id: m.id, name: m.name }).collect())
    }

    async fn list_models(chat: ChatId) -> Result<String, AppError> {
        let now = view(chat).await?.and_then(|view| view.model);
        let mut lines = match now {
            Some(now) => format!("Here answers `{now}`. The gateway offers:\n\n"),
            None => "The gateway offers:\n\n".to_owned(),
        };
        models().await?.iter().for_each(|m| lines.push_str(&format!("- `{}`\n", m.id)));
        Ok(lines + "\nChoose one with `/model` and its name.")
    }

    /// Sets a model by its id, or by a part of its id or name that only one has.
    pub async fn use_model(chat: ChatId, name: String) -> Result<(), AppError> {
        let site = site()?;
        let actor = person()?;
        let found = living(&site, chat).await?;
        let care = care(runtime(&site, &found)?)?;
        let session = session(&site, &found).await?;
        let all = models().await?;
        let wanted = name.trim().to_lowercase();
        let part = |m: &&ModelChoice| m.id.to_lowercase().contains(&wanted) || m.name.to_lowercase().contains(&wanted);
        let matching: Vec<&ModelChoice> = all.iter().filter(part).collect();
        let exact = all.iter().find(|m| m.id.eq_ignore_ascii_case(&wanted) || m.name.eq_ignore_ascii_case(&wanted));
        let model = match (exact, &matching[..]) {
            (Some(model), _) => model.id.clone(),
            (None, [model]) => model.id.clone(),
            (None, []) => {
                let known = all.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
                let sentence = format!("The gateway has no model \u{201c}{name}\u{201d}. It offers: {known}.");
                return Err(AppError::new(Class::Invalid, "model_unknown", sentence));
            }
            (None, several) => {
                let several = several.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
                let sentence = format!("Several models are called like that: {several}. Say one of these names.");
                return Err(AppError::new(Class::Invalid, "model_ambiguous", sentence));
            }
        };
        to_its_end(async move {
            care.use_model(&session, &model).await.map_err(away)?;
            notice(&site, &actor, chat, &format!("From here on `{model}` answers."), false).await
        })
        .await
    }

    pub async fn reset(chat: ChatId) -> Result<(), AppError> {
        let site = site()?;
        let actor = person()?;
        let found = living(&site, chat).await?;
        free(&site, chat).await?;
        let care = care(runtime(&site, &found)?)?;
        let session = session(&site, &found).await?;
        to_its_end(async move {
            care.reset(&session).await.map_err(away)?;
            let words = "The agent's memory of this chat was emptied. The messages stay; the agent begins anew.";
            notice(&site, &actor, chat, words, true).await
        })
        .await
    }

    pub async fn compact(chat: ChatId) -> Result<(), AppError> {
        let site = site()?;
        let actor = person()?;
        let found = living(&site, chat).await?;
        free(&site, chat).await?;
        let care = care(runtime(&site, &found)?)?;
        let Some(session) = runtime(&site, &found)?.session_of(&found).map(str::to_owned) else {
            let sentence = "Nothing was said here yet, so there is nothing to shorten.";
            return Err(AppError::new(Class::Conflict, "nothing_to_compact", sentence));
        };
        to_its_end(async move {
            care.compact(&session).await.map_err(away)?;
            let words = "The agent's memory of this chat was shortened to a summary.";
            notice(&site, &actor, chat, words, false).await
        })
        .await
    }
}
