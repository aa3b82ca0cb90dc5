//! How many pods a ReplicaSet has: creates what is missing, deletes the least useful, counts the rest.

use super::seen::{Seen, controlled_by, controller, controller_key, ends, is_active, is_ending, time};
use super::write::{Grace, Key, Subresource, Write};
use super::{Actor, Look};
use crate::clock::stamp;
use crate::kubelet::status::{condition, is_ready};
use crate::selector::LabelSelector;
use crate::store::Change;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

const RESOURCE: &str = "replicasets.apps";

/// As the real controller: no more pods than this are created or deleted in one look.
const BURST: usize = 500;

#[derive(Clone, Debug, Default)]
pub struct ReplicaSets {
    /// Why the latest creation of a pod was refused.
    refusals: BTreeMap<Key, String>,
}

impl Actor for ReplicaSets {
    fn name(&self) -> &'static str {
        "replicaset-controller"
    }

    fn touched(&self, resource: &str, change: &Change, seen: &Seen<'_>) -> Vec<Key> {
        match resource {
            RESOURCE => vec![Key::of(RESOURCE, &change.last)],
            "pods" => {
                let owners = ends(change).filter_map(|pod| controller_key(pod, "ReplicaSet", RESOURCE));
                let orphan = change.after.as_ref().filter(|pod| controller(pod).is_none());
                owners
                    .chain(orphan.into_iter().flat_map(|pod| who_could_adopt(pod, seen)))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let Some(set) = seen.get(key) else {
            return Look::default();
        };
        let Some(selector) = LabelSelector::from_object(&set["spec"]["selector"]) else {
            return Look::default();
        };
        let mut writes = Vec::new();
        let mut pods = Vec::new();
        for pod in seen.controlled(set, "pods").into_iter().filter(|pod| is_active(pod)) {
            if selector.matches(pod) {
                pods.push(pod);
            } else {
                writes.push(released(pod, set));
            }
        }
        let refusal = self.refusals.remove(key);
        let mut towards_size = Vec::new();
        if !is_ending(set) {
            let orphans: Vec<_> = orphans(set, &selector, seen).collect();
            writes.extend(orphans.iter().map(|pod| adopted(pod, set)));
            pods.extend(orphans);
            towards_size = towards(set, &pods);
        }
        let (status, wake) = counted(set, &pods, refusal.as_deref(), seen.now);
        // The status goes first, or a refused pod would keep it from being written.
        writes.extend(status);
        writes.extend(towards_size);
        Look { writes, wake }
    }

    fn refused(&mut self, key: &Key, write: &Write, status: &Value) {
        if let Write::Create { .. } = write {
            let message = status["message"].as_str().unwrap_or_default();
            self.refusals.insert(key.clone(), message.to_owned());
        }
    }
}

/// The creations or deletions that bring the number of pods to what the spec asks for.
fn towards(set: &Value, pods: &[&Arc<Value>]) -> Vec<Write> {
    let wanted = set["spec"]["replicas"].as_u64().unwrap_or(1) as usize;
    if pods.len() <= wanted {
        return (pods.len()..wanted).take(BURST).map(|_| new_pod(set)).collect();
    }
    let mut order: Vec<_> = pods.iter().map(|pod| (rank(pod), *pod)).collect();
    order.sort_by(|(one, _), (other, _)| one.cmp(other));
    let surplus = (pods.len() - wanted).min(BURST);
    order[..surplus]
        .iter()
        .map(|(_, pod)| Write::delete("pods", pod, Grace::Own))
        .collect()
}

/// Where a pod stands in the order of deletion; the least goes first. As the real controller's ActivePodsWithRanks,
/// without nodes that hold two pods of the set, and without logarithmic buckets for ages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    has_node: bool,
    phase: u8,
    ready: bool,
    deletion_cost: i32,
    ready_since: Reverse<Option<DateTime<Utc>>>,
    restarts: Reverse<u64>,
    created: Reverse<Option<DateTime<Utc>>>,
    name: String,
}

