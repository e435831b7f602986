//! People who log in: owners, members and viewers, what each may do, and how that changes.

use std::time::Duration;

use clutch_domain::{
    access::{Account, BrowserSession, UserRole},
    actor::OWNER,
    chat::Message,
    doc::Kind,
    range::{Fetch, Range},
    rule::{login::sessions, user::users},
    talk::Comment,
};
use futures_util::StreamExt;
use serde_json::json;
use tokio_tungstenite::tungstenite;

use super::{House, Reply, callers::SAME};
use crate::{
    http::scopes::LOOKS,
    owner::{self, Ask, Password, Told},
};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HTML: (&str, &str) = ("accept", "text/html");
pub const WORDS: &str = "a long enough password";

impl House {
    async fn ask(&self, ask: Ask) -> Told {
        owner::answer(&self.office, ask).await
    }

    /// Somebody may log in, and has: the cookie.
    pub async fn person(&self, name: &str, role: UserRole) -> String {
        // So that the owner has been made.
        self.session().await;
        let ask = Ask::AddUser { name: name.into(), role, password: Password(WORDS.into()) };
        assert!(matches!(self.ask(ask).await, Told::Done { .. }));
        let reply = self.enter(name, WORDS).await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        let line = reply.headers["set-cookie"].to_str().unwrap();
        line.split(';').next().unwrap().to_owned()
    }

    pub async fn enter(&self, name: &str, password: &str) -> Reply {
        let body = format!("username={name}&password={}&next=/", password.replace(' ', "+"));
        self.raw("POST", "/login", &[FORM, SAME], body).await
    }

    pub async fn as_page(&self, cookie: &str, method: &str, path: &str, body: &str) -> Reply {
        let kind = if path.starts_with("/api/") { ("content-type", "application/json") } else { FORM };
        let json = ("accept", "application/json");
        self.raw(method, path, &[kind, json, SAME, ("cookie", cookie)], body.to_owned()).await
    }

    pub async fn of(&self, name: &str) -> Vec<BrowserSession> {
        let all: Vec<BrowserSession> = self.list(sessions()).await;
        all.into_iter().filter(|session| session.account == name).collect()
    }
}

/// What a reply says is the matter, whatever shape it has.
#[track_caller]
fn refused(reply: &Reply, code: &str) {
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (403, Some(code)), "{}", reply.text);
}

