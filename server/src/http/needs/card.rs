//! One card: what waits, about what, and the ways to answer. Each button is a form of its own kind; the digits say which
//! key presses it.

use clutch_domain::{decision::Verdict, talk::Signal, time::Millis};
use clutch_orchestrator::runtime::{Asks, Decision, Question};

use super::{
    DECIDE,
    list::{Card, What},
};
use crate::http::{desk, door::escaped};

/// What ends within this time is said in red.
const SOON_MS: i64 = 5 * 60_000;
/// What is longer may not fit its box on a phone.
const LONG: usize = 300;
const LONG_LINES: usize = 8;
/// Rows of the field for one's own words.
const ROWS: u8 = 2;

/// The card.
pub fn html(card: &Card, now: Millis) -> String {
    let (id, kind, inner) = match &card.what {
        What::Signal(signal) => (format!("s-{}", signal.id), signal.kind.label().to_owned(), signal_card(signal)),
        What::Decision { runtime, decision } => {
            let kind = decision.asks.kind();
            let label = match &decision.asks {
                Asks::Command { .. } => "Wants to run a command",
                Asks::Plugin { .. } => "A plugin asks",
                Asks::Questions(all) if all.len() == 1 => "Question",
                Asks::Questions(_) => "Questions",
            };
            let id = format!("d-{runtime}-{}-{}", kind.word(), decision.id);
            (id, label.to_owned(), decision_card(runtime, decision))
        }
        What::Escalated(reason) => {
            let id = card.whose.as_ref().and_then(|whose| whose.task.as_ref()).map(|task| task.id.to_string());
            (format!("e-{}", id.unwrap_or_default()), "Handed up to you".to_owned(), escalated(card, reason.as_deref()))
        }
    };
    let look = match (&card.what, card.critical) {
        (_, true) => " critical",
        (What::Escalated(_), _) => " calm",
        _ => "",
    };
    let id = escaped(&id);
    let who = card.who.as_deref().filter(|who| !who.is_empty());
    let who = who.map_or_else(String::new, |who| format!("<span dir=\"auto\">from {}</span>", escaped(who)));
    let since = card.since.map_or_else(String::new, |at| desk::ago(at, now));
    let critical = if card.critical { "<b class=\"kind\">Critical</b>" } else { "" };
    format!(
        "<article class=\"ask{look}\" tabindex=\"0\" data-card=\"{id}\" aria-label=\"{kind}\">\
         <header>{critical}<span class=\"kind\">{kind}</span>{who}{since}{}</header>{}{inner}</article>",
        card.expires.map_or_else(String::new, |at| due(at, now)),
        place(card),
        kind = escaped(&kind),
    )
}

fn due(at: Millis, now: Millis) -> String {
    let left = at.since(now);
    let soon = if left < SOON_MS { " soon" } else { "" };
    let words = match desk::span(left) {
        Some(span) => format!("ends in {span}"),
        None => "ends any moment".to_owned(),
    };
    format!("<span class=\"due{soon}\" title=\"{}\">{words}</span>", crate::http::access::moment(at))
}

fn place(card: &Card) -> String {
    let session = match &card.what {
        What::Decision { decision, .. } => decision.session.as_deref(),
        _ => None,
    };
    match (&card.whose, session) {
        (Some(whose), _) => format!("<p class=\"where\">{}</p>", whose.html()),
        (None, Some(session)) => format!(
            "<p class=\"where\"><a class=\"key\" href=\"/sessions/{}\">{}</a></p>",
            desk::in_address(session),
            escaped(session)
        ),
        (None, None) => String::new(),
    }
}

/// What is asked. What is long lies in a box of its own, which the keyboard can scroll.
fn words(text: &str) -> String {
    let long = text.len() > LONG || text.lines().count() > LONG_LINES;
    let stop = if long { " tabindex=\"0\"" } else { "" };
    format!("<p class=\"words\" dir=\"auto\"{stop}>{}</p>", escaped(text))
}

fn key(n: usize) -> String {
    if n < 9 { format!("<kbd aria-hidden=\"true\">{}</kbd>", n + 1) } else { String::new() }
}

fn signal_card(signal: &Signal) -> String {
    let action = format!("/needs-you/signals/{}", signal.id);
    let buttons = signal.options.iter().enumerate().map(|(n, option)| {
        let primary = if n == 0 { " class=\"p\"" } else { "" };
        let option = escaped(option);
        format!("<button{primary} name=\"answer\" value=\"{option}\" dir=\"auto\">{}{option}</button>", key(n))
    });
    let buttons: String = buttons.collect();
    let buttons = if buttons.is_empty() {
        String::new()
    } else {
        format!("<form method=\"post\" action=\"{action}\" class=\"acts\">{buttons}</form>")
    };
    let label = if signal.options.is_empty() { "Your answer" } else { "Another answer" };
    format!(
        "{}{buttons}\
         <form method=\"post\" action=\"{action}\" class=\"own\">\
         <textarea name=\"answer\" rows=\"{ROWS}\" required aria-label=\"{label}\" placeholder=\"{label}\u{2026}\" dir=\"auto\"></textarea>\
         <button>Answer</button></form>",
        words(signal.message.as_str()),
    )
}

