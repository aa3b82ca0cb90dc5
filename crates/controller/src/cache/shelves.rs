//! Everything that is known, and whom a change concerns.
//!
//! Pure: the watches feed it in the running controller, the model ring feeds it by hand.

mod concerns;

use std::collections::{BTreeMap, BTreeSet};

use api::analysis::{AnalysisRun, AnalysisTemplateSpec};
use engine::seen::{ReplicaSet, Service, Workload};
use serde_json::Value;

use super::shelf::{Shelf, Shelved, Stale, Stamp};
use super::version::Version;
use crate::decode::{self, Decode, SeenRollout};
use crate::kind::{Kind, Name};
use crate::lower::Subject;
use crate::observe;
use crate::task::Task;
use concerns::{is_pointed, run_changed};

/// One shelf for each kind that is watched.
#[derive(Clone, Debug, Default)]
pub struct Shelves {
    pub(crate) rollouts: Shelf<SeenRollout>,
    pub(crate) replica_sets: Shelf<ReplicaSet>,
    pub(crate) services: Shelf<Service>,
    pub(crate) runs: Shelf<AnalysisRun>,
    pub(crate) templates: Shelf<AnalysisTemplateSpec>,
    pub(crate) cluster_templates: Shelf<AnalysisTemplateSpec>,
    /// What Rollouts refer to by `workloadRef`; nothing else of these kinds is kept.
    deployments: Shelf<Workload>,
    any_replica_sets: Shelf<Workload>,
    pod_templates: Shelf<Workload>,
    /// The Rollouts that refer to a workload.
    by_workload: BTreeMap<(Kind, Name), BTreeSet<Name>>,
    /// The Rollouts that refer to a Service.
    by_service: BTreeMap<Name, BTreeSet<Name>>,
    /// The ReplicaSets that nobody manages.
    orphans: BTreeSet<Name>,
}

/// What a change to the shelves means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// What is to be looked at again.
    pub tasks: BTreeSet<Task>,
    /// Rollouts that were not known before.
    pub arrived: Vec<Subject>,
    /// Rollouts that are gone.
    pub left: Vec<Subject>,
    /// How many objects are not as they were known before; of a listing, how many events had been missed.
    pub differences: u64,
    /// Objects that do not decode, and why.
    pub undecodable: Vec<(Name, String)>,
}

impl Shelves {
    /// Takes in an object that a watch has delivered as added or modified.
    pub fn put(&mut self, kind: Kind, object: Value) -> Change {
        let mut change = Change::default();
        self.take_in(kind, object, &mut change);
        change
    }

    /// Forgets an object that a watch has delivered as deleted.
    pub fn remove(&mut self, kind: Kind, object: &Value) -> Change {
        let mut change = Change::default();
        if let Some(name) = decode::name(object) {
            self.forget(kind, &name, &decode::stamp(object).version, &mut change);
        }
        change
    }

    /// Takes in a whole listing: what it has, and the end of what it no longer has.
    pub fn replace(&mut self, kind: Kind, objects: Vec<Value>, version: &Version) -> Change {
        let mut listed = BTreeSet::new();
        let mut change = self.take_page(kind, objects, &mut listed);
        let ends = self.end_listing(kind, &listed, version);
        change.tasks.extend(ends.tasks);
        change.left.extend(ends.left);
        change.differences += ends.differences;
        change
    }

    /// Takes in one page of a listing, and notes what was listed.
    pub fn take_page(&mut self, kind: Kind, objects: Vec<Value>, listed: &mut BTreeSet<Name>) -> Change {
        let mut change = Change::default();
        for object in objects {
            listed.extend(decode::name(&object));
            self.take_in(kind, object, &mut change);
        }
        change
    }

    /// Forgets what a whole listing at this version no longer has.
    pub fn end_listing(&mut self, kind: Kind, listed: &BTreeSet<Name>, version: &Version) -> Change {
        let mut change = Change::default();
        for name in self.missing_from(kind, listed, version) {
            self.forget(kind, &name, version, &mut change);
        }
        change
    }

