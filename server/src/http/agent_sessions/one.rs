//! The page of one session.

use clutch_domain::time::Millis;
use clutch_gateway::wire::text;
use clutch_orchestrator::runtime::RuntimeError;
use serde_json::Value;

use super::{
    PATH,
    list::{dollars, model_of, tokens},
    talk,
};
use crate::http::{
    compat::sessions::{moment, standing},
    desk::{ago, in_address},
    door::escaped,
    whose::Whose,
};

/// How a session stands.
pub struct Stands {
    /// Its name in our form.
    pub key: String,
    /// The gateway's row.
    pub row: Value,
    /// `main`, `chat`, `agent` or `cron`.
    pub kind: &'static str,
    /// Something runs in it.
    pub working: bool,
    /// Whose it is, where it is ours.
    pub whose: Option<Whose>,
}

impl Stands {
    /// Its name for people.
    pub fn title(&self) -> String {
        let label =
            || [text(&self.row, "label"), text(&self.row, "displayName")].into_iter().find(|name| !name.is_empty());
        match &self.whose {
            Some(whose) => whose.name(),
            None => label().unwrap_or(&self.key).to_owned(),
        }
    }

    /// The ticket on which an agent works in it.
    pub fn open_run(&self) -> Option<String> {
        let whose = self.whose.as_ref()?;
        whose.run.as_ref().filter(|run| run.open()).map(|_| whose.name())
    }
}

/// The page.
pub fn html(
    stands: &Stands,
    history: &Result<Value, RuntimeError>,
    offset: usize,
    said: &str,
    wrong: Option<&str>,
    now: Millis,
) -> String {
    let mut html = format!(
        "<p class=\"lead mut\"><a href=\"{PATH}\">Sessions</a></p><div class=\"head\"><h1 dir=\"auto\">{}</h1></div>",
        escaped(&stands.title())
    );
    if let Some(wrong) = wrong {
        let ticket = stands.whose.as_ref().filter(|_| stands.open_run().is_some()).and_then(Whose::address);
        let ticket = ticket.map_or_else(String::new, |to| format!(" <a href=\"{}\">Open the ticket</a>", escaped(&to)));
        html.push_str(&format!("<p class=\"wrong\" role=\"alert\">{}{ticket}</p>", escaped(wrong)));
    }
    html.push_str(&format!("<p class=\"said\" role=\"status\">{said}</p><div class=\"cols\"><div>"));
    match history {
        Ok(history) => html.push_str(&talked(stands, history, offset, now)),
        Err(error) => html.push_str(&format!(
            "<p class=\"wrong\">What was said cannot be shown now: {}</p>",
            escaped(&error.to_string())
        )),
    }
    html.push_str("</div><aside aria-label=\"About this session\">");
    html.push_str(&facts(stands, now));
    html.push_str(&acts(stands));
    html.push_str("</aside></div>");
    html
}

fn facts(stands: &Stands, now: Millis) -> String {
    let row = &stands.row;
    let count = |name: &str| row[name].as_u64().map(tokens);
    let model = model_of(row);
    let window = match (count("totalTokens"), count("contextTokens")) {
        (Some(used), Some(window)) => Some(format!("{used} of {window}")),
        (used, _) => used,
    };
    let state = standing(row, now);
    let facts: [(&str, Option<String>); 11] = [
        ("For", stands.whose.as_ref().map(|whose| format!("<span class=\"where\">{}</span>", whose.html()))),
        ("Status", Some(format!("<span class=\"state {state}\">{state}</span>"))),
        ("Type", Some(stands.kind.to_owned())),
        ("Model", Some(escaped(&model)).filter(|model| !model.is_empty())),
        ("Tokens read, newest run", count("inputTokens")),
        ("Tokens written, newest run", count("outputTokens")),
        ("Window used", window),
        ("Cost, newest run", row["estimatedCostUsd"].as_f64().map(dollars)),
        ("Begun", row["createdAt"].as_i64().map(|at| ago(Millis(at), now))),
        ("Last activity", moment(row).map(|at| ago(Millis(at), now))),
        ("Key", Some(format!("<span class=\"key\">{}</span>", escaped(&stands.key)))),
    ];
    let rows = facts.into_iter().filter_map(|(name, value)| Some(format!("<dt>{name}</dt><dd>{}</dd>", value?)));
    format!("<dl class=\"facts\">{}</dl>", rows.collect::<String>())
}

/// What can be done with it, each behind a sentence that says what is lost.
fn acts(stands: &Stands) -> String {
    let at = format!("{PATH}/{}", in_address(&stands.key));
    let form = |what: &str, danger: bool, name: &str, says: &str, button: &str| {
        let (class, press) = if danger { (" class=\"danger\"", "no") } else { ("", "p") };
        format!(
            "<details{class}><summary>{name}\u{2026}</summary><p>{says}</p>\
             <form method=\"post\" action=\"{at}/{what}\"><button class=\"{press}\">{button}</button></form></details>"
        )
    };
    let now = if stands.working { " Something runs in it now, and would lose what it is at." } else { "" };
    let agent = match stands.kind {
        "chat" => "The chat and its messages stay; its agent",
        _ => "The agent",
    };
    let mut html = String::from("<section class=\"box\" aria-label=\"What can be done with it\">");
    html.push_str(&form(
        "compact",
        false,
        "Compact",
        "The model writes a summary, and the agent goes on with that: what is not in it is forgotten. It costs a call of \
         the model, and may take a minute.",
        "Compact now",
    ));
    html.push_str(&form(
        "reset",
        true,
        "Reset",
        &format!("{agent} forgets everything that was said here. It cannot be brought back.{now}"),
        "Reset, and forget all of it",
    ));
    if stands.kind != "main" {
        html.push_str(&form(
            "delete",
            true,
            "Delete",
            &format!("The session goes for good, with its transcript, its tokens and its cost.{now}"),
            "Delete for good",
        ));
    }
    html.push_str("</section>");
    html
}

fn talked(stands: &Stands, history: &Value, offset: usize, now: Millis) -> String {
    let rows = history["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let at = format!("{PATH}/{}", in_address(&stands.key));
    let next = history["nextOffset"].as_u64().filter(|_| history["hasMore"] == true);
    let older = next.map_or_else(String::new, |next| {
        format!("<a class=\"btn\" rel=\"next\" href=\"{at}?offset={next}\">Older</a>")
    });
    let newer =
        if offset > 0 { format!("<a class=\"btn\" rel=\"prev\" href=\"{at}\">Newest</a>") } else { String::new() };
    let total = history["totalMessages"]
        .as_u64()
        .map_or_else(String::new, |total| format!("<span>{total} entries in all</span>"));
    let pages = format!("<nav class=\"pages\" aria-label=\"Pages of what was said\">{older}{newer}{total}</nav>");
    if rows.is_empty() {
        return format!("<div class=\"empty\"><b>Nothing was said here</b><p>Or it was emptied.</p></div>{pages}");
    }
    format!("<h2 class=\"sr\">What was said</h2><div class=\"talk\">{}</div>{pages}", talk::html(rows, now))
}
