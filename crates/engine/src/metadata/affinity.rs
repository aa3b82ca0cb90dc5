//! The term that keeps new pods off the nodes of the stable ones.
//!
//! Source: wire-contract 3.16.

use api::keys;
use api::rollout::AntiAffinity;
use serde_json::{Map, Value, json};

use crate::snapshot::{Revision, Snapshot, Strategy};
use crate::status::of_objects;

const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// `affinity` of a new ReplicaSet's pods, when there is a term to put in.
pub(crate) fn at_creation(seen: &Snapshot) -> Option<Value> {
    let rule = rule(seen)?;
    let stable = seen.recorded().stable_rs;
    if stable.is_empty() || stable == seen.new_hash() {
        return None;
    }
    let term = json!({
        "labelSelector": {
            "matchExpressions": [{"key": keys::POD_TEMPLATE_HASH, "operator": "In", "values": [stable]}],
        },
        "namespaces": [seen.namespace],
        "topologyKey": "kubernetes.io/hostname",
    });
    let (list, entry) = match (
        &rule.preferred_during_scheduling_ignored_during_execution,
        &rule.required_during_scheduling_ignored_during_execution,
    ) {
        (Some(preferred), _) => (PREFERRED, json!({"weight": preferred.weight, "podAffinityTerm": term})),
        (None, Some(_)) => (REQUIRED, term),
        (None, None) => return None,
    };
    let mut affinity = asked(seen).unwrap_or_else(|| json!({}));
    let terms = &mut affinity["podAntiAffinity"][list];
    match terms {
        Value::Array(terms) => terms.push(entry),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            *terms = json!([entry]);
        }
    }
    Some(affinity)
}

/// The change of the live template's spec, when its term names another revision than the stable one; and whenever something
/// else of the ReplicaSet is brought in step (`synced`), so that one that is used again gets its term. Source: wire-contract 2.3.
pub(crate) fn sync(seen: &Snapshot, new: &Revision, synced: bool) -> Option<Value> {
    let named = api::template::injected_hash(&new.template);
    let term = at_creation(seen);
    let outdated = rule(seen).is_some() && named.as_ref().is_some_and(|named| *named != seen.recorded().stable_rs);
    if !outdated && !(synced && (named.is_some() || term.is_some())) {
        return None;
    }
    let live = only_affinity(new.template.value().pointer("/spec/affinity").cloned());
    let wanted = only_affinity(term.or_else(|| asked(seen)));
    let patch = of_objects(&live, wanted);
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn rule(seen: &Snapshot) -> Option<&AntiAffinity> {
    match &seen.strategy {
        Strategy::Canary(canary) => canary.anti_affinity.as_ref(),
        Strategy::BlueGreen(blue_green) => blue_green.anti_affinity.as_ref(),
    }
}

/// What the Rollout's own template says.
fn asked(seen: &Snapshot) -> Option<Value> {
    let template = seen.spec().template.as_ref()?.value();
    template.pointer("/spec/affinity").cloned()
}

fn only_affinity(affinity: Option<Value>) -> Map<String, Value> {
    affinity
        .map(|affinity| ("affinity".to_owned(), affinity))
        .into_iter()
        .collect()
}
