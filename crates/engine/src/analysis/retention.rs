//! What is forgotten: old measurements, finished runs, runs past their time to live.
//!
//! Source: wire-contract 4.2 "GC", 4.3 "GC" and "TTL"; field-lessons R64 (a run is never larger than 64 KiB).

use std::collections::BTreeMap;

use api::analysis::{AnalysisRun, AnalysisRunStatus, Measurement, MetricResult};
use api::keys;
use chrono::{DateTime, TimeDelta, Utc};

use super::phase::Phase;

/// Measurements kept of a metric that no rule names.
pub const MEASUREMENTS: usize = 10;
/// Finished runs of each kind that a Rollout keeps by default.
pub const RUNS: i32 = 5;
/// What the status of a run may take, in bytes of JSON.
pub const STATUS_BYTES: usize = 64 * 1024;

/// Takes the measurements beyond the limit of their metric out of the status: the metric's name and the measurement.
pub fn forget_measurements(
    status: &mut AnalysisRunStatus,
    limits: &BTreeMap<String, i32>,
) -> Vec<(String, Measurement)> {
    let mut forgotten = Vec::new();
    for result in &mut status.metric_results {
        let limit = limits.get(&result.name).copied().filter(|limit| *limit > 0);
        let limit = limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(MEASUREMENTS);
        forgotten.extend(forget_oldest(result, limit));
    }
    forgotten
}

/// Shortens texts, and then forgets measurements, until the status fits into [`STATUS_BYTES`].
pub fn bound(status: &mut AnalysisRunStatus) -> Vec<(String, Measurement)> {
    let size = |status: &AnalysisRunStatus| serde_json::to_vec(status).map_or(0, |text| text.len());
    let mut forgotten = Vec::new();
    // A limit that is always applied keeps a status that just fits from changing from pass to pass.
    for limit in [4096, 1024, 256, 64] {
        shorten(status, limit);
        if size(status) <= STATUS_BYTES {
            return forgotten;
        }
    }
    while size(status) > STATUS_BYTES {
        let longest = status
            .metric_results
            .iter_mut()
            .max_by_key(|result| result.measurements.len());
        let Some(result) = longest.filter(|result| result.measurements.len() > 1) else {
            break;
        };
        forgotten.extend(forget_oldest(result, result.measurements.len() / 2));
    }
    forgotten
}

/// Which of a Rollout's runs are deleted now: of those that are not `current`, newest first, the first `successful`
/// successful ones and the first `unsuccessful` others stay; so does whatever is in progress. A run whose hash belongs
/// to no ReplicaSet that stays goes.
pub fn runs_to_delete<'a>(
    runs: impl IntoIterator<Item = &'a AnalysisRun>,
    hashes: &std::collections::BTreeSet<String>,
    successful: i32,
    unsuccessful: i32,
) -> Vec<&'a AnalysisRun> {
    let mut runs: Vec<&AnalysisRun> = runs
        .into_iter()
        .filter(|run| run.metadata.deletion_timestamp.is_none())
        .collect();
    // Creation times have whole seconds: the name settles the rest.
    runs.sort_by(|a, b| {
        let key = |run: &AnalysisRun| run.metadata.creation_timestamp.as_ref().map(|t| t.0);
        key(b).cmp(&key(a)).then_with(|| b.metadata.name.cmp(&a.metadata.name))
    });
    let (mut good, mut bad) = (0, 0);
    runs.retain(|run| {
        let hash = run
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH));
        if hash.is_none_or(|hash| !hashes.contains(hash)) {
            return true;
        }
        match Phase::of(run.status.as_ref().map_or("", |status| &status.phase)) {
            Phase::Pending | Phase::Running => false,
            Phase::Successful => {
                good += 1;
                good > successful
            }
            Phase::Failed | Phase::Error | Phase::Inconclusive => {
                bad += 1;
                bad > unsuccessful
            }
        }
    });
    runs
}

/// When a completed run is deleted; `None`: never by us. Only whole seconds beyond the limit count.
pub fn expires(run: &AnalysisRun) -> Option<DateTime<Utc>> {
    let status = run.status.as_ref()?;
    let ttl = run.spec.ttl_strategy.as_ref()?;
    let own = match Phase::of(&status.phase) {
        Phase::Pending | Phase::Running => return None,
        Phase::Successful => ttl.seconds_after_success,
        Phase::Failed => ttl.seconds_after_failure,
        Phase::Error | Phase::Inconclusive => None,
    };
    let seconds = own.or(ttl.seconds_after_completion)?;
    Some(status.completed_at?.0 + TimeDelta::seconds(i64::from(seconds) + 1))
}

