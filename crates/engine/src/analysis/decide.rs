//! What happens to one AnalysisRun next: the door from what was seen of it to what is written, measured and said.
//!
//! Source: wire-contract 4.3 "AnalysisRun controller".

use std::collections::{BTreeMap, BTreeSet};

use api::analysis::{AnalysisRun, AnalysisRunStatus, Measurement, Metric, MetricResult};
use api::duration::Time;
use api::measured::Measured;
use chrono::{DateTime, TimeDelta, Utc};

use super::arguments::{self, Secrets, Values, redact};
use super::phase::{Course, Phase};
use super::schedule::{self, Next, Wait};
use super::verdict::{self, Busy, is_unfinished};
use super::{condition, retention, validate};
use crate::plan::Notice;

/// A run as it was seen at one instant.
#[derive(Clone, Debug)]
pub struct RunSnapshot {
    pub now: DateTime<Utc>,
    pub run: AnalysisRun,
    /// What came back from the tasks of earlier plans, by name of the metric. An answer is shown until a status that
    /// holds it was accepted.
    pub answers: BTreeMap<String, Answer>,
    /// The metrics that are being measured, resumed or terminated right now.
    pub in_flight: BTreeSet<String>,
    /// The Secrets that an earlier plan asked for.
    pub secrets: Secrets,
}

/// What is to be done about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// The whole status after this hop; the edge writes the difference.
    pub status: AnalysisRunStatus,
    /// What is to be measured, once the status is written.
    pub tasks: Vec<Task>,
    /// Secrets (of the run's namespace) without which the tasks that are due cannot be told: read them, ask again.
    pub secrets: BTreeSet<String>,
    /// Measurements that are not in the status any more: what they left behind (their Jobs) is to be removed.
    pub forgotten: Vec<Forgotten>,
    /// What a human should hear once the status is written.
    pub notices: Vec<Notice>,
    /// The metrics that wait, and for what.
    pub waiting: Vec<Waiting>,
    /// When to look again though nothing has changed.
    pub wake: Option<DateTime<Utc>>,
    /// The run is past its time to live.
    pub delete: bool,
}

/// One thing to do for one metric.
#[derive(Clone, PartialEq)]
pub struct Task {
    /// The metric as the status knows it: with placeholders for secrets.
    pub name: String,
    /// The metric with every argument in its place, secrets too.
    pub metric: Metric,
    pub action: Action,
    /// The how-manieth measurement this is, from 1: what the name of a Job ends in.
    pub attempt: i32,
    /// Texts that must never be shown.
    pub secrets: Vec<String>,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Start,
    /// Look again at what this measurement left open.
    Resume(Measurement),
    /// Undo what this measurement left open.
    Terminate(Measurement),
}

/// What came back from a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub task: Task,
    pub started: DateTime<Utc>,
    pub finished: DateTime<Utc>,
    pub outcome: Outcome,
    /// For the measurement.
    pub metadata: BTreeMap<String, String>,
    /// For the metric (`ResolvedPrometheusQuery`).
    pub result_metadata: BTreeMap<String, String>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A value that the conditions judge, its text, and what a human should know about it: the measurement's message.
    Measured {
        value: Measured,
        text: String,
        note: String,
    },
    /// The provider's own verdict; `Running` until it is resumed.
    Decided {
        phase: Phase,
        message: String,
        text: String,
        resume_at: Option<DateTime<Utc>>,
    },
    /// No value: why.
    Error(String),
}

/// A measurement that is not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Forgotten {
    pub metric: String,
    pub measurement: Measurement,
}

/// A metric that is not measured now.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    pub metric: String,
    pub why: Why,
}

/// Why a metric is not measured now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why {
    /// The answer of its task is awaited.
    Answer,
    /// Nothing is due before this instant.
    Until(DateTime<Utc>, Wait),
    /// The Secrets of the run have not been read.
    Secrets,
}

/// What happens to a run next.
pub fn decide_run(seen: &RunSnapshot) -> RunPlan {
    let run = &seen.run;
    let mut plan = RunPlan::nothing(run.status.clone().unwrap_or_default());
    if run.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    if Phase::of(&plan.status.phase).is_completed() {
        let expires = retention::expires(run);
        plan.delete = expires.is_some_and(|at| at <= seen.now);
        plan.wake = expires.filter(|at| *at > seen.now);
        return plan;
    }
    let spec = match Spec::of(run) {
        Ok(spec) => spec,
        Err(why) => return plan.end_in_error(why),
    };
    for (name, answer) in &seen.answers {
        if let Some(metric) = spec.metrics.iter().find(|metric| metric.name == *name) {
            record(&mut plan.status, metric, spec.dry.contains(name), answer);
        }
    }
    let busy = undoing(&plan.status, &spec.metrics, &seen.in_flight);
    plan.notices = verdict::assess_run(run, &mut plan.status, &spec.metrics, &spec.dry, busy, seen.now);
    if !Phase::of(&plan.status.phase).is_completed()
        && let Err(why) = assign(&mut plan, seen, &spec)
    {
        return plan.end_in_error(format!("Unable to resolve metric arguments: {why}"));
    }
    let forgotten = retention::forget_measurements(&mut plan.status, &spec.retention);
    let forgotten = forgotten.into_iter().chain(retention::bound(&mut plan.status));
    plan.forgotten = forgotten
        .map(|(metric, measurement)| Forgotten { metric, measurement })
        .collect();
    plan
}

