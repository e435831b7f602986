//! Views whose code comes only when they are shown. With feature `split`, `tools/site` cuts them off
//! the page's WASM, chunk by chunk; without it, so in `cargo leptos watch`, they are part of it and
//! there at once.

#[cfg(feature = "split")]
use crate::error::{AppError, Class};

/// `lazily!(fn NAME(arguments) in CHUNK as (CODE, PRELOAD) { Ok(view) })` makes
/// `async fn NAME(arguments) -> Result<AnyView, AppError>`, which loads the chunk before it
/// calls the code, and `async fn PRELOAD()`, which only loads it. The future may cross
/// threads on the server. There the head of the page names the chunk, so that the browser
/// fetches it beside the rest.
macro_rules! lazily {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) in $chunk:ident as ($code:ident, $preload:ident) { $($body:tt)* }) => {
        #[cfg(feature = "split")]
        #[leptos::wasm_split::wasm_split($chunk, wasm_split_path = ::leptos::wasm_split, preload(#[allow(dead_code)] $preload), fallible)]
        pub(crate) fn $code($($arg: $ty),*) -> Result<leptos::prelude::AnyView, $crate::error::AppError> {
            $($body)*
        }

        $(#[$doc])*
        #[cfg(feature = "split")]
        pub fn $name($($arg: $ty),*) -> impl Future<Output = Result<leptos::prelude::AnyView, $crate::error::AppError>> + Send {
            leptos::__reexports::send_wrapper::SendWrapper::new($code($($arg),*))
        }

        $(#[$doc])*
        #[cfg(not(feature = "split"))]
        pub async fn $name($($arg: $ty),*) -> Result<leptos::prelude::AnyView, $crate::error::AppError> {
            #[cfg(feature = "ssr")]
            leptos::prefetch_lazy_fn_on_server(stringify!($chunk));
            $($body)*
        }
    };
}
pub(crate) use lazily;

#[cfg(feature = "split")]
impl From<leptos::wasm_split::SplitLoaderError> for AppError {
    fn from(_: leptos::wasm_split::SplitLoaderError) -> Self {
        Self::new(
            Class::Away,
            "no_code",
            "This part of the page could not be fetched. Reload the page: the server may be away, or newer than this page.",
        )
    }
}
