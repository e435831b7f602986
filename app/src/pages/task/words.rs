//! Title and description: click to edit, saved as soon as one is done.

use std::sync::Arc;

use clutch_domain::task::TaskField as Field;
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

use super::state::TaskState;
use crate::{
    api::{edit_task, load_task},
    live::part,
    model::task::TaskHead,
    pages::FormText,
    ui::{
        Act, Drafts, Erase, Icon, Markdown, Once, dynamic,
        keys::pressed,
        listen::{Alive, next_frame},
        same_lines,
    },
};

/// The title.
#[component]
pub fn TitleEdit(state: TaskState, act: Act) -> impl IntoView {
    let editing = RwSignal::new(false);
    let task = state.task;
    view! {
        {dynamic(move || if editing.get() {
            view! { <Edit state act field=Field::Title editing /> }.erase()
        } else {
            view! {
                <h2 class="title">
                    <span class="nojs-only" dir="auto">{task.with_untracked(|t| t.title.clone())}</span>
                    <button type="button" class="js-only" dir="auto" title="Edit the title" on:click=move |_| editing.set(true)>{dynamic(move || task.with(|t| t.title.clone()))}</button>
                </h2>
            }.erase()
        })}
    }
}

/// The description.
#[component]
pub fn DescriptionEdit(state: TaskState, act: Act) -> impl IntoView {
    let editing = RwSignal::new(false);
    let task = state.task;
    view! {
        <section aria-label="Description">
            {dynamic(move || if editing.get() {
                view! { <Edit state act field=Field::Description editing /> }.erase()
            } else {
                match task.with(|t| t.description.clone().map(|text| (text, t.description_html.clone()))) {
                    Some((text, html)) => view! {
                        <div class="words">
                            {match html {
                                Some(html) => view! { <Markdown html /> }.erase(),
                                None => view! { <div class="prose" dir="auto">{text}</div> }.erase(),
                            }}
                            <button type="button" class="icon-btn js-only" aria-label="Edit the description" on:click=move |_| editing.set(true)><Icon name="edit" /></button>
                        </div>
                    }.erase(),
                    None => view! {
                        <button type="button" class="add js-only" on:click=move |_| editing.set(true)><Icon name="plus" />"Add a description"</button>
                    }.erase(),
                }
            })}
        </section>
    }
}

/// Closes the form. Where it had the focus, what opened it has it again.
fn close(editing: RwSignal<bool>, line: bool) {
    editing.try_set(false);
    next_frame(move || {
        let opener = if line { ".panel .title button" } else { ".panel section[aria-label=Description] button" };
        let nowhere = document().active_element().is_none_or(|active| active.tag_name() == "BODY");
        if let Some(opener) = document().query_selector(opener).ok().flatten().filter(|_| nowhere) {
            let _ = opener.unchecked_into::<web_sys::HtmlElement>().focus();
        }
    });
}

