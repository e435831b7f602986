//! Each safeguard is taken away once: the law that it keeps must be broken, and that law first.

#![allow(clippy::print_stdout, reason = "what a run has met is part of what it shows")]

use clutch_domain::sabotage::Switch;
use clutch_sim::{simulate, simulate_without};

/// Seeds that a sabotage may need at most.
const SEEDS: u64 = 200;

/// The first seed that notices, and what it says.
fn found(switch: Switch) -> Result<u64, String> {
    for seed in 1..=SEEDS {
        let wrong = simulate_without(seed, switch).wrong;
        if wrong.is_empty() {
            continue;
        }
        let laws: Vec<_> = wrong.iter().map(|breach| breach.law).collect();
        if laws.iter().all(|law| *law == switch.breaks()) {
            return Ok(seed);
        }
        let says: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        return Err(format!("{switch:?}: seed {seed} breaks {} instead of {:?}", says.join("; "), switch.breaks()));
    }
    Err(format!("{switch:?}: none of {SEEDS} seeds noticed"))
}

fn part(nth: usize, of: usize) {
    let mut failed = Vec::new();
    for switch in Switch::ALL.iter().skip(nth).step_by(of) {
        match found(*switch) {
            Ok(seed) => println!("{switch:?} breaks {:?} with seed {seed}", switch.breaks()),
            Err(why) => failed.push(why),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn each_safeguard_that_is_taken_away_breaks_its_law() {
    part(0, 2);
}

#[test]
fn each_other_safeguard_that_is_taken_away_breaks_its_law() {
    part(1, 2);
}

#[test]
fn with_all_safeguards_in_place_a_day_after_a_sabotage_is_as_before() {
    let before = simulate(7);
    drop(simulate_without(7, Switch::Lawful));
    assert_eq!(simulate(7).hash, before.hash);
}
