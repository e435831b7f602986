//! The agent's session behind a chat: its model, how full its memory is, what it cost, and what can be
//! done about it.

use leptos::{html, prelude::*};

use super::state::ChatState;
use crate::{
    api::{chat_models, chat_session, compact_chat, reset_chat, use_model},
    model::chat::{ModelChoice, SessionView},
    ui::{Confirm, CopyBox, Erase, dynamic, listen::window_hears, thousands, use_act},
};

/// From here on a memory is rather full, and nearly full, in percent.
const FULL: [u64; 2] = [50, 80];

/// The chip in the chat's head, with the session's details below it.
#[component]
pub fn SessionChip(state: ChatState) -> impl IntoView {
    let id = state.head.with_untracked(|h| h.id);
    let act = use_act();
    let view = RwSignal::new(None::<SessionView>);
    let models = RwSignal::new(Vec::<ModelChoice>::new());
    let look = move || {
        leptos::task::spawn_local(async move {
            if let Ok(found) = chat_session(id).await {
                view.try_set(found);
            }
        });
    };
    // At first, after each answer, and after whatever was done to the session.
    crate::ui::listen::follow(move || {
        state.asked.track();
        if state.open.get() == 0 {
            look();
        }
    });
    let node = NodeRef::<html::Details>::new();
    window_hears(leptos::ev::click, move |event| {
        let inside = event.target().and_then(|t| wasm_bindgen::JsCast::dyn_into::<web_sys::Element>(t).ok());
        if inside.is_none_or(|e| e.closest(".session, dialog").ok().flatten().is_none())
            && let Some(details) = node.get_untracked()
        {
            details.set_open(false);
        }
    });
    let opened = move |_| {
        look();
        leptos::task::spawn_local(async move {
            if let Ok(found) = chat_models().await {
                models.try_set(found);
            }
        });
    };
    let word = move || {
        view.with(|view| match view {
            Some(view) => {
                let model = view.model.as_deref().map(|m| m.rsplit('/').next().unwrap_or(m).to_owned());
                let context = view.percent().map(|p| format!("{p} %"));
                let words: Vec<String> = [model, context, view.cost()].into_iter().flatten().collect();
                if words.is_empty() { "Session".into() } else { words.join(" · ") }
            }
            None => "Session".into(),
        })
    };
    let changed = move |_: Result<_, _>| state.asked.update(|n| *n += 1);
    let choose = move |event: web_sys::Event| {
        let model = event_target_value(&event);
        if !model.is_empty() {
            act.run(use_model(id, model), changed);
        }
    };
    let choices = move || {
        let now = view.with(|v| v.as_ref().and_then(|v| v.model.clone()));
        let mut all = models.get();
        if let Some(now) = &now
            && !all.iter().any(|m| m.id == *now)
        {
            all.insert(0, ModelChoice { id: now.clone(), name: now.clone() });
        }
        let unset = now.is_none().then(|| view! { <option value="">"The gateway's default"</option> });
        let rows: Vec<AnyView> = all
            .into_iter()
            .map(|m| {
                let selected = now.as_deref() == Some(m.id.as_str());
                view! { <option value=m.id.clone() selected=selected>{m.id.clone()}</option> }.erase()
            })
            .collect();
        view! { {unset}{rows} }.erase()
    };
    let figures = move || {
        view.get().map(|v| {
            let context = v.percent().map(|percent| {
                let class = match percent {
                    p if p >= FULL[1] => "full",
                    p if p >= FULL[0] => "rather",
                    _ => "",
                };
                let words = format!("{percent} % of {}", tokens(v.window));
                view! { <dt>"Context"</dt><dd><progress class=class max="100" value=percent.to_string() aria-label="Context in use"></progress>{words}</dd> }
            });
            let cost = v.cost().map(|cost| view! { <dt>"Cost"</dt><dd>{cost}" (estimated)"</dd> });
            view! {
                {context}
                <dt>"Tokens"</dt>
                <dd>{tokens(v.input)}" read, "{tokens(v.output)}" written"</dd>
                {cost}
            }
            .erase()
        })
    };
    let nothing = move || {
        view.with(Option::is_none).then(|| view! { <p>"The agent's session begins with the first words, and its figures show while the gateway is connected."</p> })
    };
    let key =
        move || state.head.with(|h| h.session.clone()).map(|text| view! { <h3>"Session"</h3><CopyBox text /> }.erase());
    let asking = RwSignal::new(false);
    let answer = Callback::new(move |yes| {
        asking.set(false);
        if yes {
            act.run(reset_chat(id), changed);
        }
    });
    let ask = move || {
        asking.get().then(|| {
            view! {
                <Confirm title="Reset the session?" yes="Reset" danger=true answer
                    text="The agent forgets what was said in this chat. The messages stay here, but it cannot be made to remember them." />
            }
        })
    };
    let busy = move || act.busy.get() != 0;
    view! {
        <details class="pop session js-only" node_ref=node on:toggle=opened>
            <summary><span class="cut">{dynamic(word)}</span></summary>
            <div class="pop-body">
                {dynamic(nothing)}
                <label>"Model"<select aria-label="Model" on:change=choose disabled=busy>{dynamic(choices)}</select></label>
                <dl>{dynamic(figures)}</dl>
                {dynamic(key)}
                <div class="row end">
                    <span class="grow saving" role="status">{dynamic(move || busy().then_some("Working…"))}</span>
                    <button type="button" class="btn s" disabled=busy on:click=move |_| act.run(compact_chat(id), changed)>"Compact"</button>
                    <button type="button" class="btn s" disabled=busy on:click=move |_| asking.set(true)>"Reset"</button>
                </div>
            </div>
        </details>
        {dynamic(ask)}
    }
    .erase()
}

/// `12,345`; `?` where the gateway does not say.
fn tokens(count: Option<u64>) -> String {
    count.map_or_else(|| "?".into(), thousands)
}
