//! A real Prometheus that scrapes the pods of a namespace: found by HTTP service discovery with pod and hash labels, asked
//! over TLS by whoever has the password.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use sim::kubelet::dial::DialTable;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::history::History;
use super::process::Process;
use super::{Cluster, PODS, control_plane, program};

/// Who may ask.
pub const USER: &str = "team";
pub const PASSWORD: &str = "opensesame";
/// What an `Authorization` header says then.
pub const AUTHORIZATION: &str = "Basic dGVhbTpvcGVuc2VzYW1l";
/// The same password as Prometheus wants it: bcrypt.
const HASHED: &str = "$2a$05$j6yjNpIhs2k/jYt0lDFJhefs3MmaBD2qeRt97MaRS5Th8lFC6Jv4.";

const START: Duration = Duration::from_secs(60);

/// A running Prometheus; dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    /// `https://127.0.0.1:PORT`, with the certificate of the API server: [`Prometheus::authority`] has signed it.
    pub address: String,
    /// The certificate to trust, as a PEM file.
    pub authority: PathBuf,
    _process: Process,
    discovery: JoinHandle<()>,
}

impl Prometheus {
    /// Starts one for the pods of `namespace`, each scraped once a second. Within the runtime of the cluster.
    ///
    /// # Errors
    /// There is no Prometheus on this machine and none to be had, or it does not start.
    pub async fn start(cluster: &Cluster, namespace: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port")?;
        let targets = format!("http://{}/targets", listener.local_addr()?);
        let (history, dial, place) = (cluster.history.clone(), cluster.dial.clone(), namespace.to_owned());
        let app = Router::new().route(
            "/targets",
            get(move || {
                let found = discovered(&history, &dial, &place);
                std::future::ready(axum::Json(found))
            }),
        );
        let discovery = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::warn!(%error, "service discovery has ended");
            }
        });

        let directory = cluster.plane.directory();
        let certificate = directory.join("certificates/apiserver.crt");
        let config = json!({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "pods", "http_sd_configs": [{"url": targets, "refresh_interval": "1s"}]}],
        });
        let web = json!({
            "tls_server_config": {"cert_file": certificate, "key_file": directory.join("certificates/apiserver.key")},
            "basic_auth_users": {USER: HASHED},
        });
        let name = format!("prometheus-{namespace}");
        let file = |suffix: &str| directory.join(format!("{name}-{suffix}"));
        // JSON is YAML.
        std::fs::write(file("config.yml"), config.to_string()).context("could not write its configuration")?;
        std::fs::write(file("web.yml"), web.to_string()).context("could not write its configuration")?;
        let [port] = control_plane::free_ports()?;
        let flag = |name: &str, value: PathBuf| {
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(value);
            flag
        };
        let flags = [
            flag("config.file", file("config.yml")),
            flag("web.config.file", file("web.yml")),
            flag("storage.tsdb.path", file("metrics")),
            format!("--web.listen-address=127.0.0.1:{port}").into(),
        ];
        let executable = tokio::task::spawn_blocking(executable).await??;
        let mut process = Process::start(&name, &executable, flags, &[], directory)?;
        let deadline = Instant::now() + START;
        while TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .is_err()
        {
            if let Some(words) = process.ended() {
                bail!("{words}");
            }
            ensure!(
                Instant::now() < deadline,
                "Prometheus does not listen after {START:?}:\n{}",
                process.last_words()
            );
            sleep(Duration::from_millis(100)).await;
        }
        Ok(Prometheus {
            address: format!("https://127.0.0.1:{port}"),
            authority: certificate,
            _process: process,
            discovery,
        })
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.discovery.abort();
    }
}

/// Where each pod of a namespace is scraped, with labels `namespace`, `pod` and `hash`.
fn discovered(history: &History, dial: &DialTable, namespace: &str) -> Value {
    let served = dial.entries();
    let target = |pod: &Value| {
        let ip: IpAddr = pod["status"]["podIP"].as_str()?.parse().ok()?;
        let (_, _, at) = served.iter().find(|(of, _, _)| IpAddr::V4(*of) == ip)?;
        let hash = pod["metadata"]["labels"][api::keys::POD_TEMPLATE_HASH]
            .as_str()
            .unwrap_or_default();
        let labels = json!({"namespace": namespace, "pod": pod["metadata"]["name"], "hash": hash});
        Some(json!({"targets": [at.to_string()], "labels": labels}))
    };
    history.objects(PODS, namespace).iter().filter_map(target).collect()
}

/// The `prometheus` of this machine, or the one of its Debian, unpacked outside the tree without installing it.
fn executable() -> Result<PathBuf> {
    let installed = std::env::var_os("PATH").unwrap_or_default();
    let mut installed = std::env::split_paths(&installed).map(|directory| directory.join("prometheus"));
    if let Some(found) = installed.find(|path| path.is_file()) {
        return Ok(found);
    }
    let directory = program::cache()?.join("prometheus");
    let unpacked = directory.join("usr/bin/prometheus");
    if !unpacked.is_file() {
        eprintln!("fetching the Debian package prometheus into {}", directory.display());
        std::fs::create_dir_all(&directory).with_context(|| format!("could not create {}", directory.display()))?;
        // The lists of packages may be missing, as in a fresh container, or old; updating them needs rights we may lack.
        let fetch = "apt-get download prometheus || (apt-get update && apt-get download prometheus)";
        let script = format!("({fetch}) >&2 && dpkg -x prometheus_*.deb .");
        let status = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&directory)
            .status();
        ensure!(
            status.as_ref().is_ok_and(|status| status.success()),
            "no `prometheus` on this machine, and its Debian package could not be had: {status:?}"
        );
    }
    Ok(unpacked)
}
