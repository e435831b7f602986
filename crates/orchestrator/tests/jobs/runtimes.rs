//! More than one runtime: each run, answer and message goes to its own, under the names that its adapter gives.

use std::{collections::BTreeMap, sync::Arc};

use clutch_domain::{
    chat::{Chat, DeliveryStatus},
    command::{Command, NewChat, NewSignal, ProjectPatch},
    id::ChatId,
    runtime::{ALL, CHATS},
    talk::{Signal, SignalKind, SignalSeverity},
    text::{Body, ChatTitle, Handle, Participants, Runtimes, SessionKey},
};
use clutch_orchestrator::runtime::RunEndKind;

use crate::{
    fake::{Fake, end},
    house::House,
};

/// A house with a second runtime, which its project has chosen for these.
async fn chosen(whose: &str) -> (House, Arc<Fake>) {
    let house = House::asleep(true).await;
    let other = Fake::new(true);
    house.runtimes.lock().unwrap().insert("other".into(), other.clone());
    let runtimes = Runtimes::parse([(whose, "other")]).unwrap();
    let patch = ProjectPatch { runtimes: Some(runtimes), ..ProjectPatch::default() };
    house.person(Command::UpdateProject(house.project, patch)).await;
    (house, other)
}

async fn new_chat(house: &House) -> ChatId {
    let new = NewChat {
        project: house.project,
        title: ChatTitle::parse("Colours").unwrap().unwrap(),
        participants: Participants::default(),
        about: None,
    };
    house.person(Command::CreateChat(new)).await.made::<Chat>().unwrap().id
}

#[tokio::test(start_paused = true)]
async fn a_run_and_the_answer_to_its_question_go_to_its_runtime() {
    let (house, other) = chosen(ALL).await;
    house.start();
    let task = house.ready("Paint").await;
    let run = house.working(task).await;
    assert_eq!((run.runtime.as_str(), &run.session_key), ("other", &format!("other|birds|dev|{task}|1")));
    // A project that chooses another runtime now chooses it for what comes.
    let back = ProjectPatch { runtimes: Some(Runtimes::default()), ..ProjectPatch::default() };
    house.person(Command::UpdateProject(house.project, back)).await;
    let new = NewSignal {
        task,
        session_key: SessionKey::parse(&run.session_key).unwrap().unwrap().into(),
        agent_id: Handle::agent(),
        run_id: None,
        kind: SignalKind::Question,
        severity: SignalSeverity::Normal,
        message: Body::parse("Red or green?").unwrap().unwrap(),
        options: clutch_domain::text::Options::default(),
    };
    let question = house.agent(Command::RaiseSignal(new)).await.made::<Signal>().unwrap().id;
    other.finish(&run.session_key, &run.key, end(RunEndKind::Finished, "I asked.", None), true);
    house.person(Command::AnswerSignal(question, Body::parse("Green.").unwrap().unwrap())).await;
    house.until("it is delivered", || other.arrived(&format!("signal-{question}")) == 1).await;
    assert_eq!(house.runtime.calls("steer").len() + house.runtime.calls("start").len(), 0);
    assert_eq!(house.runtime.calls("sight"), [], "nobody looks for it elsewhere");
}

#[tokio::test(start_paused = true)]
async fn the_session_of_a_chat_is_called_by_its_runtimes_adapter_once() {
    let (house, other) = chosen(CHATS).await;
    house.start();
    let (usual, new) = (house.general().await, new_chat(&house).await);
    for (chat, runtime, name) in [(usual, &house.runtime, "openclaw"), (new, &other, "other")] {
        assert_eq!(house.session(chat), "", "nobody has spoken in it");
        let id = house.say(chat, "Hello").await;
        house.until("it is taken", || runtime.calls("steer").len() == 1).await;
        let session = format!("{name}|{chat}");
        assert_eq!((house.session(chat), &runtime.calls("steer")[0].session), (session.clone(), &session));
        let run = format!("chat-{id}-1");
        runtime.finish(&session, &run, end(RunEndKind::Finished, "Hello", None), true);
        house.until("it is settled", || !house.message(id).open()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn words_for_a_runtime_that_is_not_there_fail_in_words() {
    let (house, other) = chosen(CHATS).await;
    let chat = new_chat(&house).await;
    let all: BTreeMap<String, Arc<Fake>> = house.runtimes.lock().unwrap().clone();
    house.runtimes.lock().unwrap().remove("other");
    house.start();
    let id = house.say(chat, "Hello").await;
    house.until("it is settled", || !house.message(id).open()).await;
    let message = house.message(id);
    assert_eq!(message.delivery_status, Some(DeliveryStatus::Failed));
    let why = message.failure_reason.unwrap();
    assert!(why.contains("no runtime called \u{201c}other\u{201d}"), "{why}");
    house.kill();
    *house.runtimes.lock().unwrap() = all;
    house.start();
    house.person(Command::RetryMessage(id)).await;
    house.until("a person sends it again", || other.calls("steer").len() == 1).await;
}

/// A message waits for its own runtime, whichever else is there.
#[tokio::test(start_paused = true)]
async fn words_wait_for_a_runtime_that_is_away_and_others_do_not() {
    let (house, other) = chosen(CHATS).await;
    other.leave("It sleeps.");
    house.start();
    let (usual, new) = (house.general().await, new_chat(&house).await);
    let (late, soon) = (house.say(new, "Hello").await, house.say(usual, "Hello").await);
    house.until("the other is taken", || house.runtime.arrived(&format!("chat-{soon}-1")) == 1).await;
    assert_eq!((other.calls("steer").len(), house.message(late).open()), (0, true));
    other.reconnect();
    house.until("it is taken", || other.arrived(&format!("chat-{late}-1")) == 1).await;
}
