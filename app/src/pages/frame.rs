//! What is around every page: the rail with the projects, and the state behind it.

use std::{
    rc::Rc,
    sync::{Arc, Once},
};

use clutch_domain::{id::Uuid, query::Query};
use leptos::{html, prelude::*};
use leptos_router::hooks::use_location;

use super::load::{Load, load};
use crate::{
    api::load_home,
    error::AppError,
    live::{
        Feed, Sink, fill, part,
        parts::{Order, Part, Parts},
        read, use_live,
    },
    model::home::{Check, HomeHead, ProjectRow, Server},
    ui::{Dot, Erase, Icon, dynamic, list, listen::window_hears, lower, use_clock},
};

/// The projects and what is known about this installation; shared by all pages.
#[derive(Clone, Copy)]
pub struct Frame {
    load: Load,
    /// Projects by name.
    pub projects: Parts<ProjectRow>,
    /// Questions that wait, in all projects.
    pub waiting: RwSignal<u32>,
    /// The store's line of the first steps.
    pub store: RwSignal<Option<Check>>,
    /// Whether the loop may take anything at all.
    pub loop_enabled: RwSignal<bool>,
    /// On phones: the rail lies open over the page, which waits.
    pub drawer: RwSignal<bool>,
    // Every part of a page waits for the frame, on the server each on a thread of its own: one of them fills it.
    filled: StoredValue<Arc<Once>>,
}

/// The frame of this page.
pub fn use_frame() -> Frame {
    expect_context::<Frame>()
}

impl Frame {
    /// A frame that begins to load.
    pub fn new() -> Self {
        Self {
            load: load(String::new, |_| load_home()),
            projects: Parts::new(),
            waiting: RwSignal::new(0),
            store: RwSignal::new(None),
            loop_enabled: RwSignal::new(true),
            drawer: RwSignal::new(false),
            filled: StoredValue::new(Arc::new(Once::new())),
        }
    }

    /// Waits until it is loaded; every page does before it paints, for the clock's sake too.
    pub async fn ready(self) -> Result<u64, AppError> {
        let (live, clock) = (use_live(), use_clock());
        let load = self.load.await?;
        let filled = self.filled.get_value();
        filled.call_once(|| {
            if let Some(server) = part::<Server>(&load, "server") {
                clock.set(server.now);
                self.loop_enabled.set(server.loop_enabled);
            }
            live.gateway.set(part(&load, "gateway"));
            self.store.set(part(&load, "store"));
            fill(&self, &load);
        });
        Ok(load.version)
    }

    /// The row of a project.
    pub fn row(self, slug: &str) -> Option<ProjectRow> {
        self.projects.with(|rows| rows.iter().find(|r| r.slug == slug).cloned())
    }
}

impl Part for ProjectRow {
    const PREFIX: &'static str = "p:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::word(lower(&self.name))
    }
}

impl Sink for Frame {
    fn put(&self, name: &str, json: &str) {
        if !self.projects.put(name, json)
            && name == "head"
            && let Some(head) = read::<HomeHead>(json)
        {
            self.waiting.set(head.waiting);
        }
    }

    fn del(&self, name: &str) {
        self.projects.del(name);
    }

    fn names(&self) -> Vec<String> {
        let mut all = Vec::new();
        self.projects.names(&mut all);
        all
    }

    fn settled(&self, _version: u64) {
        self.projects.settle();
    }
}

