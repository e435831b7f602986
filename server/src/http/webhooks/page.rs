//! What the pages of webhooks look like.

use axum::response::Response;
use clutch_domain::{
    activity::OF_PROJECTS,
    project::Project,
    time::Millis,
    webhook::{Attempt, Delivery, DeliveryState, Webhook},
};
use http::StatusCode;

use super::{Form, Said, at, home};
use crate::http::{
    access::moment,
    door::escaped,
    login::page::{Wide, nonce, page},
};

/// What a webhook was told: a page of it.
pub struct Log<'a> {
    /// The deliveries.
    pub told: &'a [Delivery],
    /// Whether it is the first page.
    pub first: bool,
    /// Where the next page begins.
    pub next: Option<&'a str>,
}

fn said(said: &Said, webhook: Option<(&Webhook, Millis)>, nonce: &str) -> String {
    match said {
        Said::Nothing => String::new(),
        Said::Wrong(sentence) => format!("<p class=\"bad\" role=\"alert\">{}</p>", escaped(sentence)),
        Said::Done(sentence) => format!("<p class=\"made\" role=\"status\">{sentence}</p>"),
        Said::Secret(secret) => {
            let old = webhook.and_then(|(webhook, now)| webhook.old_secret.as_ref().filter(|old| now < old.until));
            let old =
                old.map_or_else(String::new, |old| format!(" The one before signs too until {}.", moment(old.until)));
            format!(
                "<section role=\"status\" class=\"made\"><p>This is the secret that signs. Give it to the receiver and \
                 to nobody else.{old}</p>\
                 <label for=\"secret\">Secret</label><input id=\"secret\" value=\"{secret}\" readonly autofocus spellcheck=\"false\">\
                 <button type=\"button\" id=\"copy\" hidden>Copy</button></section>\
                 <script nonce=\"{nonce}\">(function(b,i){{b.hidden=!navigator.clipboard;b.onclick=function(){{\
                 navigator.clipboard.writeText(i.value).then(function(){{b.textContent='Copied'}})}}}})\
                 (document.getElementById('copy'),document.getElementById('secret'))</script>"
            )
        }
    }
}

/// Whether it sends, in a word or a sentence, and whether that is bad news.
fn state(webhook: &Webhook) -> (String, bool) {
    match (&webhook.off_because, webhook.on, webhook.failing_since) {
        (Some(why), false, _) => (format!("switched off: {}", escaped(why)), true),
        (None, false, _) => ("off".into(), false),
        (_, true, Some(since)) => (format!("on, and its receiver takes nothing since {}", moment(since)), true),
        (_, true, None) => ("on".into(), false),
    }
}

fn facts(webhook: &Webhook, now: Millis) -> String {
    let (state, bad) = state(webhook);
    let state = if bad { format!("<span class=\"bad\">{state}</span>") } else { state };
    let events = match webhook.events.len() {
        0 => "all events".to_owned(),
        1 => "one kind of event".to_owned(),
        n => format!("{n} kinds of events"),
    };
    let last = match webhook.last {
        None => "nothing sent yet".to_owned(),
        Some(last) => {
            let answer = last.status.map_or_else(|| "no answer".to_owned(), |status| format!("answered {status}"));
            format!("last sent {}: {answer}", moment(last.at))
        }
    };
    let waiting = match webhook.waiting {
        0 => String::new(),
        n => format!(" \u{b7} {n} waiting"),
    };
    let old = webhook.old_secret.as_ref().filter(|old| now < old.until);
    let old = old.map_or_else(String::new, |old| format!(" \u{b7} two secrets until {}", moment(old.until)));
    format!("{state} \u{b7} {events} \u{b7} {last}{waiting}{old}")
}

