//! What measurements come to: the counters and phase of a metric, the phase and message of a run.
//!
//! Source: wire-contract 4.3 "Measurement bookkeeping", "Metric assessment", "Run assessment".

use std::collections::BTreeSet;

use api::analysis::{AnalysisRun, AnalysisRunStatus, Measurement, Metric, MetricResult, RunSummary};
use api::duration::Time;
use chrono::{DateTime, Utc};

use super::phase::{Course, Phase};
use crate::plan::{Level, Notice};

/// The phase of a metric after its measurements so far; a completed one stays as it is.
pub fn assess_metric(metric: &Metric, result: &MetricResult, course: Course) -> Phase {
    let phase = Phase::of(&result.phase);
    if phase.is_completed() {
        return phase;
    }
    match (result.measurements.last(), course) {
        (None, Course::Terminating) => return Phase::Successful,
        (None, Course::GoingOn) => return Phase::Pending,
        (Some(last), _) if is_unfinished(last) => return Phase::Running,
        (Some(_), _) => {}
    }
    if let Some((phase, _)) = against(metric, result) {
        return phase;
    }
    if metric.consecutive_success_limit() > 0 && result.consecutive_success >= metric.consecutive_success_limit() {
        return Phase::Successful;
    }
    if metric.effective_count().is_some_and(|count| result.count >= count) {
        return match (metric.failure_limit() >= 0, metric.consecutive_success_limit() > 0) {
            (true, true) => Phase::Inconclusive,
            (false, true) => Phase::Failed,
            (true, false) | (false, false) => Phase::Successful,
        };
    }
    match course {
        Course::Terminating => Phase::Successful,
        Course::GoingOn => Phase::Running,
    }
}

/// What speaks against a metric: the phase it means and the limit it broke.
pub fn against(metric: &Metric, result: &MetricResult) -> Option<(Phase, String)> {
    // Of several broken limits the last one speaks.
    if result.consecutive_error > metric.consecutive_error_limit() {
        let why = format!(
            "consecutiveErrors ({}) > consecutiveErrorLimit ({})",
            result.consecutive_error,
            metric.consecutive_error_limit()
        );
        Some((Phase::Error, why))
    } else if result.inconclusive > metric.inconclusive_limit() {
        let why = format!(
            "inconclusive ({}) > inconclusiveLimit ({})",
            result.inconclusive,
            metric.inconclusive_limit()
        );
        Some((Phase::Inconclusive, why))
    } else if metric.failure_limit() >= 0 && result.failed > metric.failure_limit() {
        Some((
            Phase::Failed,
            format!("failed ({}) > failureLimit ({})", result.failed, metric.failure_limit()),
        ))
    } else {
        None
    }
}

/// Whether a measurement waits to be resumed.
pub fn is_unfinished(measurement: &Measurement) -> bool {
    measurement.finished_at.is_none()
}

/// Counts a finished measurement.
pub fn count(result: &mut MetricResult, phase: Phase) {
    match phase {
        Phase::Pending | Phase::Running => {}
        Phase::Successful => {
            result.successful += 1;
            result.count += 1;
            result.consecutive_success += 1;
            result.consecutive_error = 0;
        }
        Phase::Failed => {
            result.failed += 1;
            result.count += 1;
            (result.consecutive_success, result.consecutive_error) = (0, 0);
        }
        Phase::Inconclusive => {
            result.inconclusive += 1;
            result.count += 1;
            (result.consecutive_success, result.consecutive_error) = (0, 0);
        }
        Phase::Error => {
            result.error += 1;
            result.consecutive_error += 1;
            result.consecutive_success = 0;
        }
    }
}

/// Brings the phases, messages and summaries of a run up to date with its measurements.
///
/// `busy`: a terminating run is not over while something that was started for it has still to be undone.
pub fn assess_run(
    run: &AnalysisRun,
    status: &mut AnalysisRunStatus,
    metrics: &[Metric],
    dry: &BTreeSet<String>,
    busy: Busy,
    now: DateTime<Utc>,
) -> Vec<Notice> {
    let course = Course::of(run, status);
    status.started_at.get_or_insert(Time::new(now));
    let mut notices = Vec::new();
    let mut worst: Option<Phase> = None;
    let mut message = if run.spec.terminate {
        "Run Terminated".to_owned()
    } else {
        String::new()
    };
    let mut all_completed = true;
    let (mut summary, mut dry_summary) = (RunSummary::default(), RunSummary::default());
    for metric in metrics {
        let is_dry = dry.contains(&metric.name);
        let summary = if is_dry { &mut dry_summary } else { &mut summary };
        summary.count += 1;
        let Some(result) = status
            .metric_results
            .iter_mut()
            .find(|result| result.name == metric.name)
        else {
            all_completed = false;
            continue;
        };
        let phase = assess_metric(metric, result, course);
        if result.phase != phase.as_str() {
            if let Some(last) = result.measurements.last() {
                result.message.clone_from(&last.message);
            }
            result.phase = phase.as_str().to_owned();
            notices.extend(metric_notice(&metric.name, phase));
        }
        if !phase.is_completed() {
            all_completed = false;
            continue;
        }
        let against = against(metric, result);
        match against.as_ref().map(|(phase, _)| *phase) {
            Some(Phase::Failed) => summary.failed += 1,
            Some(Phase::Inconclusive) => summary.inconclusive += 1,
            Some(Phase::Error) => summary.error += 1,
            Some(Phase::Pending | Phase::Running | Phase::Successful) | None => summary.successful += 1,
        }
        if is_dry {
            worst.get_or_insert(Phase::Successful);
            if let Some((_, why)) = against {
                result.message = format!("Metric assessed {phase} due to {why}");
            }
        } else if worst.is_none_or(|worst| phase.badness() > worst.badness()) {
            worst = Some(phase);
            if let Some((_, why)) = against {
                message = format!("Metric \"{}\" assessed {phase} due to {why}", metric.name);
                if !result.message.is_empty() {
                    message.push_str(&format!(": \"Error Message: {}\"", result.message));
                }
            }
        }
    }
    status.run_summary = summary;
    status.dry_run_summary = Some(dry_summary);

    let (phase, message) = match (course, busy, worst) {
        (Course::Terminating, Busy::No, worst) => (worst.unwrap_or(Phase::Successful), message),
        (Course::GoingOn, _, Some(worst)) if all_completed => (worst, message),
        (Course::Terminating, Busy::Undoing, _) | (Course::GoingOn, _, _) => (Phase::Running, String::new()),
    };
    if status.phase != phase.as_str() {
        status.phase = phase.as_str().to_owned();
        status.message = message.trim().to_owned();
        if phase.is_completed() {
            status.completed_at = Some(Time::new(now));
            notices.push(run_notice(phase));
        }
    }
    notices
}

/// Whether something outside is still to be undone before a terminating run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    No,
    Undoing,
}

/// The event of a run that has come to an end. Source: wire-contract 8.2.
pub fn run_notice(phase: Phase) -> Notice {
    Notice {
        level: level(phase),
        reason: format!("AnalysisRun{phase}"),
        message: format!("Analysis Completed. Result: {phase}"),
    }
}

fn metric_notice(name: &str, phase: Phase) -> Option<Notice> {
    phase.is_completed().then(|| Notice {
        level: level(phase),
        reason: format!("Metric{phase}"),
        message: format!("Metric '{name}' Completed. Result: {phase}"),
    })
}

fn level(phase: Phase) -> Level {
    match phase {
        Phase::Failed | Phase::Error => Level::Warning,
        Phase::Pending | Phase::Running | Phase::Successful | Phase::Inconclusive => Level::Normal,
    }
}
