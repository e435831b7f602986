//! The pages of the gateway's sessions.

use clutch_domain::access::TokenScope;
use serde_json::{Value, json};

use super::{
    BEGIN, House, Reply,
    callers::SAME,
    gateways::{Scripted, alone},
    id,
};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const MINUTE: i64 = 60_000;

fn row(key: &str, minutes: i64, more: Value) -> Value {
    let mut row = json!({ "key": key, "sessionId": key, "updatedAt": BEGIN - minutes * MINUTE, "hasActiveRun": false });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

/// A gateway with these sessions.
async fn with(rows: Vec<Value>) -> Scripted {
    Scripted::open(move |method, params| match method {
        "sessions.list" => Ok(json!({ "sessions": rows })),
        "chat.history" if params["offset"] == 60 => Ok(json!({ "messages": [
            { "role": "user", "content": "The first words" },
        ], "hasMore": false, "totalMessages": 61 })),
        "chat.history" => Ok(json!({ "messages": [
            { "role": "user", "content": "Paint <it>" },
            { "role": "assistant", "content": [{ "type": "text", "text": "I look." },
                { "type": "toolCall", "id": "c", "name": "read", "arguments": { "path": "a.rs" } }] },
            { "role": "toolResult", "toolCallId": "c", "content": "red" },
        ], "hasMore": true, "nextOffset": 60, "totalMessages": 61 })),
        "sessions.compact" => Ok(json!({ "ok": true, "compacted": true })),
        "sessions.reset" => Err("missing scope: operator.admin"),
        "sessions.delete" if params["key"] == "agent:main:gone" => Ok(json!({ "ok": true, "deleted": false })),
        "sessions.delete" => Ok(json!({ "ok": true, "deleted": true })),
        _ => Err("unknown method"),
    })
    .await
}

impl House {
    async fn page(&self, path: &str) -> Reply {
        self.raw("GET", path, &[("accept", "text/html")], "").await
    }
}

#[tokio::test]
async fn sessions_are_filtered_summed_and_paged() {
    let mut rows = vec![
        row(
            "agent:main:main",
            1,
            json!({ "model": "k2", "modelProvider": "moonshot", "inputTokens": 1_000,
            "outputTokens": 200, "estimatedCostUsd": 0.25, "hasActiveRun": true }),
        ),
        row(
            "agent:main:cron:job",
            60,
            json!({ "label": "Nightly <b>", "model": "glm", "inputTokens": 500, "estimatedCostUsd": 0.5 }),
        ),
    ];
    rows.extend((0..60).map(|n| row(&format!("agent:main:old{n}"), 90, json!({ "model": "glm" }))));
    let gateway = with(rows).await;
    let house = gateway.house().await;
    let page = house.page("/sessions").await;
    assert_eq!(page.status, 200, "{}", page.text);
    for there in [
        "<b>62</b><span>sessions",
        "1.5k</b><span>tokens read",
        "$0.75</b><span>cost, of 60 not told",
        "Page 1 of 2",
        "Nightly &lt;b&gt;",
        "moonshot/k2",
        "class=\"state active\"",
        "those of each session\u{2019}s newest run",
    ] {
        assert!(page.text.contains(there), "{there}: {}", page.text);
    }
    for (query, count, sum) in [
        ("?status=active", "<b>1</b><span>session<", "$0.25"),
        ("?type=cron", "<b>1</b><span>session<", "$0.50"),
        ("?model=glm", "<b>61</b><span>sessions<", "$0.50"),
        ("?text=OLD1", "<b>11</b><span>sessions<", "$0"),
        ("?text=nightly&model=glm", "<b>1</b><span>session<", "$0.50"),
        ("?type=chat", "<b>0</b><span>sessions<", "$0"),
        ("?status=&page=99", "<b>62</b><span>sessions<", "Page 2 of 2"),
    ] {
        let page = house.page(&format!("/sessions{query}")).await.text;
        assert!(page.contains(count) && page.contains(sum), "{query}: {page}");
    }
    let second = house.page("/sessions?model=glm&page=2").await.text;
    assert!(second.contains("href=\"/sessions?model=glm&amp;page=1\""), "{second}");
}

#[tokio::test]
async fn sessions_of_ours_are_named_by_ticket_or_chat() {
    // Which ids there will be is known only once they are there: the house is made before its gateway.
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "Paint the door", "ready").await;
    let run = house.run_of(&task, 1).await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project, "title": "Plans" })).await.ok(201)["chat"]);
    let gateway = with(vec![
        row(&run.session_key.to_lowercase(), 1, json!({})),
        row(&format!("agent:main:clutch:site:{chat}"), 2, json!({})),
        row("agent:main:foreign", 3, json!({})),
    ])
    .await;
    let store = house.office.store().clone();
    let house = House::beside(&gateway.url, move |_| store);
    let mut state = house.state.gateway.connection();
    state.wait_for(|state| matches!(state, clutch_gateway::GatewayState::Connected { .. })).await.unwrap();
    let page = house.page("/sessions").await.text;
    for there in ["T-1 Paint the door", "Dev, attempt 1", "<b>Plans</b>", "agent:main:foreign</a>"] {
        assert!(page.contains(there), "{there}: {page}");
    }
    assert!(house.page("/sessions?text=paint").await.text.contains("<b>1</b><span>session<"));
    let session = run.session_key.to_lowercase();
    let shown = house.page(&format!("/sessions/{session}")).await.text;
    assert!(
        shown.contains("/projects/site/board?task=T-1") && shown.contains("<h1 dir=\"auto\">T-1 Paint the door"),
        "{shown}"
    );
    let shown = house.page(&format!("/sessions/agent:main:clutch:site:{chat}")).await.text;
    assert!(shown.contains(&format!("/projects/site/chat?chat={chat}")), "{shown}");

    // Its agent is at work: it would lose what it is at.
    let cookie = house.cookie().await;
    let person = [FORM, ("cookie", cookie.as_str()), SAME];
    for what in ["reset", "delete"] {
        let refused = house.raw("POST", &format!("/sessions/{session}/{what}"), &person, "").await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        for there in ["works on T-1 Paint the door", "href=\"/projects/site/board?task=T-1\">Open the ticket"] {
            assert!(refused.text.contains(there), "{there}: {}", refused.text);
        }
    }
    assert!(gateway.of("sessions.reset").is_empty() && gateway.of("sessions.delete").is_empty());
}

