//! A person's message on its way to the agent: which steps follow which, and what each says.

use std::sync::Arc;

use clutch_domain::{
    actor::Actor,
    chat::{Chat, DeliveryStatus, Message, Step},
    command::{Carry, Command, DeliveryPatch, NewMessage},
    doc::Kind,
    id::{ChatId, MessageId},
    range::{Fetch, Order, Range},
    refusal::Refusal,
    speech::Speech,
    text::{Body, Handle},
    time::{DAY_MS, Millis},
};
use clutch_orchestrator::office::{Clock, Error, Office};

use crate::house::{Counting, House, me};

async fn general(house: &House) -> ChatId {
    let range = Range::children(Kind::Chat, house.project, 1);
    let docs = house.store.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await.unwrap().value;
    docs.first::<Chat>(&range).unwrap().id
}

async fn kept(house: &House, id: MessageId) -> Message {
    let range = Range::doc(Kind::Message, id);
    let docs = house.store.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await.unwrap().value;
    docs.first::<Message>(&range).unwrap().clone()
}

async fn post(house: &House, send: bool) -> MessageId {
    let content = Body::parse("Hello").unwrap().unwrap();
    let message = NewMessage { send, ..NewMessage::new(general(house).await, Handle::owner(), content) };
    house.run(Command::PostMessage(message)).await.unwrap().made::<Message>().unwrap().id
}

/// A clock that stands where it is put.
struct Stands(Millis);

impl Clock for Stands {
    fn now(&self) -> Millis {
        self.0
    }
}

/// The clock was a day ahead for a moment. The thread keeps the order in which things were said; what is shown,
/// and what ages are counted from, is when they were.
#[tokio::test]
async fn a_clock_that_was_ahead_makes_no_later_message_lie() {
    let house = House::new().await;
    let chat = general(&house).await;
    let said_at = async |clock: Millis, n: u64| {
        let office =
            Office::new(house.store.clone(), Arc::new(Stands(clock)), Arc::new(Counting::starting_at(n << 20)));
        let content = Body::parse(&format!("at {}", clock.0)).unwrap().unwrap();
        let new = NewMessage::new(chat, Handle::owner(), content);
        office.run(&me(), &Command::PostMessage(new)).await.unwrap().made::<Message>().unwrap().id
    };
    let today = Millis(1_800_000_000_000);
    let ahead = today.plus(DAY_MS);
    let clocks = [today, ahead, today.plus(10_000), today.plus(20_000), today.plus(20_000), ahead.plus(5_000)];
    let mut ids = Vec::new();
    for (n, clock) in (1..).zip(clocks) {
        ids.push(said_at(clock, n).await);
        let of_chat: Chat = house.list(Range::doc(Kind::Chat, chat)).await.remove(0);
        assert_eq!(of_chat.last.unwrap().said(), clock, "the list of chats shows when it was");
        assert_eq!(of_chat.updated_at, clock);
    }
    let newest = Range::NewestChildren { kind: Kind::Message, parent: chat.to_string(), before: None, limit: 10 };
    let mut thread: Vec<Message> = house.list(newest).await;
    thread.reverse();
    assert_eq!(thread.iter().map(|m| m.id).collect::<Vec<_>>(), ids, "in the order in which they were said");
    assert_eq!(thread.iter().map(Message::said).collect::<Vec<_>>(), clocks);
    // A message that is taken back leaves the one before it as the chat's last, with its true moment.
    let waits = {
        let office =
            Office::new(house.store.clone(), Arc::new(Stands(today)), Arc::new(Counting::starting_at(9 << 20)));
        let content = Body::parse("never mind").unwrap().unwrap();
        let new = NewMessage { send: true, ..NewMessage::new(chat, Handle::owner(), content) };
        office.run(&me(), &Command::PostMessage(new)).await.unwrap().made::<Message>().unwrap().id
    };
    assert_eq!(kept(&house, waits).await.said(), today);
    house.run(Command::WithdrawMessage(waits)).await.unwrap();
    let of_chat: Chat = house.list(Range::doc(Kind::Chat, chat)).await.remove(0);
    assert_eq!(of_chat.last.unwrap().said(), ahead.plus(5_000));
}

