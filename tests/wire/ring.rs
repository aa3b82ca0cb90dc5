//! A cluster with the real controller in it, over a real client, without a socket and in paused time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use controller::config::{Clock, Config};
use serde_json::{Value, json};
use sim::kubelet::{Kubelet, NoProcesses, Pace};
use sim::world::{Shared, crew, live};
use sim::{ApiServer, Request, Rule, Service};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::tap::Tap;
use super::witness::Witness;
use crate::rights;
use crate::scenarios::collection;

/// The namespace everything is in.
pub(super) const NAMESPACE: &str = "shop";

/// Making the schemas takes longer than a whole test.
static CRDS: LazyLock<Vec<Value>> = LazyLock::new(api::crd::all);

/// The running cluster and what controls it.
pub(super) struct Ring {
    pub(super) shared: Shared,
    /// What stands between the controllers and the API server.
    pub(super) tap: Tap,
    world: JoinHandle<()>,
    controllers: Vec<Running>,
    metrics: providers::Transport,
}

struct Running {
    edge: Arc<controller::edge::Edge>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), controller::error::Error>>,
}

impl Ring {
    /// A cluster with our CRDs and without a controller.
    pub(super) fn new(seed: u64) -> Self {
        Ring::with_crds(seed, &CRDS)
    }

