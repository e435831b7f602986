//! Budgets, dry runs and usage windows: their page, v1, and who stops an agent.

use clutch_domain::{
    access::{TokenScope, UserRole},
    brake::{Budget, Used},
    command::{Command, EndRun, Ended, Retry},
    project::Project,
    run::Run,
};
use serde_json::{Value, json};

use super::{House, NOBODY, Reply, callers::SAME};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HTML: (&str, &str) = ("accept", "text/html");
const PAGE: &str = "/projects/site/brakes";

async fn look(house: &House, cookie: &str, path: &str) -> Reply {
    house.raw("GET", path, &[HTML, ("cookie", cookie)], "").await
}

async fn press(house: &House, cookie: &str, body: &str) -> Reply {
    house.raw("POST", PAGE, &[FORM, ("cookie", cookie), SAME], body.to_owned()).await
}

async fn site(house: &House) -> Project {
    house.office.project("site").await.unwrap().unwrap()
}

/// A run of a ticket that is over, and what it used.
async fn used(house: &House, title: &str, how: Ended, used: Option<Used>) -> Run {
    let project = site(house).await.id.to_string();
    let task = house.task(&project, title, "ready").await;
    let run = house.run_of(&task, 1).await;
    let retry = Retry { wait_ms: 0, cap: 9 };
    let end = EndRun { run: run.id, as_id: None, how, last_words: "no".into(), used, retry };
    house.by_loop(Command::RunEnded(end)).await;
    run
}

#[tokio::test]
async fn a_person_sets_budgets_without_any_code_and_sees_the_day() {
    let house = House::on_disk();
    house.project("site").await;
    let cookie = house.cookie().await;
    let empty = look(&house, &cookie, PAGE).await;
    assert!(empty.status == 200 && empty.text.contains("Brakes of site"), "{}", empty.text);
    assert!(empty.text.contains("name=\"waits\" value=\"yes\" checked") && !empty.text.contains("<progress"));

    let saved = press(&house, &cookie, "runs=2&minutes=&tokens=2%2C000%2C000&dollars=12.5&dry_run=yes").await;
    assert_eq!(
        (saved.status.as_u16(), &saved.headers["location"]),
        (303, &"/projects/site/brakes?done=changed".parse().unwrap())
    );
    let is = site(&house).await;
    let budget = Budget { runs: Some(2), minutes: None, tokens: Some(2_000_000), cost_micros: Some(12_500_000) };
    assert_eq!((is.budget, is.dry_run, is.limits_fail), (budget, true, true));
    let page = look(&house, &cookie, "/projects/site/brakes?done=changed").await.text;
    for says in ["Saved.", "value=\"2000000\"", "value=\"12.50\"", "<b>0</b> of 2 <progress", "<b>$0.00</b> of $12.50"]
    {
        assert!(page.contains(says), "{says} is missing: {page}");
    }

    // What is wrong is said, and what was typed stays.
    let wrong = press(&house, &cookie, "runs=%3Cb%3E&minutes=7&waits=yes").await;
    assert_eq!(wrong.status, 400);
    for says in ["role=\"alert\"", "A budget is a whole number", "value=\"&lt;b&gt;\"", "value=\"7\""] {
        assert!(wrong.text.contains(says), "{says} is missing: {}", wrong.text);
    }
    assert_eq!(site(&house).await.budget, budget);

    press(&house, &cookie, "runs=1&waits=yes").await;
    let told = Used { input: 1_200, output: 34, cost_micros: Some(310_000) };
    used(&house, "one", Ended::Finished, Some(told)).await;
    let page = look(&house, &cookie, PAGE).await.text;
    for says in ["Today\u{2019}s budget of 1 agent is used up", "<b>1</b> of 1", "<b>1,234</b>", "<b>$0.31</b>"] {
        assert!(page.contains(says), "{says} is missing: {page}");
    }
    assert_eq!(look(&house, &cookie, "/projects/nowhere/brakes").await.status, 404);
}

#[tokio::test]
async fn a_usage_window_that_ran_out_is_on_the_page_until_it_opens() {
    let house = House::on_disk();
    house.project("site").await;
    let cookie = house.cookie().await;
    let opens = house.office.now().plus(3_600_000);
    used(&house, "one", Ended::Limited(opens), None).await;
    let page = look(&house, &cookie, PAGE).await.text;
    assert!(page.contains("The usage window of <b>the runtime\u{2019}s own model</b> ran out"), "{page}");
    house.clock.set(opens);
    assert!(!look(&house, &cookie, PAGE).await.text.contains("The usage window of"));
}

