//! Words on their way. They leave their field at the press and stay here, and in the tab's storage, until
//! the server has confirmed them: what is typed meanwhile is the next message, and nothing of either is
//! lost. What is refused comes back to the field. Where no answer came nobody knows: the same words go
//! again under the same key and arrive once; changed, they are other words, and the first stay in sight.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

use leptos::{html, prelude::*};

use super::{Erase, Icon, Toasts, dynamic};
use crate::error::AppError;

/// The server remembers a key for a day. Older words are not sent again under it.
#[cfg(feature = "hydrate")]
const KEY_GOOD_MS: f64 = 12.0 * 3_600_000.0;

/// How words stand.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stand {
    /// Others go before them.
    Waits,
    /// No answer yet.
    Sent,
    /// No answer came.
    Unsure,
    /// No answer came, and they lie in the field again.
    Back,
    /// They were refused; why.
    Refused(String),
}

/// Words that left their field.
#[derive(Clone, Debug, PartialEq)]
struct Outgoing {
    key: String,
    words: String,
    /// When they were first sent, in milliseconds since 1970 by the browser's clock.
    at: f64,
    stand: Stand,
}

type List = ArcRwSignal<Vec<Outgoing>>;
type Answer = Pin<Box<dyn Future<Output = Result<(), AppError>>>>;
type Sender = Arc<dyn Fn(String, String) -> Answer + Send + Sync>;

/// All words of this tab that are on their way; shared through Leptos' context, because they outlive the
/// part of the page that sent them.
#[derive(Clone, Copy)]
pub struct Outboxes(StoredValue<BTreeMap<String, List>>);

impl Outboxes {
    /// Nothing is on its way.
    #[must_use]
    pub fn new() -> Self {
        Self(StoredValue::new(BTreeMap::new()))
    }
}

impl Default for Outboxes {
    fn default() -> Self {
        Self::new()
    }
}

/// The words of one field.
#[derive(Clone, Copy)]
pub struct Outbox {
    inner: StoredValue<Inner>,
}

#[derive(Clone)]
struct Inner {
    name: String,
    list: List,
    send: Sender,
    form: NodeRef<html::Form>,
    toasts: Toasts,
}

impl Outbox {
    /// The words of the field marked `data-draft` in `form`, kept under `name`; `send` takes words and key.
    pub fn open<F>(
        form: NodeRef<html::Form>,
        name: String,
        send: impl Fn(String, Option<String>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), AppError>> + 'static,
    {
        let boxes = expect_context::<Outboxes>();
        let list = boxes.0.try_update_value(|all| all.entry(name.clone()).or_default().clone()).unwrap_or_default();
        let send: Sender = Arc::new(move |words, key| Box::pin(send(words, Some(key))));
        let inner = Inner { name, list, send, form, toasts: expect_context::<Toasts>() };
        #[cfg(feature = "hydrate")]
        {
            let inner = inner.clone();
            // Not before the page woke: the server painted none of it.
            crate::ui::listen::follow(move || inner.wake());
        }
        Self { inner: StoredValue::new(inner) }
    }

    /// Takes words that were in the field and sends them, after those before them.
    pub fn say(self, words: String) {
        self.inner.with_value(|inner| inner.say(words));
    }

    /// The words that are on their way.
    pub fn view(self) -> impl IntoView + use<> {
        let list = self.inner.with_value(|inner| inner.list.clone());
        let rows = move || {
            let shown = list.get().into_iter().filter(|one| one.stand != Stand::Back);
            let rows: Vec<AnyView> = shown.map(|one| self.row(one)).collect();
            (!rows.is_empty()).then(|| view! { <ul class="outbox" role="list" aria-label="On the way">{rows}</ul> })
        };
        dynamic(rows)
    }

    fn row(self, one: Outgoing) -> AnyView {
        let known = good(&one);
        let (class, stand) = match one.stand {
            Stand::Waits => ("waits", "Waits for the words before it".to_owned()),
            Stand::Sent | Stand::Back => ("sent", "On its way…".to_owned()),
            Stand::Unsure if known => {
                ("unsure", "No answer came: it may have been sent. Trying again sends it only once.".to_owned())
            }
            Stand::Unsure => {
                ("unsure", "No answer came: it may have been sent. Look before you send it again.".to_owned())
            }
            Stand::Refused(why) => ("refused", why),
        };
        let button = move |label: &'static str, key: &str, act: fn(&Inner, &str)| {
            let key = key.to_owned();
            view! { <button type="button" class="btn s" on:click=move |_| self.inner.with_value(|inner| act(inner, &key))>{label}</button> }
        };
        let again = (class == "unsure" && known).then(|| button("Try again", &one.key, Inner::again));
        let edit = (class != "sent").then(|| button("Edit", &one.key, Inner::edit));
        let key = one.key.clone();
        let drop = matches!(class, "unsure" | "refused").then(|| {
            view! {
                <button type="button" class="icon-btn" aria-label="Dismiss" on:click=move |_| self.inner.with_value(|inner| inner.forget(&key))><Icon name="x" /></button>
            }
        });
        view! {
            <li class=class>
                <p class="cut">{one.words}</p>
                <div class="row"><small class="grow" role="status">{stand}</small>{again}{edit}{drop}</div>
            </li>
        }
        .erase()
    }
}