/// The rail: brand, home, projects, the feed's state and the look. On phones a bar and a drawer.
#[component]
pub fn Rail() -> impl IntoView {
    let frame = use_frame();
    let path = use_location().pathname;
    let open = frame.drawer;
    let (rail, button) = (NodeRef::<html::Nav>::new(), NodeRef::<html::Button>::new());
    #[cfg(feature = "hydrate")]
    super::opened::led::here();
    // Going somewhere closes the drawer.
    crate::ui::listen::follow(move || {
        path.track();
        open.set(false);
    });
    // The focus goes into it, and comes back unless it went on to somewhere else.
    Effect::new(move |was: Option<bool>| {
        let is = open.get();
        if is {
            if let Some(link) = rail.get_untracked().and_then(|rail| rail.query_selector("a.nav").ok().flatten()) {
                focus_when_seen(link);
            }
        } else if was == Some(true)
            && let Some(button) = button.get_untracked()
        {
            let _ = button.focus();
        }
        is
    });
    let shut = move || {
        if open.get_untracked() {
            open.set(false);
        }
    };
    window_hears(leptos::ev::keydown, move |event| {
        if crate::ui::keys::pressed(&event) == "Escape" {
            shut();
        }
    });
    // A wider window has no drawer.
    window_hears(leptos::ev::resize, move |_| shut());
    view! {
        <header class="topbar">
            <button type="button" class="icon-btn js-only" aria-label="Menu" node_ref=button aria-expanded=move || open.get().to_string()
                on:click=move |_| open.update(|o| *o = !*o)>
                <Icon name="menu" />
            </button>
            <a class="brand" href="/"><Logo />"OpenClutch"</a>
            <Needs />
        </header>
        <div class="scrim" class:open=move || open.get() on:click=move |_| open.set(false)></div>
        <nav class="rail" class:open=move || open.get() aria-label="Projects" node_ref=rail>
            <a class="brand" href="/"><Logo />"OpenClutch"</a>
            <a class="nav" href="/" aria-current=move || (path.get() == "/").then_some("page")>
                <Icon name="home" />"Home"
            </a>
            <a class="nav" href="/needs-you" rel="external"><Icon name="inbox" />"Needs you"<Needs /></a>
            <a class="nav" href="/sessions" rel="external"><Icon name="lines" />"Sessions"</a>
            <a class="nav" href="/work-loop" aria-current=move || (path.get() == "/work-loop").then_some("page")>
                <Icon name="loop" />"Work loop"
            </a>
            <Suspense>
                {dynamic(move || Suspend::new(async move { frame.ready().await.ok().map(|version| view! { <RailProjects version /> }) }))}
            </Suspense>
            <span class="grow"></span>
            <Status />
            <Look />
        </nav>
    }
    .erase()
}

/// Frames in which the drawer is tried to be seen: it comes within a fifth of a second, on slow screens later.
const SEEN_WITHIN: u32 = 60;

/// What is not seen takes no focus, and the drawer is seen some frames after it was opened.
fn focus_when_seen(link: web_sys::Element) {
    fn again(link: web_sys::Element, left: u32) {
        crate::ui::listen::next_frame(move || {
            let _ = wasm_bindgen::JsCast::unchecked_ref::<web_sys::HtmlElement>(&link).focus();
            if left > 0 && document().active_element().as_ref() != Some(&link) {
                again(link, left - 1);
            }
        });
    }
    again(link, SEEN_WITHIN);
}

#[component]
fn Logo() -> impl IntoView {
    view! { <svg class="logo" viewBox="0 0 24 24" aria-hidden="true"><use href="#logo"></use></svg> }
}

/// How many questions wait for a person, in all projects.
#[component]
fn Needs() -> impl IntoView {
    let frame = use_frame();
    view! { {dynamic(move || badge(frame.waiting.get()))} }
}

fn badge(waiting: u32) -> AnyView {
    (waiting > 0).then(|| {
        let label = format!("{waiting} waiting for you");
        view! { <span class="need-badge" title=label.clone()>{waiting}<span class="sr">" waiting for you"</span></span> }
    })
    .erase()
}

#[component]
fn RailProjects(version: u64) -> impl IntoView {
    let frame = use_frame();
    let path = use_location().pathname;
    use_live().watch(Query::Home, Some(version), Rc::new(frame));
    use_clock().start();
    let row = move |id: Uuid| {
        let Some(item) = frame.projects.get(id) else { return ().erase() };
        let inside = move || {
            let row = item.get();
            let here = format!("/projects/{}/", row.slug);
            let open: u32 = row.counts[..5].iter().sum();
            view! {
                <a class="nav" href=format!("{here}board")
                    aria-current=move || path.with(|p| p.starts_with(&here)).then_some("page")>
                    <Dot color=row.color />
                    <span class="cut" dir="auto">{row.name}</span>
                    {if row.waiting > 0 {
                        badge(row.waiting).erase()
                    } else {
                        view! { <span class="n">{(open > 0).then_some(open)}</span> }.erase()
                    }}
                </a>
            }
            .erase()
        };
        dynamic(inside).into_any()
    };
    view! {
        <div class="rail-head">
            <h2>"Projects"</h2>
            <a class="icon-btn" href="/?new=project" aria-label="New project" title="New project"><Icon name="plus" /></a>
        </div>
        {list(move || frame.projects.ids.get(), row)}
    }
}

