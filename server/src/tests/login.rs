//! Log-in: who comes in, who is led to it, what stays open, and how it ends.

use std::time::Duration;

use axum::{body::Body, http::Request};
use clutch_app::model::wire::Up;
use clutch_domain::{
    access::{Account, BrowserSession, TokenScope},
    activity::Activity,
    actor::OWNER,
    doc::{Kind, Scope},
    query::Query,
    range::{Fetch, Range},
    rule::login::sessions,
    time::Millis,
};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use super::{ADDRESS, BEGIN, House, NOBODY, Reply, callers::SAME};
use crate::{
    http::{
        door::{Door, Guarded},
        scopes::PLUGIN_ROUTES,
    },
    owner::{self, Ask, Told},
};

const PASSWORD: &str = "correct horse battery";
const FAR: &str = "203.0.113.5:4711";
const HERE: &str = "127.0.0.1:5000";
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn door(proxies: &[&str]) -> Door {
    let proxies = proxies.iter().map(|p| p.parse().unwrap()).collect();
    Door::guarded(ADDRESS.parse().unwrap(), Guarded { names: vec!["board.example".into()], proxies })
}

impl House {
    /// One where people log in.
    pub fn locked() -> Self {
        Self::with_door(PASSWORD, door(&[]))
    }

    async fn from(&self, peer: &str, method: &str, path: &str, headers: Pairs<'_>, body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", ADDRESS);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap(), peer).await
    }

    async fn log_in(&self, peer: &str, password: &str, next: &str, headers: Pairs<'_>) -> Reply {
        let body = format!("username=dan&password={}&next={next}", password.replace(' ', "+"));
        let form = [("content-type", "application/x-www-form-urlencoded"), SAME];
        self.from(peer, "POST", "/login", &[&form, headers].concat(), &body).await
    }

    /// The cookie of a browser that has logged in.
    pub async fn session(&self) -> String {
        let reply = self.log_in(FAR, PASSWORD, "/", &[]).await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        cookie(&reply)
    }

    async fn sessions(&self) -> Vec<BrowserSession> {
        self.list(sessions()).await
    }
}