    /// A cluster that takes any object of our kinds, as one with CRDs without a schema does.
    pub(super) fn loose(seed: u64) -> Self {
        let mut crds = CRDS.clone();
        for crd in &mut crds {
            for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
                let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
                version["schema"]["openAPIV3Schema"] = anything;
            }
        }
        Ring::with_crds(seed, &crds)
    }

    /// A cluster where one CustomResourceDefinition is missing.
    pub(super) fn without_crd(seed: u64, name: &str) -> Self {
        let mut crds = CRDS.clone();
        crds.retain(|crd| crd["metadata"]["name"] != name);
        Ring::with_crds(seed, &crds)
    }

    fn with_crds(seed: u64, crds: &[Value]) -> Self {
        // `RUST_LOG=controller=debug` shows what a failing test did; another test may have set it up before.
        let log = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env());
        let _ = log.with_test_writer().try_init();
        let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        let mut api = ApiServer::new(sim::Clock::tokio(start), seed);
        for crd in crds {
            api.install(crd).expect("our CRDs are accepted");
        }
        let shared = Shared::new(api);
        let kubelet = Kubelet::new(Pace::default(), Box::new(NoProcesses));
        let world = tokio::spawn(live(shared.clone(), crew(kubelet), std::future::pending()));
        let ring = Ring {
            shared,
            tap: Tap::default(),
            world,
            controllers: Vec::new(),
            metrics: metrics(|_| String::new()),
        };
        ring.create_namespace(NAMESPACE);
        ring
    }

    /// One more namespace.
    pub(super) fn create_namespace(&self, name: &str) {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let request = Request::post("/api/v1/namespaces", &namespace);
        let created = self.shared.with(|api| api.handle(request)).object();
        created.unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    /// A cluster with one controller, which needs no lease.
    pub(super) fn running(seed: u64) -> Self {
        let mut ring = Ring::new(seed);
        ring.start("sluice", |_| {});
        ring
    }

    /// Starts a controller that shows itself to the API server as `agent`.
    pub(super) fn start(&mut self, agent: &str, configure: impl FnOnce(&mut Config)) {
        let clock = self.shared.with(|api| api.clock().clone());
        let mut config = Config {
            clock: Clock::from_fn(move || clock.now()),
            qps: 1000,
            burst: 1000,
            ..Config::default()
        };
        configure(&mut config);
        let own = config
            .election
            .as_ref()
            .map_or(NAMESPACE, |election| &election.namespace);
        let grants = rights::grants(&config.namespace, own);
        self.shared.with(|api| api.access.bind(agent, grants));
        let client = kube::Client::new(self.tap.on(Service::new(self.shared.clone(), agent)), "default");
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            // Dropped together with the ring: then nobody waits for the end.
            let _ = stopped.await;
        };
        let nobody = |_: IpAddr, _: u16| -> Option<SocketAddr> { None };
        let controller = controller::app::Controller::new(config, client, self.metrics.clone(), Arc::new(nobody));
        let edge = controller.edge();
        let ended = tokio::spawn(controller.run(shutdown));
        self.controllers.push(Running { edge, stop, ended });
    }

    /// Stops the controller that was started last, and waits for its end.
    pub(super) async fn stop(&mut self) -> Result<(), controller::error::Error> {
        let running = self.controllers.pop().expect("a controller runs");
        let _ = running.stop.send(());
        running.ended.await.expect("the controller does not panic")
    }

    /// Ends the controller that was started last in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        self.controllers.pop().expect("a controller runs").ended.abort();
    }

    /// How the controller that was started last ends by itself.
    pub(super) async fn last_end(&mut self) -> Result<(), controller::error::Error> {
        let running = self.controllers.pop().expect("a controller runs");
        let ended = running.ended.await.expect("the controller does not panic");
        drop(running.stop);
        ended
    }

    /// How the controller that was started first ends.
    pub(super) async fn end(&mut self) -> Result<(), controller::error::Error> {
        self.controllers
            .remove(0)
            .ended
            .await
            .expect("the controller does not panic")
    }

    /// What the controller that was started first serves at `/metrics`.
    pub(super) fn page(&self) -> String {
        self.controllers.first().expect("a controller runs").edge.page()
    }

    /// What metrics systems answer to controllers that are started from now on.
    pub(super) fn answers(&mut self, answer: impl Fn(&str) -> String + Send + Sync + 'static) {
        self.metrics = metrics(answer);
    }

    /// Begins to watch what users of the cluster would notice.
    pub(super) fn witness(&self) -> Witness {
        Witness::of(self.shared.clone())
    }

    /// From now on this goes wrong.
    pub(super) fn fault(&self, rule: Rule) {
        self.shared.with(|api| api.faults.add(rule));
    }

    /// Creates an object of ours or of the cluster's.
    pub(super) fn create(&self, object: &Value) {
        let request = Request::post(&collection(object, NAMESPACE), object).agent("user");
        self.shared
            .with(|api| api.handle(request))
            .object()
            .unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    /// Puts an object into the store as it stands, past everything that an API server would say against it. One that is
    /// there keeps its identity, and its status where this one has none.
    pub(super) fn plant(&self, object: &Value) {
        let mut object = object.clone();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.shared.with(|api| {
            let resource = match object["kind"].as_str() {
                Some("ReplicaSet") => "replicasets.apps".to_owned(),
                kind => format!("{}s.argoproj.io", kind.unwrap_or_default().to_lowercase()),
            };
            let there = api.store().get(&resource, NAMESPACE, &name).cloned();
            let now = api.clock().stamp();
            let metadata = &mut object["metadata"];
            match there.as_deref() {
                None => {
                    metadata["uid"] = json!(format!("uid-of-{name}"));
                    metadata["creationTimestamp"] = json!(now);
                    metadata["generation"] = json!(1);
                }
                Some(there) => {
                    metadata["uid"] = there["metadata"]["uid"].clone();
                    metadata["creationTimestamp"] = there["metadata"]["creationTimestamp"].clone();
                    metadata["generation"] = json!(there["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
                    if object.get("status").is_none() {
                        object["status"] = there["status"].clone();
                    }
                }
            }
            api.restore(&object).expect("a kind that is served");
        });
    }

    /// Merge-patches a Rollout, or with `/status` at the end of its name its status.
    pub(super) fn patch(&self, rollout: &str, patch: Value) {
        let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/{rollout}");
        let request = Request::merge_patch(&path, &patch).agent("user");
        self.shared
            .with(|api| api.handle(request))
            .object()
            .unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    /// Deletes an object.
    pub(super) fn delete(&self, path: &str) {
        let request = Request::delete(path).agent("user");
        self.shared
            .with(|api| api.handle(request))
            .object()
            .unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    /// Sets the image of the only container.
    pub(super) fn set_image(&self, rollout: &str, image: &str) {
        self.patch(
            rollout,
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}),
        );
    }

    /// Waits until this holds, at most so long in the cluster's time.
    pub(super) async fn until(&self, what: &str, seconds: u64, holds: impl Fn(&ApiServer) -> bool) {
        let mut changes = self.shared.changes();
        let wait = async {
            while !self.shared.with(|api| holds(api)) {
                changes.changed().await.expect("the cluster lives as long as the ring");
            }
        };
        if timeout(Duration::from_secs(seconds), wait).await.is_err() {
            panic!("not within {seconds} s: {what}\n{}", self.shared.with(|api| shown(api)));
        }
    }

    /// Waits until a Rollout has this phase.
    pub(super) async fn until_phase(&self, rollout: &str, phase: &str, seconds: u64) {
        let what = format!("{rollout} {phase}");
        self.until(&what, seconds, |api| status(api, rollout)["phase"] == phase)
            .await;
    }

    /// Writes of controllers so far, Events and leases apart.
    pub(super) fn writes(&self) -> usize {
        self.shared.with(|api| {
            api.trace
                .entries()
                .iter()
                .filter(|entry| is_ours(&entry.agent, &entry.resource))
                .count()
        })
    }

    /// The controllers that have written anything.
    pub(super) fn writers(&self) -> Vec<String> {
        let agents: BTreeSet<String> = self.shared.with(|api| {
            let ours = api
                .trace
                .entries()
                .iter()
                .filter(|entry| is_ours(&entry.agent, &entry.resource));
            ours.map(|entry| entry.agent.clone()).collect()
        });
        agents.into_iter().collect()
    }

    /// The hash that a Service names.
    pub(super) fn pointed(&self, service: &str) -> String {
        self.shared.with(|api| pointed(api, service))
    }

    /// What time it is in the cluster.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.shared.with(|api| api.clock().now())
    }

    /// Lets time pass.
    pub(super) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.world.abort();
        for running in &self.controllers {
            running.ended.abort();
        }
    }
}

