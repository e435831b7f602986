//! `cargo run -p clutch-sim -- --seed 7 --trace`: runs seeds and says what went wrong.
#![allow(clippy::print_stdout, reason = "this program's output")]

use std::{collections::BTreeMap, process::ExitCode};

use clutch_sim::simulate;

const USAGE: &str = "usage: clutch-sim [--seed N] [--seeds COUNT] [--trace]";

fn main() -> ExitCode {
    let mut first = 1;
    let mut seeds = None;
    let mut trace = false;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = |words: &mut dyn Iterator<Item = String>| words.next().and_then(|n| n.parse::<u64>().ok());
        match word.as_str() {
            "--trace" => trace = true,
            "--seed" | "--seeds" => match number(&mut words) {
                Some(n) if word == "--seed" => {
                    first = n;
                    seeds = seeds.or(Some(1));
                }
                Some(n) => seeds = Some(n),
                None => {
                    println!("{USAGE}");
                    return ExitCode::from(2);
                }
            },
            _ => {
                println!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let mut bad = 0;
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in first..first + seeds.unwrap_or(50) {
        let outcome = simulate(seed);
        for (what, n) in &outcome.counts {
            *totals.entry(what).or_insert(0) += n;
        }
        if trace {
            outcome.trace.iter().for_each(|line| println!("{line}"));
        }
        if outcome.wrong.is_empty() {
            println!("seed {seed}: well, {} polls", outcome.polls);
        } else {
            bad += 1;
            println!("seed {seed}: WRONG");
            outcome.wrong.iter().for_each(|what| println!("  {what}"));
        }
    }
    for (what, n) in totals {
        println!("{n:>8} {what}");
    }
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
