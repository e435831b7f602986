//! The Model Context Protocol through the real router, in the words of the protocol. Official clients are tried in
//! end2end/mcp.

use clutch_domain::access::TokenScope;
use http::StatusCode;
use serde_json::{Value, json};

use super::{House, Reply};

const JSON: (&str, &str) = ("content-type", "application/json");
const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");

impl Reply {
    /// The answer to a request, also where it came as an event.
    #[track_caller]
    fn rpc(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        let words = self.text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        let found = words.chain([self.text.as_str()]).filter_map(|text| serde_json::from_str::<Value>(text).ok());
        found.into_iter().find(|message| message.get("id").is_some()).unwrap_or_else(|| panic!("{}", self.text))
    }
}

/// A client of 2025-11-25.
struct Client<'h> {
    house: &'h House,
    session: String,
    token: Option<String>,
}

impl<'h> Client<'h> {
    async fn hello(house: &'h House, token: Option<&str>) -> Reply {
        let hello = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "tester", "version": "1" },
            },
        });
        let token = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![JSON, BOTH];
        headers.extend(token.as_ref().map(|token| ("authorization", token.as_str())));
        house.raw("POST", "/mcp", &headers, hello.to_string()).await
    }

    async fn of(house: &'h House, token: Option<&str>) -> Self {
        let reply = Self::hello(house, token).await;
        let said = reply.rpc();
        assert_eq!(said["result"]["serverInfo"]["name"], "openclutch", "{said}");
        assert!(said["result"]["instructions"].as_str().unwrap().contains("claim_task"));
        let session = reply.headers["mcp-session-id"].to_str().unwrap().to_owned();
        let client = Self { house, session, token: token.map(str::to_owned) };
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(client.post(ready).await.status, StatusCode::ACCEPTED);
        client
    }

    async fn post(&self, message: Value) -> Reply {
        let token = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = vec![JSON, BOTH, ("mcp-session-id", &*self.session), ("mcp-protocol-version", "2025-11-25")];
        headers.extend(token.as_ref().map(|token| ("authorization", token.as_str())));
        self.house.raw("POST", "/mcp", &headers, message.to_string()).await
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        self.post(json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })).await.rpc()
    }

    /// Calls a tool: whether it failed, and what it answers.
    async fn tool(&self, name: &str, arguments: Value) -> (bool, Value) {
        let said = self.ask("tools/call", json!({ "name": name, "arguments": arguments })).await;
        let result = &said["result"];
        assert!(result["content"][0]["text"].as_str().is_some_and(|text| !text.is_empty()), "{said}");
        (result["isError"] == true, result["structuredContent"].clone())
    }
}

#[tokio::test]
async fn what_tools_answer_is_what_the_api_answers() {
    let house = House::on_disk();
    house.project("site").await;
    let client = Client::of(&house, None).await;
    let (failed, made) =
        client.tool("create_task", json!({ "project": "site", "title": "Paint", "status": "ready" })).await;
    assert!(!failed, "{made}");
    for (tool, arguments, path) in [
        ("read_task", json!({ "task": "T-1" }), "/api/v1/tasks/1/context"),
        ("list_projects", json!({}), "/api/v1/projects"),
        (
            "search_tasks",
            json!({ "project": "site", "query": "paint", "limit": 5 }),
            "/api/v1/projects/site/tasks?query=paint&limit=5",
        ),
    ] {
        let (failed, told) = client.tool(tool, arguments).await;
        assert!(!failed && told == house.get(path).await.ok(200), "{tool}: {told}");
    }
    // Refusals too, with their sentence and their code.
    for (tool, arguments, code) in [
        ("read_task", json!({ "task": "T-9" }), "task_not_found"),
        ("create_task", json!({ "project": "site", "title": "x", "colour": "red" }), "unknown_field"),
        ("create_task", json!({ "project": "site", "title": "x", "priority": "soon" }), "invalid_field"),
        ("heartbeat", json!({ "run": "x" }), "run_not_found"),
    ] {
        let (failed, told) = client.tool(tool, arguments).await;
        assert!(failed && told["code"] == code && told["detail"].is_string(), "{tool}: {told}");
    }
    let (failed, told) = client.tool("read_task", json!({})).await;
    assert!(failed && told.is_null());
    let unknown = client.ask("tools/call", json!({ "name": "rm", "arguments": {} })).await;
    assert!(unknown["error"]["message"].as_str().unwrap().contains("claim_task"), "{unknown}");

    let comment = client.tool("comment", json!({ "task": "1", "content": "I look." })).await.1;
    assert_eq!((&comment["author"], &comment["author_type"]), (&json!("tester"), &json!("agent")));
    let claimed = client.tool("claim_task", json!({})).await.1;
    let agent = claimed["claim"]["agent"].as_str().unwrap();
    assert!(agent.starts_with("tester-") && agent.len() == "tester-".len() + 6, "{agent}");
    // The same client comes back to what it holds.
    assert_eq!(client.tool("claim_task", json!({})).await.1["claim"]["run"], claimed["claim"]["run"]);
}