fn decision_card(runtime: &str, decision: &Decision) -> String {
    let hidden: String = [("runtime", runtime), ("kind", decision.asks.kind().word()), ("id", &decision.id)]
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)))
        .collect();
    match &decision.asks {
        Asks::Command { command, cut, folder, allowed } => {
            let folder = folder.as_deref().map_or_else(String::new, |folder| {
                format!("<p class=\"mut\">in <span class=\"key\">{}</span></p>", escaped(folder))
            });
            let cut = if *cut { CUT } else { "" };
            format!(
                "<pre tabindex=\"0\" aria-label=\"The command\">{}</pre>{cut}{folder}{}",
                escaped(command),
                verdicts(&hidden, allowed)
            )
        }
        Asks::Plugin { title, detail, allowed } => {
            let detail = if detail.is_empty() {
                String::new()
            } else {
                format!("<pre tabindex=\"0\" aria-label=\"What it wants to do\">{}</pre>", escaped(detail))
            };
            format!("<p class=\"words\" dir=\"auto\">{}</p>{detail}{}", escaped(title), verdicts(&hidden, allowed))
        }
        Asks::Questions(all) => questions(&hidden, all),
    }
}

const CUT: &str = "<p class=\"wrong\">This is the beginning of a longer command. What cannot be read here cannot be allowed \
    here: look at it where the gateway runs.</p>";

fn verdicts(hidden: &str, allowed: &[Verdict]) -> String {
    if allowed.is_empty() {
        return "<p class=\"mut\">The gateway takes no decision from here.</p>".to_owned();
    }
    let buttons = allowed.iter().enumerate().map(|(n, verdict)| {
        let class = match verdict {
            Verdict::AllowOnce => " class=\"p\"",
            Verdict::AllowAlways => "",
            Verdict::Deny => " class=\"no\"",
        };
        format!("<button{class} name=\"say\" value=\"{}\">{}{}</button>", verdict.word(), key(n), verdict.label())
    });
    format!("<form method=\"post\" action=\"{DECIDE}\" class=\"acts\">{hidden}{}</form>", buttons.collect::<String>())
}

fn questions(hidden: &str, all: &[Question]) -> String {
    let no_answer = format!(
        "<details><summary>Give no answer\u{2026}</summary><form method=\"post\" action=\"{DECIDE}\" class=\"acts\">{hidden}\
         <button class=\"no\" name=\"say\" value=\"no-answer\">Tell the agent that no answer will come</button></form></details>"
    );
    // One question with answers to choose from is answered by one press.
    if let [one] = all
        && !one.several
    {
        return format!("{}{}{no_answer}", heading(one), single(hidden, one));
    }
    let each: String = all.iter().enumerate().map(|(n, question)| part(n, question)).collect();
    format!(
        "<form method=\"post\" action=\"{DECIDE}\">{hidden}{each}<div class=\"acts\"><button class=\"p\">Answer</button></div></form>{no_answer}"
    )
}

fn heading(question: &Question) -> String {
    let header = if question.header.is_empty() {
        String::new()
    } else {
        format!("<b dir=\"auto\">{}</b>", escaped(&question.header))
    };
    format!("{header}{}", words(&question.text))
}

fn single(hidden: &str, question: &Question) -> String {
    let buttons = question.options.iter().enumerate().map(|(n, choice)| {
        let primary = if n == 0 { " class=\"p\"" } else { "" };
        let (label, about) = (escaped(&choice.label), escaped(&choice.about));
        let about = if about.is_empty() { String::new() } else { format!(" title=\"{about}\"") };
        format!("<button{primary} name=\"o.0\" value=\"{label}\"{about} dir=\"auto\">{}{label}</button>", key(n))
    });
    let buttons: String = buttons.collect();
    let mut html = String::new();
    if !buttons.is_empty() {
        html.push_str(&format!("<form method=\"post\" action=\"{DECIDE}\" class=\"acts\">{hidden}{buttons}</form>"));
    }
    if question.words {
        let label = if question.options.is_empty() { "Your answer" } else { "Another answer" };
        html.push_str(&format!(
            "<form method=\"post\" action=\"{DECIDE}\" class=\"own\">{hidden}<textarea name=\"w.0\" rows=\"{ROWS}\" required \
             maxlength=\"4000\" aria-label=\"{label}\" placeholder=\"{label}\u{2026}\" dir=\"auto\"></textarea><button>Answer</button></form>"
        ));
    }
    html
}

/// One of several questions that are answered together.
fn part(n: usize, question: &Question) -> String {
    let kind = if question.several { "checkbox" } else { "radio" };
    let required = if question.several || question.words { "" } else { " required" };
    let choices = question.options.iter().map(|choice| {
        let label = escaped(&choice.label);
        let about = if choice.about.is_empty() { String::new() } else { format!("<small>{}</small>", escaped(&choice.about)) };
        format!(
            "<label><input type=\"{kind}\" name=\"o.{n}\" value=\"{label}\"{required}><span dir=\"auto\">{label}</span>{about}</label>"
        )
    });
    let words = if question.words {
        format!(
            "<input name=\"w.{n}\" maxlength=\"4000\" aria-label=\"Your own answer\" placeholder=\"Your own answer\u{2026}\" dir=\"auto\">"
        )
    } else {
        String::new()
    };
    let header = if question.header.is_empty() { String::new() } else { format!("{}: ", escaped(&question.header)) };
    format!(
        "<fieldset><legend dir=\"auto\">{header}{}</legend>{}{words}</fieldset>",
        escaped(&question.text),
        choices.collect::<String>()
    )
}

fn escalated(card: &Card, reason: Option<&str>) -> String {
    let reason = reason.map_or_else(String::new, words);
    let open = card.whose.as_ref().and_then(|whose| whose.address()).map_or_else(String::new, |to| {
        format!("<div class=\"acts\"><a class=\"btn\" href=\"{}\">{}Open the ticket</a></div>", escaped(&to), key(0))
    });
    format!("{reason}{open}")
}
