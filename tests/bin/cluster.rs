//! A real Kubernetes control plane to play with: `cluster up` starts it, says how to reach it, and ends it with Ctrl-C.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tests::cluster::{Cluster, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// etcd, kube-apiserver, kube-controller-manager, kube-scheduler and a kubelet whose pods are HTTP servers, on loopback
/// ports of this machine.
#[derive(Debug, Parser)]
#[command(name = "cluster")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Build the control plane, unless this machine has it already, and print its path
    Build,
    /// Start a cluster and keep it until Ctrl-C
    Up {
        /// The Kubernetes version whose API is served, 1.33 for example
        #[arg(long)]
        emulated_version: Option<String>,
        /// How many nodes, each with room for 1000 pods
        #[arg(long, default_value_t = 3)]
        nodes: usize,
        /// Pods take seconds to start and end, as on a usual node
        #[arg(long)]
        slow: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Build => {
            println!("{}", tests::cluster::program::path()?.display());
            Ok(())
        }
        Verb::Up {
            emulated_version,
            nodes,
            slow,
        } => {
            let pace = if slow {
                Settings::slow().pace
            } else {
                Settings::default().pace
            };
            up(&Settings {
                emulated: emulated_version,
                nodes,
                pace,
                ..Settings::default()
            })
        }
    }
}

fn up(settings: &Settings) -> Result<()> {
    eprintln!("starting etcd, kube-apiserver, kube-controller-manager, kube-scheduler");
    let cluster = Cluster::start(settings)?;
    let crds = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crds")
        .canonicalize()
        .context("no crds/")?;
    // As a user does it, client-side: this also shows that each stays below the limit of an annotation.
    cluster.kubectl(["apply", "-f", &crds.to_string_lossy()])?;
    let kubectl = cluster.plane.directory().join("kubectl");
    write_kubectl(&kubectl)?;
    let (version, kubeconfig) = (cluster.kubectl(["version"])?, cluster.plane.kubeconfig());
    print!("{version}");
    println!("export KUBECONFIG={}", kubeconfig.display());
    println!();
    println!("Things to try, in another terminal, with that KUBECONFIG:");
    println!("  alias kubectl={}", kubectl.display());
    println!("  cargo run --release -- controller           # Sluice, as administrator");
    println!("  kubectl apply -f examples/canary.yaml");
    println!("  cargo run --release -- get rollout web --watch");
    println!("  kubectl get nodes,rollouts,replicasets,pods --all-namespaces");
    println!(
        "Logs are in {}. Ctrl-C ends everything.",
        cluster.plane.directory().display()
    );
    cluster.block_on(asked_to_end()).context("signals are not heard")?;
    eprintln!("ending");
    Ok(())
}

async fn asked_to_end() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

/// A script by which the kubectl inside the control plane's program is called like any other.
fn write_kubectl(file: &Path) -> Result<()> {
    let program = tests::cluster::program::path()?;
    let script = format!("#!/bin/sh\nexec '{}' kubectl \"$@\"\n", program.display());
    std::fs::write(file, script).with_context(|| format!("could not write {}", file.display()))?;
    let executable = Permissions::from_mode(0o755);
    std::fs::set_permissions(file, executable)
        .with_context(|| format!("could not make {} executable", file.display()))?;
    Ok(())
}
