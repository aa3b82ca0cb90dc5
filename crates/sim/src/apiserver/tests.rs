//! The funnel of the API server's tests: a request as text, the answer as text.

mod builtin;
mod custom;
mod faults;
mod objects;

use super::{ApiServer, Body, Request, Response};
use crate::clock::Clock;
use serde_json::{Value, json};

/// A server with a custom kind: Widgets, with status and scale.
fn server() -> ApiServer {
    let mut server = ApiServer::new(Clock::new(), 1);
    server.install(&widgets()).unwrap();
    server.trace.clear();
    server
}

fn widgets() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList", "shortNames": ["wd"] },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                        "labelSelectorPath": ".status.selector",
                    },
                },
                "additionalPrinterColumns": [
                    { "name": "Desired", "type": "integer", "jsonPath": ".spec.replicas" },
                    { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
                ],
                "schema": { "openAPIV3Schema": {
                    "type": "object", "required": ["spec"],
                    "properties": {
                        "spec": {
                            "type": "object",
                            "properties": {
                                "replicas": { "type": "integer", "format": "int32", "default": 1, "minimum": 0 },
                                "color": { "type": "string", "enum": ["red", "blue"] },
                                "size": { "x-kubernetes-int-or-string": true },
                                "parts": { "type": "array", "items": {
                                    "type": "object", "required": ["name"],
                                    "properties": { "name": { "type": "string", "maxLength": 5 }, "count": { "type": "integer", "default": 7 } },
                                } },
                                "config": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                                "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                                "selector": {
                                    "type": "object", "properties": { "app": { "type": "string" } },
                                    "x-kubernetes-validations": [{ "rule": "self == oldSelf", "message": ".spec.selector is immutable" }],
                                },
                            },
                        },
                        "status": {
                            "type": "object",
                            "properties": { "replicas": { "type": "integer" }, "selector": { "type": "string" }, "phase": { "type": "string" } },
                        },
                    },
                } },
            }],
        },
    })
}

/// Short forms of the paths: `widgets/a` is in namespace `default`; anything beginning with a slash is taken as it is.
fn path(short: &str) -> String {
    let plural = short.split(['/', '?']).next().unwrap_or_default();
    let root = match plural {
        "" => return short.to_owned(),
        "widgets" => "/apis/example.com/v1/namespaces/default",
        "replicasets" | "deployments" => "/apis/apps/v1/namespaces/default",
        "poddisruptionbudgets" => "/apis/policy/v1/namespaces/default",
        "leases" => "/apis/coordination.k8s.io/v1/namespaces/default",
        "jobs" => "/apis/batch/v1/namespaces/default",
        "nodes" | "namespaces" => "/api/v1",
        _ => "/api/v1/namespaces/default",
    };
    format!("{root}/{short}")
}

/// Sends `VERB path`, where VERB is an HTTP method, or `MERGE`, `JSON`, `STRATEGIC` for the three patches.
fn send(server: &mut ApiServer, line: &str, body: Value) -> Response {
    let (verb, target) = line.split_once(' ').unwrap_or((line, ""));
    let target = path(target);
    let request = match verb {
        "MERGE" => Request::merge_patch(&target, &body),
        "JSON" => Request::json_patch(&target, &body),
        "STRATEGIC" => Request::strategic_patch(&target, &body),
        method if body.is_null() => Request::new(method, &target),
        method => Request::new(method, &target).json("application/json", &body),
    };
    server.handle(request.agent("test"))
}

/// Sends and shows the answer: `code reason message` of a refusal, or `code` and the fields asked for of an object.
fn answer(server: &mut ApiServer, line: &str, body: Value, fields: &[&str]) -> String {
    let response = send(server, line, body);
    let code = response.code();
    match response {
        Response::Answer(super::Answer {
            body: Body::Text(text), ..
        }) => format!("{code} {}", text.trim_end()),
        Response::Answer(super::Answer {
            body: Body::Json(value),
            ..
        }) if code >= 400 => {
            format!(
                "{code} {} {}",
                value["reason"].as_str().unwrap_or_default(),
                value["message"].as_str().unwrap_or_default()
            )
        }
        Response::Answer(super::Answer {
            body: Body::Json(value),
            ..
        }) => {
            let at = |path: &str| {
                path.split('.').fold(&value, |at, field| match field.parse::<usize>() {
                    Ok(index) => &at[index],
                    Err(_) => &at[field],
                })
            };
            fields.iter().fold(code.to_string(), |shown, field| {
                format!("{shown} {}", in_order(at(field)))
            })
        }
        Response::Watch(_) => format!("{code} watch"),
        Response::Hung => "hung".to_owned(),
    }
}

/// The text of a value with its keys in order, whether or not another crate has serde_json keep the order of writing.
fn in_order(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let shown: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("\"{key}\":{}", in_order(value)))
                .collect();
            format!("{{{}}}", shown.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(in_order).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// Sends requests one after another; `expected` stands beside each.
fn exchange(server: &mut ApiServer, steps: &[(&str, Value, &[&str], &str)]) {
    for (line, body, fields, expected) in steps {
        assert_eq!(answer(server, line, body.clone(), fields), *expected, "{line} {body}");
    }
}

fn widget(name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": name }, "spec": spec })
}

fn config(name: &str, value: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "labels": { "color": value } }, "data": { "k": value } })
}

fn pod(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": { "app": "web" } },
        "spec": { "nodeName": "n1", "containers": [{ "name": "main", "image": "web:1" }] } })
}
