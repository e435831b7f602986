//! Telling what waits for people at the gateway, and bringing what they say.

use async_trait::async_trait;
use clutch_domain::decision::AskKind;
use clutch_orchestrator::runtime::{Decisions, Reply, RuntimeError, Waiting};
use tokio::sync::watch;

use super::OpenClaw;
use crate::decisions::Ways;

#[async_trait]
impl Decisions for OpenClaw {
    fn waiting(&self) -> watch::Receiver<Waiting> {
        self.waiting.subscribe()
    }

    async fn decide(&self, kind: AskKind, id: &str, reply: Reply) -> Result<(), RuntimeError> {
        let ways = Ways::of(kind);
        let Some(params) = ways.params(id, &reply) else {
            let sentence = "This is no answer to what was asked.".to_owned();
            return Err(RuntimeError::Refused { code: "NO_ANSWER".into(), sentence });
        };
        let answer = self.quick(ways.resolve, params).await;
        if answer.is_ok() {
            // Whoever looks next does not see it any more, also before the lists have been read again.
            self.waiting.send_if_modified(|told| {
                let left: Vec<_> =
                    told.all.iter().filter(|one| one.asks.kind() != kind || one.id != id).cloned().collect();
                let gone = left.len() < told.all.len();
                if gone {
                    told.all = left.into();
                }
                gone
            });
        }
        self.decided.notify_one();
        answer.map(drop)
    }
}
