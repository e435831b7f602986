//! What agents say by themselves reaches the chat, once, whatever happens to the signs of it.

use std::{sync::Arc, time::Duration};

use clutch_domain::{
    chat::{Chat, Message},
    command::{Command, NewMessage},
    doc::{Kind, Scope},
    id::{ChatId, ProjectId},
    range::{Fetch, Range},
    text::{Body, Handle, RunKey},
};
use clutch_gateway::OpenClawNames;
use clutch_orchestrator::runtime::{Names, RunSign, RuntimeError, Runtimes};
use futures_util::StreamExt;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    House,
    agents::{Agents, TELLS, finished, seen},
    id,
};
use crate::chat::{
    bridge::Bridge,
    missed,
    settling::{Pauses, Settling},
};

/// Longest wait for anything.
const LONG: Duration = Duration::from_secs(60);
/// Tests do not wait long between two tries.
const SOON: Pauses = Pauses { first: Duration::from_millis(1), longest: Duration::from_millis(20) };

/// A house with a chat, and agents who speak in it.
struct Talk {
    house: House,
    agents: Arc<Agents>,
    bridge: Arc<Bridge>,
    chat: ChatId,
    session: String,
    parts: JoinSet<()>,
}

impl Talk {
    /// `waiting` events are kept for a slow listener; more are missed.
    async fn new(waiting: usize) -> Self {
        let house = House::new();
        let project: ProjectId = house.project("feeder").await.parse().unwrap();
        let chat = house.post("/api/chats", json!({ "project_id": project, "title": "Talk" })).await.ok(201);
        let chat: ChatId = id(&chat["chat"]).parse().unwrap();
        let session = format!("clutch:feeder:{chat}");
        let agents = Agents::new(waiting);
        let bridge = Arc::new(Bridge {
            office: house.office.clone(),
            runtimes: Runtimes::new([agents.runtime()]),
            streams: house.state.streams.clone(),
            uploads: house.state.uploads.clone(),
            ephemeral: house.state.ephemeral.clone(),
            settling: Settling::new(SOON),
            looks: Default::default(),
        });
        let mut talk = Self { house, agents, bridge, chat, session, parts: JoinSet::new() };
        // Whoever would carry the words, and give the session its name, is not in this house.
        talk.says("dan", "hello", None, true).await;
        let named = Command::NameSession(talk.chat, talk.session.clone(), None);
        talk.house.by_loop(named).await;
        talk.listen().await;
        talk
    }

    async fn listen(&mut self) {
        let before = self.agents.listeners();
        self.parts.spawn(self.bridge.clone().follow());
        while self.agents.listeners() == before {
            tokio::task::yield_now().await;
        }
    }

    fn look(&mut self) {
        self.parts.spawn(missed::fetch(self.bridge.clone(), Arc::new(self.agents.runtime()), || true, SOON));
    }

    async fn says(&self, who: &str, words: &str, run: Option<&str>, send: bool) {
        let new = NewMessage {
            run_id: run.map(|run| RunKey::parse(run).unwrap().unwrap()),
            send,
            heard: run.is_some(),
            ..NewMessage::new(self.chat, Handle::parse(who).unwrap().unwrap(), Body::parse(words).unwrap().unwrap())
        };
        self.house.by_loop(Command::PostMessage(new)).await;
    }

    /// What the agent said in the chat, once all of this is there.
    async fn said(&self, runs: &[&str]) -> Vec<Message> {
        let range =
            Range::NewestChildren { kind: Kind::Message, parent: self.chat.to_string(), before: None, limit: 100 };
        let fetch = Fetch { scopes: vec![Scope::Chat(self.chat)], ranges: vec![range.clone()] };
        let mut watch = self.house.office.store().watch(fetch);
        let mut last = Vec::new();
        let all = async {
            while let Some(read) = watch.next().await {
                let mut said: Vec<Message> = read.unwrap().value.all::<Message>(&range).cloned().collect();
                said.retain(|message| message.run_id.is_some());
                said.reverse();
                last.clone_from(&said);
                if runs.iter().all(|run| said.iter().any(|message| message.run_id.as_deref() == Some(run))) {
                    return said;
                }
            }
            unreachable!("watches do not end")
        };
        match tokio::time::timeout(LONG, all).await {
            Ok(said) => said,
            Err(_) => panic!("never all of {runs:?}: {last:?}"),
        }
    }

