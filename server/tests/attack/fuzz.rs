//! A flood of nonsense over everything that can be asked. Each request follows from the seed, its asker and its number,
//! but for the ids that the program gives.
//!
//! A short run is part of the tests; `./run.sh fuzz` is the long one. What it may be told: `CLUTCH_FUZZ` (how many
//! requests), `CLUTCH_FUZZ_SEED`, `CLUTCH_FUZZ_MINUTES` (the most), `CLUTCH_FUZZ_CASES` (the file for requests that were
//! not answered as they must be), `CLUTCH_FUZZ_AGAIN` (such a file, asked again instead of the flood).

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    gateway,
    judge::wrong,
    live,
    nonsense::Chance,
    pool::Pool,
    program::{Answer, PASSWORD, Program, Start},
    request::{Maker, Request},
    routes::Known,
};

/// Requests of the short run.
const SHORT: u64 = 1_500;
/// Askers at once.
const ASKERS: u64 = 4;
/// After so many requests an asker gives its project up and makes a new one: a full one is slow.
const FRESH: u64 = 400;
/// One in so many is a tab of the live feed.
const TABS: usize = 100;
/// Requests of an asker that are told with one that was not answered as it must be.
const BEFORE: usize = 20;
/// The most bytes of each that are told.
const TOLD_BYTES: usize = 20_000;
/// So many of those, and the run is over.
const WRONG_MAX: usize = 50;
/// The most memory that the program may ever have, in megabytes: it may decode two pictures of 100 megabytes at once, and
/// hold bodies of 64.
const MEMORY_MAX_MB: u64 = 1_000;

fn set<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().filter(|said| !said.is_empty())?.parse().ok()
}

#[derive(Default)]
struct Counts {
    /// By what was asked, and by status; 0 where the connection was closed.
    by_route: BTreeMap<String, BTreeMap<u16, u64>>,
    slowest: (Duration, String),
}

impl Counts {
    fn add(&mut self, what: &str, status: u16, many: u64) {
        *self.by_route.entry(what.to_owned()).or_default().entry(status).or_default() += many;
    }

    fn print(&self, whole: bool) {
        let line = |counts: &BTreeMap<u16, u64>| {
            counts.iter().map(|(status, n)| format!("{status}\u{d7}{n}")).collect::<Vec<_>>().join(" ")
        };
        let mut all: BTreeMap<u16, u64> = BTreeMap::new();
        for (status, n) in self.by_route.values().flatten() {
            *all.entry(*status).or_default() += n;
        }
        println!("    all of {} routes: {}", self.by_route.len(), line(&all));
        if whole {
            self.by_route.iter().for_each(|(what, counts)| println!("    {what}: {}", line(counts)));
        }
        println!("    slowest: {:?} {}", self.slowest.0, self.slowest.1);
    }
}

struct Flood<'a> {
    program: &'a Program,
    known: &'a Known,
    callers: &'a [Vec<String>],
    /// Who furnishes.
    owner: &'a [String],
    seed: u64,
    until: Option<Instant>,
    counts: Mutex<Counts>,
    wrong: Mutex<Vec<Value>>,
    over: AtomicBool,
}

/// Bytes as text, one character for each, and back.
fn as_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn as_bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u8).collect()
}