impl RunPlan {
    fn nothing(status: AnalysisRunStatus) -> Self {
        RunPlan {
            status,
            tasks: Vec::new(),
            secrets: BTreeSet::new(),
            forgotten: Vec::new(),
            notices: Vec::new(),
            waiting: Vec::new(),
            wake: None,
            delete: false,
        }
    }

    /// A spec that cannot be carried out: start and end are not written, as the contract has it.
    fn end_in_error(mut self, why: String) -> Self {
        self.status.phase = Phase::Error.as_str().to_owned();
        self.status.message = why;
        retention::bound(&mut self.status);
        self.notices.push(verdict::run_notice(Phase::Error));
        RunPlan {
            notices: self.notices,
            ..RunPlan::nothing(self.status)
        }
    }

    fn wake_by(&mut self, at: DateTime<Utc>) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

/// The spec of a run, arguments in place, found sound.
struct Spec {
    metrics: Vec<Metric>,
    dry: BTreeSet<String>,
    retention: BTreeMap<String, i32>,
}

impl Spec {
    fn of(run: &AnalysisRun) -> Result<Spec, String> {
        let unresolved = |why| format!("Unable to resolve metric arguments: {why}");
        let invalid = |why| format!("Analysis spec invalid: {why}");
        let values = Values::with_placeholders(&run.spec.args).map_err(unresolved)?;
        let metrics: Result<Vec<Metric>, String> = run.spec.metrics.iter().map(|metric| values.fill(metric)).collect();
        let metrics = metrics.map_err(unresolved)?;
        validate::run(&run.spec, &metrics).map_err(invalid)?;
        let dry = validate::dry_run(&run.spec.dry_run, &metrics);
        let retention = validate::retention(&run.spec.measurement_retention, &metrics);
        Ok(Spec {
            metrics,
            dry,
            retention,
        })
    }
}

/// Gives out the tasks that are due, or says what they wait for.
fn assign(plan: &mut RunPlan, seen: &RunSnapshot, spec: &Spec) -> Result<(), String> {
    let course = Course::of(&seen.run, &plan.status);
    let mut due = Vec::new();
    let mut waiting = Vec::new();
    for (index, metric) in spec.metrics.iter().enumerate() {
        if seen.in_flight.contains(&metric.name) {
            waiting.push(Waiting {
                metric: metric.name.clone(),
                why: Why::Answer,
            });
            continue;
        }
        let result = plan
            .status
            .metric_results
            .iter()
            .find(|result| result.name == metric.name);
        let action = match schedule::next(metric, result, plan.status.started_at, course, seen.now) {
            Next::Nothing => continue,
            Next::Wait { until, why } => {
                waiting.push(Waiting {
                    metric: metric.name.clone(),
                    why: Why::Until(until, why),
                });
                continue;
            }
            Next::Start => Action::Start,
            Next::Resume(last) => Action::Resume(last.clone()),
            Next::Terminate(last) => Action::Terminate(last.clone()),
        };
        due.push((
            index,
            action,
            result.map_or(0, |result| result.count + result.error) + 1,
        ));
    }
    for waiting in &waiting {
        if let Why::Until(until, _) = waiting.why {
            plan.wake_by(until);
        }
    }
    plan.waiting = waiting;
    if due.is_empty() {
        if course == Course::Terminating && seen.in_flight.is_empty() {
            // The verdict is given on a status that says why; our own write of it wakes us, and this is the safety net.
            plan.wake_by(seen.now + TimeDelta::seconds(1));
        }
        return Ok(());
    }

    let args = &seen.run.spec.args;
    let unread: BTreeSet<String> = arguments::secret_names(args)
        .into_iter()
        .filter(|name| !seen.secrets.contains_key(name))
        .collect();
    if !unread.is_empty() {
        plan.secrets = unread;
        let names = due.iter().map(|(index, _, _)| spec.metrics[*index].name.clone());
        plan.waiting.extend(names.map(|metric| Waiting {
            metric,
            why: Why::Secrets,
        }));
        return Ok(());
    }
    let values = match (Values::with_secrets(args, &seen.secrets), course) {
        (Ok(values), _) => values,
        // What was started has to be undone even when its Secret has gone.
        (Err(_), Course::Terminating) => Values::with_placeholders(args).unwrap_or_default(),
        (Err(why), Course::GoingOn) => return Err(why),
    };
    for (index, action, attempt) in due {
        let metric = values.fill(&seen.run.spec.metrics[index])?;
        let name = spec.metrics[index].name.clone();
        plan.tasks.push(Task {
            name,
            metric,
            action,
            attempt,
            secrets: values.secret.clone(),
        });
    }
    Ok(())
}

/// Takes an answer into the status, unless it is there already or no one asks any more.
fn record(status: &mut AnalysisRunStatus, metric: &Metric, dry: bool, answer: &Answer) {
    let at = status
        .metric_results
        .iter()
        .position(|result| result.name == metric.name)
        .unwrap_or_else(|| {
            status.metric_results.push(MetricResult {
                name: metric.name.clone(),
                phase: Phase::Running.as_str().to_owned(),
                dry_run: dry,
                ..MetricResult::default()
            });
            status.metric_results.len() - 1
        });
    let result = &mut status.metric_results[at];
    if Phase::of(&result.phase).is_completed() {
        return;
    }
    let hidden = |text: &str| redact(text, &answer.task.secrets);
    let hidden_values =
        |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| (k.clone(), hidden(v))).collect::<Vec<_>>();
    let (mut phase, mut message, text, resume_at) = judge(answer);
    if matches!(answer.task.action, Action::Terminate(_)) && matches!(phase, Phase::Successful | Phase::Inconclusive) {
        message = "Metric Terminated".to_owned();
    }
    if phase == Phase::Pending {
        phase = Phase::Running;
    }
    let mut measurement = Measurement {
        phase: phase.as_str().to_owned(),
        message: hidden(&message),
        started_at: Some(Time::new(answer.started)),
        finished_at: phase.is_completed().then(|| Time::new(answer.finished)),
        value: hidden(&text),
        metadata: hidden_values(&answer.metadata).into_iter().collect(),
        resume_at: resume_at.filter(|_| !phase.is_completed()).map(Time::new),
    };
    match (&answer.task.action, result.measurements.last_mut()) {
        (Action::Start, Some(last)) if is_unfinished(last) || same_moment(last, &measurement) => return,
        (Action::Start, _) => result.measurements.push(measurement),
        (Action::Resume(_) | Action::Terminate(_), Some(last)) if is_unfinished(last) => {
            measurement.started_at = last.started_at;
            let mut metadata = std::mem::take(&mut last.metadata);
            metadata.append(&mut measurement.metadata);
            *last = Measurement {
                metadata,
                ..measurement
            };
        }
        (Action::Resume(_) | Action::Terminate(_), _) => return,
    }
    result.metadata.extend(hidden_values(&answer.result_metadata));
    verdict::count(result, phase);
}

