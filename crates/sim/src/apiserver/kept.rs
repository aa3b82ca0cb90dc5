//! What a write leaves as it was, and what it may do: the server's own fields, the other half, generations, finalizers.

use super::kinds::{Kind, Origin};
use super::read::text;
use super::routes::{Sub, Target};
use super::write::metadata;
use super::{Cause, Refusal};
use serde_json::Value;

/// Fields a client cannot change: they stay as they were.
pub(super) fn keep_system_fields(target: &Target, old: &Value, new: &mut Value) -> Result<(), Refusal> {
    let mut causes = Vec::new();
    for field in ["name", "namespace", "uid"] {
        let sent = text(new, field);
        if !sent.is_empty() && sent != text(old, field) {
            causes.push(Cause::invalid(
                format!("metadata.{field}"),
                &sent.into(),
                "field is immutable",
            ));
        }
    }
    if is_terminating(old) {
        let added: Vec<String> = finalizers(new)
            .into_iter()
            .filter(|one| !finalizers(old).contains(one))
            .collect();
        if !added.is_empty() {
            let list = added
                .iter()
                .map(|one| format!("{one:?}"))
                .collect::<Vec<_>>()
                .join(", ");
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
            );
            causes.push(Cause::forbidden("metadata.finalizers", why));
        }
    }
    if !causes.is_empty() {
        // Metadata is validated twice: for every kind, and again by the kind's own strategy.
        let twice = [causes.clone(), causes].concat();
        return Err(Refusal::invalid(&target.kind, &target.name, twice));
    }
    let kept = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "generateName",
    ];
    let metadata = metadata(new);
    metadata.remove("managedFields");
    metadata.remove("selfLink");
    for field in kept {
        match old["metadata"].get(field) {
            Some(value) => metadata.insert(field.into(), value.clone()),
            None => metadata.remove(field),
        };
    }
    new["apiVersion"] = old["apiVersion"].clone();
    new["kind"] = old["kind"].clone();
    Ok(())
}

/// A write to the object leaves status alone; a write to `status` leaves everything else alone.
pub(super) fn keep_other_half(target: &Target, old: &Value, new: &mut Value) {
    let put = |into: &mut Value, field: &str, value: Option<&Value>| {
        if let Some(fields) = into.as_object_mut() {
            match value {
                Some(value) => fields.insert(field.to_owned(), value.clone()),
                None => fields.remove(field),
            };
        }
    };
    match (target.sub, target.kind.origin) {
        (Sub::Status, Origin::Custom) => {
            let status = new.get("status").cloned();
            *new = old.clone();
            put(new, "status", status.as_ref());
        }
        // Built-in kinds take labels and annotations along with the status.
        (Sub::Status, Origin::BuiltIn) => {
            let (status, metadata) = (new.get("status").cloned(), new["metadata"].clone());
            *new = old.clone();
            put(new, "status", status.as_ref());
            put(new, "metadata", Some(&metadata));
        }
        (Sub::Main | Sub::Scale | Sub::Eviction | Sub::Binding | Sub::Log | Sub::Finalize, _) => {
            if target.kind.has_status {
                put(new, "status", old.get("status"));
            }
        }
    }
}

/// Kinds that a PUT may create.
pub(super) fn created_by_put(kind: &Kind) -> bool {
    const CREATED: &[&str] = &["endpoints", "events", "leases.coordination.k8s.io", "services"];
    CREATED.contains(&kind.resource()) || kind.group == "rbac.authorization.k8s.io"
}

/// Kinds that may be overwritten without saying which version is meant.
pub(super) fn updates_unconditionally(kind: &Kind) -> bool {
    const NEVER: &[&str] = &[
        "customresourcedefinitions.apiextensions.k8s.io",
        "leases.coordination.k8s.io",
        "poddisruptionbudgets.policy",
    ];
    kind.origin == Origin::BuiltIn && !NEVER.contains(&kind.resource())
}

pub(super) fn counts_generations(kind: &Kind) -> bool {
    const COUNTING: &[&str] = &[
        "customresourcedefinitions.apiextensions.k8s.io",
        "daemonsets.apps",
        "deployments.apps",
        "endpointslices.discovery.k8s.io",
        "ingresses.networking.k8s.io",
        "jobs.batch",
        "pods",
        "poddisruptionbudgets.policy",
        "podtemplates",
        "replicasets.apps",
        "statefulsets.apps",
    ];
    kind.origin == Origin::Custom || COUNTING.contains(&kind.resource())
}

/// Whether a write asks for something new: for built-in kinds a change of spec (of annotations too, for a
/// Deployment), for custom kinds any change outside metadata and, with a status subresource, outside status.
pub(super) fn spec_changed(kind: &Kind, old: &Value, new: &Value) -> bool {
    if kind.is("deployments.apps") && old["metadata"]["annotations"] != new["metadata"]["annotations"] {
        return true;
    }
    let ignored: &[&str] = if kind.has_status {
        &["metadata", "status", "apiVersion", "kind"]
    } else {
        &["metadata", "apiVersion", "kind"]
    };
    let rest = |object: &Value| -> Vec<(String, Value)> {
        let fields = object
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, _)| !ignored.contains(&field.as_str()));
        fields.map(|(field, value)| (field.clone(), value.clone())).collect()
    };
    rest(old) != rest(new)
}

pub(crate) fn is_terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

pub(crate) fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    list.filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// A terminating pod with grace left stays until its kubelet deletes it with grace 0, finalizers or not.
pub(super) fn is_graceful_pod(target: &Target, object: &Value) -> bool {
    target.kind.is("pods") && object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0
}

/// A namespace has a finalizer of its own, in its spec.
pub(super) fn held_namespace(target: &Target, object: &Value) -> bool {
    target.kind.is("namespaces")
        && object["spec"]["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
}

pub(super) fn registry_key(target: &Target) -> String {
    let group = if target.kind.origin == Origin::Custom {
        format!("{}/", target.kind.group)
    } else {
        String::new()
    };
    let namespace = if target.namespace.is_empty() {
        String::new()
    } else {
        format!("{}/", target.namespace)
    };
    format!("{group}{}/{namespace}{}", target.kind.plural, target.name)
}
