//! The defaults of the built-in types (`pkg/apis/*/v1/defaults.go`), applied to everything that is written.

use super::pods::{default_pod, default_template};
use super::services::default_service;
use crate::apiserver::Kind;
use serde_json::{Map, Value, json};

/// Fills in what a client may leave out. Writing the same object twice fills in the same.
pub(crate) fn default_object(kind: &Kind, object: &mut Value) {
    strip_nulls(object);
    match kind.resource() {
        "pods" => default_pod(object),
        "podtemplates" => default_template(&mut object["template"]),
        "services" => default_service(object),
        "replicasets.apps" => {
            fill(&mut object["spec"], json!({ "replicas": 1 }));
            default_template(&mut object["spec"]["template"]);
        }
        "deployments.apps" => {
            fill(
                &mut object["spec"],
                json!({
                    "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                    "strategy": { "type": "RollingUpdate" },
                }),
            );
            let strategy = &mut object["spec"]["strategy"];
            fill(strategy, json!({ "type": "RollingUpdate" }));
            if strategy["type"] == "RollingUpdate" {
                fill(
                    &mut strategy["rollingUpdate"],
                    json!({ "maxUnavailable": "25%", "maxSurge": "25%" }),
                );
            }
            default_template(&mut object["spec"]["template"]);
        }
        "statefulsets.apps" => {
            fill(
                &mut object["spec"],
                json!({
                    "replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady",
                    "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } },
                    "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Retain", "whenScaled": "Retain" },
                }),
            );
            default_template(&mut object["spec"]["template"]);
        }
        "daemonsets.apps" => {
            fill(
                &mut object["spec"],
                json!({
                    "revisionHistoryLimit": 10,
                    "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1, "maxSurge": 0 } },
                }),
            );
            default_template(&mut object["spec"]["template"]);
        }
        "jobs.batch" => default_job(object),
        "configmaps" => drop_empty(object, &["data", "binaryData"]),
        "events" => begin_event(object),
        "secrets" => {
            fill(object, json!({ "type": "Opaque" }));
            drop_empty(object, &["data", "stringData"]);
        }
        "namespaces" => {
            let name = object["metadata"]["name"].clone();
            if name.is_string() {
                object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            }
        }
        "horizontalpodautoscalers.autoscaling" => fill(
            &mut object["spec"],
            json!({
                "minReplicas": 1,
                "metrics": [{ "type": "Resource",
                    "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } } }],
            }),
        ),
        "endpointslices.discovery.k8s.io" => {
            for port in object["ports"].as_array_mut().into_iter().flatten() {
                fill(port, json!({ "name": "", "protocol": "TCP" }));
            }
        }
        "nodes" => default_node(object),
        "customresourcedefinitions.apiextensions.k8s.io" => default_crd(object),
        _ => {}
    }
}

fn default_job(job: &mut Value) {
    let spec = &mut job["spec"];
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        fill(spec, json!({ "completions": 1 }));
    }
    let replacement = if spec["podFailurePolicy"].is_null() {
        "TerminatingOrFailed"
    } else {
        "Failed"
    };
    let limit = if spec["backoffLimitPerIndex"].is_null() {
        6
    } else {
        i32::MAX
    };
    fill(
        spec,
        json!({
            "parallelism": 1, "backoffLimit": limit, "completionMode": "NonIndexed", "suspend": false,
            "podReplacementPolicy": replacement, "manualSelector": false,
        }),
    );
    strip_nulls(spec);
    default_template(&mut spec["template"]);
    let labels = spec["template"]["metadata"]["labels"].clone();
    if labels.is_object() && job["metadata"]["labels"].as_object().is_none_or(Map::is_empty) {
        job["metadata"]["labels"] = labels;
    }
}

/// Times and texts that are written even when nobody gave them.
fn begin_event(event: &mut Value) {
    fill(event, json!({ "reportingComponent": "", "reportingInstance": "" }));
    for time in ["eventTime", "firstTimestamp", "lastTimestamp"] {
        if event[time].is_null() {
            event[time] = Value::Null;
        }
    }
}

fn drop_empty(object: &mut Value, maps: &[&str]) {
    for map in maps {
        if object[*map].as_object().is_some_and(Map::is_empty) {
            object[*map] = Value::Null;
        }
    }
    strip_nulls(object);
}

fn default_node(node: &mut Value) {
    if !node["spec"].is_object() {
        node["spec"] = json!({});
    }
    let capacity = node["status"]["capacity"].clone();
    if capacity.is_object() {
        fill(&mut node["status"], json!({ "allocatable": capacity }));
    }
    strip_nulls(node);
}

fn default_crd(crd: &mut Value) {
    fill(&mut crd["spec"], json!({ "conversion": { "strategy": "None" } }));
    let kind = crd["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned();
    fill(
        &mut crd["spec"]["names"],
        json!({ "listKind": format!("{kind}List"), "singular": kind.to_lowercase() }),
    );
}

/// Sets fields that are missing. An empty text counts as missing, as for any Go string.
pub(super) fn fill(object: &mut Value, defaults: Value) {
    if object.is_null() {
        *object = json!({});
    }
    let (Value::Object(fields), Value::Object(defaults)) = (object, defaults) else {
        return;
    };
    for (field, value) in defaults {
        if matches!(fields.get(&field), None | Some(Value::Null)) || fields.get(&field).is_some_and(|old| *old == "") {
            fields.insert(field, value);
        }
    }
}

/// A null in a typed field is a field that is not there.
pub(super) fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
