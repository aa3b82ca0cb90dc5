//! Who starts anew finds everything as it is and changes nothing; a deadline is told of once (field-lessons F, "Identity").

use serde_json::{Value, json};

use super::people::{patch, patch_status};
use super::ring::{self, NAMESPACE, Ring, replica_sets, status};
use super::{canary, service};

/// R53: another controller, or a newer one, takes over rollouts in every state, and writes nothing.
#[tokio::test(start_paused = true)]
async fn a_new_start_writes_nothing() {
    let mut ring = Ring::new(440);
    for name in ["active", "preview"] {
        ring.create(&service(name));
    }
    ring.start("sluice", |_| {});
    let steps = json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}]);
    let names = ["healthy", "paused", "aborted", "held", "invalid", "web"];
    for name in names {
        ring.create(&canary(name, 4, steps.clone()));
    }
    let strategy = json!({"canary": null, "blueGreen": {
        "activeService": "active", "previewService": "preview", "autoPromotionEnabled": false,
    }});
    ring.patch("web", json!({"spec": {"strategy": strategy}}));
    for name in names {
        ring.until_phase(name, "Healthy", 60).await;
    }
    for name in ["paused", "aborted", "held", "web"] {
        ring.set_image(name, "web:v2");
        ring.until_phase(name, "Paused", 60).await;
    }
    ring.shared.with(|api| {
        patch_status(api, "aborted", json!({"abort": true}));
        patch(api, "held", json!({"spec": {"paused": true}}));
        patch(api, "invalid", json!({"spec": {"minReadySeconds": -1}}));
    });
    ring.pass(90).await;
    let states = |ring: &Ring| -> Vec<Value> { ring.shared.with(|api| names.map(|name| status(api, name)).into()) };
    let (writes, before) = (ring.writes(), states(&ring));
    let phases: Vec<&str> = before
        .iter()
        .map(|status| status["phase"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        phases,
        ["Healthy", "Paused", "Degraded", "Paused", "Degraded", "Paused"]
    );
    for _ in 0..3 {
        ring.kill();
        ring.start("sluice", |_| {});
        ring.pass(30).await;
    }
    assert_eq!(ring.writes(), writes);
    assert_eq!(states(&ring), before);
}

/// The name is taken by a ReplicaSet that is not watched, since it has no hash label (wire-contract 10.2.36).
#[tokio::test(start_paused = true)]
async fn a_hidden_replica_set_that_has_our_name_is_left_alone() {
    let mut ring = Ring::new(442);
    ring.start("sluice", |_| {});
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 60).await;
    let hash = ring.shared.with(|api| status(api, "web")["currentPodHash"].clone());
    let name = format!("web-{}", hash.as_str().unwrap_or_default());
    ring.delete("/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web");
    ring.until("everything is gone", 60, |api| replica_sets(api).is_empty())
        .await;
    let template = json!({
        "metadata": {"labels": {"app": "legacy"}},
        "spec": {"containers": [{"name": "web", "image": "legacy:v1"}]},
    });
    ring.create(&json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "legacy"}}, "template": template},
    }));
    ring.create(&canary("web", 2, json!([])));
    ring.until_phase("web", "Healthy", 30).await;
    ring.shared.with(|api| {
        assert_eq!(status(api, "web")["collisionCount"], 1);
        let hidden = api
            .store()
            .get("replicasets.apps", NAMESPACE, &name)
            .expect("the hidden one");
        assert_eq!(hidden["metadata"]["generation"], 1);
        assert_eq!(hidden["metadata"]["ownerReferences"], Value::Null);
    });
    let writes = ring.writes();
    ring.pass(600).await;
    assert_eq!(ring.writes(), writes, "at rest");
}

/// R68: of a deadline that aborts is told once, in the contract's two events (10.2.30); a crash in between repeats nothing.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_aborts_is_told_of_once() {
    let mut ring = Ring::running(441);
    for name in ["web", "crashed"] {
        let mut rollout = canary(name, 4, json!([{"setWeight": 25}, {"pause": {"duration": 10}}]));
        rollout["spec"]["progressDeadlineSeconds"] = json!(60);
        rollout["spec"]["progressDeadlineAbort"] = json!(true);
        ring.create(&rollout);
        ring.until_phase(name, "Healthy", 60).await;
    }
    ring.set_image("web", "web:v2-no-pull");
    ring.until_phase("web", "Degraded", 90).await;
    ring.pass(10).await;
    let told = ring.shared.with(|api| ring::events(api, "RolloutAborted"));
    assert_eq!(told.len(), 2, "{told:?}");
    assert_ne!(told[0], told[1]);

    ring.set_image("crashed", "web:v2-no-pull");
    ring.until("the abort is written", 90, |api| {
        status(api, "crashed")["abort"] == true
    })
    .await;
    ring.kill();
    ring.start("sluice", |_| {});
    ring.pass(120).await;
    let told = ring.shared.with(|api| ring::events(api, "RolloutAborted"));
    assert!(told.len() <= 4, "{told:?}");
    let aborts = ring.shared.with(|api| {
        let entries = api.trace.entries().iter().filter(|entry| entry.name == "crashed");
        entries
            .flat_map(|entry| &entry.difference)
            .filter(|line| line.contains("status.abort:"))
            .count()
    });
    assert_eq!(aborts, 1);
}
