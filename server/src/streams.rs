//! What agents say right now in chats: the answer so far and the newest tool calls of each run, kept
//! in memory while the run lasts. The whole answer becomes a message by the bridge.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clutch_app::model::chat::StreamView;
use clutch_domain::id::ChatId;
use clutch_orchestrator::runtime::{AgentRuntime, RunSign};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::Instant,
};

use crate::bridge::chat_of;

/// Newest tool calls that are kept of a run.
const LINES_MAX: usize = 12;
/// How long the last state stays after the end: the message that follows takes its place.
const STAYS: Duration = Duration::from_secs(4);
/// A run without a sign for this long is not shown any more.
const SILENT: Duration = Duration::from_secs(120);
/// Longest text that is rendered while it comes, in bytes; a longer one shows as it was written.
const RENDERED_MAX: usize = 32 * 1024;
/// How often what is over is taken away.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

struct Stream {
    view: Arc<StreamView>,
    until: Instant,
}

/// The answers that are being written.
pub struct Streams {
    now: Mutex<HashMap<ChatId, Stream>>,
    news: watch::Sender<u64>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { now: Mutex::default(), news: watch::Sender::new(0) }
    }
}

impl Streams {
    /// Wakes when something was said.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// What is being said in a chat.
    pub fn of(&self, chat: ChatId) -> Option<Arc<StreamView>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).get(&chat).map(|s| s.view.clone())
    }

    /// Changes what a chat shows; it is shown until `stays` has passed without another word.
    fn set(&self, chat: ChatId, run: &str, stays: Duration, change: impl FnOnce(&mut StreamView)) {
        {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            let old = now.get(&chat).filter(|s| s.view.run == run);
            let mut view = old.map_or_else(
                || StreamView { run: run.to_owned(), ..StreamView::default() },
                |s| StreamView::clone(&s.view),
            );
            change(&mut view);
            now.insert(chat, Stream { view: Arc::new(view), until: Instant::now() + stays });
        }
        self.news.send_modify(|n| *n += 1);
    }

    fn sweep(&self) {
        let gone = {
            let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
            let before = now.len();
            now.retain(|_, stream| stream.until > Instant::now());
            before != now.len()
        };
        if gone {
            self.news.send_modify(|n| *n += 1);
        }
    }

    /// Listens to the gateway for ever.
    pub async fn follow(self: Arc<Self>, runtime: Arc<dyn AgentRuntime>) {
        let mut events = runtime.events();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            let event = tokio::select! {
                _ = sweep.tick() => {
                    self.sweep();
                    continue;
                }
                event = events.recv() => match event {
                    Ok(event) => event,
                    Err(RecvError::Lagged(_)) => continue, // each text is whole: the next one heals
                    Err(RecvError::Closed) => return,
                },
            };
            let Some(chat) = chat_of(&event.session) else { continue };
            let run = &event.run_id;
            match &event.what {
                RunSign::Started => self.set(chat, run, SILENT, |_| {}),
                RunSign::Line(line) => self.set(chat, run, SILENT, |view| {
                    if view.lines.len() == LINES_MAX {
                        view.lines.remove(0);
                    }
                    view.lines.push(line.clone());
                }),
                RunSign::Text(text) => self.set(chat, run, SILENT, |view| {
                    view.html = (text.len() <= RENDERED_MAX).then(|| clutch_app::markdown::render(text));
                    view.text = if view.html.is_some() { String::new() } else { text.clone() };
                    view.said = true;
                }),
                RunSign::Ended(_) => self.set(chat, run, STAYS, |view| view.ended = true),
            }
        }
    }
}
