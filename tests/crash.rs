//! Crash anywhere: a scenario is played once for each of its writes, and dies with that write.
//!
//! The write is accepted, nobody hears of it, and another controller begins with nothing but what the API server has. What can
//! be seen at the end is the same, no step is done twice, no pause begins again, no invariant breaks (field-lessons R71).
//! `SLUICE_CRASH=all cargo test crash` plays the long scenarios too; `SLUICE_SCENARIO=name` only those of such a name.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::hands::{caught, on_all_cores};
use crate::scenario::{Scenario, Step, all, tag};
use crate::scenarios::Run;

/// Fewer than this would not be "anywhere".
const LEAST: usize = 20;

/// A scenario with more writes is long: it is played as often as it writes.
const LONG: u64 = 22;

#[test]
fn every_write_may_be_the_last() {
    let only = std::env::var("SLUICE_SCENARIO").unwrap_or_default();
    let longest = if std::env::var("SLUICE_CRASH").is_ok_and(|which| which == "all") {
        u64::MAX
    } else {
        LONG
    };
    let mut files: Vec<PathBuf> = all().into_iter().filter(|file| is_undisturbed(file)).collect();
    files.retain(|file| file.to_string_lossy().contains(&only));
    let crashed: Vec<Crashed> = on_all_cores(&files, |file| crash(file, longest));
    let played = crashed.iter().filter(|one| one.deaths > 0).count();
    let deaths: u64 = crashed.iter().map(|one| one.deaths).sum();
    say(&format!("crash: {deaths} deaths in {played} scenarios"));
    assert!(
        played >= LEAST || !only.is_empty(),
        "{played} scenarios are short enough"
    );
    let wrong: Vec<&str> = crashed.iter().flat_map(|one| &one.wrong).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} crashes:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

/// What became of one scenario.
struct Crashed {
    deaths: u64,
    wrong: Vec<String>,
}

fn crash(file: &Path, longest: u64) -> Crashed {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let scenario = Scenario::read(file.to_owned()).expect("a scenario");
    let mut crashed = Crashed {
        deaths: 0,
        wrong: Vec::new(),
    };
    let whole = match caught(|| play(&scenario, None)) {
        Ok(whole) if whole.writes <= longest => whole,
        Ok(_) => return crashed,
        Err(why) => {
            crashed.wrong.push(format!("{name}, not dying at all: {why}"));
            return crashed;
        }
    };
    for write in 0..whole.writes {
        crashed.deaths += 1;
        let why = match caught(|| play(&scenario, Some(write))) {
            Ok(played) if played.end == whole.end => continue,
            Ok(played) => format!("ends otherwise:\n{}", difference(&whole.end, &played.end)),
            Err(why) => why,
        };
        crashed.wrong.push(format!("{name}, dying with write {write}: {why}"));
    }
    crashed
}

/// Said whether the test passes or not: the test runner captures only what the print macros write.
fn say(line: &str) {
    use std::io::Write as _;
    // a closed standard output is no reason to fail
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Scenarios that crash by themselves, or delay what is heard, say something else.
fn is_undisturbed(file: &Path) -> bool {
    let scenario = Scenario::read(file.to_owned()).expect("a scenario");
    let disturbs = |step: &Step| matches!(step, Step::Restart | Step::Crash(_) | Step::Stale(_));
    !scenario.steps.iter().any(|(_, step)| disturbs(step))
}

/// How a scenario ended.
struct Played {
    writes: u64,
    end: Value,
}

fn play(scenario: &Scenario, dies_with: Option<u64>) -> Result<Played, String> {
    let mut run = Run::new(scenario);
    run.model.dies_with = dies_with;
    for (line, step) in &scenario.steps {
        // an event that was not told before the end is told by nobody
        let told = matches!(step, Step::Event(..)) && dies_with.is_some();
        if !told {
            run.step(step)
                .map_err(|why| format!("line {line}: {why}\n{}", run.model.tail()))?;
        }
    }
    let broken = &run.model.checks.broken;
    if !broken.is_empty() {
        return Err(format!(
            "invariants broken:\n{}\n{}",
            broken.join("\n"),
            run.model.tail()
        ));
    }
    let writes = run.model.writes;
    Ok(Played { writes, end: end(&run) })
}

/// Everything that can be seen, but for times and generated names.
fn end(run: &Run<'_>) -> Value {
    let mut status = run.rollout()["status"].clone();
    without_times(&mut status);
    if let Some(conditions) = status["conditions"].as_array_mut() {
        // their order is the order in which they last changed
        conditions.sort_by_key(|condition| condition["type"].to_string());
    }
    let store = run.model.world.api.store();
    let list = |resource: &str| store.list(resource, Some(&run.namespace)).collect::<Vec<_>>();
    let sets = list("replicasets.apps").into_iter().map(|set| {
        let metadata = &set["metadata"];
        let deadline = metadata["annotations"][api::keys::SCALE_DOWN_DEADLINE].is_string();
        json!([
            metadata["name"],
            tag(&set["spec"]["template"]["spec"]),
            set["spec"]["replicas"],
            metadata["annotations"][api::keys::REVISION],
            deadline
        ])
    });
    let services = list("services")
        .into_iter()
        .map(|service| json!([service["metadata"]["name"], service["spec"]["selector"]]));
    let runs = list("analysisruns.argoproj.io")
        .into_iter()
        .map(|run| json!([run["metadata"]["name"], run["status"]["phase"]]));
    json!({
        "status": status,
        "revision": run.rollout()["metadata"]["annotations"][api::keys::REVISION],
        "replica sets": sets.collect::<Vec<_>>(),
        "services": services.collect::<Vec<_>>(),
        "runs": runs.collect::<Vec<_>>(),
    })
}

/// Takes out what depends on when things happened.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !key.ends_with("Time") && !key.ends_with("At") && !key.ends_with("Seconds"));
            fields.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn difference(wanted: &Value, got: &Value) -> String {
    let text = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    similar::TextDiff::from_lines(text(wanted), text(got))
        .unified_diff()
        .to_string()
}
