//! What a pod's status says at a stage of its life, with the fields, reasons and messages of a kubelet.

use super::life::{Memory, Stage};
use crate::clock::stamp;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The address every pod's node claims; nothing dials it.
pub const HOST_IP: &str = "192.168.0.1";

/// The status of `pod`: the fields a kubelet owns. Conditions others have set are kept.
pub fn of(pod: &Value, memory: &Memory, now: DateTime<Utc>) -> Value {
    let mut status = json!({
        "phase": phase(memory.stage),
        "conditions": conditions(pod, memory, now),
        "containerStatuses": each_container(pod).map(|one| container(pod, one, memory)).collect::<Vec<_>>(),
        "hostIP": HOST_IP,
        "hostIPs": [{ "ip": HOST_IP }],
        "startTime": stamp(memory.accepted),
    });
    if memory.runs() || memory.ended.is_some() {
        let ip = memory.ip.to_string();
        status["podIPs"] = json!([{ "ip": ip }]);
        status["podIP"] = json!(ip);
    }
    status
}

/// Whether `seen` already says all that `wanted` says.
pub fn shows(seen: &Value, wanted: &Value) -> bool {
    wanted
        .as_object()
        .is_none_or(|fields| fields.iter().all(|(name, value)| seen.get(name) == Some(value)))
}

/// Whether all readiness gates and containers are ready, as `conditions` of a pod say.
pub fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True")
}

/// A condition of a pod by its type.
pub fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    pod["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)
}

fn phase(stage: Stage) -> &'static str {
    match stage {
        Stage::Creating | Stage::PullFailed | Stage::PullBackOff => "Pending",
        Stage::Starting | Stage::Ready | Stage::Lapsed | Stage::BackOff | Stage::Draining | Stage::Gone => "Running",
        Stage::Succeeded => "Succeeded",
        Stage::Failed => "Failed",
    }
}

const OURS: [&str; 5] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
];

fn conditions(pod: &Value, memory: &Memory, now: DateTime<Utc>) -> Vec<Value> {
    let yes = || ("True", None, None);
    let containers = match memory.stage {
        Stage::Ready | Stage::Draining => yes(),
        Stage::Succeeded => ("False", Some("PodCompleted"), None),
        Stage::Failed => ("False", Some("PodFailed"), None),
        Stage::Creating
        | Stage::PullFailed
        | Stage::PullBackOff
        | Stage::Starting
        | Stage::Lapsed
        | Stage::BackOff
        | Stage::Gone => {
            let names: Vec<_> = each_container(pod).filter_map(|one| one["name"].as_str()).collect();
            let message = format!("containers with unready status: [{}]", names.join(" "));
            ("False", Some("ContainersNotReady"), Some(message))
        }
    };
    let sandbox = if memory.runs() || memory.stage == Stage::BackOff {
        "True"
    } else {
        "False"
    };
    let initialized = (
        "True",
        (memory.stage == Stage::Succeeded).then_some("PodCompleted"),
        None,
    );
    let ready = match (containers.0, closed_gates(pod)) {
        ("True", Some(message)) => ("False", Some("ReadinessGatesNotReady"), Some(message)),
        _ => containers.clone(),
    };
    let says = [(sandbox, None, None), initialized, ready, containers, yes()];
    let mut all: Vec<Value> = OURS
        .iter()
        .zip(says)
        .map(|(kind, (status, reason, message))| {
            let before = condition(pod, kind);
            let changed = before
                .filter(|before| before["status"] == status)
                .map_or_else(|| json!(stamp(now)), |before| before["lastTransitionTime"].clone());
            let mut fields = Map::new();
            fields.insert("type".into(), json!(kind));
            fields.insert("status".into(), json!(status));
            fields.insert("lastTransitionTime".into(), changed);
            fields.extend(reason.map(|reason| ("reason".to_owned(), json!(reason))));
            fields.extend(message.map(|message| ("message".to_owned(), json!(message))));
            Value::Object(fields)
        })
        .collect();
    let foreign = |condition: &&Value| !OURS.iter().any(|kind| condition["type"] == *kind);
    all.extend(
        pod["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(foreign)
            .cloned(),
    );
    all
}

/// What the kubelet says while a readiness gate is not open.
fn closed_gates(pod: &Value) -> Option<String> {
    let closed: Vec<String> = pod["spec"]["readinessGates"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|gate| {
            let kind = gate["conditionType"].as_str().unwrap_or_default();
            match condition(pod, kind).map(|condition| condition["status"].as_str().unwrap_or_default()) {
                None => Some(format!(
                    "corresponding condition of pod readiness gate \"{kind}\" does not exist."
                )),
                Some("True") => None,
                Some(status) => Some(format!(
                    "the status of pod readiness gate \"{kind}\" is not \"True\", but {status}"
                )),
            }
        })
        .collect();
    (!closed.is_empty()).then(|| closed.join(", "))
}

fn each_container(pod: &Value) -> impl Iterator<Item = &Value> {
    pod["spec"]["containers"].as_array().into_iter().flatten()
}

fn container(pod: &Value, spec: &Value, memory: &Memory) -> Value {
    let (name, image) = (&spec["name"], spec["image"].as_str().unwrap_or_default());
    let id = |restarts: u32| {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        format!("containerd://{uid}-{restarts}")
    };
    let terminated = |(began, ended, exit_code): (DateTime<Utc>, DateTime<Utc>, i32)| {
        json!({ "terminated": {
            "containerID": id(memory.restarts),
            "exitCode": exit_code,
            "reason": if exit_code == 0 { "Completed" } else { "Error" },
            "startedAt": stamp(began),
            "finishedAt": stamp(ended),
        }})
    };
    let waiting = |reason: &str, message: Option<String>| match message {
        Some(message) => json!({ "waiting": { "reason": reason, "message": message } }),
        None => json!({ "waiting": { "reason": reason } }),
    };
    let running = || json!({ "running": { "startedAt": memory.started.map(stamp) } });
    let state = match memory.stage {
        Stage::Creating => waiting("ContainerCreating", None),
        Stage::PullFailed => waiting(
            "ErrImagePull",
            Some(format!("failed to pull image \"{image}\": not found")),
        ),
        Stage::PullBackOff => waiting("ImagePullBackOff", Some(format!("Back-off pulling image \"{image}\""))),
        Stage::Starting | Stage::Ready | Stage::Lapsed | Stage::Draining | Stage::Gone => running(),
        Stage::BackOff => waiting("CrashLoopBackOff", Some("back-off restarting failed container".into())),
        Stage::Succeeded | Stage::Failed => memory.ended.map_or_else(running, terminated),
    };
    let last = match memory.stage {
        Stage::BackOff | Stage::Starting | Stage::Ready | Stage::Lapsed => memory.ended.map(terminated),
        Stage::Creating
        | Stage::PullFailed
        | Stage::PullBackOff
        | Stage::Succeeded
        | Stage::Failed
        | Stage::Draining
        | Stage::Gone => None,
    };
    let begun = memory.runs() || memory.ended.is_some();
    let mut status = json!({
        "name": name,
        "image": image,
        "imageID": if begun { format!("sim://{image}") } else { String::new() },
        "restartCount": memory.restarts,
        "ready": matches!(memory.stage, Stage::Ready | Stage::Draining),
        "started": memory.runs(),
        "state": state,
        "lastState": last.unwrap_or_else(|| json!({})),
    });
    if begun {
        status["containerID"] = json!(id(memory.restarts));
    }
    status
}
