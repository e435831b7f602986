//! The page of whoever has logged in: their own password, their own browsers.

use clutch_domain::{
    access::{BrowserSession, TokenScope, UserRole},
    activity::Activity,
    actor::OWNER,
    doc::{Kind, Scope},
    range::Range,
    rule::login::sessions,
};

use super::{House, Reply, callers::SAME, people::WORDS};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HTML: (&str, &str) = ("accept", "text/html");
const NEW: &str = "quite another password";

impl House {
    async fn account(&self, cookie: &str) -> Reply {
        self.raw("GET", "/account", &[HTML, ("cookie", cookie)], "").await
    }

    async fn change(&self, cookie: &str, current: &str, new: &str) -> Reply {
        let body = format!("current={}&new={}", current.replace(' ', "+"), new.replace(' ', "+"));
        self.raw("POST", "/account/password", &[FORM, HTML, SAME, ("cookie", cookie)], body).await
    }
}

/// What the page says is the matter, and which field has the mark and the focus.
fn wrong(reply: &Reply) -> (u16, &str, Option<&str>) {
    let said = reply.text.split("role=\"alert\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
    let field = reply.text.split("<input ").find(|field| field.contains("aria-describedby=\"wrong\""));
    if let Some(field) = field {
        assert!(field.contains("autofocus") && reply.text.contains("id=\"wrong\""), "{}", reply.text);
    }
    (reply.status.as_u16(), said, field.and_then(|field| field.split('"').nth(1)))
}

#[tokio::test]
async fn whoever_knows_their_password_changes_it_and_keeps_this_browser_only() {
    let house = House::locked();
    let owner = house.session().await;
    for (name, role) in [("vic", UserRole::Viewer), ("mia", UserRole::Member), ("eve", UserRole::Owner)] {
        let mine = house.person(name, role).await;
        let other = house.enter(name, WORDS).await;
        assert_eq!(other.status, 303, "{}", other.text);
        let page = house.account(&mine).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains(&format!("You are {name}")) && !page.text.contains("<script"), "{}", page.text);
        assert_eq!(page.text.matches("<li>").count(), 2, "their own browsers only: {}", page.text);

        assert_eq!(
            wrong(&house.change(&mine, "a wrong password", NEW).await),
            (403, "This is not your password. Nothing was changed; try again.", Some("current"))
        );
        let short = "A password has at least 10 characters, and at most a kilobyte.";
        for (new, says) in [("too short", short), ("", short), (&*"x".repeat(1_025), short)] {
            assert_eq!(wrong(&house.change(&mine, WORDS, new).await), (400, says, Some("new")), "{}", new.len());
        }
        assert_eq!(house.of(name).await.len(), 2, "nothing was changed");

        let changed = house.change(&mine, WORDS, NEW).await;
        assert_eq!(wrong(&changed), (200, "", None), "{}", changed.text);
        assert!(changed.text.contains("Your one other browser was logged out."), "{}", changed.text);
        let left = house.of(name).await;
        assert_eq!(left.len(), 1);
        assert!(changed.text.contains(left[0].digest.id8()) && changed.text.contains("(this one)"), "{}", changed.text);
        assert_eq!(house.account(&mine).await.status, 200, "this browser stays");
        assert_eq!(
            (house.enter(name, WORDS).await.status.as_u16(), house.enter(name, NEW).await.status.as_u16()),
            (403, 303)
        );
        assert!(!changed.text.contains(NEW) && !changed.text.contains(WORDS), "{}", changed.text);
    }
    assert_eq!(house.account(&owner).await.status, 200, "nobody else's browsers ended");
    let newest = Range::Newest { kind: Kind::Activity, scope: Scope::Installation, before: None, limit: 50 };
    let lines: Vec<Activity> = house.list(newest).await;
    let own = lines.iter().filter(|line| line.what == "own_password");
    let who: Vec<_> = own.map(|line| (line.actor.name.as_deref(), line.data["sessions"].as_str())).collect();
    assert_eq!(who, [(Some("eve"), "1"), (Some("mia"), "1"), (Some("vic"), "1")]);
    house.state.logins.as_ref().unwrap().write_down().await;
    let audit = house.raw("GET", "/audit", &[HTML, ("cookie", &owner)], "").await.text;
    for says in
        ["set another password of their own, which ended 1 of their other sessions", "refused 2 log-ins as <b>vic</b>"]
    {
        assert!(audit.contains(says), "{says}: {audit}");
    }
}

