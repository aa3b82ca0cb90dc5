//! Families in YAML, beside the text they are drawn as.

use super::*;
use crate::render::{self, Paint};

/// The text of the family in a stream of YAML documents, on 8 January 2026 at noon; ages count from there.
fn drawn(yaml: &str) -> String {
    let now = "2026-01-08T12:00:00Z".parse().expect("an instant");
    render::text(&render::lines(&tree(&family(yaml), now)), Paint::Plain)
}

fn family(yaml: &str) -> Family {
    let mut family = Family::default();
    for text in yaml.split("\n---\n") {
        let document: serde_json::Value = serde_saphyr::from_str(text).expect("YAML");
        match document["kind"].as_str() {
            Some("Rollout") => family.rollout = typed(document),
            Some("ReplicaSet") => family.replica_sets.push(typed(document)),
            Some("Pod") => family.pods.push(typed(document)),
            Some("AnalysisRun") => family.runs.push(typed(document)),
            Some("Experiment") => family.experiments.push(typed(document)),
            other => panic!("no kind of a family: {other:?}"),
        }
    }
    family
}

fn typed<T: serde::de::DeserializeOwned>(document: serde_json::Value) -> T {
    serde_json::from_value(document).expect("an object of its kind")
}

/// A ReplicaSet of rollout `web` (uid `u`), a week old; its uid is its hash.
fn set(hash: &str, revision: u32, rest: &str) -> String {
    format!(
        "kind: ReplicaSet
metadata:
  name: web-{hash}
  uid: {hash}
  creationTimestamp: '2026-01-01T12:00:00Z'
  labels: {{rollouts-pod-template-hash: {hash}}}
  ownerReferences: [{{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: u}}]
  annotations: {{rollout.argoproj.io/revision: '{revision}'}}
{rest}
---
"
    )
}

fn pod(set: &str, name: &str, status: &str) -> String {
    format!(
        "kind: Pod
metadata:
  name: web-{set}-{name}
  creationTimestamp: '2026-01-08T11:57:00Z'
  ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-{set}, uid: {set}}}]
spec: {{containers: [{{name: app}}]}}
status: {status}
---
"
    )
}

const UP: &str = "{phase: Running, containerStatuses: [{name: app, ready: true, state: {running: {}}}]}";

fn rollout(spec: &str, status: &str) -> String {
    format!(
        "kind: Rollout
metadata: {{name: web, namespace: shop, uid: u, generation: 1, creationTimestamp: '2026-01-01T12:00:00Z'}}
spec: {spec}
status: {status}"
    )
}

/// A ReplicaSet's spec and status for an image at a size.
fn sized(image: &str, spec: u32, available: u32) -> String {
    format!(
        "spec: {{replicas: {spec}, template: {{spec: {{containers: [{{name: app, image: '{image}'}}]}}}}}}
status: {{replicas: {available}, availableReplicas: {available}}}"
    )
}

