//! How an analysis run is doing: its phase, its measurements, its Jobs.

use api::analysis::{AnalysisRun, AnalysisRunStatus, Measurement, phase};
use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Family, Mark, Node, NodeKind, Note, State, age, is_owned, name, revision};

/// Key of a measurement's metadata that names the Job of the job provider.
const JOB_NAME: &str = "job-name";

/// The runs of an owner: newest revision first, then oldest first, then by name.
pub(super) fn owned<'a>(family: &'a Family, owner: &ObjectMeta) -> Vec<&'a AnalysisRun> {
    let mut runs: Vec<_> = family
        .runs
        .iter()
        .filter(|run| is_owned(&run.metadata, owner))
        .collect();
    let created = |run: &AnalysisRun| run.metadata.creation_timestamp.as_ref().and_then(crate::age::instant);
    runs.sort_by(|a, b| {
        let newest_first = revision(&b.metadata).cmp(&revision(&a.metadata));
        newest_first.then_with(|| (created(a), &a.metadata.name).cmp(&(created(b), &b.metadata.name)))
    });
    runs
}

pub(super) fn node(run: &AnalysisRun, now: DateTime<Utc>) -> Node {
    let status = run.status.clone().unwrap_or_default();
    Node {
        kind: NodeKind::AnalysisRun,
        name: name(&run.metadata),
        state: state(&status.phase),
        age: age(&run.metadata, now),
        notes: counts(&status),
        children: jobs(&status, now),
    }
}

/// A phase and its mark; nothing while there is no phase.
pub(super) fn state(phase: &str) -> Option<State> {
    (!phase.is_empty()).then(|| State {
        mark: mark(phase),
        text: phase.to_owned(),
    })
}

/// Measurements by outcome, over all metrics; outcomes that did not happen are left out.
fn counts(status: &AnalysisRunStatus) -> Vec<Note> {
    let sum = |count: fn(&api::analysis::MetricResult) -> i32| status.metric_results.iter().map(count).sum::<i32>();
    let outcomes = [
        (Mark::Ok, sum(|metric| metric.successful)),
        (Mark::Bad, sum(|metric| metric.failed)),
        (Mark::Unknown, sum(|metric| metric.inconclusive)),
        (Mark::Warning, sum(|metric| metric.error)),
    ];
    outcomes
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(mark, count)| Note::Count(mark, count))
        .collect()
}

fn jobs(status: &AnalysisRunStatus, now: DateTime<Utc>) -> Vec<Node> {
    let measurements = status.metric_results.iter().flat_map(|metric| &metric.measurements);
    let job = |measurement: &Measurement| {
        let name = measurement.metadata.get(JOB_NAME)?;
        Some(Node {
            kind: NodeKind::Job,
            name: name.clone(),
            state: state(&measurement.phase),
            age: measurement.started_at.map(|at| now - at.0),
            notes: Vec::new(),
            children: Vec::new(),
        })
    };
    measurements.filter_map(job).collect()
}

fn mark(of: &str) -> Mark {
    match of {
        phase::SUCCESSFUL => Mark::Ok,
        phase::FAILED => Mark::Bad,
        phase::ERROR => Mark::Warning,
        phase::RUNNING => Mark::Progressing,
        phase::PENDING => Mark::Waiting,
        _ => Mark::Unknown,
    }
}
