//! What a controller costs: N rollouts are created, updated a few times and left alone, on a control plane of their own.
//!
//! The same is done to any controller that takes the flags of Argo's (ours does), each as a process of its own and with an
//! account of its own, so that the API server's audit log tells its requests from all others.

mod load;
mod meter;
mod report;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sim::Request;
use tokio::time::{Instant, sleep};

use super::audit::{self, Requested};
use super::process::Process;
use super::{Cluster, Settings, call, child};
use load::Load;
use meter::Meter;
pub use report::report;

/// What is measured, and how large.
#[derive(Clone, Debug)]
pub struct Plan {
    pub rollouts: usize,
    /// How often each of them is updated. Many updates are told as ten phases.
    pub updates: usize,
    /// How long nothing is done at the end.
    pub idle: Duration,
}

/// A controller that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub program: PathBuf,
    /// `sluice controller`, or a program that is a controller by itself.
    pub kind: Kind,
}

/// How a controller is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sluice,
    Argo,
}

impl Subject {
    /// A controller by its path: one that is called `sluice...` is ours.
    pub fn new(program: &Path) -> Self {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        Subject {
            program: program.to_owned(),
            kind: if name.starts_with("sluice") {
                Kind::Sluice
            } else {
                Kind::Argo
            },
        }
    }

    /// Limits that do not bind, as for the incumbent's published figures.
    fn arguments(&self) -> Vec<OsString> {
        let verb: &[&str] = match self.kind {
            Kind::Sluice => &["controller"],
            Kind::Argo => &[],
        };
        let flags = [
            "--leader-elect=false",
            "--qps=1000",
            "--burst=2000",
            "--metricsPort=0",
            "--healthzPort=0",
        ];
        verb.iter().chain(&flags).map(OsString::from).collect()
    }
}

/// One thing that was done, and what it cost the controller.
#[derive(Clone, Debug)]
pub struct Phase {
    pub name: String,
    pub lasted: Duration,
    /// From asking to done, of each rollout, ascending; none where nothing was asked.
    pub rollouts: Vec<Duration>,
    pub cpu: Duration,
    /// Resident memory at the end, and the most there was, in bytes.
    pub resident: u64,
    pub peak: u64,
    pub requests: Vec<Requested>,
}

/// The account that the controller under test is.
const ACCOUNT: &str = "bench";
const NAMESPACE: &str = "argo-rollouts";

/// Does everything to one controller.
///
/// # Errors
/// The cluster or the controller did not start, or a rollout did not come to its end.
pub fn measure(subject: &Subject, plan: &Plan) -> Result<Vec<Phase>> {
    let settings = Settings {
        nodes: 1 + plan.rollouts * 4 / 1000,
        recorded: Vec::new(),
        ..Settings::default()
    };
    let cluster = Cluster::start(&settings)?;
    cluster.block_on(async {
        let kubeconfig = account(&cluster).await?;
        let directory = cluster.plane.directory();
        let environment = [("KUBECONFIG", kubeconfig.as_os_str())];
        let mut process = Process::start(
            "subject",
            &subject.program,
            subject.arguments(),
            &environment,
            directory,
        )?;
        let mut bench = Bench {
            meter: Meter::of(process.id()),
            log: cluster.plane.audit_log(),
            told: 0,
        };
        let run = phases(&cluster, plan, &mut bench).await;
        if let Some(words) = process.ended() {
            anyhow::bail!("{words}");
        }
        run
    })
}

async fn phases(cluster: &Cluster, plan: &Plan, bench: &mut Bench) -> Result<Vec<Phase>> {
    bench.watching().await?;
    sleep(Duration::from_secs(5)).await;
    let mut phases = vec![bench.phase(NOTHING, Duration::ZERO, Vec::new())?];
    let mut load = Load::start(cluster, plan.rollouts).await?;
    for (name, versions) in waves(plan.updates) {
        let begun = Instant::now();
        let mut rollouts = Vec::new();
        for version in versions {
            rollouts.extend(load.bring_to(version).await?);
        }
        rollouts.sort();
        let lasted = begun.elapsed();
        // what is still to be said and recorded belongs to what caused it
        sleep(Duration::from_secs(10)).await;
        phases.push(bench.phase(&name, lasted, rollouts)?);
    }
    sleep(plan.idle).await;
    phases.push(bench.phase("at rest", plan.idle, Vec::new())?);
    Ok(phases)
}

/// The phase in which the controller only runs.
const NOTHING: &str = "with nothing to look after";

/// What is asked for in each phase: the first version, then the updates in at most ten parts.
fn waves(updates: usize) -> Vec<(String, Vec<usize>)> {
    let versions: Vec<usize> = (1..=updates).collect();
    let mut waves = vec![("created".to_owned(), vec![1])];
    for part in versions.chunks(updates.div_ceil(10).max(1)) {
        let name = match part {
            [one] => format!("update {one}"),
            [first, .., last] => format!("updates {first} to {last}"),
            [] => continue,
        };
        waves.push((name, part.iter().map(|update| update + 1).collect()));
    }
    waves
}

/// What is looked at between two phases.
struct Bench {
    meter: Meter,
    log: PathBuf,
    /// How many requests the phases before have had.
    told: usize,
}

impl Bench {
    fn phase(&mut self, name: &str, lasted: Duration, rollouts: Vec<Duration>) -> Result<Phase> {
        let all = self.requests()?;
        let requests = all[self.told.min(all.len())..].to_vec();
        self.told = all.len();
        let used = self.meter.read()?;
        eprintln!("  {name}: {:.1} s", lasted.as_secs_f64());
        Ok(Phase {
            name: name.to_owned(),
            lasted,
            rollouts,
            cpu: used.cpu,
            resident: used.resident,
            peak: used.peak,
            requests,
        })
    }

    fn requests(&self) -> Result<Vec<Requested>> {
        let user = format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}");
        let mut all = audit::read(&self.log)?;
        all.retain(|request| request.user == user);
        Ok(all)
    }

    /// Waits until the controller watches rollouts.
    async fn watching(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let all = self.requests()?;
            if all
                .iter()
                .any(|request| request.verb == "watch" && request.resource.starts_with("rollouts"))
            {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the controller watches no rollouts after a minute"
            );
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// An account with every right: which rights a controller needs is not the question here.
async fn account(cluster: &Cluster) -> Result<PathBuf> {
    cluster.namespace(NAMESPACE).await?;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    });
    let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
    for request in [
        Request::post(&path, &account),
        Request::post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding),
    ] {
        call(&cluster.client, request)
            .await
            .context("no account for the controller")?;
    }
    let token = cluster.token(NAMESPACE, ACCOUNT).await?;
    child::kubeconfig(cluster, ACCOUNT, &token)
}

#[cfg(test)]
mod tests {
    #[test]
    fn many_updates_are_ten_phases() {
        let named = |updates| {
            let waves = super::waves(updates);
            let told = waves.iter().map(|(name, versions)| format!("{name} {versions:?}"));
            told.collect::<Vec<_>>()
        };
        assert_eq!(named(2), ["created [1]", "update 1 [2]", "update 2 [3]"]);
        let fifty = named(50);
        assert_eq!(fifty.len(), 11);
        assert_eq!(fifty[1], "updates 1 to 5 [2, 3, 4, 5, 6]");
        assert_eq!(fifty[10], "updates 46 to 50 [47, 48, 49, 50, 51]");
    }
}
