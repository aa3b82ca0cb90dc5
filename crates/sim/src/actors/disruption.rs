//! How many pods of a PodDisruptionBudget may be evicted now, as the real disruption controller writes it.

use super::seen::{Seen, controller, ends, is_active, is_ending, time};
use super::write::{Key, Subresource, Write};
use super::{Actor, Look};
use crate::kubelet::status::is_ready;
use crate::selector::LabelSelector;
use crate::store::Change;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const RESOURCE: &str = "poddisruptionbudgets.policy";

/// How long an eviction counts whose pod has not been seen to end.
const PATIENCE: TimeDelta = TimeDelta::minutes(2);

#[derive(Clone, Copy, Debug, Default)]
pub struct Disruption;

impl Actor for Disruption {
    fn name(&self) -> &'static str {
        "disruption-controller"
    }

    fn touched(&self, resource: &str, change: &Change, seen: &Seen<'_>) -> Vec<Key> {
        let namespace = change.last["metadata"]["namespace"].as_str();
        let budgets = seen.store.list(RESOURCE, namespace);
        match resource {
            RESOURCE => vec![Key::of(RESOURCE, &change.last)],
            "pods" => budgets
                .filter(|budget| {
                    let selector = LabelSelector::from_object(&budget["spec"]["selector"]);
                    selector.is_some_and(|selector| ends(change).any(|pod| selector.matches(pod)))
                })
                .map(|budget| Key::of(RESOURCE, budget))
                .collect(),
            // their size is what percentages are of
            "replicasets.apps" => budgets.map(|budget| Key::of(RESOURCE, budget)).collect(),
            _ => Vec::new(),
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let Some(budget) = seen.get(key).filter(|budget| !is_ending(budget)) else {
            return Look::default();
        };
        let Some(selector) = LabelSelector::from_object(&budget["spec"]["selector"]) else {
            return Look::default();
        };
        let pods = seen.store.list("pods", Some(&key.namespace));
        let pods: Vec<&Arc<Value>> = pods.filter(|pod| selector.matches(pod) && is_active(pod)).collect();
        let (disrupted, wake) = still_disrupted(&budget["status"]["disruptedPods"], &pods, seen.now);
        let healthy = |pod: &&&Arc<Value>| {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            is_ready(pod) && !disrupted.contains_key(name)
        };
        let current = i64::try_from(pods.iter().filter(healthy).count()).unwrap_or(i64::MAX);
        let (expected, desired) = wanted(&budget["spec"], &pods, seen);
        let allowed = if expected > 0 { (current - desired).max(0) } else { 0 };
        let mut status = json!({
            "currentHealthy": current,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": budget["metadata"]["generation"],
        });
        let mut differences = status.as_object().into_iter().flatten();
        let reached = differences.all(|(field, value)| budget["status"][field] == *value);
        let forgotten = forgotten(&budget["status"]["disruptedPods"], &disrupted);
        if reached && forgotten.is_empty() {
            return Look { writes: vec![], wake };
        }
        if !forgotten.is_empty() {
            status["disruptedPods"] = forgotten.into();
        }
        let body = json!({ "status": status });
        Look {
            // an eviction between our look and this write would be forgotten
            writes: vec![Write::patch_unchanged(RESOURCE, budget, Subresource::Status, body)],
            wake,
        }
    }
}

/// The evicted pods that are not seen to end yet, and when the first of them stops counting.
fn still_disrupted(
    recorded: &Value,
    pods: &[&Arc<Value>],
    now: DateTime<Utc>,
) -> (Map<String, Value>, Option<DateTime<Utc>>) {
    let mut disrupted = Map::new();
    let mut wake = None;
    for (name, at) in recorded.as_object().into_iter().flatten() {
        let lives = pods.iter().any(|pod| pod["metadata"]["name"] == name.as_str());
        let until = time(at).map(|at| at + PATIENCE).filter(|until| lives && *until > now);
        if let Some(until) = until {
            disrupted.insert(name.clone(), at.clone());
            wake = Some(wake.map_or(until, |first: DateTime<Utc>| first.min(until)));
        }
    }
    (disrupted, wake)
}

/// What makes a merge patch forget the pods that do not count any more.
fn forgotten(recorded: &Value, disrupted: &Map<String, Value>) -> Map<String, Value> {
    let names = recorded.as_object().into_iter().flatten().map(|(name, _)| name);
    let gone = names.filter(|name| !disrupted.contains_key(*name));
    gone.map(|name| (name.clone(), Value::Null)).collect()
}

