//! One recorded state: what was in the namespace, and the cluster it becomes.

use std::collections::BTreeMap;
use std::path::Path;

use api::analysis::{AnalysisRun, phase};
use api::rollout::{Rollout, RolloutStatus};
use api::template::Template;
use chrono::{DateTime, TimeDelta, Utc};
use controller::kind::Name;
use serde_json::{Value, json};

use crate::model::Model;

/// A state as its file has it.
pub(super) struct Recorded {
    pub(super) at: DateTime<Utc>,
    pub(super) items: Vec<Value>,
    /// The one Rollout, as it stands and as we read it.
    pub(super) object: Value,
    pub(super) rollout: Rollout,
}

/// One ReplicaSet of the Rollout.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) hash: String,
    pub(super) revision: i64,
    pub(super) size: i32,
    pub(super) deadline: Option<DateTime<Utc>>,
}

impl Recorded {
    /// Reads a file; the error says what it lacks.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|why| why.to_string())?;
        let value: Value = serde_json::from_str(&text).map_err(|why| why.to_string())?;
        let at = value["recordedAt"].as_str().ok_or("no recordedAt")?;
        let at = at.parse::<DateTime<Utc>>().map_err(|why| why.to_string())?;
        Recorded::of(at, value["items"].as_array().cloned().ok_or("no items")?)
    }

    /// What a cluster holds in a namespace at this instant, as a recording of it would have it.
    pub(super) fn from_cluster(model: &Model, namespace: &str) -> Result<Self, String> {
        let resources = [
            "rollouts.argoproj.io",
            "replicasets.apps",
            "services",
            "pods",
            "analysisruns.argoproj.io",
            "analysistemplates.argoproj.io",
            "deployments.apps",
        ];
        let store = model.world.api.store();
        let items = resources
            .iter()
            .flat_map(|resource| store.list(resource, Some(namespace)));
        Recorded::of(model.now(), items.map(|item| Value::clone(item)).collect())
    }

    fn of(at: DateTime<Utc>, items: Vec<Value>) -> Result<Self, String> {
        let object = items.iter().find(|item| item["kind"] == "Rollout").cloned();
        let object = object.ok_or("no Rollout")?;
        let decoded = api::decode::rollout(&object);
        if let Some(dropped) = decoded.dropped.first() {
            return Err(format!("its Rollout cannot be read: {dropped}"));
        }
        Ok(Recorded {
            at,
            items,
            object,
            rollout: decoded.object,
        })
    }

    /// A cluster in this state, at its instant, with a controller that has seen nothing yet.
    pub(super) fn cluster(&self) -> Result<Model, String> {
        let mut model = Model::starting_at(1, self.at);
        for item in &self.items {
            model.world.api.restore(item)?;
        }
        for (metric, value) in self.answers() {
            model.metrics.set(&metric, vec![value]);
        }
        Ok(model)
    }

    /// Where the Rollout is.
    pub(super) fn place(&self) -> Name {
        let metadata = &self.object["metadata"];
        let text = |key: &str| metadata[key].as_str().unwrap_or_default();
        Name::new(text("namespace"), text("name"))
    }

    pub(super) fn status(&self) -> RolloutStatus {
        self.rollout.status.clone().unwrap_or_default()
    }

    /// The objects of a kind that the Rollout owns.
    pub(super) fn owned(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let uid = &self.object["metadata"]["uid"];
        self.items
            .iter()
            .filter(move |item| item["kind"] == kind && is_controlled_by(item, uid))
    }

    /// The ReplicaSets of the Rollout.
    pub(super) fn sets(&self) -> Vec<Set> {
        self.owned("ReplicaSet")
            .map(|set| {
                let annotation = |key: &str| set["metadata"]["annotations"][key].as_str();
                Set {
                    hash: hash_label(set).to_owned(),
                    revision: annotation(api::keys::REVISION)
                        .and_then(|text| text.parse().ok())
                        .unwrap_or(0),
                    size: size(set),
                    deadline: annotation(api::keys::SCALE_DOWN_DEADLINE).and_then(|text| text.parse().ok()),
                }
            })
            .collect()
    }

    /// The analysis runs of the Rollout.
    pub(super) fn runs(&self) -> Vec<AnalysisRun> {
        self.owned("AnalysisRun")
            .map(|run| api::decode::analysis_run(run).object)
            .collect()
    }

    /// The object that `workloadRef` names.
    pub(super) fn workload(&self) -> Option<&Value> {
        let wanted = self.rollout.spec.workload_ref.as_ref()?;
        self.items
            .iter()
            .find(|item| item["kind"] == *wanted.kind && item["metadata"]["name"] == *wanted.name)
    }

    /// The pod template that the Rollout runs, its own or its workload's.
    pub(super) fn template(&self) -> Value {
        match self.workload() {
            Some(workload) => workload
                .pointer(template_path(workload))
                .cloned()
                .unwrap_or(Value::Null),
            None => self.object["spec"]["template"].clone(),
        }
    }

    /// Whether the status speaks of the spec as it is.
    pub(super) fn is_observed(&self) -> bool {
        let generation = self.rollout.metadata.generation.unwrap_or_default().to_string();
        let status = self.status();
        status.observed_generation == generation && !status.current_pod_hash.is_empty()
    }

    /// Whether the one who recorded it had nothing left to do at that instant: every pod ready and counted, and what the
    /// status waits for is a person, a verdict or a time to come.
    pub(super) fn is_at_rest(&self) -> bool {
        let status = self.status();
        let (mut pods, mut settled) = (0, self.is_observed());
        for set in self.owned("ReplicaSet") {
            let seen = &set["status"];
            let count = |key: &str| seen[key].as_i64().unwrap_or(0);
            let wanted = i64::from(size(set));
            pods += count("replicas");
            settled &= ["replicas", "readyReplicas", "availableReplicas"].map(count) == [wanted; 3];
            settled &= count("observedGeneration") >= set["metadata"]["generation"].as_i64().unwrap_or(0);
        }
        settled &= i64::from(status.replicas) == pods;
        let past = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at <= self.at);
        let waits = match status.phase.as_str() {
            "Healthy" | "Paused" | "Degraded" => true,
            _ => self.runs().iter().any(|run| !is_over(run)),
        };
        settled && waits && !past(self.pause_end()) && !self.sets().iter().any(|set| past(set.deadline) && set.size > 0)
    }

    /// When the pause that holds the rollout ends by itself.
    pub(super) fn pause_end(&self) -> Option<DateTime<Utc>> {
        let status = self.status();
        let pause = status.pause_conditions.first()?;
        let seconds = match pause.reason.as_str() {
            "CanaryPauseStep" => {
                let steps = &self.rollout.spec.strategy.canary.as_ref()?.steps;
                let step = steps.get(usize::try_from(status.current_step_index?).ok()?)?;
                step.pause.as_ref()?.seconds()?
            }
            "BlueGreenPause" => {
                let strategy = self.rollout.spec.strategy.blue_green.as_ref()?;
                let seconds = i64::from(strategy.auto_promotion_seconds);
                (strategy.auto_promotion_enabled() && seconds > 0).then_some(seconds)?
            }
            _ => return None,
        };
        Some(pause.start_time?.0 + TimeDelta::seconds(seconds))
    }

    /// Longer than anything in it takes by itself.
    pub(super) fn horizon(&self) -> TimeDelta {
        let spec = &self.rollout.spec;
        let mut seconds = 3600 + 2 * i64::from(spec.progress_deadline_seconds());
        if let Some(canary) = &spec.strategy.canary {
            let pauses = canary.steps.iter().filter_map(|step| step.pause.as_ref()?.seconds());
            seconds += pauses.sum::<i64>();
        }
        if let Some(strategy) = &spec.strategy.blue_green {
            seconds += i64::from(strategy.auto_promotion_seconds)
                + i64::from(strategy.scale_down_delay_seconds())
                + i64::from(strategy.abort_scale_down_delay_seconds().unwrap_or(0));
        }
        let ahead = |at: DateTime<Utc>| (at - self.at).num_seconds().max(0);
        seconds += self
            .sets()
            .iter()
            .filter_map(|set| set.deadline)
            .map(ahead)
            .sum::<i64>();
        let templates = self.items.iter().filter(|item| item["kind"] == "AnalysisTemplate");
        let metrics = templates.flat_map(|template| template["spec"]["metrics"].as_array().into_iter().flatten());
        seconds += metrics
            .map(|metric| {
                let interval = metric["interval"].as_str().unwrap_or("0s");
                let interval = api::duration::parse_go_duration(interval).unwrap_or_default();
                let text = metric["count"].as_str().map(str::to_owned);
                let count = text.unwrap_or_else(|| metric["count"].to_string());
                interval.num_seconds() * count.parse::<i64>().unwrap_or(0)
            })
            .sum::<i64>();
        TimeDelta::seconds(seconds)
    }

    /// What the metrics go on to answer: what they answered last, or a DNS answer, as all states were recorded with.
    fn answers(&self) -> BTreeMap<String, Value> {
        let mut answers = BTreeMap::new();
        for item in &self.items {
            for metric in item["spec"]["metrics"].as_array().into_iter().flatten() {
                let name = metric["name"].as_str().unwrap_or_default().to_owned();
                answers.entry(name).or_insert_with(|| json!({ "Status": 0 }));
            }
            for result in item["status"]["metricResults"].as_array().into_iter().flatten() {
                let last = result["measurements"].as_array().and_then(|all| all.last());
                let text = last.and_then(|last| last["value"].as_str());
                if let (Some(name), Some(text)) = (result["name"].as_str(), text) {
                    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
                    answers.insert(name.to_owned(), value);
                }
            }
        }
        answers
    }
}

