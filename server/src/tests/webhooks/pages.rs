//! The pages of webhooks: plain forms, for owners.

use clutch_domain::{
    access::UserRole,
    rule::webhook::webhooks,
    webhook::{Delivery, Webhook},
};

use super::{Admin, URL, settles, site};
use crate::tests::{House, Reply, callers::SAME};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HTML: (&str, &str) = ("accept", "text/html");
const HOME: &str = "/projects/site/webhooks";

async fn look(house: &House, cookie: &str, path: &str) -> Reply {
    house.raw("GET", path, &[HTML, ("cookie", cookie)], "").await
}

async fn press(house: &House, cookie: &str, path: &str, body: &str) -> Reply {
    house.raw("POST", path, &[FORM, ("cookie", cookie), SAME], body.to_owned()).await
}

async fn hooks(house: &House) -> Vec<Webhook> {
    let project = house.office.project("site").await.unwrap().unwrap().id;
    house.list(webhooks(project)).await
}

#[tokio::test]
async fn a_person_makes_changes_tries_and_deletes_a_webhook_without_any_code() {
    let house = House::new();
    site(&house).await;
    let cookie = house.cookie().await;
    let empty = look(&house, &cookie, HOME).await;
    assert!(empty.status == 200 && empty.text.contains("There are none yet."), "{}", empty.text);
    assert!(empty.text.contains("value=\"all\" checked") && empty.text.contains("status_changed"), "{}", empty.text);
    let form = "url=https%3A%2F%2Fexample.com%2Fhook&description=%3Cb%3EChat&which=some&event=status_changed&event=comment_added&on=yes";
    let made = press(&house, &cookie, HOME, form).await;
    assert_eq!((made.status.as_u16(), &made.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    let hook = hooks(&house).await.remove(0);
    assert_eq!(hook.events, ["status_changed", "comment_added"]);
    let secret = house.state.webhook_keys.shown(hook.id, &hook.secret).unwrap();
    assert!(made.text.contains(&secret) && made.text.contains("&lt;b&gt;Chat") && !made.text.contains("<b>Chat"));
    let here = format!("{HOME}/{}", hook.id);
    for path in [HOME, &here] {
        let page = look(&house, &cookie, path).await;
        assert!(page.text.contains("https://example.com/hook") && !page.text.contains("whsec_"), "{}", page.text);
    }
    // On demand, and another one.
    assert!(press(&house, &cookie, &format!("{here}/secret"), "").await.text.contains(&secret));
    let rotated = press(&house, &cookie, &format!("{here}/rotate"), "").await.text;
    assert!(
        rotated.contains("whsec_") && !rotated.contains(&secret) && rotated.contains("signs too until"),
        "{rotated}"
    );
    let changed =
        press(&house, &cookie, &here, "url=https%3A%2F%2Fexample.com%2Fother&description=&which=all&on=yes").await;
    assert_eq!(
        (changed.status.as_u16(), &changed.headers["location"]),
        (303, &format!("{here}?done=changed").parse().unwrap())
    );
    assert!(look(&house, &cookie, &format!("{here}?done=changed")).await.text.contains("Saved."));
    assert!(hooks(&house).await[0].events.is_empty());

    assert_eq!(press(&house, &cookie, &format!("{here}/test"), "").await.status, 303);
    let told = house
        .list::<Delivery>(clutch_domain::range::Range::children(clutch_domain::doc::Kind::Delivery, hook.id, 9))
        .await;
    settles(&house, &told[0].id.to_string(), 500).await;
    let page = look(&house, &cookie, &here).await.text;
    for says in ["webhook_tested", "It answered 500.", "&lt;b&gt;no&lt;/b&gt;", "12 ms", "sent again", "Send now"] {
        assert!(page.contains(says), "{says} is missing: {page}");
    }
    assert_eq!(press(&house, &cookie, &format!("{here}/deliveries/{}", told[0].id), "").await.status, 303);
    // Off it offers nothing that it would refuse.
    press(&house, &cookie, &here, "url=https%3A%2F%2Fexample.com%2Fother&which=all").await;
    let page = look(&house, &cookie, &here).await.text;
    assert!(!page.contains("Send a test") && !page.contains("Send now"), "{page}");
    let refused = press(&house, &cookie, &format!("{here}/test"), "").await;
    assert!(refused.status == 409 && refused.text.contains("Switch it on first"), "{}", refused.text);
    let gone = press(&house, &cookie, &format!("{here}/delete"), "").await;
    assert_eq!(gone.headers["location"], format!("{HOME}?done=deleted"));
    assert!(look(&house, &cookie, HOME).await.text.contains("There are none yet."));
    assert_eq!(look(&house, &cookie, &here).await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_what_was_typed_stays() {
    let house = House::new();
    site(&house).await;
    let cookie = house.cookie().await;
    for (form, says) in [
        ("url=nonsense&which=all&on=yes", "begins with https://"),
        ("url=https%3A%2F%2Finside.example%2F&which=all", "CLUTCH_WEBHOOKS_PRIVATE"),
        ("url=https%3A%2F%2Fnowhere.example%2F&which=all", "No address was found"),
        ("url=https%3A%2F%2Fexample.com%2F&which=some", "at least one"),
        ("url=https%3A%2F%2Fexample.com%2F&which=some&event=nonsense", "at least one"),
    ] {
        let reply = press(&house, &cookie, HOME, form).await;
        assert!(reply.status == 400 && reply.text.contains(says), "{form}: {} {}", reply.status, reply.text);
        assert!(reply.text.contains("role=\"alert\""));
    }
    let reply = press(&house, &cookie, HOME, "url=x%22%3E&description=mine&which=some&event=loop_paused").await;
    for kept in ["value=\"x&quot;&gt;\"", "value=\"mine\"", "value=\"loop_paused\" checked", "value=\"some\" checked"] {
        assert!(reply.text.contains(kept), "{kept}: {}", reply.text);
    }
    assert!(hooks(&house).await.is_empty());
}

#[tokio::test]
async fn the_log_has_pages() {
    let house = House::new();
    site(&house).await;
    let admin = Admin::of(&house).await;
    let (hook, _) = admin.makes(serde_json::json!({})).await;
    for _ in 0..65 {
        admin.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), serde_json::json!({})).await.ok(202);
    }
    let cookie = house.cookie().await;
    let (mut path, mut seen) = (format!("{HOME}/{hook}"), 0);
    loop {
        let page = look(&house, &cookie, &path).await.text;
        seen += page.matches("<li>").count();
        let Some(next) = page.split("rel=\"next\" href=\"").nth(1) else { break };
        path = next.split('"').next().unwrap().split('#').next().unwrap().to_owned();
    }
    assert_eq!(seen, 65);
}

/// Where people log in: owners, and nobody else.
#[tokio::test]
async fn members_and_viewers_may_not_see_what_leaves_the_house() {
    let house = House::locked();
    let owner = house.session().await;
    house.as_page(&owner, "POST", "/api/projects", r#"{"name":"Site","slug":"site"}"#).await.ok(201);
    let made = press(&house, &owner, HOME, "url=https%3A%2F%2Fchat.example%2Fsecret-path&which=all&on=yes").await;
    assert_eq!(made.status, 200, "{}", made.text);
    let here = format!("{HOME}/{}", hooks(&house).await[0].id);
    assert!(look(&house, &owner, &here).await.text.contains("secret-path"));
    for role in [UserRole::Member, UserRole::Viewer] {
        let cookie = house.person(role.word(), role).await;
        for path in [HOME, &here] {
            let page = look(&house, &cookie, path).await;
            assert!(page.status == 403 && !page.text.contains("secret-path"), "{role:?} {path}: {}", page.text);
        }
        for path in ["", "/test", "/secret", "/rotate", "/delete"] {
            let reply = press(&house, &cookie, &format!("{here}{path}"), "url=https%3A%2F%2Fx.example&which=all").await;
            assert!(reply.status == 403 && !reply.text.contains("whsec_"), "{role:?} {path}: {}", reply.text);
        }
    }
    // A program on this machine without a token is nobody's owner either.
    assert_eq!(house.raw("POST", &format!("{here}/secret"), &[], "").await.status, 401);
    assert_eq!(hooks(&house).await.len(), 1);
    assert_eq!(URL.split('/').nth(2), Some("chat.example"));
}

/// A webhook is found below its own project only.
#[tokio::test]
async fn addresses_of_other_projects_lead_nowhere() {
    let house = House::new();
    site(&house).await;
    house.project("other").await;
    let cookie = house.cookie().await;
    press(&house, &cookie, HOME, "url=https%3A%2F%2Fexample.com%2F&which=all&on=yes").await;
    let hook = hooks(&house).await.remove(0).id;
    for path in [format!("/projects/other/webhooks/{hook}"), format!("{HOME}/x"), "/projects/none/webhooks".into()] {
        assert_eq!(look(&house, &cookie, &path).await.status, 404, "{path}");
    }
    assert_eq!(press(&house, &cookie, &format!("/projects/other/webhooks/{hook}/delete"), "").await.status, 404);
    // The page of who may come in leads there.
    let access = look(&house, &cookie, "/access").await.text;
    assert!(
        access.contains("href=\"/projects/site/webhooks\"") && access.contains("href=\"/projects/other/webhooks\"")
    );
}
