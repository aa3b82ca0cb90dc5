//! A scenario file on the real cluster: in a namespace of its own, with a controller of its own, by the wall clock.
//!
//! Steps that look (`pods`, `expect`, `service`, `runs`, `object`, `event`) may be right a moment later: here reactions
//! take time. `quiet` watches for ten seconds at most, and an `advance` beyond two minutes is cut where
//! [`CUT`] says that nothing is due meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use controller::config::Config;
use controller::measure::PodIp;
use serde_json::{Value, json};
use sim::Request;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::gate::Gate;
use super::history::version;
use super::measured::Measured;
use super::scripted::Scripted;
use super::{Cluster, EVENTS, PODS, RECORDED, REPLICA_SETS, ROLLOUTS, RUNS, SERVICES, call, judge};
use crate::scenario::{PodGroup, Scenario, Step, tag};
use crate::scenarios::{
    Promotion, collection, compare, full_promotion, path_of, promotion, reach, skipped, undone, with_image, within,
};

/// How long `until` waits. The longest deadline in a scenario is a minute.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long a reaction may take on a busy machine.
const REACTION: Duration = Duration::from_secs(30);
const LONGEST_QUIET: Duration = Duration::from_secs(10);
const LONGEST_ADVANCE: Duration = Duration::from_secs(120);

/// Scenarios whose long `advance` only shows that nothing more happens.
const CUT: [&str; 2] = ["canary-abort-and-retry", "canary-inconclusive-holds"];

type Outcome = Result<(), String>;

/// Plays a scenario in a namespace named after its file: what does not hold, if anything.
pub(super) async fn play(cluster: &Cluster, name: &str, scenario: &Scenario) -> Outcome {
    play_with(cluster, name, scenario, Gate::default()).await.map(|_| ())
}

/// The same, and the controller dies with this write, which is accepted and of which it never hears; the next begins at once.
/// Tells how many writes there were.
pub(super) async fn play_dying(cluster: &Cluster, name: &str, scenario: &Scenario, write: u64) -> Result<u64, String> {
    let gate = Gate::default();
    gate.die_with(write);
    play_with(cluster, name, scenario, gate).await
}

async fn play_with(cluster: &Cluster, name: &str, scenario: &Scenario, gate: Gate) -> Result<u64, String> {
    let mut stage = Stage::new(cluster, name, scenario, gate)
        .await
        .map_err(|error| format!("{error:#}"))?;
    for (line, step) in &scenario.steps {
        let outcome = stage.step(step).await;
        outcome.map_err(|why| format!("line {line}: {why}\n{}", stage.shown()))?;
    }
    stage.judge().await?;
    Ok(stage.gate.writes())
}

struct Stage<'s> {
    cluster: &'s Cluster,
    file: &'s str,
    scenario: &'s Scenario,
    name: String,
    metrics: Scripted,
    gate: Gate,
    controller: Option<JoinHandle<Result<(), controller::error::Error>>>,
    /// The versions that steps have written: not the controller's doing.
    by_hand: BTreeSet<u64>,
    /// The version that the last step left the Rollout at.
    asked: u64,
}