/// (pods that should be there, pods of them that must be healthy).
fn wanted(spec: &Value, pods: &[&Arc<Value>], seen: &Seen<'_>) -> (i64, i64) {
    let total = i64::try_from(pods.len()).unwrap_or(i64::MAX);
    if let Some(number) = spec["minAvailable"].as_i64() {
        return (total, number);
    }
    let expected = sizes(pods, seen);
    match (&spec["minAvailable"], &spec["maxUnavailable"]) {
        (Value::String(percent), _) => (expected, rounded_up(percent, expected)),
        (_, Value::String(percent)) => (expected, (expected - rounded_up(percent, expected)).max(0)),
        (_, Value::Number(number)) => (expected, (expected - number.as_i64().unwrap_or(0)).max(0)),
        _ => (expected, expected),
    }
}

/// The sizes of the ReplicaSets that these pods belong to, added up.
fn sizes(pods: &[&Arc<Value>], seen: &Seen<'_>) -> i64 {
    let mut sets = BTreeMap::new();
    for pod in pods {
        let (Some(owner), Some(namespace)) = (controller(pod), pod["metadata"]["namespace"].as_str()) else {
            continue;
        };
        let key = Key::new(
            "replicasets.apps",
            namespace,
            owner["name"].as_str().unwrap_or_default(),
        );
        if let Some(set) = seen.get(&key) {
            sets.insert(key, set["spec"]["replicas"].as_i64().unwrap_or(1));
        }
    }
    sets.values().sum()
}

fn rounded_up(percent: &str, of: i64) -> i64 {
    let percent: i64 = percent.trim_end_matches('%').parse().unwrap_or(0);
    (percent * of + 99) / 100
}

#[cfg(test)]
mod tests {
    use crate::kubelet::Pace;
    use crate::world::World;
    use crate::{Clock, Request};
    use chrono::DateTime;
    use serde_json::{Value, json};
    use std::time::Duration;

    /// Four ready pods under a budget of this spec: what its status says, and after each of so many evictions.
    fn budget(spec: Value, evictions: usize) -> Vec<String> {
        let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        let mut world = World::starting(Clock::starting_at(start), 1, Pace::default());
        let labels = json!({"app": "web"});
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
            "spec": {"replicas": 4, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "web:v1"}]}}}});
        let mut budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}});
        budget["spec"] = spec;
        budget["spec"]["selector"] = json!({"matchLabels": labels});
        for (path, object) in [
            ("apps/v1/namespaces/default/replicasets", &set),
            ("policy/v1/namespaces/default/poddisruptionbudgets", &budget),
        ] {
            world
                .call(Request::post(&format!("/apis/{path}"), object))
                .object()
                .expect("created");
        }
        world.advance(Duration::from_secs(10));
        let mut told = vec![shown(&world)];
        for _ in 0..evictions {
            let pods = world.api.store().list("pods", Some("default"));
            let mut names = pods
                .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null() && pod["status"]["phase"] == "Running")
                .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned));
            let name = names.next().expect("a pod");
            drop(names);
            let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
            let path = format!("/api/v1/namespaces/default/pods/{name}/eviction");
            let answer = world.call(Request::post(&path, &eviction)).object();
            let refused = answer
                .err()
                .map_or(String::new(), |status| format!(" {}", status["code"]));
            world.settle();
            told.push(format!("{}{refused}", shown(&world)));
        }
        told
    }

    /// `3 of 4 healthy, 2 needed, 1 allowed`.
    fn shown(world: &World) -> String {
        let budget = world.api.store().get("poddisruptionbudgets.policy", "default", "web");
        let status = &budget.expect("the budget")["status"];
        format!(
            "{} of {} healthy, {} needed, {} allowed",
            status["currentHealthy"], status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"]
        )
    }

    #[test]
    fn a_budget_says_how_many_may_go() {
        assert_eq!(
            budget(json!({"minAvailable": 3}), 2),
            [
                "4 of 4 healthy, 3 needed, 1 allowed",
                "3 of 4 healthy, 3 needed, 0 allowed",
                "3 of 4 healthy, 3 needed, 0 allowed 429",
            ]
        );
        assert_eq!(
            budget(json!({"minAvailable": "60%"}), 0),
            ["4 of 4 healthy, 3 needed, 1 allowed"]
        );
        assert_eq!(
            budget(json!({"maxUnavailable": "30%"}), 0),
            ["4 of 4 healthy, 2 needed, 2 allowed"]
        );
        assert_eq!(
            budget(json!({"maxUnavailable": 0}), 1),
            [
                "4 of 4 healthy, 4 needed, 0 allowed",
                "4 of 4 healthy, 4 needed, 0 allowed 429"
            ]
        );
    }
}
