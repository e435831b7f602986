//! `/api/prompts` (facts §2.16), as the original's CLI and its other programs call it.

use clutch_domain::{
    access::TokenScope,
    activity::Activity,
    doc::{Kind, Scope},
    prompt::Version,
    range::Range,
    rule::prompt::newest,
    task::Role,
};
use serde_json::{Value, json};

use super::{House, NOBODY, Reply, id, keys, known};

/// One that says all that an agent has to be told.
const WHOLE: &str = "You are a developer.\n{{ticket}}\n{{description}}\n{{#each comments}}{{author}}: {{content}}\n{{/each}}{{reporting}}";

impl House {
    async fn prompt(&self, body: Value) -> Value {
        self.post("/api/prompts", body).await.ok(200)["version"].clone()
    }

    async fn prompts(&self, query: &str) -> Value {
        self.get(&format!("/api/prompts?{query}")).await.ok(200)
    }
}

/// What numbers the versions of an answer have, and which of them count.
fn numbers(answer: &Value) -> Vec<(u64, bool)> {
    let versions = answer["versions"].as_array().unwrap();
    versions.iter().map(|v| (v["version"].as_u64().unwrap(), v["active"].as_bool().unwrap())).collect()
}

#[tokio::test]
async fn a_version_is_told_as_the_original_told_it() {
    let house = House::on_disk();
    let answer = house.post("/api/prompts", json!({ "role": "dev", "content": WHOLE })).await.ok(200);
    assert_eq!(keys(&answer), ["version"]);
    let first = answer["version"].clone();
    let variables: Value = serde_json::from_str(first["template_variables"].as_str().unwrap()).unwrap();
    let names: Vec<&str> = variables.as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["comments", "ticket", "description", "reporting"]);
    assert_eq!(keys(&variables[0]), ["description", "name", "required", "type"]);
    let mut plain = known(first.clone(), &["id", "_id", "created_at", "_creationTime"]);
    plain["template_variables"] = json!("known");
    assert_eq!(
        plain,
        json!({
            "_id": "known", "_creationTime": "known", "id": "known", "role": "dev", "version": 1, "content": WHOLE,
            "created_by": "human", "active": true, "created_at": "known", "by": "program",
            "template_variables": "known",
        }),
        "what is absent is left out"
    );
    let body = json!({
        "role": "dev", "content": "Be brief.", "model": "gpt", "change_summary": "Shorter.\nMuch.",
        "parent_version_id": first["id"], "created_by": "dan",
    });
    let answer = house.post("/api/prompts", body).await.ok(200);
    let second = &answer["version"];
    assert_eq!(keys(&answer), ["version", "warnings"]);
    let warnings: Vec<&str> = answer["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    assert_eq!(warnings[0], "The template does not say {{ticket}}: it is put at the end of the prompt.");
    assert_eq!(warnings.len(), 4);
    assert_eq!(
        [
            &second["version"],
            &second["model"],
            &second["change_summary"],
            &second["parent_version_id"],
            &second["created_by"]
        ],
        [&json!(1), &json!("gpt"), &json!("Shorter.\nMuch."), &first["id"], &json!("dan")]
    );
    assert!(second.get("template_variables").is_none());
    let shown = house.get(&format!("/api/prompts/{}", id(second))).await.ok(200);
    assert_eq!(shown, json!({ "version": second }));
    house.get(&format!("/api/prompts/{NOBODY}")).await.fails(404, "prompt_not_found", "Prompt version not found");
    house.get("/api/prompts/x").await.fails_with(404, "prompt_not_found");
    // Who it was stands in the log.
    let log: Vec<Activity> =
        house.list(Range::Newest { kind: Kind::Activity, scope: Scope::Installation, before: None, limit: 1 }).await;
    assert_eq!((log[0].what.as_str(), log[0].data["version"].as_str()), ("prompt_created", "1"));
    assert_eq!((log[0].actor.is_program(), log[0].actor.name.as_deref()), (true, Some("dan")));
}

