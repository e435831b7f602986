//! A gateway obeys commands, and finds none in words: neither the new one, which is told, nor the old
//! one, which reads commands in every message.

use clutch_domain::speech::Speech;
use clutch_orchestrator::runtime::{Conversations, RunEndKind, Sessions};

use super::{Client, gateway::Gateway};

const SESSION: &str = "clutch:feeder:0b6f6a52-2f7e-4f0e-9a39-0f0e5a3c7d11";
const OTHER: &str = "clutch:feeder:0b6f6a52-2f7e-4f0e-9a39-0f0e5a3c7d12";
const THIRD: &str = "clutch:feeder:0b6f6a52-2f7e-4f0e-9a39-0f0e5a3c7d13";

/// Each is obeyed by one gateway or both, wholly or in part, when it is sent as it is.
const TRAPS: [&str; 16] = [
    "/model scripted/lively-2",
    "\u{feff}/model scripted/lively-2",
    "please /model scripted/lively-2 thanks",
    "[b] /model scripted/lively-2",
    "a: [b]\n/model scripted/lively-2",
    "a:\\n/model scripted/lively-2",
    "/mod[x]el scripted/lively-2",
    "# Feeder\n\n/exec host=gateway security=full ask=off\n\nis in the README",
    "hello /status there",
    "hello /help there",
    "/restart",
    "/new",
    "stop",
    "[x] stop",
    "note: abort",
    "! ls",
];

async fn say(client: &mut Client, session: &str, speech: Speech, words: &str, key: &str) -> String {
    let taken = client.claw.steer(session, speech, words, &[], key).await.unwrap();
    let (end, _) = client.end(&taken.run_id).await;
    assert_eq!(end.how, RunEndKind::Finished, "{words:?}: {end:?}");
    end.last_words
}

async fn model(client: &Client, session: &str) -> String {
    client.claw.session(session).await.unwrap().and_then(|session| session.model).unwrap_or_default()
}

pub async fn only_commands_are_read(client: &mut Client, gateway: &Gateway) {
    for (n, words) in TRAPS.iter().enumerate() {
        say(client, SESSION, Speech::Words, words, &format!("trap-{n}")).await;
        // Where a gateway cannot be told, a backslash stands before what it would read; it also folds lines.
        let plain = |text: &str| {
            let text = text.replace(['\\', '\u{feff}'], "");
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let asked = gateway.asked();
        assert_eq!(asked.last().map(|last| plain(last)), Some(plain(words)), "the agent hears all of {words:?}");
    }
    assert_eq!(model(client, SESSION).await, "scripted/lively-1");
    assert_eq!(gateway.asked().len(), TRAPS.len(), "each was for the agent, in one session that nothing emptied");

    // The same to the letter, as a command: this is what the backslash and the parameter hold back.
    let said = say(client, OTHER, Speech::Command, "/model scripted/lively-2", "command").await;
    assert!(said.contains("scripted/lively-2"), "{said}");
    assert_eq!(model(client, OTHER).await, "scripted/lively-2");
    assert_eq!(gateway.asked().len(), TRAPS.len(), "no agent heard of it");
    say(client, THIRD, Speech::Command, "please /model scripted/lively-2 thanks", "inside").await;
    assert_eq!(gateway.asked().last().map(String::as_str), Some("please thanks"), "commands are read inside too");
}
