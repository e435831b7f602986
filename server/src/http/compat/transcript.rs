//! What was said in a session, as the original told it (facts §2.14).

use clutch_gateway::wire::{content_text, text};
use serde_json::{Map, Value, json};

/// Characters of a thought that are told.
const THOUGHT: usize = 200;

/// A session's row and its history in one shape.
pub fn shape(named: &str, row: &Value, history: &Value) -> Value {
    let rows = history["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut messages = Vec::new();
    let mut last: Map<String, Value> = Map::new();
    let (mut tokens, mut cost) = ([0_u64; 4], 0.0);
    for said in rows {
        message(said, &mut messages);
        let usage = &said["usage"];
        for (sum, name) in tokens.iter_mut().zip(["input", "output", "cacheRead", "cacheWrite"]) {
            *sum = sum.saturating_add(usage[name].as_u64().unwrap_or_default());
        }
        cost += usage["cost"]["total"].as_f64().unwrap_or_default();
        for name in ["model", "provider", "stopReason"] {
            if said[name].is_string() {
                last.insert(name.into(), said[name].clone());
            }
        }
    }
    let mut shape = json!({
        "sessionKey": named, "sessionUuid": row["sessionId"], "messages": messages,
        "tokensIn": tokens[0], "tokensOut": tokens[1], "tokensCacheRead": tokens[2], "tokensCacheWrite": tokens[3],
        "costTotal": cost,
    });
    for (ours, theirs) in [("model", "model"), ("provider", "modelProvider")] {
        let known = last.get(ours).or_else(|| row.get(theirs)).filter(|value| value.is_string());
        if let Some(value) = known {
            shape[ours] = value.clone();
        }
    }
    if let Some(reason) = last.get("stopReason") {
        shape["stopReason"] = reason.clone();
    }
    let mut times = rows.iter().map(|said| &said["timestamp"]).filter(|at| !at.is_null());
    if let Some(first) = times.next() {
        shape["startTime"] = first.clone();
        shape["endTime"] = times.next_back().unwrap_or(first).clone();
    }
    shape
}

/// What one row says: words and thoughts together, each use of a tool by itself.
fn message(said: &Value, messages: &mut Vec<Value>) {
    let role = match text(said, "role") {
        "user" | "human" => "user",
        "system" => "system",
        "tool" | "toolResult" | "tool_result" => "tool_result",
        _ => "assistant",
    };
    let mut push = |role: &str, content: String| {
        let mut shape = json!({ "role": role, "content": content });
        for name in ["timestamp", "model"] {
            if !said[name].is_null() {
                shape[name] = said[name].clone();
            }
        }
        messages.push(shape);
    };
    let content = &said["content"];
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let thoughts = parts.iter().filter(|part| text(part, "type") == "thinking").map(|part| {
        let thought: String = text(part, "thinking").chars().take(THOUGHT).collect();
        format!("[Thinking: {thought}...]")
    });
    let words = match content_text(content) {
        words if words.is_empty() => text(said, "text").to_owned(),
        words => words,
    };
    let told: Vec<String> = thoughts.chain((!words.is_empty()).then_some(words)).collect();
    let tools = || parts.iter().filter(|part| matches!(text(part, "type"), "toolCall" | "tool_use"));
    if !told.is_empty() || tools().next().is_none() {
        push(role, told.join("\n"));
    }
    for tool in tools() {
        let input = if tool["arguments"].is_null() { &tool["input"] } else { &tool["arguments"] };
        push("tool_use", format!("{} {input}", text(tool, "name")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_thought_and_done() {
        let row = json!({ "sessionId": "01dc", "model": "old", "modelProvider": "fake" });
        let history = json!({ "messages": [
            { "role": "user", "content": "Paint it", "timestamp": 5 },
            { "role": "assistant", "timestamp": 6, "model": "fake-1", "provider": "fake", "content": [
                { "type": "thinking", "thinking": "x".repeat(300) }, { "type": "text", "text": "I look." },
                { "type": "toolCall", "name": "read", "arguments": { "path": "a" } },
            ], "usage": { "input": 10, "output": 2, "cacheRead": 1, "cost": { "total": 0.5 } }, "stopReason": "toolUse" },
            { "role": "toolResult", "content": [{ "type": "text", "text": "red" }] },
            { "role": "assistant", "content": [{ "type": "toolCall", "name": "stop" }] },
            { "role": "assistant", "text": "Done.", "timestamp": 9, "usage": { "input": 5 }, "stopReason": "stop" },
            { "odd": [] },
        ] });
        let shape = shape("main", &row, &history);
        let told: Vec<(&str, String)> = shape["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap().to_owned()))
            .collect();
        let thought = format!("[Thinking: {}...]\nI look.", "x".repeat(200));
        let words = [
            ("user", "Paint it"),
            ("assistant", thought.as_str()),
            ("tool_use", "read {\"path\":\"a\"}"),
            ("tool_result", "red"),
            ("tool_use", "stop null"),
            ("assistant", "Done."),
            ("assistant", ""),
        ];
        assert_eq!(told, words.map(|(role, words)| (role, words.to_owned())));
        for (name, value) in [
            ("sessionKey", json!("main")),
            ("sessionUuid", json!("01dc")),
            ("model", json!("fake-1")),
            ("provider", json!("fake")),
            ("startTime", json!(5)),
            ("endTime", json!(9)),
            ("stopReason", json!("stop")),
            ("tokensIn", json!(15)),
            ("tokensOut", json!(2)),
            ("tokensCacheRead", json!(1)),
            ("tokensCacheWrite", json!(0)),
            ("costTotal", json!(0.5)),
        ] {
            assert_eq!(shape[name], value, "{name}");
        }
    }
}
