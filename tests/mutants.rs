//! Broken decisions are noticed: each mutant is caught by a scenario or by a random history.

use std::path::PathBuf;

use engine::mutant::{Mutant, set};

use crate::{scenario, scenarios, swarm};

/// Histories that are tried after the scenarios.
const SEEDS: u64 = 6;

#[test]
fn every_mutant_is_caught() {
    let hands = std::thread::available_parallelism().map_or(1, usize::from);
    // a mutant lives in one thread alone
    let outcomes: Vec<(Mutant, Option<String>)> = std::thread::scope(|scope| {
        let hand = |hand| {
            let mine = Mutant::ALL.into_iter().skip(hand).step_by(hands);
            let look = |mutant| {
                set(Some(mutant));
                (mutant, caught())
            };
            scope.spawn(move || mine.map(look).collect::<Vec<_>>())
        };
        let threads: Vec<_> = (0..hands).map(hand).collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("a hand"));
        joined.flatten().collect()
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
