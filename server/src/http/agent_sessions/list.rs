//! The list of all sessions: filters, pages, and the sums over everything that is filtered.

use std::collections::BTreeSet;

use clutch_domain::time::Millis;
use clutch_gateway::wire::text;
use clutch_orchestrator::store::Fault;
use serde::Deserialize;
use serde_json::Value;

use super::{PATH, done, is_cut};
use crate::{
    http::{
        compat::sessions::{STATUSES, TYPES, kind, moment, standing},
        desk::{ago, in_address},
        door::escaped,
        whose::{Whose, whose},
    },
    state::AppState,
};

/// Sessions on a page.
const PAGE: usize = 50;
/// Models that can be chosen.
const MODELS_MAX: usize = 50;
/// Longest words that are looked for, in bytes.
const TEXT_MAX: usize = 200;

/// The address of the list.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    status: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    done: String,
}

/// A session as the list shows it.
struct Row<'a> {
    row: &'a Value,
    key: String,
    kind: &'static str,
    standing: &'static str,
    model: String,
}

/// Tokens and cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    read: u64,
    written: u64,
    cost: f64,
    /// Sessions of which the gateway tells no cost.
    unpriced: usize,
}

impl Sums {
    fn add(&mut self, row: &Value) {
        self.read = self.read.saturating_add(row["inputTokens"].as_u64().unwrap_or_default());
        self.written = self.written.saturating_add(row["outputTokens"].as_u64().unwrap_or_default());
        match row["estimatedCostUsd"].as_f64() {
            Some(cost) if cost.is_finite() => self.cost += cost.max(0.0),
            _ => self.unpriced += 1,
        }
    }
}

/// A model as people write it.
pub fn model_of(row: &Value) -> String {
    match (text(row, "modelProvider"), text(row, "model")) {
        (_, "") => String::new(),
        ("", model) => model.to_owned(),
        (provider, model) => format!("{provider}/{model}"),
    }
}

/// A number of tokens: `950`, `12.3k`, `4.1M`.
pub fn tokens(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let count_f = count as f64;
    match count {
        ..1_000 => count.to_string(),
        1_000..999_950 => format!("{:.1}k", count_f / 1e3),
        _ => format!("{:.1}M", count_f / 1e6),
    }
}

/// Dollars: to the cent, and what is less as such.
pub fn dollars(cost: f64) -> String {
    match cost {
        cost if cost <= 0.0 => "$0".to_owned(),
        cost if cost < 0.01 => "under $0.01".to_owned(),
        cost => format!("${cost:.2}"),
    }
}

