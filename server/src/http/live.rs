//! `/live`: one WebSocket per tab. Frames are those of [`clutch_app::model::wire`].
//!
//! The socket pulls: it remembers per subscription which version it has sent, and asks
//! the topic what happened since when it is woken. A tab that reads slowly therefore
//! skips states by itself and never holds anybody up.

mod chats;
mod limits;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension,
    extract::{
        Query as Asked, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use clutch_app::model::{
    gateway_model,
    wire::{Down, Up},
};
use clutch_domain::{
    id::{ChatId, ProjectId, TaskId},
    query::Query,
    right::Right,
};
use clutch_orchestrator::{
    live::{Topic, Update},
    runtime::AgentRuntime,
};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, interval_at},
};
use tokio_stream::{StreamMap, wrappers::WatchStream};

#[cfg(test)]
pub use self::limits::SUBSCRIPTIONS_MAX;
pub use self::limits::{TABS_MAX, Tabs};
use self::{chats::ChatFeed, limits::Seated};
use crate::{
    http::{caller::Caller, compat::error::Failure, door::Arrival},
    state::AppState,
};

/// Largest frame that a tab may send, in bytes.
pub const FRAME_MAX: usize = 16 * 1024;
/// Largest part of an answer that waits to be written, in bytes.
const WRITE_BUFFER_MAX: usize = 64 * 1024 * 1024;
/// How often a tab is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A tab that has shown none for this long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long a tab may take to answer a close.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// Longest reason of a close, in bytes.
const REASON_MAX: usize = 120;
/// What an agent says in a chat is sent at most this often.
const STREAM_EVERY: Duration = Duration::from_millis(60);
/// Who is in a chat is sent at most this often.
const PEOPLE_EVERY: Duration = Duration::from_millis(150);
/// The page in the tab was made by another build.
const CLOSE_NEW_BUILD: u16 = 4409;
/// The session or token of the tab has ended.
const CLOSE_LOGGED_OUT: u16 = 4401;
/// And so in words.
const OVER: &str = "this session or token has ended";
/// A page that is ahead of what was read here is left as it is for so long. After that it is of another life of
/// the store, which was put back to an older state, and gets the whole.
const AHEAD_MAX: Duration = Duration::from_secs(5);
/// Lines of agents are sent at most this often.
const LINES_EVERY: Duration = Duration::from_millis(200);

/// What a tab says of itself in the address.
#[derive(Debug, serde::Deserialize)]
pub struct About {
    /// The build that painted its page; programs have none.
    #[serde(default)]
    build: String,
}

/// The upgrade. The door has checked Host and Origin already. 503 `too_many_tabs`. A page of another build is let
/// in only to be told so: what it knows of frames and parts may be no longer true.
pub async fn upgrade(
    State(state): State<AppState>,
    Asked(about): Asked<About>,
    Extension(arrival): Extension<Arrival>,
    caller: Caller,
    socket: WebSocketUpgrade,
) -> Response {
    let socket = socket.max_message_size(FRAME_MAX).max_frame_size(FRAME_MAX).max_write_buffer_size(WRITE_BUFFER_MAX);
    let ours = &state.site.files.build;
    if !about.build.is_empty() && !ours.is_empty() && about.build != *ours {
        return socket.on_upgrade(|socket| farewell(socket, CLOSE_NEW_BUILD, "the server runs another build"));
    }
    // A browser cannot see why an upgrade was refused. So the tab is let in, and told.
    let logged_out = caller == Caller::Stranger;
    if logged_out && let Some(refused) = state.limits.refuses_unknown(arrival.address) {
        return refused;
    }
    let Some(seated) = state.tabs.take(matches!(caller, Caller::Person(_))) else {
        let sentence = "Too many pages are open at once. Close some of them.";
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_tabs", sentence).into_response();
    };
    if logged_out {
        return socket.on_upgrade(move |socket| async move {
            farewell(socket, CLOSE_LOGGED_OUT, OVER).await;
            drop(seated);
        });
    }
    // Who may only look is not seen to type.
    let writes = caller.actor().may(Right::Write);
    let pass = Pass { caller, writes };
    socket.on_upgrade(move |socket| serve(socket, state, seated, pass))
}

/// Tells a tab why it is not served, and lets it go: it has asked for nothing yet, and hears nothing else.
async fn farewell(mut socket: WebSocket, code: u16, why: &'static str) {
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: why.into() }))).await;
    let _ = tokio::time::timeout(FAREWELL_MAX, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
}

/// Who is at the other end.
struct Pass {
    caller: Caller,
    writes: bool,
}

struct Sub {
    topic: Arc<Topic>,
    query: Query,
    sent: Option<u64>,
    away: bool,
    // The tab waits for a first word, also when nothing changed since its version.
    waits: bool,
    // The tab is ahead of what was read here, and is believed until then.
    ahead: Option<tokio::time::Instant>,
}

