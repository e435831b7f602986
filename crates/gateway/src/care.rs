//! The caretaker: after each connection it renews subscriptions, asks about runs whose end
//! may have been missed, and looks whether our plugin works. It owns the public state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clutch_orchestrator::runtime::{RuntimeError, RuntimeState, Trouble};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::actor::{Link, wall};
use crate::plugin::{self, Answers, PLUGIN_ID};
use crate::runtime::Client;
use crate::signs::end_of_wait;
use crate::state::GatewayState;
use crate::task::{Part, keep};
use crate::wire::{Hello, text};

/// How long `Connected` is held back while the plugin is looked at, so that the page is right from the start.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// How soon to look again when something has gone wrong: people repair it with the page open. Doubled while
/// nobody does.
const LOOK_WHILE_WRONG: Duration = Duration::from_secs(5);
/// How often to look again while all is well, or nobody repairs it.
const LOOK_SELDOM: Duration = Duration::from_secs(60);
/// How often to ask about runs at most, however many gaps there are.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// A number of gaps that there never is.
const NEVER: u64 = u64::MAX;
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
    pub state: watch::Sender<GatewayState>,
    /// The same for the rest of the program.
    pub shown: watch::Sender<RuntimeState>,
    pub kick: Arc<Notify>,
    pub subscriptions: watch::Receiver<Vec<Subscription>>,
    /// The connection whose agents are known.
    pub agents_of: u64,
}

impl Part for Care {
    const NAME: &'static str = "the look after the gateway";

    async fn work(&mut self) {
        self.turns().await;
    }

    /// Whatever it knew it asks again.
    fn mend(&mut self) {
        self.agents_of = 0;
    }
}

impl Care {
    /// Runs until it is aborted: it holds a way to the actor, so it cannot see that nobody answers there.
    pub(crate) async fn run(mut self) {
        keep(&mut self).await;
    }