/// The phase, message, text and resumption of an answer.
fn judge(answer: &Answer) -> (Phase, String, String, Option<DateTime<Utc>>) {
    match &answer.outcome {
        Outcome::Measured { value, text, note } => {
            match condition::judge(&answer.task.metric, value, answer.finished) {
                Ok(phase) => (phase, note.clone(), text.clone(), None),
                Err(why) => (Phase::Error, why, text.clone(), None),
            }
        }
        Outcome::Decided {
            phase,
            message,
            text,
            resume_at,
        } => (*phase, message.clone(), text.clone(), *resume_at),
        Outcome::Error(why) => (Phase::Error, why.clone(), String::new(), None),
    }
}

/// Whether this is the measurement of an answer that was shown before: no two of a metric start in one second, because
/// a run is not looked at twice in one.
fn same_moment(recorded: &Measurement, answered: &Measurement) -> bool {
    recorded.started_at == answered.started_at && recorded.finished_at == answered.finished_at
}

/// A measurement that waits to be resumed has to be terminated, and what is being started may have to be.
fn undoing(status: &AnalysisRunStatus, metrics: &[Metric], in_flight: &BTreeSet<String>) -> Busy {
    let unfinished = |metric: &Metric| {
        let result = status.metric_results.iter().find(|result| result.name == metric.name);
        let open = result.filter(|result| !Phase::of(&result.phase).is_completed());
        open.and_then(|result| result.measurements.last())
            .is_some_and(is_unfinished)
    };
    let starting = |metric: &Metric| in_flight.contains(&metric.name) && outlives_its_request(metric);
    if metrics.iter().any(|metric| unfinished(metric) || starting(metric)) {
        Busy::Undoing
    } else {
        Busy::No
    }
}

/// Whether a measurement goes on outside after the request that started it: then its answer must be awaited, so that
/// it can be terminated. Any other is abandoned when a verdict stands.
fn outlives_its_request(metric: &Metric) -> bool {
    metric.provider.job.is_some() || metric.provider.kayenta.is_some() || !metric.provider.plugin.is_empty()
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the metric: its arguments may be secrets.
        f.debug_struct("Task")
            .field("name", &self.name)
            .field("action", &self.action)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
