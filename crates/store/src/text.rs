//! Between the inside of a document and the text that is stored: `{"<kind>":{"v":<version>,...}}`.
//!
//! A text tells its version. One that is newer than this program, or that is none of ours, becomes
//! [`Body::Unread`]: it spoils no range and is never written. Members that this program does not know
//! come back with the document and are put back when it is written again, at every depth.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use clutch_domain::doc::{Body, Doc, DocKey, Kind, Rev, Unread};
use clutch_orchestrator::store::Fault;
use serde::Deserialize;
use serde_json::{Deserializer, Map, Value};

/// Documents that cannot be read and are named in the log; there is no use in naming more.
const MET_MOST: usize = 1_000;

/// The member that tells the version.
const VERSION: &str = "v";

/// Reads a document.
pub(crate) fn read(key: &DocKey, rev: Rev, text: &str) -> Doc {
    let known = key.kind.version();
    // A text of ours begins with its version; for any other one looks.
    let told = quick_version(key.kind, text);
    if told.is_some_and(|version| version > known) {
        return unread(key, rev, true);
    }
    let mut ignored = Ignored::default();
    match inside(key.kind, text, &mut ignored) {
        Some(body) if ignored.version && told.is_none() && slow_version(key.kind, text) > u64::from(known) => {
            drop(body);
            unread(key, rev, true)
        }
        Some(body) => Doc { rev, body, kept: ignored.members.then(|| Arc::from(text)) },
        None => unread(key, rev, slow_version(key.kind, text) > u64::from(known)),
    }
}

fn unread(key: &DocKey, rev: Rev, newer: bool) -> Doc {
    let unread = Unread { key: key.clone(), newer };
    if first_time(key) {
        tracing::warn!("{unread}");
    }
    Doc::new(rev, Body::Unread(unread))
}

/// Whether this document is met for the first time: live pages read it again and again.
fn first_time(key: &DocKey) -> bool {
    static MET: Mutex<BTreeSet<DocKey>> = Mutex::new(BTreeSet::new());
    let mut met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    met.len() < MET_MOST && met.insert(key.clone())
}

/// What of a text this program has no place for.
#[derive(Default)]
struct Ignored {
    version: bool,
    members: bool,
}

/// The body, if it is one of this kind.
fn inside(kind: Kind, text: &str, ignored: &mut Ignored) -> Option<Body> {
    let mut json = Deserializer::from_str(text);
    let body: Body = serde_ignored::deserialize(&mut json, |path| {
        // At the top: `?.<member>`, behind the kind's own word.
        let path = path.to_string();
        let top = path.rsplit_once('.').filter(|(before, _)| !before.contains('.')).map(|(_, member)| member);
        match top {
            Some(VERSION) => ignored.version = true,
            Some(member) if kind.retired_members().contains(&member) => {}
            _ => ignored.members = true,
        }
    })
    .ok()?;
    json.end().ok()?;
    (body.kind() == kind).then_some(body)
}

fn quick_version(kind: Kind, text: &str) -> Option<u32> {
    let inside = text.strip_prefix("{\"")?.strip_prefix(kind.word())?.strip_prefix("\":{\"v\":")?;
    let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
    inside.get(..digits)?.parse().ok()
}

/// The version that a text of whoever tells; 0 where it tells none.
fn slow_version(kind: Kind, text: &str) -> u64 {
    #[derive(Deserialize)]
    struct Told {
        #[serde(default)]
        v: Option<u64>,
    }
    let value: Option<Value> = serde_json::from_str(text).ok();
    let inside = value.and_then(|mut value| value.get_mut(kind.word()).map(Value::take));
    inside.and_then(|inside| serde_json::from_value::<Told>(inside).ok()).and_then(|told| told.v).unwrap_or(0)
}

/// The text of a document. `kept` is the text as it was read, where it has members that are not known.
///
/// # Errors
/// A document that this program cannot read, or that is no JSON.
pub(crate) fn write(body: &Body, kept: Option<&str>) -> Result<String, Fault> {
    let key = body.key();
    let cannot = |why: String| Fault::new(format!("{} {} cannot be written: {why}", key.kind.word(), key.id));
    if let Body::Unread(unread) = body {
        return Err(cannot(unread.refusal().to_string()));
    }
    let text = serde_json::to_string(body).map_err(|e| cannot(e.to_string()))?;
    let head = format!("{{\"{}\":{{", key.kind.word());
    let members = text.strip_prefix(&head).ok_or_else(|| cannot("its inside has no members".into()))?;
    let comma = if members.starts_with('}') { "" } else { "," };
    let text = format!("{head}\"{VERSION}\":{}{comma}{members}", key.kind.version());
    match kept {
        None => Ok(text),
        Some(kept) => with_unknown(key.kind, &text, kept).map_err(|e| cannot(e.to_string())),
    }
}

