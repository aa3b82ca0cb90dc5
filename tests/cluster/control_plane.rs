//! A real control plane on free loopback ports: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use http::header::USER_AGENT;
use http::{HeaderValue, Request};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::process::Process;
use super::program;

/// How long a start may take on a machine that does other things too.
const START: Duration = Duration::from_secs(180);
const TOKEN: &str = "admin-of-a-cluster-on-loopback";

/// The four processes and the directory of everything they write. Dropping it ends them and removes the directory,
/// unless a test is failing or `SLUICE_KEEP` is set: then the logs stay.
#[derive(Debug)]
pub struct ControlPlane {
    /// In the order in which they must end.
    processes: Vec<Process>,
    program: PathBuf,
    directory: PathBuf,
}

impl ControlPlane {
    /// Starts all four and returns when the API server is ready and the others run. `emulated`: the Kubernetes version
    /// whose API is served (`1.33`); `None`: the program's own.
    ///
    /// # Errors
    /// The program could not be built, or one of the four did not start; the error has its last words.
    pub async fn start(emulated: Option<&str>) -> Result<Self> {
        let program = tokio::task::spawn_blocking(program::path).await??;
        let mut plane = ControlPlane {
            processes: Vec::new(),
            program,
            directory: new_directory()?,
        };
        let [etcd, peer, api] = free_ports()?;
        plane.write_files(api)?;
        plane.begin("etcd", &plane.etcd(etcd, peer))?;
        plane.begin("kube-apiserver", &plane.api_server(api, etcd, emulated))?;
        plane.ready().await?;
        plane.begin("kube-controller-manager", &plane.controllers(emulated))?;
        plane.begin("kube-scheduler", &plane.scheduler(emulated))?;
        Ok(plane)
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    /// One JSON line a request: verb, objectRef, userAgent, responseStatus; level Metadata, without watches' events.
    pub fn audit_log(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    /// Where the processes log and files of a test may be put.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The administrator's way to the API server, without retries; `agent` is the user agent the audit log has, and the
    /// part before a `/` is the manager in managedFields.
    ///
    /// # Errors
    /// The kubeconfig cannot be used.
    pub async fn config(&self, agent: &str) -> Result<kube::Config> {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig()).context("could not read the kubeconfig")?;
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .context("could not use the kubeconfig")?;
        config.default_retry = false;
        config.headers.push((USER_AGENT, HeaderValue::from_str(agent)?));
        Ok(config)
    }

    /// A client as [`ControlPlane::config`] says.
    ///
    /// # Errors
    /// See there.
    pub async fn client(&self, agent: &str) -> Result<Client> {
        Ok(Client::try_from(self.config(agent).await?)?)
    }

    /// The kubectl of this Kubernetes, as administrator.
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(&self.program);
        kubectl.arg("kubectl").env("KUBECONFIG", self.kubeconfig());
        // Its caches of the API must not meet those of a cluster that had the same port.
        kubectl.env("KUBECACHEDIR", self.directory.join("kubectl-cache"));
        kubectl
    }

    fn begin(&mut self, name: &str, flags: &[OsString]) -> Result<()> {
        let arguments = std::iter::once(OsString::from(name)).chain(flags.iter().cloned());
        let process = Process::start(name, &self.program, arguments, &[], &self.directory)?;
        // The store ends last.
        self.processes.insert(0, process);
        Ok(())
    }

