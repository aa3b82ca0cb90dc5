use std::time::Duration;

use serde_json::json;
use sim::Request;

use super::{Cluster, EVENTS, PODS, call};

const RING: &str = "the cluster ring; `just cluster` runs it";

#[test]
#[ignore = "needs the control plane: `just cluster`"]
fn the_parts_of_a_cluster_work_together() {
    let cluster = Cluster::shared();
    println!("{RING}");
    cluster.block_on(async {
        cluster.namespace("parts").await.expect("a namespace");
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "parts"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:v1", "ports": [{"containerPort": 8080}]}]},
            }},
        });
        call(
            &cluster.client,
            Request::post("/apis/apps/v1/namespaces/parts/deployments", &deployment),
        )
        .await
        .expect("a Deployment");
        let ready = cluster
            .wait_for(Duration::from_secs(60), |history| {
                let pods = history.objects(PODS, "parts");
                (pods.iter().filter(|pod| sim::kubelet::status::is_ready(pod)).count() == 2).then_some(pods)
            })
            .await;
        println!(
            "{:?} {}",
            ready.is_some(),
            cluster.history.objects(EVENTS, "parts").len()
        );
        ready.expect("two ready pods");
    });
}