#[tokio::test]
async fn one_version_of_each_role_and_model_counts() {
    let house = House::on_disk();
    house.get("/api/prompts/active?role=dev").await.fails(404, "prompt_not_found", "Prompt version not found");
    let make = async |model: Value, words: &str| {
        house.prompt(json!({ "role": "dev", "model": model, "content": words })).await
    };
    let first = make(Value::Null, "one").await;
    make(json!(""), "two").await;
    make(json!("gpt"), "three").await;
    make(Value::Null, "four").await;
    let role = house.prompts("role=dev").await;
    assert_eq!(numbers(&role), [(3, true), (1, true), (2, false), (1, false)], "newest first, of all models");
    assert_eq!((&role["hasMore"], &role["cursor"]), (&json!(false), &Value::Null));
    assert_eq!(numbers(&house.prompts("role=dev&model=gpt").await), [(1, true)]);
    assert_eq!(numbers(&house.prompts("role=dev&model=other").await), []);
    assert_eq!(numbers(&house.prompts("role=pm").await), []);

    let activated = house.raw("PATCH", &format!("/api/prompts/{}/activate", id(&first)), &[], "").await.ok(200);
    assert_eq!(activated, json!({ "success": true }));
    assert_eq!(numbers(&house.prompts("role=dev").await), [(3, false), (1, true), (2, false), (1, true)]);
    house.patch(&format!("/api/prompts/{}/activate", id(&first)), json!({})).await.ok(200);
    house.patch(&format!("/api/prompts/{NOBODY}/activate"), json!({})).await.fails_with(404, "prompt_not_found");

    let active = async |query: &str| house.get(&format!("/api/prompts/active?{query}")).await.ok(200);
    let any = active("role=dev").await;
    assert_eq!(keys(&any), ["ab_test", "promptVersion"]);
    assert_eq!((&any["promptVersion"]["content"], &any["ab_test"]), (&json!("one"), &json!(false)));
    assert_eq!(active("role=dev&model=gpt").await["promptVersion"]["content"], "three");
    assert_eq!(active("role=dev&model=other").await["promptVersion"]["content"], "one", "what its agents are told");
    assert_eq!(house.get("/api/prompts/roles").await.ok(200), json!({ "roles": ["dev"] }));
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let house = House::on_disk();
    for n in 0..7 {
        let model = if n % 2 == 0 { "gpt" } else { "kimi" };
        house.prompt(json!({ "role": "pm", "model": model, "content": format!("{n}") })).await;
    }
    for (query, all) in [("role=pm", 7), ("role=pm&model=gpt", 4)] {
        let whole = house.prompts(query).await;
        assert_eq!(whole["versions"].as_array().unwrap().len(), all, "{query}");
        let (mut pages, mut at) = (Vec::new(), String::new());
        loop {
            let page = house.prompts(&format!("{query}&limit=2{at}")).await;
            pages.extend(page["versions"].as_array().unwrap().clone());
            assert_eq!(page["hasMore"], json!(!page["cursor"].is_null()));
            let Some(cursor) = page["cursor"].as_str() else { break };
            at = format!("&before={cursor}");
        }
        assert_eq!(Value::Array(pages), whole["versions"], "{query}");
    }
    for wrong in ["limit=0", "limit=101", "limit=x", "before=x", "before=1:x", "model=gpt&before=x"] {
        house.get(&format!("/api/prompts?role=pm&{wrong}")).await.fails_with(400, "invalid_field");
    }
}

#[tokio::test]
async fn what_cannot_be_filled_in_is_refused_when_it_is_written() {
    let house = House::new();
    let refused = |reply: Reply, sentence: &str| reply.fails(400, "prompt_invalid", sentence);
    let broken = json!({ "role": "dev", "content": "Do {{taskTitel}}" });
    refused(
        house.post("/api/prompts", broken).await,
        "Line 1: {{taskTitel}} is not known; did you mean {{taskTitle}}?",
    );
    let open = json!({ "role": "dev", "content": "\n{{#if taskId}}" });
    refused(house.post("/api/prompts", open).await, "Line 1: {{#if}} is not closed.");
    // Whoever writes "false" does not mean yes.
    for no in [json!(false), json!("false"), json!(0), Value::Null] {
        let body = json!({ "role": "dev", "content": "{{x}}", "skip_validation": no });
        house.post("/api/prompts", body).await.fails_with(400, "prompt_invalid");
    }
    let wrong = json!({ "role": "dev", "content": "{{x}}", "skip_validation": "perhaps" });
    house.post("/api/prompts", wrong).await.fails(400, "invalid_field", "skip_validation must be a boolean");
    assert_eq!(numbers(&house.prompts("role=dev").await), [], "nothing was kept");
    let body = json!({ "role": "dev", "content": "{{x}}", "skip_validation": true });
    let answer = house.post("/api/prompts", body).await.ok(200);
    assert_eq!((&answer["version"]["content"], &answer["version"]["active"]), (&json!("{{x}}"), &json!(true)));
    let warning = answer["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("No agent of this role starts until another version counts. Line 1: {{x}} is"),
        "{warning}"
    );
}