#[tokio::test]
async fn a_viewer_sees_everything_but_secrets_and_changes_nothing() {
    let house = House::locked();
    let owner = house.session().await;
    let project = house.as_page(&owner, "POST", "/api/projects", r#"{"name":"Site","slug":"site"}"#).await.ok(201);
    let project = super::id(&project["project"]);
    let task = json!({ "project_id": project, "title": "Paint", "status": "ready" }).to_string();
    let task = super::id(&house.as_page(&owner, "POST", "/api/tasks", &task).await.ok(201)["task"]);
    let vic = house.person("vic", UserRole::Viewer).await;
    for path in ["/", "/projects/site/board", "/projects/site/chat", "/projects/site/settings", "/api/projects"] {
        let page = house.raw("GET", path, &[HTML, ("cookie", &vic)], "").await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        if !path.starts_with("/api/") {
            assert!(page.text.contains("href=\"/as/viewer.css\""), "{path} leaves out what is not for viewers");
        }
    }
    let everything = async || {
        let all = Kind::ALL.iter().map(|kind| Range::All { kind: *kind, after: None, limit: 10_000 }).collect();
        let read = house.office.read(&Fetch { scopes: vec![], ranges: all }).await.unwrap().value;
        let bodies: Vec<String> = read.docs().map(|doc| format!("{:?}", doc.body)).collect();
        bodies
    };
    let before = everything().await;
    for (method, path, body) in [
        ("POST", "/api/projects", "{}"),
        ("POST", "/api/tasks", "{}"),
        ("PATCH", &*format!("/api/tasks/{task}"), r#"{"status":"done"}"#),
        ("DELETE", &*format!("/api/tasks/{task}"), ""),
        ("POST", &*format!("/api/tasks/{task}/comments"), r#"{"content":"x"}"#),
        ("POST", "/api/upload/image", ""),
        ("POST", "/api/openclaw/status", ""),
        ("POST", "/api/signal", "{}"),
        ("POST", "/fn/move_task", &*format!("task={task}&to=done")),
        ("POST", "/fn/add_comment", &*format!("task={task}&content=x")),
        ("POST", "/fn/create_project", "name=x&local_path=/etc"),
        ("POST", "/fn/check_setting", "field=local_path&value=/etc"),
        ("POST", "/fn/update_project", &*format!("project={project}&name=x")),
        ("POST", "/fn/stop_answer", "chat=x"),
        ("POST", "/fn/send_message", "chat=x&content=x"),
        ("POST", "/fn/set_loop", &*format!("project={project}&on=true")),
        ("POST", "/fn/no_such_function", ""),
        ("POST", "/access/people", "name=x&role=owner&password=long+enough+password"),
    ] {
        let reply = house.as_page(&vic, method, path, body).await;
        refused(&reply, "viewers_look");
        assert!(reply.text.contains("An owner can make you a member"), "{path}: {}", reply.text);
    }
    assert_eq!(everything().await, before, "nothing was changed");
    let functions = house.as_page(&vic, "POST", "/fn/load_board", "slug=site").await;
    assert_eq!(functions.status, 200, "{}", functions.text);
    for name in LOOKS {
        assert_ne!(house.as_page(&vic, "POST", &format!("/fn/{name}"), "").await.status, 403, "{name}");
    }
    let send = r#"{"method":"chat.send","params":{"sessionKey":"s","message":"m"}}"#;
    let reply = house.as_page(&vic, "POST", "/api/openclaw/rpc", send).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["error"]["code"]), (403, &json!("viewers_look")));
    // Tokens, people and other people's browsers are none of theirs.
    let access = house.raw("GET", "/access", &[HTML, ("cookie", &vic)], "").await;
    assert_eq!((access.status.as_u16(), access.headers["location"].to_str().unwrap()), (303, "/account"));
    let mine = house.raw("GET", "/account", &[HTML, ("cookie", &vic)], "").await;
    assert!(mine.text.contains("You are vic") && mine.text.contains("(this one)"), "{}", mine.text);
    assert!(!mine.text.contains("New token") && mine.text.matches("<li>").count() == 1, "{}", mine.text);
    let (theirs, own) = (house.of(OWNER).await.remove(0).digest, house.of("vic").await.remove(0).digest);
    refused(&house.as_page(&vic, "POST", "/access/sessions/end", &format!("id={theirs}")).await, "owners_only");
    assert_eq!(house.as_page(&vic, "POST", "/access/sessions/end", &format!("id={own}")).await.status, 303);
    assert_eq!(house.raw("GET", "/api/projects", &[("cookie", &vic)], "").await.status, 401);
}

#[tokio::test]
async fn a_member_does_the_work_of_the_board_under_their_name() {
    let house = House::locked();
    let mia = house.person("mia", UserRole::Member).await;
    let made = house.as_page(&mia, "POST", "/api/projects", r#"{"name":"Site","slug":"site"}"#).await.ok(201);
    let project = super::id(&made["project"]);
    let task = json!({ "project_id": project, "title": "Paint", "status": "in_review", "requires_human_review": true });
    let task = super::id(&house.as_page(&mia, "POST", "/api/tasks", &task.to_string()).await.ok(201)["task"]);
    let said = house.as_page(&mia, "POST", "/fn/add_comment", &format!("task={task}&content=Nice")).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let comment = house.list::<Comment>(Range::children(Kind::Comment, &task, 9)).await.remove(0);
    let by = comment.by.unwrap();
    assert_eq!((comment.author.as_str(), by.is_human(), by.name.as_deref()), ("mia", true, Some("mia")));
    assert_eq!(by.id.as_deref(), Some(house.of("mia").await[0].digest.id8()));
    // What a person must look at, a member may finish.
    house.as_page(&mia, "PATCH", &format!("/api/tasks/{task}"), r#"{"status":"done"}"#).await.ok(200);
    // What costs money, and who may come in, is an owner's.
    let switch = format!("project={project}&on=true");
    refused(&house.as_page(&mia, "POST", "/fn/set_loop", &switch).await, "owners_spend");
    let on = r#"{"work_loop_enabled":true}"#;
    refused(&house.as_page(&mia, "PATCH", &format!("/api/projects/{project}"), on).await, "owners_spend");
    for (path, body) in [
        ("/access/tokens", "name=x&scope=admin&days="),
        ("/access/people", "name=x&role=owner&password=long+enough+password"),
        ("/access/people/role", "name=mia&role=owner"),
        ("/access/people/password", "name=owner&password=long+enough+password"),
        ("/access/people/remove", "name=owner"),
    ] {
        refused(&house.as_page(&mia, "POST", path, body).await, "owners_only");
    }
    // A page says who wrote it, to whomever: the owner is "You" to nobody else.
    let owner = house.session().await;
    house.as_page(&owner, "POST", "/fn/add_comment", &format!("task={task}&content=Thanks")).await;
    let page = house.raw("GET", &format!("/projects/site/board?task={task}"), &[HTML, ("cookie", &mia)], "").await;
    assert!(page.text.contains("Mia") && page.text.contains("Owner") && !page.text.contains(">You<"), "{}", page.text);
    // Words in a chat are under the name, and a command is theirs to give.
    let chat = house.as_page(&mia, "POST", "/api/chats", &json!({ "project_id": project }).to_string()).await.ok(201);
    let chat = super::id(&chat["chat"]);
    house.as_page(&mia, "POST", "/fn/send_message", &format!("chat={chat}&content=Hello")).await;
    let words = house.list::<Message>(Range::children(Kind::Message, &chat, 9)).await.remove(0);
    assert_eq!(words.author, "mia");
}

#[tokio::test]
async fn more_or_less_counts_at_once_and_ends_the_feed() {
    let house = House::locked();
    let mia = house.person("mia", UserRole::Member).await;
    let address = super::tab::listen(&house).await;
    let opens = || async { super::tab::connect(address, &[("cookie", &mia)], None).await.unwrap() };
    let makes = |slug: &str| {
        let body = json!({ "name": slug, "slug": slug }).to_string();
        let (house, mia) = (&house, &mia);
        async move { house.as_page(mia, "POST", "/api/projects", &body).await.status.as_u16() }
    };
    let mut tab = opens().await;
    assert_eq!(makes("one").await, 201);
    assert!(matches!(house.ask(Ask::Role { name: "mia".into(), role: UserRole::Viewer }).await, Told::Done { .. }));
    assert_eq!(makes("two").await, 403);
    assert_eq!(closed(&mut tab).await, 4401, "the next page shows what they may do now");
    let mut tab = opens().await;
    assert!(matches!(house.ask(Ask::RemoveUser { name: "mia".into() }).await, Told::Done { .. }));
    assert_eq!(makes("three").await, 401);
    assert_eq!(closed(&mut tab).await, 4401);
    assert_eq!(house.enter("mia", WORDS).await.status, 403);
    // Another password ends the sessions of whom it is given to, and no others.
    let (eve, owner) = (house.person("eve", UserRole::Owner).await, house.session().await);
    let changed = house.as_page(&owner, "POST", "/access/people/password", "name=eve&password=quite+another+one").await;
    assert_eq!(changed.status, 303, "{}", changed.text);
    let gets = |cookie: String| {
        let house = &house;
        async move { house.raw("GET", "/api/projects", &[("cookie", &cookie)], "").await.status.as_u16() }
    };
    assert_eq!((gets(eve).await, gets(owner).await), (401, 200));
    assert_eq!(house.enter("eve", WORDS).await.status, 403);
    assert_eq!(house.enter("Eve", "quite another one").await.status, 303);
}

async fn closed(tab: &mut super::tab::Tab) -> u16 {
    let ended = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match tab.socket.next().await {
                Some(Ok(tungstenite::Message::Close(Some(frame)))) => return u16::from(frame.code),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    ended.await.unwrap()
}

/// The form asks for a name where there is more than one, and nobody learns which names there are.
#[tokio::test]
async fn a_name_is_asked_for_where_others_may_log_in() {
    let house = House::locked();
    let form = async || house.raw("GET", "/login", &[HTML], "").await.text;
    assert!(!form().await.contains("<label for=\"username\">"));
    assert_eq!(
        house.enter("nobody", "correct horse battery").await.status,
        303,
        "there the password is all that counts"
    );
    house.person("mia", UserRole::Member).await;
    assert!(form().await.contains("<label for=\"username\">"));
    let mut answers = Vec::new();
    for (name, password) in
        [("mia", "correct horse battery"), ("owner", WORDS), ("nobody", WORDS), ("", WORDS), ("%3Cb%3E", WORDS)]
    {
        let reply = house.enter(name, password).await;
        assert_eq!(reply.status, 403, "{name}");
        assert!(!reply.text.contains("<b>"), "{}", reply.text);
        let alert = reply.text.split("role=\"alert\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
        answers.push(alert);
    }
    answers.dedup();
    assert_eq!(answers, ["This is not the name and its password. Try again."]);
    for (name, password) in [("OWNER", "correct horse battery"), ("dan", "correct horse battery"), ("Mia", WORDS)] {
        assert_eq!(house.enter(name, password).await.status, 303, "{name}");
    }
}

/// Whoever guesses at one account keeps nobody out of another.
#[tokio::test]
async fn tries_are_counted_for_each_account() {
    let house = House::locked();
    house.person("mia", UserRole::Member).await;
    let tries = |n: u32, name: &'static str, password: &'static str| {
        let house = &house;
        async move {
            let peer = format!("198.51.{}.{}:1", n / 200, n % 200);
            let body = format!("username={name}&password={}", password.replace(' ', "+"));
            let request = axum::http::Request::builder().method("POST").uri("/login").header("host", super::ADDRESS);
            let request = request.header(FORM.0, FORM.1).header(SAME.0, SAME.1).body(body.into()).unwrap();
            house.send(request, &peer).await.status.as_u16()
        }
    };
    let mut last = 0;
    for n in 0..75 {
        last = tries(n, "mia", "a wrong password").await;
    }
    assert_eq!(last, 429);
    assert_eq!(tries(300, "mia", WORDS).await, 429);
    assert_eq!(tries(301, "owner", "correct horse battery").await, 303);
    assert_eq!(tries(302, "nobody", "a wrong password").await, 403);
}

#[tokio::test]
async fn people_are_let_in_and_changed_on_the_page() {
    let house = House::locked();
    let owner = house.session().await;
    let press = |path: &'static str, body: &'static str| {
        let (house, owner) = (&house, &owner);
        async move { house.as_page(owner, "POST", path, body).await }
    };
    let add = "name=Mia&role=member&password=a+long+enough+password";
    assert_eq!(press("/access/people", add).await.status, 303);
    for (path, body, status, says) in [
        ("/access/people", add, 409, "has this name already"),
        ("/access/people", "name=a/b&role=member&password=a+long+enough+password", 400, "small letters"),
        ("/access/people", "name=ada&role=member&password=a+long+enough+password", 400, "small letters"),
        ("/access/people", "name=eve&role=boss&password=a+long+enough+password", 400, "not one of the choices"),
        ("/access/people", "name=eve&role=viewer&password=short", 400, "at least 10 characters"),
        ("/access/people/role", "name=owner&role=member", 409, "only owner"),
        ("/access/people/remove", "name=owner", 409, "only owner"),
    ] {
        let reply = press(path, body).await;
        assert!(reply.status == status && reply.text.contains(says), "{body}: {} {}", reply.status, reply.text);
        assert!(reply.text.contains("role=\"alert\""), "{}", reply.text);
    }
    assert_eq!(press("/access/people/role", "name=mia&role=owner").await.status, 303);
    assert_eq!(press("/access/people/remove", "name=nobody").await.status, 303, "who is gone is gone");
    let page = house.raw("GET", "/access", &[HTML, ("cookie", &owner)], "").await.text;
    let (_, lately) = page.split_once("<h2>Lately</h2>").unwrap();
    for says in ["owner", "let <b>mia</b> log in from now on (member)", "made <b>mia</b> owner"] {
        assert!(lately.contains(says), "{says}: {lately}");
    }
    // The owner of the settings may go, too, once there is another; nobody is left with what they cannot do.
    assert_eq!(press("/access/people/remove", "name=owner").await.status, 303);
    let left: Vec<Account> = house.list(users()).await;
    assert_eq!(left.iter().map(|user| (user.name.as_str(), user.role)).collect::<Vec<_>>(), [("mia", UserRole::Owner)]);
    assert_eq!(press("/access/people/remove", "name=mia").await.status, 401);
    assert!(!page.contains("$argon2id"), "{page}");
    let open = House::new();
    let cookie = open.cookie().await;
    assert_eq!(open.as_page(&cookie, "POST", "/access/people", add).await.status, 404, "where nobody logs in");
}