fn steps() -> Vec<(&'static str, Carry)> {
    vec![
        ("send", Carry::Send),
        ("not sent", Carry::NotSent),
        ("taken", Carry::Taken("run".into())),
        ("at work", Carry::AtWork),
        ("goes on", Carry::GoesOn("run-2".into())),
        ("answered", Carry::Answered),
        ("failed", Carry::Failed("no".into())),
        ("gave up", Carry::GaveUp("no".into())),
    ]
}

/// Which steps fit a message after these steps; every other one is refused and changes nothing.
#[tokio::test]
async fn steps_fit_where_they_fit_and_nowhere_else() {
    let taken = [Carry::Send, Carry::Taken("run".into())];
    let table: [(&[Carry], &[&str]); 5] = [
        (&[], &["send", "gave up"]),
        (&[Carry::Send], &["not sent", "taken", "failed", "gave up"]),
        (&taken, &["at work", "goes on", "answered", "failed", "gave up"]),
        (&[Carry::Send, Carry::NotSent], &["send", "gave up"]),
        (&[Carry::Send, Carry::Taken("run".into()), Carry::Answered], &[]),
    ];
    for (before, fits) in table {
        for (name, step) in steps() {
            let house = House::new().await;
            let id = post(&house, true).await;
            for step in before {
                house.run(Command::CarryMessage(id, step.clone())).await.unwrap();
            }
            let was = kept(&house, id).await;
            let answer = house.run(Command::CarryMessage(id, step)).await;
            if fits.contains(&name) {
                assert!(answer.is_ok(), "{name} after {before:?}: {answer:?}");
            } else {
                assert!(matches!(answer, Err(Error::Refused(Refusal::DeliveryMoved))), "{name} after {before:?}");
                assert_eq!(kept(&house, id).await, was, "{name} after {before:?}");
            }
        }
    }
}

#[tokio::test]
async fn three_attempts_then_failed_with_its_reason_then_again_on_request() {
    let house = House::new().await;
    let id = post(&house, true).await;
    let mut keys = Vec::new();
    for attempt in 1..=3 {
        house.run(Command::CarryMessage(id, Carry::Send)).await.unwrap();
        let now = kept(&house, id).await;
        keys.push(now.key(now.outbox.as_ref().unwrap().attempt));
        assert!(matches!(house.run(Command::RetryMessage(id)).await, Err(Error::Refused(Refusal::MessageUnderWay))));
        house.run(Command::CarryMessage(id, Carry::Failed(format!("reason {attempt}").into()))).await.unwrap();
        let now = kept(&house, id).await;
        let outbox = now.outbox.clone().unwrap();
        assert_eq!(now.failure_reason.as_deref(), Some(format!("reason {attempt}").as_str()));
        if attempt < 3 {
            assert_eq!((outbox.step, now.delivery_status), (Step::Queued, Some(DeliveryStatus::Sent)));
            assert!(outbox.not_before.is_some(), "there is a pause before the next attempt");
        } else {
            assert_eq!((outbox.step, now.delivery_status), (Step::Settled, Some(DeliveryStatus::Failed)));
        }
    }
    for retry in 1..=3 {
        house.run(Command::RetryMessage(id)).await.unwrap();
        assert_eq!(kept(&house, id).await.retry_count, Some(retry));
        for _ in 0..3 {
            house.run(Command::CarryMessage(id, Carry::Send)).await.unwrap();
            let now = kept(&house, id).await;
            keys.push(now.key(now.outbox.as_ref().unwrap().attempt));
            house.run(Command::CarryMessage(id, Carry::Failed("again".into()))).await.unwrap();
        }
    }
    assert!(matches!(house.run(Command::RetryMessage(id)).await, Err(Error::Refused(Refusal::RetriesUsedUp))));
    let many = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), many, "no two attempts share an idempotency key");
}

