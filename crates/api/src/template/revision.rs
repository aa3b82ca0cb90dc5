//! Whether a ReplicaSet's template is the one a Rollout asks for, whatever its hash label says.
//!
//! Source: wire-contract 2.2, "Finding newRS" step 3.

use serde_json::Value;

use super::Template;
use crate::hash;
use crate::keys::POD_TEMPLATE_HASH;
use crate::quantity::Quantity;
use crate::rollout::PodTemplateMetadata;

/// Compares the template of a live ReplicaSet with the desired one as the API server would store both: defaults filled
/// in, quantities by amount, absent and empty alike. What was put into the live one by the controller does not count: the hash
/// label, the injected anti-affinity term, and the metadata that `recorded` (annotation
/// `rollout.argoproj.io/ephemeral-metadata`) says was added.
pub fn same_revision(live: &Template, desired: &Template, recorded: &PodTemplateMetadata) -> bool {
    if live == desired {
        return true;
    }
    if recorded.labels.is_empty() && recorded.annotations.is_empty() {
        return live.is_normally(desired);
    }
    let live = live.edited(|value| {
        remove(value, "labels", recorded.labels.keys());
        remove(value, "annotations", recorded.annotations.keys());
    });
    live.is_normally(desired)
}

/// The text that templates of one revision share.
pub(super) fn normal_text(template: &Value) -> String {
    let mut template = super::defaulted(template);
    remove(&mut template, "labels", [POD_TEMPLATE_HASH]);
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        // deprecated; the API server mirrors serviceAccountName there
        spec.remove("serviceAccount");
        remove_injected_affinity(spec);
        if spec
            .get("containers")
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
        {
            spec.remove("containers");
        }
    }
    hash::rewrite_quantities(&mut template, |text, place| {
        let amount = Quantity::parse(text)?;
        Some(match place {
            // the API server rounds requests, limits and overhead up to the milli-unit
            hash::Place::List => amount.rounded_up_to_milli().amount(),
            hash::Place::Alone => amount.amount(),
        })
    });
    hash::pod_template_as_hashed(&template)
}

fn remove<K: AsRef<str>>(template: &mut Value, which: &str, keys: impl IntoIterator<Item = K>) {
    if let Some(map) = template
        .get_mut("metadata")
        .and_then(|m| m.get_mut(which))
        .and_then(Value::as_object_mut)
    {
        for key in keys {
            map.remove(key.as_ref());
        }
    }
}

fn remove_injected_affinity(spec: &mut serde_json::Map<String, Value>) {
    let Some(affinity) = spec.get_mut("affinity").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(anti) = affinity.get_mut("podAntiAffinity").and_then(Value::as_object_mut) {
        for (key, term) in [
            ("requiredDuringSchedulingIgnoredDuringExecution", None),
            (
                "preferredDuringSchedulingIgnoredDuringExecution",
                Some("podAffinityTerm"),
            ),
        ] {
            if let Some(terms) = anti.get_mut(key).and_then(Value::as_array_mut) {
                terms.retain(|entry| !is_injected(term.map_or(entry, |term| &entry[term])));
            }
        }
        anti.retain(|_, terms| !terms.is_null() && terms.as_array().is_none_or(|terms| !terms.is_empty()));
    }
    affinity.retain(|_, part| !part.is_null() && part.as_object().is_none_or(|part| !part.is_empty()));
    if affinity.is_empty() {
        spec.remove("affinity");
    }
}

/// The hash that an injected anti-affinity term of a live template keeps its pods away from.
pub fn injected_hash(live: &Template) -> Option<String> {
    let template = live.value();
    let anti = template.pointer("/spec/affinity/podAntiAffinity")?;
    let terms = |key: &str| anti[key].as_array().cloned().unwrap_or_default();
    let required = terms("requiredDuringSchedulingIgnoredDuringExecution");
    let preferred = terms("preferredDuringSchedulingIgnoredDuringExecution");
    let all = required
        .into_iter()
        .chain(preferred.into_iter().map(|term| term["podAffinityTerm"].clone()));
    let ours = all.into_iter().find(is_injected)?;
    ours.pointer("/labelSelector/matchExpressions/0/values/0")?
        .as_str()
        .map(str::to_owned)
}

/// A term that selects by nothing but the hash is ours: no one else can know the hash beforehand (wire-contract 3.16).
fn is_injected(term: &Value) -> bool {
    let expressions = term
        .pointer("/labelSelector/matchExpressions")
        .and_then(Value::as_array);
    expressions.is_some_and(|all| matches!(all.as_slice(), [one] if one["key"] == POD_TEMPLATE_HASH))
}
