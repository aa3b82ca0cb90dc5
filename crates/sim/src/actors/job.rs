//! How a Job gets on: runs its pods until enough have succeeded or too many have failed.

use super::seen::{Seen, controlled_by, controller_key, ends, is_active, is_ending, time};
use super::write::{Grace, Key, Subresource, Write};
use super::{Actor, Look};
use crate::clock::stamp;
use crate::kubelet::status::is_ready;
use crate::store::Change;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;

const RESOURCE: &str = "jobs.batch";

#[derive(Clone, Copy, Debug, Default)]
pub struct Jobs;

impl Actor for Jobs {
    fn name(&self) -> &'static str {
        "job-controller"
    }

    fn touched(&self, resource: &str, change: &Change, _: &Seen<'_>) -> Vec<Key> {
        match resource {
            RESOURCE => vec![Key::of(RESOURCE, &change.last)],
            "pods" => ends(change)
                .filter_map(|pod| controller_key(pod, "Job", RESOURCE))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let Some(job) = seen.get(key).filter(|job| !is_ending(job) && outcome(job).is_none()) else {
            return Look::default();
        };
        let progress = Progress::of(job, seen);
        let (mut writes, wake, ending) = match progress.verdict(job, seen.now) {
            Verdict::Over(ending) => {
                let ended: Vec<_> = progress
                    .active
                    .iter()
                    .map(|pod| Write::delete("pods", pod, Grace::Own))
                    .collect();
                (ended, None, Some(ending))
            }
            Verdict::Runs { more, wake } => ((0..more).map(|_| new_pod(job)).collect(), wake, None),
        };
        writes.extend(progress.status(job, ending, seen.now));
        Look { writes, wake }
    }
}

/// How a Job ended: its last condition, if it has.
fn outcome(job: &Value) -> Option<&Value> {
    let mut conditions = job["status"]["conditions"].as_array()?.iter();
    conditions.find(|one| (one["type"] == "Complete" || one["type"] == "Failed") && one["status"] == "True")
}

struct Progress<'a> {
    active: Vec<&'a Arc<Value>>,
    succeeded: usize,
    failed: usize,
    last_failure: Option<DateTime<Utc>>,
    started: DateTime<Utc>,
}

enum Verdict {
    Over(Ending),
    Runs { more: usize, wake: Option<DateTime<Utc>> },
}

#[derive(Clone, Copy)]
enum Ending {
    Completed,
    TooManyFailures,
    TooLate,
}

impl<'a> Progress<'a> {
    fn of(job: &Value, seen: &Seen<'a>) -> Self {
        let pods = seen.controlled(job, "pods");
        let phase = |wanted: &'static str| pods.iter().filter(move |pod| pod["status"]["phase"] == wanted);
        let finished =
            |pod: &&Arc<Value>| time(&pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"]);
        Progress {
            succeeded: phase("Succeeded").count(),
            failed: phase("Failed").count(),
            last_failure: phase("Failed").filter_map(finished).max(),
            started: time(&job["status"]["startTime"]).unwrap_or(seen.now),
            active: pods.iter().copied().filter(|pod| is_active(pod)).collect(),
        }
    }

    fn verdict(&self, job: &Value, now: DateTime<Utc>) -> Verdict {
        let spec = &job["spec"];
        let number = |field: &str, default: u64| spec[field].as_u64().unwrap_or(default) as usize;
        let parallelism = number("parallelism", 1);
        let completions = number("completions", 1);
        let deadline = spec["activeDeadlineSeconds"]
            .as_i64()
            .map(|seconds| self.started + TimeDelta::seconds(seconds));
        if self.succeeded >= completions {
            return Verdict::Over(Ending::Completed);
        }
        if self.failed > number("backoffLimit", 6) {
            return Verdict::Over(Ending::TooManyFailures);
        }
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Verdict::Over(Ending::TooLate);
        }
        if spec["suspend"] == true {
            return Verdict::Runs { more: 0, wake: None };
        }
        let missing = parallelism
            .min(completions - self.succeeded)
            .saturating_sub(self.active.len());
        let back_off = TimeDelta::seconds(10 << self.failed.saturating_sub(1).min(5));
        let again = self
            .last_failure
            .map(|at| at + back_off)
            .filter(|at| missing > 0 && *at > now);
        let more = if again.is_some() { 0 } else { missing };
        Verdict::Runs {
            more,
            wake: again.into_iter().chain(deadline).min(),
        }
    }

    fn status(&self, job: &Value, ending: Option<Ending>, now: DateTime<Utc>) -> Option<Write> {
        let active = if ending.is_some() { 0 } else { self.active.len() };
        let ready = if ending.is_some() {
            0
        } else {
            self.active.iter().filter(|pod| is_ready(pod)).count()
        };
        let mut status = json!({
            "active": active, "ready": ready, "succeeded": self.succeeded, "failed": self.failed,
            "terminating": 0, "uncountedTerminatedPods": {}, "startTime": stamp(self.started),
        });
        if let Some(ending) = ending {
            let condition = |kind: &str, (reason, message): (&str, &str)| {
                let at = stamp(now);
                json!({ "type": kind, "status": "True", "reason": reason, "message": message,
                        "lastProbeTime": at, "lastTransitionTime": at })
            };
            let (first, last, why) = match ending {
                Ending::Completed => {
                    status["completionTime"] = json!(stamp(now));
                    let why = ("CompletionsReached", "Reached expected number of succeeded pods");
                    ("SuccessCriteriaMet", "Complete", why)
                }
                Ending::TooManyFailures => {
                    let why = ("BackoffLimitExceeded", "Job has reached the specified backoff limit");
                    ("FailureTarget", "Failed", why)
                }
                Ending::TooLate => (
                    "FailureTarget",
                    "Failed",
                    ("DeadlineExceeded", "Job was active longer than specified deadline"),
                ),
            };
            status["conditions"] = json!([condition(first, why), condition(last, why)]);
        }
        let fields = status.as_object()?;
        // Zeros are left out by the real API, and stand for themselves here.
        let same = fields.iter().all(|(name, value)| {
            let seen = &job["status"][name];
            seen == value || (seen.is_null() && (*value == json!(0) || *value == json!({})))
        });
        (!same).then(|| Write::patch(RESOURCE, job, Subresource::Status, json!({ "status": status })))
    }
}

fn new_pod(job: &Value) -> Write {
    let metadata = &job["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or_default();
    let template = &job["spec"]["template"];
    let mut labels = if template["metadata"]["labels"].is_object() {
        template["metadata"]["labels"].clone()
    } else {
        json!({})
    };
    for (label, value) in [("job-name", &metadata["name"]), ("controller-uid", &metadata["uid"])] {
        labels[label] = value.clone();
        labels[format!("batch.kubernetes.io/{label}")] = value.clone();
    }
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", metadata["name"].as_str().unwrap_or_default()),
            "namespace": namespace,
            "labels": labels,
            "ownerReferences": [controlled_by(job)],
        },
        "spec": template["spec"],
    });
    if template["metadata"]["annotations"].is_object() {
        pod["metadata"]["annotations"] = template["metadata"]["annotations"].clone();
    }
    Write::Create {
        resource: "pods",
        namespace: namespace.to_owned(),
        object: pod,
    }
}
