//! Pages are painted on the server, with content.

use axum::body::Body;
use clutch_domain::command::Command;
use serde_json::json;

use super::{ADDRESS, House, Reply, callers::SAME};

async fn page(house: &House, path: &str) -> Reply {
    house.raw("GET", path, &[("accept", "text/html")], Body::empty()).await
}

#[tokio::test]
async fn the_first_paint_has_what_there_is() {
    let house = House::on_disk();
    let project = house.project("site").await;
    house.patch("/api/projects/site", json!({ "name": "Bird & <site>" })).await.ok(200);
    house.task(&project, "Paint the <door>", "ready").await;
    for path in ["/", "/projects/site/board"] {
        let reply = page(&house, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
        assert!(reply.text.contains("Bird &amp; &lt;site"), "{path} does not show the project:\n{}", reply.text);
    }
    let board = page(&house, "/projects/site/board").await.text;
    assert!(board.contains("Paint the &lt;door"), "the board does not show its card");
    let body = board.split_once("<body").unwrap().1;
    assert!(
        !body.contains("<door>") && !body.contains("<site>"),
        "what people typed is text, also in what scripts are handed"
    );
}

/// What was painted is used again, and only where nothing about a card is another.
#[tokio::test]
async fn a_card_is_painted_as_it_is_now() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "Paint the door", "ready").await;
    house.task(&project, "Oil the hinge", "ready").await;
    let cards = async || {
        let board = page(&house, "/projects/site/board").await.text;
        let (_, body) = board.split_once("class=\"cards\"").unwrap();
        body.split_once("<script").unwrap().0.to_owned()
    };
    let first = cards().await;
    assert!(first.contains("Paint the door") && first.contains("Oil the hinge"));
    assert_eq!(cards().await, first);
    for (change, shown) in [
        (json!({ "title": "Paint the gate" }), "Paint the gate"),
        (json!({ "priority": "urgent" }), "Urgent priority"),
        (json!({ "tags": ["wood"] }), "wood"),
    ] {
        assert!(!cards().await.contains(shown));
        house.patch(&format!("/api/tasks/{task}"), change).await.ok(200);
        let now = cards().await;
        assert!(now.contains(shown) && now.contains("Oil the hinge"), "{shown}");
        assert_eq!(cards().await, now);
    }
}

/// What the gateway refuses of an agent is said on its card and in its panel, until it is over.
#[tokio::test]
async fn a_run_that_cannot_be_followed_says_so_on_its_card() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "Paint the door", "ready").await;
    let run = house.run_of(&task, 1).await;
    let shown = async || {
        let board = page(&house, "/projects/site/board").await.text;
        let panel = page(&house, "/projects/site/board?task=T-1").await.text;
        [board, panel].map(|text| text.contains("missing scope: operator.read"))
    };
    assert_eq!(shown().await, [false, false]);
    let trouble = Some("missing scope: operator.read".into());
    house.by_loop(Command::TellTrouble(run.id, trouble)).await;
    assert_eq!(shown().await, [true, true]);
    house.by_loop(Command::TellTrouble(run.id, None)).await;
    assert_eq!(shown().await, [false, false]);
    let panel = async || page(&house, "/projects/site/board?task=T-1").await.text;
    assert!(!panel().await.contains("Treat as ended"), "it is followed");
    house.by_loop(Command::TellTrouble(run.id, Some("gone".into()))).await;
    assert!(panel().await.contains("Treat as ended"));
    let treat = async |headers: &[(&str, &str)]| {
        house.function("treat_as_ended", headers, &[("run", &run.id.to_string())]).await.status.as_u16()
    };
    assert_eq!(treat(&[]).await, 403, "a program is no person");
    let cookie = house.cookie().await;
    assert_eq!(treat(&[("cookie", &cookie), SAME]).await, 200);
    assert_eq!(house.look(&task).await["status"], "blocked");
    assert!(!panel().await.contains("Treat as ended"));
}

/// A column has more cards than a board loads: it says so, and of which end of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_column_says_truly_what_it_does_not_show() {
    let house = House::new();
    let project = house.project("site").await;
    for n in 0..502 {
        house.task(&project, &format!("open {n}."), "backlog").await;
    }
    for n in 0..51 {
        house.task(&project, &format!("done {n}."), "done").await;
    }
    let board = page(&house, "/projects/site/board").await.text;
    assert!(board.contains("2 more tickets below are not shown"), "open columns are by place");
    assert!(board.contains("1 older ticket is not shown"), "done is by time");
    for (title, shown) in
        [("open 0.", true), ("open 499.", true), ("open 501.", false), ("done 50.", true), ("done 0.", false)]
    {
        assert_eq!(board.contains(title), shown, "{title}");
    }
}

#[tokio::test]
async fn a_title_is_text_too() {
    let house = House::on_disk();
    house.project("site").await;
    house.patch("/api/projects/site", json!({ "name": "</title><script>alert(1)</script>" })).await.ok(200);
    for path in ["/projects/site/board", "/projects/site/settings"] {
        let reply = page(&house, path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.text.contains("<script>alert"), "{path}: a project's name runs as a script");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_page_that_says_so() {
    let house = House::new();
    for path in ["/nowhere", "/projects/nobody/board"] {
        let reply = page(&house, path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text.contains("<html"), "{path}");
    }
    for path in ["/pkg/none.js", "/fn/none"] {
        house.get(path).await.fails(404, "file_not_found", "There is no such file.");
    }
    assert!(!page(&house, "/").await.text.contains(&ADDRESS.replace("3002", "18789")));
}

#[tokio::test]
async fn a_tickets_name_is_an_address() {
    let house = House::on_disk();
    let project = house.project("site").await;
    house.task(&project, "Paint the door", "ready").await;
    let reply = page(&house, "/t/1").await;
    assert_eq!(reply.status, 303);
    assert_eq!(reply.headers["location"], "/projects/site/board?task=T-1");
    for path in ["/t/2", "/t/x", "/t/99999999999999999999999"] {
        assert_eq!(page(&house, path).await.status, 404, "{path}");
    }
}
