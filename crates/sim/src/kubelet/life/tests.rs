//! Pod lives as text: one line a write, `seconds phase state [conditions that are True] restarts`.

use super::{Memory, Stage, next};
use crate::actors::write::Write;
use crate::kubelet::Pace;
use crate::kubelet::behaviour::Behaviour;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// What somebody else does to a pod, and at which second.
type Disturbance = (i64, fn(&mut Value));

/// Lives a pod for at most `seconds`. At the given seconds `disturb` changes it from outside.
fn lived(mut pod: Value, seconds: i64, disturb: &[Disturbance]) -> String {
    let start = DateTime::<Utc>::from_timestamp(1_767_225_600, 0).unwrap();
    let behaviour = Behaviour::of(&pod, &Pace::default());
    let mut memory = Memory::new(Ipv4Addr::new(10, 0, 0, 1), start);
    let mut disturb = disturb
        .iter()
        .map(|(at, change)| (start + TimeDelta::seconds(*at), change))
        .peekable();
    let mut now = start;
    let mut text = String::new();
    loop {
        let step = next(&pod, &behaviour, &memory, now);
        memory = step.memory.clone();
        let at = (now - start).as_seconds_f64();
        match &step.write {
            Some(Write::Patch { body, .. }) => {
                json_patch::merge(&mut pod, body);
                text += &format!("{at} {}\n", shown(&pod));
                assert_eq!(
                    next(&pod, &behaviour, &memory, now).write,
                    None,
                    "a second look writes nothing"
                );
            }
            Some(Write::Delete { .. }) => return text + &format!("{at} gone\n"),
            Some(Write::Create { .. } | Write::Bind { .. }) => panic!("that is not for a kubelet to do"),
            None => {}
        }
        let disturbed = disturb.next_if(|(due, _)| step.wake.is_none_or(|wake| *due <= wake));
        let next = match (&disturbed, step.wake) {
            (Some((due, _)), _) => *due,
            (None, Some(wake)) => wake,
            (None, None) => {
                return text
                    + if memory.stage == Stage::Draining {
                        "stuck\n"
                    } else {
                        "rests\n"
                    };
            }
        };
        if next > start + TimeDelta::seconds(seconds) {
            return text + "...\n";
        }
        now = next;
        if let Some((_, change)) = disturbed {
            change(&mut pod);
        }
    }
}

fn shown(pod: &Value) -> String {
    let status = &pod["status"];
    let first = &status["containerStatuses"][0];
    let state: Vec<String> = first["state"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(kind, detail)| detail["reason"].as_str().unwrap_or(kind).to_owned())
        .collect();
    let is_true: Vec<&str> = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|condition| condition["status"] == "True")
        .map(|condition| condition["type"].as_str().unwrap())
        .collect();
    format!(
        "{} {} [{}] {}",
        status["phase"].as_str().unwrap(),
        state.join(" "),
        is_true.join(" "),
        first["restartCount"]
    )
}

fn pod(image: &str) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": "web-1", "uid": "u1"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "web", "image": image}]},
    })
}

fn end(pod: &mut Value) {
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:30Z");
    pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
}

#[test]
fn a_good_pod_becomes_ready_and_drains_before_it_goes() {
    assert_eq!(
        lived(pod("web:v1"), 60, &[(10, end)]),
        "0 Pending ContainerCreating [Initialized PodScheduled] 0\n\
         0.5 Running running [PodReadyToStartContainers Initialized PodScheduled] 0\n\
         1.5 Running running [PodReadyToStartContainers Initialized Ready ContainersReady PodScheduled] 0\n\
         12 gone\n"
    );
}

#[test]
fn a_pod_that_never_ran_goes_at_once() {
    assert_eq!(
        lived(pod("web:no-pull"), 60, &[(20, end)]),
        "0 Pending ContainerCreating [Initialized PodScheduled] 0\n\
         0.5 Pending ErrImagePull [Initialized PodScheduled] 0\n\
         10.5 Pending ImagePullBackOff [Initialized PodScheduled] 0\n\
         20 gone\n"
    );
}

#[test]
fn a_crashing_pod_backs_off_longer_each_time() {
    assert_eq!(
        lived(pod("web:crash"), 40, &[]),
        "0 Pending ContainerCreating [Initialized PodScheduled] 0\n\
         0.5 Running running [PodReadyToStartContainers Initialized PodScheduled] 0\n\
         1.5 Running CrashLoopBackOff [PodReadyToStartContainers Initialized PodScheduled] 0\n\
         11.5 Running running [PodReadyToStartContainers Initialized PodScheduled] 1\n\
         12.5 Running CrashLoopBackOff [PodReadyToStartContainers Initialized PodScheduled] 1\n\
         32.5 Running running [PodReadyToStartContainers Initialized PodScheduled] 2\n\
         33.5 Running CrashLoopBackOff [PodReadyToStartContainers Initialized PodScheduled] 2\n\
         ...\n"
    );
}

