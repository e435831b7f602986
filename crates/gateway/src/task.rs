//! The tasks behind a connection: what becomes of one that breaks off, and their end.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use crate::state::GatewayState;
use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::actor::Ask;

/// Before a part that broke off is begun again; each further pause in a row is twice as long,
const PAUSE: Duration = Duration::from_secs(1);
/// but no longer than this.
const PAUSE_MOST: Duration = Duration::from_secs(60);
/// A part that worked for so long has recovered.
const WELL: Duration = Duration::from_secs(60);

/// What a task does, so that a mistake in one step costs that step, and not the gateway until the next restart.
pub(crate) trait Part {
    /// How the log calls it.
    const NAME: &'static str;
    /// Works to the end; again after [`Part::mend`].
    fn work(&mut self) -> impl Future<Output = ()> + Send;
    /// It broke off in the middle: brings what it holds in order.
    fn mend(&mut self);
}

/// Works to the end, however often it breaks off.
pub(crate) async fn keep<P: Part>(part: &mut P) {
    let mut pause = PAUSE;
    loop {
        let begun = Instant::now();
        let ended = AssertUnwindSafe(part.work()).catch_unwind().await;
        if ended.is_ok() {
            return;
        }
        if begun.elapsed() >= WELL {
            pause = PAUSE;
        }
        tracing::error!(?pause, "{} broke off; the log says above where; it is begun again", P::NAME);
        part.mend();
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MOST);
    }
}

/// The tasks behind an [`OpenClaw`](crate::OpenClaw). Dropping it leaves them running.
#[derive(Debug)]
pub struct GatewayTask {
    pub(crate) inbox: mpsc::Sender<Ask>,
    pub(crate) actor: JoinHandle<()>,
    pub(crate) care: JoinHandle<()>,
    pub(crate) decisions: JoinHandle<()>,
    /// Its sender is the caretaker's.
    pub(crate) state: watch::Receiver<GatewayState>,
}

impl GatewayTask {
    /// Ready when nobody speaks with the gateway any more, or nobody looks after that: after
    /// [`GatewayTask::shutdown`], or because one of the tasks could not even be begun again.
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
        for part in [self.care, self.decisions] {
            part.abort();
            let _ = part.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Fragile {
        tries: u32,
        mended: u32,
    }

    impl Part for Fragile {
        const NAME: &'static str = "a fragile part";

        async fn work(&mut self) {
            self.tries += 1;
            assert!(self.tries > 9, "broken off as the test wants it");
        }

        fn mend(&mut self) {
            self.mended += 1;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_breaks_off_is_begun_again_in_growing_pauses() {
        let (began, mut part) = (Instant::now(), Fragile::default());
        keep(&mut part).await;
        assert_eq!((part.tries, part.mended), (10, 9));
        assert_eq!(began.elapsed().as_secs(), 1 + 2 + 4 + 8 + 16 + 32 + 60 * 3);
    }
}
