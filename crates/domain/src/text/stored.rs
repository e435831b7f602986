//! Text as a store keeps it. Programs of before the rules of [`super`] stored what they were given: it is
//! cleaned when it is read, so that nothing behind a store meets it, and never refused.
//!
//! These are for `#[serde(deserialize_with = "…")]` on fields of documents that are plain strings.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::clean;

/// What is shown in place of a name in which nothing can be seen.
const NAMELESS: &str = "(no name)";

fn one_line(text: String) -> String {
    // Whatever is harmless in many lines is so on one, if it is one.
    if clean::harmless(&text) && !text.contains(['\n', '\t']) { text } else { clean::line(&text) }
}

fn many_lines(text: String) -> String {
    if clean::harmless(&text) { text } else { clean::lines(&text) }
}

/// A name, on one line.
pub fn title<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = one_line(String::deserialize(from)?);
    Ok(if text.is_empty() { NAMELESS.to_owned() } else { text })
}

/// Text on one line, which may be empty.
pub fn line<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(one_line)
}

/// Text of many lines, which may be empty.
pub fn lines<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(many_lines)
}

/// Text on one line that may be absent.
pub fn some_line<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(one_line).filter(|text| !text.is_empty()))
}

/// Text of many lines that may be absent.
pub fn some_lines<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(many_lines).filter(|text| !text.is_empty()))
}

/// Several texts on one line each; those in which nothing can be seen are left out.
pub fn each_line<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<String>::deserialize(from)?.into_iter().map(one_line).filter(|text| !text.is_empty()).collect())
}

/// Texts of many lines by key.
pub fn each_value<'de, K: Deserialize<'de> + Ord, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<K, String>, D::Error> {
    Ok(BTreeMap::<K, String>::deserialize(from)?.into_iter().map(|(key, text)| (key, many_lines(text))).collect())
}
