//! The agent: this very program, started again as a child process. It reads its prompt on stdin, does what the
//! ticket's title says, reports by the command that the prompt gives it, and leaves its last words in its folder.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// Its folder, in the environment.
pub const PLACE: &str = "AGENT_PLACE";
/// There it leaves how it ended.
pub const END: &str = "end";
/// It waits for this file where the title says so.
pub const GO: &str = "go";

/// How the runtime starts it.
pub const ARGUMENTS: [&str; 4] = ["--exact", "tests::child::agent::agent", "--ignored", "--nocapture"];

#[test]
#[ignore = "started by the runtime of these tests"]
fn agent() {
    let place = PathBuf::from(std::env::var_os(PLACE).unwrap());
    let mut prompt = String::new();
    std::io::stdin().read_to_string(&mut prompt).unwrap();
    fs::write(place.join("prompt"), &prompt).unwrap();
    println!("line: read {}", std::env::current_dir().unwrap().display());
    let title = |word: &str| prompt.lines().any(|line| line.starts_with("Title: ") && line.contains(word));
    while title("wait") && !place.join(GO).exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    if !title("silent") {
        report(&prompt, "Painted it.");
    }
    // Whole or not at all: the runtime may look at any moment.
    fs::write(place.join("end.new"), "I painted it.").unwrap();
    fs::rename(place.join("end.new"), place.join(END)).unwrap();
}

/// Runs the command with which the prompt lets it say that it is done, as a shell would.
fn report(prompt: &str, summary: &str) {
    let lines: Vec<&str> = prompt.lines().collect();
    let at = lines.iter().position(|l| l.starts_with("curl") && l.contains("/complete'")).unwrap();
    let url = lines[at].split('\'').nth(1).unwrap();
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let body = lines[at + 1].replace("...", summary);
    assert!(lines[at].ends_with(&format!("<<'{}'", lines[at + 2])), "{}", lines[at]);
    let mut board = TcpStream::connect(host).unwrap();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    board.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    board.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Lets an agent that waits go on.
pub fn go(place: &Path) {
    fs::write(place.join(GO), "").unwrap();
}
