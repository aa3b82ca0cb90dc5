//! What one metric of an autoscaler is held against: reads its specification, the pods and what was measured.

use super::desired::{Found, Metric, Pod, Size, Standing, recommended};
use crate::actors::seen::{Seen, time};
use crate::kubelet::status::condition;
use crate::load::{quantity, thousandths};
use crate::selector::LabelSelector;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A pod's CPU counts only once it has been ready this long, in its first five minutes: the window of a measurement.
const WINDOW: TimeDelta = TimeDelta::seconds(15);
/// While a pod starts, what it uses is no measure of what it will.
const START: TimeDelta = TimeDelta::minutes(5);
/// A pod that lost its readiness so soon was never ready.
const FIRST_READINESS: TimeDelta = TimeDelta::seconds(30);

/// What came of a metric: the pods it asks for, and the entry of `status.currentMetrics`.
pub(super) struct Outcome {
    pub replicas: i32,
    pub current: Value,
    /// `cpu resource utilization (percentage of request)`, as conditions and events call it.
    pub called: String,
}

/// Why a metric says nothing: a reason and a message of the condition `ScalingActive`.
pub(super) struct Unknown {
    pub reason: &'static str,
    pub message: String,
}

/// The pods that an autoscaler looks at.
pub(super) struct Group<'a> {
    pub namespace: &'a str,
    pub selector: &'a LabelSelector,
    pub size: Size,
}

/// Evaluates one entry of `spec.metrics`.
pub(super) fn evaluate<'a>(metric: &Value, group: &Group<'a>, seen: &Seen<'a>) -> Result<Outcome, Unknown> {
    let kind = metric["type"].as_str().unwrap_or_default();
    match kind {
        "Resource" => resource(&metric["resource"], group, seen),
        "Pods" => pods(&metric["pods"], group, seen),
        "Object" => single("Object", &metric["object"], group, seen),
        "External" => single("External", &metric["external"], group, seen),
        other => Err(Unknown {
            reason: "InvalidMetricSourceType",
            message: format!("the HPA was unable to compute the replica count: unknown metric source type \"{other}\""),
        }),
    }
}

fn resource<'a>(wanted: &Value, group: &Group<'a>, seen: &Seen<'a>) -> Result<Outcome, Unknown> {
    let name = text(&wanted["name"]);
    let unknown = |why: &str| Unknown {
        reason: "FailedGetResourceMetric",
        message: format!(
            "the HPA was unable to compute the replica count: failed to get {name} resource metric: {why}"
        ),
    };
    let pods = selected(group, seen);
    let services: Vec<&Arc<Value>> = seen.store.list("services", Some(group.namespace)).collect();
    let everybody: Vec<&Arc<Value>> = seen.store.list("pods", Some(group.namespace)).collect();
    let measured = if name == "cpu" {
        seen.load.cpu(group.namespace, &everybody, &services)
    } else {
        BTreeMap::new()
    };
    if !pods
        .iter()
        .any(|pod| measured.contains_key(text(&pod["metadata"]["name"])))
    {
        return Err(unknown("no metrics returned from resource metrics API"));
    }
    let target = &wanted["target"];
    let percent = target["averageUtilization"].as_i64();
    let mut counted = Vec::new();
    for pod in &pods {
        let requested = requested(pod, name);
        if percent.is_some() && requested.is_none() {
            let why = format!("missing request for {name} in Pod {}", text(&pod["metadata"]["name"]));
            return Err(unknown(&why));
        }
        let used = measured.get(text(&pod["metadata"]["name"])).copied();
        let standing = standing(pod, used, Readiness::Matters, seen.now);
        counted.extend(standing.map(|standing| Pod {
            standing,
            used: used.unwrap_or(0),
            requested: requested.unwrap_or(0),
        }));
    }
    let (metric, called) = match percent {
        Some(percent) => {
            let called = format!("{name} resource utilization (percentage of request)");
            let pods = &counted;
            (Metric::Utilization { pods, percent }, called)
        }
        None => {
            let average = amount(&target["averageValue"]).ok_or_else(|| unknown("no target"))?;
            let pods = &counted;
            (Metric::OfPods { pods, average }, format!("{name} resource"))
        }
    };
    let found = recommended(&metric, group.size).map_err(unknown)?;
    let current = match found.raw {
        Some(raw) => json!({ "averageUtilization": found.current, "averageValue": quantity(raw) }),
        None => json!({ "averageValue": quantity(found.current) }),
    };
    Ok(Outcome {
        replicas: found.replicas,
        current: json!({ "type": "Resource", "resource": { "name": name, "current": current } }),
        called,
    })
}

