//! What a user of the cluster would notice, looked for after every change: a Service without pods, too few pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use sim::ApiServer;
use sim::world::Shared;
use tokio::task::JoinHandle;

use super::ring::NAMESPACE;

/// Watches until it is dropped.
pub(super) struct Witness {
    seen: Arc<Mutex<Vec<String>>>,
    watching: JoinHandle<()>,
}

impl Witness {
    /// Pods do not die by themselves here, so whatever is noticed was our doing.
    pub(super) fn of(shared: Shared) -> Self {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = seen.clone();
        let watching = tokio::spawn(async move {
            let mut changes = shared.changes();
            let mut memory = Memory::default();
            loop {
                changes.mark_unchanged();
                let news = shared.with(|api| memory.look(api));
                notes.lock().unwrap_or_else(PoisonError::into_inner).extend(news);
                if changes.changed().await.is_err() {
                    return;
                }
            }
        });
        Witness { seen, watching }
    }

    /// What was noticed so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Who has had pods once.
#[derive(Default)]
struct Memory {
    served: BTreeSet<String>,
    complete: BTreeSet<String>,
}

impl Memory {
    fn look(&mut self, api: &ApiServer) -> Vec<String> {
        let mut news = Vec::new();
        for (service, ready) in ready_endpoints(api) {
            // The contract points preview Services at once, so that readiness gates can work.
            if ready > 0 {
                self.served.insert(service);
            } else if service != "preview" && self.served.contains(&service) {
                news.push(format!(
                    "{}: Service {service} has no ready endpoint",
                    api.clock().stamp()
                ));
            }
        }
        for rollout in api.store().list("rollouts.argoproj.io", Some(NAMESPACE)) {
            let name = text(&rollout["metadata"]["name"]);
            let wanted = rollout["spec"]["replicas"].as_i64().unwrap_or(1);
            // The default maxUnavailable, a quarter, rounded down.
            let least = wanted - wanted / 4;
            let available = available(api, &text(&rollout["metadata"]["uid"]));
            if available >= wanted {
                self.complete.insert(name);
            } else if available < least && self.complete.contains(&name) {
                news.push(format!(
                    "{}: {name} has {available} available pods of {wanted}",
                    api.clock().stamp()
                ));
            }
        }
        news
    }
}

fn ready_endpoints(api: &ApiServer) -> BTreeMap<String, usize> {
    let mut ready = BTreeMap::new();
    for slice in api.store().list("endpointslices.discovery.k8s.io", Some(NAMESPACE)) {
        let endpoints = slice["endpoints"].as_array().into_iter().flatten();
        let count = endpoints
            .filter(|endpoint| endpoint["conditions"]["ready"] == true)
            .count();
        *ready
            .entry(text(&slice["metadata"]["labels"]["kubernetes.io/service-name"]))
            .or_default() += count;
    }
    ready
}

fn available(api: &ApiServer, owner: &str) -> i64 {
    let sets = api.store().list("replicasets.apps", Some(NAMESPACE));
    let ours = sets.filter(|rs| rs["metadata"]["ownerReferences"][0]["uid"] == owner);
    ours.map(|rs| rs["status"]["availableReplicas"].as_i64().unwrap_or(0))
        .sum()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
