//! What waits for a person at the gateway: reading its lists, and the calls that answer. Nothing here does anything.
//!
//! Commands that an agent may not run by itself (`exec.approval.*`), what plugins ask leave for (`plugin.approval.*`),
//! and questions of the gateway's own tool (`question.*`). Each is there where the gateway offers its list.

mod watch;

use clutch_domain::{
    decision::{AskKind, Verdict},
    text,
    time::Millis,
};
use clutch_orchestrator::runtime::{
    Asks, Choice, DECISION_LINE_MAX, DECISION_PARTS_MAX, DECISION_WORDS_MAX, DECISIONS_MAX, Decision, Question, Reply,
    Waiting,
};
use serde_json::{Value, json};

pub(crate) use self::watch::Watch;
use crate::wire::{Hello, text as field};

/// The gateway's methods and events for one kind.
pub(crate) struct Ways {
    pub kind: AskKind,
    pub list: &'static str,
    pub resolve: &'static str,
    /// How the names of its events begin.
    pub events: &'static str,
    /// What a connection must have been granted.
    scope: &'static str,
}

/// All kinds.
pub(crate) const WAYS: [Ways; 3] = [
    Ways {
        kind: AskKind::Command,
        list: "exec.approval.list",
        resolve: "exec.approval.resolve",
        events: "exec.approval.",
        scope: "operator.approvals",
    },
    Ways {
        kind: AskKind::Plugin,
        list: "plugin.approval.list",
        resolve: "plugin.approval.resolve",
        events: "plugin.approval.",
        scope: "operator.approvals",
    },
    Ways {
        kind: AskKind::Questions,
        list: "question.list",
        resolve: "question.resolve",
        events: "question.",
        scope: "operator.questions",
    },
];

impl Ways {
    pub(crate) fn of(kind: AskKind) -> &'static Self {
        let [command, plugin, questions] = &WAYS;
        match kind {
            AskKind::Command => command,
            AskKind::Plugin => plugin,
            AskKind::Questions => questions,
        }
    }

    /// Whether this connection may ask for the list. One of which nobody says what it was granted is tried.
    pub(crate) fn offered(&self, hello: &Hello) -> bool {
        let granted = hello.auth.as_ref().and_then(|auth| auth.scopes.as_ref());
        let may = granted.is_none_or(|granted| granted.iter().any(|scope| scope == self.scope));
        may && hello.offers(self.list) && hello.offers(self.resolve)
    }

    /// The parameters that bring a reply; `None` where it is no reply to this kind.
    pub(crate) fn params(&self, id: &str, reply: &Reply) -> Option<Value> {
        Some(match (self.kind, reply) {
            (AskKind::Command | AskKind::Plugin, Reply::Verdict(verdict)) => {
                json!({ "id": id, "decision": verdict.word() })
            }
            (AskKind::Questions, Reply::Answers(answers)) => json!({ "id": id, "answers": { "answers": answers } }),
            (AskKind::Questions, Reply::Cancel) => json!({ "id": id, "cancel": true }),
            _ => return None,
        })
    }
}