    async fn until(&self, what: &str, fits: impl Fn(&Agents) -> bool) {
        let wait = async {
            while !fits(&self.agents) {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(LONG, wait).await.is_ok(), "never {what}");
    }
}

fn unknown() -> RuntimeError {
    RuntimeError::Unknown("the gateway did not answer in time".into())
}

/// Listening must not wait for the gateway: it says in one breath what it needs a moment to tell whole.
#[tokio::test]
async fn a_slow_gateway_makes_nobody_deaf() {
    let talk = Talk::new(4).await;
    let tells = talk.agents.tells.acquire_many(TELLS as u32).await.unwrap();
    talk.agents.script().answers.insert("one".into(), [Ok(Some("The first.".into()))].into());
    talk.agents.tell(&talk.session, "one", finished(""));
    talk.until("asked for the first answer", |agents| agents.asks() == 1).await;
    // While that takes its time, much else is said, and another answer among it.
    for n in 0..40 {
        talk.agents.tell(&talk.session, "two", RunSign::Text(format!("word {n}")));
        tokio::time::timeout(LONG, talk.agents.heard()).await.expect("somebody listens");
    }
    talk.agents.tell(&talk.session, "two", finished("The second."));
    tokio::time::timeout(LONG, talk.agents.heard()).await.expect("somebody listens");
    drop(tells);
    let said = talk.said(&["one", "two"]).await;
    assert_eq!(said.iter().map(|m| m.content.as_str()).collect::<Vec<_>>(), ["The first.", "The second."]);
    assert_eq!(*talk.bridge.looks.borrow(), 1, "nothing was missed since it began");
}

/// Signs that came too fast are no loss: the session has the answers, and is looked into until it shows them.
#[tokio::test]
async fn what_was_missed_is_looked_for_until_it_is_found() {
    let mut talk = Talk::new(4).await;
    talk.look();
    talk.until("looked after connecting", |agents| agents.looks() == 1).await;
    {
        let mut script = talk.agents.script();
        script.sessions.insert(talk.session.clone(), vec![seen("lost", "Nobody heard this.", 5)]);
        let busy = RuntimeError::Refused { code: "UNAVAILABLE".into(), sentence: "starting".into() };
        script.looks_fail.extend([unknown(), busy, unknown()]);
    }
    talk.agents.tell(&talk.session, "lost", finished("Nobody heard this."));
    for n in 0..40 {
        talk.agents.tell(&talk.session, "other", RunSign::Text(format!("word {n}")));
    }
    let said = talk.said(&["lost"]).await;
    assert_eq!(said.len(), 1, "{said:?}");
    // After the look that came through there is no reason for another.
    let looks = talk.agents.looks();
    assert_eq!(looks, 5, "one at first, three in vain, one that came through");
    talk.agents.tell(&talk.session, "more", finished("And this."));
    talk.said(&["lost", "more"]).await;
    assert_eq!(talk.agents.looks(), looks);
}

/// Whatever the clocks of the two machines say, and whatever the chat has got meanwhile.
#[tokio::test]
async fn answers_are_known_by_their_run_and_not_by_the_time() {
    let mut talk = Talk::new(64).await;
    talk.says("ada", "Told by an older plugin.", None, false).await;
    talk.says("ada", "Already there.", Some("known"), false).await;
    talk.agents.script().sessions.insert(
        talk.session.clone(),
        vec![
            // By the gateway's clock all of this is older than what the chat has, or said in the far future.
            seen("missed", "While nobody listened.", 1),
            seen("known", "Already there.", 2),
            seen("unnamed", "Told by an older plugin.", 3),
            seen("silent", "NO_REPLY", 4),
            seen("ahead", "From tomorrow.", i64::MAX),
        ],
    );
    talk.look();
    let said = talk.said(&["known", "missed", "ahead"]).await;
    let words: Vec<&str> = said.iter().map(|m| m.content.as_str()).collect();
    assert_eq!(words, ["Already there.", "While nobody listened.", "From tomorrow."]);
    // Another connection, another look: nothing is brought twice.
    talk.agents.disconnect();
    talk.agents.connect(2);
    talk.until("looked again", |agents| agents.looks() == 2).await;
    talk.agents.tell(&talk.session, "last", finished("The end."));
    assert_eq!(talk.said(&["last"]).await.len(), 4);
}

/// An answer whose rest cannot be fetched now is not kept in part.
#[tokio::test]
async fn a_long_answer_is_kept_whole_or_says_that_it_is_not() {
    let talk = Talk::new(64).await;
    let whole = format!("It begins so.{}", " And it goes on.".repeat(500));
    let cut = &whole[..4_000];
    {
        let mut script = talk.agents.script();
        let late = [Err(unknown()), Err(unknown()), Ok(Some(whole.clone()))];
        script.answers.insert("late".into(), late.into());
        let refused = RuntimeError::Refused { code: "INVALID_REQUEST".into(), sentence: "no such message".into() };
        script.answers.insert("refused".into(), [Err(refused)].into());
        script.answers.insert("never".into(), [Err(unknown())].into());
    }
    for run in ["late", "refused", "never"] {
        talk.agents.tell(&talk.session, run, finished(cut));
    }
    // A short one needs nobody's help. It waits for those before it, and no longer.
    talk.agents.tell(&talk.session, "short", finished("Short."));
    let said = talk.said(&["late", "refused", "never", "short"]).await;
    let words = |run: &str| {
        let of_run: Vec<&Message> = said.iter().filter(|m| m.run_id.as_deref() == Some(run)).collect();
        assert_eq!(of_run.len(), 1, "{run}");
        of_run[0].content.as_str()
    };
    assert_eq!(words("late"), whole);
    for run in ["refused", "never"] {
        assert!(words(run).starts_with(cut) && words(run).contains("may be missing"), "{run}: {}", words(run));
    }
    let order: Vec<&str> = said.iter().filter_map(|m| m.run_id.as_deref()).collect();
    assert_eq!(order, ["late", "refused", "never", "short"]);
}

/// The gateway's default agent may have any name, and after a restart nobody remembers our form of a key.
#[tokio::test]
async fn a_chat_is_found_whatever_the_agent_is_called() {
    let talk = Talk::new(64).await;
    let session = format!("agent:boss:{}", talk.session);
    assert_eq!(OpenClawNames.chat_of(&session), Some(talk.chat));
    talk.agents.tell(&session, "boss-1", finished("From the boss."));
    assert_eq!(talk.said(&["boss-1"]).await.len(), 1);
}

/// However many chats there are: all that were spoken in lately are looked into.
#[tokio::test]
async fn every_chat_that_is_alive_is_looked_into() {
    let mut talk = Talk::new(64).await;
    let chat: Chat = talk.house.office.get(talk.chat).await.unwrap().unwrap();
    for n in 0..30 {
        let body = json!({ "project_id": chat.project, "title": format!("Chat {n}") });
        let other = id(&talk.house.post("/api/chats", body).await.ok(201)["chat"]);
        let body = json!({ "content": "hello", "author": "dan", "send": true });
        talk.house.post(&format!("/api/chats/{other}/messages"), body).await.ok(201);
        let other: ChatId = other.parse().unwrap();
        talk.house.by_loop(Command::NameSession(other, format!("clutch:feeder:{other}"), None)).await;
    }
    let run = seen("old", "In the chat that was spoken in first.", 1);
    talk.agents.script().sessions.insert(talk.session.clone(), vec![run]);
    talk.look();
    talk.said(&["old"]).await;
}