#[tokio::test]
async fn bodies_of_all_kinds_are_answered_in_words() {
    let house = House::new();
    let missing = "Missing required fields: role, content";
    for (body, code) in [
        (json!({}), "field_missing"),
        (json!({ "role": "dev" }), "field_missing"),
        (json!({ "content": "x" }), "field_missing"),
        (json!({ "role": "dev", "content": " \u{200b}\n" }), "field_missing"),
        (json!({ "role": "", "content": "x" }), "field_missing"),
        (json!({ "role": "qa", "content": "x" }), "invalid_field"),
        (json!({ "role": 1, "content": "x" }), "invalid_field"),
        (json!({ "role": "dev", "content": 1 }), "invalid_field"),
        (json!({ "role": "dev", "content": ["x"] }), "invalid_field"),
        (json!({ "role": "dev", "content": "x".repeat(100_001) }), "prompt_too_long"),
        (json!({ "role": "dev", "content": "x".repeat(2_000_000) }), "prompt_too_long"),
    ] {
        for route in ["/api/prompts", "/api/prompts/validate"] {
            house.post(route, body.clone()).await.fails_with(400, code);
        }
    }
    for (field, value, code) in [
        ("model", json!(1), "invalid_field"),
        ("model", json!("a\nb"), "key_invalid"),
        ("model", json!("x".repeat(501)), "key_invalid"),
        ("created_by", json!("x".repeat(201)), "handle_too_long"),
        ("created_by", json!({}), "invalid_field"),
        ("change_summary", json!(false), "invalid_field"),
        ("parent_version_id", json!("x"), "prompt_parent_unknown"),
        ("parent_version_id", json!(NOBODY), "prompt_parent_unknown"),
        ("parent_version_id", json!(1), "invalid_field"),
    ] {
        let mut body = json!({ "role": "dev", "content": "x" });
        body[field] = value;
        house.post("/api/prompts", body).await.fails_with(400, code);
    }
    for text in ["", "[]", "{", "null", "\"dev\""] {
        house.raw("POST", "/api/prompts", &[], text.to_owned()).await.fails_with(400, "invalid_json");
        house.raw("POST", "/api/prompts/validate", &[], text.to_owned()).await.fails_with(400, "invalid_json");
    }
    house.post("/api/prompts", json!({ "role": "dev" })).await.fails(400, "field_missing", missing);
    let role = "Invalid role. Must be one of: pm, dev, research, reviewer, conflict_resolver";
    house.post("/api/prompts", json!({ "role": "qa", "content": "x" })).await.fails(400, "invalid_field", role);
    for route in ["/api/prompts", "/api/prompts/active"] {
        house.get(route).await.fails(400, "field_missing", "Missing required query parameter: role");
        house.get(&format!("{route}?role=")).await.fails_with(400, "field_missing");
        house.get(&format!("{route}?role=qa")).await.fails(400, "invalid_field", role);
        house.get(&format!("{route}?role=dev&model=%00x")).await.fails_with(400, "key_invalid");
    }
    let other = house.prompt(json!({ "role": "pm", "content": "x" })).await;
    let across = json!({ "role": "dev", "content": "x", "parent_version_id": other["id"] });
    house.post("/api/prompts", across).await.fails_with(400, "prompt_parent_unknown");
    // A hundred kilobytes are kept as they are.
    let most = "é".repeat(50_000);
    assert_eq!(house.prompt(json!({ "role": "dev", "content": most })).await["content"], json!(most));
    // A call that is repeated under its key makes one version.
    let again = json!({ "role": "research", "content": "x" }).to_string();
    let key = [("idempotency-key", "a")];
    let one = house.raw("POST", "/api/prompts", &key, again.clone()).await.ok(200);
    assert_eq!(house.raw("POST", "/api/prompts", &key, again).await.ok(200), one);
    assert_eq!(numbers(&house.prompts("role=research").await), [(1, true)]);
}

