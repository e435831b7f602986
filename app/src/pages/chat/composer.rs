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
    ui::{Drafts, Erase, Icon, Markdown, Outbox, Toasts, dynamic, keys::pressed, use_act},
};

/// The form. Enter sends, Shift with Enter begins a new line; where a finger is the pointer there is no Shift, and Enter
/// begins a line. Up in an empty field takes the last message back that has not left; unsent words survive a reload.
#[component]
pub fn Composer(state: ChatState) -> impl IntoView {
    let id = state.head.with_untracked(|h| h.id);
    let act = use_act();
    let stopping = use_act();
    #[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser brings files"))]
    let toasts = expect_context::<Toasts>();
    let form = NodeRef::<html::Form>::new();
    let field = NodeRef::<html::Textarea>::new();
    let drafts = Drafts::keep(form, format!("chat:{id}"));
    let menu = Menu::new(field, state);
    // An answer of the board itself; only who asked sees it.
    let note = RwSignal::new(None::<SafeHtml>);
    let outbox = Outbox::open(form, format!("chat:{id}"), move |words, key| async move {
        let heard = send_message(id, words, key).await?;
        // The page may be gone by now.
        note.try_set(heard.note);
        state.asked.try_update(|n| *n += 1);
        Ok(())
    });
    let typing = Typing::new(id);
    let bringing = RwSignal::new(false);
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let form = FormText::of(&event);
        let words = form.text("content");
        // A picture that is on its way belongs to these words.
        if words.trim().is_empty() || bringing.get_untracked() {
            return;
        }
        typing.ended();
        menu.close();
        note.set(None);
        drafts.sent(|name| form.raw(name));
        grow(field);
        outbox.say(words);
        // Whoever has spoken looks at the end.
        state.to_end();
    };
    let submit = move || {
        // What is empty is not worth a word.
        let empty = field.get_untracked().is_none_or(|field| field.value().trim().is_empty());
        if let Some(form) = form.get_untracked().filter(|_| !empty) {
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
                    crate::ui::write(&field, &words);
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
        match pressed(&event).as_str() {
            "Enter" if event.ctrl_key() || event.meta_key() || !event.shift_key() && !by_finger() => {
                event.prevent_default();
                // A key that is held is one press.
                if !event.repeat() {
                    submit();
                }
            }
            "ArrowUp" if field.get_untracked().is_some_and(|f| f.value().is_empty()) => {
                event.prevent_default();
                back();
            }
            _ => {}
        }
    };
    let paste = move |event: web_sys::ClipboardEvent| {
        #[cfg(feature = "hydrate")]
        brought(&event, super::files::pasted(event.clipboard_data()), field, bringing, toasts);
        let _ = event;
    };
    // Files are over the chat, and would be taken.
    let over = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    drops(over, move |event| {
        brought(event, super::files::files(event.data_transfer()), field, bringing, toasts);
    });
    crate::ui::listen::follow(move || {
        if let Some(form) = form.get() {
            grow(field);
            make_room(&form);
        }
    });
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
        grow(field);
        menu.look();
    };
    let left = move |_| {
        typing.ended();
        menu.close();
    };
    let hint = move || if bringing.get() { "Bringing the file…" } else { "/ for commands, @ for tickets" };
    let target = move || {
        over.get().then(|| view! { <p class="drop-here" aria-hidden="true"><Icon name="clip" />"Drop pictures and text files here"</p> })
    };
    view! {
        {dynamic(target)}
        <form class="chat-composer" method="post" action=SendMessage::url() node_ref=form on:submit=send>
            <FormError path=SendMessage::PATH />
            {dynamic(said)}
            {outbox.view()}
            {menu.view(Callback::new(move |()| submit()))}
            <input type="hidden" name="chat" value=id.to_string() />
            <textarea name="content" data-draft rows="1" required dir="auto" aria-label="Message" node_ref=field
                aria-controls=move || menu.active().map(|_| "choices") aria-autocomplete="list" aria-activedescendant=move || menu.active()
                placeholder="Message the agent" on:keydown=keys on:input=typed on:blur=left
                on:click=move |_| menu.close() on:paste=paste></textarea>
            <div class="row end">
                <label class="icon-btn js-only attach" title="Pictures and text files; they can be pasted and dropped too">
                    <Icon name="clip" />
                    <span class="sr">"Attach files"</span>
                    <input type="file" multiple on:change=chosen />
                </label>
                <small class="grow">{dynamic(hint)}</small>
                {dynamic(stop)}
                <button class="btn p s" aria-label="Send" disabled=move || bringing.get()><Icon name="up" />"Send"</button>
            </div>
        </form>
    }
    .erase()
}

/// Whether a finger is what this person points with: then the keys on the screen have no Shift that would help.
fn by_finger() -> bool {
    window().match_media("(pointer: coarse)").ok().flatten().is_some_and(|coarse| coarse.matches())
}

/// Lets the field be as high as its words, where the browser does not do so by itself.
fn grow(field: NodeRef<html::Textarea>) {
    let Some(field) = field.try_get_untracked().flatten() else { return };
    let style = window().get_computed_style(&field).ok().flatten();
    if style.is_some_and(|style| style.get_property_value("field-sizing").is_ok_and(|how| how.is_empty())) {
        let style = web_sys::HtmlElement::style(&field);
        let _ = style.set_property("height", "auto");
        let _ = style.set_property("height", &format!("{}px", field.scroll_height()));
    }
}

/// Tells the page how high the form is: messages at the lower edge stand above it.
fn make_room(form: &web_sys::HtmlFormElement) {
    #[cfg(feature = "hydrate")]
    {
        let page = || {
            let page = document().document_element()?;
            wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(page).ok()
        };
        let measured = form.clone();
        crate::ui::listen::resized(form, move || {
            if let Some(page) = page() {
                let _ = page.style().set_property("--composer", &format!("{}px", measured.offset_height()));
            }
        });
        on_cleanup(move || {
            if let Some(page) = page() {
                let _ = page.style().remove_property("--composer");
            }
        });
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = form;
}

/// Hears files that are dragged over the page. The chat takes them; beside it nothing happens, where the browser would
/// show the file instead of the page.
#[cfg(feature = "hydrate")]
fn drops(over: RwSignal<bool>, take: impl Fn(&web_sys::DragEvent) + 'static) {
    use leptos::ev;
    use wasm_bindgen::JsCast;

    use super::files::dragged;
    use crate::ui::listen::window_hears;

    let inside = |event: &web_sys::DragEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        target.is_some_and(|target| target.closest(".chat").ok().flatten().is_some())
    };
    let look = move |event: web_sys::DragEvent| {
        if dragged(&event) {
            event.prevent_default();
            let inside = inside(&event);
            if let Some(data) = event.data_transfer() {
                data.set_drop_effect(if inside { "copy" } else { "none" });
            }
            over.maybe_update(|old| std::mem::replace(old, inside) != inside);
        }
    };
    window_hears(ev::dragenter, look);
    window_hears(ev::dragover, look);
    // Out of the window, or given up.
    window_hears(ev::dragleave, move |event| {
        if event.related_target().is_none() {
            over.set(false);
        }
    });
    window_hears(ev::drop, move |event| {
        over.set(false);
        if dragged(&event) {
            event.prevent_default();
            if inside(&event) {
                take(&event);
            }
        }
    });
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