/// What an agent has begun to read, and what is given up, only a person sends again.
#[tokio::test]
async fn what_has_begun_gets_no_further_attempt() {
    let taken = [Carry::Send, Carry::Taken("run".into())];
    let read = [Carry::Send, Carry::Taken("run".into()), Carry::AtWork];
    for (before, last, again) in [
        (&taken[..], Carry::Failed("lost".into()), true),
        (&read[..], Carry::Failed("lost".into()), false),
        (&taken[..], Carry::GaveUp("unclear".into()), false),
    ] {
        let house = House::new().await;
        let id = post(&house, true).await;
        for step in before.iter().chain([&last]) {
            house.run(Command::CarryMessage(id, step.clone())).await.unwrap();
        }
        assert_eq!(kept(&house, id).await.open(), again, "{last:?} after {before:?}");
        if !again {
            assert_eq!(kept(&house, id).await.delivery_status, Some(DeliveryStatus::Failed));
            house.run(Command::RetryMessage(id)).await.unwrap();
            let outbox = kept(&house, id).await.outbox.unwrap();
            assert_eq!((outbox.step, outbox.attempt), (Step::Queued, 1), "the next attempt has a key of its own");
        }
    }
}

/// Of each chat one message is among those that the server carries; when it leaves, the next one follows.
#[tokio::test]
async fn messages_of_a_chat_stand_in_line() {
    let house = House::new().await;
    let heads = async || {
        let open = Range::ByStatus {
            kind: Kind::Message,
            scope: None,
            status: "open".into(),
            order: Order::Ordered,
            limit: 10,
        };
        house.list::<Message>(open).await.into_iter().map(|m| m.id).collect::<Vec<_>>()
    };
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(post(&house, true).await);
    }
    assert_eq!(heads().await, ids[..1]);
    house.run(Command::WithdrawMessage(ids[1])).await.unwrap();
    assert_eq!(heads().await, ids[..1], "one from the middle");
    house.run(Command::WithdrawMessage(ids[0])).await.unwrap();
    assert_eq!(heads().await, ids[2..3], "the first");
    for step in [Carry::Send, Carry::Taken("run".into()), Carry::Answered] {
        house.run(Command::CarryMessage(ids[2], step)).await.unwrap();
    }
    assert_eq!(heads().await, ids[3..4], "one that is answered");
    house.run(Command::CarryMessage(ids[3], Carry::GaveUp("no".into()))).await.unwrap();
    assert_eq!(heads().await, ids[4..5], "one that is given up");
    house.run(Command::RetryMessage(ids[3])).await.unwrap();
    assert_eq!(heads().await, ids[4..5], "one that is sent again waits");
    house.run(Command::CarryMessage(ids[4], Carry::GaveUp("no".into()))).await.unwrap();
    assert_eq!(heads().await, ids[3..4]);
    assert!(!kept(&house, ids[3]).await.outbox.unwrap().behind);
    post(&house, true).await;
    house.run(Command::DeleteChat(general(&house).await)).await.unwrap();
    assert_eq!(heads().await, [], "with its chat everything on its way ends");
    let all = house.all::<Message>();
    assert!(all.iter().all(|m| !m.open()), "{all:#?}");
}

#[tokio::test]
async fn a_program_cannot_talk_over_what_the_gateway_confirmed() {
    let patch = |status| DeliveryPatch { status, retry_count: None, cooldown_until: None, failure_reason: None };
    let house = House::new().await;
    let carried = post(&house, true).await;
    for step in [Carry::Send, Carry::Taken("run".into()), Carry::AtWork] {
        house.run(Command::CarryMessage(carried, step)).await.unwrap();
    }
    house.run(Command::SetDelivery(carried, patch(DeliveryStatus::Failed))).await.unwrap();
    assert_eq!(kept(&house, carried).await.delivery_status, Some(DeliveryStatus::Processing));

    let stored = post(&house, false).await;
    assert_eq!(kept(&house, stored).await.outbox, None);
    house.run(Command::SetDelivery(stored, patch(DeliveryStatus::Failed))).await.unwrap();
    assert_eq!(kept(&house, stored).await.delivery_status, Some(DeliveryStatus::Failed));
    house.run(Command::RetryMessage(stored)).await.unwrap();
    assert!(kept(&house, stored).await.open(), "sent again, and this time by the server");
}

