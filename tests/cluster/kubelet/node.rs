//! The nodes: large, and always ready.

use anyhow::{Context, Result};
use kube::Client;
use serde_json::json;
use sim::Request;

use crate::cluster::call;

/// Creates the nodes `node-1` to `node-N`, each with room for a thousand pods.
///
/// # Errors
/// The API server refused one.
pub async fn create_nodes(client: &Client, count: usize) -> Result<()> {
    let room = json!({"cpu": "1000", "memory": "4000Gi", "ephemeral-storage": "4000Gi", "pods": "1000"});
    for number in 1..=count {
        let name = format!("node-{number}");
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        });
        let created = call(client, Request::post("/api/v1/nodes", &node)).await;
        created.with_context(|| format!("could not create {name}"))?;
        let condition = json!({
            "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
        });
        let status = json!({"status": {"capacity": room, "allocatable": room, "conditions": [condition]}});
        let path = format!("/api/v1/nodes/{name}/status");
        let ready = call(client, Request::merge_patch(&path, &status)).await;
        ready.with_context(|| format!("could not make {name} ready"))?;
    }
    Ok(())
}
