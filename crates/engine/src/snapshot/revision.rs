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
    /// `status.availableReplicas`, without pods that are known to be on their way out.
    pub available: i32,
    pub counts: Counts,
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

/// Whether the status of a ReplicaSet may count pods as available that are on their way out.
///
/// Made smaller and larger again within moments, a ReplicaSet reports the pods it is giving up as available still, and with
/// the latest generation too: its controller repeats a refused status with the counts of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    Trusted,
    Doubtful,
}

/// The scale-down-deadline annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    None,
    At(DateTime<Utc>),
    Unparsable,
}

impl Revision {
    fn of(rs: &ReplicaSet, observed: &Observed) -> Self {
        let annotation = |key: &str| rs.metadata.annotations.get(key).map(String::as_str);
        let size = rs.spec.replicas.unwrap_or(0);
        let (available, counts) = available(rs, size, observed);
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
            available,
            counts,
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
            // without the label it is none of a Rollout's
            None if rs.metadata.hash().is_empty() => {}
            None if matching && rs.metadata.deletion_timestamp.is_none() => wanted(Ownership::Ours),
            None => {}
        }
    }
    ours.sort_by(|a, b| {
        let key = |rs: &ReplicaSet| (rs.metadata.creation_timestamp, rs.metadata.name.clone());
        key(a).cmp(&key(b))
    });
    claims.sort_by(|a, b| a.name.cmp(&b.name));
    (ours.into_iter().map(|rs| Revision::of(rs, observed)).collect(), claims)
}

/// The available pods that stay. In doubt the pods themselves are counted, or, until they were read, those that must be left.
fn available(rs: &ReplicaSet, size: i32, observed: &Observed) -> (i32, Counts) {
    let counted = rs.status.available_replicas;
    let Some(least) = rs.shrunk_to.filter(|least| *least < size) else {
        return (counted, Counts::Trusted);
    };
    let Some(pods) = &observed.pods else {
        return (counted.min(least), Counts::Doubtful);
    };
    let staying = pods.iter().filter(|pod| {
        pod.metadata.is_controlled_by(&rs.metadata.uid) && pod.is_available(rs.spec.min_ready_seconds, observed.now)
    });
    let staying = i32::try_from(staying.count()).unwrap_or(i32::MAX);
    let counts = if staying < counted {
        Counts::Doubtful
    } else {
        Counts::Trusted
    };
    (counted.min(staying), counts)
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::seen::Pod;

    /// A ReplicaSet that goes through these sizes, with so many available pods in its status each time.
    fn through(versions: &[(i32, i32)]) -> ReplicaSet {
        let version = |(size, available): &(i32, i32)| -> ReplicaSet {
            let object = json!({"metadata": {"uid": "u"}, "spec": {"replicas": size}, "status": {"availableReplicas": available}});
            serde_json::from_value(object).expect("a ReplicaSet")
        };
        let seen = versions.iter().map(version);
        let last = seen.fold(None::<ReplicaSet>, |before, next| Some(next.after(before.as_ref())));
        last.expect("a version")
    }

    fn seen(versions: &[(i32, i32)], pods: Option<Vec<Pod>>) -> (i32, Counts) {
        let rs = through(versions);
        let now = DateTime::from_timestamp(1_767_225_600, 0).expect("a time");
        let observed = Observed {
            now,
            pods,
            ..Observed::default()
        };
        let revision = Revision::of(&rs, &observed);
        (revision.available, revision.counts)
    }

    #[test]
    fn pods_that_were_given_up_are_not_available_because_their_number_is_asked_for_again() {
        for (versions, expected) in [
            // smaller and larger again, and the status has not moved
            (&[(1, 1), (0, 1), (1, 1)][..], (0, Counts::Doubtful)),
            (&[(5, 5), (2, 5), (3, 5), (4, 5)][..], (2, Counts::Doubtful)),
            // what is too much is gone, also when new ones came since
            (&[(1, 1), (0, 1), (0, 0), (1, 0), (1, 1)][..], (1, Counts::Trusted)),
            (&[(1, 1), (0, 1), (1, 1), (1, 0), (1, 1)][..], (1, Counts::Trusted)),
            // only one way
            (&[(3, 3), (5, 3), (5, 5)][..], (5, Counts::Trusted)),
            (&[(5, 5), (3, 5)][..], (5, Counts::Trusted)),
            (&[(5, 5)][..], (5, Counts::Trusted)),
        ] {
            assert_eq!(seen(versions, None), expected, "{versions:?}");
        }
    }

    #[test]
    fn in_doubt_the_pods_themselves_are_counted() {
        let pod = |metadata: Value, ready: &str| -> Pod {
            let mut metadata = metadata;
            metadata["ownerReferences"] = json!([{"uid": "u", "controller": true}]);
            let ready = json!({"type": "Ready", "status": ready, "lastTransitionTime": "2025-12-31T23:59:00Z"});
            serde_json::from_value(json!({"metadata": metadata, "status": {"conditions": [ready]}})).expect("a pod")
        };
        let going = pod(json!({"deletionTimestamp": "2025-12-31T23:59:59Z"}), "True");
        let new = pod(json!({}), "False");
        let ready = pod(json!({}), "True");
        let versions = [(1, 1), (0, 1), (1, 1)];
        assert_eq!(seen(&versions, Some(vec![going.clone(), new])), (0, Counts::Doubtful));
        assert_eq!(seen(&versions, Some(vec![going, ready])), (1, Counts::Trusted));
    }
}