type Out = SplitSink<WebSocket, Message>;

/// Ready when the server is going.
async fn gone(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn until(moment: Option<tokio::time::Instant>) {
    if let Some(moment) = moment {
        tokio::time::sleep_until(moment).await;
    }
}

async fn serve(socket: WebSocket, state: AppState, mut seated: Seated, pass: Pass) {
    let (mut out, mut input) = socket.split();
    let mut subs: HashMap<u32, Sub> = HashMap::new();
    let mut wakes: StreamMap<u32, WatchStream<u64>> = StreamMap::new();
    let mut gateway = state.gateway.state();
    gateway.mark_changed();
    let mut lines = state.lines.subscribe();
    let mut shown: BTreeMap<ProjectId, BTreeMap<TaskId, String>> = BTreeMap::new();
    let mut ping = interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
    let mut calm = interval(LINES_EVERY);
    calm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stream_calm = interval(STREAM_EVERY);
    stream_calm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lines_due = true;
    let mut streams = state.streams.subscribe();
    let mut streams_due = true;
    let mut people_calm = interval(PEOPLE_EVERY);
    people_calm.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut people = state.ephemeral.subscribe();
    let mut people_due = true;
    let mut chats = ChatFeed::new(state.ephemeral.seat());
    let mut heard = tokio::time::Instant::now();
    let mut stop = state.stop.clone();
    // A tab that asks too fast is heard again at this moment.
    let mut again = None;
    let ended = loop {
        let ahead = subs.iter().filter_map(|(sub, entry)| Some((entry.ahead?, *sub))).min();
        let sent = tokio::select! {
            biased;
            () = gone(&mut stop) => {
                let _ = send(&mut out, &Down::Bye).await;
                break Some(CloseFrame { code: axum::extract::ws::close_code::RESTART, reason: "".into() });
            }
            () = until(again), if again.is_some() => { again = None; Ok(()) }
            () = until(ahead.map(|(due, _)| due)), if ahead.is_some() => {
                let (_, sub) = ahead.unwrap_or((heard, 0));
                if let Some(entry) = subs.get_mut(&sub) { (entry.sent, entry.ahead) = (None, None); }
                push(&mut out, sub, &mut subs).await
            }
            frame = input.next(), if again.is_none() => {
                heard = tokio::time::Instant::now();
                again = seated.heard().map(|pause| heard + pause);
                match frame {
                    Some(Ok(Message::Text(text))) => match serde_json::from_str::<Up>(&text) {
                        Ok(Up::Open { sub, query, version }) => {
                            if !seated.holds(subs.len() + usize::from(!subs.contains_key(&sub))) {
                                break Some(CloseFrame { code: 4400, reason: "too many subscriptions".into() });
                            }
                            let topic = state.hub.open(query);
                            // Listen first, read second; a number opened anew lets its old topic go.
                            wakes.insert(sub, WatchStream::from_changes(topic.subscribe()));
                            subs.insert(sub, Sub { topic, query, sent: version, away: false, waits: true, ahead: None });
                            (lines_due, streams_due, people_due) = (true, true, true);
                            chats.opens(chats_of(&subs));
                            push(&mut out, sub, &mut subs).await
                        }
                        Ok(Up::Close { sub }) => {
                            wakes.remove(&sub);
                            subs.remove(&sub);
                            // Fewer are never too many.
                            let _ = seated.holds(subs.len());
                            chats.opens(chats_of(&subs));
                            Ok(())
                        }
                        Ok(Up::Typing { chat, on }) => {
                            chats.seat.types(chat, on && pass.writes);
                            Ok(())
                        }
                        Ok(Up::Beat) => send(&mut out, &Down::Beat { now: state.site.office.now() }).await,
                        Err(error) => break Some(not_understood(&error.to_string())),
                    },
                    Some(Ok(Message::Binary(_))) => break Some(not_understood("frames are JSON text")),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                    Some(Ok(_)) => Ok(()),
                }
            }
            Some((sub, _)) = wakes.next(), if !wakes.is_empty() => push(&mut out, sub, &mut subs).await,
            Ok(()) = gateway.changed() => {
                let model = gateway_model(&gateway.borrow_and_update().clone(), &state.site.settings);
                send(&mut out, &Down::Gateway { gateway: model }).await
            }
            Ok(()) = lines.changed(), if !lines_due => { lines_due = true; Ok(()) }
            _ = calm.tick(), if lines_due => {
                lines_due = false;
                lines.mark_unchanged();
                send_lines(&mut out, &state, &subs, &mut shown).await
            }
            Ok(()) = streams.changed(), if !streams_due => { streams_due = true; Ok(()) }
            _ = stream_calm.tick(), if streams_due => {
                streams_due = false;
                streams.mark_unchanged();
                chats.send_streams(&mut out, &state.streams).await
            }
            Ok(()) = people.changed(), if !people_due => { people_due = true; Ok(()) }
            _ = people_calm.tick(), if people_due => {
                people_due = false;
                people.mark_unchanged();
                chats.send_people(&mut out).await
            }
            _ = ping.tick() => {
                // While it is not listened to, it cannot be heard.
                if again.is_none() && heard.elapsed() > SILENCE_MAX { break None; }
                if !pass.caller.stands(&state).await {
                    break Some(CloseFrame { code: CLOSE_LOGGED_OUT, reason: OVER.into() });
                }
                match put(&mut out, Message::Ping(Default::default())).await {
                    // Pages see no pings.
                    Ok(()) => send(&mut out, &Down::Beat { now: state.site.office.now() }).await,
                    failed => failed,
                }
            }
        };
        if sent.is_err() {
            break None;
        }
    };
    drop(chats); // a tab that is slow to go is not here any more
    let _ = put(&mut out, Message::Close(ended)).await;
    // A socket that is dropped with unread words takes back what it said last: the tab would not learn why.
    let _ = tokio::time::timeout(FAREWELL_MAX, async { while let Some(Ok(_)) = input.next().await {} }).await;
}

/// What a tab said makes no sense. The reason of a close has at most 123 bytes.
fn not_understood(why: &str) -> CloseFrame {
    let mut why = why.to_owned();
    why.truncate(why.floor_char_boundary(REASON_MAX));
    CloseFrame { code: 4400, reason: why.into() }
}

type Sent = Result<(), axum::Error>;

/// Sends; a tab that takes nothing for [`SILENCE_MAX`] is gone.
async fn put(out: &mut Out, message: Message) -> Sent {
    let gone = |_| Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut)));
    tokio::time::timeout(SILENCE_MAX, out.send(message)).await.unwrap_or_else(gone)
}

