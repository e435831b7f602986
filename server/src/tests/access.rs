//! The page of tokens and sessions: plain forms, for whoever may.

use clutch_domain::{
    access::{BrowserSession, Standing, Token, TokenScope},
    rule::{access::tokens, login::sessions},
};

use super::{House, Reply, callers::SAME};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

impl House {
    async fn press(&self, cookie: &str, path: &str, body: &str) -> Reply {
        self.raw("POST", path, &[FORM, ("cookie", cookie), SAME], body.to_owned()).await
    }
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_taken_back_without_any_code() {
    let house = House::new();
    let cookie = house.cookie().await;
    let page = house.raw("GET", "/access", &[("accept", "text/html"), ("cookie", &cookie)], "").await;
    assert!(page.status == 200 && page.text.contains("There are none yet."), "{}", page.text);
    let made = house.press(&cookie, "/access/tokens", "name=%3Cb%3ECI+%26+co&scope=read&days=7").await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert!(made.text.contains("&lt;b&gt;CI &amp; co"), "{}", made.text);
    let at = made.text.find("clutch_").unwrap();
    let secret = &made.text[at..at + "clutch_".len() + 64];
    assert_eq!(made.headers["cache-control"], "no-store");
    let bearer = format!("Bearer {secret}");
    assert_eq!(house.raw("GET", "/api/projects", &[("authorization", &bearer)], "").await.status, 200);
    let token = house.list::<Token>(tokens()).await.remove(0);
    assert_eq!((token.scope, token.made_by.is_human()), (TokenScope::Read, true));
    assert_eq!(
        token.expires_at.unwrap().since(token.created_at) / 86_400_000,
        6,
        "seven days from before it was written"
    );
    // The list does not have the secret.
    let page = house.raw("GET", "/access", &[("accept", "text/html")], "").await;
    assert!(page.text.contains(token.digest.id8()) && !page.text.contains(secret), "{}", page.text);
    let gone = house.press(&cookie, "/access/tokens/revoke", &format!("id={}", token.digest)).await;
    assert_eq!((gone.status.as_u16(), &gone.headers["location"]), (303, &"/access".parse().unwrap()));
    house.raw("GET", "/api/projects", &[("authorization", &bearer)], "").await.fails_with(401, "token_revoked");
    assert_eq!(house.press(&cookie, "/access/tokens/revoke", "id=nothing").await.status, 303, "what is gone is gone");
}

#[tokio::test]
async fn what_is_wrong_is_said_on_the_page() {
    let house = House::new();
    let cookie = house.cookie().await;
    for (body, says) in [
        ("name=&scope=read&days=", "at most 100 characters"),
        ("name=x&scope=all&days=", "not one of the choices"),
        ("name=x&scope=read&days=0", "lies in the future"),
        ("name=x&scope=read&days=many", "lies in the future"),
        ("", "at most 100 characters"),
    ] {
        let reply = house.press(&cookie, "/access/tokens", body).await;
        assert!(reply.status == 400 && reply.text.contains(says), "{body}: {} {}", reply.status, reply.text);
        assert!(reply.text.contains("role=\"alert\""), "{}", reply.text);
    }
    assert!(house.list::<Token>(tokens()).await.is_empty());
}

/// Programs, and pages of others, make no tokens.
#[tokio::test]
async fn only_who_may_admit_others_does() {
    let house = House::new();
    let cookie = house.cookie().await;
    let (write, token) = house.token("write", TokenScope::Write, None).await;
    let (admin, _) = house.token("admin", TokenScope::Admin, None).await;
    let (write, admin) = (format!("Bearer {write}"), format!("Bearer {admin}"));
    let revoke = format!("id={}", token.digest);
    for headers in
        [vec![FORM], vec![FORM, SAME], vec![FORM, ("cookie", &cookie)], vec![FORM, ("authorization", &write)]]
    {
        for (path, body) in [
            ("/access/tokens", "name=x&scope=admin&days="),
            ("/access/tokens/revoke", &revoke),
            ("/access/sessions/end", "id=x"),
        ] {
            house.raw("POST", path, &headers, body.to_owned()).await.fails_with(403, "owners_only");
        }
    }
    assert_eq!(
        house.raw("POST", "/access/tokens/revoke", &[FORM, ("authorization", &admin)], revoke).await.status,
        303
    );
    let all = house.list::<Token>(tokens()).await;
    let standing = |name: &str| all.iter().find(|t| t.name == name).unwrap().standing(house.office.now());
    assert_eq!((all.len(), standing("write"), standing("admin")), (2, Standing::Revoked, Standing::InForce));
}

#[tokio::test]
async fn browsers_are_listed_and_logged_out() {
    let house = House::locked();
    let (mine, other) = (house.session().await, house.session().await);
    let open = |cookie: String| {
        let house = &house;
        async move { house.raw("GET", "/access", &[("accept", "text/html"), ("cookie", &cookie)], "").await }
    };
    let page = open(mine.clone()).await;
    assert_eq!(
        (page.text.matches("here now").count(), page.text.matches("(this one)").count()),
        (2, 1),
        "{}",
        page.text
    );
    let theirs = house.list::<BrowserSession>(sessions()).await.pop().unwrap();
    let ended = house.press(&mine, "/access/sessions/end", &format!("id={}", theirs.digest)).await;
    assert_eq!(ended.status, 303, "{}", ended.text);
    // Who let whom in stands below, with the session that did it.
    let lately = open(mine.clone()).await.text;
    let (_, lately) = lately.split_once("<h2>Lately</h2>").unwrap();
    let me = house.list::<BrowserSession>(sessions()).await.remove(0);
    assert!(
        lately.contains(&format!("owner ({}) logged <b>owner</b> out of <b>Unknown browser</b>", me.digest.id8())),
        "{lately}"
    );
    assert_eq!(
        lately.matches("door let <b>owner</b> in with <b>Unknown browser</b>, from 203.0.113.5").count(),
        2,
        "{lately}"
    );
    assert!(lately.contains("set another password"), "{lately}");
    assert_eq!((open(mine).await.status.as_u16(), open(other).await.status.as_u16()), (200, 303));
    let (read, _) = house.token("read", TokenScope::Read, None).await;
    let bearer = format!("Bearer {read}");
    house.raw("GET", "/access", &[("authorization", &bearer)], "").await.fails_with(403, "owners_only");
}
