//! How routes follow EndpointSlices: every change applies a fixed time after it was seen, in order.

use super::{Endpoint, Load};
use futures::StreamExt;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

pub(super) async fn follow(load: &Load, client: Client, namespace: &str, delay: Duration) {
    let api: Api<EndpointSlice> = Api::namespaced(client, namespace);
    let mut events = std::pin::pin!(watcher(api, Config::default()).default_backoff());
    let mut slices = BTreeMap::new();
    let mut listed = BTreeMap::new();
    let mut late: VecDeque<(Instant, BTreeMap<String, Vec<Endpoint>>)> = VecDeque::new();
    loop {
        let due = late.front().map(|(due, _)| *due);
        let event = tokio::select! {
            biased;
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if let Some((_, routes)) = late.pop_front() {
                    apply(load, routes);
                }
                continue;
            }
            event = events.next() => event,
        };
        match event {
            None => return,
            Some(Ok(Event::Init)) => listed.clear(),
            Some(Ok(Event::InitApply(slice))) => {
                listed.insert(name(&slice), slice);
                continue;
            }
            Some(Ok(Event::InitDone)) => slices = std::mem::take(&mut listed),
            Some(Ok(Event::Apply(slice))) => drop(slices.insert(name(&slice), slice)),
            Some(Ok(Event::Delete(slice))) => drop(slices.remove(&name(&slice))),
            Some(Err(error)) => {
                tracing::debug!(%error, "the watch of EndpointSlices failed; the routes stay as they are");
                continue;
            }
        }
        late.push_back((Instant::now() + delay, routes(slices.values())));
    }
}

/// Routes every Service the callers know; one that has no slice any more has no endpoint.
fn apply(load: &Load, mut routes: BTreeMap<String, Vec<Endpoint>>) {
    for service in load.lanes.keys() {
        load.route(service, routes.remove(service).unwrap_or_default());
    }
}

/// The ready endpoints by Service.
fn routes<'a>(slices: impl Iterator<Item = &'a EndpointSlice>) -> BTreeMap<String, Vec<Endpoint>> {
    let mut routes: BTreeMap<String, Vec<Endpoint>> = BTreeMap::new();
    for slice in slices {
        let labels = slice.metadata.labels.as_ref();
        let Some(service) = labels.and_then(|labels| labels.get("kubernetes.io/service-name")) else {
            continue;
        };
        let port = slice
            .ports
            .iter()
            .flatten()
            .find_map(|port| port.port.and_then(|port| u16::try_from(port).ok()));
        // An absent condition counts as ready (EndpointConditions of discovery/v1).
        let ready = |endpoint: &&k8s_openapi::api::discovery::v1::Endpoint| {
            endpoint
                .conditions
                .as_ref()
                .and_then(|conditions| conditions.ready)
                .unwrap_or(true)
        };
        for endpoint in slice.endpoints.iter().filter(ready) {
            let ip = endpoint.addresses.first().and_then(|address| address.parse().ok());
            if let (Some(ip), Some(port)) = (ip, port) {
                let pod = endpoint
                    .target_ref
                    .as_ref()
                    .and_then(|target| target.name.as_deref())
                    .unwrap_or_default();
                routes.entry(service.clone()).or_default().push(Endpoint {
                    ip,
                    port,
                    hash: hash(pod).to_owned(),
                });
            }
        }
    }
    routes
}

/// The pod template hash in a pod's name: `<rollout>-<hash>-<suffix>`, as a rollout's ReplicaSets are named.
fn hash(pod: &str) -> &str {
    pod.rsplit('-').nth(1).unwrap_or_default()
}

fn name(slice: &EndpointSlice) -> String {
    slice.metadata.name.clone().unwrap_or_default()
}