impl<'s> Stage<'s> {
    async fn new(cluster: &'s Cluster, file: &'s str, scenario: &'s Scenario, gate: Gate) -> anyhow::Result<Self> {
        cluster.namespace(file).await?;
        let mut stage = Stage {
            cluster,
            file,
            scenario,
            name: scenario.rollout()["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            metrics: Scripted::start().await?,
            gate,
            controller: None,
            by_hand: BTreeSet::new(),
            asked: 0,
        };
        stage.restart().await?;
        Ok(stage)
    }

    /// The controller dies where it is, if it lives, and another begins with nothing but what the API server has.
    async fn restart(&mut self) -> anyhow::Result<()> {
        if let Some(before) = self.controller.take() {
            before.abort();
        }
        self.gate.revive();
        let config = Config {
            namespace: self.file.to_owned(),
            ..Config::default()
        };
        let kube = self.cluster.plane.config("sluice").await?;
        let network = providers::Transport::network().map_err(anyhow::Error::msg)?;
        let gate = self.gate.clone();
        self.controller = Some(tokio::spawn(async move {
            loop {
                let client = gate
                    .client(kube.clone())
                    .expect("the configuration has been used before");
                let life = controller::app::run(
                    config.clone(),
                    client,
                    network.clone(),
                    Arc::new(PodIp),
                    std::future::pending(),
                );
                tokio::select! {
                    ended = life => return ended,
                    () = gate.died() => gate.revive(),
                }
            }
        }));
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Apply => {
                for manifest in &self.scenario.manifests {
                    let mut manifest = manifest.clone();
                    manifest["metadata"]["namespace"] = json!(self.file);
                    self.metrics.redirect(&mut manifest);
                    self.ask(Request::post(&collection(&manifest, self.file), &manifest))
                        .await?;
                }
            }
            Step::Image(image) => {
                let mut template = self.rollout().await?["spec"]["template"].clone();
                template["spec"]["containers"][0]["image"] = json!(image);
                self.patch(&json!({"spec": {"template": template}})).await?;
            }
            Step::ImageOf(kind, name, image) => {
                let path = path_of(kind, self.file, name);
                let object = call(&self.cluster.client, Request::get(&path)).await;
                let object = object.map_err(|refusal| refusal.to_string())?;
                self.ask(Request::merge_patch(&path, &with_image(&object, image)))
                    .await?;
            }
            Step::Patch(patch) => self.patch(patch).await?,
            Step::PatchStatus(patch) => self.patch_status(patch).await?,
            Step::PatchOther(kind, name, patch) => {
                self.ask(Request::merge_patch(&path_of(kind, self.file, name), patch))
                    .await?;
            }
            Step::Delete(kind, name) => self.ask(Request::delete(&path_of(kind, self.file, name))).await?,
            Step::Promote => {
                let patches = promotion(&self.rollout().await?);
                self.send(&patches).await?;
            }
            Step::PromoteFull => {
                let patches = full_promotion(&self.rollout().await?);
                self.send(&patches).await?;
            }
            Step::Skip(skip) => {
                let patch = skipped(&self.rollout().await?, *skip);
                self.send(&[patch]).await?;
            }
            Step::Undo(to) => {
                let sets = self.cluster.history.objects(REPLICA_SETS, self.file);
                let patch = undone(sets.iter(), *to).ok_or("no such revision")?;
                self.send(&[patch]).await?;
            }
            Step::Abort => self.patch_status(&json!({"status": {"abort": true}})).await?,
            Step::Retry => self.patch_status(&json!({"status": {"abort": false}})).await?,
            Step::Until(phase, message) => return self.until(phase, message).await,
            Step::Advance(by) => return self.advance(*by).await,
            Step::Quiet(by) => return self.quiet((*by).min(LONGEST_QUIET)).await,
            Step::Metric(name, values) => self.metrics.set(name, values.clone()),
            Step::Expect(path, wanted) => {
                return self
                    .soon(|stage| compare(&stage.seen(ROLLOUTS, &stage.name), path, wanted))
                    .await;
            }
            Step::Pods(group, wanted) => {
                return self.soon(|stage| same("pods", &stage.pods(group), wanted)).await;
            }
            Step::Service(name, wanted) => {
                let what = format!("Service {name}");
                return self.soon(|stage| same(&what, &stage.pointed(name), wanted)).await;
            }
            Step::Restart => self.restart().await.map_err(|error| format!("{error:#}"))?,
            Step::Kill(count, tag) => self.kill(*count, tag).await?,
            Step::Stale(span) => self.gate.silence(*span),
            Step::Resize(wanted, size) => {
                let name = self.replica_set(wanted).ok_or("no such ReplicaSet")?;
                let patch = json!({"spec": {"replicas": size}});
                self.ask(Request::merge_patch(&path_of("replicaset", self.file, &name), &patch))
                    .await?;
            }
            Step::RestartPods => {
                let at = api::duration::Time::new(now()).to_string();
                self.patch(&json!({"spec": {"restartAt": at}})).await?;
            }
            Step::Crash(writes) => self.gate.die_after(*writes),
            Step::Object(kind, name, path, wanted) => return self.object(kind, name, path, wanted).await,
            Step::Runs(wanted) => return self.soon(|stage| same("runs", &stage.runs(), wanted)).await,
            Step::LoadCpu(total) => {
                let reach = reach(self.scenario.rollout());
                self.measured().await?.load().set_cpu(self.file, reach, *total);
            }
            Step::LoadValue(name, value) => self.measured().await?.load().set_value(self.file, name, *value),
            Step::Sizes(least, most) => {
                let heard = self.cluster.history.catch_up(&self.cluster.client, ROLLOUTS, self.file);
                heard.await.map_err(|error| format!("{error:#}"))?;
                let entries = self.cluster.history.of(self.file);
                let of_it = entries.iter().filter(|entry| entry.path == ROLLOUTS);
                let states = of_it.map(|entry| &entry.change.object);
                return within(
                    states.filter(|state| state["metadata"]["name"] == self.name.as_str()),
                    *least,
                    *most,
                );
            }
            Step::Event(reason, count) => {
                let what = format!("{reason} events");
                return self
                    .soon(|stage| same(&what, &stage.events(reason), &count.to_string()))
                    .await;
            }
        }
        Ok(())
    }

