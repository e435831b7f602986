//! Pictures that are pasted or dropped into a message: uploaded at once, and named in the text.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FormData, HtmlTextAreaElement, RequestInit, Response};

use crate::ui::Toasts;

/// The pictures that somebody brings.
pub fn pictures(from: Option<DataTransfer>) -> Vec<File> {
    let Some(files) = from.and_then(|data| data.files()) else { return Vec::new() };
    (0..files.length()).filter_map(|n| files.item(n)).filter(|file| file.type_().starts_with("image/")).collect()
}

/// Uploads pictures one after the other and puts each into the field.
pub fn bring(pictures: Vec<File>, field: HtmlTextAreaElement, busy: RwSignal<bool>, toasts: Toasts) {
    busy.set(true);
    leptos::task::spawn_local(async move {
        for picture in pictures {
            match upload(&picture).await {
                Ok(address) => put(&field, &address),
                Err(sentence) => toasts.error(sentence),
            }
        }
        busy.try_set(false);
    });
}

/// The picture's address, or a sentence.
async fn upload(picture: &File) -> Result<String, String> {
    let away = |_: JsValue| "The picture was not uploaded: the server does not answer.".to_owned();
    let form = FormData::new().map_err(away)?;
    form.append_with_blob("image", picture).map_err(away)?;
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_body(&form);
    let answer = JsFuture::from(window().fetch_with_str_and_init("/api/upload/image", &request)).await.map_err(away)?;
    let answer: Response = answer.unchecked_into();
    let said = JsFuture::from(answer.json().map_err(away)?).await.map_err(away)?;
    let word = |name: &str| js_sys::Reflect::get(&said, &name.into()).ok().and_then(|v| v.as_string());
    match word("url") {
        Some(address) if answer.ok() => Ok(address),
        _ => Err(word("error").unwrap_or_else(|| "The picture was not uploaded.".to_owned())),
    }
}

fn put(field: &HtmlTextAreaElement, address: &str) {
    let words = field.value();
    let gap = if words.is_empty() { "" } else { "\n\n" };
    field.set_value(&format!("{words}{gap}![Image]({address})"));
    // The draft is kept by whoever listens to typing.
    if let Ok(event) = web_sys::Event::new_with_event_init_dict("input", &{
        let init = web_sys::EventInit::new();
        init.set_bubbles(true);
        init
    }) {
        let _ = field.dispatch_event(&event);
    }
}
