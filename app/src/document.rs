//! The document around the app: head, sprite of icons, and the content security policy.

use leptos::{config::LeptosOptions, hydration::AutoReload, nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::{App, site::Site};

/// Runs before the first paint: the look that was chosen, and that there is JavaScript.
const EARLY: &str = "(function(d){d.classList.add('js');try{var l=localStorage.getItem('look');if(l)d.dataset.theme=l}catch(e){}})(document.documentElement)";

/// All icons as symbols: they cost the browser's code nothing.
const SPRITE: &str = include_str!("sprite.svg");

/// The whole HTML document of a page. Sets the response's content security policy, whose
/// nonce only the scripts of this document have.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    secure(&options);
    let files = use_context::<Site>().map(|site| site.files).unwrap_or_default();
    if let Some(chunks) = &files.chunks {
        provide_context(chunks.clone());
    }
    let hydrate = format!(
        "import('/{0}').then(m=>m.default({{module_or_path:'/{1}'}}).then(()=>m.hydrate()))",
        files.script, files.wasm
    );
    view! {
        <!DOCTYPE html>
        <html lang="en" data-views=crate::views::VIEWS data-build=files.build.clone()>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f6f7f9" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0c0f14" />
                <script nonce=use_nonce() inner_html=EARLY></script>
                <link rel="stylesheet" href=format!("/{}", files.style) id="leptos" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="manifest" href="/manifest.webmanifest" />
                <AutoReload options />
                <link rel="modulepreload" href=format!("/{}", files.script) crossorigin="anonymous" />
                <link rel="preload" href=format!("/{}", files.wasm) r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
                <script type="module" nonce=use_nonce()>{hydrate}</script>
                <MetaTags />
            </head>
            <body>
                <App />
                <div class="sprite" aria-hidden="true" inner_html=SPRITE></div>
            </body>
        </html>
    }
}

fn secure(options: &LeptosOptions) {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<leptos_axum::ResponseOptions>()) else { return };
    // While cargo-leptos watches, its reload socket lives on a port of its own.
    let reload = if std::env::var_os("LEPTOS_WATCH").is_some() {
        format!(" ws://127.0.0.1:{0} ws://localhost:{0}", options.reload_port)
    } else {
        String::new()
    };
    let policy = format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'{reload}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    if let Ok(value) = http::HeaderValue::from_str(&policy) {
        response.insert_header(http::header::CONTENT_SECURITY_POLICY, value);
    }
}
