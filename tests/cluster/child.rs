//! The built `sluice controller` as a process of its own, for what can only be done to a process: kill -9, SIGSTOP.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Cluster;
use super::process::Process;

/// The path of the `sluice` of this source, built if need be, once a process.
///
/// # Errors
/// The build failed.
pub fn sluice() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--package", "sluice", "--bin", "sluice"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`cargo build --package sluice` failed: {status}")),
            Err(error) => Err(format!("could not start cargo: {error}")),
        }
    });
    built.clone().map_err(anyhow::Error::msg)?;
    // This binary is target/PROFILE/deps/tests-HASH or target/PROFILE/cluster.
    let here = std::env::current_exe().context("where is this program?")?;
    let places = here
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("sluice"));
    let found = places.into_iter().find(|path| path.is_file());
    found.with_context(|| format!("no sluice beside {}", here.display()))
}

/// Starts `sluice controller` with these flags under `name`, as whoever the kubeconfig says; it logs to `NAME.log` and
/// its Lease is in the namespace `argo-rollouts`, which must exist for it. The ports of /metrics and /healthz are free
/// ones unless flags name them. Dropping it kills it; it outlives us only if we are killed.
///
/// # Errors
/// It could not be built or started.
pub fn controller(cluster: &Cluster, name: &str, kubeconfig: &Path, flags: &[&str]) -> Result<Process> {
    controller_in(&[], cluster, name, kubeconfig, flags)
}

/// The same with more variables in its environment.
///
/// # Errors
/// See [`controller`].
pub fn controller_in(
    environment: &[(&str, &OsStr)],
    cluster: &Cluster,
    name: &str,
    kubeconfig: &Path,
    flags: &[&str],
) -> Result<Process> {
    let mut arguments = vec!["controller"];
    for free in ["--metricsPort=0", "--healthzPort=0"] {
        let named = |flag: &&str| flag.split('=').next() == free.split('=').next();
        if !flags.iter().any(named) {
            arguments.push(free);
        }
    }
    arguments.extend(flags);
    let own = [
        ("KUBECONFIG", kubeconfig.as_os_str()),
        ("HOSTNAME", OsStr::new(name)),
        ("POD_NAMESPACE", OsStr::new("argo-rollouts")),
    ];
    let environment = [&own, environment].concat();
    Process::start(name, &sluice()?, arguments, &environment, cluster.plane.directory())
}

/// Writes `NAME.kubeconfig`, by which a program is who has this token (see [`Cluster::token`]).
///
/// # Errors
/// The administrator's kubeconfig could not be read, or this one not be written.
pub fn kubeconfig(cluster: &Cluster, name: &str, token: &str) -> Result<PathBuf> {
    let text = std::fs::read_to_string(cluster.plane.kubeconfig()).context("could not read the kubeconfig")?;
    let mut config: Value = serde_json::from_str(&text).context("the kubeconfig is no JSON")?;
    ensure!(config["users"][0].is_object(), "the kubeconfig has no user");
    config["users"][0]["user"] = serde_json::json!({"token": token});
    let file = cluster.plane.directory().join(format!("{name}.kubeconfig"));
    std::fs::write(&file, config.to_string()).with_context(|| format!("could not write {}", file.display()))?;
    Ok(file)
}