    async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            for process in &mut self.processes {
                if let Some(words) = process.ended() {
                    bail!("{words}");
                }
            }
            // The server makes its certificate itself, so the first attempts fail before anything is sent.
            let answer = match self.client("sluice-tests").await {
                Ok(client) => client
                    .request_text(Request::get("/readyz").body(Vec::new())?)
                    .await
                    .map_err(Into::into),
                Err(error) => Err(error),
            };
            match answer {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    let words: Vec<String> = self.processes.iter().map(Process::last_words).collect();
                    return Err(error.context(format!(
                        "the API server is not ready after {START:?}\n{}",
                        words.join("\n\n")
                    )));
                }
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn write_files(&self, port: u16) -> Result<()> {
        let key = Command::new(&self.program).arg("service-account-key").output()?;
        ensure!(key.status.success(), "no service account key: {}", key.status);
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "sluice",
            "clusters": [{"name": "sluice", "cluster": {
                "server": format!("https://127.0.0.1:{port}"),
                "certificate-authority": self.directory.join("certificates/apiserver.crt"),
            }}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "sluice", "context": {"cluster": "sluice", "user": "admin", "namespace": "default"}}],
        });
        let audit = json!({
            "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata", "verbs": ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]}],
        });
        let files = [
            ("service-account.key", key.stdout),
            (
                "tokens.csv",
                format!("{TOKEN},admin,admin,\"system:masters\"\n").into_bytes(),
            ),
            ("kubeconfig", kubeconfig.to_string().into_bytes()),
            ("audit-policy.json", audit.to_string().into_bytes()),
        ];
        for (name, content) in files {
            let file = self.directory.join(name);
            std::fs::write(&file, content).with_context(|| format!("could not write {}", file.display()))?;
        }
        Ok(())
    }

    fn etcd(&self, port: u16, peer: u16) -> Vec<OsString> {
        let (url, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer}"));
        let mut flags = flags(&[
            ("name", "one"),
            ("listen-client-urls", &url),
            ("advertise-client-urls", &url),
            ("listen-peer-urls", &peer),
            ("initial-advertise-peer-urls", &peer),
            ("initial-cluster", &format!("one={peer}")),
            ("log-level", "warn"),
        ]);
        // Nothing here is to survive a power cut.
        flags.push("--unsafe-no-fsync".into());
        flags.push(self.flag("data-dir", "etcd"));
        flags
    }

    fn api_server(&self, port: u16, etcd: u16, emulated: Option<&str>) -> Vec<OsString> {
        let mut flags = flags(&[
            ("etcd-servers", &format!("http://127.0.0.1:{etcd}")),
            ("bind-address", "127.0.0.1"),
            ("secure-port", &port.to_string()),
            ("authorization-mode", "Node,RBAC"),
            ("service-account-issuer", "https://kubernetes.default.svc"),
            ("service-cluster-ip-range", "10.96.0.0/16"),
            // Without a node lifecycle controller nobody would take the taint not-ready off a node.
            ("disable-admission-plugins", "ServiceAccount,TaintNodesByCondition"),
        ]);
        let files = [
            ("cert-dir", "certificates"),
            ("token-auth-file", "tokens.csv"),
            ("service-account-key-file", "service-account.key"),
            ("service-account-signing-key-file", "service-account.key"),
            ("audit-policy-file", "audit-policy.json"),
            ("audit-log-path", "audit.log"),
        ];
        flags.extend(files.iter().map(|(name, file)| self.flag(name, file)));
        flags.extend(emulates(emulated));
        flags
    }

    fn controllers(&self, emulated: Option<&str>) -> Vec<OsString> {
        let mut flags = flags(&[
            ("leader-elect", "false"),
            ("use-service-account-credentials", "false"),
            (
                "controllers",
                "*,-node-ipam-controller,-node-lifecycle-controller,-taint-eviction-controller",
            ),
            // The defaults are the ceiling of any benchmark.
            ("kube-api-qps", "2000"),
            ("kube-api-burst", "4000"),
            ("concurrent-replicaset-syncs", "50"),
            // An autoscaler looks every second, and trusts the CPU of a pod from its first moment.
            ("horizontal-pod-autoscaler-sync-period", "1s"),
            ("horizontal-pod-autoscaler-cpu-initialization-period", "0s"),
            ("secure-port", "0"),
        ]);
        flags.push(self.flag("kubeconfig", "kubeconfig"));
        flags.push(self.flag("service-account-private-key-file", "service-account.key"));
        flags.extend(emulates(emulated));
        flags
    }

    fn scheduler(&self, emulated: Option<&str>) -> Vec<OsString> {
        let mut flags = flags(&[
            ("leader-elect", "false"),
            ("kube-api-qps", "2000"),
            ("kube-api-burst", "4000"),
            ("secure-port", "0"),
        ]);
        flags.push(self.flag("kubeconfig", "kubeconfig"));
        flags.extend(emulates(emulated));
        flags
    }

    fn flag(&self, name: &str, file: &str) -> OsString {
        let mut flag = OsString::from(format!("--{name}="));
        flag.push(self.directory.join(file));
        flag
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.processes.clear();
        if std::thread::panicking() || std::env::var_os("SLUICE_KEEP").is_some() {
            eprintln!("the logs of the control plane are kept in {}", self.directory.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            eprintln!("could not remove {}: {error}", self.directory.display());
        }
    }
}

/// Said to all three: what uses an API must not wait for one that is not served.
fn emulates(version: Option<&str>) -> Option<OsString> {
    version.map(|version| format!("--emulated-version={version}").into())
}

fn flags(flags: &[(&str, &str)]) -> Vec<OsString> {
    flags
        .iter()
        .map(|(name, value)| format!("--{name}={value}").into())
        .collect()
}

/// Ports that nobody listens on. Below those that the system gives to pods' servers and outgoing connections, which could
/// be faster than the process that is to have the port; each process begins its search elsewhere.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(37);
    let candidates = std::iter::repeat_with(|| {
        let offset = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        20_000 + (offset % 12_000) as u16
    });
    let free = candidates
        .take(12_000)
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    let ports: Vec<u16> = free.take(N).collect();
    ports.try_into().map_err(|_| anyhow!("no free port"))
}

fn new_directory() -> Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("sluice-cluster-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).with_context(|| format!("could not create {}", directory.display()))?;
    Ok(directory)
}
