//! Messages of people to agents.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use clutch_domain::{
    chat::{DeliveryStatus, Step},
    command::{Command, Force},
    id::{ChatId, MessageId},
};
use clutch_orchestrator::runtime::{RunEndKind, RunSign};

use crate::{
    fake::{Lost, end},
    house::{House, pass},
};

fn status(house: &House, id: MessageId) -> Option<DeliveryStatus> {
    house.message(id).delivery_status
}

fn reason(house: &House, id: MessageId) -> String {
    house.message(id).failure_reason.unwrap_or_default()
}

fn trouble(house: &House, id: MessageId) -> Option<String> {
    house.message(id).outbox?.trouble
}

fn key(id: MessageId, attempt: u32) -> String {
    format!("chat-{id}-{attempt}")
}

/// A person says something, and the runtime has taken it.
async fn taken(house: &House, chat: ChatId, words: &str) -> MessageId {
    let id = house.say(chat, words).await;
    house.until("it is taken", || status(house, id) == Some(DeliveryStatus::Delivered)).await;
    id
}

/// The agent answers the first attempt of a message, and that is known.
async fn answered(house: &House, chat: ChatId, id: MessageId) {
    house.runtime.finish(&house.session(chat), &key(id, 1), end(RunEndKind::Finished, "ok", None), true);
    settled(house, id).await;
}

async fn settled(house: &House, id: MessageId) -> Option<DeliveryStatus> {
    house.until("the message is settled", || !house.message(id).open()).await;
    status(house, id)
}

#[tokio::test(start_paused = true)]
async fn a_message_is_taken_followed_and_answered() {
    for marks in [true, false] {
        let house = House::new(marks).await;
        let chat = house.general().await;
        let id = taken(&house, chat, "Hello").await;
        let (session, run) = (house.session(chat), key(id, 1));
        house.runtime.tell(&session, &run, RunSign::Text("Hel".into()));
        house.until("it is read", || status(&house, id) == Some(DeliveryStatus::Processing)).await;
        house.runtime.finish(&session, &run, end(RunEndKind::Finished, "Hello yourself", None), true);
        assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Responded));
        let kept = house.post.kept.lock().unwrap().clone();
        assert_eq!(kept, [(run.clone(), end(RunEndKind::Finished, "Hello yourself", None))]);
        assert_eq!(house.runtime.keys("steer"), [run]);
        assert_eq!(house.runtime.calls("sight").len(), 0, "what is heard is not looked for");
    }
}

/// A chat with words in it on a gateway that marks nothing, whose connection is lost while an answer is waited for.
#[tokio::test(start_paused = true)]
async fn an_unclear_sending_is_neither_believed_nor_repeated_where_nothing_can_be_told() {
    let house = House::new(false).await;
    let chat = house.general().await;
    answered(&house, chat, taken(&house, chat, "Before").await).await;

    house.runtime.lose_next(Lost::Before);
    let id = house.say(chat, "Hello").await;
    house.until("it was sent", || house.runtime.keys("steer").contains(&key(id, 1))).await;
    house.runtime.reconnect();
    let next = house.say(chat, "And this").await;
    assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Failed));
    assert!(reason(&house, id).contains("does not tell"), "{}", reason(&house, id));
    assert_eq!(house.runtime.arrived(&key(id, 1)), 0, "it never got there");
    assert_eq!(house.message(id).outbox.unwrap().run_id, None, "and nobody said that it did");
    house.until("the chat goes on", || house.runtime.arrived(&key(next, 1)) == 1).await;
    answered(&house, chat, next).await;
    assert_eq!(house.runtime.keys("steer").iter().filter(|k| k.contains(&id.to_string())).count(), 1);

    house.person(Command::RetryMessage(id)).await;
    house.until("a person sends it again", || house.runtime.arrived(&key(id, 2)) == 1).await;
}

#[tokio::test(start_paused = true)]
async fn over_the_same_connection_the_same_key_is_sent_again_and_arrives_once() {
    for lost in [Lost::Before, Lost::After] {
        let house = House::new(false).await;
        let chat = house.general().await;
        answered(&house, chat, taken(&house, chat, "Before").await).await;
        house.runtime.lose_next(lost);
        let id = taken(&house, chat, "Hello").await;
        assert_eq!(house.runtime.arrived(&key(id, 1)), 1);
        assert_eq!(house.runtime.keys("steer")[1..], [key(id, 1), key(id, 1)]);
    }
}

