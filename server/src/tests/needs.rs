//! What needs a person: one list over all projects, answered in its place, by people only.

use std::sync::{Arc, Mutex};

use clutch_domain::{
    access::TokenScope,
    activity::Activity,
    actor::Actor,
    command::{Command, NewSignal},
    doc::{Kind, Scope},
    range::Range,
    talk::{Signal, SignalKind, SignalSeverity},
    text::{Body, Handle, Options, SessionKey},
};
use clutch_orchestrator::runtime::Waiting;
use serde_json::{Value, json};

use super::{BEGIN, House, Reply, callers::SAME, gateways::Scripted};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HTML: (&str, &str) = ("accept", "text/html");
const METHODS: &[&str] = &["exec.approval.list", "exec.approval.resolve", "question.list", "question.resolve"];

/// What waits at a gateway; whatever is resolved waits no more.
#[derive(Clone, Default)]
struct AtGateway(Arc<Mutex<(Vec<Value>, Vec<Value>)>>);

impl AtGateway {
    async fn open(&self) -> Scripted {
        let here = self.clone();
        Scripted::offering(METHODS, move |method, params| {
            let (commands, questions) = &mut *here.0.lock().unwrap();
            let take = |all: &mut Vec<Value>| {
                // Somebody else was quicker, and nobody has told yet.
                if params["id"] == "late" {
                    return Err("unknown or expired approval id");
                }
                all.retain(|one| one["id"] != params["id"]);
                Ok(json!({ "ok": true }))
            };
            match method {
                "exec.approval.list" => Ok(json!(commands)),
                "question.list" => Ok(json!({ "questions": questions })),
                "exec.approval.resolve" => take(commands),
                "question.resolve" => take(questions),
                _ => Err("unknown method"),
            }
        })
        .await
    }

    fn commands(&self, all: Vec<Value>) {
        self.0.lock().unwrap().0 = all;
    }

    fn questions(&self, all: Vec<Value>) {
        self.0.lock().unwrap().1 = all;
    }
}

fn command(id: &str, session: &str, ends_in: i64) -> Value {
    json!({
        "id": id, "createdAtMs": BEGIN, "expiresAtMs": BEGIN + ends_in,
        "request": { "command": "rm -rf <build>", "cwd": "/srv/site", "sessionKey": session, "agentId": "main",
            "allowedDecisions": ["allow-once", "deny"] },
    })
}

fn question(id: &str) -> Value {
    json!({ "id": id, "status": "pending", "sessionKey": "agent:main:elsewhere", "questions": [
        { "questionId": "q1", "header": "Colour", "question": "Which colour?", "isOther": true,
          "options": [{ "label": "red" }, { "label": "sky & sea" }] },
    ] })
}

impl House {
    async fn needs(&self) -> String {
        let page = self.raw("GET", "/needs-you", &[HTML], "").await;
        assert_eq!(page.status, 200, "{}", page.text);
        page.text
    }

    async fn say(&self, headers: &[(&str, &str)], path: &str, form: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers: Vec<_> = std::iter::once(FORM).chain(headers.iter().copied()).collect();
        self.raw("POST", path, &headers, body).await
    }

    /// An agent asks about a ticket, and offers answers.
    async fn asks(&self, task: &str, message: &str, options: &[&str], severity: SignalSeverity) -> String {
        let signal = NewSignal {
            task: task.parse().unwrap(),
            session_key: SessionKey::parse("s").unwrap().unwrap().into(),
            agent_id: Handle::parse("kimi").unwrap().unwrap(),
            run_id: None,
            kind: SignalKind::Question,
            severity,
            message: Body::parse(message).unwrap().unwrap(),
            options: Options::parse(options.iter().copied()).unwrap(),
        };
        let done = self.office.run(&Actor::agent("kimi"), &Command::RaiseSignal(signal)).await.unwrap();
        done.made::<Signal>().unwrap().id.to_string()
    }

    /// Waits until so much waits at the gateway.
    async fn waits_for(&self, count: usize) {
        let port = self.state.runtimes.usual().unwrap().decisions.clone().unwrap();
        let mut waiting = port.waiting();
        let fits = |told: &Waiting| told.known && told.all.len() == count;
        let seen = tokio::time::timeout(std::time::Duration::from_secs(60), waiting.wait_for(fits)).await;
        assert!(seen.is_ok(), "never {count}");
    }

    async fn decided(&self, project: Option<&str>) -> Vec<Activity> {
        let scope = project.map_or(Scope::Installation, |id| Scope::Project(id.parse().unwrap()));
        let newest = Range::Newest { kind: Kind::Activity, scope, before: None, limit: 50 };
        let lines: Vec<Activity> = self.list(newest).await;
        lines.into_iter().filter(|line| line.what == "decided").collect()
    }
}

fn at(page: &str, words: &str) -> usize {
    page.find(words).unwrap_or_else(|| panic!("no {words:?} in {page}"))
}

const DECIDE: &str = "/needs-you/decide";

