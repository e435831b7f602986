//! `POST /api/validate/github` and `/path` (facts §10.1, §2.20).

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use super::{House, callers::SAME};
use crate::http::compat::github::GitHub;

/// A server that answers each connection with the next of these, and tells what it was asked.
async fn serves(answers: Vec<String>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::channel(32);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            tell.send(String::from_utf8(head).unwrap()).await.unwrap();
            if answer.is_empty() {
                // Says nothing and stays.
                let _ = stream.read_u8().await;
                continue;
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, asked)
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

async fn look(house: &House, repo: &str) -> Value {
    house.post("/api/validate/github", json!({ "repo": repo })).await.ok(200)
}

#[tokio::test]
async fn a_repository_is_looked_up() {
    let repo = json!({
        "name": "r", "full_name": "o/r", "private": false, "default_branch": "main", "description": null, "id": 7,
    });
    let (address, mut asked) = serves(vec![
        http("200 OK", "", &repo.to_string()),
        http("404 Not Found", "", "{}"),
        http("403 Forbidden", "", "{}"),
        http("429 Too Many Requests", "", "{}"),
        http("500 Oops", "x-ratelimit-remaining: 0\r\n", ""),
        http("502 Bad Gateway", "", ""),
        http("200 OK", "", "<html>"),
        http("200 OK", "", &" ".repeat(2 << 20)),
        "HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{".into(),
        String::new(),
    ])
    .await;
    let house = House::on_disk().with_programs(|programs, _| programs.github = GitHub::of(address));
    assert_eq!(
        look(&house, " o/r ").await,
        json!({ "accessible": true, "name": "r", "full_name": "o/r", "private": false, "default_branch": "main",
                "description": null })
    );
    let head = asked.recv().await.unwrap().to_lowercase();
    assert!(head.starts_with("get /repos/o/r http/1.1"), "{head}");
    for said in ["accept: application/vnd.github.v3+json", "user-agent: openclutch-project-settings"] {
        assert!(head.contains(said), "{head}");
    }
    assert!(!head.contains("authorization"));
    for error in [
        "Repository not found or is private",
        "Rate limited by GitHub API",
        "Rate limited by GitHub API",
        "Rate limited by GitHub API",
        "GitHub API error: 502",
        "Network error: the answer is none of GitHub's",
        "Network error: the answer is too long",
        "Network error: the answer broke off",
        "Network error: GitHub did not answer in time",
    ] {
        assert_eq!(look(&house, "o/r").await, json!({ "accessible": false, "error": error }));
    }
}

#[tokio::test]
async fn what_is_no_repository_is_never_asked_about() {
    let house = House::on_disk().with_programs(|programs, _| programs.github = GitHub::of("http://127.0.0.1:1".into()));
    for repo in ["owner", "a/..", "../b", "a/b/c", "a/b?x=1", "https://github.com/a/b", " / "] {
        let told = look(&house, repo).await;
        assert_eq!(
            told,
            json!({ "accessible": false, "error": "Repository must be in owner/repository format" }),
            "{repo}"
        );
    }
    assert_eq!(look(&house, "o/r").await["error"], "Network error: GitHub cannot be reached");
    let needed = "Repository is required and must be a string";
    for body in [json!({ "repo": 7 }), json!({ "repo": "" }), json!({ "repo": null }), json!({})] {
        house.post("/api/validate/github", body).await.fails(400, "field_missing", needed);
    }
    house.raw("POST", "/api/validate/github", &[], "{").await.fails(400, "invalid_json", "Invalid request body");
}

#[tokio::test]
async fn a_folder_is_looked_at_inside_the_home_only() {
    let mut home = None;
    let house = House::on_disk().with_programs(|programs, _| home = programs.roots.first().cloned());
    let home = home.unwrap();
    std::fs::create_dir_all(home.join("repo/.git")).unwrap();
    let look = async |path: &str| house.post("/api/validate/path", json!({ "path": path })).await.ok(200);
    let repo = home.join("repo");
    assert_eq!(
        look("~/repo").await,
        json!({ "exists": true, "isDirectory": true, "resolved": repo, "isGitRepository": true })
    );
    assert_eq!(look("~/none").await, json!({ "exists": false, "resolved": home.join("none") }));
    for path in ["/etc/passwd", "/etc/nothing", "~/../clutch.db"] {
        let told = look(path).await;
        assert_eq!((&told["exists"], told.get("resolved")), (&json!(false), None), "{path}");
        assert!(told["error"].as_str().unwrap().contains("CLUTCH_ROOTS"));
    }
    let path = "/api/validate/path";
    house.post(path, json!({ "path": 7 })).await.fails(400, "field_missing", "Path is required and must be a string");
    house.post(path, json!({ "path": "  " })).await.fails(400, "field_missing", "Path cannot be empty");
    house.raw("POST", path, &[], "nonsense").await.fails(400, "invalid_json", "Invalid request body");
}

/// The settings page asks the same, and is told in sentences.
#[tokio::test]
async fn the_settings_page_is_told_in_sentences() {
    let repo = |name: &str| json!({ "name": "r", "full_name": name, "private": false, "default_branch": "main" });
    let (address, _asked) = serves(vec![
        http("200 OK", "", &repo("o/r").to_string()),
        http("200 OK", "", &repo("o/new").to_string()),
        http("404 Not Found", "", "{}"),
    ])
    .await;
    let mut home = None;
    let house = House::on_disk().with_programs(|programs, _| {
        home = programs.roots.first().cloned();
        programs.github = GitHub::of(address);
    });
    let home = home.unwrap();
    std::fs::create_dir_all(home.join("repo/.git")).unwrap();
    std::fs::create_dir_all(home.join("plain")).unwrap();
    std::fs::write(home.join("repo/.git/HEAD"), "ref: refs/heads/main\n").unwrap();
    std::fs::write(home.join("file"), "").unwrap();
    let cookie = house.cookie().await;
    let ask = async |field: &str, value: &str| {
        let body = format!("field={field}&value={}", value.replace('/', "%2F").replace(' ', "+"));
        let form = ("content-type", "application/x-www-form-urlencoded");
        let headers = [form, ("accept", "application/json"), SAME, ("cookie", cookie.as_str())];
        let reply = house.raw("POST", "/fn/check_setting", &headers, body).await;
        (reply.status.as_u16(), reply.json())
    };
    let told = async |field: &str, value: &str| {
        let (status, answer) = ask(field, value).await;
        assert_eq!(status, 200, "{answer}");
        (answer["well"] == true, answer["sentence"].as_str().unwrap().to_owned())
    };
    let at = |name: &str| home.join(name).display().to_string();
    for (path, well, says) in [
        (at("repo"), true, "A git repository, on the branch main."),
        (at("plain"), false, "This folder is there, but it is no git repository. It can be saved all the same."),
        (at("file"), false, "This is a file, not a folder."),
        (at("none"), false, "There is no such folder on this machine."),
    ] {
        assert_eq!(told("local_path", &path).await, (well, says.to_owned()), "{path}");
    }
    // Of what is outside nothing is said, whether it is there or not.
    assert_eq!(told("local_path", "/etc").await, told("local_path", "/nowhere").await);
    assert!(told("local_path", "/etc").await.1.contains("CLUTCH_ROOTS"));
    for (well, says) in [
        (true, "o/r is there: public, with main as its main branch."),
        (false, "This repository is called o/new by now: public, with main as its main branch."),
        (false, "Repository not found or is private. It can be saved all the same."),
    ] {
        assert_eq!(told("github_repo", "o/r").await, (well, says.to_owned()));
    }
    for (field, value, code) in [
        ("local_path", "repo", "path_not_absolute"),
        ("local_path", " ", "path_invalid"),
        ("github_repo", "o", "github_repo_invalid"),
        ("name", "x", "value_unknown"),
    ] {
        let (status, answer) = ask(field, value).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)), "{answer}");
    }
}
