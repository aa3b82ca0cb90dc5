//! A Deployment and its autoscaler under load, in a world of their own.

use crate::kubelet::Pace;
use crate::load::Reach;
use crate::selector::LabelSelector;
use crate::{Request, World};
use serde_json::{Value, json};
use std::time::Duration;

const SPACE: &str = "/apis/apps/v1/namespaces/shop/deployments";
const AUTOSCALER: &str = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers";

/// A Deployment of so many pods that request 100m each, and an autoscaler of 1 to 10 with this metric.
fn world(replicas: i32, metric: Value, behavior: Value) -> World {
    let mut world = World::new(1, Pace::default());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let container = json!({"name": "app", "image": "shop/web:v1", "resources": {"requests": {"cpu": "100m"}}});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}},
    });
    let mut autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 10, "metrics": [metric]},
    });
    if behavior.is_object() {
        autoscaler["spec"]["behavior"] = behavior;
    }
    for (path, object) in [
        ("/api/v1/namespaces", &namespace),
        (SPACE, &deployment),
        (AUTOSCALER, &autoscaler),
    ] {
        world.call(Request::post(path, object)).object().expect("it is created");
    }
    world
}

fn cpu(percent: i64) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}})
}

fn put_cpu(world: &mut World, total: i64) {
    let app = LabelSelector::parse("app=web").expect("a selector");
    world.crew.load.set_cpu("shop", Reach::Labels(app), total);
}

fn read(world: &mut World, path: &str, pointer: &str) -> String {
    let object = world.call(Request::get(path)).object().expect("it is there");
    object.pointer(pointer).unwrap_or(&Value::Null).to_string()
}

fn replicas(world: &mut World) -> String {
    read(world, &format!("{SPACE}/web"), "/spec/replicas")
}

fn condition(world: &mut World, kind: &str) -> String {
    let autoscaler = world
        .call(Request::get(&format!("{AUTOSCALER}/web")))
        .object()
        .expect("it is there");
    let conditions = autoscaler["status"]["conditions"].as_array().expect("conditions");
    let one = conditions
        .iter()
        .find(|one| one["type"] == kind)
        .expect("a condition of this type");
    format!("{} {}", one["status"], one["reason"]).replace('"', "")
}

#[test]
fn utilization_moves_a_target_through_its_scale() {
    let mut world = world(2, cpu(50), Value::Null);
    put_cpu(&mut world, 400);
    world.advance(Duration::from_secs(14));
    assert_eq!(replicas(&mut world), "2", "a new autoscaler waits for its turn");
    world.advance(Duration::from_secs(20));
    assert_eq!(replicas(&mut world), "4", "twice as many at once");
    world.advance(Duration::from_secs(60));
    assert_eq!(replicas(&mut world), "8");
    let path = format!("{AUTOSCALER}/web");
    assert_eq!(read(&mut world, &path, "/status/desiredReplicas"), "8");
    let current = "/status/currentMetrics/0/resource/current";
    assert_eq!(
        read(&mut world, &path, current),
        r#"{"averageUtilization":50,"averageValue":"50m"}"#
    );
    assert_eq!(condition(&mut world, "ScalingActive"), "True ValidMetricFound");
    let before = world.api.store().revision();
    world.advance(Duration::from_secs(3600));
    assert_eq!(world.api.store().revision(), before, "at rest nothing is written");
    put_cpu(&mut world, 100);
    world.advance(Duration::from_secs(290));
    assert_eq!(replicas(&mut world), "8", "down only after five minutes");
    assert_eq!(condition(&mut world, "AbleToScale"), "True ScaleDownStabilized");
    world.advance(Duration::from_secs(60));
    assert_eq!(replicas(&mut world), "2");
}

#[test]
fn values_of_every_source_move_a_target() {
    let quick = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
    let named = json!({"name": "queue"});
    let described = json!({"apiVersion": "v1", "kind": "Service", "name": "web"});
    let table = [
        (
            json!({"type": "External", "external": {"metric": named, "target": {"type": "AverageValue", "averageValue": "10"}}}),
            "5",
        ),
        (
            json!({"type": "External", "external": {"metric": named, "target": {"type": "Value", "value": "25"}}}),
            "6",
        ),
        (
            json!({"type": "Object", "object": {"metric": named, "describedObject": described, "target": {"type": "AverageValue", "averageValue": "10"}}}),
            "5",
        ),
        (
            json!({"type": "Object", "object": {"metric": named, "describedObject": described, "target": {"type": "Value", "value": "100"}}}),
            "2",
        ),
        (
            json!({"type": "Pods", "pods": {"metric": named, "target": {"type": "AverageValue", "averageValue": "10"}}}),
            "5",
        ),
    ];
    for (metric, wanted) in table {
        let mut world = world(3, metric.clone(), quick.clone());
        world.crew.load.set_value("shop", "queue", 50_000);
        world.advance(Duration::from_secs(16));
        assert_eq!(replicas(&mut world), wanted, "{metric}");
    }
}

#[test]
fn where_nothing_is_known_nothing_moves() {
    let mut unmeasured = world(3, cpu(50), Value::Null);
    unmeasured.advance(Duration::from_secs(60));
    assert_eq!(replicas(&mut unmeasured), "3");
    assert_eq!(
        condition(&mut unmeasured, "ScalingActive"),
        "False FailedGetResourceMetric"
    );
    let mut off = world(0, cpu(50), Value::Null);
    put_cpu(&mut off, 400);
    off.advance(Duration::from_secs(60));
    assert_eq!(replicas(&mut off), "0");
    assert_eq!(condition(&mut off, "ScalingActive"), "False ScalingDisabled");
    let patch = json!({"spec": {"replicas": 12}});
    off.call(Request::merge_patch(&format!("{SPACE}/web"), &patch))
        .object()
        .expect("it is patched");
    off.advance(Duration::from_secs(15));
    assert_eq!(replicas(&mut off), "10", "never more than maxReplicas");
}
