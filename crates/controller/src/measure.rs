//! Measuring: at once for all metrics of a run, outside of any look, the answer handed in at the next look.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::analysis::AnalysisRun;
use api::keys;
use chrono::{DateTime, Utc};
use engine::analysis::{Action, Answer, Forgotten, Outcome, Phase, Task as Due};
use futures::FutureExt;
use kube::api::ListParams;
use kube::core::Request as Builder;
use providers::scrape::{NAME, Pods, ScrapeConfig, ScrapeTarget};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::cache::Shelves;
use crate::edge::Edge;
use crate::kind::{Kind, Name};
use crate::lower::Subject;
use crate::task::Task;

/// Where a pod's address is really dialled: on a cluster at the pod's own IP, in the demo by a table.
pub trait Dial: Send + Sync {
    /// What to dial for this pod IP and port; `None`: nobody listens there.
    fn dial(&self, ip: IpAddr, port: u16) -> Option<SocketAddr>;
}

/// Pods are dialled at their own address.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodIp;

impl Dial for PodIp {
    fn dial(&self, ip: IpAddr, port: u16) -> Option<SocketAddr> {
        Some(SocketAddr::new(ip, port))
    }
}

impl<F: Fn(IpAddr, u16) -> Option<SocketAddr> + Send + Sync> Dial for F {
    fn dial(&self, ip: IpAddr, port: u16) -> Option<SocketAddr> {
        self(ip, port)
    }
}

/// What is being measured, and the answers that no status holds yet.
#[derive(Debug, Default)]
pub struct Measuring {
    runs: Mutex<BTreeMap<Name, OfRun>>,
    under_way: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct OfRun {
    uid: String,
    answers: BTreeMap<String, Answer>,
    in_flight: BTreeSet<String>,
}

impl Measuring {
    /// The answers for a run, and the metrics that are being measured.
    pub fn of(&self, run: &Name, uid: &str) -> (BTreeMap<String, Answer>, BTreeSet<String>) {
        let measured = self.lock();
        let known = measured.get(run).filter(|known| known.uid == uid);
        known
            .map(|known| (known.answers.clone(), known.in_flight.clone()))
            .unwrap_or_default()
    }

    /// A status that holds these metrics' answers was accepted.
    pub fn accepted(&self, run: &Name, uid: &str, metrics: &[String]) {
        if let Some(known) = self.lock().get_mut(run).filter(|known| known.uid == uid) {
            known.answers.retain(|metric, _| !metrics.contains(metric));
        }
    }

    /// Forgets a run that is gone.
    pub fn forget(&self, run: &Name) {
        self.lock().remove(run);
    }

    /// Abandons every measurement: whoever leads next starts it again.
    pub fn stop(&self) {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }

    fn spawn(&self, measurement: impl Future<Output = ()> + Send + 'static) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        while under_way.try_join_next().is_some() {}
        under_way.spawn(measurement);
    }

    fn begin(&self, run: &Name, uid: &str, metric: &str) {
        let mut measured = self.lock();
        let known = measured.entry(run.clone()).or_default();
        if known.uid != uid {
            *known = OfRun {
                uid: uid.to_owned(),
                ..OfRun::default()
            };
        }
        known.in_flight.insert(metric.to_owned());
    }

