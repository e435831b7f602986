//! What agents say right now in chats: the answer so far and the newest tool calls of each run, kept
//! in memory while the run lasts. The whole answer becomes a message by the bridge.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clutch_app::{
    markdown::Growing,
    model::{chat::StreamView, sign_of},
};
use clutch_domain::{actor::COORDINATOR, chat::Call, id::ChatId, speech, time::Millis};
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
/// How often what is over is taken away.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

struct Stream {
    // Without the blocks: they are told once.
    view: Arc<StreamView>,
    // Its words; elsewhere while they are being rendered.
    words: Option<Growing>,
    until: Instant,
    // Calls that have not ended, and when they began; the place of each in the view's list.
    under_way: Vec<(String, Millis, usize)>,
}

/// How much of an answer a viewer was told.
#[derive(Debug)]
pub struct Told {
    view: Arc<StreamView>,
    turn: u32,
    blocks: usize,
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

    fn now(&self) -> MutexGuard<'_, HashMap<ChatId, Stream>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is being said in a chat, beyond what a viewer was told; `None` where there is nothing new to tell.
    pub fn beyond(&self, chat: ChatId, told: Option<&Told>) -> Option<(Option<StreamView>, Option<Told>)> {
        let now = self.now();
        let Some(stream) = now.get(&chat) else { return told.map(|_| (None, None)) };
        if told.is_some_and(|told| Arc::ptr_eq(&told.view, &stream.view)) {
            return None;
        }
        // More of them is news in a moment; until then nobody is told that there are none.
        let words = stream.words.as_ref()?;
        let (turn, blocks) = (words.turn(), words.blocks());
        let goes_on = told.filter(|told| told.view.run == stream.view.run && told.turn == turn);
        let from = goes_on.map_or(0, |told| told.blocks.min(blocks.len()));
        let view = StreamView {
            from,
            blocks: blocks[from..].to_vec(),
            open: words.open().clone(),
            ..StreamView::clone(&stream.view)
        };
        Some((Some(view), Some(Told { view: stream.view.clone(), turn, blocks: blocks.len() })))
    }

    /// Changes what a chat shows; it is shown until `stays` has passed without another word.
    fn set(&self, chat: ChatId, run: &str, stays: Duration, change: impl FnOnce(&mut StreamView)) {
        {
            let mut now = self.now();
            let old = now.remove(&chat).filter(|s| s.view.run == run);
            let mut stream = old.unwrap_or_else(|| Stream {
                view: Arc::new(StreamView { run: run.to_owned(), who: sign_of(COORDINATOR), ..StreamView::default() }),
                words: Some(Growing::default()),
                until: Instant::now(),
                under_way: Vec::new(),
            });
            let mut view = StreamView::clone(&stream.view);
            change(&mut view);
            // A viewer knows by it that something is new.
            stream.view = Arc::new(view);
            stream.until = Instant::now() + stays;
            now.insert(chat, stream);
        }
        self.news.send_modify(|n| *n += 1);
    }

    /// An answer came so far.
    fn says(&self, chat: ChatId, run: &str, text: &str) {
        let text = without_names(&clutch_domain::text::lines(text));
        let text = speech::so_far(&text);
        // Rendered outside, where nobody waits for it. Only who listens to the chat's runtime comes here.
        let mut words = self.take(chat, run);
        words.read(text);
        self.set(chat, run, SILENT, |view| view.said = !text.is_empty());
        if let Some(stream) = self.now().get_mut(&chat).filter(|s| s.view.run == run) {
            stream.words = Some(words);
        }
        self.news.send_modify(|n| *n += 1);
    }

    /// What was said so far, to go on with it elsewhere.
    fn take(&self, chat: ChatId, run: &str) -> Growing {
        let mut now = self.now();
        now.get_mut(&chat).filter(|s| s.view.run == run).and_then(|s| s.words.take()).unwrap_or_default()
    }

    /// What a run did so far, as far as it was heard.
    pub fn calls(&self, chat: ChatId, run: &str) -> Vec<Call> {
        let now = self.now();
        now.get(&chat).filter(|s| s.view.run == run).map(|s| s.view.calls.clone()).unwrap_or_default()
    }

    /// A tool call began or ended.
    fn tool(&self, chat: ChatId, run: &str, sign: &ToolSign, at: Millis) {
        self.set(chat, run, SILENT, |_| {});
        let mut now = self.now();
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
        let goes_on = self.now().get(&chat).is_some_and(|s| s.view.run == run && !s.view.ended);
        if goes_on {
            self.set(chat, run, STAYS, |view| view.ended = true);
        }
    }

    /// Ends may have been missed: only who says something more goes on being shown.
    fn doubt(&self) {
        let soon = Instant::now() + STAYS;
        let mut now = self.now();
        now.values_mut().for_each(|stream| stream.until = stream.until.min(soon));
    }

