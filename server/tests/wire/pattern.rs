//! Patterns of answers. JSON, in which text stands for itself, but for:
//!
//! `<uuid>` `<ms>` `<int>` `<number>` `<text>` `<string>` `<bool>` `<flag>` (0 or 1) `<any>` kinds, with `?` before `>` also
//! null, and with `:name` kept under that name · `<has …>` text with this in it · `<absent>` no such member · `{{name}}`
//! what was kept · `["<each>", p]` all of a list · `["<some>", p]` one of it · `"...": "Name"` the members of a shape of
//! `cases/shapes.json`. Objects have just these members: one more, or one less, is a difference.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{case::Expected, exchange::Answer};

/// What was kept of earlier answers.
pub type Kept = BTreeMap<String, String>;

/// Shapes by name.
pub fn shapes() -> Map<String, Value> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/cases/shapes.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// 2020 and 2100.
const MOMENTS: std::ops::Range<i64> = 1_577_836_800_000..4_102_444_800_000;

/// What is not as it must be.
pub fn differences(shapes: &Map<String, Value>, want: &Expected, answer: &Answer, kept: &mut Kept) -> Vec<String> {
    let mut found = Vec::new();
    if want.status != answer.status {
        found.push(format!("status {}, not {}", answer.status, want.status));
    }
    for (name, value) in &want.headers {
        let said = answer.header(name);
        if !said.is_some_and(|said| {
            value.strip_prefix("<has ").map_or(said == value, |part| said.contains(part.trim_end_matches('>')))
        }) {
            found.push(format!("{name} {said:?}, not {value:?}"));
        }
    }
    if let Some(text) = want.body.strip_prefix("text:") {
        let said = String::from_utf8_lossy(&answer.body);
        if said != text.trim() {
            found.push(format!("{said:?}, not {:?}", text.trim()));
        }
    } else if !want.body.is_empty() {
        let pattern: Value = serde_json::from_str(&want.body).unwrap_or_else(|e| panic!("{e}: {}", want.body));
        match serde_json::from_slice(&answer.body) {
            Ok(said) => {
                if answer.header("content-type") != Some("application/json") {
                    found.push(format!("content-type {:?}", answer.header("content-type")));
                }
                Look { shapes, kept, found: &mut found }.value("", &pattern, &said);
            }
            Err(error) => found.push(format!("no JSON: {error}")),
        }
    }
    found
}

struct Look<'a> {
    shapes: &'a Map<String, Value>,
    kept: &'a mut Kept,
    found: &'a mut Vec<String>,
}

impl Look<'_> {
    fn value(&mut self, at: &str, want: &Value, said: &Value) {
        match (want, said) {
            (Value::String(pattern), _) => self.text(at, pattern, said),
            (Value::Object(want), Value::Object(said)) => self.object(at, want, said),
            (Value::Array(want), Value::Array(said)) => self.array(at, want, said),
            (Value::Number(want), Value::Number(said)) if want.as_f64() == said.as_f64() => {}
            _ if want == said => {}
            _ => self.found.push(format!("{at}: {said}, not {want}")),
        }
    }

    fn object(&mut self, at: &str, want: &Map<String, Value>, said: &Map<String, Value>) {
        let mut members = match want.get("...") {
            Some(name) => self.shapes[name.as_str().unwrap()].as_object().unwrap().clone(),
            None => Map::new(),
        };
        members
            .extend(want.iter().filter(|(name, _)| *name != "...").map(|(name, value)| (name.clone(), value.clone())));
        members.retain(|_, value| value != "<absent>");
        for (name, value) in &members {
            match said.get(name) {
                Some(said) => self.value(&format!("{at}/{name}"), value, said),
                None => self.found.push(format!("{at}/{name} is not there")),
            }
        }
        for (name, value) in said.iter().filter(|(name, _)| !members.contains_key(*name)) {
            self.found.push(format!("{at}/{name} is there: {value}"));
        }
    }

    fn array(&mut self, at: &str, want: &[Value], said: &[Value]) {
        match want {
            [Value::String(each), pattern] if each == "<each>" => {
                for (n, said) in said.iter().enumerate() {
                    self.value(&format!("{at}/{n}"), pattern, said);
                }
            }
            [Value::String(some), pattern] if some == "<some>" => {
                let before = self.found.len();
                let fits = said.iter().any(|said| {
                    self.found.truncate(before);
                    self.value(at, pattern, said);
                    self.found.len() == before
                });
                if !fits {
                    self.found.push(format!("{at}: none is {pattern}"));
                }
            }
            _ => {
                if want.len() != said.len() {
                    self.found.push(format!("{at}: {} entries, not {}", said.len(), want.len()));
                }
                for (n, (want, said)) in want.iter().zip(said).enumerate() {
                    self.value(&format!("{at}/{n}"), want, said);
                }
            }
        }
    }

    fn text(&mut self, at: &str, pattern: &str, said: &Value) {
        let Some(kind) = pattern.strip_prefix('<').and_then(|p| p.strip_suffix('>')) else {
            let want = self
                .kept
                .iter()
                .fold(pattern.to_owned(), |text, (name, is)| text.replace(&format!("{{{{{name}}}}}"), is));
            if said.as_str() != Some(&want) {
                self.found.push(format!("{at}: {said}, not {want:?}"));
            }
            return;
        };
        if let Some(part) = kind.strip_prefix("has ") {
            if !said.as_str().is_some_and(|said| said.contains(part)) {
                self.found.push(format!("{at}: {said} has no {part:?}"));
            }
            return;
        }
        let (kind, name) = kind.split_once(':').map_or((kind, None), |(kind, name)| (kind, Some(name)));
        let (kind, may_lack) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
        let whole = said.as_i64();
        let fits = match kind {
            "uuid" => said.as_str().is_some_and(|s| uuid::Uuid::try_parse(s).is_ok() && s.len() == 36),
            "ms" => whole.is_some_and(|n| MOMENTS.contains(&n)),
            "int" => whole.is_some(),
            "number" => said.is_number(),
            "text" => said.as_str().is_some_and(|s| !s.is_empty()),
            "string" => said.is_string(),
            "bool" => said.is_boolean(),
            "flag" => matches!(whole, Some(0 | 1)),
            "any" => true,
            _ => panic!("{pattern} is no pattern"),
        };
        if !(fits || may_lack && said.is_null()) {
            self.found.push(format!("{at}: {said} is no {kind}"));
        }
        if let Some(name) = name {
            let text = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
            self.kept.insert(name.to_owned(), text);
        }
    }
}
