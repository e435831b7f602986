//! Pages that the server makes in the look of the app: plain forms and links, which work without our code and cost the
//! app none. The bar on their side leads to the same places as the app's.

use axum::response::{Html, IntoResponse, Response};
use clutch_domain::{project::Project, time::Millis};
use http::{HeaderValue, StatusCode, header};

use crate::http::{access::moment, agent_sessions, door::escaped, login::page::nonce, needs};

const STYLE: &str = include_str!("desk/desk.css");
/// Before the first paint: the look that was chosen in the app, and that there is script.
const EARLY: &str = "(function(d){d.classList.add('js');\
try{var l=localStorage.getItem('look');if(l)d.dataset.theme=l}catch(e){}})(document.documentElement)";
const LOGO: &str = "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><rect width=\"24\" height=\"24\" rx=\"7\" fill=\"#7d7cff\"/>\
<path d=\"M15.9 8.4a5 5 0 1 0 0 7.2\" stroke=\"#fff\" stroke-width=\"2.6\"/><circle cx=\"16.6\" cy=\"12\" r=\"1.9\" fill=\"#fff\"/></svg>";
const HOME: &str = "M4 11l8-7 8 7M6 9.5V20h12V9.5M10 20v-6h4v6";
const TRAY: &str = "M4 13l3-8h10l3 8v6H4zM4 13h5l1 2.500h4l1-2.500h5";
const LINES: &str = "M5 7h14M5 12h10M5 17h12";

/// Which page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// What waits for a person.
    Needs,
    /// The gateway's sessions.
    Sessions,
}

/// What stands beside each page.
pub struct Frame<'a> {
    /// Projects by name.
    pub projects: &'a [Project],
    /// How much waits for a person.
    pub needs: usize,
}

/// An icon of the app.
pub fn icon(path: &str) -> String {
    format!("<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>")
}

/// The dot of a project.
pub fn dot(project: &Project) -> String {
    let color = escaped(&project.color);
    format!(
        "<svg class=\"dot\" viewBox=\"0 0 8 8\" aria-hidden=\"true\"><circle cx=\"4\" cy=\"4\" r=\"4\" fill=\"{color}\"/></svg>"
    )
}

/// How long ago, with its moment.
pub fn ago(at: Millis, now: Millis) -> String {
    let word = match span(now.since(at)) {
        None => "now".to_owned(),
        Some(span) => format!("{span} ago"),
    };
    format!("<time title=\"{}\">{word}</time>", moment(at))
}

/// A time in its largest unit; nothing below a minute.
pub fn span(ms: i64) -> Option<String> {
    let minutes = ms / 60_000;
    match minutes {
        ..1 => None,
        1..60 => Some(format!("{minutes} min")),
        60..1_440 => Some(format!("{} h", minutes / 60)),
        _ => Some(format!("{} d", minutes / 1_440)),
    }
}

/// A page. Its script, if it has one, may ask this server and nobody else.
pub fn page(status: StatusCode, here: Here, title: &str, frame: &Frame<'_>, inner: &str, script: &str) -> Response {
    let nonce = nonce();
    let nav = |to: &str, of: Option<Here>, path: &str, name: &str, badge: &str| {
        let current = if of == Some(here) { " aria-current=\"page\"" } else { "" };
        format!("<a class=\"nav\" href=\"{to}\"{current}>{}{name}{badge}</a>", icon(path))
    };
    let projects: String = frame.projects.iter().map(row).collect();
    let projects = if projects.is_empty() { projects } else { format!("<h2>Projects</h2>{projects}") };
    let count = if frame.needs > 0 { format!("({}) ", frame.needs) } else { String::new() };
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"theme-color\" media=\"(prefers-color-scheme: light)\" content=\"#f6f7f9\">\
         <meta name=\"theme-color\" media=\"(prefers-color-scheme: dark)\" content=\"#0c0f14\">\
         <title>{count}{title} \u{b7} OpenClutch</title><link rel=\"icon\" href=\"/favicon.svg\">\
         <style nonce=\"{nonce}\">{STYLE}</style><script nonce=\"{nonce}\">{EARLY}</script></head>\
         <body><a class=\"skip\" href=\"#main\">Skip to the page</a><div class=\"house\">\
         <nav class=\"rail\" aria-label=\"OpenClutch\"><a class=\"brand\" href=\"/\" aria-label=\"OpenClutch\">{LOGO}<span>OpenClutch</span></a>\
         {home}{needs}{sessions}<div class=\"projects\">{projects}</div></nav>\
         <main id=\"main\" tabindex=\"-1\">{inner}</main></div>{script}</body></html>",
        title = escaped(title),
        home = nav("/", None, HOME, "Home", ""),
        needs = nav(needs::PATH, Some(Here::Needs), TRAY, "Needs you", &badge(frame.needs)),
        sessions = nav(agent_sessions::PATH, Some(Here::Sessions), LINES, "Sessions", ""),
        script = if script.is_empty() { String::new() } else { format!("<script nonce=\"{nonce}\">{script}</script>") },
    );
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // It is how things stand at this moment.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// How much waits; the script of a page may fill it in.
pub fn badge(needs: usize) -> String {
    let hidden = if needs == 0 { " hidden" } else { "" };
    format!("<span class=\"badge\" id=\"needs\"{hidden}>{needs}<span class=\"sr\"> waiting for you</span></span>")
}

fn row(project: &Project) -> String {
    let (slug, name) = (escaped(project.slug.as_str()), escaped(project.name.as_str()));
    format!(
        "<a class=\"nav\" href=\"/projects/{slug}/board\">{}<span class=\"cut\" dir=\"auto\">{name}</span></a>",
        dot(project)
    )
}

/// A part of an address: whatever is no letter or digit is written as its bytes.
pub fn in_address(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_addresses() {
        let minute = 60_000;
        for (ms, says) in [
            (59_999, None),
            (-5, None),
            (minute, Some("1 min")),
            (59 * minute, Some("59 min")),
            (60 * minute, Some("1 h")),
            (1_439 * minute, Some("23 h")),
            (1_440 * minute, Some("1 d")),
        ] {
            assert_eq!(span(ms).as_deref(), says, "{ms}");
        }
        assert_eq!(in_address("agent:main:a/b?c#d %"), "agent:main:a%2Fb%3Fc%23d%20%25");
        assert_eq!(in_address("\u{e9}\""), "%C3%A9%22");
    }
}