/// The list.
pub async fn html(state: &AppState, rows: &[Value], asked: &Asked) -> Result<String, Fault> {
    let now = state.office.now();
    let all: Vec<Row<'_>> = rows
        .iter()
        .map(|row| {
            let key = state.gateway.ours(text(row, "key"));
            let kind = kind(&key, &state.runtimes);
            Row { row, kind, standing: standing(row, now), model: model_of(row), key }
        })
        .collect();
    let words = asked.text[..asked.text.floor_char_boundary(TEXT_MAX)].trim().to_lowercase();
    // Names of tickets are looked through only where words are looked for.
    let known = if words.is_empty() {
        Default::default()
    } else {
        whose(&state.office, &state.runtimes, all.iter().map(|row| row.key.as_str())).await?
    };
    let says = |row: &Row<'_>| {
        let name = known.get(&row.key).map(|whose| format!("{} {}", whose.project.name, whose.name()));
        let fields = [row.key.as_str(), &row.model, text(row.row, "label"), text(row.row, "displayName")];
        words.is_empty()
            || fields.iter().copied().chain(name.as_deref()).any(|field| field.to_lowercase().contains(&words))
    };
    let is = |wanted: &str, word: &str| wanted.is_empty() || wanted == word;
    let found: Vec<&Row<'_>> = all
        .iter()
        .filter(|row| is(&asked.status, row.standing) && is(&asked.kind, row.kind) && is(&asked.model, &row.model))
        .filter(|row| says(row))
        .collect();
    let mut sums = Sums::default();
    found.iter().for_each(|row| sums.add(row.row));
    let pages = found.len().div_ceil(PAGE).max(1);
    let page = asked.page.parse::<usize>().unwrap_or(1).clamp(1, pages);
    let shown = &found[(page - 1) * PAGE..found.len().min(page * PAGE)];
    let ours = whose(&state.office, &state.runtimes, shown.iter().map(|row| row.key.as_str())).await?;

    let mut html = String::from("<div class=\"head\"><h1>Sessions</h1><p class=\"mut\">all of the gateway</p></div>");
    html.push_str(&format!("<p class=\"said\" role=\"status\">{}</p>", done(&asked.done)));
    html.push_str(&filters(asked, &all));
    html.push_str(&total(found.len(), &sums));
    if shown.is_empty() {
        let why = if all.is_empty() { "The gateway has no sessions yet." } else { "No session is like that." };
        html.push_str(&format!("<div class=\"empty\"><b>Nothing here</b><p>{why}</p></div>"));
    } else {
        html.push_str(
            "<table><thead><tr><th scope=\"col\">Session</th><th scope=\"col\">Status</th><th scope=\"col\">Model</th>\
             <th scope=\"col\" class=\"n\">Tokens</th><th scope=\"col\" class=\"n\">Cost</th>\
             <th scope=\"col\" class=\"n\">Last activity</th></tr></thead><tbody>",
        );
        shown.iter().for_each(|row| html.push_str(&line(row, ours.get(&row.key), now)));
        html.push_str("</tbody></table>");
        html.push_str(
            "<p class=\"mut foot\">Tokens and cost are those of each session\u{2019}s newest run: the gateway tells no \
             more in its list. What an agent used for a ticket altogether stands in the ticket\u{2019}s panel.</p>",
        );
    }
    html.push_str(&paged(asked, page, pages));
    if is_cut(rows) {
        html.push_str(&format!(
            "<p class=\"mut foot\">These are the {} newest sessions: older ones are neither listed nor summed.</p>",
            rows.len()
        ));
    }
    Ok(html)
}

