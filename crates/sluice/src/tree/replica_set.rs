//! How a ReplicaSet is doing and what it serves as.

use api::keys;
use chrono::{DateTime, Utc};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Family, Mark, Node, NodeKind, Note, State, age, annotation, is_owned, name, pod, revision};
use crate::standing;

/// What a ReplicaSet serves as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Stable,
    Canary,
    Active,
    Preview,
    Ping,
    Pong,
    /// A template of an experiment, by its name.
    Experiment(String),
}

/// The ReplicaSets of an owner: newest revision first, then by name.
pub(super) fn owned<'a>(family: &'a Family, owner: &ObjectMeta) -> Vec<&'a ReplicaSet> {
    let mut sets: Vec<_> = family
        .replica_sets
        .iter()
        .filter(|set| is_owned(&set.metadata, owner))
        .collect();
    sets.sort_by_key(|set| (std::cmp::Reverse(revision(&set.metadata)), set.metadata.name.as_deref()));
    sets
}

pub(super) fn node(family: &Family, set: &ReplicaSet, notes: Vec<Note>, now: DateTime<Utc>) -> Node {
    Node {
        kind: NodeKind::ReplicaSet,
        name: name(&set.metadata),
        state: Some(state(set)),
        age: age(&set.metadata, now),
        notes,
        children: pod::owned(family, &set.metadata)
            .into_iter()
            .map(|each| pod::node(each, now))
            .collect(),
    }
}

/// Roles, then the time left before it is scaled down.
pub(super) fn notes(family: &Family, set: &ReplicaSet, now: DateTime<Utc>) -> Vec<Note> {
    let mut notes: Vec<_> = roles(family, set).into_iter().map(Note::Role).collect();
    let deadline = annotation(&set.metadata, keys::SCALE_DOWN_DEADLINE);
    if let Some(Ok(deadline)) = deadline.map(DateTime::parse_from_rfc3339) {
        let left = deadline.with_timezone(&Utc) - now;
        notes.push(Note::Delay((left.num_seconds() >= 0).then_some(left)));
    }
    notes
}

/// What a ReplicaSet of the rollout serves as. Source: wire-contract 7.4.
pub(super) fn roles(family: &Family, set: &ReplicaSet) -> Vec<Role> {
    let status = standing::status(&family.rollout);
    let hash = hash(set);
    let is = |recorded: &str| !hash.is_empty() && hash == recorded;
    let mut roles = Vec::new();
    if is(&status.stable_rs) {
        roles.push(Role::Stable);
    }
    if let Some(canary) = standing::canary(&family.rollout) {
        let stable = is(&status.stable_rs);
        if !stable && is(&status.current_pod_hash) {
            roles.push(Role::Canary);
        }
        if canary.ping_pong.is_some() && !roles.is_empty() {
            // An empty record means that pong is stable (wire-contract 10, 66).
            let on_ping = (status.canary.stable_ping_pong == "ping") == stable;
            roles.push(if on_ping { Role::Ping } else { Role::Pong });
        }
    } else if is(&status.blue_green.active_selector) {
        roles.push(Role::Active);
    } else if is(&status.blue_green.preview_selector) {
        roles.push(Role::Preview);
    }
    roles
}

/// Available pods of the ReplicaSet that is the canary; 0 where none is.
pub(super) fn canary_available(family: &Family) -> i32 {
    owned(family, &family.rollout.metadata)
        .into_iter()
        .filter(|set| roles(family, set).contains(&Role::Canary))
        .filter_map(|set| set.status.as_ref()?.available_replicas)
        .sum()
}

fn state(set: &ReplicaSet) -> State {
    let (mark, text) = match facts(set) {
        Facts { failing: true, .. } => (Mark::Bad, "ReplicaFailure"),
        Facts { observed: false, .. } => (Mark::Progressing, "Progressing"),
        Facts { spec, available, .. } if available < spec => (Mark::Progressing, "Progressing"),
        Facts { spec: 0, .. } => (Mark::Neutral, "ScaledDown"),
        Facts { .. } => (Mark::Ok, "Healthy"),
    };
    State {
        mark,
        text: text.to_owned(),
    }
}

struct Facts {
    failing: bool,
    observed: bool,
    spec: i32,
    available: i32,
}

fn facts(set: &ReplicaSet) -> Facts {
    let status = set.status.clone().unwrap_or_default();
    let failing =
        |c: &k8s_openapi::api::apps::v1::ReplicaSetCondition| c.type_ == "ReplicaFailure" && c.status == "True";
    Facts {
        failing: status.conditions.iter().flatten().any(failing),
        observed: set.metadata.generation.unwrap_or(0) <= status.observed_generation.unwrap_or(0),
        spec: set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
        available: status.available_replicas.unwrap_or(0),
    }
}

fn hash(set: &ReplicaSet) -> &str {
    set.metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH))
        .map_or("", String::as_str)
}
