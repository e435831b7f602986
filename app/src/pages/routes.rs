//! Which pages there are: one table, of which the router, the code that is fetched before a page wakes, and the
//! tabs of a project are made.

use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{FlatRoutes, Route},
    path,
};

use super::{Missing, ToBoard, board, chat, home, settings, tickets, work_loop};

/// A tab of a project's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tab {
    /// The page's last word in its address.
    pub word: &'static str,
    /// What it is called.
    pub label: &'static str,
}

/// `"/address" => View, (TAB), [QUERY: CODE, …];` A page whose code comes by itself names its `preload` under `_`;
/// one that comes because the address asks for it names it under that word.
macro_rules! pages {
    ($($path:tt => $view:path, ($($tab:expr)?), [$($query:tt: $code:path),*];)+) => {
        /// The page of the address.
        #[component]
        pub fn Pages() -> impl IntoView {
            view! {
                <FlatRoutes fallback=Missing>
                    $(<Route path=path!($path) view=$view ssr=SsrMode::Async />)+
                </FlatRoutes>
            }
        }

        /// The tabs of a project.
        pub const TABS: &[Tab] = &[$($($tab,)?)+];

        /// Whether the server paints with code that comes later in the browser, and so needs the look of that.
        #[cfg(any(feature = "ssr", test))]
        pub fn brings_code(path: &str, query: &str) -> bool {
            false $($(|| fits($path, path) && asks(query, stringify!($query)))*)+
        }

        /// Fetches the code of what the server has painted: hydration finds it there, or not at all.
        ///
        /// # Errors
        /// The code did not come; the painted page still works by its links and forms.
        #[cfg(feature = "split")]
        pub async fn preload() -> Result<(), crate::error::AppError> {
            let location = window().location();
            let (path, query) = (location.pathname().unwrap_or_default(), location.search().unwrap_or_default());
            $($(
                if fits($path, &path) && asks(&query, stringify!($query)) {
                    $code().await?;
                }
            )*)+
            Ok(())
        }
    };
}

pages! {
    "/" => home::HomePage, (), [_: home::preload];
    "/projects/:slug" => ToBoard, (), [];
    "/projects/:slug/board" => board::BoardPage, (Tab { word: "board", label: "Board" }), [task: super::task::preload, new: board::preload_dialog];
    "/projects/:slug/tickets" => tickets::TicketsPage, (), [_: tickets::preload];
    "/projects/:slug/chat" => chat::ChatPage, (Tab { word: "chat", label: "Chat" }), [_: chat::preload];
    "/projects/:slug/work-loop" => work_loop::LoopPage, (Tab { word: "work-loop", label: "Loop" }), [_: work_loop::preload];
    "/work-loop" => work_loop::LoopPage, (), [_: work_loop::preload];
    "/projects/:slug/settings" => settings::SettingsPage, (Tab { word: "settings", label: "Settings" }), [_: settings::preload];
}

/// Whether an address is of a page: word for word, and any word where the page has a name for it.
#[cfg(any(feature = "split", feature = "ssr", test))]
fn fits(page: &str, address: &str) -> bool {
    let (mut page, mut address) = (words(page), words(address));
    loop {
        match (page.next(), address.next()) {
            (None, None) => return true,
            (Some(wanted), Some(there)) if wanted == there || wanted.starts_with(':') => {}
            _ => return false,
        }
    }
}

#[cfg(any(feature = "split", feature = "ssr", test))]
fn words(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|word| !word.is_empty())
}

/// Whether the address asks for something, or it need not.
#[cfg(any(feature = "split", feature = "ssr", test))]
fn asks(query: &str, name: &str) -> bool {
    name == "_" || query.trim_start_matches('?').split('&').any(|part| part.split('=').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_one_page() {
        for (page, address, fit) in [
            ("/", "/", true),
            ("/", "/projects", false),
            ("/projects/:slug/board", "/projects/a/board", true),
            ("/projects/:slug/board", "/projects/a/board/", true),
            ("/projects/:slug/board", "/projects/board", false),
            ("/projects/:slug/chat", "/projects/chat/board", false),
            ("/projects/:slug/board", "/projects/chat/board", true),
        ] {
            assert_eq!(fits(page, address), fit, "{page} {address}");
        }
        assert!(asks("", "_") && asks("?a=1&task=T-1", "task") && asks("?new", "new"));
        assert!(!asks("?tasks=1", "task") && !asks("", "new"));
        for (path, query, brings) in [
            ("/", "", true),
            ("/projects/a/board", "", false),
            ("/projects/a/board", "q=task", false),
            ("/projects/a/board", "q=x&task=T-1", true),
            ("/projects/a/board", "new", true),
            ("/projects/a/settings", "", true),
            ("/nowhere", "", false),
        ] {
            assert_eq!(brings_code(path, query), brings, "{path}?{query}");
        }
        assert_eq!(TABS.iter().map(|tab| tab.word).collect::<Vec<_>>(), ["board", "chat", "work-loop", "settings"]);
    }
}