/// The text with those members of `kept` that this program does not know.
fn with_unknown(kind: Kind, text: &str, kept: &str) -> serde_json::Result<String> {
    let old: Value = serde_json::from_str(kept)?;
    let known = serde_json::to_value(serde_json::from_str::<Body>(kept)?)?;
    let mut new: Value = serde_json::from_str(text)?;
    let inside = |value: &Value| value.get(kind.word()).and_then(Value::as_object).cloned().unwrap_or_default();
    let (mut old, known) = (inside(&old), inside(&known));
    old.retain(|member, _| member != VERSION && !kind.retired_members().contains(&member.as_str()));
    if let Some(new) = new.get_mut(kind.word()).and_then(Value::as_object_mut) {
        put_back(new, old, &known);
    }
    serde_json::to_string(&new)
}

/// Members of `old` that reading and writing lose (`known` is what comes of that) join `new`.
fn put_back(new: &mut Map<String, Value>, old: Map<String, Value>, known: &Map<String, Value>) {
    for (member, value) in old {
        match (known.get(&member), new.get_mut(&member)) {
            (None, None) => drop(new.insert(member, value)),
            (Some(Value::Object(known)), Some(Value::Object(new))) => {
                if let Value::Object(old) = value {
                    put_back(new, old, known);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chat() -> Value {
        json!({ "id": uuid::Uuid::from_u128(1), "project": uuid::Uuid::from_u128(2), "title": "Talk",
                "created_at": 1, "updated_at": 1, "last": { "content": "Hi", "author": "dan", "created_at": 1 } })
    }

    fn key() -> DocKey {
        DocKey::new(Kind::Chat, uuid::Uuid::from_u128(1))
    }

    fn stored(inside: &Value) -> String {
        json!({ "chat": inside }).to_string()
    }

    fn title(doc: &mut Doc, to: &str) {
        let Body::Chat(chat) = &mut doc.body else { panic!("{doc:?}") };
        chat.title = to.into();
    }

    #[test]
    fn a_text_of_ours_is_wholly_known() {
        let doc = read(&key(), 1, &stored(&chat()));
        assert!(matches!(doc.body, Body::Chat(_)) && doc.kept.is_none(), "a text of before bodies had versions");
        let text = write(&doc.body, None).unwrap();
        assert!(text.starts_with("{\"chat\":{\"v\":1,\"id\""), "{text}");
        assert_eq!(read(&key(), 1, &text), doc);
    }

    #[test]
    fn members_of_a_newer_program_survive_at_every_depth() {
        let mut inside = chat();
        inside["mood"] = json!({ "now": 18_446_744_073_709_551_615_u64, "then": [0.1, null] });
        inside["last"]["lang"] = json!("fa");
        let mut doc = read(&key(), 1, &stored(&inside));
        title(&mut doc, "Other");
        let text = write(&doc.body, doc.kept.as_deref()).unwrap();
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["chat"]["title"], "Other");
        assert_eq!(back["chat"]["mood"], inside["mood"]);
        assert_eq!(back["chat"]["last"]["lang"], "fa");
        // Twice is the same as once, and what this program removes stays removed.
        let mut again = read(&key(), 2, &text);
        assert!(again.kept.is_some());
        if let Body::Chat(chat) = &mut again.body {
            chat.last = None;
        }
        let text = write(&again.body, again.kept.as_deref()).unwrap();
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&back["chat"]["last"], &back["chat"]["mood"]), (&json!(null), &inside["mood"]));
    }

    #[test]
    fn what_means_nothing_any_more_is_dropped() {
        let task = json!({ "task": {
            "id": uuid::Uuid::from_u128(1), "project": uuid::Uuid::from_u128(2), "number": 1, "title": "T",
            "status": "ready", "priority": "low", "position": 1.5, "created_at": 1, "updated_at": 1,
            "status_changed_at": 1, "escalated": false, "review_count": 0, "dispatch_status": null,
        }});
        let doc = read(&DocKey::new(Kind::Task, uuid::Uuid::from_u128(1)), 1, &task.to_string());
        assert!(matches!(doc.body, Body::Task(_)) && doc.kept.is_none(), "{doc:?}");
        assert!(!write(&doc.body, None).unwrap().contains("escalated"));
    }

    #[test]
    fn one_that_is_newer_or_damaged_is_told_as_such_and_never_written() {
        let newer = |at_the_end: bool| {
            let mut inside = chat();
            if at_the_end {
                inside["v"] = json!(2);
                return stored(&inside);
            }
            stored(&inside).replacen("{\"chat\":{", "{\"chat\":{\"v\":2,", 1)
        };
        let mut strange = chat();
        strange["v"] = json!(7);
        strange["title"] = json!(["not", "a", "text"]);
        let cases = [
            (newer(false), true),
            (newer(true), true),
            (stored(&strange), true),
            (stored(&json!({})), false),
            ("{\"planet\":{}}".into(), false),
            ("{\"counter\":{\"name\":\"a\",\"last\":1}}".into(), false),
            ("{\"chat\":".into(), false),
            (String::new(), false),
            (format!("{} x", stored(&chat())), false),
        ];
        for (text, newer) in cases {
            let doc = read(&key(), 3, &text);
            assert_eq!(doc, unread(&key(), 3, newer), "{text}");
            assert!(write(&doc.body, None).is_err());
        }
    }
}
