//! What the tree of a rollout shows: a pure view of the objects around it at one instant.
//!
//! Source: wire-contract 7.4. Children are found by the owner's uid, so a [`Family`] may hold more than belongs in it.

mod experiment;
mod images;
mod pod;
mod replica_set;
mod run;

use std::collections::BTreeMap;

use api::analysis::AnalysisRun;
use api::experiment::Experiment;
use api::keys;
use api::rollout::Rollout;
use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::standing::{self, Standing};
pub use images::Image;
pub use replica_set::Role;

/// A rollout and the objects around it, as read.
#[derive(Clone, Debug, Default)]
pub struct Family {
    pub rollout: Rollout,
    pub replica_sets: Vec<ReplicaSet>,
    pub pods: Vec<Pod>,
    pub runs: Vec<AnalysisRun>,
    pub experiments: Vec<Experiment>,
}

/// The facts above the tree, and the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub name: String,
    pub namespace: String,
    pub standing: Standing,
    /// `Canary`, `BlueGreen`, or empty.
    pub strategy: &'static str,
    pub canary: Option<CanaryFacts>,
    pub images: Vec<Image>,
    pub replicas: Replicas,
    pub root: Node,
}

/// Only a canary has these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryFacts {
    /// `i/n`; none without steps.
    pub step: Option<String>,
    pub set_weight: i32,
    pub actual_weight: i32,
}

/// Pod counts of the rollout's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    pub desired: i32,
    pub current: i32,
    pub updated: i32,
    pub ready: i32,
    pub available: i32,
}

/// One line of the tree, and what hangs below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub kind: NodeKind,
    pub name: String,
    pub state: Option<State>,
    pub age: Option<TimeDelta>,
    pub notes: Vec<Note>,
    pub children: Vec<Node>,
}

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    Rollout,
    Revision,
    ReplicaSet,
    Pod,
    Job,
    Experiment,
    AnalysisRun,
}

/// A status word and its mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub mark: Mark,
    pub text: String,
}

/// How a status looks at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Waiting,
    Progressing,
    Warning,
    Unknown,
    Ok,
    Bad,
    Paused,
    Neutral,
}

/// One entry of the INFO column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// What a ReplicaSet serves as.
    Role(Role),
    /// Time until a ReplicaSet is scaled down; none when that time has passed.
    Delay(Option<TimeDelta>),
    /// Measurements of a run that ended so.
    Count(Mark, i32),
    /// Ready containers of all.
    Ready(usize, usize),
    /// Restarts of a pod's containers.
    Restarts(i32),
}

/// The tree of a family at `now`.
pub fn tree(family: &Family, now: DateTime<Utc>) -> Tree {
    let rollout = &family.rollout;
    let standing = standing::standing(rollout);
    let status = standing::status(rollout);
    Tree {
        name: name(&rollout.metadata),
        namespace: rollout.metadata.namespace.clone().unwrap_or_default(),
        strategy: standing::strategy(rollout),
        canary: canary_facts(family),
        images: images::images(family),
        replicas: Replicas {
            desired: rollout.spec.replicas(),
            current: status.replicas,
            updated: status.updated_replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
        },
        root: Node {
            kind: NodeKind::Rollout,
            name: name(&rollout.metadata),
            state: Some(State {
                mark: rollout_mark(&standing.phase),
                text: standing.phase.clone(),
            }),
            age: age(&rollout.metadata, now),
            notes: Vec::new(),
            children: revisions(family, now),
        },
        standing,
    }
}

/// The mark of a rollout's phase.
pub fn rollout_mark(phase: &str) -> Mark {
    match phase {
        "Progressing" => Mark::Progressing,
        "Error" | "InvalidSpec" => Mark::Warning,
        "Paused" => Mark::Paused,
        "Healthy" => Mark::Ok,
        "Degraded" => Mark::Bad,
        _ => Mark::Unknown,
    }
}

fn canary_facts(family: &Family) -> Option<CanaryFacts> {
    let rollout = &family.rollout;
    let canary = standing::canary(rollout)?;
    let status = standing::status(rollout);
    let (all, set_weight) = (canary.max_weight(), standing::set_weight(rollout));
    let actual_weight = if standing::current_step(rollout).is_none() {
        all
    } else if status.available_replicas == 0 {
        0
    } else if canary.traffic_routing.is_none() {
        let available = replica_set::canary_available(family);
        let weight = i64::from(available) * i64::from(all) / i64::from(status.available_replicas);
        i32::try_from(weight).unwrap_or(all)
    } else {
        status
            .canary
            .weights
            .map_or(set_weight, |weights| weights.canary.weight)
    };
    Some(CanaryFacts {
        step: standing::step(rollout),
        set_weight,
        actual_weight,
    })
}

/// Revisions, newest first; in each, ReplicaSets, experiments, then runs.
fn revisions(family: &Family, now: DateTime<Utc>) -> Vec<Node> {
    let mut by_revision: BTreeMap<i64, Vec<Node>> = BTreeMap::new();
    let owner = &family.rollout.metadata;
    for set in replica_set::owned(family, owner) {
        let node = replica_set::node(family, set, replica_set::notes(family, set, now), now);
        by_revision.entry(revision(&set.metadata)).or_default().push(node);
    }
    for each in experiment::owned(family, owner) {
        by_revision
            .entry(revision(&each.metadata))
            .or_default()
            .push(experiment::node(family, each, now));
    }
    for each in run::owned(family, owner) {
        by_revision
            .entry(revision(&each.metadata))
            .or_default()
            .push(run::node(each, now));
    }
    let line = |(revision, children)| Node {
        kind: NodeKind::Revision,
        name: format!("revision:{revision}"),
        state: None,
        age: None,
        notes: Vec::new(),
        children,
    };
    by_revision.into_iter().rev().map(line).collect()
}

fn name(of: &ObjectMeta) -> String {
    of.name.clone().unwrap_or_default()
}

fn age(of: &ObjectMeta, now: DateTime<Utc>) -> Option<TimeDelta> {
    crate::age::of(of.creation_timestamp.as_ref(), now)
}

/// The decimal revision of an object; 0 when it has none.
pub(crate) fn revision(of: &ObjectMeta) -> i64 {
    annotation(of, keys::REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// An annotation of an object.
pub(crate) fn annotation<'a>(of: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    of.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Whether `child` names `owner` as an owner; objects without a uid own nothing.
pub(crate) fn is_owned(child: &ObjectMeta, owner: &ObjectMeta) -> bool {
    let Some(uid) = owner.uid.as_deref() else { return false };
    child
        .owner_references
        .iter()
        .flatten()
        .any(|reference| reference.uid == uid)
}

#[cfg(test)]
mod tests;
