//! Where a message is written.

use leptos::{html, prelude::*, server_fn::ServerFn};

use super::state::ChatState;
use crate::{
    api::{SendMessage, send_message, stop_answer},
    pages::{FormError, FormText},
    ui::{Drafts, Erase, Icon, dynamic, use_act},
};

/// The form. Enter sends, Shift with Enter begins a new line; unsent words survive a reload.
#[component]
pub fn Composer(state: ChatState) -> impl IntoView {
    let id = state.head.with_untracked(|h| h.id);
    let act = use_act();
    let stopping = use_act();
    let form = NodeRef::<html::Form>::new();
    let drafts = Drafts::keep(form, format!("chat:{id}"));
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let words = FormText::of(&event).text("content");
        if words.trim().is_empty() || act.busy.get_untracked() != 0 {
            return;
        }
        act.run(send_message(id, words), move |answer| {
            // Only what the server has confirmed is taken out of the field.
            if answer.is_ok() {
                drafts.sent();
            }
        });
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        if event.key() == "Enter"
            && !event.shift_key()
            && !event.is_composing()
            && let Some(form) = form.get_untracked()
        {
            event.prevent_default();
            let _ = form.request_submit();
        }
    };
    let bringing = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    let toasts = expect_context::<crate::ui::Toasts>();
    let paste = move |event: web_sys::ClipboardEvent| {
        #[cfg(feature = "hydrate")]
        brought(&event, event.clipboard_data(), bringing, toasts);
        let _ = event;
    };
    let drop = move |event: web_sys::DragEvent| {
        #[cfg(feature = "hydrate")]
        brought(&event, event.data_transfer(), bringing, toasts);
        let _ = event;
    };
    let stop = move || {
        (state.open.get() != 0).then(|| {
            view! {
                <button type="button" class="btn s js-only" disabled=move || stopping.busy.get() != 0
                    on:click=move |_| stopping.run(stop_answer(id), |_| {})>"Stop"</button>
            }
        })
    };
    view! {
        <form class="chat-composer" method="post" action=SendMessage::url() node_ref=form on:submit=send>
            <FormError path=SendMessage::PATH />
            <input type="hidden" name="chat" value=id.to_string() />
            <textarea name="content" data-draft rows="1" required maxlength="200000" aria-label="Message"
                placeholder="Message the agent" on:keydown=keys on:paste=paste on:drop=drop></textarea>
            <div class="row end">
                <small class="grow">
                    {dynamic(move || if bringing.get() { "Uploading the picture…" } else { "Enter sends, Shift+Enter begins a new line; pictures can be pasted" })}
                </small>
                {dynamic(stop)}
                <button class="btn p s" aria-label="Send" disabled=move || act.busy.get() != 0 || bringing.get()><Icon name="up" />"Send"</button>
            </div>
        </form>
    }
    .erase()
}

/// Somebody brings something into the field: pictures are taken, all else is the browser's.
#[cfg(feature = "hydrate")]
fn brought(
    event: &web_sys::Event,
    data: Option<web_sys::DataTransfer>,
    busy: RwSignal<bool>,
    toasts: crate::ui::Toasts,
) {
    use wasm_bindgen::JsCast;

    let found = super::pictures::pictures(data);
    let field = event.current_target().and_then(|t| t.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
    if let Some(field) = field.filter(|_| !found.is_empty()) {
        event.prevent_default();
        super::pictures::bring(found, field, busy, toasts);
    }
}
