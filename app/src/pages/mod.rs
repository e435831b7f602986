//! Pages. Each loads what it shows through one server function and is kept true by the live feed.

mod board;
mod chat;
mod commands;
mod frame;
mod home;
mod load;
mod opened;
mod routes;
mod settings;
mod steps;
mod task;
mod tickets;
mod work_loop;

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    components::{Redirect, Router},
    hooks::{use_location, use_params_map},
    location::Location,
    params::ParamsMap,
};
#[cfg(feature = "ssr")]
pub(crate) use routes::brings_code;
#[cfg(feature = "split")]
pub use routes::preload;
#[cfg(feature = "ssr")]
pub use work_loop::LOOPS_MAX;

use crate::{
    live::{Live, use_live},
    ui::{
        Clock, Erase, Outboxes, ToastRegion, Toasts, dynamic,
        keys::{Keys, Verb},
        listen::window_hears,
    },
};
use frame::{Frame, Rail};

/// The app: the rail, the page of the address, and messages.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let clock = Clock::new();
    provide_context(clock);
    let live = Live::new(clock);
    live.hear();
    provide_context(live);
    let toasts = Toasts::new();
    provide_context(toasts);
    provide_context(Outboxes::new());
    let keys = Keys::new();
    provide_context(keys);
    // Pages that can take back more say so themselves.
    keys.bind(Verb::Undo, move || {
        if !toasts.take_back() {
            toasts.done("There is nothing to undo here.");
        }
    });
    window_hears(leptos::ev::pagehide, move |_| toasts.leave());
    let frame = Frame::new();
    provide_context(frame);
    let drawer = frame.drawer;
    // Questions count in the tab's title, whatever page it shows: they are seen while one is elsewhere.
    let waiting = frame.waiting;
    // The server reads the title after the page's signals are gone, so it holds its own share.
    #[cfg(feature = "ssr")]
    let waiting = ArcRwSignal::from(waiting);
    let formatter = move |title: String| match waiting.get() {
        0 => title,
        waiting => format!("({waiting}) {title}"),
    };
    #[cfg(feature = "hydrate")]
    {
        provide_context(LoadedWith::now());
        opened::led::first();
    }

    // Pages are rendered whole before the first byte leaves: they read well without
    // JavaScript, and their status code is true.
    view! {
        <Title formatter />
        <Router>
            <a class="skip" href="#main">"Skip to content"</a>
            <div class="house">
                <Rail />
                <main id="main" tabindex="-1" inert=move || drawer.get()>
                    <frame::Stale />
                    <routes::Pages />
                </main>
            </div>
            <commands::Commands />
            <ToastRegion />
        </Router>
    }
}

/// A project's own address leads to its board.
#[component]
fn ToBoard() -> impl IntoView {
    let slug = use_params_map().with_untracked(|p| p.get("slug").unwrap_or_default());
    // Whatever else stands there may not even fit into a header.
    match clutch_domain::text::Slug::parse(&slug) {
        Ok(slug) => view! { <Redirect path=format!("/projects/{slug}/board") /> }.erase(),
        Err(_) => view! { <Missing /> }.erase(),
    }
}

/// The slug in the address.
fn use_slug() -> Memo<String> {
    let params = use_params_map();
    Memo::new(move |_| params.with(|p| p.get("slug").unwrap_or_default()))
}

/// What the address asks of the page that is made now; once it is another page's, what it asked last. The
/// router's own hook goes on telling a page what the one before it was asked, where both are of one route.
fn use_query() -> Memo<ParamsMap> {
    let Location { pathname, query, .. } = use_location();
    let here = pathname.get_untracked();
    Memo::new(move |kept: Option<&ParamsMap>| match kept {
        Some(kept) if pathname.with(|path| *path != here) => kept.clone(),
        _ => query.get(),
    })
}

/// Nothing lives at this address.
#[component]
fn Missing() -> impl IntoView {
    not_found();
    view! {
        <Title text="Not found" />
        <Empty page=true icon="compass" title="Nothing lives here" text="The address may be misspelt, or what it showed was deleted.">
            <a class="btn p" href="/">"Go home"</a>
        </Empty>
    }
    .erase()
}

/// Tells programs and crawlers that this page is a "not found".
fn not_found() {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
}

