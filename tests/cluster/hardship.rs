//! What controllers have to survive: a bad network, kill -9 of the leader, a leader that was stopped and wakes up again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use controller::config::Config;
use controller::measure::PodIp;
use serde_json::{Value, json};
use sim::Request;

use super::faults::{Faults, Weather};
use super::fleet::Fleet;
use super::process::Process;
use super::{Cluster, EVENTS, ROLLOUTS, call, child, history, judge};

const PATIENCE: Duration = Duration::from_secs(240);

/// Fifty rollouts through a network that loses, delays and repeats events, cuts watches and lets them fall silent,
/// refuses one write in ten and answers some never: all come to their end, without a restart.
#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn a_bad_network_stops_no_rollout() {
    let cluster = Cluster::shared();
    let here = "bad-network";
    let faults = Faults::new(7);
    let outcome: Result<()> = cluster.block_on(async {
        let config = Config {
            namespace: here.to_owned(),
            // What is lost for good is found at the next comparison; five minutes are long for a test.
            repair: Duration::from_secs(20),
            ..Config::default()
        };
        let client = faults.client(cluster.plane.config("sluice-bad-network").await?)?;
        let network = providers::Transport::network().map_err(anyhow::Error::msg)?;
        let run = controller::app::run(config, client, network, Arc::new(PodIp), std::future::pending());
        let controller = tokio::spawn(run);
        let fleet = Fleet::launch(&cluster, here, 50).await?;
        let all_at = |image: &'static str| {
            let fleet = &fleet;
            fleet.until(PATIENCE, move |history, name| fleet.promoted(history, name, image))
        };
        all_at("web:v1").await.context("first deployment")?;
        for name in &fleet.names {
            fleet.image(name, "web:v2").await?;
        }
        all_at("web:v2").await.context("update")?;
        for name in &fleet.names {
            fleet.image(name, "web:v3").await?;
            fleet
                .patch(name, "/status", &json!({"status": {"abort": true}}))
                .await?;
        }
        for name in &fleet.names {
            fleet.image(name, "web:v2").await?;
        }
        all_at("web:v2").await.context("back to the old version")?;
        faults.set(Weather::Fair);
        controller.abort();
        Ok(())
    });
    eprintln!("bad network: {}", faults.told());
    outcome.unwrap_or_else(|error| panic!("{error:#}\n{}", faults.told()));
    let emptied = judge::emptied(&cluster.history.of(here));
    assert!(emptied.is_empty(), "{}", emptied.join("\n"));
}

/// Two controllers with a Lease between them, each with a name of its own in the audit log.
struct Pair<'c> {
    cluster: &'c Cluster,
    /// Namespace of the rollout, and instance id.
    here: &'static str,
    controllers: BTreeMap<String, Process>,
}

impl<'c> Pair<'c> {
    fn start(cluster: &'c Cluster, here: &'static str) -> Result<Self> {
        cluster.block_on(async {
            cluster.namespace(here).await?;
            cluster.namespace("argo-rollouts").await
        })?;
        let mut pair = Pair {
            cluster,
            here,
            controllers: BTreeMap::new(),
        };
        for suffix in ["a", "b"] {
            let name = format!("{here}-{suffix}");
            let token = cluster.block_on(pair.account(&name))?;
            let kubeconfig = child::kubeconfig(cluster, &name, &token)?;
            let (namespace, instance) = (format!("--namespace={here}"), format!("--instance-id={here}"));
            let process = child::controller(cluster, &name, &kubeconfig, &["--namespaced", &namespace, &instance])?;
            pair.controllers.insert(name, process);
            // The first is to lead, so that the second is seen to follow.
            pair.leader_after("")?;
        }
        Ok(pair)
    }