/// The server dies while an answer is written; its end is missed.
#[tokio::test(start_paused = true)]
async fn a_missed_end_is_asked_for_where_nothing_is_shown() {
    for known in [true, false] {
        let house = House::new(false).await;
        let chat = house.general().await;
        let id = taken(&house, chat, "Hello").await;
        house.kill();
        house.runtime.finish(&house.session(chat), &key(id, 1), end(RunEndKind::Finished, "Yes", None), true);
        if !known {
            house.runtime.forget_ends();
        }
        house.start();
        let next = house.say(chat, "Still there?").await;
        let expected = if known { DeliveryStatus::Responded } else { DeliveryStatus::Failed };
        assert_eq!(settled(&house, id).await, Some(expected), "{known}");
        assert_eq!(house.runtime.keys("steer").iter().filter(|k| **k == key(id, 1)).count(), 1);
        assert!(house.runtime.keys("wait").contains(&key(id, 1)));
        house.until("the chat goes on", || house.runtime.arrived(&key(next, 1)) == 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_is_never_sent_again_by_itself() {
    // It ended without a trace, it was given the answer under another run, or it failed after tools had run.
    for failed in [true, false] {
        let house = House::new(true).await;
        let chat = house.general().await;
        let id = taken(&house, chat, "Push it").await;
        let session = house.session(chat);
        if failed {
            house.runtime.finish(&session, &key(id, 1), end(RunEndKind::Failed, "", Some("no credit")), true);
        } else {
            house.runtime.swallow(&session);
        }
        assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Failed));
        let expected = if failed { "no credit" } else { "no answer is known" };
        assert!(reason(&house, id).contains(expected), "{}", reason(&house, id));
        pass(3_600).await;
        assert_eq!(house.runtime.keys("steer"), [key(id, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_tried_three_times_under_keys_of_its_own() {
    let house = House::new(true).await;
    let chat = house.general().await;
    house.runtime.refuse("steer", Some("too many sessions"));
    let id = house.say(chat, "Hello").await;
    assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Failed));
    assert!(reason(&house, id).contains("too many sessions"));
    assert_eq!(house.runtime.keys("steer"), [key(id, 1), key(id, 2), key(id, 3)]);
}

/// A person says something; it leaves, and no answer to it comes.
async fn sent_into_nothing(house: &House, chat: ChatId) -> MessageId {
    house.runtime.lose_next(Lost::Before);
    let id = house.say(chat, "Hello").await;
    house.until("it was sent", || !house.runtime.calls("steer").is_empty()).await;
    id
}

/// The server died as it sent; what it sent arrives only while the gateway refuses its successor.
#[tokio::test(start_paused = true)]
async fn a_sending_that_is_repeated_and_refused_is_not_the_end_of_its_attempt() {
    let house = House::new(true).await;
    let chat = house.general().await;
    let id = sent_into_nothing(&house, chat).await;
    house.kill();
    house.runtime.refuse("steer", Some("busy"));
    house.start();
    house.until("it is refused twice", || house.runtime.calls("steer").len() == 3).await;
    house.runtime.hears(&house.session(chat), &key(id, 1));
    let step = || house.message(id).outbox.map(|outbox| outbox.step);
    house.until("it is taken", || step() == Some(Step::Taken)).await;
    house.runtime.refuse("steer", None);
    answered(&house, chat, id).await;
    assert_eq!(status(&house, id), Some(DeliveryStatus::Responded));
    assert!(house.runtime.keys("steer").iter().all(|sent| *sent == key(id, 1)));
}

/// The same gateway, which refuses for good.
#[tokio::test(start_paused = true)]
async fn a_sending_that_is_repeated_and_refused_for_ever_fails_in_the_words_of_the_refusal() {
    let house = House::new(true).await;
    let chat = house.general().await;
    let id = sent_into_nothing(&house, chat).await;
    house.runtime.refuse("steer", Some("the session is locked"));
    assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Failed));
    assert!(reason(&house, id).contains("refused it: the session is locked"), "{}", reason(&house, id));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_never_answers_a_sending_is_not_asked_for_ever() {
    for marks in [true, false] {
        let house = House::new(marks).await;
        let chat = house.general().await;
        (0..20).for_each(|_| house.runtime.lose_next(Lost::Before));
        let id = house.say(chat, "Hello").await;
        assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Failed), "{marks}");
        assert!(reason(&house, id).contains("no answer"), "{}", reason(&house, id));
        assert_eq!(house.runtime.keys("steer"), vec![key(id, 1); 5], "{marks}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unclear_sending_is_looked_for_and_sent_again_only_if_it_is_not_there() {
    for lost in [Lost::Before, Lost::After] {
        let house = House::new(true).await;
        let chat = house.general().await;
        house.runtime.lose_next(lost);
        let id = house.say(chat, "Hello").await;
        house.until("it was sent", || !house.runtime.keys("steer").is_empty()).await;
        house.runtime.restart();
        house.until("it is there", || house.message(id).outbox.is_some_and(|o| o.step == Step::Taken)).await;
        let sent = if lost == Lost::Before { 2 } else { 1 };
        assert_eq!(house.runtime.keys("steer"), vec![key(id, 1); sent]);
        assert_eq!(house.runtime.arrived(&key(id, 1)), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_shows_nothing_for_ever_is_asked_less_and_less_and_then_given_up() {
    let house = House::new(true).await;
    let chat = house.general().await;
    let id = taken(&house, chat, "Hello").await;
    house.kill();
    house.runtime.refuse("sight", Some("missing scope: operator.read"));
    house.start();
    house.until("people are told", || trouble(&house, id).is_some()).await;
    assert_eq!(trouble(&house, id).as_deref(), Some("missing scope: operator.read"));
    assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Failed));
    assert!(reason(&house, id).contains("missing scope: operator.read"), "{}", reason(&house, id));
    assert_eq!(trouble(&house, id), None, "it is not tried any more");
    let looks = house.runtime.calls("sight");
    assert!((5..=15).contains(&looks.len()), "{}", looks.len());
    let last = looks.last().unwrap().at;
    let late = looks.iter().filter(|call| last.duration_since(call.at).as_secs() < 180).count();
    assert!(late <= 4, "in the end once a minute: {late}");
}

#[tokio::test(start_paused = true)]
async fn a_trouble_of_a_message_that_ends_is_forgotten() {
    let house = House::new(true).await;
    let chat = house.general().await;
    let id = house.say(chat, "Hello").await;
    house.until("it is taken", || status(&house, id) == Some(DeliveryStatus::Delivered)).await;
    house.kill();
    house.runtime.refuse("sight", Some("busy"));
    house.start();
    house.until("people are told", || trouble(&house, id).is_some()).await;
    house.runtime.refuse("sight", None);
    house.until("it is over", || trouble(&house, id).is_none()).await;
    assert!(house.message(id).open());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_gateway_goes_on_with_is_followed_under_its_new_id() {
    let house = House::new(true).await;
    let chat = house.general().await;
    let id = taken(&house, chat, "Hello").await;
    let session = house.session(chat);
    house.runtime.resume(&session, "new");
    house.runtime.reconnect();
    house
        .until("it goes on", || house.message(id).outbox.is_some_and(|outbox| outbox.run_id.as_deref() == Some("new")))
        .await;
    house.runtime.finish(&session, "new", end(RunEndKind::Finished, "There", None), true);
    assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Responded));
    assert_eq!(house.post.kept.lock().unwrap().last().unwrap().0, "new");
}

/// Between the gateway's restart and its going on with the run the session shows a failure.
#[tokio::test(start_paused = true)]
async fn what_a_restart_of_the_gateway_cut_off_is_waited_for() {
    let house = House::new(true).await;
    let chat = house.general().await;
    let id = taken(&house, chat, "Hello").await;
    let session = house.session(chat);
    house.runtime.restart();
    pass(20).await;
    assert!(house.message(id).open());
    house.runtime.resume(&session, "new");
    house.until("it goes on", || house.message(id).outbox.is_some_and(|o| o.run_id.as_deref() == Some("new"))).await;
    house.runtime.finish(&session, "new", end(RunEndKind::Finished, "There", None), true);
    assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Responded));
    assert_eq!(house.runtime.keys("steer"), [key(id, 1)]);
}

#[tokio::test(start_paused = true)]
async fn six_hundred_messages_of_one_chat_hide_no_other_chat() {
    let house = House::asleep(true).await;
    let chat = house.general().await;
    for n in 0..600 {
        house.say(chat, &format!("Message {n}")).await;
    }
    let other = house.new_project("Bees").await;
    let chats = house.all::<clutch_domain::chat::Chat>();
    let other = chats.iter().find(|c| c.project == other).unwrap().id;
    let id = house.say(other, "Am I heard?").await;
    house.start();
    house.until("the other chat is heard", || house.runtime.arrived(&key(id, 1)) == 1).await;
    let chats: BTreeSet<String> = house.runtime.calls("steer").into_iter().map(|call| call.session).collect();
    assert_eq!((chats.len(), house.runtime.calls("steer").len()), (2, 2), "of each chat one message is under way");
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_chat_arrive_one_after_another_in_their_order() {
    let house = House::new(true).await;
    let chat = house.general().await;
    let ids = [house.say(chat, "one").await, house.say(chat, "two").await, house.say(chat, "three").await];
    for id in ids {
        house.until("it is taken", || status(&house, id) == Some(DeliveryStatus::Delivered)).await;
        pass(60).await;
        assert_eq!(house.runtime.keys("steer").last(), Some(&key(id, 1)));
        answered(&house, chat, id).await;
    }
    assert_eq!(house.runtime.keys("steer"), ids.map(|id| key(id, 1)));
}

#[tokio::test(start_paused = true)]
async fn what_has_nowhere_to_go_any_more_is_said_to_have_failed() {
    let house = House::asleep(true).await;
    let chat = house.general().await;
    let ids = [house.say(chat, "one").await, house.say(chat, "two").await];
    house.person(Command::DeleteProject(house.project, Force::Yes)).await;
    house.start();
    for id in ids {
        assert_eq!(settled(&house, id).await, Some(DeliveryStatus::Failed));
        assert!(reason(&house, id).contains("deleted"), "{}", reason(&house, id));
    }
    assert_eq!(house.runtime.calls("steer").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_on_the_way_leaves_nothing_lying() {
    let house = House::asleep(true).await;
    house.post.panics.store(3, Ordering::Relaxed);
    let chat = house.general().await;
    let id = house.say(chat, "Hello").await;
    house.start();
    house.until("it is taken up again", || status(&house, id) == Some(DeliveryStatus::Delivered)).await;
    assert_eq!(house.post.panics.load(Ordering::Relaxed), 0);
}