    /// The objects about which a listing knows better: listed and not known as new, or known and not listed any more.
    pub fn suspects(&self, kind: Kind, listed: &BTreeMap<Name, Version>, version: &Version) -> Vec<Name> {
        let behind = listed.iter().filter(|(name, listed)| {
            let known = self.stamp(kind, name);
            let older = known.is_none_or(|known| known.version.is_older_than(listed));
            older && self.is_kept(kind, name)
        });
        let mut suspects: Vec<Name> = behind.map(|(name, _)| name.clone()).collect();
        suspects.extend(self.missing_from(kind, &listed.keys().cloned().collect(), version));
        suspects
    }

    /// Takes in what a live read of one object has shown; `before` is its stamp when the read began.
    pub fn repair(&mut self, kind: Kind, name: &Name, read: Option<Value>, before: Option<&Stamp>) -> Change {
        let mut change = Change::default();
        let known = self.stamp(kind, name);
        match (read, before) {
            (Some(object), _) => self.take_in(kind, object, &mut change),
            // Gone only if nothing has been heard of it since: it may have been created after the read.
            (None, Some(before)) if known.as_ref() == Some(before) => {
                self.forget(kind, name, &before.version, &mut change);
            }
            (None, _) => {}
        }
        change
    }

    /// What is known of an object's identity and version.
    pub fn stamp(&self, kind: Kind, name: &Name) -> Option<Stamp> {
        match kind {
            Kind::Rollout => self.rollouts.get(name).map(|shelved| shelved.stamp.clone()),
            Kind::ReplicaSet => self.replica_sets.get(name).map(|shelved| shelved.stamp.clone()),
            Kind::Service => self.services.get(name).map(|shelved| shelved.stamp.clone()),
            Kind::AnalysisRun => self.runs.get(name).map(|shelved| shelved.stamp.clone()),
            Kind::AnalysisTemplate => self.templates.get(name).map(|shelved| shelved.stamp.clone()),
            Kind::ClusterAnalysisTemplate => self.cluster_templates.get(name).map(|shelved| shelved.stamp.clone()),
            Kind::Deployment | Kind::AnyReplicaSet | Kind::PodTemplate => {
                self.workloads(kind)?.get(name).map(|shelved| shelved.stamp.clone())
            }
            Kind::EndpointSlice | Kind::Pod | Kind::Secret | Kind::Event | Kind::Lease => None,
        }
    }