#[test]
fn a_paused_blue_green() {
    let yaml = set("74b948fccb", 11, &sized("demo:green", 1, 1))
        + &set("6cbccd9f99", 10, &sized("demo:blue", 1, 1))
        + &set("8f7c", 9, &sized("demo:red", 0, 0))
        + &pod("74b948fccb", "5jz59", UP)
        + &pod("6cbccd9f99", "2v8tn", UP)
        + &rollout(
            "{replicas: 1, strategy: {blueGreen: {activeService: web, previewService: next}}}",
            "{phase: Paused, message: BlueGreenPause, observedGeneration: '1', stableRS: 6cbccd9f99,
              currentPodHash: 74b948fccb, replicas: 2, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1,
              pauseConditions: [{reason: BlueGreenPause, startTime: '2026-01-08T11:57:00Z'}], controllerPause: true,
              blueGreen: {activeSelector: 6cbccd9f99, previewSelector: 74b948fccb}}",
        );
    insta::assert_snapshot!(drawn(&yaml), @"
    Name:            web
    Namespace:       shop
    Status:          ॥ Paused
    Message:         BlueGreenPause
    Strategy:        BlueGreen
    Images:          demo:blue (stable, active)
                     demo:green (preview)
    Replicas:
      Desired:       1
      Current:       2
      Updated:       1
      Ready:         1
      Available:     1

    NAME                             KIND        STATUS        AGE  INFO
    ⟳ web                            Rollout     ॥ Paused      7d
    ├──# revision:11
    │  └──⧉ web-74b948fccb           ReplicaSet  ✔ Healthy     7d   preview
    │     └──□ web-74b948fccb-5jz59  Pod         ✔ Running     3m   ready:1/1
    ├──# revision:10
    │  └──⧉ web-6cbccd9f99           ReplicaSet  ✔ Healthy     7d   stable,active
    │     └──□ web-6cbccd9f99-2v8tn  Pod         ✔ Running     3m   ready:1/1
    └──# revision:9
       └──⧉ web-8f7c                 ReplicaSet  • ScaledDown  7d
    ");
}

#[test]
fn a_canary_under_analysis() {
    let run = "kind: AnalysisRun
metadata:
  name: web-new-2-1
  creationTimestamp: '2026-01-08T11:59:00Z'
  ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: u}]
  annotations: {rollout.argoproj.io/revision: '2'}
spec: {}
status:
  phase: Running
  metricResults:
  - {name: errors, phase: Running, successful: 2, failed: 1, error: 1}
  - name: load
    phase: Running
    successful: 1
    measurements: [{phase: Successful, startedAt: '2026-01-08T11:59:30Z', metadata: {job-name: load-1}}]
---
";
    let yaml = set("new", 2, &sized("demo:2", 2, 1))
        + &set("old", 1, &sized("demo:1", 8, 8))
        + &pod("new", "a", UP)
        + &pod("new", "b", "{phase: Pending, containerStatuses: [{name: app, restartCount: 2, state: {waiting: {reason: ContainerCreating}}}]}")
        + run
        + &rollout(
            "{replicas: 10, strategy: {canary: {steps: [{setWeight: 20}, {analysis: {}}, {setWeight: 60}]}}}",
            "{phase: Progressing, message: more replicas need to be updated, observedGeneration: '1', stableRS: old,
              currentPodHash: new, currentStepIndex: 1, replicas: 9, updatedReplicas: 1, readyReplicas: 9, availableReplicas: 9}",
        );
    insta::assert_snapshot!(drawn(&yaml), @"
    Name:            web
    Namespace:       shop
    Status:          ◌ Progressing
    Message:         more replicas need to be updated
    Strategy:        Canary
      Step:          1/3
      SetWeight:     20
      ActualWeight:  11
    Images:          demo:1 (stable)
                     demo:2 (canary)
    Replicas:
      Desired:       10
      Current:       9
      Updated:       1
      Ready:         9
      Available:     9

    NAME                  KIND         STATUS               AGE  INFO
    ⟳ web                 Rollout      ◌ Progressing        7d
    ├──# revision:2
    │  ├──⧉ web-new       ReplicaSet   ◌ Progressing        7d   canary
    │  │  ├──□ web-new-a  Pod          ✔ Running            3m   ready:1/1
    │  │  └──□ web-new-b  Pod          ◌ ContainerCreating  3m   ready:0/1,restarts:2
    │  └──α web-new-2-1   AnalysisRun  ◌ Running            60s  ✔ 3,✖ 1,⚠ 1
    │     └──⊞ load-1     Job          ✔ Successful         30s
    └──# revision:1
       └──⧉ web-old       ReplicaSet   ✔ Healthy            7d   stable
    ");
}

