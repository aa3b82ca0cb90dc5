//! Rollouts that take their template from a workload of another kind.

use serde_json::{Value, json};

use super::canary;
use super::ring::{self, NAMESPACE, Ring, status};

/// A workload of one pod that a Rollout of the same name refers to.
pub(super) fn workload(kind: &str, name: &str) -> Value {
    let template = canary(name, 1, json!([]))["spec"]["template"].clone();
    let metadata = json!({"name": name, "namespace": NAMESPACE});
    match kind {
        "PodTemplate" => json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "template": template}),
        _ => json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template,
        }}),
    }
}

/// A canary without a template of its own.
pub(super) fn by_workload(kind: &str, name: &str) -> Value {
    let mut rollout = canary(name, 1, json!([{"setWeight": 50}, {"pause": {"duration": 10}}]));
    let spec = &mut rollout["spec"];
    spec.as_object_mut().expect("a spec").remove("template");
    let version = if kind == "PodTemplate" { "v1" } else { "apps/v1" };
    spec["workloadRef"] = json!({"apiVersion": version, "kind": kind, "name": name, "scaleDown": "onsuccess"});
    rollout
}

#[tokio::test(start_paused = true)]
async fn a_rollout_follows_its_deployment() {
    let ring = Ring::running(41);
    ring.create(&by_workload("Deployment", "web"));
    ring.until_phase("web", "Degraded", 30).await;
    ring.create(&workload("Deployment", "web"));
    let size = |api: &sim::ApiServer| {
        let deployment = api.store().get("deployments.apps", NAMESPACE, "web");
        deployment.map(|deployment| deployment["spec"]["replicas"].clone())
    };
    ring.until_phase("web", "Healthy", 60).await;
    ring.until("the Deployment gives up its pod", 30, |api| size(api) == Some(json!(0)))
        .await;
    ring.pass(10).await;
    let image =
        json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "web:v2"}]}}}});
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web");
    let patch = sim::Request::new("PATCH", &path);
    let patch = sim::Request {
        content_type: "application/strategic-merge-patch+json".to_owned(),
        body: image.to_string().into_bytes(),
        ..patch
    };
    ring.shared
        .with(|api| api.handle(patch.agent("user")))
        .object()
        .expect("a new image");
    ring.until("the update", 30, |api| status(api, "web")["phase"] == "Paused")
        .await;
    ring.until_phase("web", "Healthy", 60).await;
    ring.pass(10).await;
    ring.shared.with(|api| {
        assert_eq!(size(api), Some(json!(0)), "scaled down again, in the second revision");
        let rollout = ring::rollout(api, "web");
        assert_eq!(rollout["spec"]["template"], Value::Null);
        let noted = &rollout["metadata"]["annotations"][api::keys::WORKLOAD_GENERATION];
        assert_eq!(rollout["status"]["workloadObservedGeneration"], *noted);
    });
    let before = ring.writes();
    ring.pass(600).await;
    assert_eq!(ring.writes(), before, "at rest");
}