/// A metrics system that answers requests for these paths.
fn metrics(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> providers::Transport {
    providers::Transport::in_process(move |request| {
        let answer = answer(request.uri().path());
        Box::pin(async move { Ok(http::Response::new(Bytes::from(answer))) })
    })
}

/// How often each Rollout was looked at.
pub(super) fn looks(ring: &Ring) -> BTreeMap<String, u64> {
    let page = ring.page();
    let lines = page.lines().filter(|line| line.starts_with("rollout_reconcile_count{"));
    lines
        .filter_map(|line| {
            let (series, count) = line.rsplit_once(' ')?;
            let name = series
                .split_once(",name=\"")
                .or_else(|| series.split_once("{name=\""))?
                .1;
            Some((name.split('"').next()?.to_owned(), count.parse().ok()?))
        })
        .collect()
}

/// The Rollout as it is stored.
pub(super) fn rollout(api: &ApiServer, name: &str) -> Value {
    let found = api.store().get("rollouts.argoproj.io", NAMESPACE, name);
    found.map(|object| Value::clone(object)).unwrap_or_default()
}

/// Its status.
pub(super) fn status(api: &ApiServer, name: &str) -> Value {
    rollout(api, name)["status"].clone()
}

/// `spec.replicas` and ready pods of every ReplicaSet, by name: `web-abc 3/3`.
pub(super) fn replica_sets(api: &ApiServer) -> Vec<String> {
    let sets = api.store().list("replicasets.apps", Some(NAMESPACE));
    sets.map(|rs| {
        let ready = rs["status"]["readyReplicas"].as_i64().unwrap_or(0);
        format!(
            "{} {ready}/{}",
            rs["metadata"]["name"].as_str().unwrap_or_default(),
            rs["spec"]["replicas"]
        )
    })
    .collect()
}

/// The hash that a Service names; empty when it names none.
pub(super) fn pointed(api: &ApiServer, service: &str) -> String {
    let found = api.store().get("services", NAMESPACE, service);
    let hash = found.map(|service| service["spec"]["selector"]["rollouts-pod-template-hash"].clone());
    hash.and_then(|hash| hash.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// The phases of all objects of a kind.
pub(super) fn phases(api: &ApiServer, resource: &str) -> Vec<String> {
    let objects = api.store().list(resource, Some(NAMESPACE));
    objects
        .map(|object| object["status"]["phase"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The messages of our Events with this reason, oldest first; all of them when it is empty.
pub(super) fn events(api: &ApiServer, reason: &str) -> Vec<String> {
    let events = api.store().list("events", Some(NAMESPACE));
    let ours = events.filter(|event| event["source"]["component"] == "rollouts-controller");
    let mut told: Vec<(String, String)> = ours
        .filter(|event| reason.is_empty() || event["reason"] == reason)
        .map(|event| {
            (
                event["metadata"]["name"].to_string(),
                format!("{} {}", event["reason"], event["message"]),
            )
        })
        .collect();
    told.sort();
    told.into_iter().map(|(_, text)| text.replace('"', "")).collect()
}

fn is_ours(agent: &str, resource: &str) -> bool {
    ["sluice", "first", "second"].contains(&agent) && !resource.starts_with("events") && !resource.starts_with("leases")
}

/// What a failed wait prints.
fn shown(api: &ApiServer) -> String {
    let mut text = String::new();
    for rollout in api.store().list("rollouts.argoproj.io", Some(NAMESPACE)) {
        text.push_str(&format!("{} {}\n", rollout["metadata"]["name"], rollout["status"]));
    }
    for line in replica_sets(api) {
        text.push_str(&line);
        text.push('\n');
    }
    let entries = api.trace.entries();
    for entry in entries.iter().skip(entries.len().saturating_sub(40)) {
        text.push_str(&format!("{entry:?}\n"));
    }
    text
}
