//! How server functions answer: JSON, read from text.
//!
//! Leptos reads answers from bytes and the values of the first paint from text; each of
//! our page models would then have its code for reading twice. Read from text both times,
//! the WASM is a twentieth smaller.

use std::fmt;

use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType, codec::Post};
use serde::{Serialize, de::DeserializeOwned};

/// JSON, read from text.
pub struct TextJson;

/// Answers of server functions.
pub type Reply = Post<TextJson>;

/// The text was no JSON of the expected shape.
#[derive(Debug)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ContentType for TextJson {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for TextJson {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for TextJson {
    type Error = Unreadable;

    fn encode(output: &T) -> Result<Bytes, Unreadable> {
        serde_json::to_string(output).map(Bytes::from).map_err(|e| Unreadable(e.to_string()))
    }
}

impl<T: DeserializeOwned> Decodes<T> for TextJson {
    type Error = Unreadable;

    fn decode(bytes: Bytes) -> Result<T, Unreadable> {
        let text = std::str::from_utf8(&bytes).map_err(|e| Unreadable(e.to_string()))?;
        serde_json::from_str(text).map_err(|e| Unreadable(e.to_string()))
    }
}
