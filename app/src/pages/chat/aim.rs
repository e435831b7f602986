//! The message that the address names (`#m-<id>`): loaded when it is older than what is shown,
//! brought into view, and marked.

use clutch_domain::id::{ChatId, MessageId};
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::{state::ChatState, use_query};
use crate::{
    api::load_back,
    ui::{Toasts, listen::Alive},
};

/// Frames within which a loaded message is painted.
const FRAMES: u32 = 60;
/// Times that it is brought into view: what is around it has its true height only once it was painted.
const AIMS: u32 = 3;

/// Follows the address as long as the chat is shown.
pub fn follow(state: ChatState) {
    let chat = state.head.with_untracked(|h| h.id);
    let (hash, query) = (use_location().hash, use_query());
    let toasts = expect_context::<Toasts>();
    let alive = Alive::here();
    let named = Memo::new(move |_| {
        // The address changes before the chat does: another chat's message is not looked for here.
        let here = query.with(|q| q.get("chat").is_none_or(|id| id.parse::<ChatId>() == Ok(chat)));
        let id = hash.with(|hash| hash.trim_start_matches('#').strip_prefix("m-").and_then(|id| id.parse().ok()));
        id.filter(|_| here)
    });
    crate::ui::listen::follow(move || {
        let message = named.get();
        state.aim.set(message);
        if let Some(message) = message {
            leptos::task::spawn_local(bring(state, chat, message, toasts, alive));
        }
    });
}

/// Loads the messages back to this one, unless it is there, and shows it.
async fn bring(state: ChatState, chat: ChatId, message: MessageId, toasts: Toasts, alive: Alive) {
    let still = move || state.aim.try_get_untracked() == Some(Some(message));
    if !state.has(message) && state.below.get_untracked() {
        // It may be newer than what is painted: from the newest the way leads to all.
        state.to_end();
    }
    let found = if state.has(message) { Ok(()) } else { load_to(state, chat, message, &still).await };
    if !alive.is() {
        return;
    }
    // Painted once, however many pages it took.
    state.bringing.set(false);
    state.arrange();
    match found {
        Err(sentence) => toasts.error(sentence),
        // Whoever wants another one now is not shown this one.
        Ok(()) if still() => show(message, FRAMES, AIMS, alive),
        Ok(()) => {}
    }
}

/// Loads page after page back to the message, as long as it is wanted.
async fn load_to(state: ChatState, chat: ChatId, message: MessageId, still: &impl Fn() -> bool) -> Result<(), String> {
    state.bringing.set(true);
    loop {
        // A chat without messages has not this one either.
        let before = state.oldest().ok_or(GONE)?;
        let answer = load_back(chat, message, before).await;
        if !still() {
            return Ok(());
        }
        let back = answer.map_err(|error| error.of_reading())?;
        if !back.there {
            return Err(GONE.to_owned());
        }
        let arrived = back.reached || !back.more;
        state.add_before(back.items, back.more, false);
        if arrived {
            return Ok(());
        }
    }
}

const GONE: &str = "The message that this link names is not in this chat any more.";

/// Brings it into view as soon as it is painted, and so many times.
fn show(message: MessageId, frames: u32, aims: u32, alive: Alive) {
    alive.frame(move || {
        let element = document().get_element_by_id(&format!("m-{message}"));
        match element {
            Some(element) => {
                let options = web_sys::ScrollIntoViewOptions::new();
                options.set_block(web_sys::ScrollLogicalPosition::Center);
                element.scroll_into_view_with_scroll_into_view_options(&options);
                if aims > 1 {
                    show(message, frames, aims - 1, alive);
                }
            }
            None if frames > 0 => show(message, frames - 1, aims, alive),
            None => {}
        }
    });
}