#[test]
fn an_aborted_canary_with_ping_pong_and_a_delay() {
    let late = set("new", 2, &sized("demo:2", 1, 1)).replace(
        "/revision: '2'",
        "/revision: '2', scale-down-deadline: '2026-01-08T12:00:25Z'",
    );
    let past = set("mid", 1, &sized("demo:1", 1, 1)).replace(
        "/revision: '1'",
        "/revision: '1', scale-down-deadline: '2026-01-08T11:00:00Z'",
    );
    let yaml = late
        + &past
        + &set("old", 3, &sized("demo:1", 1, 0))
        + &rollout(
            "{strategy: {canary: {pingPong: {pingService: a, pongService: b}, steps: [{setWeight: 20}],
              trafficRouting: {maxTrafficWeight: 1000}}}}",
            "{phase: Degraded, message: 'RolloutAborted: no', observedGeneration: '1', abort: true, stableRS: old,
              currentPodHash: new, currentStepIndex: 0, availableReplicas: 2,
              canary: {stablePingPong: ping, weights: {canary: {weight: 0}, stable: {weight: 1000}}}}",
        );
    insta::assert_snapshot!(drawn(&yaml), @"
    Name:            web
    Namespace:       shop
    Status:          ✖ Degraded
    Message:         RolloutAborted: no
    Strategy:        Canary
      Step:          0/1
      SetWeight:     0
      ActualWeight:  0
    Images:          demo:1
                     demo:2 (canary, pong)
    Replicas:
      Desired:       1
      Current:       0
      Updated:       0
      Ready:         0
      Available:     2

    NAME             KIND        STATUS         AGE  INFO
    ⟳ web            Rollout     ✖ Degraded     7d
    ├──# revision:3
    │  └──⧉ web-old  ReplicaSet  ◌ Progressing  7d   stable,ping
    ├──# revision:2
    │  └──⧉ web-new  ReplicaSet  ✔ Healthy      7d   canary,pong,delay:25s
    └──# revision:1
       └──⧉ web-mid  ReplicaSet  ✔ Healthy      7d   delay:passed
    ");
}

#[test]
fn an_experiment_has_its_own_replica_sets() {
    let yaml = "kind: Experiment
metadata:
  name: web-exp
  uid: e
  creationTimestamp: '2026-01-08T11:50:00Z'
  ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: u}]
  annotations: {rollout.argoproj.io/revision: '2'}
spec: {}
status: {phase: Running}
---
kind: ReplicaSet
metadata:
  name: web-exp-baseline
  ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Experiment, name: web-exp, uid: e}]
  annotations: {experiment.argoproj.io/template-name: baseline}
spec: {replicas: 1, template: {spec: {containers: [{name: app, image: 'demo:1'}]}}}
status: {replicas: 1, availableReplicas: 1}
---
"
    .to_owned()
        + &rollout("{strategy: {}}", "{phase: Healthy}");
    insta::assert_snapshot!(drawn(&yaml), @"
    Name:            web
    Namespace:       shop
    Status:          ✔ Healthy
    Strategy:
    Images:          demo:1 (Σ:baseline)
    Replicas:
      Desired:       1
      Current:       0
      Updated:       0
      Ready:         0
      Available:     0

    NAME                         KIND        STATUS     AGE  INFO
    ⟳ web                        Rollout     ✔ Healthy  7d
    └──# revision:2
       └──Σ web-exp              Experiment  ◌ Running  10m
          └──⧉ web-exp-baseline  ReplicaSet  ✔ Healthy
    ");
}

#[test]
fn a_rollout_that_nobody_has_looked_at() {
    insta::assert_snapshot!(drawn(&rollout("{strategy: {canary: {}}}", "{}")), @"
    Name:            web
    Namespace:       shop
    Status:          ◌ Progressing
    Message:         waiting for rollout spec update to be observed
    Strategy:        Canary
      Step:
      SetWeight:     100
      ActualWeight:  100
    Replicas:
      Desired:       1
      Current:       0
      Updated:       0
      Ready:         0
      Available:     0

    NAME   KIND     STATUS         AGE  INFO
    ⟳ web  Rollout  ◌ Progressing  7d
    ");
}
