//! Fifty seeds, each a bad day.

use std::collections::BTreeMap;

use clutch_sim::simulate;

/// Seeds of the smoke.
const SEEDS: u64 = 50;
/// Lines of the trace that a failure prints.
const TOLD: usize = 120;

/// What at least one of the seeds must have met; otherwise the smoke proves nothing about it.
const MET: &[&str] = &[
    "server died",
    "process died between two steps",
    "gateway died",
    "gateway resumed a run by itself",
    "gateway refused a start",
    "connection was cut",
    "answer of the gateway was lost",
    "event was lost",
    "words reached a turn at work",
    "commit met a conflict",
    "commit was lost",
    "commit's answer was lost",
    "read failed",
    "store stood still",
    "server slept",
    "run continued under another id",
    "run completed",
    "run failed",
    "run stopped",
    "run ended without a report",
    "answer delivered",
    "task done",
    "task blocked",
];

#[test]
fn fifty_seeds_come_to_rest_without_breaking_anything() {
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    let mut failed = Vec::new();
    for seed in 1..=SEEDS {
        let outcome = simulate(seed);
        for (what, n) in &outcome.counts {
            *met.entry(what).or_insert(0) += n;
        }
        if !outcome.wrong.is_empty() {
            let from = outcome.trace.len().saturating_sub(TOLD);
            println!("--- seed {seed}, its last {TOLD} steps\n{}", outcome.trace[from..].join("\n"));
            failed.push((seed, outcome.wrong));
        }
    }
    assert!(failed.is_empty(), "again with: cargo run -p clutch-sim -- --seed N --trace\n{failed:#?}");
    for what in MET {
        assert!(met.contains_key(what), "no seed met {what:?}: {met:#?}");
    }
}

#[test]
fn the_same_seed_is_the_same_day() {
    let (one, two) = (simulate(7), simulate(7));
    assert_eq!(one.polls, two.polls);
    assert_eq!(one.trace, two.trace);
}
