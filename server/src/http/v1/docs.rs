//! The document as a page: made on the server, without a script, so that nothing of anybody else's is loaded.

use std::fmt::Write;

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::http::{
    door::escaped,
    login::page::{Wide, nonce, page},
};

/// `GET /api/docs`.
pub async fn page_of_the_document() -> Response {
    page(StatusCode::OK, "API", &html(&super::AS_VALUE), &nonce(), Some(Wide))
}

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

fn html(document: &Value) -> String {
    let mut html = String::from("<h1>OpenClutch API</h1>");
    paragraphs(&mut html, text(&document["info"], "description"));
    html.push_str(
        "<p><a href=\"/api/v1/openapi.json\">openapi.json</a> is the same for programs (OpenAPI 3.1). \
         <a href=\"/access\">Tokens</a> are made on their page.</p>",
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(tag, "name");
        let _ =
            write!(html, "<h2>{}</h2><p>{}</p><div class=\"api\">", escaped(name), escaped(text(tag, "description")));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let operation = &item[method];
                if operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|of| of == name)) {
                    of_operation(&mut html, document, method, path, operation);
                }
            }
        }
        html.push_str("</div>");
    }
    html.push_str("<h2>Shapes</h2><div class=\"api\">");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = write!(html, "<details id=\"{0}\"><summary><b>{0}</b></summary>", escaped(name));
        paragraphs(&mut html, text(schema, "description"));
        of_schema(&mut html, schema);
        html.push_str("</details>");
    }
    html.push_str("</div><p><a href=\"/\">Back to the board</a></p>");
    html
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// Words of a description. Of markdown they have two marks only: bold ones and code.
fn paragraphs(html: &mut String, words: &str) {
    for paragraph in words.split("\n\n").filter(|words| !words.trim().is_empty()) {
        let mut safe = escaped(paragraph);
        for (mark, tag) in [("**", "b"), ("`", "code")] {
            let parts: Vec<&str> = safe.split(mark).collect();
            // An odd mark is no mark.
            if parts.len() % 2 == 1 {
                let marked = parts
                    .iter()
                    .enumerate()
                    .map(|(n, part)| if n % 2 == 1 { format!("<{tag}>{part}</{tag}>") } else { (*part).to_owned() });
                safe = marked.collect();
            }
        }
        let _ = write!(html, "<p>{safe}</p>");
    }
}

fn of_operation(html: &mut String, document: &Value, method: &str, path: &str, operation: &Value) {
    let summary = escaped(text(operation, "summary"));
    let method = method.to_uppercase();
    let _ = write!(html, "<details><summary><code>{method} {}</code> {summary}</summary>", escaped(path));
    paragraphs(html, text(operation, "description"));
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let rows: String = parameters
        .map(|parameter| {
            let needed = if parameter["required"] == true { "" } else { ", optional" };
            format!(
                "<li><div><code>{}</code> <small>{}{needed} \u{b7} {}</small></div><div>{}</div></li>",
                escaped(text(parameter, "name")),
                escaped(text(parameter, "in")),
                kind(&parameter["schema"]),
                escaped(text(parameter, "description"))
            )
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(html, "<ul>{rows}</ul>");
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = write!(html, "<p>Body: {}</p>", kind(body));
    }
    html.push_str("<ul>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let pointed = response["$ref"].as_str().and_then(|path| document.pointer(path.strip_prefix('#')?));
        let response = pointed.unwrap_or(response);
        let shapes = response["content"].as_object().into_iter().flatten();
        let shapes: Vec<String> = shapes.map(|(_, content)| kind(&content["schema"])).collect();
        let words = escaped(text(response, "description"));
        let _ = write!(html, "<li><div><code>{status}</code> {}</div><div>{words}</div></li>", shapes.join(" "));
    }
    html.push_str("</ul></details>");
}

/// What kind of value it is, in a few words; a shape is a link to its members.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", escaped(name));
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(all) = schema[several].as_array() {
            let kinds: Vec<String> = all.iter().map(kind).filter(|kind| !kind.is_empty()).collect();
            return kinds.join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> =
            words.iter().filter_map(Value::as_str).map(|word| format!("<code>{}</code>", escaped(word))).collect();
        return words.join(" or ");
    }
    let one = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("table of {}", kind(&schema["additionalProperties"]))
        }
        name => match schema["format"].as_str() {
            Some(format) => format!("{} ({})", escaped(name), escaped(format)),
            None => escaped(name),
        },
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

fn of_schema(html: &mut String, schema: &Value) {
    let Some(members) = schema["properties"].as_object() else {
        let _ = write!(html, "<p>{}</p>", kind(schema));
        return;
    };
    let needed: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    html.push_str("<ul>");
    for (name, member) in members {
        let optional = if needed.contains(&name.as_str()) { "" } else { ", optional" };
        let _ = write!(
            html,
            "<li><div><code>{}</code> <small>{}{optional}</small></div><div>{}</div></li>",
            escaped(name),
            kind(member),
            escaped(text(member, "description"))
        );
    }
    html.push_str("</ul>");
}
