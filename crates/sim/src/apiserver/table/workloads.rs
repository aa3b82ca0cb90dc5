//! The rows of kinds that run pods.

use super::age::{human, since};
use super::{age, count, joined, labels, name};
use crate::selector::LabelSelector;
use chrono::{DateTime, Utc};
use serde_json::Value;

pub(super) fn replica_set(set: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let status = &set["status"];
    let counts = [&set["spec"]["replicas"], &status["replicas"], &status["readyReplicas"]].map(count);
    let row = [
        vec![name(set)],
        counts.into(),
        vec![age(set, now)],
        containers(set),
        vec![selector(set)],
    ];
    row.concat()
}

pub(super) fn deployment(deployment: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let status = &deployment["status"];
    let counts = [&status["updatedReplicas"], &status["availableReplicas"]].map(count);
    let head = vec![name(deployment), ready_of(deployment)];
    [
        head,
        counts.into(),
        vec![age(deployment, now)],
        containers(deployment),
        vec![selector(deployment)],
    ]
    .concat()
}

pub(super) fn stateful_set(set: &Value, now: DateTime<Utc>) -> Vec<Value> {
    [vec![name(set), ready_of(set), age(set, now)], containers(set)].concat()
}

pub(super) fn daemon_set(set: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let fields = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ];
    let counts = fields.map(|field| count(&set["status"][field]));
    let nodes = labels(&set["spec"]["template"]["spec"]["nodeSelector"]).into();
    [
        vec![name(set)],
        counts.into(),
        vec![nodes, age(set, now)],
        containers(set),
        vec![selector(set)],
    ]
    .concat()
}

pub(super) fn job(job: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let (spec, status) = (&job["spec"], &job["status"]);
    let succeeded = status["succeeded"].as_i64().unwrap_or(0);
    let completions = match (spec["completions"].as_i64(), spec["parallelism"].as_i64().unwrap_or(0)) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{succeeded}/1 of {parallel}"),
        (None, _) => format!("{succeeded}/1"),
    };
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let took = match (time(&status["startTime"]), time(&status["completionTime"])) {
        (None, _) => String::new(),
        (Some(start), None) => human(now - start),
        (Some(start), Some(end)) => human(end - start),
    };
    let holds = |kind: &str| {
        let conditions = status["conditions"].as_array().into_iter().flatten();
        conditions
            .into_iter()
            .any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    let state = match () {
        () if holds("Complete") => "Complete",
        () if holds("Failed") => "Failed",
        () if job["metadata"]["deletionTimestamp"].is_string() => "Terminating",
        () if holds("Suspended") => "Suspended",
        () if holds("FailureTarget") => "FailureTarget",
        () if holds("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    };
    let head = vec![name(job), state.into(), completions.into(), took.into(), age(job, now)];
    [head, containers(job), vec![selector(job)]].concat()
}

pub(super) fn autoscaler(autoscaler: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let (spec, status) = (&autoscaler["spec"], &autoscaler["status"]);
    let target = &spec["scaleTargetRef"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reference = format!("{}/{}", text(&target["kind"]), text(&target["name"]));
    let least = spec["minReplicas"]
        .as_i64()
        .map_or("<unset>".into(), |count| count.to_string());
    vec![
        name(autoscaler),
        reference.into(),
        metrics(&spec["metrics"], &status["currentMetrics"]).into(),
        least.into(),
        count(&spec["maxReplicas"]),
        count(&status["currentReplicas"]),
        since(&autoscaler["metadata"]["creationTimestamp"], now).into(),
    ]
}

fn metrics(wanted: &Value, current: &Value) -> String {
    let shown: Vec<String> = wanted
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, metric)| {
            let (source, named) = match metric["type"].as_str() {
                Some("Resource") => ("resource", true),
                Some("ContainerResource") => ("containerResource", true),
                Some("Pods") => ("pods", false),
                Some("Object") => ("object", false),
                Some("External") => ("external", false),
                Some(_) | None => return "<unknown type>".to_owned(),
            };
            let now = &current[index][source]["current"];
            let percent = |value: &Value| value.as_i64().map(|percent| format!("{percent}%"));
            let amount = |value: &Value| value.as_str().map(str::to_owned);
            let of = |values: &Value, auto: &str| {
                let known = percent(&values["averageUtilization"])
                    .or(amount(&values["averageValue"]))
                    .or(amount(&values["value"]));
                known.unwrap_or_else(|| auto.to_owned())
            };
            let pair = format!("{}/{}", of(now, "<unknown>"), of(&metric[source]["target"], "<auto>"));
            match metric[source]["name"].as_str() {
                Some(name) if named => format!("{name}: {pair}"),
                Some(_) | None => pair,
            }
        })
        .collect();
    match shown.len() {
        0 => "<none>".into(),
        1 | 2 => shown.join(", "),
        more => format!("{} + {} more...", shown[..2].join(", "), more - 2),
    }
}

fn ready_of(object: &Value) -> Value {
    let counts =
        [&object["status"]["readyReplicas"], &object["spec"]["replicas"]].map(|value| value.as_i64().unwrap_or(0));
    format!("{}/{}", counts[0], counts[1]).into()
}

/// Names and images of a template's containers.
fn containers(object: &Value) -> Vec<Value> {
    let containers = &object["spec"]["template"]["spec"]["containers"];
    let all = |field: &str| {
        let items = containers.as_array().into_iter().flatten();
        Value::from(joined(
            items.map(|container| container[field].as_str().unwrap_or_default().to_owned()),
        ))
    };
    vec![all("name"), all("image")]
}

fn selector(object: &Value) -> Value {
    let selector = LabelSelector::from_object(&object["spec"]["selector"]).map(|selector| selector.to_string());
    selector
        .filter(|selector| !selector.is_empty())
        .unwrap_or_else(|| "<none>".into())
        .into()
}
