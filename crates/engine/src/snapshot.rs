//! What one decision sees: resolved, sorted, one timestamp.
//!
//! `Observed` is what the edge hands in, raw; `Snapshot::assemble` resolves it. `Controls` is what people ask for, apart from
//! `recorded`, which is what we wrote down ourselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::analysis::AnalysisRun;
use api::keys;
use api::rollout::{BlueGreenStrategy, CanaryStep, CanaryStrategy, LabelSelector, Rollout, RolloutSpec, RolloutStatus};
use chrono::{DateTime, Utc};

use crate::analysis::templates::{Library, Templates};
use crate::refusal::Withheld;
use crate::seen::{Pod, ReadyEndpoints, ReplicaSet, Service, Workload};

mod references;
mod revision;
mod workload;

pub use revision::{Counts, Deadline, Deleting, Revision, Settled};

/// The raw objects of one rollout at one instant, out of the caches.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub now: DateTime<Utc>,
    pub rollout: Arc<Rollout>,
    /// Parts of the Rollout that did not decode, as field error texts; the rest is in `rollout`.
    pub undecodable: Vec<String>,
    /// Every ReplicaSet of the namespace with the hash label that we own, that has no controller, or that has the name
    /// the next one would get.
    pub replica_sets: Vec<Arc<ReplicaSet>>,
    /// What `workloadRef` names, if there is such an object.
    pub workload: Option<Arc<Workload>>,
    /// The Services `Needs` names; `None`: there is none of that name.
    pub services: BTreeMap<String, Option<Arc<Service>>>,
    /// Ready endpoints of the Services that were asked for (`Read::Endpoints`).
    pub endpoints: BTreeMap<String, ReadyEndpoints>,
    /// The AnalysisRuns owned by the Rollout.
    pub runs: Vec<Arc<AnalysisRun>>,
    /// Names of AnalysisRuns that begin with the Rollout's name and are not ours.
    pub foreign_runs: BTreeSet<String>,
    /// AnalysisTemplates by name, transitively; `None`: there is none of that name.
    pub templates: Templates,
    /// ClusterAnalysisTemplates by name, likewise.
    pub cluster_templates: Templates,
    /// The pods of the Rollout, when they were asked for (`Read::Pods`).
    pub pods: Option<Vec<Pod>>,
    /// Whether the Rollout is there still, when that was asked for (`Read::Rollout`).
    pub presence: Option<Presence>,
    /// Something that this rollout needs cannot be seen, so that nothing may be decided about it.
    pub withheld: Option<Withheld>,
}

impl Observed {
    /// The selector of the Rollout's pods: its own, or that of its workload.
    pub fn selector(&self) -> Option<&LabelSelector> {
        workload::selector(self)
    }
}

/// Names of the objects a Rollout refers to, so that the edge knows what to look up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub services: BTreeSet<String>,
}

impl Needs {
    /// What this spec refers to.
    pub fn of(spec: &RolloutSpec) -> Self {
        let mut services = BTreeSet::new();
        if let Some(canary) = &spec.strategy.canary {
            services.extend([canary.canary_service.clone(), canary.stable_service.clone()]);
        }
        if let Some(blue_green) = &spec.strategy.blue_green {
            services.extend([blue_green.active_service.clone(), blue_green.preview_service.clone()]);
        }
        services.remove("");
        Needs { services }
    }
}

/// The strategy, exactly one.
#[derive(Clone, Debug)]
pub enum Strategy {
    Canary(Box<CanaryStrategy>),
    BlueGreen(Box<BlueGreenStrategy>),
}

/// What people ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controls {
    pub paused: Paused,
    pub abort: Abort,
    pub promote: Promote,
    pub resume: Resume,
}

/// `spec.paused`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    Manually,
    No,
}

/// `status.abort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    Asked,
    No,
}

/// `status.promoteFull`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promote {
    Full,
    No,
}

/// `status.controllerPause` without pause conditions: a person took our pause away. Source: wire-contract 3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    Asked,
    No,
}

