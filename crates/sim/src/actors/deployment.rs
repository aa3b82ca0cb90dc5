//! What a Deployment keeps: one ReplicaSet per template, the newest at full size, older ones gone once it is available.
//!
//! Simpler than the real one on purpose: no surge arithmetic and no progress deadline. A rollout that takes over a
//! Deployment's template (`workloadRef`) needs one that scales and reports, no more.

use super::seen::{Seen, controlled_by, controller_key, ends, is_ending};
use super::write::{Key, Subresource, Write};
use super::{Actor, Look};
use crate::store::Change;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const RESOURCE: &str = "deployments.apps";
const SETS: &str = "replicasets.apps";
const HASH_LABEL: &str = "pod-template-hash";

#[derive(Clone, Copy, Debug, Default)]
pub struct Deployments;

impl Actor for Deployments {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn touched(&self, resource: &str, change: &Change, _: &Seen<'_>) -> Vec<Key> {
        match resource {
            RESOURCE => vec![Key::of(RESOURCE, &change.last)],
            SETS => ends(change)
                .filter_map(|set| controller_key(set, "Deployment", RESOURCE))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let Some(deployment) = seen.get(key).filter(|deployment| !is_ending(deployment)) else {
            return Look::default();
        };
        let sets = seen.controlled(deployment, SETS);
        let hash = hash(&deployment["spec"]["template"]);
        let replicas = number(&deployment["spec"]["replicas"], 1);
        let mut writes = Vec::new();
        if deployment["spec"]["paused"] != true {
            match current(deployment, &sets) {
                None => writes.push(new_set(deployment, &hash, replicas)),
                Some(new) => {
                    writes.extend(scaled(new, replicas));
                    if number(&new["status"]["availableReplicas"], 0) >= replicas {
                        let old = sets
                            .iter()
                            .filter(|set| set["metadata"]["uid"] != new["metadata"]["uid"]);
                        writes.extend(old.filter_map(|set| scaled(set, 0)));
                    }
                }
            }
        }
        writes.extend(counted(deployment, &sets));
        Look { writes, wake: None }
    }
}

fn scaled(set: &Value, replicas: u64) -> Option<Write> {
    let body = json!({ "spec": { "replicas": replicas } });
    (number(&set["spec"]["replicas"], 1) != replicas).then(|| Write::patch(SETS, set, Subresource::Main, body))
}

/// The ReplicaSet of the Deployment's template: found by the template, as the real controller does, whose hash is another.
fn current<'a>(deployment: &Value, sets: &[&'a Arc<Value>]) -> Option<&'a Arc<Value>> {
    let same = |set: &&&Arc<Value>| {
        let mut template = set["spec"]["template"].clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove(HASH_LABEL);
        }
        template == deployment["spec"]["template"]
    };
    sets.iter().find(same).copied()
}

fn counted(deployment: &Value, sets: &[&Arc<Value>]) -> Option<Write> {
    let sum = |field: &str| sets.iter().map(|set| number(&set["status"][field], 0)).sum::<u64>();
    let updated = current(deployment, sets);
    let (all, available) = (sum("replicas"), sum("availableReplicas"));
    let status = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": all,
        "updatedReplicas": updated.map_or(0, |set| number(&set["status"]["replicas"], 0)),
        "readyReplicas": sum("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": number(&deployment["spec"]["replicas"], 1).saturating_sub(available),
    });
    let same = status
        .as_object()?
        .iter()
        .all(|(name, value)| deployment["status"][name] == *value);
    (!same).then(|| Write::patch(RESOURCE, deployment, Subresource::Status, json!({ "status": status })))
}

fn new_set(deployment: &Value, hash: &str, replicas: u64) -> Write {
    let metadata = &deployment["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or_default().to_owned();
    let mut template = deployment["spec"]["template"].clone();
    let mut selector = deployment["spec"]["selector"].clone();
    template["metadata"]["labels"][HASH_LABEL] = json!(hash);
    selector["matchLabels"][HASH_LABEL] = json!(hash);
    let set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", metadata["name"].as_str().unwrap_or_default()),
            "namespace": namespace,
            "labels": template["metadata"]["labels"],
            "ownerReferences": [controlled_by(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": number(&deployment["spec"]["minReadySeconds"], 0),
            "selector": selector,
            "template": template,
        },
    });
    Write::Create {
        resource: SETS,
        namespace,
        object: set,
    }
}

fn number(field: &Value, default: u64) -> u64 {
    field.as_u64().unwrap_or(default)
}

/// Any stable hash of the template does: nothing outside reads a Deployment's. This is 32-bit FNV-1a of its text.
fn hash(template: &Value) -> String {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    format!("{:08x}", sorted(template).bytes().fold(0x811c_9dc5, step))
}

/// The text of a value with its keys in order: the same template may be written in any.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name, sorted(value))).collect();
            format!("{fields:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(sorted).collect::<Vec<_>>()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