/// All webhooks of a project, and the form for one more.
pub fn list(status: StatusCode, project: &Project, all: &[Webhook], form: &Form, what: &Said, now: Millis) -> Response {
    let nonce = nonce();
    let (name, slug) = (escaped(project.name.as_str()), escaped(project.slug.as_str()));
    let mut html = format!(
        "<h1>Webhooks of {name}</h1><p>What happens in this project is sent to programs elsewhere as it happens, signed \
         by Standard Webhooks.</p>{}",
        said(what, None, &nonce)
    );
    if all.is_empty() {
        html.push_str("<p>There are none yet.</p>");
    } else {
        let rows = all.iter().map(|webhook| {
            let about = if webhook.description.is_empty() {
                String::new()
            } else {
                format!("<small>{}</small>", escaped(&webhook.description))
            };
            format!(
                "<li><div><a href=\"{}\"><b>{}</b></a>{about}<small>{}</small></div></li>",
                at(project, webhook),
                escaped(&webhook.url),
                facts(webhook, now)
            )
        });
        html.push_str(&format!("<ul>{}</ul>", rows.collect::<String>()));
    }
    html.push_str(&format!(
        "<form method=\"post\" action=\"{}\" class=\"new\"><h2>New webhook</h2>{}<button type=\"submit\">Make webhook</button></form>\
         <p><a href=\"/projects/{slug}/settings\">Back to the settings</a> \u{b7} <a href=\"/projects/{slug}/board\">Back to the board</a></p>",
        home(project),
        fields(form)
    ));
    page(status, "Webhooks", &html, &nonce, Some(Wide))
}

/// The fields of a webhook.
fn fields(form: &Form) -> String {
    let checked = |is: bool| if is { " checked" } else { "" };
    let groups = OF_PROJECTS.iter().map(|(group, words)| {
        let each = words.iter().map(|(word, says)| {
            format!(
                "<label class=\"check\"><input type=\"checkbox\" name=\"event\" value=\"{word}\"{}>\
                 <span>{says} <code>{word}</code></span></label>",
                checked(form.events.iter().any(|event| event == word))
            )
        });
        format!("<fieldset><legend>{group}</legend>{}</fieldset>", each.collect::<String>())
    });
    format!(
        "<label for=\"url\">Address of the receiver</label>\
         <input id=\"url\" name=\"url\" type=\"url\" required maxlength=\"2000\" value=\"{}\" placeholder=\"https://\" \
         autocomplete=\"off\" spellcheck=\"false\">\
         <label for=\"description\">What it is for</label>\
         <input id=\"description\" name=\"description\" maxlength=\"200\" value=\"{}\" autocomplete=\"off\">\
         <fieldset class=\"which\"><legend>Events</legend>\
         <label class=\"check\"><input type=\"radio\" name=\"which\" value=\"all\"{}><span>All of them</span></label>\
         <label class=\"check\"><input type=\"radio\" name=\"which\" value=\"some\"{}><span>Only these:</span></label>\
         <details class=\"calm\"{}><summary>Choose</summary>{}</details></fieldset>\
         <label class=\"check\"><input type=\"checkbox\" name=\"on\" value=\"yes\"{}><span>Send what happens from now on</span></label>",
        escaped(&form.url),
        escaped(&form.description),
        checked(form.all),
        checked(!form.all),
        if form.all { "" } else { " open" },
        groups.collect::<String>(),
        checked(form.on),
    )
}

