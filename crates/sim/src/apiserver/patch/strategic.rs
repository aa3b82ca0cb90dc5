//! Strategic merge: a merge patch that knows by which key the lists of built-in kinds are merged.

use serde_json::Value;

/// Lists that are merged, by the name of their field, with the key of their items (`patchMergeKey` in the API types).
/// A field name means the same list wherever it occurs in the kinds served here, except `ports` (see `merge_key`).
const MERGED: &[(&str, &str)] = &[
    ("conditions", "type"),
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ownerReferences", "uid"),
    ("podIPs", "ip"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
    ("secrets", "name"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
];

/// Lists of plain values that are merged as sets.
const SETS: &[&str] = &["finalizers"];

/// Applies `patch` to `to`: `null` deletes, objects merge, listed lists merge by key, `$patch: delete|replace`,
/// `$deleteFromPrimitiveList/x`, `$setElementOrder/x` and `$retainKeys` are obeyed.
pub(super) fn merge(to: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *to = patch.clone();
        return;
    };
    if patch.get("$patch").is_some_and(|directive| directive == "replace") {
        let mut whole = patch.clone();
        whole.remove("$patch");
        *to = Value::Object(whole);
        return;
    }
    if !to.is_object() {
        *to = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = to else { return };
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        fields.retain(|field, _| kept.iter().any(|one| one == field.as_str()));
    }
    for (field, value) in patch {
        if let Some(list) = field.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (fields.get_mut(list), value) {
                items.retain(|item| !gone.contains(item));
            }
        } else if field.starts_with('$') {
            // Element orders come after the merge, below; the other directives are done.
        } else if value.is_null() {
            fields.remove(field);
        } else if let Value::Array(items) = value {
            let into = fields.entry(field.clone()).or_insert_with(|| Value::Array(Vec::new()));
            merge_list(into, field, items);
        } else {
            merge(fields.entry(field.clone()).or_insert(Value::Null), value);
        }
    }
    for (field, order) in patch {
        if let (Some(list), Value::Array(order)) = (field.strip_prefix("$setElementOrder/"), order)
            && let Some(Value::Array(items)) = fields.get_mut(list)
        {
            let key = merge_key(list, order);
            let place = |item: &Value| {
                order
                    .iter()
                    .position(|one| key.map_or_else(|| one == item, |key| one[key] == item[key]))
            };
            items.sort_by_key(|item| place(item).unwrap_or(usize::MAX));
        }
    }
}

fn merge_list(to: &mut Value, field: &str, patch: &[Value]) {
    let Value::Array(items) = to else {
        *to = Value::Array(patch.to_vec());
        return;
    };
    if SETS.contains(&field) {
        let new: Vec<Value> = patch.iter().filter(|value| !items.contains(value)).cloned().collect();
        items.extend(new);
        return;
    }
    let Some(key) = merge_key(field, patch) else {
        *items = patch.to_vec();
        return;
    };
    if patch.iter().any(|item| item["$patch"] == "replace") {
        *items = patch.iter().filter(|item| item["$patch"].is_null()).cloned().collect();
        return;
    }
    let before = std::mem::take(items);
    let place = |item: &Value| before.iter().position(|old| old[key] == item[key]);
    let sent: Vec<Value> = patch
        .iter()
        .filter(|item| item["$patch"] != "delete")
        .map(|item| {
            let mut merged = place(item).map_or(Value::Null, |at| before[at].clone());
            merge(&mut merged, item);
            merged
        })
        .collect();
    let untouched = before
        .iter()
        .filter(|old| patch.iter().all(|item| item[key] != old[key]));
    *items = interleaved(sent, untouched.cloned().collect(), place);
}

/// What was sent and what was there already keep their orders; between the two, what was there before decides, and what
/// is new comes first (`mergeSortedSlice` in `apimachinery/pkg/util/strategicpatch`).
fn interleaved(sent: Vec<Value>, untouched: Vec<Value>, place: impl Fn(&Value) -> Option<usize>) -> Vec<Value> {
    let mut list = Vec::new();
    let (mut sent, mut untouched) = (sent.into_iter().peekable(), untouched.into_iter().peekable());
    while let (Some(left), Some(right)) = (sent.peek(), untouched.peek()) {
        let later = place(left).zip(place(right)).is_some_and(|(left, right)| right < left);
        list.extend(if later { untouched.next() } else { sent.next() });
    }
    list.extend(sent);
    list.extend(untouched);
    list
}

/// The first item of a list in `patch` that does not say which one it is.
pub(super) fn unnamed(patch: &Value) -> Option<(&'static str, &Value)> {
    let fields = patch.as_object()?;
    fields.iter().find_map(|(field, value)| match value {
        Value::Array(items) if !field.starts_with('$') => {
            let key = merge_key(field, items).filter(|_| items.iter().any(Value::is_object))?;
            let lacking = items
                .iter()
                .find(|item| item.get(key).is_none() && item["$patch"] != "replace");
            lacking
                .map(|item| (key, item))
                .or_else(|| items.iter().find_map(unnamed))
        }
        Value::Object(_) => unnamed(value),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// A Service's ports are merged by `port`, a container's by `containerPort`.
fn merge_key(field: &str, items: &[Value]) -> Option<&'static str> {
    if field == "ports" {
        let container = items.iter().any(|item| item.get("containerPort").is_some());
        return Some(if container { "containerPort" } else { "port" });
    }
    MERGED.iter().find(|(name, _)| *name == field).map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use super::merge;
    use serde_json::{Value, json};

    fn merged(mut object: Value, patch: Value) -> Value {
        merge(&mut object, &patch);
        object
    }

    #[test]
    fn lists_with_a_key_are_merged_by_it() {
        let pod =
            json!({"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]});
        for (patch, expected) in [
            (
                json!({"containers": [{"name": "a", "image": "2"}]}),
                json!([{"name": "a", "image": "2", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]),
            ),
            (
                json!({"containers": [{"name": "a", "$patch": "delete"}]}),
                json!([{"name": "b"}]),
            ),
            (
                json!({"containers": [{"$patch": "replace"}, {"name": "c"}]}),
                json!([{"name": "c"}]),
            ),
            (
                json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "env": null}]}),
                json!([{"name": "b"}, {"name": "a", "image": "1"}]),
            ),
        ] {
            assert_eq!(merged(pod.clone(), patch)["containers"], expected);
        }
    }

    #[test]
    fn maps_merge_null_deletes_and_other_lists_are_replaced() {
        let object = json!({"selector": {"a": "1", "b": "2"}, "args": ["x"], "finalizers": ["f"]});
        let patch = json!({"selector": {"a": null, "c": "3"}, "args": ["y"], "finalizers": ["g"]});
        assert_eq!(
            merged(object, patch),
            json!({"selector": {"b": "2", "c": "3"}, "args": ["y"], "finalizers": ["f", "g"]})
        );
        let object = json!({"finalizers": ["f", "g"]});
        assert_eq!(
            merged(object, json!({"$deleteFromPrimitiveList/finalizers": ["f"]})),
            json!({"finalizers": ["g"]})
        );
    }
}
