//! Pictures that go with words through the proxy: what the gateway takes as `attachments` of `chat.send`.
//!
//! They are held to the measures of those that the board sends itself ([`crate::chat::letter`]), and go on as a decoder
//! saw them and our encoder wrote them, as uploads are kept. Nothing else goes through: no files, no sound.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use clutch_orchestrator::runtime::Picture;
use http::StatusCode;
use serde_json::{Map, Value};

use super::Refused;
use crate::{
    chat::letter::{ALL_BYTES_MAX, PICTURE_BYTES_MAX, PICTURES_MAX},
    http::{
        compat::error::Failure,
        uploads::{self, Uploads},
    },
};

/// Longest name of a file, in bytes.
const NAME_MAX: usize = 255;

/// One that was sent.
pub(super) struct Sent<'a> {
    name: &'a str,
    content: &'a str,
}

/// Whether these are pictures, as far as that is seen without decoding them; else what is wrong.
pub(super) fn read(value: &Value) -> Result<Vec<Sent<'_>>, String> {
    let Some(list) = value.as_array().filter(|list| list.len() <= PICTURES_MAX) else {
        return Err(format!("attachments must be a list of at most {PICTURES_MAX} pictures"));
    };
    let sent: Vec<Sent<'_>> = list.iter().map(one).collect::<Result<_, _>>()?;
    // Four letters are three bytes.
    let bytes = |sent: &Sent<'_>| sent.content.len() / 4 * 3;
    if sent.iter().any(|sent| bytes(sent) > PICTURE_BYTES_MAX + 3) {
        return Err(format!("a picture has at most {} megabytes", PICTURE_BYTES_MAX >> 20));
    }
    if sent.iter().map(bytes).sum::<usize>() > ALL_BYTES_MAX {
        return Err(format!("all pictures together have at most {} megabytes", ALL_BYTES_MAX >> 20));
    }
    Ok(sent)
}

fn one(value: &Value) -> Result<Sent<'_>, String> {
    let Some(members) = value.as_object() else { return Err("each of attachments must be an object".into()) };
    let known = ["type", "mimeType", "fileName", "content"];
    if let Some(other) = members.keys().find(|key| !known.contains(&key.as_str())) {
        let other: String = other.chars().take(60).collect();
        return Err(format!("an attachment has no member {other:?}"));
    }
    if member(members, "type")?.is_some_and(|what| what != "image") {
        return Err("an attachment's type must be \"image\"".into());
    }
    let content = member(members, "content")?.ok_or("an attachment needs content, its bytes in base64")?;
    // A browser's `data:` address says the type as well.
    let (said, content) = match content.strip_prefix("data:").map(|rest| rest.split_once(";base64,")) {
        None => (None, content),
        Some(Some((said, content))) => (Some(said), content),
        Some(None) => return Err("an attachment's content must be base64, or a data: address of such".into()),
    };
    for mime in [member(members, "mimeType")?, said].into_iter().flatten() {
        if !uploads::TYPES.contains(&mime) {
            return Err(format!("an attachment must be one of {}", uploads::TYPES.join(", ")));
        }
    }
    let name = member(members, "fileName")?.unwrap_or("image");
    if name.is_empty() || name.len() > NAME_MAX || name.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return Err(format!("an attachment's fileName must be a name of at most {NAME_MAX} visible bytes"));
    }
    Ok(Sent { name, content })
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, String> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("an attachment's {name} must be text")),
    }
}

/// Decoded and written anew.
pub(super) async fn cleaned(uploads: &Arc<Uploads>, sent: Vec<Sent<'_>>) -> Result<Vec<Picture>, Refused> {
    let mut pictures = Vec::with_capacity(sent.len());
    for Sent { name, content } in sent {
        let bytes = STANDARD
            .decode(content)
            .map_err(|_| Refused::wrong("invalid_params", "an attachment's content must be base64"))?;
        let clean = uploads.clean(bytes).await.map_err(|unkept| {
            let (status, code, sentence) = Failure::from(unkept).parts();
            Refused(status, code, sentence)
        })?;
        // A photo that was packed without loss by others can grow by our writing it.
        if clean.bytes.len() > PICTURE_BYTES_MAX {
            let sentence = "This picture is too large for the gateway. Make it smaller.";
            return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, "picture_too_large", sentence.into()));
        }
        pictures.push(Picture { name: name.to_owned(), mime: clean.kind.mime().to_owned(), bytes: clean.bytes });
    }
    Ok(pictures)
}