/// Everything one decision sees.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub now: DateTime<Utc>,
    /// With the template and the selector of its workload in it, if that is where they are.
    pub rollout: Arc<Rollout>,
    /// What `workloadRef` names.
    pub workload: Option<Arc<Workload>>,
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub generation: i64,
    /// R: `spec.replicas`, 1 when absent.
    pub replicas: i32,
    /// Hash of the spec's template and the collision count.
    pub computed_hash: String,
    /// Hash of the steps; empty for blue/green.
    pub step_hash: String,
    pub strategy: Strategy,
    pub controls: Controls,
    /// All ReplicaSets that are ours, oldest first, ties by name.
    pub revisions: Vec<Revision>,
    new: Option<usize>,
    stable: Option<usize>,
    /// ReplicaSets to take or to let go of. Source: wire-contract 2.3.
    pub claims: Vec<Claimable>,
    /// A foreign ReplicaSet, or one of ours with another template, that has the name the next one would get.
    pub name_taken: Option<String>,
    pub services: BTreeMap<String, Option<Arc<Service>>>,
    pub endpoints: BTreeMap<String, ReadyEndpoints>,
    pub runs: Vec<Arc<AnalysisRun>>,
    pub foreign_runs: BTreeSet<String>,
    pub templates: Templates,
    pub cluster_templates: Templates,
    pub pods: Option<Vec<Pod>>,
    pub presence: Option<Presence>,
}

/// A ReplicaSet whose owner reference is to change.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimable {
    pub name: String,
    pub uid: String,
    pub resource_version: String,
    pub wanted: Ownership,
}

/// Whether a ReplicaSet should be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    Ours,
    NotOurs,
}

/// What the API server itself says of a Rollout that is in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    There,
    /// It is being deleted, or another one has its name.
    Gone,
}

/// Why a Rollout cannot be carried out; the text is the `InvalidSpec` condition's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSpec(pub String);

impl Snapshot {
    /// Resolves what was observed.
    pub fn assemble(observed: &Observed) -> Result<Snapshot, InvalidSpec> {
        if let Some(why) = observed.undecodable.first() {
            return Err(InvalidSpec(why.clone()));
        }
        let rollout = &workload::resolve(observed)?;
        let spec = &rollout.spec;
        if let Some(error) = api::validate::resolved(rollout).into_iter().next() {
            return Err(InvalidSpec(error.to_string()));
        }
        if let Some(error) = api::validate::unsupported(spec) {
            return Err(InvalidSpec(error.to_string()));
        }
        if let Some(error) = references::check(observed, rollout) {
            return Err(InvalidSpec(error.to_string()));
        }
        let strategy = match (&spec.strategy.canary, &spec.strategy.blue_green) {
            (Some(canary), None) => Strategy::Canary(Box::new(canary.clone())),
            (None, Some(blue_green)) => Strategy::BlueGreen(Box::new(blue_green.clone())),
            (Some(_), Some(_)) | (None, None) => {
                return Err(InvalidSpec(
                    "spec.strategy: exactly one of canary and blueGreen must be set".to_owned(),
                ));
            }
        };
        let status = recorded(rollout);
        let template = spec.template.clone().unwrap_or_default();
        let computed_hash = api::hash::pod_template(&template, status.collision_count);
        let step_hash = match &strategy {
            Strategy::Canary(canary) => api::hash::steps(&canary.steps),
            Strategy::BlueGreen(_) => String::new(),
        };
        let uid = rollout.metadata.uid.clone().unwrap_or_default();
        let name = rollout.metadata.name.clone().unwrap_or_default();
        let (revisions, claims) = revision::claim(observed, spec.selector.as_ref(), &uid);
        let new = revision::find_new(&revisions, &template, &computed_hash);
        let stable = (!status.stable_rs.is_empty())
            .then(|| revisions.iter().position(|revision| revision.hash == status.stable_rs))
            .flatten();
        let next_name = format!("{name}-{computed_hash}");
        let name_taken = (new.is_none() && observed.replica_sets.iter().any(|rs| rs.metadata.name == next_name))
            .then_some(next_name);
        Ok(Snapshot {
            now: observed.now,
            namespace: rollout.metadata.namespace.clone().unwrap_or_default(),
            generation: rollout.metadata.generation.unwrap_or_default(),
            replicas: spec.replicas.unwrap_or(1),
            controls: controls(spec, &status),
            workload: spec.workload_ref.as_ref().and(observed.workload.clone()),
            rollout: rollout.clone(),
            name,
            uid,
            computed_hash,
            step_hash,
            strategy,
            revisions,
            new,
            stable,
            claims,
            name_taken,
            services: observed.services.clone(),
            endpoints: observed.endpoints.clone(),
            runs: observed.runs.clone(),
            foreign_runs: observed.foreign_runs.clone(),
            templates: observed.templates.clone(),
            cluster_templates: observed.cluster_templates.clone(),
            pods: observed.pods.clone(),
            presence: observed.presence,
        })
    }

