//! What the program keeps is its owner's alone: what it makes, and what an older one has left open.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A start or an end on a busy machine; usually a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when the test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what} did not happen");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Serves once, writes a project, and goes.
fn serve(home: &Path, data: &Path) {
    let ready = home.join("ready");
    let _ = fs::remove_file(&ready);
    let mut command = Command::new(env!("CARGO_BIN_EXE_clutch"));
    command.env_clear().env("HOME", home).env("OPENCLAW_WS_URL", "ws://127.0.0.1:1").current_dir(home);
    command.args(["serve", "--port", "0", "--ready-file"]).arg(&ready).arg("--data-dir").arg(data);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Running(child);
    let address = wait_for("the start", || {
        assert_eq!(server.0.try_wait().unwrap(), None, "it does not serve");
        let text = fs::read_to_string(&ready).ok()?;
        text.strip_suffix('\n')?.strip_prefix("http://").map(str::to_owned)
    });
    let body = r#"{"name":"Site","slug":"site"}"#;
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "POST /api/projects HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201") || answer.starts_with("HTTP/1.1 409"), "{answer}");
    assert!(Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().unwrap().success());
    wait_for("the end", || server.0.try_wait().unwrap());
}

fn all(top: &Path, found: &mut Vec<(PathBuf, u32)>) {
    let meta = fs::symlink_metadata(top).unwrap();
    found.push((top.to_owned(), meta.permissions().mode() & 0o777));
    if meta.is_dir() {
        fs::read_dir(top).unwrap().for_each(|entry| all(&entry.unwrap().path(), found));
    }
}

fn closed(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    all(data, &mut found);
    for (path, mode) in &found {
        let want = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(*mode, want, "{} has {mode:o}", path.display());
    }
    found.into_iter().map(|(path, _)| path).collect()
}

#[test]
fn folders_and_files_are_closed_to_others() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    serve(home.path(), &data);
    let found = closed(&data);
    for name in ["clutch.db", "lock", "identity/session.key", "identity/device.json", "logs/server.log"] {
        assert!(found.contains(&data.join(name)), "{name} is not there: {found:?}");
    }
    for path in &found {
        let open = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(open)).unwrap();
    }
    serve(home.path(), &data);
    closed(&data);
    let log = fs::read_to_string(data.join("logs/server.log")).unwrap();
    assert!(log.contains("others on this machine could read this"), "{log}");
}