fn about<'a>(kind: &'a str, id: &'a str, say: &'a str) -> [(&'a str, &'a str); 4] {
    [("runtime", "openclaw"), ("kind", kind), ("id", id), ("say", say)]
}

#[tokio::test]
async fn everything_that_waits_is_in_one_list_the_most_urgent_first() {
    let there = AtGateway::default();
    let gateway = there.open().await;
    let house = House::beside(&gateway.url, |_| Arc::new(clutch_store::MemoryStore::new()));
    let (site, app) = (house.project("site").await, house.project("app").await);
    let (paint, ship) = (house.task(&site, "Paint", "in_progress").await, house.task(&app, "Ship", "ready").await);
    assert!(house.needs().await.contains("Nobody waits for you"));

    let run = house.run_of(&ship, 1).await;
    there.commands(vec![
        command("later", "agent:main:elsewhere", 40 * 60_000 + 30_000),
        command("soon", &run.session_key.to_lowercase(), 4 * 60_000 + 30_000),
    ]);
    there.questions(vec![question("ask_1")]);
    house.asks(&paint, "Red <b>or</b> blue?", &["Red", "Blue"], SignalSeverity::Normal).await;
    house.asks(&paint, "The disk is full.", &[], SignalSeverity::Critical).await;
    let stuck = house.task(&site, "Stuck", "in_progress").await;
    house.post("/api/triage/escalate", json!({ "task_id": stuck, "reason": "It needs a key." })).await.ok(200);
    let fyi =
        json!({ "taskId": paint, "sessionKey": "s", "agentId": "kimi", "kind": "fyi", "message": "All is well." });
    house.post("/api/signal", fyi).await.ok(201);
    gateway.tell("question.requested");
    house.waits_for(3).await;

    let page = house.needs().await;
    let order =
        ["The disk is full.", "ends in 4 min", "ends in 40 min", "Red &lt;b&gt;or&lt;/b&gt; blue?", "It needs a key."];
    let places: Vec<usize> = order.iter().map(|words| at(&page, words)).collect();
    assert!(places.is_sorted(), "{places:?} {page}");
    assert!(page.contains("<title>(6) Needs you") && !page.contains("All is well."), "{page}");
    for there in [
        "T-2 Ship</a>",
        "/projects/app/board?task=T-2",
        "T-1 Paint</a>",
        "T-3 Stuck</a>",
        "rm -rf &lt;build&gt;",
        "/sessions/agent:main:elsewhere",
        "value=\"sky &amp; sea\"",
        "name=\"answer\" value=\"Red\"",
        "from Dev",
    ] {
        assert!(page.contains(there), "{there}: {page}");
    }
}

