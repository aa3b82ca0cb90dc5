//! The way back: what we leave has the form in which Argo Rollouts continues it. The recorded states themselves have it.
//!
//! Source: wire-contract 1.7, 2.1 to 2.3, 3.13.

use serde_json::Value;

use super::recorded::{hash_label, hash_of};

/// What in these objects another controller would not understand; `template` is the pod template the Rollout runs.
pub(super) fn faults(rollout: &Value, sets: &[&Value], services: &[&Value], template: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    status(rollout, &mut faults);
    for set in sets {
        replica_set(rollout, set, &mut faults);
    }
    let current = rollout["status"]["currentPodHash"].as_str().unwrap_or_default();
    let collisions = rollout["status"]["collisionCount"].as_i64();
    let computed = hash_of(template, collisions.and_then(|count| i32::try_from(count).ok()));
    if !sets.iter().any(|set| hash_label(set) == current) {
        faults.push(format!("no ReplicaSet has the current hash {current}"));
    }
    if current != computed {
        // found by its template: then its own name says where the hash came from
        let found = sets.iter().find(|set| hash_label(set) == current);
        let image = |template: &Value| template["spec"]["containers"][0]["image"].clone();
        if found.is_none_or(|set| image(&set["spec"]["template"]) != image(template)) {
            faults.push(format!("the current hash is {current}, the template's {computed}"));
        }
    }
    if let Some(steps) = rollout["spec"]["strategy"]["canary"]["steps"].as_array() {
        let typed = serde_json::from_value::<Vec<api::rollout::CanaryStep>>(Value::from(steps.clone()));
        let computed = api::hash::steps(&typed.expect("steps"));
        if rollout["status"]["currentStepHash"] != *computed {
            faults.push(format!("the step hash is not {computed}"));
        }
    }
    let revisions: Vec<&Value> = sets
        .iter()
        .filter(|set| hash_label(set) == current)
        .map(|set| &set["metadata"]["annotations"][api::keys::REVISION])
        .collect();
    let own = &rollout["metadata"]["annotations"][api::keys::REVISION];
    if revisions != [own] {
        faults.push(format!(
            "the Rollout's revision is {own}, its ReplicaSet's {revisions:?}"
        ));
    }
    for service in services {
        let (metadata, name) = (&service["metadata"], &rollout["metadata"]["name"]);
        let hash = &service["spec"]["selector"][api::keys::POD_TEMPLATE_HASH];
        if hash.is_string() && metadata["annotations"][api::keys::MANAGED_BY] != *name {
            faults.push(format!("Service {} does not say who moves it", metadata["name"]));
        }
    }
    faults
}

/// Whether a value has the type of its field.
type Fits = fn(&Value) -> bool;

/// Fields of the status with the types they have on the wire.
const STATUS: [(&str, Fits); 27] = [
    ("HPAReplicas", Value::is_u64),
    ("abort", Value::is_boolean),
    ("abortedAt", is_time),
    ("availableReplicas", Value::is_u64),
    ("blueGreen", Value::is_object),
    ("canary", Value::is_object),
    ("collisionCount", Value::is_u64),
    ("conditions", Value::is_array),
    ("controllerPause", Value::is_boolean),
    ("currentPodHash", Value::is_string),
    ("currentStepHash", Value::is_string),
    ("currentStepIndex", Value::is_u64),
    ("duration", is_duration),
    ("message", Value::is_string),
    ("observedGeneration", is_number_as_text),
    ("pauseConditions", are_pauses),
    ("phase", is_phase),
    ("promoteFull", Value::is_boolean),
    ("readyReplicas", Value::is_u64),
    ("replicas", Value::is_u64),
    ("restartedAt", is_time),
    ("selector", Value::is_string),
    ("stableRS", Value::is_string),
    ("updatedReplicas", Value::is_u64),
    ("workloadObservedGeneration", is_number_as_text),
    ("alb", Value::is_object),
    ("albs", Value::is_array),
];

/// Fields that a status has whatever happens.
const ALWAYS: [&str; 7] = [
    "blueGreen",
    "canary",
    "conditions",
    "currentPodHash",
    "observedGeneration",
    "phase",
    "selector",
];

