//! Whether a ReplicaSet could be made from a pod template, as the API server would judge it after defaulting.
//!
//! Source: wire-contract 7.7, "Template checks". Reads the JSON, so that one odd field hides no other; where Kubernetes
//! defaults a field, its absence is the default.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{FieldError, NOT_NEGATIVE, Shown, container, names, selector};
use crate::rollout::LabelSelector;
use crate::template::Template;

const ACTIVE_DEADLINE: &str = "activeDeadlineSeconds in ReplicaSet is not Supported";

/// Every kind of volume, in the order the API server looks at them.
const VOLUME_KINDS: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

/// All errors; a selector that is absent matches nothing, an empty one is not checked.
pub(super) fn errors(template: Option<&Template>, selector: Option<&LabelSelector>) -> Vec<FieldError> {
    let absent = Template::default();
    let template = template.unwrap_or(&absent);
    let (labels, annotations) = (template.labels(), template.annotations());
    let mut errors = Vec::new();
    let selected = selector.is_some_and(|s| selector::is_empty(s) || s.matches(&labels));
    if !selected {
        let value = if labels.is_empty() {
            Shown::null()
        } else {
            Shown::json(&labels)
        };
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid("spec.template.metadata.labels", value, detail));
    }
    errors.extend(names::labels(&labels, "spec.template.labels"));
    errors.extend(names::annotations(annotations.keys(), "spec.template.annotations"));
    errors.extend_from_slice(template.spec_errors(pod_spec));
    errors
}

fn pod_spec(spec: &Value) -> Vec<FieldError> {
    let path = "spec.template.spec";
    let mut errors = Vec::new();
    let volumes = volumes(list(spec, "volumes"), &format!("{path}.volumes"), &mut errors);
    errors.extend(container::all(spec, &volumes, path));
    let policy = Some(text(spec, "restartPolicy"))
        .filter(|p| !p.is_empty())
        .unwrap_or("Always");
    let policies = ["Always", "OnFailure", "Never"];
    if !policies.contains(&policy) {
        errors.push(FieldError::unsupported(
            format!("{path}.restartPolicy"),
            policy,
            &policies,
        ));
    }
    let deadline = spec["activeDeadlineSeconds"].as_i64();
    if let Some(seconds) = deadline.filter(|s| !(1..=i64::from(i32::MAX)).contains(s)) {
        let detail = "must be between 1 and 2147483647, inclusive";
        errors.push(FieldError::invalid(
            format!("{path}.activeDeadlineSeconds"),
            seconds,
            detail,
        ));
    }
    if !list(spec, "ephemeralContainers").is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.push(FieldError::forbidden(format!("{path}.ephemeralContainers"), detail));
    }
    if policy != "Always" {
        errors.push(FieldError::unsupported(
            format!("{path}.restartPolicy"),
            policy,
            &["Always"],
        ));
    }
    if deadline.is_some() {
        errors.push(FieldError::forbidden(
            format!("{path}.activeDeadlineSeconds"),
            ACTIVE_DEADLINE,
        ));
    }
    errors
}

/// The names that containers may mount: those of the volumes without an error.
fn volumes<'a>(volumes: &'a [Value], path: &str, errors: &mut Vec<FieldError>) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (i, volume) in volumes.iter().enumerate() {
        let path = format!("{path}[{i}]");
        let kinds = VOLUME_KINDS.iter().filter(|kind| is_set(volume, kind));
        let mut found: Vec<FieldError> = kinds
            .skip(1)
            .map(|kind| FieldError::forbidden(format!("{path}.{kind}"), "may not specify more than 1 volume type"))
            .collect();
        let name = text(volume, "name");
        if name.is_empty() {
            found.push(FieldError::required(format!("{path}.name"), ""));
        } else {
            found.extend(names::dns_label(name, &format!("{path}.name")));
        }
        if names.contains(name) {
            found.push(FieldError::duplicate(format!("{path}.name"), name));
        }
        if found.is_empty() {
            names.insert(name);
        }
        errors.append(&mut found);
    }
    names
}

/// A non-negative number, or an error.
pub(super) fn not_negative(value: &Value, field: &str, path: &str) -> Option<FieldError> {
    let number = value[field].as_i64().filter(|n| *n < 0)?;
    Some(FieldError::invalid(format!("{path}.{field}"), number, NOT_NEGATIVE))
}

/// A string field; absent is empty.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// A list field; absent is empty.
pub(super) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether an optional struct is there; `{}` is.
pub(super) fn is_set(value: &Value, field: &str) -> bool {
    !value[field].is_null()
}

pub(super) fn strings(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}
