//! Which node a pod gets: the next one in turn; a pod with a node selector fits nowhere.

use super::seen::{Seen, is_active, uid};
use super::write::{Key, Subresource, Write};
use super::{Actor, Look};
use crate::clock::stamp;
use crate::kubelet::status::condition;
use crate::store::Change;
use serde_json::json;

#[derive(Clone, Debug)]
pub struct Scheduler {
    nodes: Vec<String>,
    bound: usize,
}

impl Scheduler {
    /// Nodes `node-1` to `node-<count>`. With none, every pod stays pending.
    pub fn new(count: usize) -> Self {
        Scheduler {
            nodes: (1..=count).map(|number| format!("node-{number}")).collect(),
            bound: 0,
        }
    }
}

impl Actor for Scheduler {
    fn name(&self) -> &'static str {
        "kube-scheduler"
    }

    fn touched(&self, resource: &str, change: &Change, _: &Seen<'_>) -> Vec<Key> {
        // A pod that names another scheduler waits for that one.
        let waits = |pod: &&std::sync::Arc<serde_json::Value>| {
            pod["spec"]["nodeName"].is_null() && pod["spec"]["schedulerName"] == "default-scheduler"
        };
        match resource {
            "pods" => change
                .after
                .iter()
                .filter(waits)
                .map(|pod| Key::of("pods", pod))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn look(&mut self, key: &Key, seen: &Seen<'_>) -> Look {
        let Some(pod) = seen
            .get(key)
            .filter(|pod| pod["spec"]["nodeName"].is_null() && is_active(pod))
        else {
            return Look::default();
        };
        let wants_a_special_node = pod["spec"]["nodeSelector"]
            .as_object()
            .is_some_and(|labels| !labels.is_empty());
        if !wants_a_special_node && !self.nodes.is_empty() {
            let node = self.nodes[self.bound % self.nodes.len()].clone();
            self.bound += 1;
            return Look {
                writes: vec![Write::Bind {
                    pod: key.clone(),
                    uid: uid(pod).to_owned(),
                    node,
                }],
                wake: None,
            };
        }
        if condition(pod, "PodScheduled").is_some() {
            return Look::default();
        }
        let count = self.nodes.len();
        let message =
            format!("0/{count} nodes are available: {count} node(s) didn't match Pod's node affinity/selector.");
        let unschedulable = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": message, "lastTransitionTime": stamp(seen.now),
        });
        let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.push(unschedulable);
        let status = json!({ "status": { "conditions": conditions } });
        Look {
            writes: vec![Write::patch_unchanged("pods", pod, Subresource::Status, status)],
            wake: None,
        }
    }
}