    fn sweep(&self) {
        let gone = {
            let mut now = self.now();
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
                RunSign::Text(text) => self.says(chat, run, text),
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
        streams.now()[&chat].until - Instant::now()
    }

    fn ended(streams: &Streams, chat: ChatId) -> bool {
        streams.now()[&chat].view.ended
    }

    /// What a viewer holds who was told one thing after the other.
    #[derive(Default)]
    struct Viewer {
        told: Option<Told>,
        held: StreamView,
        bytes: usize,
    }

    impl Viewer {
        fn look(&mut self, streams: &Streams, chat: ChatId) -> bool {
            let Some((said, told)) = streams.beyond(chat, self.told.as_ref()) else { return false };
            let said = said.unwrap();
            self.bytes += serde_json::to_string(&said).unwrap().len();
            self.held.go_on(said);
            self.told = told;
            true
        }

        fn words(&self) -> String {
            let blocks = self.held.blocks.iter().chain([&self.held.open]);
            blocks.map(|html| html.as_str()).collect::<String>().replace('\n', "")
        }
    }

    /// Everything that was said so far came again with each piece of it.
    #[tokio::test]
    async fn what_is_settled_is_told_once_to_each_viewer() {
        let streams = Streams::default();
        let chat = ChatId(Uuid::from_u128(1));
        let (mut first, mut late) = (Viewer::default(), Viewer::default());
        let mut text = String::new();
        for n in 0..200 {
            text.push_str(&format!("Sentence {n} of it.\n\n"));
            streams.says(chat, "r-1", &text);
            assert!(first.look(&streams, chat) && !first.look(&streams, chat));
        }
        assert!(late.look(&streams, chat));
        let whole = clutch_app::markdown::render(&text).into_string().replace('\n', "");
        assert_eq!((first.words(), late.words()), (whole.clone(), whole));
        assert!(first.bytes < 20 * text.len(), "{} bytes for {}", first.bytes, text.len());
        assert_eq!((first.held.who.as_str(), first.held.turn), ("Ada", 0));
        // What was said is taken back, and another run begins at its beginning.
        streams.says(chat, "r-1", "No.");
        assert!(first.look(&streams, chat) && late.look(&streams, chat));
        assert_eq!((first.words().as_str(), first.held.turn), ("<p>No.</p>", 1));
        streams.says(chat, "r-2", "Yes.\n\nIt is.");
        assert!(first.look(&streams, chat));
        assert_eq!(first.words(), "<p>Yes.</p><p>It is.</p>");
    }

    #[tokio::test]
    async fn words_that_are_being_rendered_are_not_gone() {
        let streams = Streams::default();
        let chat = ChatId(Uuid::from_u128(1));
        let mut viewer = Viewer::default();
        streams.says(chat, "r-1", "One.\n\nTwo.\n\nThree.");
        let words = streams.take(chat, "r-1");
        assert!(!viewer.look(&streams, chat), "a viewer that is late waits");
        streams.now().get_mut(&chat).unwrap().words = Some(words);
        assert!(viewer.look(&streams, chat));
        assert_eq!(viewer.words(), "<p>One.</p><p>Two.</p><p>Three.</p>");
    }

    #[tokio::test]
    async fn words_for_the_gateway_do_not_flash() {
        let streams = Streams::default();
        let chat = ChatId(Uuid::from_u128(1));
        let mut viewer = Viewer::default();
        for text in ["NO", "NO_RE", "NO_REPLY"] {
            streams.says(chat, "r-1", text);
            viewer.look(&streams, chat);
            assert_eq!((viewer.words().as_str(), viewer.held.said), ("", false), "{text}");
        }
        for text in ["Done.", "Done.\n\nNO", "Done.\n\nNO_REPLY"] {
            streams.says(chat, "r-2", text);
            viewer.look(&streams, chat);
            assert_eq!(viewer.words(), "<p>Done.</p>", "{text}");
        }
    }

    #[tokio::test]
    async fn an_end_that_was_not_heard_is_made_up_for() {
        let streams = Streams::default();
        let chat = ChatId(Uuid::from_u128(1));
        streams.set(chat, "r-1", SILENT, |_| {});
        streams.ended(chat, "r-2");
        assert!(!ended(&streams, chat), "another run's end");
        // Who was not heard for a moment may be over; who says more is not.
        streams.doubt();
        assert!(until(&streams, chat) <= STAYS);
        streams.set(chat, "r-1", SILENT, |_| {});
        assert!(until(&streams, chat) > STAYS);
        streams.ended(chat, "r-1");
        assert!(ended(&streams, chat), "its answer was kept");
        assert!(until(&streams, chat) <= STAYS);
    }
}