/// Whoever sits at a browser that somebody left open guesses no faster than at the door.
#[tokio::test]
async fn guesses_at_ones_own_password_are_counted_as_those_at_the_door() {
    let house = House::locked();
    let mia = house.person("mia", UserRole::Member).await;
    for _ in 0..10 {
        assert_eq!(house.change(&mia, "a wrong password", NEW).await.status, 403);
    }
    let reply = house.change(&mia, WORDS, NEW).await;
    let (status, says, field) = wrong(&reply);
    assert_eq!((status, field), (429, Some("current")));
    assert!(says.starts_with("There were too many tries. Wait "), "{says}");
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(house.enter("mia", WORDS).await.status, 429, "one count for both");
    assert_eq!(house.account(&mia).await.status, 200);
}

#[tokio::test]
async fn the_first_owners_password_is_said_to_be_in_the_settings() {
    let house = House::locked();
    let owner = house.session().await;
    let page = house.account(&owner).await.text;
    assert!(page.contains("CLUTCH_PASSWORD") && page.contains(".env.local"), "{page}");
    assert!(!page.contains("name=\"current\"") && page.contains("(this one)"), "{page}");
    let reply = house.change(&owner, "correct horse battery", NEW).await;
    assert!(reply.status == 409 && reply.text.contains("CLUTCH_PASSWORD"), "{}", reply.text);
    let list = house.raw("GET", "/access", &[HTML, ("cookie", &owner)], "").await.text;
    assert!(!list.contains("id=\"password-owner\"") && list.contains("CLUTCH_PASSWORD"), "{list}");
    let theirs = "name=owner&password=quite+another+password";
    let headers = [FORM, HTML, SAME, ("cookie", owner.as_str())];
    let reply = house.raw("POST", "/access/people/password", &headers, theirs).await;
    assert!(reply.status == 409 && reply.text.contains("CLUTCH_PASSWORD"), "{}", reply.text);
    assert_eq!(house.account(&owner).await.status, 200, "no session ended");
}

#[tokio::test]
async fn ones_own_browsers_are_ended_there_and_nobody_elses() {
    let house = House::locked();
    let vic = house.person("vic", UserRole::Viewer).await;
    let this = house.of("vic").await.remove(0).digest;
    house.enter("vic", WORDS).await;
    let other = house.of("vic").await.into_iter().find(|session| session.digest != this).unwrap().digest;
    let end = async |id: String| {
        let headers = [FORM, ("accept", "application/json"), SAME, ("cookie", vic.as_str())];
        house.raw("POST", "/account/sessions/end", &headers, format!("id={id}")).await
    };
    let gone = end(other.to_string()).await;
    assert_eq!((gone.status.as_u16(), gone.headers["location"].to_str().unwrap()), (303, "/account"));
    assert_eq!(end(other.to_string()).await.status, 303, "what is gone is gone");
    let owners = house.of(OWNER).await.remove(0).digest;
    end(owners.to_string()).await.fails_with(403, "owners_only");
    let left: Vec<BrowserSession> = house.list(sessions()).await;
    assert_eq!(left.len(), 2);
    assert_eq!(end(this.to_string()).await.status, 303);
    assert_eq!(house.account(&vic).await.status, 303, "led to log-in");
}

#[tokio::test]
async fn it_is_a_page_for_people_and_only_where_they_log_in() {
    let house = House::locked();
    let (admin, _) = house.token("admin", TokenScope::Admin, None).await;
    let bearer = format!("Bearer {admin}");
    let token = ("authorization", bearer.as_str());
    house.raw("GET", "/account", &[token], "").await.fails_with(403, "humans_only");
    let body = "current=a+long+enough+password&new=quite+another+password";
    house.raw("POST", "/account/password", &[FORM, token], body).await.fails_with(403, "humans_only");
    let mia = house.person("mia", UserRole::Member).await;
    let elsewhere = [FORM, ("cookie", mia.as_str())];
    house.raw("POST", "/account/password", &elsewhere, body).await.fails_with(403, "not_from_our_page");
    // Where nobody logs in it is not there, as log-in itself is not.
    let open = House::new();
    let cookie = open.cookie().await;
    for (method, path) in [("GET", "/account"), ("POST", "/account/password"), ("POST", "/account/sessions/end")] {
        let (page, door) = (
            open.raw(method, path, &[FORM, SAME, ("cookie", &cookie)], "").await,
            open.raw(method, "/login", &[FORM, SAME, ("cookie", &cookie)], "").await,
        );
        assert_eq!((page.status.as_u16(), page.status), (404, door.status), "{method} {path}");
    }
}
