//! ReplicaSets and pods that cannot be created, and ReplicaSets that are nobody's: what people hear, how long is waited, and
//! what is left alone.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{ApiServer, Fault, Rule};

use super::ring::{self, NAMESPACE, Ring, replica_sets, status};
use super::{canary, service, template};

/// The condition of this type.
fn condition(api: &ApiServer, kind: &str) -> Value {
    let status = status(api, "web");
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.into_iter().find(|condition| condition["type"] == kind);
    found.unwrap_or_default()
}

/// A webhook that is down fails every creation, and the status says so until it is up again.
#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_create_the_new_revision_is_no_secret() {
    let ring = Ring::running(500);
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    let down = Rule::new(Fault::ErrorBefore).agent("sluice").verb("create");
    ring.fault(down.resource("replicasets.apps"));
    ring.set_image("web", "web:v2");
    ring.until("the condition", 30, |api| {
        condition(api, "Progressing")["reason"] == "ReplicaSetCreateError"
    })
    .await;
    ring.pass(300).await;
    ring.shared.with(|api| {
        let progressing = condition(api, "Progressing");
        assert_eq!(progressing["status"], "False");
        let message = progressing["message"].as_str().unwrap_or_default();
        assert!(
            message.starts_with("Failed to create new replica set \"web-"),
            "{message}"
        );
        let told = ring::events(api, "ReplicaSetCreateError");
        assert_eq!(told.len(), 1, "{told:?}");
        api.faults.clear();
    });
    ring.until("the update", 60, |api| replica_sets(api).len() == 2).await;
    ring.until_phase("web", "Healthy", 60).await;
}

/// No pod of the second version can be created; nor of the third, which has its own ten minutes all the same.
#[tokio::test(start_paused = true)]
async fn each_revision_has_its_own_deadline() {
    let ring = Ring::running(501);
    let mut rollout = canary("web", 2, json!([{"setWeight": 50}]));
    rollout["spec"]["progressDeadlineSeconds"] = json!(60);
    ring.create(&rollout);
    ring.until_phase("web", "Healthy", 60).await;
    let quota = Rule::new(Fault::ErrorBefore).verb("create").resource("pods");
    ring.fault(quota.agent("replicaset-controller"));
    ring.set_image("web", "web:v2");
    ring.until_phase("web", "Degraded", 90).await;
    ring.pass(120).await;
    ring.set_image("web", "web:v3");
    ring.until("the third", 30, |api| replica_sets(api).len() == 3).await;
    ring.pass(50).await;
    ring.shared.with(|api| {
        assert_eq!(status(api, "web")["phase"], "Progressing");
        assert_eq!(condition(api, "Progressing")["reason"], "NewReplicaSetCreated");
    });
    ring.until_phase("web", "Degraded", 30).await;
    let reason = ring.shared.with(|api| condition(api, "Progressing")["reason"].clone());
    assert_eq!(reason, "ProgressDeadlineExceeded");
}

/// Somebody deletes the Rollout and keeps its pods, and we hear late of the deletion: its ReplicaSets are not taken back.
#[tokio::test(start_paused = true)]
async fn what_a_deleted_rollout_leaves_is_left() {
    let ring = Ring::running(502);
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    ring.pass(10).await;
    let late = Rule::new(Fault::Stale(Duration::from_secs(60)))
        .agent("sluice")
        .verb("watch");
    ring.fault(late.resource("rollouts.argoproj.io"));
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/web?propagationPolicy=Orphan");
    ring.delete(&path);
    let owners = |api: &ApiServer| -> Vec<Value> {
        let sets = api.store().list("replicasets.apps", Some(NAMESPACE));
        sets.map(|set| set["metadata"]["ownerReferences"].clone()).collect()
    };
    ring.until("the orphan", 30, |api| owners(api) == [Value::Null]).await;
    ring.pass(120).await;
    ring.shared.with(|api| {
        assert_eq!(owners(api), [Value::Null]);
        assert_eq!(api.store().list("pods", Some(NAMESPACE)).count(), 2);
    });
}

/// Where nobody writes EndpointSlices, the analysis before a switch waits for them for half a minute and no longer.
#[tokio::test(start_paused = true)]
async fn a_cluster_without_endpoints_holds_no_analysis_for_good() {
    let mut ring = Ring::new(503);
    ring.answers(|_| r#"{"rate": 0.01}"#.to_owned());
    ring.start("sluice", |_| {});
    let nobody = Rule::new(Fault::ErrorBefore).agent("endpointslice-controller");
    ring.fault(nobody);
    for name in ["active", "preview"] {
        ring.create(&service(name));
    }
    ring.create(&template("good-enough", "result < 0.1"));
    let mut rollout = canary("web", 2, json!([]));
    let analysis = json!({"templates": [{"templateName": "good-enough"}]});
    rollout["spec"]["strategy"] = json!({"blueGreen": {"activeService": "active", "previewService": "preview",
                                                        "prePromotionAnalysis": analysis}});
    ring.create(&rollout);
    ring.until_phase("web", "Healthy", 60).await;
    ring.set_image("web", "web:v2");
    ring.until("both revisions", 30, |api| {
        replica_sets(api).iter().filter(|set| set.ends_with(" 2/2")).count() == 2
    })
    .await;
    ring.pass(20).await;
    let runs = |ring: &Ring| {
        ring.shared
            .with(|api| ring::phases(api, "analysisruns.argoproj.io").len())
    };
    assert_eq!(runs(&ring), 0);
    ring.pass(20).await;
    assert_eq!(runs(&ring), 1);
    ring.until_phase("web", "Healthy", 60).await;
}