fn rank(pod: &Value) -> Rank {
    let cost = &pod["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"];
    let statuses = pod["status"]["containerStatuses"].as_array();
    let ready = is_ready(pod);
    Rank {
        has_node: pod["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty()),
        phase: match pod["status"]["phase"].as_str() {
            Some("Running") => 2,
            Some("Unknown") => 1,
            Some(_) | None => 0,
        },
        ready,
        deletion_cost: cost.as_str().and_then(|text| text.parse().ok()).unwrap_or(0),
        ready_since: Reverse(if ready { ready_since(pod) } else { None }),
        restarts: Reverse(
            statuses
                .into_iter()
                .flatten()
                .filter_map(|one| one["restartCount"].as_u64())
                .max()
                .unwrap_or(0),
        ),
        created: Reverse(time(&pod["metadata"]["creationTimestamp"])),
        name: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
    }
}

fn ready_since(pod: &Value) -> Option<DateTime<Utc>> {
    time(&condition(pod, "Ready")?["lastTransitionTime"])
}

/// The status, if it says something else than now, and when a ready pod next becomes available.
fn counted(
    set: &Value,
    pods: &[&Arc<Value>],
    refusal: Option<&str>,
    now: DateTime<Utc>,
) -> (Option<Write>, Option<DateTime<Utc>>) {
    let template = LabelSelector::from_map(&set["spec"]["template"]["metadata"]["labels"]);
    let min_ready = TimeDelta::seconds(set["spec"]["minReadySeconds"].as_i64().unwrap_or(0));
    let ready: Vec<_> = pods.iter().filter(|pod| is_ready(pod)).collect();
    let available_at = |pod: &&&Arc<Value>| ready_since(pod).map(|since| since + min_ready);
    let available = |pod: &&&Arc<Value>| min_ready.is_zero() || available_at(pod).is_some_and(|at| at <= now);
    let fully_labeled = pods
        .iter()
        .filter(|pod| template.as_ref().is_none_or(|labels| labels.matches(pod)))
        .count();
    let counts = [
        ("replicas", pods.len()),
        ("fullyLabeledReplicas", fully_labeled),
        ("readyReplicas", ready.len()),
        (
            "availableReplicas",
            ready.iter().copied().filter(|pod| available(pod)).count(),
        ),
    ];
    let wake = ready
        .iter()
        .copied()
        .filter(|pod| !available(pod))
        .filter_map(|pod| available_at(&pod))
        .min();

    let seen = &set["status"];
    let generation = &set["metadata"]["generation"];
    let same = seen["observedGeneration"] == *generation
        && counts
            .iter()
            .all(|(name, count)| seen[*name].as_u64().unwrap_or(0) == *count as u64)
        && seen["replicas"].is_u64();
    let conditions = conditions(set, refusal, now);
    if same && conditions.is_none() {
        return (None, wake);
    }
    let mut status = json!({ "observedGeneration": generation });
    if let Some(conditions) = conditions {
        status["conditions"] = json!(conditions);
    }
    for (name, count) in counts {
        // As the real API: zeros other than `replicas` are left out.
        status[name] = if count == 0 && name != "replicas" {
            Value::Null
        } else {
            json!(count)
        };
    }
    let write = Write::patch(RESOURCE, set, Subresource::Status, json!({ "status": status }));
    (Some(write), wake)
}

/// The conditions, if ReplicaFailure must come or go.
fn conditions(set: &Value, refusal: Option<&str>, now: DateTime<Utc>) -> Option<Vec<Value>> {
    let is_failure = |condition: &Value| condition["type"] == "ReplicaFailure";
    let all = set["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let fails = all.iter().find(|condition| is_failure(condition));
    if fails.and_then(|condition| condition["message"].as_str()) == refusal {
        return None;
    }
    let mut rest: Vec<_> = all.iter().filter(|condition| !is_failure(condition)).cloned().collect();
    rest.extend(refusal.map(|message| {
        json!({ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": message, "lastTransitionTime": stamp(now) })
    }));
    Some(rest)
}

/// A pod of the set's template. The server makes up the end of its name.
fn new_pod(set: &Value) -> Write {
    let namespace = set["metadata"]["namespace"].as_str().unwrap_or_default();
    let template = &set["spec"]["template"];
    let mut metadata = json!({
        "generateName": format!("{}-", set["metadata"]["name"].as_str().unwrap_or_default()),
        "namespace": namespace,
        "ownerReferences": [controlled_by(set)],
    });
    for field in ["labels", "annotations", "finalizers"] {
        if !template["metadata"][field].is_null() {
            metadata[field] = template["metadata"][field].clone();
        }
    }
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] });
    Write::Create {
        resource: "pods",
        namespace: namespace.to_owned(),
        object: pod,
    }
}

fn who_could_adopt(pod: &Value, seen: &Seen<'_>) -> Vec<Key> {
    let sets = seen.store.list(RESOURCE, pod["metadata"]["namespace"].as_str());
    let selects = |set: &&Arc<Value>| {
        LabelSelector::from_object(&set["spec"]["selector"]).is_some_and(|selector| selector.matches(pod))
    };
    sets.filter(selects).map(|set| Key::of(RESOURCE, set)).collect()
}

/// Pods nobody controls that the set's selector means.
fn orphans<'a>(
    set: &'a Value,
    selector: &LabelSelector,
    seen: &Seen<'a>,
) -> impl Iterator<Item = &'a Arc<Value>> + use<'a> {
    let selector = selector.clone();
    let pods = seen.store.list("pods", set["metadata"]["namespace"].as_str());
    pods.filter(move |pod| controller(pod).is_none() && is_active(pod) && selector.matches(pod))
}