    /// How many objects of a kind are known.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Rollout => self.rollouts.len(),
            Kind::ReplicaSet => self.replica_sets.len(),
            Kind::Service => self.services.len(),
            Kind::AnalysisRun => self.runs.len(),
            Kind::AnalysisTemplate => self.templates.len(),
            Kind::ClusterAnalysisTemplate => self.cluster_templates.len(),
            Kind::Deployment => self.deployments.len(),
            Kind::AnyReplicaSet => self.any_replica_sets.len(),
            Kind::PodTemplate => self.pod_templates.len(),
            Kind::EndpointSlice | Kind::Pod | Kind::Secret | Kind::Event | Kind::Lease => 0,
        }
    }

    /// The workloads of a kind that Rollouts refer to; `None` for every other kind.
    pub(crate) fn workloads(&self, kind: Kind) -> Option<&Shelf<Workload>> {
        match kind {
            Kind::Deployment => Some(&self.deployments),
            Kind::AnyReplicaSet => Some(&self.any_replica_sets),
            Kind::PodTemplate => Some(&self.pod_templates),
            Kind::Rollout
            | Kind::ReplicaSet
            | Kind::Service
            | Kind::AnalysisRun
            | Kind::AnalysisTemplate
            | Kind::ClusterAnalysisTemplate
            | Kind::EndpointSlice
            | Kind::Pod
            | Kind::Secret
            | Kind::Event
            | Kind::Lease => None,
        }
    }

    /// Whether any Rollout refers to a workload of this kind.
    pub fn refers_to(&self, kind: Kind) -> bool {
        let first = (kind, Name::default());
        let next = self.by_workload.range(first..).next();
        next.is_some_and(|((found, _), _)| *found == kind)
    }

    /// The workload that a Rollout refers to and that is not known: it must be read, for a watch may have begun too late.
    pub fn lacking(&self, rollout: &Name) -> Option<(Kind, Name)> {
        let seen = self.rollouts.get(rollout)?;
        let (kind, place) = observe::workload(&seen.object.rollout.spec, &rollout.namespace)?;
        self.stamp(kind, &place).is_none().then_some((kind, place))
    }

    /// Everything there is to look after.
    pub fn tasks(&self) -> BTreeSet<Task> {
        let rollouts = self.rollouts.iter().map(|(name, _)| Task::Rollout(name.clone()));
        let runs = self.runs.iter().map(|(name, _)| Task::Run(name.clone()));
        let pointed = self.services.iter().filter(|(_, service)| is_pointed(&service.object));
        rollouts
            .chain(runs)
            .chain(pointed.map(|(name, _)| Task::Service(name.clone())))
            .collect()
    }

    /// The ReplicaSets of a namespace that nobody manages.
    pub(crate) fn orphans<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Name> {
        let first = Name::new(namespace, "");
        self.orphans
            .range(first..)
            .take_while(move |name| name.namespace == namespace)
    }

    /// The Rollouts that refer to a Service.
    pub(crate) fn referring_to(&self, service: &Name) -> impl Iterator<Item = &Name> {
        self.by_service.get(service).into_iter().flatten()
    }

    fn take_in(&mut self, kind: Kind, object: Value, change: &mut Change) {
        let Some(name) = decode::name(&object) else { return };
        match kind {
            Kind::Rollout => {
                if let Some((old, new)) = place(&mut self.rollouts, &name, object, change) {
                    self.rollout_changed(&name, old.as_ref(), new.as_ref(), change);
                }
            }
            Kind::ReplicaSet => {
                if let Some((old, new)) = place(&mut self.replica_sets, &name, object, change) {
                    self.replica_set_changed(&name, old.as_ref(), new.as_ref(), change);
                }
            }
            Kind::Service => {
                if let Some((old, new)) = place(&mut self.services, &name, object, change) {
                    self.service_changed(&name, old.as_ref(), new.as_ref(), change);
                }
            }
            Kind::AnalysisRun => {
                if let Some((old, new)) = place(&mut self.runs, &name, object, change) {
                    run_changed(&name, old.as_ref(), new.as_ref(), change);
                }
            }
            Kind::AnalysisTemplate => {
                if place(&mut self.templates, &name, object, change).is_some() {
                    self.template_changed(&name.namespace, change);
                }
            }
            Kind::ClusterAnalysisTemplate => {
                if place(&mut self.cluster_templates, &name, object, change).is_some() {
                    self.template_changed("", change);
                }
            }
            Kind::Deployment | Kind::AnyReplicaSet | Kind::PodTemplate => {
                if self.is_kept(kind, &name)
                    && let Some(shelf) = self.workload_shelf(kind)
                    && place(shelf, &name, object, change).is_some()
                {
                    self.workload_changed(kind, &name, change);
                }
            }
            Kind::EndpointSlice | Kind::Pod | Kind::Secret | Kind::Event | Kind::Lease => {}
        }
    }

    /// Whether an object of this kind is kept at all: of workloads, only those that Rollouts refer to.
    fn is_kept(&self, kind: Kind, name: &Name) -> bool {
        !Kind::WORKLOADS.contains(&kind) || self.by_workload.contains_key(&(kind, name.clone()))
    }

    fn workload_shelf(&mut self, kind: Kind) -> Option<&mut Shelf<Workload>> {
        match kind {
            Kind::Deployment => Some(&mut self.deployments),
            Kind::AnyReplicaSet => Some(&mut self.any_replica_sets),
            Kind::PodTemplate => Some(&mut self.pod_templates),
            Kind::Rollout
            | Kind::ReplicaSet
            | Kind::Service
            | Kind::AnalysisRun
            | Kind::AnalysisTemplate
            | Kind::ClusterAnalysisTemplate
            | Kind::EndpointSlice
            | Kind::Pod
            | Kind::Secret
            | Kind::Event
            | Kind::Lease => None,
        }
    }

    fn forget(&mut self, kind: Kind, name: &Name, version: &Version, change: &mut Change) {
        change.differences += u64::from(self.stamp(kind, name).is_some());
        match kind {
            Kind::Rollout => {
                if let Some(old) = self.rollouts.end(name, version) {
                    self.rollout_changed(name, Some(&old), None, change);
                }
            }
            Kind::ReplicaSet => {
                if let Some(old) = self.replica_sets.end(name, version) {
                    self.replica_set_changed(name, Some(&old), None, change);
                }
            }
            Kind::Service => {
                if let Some(old) = self.services.end(name, version) {
                    self.service_changed(name, Some(&old), None, change);
                }
            }
            Kind::AnalysisRun => {
                if let Some(old) = self.runs.end(name, version) {
                    run_changed(name, Some(&old), None, change);
                }
            }
            Kind::AnalysisTemplate => {
                if self.templates.end(name, version).is_some() {
                    self.template_changed(&name.namespace, change);
                }
            }
            Kind::ClusterAnalysisTemplate => {
                if self.cluster_templates.end(name, version).is_some() {
                    self.template_changed("", change);
                }
            }
            Kind::Deployment | Kind::AnyReplicaSet | Kind::PodTemplate => {
                let ended = self.workload_shelf(kind).and_then(|shelf| shelf.end(name, version));
                if ended.is_some() {
                    self.workload_changed(kind, name, change);
                }
            }
            Kind::EndpointSlice | Kind::Pod | Kind::Secret | Kind::Event | Kind::Lease => {}
        }
    }

    fn missing_from(&self, kind: Kind, listed: &BTreeSet<Name>, version: &Version) -> Vec<Name> {
        match kind {
            Kind::Rollout => self.rollouts.missing_from(listed, version),
            Kind::ReplicaSet => self.replica_sets.missing_from(listed, version),
            Kind::Service => self.services.missing_from(listed, version),
            Kind::AnalysisRun => self.runs.missing_from(listed, version),
            Kind::AnalysisTemplate => self.templates.missing_from(listed, version),
            Kind::ClusterAnalysisTemplate => self.cluster_templates.missing_from(listed, version),
            Kind::Deployment | Kind::AnyReplicaSet | Kind::PodTemplate => {
                let shelf = self.workloads(kind);
                shelf
                    .map(|shelf| shelf.missing_from(listed, version))
                    .unwrap_or_default()
            }
            Kind::EndpointSlice | Kind::Pod | Kind::Secret | Kind::Event | Kind::Lease => Vec::new(),
        }
    }
}

/// The state before and the state after; a state that is not known or does not decode is `None`.
type Transition<T> = (Option<Shelved<T>>, Option<Shelved<T>>);

/// Puts an object on its shelf; `None` when nothing changed by it. An object that does not decode leaves its shelf.
fn place<T: Decode>(shelf: &mut Shelf<T>, name: &Name, object: Value, change: &mut Change) -> Option<Transition<T>> {
    let stamp = decode::stamp(&object);
    let known = shelf.get(name);
    if known.is_some_and(|known| known.stamp == stamp) {
        return None;
    }
    let before = known.filter(|known| known.stamp.uid == stamp.uid);
    let transition = match decode::shelved::<T>(object, before.map(|known| &*known.object)) {
        Ok(new) => match shelf.put(name.clone(), new.clone()) {
            Ok(old) => (old, Some(new)),
            Err(Stale) => return None,
        },
        Err(why) => {
            change.undecodable.push((name.clone(), why));
            (shelf.take(name), None)
        }
    };
    change.differences += 1;
    Some(transition)
}

#[cfg(test)]
mod tests;