/// Puts answers of lists together. `ours` gives sessions the names that we know them by.
pub(crate) fn waiting(lists: &[(AskKind, Value)], ours: impl Fn(&str) -> String) -> Waiting {
    let mut all: Vec<Decision> = Vec::new();
    for (kind, list) in lists {
        all.extend(rows(list).iter().filter_map(|row| decision(*kind, row, &ours)));
    }
    all.sort_by(|a, b| {
        let key = |one: &Decision| (one.expires.unwrap_or(Millis(i64::MAX)), one.created, one.asks.kind());
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
    let more = all.len() > DECISIONS_MAX;
    all.truncate(DECISIONS_MAX);
    Waiting { known: !lists.is_empty(), all: all.into(), more }
}

fn rows(list: &Value) -> &[Value] {
    let inside = ["approvals", "questions", "pending", "items"].iter().find_map(|name| list[*name].as_array());
    list.as_array().or(inside).map(Vec::as_slice).unwrap_or_default()
}

/// One row; `None` where it does not wait, or nobody could answer it.
fn decision(kind: AskKind, row: &Value, ours: impl Fn(&str) -> String) -> Option<Decision> {
    let id = field(row, "id");
    // An id goes back as it is or not at all.
    if id.is_empty() || id.len() > DECISION_LINE_MAX || id.chars().any(char::is_control) {
        return None;
    }
    if !matches!(field(row, "status"), "" | "pending") {
        return None;
    }
    let request = if row["request"].is_object() { &row["request"] } else { row };
    let some = |name: &str| {
        let said = [request, row].iter().map(|from| field(from, name)).find(|said| !said.is_empty());
        said.map(line)
    };
    let moment = |name: &str| row[name].as_i64().map(Millis);
    let asks = match kind {
        AskKind::Command => command(request)?,
        AskKind::Plugin => plugin(request),
        AskKind::Questions => Asks::Questions(questions(row)?),
    };
    Some(Decision {
        id: id.to_owned(),
        asks,
        session: some("sessionKey").map(|key| ours(&key)),
        run: some("runId"),
        agent: some("agentId"),
        created: moment("createdAtMs"),
        expires: moment("expiresAtMs"),
    })
}

fn command(request: &Value) -> Option<Asks> {
    let whole = field(request, "command");
    if whole.trim().is_empty() {
        return None;
    }
    let (command, cut) = shown(whole);
    let folder = Some(field(request, "cwd")).filter(|cwd| !cwd.is_empty()).map(line);
    let mut allowed = allowed(request);
    if cut {
        // Nobody says yes to what they have not seen.
        allowed.retain(|verdict| *verdict == Verdict::Deny);
    }
    Some(Asks::Command { command, cut, folder, allowed })
}

fn plugin(request: &Value) -> Asks {
    let said = |names: &[&str]| names.iter().map(|name| field(request, name)).find(|said| !said.is_empty());
    let (title, detail) = (said(&["title", "toolName", "pluginId"]), said(&["description", "detail", "message"]));
    let (detail, cut) = shown(detail.unwrap_or_default());
    let mut allowed = allowed(request);
    if cut {
        allowed.retain(|verdict| *verdict == Verdict::Deny);
    }
    Asks::Plugin { title: line(title.unwrap_or("A plugin asks")), detail, allowed }
}

/// What may be said; where the gateway names nothing, what does no more than it must.
fn allowed(request: &Value) -> Vec<Verdict> {
    match request["allowedDecisions"].as_array() {
        Some(words) => {
            let named = |verdict: &Verdict| words.iter().any(|word| word.as_str() == Some(verdict.word()));
            Verdict::ALL.iter().copied().filter(named).collect()
        }
        None => vec![Verdict::AllowOnce, Verdict::Deny],
    }
}

fn questions(row: &Value) -> Option<Vec<Question>> {
    let asked = row["questions"].as_array()?;
    // All of them are answered together: of more than fit none could be.
    if asked.is_empty() || asked.len() > DECISION_PARTS_MAX {
        return None;
    }
    asked.iter().map(question).collect()
}

fn question(asked: &Value) -> Option<Question> {
    let id = ["questionId", "id"].iter().map(|name| field(asked, name)).find(|id| !id.is_empty())?;
    let options = asked["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    let yes = |names: &[&str]| names.iter().any(|name| asked[*name] == true);
    let options: Vec<Choice> = options
        .iter()
        .filter_map(|option| {
            let label = option.as_str().unwrap_or_else(|| field(option, "label"));
            // An answer is compared with what was offered: one that would have to be changed is not offered.
            (!label.is_empty() && line(label) == label)
                .then(|| Choice { label: label.to_owned(), about: line(field(option, "description")) })
        })
        .take(DECISION_PARTS_MAX)
        .collect();
    Some(Question {
        id: id.to_owned(),
        header: line(field(asked, "header")),
        text: cut(&text::lines(head(field(asked, "question"), DECISION_WORDS_MAX)), DECISION_WORDS_MAX),
        words: options.is_empty() || yes(&["isOther", "allowOther"]),
        several: yes(&["multiSelect", "isMultiSelect", "multiple"]),
        options,
    })
}

/// The beginning of a text, which may have megabytes: all that is looked at.
fn head(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most.saturating_mul(8))]
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['\u{2026}']).collect()
}