impl Inner {
    fn change(&self, change: impl FnOnce(&mut Vec<Outgoing>)) {
        self.list.update(change);
        self.store();
    }

    fn say(&self, words: String) {
        self.change(|list| {
            let fresh =
                |one: &Outgoing| one.words == words && matches!(one.stand, Stand::Back | Stand::Unsure) && good(one);
            let known = list.iter().position(fresh).map(|at| list.remove(at));
            // Words that lay in the field and are others now: the first may have arrived.
            list.iter_mut().filter(|one| one.stand == Stand::Back).for_each(|one| one.stand = Stand::Unsure);
            let one =
                known.unwrap_or_else(|| Outgoing { key: super::fresh_key(), words, at: now(), stand: Stand::Waits });
            list.push(Outgoing { stand: Stand::Waits, ..one });
        });
        self.go_on();
    }

    fn again(&self, key: &str) {
        self.change(|list| list.iter_mut().filter(|one| one.key == key).for_each(|one| one.stand = Stand::Waits));
        self.go_on();
    }

    fn forget(&self, key: &str) {
        self.change(|list| list.retain(|one| one.key != key));
    }

    /// Into the field, before what stands there.
    fn edit(&self, key: &str) {
        let found = self.list.with_untracked(|list| list.iter().find(|one| one.key == key).cloned());
        let Some(one) = found else { return };
        let Some(whole) = self.write(&one.words, true) else { return };
        if one.stand == Stand::Unsure && whole {
            self.change(|list| list.iter_mut().filter(|one| one.key == key).for_each(|one| one.stand = Stand::Back));
        } else if one.stand != Stand::Unsure {
            self.forget(key);
        }
    }

    /// Sends the next words, unless others are under way.
    fn go_on(&self) {
        let mut next = None;
        self.change(|list| {
            if list.iter().all(|one| one.stand != Stand::Sent)
                && let Some(one) = list.iter_mut().find(|one| one.stand == Stand::Waits)
            {
                one.stand = Stand::Sent;
                next = Some((one.words.clone(), one.key.clone()));
            }
        });
        let Some((words, key)) = next else { return };
        let inner = self.clone();
        leptos::task::spawn_local(async move {
            let answer = (inner.send)(words, key.clone()).await;
            inner.settle(&key, answer);
            inner.go_on();
        });
    }

    fn settle(&self, key: &str, answer: Result<(), AppError>) {
        let Err(error) = answer else { return self.forget(key) };
        let words =
            self.list.with_untracked(|list| list.iter().find(|one| one.key == key).map(|one| one.words.clone()));
        let back = words.is_some_and(|words| self.write(&words, false).is_some());
        self.change(|list| {
            if back && !error.unsure() {
                list.retain(|one| one.key != key);
            } else if let Some(one) = list.iter_mut().find(|one| one.key == key) {
                one.stand = match (error.unsure(), back) {
                    (true, true) => Stand::Back,
                    (true, false) => Stand::Unsure,
                    (false, _) => Stand::Refused(error.sentence.clone()),
                };
            }
        });
        self.toasts.error(error.sentence);
    }

