//! What waits for a person: a command in a guarded session, and questions of the gateway's own tool.

use std::collections::BTreeMap;

use clutch_domain::{
    decision::{AskKind, Verdict},
    speech::Speech,
};
use clutch_orchestrator::runtime::{
    AgentRuntime, Asks, Conversations, Decision, Decisions, Reply, RunEndKind, RuntimeError, Waiting,
};
use serde_json::json;

use super::{Client, LONG, gateway::Gateway};

const SESSION: &str = "clutch:feeder:0b6f6a52-2f7e-4f0e-9a39-0f0e5a3c7d31";

async fn waiting(client: &Client, what: &str, fits: impl Fn(&Waiting) -> bool) -> Waiting {
    let mut told = client.claw.waiting();
    let seen = tokio::time::timeout(LONG, told.wait_for(|told| told.known && fits(told))).await;
    let seen = seen.map(|told| told.unwrap().clone());
    seen.unwrap_or_else(|_| panic!("never {what}: {:?}", *client.claw.waiting().borrow()))
}

async fn one(client: &Client, kind: AskKind) -> Decision {
    let told = waiting(client, "one that waits", |told| told.all.len() == 1).await;
    assert_eq!(told.all[0].asks.kind(), kind, "{told:?}");
    told.all[0].clone()
}

async fn none(client: &Client) {
    waiting(client, "nothing that waits", |told| told.all.is_empty()).await;
}

async fn say(client: &Client, words: &str, key: &str) -> String {
    client.claw.steer(SESSION, Speech::Words, words, &[], key).await.unwrap().run_id
}

async fn guard(client: &Client, session: &str) {
    let params = json!({ "key": session, "permissionMode": "guarded" });
    client.claw.request("sessions.patch", params, LONG).await.unwrap();
}

pub async fn people_decide(client: &mut Client, gateway: &Gateway) {
    none(client).await;
    a_command_of_a_ticket(client, gateway).await;
    commands_of_a_chat(client).await;
    questions(client).await;
}

async fn a_command_of_a_ticket(client: &mut Client, gateway: &Gateway) {
    let ticket = super::ticket('f', "Forget the fence");
    guard(client, &ticket.session).await;
    let run = ticket.run(gateway, None);
    client.claw.start(run.clone()).await.unwrap();
    let asked = one(client, AskKind::Command).await;
    let Asks::Command { command, cut, folder, allowed } = &asked.asks else { panic!("{asked:?}") };
    assert!(command.contains("git log --oneline") && !cut, "{asked:?}");
    assert_eq!(folder.as_deref(), gateway.workspace().to_str(), "{asked:?}");
    assert!(allowed.contains(&Verdict::AllowOnce) && allowed.contains(&Verdict::Deny), "{asked:?}");
    assert_eq!(asked.session.as_deref(), Some(ticket.session.as_str()), "in our form");
    assert!(asked.created.is_some() && asked.expires > asked.created, "{asked:?}");
    client.claw.decide(AskKind::Command, &asked.id, Reply::Verdict(Verdict::AllowOnce)).await.unwrap();
    let (end, _) = client.end(&run.key).await;
    assert_eq!(end.how, RunEndKind::Finished, "the run goes on: {end:?}");
    none(client).await;
    // Whoever comes second is told.
    let late = client.claw.decide(AskKind::Command, &asked.id, Reply::Verdict(Verdict::Deny)).await.unwrap_err();
    assert!(matches!(late, RuntimeError::Refused { .. }), "{late:?}");
}

async fn commands_of_a_chat(client: &mut Client) {
    guard(client, SESSION).await;
    for (verdict, says) in [(Verdict::AllowOnce, true), (Verdict::Deny, false)] {
        let run = say(client, "The robin asks for permission", &format!("ask-{}", verdict.word())).await;
        let asked = one(client, AskKind::Command).await;
        assert_eq!(asked.session.as_deref(), Some(SESSION));
        client.claw.decide(AskKind::Command, &asked.id, Reply::Verdict(verdict)).await.unwrap();
        let (end, _) = client.end(&run).await;
        assert_eq!(end.how, RunEndKind::Finished, "{end:?}");
        let ran = end.last_words.contains("the robin may come in") && !end.last_words.to_lowercase().contains("denied");
        assert_eq!(ran, says, "{verdict:?}: {}", end.last_words);
        none(client).await;
    }
    // Its agent is stopped: nobody waits any more.
    let run = say(client, "The robin asks for permission again", "ask-stopped").await;
    one(client, AskKind::Command).await;
    client.claw.abort(SESSION, false).await.unwrap();
    assert_eq!(client.end(&run).await.0.how, RunEndKind::Aborted);
    none(client).await;
}

async fn questions(client: &mut Client) {
    for (answer, words) in [("wren", "wren"), ("neither, the nuthatch", "nuthatch")] {
        let run = say(client, "A dilemma of birds", &format!("dilemma-{words}")).await;
        let asked = one(client, AskKind::Questions).await;
        let Asks::Questions(all) = &asked.asks else { panic!("{asked:?}") };
        let labels: Vec<&str> = all[0].options.iter().map(|choice| choice.label.as_str()).collect();
        assert_eq!((all.len(), all[0].text.as_str(), labels), (1, "Which bird comes first?", vec!["robin", "wren"]));
        assert!(all[0].words && !all[0].several, "{asked:?}");
        let answers = BTreeMap::from([(all[0].id.clone(), vec![answer.to_owned()])]);
        client.claw.decide(AskKind::Questions, &asked.id, Reply::Answers(answers)).await.unwrap();
        let (end, _) = client.end(&run).await;
        assert!(end.last_words.contains(words), "the agent hears it: {end:?}");
        none(client).await;
    }
    let run = say(client, "A dilemma of which nobody will hear", "dilemma-none").await;
    let asked = one(client, AskKind::Questions).await;
    client.claw.decide(AskKind::Questions, &asked.id, Reply::Cancel).await.unwrap();
    assert_eq!(client.end(&run).await.0.how, RunEndKind::Finished);
    none(client).await;
}

/// Leaves a question behind.
pub async fn asks_before_the_end(client: &Client) {
    say(client, "A dilemma that the end of the gateway cuts off", "dilemma-cut").await;
    one(client, AskKind::Questions).await;
}

/// A gateway that is away, or has no such lists.
pub async fn nobody_knows(client: &Client) {
    let mut told = client.claw.waiting();
    let seen = tokio::time::timeout(LONG, told.wait_for(|told| *told == Waiting::default())).await;
    assert!(seen.is_ok(), "{:?}", *client.claw.waiting().borrow());
}

pub async fn known_again(client: &Client) {
    none(client).await;
}