#[tokio::test]
async fn one_session_is_read_page_by_page() {
    let gateway = with(vec![row("agent:main:a/b", 1, json!({}))]).await;
    let house = gateway.house().await;
    let page = house.page("/sessions/agent:main:a%2Fb").await.text;
    for there in [
        "Paint &lt;it&gt;",
        "<summary>read a.rs</summary>",
        "<pre>red</pre>",
        "61 entries in all",
        "href=\"/sessions/agent:main:a%2Fb?offset=60\"",
        "action=\"/sessions/agent:main:a%2Fb/delete\"",
    ] {
        assert!(page.contains(there), "{there}: {page}");
    }
    assert!(gateway.of("chat.history")[0].get("offset").is_none(), "old gateways know no offset");
    let older = house.page("/sessions/agent:main:a%2Fb?offset=60").await.text;
    assert!(
        older.contains("The first words") && older.contains(">Newest</a>") && !older.contains(">Older</a>"),
        "{older}"
    );
    let nobody = house.page("/sessions/nobody").await;
    assert!(nobody.status == 404 && nobody.text.contains("has no session of this name"), "{}", nobody.text);
}

#[tokio::test]
async fn people_shorten_empty_and_remove() {
    let rows = ["agent:main:x", "agent:main:gone", "agent:main:main"].map(|key| row(key, 1, json!({}))).to_vec();
    let gateway = with(rows).await;
    let house = gateway.house().await;
    let main = house.page("/sessions/agent:main:main").await.text;
    assert!(main.contains("/reset\"") && !main.contains("/delete\""), "the main session stays: {main}");
    let (cookie, (write, _)) = (house.cookie().await, house.token("write", TokenScope::Write, None).await);
    let write = format!("Bearer {write}");
    for headers in [vec![FORM], vec![FORM, SAME], vec![FORM, ("authorization", &write)]] {
        for what in ["compact", "reset", "delete"] {
            let refused = house.raw("POST", &format!("/sessions/agent:main:x/{what}"), &headers, "").await;
            assert_eq!(refused.status, 403, "{headers:?} {}", refused.text);
        }
    }
    let person = [FORM, ("cookie", cookie.as_str()), SAME];
    let press = async |path: &str| house.raw("POST", path, &person, "").await;
    let done = press("/sessions/agent:main:x/compact").await;
    assert_eq!(done.headers["location"].to_str().unwrap(), "/sessions/agent:main:x?done=compact", "{}", done.text);
    let done = press("/sessions/agent:main:x/delete").await;
    assert_eq!(done.headers["location"].to_str().unwrap(), "/sessions?done=delete", "{}", done.text);
    assert_eq!(gateway.of("sessions.delete"), [json!({ "key": "agent:main:x", "deleteTranscript": true })]);
    for (path, status, says) in [
        ("/sessions/agent:main:x/reset", 422, "does not let OpenClutch do that"),
        ("/sessions/agent:main:gone/delete", 422, "no such session any more"),
        ("/sessions/agent:main:nobody/delete", 404, "has no session of this name"),
    ] {
        let refused = press(path).await;
        assert!(refused.status == status && refused.text.contains(says), "{path}: {} {}", refused.status, refused.text);
    }
}

#[tokio::test]
async fn without_a_gateway_the_page_says_why() {
    let house = alone().await;
    for path in ["/sessions", "/sessions/x"] {
        let page = house.page(path).await;
        assert!(page.status == 200 && page.text.contains("role=\"alert\""), "{path}: {} {}", page.status, page.text);
    }
}