    fn end(&self, run: &Name, uid: &str, answer: Answer) {
        if let Some(known) = self.lock().get_mut(run).filter(|known| known.uid == uid) {
            known.in_flight.remove(&answer.task.name);
            known.answers.insert(answer.task.name.clone(), answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, OfRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts one measurement; its answer wakes the run.
pub fn start(edge: &Arc<Edge>, task: &Task, subject: &Subject, run: &Arc<AnalysisRun>, due: Due) {
    edge.measuring.begin(&subject.name, &subject.uid, &due.name);
    let (shared, task, subject, run) = (edge.clone(), task.clone(), subject.clone(), run.clone());
    edge.measuring.spawn(async move {
        let edge = shared;
        let started = edge.config.clock.now();
        let measured = AssertUnwindSafe(measure(&edge, &subject, &run, &due, started))
            .catch_unwind()
            .await;
        let measured = measured.unwrap_or_else(|_| Measured::error("the provider panicked"));
        let finished = edge.config.clock.now();
        let Measured {
            outcome,
            metadata,
            result_metadata,
        } = measured;
        // Not the outcome: it may hold secrets until the engine has hidden them.
        tracing::debug!(%task, metric = due.name, "measured");
        let answer = Answer {
            task: due,
            started,
            finished,
            outcome,
            metadata,
            result_metadata,
        };
        edge.measuring.end(&subject.name, &subject.uid, answer);
        edge.wake([task]);
    });
}

/// Removes what a measurement that is not in the status any more has left behind.
pub fn clear_away(task: &Task, gone: &Forgotten) {
    // No provider that is built leaves anything behind; one that does (a Job) has its removal here.
    tracing::debug!(%task, metric = gone.metric, "a measurement is forgotten");
}

struct Measured {
    outcome: Outcome,
    metadata: BTreeMap<String, String>,
    result_metadata: BTreeMap<String, String>,
}

impl Measured {
    fn error(why: impl Into<String>) -> Self {
        Outcome::Error(why.into()).into()
    }
}

impl From<Outcome> for Measured {
    fn from(outcome: Outcome) -> Self {
        Measured {
            outcome,
            metadata: BTreeMap::new(),
            result_metadata: BTreeMap::new(),
        }
    }
}

async fn measure(edge: &Edge, subject: &Subject, run: &AnalysisRun, due: &Due, now: DateTime<Utc>) -> Measured {
    let resumed = match &due.action {
        Action::Start => None,
        Action::Resume(open) => Some(open.clone()),
        // No provider that is built leaves anything behind that would have to be undone.
        Action::Terminate(open) => {
            let ended = Outcome::Decided {
                phase: Phase::Successful,
                message: String::new(),
                text: String::new(),
                resume_at: None,
            };
            return Measured {
                metadata: open.metadata.clone(),
                ..ended.into()
            };
        }
    };
    let targets = match due.metric.provider.plugin.get(NAME) {
        Some(config) => match targets(edge, subject, run, &config.0).await {
            Ok(targets) => targets,
            Err(why) => return Measured::error(why),
        },
        None => Vec::new(),
    };
    let task = providers::Task {
        metric: due.metric.clone(),
        resumed,
        targets,
    };
    let answer = providers::measure(&task, &edge.config.providers, &edge.transport, now).await;
    let outcome = match answer.outcome {
        providers::Outcome::Value { measured, text, note } => Outcome::Measured {
            value: measured,
            text,
            note,
        },
        providers::Outcome::NotYet { resume_at } => Outcome::Decided {
            phase: Phase::Running,
            message: String::new(),
            text: String::new(),
            resume_at: Some(resume_at),
        },
        providers::Outcome::Error(why) => Outcome::Error(why),
    };
    Measured {
        outcome,
        metadata: answer.metadata,
        result_metadata: answer.result_metadata,
    }
}

/// The pods that `sluice/scrape` asks, listed now.
async fn targets(
    edge: &Edge,
    subject: &Subject,
    run: &AnalysisRun,
    config: &Value,
) -> Result<Vec<ScrapeTarget>, String> {
    let config = ScrapeConfig::parse(config)?;
    let namespace = &subject.name.namespace;
    let hash = edge.know(|shelves| hash(shelves, namespace, run, &config.pods))?;
    let labels = format!("{}={hash}", keys::POD_TEMPLATE_HASH);
    let request = Builder::new(Kind::Pod.path(namespace)).list(&ListParams::default().labels(&labels));
    let pods = edge
        .server
        .read(&format!("list the pods of revision {hash}"), request)
        .await;
    let pods = pods.map_err(|error| error.to_string())?;
    let pods = pods.get("items").and_then(Value::as_array).into_iter().flatten();
    Ok(pods.filter_map(|pod| target(pod, config.port, &*edge.dial)).collect())
}

/// The hash of the pods a metric is about.
fn hash(shelves: &Shelves, namespace: &str, run: &AnalysisRun, pods: &Pods) -> Result<String, String> {
    let labels = run.metadata.labels.as_ref();
    let owner = run
        .metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true));
    let status = owner
        .and_then(|owner| shelves.rollouts.get(&Name::new(namespace, &owner.name)))
        .and_then(|seen| seen.object.rollout.status.clone());
    let hash = match pods {
        Pods::Hash(hash) => Some(hash.clone()),
        Pods::Canary => {
            let own = labels.and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH)).cloned();
            own.or_else(|| status.map(|status| status.current_pod_hash))
        }
        Pods::Stable => status.map(|status| status.stable_rs),
    };
    hash.filter(|hash| !hash.is_empty())
        .ok_or_else(|| format!("it is not known which pods are those of {pods}"))
}

fn target(pod: &Value, port: u16, dial: &dyn Dial) -> Option<ScrapeTarget> {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str);
    if matches!(text("/status/phase"), Some("Succeeded" | "Failed")) {
        return None;
    }
    let ip: IpAddr = text("/status/podIP")?.parse().ok()?;
    Some(ScrapeTarget {
        pod: text("/metadata/name")?.to_owned(),
        uid: text("/metadata/uid").unwrap_or_default().to_owned(),
        address: dial.dial(ip, port)?,
        created: text("/metadata/creationTimestamp").and_then(|text| text.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_running_pod_is_dialled_where_the_table_says() {
        let table =
            |ip: IpAddr, port| (ip.to_string() == "10.0.0.1").then(|| SocketAddr::from(([127, 0, 0, 1], port + 1)));
        let pod = |phase: &str, ip: &str| json!({"metadata": {"name": "web-1", "uid": "u"}, "status": {"phase": phase, "podIP": ip}});
        let found = |pod: Value| target(&pod, 80, &table).map(|target| target.address.to_string());
        assert_eq!(found(pod("Running", "10.0.0.1")), Some("127.0.0.1:81".to_owned()));
        assert_eq!(found(pod("Succeeded", "10.0.0.1")), None);
        assert_eq!(found(pod("Running", "10.0.0.2")), None);
        assert_eq!(found(json!({"metadata": {"name": "pending"}})), None);
    }

    #[test]
    fn pods_are_those_of_the_run_or_of_its_rollouts_stable_revision() {
        let mut shelves = Shelves::default();
        shelves.put(
            Kind::Rollout,
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
                   "metadata": {"namespace": "shop", "name": "web", "resourceVersion": "1"}, "spec": {},
                   "status": {"stableRS": "old"}}),
        );
        let run: AnalysisRun = serde_json::from_value(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
            "metadata": {"labels": {"rollouts-pod-template-hash": "new"}, "ownerReferences": [
                {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "u", "controller": true}]},
            "spec": {},
        }))
        .unwrap();
        let of = |pods: Pods| hash(&shelves, "shop", &run, &pods);
        assert_eq!(of(Pods::Canary), Ok("new".to_owned()));
        assert_eq!(of(Pods::Stable), Ok("old".to_owned()));
        assert_eq!(of(Pods::Hash("abc".to_owned())), Ok("abc".to_owned()));
        let alone = hash(&Shelves::default(), "shop", &AnalysisRun::default(), &Pods::Stable);
        assert_eq!(
            alone,
            Err("it is not known which pods are those of the stable revision".to_owned())
        );
    }
}
