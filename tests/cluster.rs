//! The cluster ring: a real etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback, pods played by
//! our kubelet, metrics for autoscalers by us ([`measured`]), time by the wall clock. Outcomes and invariants are asserted
//! here, not traces.
//!
//! [`Cluster::start`] gives a cluster of one's own, [`Cluster::shared`] the one that all tests of a process share; use a
//! namespace of your own there. `just cluster` runs the ring, `just cluster-up` gives you a cluster to play with.

pub mod audit;
pub mod bench;
#[cfg(test)]
mod chart;
pub mod child;
pub mod control_plane;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fleet;
pub mod gate;
#[cfg(test)]
mod hardship;
pub mod history;
#[cfg(test)]
mod judge;
pub mod kubelet;
pub mod measured;
pub mod process;
pub mod program;
pub mod prometheus;
#[cfg(test)]
mod scenarios;
pub mod scripted;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod verbs;
#[cfg(test)]
mod watchdog;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::Client;
use serde_json::{Value, json};
use sim::Request;
use sim::kubelet::Pace;
use sim::kubelet::dial::DialTable;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use control_plane::ControlPlane;
use history::History;
use measured::Measured;

/// The kinds whose history is recorded.
pub const RECORDED: [&str; 7] = [ROLLOUTS, REPLICA_SETS, SERVICES, ENDPOINT_SLICES, PODS, RUNS, EVENTS];
pub const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/rollouts";
pub const RUNS: &str = "/apis/argoproj.io/v1alpha1/analysisruns";
pub const REPLICA_SETS: &str = "/apis/apps/v1/replicasets";
pub const SERVICES: &str = "/api/v1/services";
pub const ENDPOINT_SLICES: &str = "/apis/discovery.k8s.io/v1/endpointslices";
pub const PODS: &str = "/api/v1/pods";
pub const EVENTS: &str = "/api/v1/events";

/// How a cluster is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Kubernetes version whose API is served, `1.33` for example; `None`: the newest.
    pub emulated: Option<String>,
    pub nodes: usize,
    /// How long pods take; the default is a quick node's, [`Settings::slow`] a usual one's.
    pub pace: Pace,
    /// The kinds whose history is recorded, by path.
    pub recorded: Vec<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            emulated: None,
            nodes: 3,
            pace: Pace::default(),
            recorded: RECORDED.to_vec(),
        }
    }
}

impl Settings {
    /// Nodes that pull and start for seconds, each pod a little differently.
    pub fn slow() -> Self {
        Settings {
            pace: Pace {
                pull: Duration::from_secs(2),
                start: Duration::from_secs(3),
                drain: Duration::from_secs(3),
                spread_percent: 50,
                ..Pace::default()
            },
            ..Settings::default()
        }
    }
}

/// A running cluster with our CRDs and without a controller of ours. Dropping it ends everything.
pub struct Cluster {
    // The order is that of the end: first those who use the API server.
    runtime: Option<Runtime>,
    pub plane: ControlPlane,
    /// The administrator, as `tests`.
    pub client: Client,
    /// Which loopback port answers for which pod.
    pub dial: DialTable,
    pub history: History,
    measured: OnceCell<Measured>,
}

