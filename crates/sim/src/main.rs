//! `cargo run -p clutch-sim -- --seed 7 --trace`: runs seeds and says what went wrong.
#![allow(clippy::print_stdout, reason = "this program's output")]

use std::{collections::BTreeMap, process::ExitCode};

use clutch_domain::sabotage::Switch;
use clutch_sim::{simulate, simulate_without};

const USAGE: &str = "usage: clutch-sim [--seed N] [--seeds COUNT] [--trace] [--twice] [--hashes] [--without SAFEGUARD]
--seed N         the first seed (1), alone unless --seeds is given
--seeds COUNT    so many seeds (50)
--trace          everything that happened
--twice          each seed twice: both must be the same day
--hashes         nothing but a hash of each day
--without NAME   without this safeguard (built with --features sabotage): ";

#[derive(Default)]
struct Wish {
    first: Option<u64>,
    seeds: Option<u64>,
    trace: bool,
    twice: bool,
    hashes: bool,
    without: Option<Switch>,
}

fn wish() -> Option<Wish> {
    let mut wish = Wish::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--trace" => wish.trace = true,
            "--twice" => wish.twice = true,
            "--hashes" => wish.hashes = true,
            "--seed" => wish.first = Some(words.next()?.parse().ok()?),
            "--seeds" => wish.seeds = Some(words.next()?.parse().ok()?),
            "--without" => {
                let name = words.next()?;
                wish.without = Some(*Switch::ALL.iter().find(|switch| format!("{switch:?}") == name)?);
            }
            _ => return None,
        }
    }
    Some(wish)
}

fn main() -> ExitCode {
    let Some(wish) = wish() else {
        let names: Vec<String> = Switch::ALL.iter().map(|switch| format!("{switch:?}")).collect();
        println!("{USAGE}{}", names.join(", "));
        return ExitCode::from(2);
    };
    let mut bad = 0;
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    let mut branches: BTreeMap<&str, u64> = BTreeMap::new();
    let first = wish.first.unwrap_or(1);
    for seed in first..first + wish.seeds.unwrap_or(if wish.first.is_some() { 1 } else { 50 }) {
        let outcome = match wish.without {
            None => simulate(seed),
            Some(switch) => simulate_without(seed, switch),
        };
        if wish.hashes {
            println!("{seed} {:016x}", outcome.hash);
            continue;
        }
        for (what, n) in &outcome.counts {
            *totals.entry(what).or_insert(0) += n;
        }
        for (branch, n) in &outcome.reached {
            *branches.entry(branch).or_insert(0) += n;
        }
        if wish.trace {
            outcome.trace.iter().for_each(|line| println!("{line}"));
        }
        if wish.twice && simulate(seed).hash != outcome.hash {
            bad += 1;
            println!("seed {seed}: DIFFERS from itself");
        }
        if !outcome.wrong.is_empty() {
            bad += 1;
            println!("seed {seed}: WRONG");
            outcome.wrong.iter().for_each(|breach| println!("  {breach}"));
        } else if wish.seeds.is_none_or(|seeds| seeds <= 50) {
            println!("seed {seed}: well, {} polls", outcome.polls);
        }
    }
    for (what, n) in totals.iter().chain(&branches) {
        println!("{n:>8} {what}");
    }
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