impl Flood<'_> {
    fn ask(&self, asker: u64, requests: u64) {
        let mut pool = Pool::new(&[]);
        let mut before: VecDeque<Vec<u8>> = VecDeque::new();
        let mut project = None;
        for n in 0..requests {
            if self.over.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() > until) {
                return;
            }
            if n % FRESH == 0 {
                let furnished = self.program.furnished(self.owner, asker * 1_000_000_000 + n);
                pool = Pool::new(&furnished);
                if let Some(old) = project.replace(furnished[0].1.clone()) {
                    let lines = [self.owner, &[self.program.host()]].concat();
                    let _ = self.program.ask("DELETE", &format!("/api/projects/{old}?now=true"), &lines, b"");
                }
                assert_eq!(self.program.get("/health").status, 200);
            }
            let mut chance = Chance::new(self.seed ^ (asker << 56) ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            // The first numbers of neighbours are alike.
            chance.next();
            if chance.once_in(TABS) {
                self.tab(&mut chance, &pool);
                continue;
            }
            let maker = Maker { program: self.program, known: self.known, pool: &pool, callers: self.callers };
            let request = maker.request(&mut chance);
            let began = Instant::now();
            let answer = self.program.exchange(&request.bytes, request.whole);
            let took = began.elapsed();
            let (answer, why) = match answer {
                Ok(answer) => (answer.as_ref().map_or(0, |a| a.status), self.look(&request, answer, &mut pool)),
                Err(why) => (0, Some((why, String::new()))),
            };
            let mut counts = self.counts.lock().unwrap();
            counts.add(&request.what, answer, 1);
            if took > counts.slowest.0 {
                counts.slowest = (took, request.what.clone());
            }
            drop(counts);
            if let Some((why, said)) = why {
                let named = self.named(&pool, &request.bytes);
                let before: Vec<String> = before.iter().map(|bytes| self.named(&pool, bytes)).collect();
                let mut wrong = self.wrong.lock().unwrap();
                wrong.push(json!({
                    "why": why, "what": request.what, "seed": self.seed, "asker": asker, "n": n, "status": answer,
                    "answer": said, "request": named, "before": before,
                }));
                if wrong.len() >= WRONG_MAX {
                    self.over.store(true, Ordering::Relaxed);
                }
            }
            let mut bytes = request.bytes;
            bytes.truncate(TOLD_BYTES);
            before.push_back(bytes);
            if before.len() > BEFORE {
                before.pop_front();
            }
        }
    }

    /// Learns from an answer, or says what is wrong with it.
    fn look(&self, request: &Request, answer: Option<Answer>, pool: &mut Pool) -> Option<(String, String)> {
        let why = wrong(request, answer.as_ref());
        if let Some(answer) = &answer
            && (200..300).contains(&answer.status)
            && !request.head
        {
            pool.learn(request.path.split('?').next().unwrap_or_default(), &answer.json());
        }
        why.map(|why| (why, answer.map(|a| a.text().chars().take(2_000).collect()).unwrap_or_default()))
    }

    fn tab(&self, chance: &mut Chance, pool: &Pool) {
        let (what, status, many) = match live::tab(self.program, self.owner, chance, &pool.all()) {
            Ok(frames) => ("frames of /live", 101, frames as u64),
            Err(why) => {
                self.wrong.lock().unwrap().push(json!({ "why": why, "what": "GET /live", "seed": self.seed }));
                ("GET /live", 0, 1)
            }
        };
        self.counts.lock().unwrap().add(what, status, many);
    }

    /// The line that says who asks, of each caller that has one.
    fn words_of_callers(&self) -> impl Iterator<Item = (String, &String)> {
        let said = self.callers.iter().enumerate().filter_map(|(n, lines)| Some((n, lines.first()?)));
        said.map(|(n, line)| (format!("{{caller.{n}}}"), line))
    }

    /// A request with names for what is another one in the next run: ids, cookies, tokens.
    fn named(&self, pool: &Pool, bytes: &[u8]) -> String {
        self.words_of_callers().fold(pool.named(&as_text(bytes)), |text, (name, line)| text.replace(line, &name))
    }

    fn filled(&self, pool: &Pool, text: &str) -> String {
        self.words_of_callers().fold(pool.filled(text), |text, (name, line)| text.replace(&name, line))
    }

    /// Asks what was written down, in its order.
    fn again(&self, file: &Path) {
        let furnished = self.program.furnished(self.owner, 0);
        let pool = Pool::new(&furnished);
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let Some(text) = case["request"].as_str() else { continue };
            // The port is another one by now.
            let text = self.filled(&pool, text);
            let host = text.lines().find(|line| line.starts_with("host: ")).unwrap_or_default().to_owned();
            let bytes = as_bytes(&text.replace(host.trim_end(), &self.program.host()));
            let what = case["what"].as_str().unwrap_or_default().to_owned();
            let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
            let request = Request { head: text.starts_with("HEAD"), sound: false, whole: false, what, path, bytes };
            let answer = self.program.exchange(&request.bytes, false);
            let (status, why) = match &answer {
                Ok(answer) => (answer.as_ref().map_or(0, |a| a.status), wrong(&request, answer.as_ref())),
                Err(why) => (0, Some(why.clone())),
            };
            println!(
                "    {}: {status}, then {}: {}",
                request.what,
                case["status"],
                why.clone().unwrap_or("right".into())
            );
            if let Some(why) = why {
                self.wrong.lock().unwrap().push(json!({ "why": why, "what": request.what, "status": status }));
            }
        }
    }
}