#[track_caller]
fn cookie(reply: &Reply) -> String {
    let line = reply.headers.get("set-cookie").unwrap_or_else(|| panic!("no cookie: {} {}", reply.status, reply.text));
    line.to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn who_has_no_session_is_led_to_log_in_or_told() {
    let house = House::locked();
    let page = ("accept", "text/html,*/*");
    for peer in [FAR, HERE] {
        for (path, to) in [
            ("/", "/login"),
            ("/projects/site/board?task=T-1", "/login?next=/projects/site/board%3Ftask%3DT-1"),
            ("/nowhere", "/login?next=/nowhere"),
            ("/uploads/images/x.png", "/login?next=/uploads/images/x.png"),
        ] {
            let reply = house.from(peer, "GET", path, &[page], "").await;
            assert_eq!((reply.status.as_u16(), reply.headers["location"].to_str().unwrap()), (303, to), "{path}");
            assert!(!reply.headers.contains_key("set-cookie"), "a page view makes no session");
        }
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/api/projects"),
            ("POST", "/api/projects"),
            ("PATCH", "/api/tasks/T-1"),
            ("POST", "/api/upload/image"),
            ("GET", "/uploads/images/x.png"),
            ("GET", "/words/comment/x"),
            ("GET", "/live"),
            ("GET", "/t/1"),
            ("POST", "/logout"),
            ("GET", "/api/nowhere"),
        ] {
            let reply = house.from(peer, method, path, &[], "{}").await;
            reply.fails_with(401, "login_required");
            assert!(reply.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{path}");
            assert!(reply.text.contains("clutch token create"), "{}", reply.text);
        }
        // A page's own functions are told in the shape that pages know.
        for path in ["/fn/home", "/fn/move_task", "/fn/no/such"] {
            let reply = house.from(peer, "POST", path, &[("accept", "application/json")], "").await;
            let shape: clutch_app::error::AppError = serde_json::from_str(&reply.text).unwrap();
            assert_eq!((reply.status.as_u16(), shape.code.as_str()), (401, "login_required"));
            assert!(shape.sentence.contains("Reload"), "{}", shape.sentence);
        }
        // Whether the server is well, and no more than that.
        let health = house.from(peer, "GET", "/health", &[], "").await.ok(200);
        assert_eq!(super::keys(&health), ["status"]);
    }
}

#[tokio::test]
async fn the_password_lets_in_and_nothing_else_does() {
    let house = House::locked();
    for wrong in ["", "correct horse", "correct horse battery ", "Correct Horse Battery", &"x".repeat(5_000)] {
        let reply = house.log_in(FAR, wrong, "/", &[]).await;
        assert_eq!(reply.status, 403, "{wrong}");
        assert!(!reply.headers.contains_key("set-cookie"));
        assert!(
            reply.text.contains("This is not the password") && reply.text.contains("role=\"alert\""),
            "{}",
            reply.text
        );
    }
    assert!(house.sessions().await.is_empty());
    let reply =
        house.log_in(FAR, PASSWORD, "/projects/site/board?task=T-1", &[("user-agent", "X Firefox/1 Linux")]).await;
    let header = reply.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(header.contains("; HttpOnly; SameSite=Lax") && !header.contains("Secure"), "{header}");
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["location"]),
        (303, &"/projects/site/board?task=T-1".parse().unwrap())
    );
    let known = house.sessions().await;
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].browser.as_str(), known[0].from.as_str()), ("Firefox on Linux", "203.0.113.5"));
    let cookie = cookie(&reply);
    assert!(!cookie.contains(known[0].digest.as_str()), "who reads the store has no cookie");
    let mine = ("cookie", cookie.as_str());
    let page = house.from(FAR, "GET", "/", &[mine, ("accept", "text/html")], "").await;
    assert_eq!((page.status.as_u16(), page.headers.contains_key("set-cookie")), (200, false));
    let made = house
        .from(
            FAR,
            "POST",
            "/api/projects",
            &[mine, SAME, ("content-type", "application/json")],
            "{\"name\":\"Site\",\"slug\":\"site\"}",
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let line = &house.project_log(&super::id(&made.json()["project"])).await[0];
    assert_eq!((line.actor.is_human(), line.actor.id.as_deref()), (true, Some(known[0].digest.id8())));
    assert!(super::keys(&house.from(FAR, "GET", "/health", &[mine], "").await.ok(200)).contains(&"version"));
    // Without the browser's word that a page of ours asks, nothing is changed.
    house.from(FAR, "POST", "/api/projects", &[mine], "{}").await.fails_with(403, "not_from_our_page");
    // One that is logged in is not asked again.
    let again = house.from(FAR, "GET", "/login?next=/projects/site/board", &[mine], "").await;
    assert_eq!((again.status.as_u16(), &again.headers["location"]), (303, &"/projects/site/board".parse().unwrap()));
}

#[tokio::test]
async fn a_log_in_that_another_page_sends_is_refused() {
    let house = House::locked();
    let body = format!("password={}", PASSWORD.replace(' ', "+"));
    for (headers, code) in [
        (&[][..], "not_from_our_page"),
        (&[("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")], "foreign_origin"),
        (&[("origin", "null")], "foreign_origin"),
        (&[("sec-fetch-site", "none")], "not_from_our_page"),
    ] {
        house.from(FAR, "POST", "/login", headers, &body).await.fails_with(403, code);
    }
    assert!(house.sessions().await.is_empty());
}

