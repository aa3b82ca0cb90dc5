//! Recorded inputs and outputs of Argo Rollouts, run line by line from the directory `SLUICE_VECTORS` names.

use std::path::{Path, PathBuf};

mod analysis;
mod counts;
mod hashes;
mod validation;

/// Checks one line; the error holds both answers.
type Check = fn(&serde_json::Value) -> Result<(), String>;

/// Every form of file we know, by name.
const FORMS: &[(&str, Check)] = &[
    ("basic-canary-counts.jsonl", counts::basic),
    ("conditions.jsonl", analysis::condition),
    ("hashes.jsonl", hashes::check),
    ("metric-verdicts.jsonl", analysis::metric_verdict),
    ("routed-canary-counts.jsonl", counts::routed),
    ("validation.jsonl", validation::check),
];

/// The directory that `SLUICE_VECTORS` names, from the workspace's root where that is how it was meant.
fn directory() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(named) = std::env::var_os("SLUICE_VECTORS").map(PathBuf::from) else {
        return here.join("vectors");
    };
    if named.is_relative() && !named.exists() {
        here.join("..").join(named)
    } else {
        named
    }
}

/// Said whether the test passes or not: the test runner captures only what the print macros write.
fn say(line: &str) {
    use std::io::Write as _;
    // a closed standard output is no reason to fail
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[test]
fn every_line_of_every_vector_file_agrees() {
    let directory = directory();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|e| panic!("could not read the vectors in {}: {e}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no vectors", directory.display());
    let (mut lines, mut wrong) = (0, Vec::new());
    for path in &files {
        let name = path.file_name().expect("a file name").to_string_lossy().into_owned();
        let Some((_, check)) = FORMS.iter().find(|(form, _)| *form == name) else {
            wrong.push(format!("{name}: a form of file that no test knows"));
            continue;
        };
        let text = std::fs::read_to_string(path).expect("a readable file");
        // split at \n only: strings may hold U+2028
        let mut count = 0;
        for (number, line) in text.split('\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            count += 1;
            let value = serde_json::from_str(line).expect("one JSON object a line");
            if let Err(difference) = check(&value) {
                wrong.push(format!("{name}:{}: {difference}", number + 1));
            }
        }
        say(&format!("{name}: {count} lines"));
        lines += count;
    }
    say(&format!("vectors: {lines} lines run from {}", directory.display()));
    assert!(
        wrong.is_empty(),
        "{} of {lines} lines differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