fn forget_oldest(result: &mut MetricResult, limit: usize) -> Vec<(String, Measurement)> {
    let excess = result.measurements.len().saturating_sub(limit);
    result
        .measurements
        .drain(..excess)
        .map(|measurement| (result.name.clone(), measurement))
        .collect()
}

fn shorten(status: &mut AnalysisRunStatus, limit: usize) {
    cut(&mut status.message, limit);
    for result in &mut status.metric_results {
        cut(&mut result.message, limit);
        result.metadata.values_mut().for_each(|text| cut(text, limit));
        for measurement in &mut result.measurements {
            cut(&mut measurement.message, limit);
            cut(&mut measurement.value, limit);
            // A job's name, a sample that the next one is compared with: what an unfinished measurement goes on with.
            if measurement.finished_at.is_some() {
                measurement.metadata.values_mut().for_each(|text| cut(text, limit));
            }
        }
    }
}

/// Cuts a text to at most `limit` bytes, at a character.
fn cut(text: &mut String, limit: usize) {
    const MARK: &str = "...";
    if text.len() > limit {
        let end = (0..=limit - MARK.len())
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
        text.push_str(MARK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn run(name: &str, minute: u32, phase: &str, hash: Option<&str>) -> AnalysisRun {
        let labels: Value = hash.map_or(json!({}), |hash| json!({keys::POD_TEMPLATE_HASH: hash}));
        let metadata =
            json!({"name": name, "creationTimestamp": format!("2026-01-01T00:{minute:02}:00Z"), "labels": labels});
        serde_json::from_value(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
            "metadata": metadata, "spec": {"metrics": []}, "status": {"phase": phase}
        }))
        .expect("a run")
    }

    #[test]
    fn which_runs_go() {
        let runs = [
            run("good-old", 1, "Successful", Some("a")),
            run("good-new", 2, "Successful", Some("a")),
            run("bad-old", 3, "Failed", Some("a")),
            run("bad-mid", 4, "Error", Some("a")),
            run("bad-new", 5, "Inconclusive", Some("a")),
            run("going-on", 0, "Running", Some("a")),
            run("no-hash", 9, "Successful", None),
            run("no-replica-set", 9, "Running", Some("gone")),
        ];
        let gone = |successful, unsuccessful| {
            let gone = runs_to_delete(&runs, &BTreeSet::from(["a".to_owned()]), successful, unsuccessful);
            let names: BTreeSet<&str> = gone
                .into_iter()
                .filter_map(|run| run.metadata.name.as_deref())
                .collect();
            names.into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(gone(5, 5), "no-hash no-replica-set");
        assert_eq!(gone(1, 2), "bad-old good-old no-hash no-replica-set");
        assert_eq!(
            gone(0, 0),
            "bad-mid bad-new bad-old good-new good-old no-hash no-replica-set"
        );
    }

    #[test]
    fn runs_of_one_second_are_told_apart_by_name() {
        let runs = [
            run("r.1", 1, "Successful", Some("a")),
            run("r", 1, "Successful", Some("a")),
        ];
        let gone = runs_to_delete(&runs, &BTreeSet::from(["a".to_owned()]), 1, 1);
        assert_eq!(gone[0].metadata.name.as_deref(), Some("r"));
    }

    #[test]
    fn when_a_run_expires() {
        let table = [
            (json!({"secondsAfterCompletion": 60}), "Successful", Some(61)),
            (
                json!({"secondsAfterCompletion": 60, "secondsAfterSuccess": 5}),
                "Successful",
                Some(6),
            ),
            (
                json!({"secondsAfterCompletion": 60, "secondsAfterSuccess": 5}),
                "Failed",
                Some(61),
            ),
            (json!({"secondsAfterFailure": 0}), "Failed", Some(1)),
            (json!({"secondsAfterFailure": 0}), "Error", None),
            (json!({"secondsAfterCompletion": 60}), "Running", None),
        ];
        for (ttl, phase, want) in table {
            let mut run = run("r", 0, phase, None);
            run.spec.ttl_strategy = serde_json::from_value(ttl.clone()).expect("a ttl");
            let done = "2026-01-01T00:10:00Z".parse().expect("an instant");
            run.status.get_or_insert_default().completed_at = Some(done);
            assert_eq!(
                expires(&run).map(|at| (at - done.0).num_seconds()),
                want,
                "{ttl} {phase}"
            );
        }
    }

    #[test]
    fn texts_are_cut_at_a_character() {
        let mut text = "aé".repeat(40);
        cut(&mut text, 64);
        assert_eq!(text, format!("{}a...", "aé".repeat(20)));
    }
}