fn line(text: &str) -> String {
    cut(&text::line(head(text, DECISION_LINE_MAX)), DECISION_LINE_MAX)
}

/// A command as it is run, and whether something of it is missing. What cannot be seen, or turns the words around, is
/// written out: what a person reads is what happens.
fn shown(command: &str) -> (String, bool) {
    let mut shown = String::new();
    let mut count = 0;
    for letter in command.chars() {
        let plain = matches!(letter, '\n' | '\t') || !is_hidden(letter);
        count += if plain { 1 } else { 8 };
        if count > DECISION_WORDS_MAX {
            return (shown, true);
        }
        if plain {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_unicode());
        }
    }
    (shown, false)
}

fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: AskKind, row: Value) -> Option<Decision> {
        let list = json!([row]);
        waiting(&[(kind, list)], |key| key.replace("agent:main:", "")).all.first().cloned()
    }

    fn exec(request: Value) -> Value {
        json!({ "approvalKind": "exec", "id": "50f384e0", "request": request, "createdAtMs": 5, "expiresAtMs": 9 })
    }

    #[test]
    fn a_command_with_all_that_is_known_of_it() {
        let request = json!({
            "command": "echo needs-approval", "cwd": "/srv/feeder", "host": "gateway", "agentId": "main",
            "sessionKey": "agent:main:t9:appr", "runId": "y2", "allowedDecisions": ["allow-once", "deny", "novel"],
        });
        let expected = Decision {
            id: "50f384e0".into(),
            asks: Asks::Command {
                command: "echo needs-approval".into(),
                cut: false,
                folder: Some("/srv/feeder".into()),
                allowed: vec![Verdict::AllowOnce, Verdict::Deny],
            },
            session: Some("t9:appr".into()),
            run: Some("y2".into()),
            agent: Some("main".into()),
            created: Some(Millis(5)),
            expires: Some(Millis(9)),
        };
        assert_eq!(one(AskKind::Command, exec(request)), Some(expected));
        for nothing in [json!({}), json!({ "command": " " }), json!({ "command": 5 })] {
            assert_eq!(one(AskKind::Command, exec(nothing)), None);
        }
        for id in [json!(""), json!(7), json!("a\u{7}"), json!("x".repeat(301))] {
            assert_eq!(one(AskKind::Command, json!({ "id": id, "request": { "command": "ls" } })), None, "{id}");
        }
    }

    #[test]
    fn what_is_read_is_what_is_run() {
        for (command, reads, is_cut) in [
            ("ls\t-l\n# all", "ls\t-l\n# all", false),
            ("echo \u{202e}fr- mr\u{202c}", "echo \\u{202e}fr- mr\\u{202c}", false),
            ("rm\u{200b}x \u{1b}[2K\r", "rm\\u{200b}x \\u{1b}[2K\\u{d}", false),
            ("echo vögel 🐦", "echo vögel 🐦", false),
            (&"a".repeat(DECISION_WORDS_MAX), &"a".repeat(DECISION_WORDS_MAX), false),
            (&"a".repeat(DECISION_WORDS_MAX + 1), &"a".repeat(DECISION_WORDS_MAX), true),
        ] {
            let request = json!({ "command": command, "allowedDecisions": ["allow-once", "allow-always", "deny"] });
            let Some(Asks::Command { command, cut, allowed, .. }) =
                one(AskKind::Command, exec(request)).map(|one| one.asks)
            else {
                panic!("{reads}")
            };
            assert_eq!((command.as_str(), cut), (reads, is_cut));
            assert_eq!(allowed.as_slice() == [Verdict::Deny], is_cut, "nobody allows what was cut: {allowed:?}");
        }
    }

    #[test]
    fn questions_with_options_and_words() {
        let row = json!({ "id": "ask_1", "status": "pending", "sessionKey": "agent:main:s", "expiresAtMs": 9, "questions": [
            { "questionId": "q1", "header": "Color", "question": "Which color?", "isOther": true,
              "options": [{ "label": "red", "description": "as a robin" }, { "label": " x " }, "blue"] },
            { "questionId": "q2", "question": "Why?" },
            { "id": "q3", "question": "Which?", "multiSelect": true, "options": [{ "label": "a" }] },
        ] });
        let Some(Asks::Questions(all)) = one(AskKind::Questions, row.clone()).map(|one| one.asks) else { panic!() };
        let labels: Vec<&str> = all[0].options.iter().map(|choice| choice.label.as_str()).collect();
        assert_eq!((labels, all[0].options[0].about.as_str()), (vec!["red", "blue"], "as a robin"));
        let told: Vec<_> = all.iter().map(|one| (one.id.as_str(), one.words, one.several)).collect();
        assert_eq!(told, [("q1", true, false), ("q2", true, false), ("q3", false, true)]);
        for (name, value) in
            [("status", json!("answered")), ("questions", json!([])), ("questions", json!(vec![json!({}); 13]))]
        {
            let mut other = row.clone();
            other[name] = value;
            assert_eq!(one(AskKind::Questions, other), None, "{name}");
        }
    }

    #[test]
    fn the_list_is_bounded_and_begins_with_what_expires_first() {
        let row = |n: usize| json!({ "id": format!("{n}"), "request": { "command": "ls" }, "expiresAtMs": 1_000 - n });
        let never = json!({ "id": "never", "request": { "command": "ls" } });
        let mut rows: Vec<Value> = vec![never];
        rows.extend((0..DECISIONS_MAX).map(row));
        let told = waiting(&[(AskKind::Command, json!({ "approvals": rows }))], str::to_owned);
        assert!(told.known && told.more && told.all.len() == DECISIONS_MAX);
        assert_eq!((told.all[0].id.as_str(), told.all[1].id.as_str()), ("99", "98"));
        assert!(told.all.iter().all(|one| one.id != "never"), "what never expires is left out first");
        assert_eq!(waiting(&[], str::to_owned), Waiting::default());
    }

    #[test]
    fn replies_fit_what_was_asked() {
        let answers = Reply::Answers([("q1".to_owned(), vec!["blue".to_owned()])].into());
        let verdict = Reply::Verdict(Verdict::AllowOnce);
        for (kind, reply, params) in [
            (AskKind::Command, &verdict, Some(json!({ "id": "1", "decision": "allow-once" }))),
            (AskKind::Plugin, &verdict, Some(json!({ "id": "1", "decision": "allow-once" }))),
            (AskKind::Questions, &answers, Some(json!({ "id": "1", "answers": { "answers": { "q1": ["blue"] } } }))),
            (AskKind::Questions, &Reply::Cancel, Some(json!({ "id": "1", "cancel": true }))),
            (AskKind::Questions, &verdict, None),
            (AskKind::Command, &answers, None),
            (AskKind::Command, &Reply::Cancel, None),
        ] {
            assert_eq!(Ways::of(kind).params("1", reply), params, "{kind:?} {reply:?}");
        }
    }

    #[test]
    fn what_was_not_granted_is_not_asked_for() {
        let hello = |methods: &[&str], scopes: Option<&[&str]>| {
            let auth = scopes.map(|scopes| json!({ "scopes": scopes }));
            serde_json::from_value::<Hello>(json!({ "features": { "methods": methods }, "auth": auth })).unwrap()
        };
        let all = ["exec.approval.list", "exec.approval.resolve", "question.list", "question.resolve"];
        let offered =
            |hello: &Hello| WAYS.iter().filter(|way| way.offered(hello)).map(|way| way.kind).collect::<Vec<_>>();
        let (command, questions) = (AskKind::Command, AskKind::Questions);
        assert_eq!(offered(&hello(&all, None)), [command, questions]);
        assert_eq!(offered(&hello(&all, Some(&["operator.approvals"]))), [command]);
        assert_eq!(offered(&hello(&all, Some(&["operator.admin"]))), []);
        assert_eq!(offered(&hello(&["exec.approval.resolve"], None)), [], "2026.2.17 has no list");
    }
}