    /// `spec`.
    pub fn spec(&self) -> &RolloutSpec {
        &self.rollout.spec
    }

    /// What we recorded: the status as last seen.
    pub fn recorded(&self) -> RolloutStatus {
        recorded(&self.rollout)
    }

    /// The ReplicaSet of the spec's template.
    pub fn new_revision(&self) -> Option<&Revision> {
        self.new.map(|index| &self.revisions[index])
    }

    /// The ReplicaSet `status.stableRS` names.
    pub fn stable_revision(&self) -> Option<&Revision> {
        self.stable.map(|index| &self.revisions[index])
    }

    /// The stable ReplicaSet, when it is not the new one too.
    pub fn separate_stable(&self) -> Option<&Revision> {
        if self.stable == self.new {
            None
        } else {
            self.stable_revision()
        }
    }

    /// All ReplicaSets but the new and the stable one, oldest first.
    pub fn other_revisions(&self) -> impl Iterator<Item = &Revision> {
        let (new, stable) = (self.new, self.stable);
        self.revisions
            .iter()
            .enumerate()
            .filter(move |(index, _)| Some(*index) != new && Some(*index) != stable)
            .map(|(_, revision)| revision)
    }

    /// The ReplicaSet with this hash label.
    pub fn revision(&self, hash: &str) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.hash == hash)
    }

    /// Hash of the new ReplicaSet: its label, or the computed one before it exists.
    pub fn new_hash(&self) -> &str {
        self.new_revision()
            .map_or(&self.computed_hash, |revision| &revision.hash)
    }

    /// The analysis templates that were read.
    pub fn library(&self) -> Library<'_> {
        Library {
            templates: &self.templates,
            cluster_templates: &self.cluster_templates,
        }
    }

    /// The AnalysisRuns that are ours.
    pub fn runs(&self) -> impl Iterator<Item = &AnalysisRun> {
        self.runs.iter().map(AsRef::as_ref)
    }

    /// The AnalysisRun of this name.
    pub fn run(&self, name: &str) -> Option<&AnalysisRun> {
        self.runs
            .iter()
            .map(AsRef::as_ref)
            .find(|run| run.metadata.name.as_deref() == Some(name))
    }

    /// The Services whose selector carries traffic: active, or stable and canary; never the preview.
    pub fn live_services(&self) -> Vec<String> {
        let names = match &self.strategy {
            Strategy::Canary(canary) => vec![&canary.stable_service, &canary.canary_service],
            Strategy::BlueGreen(blue_green) => vec![&blue_green.active_service],
        };
        names.into_iter().filter(|name| !name.is_empty()).cloned().collect()
    }

    /// The hash a Service's selector names.
    pub fn service_hash(&self, service: &str) -> Option<&str> {
        self.services.get(service)?.as_ref()?.hash()
    }

    /// The hash the active Service names.
    pub fn active_hash(&self) -> Option<&str> {
        match &self.strategy {
            Strategy::BlueGreen(blue_green) => self.service_hash(&blue_green.active_service),
            Strategy::Canary(_) => None,
        }
    }

    /// The steps; none for blue/green.
    pub fn steps(&self) -> &[CanaryStep] {
        match &self.strategy {
            Strategy::Canary(canary) => &canary.steps,
            Strategy::BlueGreen(_) => &[],
        }
    }

    /// The Rollout's own revision annotation; 0 when there is none.
    pub fn rollout_revision(&self) -> i64 {
        let annotations = self.rollout.metadata.annotations.as_ref();
        annotations
            .and_then(|all| all.get(keys::REVISION))
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }
}

fn recorded(rollout: &Rollout) -> RolloutStatus {
    rollout.status.clone().unwrap_or_default()
}

fn controls(spec: &RolloutSpec, status: &RolloutStatus) -> Controls {
    Controls {
        paused: if spec.paused { Paused::Manually } else { Paused::No },
        abort: if status.abort { Abort::Asked } else { Abort::No },
        promote: if status.promote_full {
            Promote::Full
        } else {
            Promote::No
        },
        resume: if status.controller_pause && status.pause_conditions.is_empty() && !status.abort {
            Resume::Asked
        } else {
            Resume::No
        },
    }
}