/// One webhook: how it is, its form, what it was told.
pub fn one(
    status: StatusCode,
    project: &Project,
    webhook: &Webhook,
    form: &Form,
    what: &Said,
    log: &Log<'_>,
    now: Millis,
) -> Response {
    let (nonce, here) = (nonce(), at(project, webhook));
    let press = |to: &str, says: &str| {
        format!(
            "<form method=\"post\" action=\"{here}/{to}\"><button type=\"submit\" class=\"small\">{says}</button></form>"
        )
    };
    let sure = |to: &str, ask: &str, why: &str, says: &str| {
        format!(
            "<details><summary>{ask}\u{2026}</summary><p>{why}</p><form method=\"post\" action=\"{here}/{to}\">\
             <button type=\"submit\">{says}</button></form></details>"
        )
    };
    let about = if webhook.description.is_empty() { "Webhook".to_owned() } else { escaped(&webhook.description) };
    let open = if matches!(what, Said::Wrong(_)) { " open" } else { "" };
    let test = if webhook.on { press("test", "Send a test") } else { String::new() };
    let html = format!(
        "<h1>{about}</h1>{}<p class=\"address\">{}</p><p>{}</p>\
         <div class=\"row\">{test}{}</div>\
         <details class=\"calm\"{open}><summary>Change it</summary>\
         <form method=\"post\" action=\"{here}\" class=\"new\">{}<button type=\"submit\">Save</button></form></details>\
         {}{}{}\
         <p><a href=\"{}\">All webhooks of {}</a></p>",
        said(what, Some((webhook, now)), &nonce),
        escaped(&webhook.url),
        facts(webhook, now),
        press("secret", "Show the secret"),
        fields(form),
        sure(
            "rotate",
            "Make a new secret",
            "For a day both secrets sign what is sent, so that the receiver can change over in between.",
            "Make a new secret now",
        ),
        sure(
            "delete",
            "Delete it",
            "Nothing is sent any more, and the log below goes with it.",
            "Delete this webhook now",
        ),
        deliveries(&here, webhook, log),
        home(project),
        escaped(project.name.as_str()),
    );
    page(status, "Webhook", &html, &nonce, Some(Wide))
}

fn deliveries(here: &str, webhook: &Webhook, log: &Log<'_>) -> String {
    let mut html = format!("<h2 id=\"deliveries\">Deliveries</h2><p><a href=\"{here}#deliveries\">Look again</a>");
    if !log.first {
        html.push_str(" \u{b7} older ones");
    }
    html.push_str("</p>");
    if log.told.is_empty() {
        html.push_str("<p>There are none. What is over is kept for a week.</p>");
        return html;
    }
    let rows = log.told.iter().map(|told| {
        let (word, bad) = match told.state {
            DeliveryState::Waiting if told.attempts.is_empty() => ("waiting".to_owned(), false),
            DeliveryState::Waiting => (format!("sent again {}", moment(told.due)), true),
            DeliveryState::Delivered => ("delivered".to_owned(), false),
            DeliveryState::Failed => ("failed".to_owned(), true),
        };
        let word = if bad { format!("<span class=\"bad\">{word}</span>") } else { word };
        let why =
            told.given_up.as_ref().map_or_else(String::new, |why| format!("<p class=\"bad\">{}</p>", escaped(why)));
        let attempts: String = told.attempts.iter().rev().map(attempt).collect();
        let again = if webhook.on {
            format!(
                "<form method=\"post\" action=\"{here}/deliveries/{}\"><button type=\"submit\" class=\"small\">\
                 {}<span class=\"there\"> ({}, {})</span></button></form>",
                told.id,
                if told.waits() { "Send now" } else { "Send again" },
                escaped(&told.what),
                moment(told.created_at)
            )
        } else {
            String::new()
        };
        format!(
            "<li><div><b>{}</b> \u{b7} {word}<small>{} \u{b7} <code>{}</code></small>{why}{attempts}</div>{again}</li>",
            escaped(&told.what),
            moment(told.created_at),
            told.id,
        )
    });
    html.push_str(&format!("<ul>{}</ul>", rows.collect::<String>()));
    if let Some(next) = log.next {
        html.push_str(&format!("<p><a rel=\"next\" href=\"{here}?before={next}#deliveries\">Older</a></p>"));
    }
    html
}

fn attempt(attempt: &Attempt) -> String {
    let answer = match (&attempt.error, attempt.status) {
        (Some(error), _) => escaped(error),
        (None, Some(status)) => format!("It answered {status}."),
        (None, None) => "No answer.".to_owned(),
    };
    let line = format!("{} \u{b7} {} ms \u{b7} {answer}", moment(attempt.at), attempt.ms);
    if attempt.answer.is_empty() {
        return format!("<small>{line}</small>");
    }
    format!(
        "<details class=\"calm\"><summary><small>{line}</small></summary><pre>{}</pre></details>",
        escaped(&attempt.answer)
    )
}
