//! The shape of the code as a test: who may import whom, what the pure crates are free of, how files are cut and named.
//!
//! Source: the diagram in crates/README.md. Each complaint names the place and the remedy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate, and the modules and types of it that may be imported; all of them where there are none.
type Target = (&'static str, &'static [&'static str]);

/// `a -> b`: a may import b.
const ARROWS: &[(&str, &[Target])] = &[
    ("api", &[]),
    ("engine", &[("api", &[])]),
    ("routers", &[("api", &[]), ("engine", &["split", "Split"])]),
    ("providers", &[("api", &[])]),
    ("sim", &[("api", &["crd"])]),
    (
        "controller",
        &[("api", &[]), ("engine", &[]), ("routers", &[]), ("providers", &[])],
    ),
    (
        "sluice",
        &[
            ("api", &[]),
            ("engine", &[]),
            ("routers", &[]),
            ("providers", &[]),
            ("controller", &[]),
            ("sim", &[]),
        ],
    ),
    (
        "tests",
        &[
            ("api", &[]),
            ("engine", &[]),
            ("routers", &[]),
            ("providers", &[]),
            ("controller", &[]),
            ("sim", &[]),
            ("sluice", &[]),
        ],
    ),
];

/// Crates that decide, and what they must build without, each alone.
const PURE: [&str; 3] = ["api", "engine", "routers"];
const NOT_IN_PURE: [&str; 3] = ["tokio", "hyper", "reqwest"];

/// The feature with decisions broken on purpose.
const MUTANTS: &str = "mutants";

/// Lines of a file without its tests.
const LONGEST: usize = 600;

/// Words that name no idea.
const EMPTY_WORDS: [&str; 8] = [
    "manager",
    "helper",
    "util",
    "common",
    "handler",
    "processor",
    "data",
    "info",
];

#[test]
fn crates_import_only_along_the_arrows() {
    let mut ours = BTreeMap::new();
    for package in packages() {
        let names = package["dependencies"].as_array().expect("dependencies").iter();
        // a dependency with a path is one of ours; those of tests and build scripts count too
        let names = names.filter(|dependency| dependency.get("path").is_some_and(Value::is_string));
        let names: BTreeSet<String> = names.filter_map(|it| it["name"].as_str().map(str::to_owned)).collect();
        ours.insert(package["name"].as_str().expect("a name").to_owned(), names);
    }
    complain(arrows_beyond(&ours));
}

#[test]
fn of_a_crate_only_what_the_arrow_says_is_imported() {
    let mut wrong = Vec::new();
    for (from, arrows) in ARROWS {
        for (to, parts) in arrows.iter().filter(|(_, parts)| !parts.is_empty()) {
            for (path, text) in sources()
                .iter()
                .filter(|(path, _)| path.starts_with(&format!("crates/{from}/src/")))
            {
                for part in imported(text, to).iter().filter(|part| !parts.contains(&part.as_str())) {
                    wrong.push(format!(
                        "{}: crate {from} imports {to}::{part}, but of {to} only {}: move what both need, or hand it in",
                        path,
                        parts.join(", ")
                    ));
                }
            }
        }
    }
    complain(wrong);
}

#[test]
fn crates_that_decide_build_without_a_runtime() {
    let mut wrong = Vec::new();
    for pure in PURE {
        // alone: in the workspace's build the features of all crates are added up
        let tree = cargo(&[
            "tree",
            "--package",
            pure,
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
        ]);
        let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(packages.contains(pure), "cargo tree says of {pure}: {tree}");
        for banned in NOT_IN_PURE.iter().filter(|banned| packages.contains(*banned)) {
            wrong.push(format!(
                "crate {pure} builds with {banned}: find the way in with `cargo tree --package {pure} --invert {banned}`, \
                 and switch that feature off or depend on the smaller crate (kube-core for kube)"
            ));
        }
    }
    complain(wrong);
}

#[test]
fn files_are_short_and_named_after_what_they_decide() {
    let wrong: Vec<String> = sources()
        .iter()
        .flat_map(|(path, text)| misshapen(path, text))
        .collect();
    complain(wrong);
}

#[test]
fn only_tests_build_the_mutants() {
    let mut wrong = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().expect("a name");
        let asks = |it: &Value| {
            it["features"]
                .as_array()
                .is_some_and(|list| list.contains(&MUTANTS.into()))
        };
        let mut dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        if name != "tests" && dependencies.any(asks) {
            wrong.push(format!(
                "crate {name} asks for the feature `{MUTANTS}`: only the crate tests may"
            ));
        }
        let default = package["features"].get("default").and_then(Value::as_array);
        if default.is_some_and(|list| list.contains(&MUTANTS.into())) {
            wrong.push(format!(
                "crate {name} builds its `{MUTANTS}` by default: take the feature out of `default`"
            ));
        }
    }
    complain(wrong);
}

fn complain(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Every dependency of one of our crates on another that no arrow allows.
fn arrows_beyond(ours: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (from, names) in ours {
        let Some((_, arrows)) = ARROWS.iter().find(|(name, _)| name == from) else {
            wrong.push(format!(
                "crate {from} has no place in the diagram: give it one in crates/README.md and here"
            ));
            continue;
        };
        for to in names.iter().filter(|to| !arrows.iter().any(|(name, _)| name == to)) {
            let allowed: Vec<&str> = arrows.iter().map(|(name, _)| *name).collect();
            let allowed = if allowed.is_empty() {
                "none of ours".to_owned()
            } else {
                allowed.join(", ")
            };
            wrong.push(format!(
                "crate {from} depends on {to}, but may only on {allowed}: move the code to where both may reach it, or \
                 hand the value in"
            ));
        }
    }
    wrong
}

/// What follows each `name::` in `text`: the first word of the path, or each first word of a list in braces.
fn imported(text: &str, name: &str) -> BTreeSet<String> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code = text.lines().filter(is_code).collect::<Vec<_>>().join("\n");
    let mut parts = BTreeSet::new();
    for (at, found) in code.match_indices(&format!("{name}::")) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let path = &code[at + found.len()..];
        match path.strip_prefix('{') {
            Some(list) => parts.extend(listed(list).into_iter().map(first_word)),
            None => parts.extend([first_word(path)]),
        }
    }
    parts
}

