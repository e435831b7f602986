//! The document around the app: head, sprite of icons, and the content security policy.

use leptos::{config::LeptosOptions, hydration::AutoReload, nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::{App, site::Site};

/// Runs before the first paint: the look that was chosen, and that there is JavaScript. The browser's own bars
/// follow the look that is chosen, then and later.
const EARLY: &str = "\
(function(d){d.classList.add('js');\
var bars=document.querySelectorAll('meta[name=theme-color]'),own=[bars[0].content,bars[1].content];\
new MutationObserver(()=>bars.forEach((bar,n)=>bar.content=own[{light:0,dark:1}[d.dataset.theme]??n])).observe(d,{attributes:true});\
try{var l=localStorage.getItem('look');if(l)d.dataset.theme=l}catch(e){}})(document.documentElement)";

/// Fetches the code and wakes the page. A page whose code does not come, or does not find its way in what somebody
/// else has made of the page, is what it was painted as: its links and forms are the browser's, nothing of ours
/// stands in between any more, and it says so.
const LOAD: &str = "\
const d=document.documentElement;let over=false;\
const plain=()=>{if(over)return;over=true;d.classList.remove('js');d.classList.add('late');\
for(const t of['click','submit','keydown'])addEventListener(t,e=>e.stopImmediatePropagation(),true);\
const p=document.createElement('p');p.className='stale asleep';p.setAttribute('role','status');\
p.textContent='This page could not start its code, so nothing on it is live. Its links and forms work; reloading tries again.';\
document.body.prepend(p)};\
const late=setTimeout(()=>d.classList.remove('js'),10000);\
addEventListener('error',e=>{if(e.error instanceof WebAssembly.RuntimeError)plain()});\
import('/SCRIPT').then(m=>m.default({module_or_path:'/WASM'}).then(()=>m.hydrate())).then(awake=>{\
clearTimeout(late);if(awake&&!over){over=true;d.classList.add('js')}else plain()},e=>{plain();throw e})";

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
    let load = LOAD.replace("SCRIPT", &files.script).replace("WASM", &files.wasm);
    // The look of code that comes later is here where that is painted; elsewhere it comes with the first of it
    // (`tools/site/src/look.rs`).
    let here = use_context::<http::request::Parts>()
        .is_none_or(|parts| crate::pages::brings_code(parts.uri.path(), parts.uri.query().unwrap_or_default()));
    // It lies beside that script.
    let (now, later) = match files.later.clone() {
        Some(file) if here => (Some(format!("/{file}")), None),
        file => (None, file.and_then(|file| file.rsplit('/').next().map(str::to_owned))),
    };
    view! {
        <!DOCTYPE html>
        <html lang="en" data-views=crate::views::VIEWS data-build=files.build.clone() data-later=later>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f6f7f9" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0c0f14" />
                <script nonce=use_nonce() inner_html=EARLY></script>
                <link rel="stylesheet" href=format!("/{}", files.style) id="leptos" />
                {now.map(|href| view! { <link rel="stylesheet" href=href id="later" /> })}
                // What whoever has logged in may not do is not shown; where nobody logs in there is no such file.
                {crate::site::role().map(|role| view! { <link rel="stylesheet" href=format!("/as/{}.css", role.word()) /> })}
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="apple-touch-icon" href="/icon-180.png" />
                <link rel="manifest" href="/manifest.webmanifest" />
                <AutoReload options />
                <link rel="modulepreload" href=format!("/{}", files.script) crossorigin="anonymous" />
                <link rel="preload" href=format!("/{}", files.wasm) r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
                <script type="module" nonce=use_nonce()>{load}</script>
                <MetaTags />
            </head>
            <body>
                // A place of its own: what extensions put into the page's body does not stand between.
                <div id="app"><App /></div>
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