async fn say(house: &House, actor: &Actor, words: &str) -> Result<Message, Error> {
    let content = Body::parse(words).unwrap().unwrap();
    let message = NewMessage { send: true, ..NewMessage::new(general(house).await, Handle::owner(), content) };
    let done = house.office.run(actor, &Command::PostMessage(message)).await?;
    Ok(done.made::<Message>().unwrap().clone())
}

fn program() -> Actor {
    Actor::program(Some("dan"))
}

/// A command goes alone: it is no introduction, and the next words still are.
#[tokio::test]
async fn only_a_person_at_the_page_gives_commands() {
    let house = House::new().await;
    for actor in [program(), Actor::agent("ada")] {
        let refused = say(&house, &actor, "/restart").await;
        assert!(matches!(refused, Err(Error::Refused(Refusal::CommandRefused))), "{refused:?} to {actor:?}");
    }
    let outbox = async |actor: &Actor, words| say(&house, actor, words).await.unwrap().outbox.unwrap();
    let command = outbox(&me(), "/think high").await;
    assert_eq!((command.speech, command.introduces), (Speech::Command, false));
    let words = outbox(&program(), "please /exec security=full").await;
    assert_eq!((words.speech, words.introduces), (Speech::Words, true));
    for words in ["see /exec", "/home/dan is full", "/issue a bell"] {
        assert_eq!(outbox(&me(), words).await.speech, Speech::Words, "{words}");
    }
}

async fn fail(house: &House, id: MessageId) {
    for _ in 0..3 {
        house.run(Command::CarryMessage(id, Carry::Send)).await.unwrap();
        house.run(Command::CarryMessage(id, Carry::Failed("no".into()))).await.unwrap();
    }
}

/// What a retry does, by who asks and what it is asked of.
#[tokio::test]
async fn a_retry_sends_only_what_was_to_be_sent() {
    let house = House::new().await;
    let retry = async |actor: &Actor, id| house.office.run(actor, &Command::RetryMessage(id)).await;
    let failed = DeliveryPatch {
        status: DeliveryStatus::Failed,
        retry_count: None,
        cooldown_until: Some(5),
        failure_reason: Some("no".into()),
    };

    // Nobody queued it: a program only resets what it says of itself.
    let stored = post(&house, false).await;
    retry(&program(), stored).await.unwrap();
    house.run(Command::SetDelivery(stored, failed)).await.unwrap();
    retry(&program(), stored).await.unwrap();
    let now = kept(&house, stored).await;
    assert_eq!((now.outbox, now.delivery_status), (None, Some(DeliveryStatus::Sent)));
    assert_eq!((now.retry_count, now.failure_reason, now.cooldown_until), (Some(2), None, None));
    retry(&me(), stored).await.unwrap();
    assert_eq!(kept(&house, stored).await.outbox, None, "it has not failed, so a person sends nothing again either");
    assert_eq!(chat(&house, general(&house).await).await.session_key, None, "nobody spoke to the agent");

    // Queued and failed: whoever asks, it is what a person wanted sent.
    let words = post(&house, true).await;
    fail(&house, words).await;
    retry(&program(), words).await.unwrap();
    assert!(kept(&house, words).await.open());

    // A person's command is a person's to repeat.
    let command = say(&house, &me(), "/think high").await.unwrap().id;
    fail(&house, command).await;
    assert!(matches!(retry(&program(), command).await, Err(Error::Refused(Refusal::CommandRefused))));
    retry(&me(), command).await.unwrap();
    assert_eq!(kept(&house, command).await.outbox.unwrap().speech, Speech::Command);

    // What was answered stays answered.
    let answered = post(&house, true).await;
    for step in [Carry::Send, Carry::Taken("run".into()), Carry::Answered] {
        house.run(Command::CarryMessage(answered, step)).await.unwrap();
    }
    let before = kept(&house, answered).await;
    for actor in [program(), me()] {
        retry(&actor, answered).await.unwrap();
        assert_eq!(kept(&house, answered).await, before);
    }
}

async fn chat(house: &House, id: ChatId) -> Chat {
    let range = Range::doc(Kind::Chat, id);
    let docs = house.store.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await.unwrap().value;
    docs.first::<Chat>(&range).unwrap().clone()
}

