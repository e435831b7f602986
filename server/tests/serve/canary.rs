//! Canaries: secrets that are planted, and looked for wherever somebody may read, in clear, in base64 and in hex.

use std::{collections::BTreeSet, path::PathBuf};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};

use super::*;

const OWNERS: &str = "canary owners pass phrase";
const MIAS: &str = "canary mias other phrase";
const CONVEX_KEY: &str = "prod:canary|eyJ2MiI6ImNvbnZleC1jYW5hcnkta2V5";

/// How a secret may be written down, each way as it looks in the middle of other text.
fn spellings(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |upper: bool| -> Vec<u8> {
        let digits: String = secret.iter().map(|b| format!("{b:02x}")).collect();
        if upper { digits.to_uppercase() } else { digits }.into_bytes()
    };
    let mut all = vec![("clear", secret.to_vec()), ("hex", hex(false)), ("HEX", hex(true))];
    if let Ok(text) = std::str::from_utf8(secret) {
        all.push(("a form", form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().into_bytes()));
        all.push(("an address", text.replace(' ', "%20").into_bytes()));
    }
    for before in 0..3 {
        // What stands before and behind changes the letters at both ends.
        let text = STANDARD_NO_PAD.encode([&vec![0; before], secret].concat());
        let letters = &text.as_bytes()[[0, 2, 3][before]..text.len() - 1];
        let url_safe: Vec<u8> = letters
            .iter()
            .map(|b| match b {
                b'+' => b'-',
                b'/' => b'_',
                b => *b,
            })
            .collect();
        all.extend([("base64", letters.to_vec()), ("base64url", url_safe)]);
    }
    all
}

/// Bytes that are looked for in many others: as far as a last byte does not fit, it is gone on by as many as can be
/// (Horspool).
struct Needle {
    bytes: Vec<u8>,
    skip: [usize; 256],
}

impl Needle {
    fn new(bytes: Vec<u8>) -> Self {
        assert!(bytes.len() > 4, "too short to say anything");
        let last = bytes.len() - 1;
        let mut skip = [bytes.len(); 256];
        for (at, byte) in bytes[..last].iter().enumerate() {
            skip[usize::from(*byte)] = last - at;
        }
        Self { bytes, skip }
    }

    fn is_in(&self, place: &[u8]) -> bool {
        let mut at = 0;
        while let Some(part) = place.get(at..at + self.bytes.len()) {
            if part == self.bytes {
                return true;
            }
            at += self.skip[usize::from(part[part.len() - 1])];
        }
        false
    }
}

/// Where secrets are looked for; says which was found and how it was written.
struct Search(Vec<(&'static str, &'static str, Needle)>);

