//! `SqliteStore` across processes: a second one is refused, one that is killed loses nothing that
//! it confirmed, and a disk that refuses to write is reported by one that goes on.
//!
//! The second process is this test binary itself, started with the one ignored test below.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod contract;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command as Program, Stdio},
    sync::Arc,
};

use clutch_domain::{
    actor::Actor,
    command::{Command, NewProject, NewTask},
    doc::{DocKey, Inside, Kind, Scope},
    invariant::Everything,
    project::{Counts, Project},
    range::{Fetch, Range},
    task::{Status, Task},
    text::{Name, Title},
    time::Millis,
};
use clutch_orchestrator::{
    office::{Clock, IdSource, Office},
    store::{CommitError, Store},
};
use clutch_store::SqliteStore;
use contract::{
    commit, doc,
    docs::{counter, id, titled},
    ids, puts, scope,
};
use uuid::Uuid;

/// Names the part that the second process plays.
const PART: &str = "CLUTCH_TEST_PART";
/// The data folder that it uses.
const DIR: &str = "CLUTCH_TEST_DIR";

/// What the second process does. It speaks in lines that begin with `> `.
#[test]
#[ignore = "started by the other tests as a second process"]
fn second_process() {
    let part = std::env::var(PART).expect("the other tests start this one");
    let dir = std::env::var(DIR).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let store = match SqliteStore::open(Path::new(&dir)) {
        Ok(store) => Arc::new(store),
        Err(refused) => return println!("\n> refused {refused}"),
    };
    println!("\n> opened");
    match part.as_str() {
        "wait" => wait(),
        "commit for ever" => runtime.block_on(commit_for_ever(&store)),
        "decide for ever" => runtime.block_on(decide_for_ever(store)),
        "fill" => runtime.block_on(fill(&store)),
        other => panic!("no such part: {other}"),
    }
}

/// Waits for a line of the first process, or for its end.
fn wait() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