/// Who asks: nobody in particular, pages, tokens, and who only says so.
fn callers(program: &Program, log_in: bool) -> (Vec<Vec<String>>, Vec<String>) {
    let page = |cookie: &str| vec![format!("cookie: {cookie}"), "sec-fetch-site: same-origin".to_owned()];
    let cookie_of = |answer: &Answer| {
        let line = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", answer.status));
        page(line.split(';').next().unwrap())
    };
    let mut all =
        vec![Vec::new(), vec!["cookie: clutch=x.y".into()], vec!["authorization: Bearer clutch_nobody".into()]];
    let token = |name: &str, scope: &str| {
        let secret = program.command(&["token", "create", name, "--scope", scope]);
        assert!(secret.starts_with("clutch_"), "{secret}");
        vec![format!("authorization: Bearer {}", secret.trim())]
    };
    for (n, scope) in
        ["read", "agent", "write", "admin"].into_iter().cycle().take(if log_in { 16 } else { 4 }).enumerate()
    {
        all.push(token(&format!("{scope}-{n}"), scope));
    }
    if log_in {
        // Fewer than are refused of one address.
        for _ in 0..6 {
            let body = format!("username=owner&password={}&next=/", PASSWORD.replace(' ', "+"));
            let kind = "content-type: application/x-www-form-urlencoded".to_owned();
            let lines = [program.host(), kind, "sec-fetch-site: same-origin".into()];
            all.push(cookie_of(&program.ask("POST", "/login", &lines, body.as_bytes()).unwrap()));
        }
        (all, token("owner", "admin"))
    } else {
        let lines = [program.host(), "accept: text/html".to_owned(), "sec-fetch-site: none".into()];
        for _ in 0..4 {
            all.push(cookie_of(&program.ask("GET", "/", &lines, b"").unwrap()));
            all.push(Vec::new());
        }
        (all, Vec::new())
    }
}

fn flood(log_in: bool, short: u64) {
    let (requests, seed) = (set("CLUTCH_FUZZ").unwrap_or(short), set("CLUTCH_FUZZ_SEED").unwrap_or(7));
    let until = set("CLUTCH_FUZZ_MINUTES").map(|minutes: f64| Instant::now() + Duration::from_secs_f64(minutes * 60.0));
    let cases: PathBuf = set("CLUTCH_FUZZ_CASES").unwrap_or_else(|| {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}.jsonl", if log_in { "log-in" } else { "open" }))
    });
    let mut program = Program::start_with(&Start { log_in, gateway: Some(gateway::open()) });
    let known = Known::read();
    let (callers, owner) = callers(&program, log_in);
    let began = Instant::now();
    let flood = Flood {
        program: &program,
        known: &known,
        callers: &callers,
        owner: &owner,
        seed,
        until,
        counts: Mutex::default(),
        wrong: Mutex::default(),
        over: AtomicBool::new(false),
    };
    match set::<PathBuf>("CLUTCH_FUZZ_AGAIN") {
        Some(file) => flood.again(&file),
        None => std::thread::scope(|scope| {
            for asker in 0..ASKERS {
                let flood = &flood;
                scope.spawn(move || flood.ask(asker, requests / ASKERS));
            }
        }),
    }
    let (counts, wrong) = (flood.counts.into_inner().unwrap(), flood.wrong.into_inner().unwrap());
    let asked: u64 = counts.by_route.values().flat_map(BTreeMap::values).sum();
    let (took, memory) = (began.elapsed().as_secs_f64(), program.memory_mb());
    println!(
        "measured: fuzz, {}: {asked} requests and frames of seed {seed} in {took:.1} s, {:.0} each second, at most {memory} MB",
        if log_in { "with log-in" } else { "without log-in" },
        asked as f64 / took
    );
    counts.print(requests > short);
    if !wrong.is_empty() {
        let mut file = std::fs::File::create(&cases).unwrap();
        wrong.iter().for_each(|case| writeln!(file, "{case}").unwrap());
        let first: Vec<String> =
            wrong.iter().take(10).map(|c| format!("{}: {}: {}", c["what"], c["why"], c["answer"])).collect();
        panic!(
            "{} were not answered as they must be; {} has them:\n{}",
            wrong.len(),
            cases.display(),
            first.join("\n")
        );
    }
    program.is_well();
    assert!(memory < MEMORY_MAX_MB, "{memory} MB");
    program.ends_in_order();
}

#[test]
fn no_nonsense_is_our_fault() {
    flood(false, SHORT);
}

#[test]
fn no_nonsense_is_our_fault_where_people_log_in() {
    flood(true, SHORT / 2);
}
