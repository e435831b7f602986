//! [`OpenClaw`] against real gateways with the scripted model of `end2end/gateway`.
//! Needs both gateways installed: `./run.sh test` does that and turns the feature on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod commands;
mod decide;
mod gateway;
mod talk;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clutch_domain::speech::Speech;
use clutch_gateway::{Config, GatewayTask, OpenClaw, Secret};
use clutch_gateway::{DownReason, GatewayState};
use clutch_orchestrator::runtime::{
    AgentRuntime, Begun, Conversations, RunEnd, RunEndKind, RunEvent, RunSign, RuntimeError, Sessions, StartRun,
};
use gateway::{Gateway, NEW, OLD, TOKEN, free_port};
use serde_json::json;
use tokio::sync::broadcast;

/// Longest wait for anything: a first turn on a busy machine takes many seconds.
const LONG: Duration = Duration::from_secs(120);

struct Client {
    claw: Arc<OpenClaw>,
    task: Option<GatewayTask>,
    events: broadcast::Receiver<Arc<RunEvent>>,
    _folder: tempfile::TempDir,
}

fn client(port: u16, token: Option<&str>) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let (claw, task) = OpenClaw::connect(Config {
        url: format!("ws://127.0.0.1:{port}"),
        token: token.and_then(Secret::new),
        identity_dir: folder.path().join("identity"),
        legacy_identity: None,
        version: "0.0.0".into(),
    });
    assert!(begun.elapsed() < Duration::from_secs(1), "connecting waits for nobody");
    let events = claw.events();
    Client { claw, task: Some(task), events, _folder: folder }
}

impl Client {
    async fn state(&self, what: &str, fits: impl Fn(&GatewayState) -> bool) -> GatewayState {
        let mut states = self.claw.connection();
        let found =
            tokio::time::timeout(LONG, states.wait_for(|state| fits(state))).await.map(|state| state.unwrap().clone());
        found.unwrap_or_else(|_| panic!("never {what}; now {:?}", *self.claw.connection().borrow()))
    }

    async fn connected(&self) -> GatewayState {
        self.state("connected", |state| matches!(state, GatewayState::Connected { .. })).await
    }

    async fn down(&self) -> (DownReason, String) {
        match self.state("down", |state| matches!(state, GatewayState::Down { .. })).await {
            GatewayState::Down { why, sentence, .. } => (why, sentence),
            other => panic!("{other:?}"),
        }
    }

    /// Waits for exactly these troubles. The gateway reads a changed configuration when it
    /// pleases, so the plugin is looked at again and again.
    async fn troubles(&self, codes: &[&str]) {
        let fits = |state: &GatewayState| match state {
            GatewayState::Connected { plugin, .. } => {
                plugin.iter().map(|trouble| trouble.code.as_str()).eq(codes.iter().copied())
            }
            _ => false,
        };
        let begun = Instant::now();
        let mut states = self.claw.connection();
        while tokio::time::timeout(Duration::from_secs(1), states.wait_for(fits)).await.is_err() {
            assert!(begun.elapsed() < LONG, "never {codes:?}; now {:?}", *states.borrow());
            self.claw.reconnect_now();
        }
    }

    /// Signs of a run up to and including the first that fits.
    async fn until(&mut self, run_id: &str, what: &str, fits: impl Fn(&RunSign) -> bool) -> Vec<RunSign> {
        let mut seen = Vec::new();
        let wait = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if event.run_id == run_id {
                    seen.push(event.what.clone());
                    if fits(&event.what) {
                        return;
                    }
                }
            }
        };
        let timely = tokio::time::timeout(LONG, wait).await;
        assert!(timely.is_ok(), "no {what} of {run_id}: {seen:?}");
        seen
    }

    async fn end(&mut self, run_id: &str) -> (RunEnd, Vec<RunSign>) {
        let seen = self.until(run_id, "end", |sign| matches!(sign, RunSign::Ended(_))).await;
        match seen.last() {
            Some(RunSign::Ended(end)) => (end.clone(), seen),
            other => panic!("{other:?}"),
        }
    }

    async fn close(mut self) {
        self.task.take().unwrap().shutdown().await;
    }
}