async fn commit_for_ever(store: &Arc<SqliteStore>) {
    let start = scope(&**store, Scope::Installation).await;
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let name = format!("{start}-{writer}-{n}");
                    let pair = puts([counter(&format!("left-{name}"), n), counter(&format!("right-{name}"), n)]);
                    commit(&*store, pair).await.unwrap();
                    println!("> confirmed {name}");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

struct Now;

impl Clock for Now {
    fn now(&self) -> Millis {
        Millis(1_800_000_000_000)
    }
}

struct Random;

impl IdSource for Random {
    fn fresh(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Many make tickets in one project at once, each decided on those that are not committed yet.
async fn decide_for_ever(store: Arc<SqliteStore>) {
    let office = Arc::new(Office::new(store, Arc::new(Now), Arc::new(Random)));
    let me = || Actor::human("dan");
    let project = match office.project("birds").await.unwrap() {
        Some(project) => project.id,
        None => {
            let new = NewProject::new(Name::parse("Birds").unwrap());
            office.run(&me(), &Command::CreateProject(new)).await.unwrap().made::<Project>().unwrap().id
        }
    };
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let office = office.clone();
        writers.spawn(async move {
            loop {
                let new = NewTask::new(project, Title::parse("Made").unwrap(), Status::Backlog);
                let done = office.run(&me(), &Command::CreateTask(new)).await.unwrap();
                println!("> confirmed {}", done.made::<Task>().unwrap().id);
            }
        });
    }
    // None of them ends but by what went wrong.
    writers.join_next().await.unwrap().unwrap();
}

async fn fill(store: &Arc<SqliteStore>) {
    let words = "x".repeat(100_000);
    for n in 0.. {
        match commit(&**store, puts([titled(n, 1, "ready", n as f64, 1, "Large", Some(&words))])).await {
            Ok(_) => println!("> confirmed {}", id(n)),
            Err(CommitError::Fault(fault)) => {
                println!("> failed {}", fault.what);
                wait();
                commit(&**store, puts([titled(n, 1, "ready", n as f64, 1, "Large", Some(&words))])).await.unwrap();
                println!("> confirmed {}", id(n));
                return;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

struct Second {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Second {
    fn start(part: &str, dir: &Path) -> Self {
        Self::spawn(&mut Program::new(std::env::current_exe().unwrap()), part, dir)
    }

    fn spawn(command: &mut Program, part: &str, dir: &Path) -> Self {
        let mut child = command
            .args(["second_process", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .envs([(PART, part.as_ref()), (DIR, dir.as_os_str())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next thing that it says; `None` when it has ended.
    fn says(&mut self) -> Option<String> {
        self.lines.by_ref().map(Result::unwrap).find_map(|line| line.strip_prefix("> ").map(ToOwned::to_owned))
    }

    fn tell(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets the second process play its part until it has confirmed so many things, and kills it in the middle of it.
/// All that it has confirmed, by name.
fn killed_after(confirmations: usize, part: &str, dir: &Path) -> Vec<String> {
    let mut second = Second::start(part, dir);
    assert_eq!(second.says().as_deref(), Some("opened"));
    let mut said: Vec<String> = (0..confirmations).map(|_| second.says().unwrap()).collect();
    // SIGKILL; what it said before, and we have not read yet, counts as well. The last line may be cut off.
    second.child.kill().unwrap();
    second.child.wait().unwrap();
    let mut rest: Vec<String> = std::iter::from_fn(|| second.says()).collect();
    rest.pop();
    said.extend(rest);
    said.iter().map(|line| line.strip_prefix("confirmed ").unwrap().to_owned()).collect()
}

#[test]
fn a_second_process_is_refused_by_name_and_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut second = Second::start("wait", dir.path());
    assert_eq!(second.says().as_deref(), Some("opened"));
    let refused = SqliteStore::open(dir.path()).err().unwrap().to_string();
    let expected = format!(
        "Another OpenClutch (process {}) uses the data folder {}. Stop it, or choose another folder with --data-dir.",
        second.child.id(),
        dir.path().display()
    );
    assert_eq!(refused, expected);

    // The other way round, and free as soon as the holder ends, however it ends.
    second.child.kill().unwrap();
    second.child.wait().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let answer = Second::start("wait", dir.path()).says().unwrap();
    assert!(answer.starts_with("refused Another OpenClutch (process "), "{answer}");
    assert!(answer.contains(&std::process::id().to_string()), "{answer}");
    drop(store);
    assert_eq!(Second::start("wait", dir.path()).says().as_deref(), Some("opened"));
}

#[tokio::test]
async fn killed_in_the_middle_of_commits_nothing_confirmed_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut confirmed = Vec::new();
    for round in 1..=6 {
        confirmed.extend(killed_after(40 * round, "commit for ever", dir.path()));
        let store = SqliteStore::open(dir.path()).unwrap();
        for name in &confirmed {
            for side in ["left", "right"] {
                let found = doc(&store, &DocKey::new(Kind::Counter, format!("{side}-{name}"))).await;
                assert!(found.is_some(), "{side}-{name} was confirmed and is gone (round {round})");
            }
        }
    }
    // Whole or not at all, also for what nobody was told about: two documents and one revision each.
    let database = rusqlite::Connection::open(dir.path().join("clutch.db")).unwrap();
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let (left, right) = (
        count("SELECT count(*) FROM docs WHERE id LIKE 'left-%'"),
        count("SELECT count(*) FROM docs WHERE id LIKE 'right-%'"),
    );
    let revisions = count("SELECT rev FROM scopes WHERE scope = 'installation'");
    let keys = count("SELECT count(*) FROM ledger");
    assert_eq!((left, left, left), (right, revisions, keys));
    assert!(left >= i64::try_from(confirmed.len()).unwrap());
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test]
async fn killed_in_the_middle_of_decisions_nothing_confirmed_is_lost_and_all_of_it_fits() {
    let dir = tempfile::tempdir().unwrap();
    let mut confirmed = Vec::new();
    for round in 1..=4 {
        confirmed.extend(killed_after(40 * round, "decide for ever", dir.path()));
        let store = SqliteStore::open(dir.path()).unwrap();
        let ranges = Kind::ALL.iter().map(|kind| Range::All { kind: *kind, after: None, limit: 100_000 }).collect();
        let all = store.read(&Fetch { scopes: Vec::new(), ranges }).await.unwrap().value;
        let broken = Everything::of(all.docs().map(|doc| &doc.body)).broken();
        assert!(broken.is_empty(), "round {round}: {broken:#?}");
        let tasks: Vec<&Task> = all.docs().filter_map(|doc| Task::of(&doc.body)).collect();
        let there: BTreeSet<String> = tasks.iter().map(|task| task.id.to_string()).collect();
        for id in &confirmed {
            assert!(there.contains(id), "{id} was confirmed and is gone (round {round})");
        }
        let numbers: BTreeSet<u64> = tasks.iter().map(|task| task.number).collect();
        let count = tasks.len() as u64;
        assert_eq!(numbers, (1..=count).collect(), "numbers follow each other");
        let counts: Vec<u32> =
            all.docs().filter_map(|doc| <Counts as Inside>::of(&doc.body)).map(Counts::total).collect();
        assert_eq!(counts, [count as u32]);
    }
}

/// The system refuses to let files grow (a quota): writes fail in the kernel, not in SQLite.
#[tokio::test]
async fn a_disk_that_refuses_writes_is_reported_and_then_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Program::new("sh");
    // Blocks of 512 bytes; the soft limit, so that it can be lifted again. Without the trap the signal would end it.
    shell.args(["-c", "trap '' XFSZ; ulimit -S -f 3000; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    let mut second = Second::spawn(&mut shell, "fill", dir.path());
    assert_eq!(second.says().as_deref(), Some("opened"));
    let mut confirmed = Vec::new();
    let failed = loop {
        let said = second.says().unwrap();
        match said.strip_prefix("confirmed ") {
            Some(id) => confirmed.push(id.to_owned()),
            None => break said,
        }
    };
    assert!(failed.contains("The disk that holds") && failed.contains("clutch.db"), "{failed}");
    assert!(confirmed.len() > 3, "{confirmed:?}");

    let lifted = Program::new("prlimit")
        .args(["--fsize=unlimited", "--pid", &second.child.id().to_string()])
        .status()
        .expect("prlimit (package util-linux)");
    assert!(lifted.success());
    second.tell();
    confirmed.push(second.says().unwrap().strip_prefix("confirmed ").unwrap().to_owned());
    second.child.wait().unwrap();

    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(ids(&store, &Range::children(Kind::Task, id(1), 1_000)).await, confirmed);
}

/// Starts the second process as a user whom file modes concern; root is asked by nobody.
fn as_plain_user(dir: &Path) -> String {
    let program = tempfile::tempdir().unwrap();
    fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // The build folder may be closed to others.
    let copy = program.path().join("second");
    // Copied by another process: a program that we hold open for writing, even for a moment, can be
    // held by a process that another test forks just then, and would be "busy".
    let copied = Program::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status().unwrap();
    assert!(copied.success());
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Program::new(copy);
    command.current_dir(program.path());
    if fs::metadata(program.path()).unwrap().uid() == 0 {
        const NOBODY: u32 = 65_534;
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut second = Second::spawn(&mut command, "wait", dir);
    second.says().unwrap()
}

fn modes(dir: &Path, folder: u32, file: u32) {
    for entry in fs::read_dir(dir).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(file)).unwrap();
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(folder)).unwrap();
}

#[tokio::test]
async fn what_may_only_be_read_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = SqliteStore::open(&data).unwrap();
    commit(&store, puts([counter("a", 1)])).await.unwrap();
    drop(store);

    modes(&data, 0o555, 0o444);
    let folder = as_plain_user(&data);
    assert!(folder.starts_with(&format!("refused The data folder {} cannot be used", data.display())), "{folder}");
    assert!(folder.contains("choose another folder with --data-dir"), "{folder}");

    modes(&data, 0o777, 0o444);
    fs::set_permissions(data.join("lock"), fs::Permissions::from_mode(0o666)).unwrap();
    let file = as_plain_user(&data);
    assert!(
        file.starts_with(&format!("refused The database {} is read-only", data.join("clutch.db").display())),
        "{file}"
    );

    modes(&data, 0o777, 0o666);
    assert_eq!(as_plain_user(&data), "opened", "so it was the modes");
    modes(&data, 0o755, 0o644);
    let store = SqliteStore::open(&data).unwrap();
    assert!(doc(&store, &DocKey::new(Kind::Counter, "a")).await.is_some());
}

/// The lock file says who holds the folder, in a form that people and programs can read.
#[test]
fn the_lock_file_holds_the_process_id() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("lock"), "99999999 and something longer of old\n").unwrap();
    let _store = SqliteStore::open(dir.path()).unwrap();
    let mut text = String::new();
    fs::File::open(dir.path().join("lock")).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
}
