//! `clutch token` beside a server that runs, and where none does.

use super::*;

/// `clutch token …`: standard output, standard error, and whether it went well.
fn token(home: &Path, data: &Path, words: &[&str]) -> (String, String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clutch"));
    command.env_clear().env("HOME", home).current_dir(home).arg("token").args(words).arg("--data-dir").arg(data);
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.success())
}

#[test]
fn tokens_are_made_and_taken_back_with_and_without_a_server() {
    let home = folder();
    let data = home.path().join("data");
    let create = |name: &str, scope: &str| {
        let (out, err, well) = token(home.path(), &data, &["create", name, "--scope", scope]);
        assert!(well && err.contains("only time"), "{out} {err}");
        // The secret stands alone, so that a script can take it.
        let secret = out.trim_end().to_owned();
        assert_eq!((secret.lines().count(), secret.len()), (1, "clutch_".len() + 64), "{out}");
        secret
    };
    let before = create("before", "read");
    let server = Server::start(home.path(), &data, &[]);
    let beside = create("beside", "write");
    let status = |secret: &str, method: &str, path: &str, body: &str| {
        let bearer = format!("authorization: Bearer {secret}\r\ncontent-type: application/json\r\n");
        server.ask(method, path, &bearer, body).unwrap().0
    };
    let body = r#"{"name":"Site","slug":"site"}"#;
    assert_eq!(status(&before, "POST", "/api/projects", body), 403, "it may only read");
    assert_eq!(status(&before, "GET", "/api/projects", ""), 200);
    assert_eq!(status(&beside, "POST", "/api/projects", body), 201);
    let (list, _, _) = token(home.path(), &data, &["list"]);
    assert!(list.contains("before") && list.contains("beside") && !list.contains(&beside[7..]), "{list}");
    assert!(token(home.path(), &data, &["revoke", "beside"]).2);
    assert_eq!(status(&beside, "GET", "/api/projects", ""), 401);
    let (_, err, well) = token(home.path(), &data, &["revoke", "nobody"]);
    assert!(!well && err.contains("no token"), "{err}");
    drop(server);
    // It was killed, and its socket lies about.
    let (list, _, _) = token(home.path(), &data, &["list"]);
    assert!(list.contains("revoked") && list.contains("in force"), "{list}");
    let logs = std::fs::read_to_string(data.join("logs/server.log")).unwrap();
    assert!(!logs.contains(&before[7..]) && !logs.contains(&beside[7..]), "{logs}");
}

/// `clutch user …`, with this on standard input.
fn user(home: &Path, data: &Path, words: &[&str], typed: &str) -> (String, String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clutch"));
    command.env_clear().env("HOME", home).current_dir(home).arg("user").args(words).arg("--data-dir").arg(data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that wants no password does not read.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.success())
}

#[test]
fn people_are_let_in_and_sent_away_with_and_without_a_server() {
    let home = folder();
    let data = home.path().join("data");
    let clutch = |words: &[&str], typed: &str| user(home.path(), &data, words, typed);
    let (said, _, well) = clutch(&["list"], "");
    assert!(well && said.contains("nobody yet"), "{said}");
    let (said, err, well) = clutch(&["add", "Eve", "--role", "owner"], "one long password\n");
    assert!(well && said.contains("eve is an owner now"), "{said} {err}");
    let server = Server::start(home.path(), &data, &[("CLUTCH_PASSWORD", "correct horse battery")]);
    let enters = |name: &str, password: &str| {
        let more = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";
        let body = format!("username={name}&password={}", password.replace(' ', "+"));
        server.ask("POST", "/login", more, &body).unwrap().0
    };
    assert_eq!(enters("eve", "one long password"), 303);
    for (words, typed, says) in [
        (&["add", "mia"][..], "short\n", "at least 10 characters"),
        (&["add", "eve"], "one long password\n", "already"),
        (&["add", "a/b"], "one long password\n", "small letters"),
        (&["remove", "nobody"], "", "nobody with this name"),
        (&["role", "eve", "viewer"], "", "only owner"),
    ] {
        let (said, err, well) = clutch(words, typed);
        assert!(!well && err.contains(says), "{words:?}: {said} {err}");
    }
    assert!(clutch(&["add", "mia"], "another long one\n").2);
    assert_eq!(enters("mia", "another long one"), 303);
    assert!(clutch(&["password", "mia"], "a third long one\n").2);
    assert_eq!((enters("mia", "another long one"), enters("mia", "a third long one")), (403, 303));
    assert!(clutch(&["role", "mia", "viewer"], "").2);
    let (list, _, _) = clutch(&["list"], "");
    assert!(list.contains("viewer") && list.contains("mia") && list.contains("owner"), "{list}");
    assert!(!list.contains("argon2"), "{list}");
    assert!(clutch(&["remove", "mia"], "").2);
    assert_eq!(enters("mia", "a third long one"), 403);
    drop(server);
    let logs = std::fs::read_to_string(data.join("logs/server.log")).unwrap();
    assert!(!logs.contains("long one") && !logs.contains("long password"), "{logs}");
}
