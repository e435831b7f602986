//! A real nginx in front of the program, as docs/access.md says to set it up.

use super::*;

const PASSWORD: &str = "correct horse battery";

/// An nginx of this test's own; killed with it.
struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The site of docs/access.md, without what belongs to a real name: its certificate.
fn site(listen: SocketAddr, program: SocketAddr, folder: &Path) -> String {
    let guide = include_str!("../../../docs/access.md");
    let from = guide.find("    server {\n").unwrap();
    let to = from + guide[from..].find("\nWithout ").unwrap();
    let site = guide[from..to]
        .replace("listen 443 ssl;", &format!("listen {listen};"))
        .replace("ssl_certificate     /etc/ssl/board.pem;", "")
        .replace("ssl_certificate_key /etc/ssl/board.key;", "")
        .replace("http://127.0.0.1:3002", &format!("http://{program}"))
        // What the client speaks, with the certificate left out.
        .replace("$scheme", "https");
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .collect();
    format!(
        "pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n  access_log off;\n{temporary}{site}\n}}\n"
    )
}

impl Nginx {
    fn start(folder: &Path, program: SocketAddr) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let address = free();
        let conf = folder.join("nginx.conf");
        std::fs::write(&conf, site(address, program, folder)).unwrap();
        let child = Command::new("nginx")
            .args(["-g", "daemon off; master_process off;", "-p"])
            .arg(folder)
            .arg("-e")
            .arg(folder.join("error.log"))
            .arg("-c")
            .arg(&conf)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is not on this machine: ./run.sh test installs it");
        let mut nginx = Self { child, address };
        wait_for("nginx", START_MAX, || {
            let ended = nginx.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
            assert_eq!(ended, None, "{}", log());
            TcpStream::connect(address).ok()
        });
        nginx
    }

    /// One request through it: status, head, body.
    fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(START_MAX)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: board.example\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n{body}"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }
}

#[test]
fn behind_nginx_everybody_proves_who_they_are() {
    let home = folder();
    let data = home.path().join("data");
    let set = [
        ("CLUTCH_PASSWORD", PASSWORD),
        ("CLUTCH_ALLOWED_HOSTS", "board.example"),
        ("CLUTCH_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let server = Server::start(home.path(), &data, &set);
    let nginx = Nginx::start(&home.path().join("nginx"), server.address);
    // No cookie: log-in.
    let (status, head, _) = nginx.ask("GET", "/projects/x/board", "accept: text/html\r\n", "");
    assert_eq!(status, 303, "{head}");
    assert!(head.contains("location: /login?next=/projects/x/board"), "{head}");
    assert!(head.contains("strict-transport-security: max-age="), "{head}");
    // A webhook without a token, also one that says it comes from this machine.
    let signal = r#"{"taskId":"T-1","kind":"fyi","message":"m","sessionKey":"s","agentId":"a"}"#;
    for forged in [
        "",
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-real-ip: 127.0.0.1\r\n",
        "forwarded: for=127.0.0.1;host=127.0.0.1\r\n",
    ] {
        let (status, _, body) = nginx.ask("POST", "/api/signal", forged, signal);
        assert_eq!(status, 401, "{forged}{body}");
        assert!(body.contains("login_required"), "{body}");
    }
    // The same from this machine itself is the plugin's: it is let in, and told that there is no such ticket.
    let (status, _, body) = server.ask("POST", "/api/signal", "content-type: application/json\r\n", signal).unwrap();
    assert_eq!(status, 404, "{body}");
    // The password, as a browser sends it.
    let origin = "origin: https://board.example\r\nsec-fetch-site: same-origin\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let form = format!("password={}&next=/projects", PASSWORD.replace(' ', "+"));
    let (status, head, body) = nginx.ask("POST", "/login", origin, &form);
    assert_eq!(status, 303, "{head}{body}");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.starts_with("__host-clutch-") && cookie.ends_with("; secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().replace("__host-", "__Host-");
    let mine = format!("cookie: {cookie}\r\n");
    assert_eq!(nginx.ask("GET", "/api/projects", &mine, "").0, 200);
    let (status, _, page) = nginx.ask("GET", "/", &format!("{mine}accept: text/html\r\n"), "");
    assert!(status == 200 && page.contains("</html>"), "{status} {page}");
    // The same cookie without the proxy, unencrypted.
    assert_eq!(server.ask("GET", "/api/projects", &mine, "").unwrap().0, 401);
    // The live feed comes through, and not without a session: a program is refused, and a page, which could not see
    // why, is let in to be told that, and nothing else.
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let of_a_page = "origin: https://board.example\r\n";
    let live = |more: &str| {
        let mut stream = TcpStream::connect(nginx.address).unwrap();
        stream.set_read_timeout(Some(START_MAX)).unwrap();
        write!(stream, "GET /live HTTP/1.1\r\nhost: board.example\r\n{upgrade}{more}\r\n").unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        (String::from_utf8_lossy(&head[..12]).into_owned(), stream)
    };
    assert_eq!(live(&format!("{mine}{of_a_page}")).0, "HTTP/1.1 101");
    assert_eq!(live("").0, "HTTP/1.1 401");
    let (head, mut stream) = live(of_a_page);
    assert_eq!(head, "HTTP/1.1 101");
    let mut first = [0; 4];
    stream.read_exact(&mut first).unwrap();
    // A close frame, its length, and the code.
    assert_eq!((first[0], u16::from_be_bytes([first[2], first[3]])), (0x88, 4401));
    // What it keeps tells nobody the password.
    let logs = std::fs::read_to_string(data.join("logs/server.log")).unwrap();
    assert!(!logs.contains(PASSWORD) && logs.contains("logged in"), "{logs}");
    assert!(
        !std::fs::read(data.join("clutch.db-wal")).unwrap().windows(PASSWORD.len()).any(|w| w == PASSWORD.as_bytes())
    );
}

/// With a password other addresses may be listened on; the program itself asks for it there.
#[test]
fn with_a_password_others_are_let_in_to_log_in() {
    let home = folder();
    let server = Server::start(
        home.path(),
        &home.path().join("data"),
        &[("CLUTCH_PASSWORD", PASSWORD), ("CLUTCH_HOST", "0.0.0.0")],
    );
    let (status, head, _) = server.ask("GET", "/", "accept: text/html\r\n", "").unwrap();
    assert!(status == 303 && head.to_lowercase().contains("location: /login"), "{head}");
    assert_eq!(server.ask("GET", "/api/projects", "", "").unwrap().0, 401);
    assert_eq!(server.ask("GET", "/health", "", "").unwrap().0, 200);
}
