//! The tables of a bench.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::{Phase, Subject};

/// What all controllers cost, side by side, and what no controller can save.
pub fn report(rollouts: usize, measured: &[(Subject, Vec<Phase>)]) -> String {
    let mut text = format!("## {rollouts} rollouts of 2 pods, steps `setWeight 50, pause 2s`\n\n");
    for (subject, phases) in measured {
        line(&mut text, &format!("{}\n", subject.program.display()));
        table(&mut text, rollouts, phases);
        growth(&mut text, phases);
    }
    if let [(_, ours), (_, theirs)] = measured {
        line(&mut text, "The first controller as a part of the second:\n");
        ratios(&mut text, ours, theirs);
    }
    if let Some((_, phases)) = measured.first() {
        requests(&mut text, rollouts, phases);
    }
    text.push_str(FLOOR);
    text
}

fn table(text: &mut String, rollouts: usize, phases: &[Phase]) {
    line(
        text,
        "| phase | wall | p50 | p99 | CPU | CPU each | resident | peak | writes each | without events | reads each |",
    );
    line(text, "|---|---|---|---|---|---|---|---|---|---|---|");
    for phase in phases {
        let [writes, quiet, reads] = counts(phase).map(|count| count as f64 / rollouts as f64);
        let row = format!(
            "| {} | {} | {} | {} | {} | {:.1} ms | {:.1} MiB | {:.1} MiB | {writes:.2} | {quiet:.2} | {reads:.2} |",
            phase.name,
            seconds(phase.lasted),
            percentile(phase, 50),
            percentile(phase, 99),
            seconds(phase.cpu),
            phase.cpu.as_secs_f64() * 1000.0 / rollouts as f64,
            mib(phase.resident),
            mib(phase.peak),
        );
        line(text, &row);
    }
    text.push('\n');
}

fn ratios(text: &mut String, ours: &[Phase], theirs: &[Phase]) {
    line(text, "| phase | wall | CPU | resident | peak | writes without events |");
    line(text, "|---|---|---|---|---|---|");
    for (mine, other) in ours.iter().zip(theirs) {
        let quiet = |phase: &Phase| counts(phase)[1] as f64;
        let row = format!(
            "| {} | {} | {} | {} | {} | {} |",
            mine.name,
            part(mine.lasted.as_secs_f64(), other.lasted.as_secs_f64()),
            part(mine.cpu.as_secs_f64(), other.cpu.as_secs_f64()),
            part(mine.resident as f64, other.resident as f64),
            part(mine.peak as f64, other.peak as f64),
            part(quiet(mine), quiet(other)),
        );
        line(text, &row);
    }
    text.push('\n');
}

/// Memory at the end, measured by what it was after the first part of the updates.
fn growth(text: &mut String, phases: &[Phase]) {
    let mut updates = phases.iter().filter(|phase| phase.name.starts_with("update"));
    if let (Some(first), Some(last)) = (updates.next(), updates.next_back()) {
        let part = part(last.resident as f64, first.resident as f64);
        line(
            text,
            &format!(
                "Resident after {:?}: {part} of what it was after {:?}.\n",
                last.name, first.name
            ),
        );
    }
}

/// The first controller's requests of each phase, by verb and resource.
fn requests(text: &mut String, rollouts: usize, phases: &[Phase]) {
    line(text, "Requests of the first controller, for each rollout:\n");
    let shown: Vec<&Phase> = phases.iter().skip(1).collect();
    let names: Vec<&str> = shown.iter().map(|phase| phase.name.as_str()).collect();
    line(text, &format!("| request | {} |", names.join(" | ")));
    line(text, &format!("|---|{}", "---|".repeat(names.len())));
    let mut rows: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (column, phase) in shown.iter().enumerate() {
        for request in &phase.requests {
            let row = rows
                .entry((request.resource.clone(), request.verb.clone()))
                .or_default();
            row.resize(shown.len(), 0);
            row[column] += 1;
        }
    }
    for ((resource, verb), counts) in rows {
        let each: Vec<String> = counts
            .iter()
            .map(|count| format!("{:.2}", *count as f64 / rollouts as f64))
            .collect();
        line(text, &format!("| {verb} {resource} | {} |", each.join(" | ")));
    }
    text.push('\n');
}

