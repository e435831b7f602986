//! The caretaker: after each connection it renews subscriptions, asks about runs whose end
//! may have been missed, and looks whether our plugin works. It owns the public state.

use std::sync::Arc;
use std::time::Duration;

use clutch_orchestrator::runtime::{PluginTrouble, RuntimeState};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::actor::{Link, wall};
use crate::plugin::{self, Answers, PLUGIN_ID};
use crate::runtime::Client;
use crate::signs::end_of_wait;
use crate::wire::Hello;

/// How long `Connected` is held back while the plugin is looked at, so that the page is right from the start.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// How often to look again while something is wrong: people repair it with the page open.
const LOOK_WHILE_WRONG: Duration = Duration::from_secs(5);
/// How often to look again while all is well.
const LOOK_WHILE_WELL: Duration = Duration::from_secs(60);
/// Time-out of one question, in milliseconds.
const QUESTION_MS: u64 = 20_000;

/// A call that is repeated on every new connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subscription {
    pub method: String,
    pub params: Value,
}

pub(crate) struct Care {
    pub client: Client,
    pub state: watch::Sender<RuntimeState>,
    pub kick: Arc<Notify>,
    pub subscriptions: watch::Receiver<Vec<Subscription>>,
}

impl Care {
    /// Runs until it is aborted: it holds a way to the actor, so it cannot see that nobody answers there.
    pub(crate) async fn run(mut self) {
        let mut link = self.client.shared.link.subscribe();
        let mut served = (0, 0);
        let mut plugins = self.client.shared.raw.subscribe();
        let mut troubles: Option<Vec<PluginTrouble>> = None;
        loop {
            let now: Link = link.borrow_and_update().clone();
            let RuntimeState::Connected { .. } = now.state else {
                troubles = None;
                self.publish(now.state);
                if link.changed().await.is_err() {
                    return;
                }
                continue;
            };
            if served != (now.connections, now.gaps) {
                let fresh = served.0 != now.connections;
                tokio::select! {
                    () = self.settle(&now, fresh) => served = (now.connections, now.gaps),
                    _ = link.changed() => continue,
                }
            }
            let first = troubles.is_none();
            let look = look(&self.client, now.hello.as_deref());
            let seen = tokio::select! {
                seen = tokio::time::timeout(FIRST_LOOK, look) => seen.ok(),
                _ = link.changed() => continue,
            };
            if let Some(seen) = seen {
                troubles = Some(seen);
            } else if first {
                tracing::debug!("the gateway is slow to tell about its plugins");
            }
            let known = troubles.clone().unwrap_or_default();
            let again = if known.is_empty() && troubles.is_some() { LOOK_WHILE_WELL } else { LOOK_WHILE_WRONG };
            self.publish(with_plugin(now.state, known));
            tokio::select! {
                changed = link.changed() => if changed.is_err() { return },
                () = self.kick.notified() => {}
                () = plugins_changed(&mut plugins) => {}
                changed = self.subscriptions.changed() => {
                    // A new subscription counts for this connection too.
                    if changed.is_ok() { self.subscribe(now.hello.as_deref()).await }
                }
                () = tokio::time::sleep(again) => {}
            }
        }
    }

    fn publish(&self, state: RuntimeState) {
        self.state.send_if_modified(|shown| {
            let news = *shown != state;
            if news {
                for trouble in news_of(shown, &state) {
                    tracing::warn!(code = trouble.code, "{}", trouble.sentence);
                }
                *shown = state;
            }
            news
        });
    }

    async fn settle(&mut self, now: &Link, fresh: bool) {
        if fresh {
            self.subscribe(now.hello.as_deref()).await;
        }
        let live = self.client.shared.signs().live_runs();
        for run_id in live {
            let params = json!({ "runId": run_id, "timeoutMs": 0 });
            let Ok(answer) = self.client.request("agent.wait", params, QUESTION_MS).await else { return };
            if let Some(end) = end_of_wait(&answer) {
                let told = self.client.shared.signs().end_known(&run_id, end, wall());
                self.client.shared.tell(told);
            }
        }
    }

    async fn subscribe(&mut self, hello: Option<&Hello>) {
        let wanted = self.subscriptions.borrow_and_update().clone();
        for Subscription { method, params } in wanted {
            if hello.is_some_and(|hello| hello.offers(&method))
                && let Err(error) = self.client.request(&method, params, QUESTION_MS).await
            {
                tracing::warn!(method, %error, "a subscription was not renewed");
            }
        }
    }
}

/// Waits for the gateway to say that its plugins changed.
async fn plugins_changed(events: &mut tokio::sync::broadcast::Receiver<Arc<crate::wire::Event>>) {
    loop {
        match events.recv().await {
            Ok(event) if event.event == "plugins.changed" => return,
            Ok(_) => {}
            // What was skipped may have been it.
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => return,
            Err(tokio::sync::broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn with_plugin(state: RuntimeState, plugin: Vec<PluginTrouble>) -> RuntimeState {
    match state {
        RuntimeState::Connected { address, since, connection, boot, version, .. } => {
            RuntimeState::Connected { address, since, connection, boot, version, plugin }
        }
        other => other,
    }
}

fn news_of<'a>(before: &RuntimeState, after: &'a RuntimeState) -> Vec<&'a PluginTrouble> {
    let RuntimeState::Connected { plugin: after, .. } = after else { return Vec::new() };
    let before = match before {
        RuntimeState::Connected { plugin, .. } => plugin.as_slice(),
        _ => &[],
    };
    after.iter().filter(|trouble| !before.contains(trouble)).collect()
}

/// Asks what the gateway offers to be asked, all at once.
async fn look(client: &Client, hello: Option<&Hello>) -> Vec<PluginTrouble> {
    let ask = async |method: &str, params: Value| {
        if !hello.is_some_and(|hello| hello.offers(method)) {
            return None;
        }
        client.request(method, params, QUESTION_MS).await.ok()
    };
    let (list, inspect, config, catalog, channels) = tokio::join!(
        ask("plugins.list", json!({})),
        ask("plugins.inspect", json!({ "pluginId": PLUGIN_ID })),
        ask("config.get", json!({})),
        ask("tools.catalog", json!({})),
        ask("channels.status", json!({})),
    );
    plugin::troubles(&Answers { list, inspect, config, catalog, channels })
}
