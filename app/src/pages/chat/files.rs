//! Files that are pasted, dropped or chosen: a picture is uploaded at once and named in the text, a
//! text file becomes a block of the text.

use gloo_net::http::Request;
use leptos::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileList, FormData, HtmlTextAreaElement};

use crate::ui::{Toasts, insert};

/// Largest text file, in bytes: more than this nobody reads in a chat.
const TEXT_BYTES_MAX: f64 = 100.0 * 1024.0;

/// The files that somebody brings.
pub fn files(from: Option<DataTransfer>) -> Vec<File> {
    listed(from.and_then(|data| data.files()))
}

/// The files that somebody pastes. Cells of a table and parts of a page come as words and as a picture of them: then
/// the words are meant, unless they are only the files' names.
pub fn pasted(from: Option<DataTransfer>) -> Vec<File> {
    let words = from.as_ref().and_then(|data| data.get_data("text/plain").ok()).unwrap_or_default();
    let files = files(from);
    let named = |line: &str| files.iter().any(|file| file.name() == line.trim());
    if words.lines().all(named) { files } else { Vec::new() }
}

/// Whether files are dragged, and not words or a link.
pub fn dragged(event: &web_sys::DragEvent) -> bool {
    event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0))
}

/// The files of a list.
pub fn listed(list: Option<FileList>) -> Vec<File> {
    let Some(list) = list else { return Vec::new() };
    (0..list.length()).filter_map(|n| list.item(n)).collect()
}

/// Puts files one after the other into the field.
pub fn bring(files: Vec<File>, field: HtmlTextAreaElement, busy: RwSignal<bool>, toasts: Toasts) {
    busy.set(true);
    leptos::task::spawn_local(async move {
        for file in files {
            let words = if file.type_().starts_with("image/") {
                upload(&file).await.map(|address| format!("![Image]({address})"))
            } else {
                block(&file).await
            };
            match words {
                Ok(words) => insert(&field, &words),
                Err(sentence) => toasts.error(sentence),
            }
        }
        busy.try_set(false);
    });
}

/// The picture's address, or a sentence.
async fn upload(picture: &File) -> Result<String, String> {
    let away = || "The picture was not uploaded: the server does not answer.".to_owned();
    let form = FormData::new().map_err(|_| away())?;
    form.append_with_blob("image", picture).map_err(|_| away())?;
    let request = Request::post("/api/upload/image").body(form).map_err(|_| away())?;
    let answer = request.send().await.map_err(|_| away())?;
    let said: Said = serde_json::from_str(&answer.text().await.map_err(|_| away())?).unwrap_or_default();
    match said.url {
        Some(address) if answer.ok() => Ok(address),
        _ => Err(said.error.unwrap_or_else(|| "The picture was not uploaded.".to_owned())),
    }
}

/// What the server says of a picture.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Said {
    url: Option<String>,
    error: Option<String>,
}

/// A text file as a block of code under its name, or a sentence.
async fn block(file: &File) -> Result<String, String> {
    let name = file.name();
    if file.size() > TEXT_BYTES_MAX {
        return Err(format!("{name} is larger than 100 kB. Put it into the repository and name its path here."));
    }
    let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
    let text = text.ok_or_else(|| format!("{name} could not be read."))?;
    // What is no text decodes to these.
    if text.contains(['\0', '\u{fffd}']) {
        return Err(format!("{name} is no text file. Pictures and text files can be brought here."));
    }
    let language = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    Ok(format!("**{name}**\n\n{fence}{language}\n{}\n{fence}", text.trim_end()))
}
