//! The tools: calls of API v1 under the names that agents know. Name, arguments and answer are the API's own, taken from
//! the document that is made of its types, so the two cannot drift apart.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use http::Method;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::http::v1;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Nothing but looking.
    Looks,
    /// Changes something.
    Changes,
    /// The same; said again it changes nothing more.
    ChangesOnce,
}

/// Name of the tool, the operation of v1 that it is, and what that does.
const TOOLS: &[(&str, &str, Does)] = &[
    ("claim_task", "claim_task", Does::Changes),
    ("read_task", "get_task_context", Does::Looks),
    ("comment", "create_comment", Does::Changes),
    ("signal", "raise_signal", Does::Changes),
    ("get_signal", "get_signal", Does::Looks),
    ("heartbeat", "heartbeat", Does::ChangesOnce),
    ("attach_picture", "attach_picture", Does::Changes),
    ("complete_task", "complete_task", Does::Changes),
    ("release_task", "release_task", Does::Changes),
    ("list_projects", "list_projects", Does::Looks),
    ("search_tasks", "list_tasks", Does::Looks),
    ("create_task", "create_task", Does::Changes),
    ("split_task", "split_task", Does::Changes),
];

/// A call of v1 that a tool makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Body, where the route takes one.
    pub body: Option<Value>,
}

/// A tool and where it leads.
pub struct Known {
    /// As clients are told of it.
    pub tool: Tool,
    method: Method,
    path: String,
    in_path: Vec<String>,
    in_query: Vec<String>,
    in_body: Option<BTreeSet<String>>,
}

/// All of them.
pub static ALL: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = TOOLS.iter().filter_map(|(name, operation, does)| Known::of(v1::document(), name, operation, *does));
    known.collect()
});

/// The tool of this name.
pub fn named(name: &str) -> Option<&'static Known> {
    ALL.iter().find(|known| known.tool.name == name)
}

impl Known {
    fn of(document: &Value, name: &'static str, operation: &str, does: Does) -> Option<Self> {
        let (path, method, said) = document["paths"].as_object()?.iter().find_map(|(path, methods)| {
            let found = methods.as_object()?.iter().find(|(_, said)| said["operationId"] == operation)?;
            Some((path, found.0, found.1))
        })?;
        let (mut properties, mut required) = (Map::new(), Vec::new());
        let (mut in_path, mut in_query) = (Vec::new(), Vec::new());
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            let of = parameter["name"].as_str()?.to_owned();
            match parameter["in"].as_str()? {
                "path" => in_path.push(of.clone()),
                "query" => in_query.push(of.clone()),
                // Headers are for programs that speak HTTP.
                _ => continue,
            }
            let mut schema = whole(document, &parameter["schema"]);
            if let (Some(schema), Some(words)) = (schema.as_object_mut(), parameter["description"].as_str()) {
                schema.insert("description".into(), words.into());
            }
            if parameter["required"] == true {
                required.push(Value::from(of.clone()));
            }
            properties.insert(of, schema);
        }
        let body = &said["requestBody"]["content"]["application/json"]["schema"];
        let in_body = (!body.is_null()).then(|| {
            let body = whole(document, body);
            required.extend(body["required"].as_array().into_iter().flatten().cloned());
            let members = body["properties"].as_object().cloned().unwrap_or_default();
            let names = members.keys().cloned().collect();
            properties.extend(members);
            names
        });
        let input = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        let words = [said["summary"].as_str(), said["description"].as_str()];
        let words = words.into_iter().flatten().collect::<Vec<_>>().join("\n\n");
        let looks = does == Does::Looks;
        let hints = ToolAnnotations::new().read_only(looks).open_world(false).destructive(false);
        let tool = Tool::new(name, Cow::Owned(words), Arc::new(object(input)))
            .with_annotations(hints.idempotent(does != Does::Changes));
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok()?;
        Some(Self { tool, method, path: path.clone(), in_path, in_query, in_body })
    }

    /// The call that these arguments make. The error is a sentence for whoever gave them.
    pub fn call(&self, mut arguments: JsonObject) -> Result<Call, String> {
        let mut path = self.path.clone();
        for name in &self.in_path {
            let value = arguments.remove(name).as_ref().and_then(plain).filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| format!("{name} is needed: a text that names it."))?;
            path = path.replace(&format!("{{{name}}}"), &in_an_address(&value));
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut asks = false;
        for name in &self.in_query {
            match arguments.remove(name) {
                None | Some(Value::Null) => {}
                Some(value) => {
                    let value = plain(&value).ok_or_else(|| format!("{name} is one text or number."))?;
                    query.append_pair(name, &value);
                    asks = true;
                }
            }
        }
        if asks {
            path = format!("{path}?{}", query.finish());
        }
        // Models say null for what they leave out; in a body that could mean "clear it".
        arguments.retain(|_, value| !value.is_null());
        match &self.in_body {
            Some(_) => Ok(Call { method: self.method.clone(), target: path, body: Some(Value::Object(arguments)) }),
            None => match arguments.keys().next() {
                Some(unknown) => Err(format!("There is no argument {unknown}.")),
                None => Ok(Call { method: self.method.clone(), target: path, body: None }),
            },
        }
    }

    /// Whether its body has such a member.
    pub fn takes(&self, member: &str) -> bool {
        self.in_body.as_ref().is_some_and(|members| members.contains(member))
    }
}

fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::default(),
    }
}

/// A text or a number, as it stands in an address.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One part of a path: whatever could end it is written by its number.
pub fn in_an_address(text: &str) -> String {
    let mut part = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    part
}

/// A schema with all that it refers to in it, as clients have no document to look into. None of v1's refers to itself.
fn whole(document: &Value, schema: &Value) -> Value {
    match schema {
        Value::Object(members) => match members.get("$ref").and_then(Value::as_str) {
            Some(of) => {
                let mut target = whole(document, document.pointer(of.trim_start_matches('#')).unwrap_or(&Value::Null));
                // What is said of the place counts more than what is said of the type.
                if let (Some(target), Some(words)) = (target.as_object_mut(), members.get("description")) {
                    target.insert("description".into(), words.clone());
                }
                target
            }
            None => Value::Object(members.iter().map(|(name, of)| (name.clone(), whole(document, of))).collect()),
        },
        Value::Array(several) => several.iter().map(|of| whole(document, of)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_is_an_operation_of_the_api_with_all_that_it_takes() {
        assert_eq!(ALL.len(), TOOLS.len(), "each operation is there");
        for (known, (name, ..)) in ALL.iter().zip(TOOLS) {
            let input = Value::Object((*known.tool.input_schema).clone());
            assert!(!input.to_string().contains("$ref"), "{name} needs no other document: {input}");
            assert!(known.tool.description.as_ref().is_some_and(|words| words.len() > 10), "{name} says what it does");
            let named: BTreeSet<&String> = input["properties"].as_object().unwrap().keys().collect();
            let body = known.in_body.iter().flatten();
            let of: Vec<&String> = known.in_path.iter().chain(&known.in_query).chain(body).collect();
            assert_eq!(of.len(), named.len(), "{name}: no argument has two places");
            assert!(of.iter().all(|of| named.contains(of)), "{name}");
            for needed in input["required"].as_array().unwrap() {
                assert!(named.contains(&needed.as_str().unwrap().to_owned()), "{name} needs {needed}");
            }
        }
    }

    #[test]
    fn arguments_go_where_the_route_has_them() {
        let call = |name: &str, arguments: Value| named(name).unwrap().call(object(arguments));
        let made = call("comment", json!({ "task": "T-1", "content": "Hi", "author": null })).unwrap();
        assert_eq!((made.method, made.target.as_str()), (Method::POST, "/api/v1/tasks/T-1/comments"));
        assert_eq!(made.body, Some(json!({ "content": "Hi" })));
        let made = call("search_tasks", json!({ "project": "site", "query": "a b&c", "limit": 5 })).unwrap();
        let (path, query) = made.target.split_once('?').unwrap();
        let mut query: Vec<&str> = query.split('&').collect();
        query.sort_unstable();
        assert_eq!((path, query), ("/api/v1/projects/site/tasks", vec!["limit=5", "query=a+b%26c"]));
        assert_eq!(made.body, None);
        // What is in a path stays one part of it.
        let made = call("read_task", json!({ "task": "../../health?x=1#/ü" })).unwrap();
        assert_eq!(made.target, "/api/v1/tasks/%2E%2E%2F%2E%2E%2Fhealth%3Fx%3D1%23%2F%C3%BC/context");
        assert_eq!(call("read_task", json!({ "task": 12 })).unwrap().target, "/api/v1/tasks/12/context");
        for wrong in [json!({}), json!({ "task": "" }), json!({ "task": ["T-1"] }), json!({ "task": "1", "x": 1 })] {
            assert!(call("read_task", wrong.clone()).is_err(), "{wrong}");
        }
        assert!(call("get_signal", json!({ "signal": "1", "wait_seconds": [1] })).is_err());
    }
}