fn pods<'a>(wanted: &Value, group: &Group<'a>, seen: &Seen<'a>) -> Result<Outcome, Unknown> {
    let name = text(&wanted["metric"]["name"]);
    let unknown = |why: &str| Unknown {
        reason: "FailedGetPodsMetric",
        message: format!("the HPA was unable to compute the replica count: failed to get pods metric value: {why}"),
    };
    let pods = selected(group, seen);
    let measured = seen.load.of_pods(group.namespace, name, &pods);
    if measured.is_empty() {
        return Err(unknown("no metrics returned from custom metrics API"));
    }
    let average = amount(&wanted["target"]["averageValue"]).ok_or_else(|| unknown("no target"))?;
    let counted = pods.iter().filter_map(|pod| {
        let used = measured.get(text(&pod["metadata"]["name"])).copied();
        Some(Pod {
            standing: standing(pod, used, Readiness::Ignored, seen.now)?,
            used: used.unwrap_or(0),
            requested: 0,
        })
    });
    let counted: Vec<Pod> = counted.collect();
    let found = recommended(
        &Metric::OfPods {
            pods: &counted,
            average,
        },
        group.size,
    )
    .map_err(unknown)?;
    let current = json!({ "averageValue": quantity(found.current) });
    let current = json!({ "type": "Pods", "pods": { "metric": wanted["metric"], "current": current } });
    let (replicas, called) = (found.replicas, format!("pods metric {name}"));
    Ok(Outcome {
        replicas,
        current,
        called,
    })
}

/// A value that belongs to no pod: of an object of the cluster, or from outside.
fn single<'a>(kind: &str, wanted: &Value, group: &Group<'a>, seen: &Seen<'a>) -> Result<Outcome, Unknown> {
    let name = text(&wanted["metric"]["name"]);
    let (reason, called) = match kind {
        "Object" => (
            "FailedGetObjectMetric",
            format!("{} metric {name}", text(&wanted["describedObject"]["kind"])),
        ),
        _ => ("FailedGetExternalMetric", format!("external metric {name}(nil)")),
    };
    let unknown = |why: &str| Unknown {
        reason,
        message: format!("the HPA was unable to compute the replica count: unable to get {called}: {why}"),
    };
    let Some(value) = seen.load.value(group.namespace, name) else {
        return Err(unknown("no metrics returned from metrics API"));
    };
    let target = &wanted["target"];
    let metric = match (amount(&target["averageValue"]), amount(&target["value"])) {
        (Some(average), _) => Metric::PerPod { value, average },
        (None, Some(target)) => {
            let ready = selected(group, seen).into_iter().filter(|pod| is_serving(pod)).count();
            let ready = i32::try_from(ready).unwrap_or(i32::MAX);
            Metric::Whole { value, target, ready }
        }
        (None, None) => return Err(unknown("no target")),
    };
    let Found { replicas, current, .. } = recommended(&metric, group.size).map_err(unknown)?;
    let current = match metric {
        Metric::PerPod { .. } => json!({ "averageValue": quantity(current) }),
        Metric::Whole { .. } | Metric::OfPods { .. } | Metric::Utilization { .. } => {
            json!({ "value": quantity(current) })
        }
    };
    let mut entry = json!({ "metric": wanted["metric"], "current": current });
    if !wanted["describedObject"].is_null() {
        entry["describedObject"] = wanted["describedObject"].clone();
    }
    let current = json!({ "type": kind, kind.to_lowercase(): entry });
    Ok(Outcome {
        replicas,
        current,
        called,
    })
}

/// Whether a pod's readiness decides what its measurement is worth: only of CPU.
#[derive(Clone, Copy)]
enum Readiness {
    Matters,
    Ignored,
}

/// What a pod's measurement is worth; `None`: the pod is not to be considered at all.
fn standing(pod: &Value, used: Option<i64>, readiness: Readiness, now: DateTime<Utc>) -> Option<Standing> {
    let phase = text(&pod["status"]["phase"]);
    if pod["metadata"]["deletionTimestamp"].is_string() || phase == "Failed" {
        return None;
    }
    if phase == "Pending" || phase.is_empty() {
        return Some(Standing::Unready);
    }
    if used.is_none() {
        return Some(Standing::Missing);
    }
    let settled = match readiness {
        Readiness::Ignored => true,
        Readiness::Matters => has_settled(pod, now),
    };
    Some(if settled { Standing::Counts } else { Standing::Unready })
}

/// Whether the CPU that was measured is that of a pod at work.
fn has_settled(pod: &Value, now: DateTime<Utc>) -> bool {
    let Some((ready, since)) = condition(pod, "Ready").and_then(|one| Some((one, time(&one["lastTransitionTime"])?)))
    else {
        return false;
    };
    let Some(start) = time(&pod["status"]["startTime"]) else {
        return false;
    };
    let is_ready = ready["status"] == "True";
    if start + START > now {
        is_ready && now >= since + WINDOW
    } else {
        is_ready || start + FIRST_READINESS <= since
    }
}

fn is_serving(pod: &Value) -> bool {
    pod["status"]["phase"] == "Running" && crate::kubelet::status::is_ready(pod)
}

fn selected<'a>(group: &Group<'a>, seen: &Seen<'a>) -> Vec<&'a Arc<Value>> {
    let pods = seen.store.list("pods", Some(group.namespace));
    pods.filter(|pod| group.selector.matches(pod)).collect()
}

/// What the containers of a pod request together; `None` if one of them requests nothing.
fn requested(pod: &Value, resource: &str) -> Option<i64> {
    let containers = pod["spec"]["containers"].as_array()?;
    let requests = containers
        .iter()
        .map(|container| amount(&container["resources"]["requests"][resource]));
    requests.sum()
}

fn amount(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => thousandths(&number.to_string()),
        other => thousandths(other.as_str()?),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
