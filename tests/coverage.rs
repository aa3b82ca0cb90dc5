//! Which clauses of the contract a scenario shows: `just coverage-of-contract` lists the rest.
//!
//! The clauses are in contract-clauses.txt; a scenario names its own in a line `Covers: 3.5, 10.2.13`.

use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn coverage_of_contract() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clauses = clauses(&read(&directory.join("contract-clauses.txt"))).expect("contract-clauses.txt");
    let mut scenarios = Vec::new();
    for entry in std::fs::read_dir(directory.join("scenarios")).into_iter().flatten() {
        let path = entry.expect("a directory entry").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_name().expect("a file name").to_string_lossy().into_owned();
            scenarios.push((name, read(&path)));
        }
    }
    scenarios.sort();
    let shown = shown(&clauses, &scenarios).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")));
    println!("{}", report(&clauses, &shown));
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("could not read {}: {error}", path.display()))
}

/// Number and title of each clause, in the file's order.
fn clauses(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut clauses: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (number, title) = line.split_once(' ').ok_or(format!("`{line}` has no title"))?;
        if !number.split('.').all(|part| part.parse::<u16>().is_ok()) {
            return Err(format!("`{number}` is no number of a clause"));
        }
        if clauses.iter().any(|(known, _)| known == number) {
            return Err(format!("{number} is there twice"));
        }
        clauses.push((number.to_owned(), title.to_owned()));
    }
    Ok(clauses)
}

/// The scenarios by the clause they cover; or every scenario that covers nothing or a clause that does not exist.
fn shown(
    clauses: &[(String, String)],
    scenarios: &[(String, String)],
) -> Result<BTreeMap<String, Vec<String>>, Vec<String>> {
    let (mut shown, mut wrong) = (BTreeMap::<String, Vec<String>>::new(), Vec::new());
    for (name, text) in scenarios {
        let Some(covers) = text.lines().find_map(|line| line.strip_prefix("Covers:")) else {
            wrong.push(format!(
                "{name}: say what it shows of the contract, in a line `Covers: 3.5, 3.7.2`"
            ));
            continue;
        };
        for number in covers.split(',').map(str::trim) {
            if clauses.iter().any(|(known, _)| known == number) {
                shown.entry(number.to_owned()).or_default().push(name.clone());
            } else {
                wrong.push(format!(
                    "{name}: covers `{number}`, which is not in contract-clauses.txt"
                ));
            }
        }
    }
    if wrong.is_empty() { Ok(shown) } else { Err(wrong) }
}

/// The clauses without a scenario, and how many of each section have one.
fn report(clauses: &[(String, String)], shown: &BTreeMap<String, Vec<String>>) -> String {
    let mut lines = Vec::new();
    let mut sections: BTreeMap<u16, (usize, usize)> = BTreeMap::new();
    for (number, title) in clauses {
        let section = number
            .split('.')
            .next()
            .and_then(|part| part.parse().ok())
            .unwrap_or_default();
        let (covered, all) = sections.entry(section).or_default();
        *all += 1;
        if shown.contains_key(number) {
            *covered += 1;
        } else {
            lines.push(format!("no scenario: {number} {title}"));
        }
    }
    for (section, (covered, all)) in sections {
        lines.push(format!("section {section}: {covered} of {all} clauses have a scenario"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{clauses, report, shown};

    const CLAUSES: &str = "# ours\n\n3.5 pauses\n3.9 blue/green\n10.2.13 an edit\n";

    fn covered(covers: &str) -> String {
        let clauses = clauses(CLAUSES).expect("clauses");
        let scenario = ("a.md".to_owned(), format!("# A pause\n\n{covers}\n"));
        match shown(&clauses, &[scenario]) {
            Ok(shown) => report(&clauses, &shown),
            Err(wrong) => wrong.join("\n"),
        }
    }

    #[test]
    fn what_no_scenario_shows_is_listed() {
        assert_eq!(
            covered("Covers: 3.5, 10.2.13"),
            "no scenario: 3.9 blue/green\n\
             section 3: 1 of 2 clauses have a scenario\n\
             section 10: 1 of 1 clauses have a scenario"
        );
    }

    #[test]
    fn a_clause_that_does_not_exist_is_a_mistake() {
        assert_eq!(
            covered("Covers: 3.5, 3.55"),
            "a.md: covers `3.55`, which is not in contract-clauses.txt"
        );
        assert_eq!(
            covered(""),
            "a.md: say what it shows of the contract, in a line `Covers: 3.5, 3.7.2`"
        );
    }

    #[test]
    fn the_list_itself_is_checked() {
        assert_eq!(clauses("3.5 a\n3.5 b"), Err("3.5 is there twice".to_owned()));
        assert_eq!(clauses("3.x a"), Err("`3.x` is no number of a clause".to_owned()));
        assert_eq!(clauses("3.5"), Err("`3.5` has no title".to_owned()));
    }
}
