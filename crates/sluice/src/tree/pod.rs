//! How a pod is doing, in the words of `kubectl get pods`.
//!
//! Source: wire-contract 7.4 and the columns kubectl prints for pods.

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Family, Mark, Node, NodeKind, Note, State, age, is_owned, name};

/// The pods of an owner: oldest first, then by name.
pub(super) fn owned<'a>(family: &'a Family, owner: &ObjectMeta) -> Vec<&'a Pod> {
    let mut pods: Vec<_> = family
        .pods
        .iter()
        .filter(|pod| is_owned(&pod.metadata, owner))
        .collect();
    let created = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().and_then(crate::age::instant);
    pods.sort_by(|a, b| (created(a), &a.metadata.name).cmp(&(created(b), &b.metadata.name)));
    pods
}

pub(super) fn node(pod: &Pod, now: DateTime<Utc>) -> Node {
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let seen = seen(&spec, &status, pod.metadata.deletion_timestamp.is_some());
    let mut notes = vec![Note::Ready(seen.ready, spec.containers.len())];
    if seen.restarts > 0 {
        notes.push(Note::Restarts(seen.restarts));
    }
    Node {
        kind: NodeKind::Pod,
        name: name(&pod.metadata),
        state: Some(State {
            mark: mark(&seen.reason),
            text: seen.reason,
        }),
        age: age(&pod.metadata, now),
        notes,
        children: Vec::new(),
    }
}

/// What is seen of a pod.
struct Seen {
    reason: String,
    ready: usize,
    restarts: i32,
}

fn seen(spec: &PodSpec, status: &PodStatus, deleted: bool) -> Seen {
    let mut seen = match initialising(spec, status) {
        Some(seen) => seen,
        None => running(status),
    };
    if deleted {
        let lost = status.reason.as_deref() == Some("NodeLost");
        seen.reason = if lost { "Unknown" } else { "Terminating" }.to_owned();
    }
    seen
}

/// A pod whose init containers are not done; none when they are.
fn initialising(spec: &PodSpec, status: &PodStatus) -> Option<Seen> {
    let inits = status.init_container_statuses.as_deref().unwrap_or_default();
    let total = spec.init_containers.as_ref().map_or(0, Vec::len);
    let mut restarts = 0;
    for (index, container) in inits.iter().enumerate() {
        restarts += container.restart_count;
        let state = container.state.clone().unwrap_or_default();
        let reason = match (state.terminated, state.waiting) {
            (Some(end), _) if end.exit_code == 0 => continue,
            (Some(end), _) => format!("Init:{}", ended(&end)),
            // A sidecar is an init container that keeps running.
            (None, None) if is_sidecar(spec, &container.name) && container.started == Some(true) => continue,
            (None, Some(waiting)) if !["", "PodInitializing"].contains(&waiting.reason.as_deref().unwrap_or("")) => {
                format!("Init:{}", waiting.reason.unwrap_or_default())
            }
            (None, _) => format!("Init:{index}/{total}"),
        };
        return Some(Seen {
            reason,
            ready: 0,
            restarts,
        });
    }
    None
}

fn running(status: &PodStatus) -> Seen {
    let mut reason = status
        .reason
        .clone()
        .or_else(|| status.phase.clone())
        .unwrap_or_default();
    let (mut ready, mut restarts) = (0, 0);
    // From the last to the first, so that the first container with something to say has the word.
    for container in status.container_statuses.iter().flatten().rev() {
        restarts += container.restart_count;
        let state = container.state.clone().unwrap_or_default();
        if let Some(waiting) = state
            .waiting
            .and_then(|waiting| waiting.reason)
            .filter(|reason| !reason.is_empty())
        {
            reason = waiting;
        } else if let Some(end) = state.terminated {
            reason = ended(&end);
        } else if is_up(container) {
            ready += 1;
        }
    }
    if reason == "Completed" && ready > 0 {
        let pod_ready = status
            .conditions
            .iter()
            .flatten()
            .any(|c| c.type_ == "Ready" && c.status == "True");
        reason = if pod_ready { "Running" } else { "NotReady" }.to_owned();
    }
    Seen {
        reason,
        ready,
        restarts,
    }
}

