//! What this server is.

use leptos::prelude::*;
use leptos_meta::Title;

use super::{Trouble, frame::use_frame, load::load, or_trouble};
use crate::{
    error::AppError,
    lazy::lazily,
    live::part,
    model::wire::Loaded,
    ui::{Erase, dynamic},
};

/// What this server is, in words.
#[server(prefix = "/fn", endpoint = "load_about", output = crate::codec::Reply)]
pub async fn load_about() -> Result<Loaded, AppError> {
    use crate::{
        model::{put, wire::Parts},
        site::site,
    };

    let mut parts = Parts::new();
    put(
        &mut parts,
        "about",
        &format!("OpenClutch {}. Everything is kept in {}.", env!("CARGO_PKG_VERSION"), site()?.settings.store),
    );
    Ok(Loaded { version: 0, parts })
}

/// The page.
#[component]
pub fn AboutPage() -> impl IntoView {
    let frame = use_frame();
    let loaded = load(String::new, |_| load_about());
    view! {
        <Suspense>
            {dynamic(move || Suspend::new(async move {
                match frame.ready().await.and(loaded.await) {
                    Ok(load) => or_trouble(about(load).await),
                    Err(error) => view! { <Trouble error /> }.erase(),
                }
            }))}
        </Suspense>
    }
    .erase()
}

lazily! {
    fn about(load: Loaded) in elsewhere as (about_code, preload) {
        let words: String = part(&load, "about").ok_or_else(AppError::not_understood)?;
        Ok(view! {
            <Title text="About · OpenClutch" />
            <div class="page"><div class="page-head"><h1>"About"</h1></div><p>{words}</p></div>
        }
        .into_any())
    }
}