async fn send(out: &mut Out, frame: &Down) -> Sent {
    // Frames are plain data and cannot fail to serialise.
    let text = serde_json::to_string(frame).unwrap_or_default();
    put(out, Message::Text(text.into())).await
}

/// Sends what a subscription has not seen.
async fn push(out: &mut Out, sub: u32, subs: &mut HashMap<u32, Sub>) -> Sent {
    let Some(entry) = subs.get_mut(&sub) else { return Ok(()) };
    let update = entry.topic.since(entry.sent);
    entry.ahead = match update {
        Update::Ahead => entry.ahead.or_else(|| Some(tokio::time::Instant::now() + AHEAD_MAX)),
        _ => None,
    };
    match update {
        Update::NotYet | Update::Ahead => Ok(()),
        Update::Current(version) => {
            if entry.waits || entry.away {
                (entry.waits, entry.away) = (false, false);
                send(out, &Down::Current { sub, version }).await?;
            }
            Ok(())
        }
        Update::Snapshot(version, inner) => {
            (entry.sent, entry.waits, entry.away) = (Some(version), false, false);
            put(out, Message::Text(format!("{{\"t\":\"snapshot\",\"sub\":{sub},{inner}}}").into())).await
        }
        Update::Deltas(version, inners) => {
            (entry.sent, entry.waits, entry.away) = (Some(version), false, false);
            for inner in inners {
                put(out, Message::Text(format!("{{\"t\":\"delta\",\"sub\":{sub},{inner}}}").into())).await?;
            }
            Ok(())
        }
        Update::Away(why) => {
            entry.away = true;
            send(out, &Down::Away { sub, why }).await
        }
    }
}

/// The chats among the subscriptions.
fn chats_of(subs: &HashMap<u32, Sub>) -> BTreeSet<ChatId> {
    let chat = |sub: &Sub| match sub.query {
        Query::Chat { chat } => Some(chat),
        _ => None,
    };
    subs.values().filter_map(chat).collect()
}

/// Sends the lines of the open boards' projects that changed.
async fn send_lines(
    out: &mut Out,
    state: &AppState,
    subs: &HashMap<u32, Sub>,
    shown: &mut BTreeMap<ProjectId, BTreeMap<TaskId, String>>,
) -> Sent {
    let mut projects: Vec<ProjectId> = subs.values().filter_map(|s| s.query.shows_lines_of()).collect();
    projects.sort();
    projects.dedup();
    shown.retain(|project, _| projects.contains(project));
    for project in projects {
        let now = state.lines.of(project);
        let before = shown.entry(project).or_default();
        let mut lines: BTreeMap<TaskId, Option<String>> = now
            .iter()
            .filter(|(task, line)| before.get(*task) != Some(*line))
            .map(|(t, l)| (*t, Some(l.clone())))
            .collect();
        lines.extend(before.keys().filter(|task| !now.contains_key(*task)).map(|task| (*task, None)));
        if !lines.is_empty() {
            *before = now;
            send(out, &Down::Lines { project, lines }).await?;
        }
    }
    Ok(())
}
