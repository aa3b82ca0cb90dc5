//! Verdicts over scenes that are one change away from how an act should end.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Verdict, Witness};
use crate::demo::scene::Scene;
use crate::demo::story::{Act, Ask, End};

const KEY: &str = "rollouts-pod-template-hash";

fn owned(kind: &str, owner: &str) -> Value {
    json!([{"apiVersion": "v1", "kind": kind, "name": owner, "uid": format!("uid-{owner}"), "controller": true}])
}

fn rollout(image: &str, status: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web", "uid": "uid-web", "generation": 2},
        "spec": {
            "replicas": 2,
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}},
            "strategy": {"canary": {"stableService": "stable", "canaryService": "canary", "steps": [{"setWeight": 50}]}},
        },
        "status": status,
    })
}

fn replica_set(hash: &str, replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": format!("web-{hash}"), "uid": format!("uid-web-{hash}"), "labels": {KEY: hash},
                     "ownerReferences": owned("Rollout", "web")},
        "spec": {"replicas": replicas, "selector": {},
                 "template": {"spec": {"containers": [{"name": "web", "image": format!("web:{hash}")}]}}},
        "status": {"replicas": replicas, "availableReplicas": replicas},
    })
}

fn pod(hash: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("web-{hash}-x"), "ownerReferences": owned("ReplicaSet", &format!("web-{hash}"))},
        "spec": {"containers": [{"name": "web", "image": format!("web:{hash}")}]},
    })
}

fn service(name: &str, hash: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"selector": {KEY: hash}}})
}

fn run(hash: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
        "metadata": {"name": format!("web-{hash}-1"), "labels": {KEY: hash}, "ownerReferences": owned("Rollout", "web")},
        "spec": {"metrics": []},
        "status": {"phase": phase, "metricResults": [{"name": "error-rate", "phase": phase}]},
    })
}

fn healthy(stable: &str, current: &str) -> Value {
    json!({"observedGeneration": "2", "phase": "Healthy", "stableRS": stable, "currentPodHash": current})
}

fn aborted(message: &str) -> Value {
    json!({"observedGeneration": "2", "phase": "Degraded", "abort": true, "message": message,
           "stableRS": "old", "currentPodHash": "new"})
}

/// The verdict on an update from `web:old` to `web:new`.
fn verdict(end: End, after: &[Value]) -> String {
    let act = Act {
        asks: Ask::Image("web:new".to_owned()),
        end,
    };
    let before = Scene::of(&[rollout("web:old", healthy("old", "old"))]);
    match Witness::new(&before, "web", &act).look(&Scene::of(after), Instant::now()) {
        Verdict::NotYet(why) => format!("not yet: {why}"),
        Verdict::Ended(what) => format!("ended: {what}"),
        Verdict::Wrong(why) => format!("wrong: {why}"),
    }
}

/// The same, with one object in place of the other of its kind and name.
fn but(objects: &[Value], object: Value) -> Vec<Value> {
    let key = |object: &Value| (object["kind"].clone(), object["metadata"]["name"].clone());
    let mut objects = objects.to_vec();
    objects.retain(|other| key(other) != key(&object));
    objects.push(object);
    objects
}

#[test]
fn promoted_means_all_of_it_and_measured() {
    let good = [
        rollout("web:new", healthy("new", "new")),
        replica_set("old", 0),
        replica_set("new", 2),
        pod("new"),
        service("stable", "new"),
        service("canary", "new"),
        run("new", "Successful"),
    ];
    let table = [
        (good.to_vec(), "ended: wholly web:new"),
        (
            but(&good, rollout("web:old", healthy("old", "old"))),
            "not yet: what was asked for has not come back by the watch",
        ),
        (
            but(&good, rollout("web:new", healthy("old", "new"))),
            "not yet: the rollout is Healthy",
        ),
        (
            but(&good, replica_set("old", 1)),
            "not yet: 1 pods of old are still asked for",
        ),
        (
            but(&good, replica_set("new", 1)),
            "not yet: 1 of 1 pods of new are available",
        ),
        (but(&good, pod("old")), "not yet: there is still a pod of web:old"),
        (
            but(&good, service("stable", "old")),
            "not yet: Service stable does not select new",
        ),
        (
            but(&good, run("new", "Failed")),
            "wrong: wholly web:new, but no analysis has looked at it",
        ),
        (
            but(&good, rollout("web:new", aborted("RolloutAborted: error-rate"))),
            "wrong: web:new should have been promoted, but: RolloutAborted: error-rate",
        ),
    ];
    for (after, want) in table {
        assert_eq!(verdict(End::Promoted, &after), want);
    }
}

#[test]
fn taken_back_means_all_of_it_and_for_a_metric() {
    let good = [
        rollout(
            "web:new",
            aborted("RolloutAborted: Metric \"error-rate\" assessed Failed"),
        ),
        replica_set("old", 2),
        replica_set("new", 0),
        pod("old"),
        service("stable", "old"),
        service("canary", "new"),
        run("new", "Failed"),
    ];
    let table = [
        (good.to_vec(), "ended: web:new taken back because of error-rate"),
        (
            but(&good, replica_set("new", 1)),
            "not yet: 1 pods of new are still asked for",
        ),
        (but(&good, pod("new")), "not yet: there is still a pod of web:new"),
        (
            but(&good, service("stable", "new")),
            "not yet: Service stable does not select old",
        ),
        (
            but(&good, run("new", "Successful")),
            "wrong: aborted, but for no metric: RolloutAborted: Metric \"error-rate\" assessed Failed",
        ),
        (
            but(&good, rollout("web:new", healthy("new", "new"))),
            "wrong: web:new should have been taken back, but it was promoted",
        ),
    ];
    for (after, want) in table {
        assert_eq!(verdict(End::TakenBack, &after), want);
    }
}