#[tokio::test]
async fn a_template_is_looked_at_before_it_is_written() {
    let house = House::new();
    let validate = async |role: &str, content: &str| {
        house.post("/api/prompts/validate", json!({ "role": role, "content": content })).await.ok(200)
    };
    // A template of the original, with names within blocks and behind an else.
    let v2 = "# {{taskTitle}} ({{taskId}})\n\n{{#if taskDescription}}\n{{taskDescription}}\n{{else}}\nAsk about {{taskId}}.\n\
        {{/if}}\n{{#if hasComments}}\n{{#each comments}}\n**{{author}}** {{timestamp}}: {{content}}\n{{/each}}\n{{/if}}\n\
        cd {{worktreeDir}} && git push origin {{branchName}}; clutch tasks move {{taskId}} --project {{projectSlug}} in_review\n\
        {{codeBlock taskDescription}}{{section \"Where\" repoDir}}";
    let answer = validate("dev", v2).await;
    assert_eq!(keys(&answer), ["schema", "syntaxErrors", "undefinedVariables", "unusedVariables", "valid"]);
    assert_eq!(
        (&answer["valid"], &answer["syntaxErrors"], &answer["undefinedVariables"]),
        (&json!(true), &json!([]), &json!([]))
    );
    assert_eq!(
        answer["schema"][0],
        json!({ "name": "taskId", "type": "string", "required": true, "description": "Id of the task" })
    );
    let names = |role: Value| -> Vec<String> {
        role["schema"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap().to_owned()).collect()
    };
    let unused: Vec<&str> = answer["unusedVariables"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert!(unused.contains(&"ticket") && !unused.contains(&"taskId") && !unused.contains(&"comments"), "{unused:?}");
    let mine = names(answer.clone());
    assert!(unused.iter().all(|name| mine.iter().any(|known| known == name)));
    // What each role's templates may name.
    for (role, has, has_not) in [
        ("dev", &["branchName", "worktreeDir"][..], &["prNumber", "imageUrls"][..]),
        ("reviewer", &["branchName", "prNumber", "hasPrNumber"], &["imageUrls"]),
        ("conflict_resolver", &["worktreeDir", "prNumber"], &["signalResponses"]),
        ("pm", &["imageUrls", "hasImages", "signalResponses", "hasSignalResponses"], &["branchName"]),
        ("research", &["comments", "hasComments", "repoDir"], &["branchName", "prNumber"]),
    ] {
        let known = names(validate(role, "x").await);
        assert!(has.iter().all(|name| known.iter().any(|k| k == name)), "{role}: {known:?}");
        assert!(has_not.iter().all(|name| known.iter().all(|k| k != name)), "{role}: {known:?}");
    }
    let wrong = validate("dev", "{{taskTitel}} {{taskId}} {{#each comments}}{{autor}}{{/each}}").await;
    assert_eq!((&wrong["valid"], &wrong["undefinedVariables"]), (&json!(false), &json!(["taskTitel", "autor"])));
    let unused = wrong["unusedVariables"].as_array().unwrap();
    assert!(!unused.contains(&json!("taskId")) && unused.contains(&json!("taskTitle")), "{unused:?}");
    let open = validate("dev", "{{#if taskId}}").await;
    assert_eq!((&open["valid"], &open["syntaxErrors"]), (&json!(false), &json!(["Line 1: {{#if}} is not closed."])));
    assert_eq!(numbers(&house.prompts("role=dev").await), [], "it is only looked at");
}

#[tokio::test]
async fn roles_without_versions_get_those_that_come_with_the_program() {
    let house = House::on_disk();
    house.prompt(json!({ "role": "dev", "model": "gpt", "content": "Mine." })).await;
    // Nobody sends a body.
    let answer = house.raw("POST", "/api/prompts/seed", &[], "").await.ok(200);
    assert_eq!(keys(&answer), ["results", "success", "summary"]);
    assert_eq!(
        (&answer["success"], &answer["summary"]),
        (&json!(true), &json!({ "created": 4, "skipped": 1, "errors": 0 }))
    );
    assert_eq!(answer["results"][0], json!({ "role": "pm", "status": "created", "version": 1 }));
    assert_eq!(answer["results"][1], json!({ "role": "dev", "status": "skipped" }));
    let pm = house.get("/api/prompts/active?role=pm").await.ok(200)["promptVersion"].clone();
    assert_eq!((&pm["created_by"], &pm["version"]), (&json!("seed"), &json!(1)));
    assert_eq!(pm["content"].as_str().unwrap(), include_str!("../../../roles/pm.md").trim());
    let again = house.post("/api/prompts/seed", json!({})).await.ok(200);
    assert_eq!(again["summary"], json!({ "created": 0, "skipped": 5, "errors": 0 }));
    let roles = json!({ "roles": ["conflict_resolver", "dev", "pm", "research", "reviewer"] });
    assert_eq!(house.get("/api/prompts/roles").await.ok(200), roles);
    // What is seeded is valid.
    for role in Role::ALL {
        let kept: Vec<Version> = house.list(newest(*role, 1)).await;
        let body = json!({ "role": role, "content": kept[0].content });
        assert_eq!(house.post("/api/prompts/validate", body).await.ok(200)["valid"], true, "{role:?}");
    }
}

#[tokio::test]
async fn what_is_not_built_yet_says_so() {
    let house = House::new();
    for (method, path) in [
        ("GET", "ab-test?role=dev"),
        ("POST", "ab-test"),
        ("DELETE", "ab-test"),
        ("GET", "amendments"),
        ("PATCH", "amendments"),
        ("GET", "metrics?role=dev&model=gpt"),
        ("POST", "metrics"),
        ("GET", "metrics/compare?versionA=1&versionB=2"),
    ] {
        let reply = house.raw(method, &format!("/api/prompts/{path}"), &[], "{").await;
        assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (501, &json!("not_built_yet")), "{method} {path}");
    }
}

