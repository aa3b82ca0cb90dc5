//! The servers that need more than memory: the simulator on a port, and a real control plane.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::BodyExt;
use sim::http::kubeconfig;
use sim::kubelet::{Kubelet, NoProcesses, Pace};
use sim::world::{Shared, crew, live};
use sim::{ApiServer, Clock, Request};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::play::{Said, Server};
use super::simulated::said;
use crate::cluster::{Cluster, built, program};

/// The simulator in real time on a loopback port, for kubectl.
pub(super) struct Served {
    runtime: Runtime,
    shared: Shared,
    home: PathBuf,
}

impl Served {
    /// Serves a new one until it is dropped.
    pub(super) fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let mut api = ApiServer::new(Clock::real(), 1);
        for crd in api::crd::all() {
            if let Err(refusal) = api.install(&crd) {
                bail!("{refusal}");
            }
        }
        let shared = Shared::new(api);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let home = std::env::temp_dir().join(format!("sluice-parity-{}-{}", std::process::id(), address.port()));
        std::fs::create_dir_all(&home)?;
        std::fs::write(home.join("kubeconfig"), kubeconfig(address))?;
        let actors = crew(Kubelet::new(Pace::default(), Box::new(NoProcesses)));
        runtime.spawn(live(shared.clone(), actors, std::future::pending()));
        runtime.spawn(sim::http::serve(shared.clone(), listener, std::future::pending()));
        Ok(Served { runtime, shared, home })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.home) {
            eprintln!("could not remove {}: {error}", self.home.display());
        }
    }
}

impl Server for Served {
    fn call(&mut self, request: Request) -> Result<Said> {
        said(self.shared.with(|api| api.handle(request)))
    }

    fn pass(&mut self) {
        self.runtime
            .block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    }

    fn kubectl(&mut self, arguments: &[&str], input: &str) -> Result<String> {
        let mut kubectl = Command::new(program::path()?);
        kubectl.arg("kubectl").env("KUBECONFIG", self.home.join("kubeconfig"));
        kubectl.env("KUBECACHEDIR", self.home.join("cache"));
        run(kubectl, arguments, input)
    }
}

/// A real control plane.
pub(super) struct Real<'a>(pub(super) &'a Cluster);

impl Server for Real<'_> {
    fn call(&mut self, request: Request) -> Result<Said> {
        self.0.block_on(async {
            let answer = self
                .0
                .client
                .send(built(request)?.map(kube::client::Body::from))
                .await?;
            let header = |name: &str| {
                let values = answer.headers().get_all(name).iter();
                values
                    .filter_map(|value| value.to_str().ok())
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let (code, warnings, retry_after) = (answer.status().as_u16(), header("warning"), header("retry-after"));
            let body = answer.into_body().collect().await?.to_bytes();
            Ok(Said {
                code,
                warnings,
                retry_after: retry_after.into_iter().next(),
                body: String::from_utf8_lossy(&body).into_owned(),
            })
        })
    }

    fn pass(&mut self) {
        self.0
            .block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    }

    fn kubectl(&mut self, arguments: &[&str], input: &str) -> Result<String> {
        run(self.0.plane.kubectl(), arguments, input)
    }
}

fn run(mut kubectl: Command, arguments: &[&str], input: &str) -> Result<String> {
    kubectl
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = kubectl.spawn().context("could not start kubectl")?;
    if let Some(mut to) = child.stdin.take() {
        to.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let mut text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if let Some(code) = output.status.code().filter(|code| *code != 0) {
        text.push_str(&format!("exit code {code}\n"));
    }
    Ok(text)
}
