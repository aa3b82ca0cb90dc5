//! How an experiment is doing: its phase, its ReplicaSets, its runs.

use api::experiment::Experiment;
use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Family, Node, NodeKind, age, is_owned, name, replica_set, revision, run};

/// The experiments of an owner: newest revision first, then oldest first, then by name.
pub(super) fn owned<'a>(family: &'a Family, owner: &ObjectMeta) -> Vec<&'a Experiment> {
    let mut experiments: Vec<_> = family
        .experiments
        .iter()
        .filter(|each| is_owned(&each.metadata, owner))
        .collect();
    let created = |each: &Experiment| each.metadata.creation_timestamp.as_ref().and_then(crate::age::instant);
    experiments.sort_by(|a, b| {
        let newest_first = revision(&b.metadata).cmp(&revision(&a.metadata));
        newest_first.then_with(|| (created(a), &a.metadata.name).cmp(&(created(b), &b.metadata.name)))
    });
    experiments
}

pub(super) fn node(family: &Family, experiment: &Experiment, now: DateTime<Utc>) -> Node {
    let owner = &experiment.metadata;
    let sets = replica_set::owned(family, owner);
    let sets = sets
        .into_iter()
        .map(|set| replica_set::node(family, set, Vec::new(), now));
    let runs = run::owned(family, owner).into_iter().map(|each| run::node(each, now));
    Node {
        kind: NodeKind::Experiment,
        name: name(owner),
        state: run::state(experiment.status.as_ref().map_or("", |status| &status.phase)),
        age: age(owner, now),
        notes: Vec::new(),
        children: sets.chain(runs).collect(),
    }
}