impl Search {
    fn of(secrets: &[(&'static str, &[u8])]) -> Self {
        let each = |(name, secret): &(&'static str, &[u8])| {
            let name = *name;
            spellings(secret).into_iter().map(move |(how, bytes)| (name, how, Needle::new(bytes))).collect::<Vec<_>>()
        };
        Self(secrets.iter().flat_map(each).collect())
    }

    fn finds(&self, place: &[u8]) -> Option<(&'static str, &'static str)> {
        let mut found = self.0.iter().filter(|(_, _, needle)| needle.is_in(place));
        found.next().map(|(name, how, _)| (*name, *how))
    }

    #[track_caller]
    fn not_in(&self, what: &str, place: &[u8]) {
        if let Some((name, how)) = self.finds(place) {
            panic!("{what} gives away {name}, in {how}");
        }
    }
}

#[test]
fn each_way_of_writing_a_secret_is_found() {
    let search = Search::of(&[("it", OWNERS.as_bytes())]);
    let hex: String = OWNERS.bytes().map(|b| format!("{b:02X}")).collect();
    for text in [
        format!("before {OWNERS} after"),
        format!("x{hex}y"),
        hex.to_lowercase(),
        OWNERS.replace(' ', "+"),
        OWNERS.replace(' ', "%20"),
        STANDARD_NO_PAD.encode(OWNERS),
        STANDARD_NO_PAD.encode(format!("a{OWNERS}b")),
        STANDARD_NO_PAD.encode(format!("ab{OWNERS}bc")),
        STANDARD_NO_PAD.encode(format!("abc{OWNERS}bcd")),
    ] {
        assert!(search.finds(text.as_bytes()).is_some(), "{text}");
    }
    assert_eq!(search.finds(b"canary owners pass phras"), None);
}

/// Paths of ours that a page names.
fn links(page: &str) -> BTreeSet<String> {
    let values = ["href=\"", "src=\"", "action=\"", "from '", "import('"];
    let named =
        values.iter().flat_map(|mark| page.split(mark).skip(1).filter_map(|rest| rest.split(['"', '\'']).next()));
    let ours = named.filter(|link| link.starts_with('/') && !link.starts_with("//"));
    ours.map(|link| link.split('#').next().unwrap_or_default().replace("&amp;", "&")).collect()
}

/// The folder of a build, with its program, its site, and the beginning of all secrets that stood in the environment in
/// which it was made.
struct Built {
    program: PathBuf,
    site: PathBuf,
    canary: String,
}

impl Built {
    /// As `./run.sh test --only api` tells of it.
    fn told() -> Self {
        let set =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by ./run.sh test --only api"));
        Self { program: set("CLUTCH_BIN").into(), site: set("LEPTOS_SITE_ROOT").into(), canary: set("CLUTCH_CANARY") }
    }

    /// All files of the site: name and bytes. What is compressed is another file's content.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let (mut found, mut folders) = (Vec::new(), vec![self.site.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|e| e != "br" && e != "gz") {
                    let name = path.strip_prefix(&self.site).unwrap().display().to_string();
                    found.push((name, std::fs::read(&path).unwrap()));
                }
            }
        }
        for (kind, least) in [(".wasm", 5), (".js", 2), (".css", 2)] {
            let many = found.iter().filter(|(name, _)| name.ends_with(kind)).count();
            assert!(many >= least, "{many} files {kind} in {}", self.site.display());
        }
        found
    }

    /// Neither what was planted when it was built, nor a name by which settings say secrets.
    fn gives_nothing_away(&self) {
        let search = Search::of(&[("a secret of the build", self.canary.as_bytes())]);
        search.not_in("the program", &std::fs::read(&self.program).unwrap());
        for (name, bytes) in self.files() {
            search.not_in(&name, &bytes);
            for word in ["OPENCLAW_TOKEN", "CONVEX_DEPLOY_KEY", "ADMIN_KEY", "GH_TOKEN", "GITHUB_TOKEN", "NEXT_PUBLIC_"]
            {
                assert!(!Needle::new(word.into()).is_in(&bytes), "{name} names {word}");
            }
        }
    }

    /// Each file as a browser gets it; how many there are.
    fn is_served_without(&self, search: &Search, server: &Server) -> usize {
        let files = self.files();
        for (name, bytes) in &files {
            let (status, head, body) = server.ask("GET", &format!("/{name}"), "", "").unwrap();
            assert_eq!(status, 200, "{name}: {head}");
            search.not_in(&format!("GET /{name}"), (head + &body).as_bytes());
            search.not_in(name, bytes);
        }
        files.len()
    }
}

#[test]
fn planted_secrets_are_found_nowhere() {
    nowhere(None);
}

/// The same with the site and the program that people get.
#[test]
#[ignore = "needs a built site: ./run.sh test --only api runs it"]
fn planted_secrets_are_not_in_the_built_site() {
    let built = Built::told();
    built.gives_nothing_away();
    println!("measured: {} files of the site, and no secret in them", nowhere(Some(&built)));
}

