//! Broken decisions are noticed: each mutant is caught by a scenario or by a random history.

use std::path::PathBuf;

use engine::mutant::{Mutant, set};

use crate::hands::on_all_cores;
use crate::{scenario, scenarios, swarm};

/// Histories that are tried after the scenarios.
const SEEDS: u64 = 6;

#[test]
fn every_mutant_is_caught() {
    // a mutant lives in one thread alone
    let outcomes = on_all_cores(&Mutant::ALL, |mutant| {
        set(Some(*mutant));
        (*mutant, caught())
    });
    let mut survivors = Vec::new();
    for (mutant, caught) in outcomes {
        match caught {
            Some(how) => println!("{mutant:?}: {how}"),
            None => survivors.push(mutant),
        }
    }
    assert!(survivors.is_empty(), "not caught: {survivors:?}");
}

/// What first notices the mutant that is alive.
fn caught() -> Option<String> {
    let scenario = |file: PathBuf| {
        let why = scenarios::invariants(&file).err()?;
        let name = file.file_stem()?.to_string_lossy().into_owned();
        Some(format!("scenario {name}: {}", first(&why)))
    };
    let seed = |seed: u64| Some(format!("seed {seed}: {}", first(&swarm::play(seed).err()?)));
    scenario::all()
        .into_iter()
        .find_map(scenario)
        .or_else(|| (0..SEEDS).find_map(seed))
}

fn first(why: &str) -> &str {
    why.lines().next().unwrap_or_default()
}
