//! What a sudden end leaves of SQLite's files: a history of commands, and at random steps of it the files as they are,
//! with a log that was cut off in the middle of a commit, and with a database into which half of the log was folded.
//! Each is opened: every commit that was confirmed is there, none is there by half, and the laws hold.

#![allow(clippy::unwrap_used)]

mod contract;

use std::{fs, path::Path, sync::Arc};

use clutch_domain::{doc::Doc, invariant::Everything};
use clutch_store::SqliteStore;
use contract::histories::{Dice, House, goes_on};

/// Commands of the history.
const COMMANDS: u64 = 500;
/// Of so many commands one is looked at closely.
const EACH: usize = 4;
/// Bytes that are compared at once.
const PART: usize = 4_096;
/// Places of a cut in one commit.
const CUTS: usize = 3;

/// The database and its log.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    /// As they are now; nobody writes meanwhile.
    fn of(dir: &Path) -> Self {
        let read = |name| fs::read(dir.join(name)).unwrap_or_default();
        Self { database: read("clutch.db"), log: read("clutch.db-wal") }
    }

    /// What a program finds that is started on a copy of them.
    async fn opened(&self) -> Vec<Doc> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("clutch.db"), &self.database).unwrap();
        fs::write(dir.path().join("clutch.db-wal"), &self.log).unwrap();
        let house = House::over(Arc::new(SqliteStore::open(dir.path()).unwrap()));
        let found = house.everything().await;
        let broken = Everything::of(found.iter().map(|doc| &doc.body)).broken();
        assert!(broken.is_empty(), "{broken:#?}");
        found
    }
}

/// A database into which a log was being folded: of its pages some are new, some as before.
fn half_folded(before: &[u8], after: &[u8], dice: &mut Dice) -> Vec<u8> {
    let page = usize::from(u16::from_be_bytes([after[16], after[17]]));
    let mut mixed = after.to_vec();
    for (new, old) in mixed.chunks_mut(page).zip(before.chunks(page)) {
        if dice.roll(2) == 0 {
            new.copy_from_slice(old);
        }
    }
    mixed
}

/// Where a commit has written into the log: its first byte that is another than before, and the one behind its last.
fn written(old: &[u8], new: &[u8]) -> Option<(usize, usize)> {
    let before = &old[..old.len().min(new.len())];
    let is_same = |part: &std::ops::Range<usize>| before.get(part.clone()) == Some(&new[part.clone()]);
    let parts = || (0..new.len()).step_by(PART).map(|at| at..(at + PART).min(new.len()));
    let (first, last) = (parts().find(|part| !is_same(part))?, parts().rfind(|part| !is_same(part))?);
    let differs = |at: &usize| before.get(*at) != Some(&new[*at]);
    Some((
        first.clone().find(differs).unwrap_or(first.start),
        last.clone().rfind(differs).map_or(last.end, |at| at + 1),
    ))
}

/// A log as it was while a commit was written: with what was in the file before from somewhere on, which is nothing, or
/// zeros, where the file has grown. `None` where all of it had arrived.
fn cut_off(old: &[u8], new: &[u8], end: usize, zeros: bool) -> Option<Vec<u8>> {
    let mut log = [&new[..end], old.get(end..).unwrap_or_default()].concat();
    if log.len() < new.len() && zeros {
        log.resize(new.len(), 0);
    }
    (log != new).then_some(log)
}

#[tokio::test]
async fn what_a_sudden_end_leaves_is_opened_with_every_confirmed_commit_and_no_half_one() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::over(Arc::new(SqliteStore::open(dir.path()).unwrap()));
    let mut dice = Dice(11);
    let (mut whole, mut cut, mut folded) = (0, 0, 0);
    let mut before = (Files::of(dir.path()), house.everything().await);
    for nth in 0..COMMANDS {
        let Some(command) = goes_on(&house, &mut dice, nth).await else { continue };
        house.run(nth, &command).await;
        let after = (Files::of(dir.path()), house.everything().await);
        let (old, new) = (&before.0, &after.0);
        if old.database != new.database {
            // The log was folded in with this commit, and is kept until the next one.
            let database = half_folded(&old.database, &new.database, &mut dice);
            let half = Files { database, log: new.log.clone() };
            assert!(half.opened().await == after.1, "{nth}: half folded in");
            folded += 1;
        } else if dice.roll(EACH) == 0 {
            assert!(new.opened().await == after.1, "{nth}: {command:?} was confirmed");
            whole += 1;
            let (first, last) = written(&old.log, &new.log).unwrap_or_default();
            let cuts = if first < last { CUTS } else { 0 };
            for _ in 0..cuts {
                let (end, zeros) = (first + dice.roll(last - first), dice.roll(2) == 0);
                let Some(log) = cut_off(&old.log, &new.log, end, zeros) else { continue };
                let torn = Files { database: new.database.clone(), log };
                assert!(torn.opened().await == before.1, "{nth}: {command:?} cut at {end}");
                cut += 1;
            }
        }
        before = after;
    }
    assert!(whole > 50 && cut > 100 && folded > 0, "{whole} whole, {cut} cut, {folded} half folded");
}