/// How many files of the site were looked at.
fn nowhere(built: Option<&Built>) -> usize {
    let home = folder();
    let data = home.path().join("data");
    let (gateway, heard) = refusing_gateway();
    let run = |words: &[&str], typed: &str| {
        let mut command = Command::new(program());
        command.env_clear().env("HOME", home.path()).current_dir(home.path()).args(words).arg("--data-dir").arg(&data);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let mut set = vec![
        ("CLUTCH_PASSWORD", OWNERS.to_owned()),
        ("OPENCLAW_TOKEN", TOKEN.to_owned()),
        ("OPENCLAW_WS_URL", format!("ws://{gateway}")),
        ("CONVEX_DEPLOY_KEY", CONVEX_KEY.to_owned()),
        ("CLUTCH_LOG", "trace".to_owned()),
    ];
    if let Some(built) = built {
        set.push(("LEPTOS_SITE_ROOT", built.site.display().to_string()));
        set.push(("LEPTOS_HASH_FILES", "true".into()));
    }
    let set: Vec<(&str, &str)> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start(home.path(), &data, &set);
    let bearer = run(&["token", "create", "canary"], "").trim().to_owned();
    assert!(bearer.starts_with("clutch_"), "{bearer}");
    run(&["user", "add", "mia", "--role", "owner"], &format!("{MIAS}\n"));
    let form = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";
    let enter = |name: &str, password: &str| {
        let body = format!("username={name}&password={}&next=/", password.replace(' ', "+"));
        server.ask("POST", "/login", form, &body).unwrap()
    };
    let mut cookies = Vec::new();
    for (name, password) in [("owner", OWNERS), ("mia", MIAS)] {
        let (status, head, _) = enter(name, password);
        assert_eq!(status, 303, "{head}");
        let line = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap().to_owned();
        cookies.push(line.split(';').next().unwrap().to_owned());
    }
    let id = |cookie: &str| cookie.split('=').nth(1).unwrap().split('.').next().unwrap().to_owned();
    let (one, two) = (id(&cookies[0]), id(&cookies[1]));
    let key = std::fs::read(data.join("identity/session.key")).unwrap();
    let webhooks_key = std::fs::read(data.join("identity/webhooks.key")).unwrap();
    let with_admin = {
        let admin = run(&["token", "create", "canary-admin", "--scope", "admin"], "").trim().to_owned();
        format!("authorization: Bearer {admin}\r\ncontent-type: application/json\r\n")
    };
    let made = server.ask("POST", "/api/projects", &with_admin, r#"{"name":"Hooks","slug":"hooks"}"#).unwrap();
    assert_eq!(made.0, 201, "{}", made.2);
    let hook = r#"{"url":"http://8.8.8.8:1/","events":["project_restored"]}"#;
    let made = server.ask("POST", "/api/v1/projects/hooks/webhooks", &with_admin, hook).unwrap();
    assert_eq!(made.0, 201, "{}", made.2);
    let made: Value = serde_json::from_str(&made.2).unwrap();
    let webhook = made["webhook"]["id"].as_str().unwrap().to_owned();
    let signing = STANDARD.decode(made["secret"].as_str().unwrap().trim_start_matches("whsec_")).unwrap();
    let search = Search::of(&[
        ("the owner's password", OWNERS.as_bytes()),
        ("somebody's password", MIAS.as_bytes()),
        ("the gateway's token", TOKEN.as_bytes()),
        ("the key of a Convex deployment", CONVEX_KEY.as_bytes()),
        ("a program's token", bearer.trim_start_matches("clutch_").as_bytes()),
        ("the owner's session", one.as_bytes()),
        ("somebody's session", two.as_bytes()),
        ("the key of all sessions", &key),
        ("the key of all webhooks", &webhooks_key),
        ("the secret of a webhook", &signing),
    ]);
    // A log-in's answer has the cookie in its head, and nothing else does.
    for (name, password) in [("owner", MIAS), ("mia", OWNERS), ("nobody", OWNERS), (OWNERS, OWNERS)] {
        let (status, head, body) = enter(name, password);
        if name != OWNERS {
            search.not_in("a refused log-in", (head + &body).as_bytes());
        }
        assert!([303, 403].contains(&status), "{status}");
    }
    let with_token = format!("authorization: Bearer {bearer}\r\ncontent-type: application/json\r\n");
    let made = server.ask("POST", "/api/projects", &with_token, r#"{"name":"Site","slug":"site"}"#).unwrap().2;
    let project = serde_json::from_str::<Value>(&made).unwrap()["project"]["id"].as_str().unwrap().to_owned();
    let task = json!({ "project_id": project, "title": "t" }).to_string();
    let made = server.ask("POST", "/api/tasks", &with_token, &task).unwrap().2;
    let task = serde_json::from_str::<Value>(&made).unwrap()["task"]["id"].as_str().unwrap().to_owned();
    wait_for("a try at the gateway", START_MAX, || heard.lock().unwrap().contains(TOKEN).then_some(()));

    let files = built.map_or(0, |built| built.is_served_without(&search, &server));
    // Every page that a person comes to, and what it names.
    let mut seen = BTreeSet::new();
    let mut next: Vec<String> = ["/", "/login", "/logout", "/access", "/nowhere", "/.env.local", "/proc/self/environ"]
        .map(str::to_owned)
        .into();
    next.extend(["board", "chat", "settings", "tickets"].map(|page| format!("/projects/site/{page}")));
    next.push(format!("/projects/site/board?task={task}"));
    next.extend(["/projects/hooks/webhooks".to_owned(), format!("/projects/hooks/webhooks/{webhook}")]);
    next.extend([format!("/api/v1/webhooks/{webhook}"), format!("/api/v1/webhooks/{webhook}/deliveries")]);
    next.extend(["/health", "/api/projects", "/api/signal", "/api/openclaw/status", "/api/gate"].map(str::to_owned));
    next.extend([
        format!("/api/tasks?projectId={project}"),
        format!("/api/tasks/{task}"),
        format!("/api/chats?projectId={project}"),
    ]);
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) || path.contains("?__path") {
            continue;
        }
        assert!(seen.len() < 1_000, "it ends: {seen:?}");
        for cookie in [None, Some(&cookies[0]), Some(&cookies[1])] {
            let mine = cookie
                .map_or_else(String::new, |cookie| format!("cookie: {cookie}\r\nsec-fetch-site: same-origin\r\n"));
            let (_, head, body) = server.ask("GET", &path, &format!("accept: text/html\r\n{mine}"), "").unwrap();
            search.not_in(&format!("GET {path}"), (head + &body).as_bytes());
            next.extend(links(&body));
        }
    }
    if built.is_some() {
        assert!(
            seen.iter().any(|path| path.starts_with("/pkg/") && path.ends_with(".js")),
            "pages name their code: {seen:?}"
        );
    }
    assert!(seen.len() > 20 && seen.iter().any(|path| path.contains("new=")), "pages name each other: {seen:?}");
    // What is wrong is answered without it, too.
    for (method, path) in [
        ("POST", "/api/projects"),
        ("POST", "/api/openclaw/rpc"),
        ("PATCH", "/api/tasks/x"),
        ("POST", "/fn/move_task"),
        ("POST", "/fn/nothing"),
        ("POST", "/access/tokens"),
        ("POST", "/access/people"),
        ("GET", "/live"),
        ("PUT", "/login"),
    ] {
        for body in ["", "{", "{\"method\":\"config.get\"}", "name=x&scope=y&password=z"] {
            for who in [&with_token, &format!("cookie: {}\r\n{form}", cookies[0]), &String::new()] {
                let (_, head, text) = server.ask(method, path, who, body).unwrap();
                search.not_in(&format!("{method} {path}"), (head + &text).as_bytes());
            }
        }
    }
    for file in ["cmdline", "comm", "stat"] {
        let path = format!("/proc/{}/{file}", server.child.id());
        search.not_in(&path, &std::fs::read(&path).unwrap());
    }
    server.stop();
    // What is stored and logged: all of it, whatever column or file it is in.
    let mut folders = vec![home.path().to_owned()];
    let (mut looked, mut logged) = (0, false);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file()
                && !path.ends_with("identity/session.key")
                && !path.ends_with("identity/webhooks.key")
            {
                let bytes = std::fs::read(&path).unwrap();
                logged |= path.extension().is_some_and(|e| e == "log") && bytes.windows(5).any(|w| w == b"TRACE");
                search.not_in(&path.display().to_string(), &bytes);
                looked += 1;
            }
        }
    }
    assert!(logged && looked > 3, "the log has everything, and the store was looked at: {looked} files");
    files
}

/// A Convex deployment that does not answer is told of without its key.
#[test]
fn the_key_of_a_convex_deployment_is_in_no_message() {
    let home = folder();
    let data = home.path().join("data");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let mut command = clutch(home.path());
    command.args(["--port", "0", "--data-dir"]).arg(&data);
    command.envs([("CONVEX_URL", url.as_str()), ("CONVEX_DEPLOY_KEY", CONVEX_KEY), ("CLUTCH_LOG", "trace")]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let log = data.join("logs/server.log");
    let said = within(START_MAX, || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        (text.contains(&free.port().to_string()) || child.try_wait().unwrap().is_some()).then_some(())
    });
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    assert!(said.is_some(), "it says something of the deployment");
    let search = Search::of(&[("the key", CONVEX_KEY.as_bytes())]);
    search.not_in("what it says", &[output.stdout, output.stderr].concat());
    for (path, text) in all_text(home.path()) {
        search.not_in(&path, text.as_bytes());
    }
}
