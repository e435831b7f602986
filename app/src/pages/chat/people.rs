//! Who else is in the chat, and who thinks or types there.

use clutch_domain::{actor::COORDINATOR, id::ChatId};
use leptos::prelude::*;

use super::state::ChatState;
use crate::{
    live::use_live,
    model::chat::Typer,
    ui::{Erase, dynamic},
};

/// While somebody types, this is said again after so long, in milliseconds. The server forgets it a little later.
#[cfg(feature = "hydrate")]
const AGAIN_MS: f64 = 3_000.0;

/// Tells the others that the person at this page types.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "nobody types at the server"))]
pub struct Typing {
    chat: ChatId,
    // When it was said last, in milliseconds; 0 while nobody types.
    said: StoredValue<f64>,
}

impl Typing {
    /// In this chat; it ends with the view.
    pub fn new(chat: ChatId) -> Self {
        let typing = Self { chat, said: StoredValue::new(0.0) };
        on_cleanup(move || typing.ended());
        typing
    }

    /// The field holds these words now.
    pub fn typed(self, words: &str) {
        #[cfg(feature = "hydrate")]
        {
            let now = js_sys::Date::now();
            if words.trim().is_empty() {
                self.ended();
            } else if now - self.said.get_value() >= AGAIN_MS {
                self.said.set_value(now);
                crate::live::types(self.chat, true);
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = words;
    }

    /// The field was left, or its words were sent.
    pub fn ended(self) {
        #[cfg(feature = "hydrate")]
        if self.said.try_get_value().is_some_and(|said| said != 0.0) {
            self.said.set_value(0.0);
            crate::live::types(self.chat, false);
        }
    }
}

/// Who thinks, writes or types, in a line that is always there, so that nothing moves. What the agent at work does is
/// shown larger, above: here it is only said.
#[component]
pub fn Signs(state: ChatState) -> impl IntoView {
    let id = state.head.with_untracked(|h| h.id);
    let live = use_live();
    let (people, stream) = (live.people(id), live.stream(id));
    let words = Memo::new(move |_| {
        // The agent at work is shown larger, above.
        let at_work = state.open.get() != 0 || stream.with(|s| s.as_ref().is_some_and(|s| !state.answered(&s.run)));
        people.with(|p| sentence(&p.typing, at_work))
    });
    let writes = super::writing::sentence(state);
    // No words at all rather than empty ones, which would be painted as a blank.
    let said = move || writes.with(|words| (!words.is_empty()).then(|| words.clone()));
    let inside = move || {
        words.with(|words| {
            (!words.is_empty()).then(|| {
                view! { <span class="thinking" aria-hidden="true"><i></i><i></i><i></i></span><span class="cut">{words.clone()}</span> }
            })
        })
    };
    view! {
        <p class="signs" role="status">{dynamic(inside)}<span class="sr">{dynamic(said)}</span></p>
    }
    .erase()
}

/// How many windows have the chat open, where there are several.
#[component]
pub fn Here(chat: ChatId) -> impl IntoView {
    let people = use_live().people(chat);
    let here = Memo::new(move |_| people.with(|p| p.here));
    let inside = move || {
        let n = here.get();
        (n > 1).then(|| {
            view! { <span class="here" title="So many browser windows have this chat open right now, this one among them. What is said shows in all of them.">{format!("{n} windows here")}</span> }
        })
    };
    dynamic(inside)
}

/// "Ada is thinking… · 2 others are typing…".
fn sentence(typing: &[Typer], agent_at_work: bool) -> String {
    let mut parts = Vec::new();
    let mut others = 0;
    for typer in typing {
        match &typer.name {
            Some(name) if agent_at_work && name.eq_ignore_ascii_case(COORDINATOR) => {}
            Some(name) => parts.push(format!(
                "{name} {} {}…",
                if name == "You" { "are" } else { "is" },
                if typer.thinks { "thinking" } else { "typing" }
            )),
            None => others += 1,
        }
    }
    match others {
        0 => {}
        1 => parts.push("Somebody else is typing…".into()),
        n => parts.push(format!("{n} others are typing…")),
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_named_and_the_agent_at_work_only_once() {
        let typer = |name: Option<&str>, thinks| Typer { name: name.map(str::to_owned), thinks };
        let (ada, kimi, tab) = (typer(Some("Ada"), true), typer(Some("Kimi"), false), typer(None, false));
        for (typing, at_work, want) in [
            (vec![], false, ""),
            (vec![ada.clone()], false, "Ada is thinking…"),
            (vec![ada.clone()], true, ""),
            (vec![tab.clone()], true, "Somebody else is typing…"),
            (vec![ada, kimi, tab.clone(), tab], true, "Kimi is typing… · 2 others are typing…"),
            (vec![typer(Some("You"), false)], false, "You are typing…"),
        ] {
            assert_eq!(sentence(&typing, at_work), want);
        }
    }
}