/// A page without content: why, and what to do.
#[component]
fn Empty(
    /// Icon.
    icon: &'static str,
    /// What it is, in a few words.
    #[prop(into)]
    title: String,
    /// What to do, in a sentence.
    #[prop(into)]
    text: String,
    /// It is the whole page, so its title is the page's.
    #[prop(optional)]
    page: bool,
    /// Buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let title = if page { view! { <h1>{title}</h1> }.erase() } else { view! { <h2>{title}</h2> }.erase() };
    view! {
        <div class="empty">
            <span class="halo"><crate::ui::Icon name=icon /></span>
            {title}
            <p>{text}</p>
            {children.map(|c| view! { <div class="row">{c()}</div> })}
        </div>
    }
    .erase()
}

/// A view whose code or data was fetched, or why it is not there.
fn or_trouble(view: Result<AnyView, crate::error::AppError>) -> AnyView {
    view.unwrap_or_else(|error| view! { <Trouble error /> }.erase())
}

/// A page that could not be loaded.
#[component]
fn Trouble(
    /// Why.
    error: crate::error::AppError,
) -> impl IntoView {
    if error.class == crate::error::Class::NotFound {
        return view! { <Missing /> }.erase();
    }
    let live = use_live();
    view! {
        <Empty page=true icon="alert" title="This page could not be loaded" text=error.of_reading()>
            <a class="btn p nojs-only" href="" rel="external">"Try again"</a>
            <button type="button" class="btn p js-only" on:click=move |_| live.ask_again()>"Try again"</button>
        </Empty>
    }
    .erase()
}

/// The error of a form that was posted without our code, as the server put it into the address. Only of the
/// address that the page was loaded from: the server has looked whether it made that one, and nobody looks
/// at a link that our code follows.
#[component]
fn FormError(
    /// Path of the server function behind the form.
    path: &'static str,
) -> impl IntoView {
    let query = use_query();
    let sentence = move || {
        query.with(|q| {
            let error = q.get("__err").filter(|_| q.get("__path").is_some_and(|p| p == path))?;
            let checked = use_context::<LoadedWith>().is_none_or(|loaded| loaded.has(&error));
            checked.then(|| {
                leptos::server_fn::error::ServerFnUrlError::<crate::error::AppError>::decode_err(&error).sentence
            })
        })
    };
    view! { {dynamic(move || sentence().map(|s| view! { <p class="form-error" role="alert">{s}</p> }))} }
}

/// In the browser: the form's error in the address that the page was loaded from, `__err=…` as it stands there.
#[derive(Clone)]
struct LoadedWith(String);

impl LoadedWith {
    #[cfg(feature = "hydrate")]
    fn now() -> Self {
        let query = window().location().search().unwrap_or_default();
        Self(
            query
                .trim_start_matches('?')
                .split('&')
                .find(|part| part.starts_with("__err="))
                .unwrap_or_default()
                .to_owned(),
        )
    }

    fn has(&self, error: &str) -> bool {
        // The padding of base64 is the only part that an address writes in another way.
        let said = self.0.strip_prefix("__err=").unwrap_or_default().trim_end_matches("%3D").trim_end_matches('=');
        said == error.trim_end_matches('=')
    }
}

/// The fields of a form as they stand in the page, whoever typed them and when: text that was
/// typed before our code arrived counts too.
struct FormText(#[cfg(feature = "hydrate")] Option<web_sys::FormData>);

impl FormText {
    fn of(event: &web_sys::SubmitEvent) -> Self {
        Self::of_form(&wasm_bindgen::JsCast::unchecked_into(event_target::<web_sys::EventTarget>(event)))
    }

    fn of_form(form: &web_sys::HtmlFormElement) -> Self {
        #[cfg(feature = "hydrate")]
        return Self(web_sys::FormData::new_with_form(form).ok());
        #[cfg(not(feature = "hydrate"))]
        {
            let _ = form;
            Self()
        }
    }

    /// A field as it stands in the form.
    fn raw(&self, name: &str) -> Option<String> {
        #[cfg(feature = "hydrate")]
        return self.0.as_ref().and_then(|f| f.get(name).as_string());
        #[cfg(not(feature = "hydrate"))]
        {
            let _ = name;
            None
        }
    }

    fn filled(&self, name: &str) -> Option<String> {
        self.raw(name).filter(|text| !text.trim().is_empty())
    }

    fn text(&self, name: &str) -> String {
        self.filled(name).unwrap_or_default()
    }
}