impl Cluster {
    /// Starts a cluster of one's own.
    ///
    /// # Errors
    /// A part did not start; the error has its last words.
    pub fn start(settings: &Settings) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .context("could not start a runtime")?;
        let (dial, history) = (DialTable::default(), History::default());
        let (plane, client) = runtime.block_on(async {
            let plane = ControlPlane::start(settings.emulated.as_deref()).await?;
            let client = plane.client("tests").await?;
            install(&client).await?;
            let agent = plane.client("kubelet").await?;
            kubelet::create_nodes(&agent, settings.nodes).await?;
            tokio::spawn(kubelet::run(agent, settings.pace.clone(), dial.clone()));
            for path in settings.recorded.iter().copied() {
                let (history, client) = (history.clone(), plane.client("history").await?);
                tokio::spawn(async move { history.record(client, path).await });
            }
            anyhow::Ok((plane, client))
        })?;
        Ok(Cluster {
            runtime: Some(runtime),
            plane,
            client,
            dial,
            history,
            measured: OnceCell::new(),
        })
    }

    /// The cluster that the tests of this process share: started by the first, ended with the last that holds it. With
    /// `SLUICE_EMULATED=1.33` all of them run as that version of Kubernetes.
    ///
    /// # Panics
    /// It does not start; the message has the last words of the part that did not.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return cluster;
        }
        let settings = Settings {
            emulated: std::env::var("SLUICE_EMULATED").ok(),
            ..Settings::default()
        };
        let cluster = Cluster::start(&settings).unwrap_or_else(|error| panic!("no cluster: {error:#}"));
        let cluster = Arc::new(cluster);
        *shared = Arc::downgrade(&cluster);
        cluster
    }

    /// Runs `work` on the runtime of the cluster and waits for it. Not from within such work.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().expect("it is taken when the cluster ends");
        runtime.block_on(work)
    }

    /// Runs `work` beside everything else, until it ends or the cluster does.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let runtime = self.runtime.as_ref().expect("it is taken when the cluster ends");
        runtime.spawn(work)
    }

    /// The metrics servers of the cluster, begun by whoever needs them first.
    ///
    /// # Errors
    /// The API server does not find them.
    pub async fn measured(&self) -> Result<&Measured> {
        self.measured.get_or_try_init(|| Measured::start(self)).await
    }

    /// Creates a namespace; existing already is fine.
    ///
    /// # Errors
    /// The API server refused.
    pub async fn namespace(&self, name: &str) -> Result<()> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        match call(&self.client, Request::post("/api/v1/namespaces", &namespace)).await {
            Err(refusal) if refusal.reason != "AlreadyExists" => Err(refusal.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// A token by which a client is this ServiceAccount: RBAC is real.
    ///
    /// # Errors
    /// There is no such ServiceAccount.
    pub async fn token(&self, namespace: &str, account: &str) -> Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let wanted = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let granted = call(&self.client, Request::post(&path, &wanted)).await?;
        let token = granted["status"]["token"].as_str();
        Ok(token
            .context("the TokenRequest was answered without a token")?
            .to_owned())
    }

    /// Runs the kubectl of this Kubernetes and gives what it printed.
    ///
    /// # Errors
    /// It failed; the error has what it said.
    pub fn kubectl<const N: usize>(&self, arguments: [&str; N]) -> Result<String> {
        let output = self
            .plane
            .kubectl()
            .args(arguments)
            .output()
            .context("could not run kubectl")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "kubectl {}: {said}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits until `holds` gives a value, looking again whenever something was recorded; `None` after `patience`.
    pub async fn wait_for<T>(&self, patience: Duration, mut holds: impl FnMut(&History) -> Option<T>) -> Option<T> {
        let mut heard = self.history.heard();
        let deadline = Instant::now() + patience;
        loop {
            heard.mark_unchanged();
            if let Some(found) = holds(&self.history) {
                return Some(found);
            }
            // An end of the recording cannot be: the sender is ours.
            if tokio::time::timeout_at(deadline, heard.changed()).await.is_err() {
                return holds(&self.history);
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Not waited for: a pod's server may be in the middle of a slow answer.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Installs our CRDs and waits until their objects can be listed; a little after a CRD is established its storage is still
/// being set up.
async fn install(client: &Client) -> Result<()> {
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let crds = api::crd::all();
    for crd in &crds {
        let created = call(client, Request::post(definitions, crd)).await;
        created.with_context(|| format!("could not install {}", crd["metadata"]["name"]))?;
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    for crd in &crds {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let [group, plural, version] = ["/spec/group", "/spec/names/plural", "/spec/versions/0/name"]
            .map(|place| crd.pointer(place).map(text).unwrap_or_default());
        let objects = Request::get(&format!("/apis/{group}/{version}/{plural}"));
        while let Err(refusal) = call(client, objects.clone()).await {
            ensure!(Instant::now() < deadline, "{plural} are not served: {refusal}");
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// What the API server said when it said no.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The HTTP status; 0 when there was no answer at all.
    pub code: u16,
    pub reason: String,
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl std::error::Error for Refusal {}

/// Sends one request in the simulator's words to a real API server: the same request can go to both.
///
/// # Errors
/// The server refused, or there was no answer.
pub async fn call(client: &Client, request: Request) -> Result<Value, Refusal> {
    let shown = format!("{} {}", request.method, request.path);
    let broken = |why: &dyn std::fmt::Display| Refusal {
        code: 0,
        reason: "NoAnswer".to_owned(),
        message: format!("{shown}: {why}"),
    };
    let built = built(request).map_err(|error| broken(&error))?;
    match client.request::<Value>(built).await {
        Ok(value) => Ok(value),
        Err(kube::Error::Api(status)) => Err(Refusal {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
        }),
        Err(error) => Err(broken(&error)),
    }
}

/// The request as HTTP.
///
/// # Errors
/// A header cannot be written so.
pub fn built(request: Request) -> Result<http::Request<Vec<u8>>, http::Error> {
    let mut target: String = request.path.split('/').map(escaped).collect::<Vec<_>>().join("/");
    let query: Vec<String> = request
        .query
        .iter()
        .map(|(key, value)| format!("{}={}", escaped(key), escaped(value)))
        .collect();
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let mut built = http::Request::builder().method(request.method.as_str()).uri(target);
    if !request.content_type.is_empty() {
        built = built.header(http::header::CONTENT_TYPE, &request.content_type);
    }
    if !request.accept.is_empty() {
        built = built.header(http::header::ACCEPT, &request.accept);
    }
    built.body(request.body)
}

/// Percent-encodes everything that means something in a path or a query.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = text.bytes().map(|byte| {
        if plain(byte) {
            (byte as char).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    each.collect()
}

#[cfg(test)]
mod tests;
