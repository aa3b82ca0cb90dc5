//! Which ReplicaSets are ours, and which of them is the new one.
//!
//! Source: wire-contract 2.2 "Finding newRS" and 2.3 "Claiming".

use std::collections::BTreeMap;
use std::sync::Arc;

use api::duration::Time;
use api::keys;
use api::rollout::{LabelSelector, PodTemplateMetadata};
use api::template::Template;
use chrono::{DateTime, Utc};

use super::{Claimable, Observed, Ownership};
use crate::seen::{ReplicaSet, ReplicaSetCondition};

/// A pod template and its ReplicaSet.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    pub name: String,
    pub uid: String,
    pub resource_version: String,
    /// Value of the hash label.
    pub hash: String,
    /// The revision annotation; 0 when it is absent or no number.
    pub number: i64,
    pub created: Option<Time>,
    pub deleting: Deleting,
    /// `spec.replicas`; an absent one is 0, as the contract counts it.
    pub size: i32,
    /// `status.replicas`: pods that exist.
    pub pods: i32,
    pub ready: i32,
    /// The most ready pods it was seen with at this size or a smaller one.
    pub most_ready: i32,
    /// `status.availableReplicas`.
    pub available: i32,
    /// Whether the ReplicaSet controller has seen the latest spec.
    pub settled: Settled,
    pub min_ready_seconds: i32,
    /// The desired-replicas annotation, when it is a number.
    pub desired: Option<i32>,
    pub deadline: Deadline,
    pub annotations: BTreeMap<String, String>,
    pub failure: Option<ReplicaSetCondition>,
    pub template: Template,
}

/// Whether an object is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleting {
    Yes,
    No,
}

/// Whether a controller has caught up with an object's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Yes,
    No,
}

/// The scale-down-deadline annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    None,
    At(DateTime<Utc>),
    Unparsable,
}

impl Revision {
    fn of(rs: &ReplicaSet) -> Self {
        let annotation = |key: &str| rs.metadata.annotations.get(key).map(String::as_str);
        let size = rs.spec.replicas.unwrap_or(0);
        Revision {
            name: rs.metadata.name.clone(),
            uid: rs.metadata.uid.clone(),
            resource_version: rs.metadata.resource_version.clone(),
            hash: rs.metadata.hash().to_owned(),
            number: annotation(keys::REVISION)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            created: rs.metadata.creation_timestamp,
            deleting: if rs.metadata.deletion_timestamp.is_some() {
                Deleting::Yes
            } else {
                Deleting::No
            },
            size,
            pods: rs.status.replicas,
            ready: rs.status.ready_replicas,
            most_ready: rs.most_ready,
            available: rs.status.available_replicas,
            settled: if rs.status.observed_generation >= rs.metadata.generation {
                Settled::Yes
            } else {
                Settled::No
            },
            min_ready_seconds: rs.spec.min_ready_seconds,
            desired: annotation(keys::DESIRED_REPLICAS).and_then(|text| text.parse().ok()),
            deadline: match annotation(keys::SCALE_DOWN_DEADLINE) {
                None | Some("") => Deadline::None,
                Some(text) => text
                    .parse::<Time>()
                    .map_or(Deadline::Unparsable, |at| Deadline::At(at.0)),
            },
            annotations: rs.metadata.annotations.clone(),
            failure: rs
                .status
                .conditions
                .iter()
                .find(|c| c.r#type == "ReplicaFailure")
                .cloned(),
            template: rs.spec.template.clone(),
        }
    }

    /// Full size, told so, and wholly available.
    pub fn is_saturated(&self, replicas: i32) -> bool {
        self.size == replicas && self.desired == Some(replicas) && self.available == replicas
    }

    /// Available pods that stay whatever the ReplicaSet controller still has to do: never more than `size`.
    pub fn staying(&self) -> i32 {
        self.available.min(self.size)
    }
}

/// The ReplicaSets that are ours, and those whose ownership must change.
pub(super) fn claim(
    observed: &Observed,
    selector: Option<&LabelSelector>,
    uid: &str,
) -> (Vec<Revision>, Vec<Claimable>) {
    let selector = selector.cloned().unwrap_or_default();
    let (mut ours, mut claims): (Vec<&Arc<ReplicaSet>>, Vec<Claimable>) = (Vec::new(), Vec::new());
    for rs in &observed.replica_sets {
        let matching = selector.matches(&rs.metadata.labels);
        let mut wanted = |wanted| {
            claims.push(Claimable {
                name: rs.metadata.name.clone(),
                uid: rs.metadata.uid.clone(),
                resource_version: rs.metadata.resource_version.clone(),
                wanted,
            });
        };
        match rs.metadata.controller() {
            Some(owner) if owner.uid == uid && matching => ours.push(rs),
            Some(owner) if owner.uid == uid => wanted(Ownership::NotOurs),
            Some(_) => {}
            None if matching && rs.metadata.deletion_timestamp.is_none() => wanted(Ownership::Ours),
            None => {}
        }
    }
    ours.sort_by(|a, b| {
        let key = |rs: &ReplicaSet| (rs.metadata.creation_timestamp, rs.metadata.name.clone());
        key(a).cmp(&key(b))
    });
    claims.sort_by(|a, b| a.name.cmp(&b.name));
    (ours.into_iter().map(|rs| Revision::of(rs)).collect(), claims)
}

/// The revision of the spec's template: by hash label first, then by semantic equality.
pub(super) fn find_new(revisions: &[Revision], template: &Template, hash: &str) -> Option<usize> {
    let equal = |revision: &Revision| {
        let recorded = revision.annotations.get(keys::EPHEMERAL_METADATA);
        let recorded: PodTemplateMetadata = recorded
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        api::template::same_revision(&revision.template, template, &recorded)
    };
    let named = revisions.iter().position(|revision| revision.hash == hash);
    named.or_else(|| revisions.iter().position(equal))
}
