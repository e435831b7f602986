//! A flood of nonsense over everything that can be asked.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::{
    live,
    nonsense::{Chance, encoded, text, value},
    program::{Answer, Program},
    routes::{fields, functions, paths},
};

/// Requests of the short run.
const SHORT: u64 = 2_000;
/// Askers at once.
const ASKERS: u64 = 4;
/// After so many requests an asker makes a new project: the old one may be gone, and a full one is slow.
const FRESH: u64 = 400;
const METHODS: [&str; 8] = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"];
/// Statuses above 499 that are documented, with their codes: the gateway is away here, room is bounded, and some of what
/// the original had is not here.
const SAID: [(u16, &str); 6] = [
    (501, "not_built_yet"),
    (503, "gateway_away"),
    (503, "not_stopped"),
    (503, "too_busy"),
    (503, "too_many_tabs"),
    (507, "uploads_full"),
];

/// Addresses that people open.
const PAGES: [&str; 8] = [
    "/",
    "/projects/{}",
    "/projects/{}/board",
    "/projects/{}/chat",
    "/projects/{}/settings",
    "/{}",
    "/pkg/{}",
    "/uploads/images/{}",
];

fn set(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

fn filled(path: &str, chance: &mut Chance, ids: &[String]) -> String {
    let mut out = String::new();
    for (n, part) in path.split(['{', '}']).enumerate() {
        match n % 2 {
            0 => out.push_str(part),
            _ if chance.once_in(4) => out.push_str(&encoded(&text(chance, ids))),
            _ => out.push_str(chance.pick(ids).as_str()),
        }
    }
    out
}

fn multipart(chance: &mut Chance, ids: &[String]) -> Vec<u8> {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";
    let mut file = PNG.to_vec();
    for _ in 0..chance.below(6) {
        let at = chance.below(file.len());
        file[at] = chance.next() as u8;
    }
    if chance.once_in(8) {
        file = chance.bytes(5_000);
    }
    let (name, mime) =
        (text(chance, ids).replace(['"', '\r', '\n'], ""), *chance.pick(&["image/png", "image/gif", "text/html", ""]));
    let field = *chance.pick(&["image", "image", "file", ""]);
    let mut body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: {mime}\r\n\r\n"
    )
    .into_bytes();
    body.extend(file);
    if !chance.once_in(6) {
        body.extend(b"\r\n--b--\r\n");
    }
    body
}

/// One request; what it was, in words, and the answer. `None` where the connection was closed without one.
fn one(
    program: &Program,
    chance: &mut Chance,
    ids: &[String],
    known: &Known,
) -> (&'static str, String, Option<Answer>) {
    let host = program.host();
    let accept = if chance.once_in(3) { "accept: text/html" } else { "accept: */*" }.to_owned();
    match chance.below(20) {
        0..=8 => {
            let mut path = filled(chance.pick(&known.paths).as_str(), chance, ids);
            if chance.once_in(3) {
                let name = encoded(chance.pick(&known.fields).as_str());
                path = format!("{path}?{name}={}", encoded(&text(chance, ids)));
            }
            let mut body = serde_json::Map::new();
            for _ in 0..chance.below(8) {
                body.insert(chance.pick(&known.fields).clone(), value(chance, ids, 3));
            }
            let mut bytes = serde_json::Value::Object(body).to_string().into_bytes();
            if chance.once_in(10) {
                bytes = chance.bytes(300);
            }
            let method = *chance.pick(&METHODS);
            let what = format!("{method} {path} {}", String::from_utf8_lossy(&bytes));
            (
                "routes",
                what,
                program.ask(method, &path, &[host, accept, "content-type: application/json".into()], &bytes),
            )
        }
        9..=14 => {
            let (path, arguments) = chance.pick(&known.functions);
            let mut form = String::new();
            for name in arguments {
                if !chance.once_in(12) {
                    let word = if chance.once_in(2) { chance.pick(ids).clone() } else { text(chance, ids) };
                    form.push_str(&format!("{name}={}&", encoded(&word)));
                }
            }
            let what = format!("POST {path} {form}");
            let lines = [
                host.clone(),
                accept,
                "content-type: application/x-www-form-urlencoded".into(),
                format!("referer: http://{}/", &host[6..]),
            ];
            ("functions", what, program.ask("POST", path, &lines, form.as_bytes()))
        }
        15 | 16 => {
            let body = multipart(chance, ids);
            let lines = [host, "content-type: multipart/form-data; boundary=b".into()];
            (
                "uploads",
                format!("upload {}", String::from_utf8_lossy(&body)),
                program.ask("POST", "/api/upload/image", &lines, &body),
            )
        }
        17 | 18 => {
            let page = *chance.pick(&PAGES);
            let page = filled(page, chance, ids);
            let query = format!(
                "{}={}",
                *chance.pick(&["task", "chat", "new", "__err", "__path", "m"]),
                encoded(&text(chance, ids))
            );
            let path = format!("{page}?{query}");
            ("pages", format!("GET {path}"), program.ask("GET", &path, &[host, "accept: text/html".into()], b""))
        }
        _ => {
            let mut bytes = format!("GET /api/projects HTTP/1.1\r\n{host}\r\nconnection: close\r\n\r\n").into_bytes();
            for _ in 0..1 + chance.below(5) {
                let at = chance.below(bytes.len());
                bytes[at] = chance.next() as u8;
            }
            ("bytes", format!("{:?}", String::from_utf8_lossy(&bytes)), program.raw(&bytes, false))
        }
    }
}