#[tokio::test]
async fn programs_set_budgets_see_the_day_and_stop_an_agent() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let fresh = house.get("/api/v1/projects/site").await.ok(200);
    let none = json!({ "runs": null, "minutes": null, "tokens": null, "usd": null });
    assert_eq!((&fresh["budget"], &fresh["dry_run"], &fresh["limits_fail"]), (&none, &json!(false), &json!(false)));
    let patch = json!({ "budget": { "runs": 3, "usd": 0.25 }, "dry_run": true, "limits_fail": true });
    let set = house.patch("/api/v1/projects/site", patch).await.ok(200);
    assert_eq!(set["budget"], json!({ "runs": 3, "minutes": null, "tokens": null, "usd": 0.25 }));
    assert_eq!((&set["dry_run"], &set["limits_fail"]), (&json!(true), &json!(true)));
    for (wrong, code) in [
        (json!({ "budget": { "usd": -1 } }), "budget_invalid"),
        (json!({ "budget": { "usd": 1e300 } }), "budget_invalid"),
        (json!({ "budget": { "tokens": 9_000_000_000_000_000_000_u64 } }), "budget_invalid"),
        (json!({ "budget": { "runs": -1 } }), "invalid_field"),
        (json!({ "budget": { "runs": 1.5 } }), "invalid_field"),
        (json!({ "budget": [null, 3] }), "invalid_field"),
        (json!({ "budget": 3 }), "invalid_field"),
        (json!({ "budget": { "dollars": 3 } }), "unknown_field"),
        (json!({ "dry_run": "false" }), "invalid_field"),
    ] {
        house.patch("/api/v1/projects/site", wrong).await.problem(400, code);
    }
    let told = Used { input: 1_200, output: 34, cost_micros: Some(310_000) };
    let cleared = json!({ "budget": null, "dry_run": false });
    assert_eq!(house.patch("/api/v1/projects/site", cleared).await.ok(200)["budget"], none);
    let run = used(&house, "one", Ended::Finished, Some(told)).await;
    house.patch("/api/v1/projects/site", json!({ "budget": { "usd": 0.3 } })).await.ok(200);
    let day = house.get("/api/v1/projects/site/spending").await.ok(200);
    assert_eq!(
        (&day["day"], &day["runs"], &day["tokens"], &day["usd"], &day["budget"]["usd"]),
        (&json!("2023-11-14"), &json!(1), &json!(1_234), &json!(0.31), &json!(0.3))
    );
    assert_eq!(day["used_up"], "Today\u{2019}s budget of $0.30 is used up.");
    let over = house.get(&format!("/api/v1/runs/{}", run.id)).await.ok(200);
    assert_eq!(over["usage"], json!({ "input_tokens": 1_200, "output_tokens": 34, "usd": 0.31 }));

    house.patch("/api/v1/projects/site", json!({ "budget": null })).await.ok(200);
    let task = house.task(&project, "two", "ready").await;
    let run = house.run_of(&task, 1).await;
    let stop = format!("/api/v1/runs/{}/stop", run.id);
    assert_eq!(house.post(&stop, json!({})).await.ok(200)["outcome"], Value::Null);
    assert!(house.office.get::<Run>(run.id).await.unwrap().unwrap().stopping.is_some());
    house.post(&stop, json!({})).await.ok(200);
    let log = house.log(&task).await;
    assert_eq!(log.iter().filter(|line| line.what == "agent_stopped").count(), 1, "{log:?}");
    house.post(&format!("/api/v1/runs/{NOBODY}/stop"), json!({})).await.problem(404, "run_not_found");
    // An agent's token stops nobody.
    let agent = house.token("agent", TokenScope::Agent, None).await.0;
    let bearer = format!("Bearer {agent}");
    let refused = house.raw("POST", &stop, &[("authorization", &bearer)], "{}").await;
    refused.problem(403, "scope_too_small");
}

#[tokio::test]
async fn where_people_log_in_owners_say_what_may_be_spent() {
    let house = House::locked();
    let owner = house.session().await;
    house.as_page(&owner, "POST", "/api/projects", r#"{"name":"Site","slug":"site"}"#).await.ok(201);
    for (cookie, status) in [
        (house.person("member", UserRole::Member).await, 403),
        (house.person("viewer", UserRole::Viewer).await, 403),
        (owner, 303),
    ] {
        assert_eq!(look(&house, &cookie, PAGE).await.status, 200);
        assert_eq!(press(&house, &cookie, "runs=5&waits=yes").await.status.as_u16(), status, "{cookie}");
        assert_eq!(site(&house).await.budget.runs, (status == 303).then_some(5));
    }
    assert_eq!(house.raw("POST", PAGE, &[FORM], "runs=9").await.status, 401);
}
