//! What was said in a session, to be read: words as they are, thoughts and uses of tools folded.

use std::collections::BTreeMap;

use clutch_domain::time::Millis;
use clutch_gateway::{
    signs::tool_line,
    wire::{content_text, text},
};
use serde_json::Value;

use super::list::{dollars, tokens};
use crate::http::{desk::ago, door::escaped};

/// Longest words of one entry, and of what a tool was given or gave, in characters.
const WORDS_MAX: usize = 20_000;
const TOOL_MAX: usize = 8_000;

/// The entries, the oldest first.
pub fn html(rows: &[Value], now: Millis) -> String {
    // What a tool gave stands with its call, where the call is on this page.
    let results: BTreeMap<&str, &Value> = rows
        .iter()
        .filter(|row| is_result(row))
        .map(|row| (call_of(row), row))
        .filter(|(id, _)| !id.is_empty())
        .collect();
    let called: Vec<&str> = rows.iter().flat_map(calls).map(|call| text(call, "id")).collect();
    let shown = rows.iter().filter(|row| !is_result(row) || !called.contains(&call_of(row)));
    shown.map(|row| entry(row, &results, now)).collect()
}

fn is_result(row: &Value) -> bool {
    matches!(text(row, "role"), "tool" | "toolResult" | "tool_result")
}

fn call_of(row: &Value) -> &str {
    ["toolCallId", "tool_call_id"].iter().map(|name| text(row, name)).find(|id| !id.is_empty()).unwrap_or_default()
}

fn parts(row: &Value) -> &[Value] {
    row["content"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn calls(row: &Value) -> impl Iterator<Item = &Value> {
    parts(row).iter().filter(|part| matches!(text(part, "type"), "toolCall" | "tool_use"))
}

fn entry(row: &Value, results: &BTreeMap<&str, &Value>, now: Millis) -> String {
    let at = row["timestamp"].as_i64().map_or_else(String::new, |at| ago(Millis(at), now));
    if is_result(row) {
        let name = text(row, "toolName");
        let name = if name.is_empty() { "a tool" } else { name };
        let words = content_text(&row["content"]);
        return format!(
            "<section class=\"turn\"><h3>Result {at}</h3><details><summary>{}</summary><pre>{}</pre></details></section>",
            escaped(name),
            bounded(&words, TOOL_MAX)
        );
    }
    let (class, who) = match text(row, "role") {
        "user" | "human" => ("user", "Told"),
        "system" => ("system", "System"),
        _ => ("agent", "Agent"),
    };
    let failed = text(row, "stopReason") == "error";
    let class = if failed { "bad" } else { class };
    let usage = &row["usage"];
    let mut about: Vec<String> = Vec::new();
    if let Some(total) = usage["totalTokens"].as_u64() {
        about.push(format!("{} tokens", tokens(total)));
    }
    if let Some(cost) = usage["cost"]["total"].as_f64().filter(|cost| *cost > 0.0) {
        about.push(dollars(cost));
    }
    let mut html =
        format!("<section class=\"turn {class}\"><h3>{who} {at}<span>{}</span></h3>", about.join(" \u{b7} "));
    for thought in parts(row).iter().filter(|part| text(part, "type") == "thinking") {
        html.push_str(&format!(
            "<details><summary>thought</summary><pre>{}</pre></details>",
            bounded(text(thought, "thinking"), TOOL_MAX)
        ));
    }
    let words = match content_text(&row["content"]) {
        words if words.is_empty() => text(row, "text").to_owned(),
        words => words,
    };
    if !words.trim().is_empty() {
        html.push_str(&format!("<div class=\"words\" dir=\"auto\">{}</div>", bounded(&words, WORDS_MAX)));
    }
    for call in calls(row) {
        html.push_str(&tool(call, results.get(text(call, "id")).copied()));
    }
    html.push_str("</section>");
    html
}

fn tool(call: &Value, result: Option<&Value>) -> String {
    let given = if call["arguments"].is_null() { &call["input"] } else { &call["arguments"] };
    let given_text = match given {
        Value::String(words) => words.clone(),
        Value::Null => String::new(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let gave = result.map_or_else(String::new, |row| {
        let mark = if row["isError"] == true { "<p class=\"mut\">It failed:</p>" } else { "" };
        format!("{mark}<pre>{}</pre>", bounded(&content_text(&row["content"]), TOOL_MAX))
    });
    format!(
        "<details><summary>{}</summary><pre>{}</pre>{gave}</details>",
        escaped(&tool_line(text(call, "name"), given)),
        bounded(&given_text, TOOL_MAX)
    )
}

/// Words for the page, cut where they are longer.
fn bounded(words: &str, most: usize) -> String {
    match words.char_indices().nth(most) {
        None => escaped(words),
        Some((at, _)) => {
            format!("{}\u{2026} <i>(cut: {} characters in all)</i>", escaped(&words[..at]), words.chars().count())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_are_shown_and_tools_are_folded_with_what_they_gave() {
        let rows = [
            json!({ "role": "user", "content": "Paint <it>", "timestamp": 5 }),
            json!({ "role": "assistant", "content": [
                { "type": "thinking", "thinking": "Hm." }, { "type": "text", "text": "I look." },
                { "type": "toolCall", "id": "c1", "name": "read", "arguments": { "path": "a.rs" } },
            ], "usage": { "totalTokens": 1_200, "cost": { "total": 0.5 } } }),
            json!({ "role": "toolResult", "toolCallId": "c1", "content": [{ "type": "text", "text": "red" }] }),
            json!({ "role": "toolResult", "toolCallId": "gone", "toolName": "exec", "content": "late" }),
            json!({ "role": "assistant", "text": "It broke.", "stopReason": "error" }),
        ];
        let html = html(&rows, Millis(0));
        for there in [
            "Paint &lt;it&gt;",
            "<summary>thought</summary>",
            "<summary>read a.rs</summary>",
            "<pre>red</pre>",
            "<summary>exec</summary><pre>late</pre>",
            "class=\"turn bad\"",
            "1.2k tokens \u{b7} $0.50",
        ] {
            assert!(html.contains(there), "{there}: {html}");
        }
        assert_eq!(html.matches("red").count(), 1, "with its call, and not again");
        let long = [json!({ "role": "user", "content": "\u{e4}".repeat(WORDS_MAX + 1) })];
        assert!(super::html(&long, Millis(0)).contains("(cut: 20001 characters in all)"));
    }
}