/// Where people log in: to say what agents are told takes a token that may write, and no agent's.
#[tokio::test]
async fn a_token_writes_prompts_with_the_scope_write() {
    let house = House::locked();
    let first = json!({ "role": "dev", "content": "x" });
    house.post("/api/prompts", first.clone()).await.fails_with(401, "login_required");
    let mut made = None;
    for scope in [TokenScope::Write, TokenScope::Read, TokenScope::Agent, TokenScope::Admin] {
        let (secret, token) = house.token(scope.word(), scope, None).await;
        let bearer = format!("Bearer {secret}");
        let with = async |method: &str, path: &str, body: &Value| {
            house.raw(method, path, &[("authorization", &bearer)], body.to_string()).await
        };
        let write = with("POST", "/api/prompts", &first).await;
        match scope {
            TokenScope::Write | TokenScope::Admin => {
                let version = write.ok(200)["version"].clone();
                let kept = house.office.get::<Version>(id(&version)).await.unwrap().unwrap();
                assert_eq!(kept.by.id.as_deref(), Some(token.digest.id8()), "the log knows which token it was");
                made = Some(id(&version));
            }
            _ => write.fails_with(403, "scope_too_small"),
        }
        let one = made.clone().unwrap();
        let activate = with("PATCH", &format!("/api/prompts/{one}/activate"), &json!({})).await;
        let seed = with("POST", "/api/prompts/seed", &json!({})).await;
        let opens = matches!(scope, TokenScope::Write | TokenScope::Admin);
        for reply in [&activate, &seed] {
            assert_eq!(reply.status.as_u16(), if opens { 200 } else { 403 }, "{scope:?}: {}", reply.text);
        }
        for path in [
            "/api/prompts?role=dev",
            "/api/prompts/active?role=dev",
            "/api/prompts/roles",
            &format!("/api/prompts/{one}"),
        ] {
            assert_eq!(with("GET", path, &json!({})).await.status, 200, "{scope:?} {path}");
        }
    }
}

#[tokio::test]
async fn the_panel_says_which_version_each_agent_was_told() {
    let house = House::new();
    let project = house.project("site").await;
    house.prompt(json!({ "role": "dev", "content": WHOLE })).await;
    let body = json!({ "role": "dev", "content": WHOLE, "change_summary": "No <b>haste</b>", "created_by": "mia" });
    let second = house.prompt(body).await;
    let task = house.task(&project, "Paint", "ready").await;
    let built_in = house.run_told(&task, 1, "0123456789ab").await;
    house.fails(&built_in).await;
    let run = house.run_told(&task, 2, second["id"].as_str().unwrap()).await;
    let page = house.get(&format!("/projects/site/board?task={task}")).await.text;
    // What it says of itself is a claim.
    for says in [
        "Version 2 of the Dev prompt, by A program, as mia, 20",
        "UTC: No &lt;b&gt;haste&lt;/b&gt;\" class=\"told\">prompt v2<",
    ] {
        assert!(page.contains(says), "{says}: {page}");
    }
    assert!(
        page.contains(
            "title=\"The Dev prompt that came with the server: 0123456789ab\" class=\"told\">built-in prompt<"
        ),
        "{page}"
    );
    // Written again it is another version; what the agent was told stays.
    house.prompt(json!({ "role": "dev", "content": WHOLE })).await;
    house.fails(&run).await;
    house.run_told(&task, 3, NOBODY).await;
    let page = house.get(&format!("/projects/site/board?task={task}")).await.text;
    for (says, times) in [("prompt v2<", 1), ("prompt v3<", 0), ("built-in prompt<", 1), ("prompt unknown<", 1)] {
        assert_eq!(page.matches(says).count(), times, "{says}: {page}");
    }
}
