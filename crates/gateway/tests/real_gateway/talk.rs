//! A talk with an agent: a Stop ends what is being said, and takes nothing away of what was said before.

use clutch_domain::speech::Speech;
use clutch_orchestrator::runtime::{AgentRuntime, Conversations, RunEndKind, RunSign};

use super::{Client, gateway::Gateway};

const SESSION: &str = "clutch:feeder:0b6f6a52-2f7e-4f0e-9a39-0f0e5a3c7d21";

/// The scripted model counts what it was asked in a session; its fourth answer is this one.
const FOURTH: &str = "the log's format has no version";

pub async fn stopped_and_remembered(client: &mut Client, gateway: &Gateway) {
    let asked = gateway.asked().len();
    let say = async |client: &Client, words: &str, key: &str| {
        client.claw.steer(SESSION, Speech::Words, words, &[], key).await.unwrap().run_id
    };
    let run = say(client, "Who comes to the feeder in the morning", "talk-1").await;
    let (end, _) = client.end(&run).await;
    assert_eq!((end.how, end.last_words.contains("Sparrows come first")), (RunEndKind::Finished, true), "{end:?}");

    // A Stop that comes too late stops nothing.
    client.claw.abort(SESSION, false).await.unwrap();
    let run = say(client, "What would help the people who look at it", "talk-2").await;
    assert!(client.end(&run).await.0.last_words.contains("busiest day"), "the second answer: nothing was forgotten");

    let run = say(client, "Tell me of it, and be slow please, as long as it takes", "talk-3").await;
    client.until(&run, "words", |sign| matches!(sign, RunSign::Text(_))).await;
    client.claw.abort(SESSION, false).await.unwrap();
    assert_eq!(client.end(&run).await.0.how, RunEndKind::Aborted);
    let run = say(client, "And what is left to do before the release", "talk-4").await;
    let (end, _) = client.end(&run).await;
    assert!(end.last_words.contains(FOURTH), "the fourth answer: nothing was forgotten: {end:?}");
    assert_eq!(gateway.asked().len(), asked + 4, "each was asked once");
}