fn is_up(container: &ContainerStatus) -> bool {
    container.ready && container.state.as_ref().is_some_and(|state| state.running.is_some())
}

fn is_sidecar(spec: &PodSpec, container: &str) -> bool {
    let mut inits = spec.init_containers.iter().flatten();
    inits.any(|init| init.name == container && init.restart_policy.as_deref() == Some("Always"))
}

fn ended(end: &ContainerStateTerminated) -> String {
    match (end.reason.as_deref(), end.signal) {
        (Some(reason), _) if !reason.is_empty() => reason.to_owned(),
        (_, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        _ => format!("ExitCode:{}", end.exit_code),
    }
}

fn mark(reason: &str) -> Mark {
    if reason.starts_with("Init:") {
        return Mark::Progressing;
    }
    if reason.starts_with("Signal:") || reason.starts_with("ExitCode:") {
        return Mark::Bad;
    }
    if reason.ends_with("Error") || reason.starts_with("Err") {
        return Mark::Warning;
    }
    match reason {
        "Pending" | "Terminating" | "ContainerCreating" => Mark::Progressing,
        "Running" | "Completed" => Mark::Ok,
        "Failed" | "InvalidImageName" | "CrashLoopBackOff" => Mark::Bad,
        "ImagePullBackOff" | "RegistryUnavailable" => Mark::Warning,
        _ => Mark::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_and_mark_are_kubectls() {
        let cases = [
            ("{phase: Pending}", "Pending", Mark::Progressing, 0),
            (
                "{phase: Running, containerStatuses: [{name: a, ready: true, state: {running: {}}}]}",
                "Running",
                Mark::Ok,
                1,
            ),
            (
                "{phase: Running, containerStatuses: [{name: a, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff}}}]}",
                "CrashLoopBackOff",
                Mark::Bad,
                0,
            ),
            (
                "{phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ErrImagePull}}}]}",
                "ErrImagePull",
                Mark::Warning,
                0,
            ),
            (
                "{phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 3}}}]}",
                "ExitCode:3",
                Mark::Bad,
                0,
            ),
            (
                "{phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 137, signal: 9}}}]}",
                "Signal:9",
                Mark::Bad,
                0,
            ),
            (
                "{phase: Pending, initContainerStatuses: [{name: i, state: {running: {}}}]}",
                "Init:0/1",
                Mark::Progressing,
                0,
            ),
            (
                "{phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 1, reason: Error}}}]}",
                "Init:Error",
                Mark::Progressing,
                0,
            ),
            (
                "{phase: Running, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}],
                  containerStatuses: [{name: a, state: {terminated: {exitCode: 0, reason: Completed}}},
                                      {name: b, ready: true, state: {running: {}}}]}",
                "NotReady",
                Mark::Unknown,
                1,
            ),
            ("{phase: Failed, reason: Evicted}", "Evicted", Mark::Unknown, 0),
        ];
        for (status, reason, mark, ready) in cases {
            let text = format!(
                "{{metadata: {{name: p}}, spec: {{initContainers: [{{name: i}}], containers: [{{name: a}}]}}, status: {status}}}"
            );
            let pod: Pod = serde_saphyr::from_str(&text).expect("a pod");
            let node = node(&pod, DateTime::UNIX_EPOCH);
            assert_eq!(
                node.state,
                Some(State {
                    mark,
                    text: reason.to_owned()
                }),
                "{status}"
            );
            assert_eq!(node.notes[0], Note::Ready(ready, 1), "{status}");
        }
    }

    #[test]
    fn a_deleted_pod_is_terminating() {
        let text = "{metadata: {name: p, deletionTimestamp: '2026-01-01T00:00:00Z'}, status: {phase: Running}}";
        let pod: Pod = serde_saphyr::from_str(text).expect("a pod");
        assert_eq!(
            node(&pod, DateTime::UNIX_EPOCH).state.map(|state| state.text),
            Some("Terminating".to_owned())
        );
    }
}