fn filters(asked: &Asked, all: &[Row<'_>]) -> String {
    let models: BTreeSet<&str> = all.iter().map(|row| row.model.as_str()).filter(|model| !model.is_empty()).collect();
    let options = |all: Vec<(&str, &str)>, chosen: &str| {
        let each = all.iter().map(|(word, label)| {
            let selected = if *word == chosen { " selected" } else { "" };
            format!("<option value=\"{}\"{selected}>{}</option>", escaped(word), escaped(label))
        });
        each.collect::<String>()
    };
    let any = [("", "Any")];
    let statuses = any.iter().copied().chain(STATUSES.iter().map(|word| (*word, *word))).collect();
    let kinds = any.iter().copied().chain(TYPES.iter().map(|word| (*word, *word))).collect();
    let models = any.iter().copied().chain(models.iter().take(MODELS_MAX).map(|word| (*word, *word))).collect();
    format!(
        "<form class=\"filters\" method=\"get\" action=\"{PATH}\">\
         <label>Status<select name=\"status\">{}</select></label>\
         <label>Type<select name=\"type\">{}</select></label>\
         <label>Model<select name=\"model\">{}</select></label>\
         <label class=\"wide\">Ticket, chat or key<input type=\"search\" name=\"text\" maxlength=\"{TEXT_MAX}\" value=\"{}\"></label>\
         <button>Filter</button></form>",
        options(statuses, &asked.status),
        options(kinds, &asked.kind),
        options(models, &asked.model),
        escaped(&asked.text),
    )
}

fn total(count: usize, sums: &Sums) -> String {
    let cell = |number: String, name: &str| format!("<div><b>{number}</b><span>{name}</span></div>");
    let cost = match sums.unpriced {
        0 => "cost".to_owned(),
        unpriced if unpriced == count => "cost, not told by the gateway".to_owned(),
        unpriced => format!("cost, of {unpriced} not told"),
    };
    format!(
        "<div class=\"sums\" role=\"group\" aria-label=\"Together\">{}{}{}{}</div>",
        cell(count.to_string(), if count == 1 { "session" } else { "sessions" }),
        cell(tokens(sums.read), "tokens read"),
        cell(tokens(sums.written), "tokens written"),
        cell(dollars(sums.cost), &cost),
    )
}

fn line(row: &Row<'_>, whose: Option<&Whose>, now: Millis) -> String {
    let to = format!("{PATH}/{}", in_address(&row.key));
    let key = escaped(&row.key);
    let name = match whose {
        Some(whose) => {
            let (name, project) = (escaped(&whose.name()), escaped(whose.project.name.as_str()));
            let about = whose
                .run
                .as_ref()
                .map_or_else(|| "chat".to_owned(), |run| format!("{}, attempt {}", run.role.label(), run.attempt));
            format!(
                "<a href=\"{to}\" dir=\"auto\"><b>{name}</b></a><small dir=\"auto\">{project} \u{b7} {about}</small>"
            )
        }
        None => match [text(row.row, "label"), text(row.row, "displayName")].iter().find(|name| !name.is_empty()) {
            Some(label) => {
                format!("<a href=\"{to}\" dir=\"auto\"><b>{}</b></a><small class=\"key\">{key}</small>", escaped(label))
            }
            None => format!("<a class=\"key\" href=\"{to}\">{key}</a>"),
        },
    };
    let count = |name: &str| row.row[name].as_u64();
    let used = match (count("inputTokens"), count("outputTokens")) {
        (None, None) => "\u{2013}".to_owned(),
        (read, written) => {
            let (read, written) = (read.unwrap_or_default(), written.unwrap_or_default());
            format!(
                "{} <small>{} read, {} written</small>",
                tokens(read.saturating_add(written)),
                tokens(read),
                tokens(written)
            )
        }
    };
    format!(
        "<tr><td>{name}</td><td data-name=\"Status\"><span class=\"state {state}\">{state}</span></td>\
         <td data-name=\"Model\">{model}</td><td class=\"n\" data-name=\"Tokens\">{used}</td>\
         <td class=\"n\" data-name=\"Cost\">{cost}</td><td class=\"n\" data-name=\"Last\">{last}</td></tr>",
        state = row.standing,
        model = if row.model.is_empty() { "\u{2013}".to_owned() } else { escaped(&row.model) },
        cost = row.row["estimatedCostUsd"].as_f64().map_or_else(|| "\u{2013}".to_owned(), dollars),
        last = moment(row.row).map_or_else(|| "\u{2013}".to_owned(), |at| ago(Millis(at), now)),
    )
}

fn paged(asked: &Asked, page: usize, pages: usize) -> String {
    if pages < 2 {
        return String::new();
    }
    let link = |to: usize, rel: &str, name: &str| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("status", &asked.status), ("type", &asked.kind), ("model", &asked.model), ("text", &asked.text)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        let query = query.append_pair("page", &to.to_string()).finish();
        format!("<a class=\"btn\" rel=\"{rel}\" href=\"{PATH}?{}\">{name}</a>", escaped(&query))
    };
    let before = if page > 1 { link(page - 1, "prev", "Newer") } else { String::new() };
    let after = if page < pages { link(page + 1, "next", "Older") } else { String::new() };
    format!("<nav class=\"pages\" aria-label=\"Pages\">{before}<span>Page {page} of {pages}</span>{after}</nav>")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        for (count, says) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.0k"),
            (12_345, "12.3k"),
            (999_949, "999.9k"),
            (999_950, "1.0M"),
            (4_100_000, "4.1M"),
        ] {
            assert_eq!(tokens(count), says);
        }
        for (cost, says) in [
            (0.0, "$0"),
            (-1.0, "$0"),
            (0.004, "under $0.01"),
            (0.01, "$0.01"),
            (12.345, "$12.35"),
            (1e6, "$1000000.00"),
        ] {
            assert_eq!(dollars(cost), says);
        }
    }

    #[test]
    fn sums_say_what_they_do_not_know() {
        let mut sums = Sums::default();
        for row in [
            json!({ "inputTokens": 10, "outputTokens": 2, "estimatedCostUsd": 0.25 }),
            json!({ "inputTokens": u64::MAX, "outputTokens": "7" }),
            json!({ "estimatedCostUsd": 0.5 }),
        ] {
            sums.add(&row);
        }
        assert_eq!(sums, Sums { read: u64::MAX, written: 2, cost: 0.75, unpriced: 1 });
        assert!(total(3, &sums).contains("of 1 not told") && total(3, &sums).contains("$0.75"));
    }
}