    async fn account(&self, name: &str) -> Result<String> {
        let (client, space) = (&self.cluster.client, "argo-rollouts");
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        call(
            client,
            Request::post(&format!("/api/v1/namespaces/{space}/serviceaccounts"), &account),
        )
        .await?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": space}],
        });
        call(
            client,
            Request::post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding),
        )
        .await?;
        self.cluster.token(space, name).await
    }

    /// Waits until somebody else than `before` leads: its name.
    fn leader_after(&self, before: &str) -> Result<String> {
        let path = format!(
            "/apis/coordination.k8s.io/v1/namespaces/argo-rollouts/leases/argo-rollouts-controller-lock-{}",
            self.here
        );
        self.cluster.block_on(async {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            loop {
                let lease = call(&self.cluster.client, Request::get(&path))
                    .await
                    .unwrap_or_default();
                let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
                let name = holder.split('_').next().unwrap_or_default();
                if !name.is_empty() && name != before {
                    return Ok(name.to_owned());
                }
                anyhow::ensure!(
                    tokio::time::Instant::now() < deadline,
                    "nobody leads but {before:?}: {lease}"
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    /// A canary of three steps and three pauses in the middle of its second pause, and who leads it there.
    fn in_mid_canary(&self) -> Result<String> {
        let pause = json!({"pause": {"duration": 6}});
        let steps = json!([{"setWeight": 25}, pause, {"setWeight": 50}, pause, {"setWeight": 75}, pause]);
        let rollout = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "web", "labels": {api::keys::INSTANCE_ID: self.here}},
            "spec": {
                "replicas": 4, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:v1"}]}},
                "strategy": {"canary": {"steps": steps}},
            },
        });
        let path = history::of_namespace(ROLLOUTS, self.here);
        self.cluster
            .block_on(call(&self.cluster.client, Request::post(&path, &rollout)))?;
        self.until("first deployed", |status| status["phase"] == "Healthy")?;
        let containers = json!([{"name": "web", "image": "web:v2"}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.cluster.block_on(call(
            &self.cluster.client,
            Request::merge_patch(&format!("{path}/web"), &patch),
        ))?;
        self.until("in its second pause", |status| {
            status["currentStepIndex"] == 3 && status["phase"] == "Paused"
        })?;
        self.leader_after("")
    }

    fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Result<()> {
        let found = self.cluster.block_on(self.cluster.wait_for(PATIENCE, |history| {
            let rollout = history.object(ROLLOUTS, self.here, "web")?;
            holds(&rollout["status"]).then_some(())
        }));
        let seen = || {
            let rollout = self
                .cluster
                .history
                .object(ROLLOUTS, self.here, "web")
                .unwrap_or_default();
            let said: Vec<String> = self.controllers.values().map(Process::last_words).collect();
            format!(
                "the rollout is not {what}: {}\n{}",
                rollout["status"],
                said.join("\n\n")
            )
        };
        found.with_context(seen)
    }

    /// The rest of the canary, as if nothing had happened: no step twice, no pause begun anew, no invariant broken.
    fn ends_well(&self) -> Result<()> {
        self.until("promoted", |status| {
            status["phase"] == "Healthy" && status["observedGeneration"] == "2"
        })?;
        let broken = judge::broken(
            &self.cluster.history.of(self.here),
            &Default::default(),
            judge::Users::Served,
        );
        anyhow::ensure!(broken.is_empty(), "{}", broken.join("\n"));
        let mut steps: BTreeMap<String, u64> = BTreeMap::new();
        for event in self.cluster.history.objects(EVENTS, self.here) {
            if event["reason"] == "RolloutStepCompleted" {
                let step = event["message"].as_str().unwrap_or_default().to_owned();
                *steps.entry(step).or_default() += event["count"].as_u64().unwrap_or(1);
            }
        }
        let repeated: Vec<_> = steps.iter().filter(|(_, times)| **times > 1).collect();
        anyhow::ensure!(repeated.is_empty(), "steps done twice: {repeated:?}");
        Ok(())
    }

    /// When each controller wrote, Leases apart, by the audit log of the API server: what was accepted.
    fn writes(&self) -> Result<BTreeMap<String, Vec<DateTime<Utc>>>> {
        let log = std::fs::read_to_string(self.cluster.plane.audit_log()).context("could not read the audit log")?;
        let mut writes: BTreeMap<String, Vec<DateTime<Utc>>> = BTreeMap::new();
        for line in log.lines() {
            let Ok(entry) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let user = entry["user"]["username"].as_str().unwrap_or_default();
            let who = user.rsplit(':').next().unwrap_or_default();
            let verb = entry["verb"].as_str().unwrap_or_default();
            let writes_it = ["create", "update", "patch", "delete"].contains(&verb);
            let accepted = entry["responseStatus"]["code"].as_u64().is_some_and(|code| code < 300);
            if self.controllers.contains_key(who) && writes_it && accepted && entry["objectRef"]["resource"] != "leases"
            {
                let at = entry["requestReceivedTimestamp"].as_str().unwrap_or_default();
                let at = at.parse().with_context(|| format!("no time: {at}"))?;
                writes.entry(who.to_owned()).or_default().push(at);
            }
        }
        Ok(writes)
    }
}

/// Kill -9 in the middle of a canary: the other goes on where the first was.
#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn the_leader_is_killed_in_mid_canary() {
    let cluster = Cluster::shared();
    let story = || -> Result<()> {
        let mut pair = Pair::start(&cluster, "leader-killed")?;
        let leader = pair.in_mid_canary()?;
        pair.controllers[&leader].signal("KILL")?;
        let next = pair.leader_after(&leader)?;
        pair.ends_well()?;
        let writes = pair.writes()?;
        let last = writes[&leader].iter().max().context("the first leader wrote")?;
        let first = writes[&next].iter().min().context("the second leader wrote")?;
        eprintln!(
            "leader killed: {next} wrote {} ms after the last write of {leader}",
            (*first - *last).num_milliseconds()
        );
        pair.controllers.clear();
        Ok(())
    };
    story().unwrap_or_else(|error| panic!("{error:#}"));
}

/// The leader is stopped for a minute, as a frozen machine is, and then goes on: it writes nothing any more.
#[test]
#[ignore = "needs a control plane: `just cluster`"]
fn a_leader_that_was_asleep_writes_nothing() {
    let cluster = Cluster::shared();
    let story = || -> Result<()> {
        let pair = Pair::start(&cluster, "leader-asleep")?;
        let leader = pair.in_mid_canary()?;
        pair.controllers[&leader].signal("STOP")?;
        let awake = tokio::time::Instant::now() + Duration::from_secs(60);
        let next = pair.leader_after(&leader)?;
        pair.ends_well()?;
        // The new image gives the old leader something to do when it wakes up believing that it leads.
        cluster.block_on(async { tokio::time::sleep_until(awake).await });
        let containers = json!([{"name": "web", "image": "web:v3"}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let path = format!("{}/web", history::of_namespace(ROLLOUTS, pair.here));
        cluster.block_on(call(&cluster.client, Request::merge_patch(&path, &patch)))?;
        pair.controllers[&leader].signal("CONT")?;
        pair.until("promoted again", |status| {
            status["phase"] == "Healthy" && status["observedGeneration"] == "3"
        })?;
        let writes = pair.writes()?;
        let first = writes[&next].iter().min().context("the second leader wrote")?;
        let late: Vec<_> = writes[&leader].iter().filter(|at| *at > first).collect();
        anyhow::ensure!(
            late.is_empty(),
            "{leader} wrote after the first write of {next} at {first}: {late:?}"
        );
        Ok(())
    };
    story().unwrap_or_else(|error| panic!("{error:#}"));
}
