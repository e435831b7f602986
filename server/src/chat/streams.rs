//! What agents say right now in chats: the answer so far and the newest tool calls of each run, kept
//! in memory while the run lasts. The whole answer becomes a message by the bridge.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clutch_app::model::chat::StreamView;
use clutch_domain::{chat::Call, id::ChatId, time::Millis};
use clutch_orchestrator::runtime::{RunSign, Runtime, ToolSign};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::Instant,
};

use crate::http::uploads::without_names;

/// Longest line of what an agent does right now, in characters.
const PHASE_MAX: usize = 300;
/// Most tool calls that are kept of a run, the first ones.
const CALLS_MAX: usize = 60;
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
    // Calls that have not ended, and when they began; the place of each in the view's list.
    under_way: Vec<(String, Millis, usize)>,
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
            let (mut view, under_way) = old.map_or_else(
                || (StreamView { run: run.to_owned(), ..StreamView::default() }, Vec::new()),
                |s| (StreamView::clone(&s.view), s.under_way.clone()),
            );
            change(&mut view);
            now.insert(chat, Stream { view: Arc::new(view), until: Instant::now() + stays, under_way });
        }
        self.news.send_modify(|n| *n += 1);
    }

    /// What a run did so far, as far as it was heard.
    pub fn calls(&self, chat: ChatId, run: &str) -> Vec<Call> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.get(&chat).filter(|s| s.view.run == run).map(|s| s.view.calls.clone()).unwrap_or_default()
    }

    /// A tool call began or ended.
    fn tool(&self, chat: ChatId, run: &str, sign: &ToolSign, at: Millis) {
        self.set(chat, run, SILENT, |_| {});
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = now.get_mut(&chat) else { return };
        let view = Arc::make_mut(&mut stream.view);
        match sign.ended {
            None if view.calls.len() < CALLS_MAX => {
                stream.under_way.push((sign.call.clone(), at, view.calls.len()));
                view.calls.push(Call::begun(&sign.line));
            }
            None => {}
            Some(well) => {
                let Some(n) = stream.under_way.iter().position(|(call, ..)| *call == sign.call) else { return };
                let (_, began, place) = stream.under_way.swap_remove(n);
                if let Some(call) = view.calls.get_mut(place) {
                    call.ms = u32::try_from(at.since(began)).ok();
                    call.failed = !well;
                }
            }
        }
        drop(now);
        self.news.send_modify(|n| *n += 1);
    }

    /// A run is over, whether or not its end was heard.
    pub fn ended(&self, chat: ChatId, run: &str) {
        if self.of(chat).is_some_and(|view| view.run == run && !view.ended) {
            self.set(chat, run, STAYS, |view| view.ended = true);
        }
    }

    /// Ends may have been missed: only who says something more goes on being shown.
    fn doubt(&self) {
        let soon = Instant::now() + STAYS;
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.values_mut().for_each(|stream| stream.until = stream.until.min(soon));
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

    /// Listens to a runtime for ever.
    pub async fn follow(self: Arc<Self>, runtime: Arc<Runtime>) {
        let mut events = runtime.agents.events();
        let mut state = runtime.agents.state();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            let event = tokio::select! {
                _ = sweep.tick() => {
                    self.sweep();
                    continue;
                }
                // A gateway that goes away tells no ends.
                Ok(()) = state.changed() => {
                    if !state.borrow_and_update().is_ready() {
                        self.doubt();
                    }
                    continue;
                }
                event = events.recv() => match event {
                    Ok(event) => event,
                    Err(RecvError::Lagged(_)) => {
                        self.doubt(); // each text is whole: the next one heals
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                },
            };
            let Some(chat) = runtime.names.chat_of(&event.session) else { continue };
            let run = &event.run_id;
            match &event.what {
                RunSign::Started => self.set(chat, run, SILENT, |_| {}),
                RunSign::Line(line) => {
                    self.set(chat, run, SILENT, |view| view.phase = clutch_domain::text::preview(line, PHASE_MAX))
                }
                RunSign::Tool(tool) => self.tool(chat, run, tool, event.at),
                RunSign::Text(text) => self.set(chat, run, SILENT, |view| {
                    let text = &without_names(&clutch_domain::text::lines(text));
                    view.html = (text.len() <= RENDERED_MAX).then(|| clutch_app::markdown::render_growing(text));
                    view.text = if view.html.is_some() { String::new() } else { text.clone() };
                    view.said = true;
                }),
                RunSign::Ended(_) => self.set(chat, run, STAYS, |view| view.ended = true),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clutch_domain::id::ChatId;
    use uuid::Uuid;

    use super::*;

    fn until(streams: &Streams, chat: ChatId) -> Duration {
        streams.now.lock().unwrap()[&chat].until - Instant::now()
    }

    #[tokio::test]
    async fn an_end_that_was_not_heard_is_made_up_for() {
        let streams = Streams::default();
        let chat = ChatId(Uuid::from_u128(1));
        streams.set(chat, "r-1", SILENT, |_| {});
        streams.ended(chat, "r-2");
        assert!(!streams.of(chat).unwrap().ended, "another run's end");
        // Who was not heard for a moment may be over; who says more is not.
        streams.doubt();
        assert!(until(&streams, chat) <= STAYS);
        streams.set(chat, "r-1", SILENT, |_| {});
        assert!(until(&streams, chat) > STAYS);
        streams.ended(chat, "r-1");
        assert!(streams.of(chat).unwrap().ended, "its answer was kept");
        assert!(until(&streams, chat) <= STAYS);
    }
}