/// What the work loop would send for a ticket; words in the title change the model's part.
struct Ticket {
    id: String,
    title: String,
    session: String,
}

fn ticket(digit: char, title: &str) -> Ticket {
    let id8 = digit.to_string().repeat(8);
    Ticket {
        id: format!("{id8}-0000-4000-8000-000000000000"),
        title: title.to_owned(),
        session: format!("agent:main:feeder:dev:{id8}:r1"),
    }
}

impl Ticket {
    fn run(&self, gateway: &Gateway, model: Option<&str>) -> StartRun {
        StartRun {
            key: format!("{}:dev:1", self.id),
            session: self.session.clone(),
            message: format!(
                "Ticket: {}\nTitle: {}\nAttempt: 1\nRepository: {}\nBoard: http://127.0.0.1:9\n",
                self.id,
                self.title,
                gateway.workspace().display()
            ),
            model: model.map(str::to_owned),
            folder: None,
            environment: Vec::new(),
            timeout_seconds: 300,
        }
    }
}

fn lines(signs: &[RunSign]) -> Vec<&str> {
    signs
        .iter()
        .filter_map(|sign| match sign {
            RunSign::Line(line) => Some(line.as_str()),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_gateway_runs_agents_and_survives_its_own_death() {
    let port = free_port();
    let mut client = client(port, Some(TOKEN));
    let (why, sentence) = client.down().await;
    assert_eq!(why, DownReason::NothingAnswers);
    assert!(
        sentence.contains(&format!("ws://127.0.0.1:{port}")) && sentence.contains("`openclaw gateway run`"),
        "{sentence}"
    );
    let away = client.claw.models().await.unwrap_err();
    assert!(matches!(&away, RuntimeError::Away(why) if *why == sentence), "{away:?}");

    let gateway = Gateway::start(NEW, port, &[("OC_PLUGIN_PATHS", ""), ("SCRIPT_PACE", "0.05")]).await;
    client.claw.reconnect_now();
    let GatewayState::Connected { version, plugin, .. } = client.connected().await else { unreachable!() };
    assert_eq!(version, NEW);
    assert_eq!(plugin.iter().map(|trouble| trouble.code.as_str()).collect::<Vec<_>>(), ["not_loaded"]);
    assert!(plugin[0].sentence.contains("openclaw plugins install"), "{}", plugin[0].sentence);

    refused(port).await;
    let models = client.claw.models().await.unwrap();
    assert!(models.iter().any(|model| model.id == "scripted/lively-2"), "{models:?}");

    a_run_and_its_repetition(&mut client, &gateway).await;
    an_abort(&mut client, &gateway).await;
    commands::only_commands_are_read(&mut client, &gateway).await;
    talk::stopped_and_remembered(&mut client, &gateway).await;
    decide::people_decide(&mut client, &gateway).await;
    a_restart(&mut client, gateway).await;
    client.close().await;
}

async fn refused(port: u16) {
    for (token, words) in [(Some("wrong"), "does not accept OPENCLAW_TOKEN"), (None, "asks for a token")] {
        let stranger = client(port, token);
        let (why, sentence) = stranger.down().await;
        assert_eq!(why, DownReason::TokenRefused);
        assert!(sentence.contains(words), "{sentence}");
        stranger.close().await;
    }
}

async fn a_run_and_its_repetition(client: &mut Client, gateway: &Gateway) {
    let ticket = ticket('a', "Forget the seed");
    let run = ticket.run(gateway, Some("scripted/lively-2"));
    let accepted = client.claw.start(run.clone()).await.unwrap();
    assert_eq!(accepted.run_id, run.key);
    let (end, seen) = client.end(&run.key).await;
    assert_eq!(end.how, RunEndKind::Finished);
    assert!(end.last_words.contains("robins agree"), "{end:?}");
    // Told at once, of all calls of the session together.
    let used = client.claw.used(&ticket.session).await.unwrap().expect("it tells");
    assert!(used.input > 10_000 && used.output > 20 && used.cost_micros > Some(10_000), "{used:?}");
    assert_eq!(seen[0], RunSign::Started);
    let told = lines(&seen);
    assert!(told.iter().any(|line| line.starts_with("read ") && line.ends_with("README.md")), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("exec git log")), "{told:?}");
    assert!(seen.iter().any(|sign| matches!(sign, RunSign::Text(_))), "{seen:?}");

    let waited = client.claw.wait(&run.key, 10_000).await.unwrap().unwrap();
    assert_eq!((waited.how, &waited.last_words), (end.how, &end.last_words));
    assert_eq!(client.claw.wait("never-heard-of", 50).await.unwrap(), None);

    let asked = gateway.model_calls(&ticket.id);
    assert_eq!(client.claw.start(run.clone()).await.unwrap(), accepted, "the same key starts nothing");
    let sighting = client.claw.sight(&ticket.session, &run.key).await.unwrap();
    assert_eq!(sighting.begun, Begun::Yes);
    assert_eq!(sighting.active, Some(false));
    assert_eq!(sighting.runs.len(), 1);
    assert_eq!(sighting.runs[0].end.as_ref().map(|end| end.how), Some(RunEndKind::Finished));
    assert_eq!(gateway.model_calls(&ticket.id), asked, "the model was not asked again");
    assert_eq!(gateway.dispatches(&ticket.id), 1);
    let other = client.claw.sight(&ticket.session, "another-key").await.unwrap();
    assert_eq!(other.begun, Begun::No);

    // The sum grows with the next run.
    client.claw.steer(&ticket.session, Speech::Words, "Thank you.", &[], "thanks-1").await.unwrap();
    client.end("thanks-1").await;
    let more = client.claw.used(&ticket.session).await.unwrap().expect("it tells");
    assert!(more.input > used.input && more.cost_micros > used.cost_micros, "{used:?} {more:?}");
    assert_eq!(client.claw.used("agent:main:feeder:dev:never:r1").await.unwrap(), None);

    another_model_never_works(client, gateway).await;

    let fails = self::ticket('c', "Fail the nuts").run(gateway, None);
    client.claw.start(fails.clone()).await.unwrap();
    let end = client.end(&fails.key).await.0;
    assert_eq!(end.how, RunEndKind::Failed);
    assert!(end.reason.is_some_and(|reason| !reason.is_empty()));
}

/// Nobody pays for, or shows their code to, a model that they did not choose.
async fn another_model_never_works(client: &Client, gateway: &Gateway) {
    let ticket = ticket('b', "Forget the oats");
    let refused = client.claw.start(ticket.run(gateway, Some("nobody/nothing"))).await.unwrap_err();
    let RuntimeError::Refused { sentence, .. } = refused else { panic!("{refused:?}") };
    assert!(sentence.contains("nobody/nothing") && sentence.contains("not started"), "{sentence}");
    assert_eq!(gateway.model_calls(&ticket.id), 0, "no model was asked");
}

async fn an_abort(client: &mut Client, gateway: &Gateway) {
    let ticket = ticket('d', "A slow watch");
    let run = ticket.run(gateway, None);
    client.claw.start(run.clone()).await.unwrap();
    client.until(&run.key, "watching", |sign| matches!(sign, RunSign::Line(line) if line.contains("watching"))).await;
    assert_eq!(client.claw.sight(&ticket.session, &run.key).await.unwrap().active, Some(true));
    let steered =
        client.claw.steer(&ticket.session, Speech::Words, "Look at the nuthatch too.", &[], "words-1").await.unwrap();
    assert_eq!(steered.run_id, "words-1");
    client.claw.abort(&ticket.session, true).await.unwrap();
    assert_eq!(client.end(&run.key).await.0.how, RunEndKind::Aborted);
    let sighting = client.claw.sight(&ticket.session, &run.key).await.unwrap();
    assert_eq!(sighting.active, Some(false));
    assert!(sighting.last_words.is_none(), "the session is gone: {sighting:?}");
    client.claw.abort(&ticket.session, true).await.expect("nothing there is not an error");
    client.claw.abort("agent:main:feeder:dev:never:r1", false).await.expect("nothing there is not an error");
}

async fn a_restart(client: &mut Client, gateway: Gateway) {
    decide::asks_before_the_end(client).await;
    let ticket = ticket('e', "A slow look at the moon");
    let run = ticket.run(&gateway, None);
    client.claw.subscribe("sessions.messages.subscribe", json!({ "key": ticket.session }));
    client.claw.start(run.clone()).await.unwrap();
    client.until(&run.key, "watching", |sign| matches!(sign, RunSign::Line(line) if line.contains("watching"))).await;
    let waiting = tokio::spawn({
        let (claw, key) = (Arc::clone(&client.claw), run.key.clone());
        async move { claw.wait(&key, 600_000).await }
    });
    // The wait is in flight once a later question is answered.
    client.claw.models().await.unwrap();

    let stopped = gateway.kill().await;
    let (why, sentence) = client.down().await;
    assert!(matches!(why, DownReason::Lost | DownReason::NothingAnswers), "{why:?}");
    assert!(sentence.contains("127.0.0.1"), "{sentence}");
    assert!(matches!(waiting.await.unwrap(), Err(RuntimeError::Unknown(_))), "what was in flight is unknown");
    decide::nobody_knows(client).await;

    let gateway = stopped.restart().await;
    client.connected().await;
    let mut raw = client.claw.raw_events();
    let begun = Instant::now();
    let successor = loop {
        assert!(begun.elapsed() < LONG, "the gateway did not resume the run");
        let sighting = client.claw.sight(&ticket.session, &run.key).await.unwrap();
        assert_eq!(sighting.begun, Begun::Yes);
        let resumed: Vec<_> = sighting.runs.iter().filter(|seen| seen.resumed).collect();
        if let [one] = resumed[..] {
            assert_ne!(one.run_id, run.key);
            break one.run_id.clone();
        }
        assert!(
            sighting.active != Some(false) || sighting.runs.iter().all(|seen| seen.end.is_none()),
            "an attempt that goes on looks ended: {sighting:?}"
        );
        tokio::task::yield_now().await;
    };
    let end = loop {
        assert!(begun.elapsed() < LONG, "the resumed run does not end");
        if let Some(end) = client.claw.wait(&successor, 20_000).await.unwrap() {
            break end;
        }
    };
    assert_eq!(end.how, RunEndKind::Finished, "{end:?}");
    let sighting = client.claw.sight(&ticket.session, &run.key).await.unwrap();
    assert_eq!(sighting.active, Some(false));
    assert!(sighting.runs.iter().any(|seen| seen.resumed && seen.end.is_some()), "{sighting:?}");
    assert_eq!(gateway.dispatches(&ticket.id), 1, "nobody sent the prompt twice");

    let mut renewed = false;
    while let Ok(event) = raw.try_recv() {
        renewed |= event.event == "session.message" && event.payload["sessionKey"] == ticket.session.as_str();
    }
    assert!(renewed, "the subscription was renewed on the new connection");
    // What waited is not there any more, or asks again.
    decide::known_again(client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugins_troubles_come_and_go_while_connected_and_another_agent_stands_in() {
    let port = free_port();
    let gateway = Gateway::start(NEW, port, &[]).await;
    let client = client(port, Some(TOKEN));
    client.troubles(&[]).await;
    let hearing = "/plugins/entries/openclutch/hooks/allowConversationAccess";
    for (place, wrong, code) in [
        ("/tools/toolSearch", json!(true), "tools_hidden"),
        ("/tools", json!({ "toolSearch": false, "profile": "coding" }), "tools_hidden"),
        (hearing, json!(false), "not_allowed_to_hear"),
    ] {
        let right = gateway.configure(place, wrong);
        client.troubles(&[code]).await;
        gateway.configure(place, right);
        client.troubles(&[]).await;
    }
    another_agent_stands_in_for_main(client, &gateway, port).await;
}

/// Stored names of tickets name the agent `main`. A gateway without such an agent refuses it.
async fn another_agent_stands_in_for_main(client: Client, gateway: &Gateway, port: u16) {
    let defaults = gateway.configure("/agents/defaults", json!({}));
    gateway.configure("/agents", json!({ "defaults": defaults, "list": [{ "id": "boss", "default": true }] }));
    let begun = Instant::now();
    let agents = async || client.claw.request("agents.list", json!({}), LONG).await.unwrap_or_default();
    while agents().await["defaultId"] != "boss" {
        assert!(begun.elapsed() < LONG, "the gateway does not read its configuration");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client.close().await;
    let mut client = self::client(port, Some(TOKEN));
    client.connected().await;
    let ticket = ticket('a', "Forget the seed");
    let run = ticket.run(gateway, Some("scripted/lively-2"));
    client.claw.start(run.clone()).await.unwrap();
    let (end, _) = client.end(&run.key).await;
    assert_eq!(end.how, RunEndKind::Finished, "{end:?}");
    let sighting = client.claw.sight(&ticket.session, &run.key).await.unwrap();
    assert!(sighting.runs.iter().any(|seen| seen.run_id == run.key), "{sighting:?}");
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_gateway_shakes_hands_and_runs_an_agent() {
    let port = free_port();
    let gateway = Gateway::start(OLD, port, &[("SCRIPT_PACE", "0.05")]).await;
    let mut client = client(port, Some(TOKEN));
    let GatewayState::Connected { plugin, .. } = client.connected().await else { unreachable!() };
    assert_eq!(plugin, [], "the plugin is loaded there too");

    let ticket = ticket('a', "Forget the seed");
    let run = ticket.run(&gateway, Some("scripted/lively-2"));
    assert_eq!(client.claw.sight(&ticket.session, &run.key).await.unwrap(), Default::default());
    client.claw.start(run.clone()).await.unwrap();
    let (end, seen) = client.end(&run.key).await;
    assert_eq!(end.how, RunEndKind::Finished);
    assert!(end.last_words.contains("robins agree"), "{end:?}");
    let used = client.claw.used(&ticket.session).await.unwrap().expect("it tells");
    assert!(used.input > 5_000 && used.output > 20, "{used:?}");
    assert_eq!(client.claw.used("agent:main:feeder:dev:never:r1").await.unwrap(), None);
    assert!(lines(&seen).iter().any(|line| line.starts_with("exec git log")), "{seen:?}");
    assert_eq!(client.claw.wait(&run.key, 10_000).await.unwrap().map(|end| end.how), Some(RunEndKind::Finished));
    assert_eq!(client.claw.sight(&ticket.session, &run.key).await.unwrap().begun, Begun::CannotTell);
    client.claw.start(run.clone()).await.unwrap();
    assert_eq!(gateway.dispatches(&ticket.id), 1);

    let slow = self::ticket('d', "A slow watch");
    let run = slow.run(&gateway, None);
    client.claw.start(run.clone()).await.unwrap();
    client.until(&run.key, "watching", |sign| matches!(sign, RunSign::Line(line) if line.contains("watching"))).await;
    // It stops such runs only with their session.
    client.claw.abort(&slow.session, true).await.unwrap();
    assert_eq!(client.end(&run.key).await.0.how, RunEndKind::Aborted);

    commands::only_commands_are_read(&mut client, &gateway).await;
    talk::stopped_and_remembered(&mut client, &gateway).await;
    decide::nobody_knows(&client).await;

    let stranger = self::client(port, Some("wrong"));
    assert_eq!(stranger.down().await.0, DownReason::TokenRefused);
    stranger.close().await;
    client.close().await;
}