fn status(rollout: &Value, faults: &mut Vec<String>) {
    let status = &rollout["status"];
    let fields = status.as_object().into_iter().flatten();
    for (name, value) in fields {
        match STATUS.iter().find(|(known, _)| known == name) {
            None => faults.push(format!("status.{name} is unknown to others")),
            Some((_, fits)) if !fits(value) => faults.push(format!("status.{name} is {value}")),
            Some(_) => {}
        }
    }
    let lacking = ALWAYS.iter().filter(|name| status[**name].is_null());
    faults.extend(lacking.map(|name| format!("status.{name} is missing")));
    let generation = rollout["metadata"]["generation"].to_string();
    if status["observedGeneration"] != *generation {
        faults.push(format!("generation {generation} was not observed"));
    }
    for condition in status["conditions"].as_array().into_iter().flatten() {
        let texts = ["type", "status", "reason"]
            .iter()
            .all(|key| condition[key].is_string());
        let times = ["lastUpdateTime", "lastTransitionTime"]
            .iter()
            .all(|key| is_time(&condition[key]));
        let known = ["True", "False", "Unknown"]
            .iter()
            .any(|status| condition["status"] == *status);
        if !texts || !times || !known || !condition["message"].is_string() {
            faults.push(format!("a condition is {condition}"));
        }
    }
    let of_workload = rollout["spec"]["workloadRef"].is_object();
    let told = &rollout["metadata"]["annotations"][api::keys::WORKLOAD_GENERATION];
    if of_workload && (told.is_null() || status["workloadObservedGeneration"] != *told) {
        faults.push(format!("the workload's generation {told} was not observed"));
    }
    if of_workload && !(rollout["spec"]["template"].is_null() && rollout["spec"]["selector"].is_null()) {
        faults.push("the workload's template was persisted".to_owned());
    }
}

fn replica_set(rollout: &Value, set: &Value, faults: &mut Vec<String>) {
    let hash = hash_label(set);
    let (metadata, spec) = (&set["metadata"], &set["spec"]);
    let name = metadata["name"].as_str().unwrap_or_default();
    let mut expect = |what: &str, holds: bool| {
        if !holds {
            faults.push(format!("ReplicaSet {name}: {what}"));
        }
    };
    let own = rollout["metadata"]["name"].as_str().unwrap_or_default();
    let key = api::keys::POD_TEMPLATE_HASH;
    expect(
        "its name is not the Rollout's and its hash",
        name == format!("{own}-{hash}"),
    );
    expect(
        "its selector lacks the hash",
        spec["selector"]["matchLabels"][key] == hash,
    );
    expect(
        "its template lacks the hash",
        spec["template"]["metadata"]["labels"][key] == hash,
    );
    let owner = &metadata["ownerReferences"][0];
    expect(
        "its owner reference is not as the contract has it",
        owner["kind"] == "Rollout"
            && owner["apiVersion"] == "argoproj.io/v1alpha1"
            && owner["name"] == rollout["metadata"]["name"]
            && owner["uid"] == rollout["metadata"]["uid"]
            && owner["controller"] == true
            && owner["blockOwnerDeletion"] == true,
    );
    for key in [api::keys::REVISION, api::keys::DESIRED_REPLICAS] {
        expect(
            &format!("its annotation {key} is no number"),
            is_number_as_text(&metadata["annotations"][key]),
        );
    }
    let deadline = &metadata["annotations"][api::keys::SCALE_DOWN_DEADLINE];
    expect("its deadline is no time", deadline.is_null() || is_time(deadline));
}

/// RFC 3339, UTC, whole seconds.
fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == "2026-01-01T00:00:00Z".len()
            && text.ends_with('Z')
            && chrono::DateTime::parse_from_rfc3339(text).is_ok()
    })
}

fn is_number_as_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<u64>().is_ok())
}

fn is_phase(value: &Value) -> bool {
    ["Healthy", "Degraded", "Progressing", "Paused"]
        .iter()
        .any(|phase| value == phase)
}

fn are_pauses(value: &Value) -> bool {
    let mut pauses = value.as_array().into_iter().flatten();
    pauses.all(|pause| pause["reason"].is_string() && is_time(&pause["startTime"]))
}

fn is_duration(value: &Value) -> bool {
    let times = ["rolloutStartedAt", "manualPauseStartedAt", "finishedAt"];
    let total = &value["totalManualPauseDurationSeconds"];
    times.iter().all(|key| value[key].is_null() || is_time(&value[key])) && (total.is_null() || total.is_u64())
}
