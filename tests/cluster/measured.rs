//! The metrics servers of a cluster: CPU of pods and external metrics, as the load on each namespace makes them.
//!
//! The API server passes requests for `metrics.k8s.io` and `external.metrics.k8s.io` on to us. It speaks TLS only, and
//! finds us by a Service of type ExternalName, because the address of an endpoint must not be a loopback address.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::serve::Listener;
use axum::{Json, Router};
use chrono::Utc;
use kube::Client;
use serde_json::{Value, json};
use sim::load::{Load, quantity};
use sim::selector::LabelSelector;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use super::history::History;
use super::{Cluster, PODS, SERVICES, call};
use sim::Request;

const NAMESPACE: &str = "metrics";
const GROUPS: [&str; 2] = ["metrics.k8s.io", "external.metrics.k8s.io"];
const START: Duration = Duration::from_secs(60);
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Measured {
    load: Arc<Mutex<Load>>,
    serving: JoinHandle<()>,
}

impl Measured {
    /// Serves both groups and returns when the API server does, too.
    ///
    /// # Errors
    /// There is no free port, or the API server does not find us.
    pub async fn start(cluster: &Cluster) -> Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port for the metrics servers")?;
        let port = tcp.local_addr()?.port();
        let tls = acceptor(&cluster.plane.directory().join("certificates"))?;
        let seen = Seen {
            load: Arc::default(),
            history: cluster.history.clone(),
        };
        let load = Arc::clone(&seen.load);
        let app = Router::new()
            .route("/apis/metrics.k8s.io/v1beta1", get(pod_kinds))
            .route("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods", get(pods))
            .route("/apis/external.metrics.k8s.io/v1beta1", get(external_kinds))
            .route(
                "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}",
                get(external),
            )
            .with_state(seen);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(Encrypted { tcp, tls }, app).await {
                tracing::warn!(%error, "the metrics servers have ended");
            }
        });
        let measured = Measured { load, serving };
        register(cluster, port).await?;
        Ok(measured)
    }

    /// The load that is measured.
    pub fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Tells the API server who answers for both groups, and waits until it has asked.
async fn register(cluster: &Cluster, port: u16) -> Result<()> {
    let client = &cluster.client;
    cluster.namespace(NAMESPACE).await?;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "here", "namespace": NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    });
    call(
        client,
        Request::post(&format!("/api/v1/namespaces/{NAMESPACE}/services"), &service),
    )
    .await?;
    for group in GROUPS {
        let registered = json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": format!("v1beta1.{group}")},
            "spec": {
                "group": group, "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": true, "service": {"namespace": NAMESPACE, "name": "here", "port": port},
            },
        });
        call(
            client,
            Request::post("/apis/apiregistration.k8s.io/v1/apiservices", &registered),
        )
        .await?;
    }
    let deadline = Instant::now() + START;
    for group in GROUPS {
        while let Err(refusal) = call(client, Request::get(&format!("/apis/{group}/v1beta1"))).await {
            anyhow::ensure!(
                Instant::now() < deadline,
                "{group} is not served: {}",
                why(client, group, &refusal).await
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// What the API server says of a group that it does not serve.
async fn why(client: &Client, group: &str, refusal: &super::Refusal) -> String {
    let path = format!("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.{group}");
    let status = call(client, Request::get(&path))
        .await
        .map(|registered| registered["status"].to_string());
    format!("{refusal}; {}", status.unwrap_or_default())
}

/// What the handlers go by.
#[derive(Clone)]
struct Seen {
    load: Arc<Mutex<Load>>,
    history: History,
}

impl Seen {
    fn objects(&self, path: &'static str, namespace: &str) -> Vec<Arc<Value>> {
        self.history
            .objects(path, namespace)
            .into_iter()
            .map(Arc::new)
            .collect()
    }
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default, rename = "labelSelector")]
    selector: String,
}

async fn pods(
    State(seen): State<Seen>,
    Path(namespace): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, StatusCode> {
    let selector = LabelSelector::parse(&asked.selector).map_err(|_| StatusCode::BAD_REQUEST)?;
    let (pods, services) = (seen.objects(PODS, &namespace), seen.objects(SERVICES, &namespace));
    let (pods, services): (Vec<_>, Vec<_>) = (pods.iter().collect(), services.iter().collect());
    let load = seen.load.lock().unwrap_or_else(PoisonError::into_inner);
    let used = load.cpu(&namespace, &pods, &services);
    drop(load);
    let named = pods.iter().filter(|pod| selector.matches(pod));
    let items = named.filter_map(|pod| {
        let used = used.get(pod["metadata"]["name"].as_str()?)?;
        let usage = json!({"cpu": quantity(*used), "memory": "1Mi"});
        Some(json!({
            "metadata": {"name": pod["metadata"]["name"], "namespace": namespace, "labels": pod["metadata"]["labels"]},
            "timestamp": stamp(), "window": "1s",
            "containers": [{"name": pod["spec"]["containers"][0]["name"], "usage": usage}],
        }))
    });
    let items: Vec<Value> = items.collect();
    Ok(Json(json!({
        "kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items,
    })))
}

async fn external(State(seen): State<Seen>, Path((namespace, metric)): Path<(String, String)>) -> Json<Value> {
    let load = seen.load.lock().unwrap_or_else(PoisonError::into_inner);
    let value = load.value(&namespace, &metric);
    drop(load);
    let item =
        |value| json!({"metricName": metric, "metricLabels": null, "timestamp": stamp(), "value": quantity(value)});
    let items: Vec<Value> = value.map(item).into_iter().collect();
    Json(json!({
        "kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1", "metadata": {}, "items": items,
    }))
}

async fn pod_kinds() -> Json<Value> {
    let pods =
        json!({"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]});
    Json(kinds("metrics.k8s.io/v1beta1", &[pods]))
}

/// Which metrics there are is not said: nobody asks.
async fn external_kinds() -> Json<Value> {
    Json(kinds("external.metrics.k8s.io/v1beta1", &[]))
}

fn kinds(version: &str, resources: &[Value]) -> Value {
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources})
}

#[allow(clippy::disallowed_methods, reason = "a real cluster has no other time")]
fn stamp() -> String {
    Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// With the certificate of the API server itself, which does not look at it: it is asked not to.
fn acceptor(certificates: &FilePath) -> Result<TlsAcceptor> {
    let (certificate, key) = (certificates.join("apiserver.crt"), certificates.join("apiserver.key"));
    let chain = CertificateDer::pem_file_iter(&certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Connections that are encrypted; one that does not come to that is dropped.
struct Encrypted {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.tcp).await;
            match timeout(HANDSHAKE, self.tls.accept(stream)).await {
                Ok(Ok(stream)) => return (stream, from),
                Ok(Err(error)) => tracing::debug!(%error, "no TLS with a client of the metrics servers"),
                Err(_) => tracing::debug!("a client of the metrics servers begins and does not go on"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