fn first_word(path: &str) -> String {
    let path = path.trim_start().chars();
    path.take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The items of a list in braces, from behind its opening brace.
fn listed(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '}' if depth == 0 => {
                items.push(&list[start..at]);
                break;
            }
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

/// What is wrong with one file's length, name or opening.
fn misshapen(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let file = Path::new(path);
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    if stem == "mod" {
        wrong.push(format!("{path}: a module is `foo.rs` beside `foo/`, never `mod.rs`"));
    }
    for word in stem.split(['_', '-']) {
        let word = word.strip_suffix('s').unwrap_or(word);
        if EMPTY_WORDS.contains(&word) {
            wrong.push(format!(
                "{path}: `{word}` says nothing: name the file after what it decides"
            ));
        }
    }
    let is_test = file.components().skip(2).any(|part| part.as_os_str() == "tests") || stem == "tests";
    if is_test {
        return wrong;
    }
    if !text.starts_with("//!") {
        wrong.push(format!(
            "{path}: open it with one `//!` sentence that says what it decides"
        ));
    }
    let lines = text.lines().take_while(|line| *line != "mod tests {").count();
    if lines > LONGEST {
        wrong.push(format!(
            "{path}: {lines} lines without its tests: split it by idea at {LONGEST}"
        ));
    }
    wrong
}

/// Our crates, as cargo describes them.
fn packages() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// Every Rust file of ours, by its path from the root.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for directory in ["crates", "tests"] {
        collect(&root().join(directory), &mut found);
    }
    found.sort();
    assert!(
        found.len() > 50,
        "only {} files under {}",
        found.len(),
        root().display()
    );
    found
}

fn collect(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root())
                .expect("below the root")
                .to_string_lossy()
                .into_owned();
            found.push((name, std::fs::read_to_string(&path).expect("a readable file")));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// What cargo prints. Offline: this build has fetched what it asks about.
fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .args(["--offline", "--quiet"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{arrows_beyond, imported, misshapen};

    fn beyond(from: &str, to: &str) -> String {
        arrows_beyond(&BTreeMap::from([(from.to_owned(), BTreeSet::from([to.to_owned()]))])).join("\n")
    }

    #[test]
    fn an_arrow_too_many_is_named_with_its_remedy() {
        assert_eq!(beyond("engine", "api"), "");
        assert_eq!(
            beyond("engine", "sim"),
            "crate engine depends on sim, but may only on api: move the code to where both may reach it, or hand the \
             value in"
        );
        assert_eq!(
            beyond("api", "engine"),
            "crate api depends on engine, but may only on none of ours: move the code to where both may reach it, or \
             hand the value in"
        );
        assert_eq!(
            beyond("extra", "api"),
            "crate extra has no place in the diagram: give it one in crates/README.md and here"
        );
    }

    #[test]
    fn imports_are_read_to_their_first_word() {
        let parts = |text: &str| imported(text, "engine").into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(parts("use engine::split::Split;"), "split");
        assert_eq!(
            parts("use engine::{Plan, split::{Split, Share}, decide};"),
            "Plan decide split"
        );
        assert_eq!(parts("fn of(split: &engine::Split) {}"), "Split");
        assert_eq!(
            parts("use crate::engine::Plan; use search_engine::Plan; // engine::Plan"),
            "Plan"
        );
        assert_eq!(parts("// engine::Plan\n    /// engine::Plan"), "");
    }

    #[test]
    fn a_file_is_judged_by_name_and_length() {
        let long = format!("//! Decides.\n{}#[cfg(test)]\nmod tests {{\n}}\n", "\n".repeat(600));
        let judged = |path: &str, text: &str| misshapen(path, text).join("\n");
        assert_eq!(judged("crates/engine/src/gate.rs", "//! Decides.\n"), "");
        assert_eq!(judged("crates/engine/src/metadata.rs", "//! Decides.\n"), "");
        assert_eq!(
            judged("crates/engine/src/gate.rs", &long),
            "crates/engine/src/gate.rs: 602 lines without its tests: split it by idea at 600"
        );
        assert_eq!(judged("crates/engine/src/gate/tests.rs", &long[2..]), "");
        assert_eq!(
            judged("crates/engine/src/pod_utils.rs", "//! Decides.\n"),
            "crates/engine/src/pod_utils.rs: `util` says nothing: name the file after what it decides"
        );
        assert_eq!(
            judged("crates/engine/src/gate/mod.rs", "//! Decides.\n"),
            "crates/engine/src/gate/mod.rs: a module is `foo.rs` beside `foo/`, never `mod.rs`"
        );
        assert_eq!(
            judged("crates/engine/src/gate.rs", "use std::fmt;\n"),
            "crates/engine/src/gate.rs: open it with one `//!` sentence that says what it decides"
        );
    }
}
