//! Whom a change concerns: the tasks to look at again, Rollouts that arrived or left.

use std::collections::BTreeSet;

use api::analysis::AnalysisRun;
use api::keys;
use engine::seen::{ReplicaSet, Service};
use engine::snapshot::Needs;

use super::{Change, Shelves};
use crate::cache::shelf::Shelved;
use crate::decode::SeenRollout;
use crate::kind::{Kind, Name};
use crate::observe::{self, names_a_template, subject};
use crate::task::Task;

impl Shelves {
    /// A Rollout has come, changed or gone.
    pub(super) fn rollout_changed(
        &mut self,
        name: &Name,
        old: Option<&Shelved<SeenRollout>>,
        new: Option<&Shelved<SeenRollout>>,
        change: &mut Change,
    ) {
        change.tasks.insert(Task::Rollout(name.clone()));
        let services = |seen: Option<&Shelved<SeenRollout>>| -> BTreeSet<Name> {
            let needs = seen
                .map(|seen| Needs::of(&seen.object.rollout.spec))
                .unwrap_or_default();
            needs
                .services
                .into_iter()
                .map(|service| Name::new(&name.namespace, service))
                .collect()
        };
        let (before, after) = (services(old), services(new));
        for service in before.difference(&after) {
            if let Some(rollouts) = self.by_service.get_mut(service) {
                rollouts.remove(name);
                if rollouts.is_empty() {
                    self.by_service.remove(service);
                }
            }
            change.tasks.insert(Task::Service(service.clone()));
        }
        for service in after {
            self.by_service.entry(service).or_default().insert(name.clone());
        }
        self.workload_referred(name, old, new);
        // Deleted and created again between two listings is an end and a beginning.
        let same = matches!((old, new), (Some(old), Some(new)) if old.stamp.uid == new.stamp.uid);
        if !same {
            change
                .left
                .extend(old.map(|old| subject(Kind::Rollout, name, &old.stamp)));
            change
                .arrived
                .extend(new.map(|new| subject(Kind::Rollout, name, &new.stamp)));
        }
    }

    /// A Rollout refers to another workload than before: what nobody refers to is not kept.
    fn workload_referred(
        &mut self,
        name: &Name,
        old: Option<&Shelved<SeenRollout>>,
        new: Option<&Shelved<SeenRollout>>,
    ) {
        let named = |seen: Option<&Shelved<SeenRollout>>| {
            seen.and_then(|seen| observe::workload(&seen.object.rollout.spec, &name.namespace))
        };
        let (before, after) = (named(old), named(new));
        if before == after {
            return;
        }
        if let Some(gone) = before
            && let Some(rollouts) = self.by_workload.get_mut(&gone)
        {
            rollouts.remove(name);
            if rollouts.is_empty() {
                self.by_workload.remove(&gone);
                if let Some(shelf) = self.workload_shelf(gone.0) {
                    shelf.take(&gone.1);
                }
            }
        }
        if let Some(named) = after {
            self.by_workload.entry(named).or_default().insert(name.clone());
        }
    }

    /// A workload that Rollouts refer to has come, changed or gone.
    pub(super) fn workload_changed(&self, kind: Kind, name: &Name, change: &mut Change) {
        let rollouts = self.by_workload.get(&(kind, name.clone())).into_iter().flatten();
        change
            .tasks
            .extend(rollouts.map(|rollout| Task::Rollout(rollout.clone())));
    }

    /// A ReplicaSet has come, changed or gone.
    pub(super) fn replica_set_changed(
        &mut self,
        name: &Name,
        old: Option<&Shelved<ReplicaSet>>,
        new: Option<&Shelved<ReplicaSet>>,
        change: &mut Change,
    ) {
        if new.is_some_and(|new| new.stamp.owner.is_none()) {
            self.orphans.insert(name.clone());
        } else {
            self.orphans.remove(name);
        }
        for seen in [old, new].into_iter().flatten() {
            match &seen.stamp.owner {
                Some(owner) if owner.kind == Kind::Rollout.as_str() => {
                    change
                        .tasks
                        .insert(Task::Rollout(Name::new(&name.namespace, &owner.name)));
                }
                Some(_) => {}
                None => {
                    let labels = &seen.object.metadata.labels;
                    let selecting = self.rollouts.in_namespace(&name.namespace).filter(|(_, rollout)| {
                        rollout
                            .object
                            .rollout
                            .spec
                            .selector
                            .as_ref()
                            .is_some_and(|selector| selector.matches(labels))
                    });
                    change
                        .tasks
                        .extend(selecting.map(|(rollout, _)| Task::Rollout(rollout.clone())));
                }
            }
        }
    }

    /// A Service has come, changed or gone.
    pub(super) fn service_changed(
        &self,
        name: &Name,
        old: Option<&Shelved<Service>>,
        new: Option<&Shelved<Service>>,
        change: &mut Change,
    ) {
        change
            .tasks
            .extend(self.referring_to(name).map(|rollout| Task::Rollout(rollout.clone())));
        if [old, new].into_iter().flatten().any(|seen| is_pointed(&seen.object)) {
            change.tasks.insert(Task::Service(name.clone()));
        }
    }

    /// Wakes the Rollouts that name any template; an empty namespace is all of them.
    pub(super) fn template_changed(&self, namespace: &str, change: &mut Change) {
        let concerned = |(name, seen): &(&Name, &Shelved<SeenRollout>)| {
            (namespace.is_empty() || name.namespace == namespace) && names_a_template(&seen.object.rollout.spec)
        };
        let tasks = self
            .rollouts
            .iter()
            .filter(concerned)
            .map(|(name, _)| Task::Rollout(name.clone()));
        change.tasks.extend(tasks);
    }
}

/// An AnalysisRun has come, changed or gone.
pub(super) fn run_changed(
    name: &Name,
    old: Option<&Shelved<AnalysisRun>>,
    new: Option<&Shelved<AnalysisRun>>,
    change: &mut Change,
) {
    change.tasks.insert(Task::Run(name.clone()));
    // Measurements come and go without concern to the owner. Source: wire-contract 3.1.
    let matters = |seen: &Shelved<AnalysisRun>| {
        let phase = seen.object.status.as_ref().map(|status| status.phase.clone());
        (
            phase,
            seen.object.spec.terminate,
            seen.stamp.owner.clone(),
            seen.object.metadata.deletion_timestamp.clone(),
        )
    };
    if old.map(matters) == new.map(matters) {
        return;
    }
    for seen in [old, new].into_iter().flatten() {
        if let Some(owner) = seen
            .stamp
            .owner
            .as_ref()
            .filter(|owner| owner.kind == Kind::Rollout.as_str())
        {
            change
                .tasks
                .insert(Task::Rollout(Name::new(&name.namespace, &owner.name)));
        }
    }
}

/// Whether a Service's selector was moved by a Rollout, or says so.
pub(super) fn is_pointed(service: &Service) -> bool {
    service.hash().is_some() && service.metadata.annotations.contains_key(keys::MANAGED_BY)
}