#[tokio::test]
async fn boards_tasks_and_prompts_are_there_to_read() {
    let house = House::on_disk();
    house.project("site").await;
    house.post("/api/v1/projects/site/tasks", json!({ "title": "Paint" })).await.ok(201);
    let client = Client::of(&house, None).await;
    let boards = client.ask("resources/list", json!({})).await;
    assert_eq!(boards["result"]["resources"][0]["uri"], "openclutch://projects/site", "{boards}");
    let templates = client.ask("resources/templates/list", json!({})).await;
    assert_eq!(templates["result"]["resourceTemplates"].as_array().unwrap().len(), 2);
    for (uri, path) in [
        ("openclutch://projects/site", "/api/v1/projects/site/tasks?limit=200"),
        ("openclutch://tasks/T-1", "/api/v1/tasks/1/context"),
    ] {
        let read = client.ask("resources/read", json!({ "uri": uri })).await;
        let text = read["result"]["contents"][0]["text"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), house.get(path).await.ok(200), "{uri}");
    }
    for uri in ["openclutch://tasks/T-9", "openclutch://nothing", "file:///etc/passwd"] {
        let read = client.ask("resources/read", json!({ "uri": uri })).await;
        assert!(read["error"]["message"].is_string(), "{uri}: {read}");
    }
    let prompts = client.ask("prompts/list", json!({})).await;
    let names: Vec<&str> =
        prompts["result"]["prompts"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"dev") && names.contains(&"conflict_resolver"), "{names:?}");
    let told = client.ask("prompts/get", json!({ "name": "dev", "arguments": { "project": "site" } })).await;
    assert!(told["result"]["messages"][0]["content"]["text"].as_str().unwrap().contains("\"site\""), "{told}");
}

#[tokio::test]
async fn a_token_opens_by_mcp_what_it_opens_elsewhere() {
    let house = House::on_disk();
    house.project("site").await;
    house.post("/api/v1/projects/site/tasks", json!({ "title": "Paint", "status": "ready" })).await.ok(201);
    let (reads, _) = house.token("reads", TokenScope::Read, None).await;
    let (agent, _) = house.token("laptop", TokenScope::Agent, None).await;
    let looks = Client::of(&house, Some(&reads)).await;
    assert!(!looks.tool("read_task", json!({ "task": "1" })).await.0);
    for (tool, arguments) in [
        ("claim_task", json!({})),
        ("comment", json!({ "task": "1", "content": "x" })),
        ("create_task", json!({ "project": "site", "title": "x" })),
    ] {
        let (failed, told) = looks.tool(tool, arguments).await;
        assert!(failed && told["code"] == "scope_too_small", "{tool}: {told}");
    }
    let works = Client::of(&house, Some(&agent)).await;
    let (failed, claimed) = works.tool("claim_task", json!({})).await;
    assert!(!failed, "{claimed}");
    let run = claimed["claim"]["run"]["id"].clone();
    // Who asks is looked at each time: nobody does more in a session than its own token opens.
    let borrowed = Client { house: &house, session: works.session.clone(), token: Some(reads) };
    assert_eq!(borrowed.tool("heartbeat", json!({ "run": run })).await.1["code"], "scope_too_small");
    assert!(!works.tool("heartbeat", json!({ "run": run })).await.0);
    let gone = Client { house: &house, session: "nobody".into(), token: None };
    assert_eq!(
        gone.post(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_sessions_are_bounded() {
    let house = House::on_disk();
    for (method, headers, body, status) in [
        ("POST", vec![JSON, BOTH], "{", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("POST", vec![JSON, BOTH], "[]", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("POST", vec![JSON], "{}", StatusCode::NOT_ACCEPTABLE),
        ("POST", vec![BOTH], "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("PUT", vec![JSON, BOTH], "{}", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let reply = house.raw(method, "/mcp", &headers, body).await;
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!("mcp_refused")), "{method} {body}");
    }
    let mut begun = 0;
    let refused = loop {
        let reply = Client::hello(&house, None).await;
        if reply.status != StatusCode::OK {
            break reply;
        }
        begun += 1;
        assert!(begun <= 200, "sessions have an end");
    };
    assert_eq!((begun, refused.status), (200, StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(
        (&refused.json()["code"], refused.headers.contains_key("retry-after")),
        (&json!("too_many_sessions"), true)
    );
}