    /// Writes words into the field: an empty one, or (`also`) before what stands there. Tells whether they
    /// are all that stands there now; `None` where they were not written.
    fn write(&self, words: &str, also: bool) -> Option<bool> {
        #[cfg(feature = "hydrate")]
        {
            let field = self.field()?;
            let there = field.value();
            if there.is_empty() {
                super::write(&field, words);
                return Some(true);
            }
            also.then(|| super::write(&field, &format!("{words}\n\n{there}")))?;
            Some(false)
        }
        #[cfg(not(feature = "hydrate"))]
        {
            let _ = (self.form, words, also);
            None
        }
    }

    /// Reads what an earlier page of this tab left. What was under way then has no answer any more.
    #[cfg(feature = "hydrate")]
    fn wake(&self) {
        if self.list.with_untracked(Vec::is_empty)
            && let Some(kept) = super::draft::storage().and_then(|s| s.get_item(&self.place()).ok().flatten())
        {
            let mut list = read(&kept);
            // A page that goes away while it hears that no answer comes may fail to put words back.
            let lost = |one: &&mut Outgoing| one.stand == Stand::Back && !self.holds(&one.words);
            list.iter_mut().filter(lost).for_each(|one| one.stand = Stand::Unsure);
            self.list.set(list);
        }
        self.go_on();
    }

    #[cfg(feature = "hydrate")]
    fn field(&self) -> Option<web_sys::HtmlTextAreaElement> {
        let field = self.form.try_get_untracked()??.query_selector("[data-draft]").ok()??;
        // An input has the same `value`.
        Some(wasm_bindgen::JsCast::unchecked_into(field))
    }

    /// Whether these words stand in the field.
    #[cfg(feature = "hydrate")]
    fn holds(&self, words: &str) -> bool {
        self.field().is_some_and(|field| super::draft::same_lines(&field.value(), words))
    }

    #[cfg(feature = "hydrate")]
    fn place(&self) -> String {
        format!("outbox:{}", self.name)
    }

    fn store(&self) {
        #[cfg(feature = "hydrate")]
        if let Some(storage) = super::draft::storage() {
            let place = self.place();
            let text = self.list.with_untracked(|list| written(list));
            let _ = match text {
                Some(text) => storage.set_item(&place, &text),
                None => storage.remove_item(&place),
            };
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = &self.name;
    }
}

#[cfg(feature = "hydrate")]
fn now() -> f64 {
    js_sys::Date::now()
}

#[cfg(not(feature = "hydrate"))]
const fn now() -> f64 {
    0.0
}

/// Whether the server still knows the key.
fn good(one: &Outgoing) -> bool {
    #[cfg(feature = "hydrate")]
    return now() - one.at < KEY_GOOD_MS;
    #[cfg(not(feature = "hydrate"))]
    one.at.is_finite()
}

/// The list for the tab's storage, `None` when it is empty. Written by the browser's own JSON: serde's would
/// be one more shape to read and write in the page's code.
#[cfg(feature = "hydrate")]
fn written(list: &[Outgoing]) -> Option<String> {
    if list.is_empty() {
        return None;
    }
    let all = js_sys::Array::new();
    for one in list {
        let stand = match &one.stand {
            Stand::Waits => "waits",
            Stand::Sent | Stand::Unsure => "unsure",
            Stand::Back => "back",
            Stand::Refused(why) => why,
        };
        all.push(&js_sys::Array::of4(
            &one.key.as_str().into(),
            &one.words.as_str().into(),
            &one.at.into(),
            &stand.into(),
        ));
    }
    js_sys::JSON::stringify(&all).ok().map(String::from)
}

#[cfg(feature = "hydrate")]
fn read(text: &str) -> Vec<Outgoing> {
    let Ok(all) = js_sys::JSON::parse(text) else { return Vec::new() };
    let rows = js_sys::Array::from(&all);
    rows.iter()
        .filter_map(|row| {
            let row = js_sys::Array::from(&row);
            let stand = match row.get(3).as_string()?.as_str() {
                "waits" => Stand::Waits,
                "unsure" => Stand::Unsure,
                "back" => Stand::Back,
                why => Stand::Refused(why.to_owned()),
            };
            Some(Outgoing {
                key: row.get(0).as_string()?,
                words: row.get(1).as_string()?,
                at: row.get(2).as_f64()?,
                stand,
            })
        })
        .collect()
}