fn adopted(pod: &Value, set: &Value) -> Write {
    let mut owners = pod["metadata"]["ownerReferences"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    owners.push(controlled_by(set));
    Write::patch_unchanged(
        "pods",
        pod,
        Subresource::Main,
        json!({ "metadata": { "ownerReferences": owners } }),
    )
}

fn released(pod: &Value, set: &Value) -> Write {
    let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let rest: Vec<_> = owners
        .filter(|reference| reference["uid"] != set["metadata"]["uid"])
        .cloned()
        .collect();
    Write::patch_unchanged(
        "pods",
        pod,
        Subresource::Main,
        json!({ "metadata": { "ownerReferences": rest } }),
    )
}

#[cfg(test)]
mod tests {
    use super::{conditions, rank};
    use serde_json::{Value, json};

    fn pod(name: &str, change: fn(&mut Value)) -> Value {
        let mut pod = json!({
            "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "node-1"},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:05Z"}],
                "containerStatuses": [{"restartCount": 0}],
            },
        });
        change(&mut pod);
        pod
    }

    #[test]
    fn the_least_useful_pod_goes_first() {
        let mut pods = [
            pod("good", |_| {}),
            pod("good-too", |_| {}),
            pod("cheap", |pod| {
                pod["metadata"]["annotations"] = json!({"controller.kubernetes.io/pod-deletion-cost": "-5"});
            }),
            pod("ready-later", |pod| {
                pod["status"]["conditions"][0]["lastTransitionTime"] = json!("2026-01-01T00:00:09Z");
            }),
            pod("restarted", |pod| {
                pod["status"]["containerStatuses"][0]["restartCount"] = json!(2)
            }),
            pod("younger", |pod| {
                pod["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:03Z")
            }),
            pod("not-ready", |pod| {
                pod["status"]["conditions"][0]["status"] = json!("False")
            }),
            pod("pending", |pod| pod["status"] = json!({"phase": "Pending"})),
            pod("no-node", |pod| {
                pod["spec"] = json!({});
                pod["status"] = json!({"phase": "Pending"});
            }),
        ];
        pods.sort_by_key(rank);
        let names: Vec<_> = pods
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "no-node",
                "pending",
                "not-ready",
                "cheap",
                "ready-later",
                "restarted",
                "younger",
                "good",
                "good-too"
            ]
        );
    }

    #[test]
    fn a_refused_pod_shows_as_a_condition_until_one_is_accepted() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let set = json!({"status": {"conditions": [{"type": "Other", "status": "True"}]}});
        assert_eq!(conditions(&set, None, now), None);
        let failing = conditions(&set, Some("exceeded quota"), now).unwrap();
        assert_eq!(
            failing[1],
            json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                   "message": "exceeded quota", "lastTransitionTime": "2026-01-01T00:00:00Z"})
        );
        let set = json!({"status": {"conditions": failing}});
        assert_eq!(conditions(&set, Some("exceeded quota"), now), None);
        assert_eq!(
            conditions(&set, None, now).unwrap(),
            [json!({"type": "Other", "status": "True"})]
        );
    }
}