    /// Sends a request as a user does.
    async fn ask(&mut self, request: Request) -> Outcome {
        let shown = format!("{} {}", request.method, request.path);
        let answer = call(&self.cluster.client, request).await;
        let object = answer.map_err(|refusal| format!("{shown}: {refusal}"))?;
        self.by_hand.insert(version(&object));
        if object["kind"] == "Rollout" && object["metadata"]["name"] == self.name.as_str() {
            self.asked = version(&object);
        }
        Ok(())
    }

    async fn send(&mut self, patches: &[Promotion]) -> Outcome {
        for patch in patches {
            match patch {
                Promotion::Spec(patch) => self.patch(patch).await?,
                Promotion::Status(fields) => self.patch_status(&json!({"status": fields})).await?,
                Promotion::Template(patch) => {
                    self.ask(Request::json_patch(&path_of("rollout", self.file, &self.name), patch))
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn measured(&self) -> Result<&'s Measured, String> {
        self.cluster.measured().await.map_err(|error| format!("{error:#}"))
    }

    async fn patch(&mut self, patch: &Value) -> Outcome {
        self.ask(Request::merge_patch(&path_of("rollout", self.file, &self.name), patch))
            .await
    }

    async fn patch_status(&mut self, patch: &Value) -> Outcome {
        let path = format!("{}/status", path_of("rollout", self.file, &self.name));
        self.ask(Request::merge_patch(&path, patch)).await
    }

    async fn rollout(&self) -> Result<Value, String> {
        let path = path_of("rollout", self.file, &self.name);
        call(&self.cluster.client, Request::get(&path))
            .await
            .map_err(|refusal| refusal.to_string())
    }

    /// The phase counts only once the controller has answered what was asked last: until it has written, or for two
    /// seconds has not, the phase may be that of before.
    async fn until(&self, phase: &str, message: &str) -> Outcome {
        let since = Instant::now();
        loop {
            let is = |stage: &Self| {
                let rollout = stage.seen(ROLLOUTS, &stage.name);
                let answered = version(&rollout) > stage.asked
                    || (version(&rollout) == stage.asked && since.elapsed() > Duration::from_secs(2));
                let status = &rollout["status"];
                let generation = rollout["metadata"]["generation"]
                    .as_i64()
                    .map(|number| number.to_string());
                let observed = generation.is_some() && status["observedGeneration"].as_str() == generation.as_deref();
                let text = status["message"].as_str().unwrap_or_default();
                (answered && observed && status["phase"] == phase && text.contains(message)).then_some(())
            };
            // Nothing may be heard any more when the two seconds are over.
            if self
                .cluster
                .wait_for(Duration::from_secs(1), |_| is(self))
                .await
                .is_some()
            {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                let status = self.seen(ROLLOUTS, &self.name)["status"].clone();
                return Err(format!(
                    "not {phase} {message} within {PATIENCE:?}, but {} {}",
                    status["phase"], status["message"]
                ));
            }
        }
    }

    async fn advance(&self, by: Duration) -> Outcome {
        let by = match CUT.contains(&self.file) {
            true => by.min(Duration::from_secs(30)),
            false if by > LONGEST_ADVANCE => {
                return Err(format!(
                    "advances {by:?}: name it in stage.rs, as cut or in scenarios.rs as too long"
                ));
            }
            false => by,
        };
        sleep(by).await;
        Ok(())
    }

    /// No write of the controller's for so long, after it has come to rest.
    async fn quiet(&self, by: Duration) -> Outcome {
        let rest = Instant::now() + REACTION;
        let mut before = self.gate.writes();
        loop {
            sleep(Duration::from_secs(2)).await;
            let writes = self.gate.writes();
            if std::mem::replace(&mut before, writes) == writes {
                break;
            }
            if Instant::now() > rest {
                return Err(format!("still writes after {REACTION:?}"));
            }
        }
        sleep(by).await;
        same("writes while quiet", &(self.gate.writes() - before).to_string(), "0")
    }

    async fn soon(&self, holds: impl Fn(&Self) -> Outcome) -> Outcome {
        let found = self.cluster.wait_for(REACTION, |_| holds(self).ok()).await;
        found.map_or_else(|| holds(self), Ok)
    }

    async fn object(&self, kind: &str, name: &str, path: &str, wanted: &str) -> Outcome {
        let deadline = Instant::now() + REACTION;
        loop {
            let object = call(&self.cluster.client, Request::get(&path_of(kind, self.file, name))).await;
            let outcome = object
                .map_err(|refusal| refusal.to_string())
                .and_then(|object| compare(&object, path, wanted));
            if outcome.is_ok() || Instant::now() > deadline {
                return outcome.map_err(|why| format!("{kind} {name}: {why}"));
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn kill(&mut self, count: usize, wanted: &str) -> Outcome {
        let pods = self.cluster.history.objects(PODS, self.file);
        let lives = |pod: &&Value| tag(&pod["spec"]) == wanted && pod["metadata"]["deletionTimestamp"].is_null();
        for pod in pods.iter().filter(lives).take(count) {
            let path = path_of("pod", self.file, pod["metadata"]["name"].as_str().unwrap_or_default());
            self.ask(Request::delete(&path).query("gracePeriodSeconds", "0"))
                .await?;
        }
        Ok(())
    }

    fn seen(&self, path: &'static str, name: &str) -> Value {
        self.cluster.history.object(path, self.file, name).unwrap_or_default()
    }

    fn pods(&self, group: &PodGroup) -> String {
        let pods = self.cluster.history.objects(PODS, self.file);
        let stay = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        counted(stay.map(|pod| group.of(pod)))
    }

    fn runs(&self) -> String {
        let runs = self.cluster.history.objects(RUNS, self.file);
        let shown = counted(
            runs.iter()
                .map(|run| run["status"]["phase"].as_str().unwrap_or("Pending").to_owned()),
        );
        if shown.is_empty() { "none".to_owned() } else { shown }
    }

    fn events(&self, reason: &str) -> String {
        let events = self.cluster.history.objects(EVENTS, self.file);
        let of_it = events.iter().filter(|event| event["reason"] == reason);
        of_it
            .map(|event| event["count"].as_u64().unwrap_or(1))
            .sum::<u64>()
            .to_string()
    }

    /// The image tag of the ReplicaSet that a Service names.
    fn pointed(&self, service: &str) -> String {
        let service = self.seen(SERVICES, service);
        let hash = &service["spec"]["selector"][api::keys::POD_TEMPLATE_HASH];
        let sets = self.cluster.history.objects(REPLICA_SETS, self.file);
        let named = sets
            .iter()
            .find(|set| set["metadata"]["labels"][api::keys::POD_TEMPLATE_HASH] == *hash);
        match (hash.as_str(), named) {
            (None, _) => "(none)".to_owned(),
            (Some(_), Some(set)) => tag(&set["spec"]["template"]["spec"]),
            (Some(hash), None) => hash.to_owned(),
        }
    }

    fn replica_set(&self, wanted: &str) -> Option<String> {
        let sets = self.cluster.history.objects(REPLICA_SETS, self.file);
        let found = sets
            .iter()
            .find(|set| tag(&set["spec"]["template"]["spec"]) == wanted)?;
        found["metadata"]["name"].as_str().map(str::to_owned)
    }

    /// The invariants, on everything that happened.
    async fn judge(&self) -> Outcome {
        for path in RECORDED {
            let heard = self
                .cluster
                .history
                .catch_up(&self.cluster.client, path, self.file)
                .await;
            heard.map_err(|error| format!("{path}: {error:#}"))?;
        }
        let disturbed = self.scenario.steps.iter().any(|(_, step)| match step {
            Step::Kill(..) | Step::RestartPods => true,
            Step::Patch(patch) => {
                let container = &patch["spec"]["template"]["spec"]["containers"][0];
                // nobody is asked for pods, or they crash by themselves
                patch["spec"]["replicas"] == 0 || container["env"][0]["name"] == "CRASH_AFTER_MS"
            }
            Step::Apply
            | Step::Image(_)
            | Step::ImageOf(..)
            | Step::PatchStatus(_)
            | Step::PatchOther(..)
            | Step::Delete(..)
            | Step::Promote
            | Step::PromoteFull
            | Step::Skip(_)
            | Step::Undo(_)
            | Step::Abort
            | Step::Retry
            | Step::Until(..)
            | Step::Advance(_)
            | Step::Metric(..)
            | Step::Expect(..)
            | Step::Pods(..)
            | Step::Service(..)
            | Step::Restart
            | Step::Quiet(_)
            | Step::Stale(_)
            | Step::Resize(..)
            | Step::Crash(_)
            | Step::Object(..)
            | Step::Runs(_)
            | Step::Event(..)
            | Step::LoadCpu(_)
            | Step::LoadValue(..)
            | Step::Sizes(..) => false,
        });
        let users = if disturbed {
            judge::Users::Disturbed
        } else {
            judge::Users::Served
        };
        let broken = judge::broken(&self.cluster.history.of(self.file), &self.by_hand, users);
        if broken.is_empty() {
            return Ok(());
        }
        Err(format!("invariants broken:\n{}\n{}", broken.join("\n"), self.shown()))
    }

    /// What happened last, for messages.
    fn shown(&self) -> String {
        judge::told(&self.cluster.history.of(self.file))
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if let Some(controller) = self.controller.take() {
            controller.abort();
        }
    }
}

fn same(what: &str, seen: &str, wanted: &str) -> Outcome {
    if seen == wanted {
        Ok(())
    } else {
        Err(format!("{what}: {seen}, not {wanted}"))
    }
}

/// `v1=2 v2=3`.
fn counted(words: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let each: Vec<String> = counts.iter().map(|(word, count)| format!("{word}={count}")).collect();
    each.join(" ")
}

#[allow(clippy::disallowed_methods, reason = "a real cluster has no other time")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
