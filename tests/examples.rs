//! Every manifest under `examples/`: says what it shows, and is one that nobody could object to.

use std::path::{Path, PathBuf};

use sluice::lint::{Source, lint};

fn examples() -> Vec<(PathBuf, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|e| panic!("could not read {}: {e}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        (path, text)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn the_examples_are_these() {
    let names: Vec<String> = examples()
        .iter()
        .map(|(path, _)| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "blue-green-with-analysis",
            "blue-green",
            "canary-with-analysis",
            "canary-without-services",
            "canary",
        ]
    );
}

#[test]
fn each_says_what_it_shows_and_how_to_try_it() {
    for (path, text) in examples() {
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let comment = comment.join("\n");
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(comment.contains("What it shows"), "{file}");
        assert!(comment.contains(&format!("kubectl apply -f {file}")), "{file}");
    }
}

#[test]
fn each_is_linted_clean_with_all_it_names() {
    for (path, text) in examples() {
        let name = path.display().to_string();
        let report = lint(&[Source { name, text }]);
        assert_eq!(report.to_text(), "", "{}", report.summary());
        assert!(
            report.objects.iter().any(|object| object["kind"] == "Rollout"),
            "{}",
            path.display()
        );
    }
}