#[tokio::test]
async fn an_agents_question_is_answered_by_one_press_without_any_code() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "Paint", "in_progress").await;
    let signal = house.asks(&task, "Which?", &["Red", "Blue"], SignalSeverity::Normal).await;
    let (cookie, path) = (house.cookie().await, format!("/needs-you/signals/{signal}"));
    let person = [("cookie", cookie.as_str()), SAME];
    let empty = house.say(&person, &path, &[("answer", " ")]).await;
    assert!(empty.status == 400 && empty.text.contains("role=\"alert\""), "{}", empty.text);
    let done = house.say(&person, &path, &[("answer", "Blue")]).await;
    assert_eq!((done.status.as_u16(), done.headers["location"].to_str().unwrap()), (303, "/needs-you?done=answered"));
    let kept: Signal = house.office.get(signal.parse::<clutch_domain::id::SignalId>().unwrap()).await.unwrap().unwrap();
    assert_eq!(kept.response.as_ref().map(|words| words.as_str()), Some("Blue"));
    assert!(kept.answered_by.is_some_and(|who| who.is_human()));
    let late = house.say(&person, &path, &[("answer", "Red")]).await;
    assert!(late.status == 409 && late.text.contains("already been responded to"), "{}", late.text);
    assert!(house.needs().await.contains("Nobody waits for you"));
    let nobody = house.say(&person, "/needs-you/signals/x", &[("answer", "Red")]).await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn a_command_is_allowed_by_a_person_and_the_log_says_so_before_the_gateway_hears() {
    let there = AtGateway::default();
    let gateway = there.open().await;
    let house = House::beside(&gateway.url, |_| Arc::new(clutch_store::MemoryStore::new()));
    let project = house.project("site").await;
    let task = house.task(&project, "Paint", "ready").await;
    let run = house.run_of(&task, 1).await;
    there.commands(vec![
        command("1", &run.session_key.to_lowercase(), 60_000),
        command("2", "agent:main:elsewhere", 60_000),
        command("late", "agent:main:elsewhere", 60_000),
    ]);
    gateway.tell("exec.approval.requested");
    house.waits_for(3).await;
    let (cookie, (write, _), (admin, _)) = (
        house.cookie().await,
        house.token("write", TokenScope::Write, None).await,
        house.token("admin", TokenScope::Admin, None).await,
    );
    let (write, admin) = (format!("Bearer {write}"), format!("Bearer {admin}"));
    // Programs, whatever they claim, and browsers at another page.
    for headers in [&[][..], &[("cookie", cookie.as_str())], &[SAME], &[("authorization", write.as_str())]] {
        let refused = house.say(headers, DECIDE, &about("command", "1", "allow-once")).await;
        assert_eq!(refused.status, 403, "{headers:?} {}", refused.text);
    }
    assert!(gateway.of("exec.approval.resolve").is_empty() && house.decided(Some(&project)).await.is_empty());

    let person = [("cookie", cookie.as_str()), SAME];
    for (form, status) in [
        (about("command", "1", "allow-always"), 400),
        (about("command", "1", "maybe"), 400),
        (about("commands", "1", "deny"), 400),
        (about("questions", "1", "no-answer"), 409),
        (about("command", "9", "deny"), 409),
        ([("runtime", "other"), ("kind", "command"), ("id", "1"), ("say", "deny")], 409),
    ] {
        let refused = house.say(&person, DECIDE, &form).await;
        assert!(refused.status == status && refused.text.contains("role=\"alert\""), "{form:?} {}", refused.status);
    }
    assert!(gateway.of("exec.approval.resolve").is_empty() && house.decided(Some(&project)).await.is_empty());

    let done = house.say(&person, DECIDE, &about("command", "1", "allow-once")).await;
    assert_eq!(done.headers["location"].to_str().unwrap(), "/needs-you?done=allow-once", "{}", done.text);
    assert_eq!(gateway.of("exec.approval.resolve"), [json!({ "id": "1", "decision": "allow-once" })]);
    let line = house.decided(Some(&project)).await.remove(0);
    assert_eq!((line.task.map(|id| id.to_string()), line.actor.is_human()), (Some(task.clone()), true));
    let said: Vec<_> = line.data.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(said, [("asked", "command"), ("preview", "rm -rf <build>"), ("said", "allow-once")]);

    let with_token = house.say(&[("authorization", &admin)], DECIDE, &about("command", "2", "deny")).await;
    assert_eq!(with_token.status, 303, "an admin's token decides: {}", with_token.text);
    assert_eq!(house.decided(None).await.len(), 1, "of no project: {:?}", house.decided(None).await);

    let late = house.say(&person, DECIDE, &about("command", "late", "allow-once")).await;
    assert!(late.status == 422 && late.text.contains("expired"), "{} {}", late.status, late.text);
    let lines = house.decided(None).await;
    let not_taken: Vec<bool> = lines.iter().map(|line| line.data.contains_key("not_taken")).collect();
    assert_eq!(not_taken, [true, false, false], "{lines:?}");
}

#[tokio::test]
async fn a_question_of_the_gateway_takes_an_option_words_or_nothing() {
    let there = AtGateway::default();
    let gateway = there.open().await;
    let house = House::beside(&gateway.url, |_| Arc::new(clutch_store::MemoryStore::new()));
    there.questions(vec![question("a"), question("b"), question("c")]);
    gateway.tell("question.requested");
    house.waits_for(3).await;
    let cookie = house.cookie().await;
    let person = [("cookie", cookie.as_str()), SAME];
    let form = |id: &'static str, more: (&'static str, &'static str)| {
        [("runtime", "openclaw"), ("kind", "questions"), ("id", id), more]
    };
    let none = house.say(&person, DECIDE, &form("a", ("w.0", "  "))).await;
    assert!(none.status == 400 && none.text.contains("needs an answer"), "{}", none.text);
    for (form, answers) in [
        (form("a", ("o.0", "sky & sea")), json!({ "id": "a", "answers": { "answers": { "q1": ["sky & sea"] } } })),
        (
            form("b", ("w.0", "The secret is 12345")),
            json!({ "id": "b", "answers": { "answers": { "q1": ["The secret is 12345"] } } }),
        ),
        (form("c", ("say", "no-answer")), json!({ "id": "c", "cancel": true })),
    ] {
        let done = house.say(&person, DECIDE, &form).await;
        assert_eq!(done.status, 303, "{}", done.text);
        assert_eq!(gateway.of("question.resolve").last(), Some(&answers));
    }
    house.waits_for(0).await;
    let lines = house.decided(None).await;
    let words: Vec<&str> = lines.iter().map(|line| line.data["said"].as_str()).collect();
    assert_eq!(words, ["no-answer", "answered", "answered"]);
    assert!(!format!("{lines:?}").contains("12345"), "an answer may be a secret: {lines:?}");
}

/// A gateway that is away, and one that has nothing of the kind.
#[tokio::test]
async fn the_page_says_what_it_cannot_know() {
    let page = super::gateways::alone().await.needs().await;
    assert!(page.contains("The gateway cannot be asked now"), "{page}");
    let gateway = Scripted::open(|_, _| Err("unknown method")).await;
    let page = gateway.house().await.needs().await;
    assert!(!page.contains("cannot be asked now") && page.contains("Nobody waits for you"), "{page}");
}