/// Where a kind of workload has its pod template. Source: wire-contract 1.2.
pub(super) fn template_path(workload: &Value) -> &'static str {
    match workload["kind"].as_str() {
        Some("PodTemplate") => "/template",
        _ => "/spec/template",
    }
}

/// The hash a template gets.
pub(super) fn hash_of(template: &Value, collisions: Option<i32>) -> String {
    let template: Template = serde_json::from_value(template.clone()).expect("a pod template");
    api::hash::pod_template(&template, collisions)
}

/// Whether a run has ended.
pub(super) fn is_over(run: &AnalysisRun) -> bool {
    run.status
        .as_ref()
        .is_some_and(|status| phase::is_completed(&status.phase))
}

/// Whether the object's controller has this uid.
pub(super) fn is_controlled_by(object: &Value, uid: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners
        .into_iter()
        .flatten()
        .any(|owner| owner["controller"] == true && owner["uid"] == *uid)
}

/// Value of the hash label.
pub(super) fn hash_label(set: &Value) -> &str {
    set["metadata"]["labels"][api::keys::POD_TEMPLATE_HASH]
        .as_str()
        .unwrap_or_default()
}

/// `spec.replicas`.
pub(super) fn size(set: &Value) -> i32 {
    let size = set["spec"]["replicas"].as_i64().unwrap_or(0);
    i32::try_from(size).unwrap_or(i32::MAX)
}