    async fn turns(&mut self) {
        let mut link = self.client.shared.link.subscribe();
        let mut plugins = self.client.shared.raw.subscribe();
        // Connection and gaps whose runs were asked about; when what was not answered is asked again.
        let mut served = (0, 0);
        let mut ask = Instant::now();
        let mut troubles: Option<Vec<Trouble>> = None;
        let mut look_at = Instant::now();
        let mut in_vain = 0;
        // Nobody can subscribe any more once the handle is dropped.
        let mut subscribers = true;
        loop {
            let now: Link = link.borrow_and_update().clone();
            let GatewayState::Connected { .. } = now.state else {
                troubles = None;
                self.publish(now.state);
                if link.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let fresh = served.0 != now.connections;
            if fresh {
                (ask, look_at, in_vain) = (Instant::now(), Instant::now(), 0);
            }
            // Further gaps do not interrupt it: they are served in their turn, so the state is told meanwhile.
            if served != (now.connections, now.gaps) && ask <= Instant::now() {
                tokio::select! {
                    whole = self.settle(&now, fresh) => {
                        // A new connection is served once its subscriptions are renewed.
                        served = (now.connections, if whole { now.gaps } else { NEVER });
                        ask = Instant::now() + SETTLE_EVERY;
                    }
                    () = lost(&mut link, now.connections) => continue,
                }
            }
            if look_at <= Instant::now() {
                let look = look(&self.client, now.hello.as_deref());
                let seen = tokio::select! {
                    seen = tokio::time::timeout(FIRST_LOOK, look) => seen.ok(),
                    () = lost(&mut link, now.connections) => continue,
                };
                match seen {
                    Some(seen) => {
                        // People repair it with the page open; what nobody repairs is looked at less and less.
                        in_vain = if troubles.as_ref() == Some(&seen) { in_vain + 1 } else { 0 };
                        troubles = Some(seen);
                    }
                    None if troubles.is_none() => tracing::debug!("the gateway is slow to tell about its plugins"),
                    None => {}
                }
                let well = troubles.as_ref().is_some_and(Vec::is_empty);
                look_at = Instant::now() + if well { LOOK_SELDOM } else { pause(in_vain) };
            }
            self.publish(with_plugin(now.state, troubles.clone().unwrap_or_default()));
            // Gaps that came meanwhile are seen already, and no news.
            let unserved = served != (now.connections, link.borrow().gaps);
            tokio::select! {
                changed = link.changed() => if changed.is_err() { return },
                () = self.kick.notified() => (look_at, in_vain) = (Instant::now(), 0),
                () = plugins_changed(&mut plugins) => (look_at, in_vain) = (Instant::now(), 0),
                changed = self.subscriptions.changed(), if subscribers => match changed {
                    // A new subscription counts for this connection too.
                    Ok(()) => self.subscribe(now.hello.as_deref()).await,
                    Err(_) => subscribers = false,
                },
                () = tokio::time::sleep_until(look_at.into()) => {}
                () = tokio::time::sleep_until(ask.into()), if unserved => {}
            }
        }
    }

    fn publish(&self, state: GatewayState) {
        self.state.send_if_modified(|shown| {
            let news = *shown != state;
            if news {
                for trouble in news_of(shown, &state) {
                    tracing::warn!(code = trouble.code, "{}", trouble.sentence);
                }
                self.shown.send_replace(state.shown());
                *shown = state;
            }
            news
        });
    }

    /// Asks how the runs are that may have ended unheard. `false` where not all were told.
    async fn settle(&mut self, now: &Link, fresh: bool) -> bool {
        if fresh {
            self.subscribe(now.hello.as_deref()).await;
        }
        if self.agents_of != now.connections {
            if self.meet_agents(now.hello.as_deref()).await.is_err() {
                return false;
            }
            self.agents_of = now.connections;
        }
        let live = self.client.shared.signs().live_runs();
        for run_id in live {
            let params = json!({ "runId": run_id, "timeoutMs": 0 });
            match self.client.request("agent.wait", params, QUESTION_MS).await {
                Ok(answer) => {
                    if let Some(end) = end_of_wait(&answer) {
                        let told = self.client.shared.signs().end_known(&run_id, end, wall());
                        self.client.shared.tell(told);
                    }
                }
                // An answer, too: it does not tell about this one.
                Err(RuntimeError::Refused { sentence, .. }) => {
                    tracing::debug!(run_id, sentence, "the gateway does not tell about a run");
                }
                Err(error) => {
                    tracing::debug!(run_id, %error, "the gateway was not asked about all runs; it is asked again");
                    return false;
                }
            }
        }
        true
    }

    /// Who works for the agent `main` where there is none. Old gateways run it all the same, and what runs
    /// there has its name.
    async fn meet_agents(&self, hello: Option<&Hello>) -> Result<(), RuntimeError> {
        let Some(hello) = hello.filter(|hello| hello.protocol >= 4 && hello.offers("agents.list")) else {
            self.client.shared.keys().stand_in(false);
            return Ok(());
        };
        match self.client.request("agents.list", json!({}), QUESTION_MS).await {
            Ok(answer) => {
                let agents = answer["agents"].as_array().map(Vec::as_slice).unwrap_or_default();
                let main =
                    agents.is_empty() || agents.iter().any(|agent| text(agent, "id").eq_ignore_ascii_case("main"));
                if !main {
                    tracing::info!(agent = hello.default_agent(), "the gateway's default agent works on tickets");
                }
                self.client.shared.keys().stand_in(!main);
                Ok(())
            }
            Err(RuntimeError::Refused { sentence, .. }) => {
                tracing::debug!(sentence, "the gateway does not tell about its agents");
                Ok(())
            }
            Err(error) => Err(error),
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

/// Waits until this connection is not the current one any more.
async fn lost(link: &mut watch::Receiver<Link>, connection: u64) {
    let gone = |link: &Link| link.connections != connection || !matches!(link.state, GatewayState::Connected { .. });
    // Without an actor there is no connection either.
    let _ = link.wait_for(gone).await;
}

/// The pause after so many looks that saw the same trouble.
fn pause(in_vain: u32) -> Duration {
    LOOK_WHILE_WRONG.saturating_mul(1_u32.checked_shl(in_vain).unwrap_or(u32::MAX)).min(LOOK_SELDOM)
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

fn with_plugin(state: GatewayState, plugin: Vec<Trouble>) -> GatewayState {
    match state {
        GatewayState::Connected { address, since, connection, boot, version, .. } => {
            GatewayState::Connected { address, since, connection, boot, version, plugin }
        }
        other => other,
    }
}

fn news_of<'a>(before: &GatewayState, after: &'a GatewayState) -> Vec<&'a Trouble> {
    let GatewayState::Connected { plugin: after, .. } = after else { return Vec::new() };
    let before = match before {
        GatewayState::Connected { plugin, .. } => plugin.as_slice(),
        _ => &[],
    };
    after.iter().filter(|trouble| !before.contains(trouble)).collect()
}

/// Asks what the gateway offers to be asked, all at once.
async fn look(client: &Client, hello: Option<&Hello>) -> Vec<Trouble> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_repairs_is_looked_at_once_a_minute() {
        assert_eq!([0, 1, 2, 3, 4, 40].map(|n| pause(n).as_secs()), [5, 10, 20, 40, 60, 60]);
    }
}