/// The project's context goes with the first words, and again after the session was emptied or those failed.
#[tokio::test]
async fn the_agent_is_told_what_the_project_is_when_it_does_not_know() {
    let house = House::new().await;
    let introduces = async |id| kept(&house, id).await.outbox.unwrap().introduces;
    let first = post(&house, true).await;
    let second = post(&house, true).await;
    assert_eq!((introduces(first).await, introduces(second).await), (true, false));

    let content = Body::parse("Emptied.").unwrap().unwrap();
    let notice = NewMessage { resets: true, ..NewMessage::new(general(&house).await, Handle::system(), content) };
    house.run(Command::PostMessage(notice)).await.unwrap();
    let third = post(&house, true).await;
    assert!(introduces(third).await, "after a reset");

    for _ in 0..3 {
        house.run(Command::CarryMessage(third, Carry::Send)).await.unwrap();
        house.run(Command::CarryMessage(third, Carry::Failed("no".into()))).await.unwrap();
    }
    let fourth = post(&house, true).await;
    assert!(introduces(fourth).await, "the message that was to tell it failed");
    house.run(Command::RetryMessage(third)).await.unwrap();
    assert!(!introduces(third).await, "another one tells it now");
}

#[tokio::test]
async fn a_message_can_be_taken_back_until_it_leaves() {
    let house = House::new().await;
    let general = general(&house).await;
    let first = post(&house, false).await;
    let waiting = post(&house, true).await;
    house.run(Command::WithdrawMessage(waiting)).await.unwrap();
    let now = chat(&house, general).await;
    assert_eq!(now.last.unwrap().created_at, kept(&house, first).await.created_at, "the list shows what is left");
    assert!(!now.introduced, "the next words tell the agent what the project is");
    assert!(matches!(
        house.run(Command::WithdrawMessage(waiting)).await,
        Err(Error::Refused(Refusal::MessageNotFound))
    ));

    let left = post(&house, true).await;
    house.run(Command::CarryMessage(left, Carry::Send)).await.unwrap();
    for id in [left, first] {
        assert!(matches!(house.run(Command::WithdrawMessage(id)).await, Err(Error::Refused(Refusal::MessageLeft))));
    }
}

#[tokio::test]
async fn a_deleted_chat_comes_back_whole_until_it_is_removed_for_good() {
    let house = House::new().await;
    let general = general(&house).await;
    let waiting = post(&house, true).await;
    house.run(Command::DeleteChat(general)).await.unwrap();
    let range = Range::children(Kind::Chat, house.project, 10);
    let docs = house.store.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await.unwrap().value;
    assert_eq!(docs.all::<Chat>(&range).count(), 0, "it is in no list");
    let stopped = kept(&house, waiting).await;
    assert_eq!((stopped.open(), stopped.delivery_status), (false, Some(DeliveryStatus::Failed)));
    let content = Body::parse("Hello?").unwrap().unwrap();
    for command in [
        Command::PostMessage(NewMessage::new(general, Handle::owner(), content)),
        Command::DeleteChat(general),
        Command::RetryMessage(waiting),
    ] {
        assert!(matches!(house.run(command).await, Err(Error::Refused(Refusal::ChatNotFound))));
    }

    house.run(Command::RestoreChat(general)).await.unwrap();
    house.run(Command::RestoreChat(general)).await.unwrap();
    assert!(chat(&house, general).await.deleted_at.is_none());
    assert!(matches!(house.run(Command::PurgeChat(general)).await, Err(Error::Refused(Refusal::NothingToChange))));
    for _ in 0..600 {
        post(&house, false).await;
    }
    house.run(Command::DeleteChat(general)).await.unwrap();
    house.run(Command::PurgeChat(general)).await.unwrap();
    chat(&house, general).await; // still there: its messages go in parts
    house.run(Command::PurgeChat(general)).await.unwrap();
    assert!(matches!(house.run(Command::RestoreChat(general)).await, Err(Error::Refused(Refusal::ChatNotFound))));
    let messages = Range::children(Kind::Message, general, 10);
    let docs = house.store.read(&Fetch { scopes: Vec::new(), ranges: vec![messages.clone()] }).await.unwrap().value;
    assert_eq!(docs.all::<Message>(&messages).count(), 0);
}
