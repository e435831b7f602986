//! The tasks behind a connection: their end.

use std::future::Future;

use crate::state::GatewayState;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::actor::Ask;

/// The tasks behind an [`OpenClaw`](crate::OpenClaw). Dropping it leaves them running.
#[derive(Debug)]
pub struct GatewayTask {
    pub(crate) inbox: mpsc::Sender<Ask>,
    pub(crate) actor: JoinHandle<()>,
    pub(crate) care: JoinHandle<()>,
    /// Its sender is the caretaker's.
    pub(crate) state: watch::Receiver<GatewayState>,
}

impl GatewayTask {
    /// Ready when nobody speaks with the gateway any more, or nobody looks after that: after
    /// [`GatewayTask::shutdown`], or because one of the tasks has broken off.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let (inbox, mut state) = (self.inbox.clone(), self.state.clone());
        async move {
            let uncared = async { while state.changed().await.is_ok() {} };
            tokio::select! {
                () = inbox.closed() => {}
                () = uncared => {}
            }
        }
    }

    /// Ends the connection; every waiting request is answered `Unknown`.
    pub async fn shutdown(self) {
        // A closed inbox means that the actor ended already.
        let _ = self.inbox.send(Ask::Shutdown).await;
        let _ = self.actor.await;
        self.care.abort();
        let _ = self.care.await;
    }
}
