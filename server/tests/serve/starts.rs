//! Starts and ends in odd surroundings, and others who take their time.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{END_MAX, START_MAX, Server, clutch, folder, refused, wait_for};

/// Whoever starts it may change his mind, and whoever waits for the address shall not find one of a
/// server that is gone.
#[test]
fn it_goes_whenever_it_is_asked_and_takes_its_address_along() {
    let home = folder();
    let ready = home.path().join("ready");
    for signal in ["INT", "TERM"] {
        let mut command = clutch(home.path());
        command.args(["--port", "0", "--ready-file"]).arg(&ready).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        wait_for("the start", START_MAX, || ready.is_file().then_some(()));
        assert!(std::fs::read_to_string(&ready).unwrap().ends_with('\n'), "it is there whole or not at all");
        // At once: the first signal may come before anything listens to it but the start.
        assert!(Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap().success());
        let ended = wait_for("the end", END_MAX, || child.try_wait().unwrap());
        assert_eq!(ended.code(), Some(0), "{signal}");
        assert!(!ready.exists(), "{signal}");
    }
}

/// An open request would hold it for the grace; whoever asks twice means it.
#[test]
fn who_asks_twice_is_not_kept_waiting() {
    let home = folder();
    let mut server = Server::start(home.path(), &home.path().join("data"), &[]);
    let mut slow = TcpStream::connect(server.address).unwrap();
    let address = server.address;
    write!(slow, "POST /api/projects HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\n\r\n{{").unwrap();
    // Answered after it: the first request is under way.
    assert_eq!(server.get("/health").0, 200);
    server.signal("INT");
    wait_for("that it goes", END_MAX, || TcpStream::connect(address).is_err().then_some(()));
    let began = Instant::now();
    server.signal("INT");
    assert_eq!(server.ends().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn odd_surroundings_are_no_reason_not_to_start() {
    use std::os::unix::ffi::OsStrExt;
    let home = folder();
    let data = home.path().join("data");
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    // As Windows writes it, with a mark at the beginning; a line that is none is named, its content is not.
    std::fs::write(home.path().join(".env.local"), "\u{feff}CLUTCH_UPLOAD_QUOTA_MB=many\r\nOPENCLAW_TOKEN s3cret\r\n")
        .unwrap();
    let ready = home.path().join("ready");
    let mut command = clutch(home.path());
    command
        .env("ODD", odd)
        .env(odd, "x")
        .args(["--port", "0", "--ready-file"])
        .arg(&ready)
        .arg("--data-dir")
        .arg(&data);
    let errors = home.path().join("errors");
    let mut child = command.stdout(Stdio::null()).stderr(std::fs::File::create(&errors).unwrap()).spawn().unwrap();
    wait_for("the start", START_MAX, || {
        assert_eq!(child.try_wait().unwrap(), None, "{}", std::fs::read_to_string(&errors).unwrap_or_default());
        ready.is_file().then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let said = std::fs::read_to_string(&errors).unwrap();
    for words in [
        "CLUTCH_UPLOAD_QUOTA_MB is \"many\"",
        "Line 2 of .env.local is left out",
        "Pages come without look and code",
        "LEPTOS_SITE_ROOT",
    ] {
        assert!(said.replace("\\\"", "\"").contains(words), "{words}: {said}");
    }
    assert!(!said.contains("s3cret"), "{said}");
    std::fs::write(home.path().join(".env.local"), b"CLUTCH_DATA_DIR=/d\xe4").unwrap();
    let sentence = refused(clutch(home.path()));
    assert!(sentence.contains(".env.local is not text in UTF-8"), "{sentence}");
    std::fs::remove_file(home.path().join(".env.local")).unwrap();
    let mut command = clutch(home.path());
    command.env("CONVEX_URL", odd);
    assert!(refused(command).starts_with("CONVEX_URL is not text in UTF-8"));
}

/// Connections that say nothing, half of a head, or a body drop by drop do not keep others out.
#[test]
fn many_silent_connections_keep_nobody_out() {
    let home = folder();
    let server = Server::start(home.path(), &home.path().join("data"), &[]);
    let mut held = Vec::new();
    for n in 0..600 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        match n % 3 {
            0 => {}
            1 => write!(stream, "GET /health HT").unwrap(),
            _ => write!(
                stream,
                "POST /api/tasks HTTP/1.1\r\nhost: {}\r\ncontent-length: 3000000\r\n\r\n{{",
                server.address
            )
            .unwrap(),
        }
        held.push(stream);
    }
    let began = Instant::now();
    assert_eq!(server.get("/health").0, 200);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(server.post("/api/projects", &json!({ "name": "P", "slug": "p" })).unwrap().0, 201);
    drop(held);
    server.stop();
}

/// When the system gives no file any more, whoever is connected is served, what is stored is stored, and
/// others wait; when it gives some again, they are served.
#[test]
fn files_that_are_used_up_are_outlived() {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

    let home = folder();
    let (data, logs) = (home.path().join("data"), home.path().join("logs"));
    let server = Server::start(home.path(), &data, &[("CLUTCH_LOG_DIR", logs.to_str().unwrap())]);
    let project = server.project();
    let pid = Pid::from_raw(i32::try_from(server.child.id()).unwrap());
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = |current| prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).unwrap();
    let ask = |stream: &mut TcpStream, title: &str| {
        let body = json!({ "project_id": project, "title": title }).to_string();
        let (address, length) = (server.address, body.len());
        write!(
            stream,
            "POST /api/tasks HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
    };
    let head = |stream: &mut TcpStream| {
        let mut line = [0; 12];
        stream.read_exact(&mut line).unwrap();
        String::from_utf8_lossy(&line).into_owned()
    };
    let mut connected = TcpStream::connect(server.address).unwrap();
    connected.set_read_timeout(Some(START_MAX)).unwrap();
    ask(&mut connected, "before");
    assert_eq!(head(&mut connected), "HTTP/1.1 201");
    let before = limit(Some(3)).current;
    let mut waits = TcpStream::connect(server.address).unwrap();
    waits.set_read_timeout(Some(START_MAX)).unwrap();
    ask(&mut waits, "who waited");
    wait_for("the word about it in the log", START_MAX, || {
        let files = std::fs::read_dir(&logs).ok()?.flatten();
        files
            .filter_map(|file| std::fs::read_to_string(file.path()).ok())
            .any(|log| log.contains("No file can be opened any more"))
            .then_some(())
    });
    ask(&mut connected, "meanwhile");
    limit(before);
    assert_eq!(head(&mut waits), "HTTP/1.1 201");
    let (status, tasks) = server.get(&format!("/api/tasks?projectId={project}"));
    let mut titles: Vec<&str> =
        tasks["tasks"].as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    assert_eq!((status, titles), (200, vec!["before", "meanwhile", "who waited"]));
    server.stop();
}

/// Rendering takes its time, and nobody else's.
#[test]
fn long_pages_keep_nobody_waiting() {
    let home = folder();
    let server = Server::start(home.path(), &home.path().join("data"), &[]);
    let project = server.project();
    let chat = server.post("/api/chats", &json!({ "project_id": project })).unwrap().1["chat"]["id"].clone();
    let path = format!("/api/chats/{}/messages", chat.as_str().unwrap());
    for n in 0..8 {
        let line = format!("{n} `code` and *words* and https://example.org/{n}\n");
        let content = line.repeat(990_000 / line.len());
        assert_eq!(server.post(&path, &json!({ "content": content, "author": "kimi" })).unwrap().0, 201);
    }
    let page = format!("/projects/site/chat?chat={}", chat.as_str().unwrap());
    thread::scope(|scope| {
        let loads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| server.ask("GET", &page, "accept: text/html\r\n", "").unwrap())).collect();
        let (began, mut longest, mut asked) = (Instant::now(), Duration::ZERO, 0);
        while loads.iter().any(|load| !load.is_finished()) || asked == 0 {
            let one = Instant::now();
            assert_eq!(server.get("/health").0, 200);
            longest = longest.max(one.elapsed());
            asked += 1;
        }
        let bytes: Vec<usize> = loads
            .into_iter()
            .map(|load| load.join().unwrap())
            .map(|(status, _, body)| {
                assert_eq!(status, 200);
                body.len()
            })
            .collect();
        println!(
            "measured: four pages in {:?}, {bytes:?} bytes; /health asked {asked} times, longest {longest:?}",
            began.elapsed()
        );
        assert!(longest < Duration::from_secs(5), "{longest:?}");
    });
    server.stop();
}
