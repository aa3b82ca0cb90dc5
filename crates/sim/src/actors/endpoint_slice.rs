//! Which pods are behind a Service: its EndpointSlices, as the real endpointslice controller writes them.

use super::seen::{Seen, controlled_by, ends, is_ending, is_finished};
use super::write::{Grace, Key, Subresource, Write};
use super::{Actor, Look};
use crate::kubelet::status::is_ready;
use crate::selector::LabelSelector;
use crate::store::Change;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const RESOURCE: &str = "endpointslices.discovery.k8s.io";
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// As the real controller's default.
const ENDPOINTS_PER_SLICE: usize = 100;

#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointSlices;

impl Actor for EndpointSlices {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn touched(&self, resource: &str, change: &Change, seen: &Seen<'_>) -> Vec<Key> {
        match resource {
            "services" => vec![Key::of("services", &change.last)],
            "pods" => {
                let services = seen
                    .store
                    .list("services", change.last["metadata"]["namespace"].as_str());
                let selects = |service: &&Arc<Value>| {
                    LabelSelector::from_map(&service["spec"]["selector"])
                        .is_some_and(|selector| ends(change).any(|pod| selector.matches(pod)))
                };
                services
                    .filter(selects)
                    .map(|service| Key::of("services", service))
                    .collect()
            }
            RESOURCE => {
                let metadata = &change.last["metadata"];
                let service = metadata["labels"][SERVICE_LABEL].as_str();
                let namespace = metadata["namespace"].as_str().unwrap_or_default();
                service
                    .map(|name| Key::new("services", namespace, name))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let Some(service) = seen.get(key).filter(|service| !is_ending(service)) else {
            return Look::default();
        };
        let Some(selector) = LabelSelector::from_map(&service["spec"]["selector"]) else {
            return Look::default();
        };
        let pods = seen
            .store
            .list("pods", Some(&key.namespace))
            .filter(|pod| selector.matches(pod));
        let mut existing: Vec<_> = seen.controlled(service, RESOURCE);
        let mut writes = Vec::new();
        for (ports, endpoints) in wanted(service, pods) {
            match existing.iter().position(|slice| slice["ports"] == ports) {
                Some(at) => {
                    let slice = existing.remove(at);
                    if slice["endpoints"] != endpoints {
                        let body = json!({ "endpoints": endpoints });
                        writes.push(Write::patch(RESOURCE, slice, Subresource::Main, body));
                    }
                }
                None => writes.push(new_slice(service, &ports, &endpoints)),
            }
        }
        writes.extend(existing.iter().map(|slice| Write::delete(RESOURCE, slice, Grace::Own)));
        Look { writes, wake: None }
    }
}

/// The slices a Service should have: (ports, endpoints). One without endpoints if no pod is behind it.
fn wanted<'a>(service: &Value, pods: impl Iterator<Item = &'a Arc<Value>>) -> Vec<(Value, Value)> {
    let mut groups: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    for pod in pods.filter(|pod| pod["status"]["podIP"].is_string() && !is_finished(pod)) {
        let ports = ports(service, pod);
        groups
            .entry(ports.to_string())
            .or_insert_with(|| (ports, Vec::new()))
            .1
            .push(endpoint(service, pod));
    }
    let full = groups.into_values().flat_map(|(ports, endpoints)| {
        let chunks: Vec<_> = endpoints
            .chunks(ENDPOINTS_PER_SLICE)
            .map(|chunk| (ports.clone(), json!(chunk)))
            .collect();
        chunks
    });
    let slices: Vec<_> = full.collect();
    if slices.is_empty() {
        vec![(json!([]), json!([]))]
    } else {
        slices
    }
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let (serving, terminating) = (is_ready(pod), is_ending(pod));
    let publish_all = service["spec"]["publishNotReadyAddresses"] == true;
    json!({
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": publish_all || (serving && !terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
    })
}

/// A Service's ports as this pod serves them. A named target port the pod does not have is left out.
fn ports(service: &Value, pod: &Value) -> Value {
    let each = service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|port| {
            let target = match &port["targetPort"] {
                Value::String(name) => container_port(pod, name)?,
                Value::Number(number) if number.as_u64() != Some(0) => json!(number),
                _ => port["port"].clone(),
            };
            Some(json!({
                "name": port["name"].as_str().unwrap_or_default(),
                "port": target,
                "protocol": port["protocol"].as_str().unwrap_or("TCP"),
            }))
        });
    Value::Array(each.collect())
}

fn container_port(pod: &Value, name: &str) -> Option<Value> {
    let containers = pod["spec"]["containers"].as_array()?.iter();
    let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    Some(ports.find(|port| port["name"] == name)?["containerPort"].clone())
}

fn new_slice(service: &Value, ports: &Value, endpoints: &Value) -> Write {
    let metadata = &service["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or_default().to_owned();
    let name = metadata["name"].as_str().unwrap_or_default();
    let mut labels = if metadata["labels"].is_object() {
        metadata["labels"].clone()
    } else {
        json!({})
    };
    labels[SERVICE_LABEL] = json!(name);
    labels["endpointslice.kubernetes.io/managed-by"] = json!("endpointslice-controller.k8s.io");
    let mut owner = controlled_by(service);
    owner["apiVersion"] = json!("v1");
    owner["kind"] = json!("Service");
    let object = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{name}-"),
            "namespace": namespace,
            "labels": labels,
            "ownerReferences": [owner],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    });
    Write::Create {
        resource: RESOURCE,
        namespace,
        object,
    }
}