/// Writes, writes without events, reads.
fn counts(phase: &Phase) -> [usize; 3] {
    let writes = phase.requests.iter().filter(|request| request.writes());
    let quiet = writes.clone().filter(|request| !request.resource.starts_with("events"));
    let reads = phase.requests.iter().filter(|request| !request.writes());
    [writes.count(), quiet.count(), reads.count()]
}

fn percentile(phase: &Phase, percent: usize) -> String {
    let last = phase.rollouts.len().checked_sub(1);
    last.map_or_else(String::new, |last| {
        seconds(phase.rollouts[(last * percent).div_ceil(100)])
    })
}

fn seconds(of: Duration) -> String {
    format!("{:.2} s", of.as_secs_f64())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

fn part(mine: f64, other: f64) -> String {
    if other == 0.0 {
        "-".to_owned()
    } else {
        format!("{:.2}", mine / other)
    }
}

fn line(text: &mut String, line: &str) {
    // writing to a String cannot fail
    let _ = writeln!(text, "{line}");
}

const FLOOR: &str = "\
The floor of writes of one such update, without events, is 9, whoever does it: the new ReplicaSet (1), its second size and
the two of the old one (3), the revision annotation of the Rollout (1), and the status four times: when the new generation
is seen, when the pause begins, when it ends, when everything is new. The annotation and the status cannot be one write: the
API server has two doors for them. None can be left out: clients read the generation, the pause and the end of both, and an
old pod may only go when a new one is ready.
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cluster::audit::Requested;

    fn phase(name: &'static str, cpu: u64, verbs: &[(&str, &str)]) -> Phase {
        let request = |(verb, resource): &(&str, &str)| Requested {
            at: chrono::DateTime::UNIX_EPOCH,
            agent: String::new(),
            user: String::new(),
            verb: (*verb).to_owned(),
            resource: (*resource).to_owned(),
            namespace: String::new(),
            name: String::new(),
            code: 200,
        };
        Phase {
            name: name.to_owned(),
            lasted: Duration::from_secs(4),
            rollouts: vec![Duration::from_secs(1), Duration::from_secs(3)],
            cpu: Duration::from_millis(cpu),
            resident: 20 << 20,
            peak: 30 << 20,
            requests: verbs.iter().map(request).collect(),
        }
    }

    #[test]
    fn controllers_are_shown_side_by_side() {
        let ours = phase(
            "created",
            20,
            &[("create", "replicasets.apps"), ("create", "events"), ("get", "pods")],
        );
        let theirs = phase(
            "created",
            100,
            &[("create", "replicasets.apps"), ("patch", "rollouts.argoproj.io/status")],
        );
        let none = phase("with nothing to look after", 0, &[]);
        let measured = [
            (Subject::new(Path::new("sluice")), vec![none.clone(), ours]),
            (Subject::new(Path::new("rollouts-controller")), vec![none, theirs]),
        ];
        let text = report(2, &measured);
        let rows: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("created") || line.contains("replicasets"))
            .collect();
        let expected = [
            "| created | 4.00 s | 3.00 s | 3.00 s | 0.02 s | 10.0 ms | 20.0 MiB | 30.0 MiB | 1.00 | 0.50 | 0.50 |",
            "| created | 4.00 s | 3.00 s | 3.00 s | 0.10 s | 50.0 ms | 20.0 MiB | 30.0 MiB | 1.00 | 1.00 | 0.00 |",
            "| created | 1.00 | 0.20 | 1.00 | 1.00 | 0.50 |",
            "| request | created |",
            "| create replicasets.apps | 0.50 |",
        ];
        assert_eq!(rows, expected);
    }
}
