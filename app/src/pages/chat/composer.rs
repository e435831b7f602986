//! Where a message is written.

use leptos::{html, prelude::*, server_fn::ServerFn};

use super::{
    menu::{Key, Menu},
    people::Typing,
    state::ChatState,
};
use crate::{
    api::{SendMessage, send_message, stop_answer, withdraw_message},
    pages::{FormError, FormText},
    safe::SafeHtml,
    ui::{Drafts, Erase, Icon, Markdown, Toasts, dynamic, use_act},
};

/// The form. Enter sends, Shift with Enter begins a new line, Up in an empty field takes the last
/// message back that has not left; unsent words survive a reload.
#[component]
pub fn Composer(state: ChatState) -> impl IntoView {
    let id = state.head.with_untracked(|h| h.id);
    let act = use_act();
    let stopping = use_act();
    let toasts = expect_context::<Toasts>();
    let form = NodeRef::<html::Form>::new();
    let field = NodeRef::<html::Textarea>::new();
    let drafts = Drafts::keep(form, format!("chat:{id}"));
    let menu = Menu::new(field, state);
    let sending = RwSignal::new(false);
    // An answer of the board itself; only who asked sees it.
    let note = RwSignal::new(None::<SafeHtml>);
    let typing = Typing::new(id);
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let words = FormText::of(&event).text("content");
        if words.trim().is_empty() || sending.get_untracked() {
            return;
        }
        typing.ended();
        menu.close();
        note.set(None);
        sending.set(true);
        leptos::task::spawn_local(async move {
            let answer = send_message(id, words).await;
            // The page may be gone by now.
            if sending.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(heard) => {
                    // Only what the server has confirmed is taken out of the field.
                    drafts.sent();
                    note.set(heard.note);
                    state.asked.update(|n| *n += 1);
                }
                Err(error) => toasts.error(error.sentence),
            }
        });
    };
    let submit = move || {
        if let Some(form) = form.get_untracked() {
            let _ = form.request_submit();
        }
    };
    let back = move || {
        let Some((message, words)) = state.last_queued() else { return };
        act.run(withdraw_message(message), move |answer| {
            if answer.is_ok() {
                state.remove(message);
                #[cfg(feature = "hydrate")]
                if let Some(field) = field.get_untracked() {
                    super::files::write(&field, &words);
                }
                let _ = words;
            }
        });
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        match menu.key(&event) {
            Key::Taken => return event.prevent_default(),
            Key::Send => {
                event.prevent_default();
                return submit();
            }
            Key::Ours => {}
        }
        match event.key().as_str() {
            "Enter" if !event.shift_key() && !event.is_composing() => {
                event.prevent_default();
                submit();
            }
            "ArrowUp" if field.get_untracked().is_some_and(|f| f.value().is_empty()) => {
                event.prevent_default();
                back();
            }
            _ => {}
        }
    };
    let bringing = RwSignal::new(false);
    let paste = move |event: web_sys::ClipboardEvent| {
        #[cfg(feature = "hydrate")]
        brought(&event, super::files::files(event.clipboard_data()), field, bringing, toasts);
        let _ = event;
    };
    let drop = move |event: web_sys::DragEvent| {
        #[cfg(feature = "hydrate")]
        brought(&event, super::files::files(event.data_transfer()), field, bringing, toasts);
        let _ = event;
    };
    let chosen = move |event: web_sys::Event| {
        #[cfg(feature = "hydrate")]
        if let Some(input) =
            event.target().and_then(|t| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlInputElement>(t).ok())
        {
            brought(&event, super::files::listed(input.files()), field, bringing, toasts);
            // The same file can be chosen again.
            input.set_value("");
        }
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
    let said = move || {
        note.get().map(|html| {
            view! {
                <div class="board-note" role="status">
                    <Markdown html />
                    <button type="button" class="icon-btn" aria-label="Dismiss" on:click=move |_| note.set(None)><Icon name="x" /></button>
                </div>
            }
        })
    };
    let typed = move |event: web_sys::Event| {
        typing.typed(&event_target_value(&event));
        menu.look();
    };
    let left = move |_| {
        typing.ended();
        menu.close();
    };
    let hint = move || match (bringing.get(), sending.get()) {
        (true, _) => "Bringing the file…",
        (false, true) => "Working…",
        (false, false) => "/ for commands, @ for tickets",
    };
    view! {
        <form class="chat-composer" method="post" action=SendMessage::url() node_ref=form on:submit=send>
            <FormError path=SendMessage::PATH />
            {dynamic(said)}
            {menu.view(Callback::new(move |()| submit()))}
            <input type="hidden" name="chat" value=id.to_string() />
            <textarea name="content" data-draft rows="1" required maxlength="200000" aria-label="Message" node_ref=field
                aria-controls=move || menu.active().map(|_| "choices") aria-autocomplete="list" aria-activedescendant=move || menu.active()
                placeholder="Message the agent" on:keydown=keys on:input=typed on:blur=left
                on:paste=paste on:drop=drop></textarea>
            <div class="row end">
                <label class="icon-btn js-only attach" title="Pictures and text files; they can be pasted and dropped too">
                    <Icon name="clip" />
                    <span class="sr">"Attach files"</span>
                    <input type="file" multiple on:change=chosen />
                </label>
                <small class="grow">{dynamic(hint)}</small>
                {dynamic(stop)}
                <button class="btn p s" aria-label="Send" disabled=move || sending.get() || bringing.get()><Icon name="up" />"Send"</button>
            </div>
        </form>
    }
    .erase()
}

/// Somebody brings something into the field: files are taken, all else is the browser's.
#[cfg(feature = "hydrate")]
fn brought(
    event: &web_sys::Event,
    files: Vec<web_sys::File>,
    field: NodeRef<html::Textarea>,
    busy: RwSignal<bool>,
    toasts: Toasts,
) {
    if let Some(field) = field.get_untracked().filter(|_| !files.is_empty()) {
        event.prevent_default();
        super::files::bring(files, field, busy, toasts);
    }
}
