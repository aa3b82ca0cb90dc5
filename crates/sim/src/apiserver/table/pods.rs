//! The row of a pod: the one word that says how it is doing, found in its container statuses.

use super::age::human;
use super::{age, name, text_or};
use chrono::{DateTime, Utc};
use serde_json::Value;

pub(super) fn pod(pod: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let status = &pod["status"];
    let Doing {
        reason,
        ready,
        total,
        restarts,
        last_restart,
    } = doing(pod);
    let restarts = match last_restart {
        Some(at) if restarts != 0 => format!("{restarts} ({} ago)", human(now - at)),
        _ => restarts.to_string(),
    };
    let ip = Some(&status["podIPs"][0]["ip"])
        .filter(|ip| ip.is_string())
        .unwrap_or(&status["podIP"]);
    vec![
        name(pod),
        format!("{ready}/{total}").into(),
        reason.into(),
        restarts.into(),
        age(pod, now),
        text_or(ip, "<none>"),
        text_or(&pod["spec"]["nodeName"], "<none>"),
        text_or(&status["nominatedNodeName"], "<none>"),
        readiness_gates(pod).into(),
    ]
}

struct Doing {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<DateTime<Utc>>,
}

fn doing(pod: &Value) -> Doing {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let phase = status["phase"].as_str().unwrap_or_default();
    let mut doing = Doing {
        reason: status["reason"]
            .as_str()
            .filter(|reason| !reason.is_empty())
            .unwrap_or(phase)
            .to_owned(),
        ready: 0,
        total: list(&spec["containers"]).len(),
        restarts: 0,
        last_restart: None,
    };
    if condition(status, "PodScheduled").is_some_and(|it| it["reason"] == "SchedulingGated") {
        doing.reason = "SchedulingGated".into();
    }
    let sidecars: Vec<&Value> = list(&spec["initContainers"])
        .iter()
        .filter(|it| it["restartPolicy"] == "Always")
        .collect();
    doing.total += sidecars.len();
    let is_sidecar = |container: &Value| sidecars.iter().any(|sidecar| sidecar["name"] == container["name"]);

    let mut sidecar_restarts = (0, None);
    let mut initializing = false;
    for (index, container) in list(&status["initContainerStatuses"]).iter().enumerate() {
        add_restarts(&mut doing.restarts, &mut doing.last_restart, container);
        if is_sidecar(container) {
            add_restarts(&mut sidecar_restarts.0, &mut sidecar_restarts.1, container);
        }
        let (ended, waiting) = (
            &container["state"]["terminated"],
            &container["state"]["waiting"]["reason"],
        );
        if ended.is_object() && ended["exitCode"].as_i64().unwrap_or(0) == 0 {
            continue;
        }
        if is_sidecar(container) && container["started"] == true {
            doing.ready += usize::from(container["ready"] == true);
            continue;
        }
        doing.reason = match waiting.as_str() {
            _ if ended.is_object() => format!("Init:{}", ending(ended)),
            Some(reason) if !reason.is_empty() && reason != "PodInitializing" => format!("Init:{reason}"),
            Some(_) | None => format!("Init:{index}/{}", list(&spec["initContainers"]).len()),
        };
        initializing = true;
        break;
    }

    if !initializing || condition(status, "Initialized").is_some_and(|it| it["status"] == "True") {
        (doing.restarts, doing.last_restart) = sidecar_restarts;
        let mut running = false;
        for container in list(&status["containerStatuses"]).iter().rev() {
            add_restarts(&mut doing.restarts, &mut doing.last_restart, container);
            let (ended, waiting) = (
                &container["state"]["terminated"],
                &container["state"]["waiting"]["reason"],
            );
            if let Some(reason) = waiting.as_str().filter(|reason| !reason.is_empty()) {
                doing.reason = reason.to_owned();
            } else if ended.is_object() {
                doing.reason = ending(ended);
            } else if container["ready"] == true && container["state"]["running"].is_object() {
                running = true;
                doing.ready += 1;
            }
        }
        if doing.reason == "Completed" && running {
            let ready = condition(status, "Ready").is_some_and(|it| it["status"] == "True");
            doing.reason = if ready { "Running" } else { "NotReady" }.into();
        }
    }
    if pod["metadata"]["deletionTimestamp"].is_string() {
        if status["reason"] == "NodeLost" {
            doing.reason = "Unknown".into();
        } else if !["Succeeded", "Failed"].contains(&phase) {
            doing.reason = "Terminating".into();
        }
    }
    doing
}

fn ending(ended: &Value) -> String {
    match (
        ended["reason"].as_str().unwrap_or_default(),
        ended["signal"].as_i64().unwrap_or(0),
    ) {
        ("", 0) => format!("ExitCode:{}", ended["exitCode"].as_i64().unwrap_or(0)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn add_restarts(count: &mut i64, last: &mut Option<DateTime<Utc>>, container: &Value) {
    *count += container["restartCount"].as_i64().unwrap_or(0);
    let finished = container["lastState"]["terminated"]["finishedAt"].as_str();
    *last = (*last).max(finished.and_then(|at| at.parse().ok()));
}

fn readiness_gates(pod: &Value) -> String {
    let gates = list(&pod["spec"]["readinessGates"]);
    let open = gates.iter().filter(|gate| {
        let kind = gate["conditionType"].as_str().unwrap_or_default();
        condition(&pod["status"], kind).is_some_and(|it| it["status"] == "True")
    });
    if gates.is_empty() {
        "<none>".into()
    } else {
        format!("{}/{}", open.count(), gates.len())
    }
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    list(&status["conditions"])
        .iter()
        .find(|condition| condition["type"] == kind)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