/// The live feed's state in the rail's foot: quiet while all is well.
#[component]
fn Status() -> impl IntoView {
    let live = use_live();
    view! {
        <div class="feed" role="status">
            {dynamic(move || match live.feed.get() {
                Feed::Starting => view! { <span class="pulse idle"></span><span>"Not live yet"</span> }.erase(),
                Feed::Live => view! { <span class="pulse ok"></span><span>"Live"</span> }.erase(),
                Feed::Lost(why) => view! { <span class="pulse bad"></span><span>{why}</span> }.erase(),
                Feed::Old => view! { <span class="pulse bad"></span><span>"Older than the server"</span> }.erase(),
            })}
        </div>
    }
}

/// Above every page while it may not be true: from when it is, and why.
#[component]
pub fn Stale() -> impl IntoView {
    let live = use_live();
    // On the root, and not told there by what the page has: then each change of the page would look for the bar.
    let mut told = false;
    crate::ui::listen::follow(move || {
        let late = live.feed.with(|feed| !matches!(feed, Feed::Starting | Feed::Live));
        if let Some(root) = document().document_element().filter(|_| late != told) {
            let _ = root.class_list().toggle_with_force("late", late);
            told = late;
        }
    });
    let bar = move || {
        let (why, button) = match live.feed.get() {
            Feed::Starting | Feed::Live => return None,
            Feed::Lost(why) => (why, None),
            Feed::Old => {
                let reload = |_| drop(window().location().reload());
                let why = "The server is of another build than this page. What is written here and not saved is lost by reloading.";
                let button = view! { <button type="button" class="btn s" on:click=reload>"Reload"</button> };
                (why.to_owned(), Some(button))
            }
        };
        let since = clock_time(live.heard.get_value()).map(|time| view! { <b>"As of "{time}</b> });
        Some(view! {
            <p class="stale"><Icon name="alert" />{since}<span class="cut" title=why.clone()>{why.clone()}</span>{button}</p>
        })
    };
    dynamic(bar)
}

/// `14:05`, by the reader's own clock; `None` before anything was heard.
fn clock_time(at: f64) -> Option<String> {
    if at <= 0.0 {
        return None;
    }
    #[cfg(feature = "hydrate")]
    {
        let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at));
        Some(format!("{:02}:{:02}", date.get_hours(), date.get_minutes()))
    }
    #[cfg(not(feature = "hydrate"))]
    None // nothing is heard where pages are painted
}

/// Dark, light, or as the system says. The choice is applied before the first paint by the
/// script in the document's head, which reads the same key.
#[component]
fn Look() -> impl IntoView {
    let look = RwSignal::new(String::from("system"));
    #[cfg(feature = "hydrate")]
    crate::ui::listen::follow(move || {
        if let Some(kept) = window().local_storage().ok().flatten().and_then(|s| s.get_item("look").ok().flatten()) {
            look.set(kept);
        }
    });
    let choose = move |now: &'static str| {
        look.set(now.into());
        #[cfg(feature = "hydrate")]
        {
            if let Some(storage) = window().local_storage().ok().flatten() {
                let _ = storage.set_item("look", now);
            }
            if let Some(root) = document().document_element() {
                let _ = root.set_attribute("data-theme", now);
            }
        }
    };
    let option = move |name: &'static str, icon: &'static str, label: &'static str| {
        view! {
            <button type="button" aria-label=label title=label aria-pressed=move || (look.get() == name).to_string()
                on:click=move |_| choose(name)>
                <Icon name=icon />
            </button>
        }
    };
    view! {
        <div class="look js-only" role="group" aria-label="Look">
            {option("light", "sun", "Light")} {option("system", "screen", "Like the system")} {option("dark", "moon", "Dark")}
        </div>
    }
}