/// The page works with nothing of ours but itself.
#[tokio::test]
async fn the_form_is_a_plain_page() {
    let house = House::locked();
    let page = house.from(FAR, "GET", "/login?next=%2Fa%22%3E%3Cscript%3E", &[("accept", "text/html")], "").await;
    assert_eq!(page.status, 200);
    for part in [
        "<form method=\"post\" action=\"/login\">",
        "autocomplete=\"current-password\"",
        "autocomplete=\"username\"",
        "<label for=\"password\">",
        "prefers-color-scheme: dark",
        "value=\"/a&quot;&gt;&lt;script&gt;\"",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(!page.text.contains("<script"), "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers["cache-control"], "no-store");
    let open = House::new();
    assert_eq!(open.get("/login").await.status, 404, "where nobody logs in there is no such page");
}

#[tokio::test]
async fn a_session_ends_by_logging_out_by_the_owner_by_time_and_by_another_password() {
    let house = House::locked();
    let opens = |cookie: String| {
        let house = &house;
        async move { house.from(FAR, "GET", "/api/projects", &[("cookie", &cookie)], "").await.status == 200 }
    };
    let (first, second) = (house.session().await, house.session().await);
    assert!(opens(first.clone()).await && opens(second.clone()).await);
    let asked = house.from(FAR, "GET", "/logout", &[("cookie", &first), ("accept", "text/html")], "").await;
    assert!(asked.status == 200 && asked.text.contains("action=\"/logout\""), "{}", asked.text);
    assert!(opens(first.clone()).await, "to be asked ends nothing");
    let out = house.from(FAR, "POST", "/logout", &[("cookie", &first), SAME], "").await;
    assert_eq!((out.status.as_u16(), &out.headers["location"]), (303, &"/login".parse().unwrap()));
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert!(!opens(first).await && opens(second.clone()).await);
    // By whoever has the data folder.
    let id = house.sessions().await[0].digest.id8().to_owned();
    assert!(matches!(owner::answer(&house.office, Ask::End { which: id.clone() }).await, Told::Ended { .. }));
    assert!(matches!(owner::answer(&house.office, Ask::End { which: id }).await, Told::No { .. }));
    assert!(!opens(second).await);
    // By time, which begins anew while the browser comes.
    let third = house.session().await;
    let day = 24 * 3_600_000;
    house.clock.set(Millis(BEGIN + 29 * day));
    assert!(opens(third.clone()).await);
    house.state.logins.as_ref().unwrap().write_down().await;
    house.clock.set(Millis(BEGIN + 58 * day));
    assert!(opens(third.clone()).await);
    house.clock.set(Millis(BEGIN + 99 * day));
    assert!(!opens(third).await);
    // By another password.
    let fourth = house.session().await;
    let logins =
        |password| crate::http::login::Logins::new(house.office.clone(), crate::settings::Secret::of(password));
    logins(PASSWORD).settled().await.unwrap();
    assert!(opens(fourth.clone()).await, "the same password again ends nothing");
    logins("quite another one").settled().await.unwrap();
    assert!(!opens(fourth).await && house.sessions().await.is_empty());
}

#[tokio::test]
async fn guessing_is_slow_for_each_address_and_for_all() {
    let house = House::locked();
    let guess = |peer: String| {
        let house = &house;
        async move { house.log_in(&peer, "a wrong password", "/", &[]).await }
    };
    let mut last = None;
    for _ in 0..11 {
        last = Some(guess(FAR.into()).await);
    }
    let last = last.unwrap();
    assert_eq!(last.status, 429);
    assert!(last.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 31);
    assert!(last.text.contains("too many tries"), "{}", last.text);
    // The right password does not help whoever guesses, nor others of the same network.
    assert_eq!(house.log_in(FAR, PASSWORD, "/", &[]).await.status, 429);
    // Others are not kept out by that.
    let other = house.log_in("198.51.100.7:1", PASSWORD, "/", &[]).await;
    assert_eq!(other.status, 303, "{}", other.text);
    let mut refused = 0;
    for n in 0..70 {
        refused += u32::from(guess(format!("198.51.100.{}:1", n + 10)).await.status == 429);
    }
    assert!(refused >= 5, "all addresses together are counted too: {refused}");
    let here = house.log_in(HERE, PASSWORD, "/", &[]).await;
    assert_eq!(here.status, 303, "the owner comes in from this machine all the same: {}", here.text);
}

/// What unchanged programs meet (docs/access.md): plugins on this machine go on, everybody else brings a token.
#[tokio::test]
async fn plugins_on_this_machine_stay_open_and_nobody_else() {
    let house = House::locked();
    let forged: &[(&str, Pairs<'_>)] = &[
        (FAR, &[]),
        (FAR, &[("x-forwarded-for", "127.0.0.1")]),
        (HERE, &[("x-forwarded-for", "127.0.0.1")]),
        (HERE, &[("x-real-ip", "127.0.0.1")]),
        (HERE, &[("forwarded", "for=127.0.0.1")]),
        (HERE, &[("host", "board.example")]),
        (HERE, &[("host", "192.0.2.9:3002")]),
    ];
    for (method, pattern) in PLUGIN_ROUTES {
        let path = pattern.replace('*', NOBODY);
        for gateways in [&[][..], &[("authorization", "Bearer the-gateways-own")]] {
            let reply = house.from(HERE, method.as_str(), &path, gateways, "{}").await;
            assert_ne!(reply.status, 401, "{method} {path}: {}", reply.text);
        }
        for (peer, headers) in forged {
            house.from(peer, method.as_str(), &path, headers, "{}").await.fails_with(401, "login_required");
        }
    }
    let (secret, _) = house.token("gate", TokenScope::Read, None).await;
    let bearer = format!("Bearer {secret}");
    let token = [("authorization", bearer.as_str())];
    assert_eq!(
        house.from(FAR, "GET", "/api/projects", &token, "").await.status,
        200,
        "a token is enough, from anywhere"
    );
    house.from(FAR, "POST", "/api/projects", &token, "{}").await.fails_with(403, "scope_too_small");
    let unknown = format!("Bearer clutch_{}", "0".repeat(64));
    let reply = house.from(FAR, "GET", "/api/projects", &[("authorization", &unknown)], "").await;
    reply.fails_with(401, "token_unknown");
}

#[tokio::test]
async fn behind_a_proxy_that_is_believed() {
    let house = House::with_door(PASSWORD, door(&["127.0.0.1"]));
    let proxied: Pairs<'_> =
        &[("host", "board.example"), ("x-forwarded-for", "127.0.0.1, 203.0.113.5"), ("x-forwarded-proto", "https")];
    let reply = house.log_in(HERE, PASSWORD, "/", proxied).await;
    let header = reply.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(header.starts_with("__Host-clutch-") && header.ends_with("; Secure"), "{header}");
    assert!(reply.headers["strict-transport-security"].to_str().unwrap().starts_with("max-age="));
    assert_eq!(house.sessions().await[0].from, "203.0.113.5");
    let cookie = cookie(&reply);
    let mine = [proxied, &[("cookie", cookie.as_str())]].concat();
    assert_eq!(house.from(HERE, "GET", "/api/projects", &mine, "").await.status, 200);
    // The same cookie, unencrypted.
    let plain = house.from(HERE, "GET", "/api/projects", &[("cookie", &cookie)], "").await;
    plain.fails_with(401, "login_required");
    assert!(!plain.headers.contains_key("strict-transport-security"));
    house.from(HERE, "POST", "/api/signal", proxied, "{}").await.fails_with(401, "login_required");
    // The door still holds off names that are not ours, and says what to set.
    for host in ["evil.example", "board.example.evil.example", ""] {
        let reply = house.from(HERE, "GET", "/login", &[("host", host)], "").await;
        reply.fails_with(403, "wrong_host");
        assert!(reply.text.contains("CLUTCH_ALLOWED_HOSTS"), "{}", reply.text);
        let page = house.from(HERE, "GET", "/", &[("host", host), ("accept", "text/html")], "").await;
        assert!(page.status == 403 && page.text.contains("CLUTCH_ALLOWED_HOSTS"), "{}", page.text);
    }
}

#[tokio::test]
async fn the_store_has_no_password_and_no_cookie_and_the_log_says_who_came() {
    let house = House::locked();
    let cookie = house.session().await;
    let id = cookie.split_once('=').unwrap().1.split_once('.').unwrap().0.to_owned();
    house.from(FAR, "POST", "/logout", &[("cookie", &cookie), SAME], "").await;
    let everything = Kind::ALL.iter().map(|kind| Range::All { kind: *kind, after: None, limit: 1_000 }).collect();
    let read = house.office.read(&Fetch { scopes: vec![], ranges: everything }).await.unwrap();
    for doc in read.value.docs() {
        let text = serde_json::to_string(&doc.body).unwrap();
        assert!(!text.contains(PASSWORD) && !text.contains(&id), "{text}");
        assert!(!format!("{doc:?}").contains("$argon2id"), "a hash is not for logs");
    }
    let account = house.office.get::<Account>(OWNER).await.unwrap().unwrap();
    assert!(account.password.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let newest = Range::Newest { kind: Kind::Activity, scope: Scope::Installation, before: None, limit: 9 };
    let lines: Vec<Activity> = house.list(newest).await;
    let says: Vec<(&str, Option<&str>)> = lines.iter().map(|l| (l.what.as_str(), l.actor.name.as_deref())).collect();
    assert_eq!(says, [("logged_out", Some("dan")), ("logged_in", Some("door")), ("password_set", Some("door"))]);
    let told = owner::answer(&house.office, Ask::Sessions).await;
    assert!(matches!(&told, Told::Sessions { sessions } if sessions.is_empty()), "{told:?}");
}

/// A tab that is open does not outlive its session by more than a ping.
#[tokio::test]
async fn a_live_feed_ends_with_its_session() {
    let house = House::locked();
    let cookie = house.session().await;
    let address = super::tab::listen(&house).await;
    let mut tab = super::tab::connect(address, &[("cookie", &cookie)], None).await.unwrap();
    let id = house.sessions().await[0].digest.to_string();
    assert!(matches!(owner::answer(&house.office, Ask::End { which: id }).await, Told::Ended { .. }));
    assert_eq!(ended(&mut tab, |_| true).await, 4401);
    drop(tab);
    tokio::time::timeout(super::tab::PATIENCE, house.state.tabs.empty()).await.unwrap();
    // Whoever opens one again hears that and nothing else. A browser would not see why it was refused.
    let open = |headers: Vec<(&'static str, String)>| async move {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        super::tab::connect(address, &headers, None).await
    };
    let origin = ("origin", format!("http://{address}"));
    for headers in [vec![("cookie", cookie.clone()), origin.clone()], vec![origin.clone()]] {
        let mut tab = open(headers).await.unwrap();
        assert_eq!(house.state.tabs.open(), 1, "it takes a place while it is there");
        let board = serde_json::to_string(&Up::Open { sub: 1, query: Query::Home, version: None }).unwrap();
        tab.socket.send(Message::text(board)).await.unwrap();
        assert_eq!(ended(&mut tab, |_| false).await, 4401);
        drop(tab);
        tokio::time::timeout(super::tab::PATIENCE, house.state.tabs.empty()).await.unwrap();
    }
    // Programs see their status.
    for headers in [vec![("cookie", cookie.clone())], vec![]] {
        let refused = open(headers).await.err().unwrap();
        assert!(refused.to_string().contains("401"), "{refused}");
    }
    // So many a tab of ours does not ask for.
    let mut told = 0;
    while told < 2_000 && open(vec![origin.clone()]).await.is_ok() {
        told += 1;
    }
    assert!(told < 2_000, "they are counted as others whom nobody knows");
}

/// The code with which the server closes a tab; frames before that must be such.
async fn ended(tab: &mut super::tab::Tab, may_say: impl Fn(&str) -> bool) -> u16 {
    let ended = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match tab.socket.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return u16::from(frame.code),
                Some(Ok(Message::Text(text))) if !may_say(&text) => panic!("{text}"),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    ended.await.unwrap()
}

#[tokio::test]
async fn who_knocks_without_end_is_told_to_wait_and_keeps_nobody_out() {
    let house = House::locked();
    let mine = house.session().await;
    let mut last = house.from(FAR, "GET", "/api/projects", &[], "").await;
    for _ in 0..5_000 {
        if last.status != 401 {
            break;
        }
        last = house.from(FAR, "GET", "/api/projects", &[], "").await;
    }
    last.fails_with(429, "too_many_requests");
    let same_house = house.from(FAR, "GET", "/api/projects", &[("cookie", &mine)], "").await;
    assert_eq!(same_house.status, 200, "who is logged in is counted by the session");
    house.from("198.51.100.7:1", "GET", "/api/projects", &[], "").await.fails_with(401, "login_required");
}
