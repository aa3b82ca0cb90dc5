//! The ReplicaSet of a new revision, and the annotations it shares with the Rollout.
//!
//! Source: wire-contract 2.1 (what is copied) and 2.3 (name, labels, owner, revision).

use std::collections::BTreeMap;

use api::keys;
use serde_json::{Value, json};

use crate::plan::Amendment;
use crate::snapshot::{Revision, Snapshot};

mod affinity;
pub(crate) mod role;

/// Name and body of the ReplicaSet to create, with so many pods.
pub(crate) fn replica_set(seen: &Snapshot, size: i32) -> (String, Value) {
    let hash = &seen.computed_hash;
    let name = format!("{}-{hash}", seen.name);
    let number = next_number(seen, None);
    let template = seen.spec().template.clone().unwrap_or_default();
    let mut labels = template.labels();
    labels.insert(keys::POD_TEMPLATE_HASH.to_owned(), hash.clone());
    let mut selector = seen.spec().selector.clone().unwrap_or_default();
    selector
        .match_labels
        .insert(keys::POD_TEMPLATE_HASH.to_owned(), hash.clone());
    let mut annotations = copied(seen);
    annotations.insert(keys::REVISION.to_owned(), number.to_string());
    annotations.insert(keys::DESIRED_REPLICAS.to_owned(), seen.replicas.to_string());
    let mut pods = template.without_bad_quantities().with_hash_label(hash).value();
    if let Some(affinity) = affinity::at_creation(seen) {
        pods["spec"]["affinity"] = affinity;
    }
    if let Some((injected, recorded)) = role::at_creation(seen) {
        for (key, value) in injected.labels {
            pods["metadata"]["labels"][key] = value.into();
        }
        for (key, value) in injected.annotations {
            pods["metadata"]["annotations"][key] = value.into();
        }
        annotations.insert(keys::EPHEMERAL_METADATA.to_owned(), recorded);
    }
    let mut spec = json!({"replicas": size, "selector": selector, "template": pods});
    if seen.spec().min_ready_seconds != 0 {
        spec["minReadySeconds"] = json!(seen.spec().min_ready_seconds);
    }
    let body = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": seen.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [crate::decide::owner(seen)],
        },
        "spec": spec,
    });
    (name, body)
}

/// Annotations to change, and what is to be amended with them.
pub(crate) type Sync = (BTreeMap<String, Option<String>>, Amendment);

/// What the new ReplicaSet lacks: revision, copied annotations, minReadySeconds, anti-affinity.
pub(crate) fn sync(seen: &Snapshot, new: &Revision) -> Option<Sync> {
    let mut changes: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (key, value) in copied(seen) {
        if new.annotations.get(&key) != Some(&value) {
            changes.insert(key, Some(value));
        }
    }
    let number = next_number(seen, Some(new));
    if number > new.number {
        changes.insert(keys::REVISION.to_owned(), Some(number.to_string()));
    }
    // a Deployment that others go on scaling changes its generation for ever: that is no history
    if changes.keys().any(|key| key != keys::WORKLOAD_GENERATION)
        && let Some(previous) = new.annotations.get(keys::REVISION)
    {
        let history = new
            .annotations
            .get(keys::REVISION_HISTORY)
            .filter(|history| !history.is_empty());
        let history = history.map_or(previous.clone(), |history| format!("{history},{previous}"));
        changes.insert(keys::REVISION_HISTORY.to_owned(), Some(history));
    }
    let seconds = seen.spec().min_ready_seconds;
    let min_ready_seconds = (new.min_ready_seconds != seconds).then_some(seconds);
    let synced = !changes.is_empty() || min_ready_seconds.is_some();
    let amendment = Amendment {
        min_ready_seconds,
        affinity: affinity::sync(seen, new, synced),
        ..Amendment::default()
    };
    if changes.is_empty() && amendment == Amendment::default() {
        return None;
    }
    Some((changes, amendment))
}

/// One more than the highest revision of the others; an existing one is only ever raised.
fn next_number(seen: &Snapshot, new: Option<&Revision>) -> i64 {
    let others = seen
        .revisions
        .iter()
        .filter(|revision| new.is_none_or(|new| new.uid != revision.uid));
    others
        .map(|revision| revision.number)
        .max()
        .unwrap_or(0)
        .saturating_add(1)
}

/// The Rollout's annotations that go to its new ReplicaSet.
fn copied(seen: &Snapshot) -> BTreeMap<String, String> {
    let own = [
        keys::LAST_APPLIED,
        keys::REVISION,
        keys::REVISION_HISTORY,
        keys::DESIRED_REPLICAS,
        keys::NOTIFIED,
    ];
    let annotations = seen.rollout.metadata.annotations.clone().unwrap_or_default();
    annotations
        .into_iter()
        .filter(|(key, _)| !own.contains(&key.as_str()) && !key.starts_with(keys::SLUICE_PREFIX))
        .collect()
}