#[test]
fn a_flapping_pod_goes_on_flapping_and_one_that_is_never_ready_rests() {
    let up = "Running running [PodReadyToStartContainers Initialized Ready ContainersReady PodScheduled] 0\n";
    let down = "Running running [PodReadyToStartContainers Initialized PodScheduled] 0\n";
    let begin = "0 Pending ContainerCreating [Initialized PodScheduled] 0\n";
    assert_eq!(
        lived(pod("web:flapping"), 8, &[]),
        format!("{begin}0.5 {down}1.5 {up}4.5 {down}7.5 {up}...\n")
    );
    assert_eq!(
        lived(pod("web:never-ready"), 8, &[]),
        format!("{begin}0.5 {down}rests\n")
    );
}

#[test]
fn a_readiness_gate_holds_readiness_until_somebody_opens_it() {
    let mut gated = pod("web:v1");
    gated["spec"]["readinessGates"] = json!([{"conditionType": "shop/warm"}]);
    let open = |pod: &mut Value| {
        let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
        let ready = conditions
            .iter()
            .find(|condition| condition["type"] == "Ready")
            .unwrap();
        assert_eq!(ready["reason"], "ReadinessGatesNotReady");
        assert_eq!(
            ready["message"],
            "corresponding condition of pod readiness gate \"shop/warm\" does not exist."
        );
        conditions.push(json!({"type": "shop/warm", "status": "True"}));
    };
    assert_eq!(
        lived(gated, 60, &[(9, open)]),
        "0 Pending ContainerCreating [Initialized PodScheduled] 0\n\
         0.5 Running running [PodReadyToStartContainers Initialized PodScheduled] 0\n\
         1.5 Running running [PodReadyToStartContainers Initialized ContainersReady PodScheduled] 0\n\
         9 Running running [PodReadyToStartContainers Initialized Ready ContainersReady PodScheduled shop/warm] 0\n\
         rests\n"
    );
}

#[test]
fn the_pod_of_a_job_ends_as_its_command_says() {
    let mut failing = pod("busybox");
    failing["spec"]["restartPolicy"] = json!("Never");
    failing["spec"]["containers"][0]["command"] = json!(["sh", "-c", "sleep 3; exit 7"]);
    assert_eq!(
        lived(failing, 60, &[]),
        "0 Pending ContainerCreating [Initialized PodScheduled] 0\n\
         0.5 Running running [PodReadyToStartContainers Initialized Ready ContainersReady PodScheduled] 0\n\
         3.5 Failed Error [Initialized PodScheduled] 0\n\
         rests\n"
    );
}

#[test]
fn annotations_break_a_pod_on_purpose() {
    let up = "Running running [PodReadyToStartContainers Initialized Ready ContainersReady PodScheduled]";
    let down = "Running running [PodReadyToStartContainers Initialized PodScheduled]";
    let trouble: [Disturbance; 3] = [
        (5, |pod| pod["metadata"]["annotations"] = json!({"sim/unready": "true"})),
        (7, |pod| pod["metadata"]["annotations"] = json!({})),
        (9, |pod| pod["metadata"]["annotations"] = json!({"sim/crashes": "1"})),
    ];
    let begin = format!("0 Pending ContainerCreating [Initialized PodScheduled] 0\n0.5 {down} 0\n1.5 {up} 0\n");
    assert_eq!(
        lived(pod("web:v1"), 60, &trouble),
        format!(
            "{begin}5 {down} 0\n7 {up} 0\n\
             9 Running CrashLoopBackOff [PodReadyToStartContainers Initialized PodScheduled] 0\n\
             19 {down} 1\n20 {up} 1\nrests\n"
        )
    );
}

#[test]
fn a_kubelet_takes_over_where_the_status_says_the_pod_is() {
    let now = DateTime::<Utc>::from_timestamp(1_767_225_600, 0).unwrap();
    let mut found = pod("web:v1");
    assert_eq!(Memory::resumed(&found, now), None);
    found["status"] = json!({
        "phase": "Running", "podIP": "10.0.0.9", "startTime": "2025-12-31T00:00:00Z",
        "containerStatuses": [{"ready": true, "restartCount": 2, "state": {"running": {"startedAt": "2025-12-31T00:00:02Z"}}}],
    });
    let memory = Memory::resumed(&found, now).unwrap();
    assert_eq!(
        (memory.stage, memory.restarts, memory.ip),
        (Stage::Ready, 2, Ipv4Addr::new(10, 0, 0, 9))
    );
    assert!(memory.runs());
}