struct Known {
    paths: Vec<String>,
    fields: Vec<String>,
    functions: Vec<(String, Vec<String>)>,
}

/// Whether an answer is one that we give on purpose.
fn judge(what: &str, answer: &Answer) {
    if answer.status < 500 {
        return;
    }
    let body = answer.json();
    let code = body["code"].as_str().unwrap_or_default();
    let short: String = what.chars().take(600).collect();
    // An answer to HEAD has no body, so no code.
    let said = if what.contains(": HEAD /") {
        SAID.iter().any(|(status, _)| *status == answer.status)
    } else {
        SAID.contains(&(answer.status, code))
    };
    assert!(said, "{short}: {} {}", answer.status, answer.text());
}

#[test]
fn no_nonsense_is_our_fault() {
    let (all, seed) = (set("CLUTCH_FUZZ", SHORT), set("CLUTCH_FUZZ_SEED", 7));
    let mut program = Program::start();
    let known = Known { paths: paths(), fields: fields(), functions: functions() };
    let counts: Mutex<BTreeMap<(&str, u16), u64>> = Mutex::default();
    let (began, slowest) = (Instant::now(), Mutex::new((Duration::ZERO, String::new())));
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let (program, known, counts, slowest) = (&program, &known, &counts, &slowest);
            scope.spawn(move || {
                let mut chance = Chance::new(seed.wrapping_mul(1_000).wrapping_add(asker));
                let mut ids = Vec::new();
                for n in 0..all / ASKERS {
                    if n % FRESH == 0 {
                        ids = program.furnish(asker * 1_000_000 + n);
                    }
                    let asked = Instant::now();
                    if chance.once_in(25) {
                        let frames = live::tab(program, &mut chance, &ids);
                        *counts.lock().unwrap().entry(("frames", 101)).or_default() += frames as u64;
                        continue;
                    }
                    let (kind, what, answer) = one(program, &mut chance, &ids, known);
                    let took = asked.elapsed();
                    if let Some(answer) = &answer {
                        judge(&format!("seed {seed}: {what}"), answer);
                    }
                    *counts.lock().unwrap().entry((kind, answer.map_or(0, |a| a.status))).or_default() += 1;
                    let mut slowest = slowest.lock().unwrap();
                    if took > slowest.0 {
                        *slowest = (took, what.chars().take(200).collect());
                    }
                }
            });
        }
    });
    let slowest = slowest.into_inner().unwrap();
    println!("measured: {all} requests of seed {seed} in {:?}; slowest {slowest:?}", began.elapsed());
    for ((kind, status), count) in &*counts.lock().unwrap() {
        println!("    {kind:9} {status:3} {count}");
    }
    program.is_well();
}
