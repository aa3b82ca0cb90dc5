//! What the status says when the API server refuses an op for a reason that only a person can mend.
//!
//! Source: wire-contract 2.3 "Creation collisions".

use api::condition::{kind, reason};
use serde_json::Value;

use crate::plan::Action;
use crate::snapshot::Observed;
use crate::status::{conditions, merge_patch};

/// The difference of `status` after `action` was refused for `why`; `None` when the status has nothing to say about it.
pub fn refused(observed: &Observed, action: &Action, why: &str) -> Option<Value> {
    match action {
        Action::CreateReplicaSet { name, .. } => {
            let recorded = observed.rollout.status.clone().unwrap_or_default();
            let mut next = recorded.clone();
            let message = format!("Failed to create new replica set {name:?}: {why}");
            let cause = reason::REPLICA_SET_CREATE_ERROR;
            conditions::set(&mut next, observed.now, kind::PROGRESSING, "False", cause, &message);
            merge_patch(&recorded, &next)
        }
        Action::ScaleReplicaSet { .. }
        | Action::AnnotateReplicaSet { .. }
        | Action::ClaimReplicaSet { .. }
        | Action::DeleteReplicaSet { .. }
        | Action::PointService { .. }
        | Action::CreateRun { .. }
        | Action::TerminateRun { .. }
        | Action::DeleteRun { .. }
        | Action::AnnotateRollout { .. }
        | Action::DefaultReplicas { .. }
        | Action::EvictPod { .. }
        | Action::RelabelPod { .. } => None,
    }
}