/// The form of one text. What is typed stays a draft until it is saved or given up.
#[component]
fn Edit(state: TaskState, act: Act, field: Field, editing: RwSignal<bool>) -> impl IntoView {
    let (id, number, slug, title, description) =
        state.task.with_untracked(|t| (t.id, t.number, t.slug.clone(), t.title.clone(), t.description.clone()));
    let line = field == Field::Title;
    let text = if line { title } else { description.unwrap_or_default() };
    let label = if line { "Title" } else { "Description" };
    let form = NodeRef::<html::Form>::new();
    let drafts = Drafts::keep(form, format!("T-{number}:{label}"));
    crate::ui::listen::follow(move || {
        let area = form.get().and_then(|f| f.query_selector("textarea").ok().flatten());
        if let Some(area) = area.map(JsCast::unchecked_into::<web_sys::HtmlTextAreaElement>) {
            let _ = area.focus();
            let end = area.value().encode_utf16().count() as u32;
            let _ = area.set_selection_range(end, end);
        }
    });
    let slug = StoredValue::new(slug);
    let once = Once::new();
    let alive = Alive::here();
    // What the server has, as far as this form knows.
    let old = StoredValue::new(drafts.begun_on("value", &text));
    // What somebody else made of it while it was written here.
    let theirs = RwSignal::new(None::<String>);
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let words = FormText::of(&event);
        let value = words.text("value");
        let was = old.get_value();
        if same_lines(value.trim(), was.trim()) && theirs.with_untracked(Option::is_none) {
            drafts.give_up();
            return close(editing, line);
        }
        let sent = value.clone();
        once.run(
            act,
            &value.clone(),
            |_| edit_task(id, field, sent, true, was),
            move |answer| match answer {
                Ok(_) => {
                    // Shown at once; the live feed says the same a moment later, and what it looks like rendered.
                    let now = value.trim().to_owned();
                    state.wrote(Arc::new(move |t| {
                        if line {
                            t.title.clone_from(&now);
                        } else if t.description.as_deref().unwrap_or_default() != now {
                            t.description = Some(now.clone()).filter(|v| !v.is_empty());
                            t.description_html = None;
                        }
                    }));
                    drafts.sent(|name| words.raw(name));
                    // What was typed on meanwhile was not saved: the form stays for it.
                    if drafts.are_empty() {
                        close(editing, line);
                    } else if alive.is() {
                        drafts.begin_on("value", &value);
                        old.set_value(value);
                        theirs.set(None);
                    }
                }
                Err(error) if error.code == "text_changed" => leptos::task::spawn_local(async move {
                    // The feed may not have brought it yet.
                    let Ok(load) = load_task(slug.get_value(), number.to_string()).await else { return };
                    let Some(task) = part::<TaskHead>(&load, "task").filter(|_| alive.is()) else { return };
                    let now = if line { task.title } else { task.description.unwrap_or_default() };
                    old.set_value(now.clone());
                    theirs.set(Some(now));
                }),
                Err(_) => {}
            },
        );
    };
    let area = move || form.get_untracked().and_then(|form| form.query_selector("textarea").ok().flatten());
    let both = move |theirs: String| {
        if let Some(area) = area().map(JsCast::unchecked_into::<web_sys::HtmlTextAreaElement>) {
            let gap = if line { " / " } else { "\n\n" };
            let words = format!("{}{gap}{theirs}", area.value().trim_end());
            #[cfg(feature = "hydrate")]
            crate::ui::write(&area, &words);
            let _ = words;
            let _ = area.focus();
        }
    };
    let meanwhile = move || {
        theirs.get().map(|text| {
            let and = text.clone();
            view! {
                <div class="note bad overtaken" role="alert">
                    <p><b>"Somebody else saved meanwhile."</b>" Yours stands below and is not saved. Theirs:"</p>
                    <pre tabindex="0" dir="auto">{if text.is_empty() { "(nothing)".to_owned() } else { text }}</pre>
                    <div class="row">
                        <button class="btn s">"Keep mine"</button>
                        <button type="button" class="btn s" on:click=move |_| { drafts.give_up(); close(editing, line) }>"Take theirs"</button>
                        <button type="button" class="btn s" on:click=move |_| { both(and.clone()); theirs.set(None) }>"Put both together"</button>
                    </div>
                </div>
            }
        })
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        if pressed(&event) == "Escape" {
            event.prevent_default();
            event.stop_propagation();
            drafts.give_up();
            close(editing, line);
        } else if line && pressed(&event) == "Enter" {
            event.prevent_default();
            if let Some(form) = form.get_untracked() {
                let _ = form.request_submit();
            }
        } else {
            crate::pages::board::send_on_ctrl_enter(event);
        }
    };
    view! {
        <form class="edit" node_ref=form on:submit=save on:keydown=keys>
            {dynamic(meanwhile)}
            <textarea name="value" dir="auto" class=if line { "big" } else { "" } rows=if line { 2 } else { 10 } data-draft aria-label=label>{text}</textarea>
            <div class="row end">
                <small class="grow">{if line { "Enter saves, Escape gives up" } else { "Ctrl+Enter saves, Escape gives up" }}</small>
                <button type="button" class="btn s" on:click=move |_| { drafts.give_up(); close(editing, line) }>"Cancel"</button>
                <button class="btn s p" disabled=move || act.busy.get() != 0>"Save"</button>
            </div>
        </form>
    }
    .erase()
}
