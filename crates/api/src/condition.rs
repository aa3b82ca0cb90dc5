//! Condition types, reasons and messages of Rollouts, in one table.
//!
//! Source: wire-contract 1.7 and 3.13.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Time;
use crate::json::null_is_default;

/// One entry of `status.conditions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it speaks of.
    pub r#type: String,
    /// True, False or Unknown.
    pub status: String,
    /// When it was last written.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_update_time: Time,
    /// When its status last changed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub last_transition_time: Time,
    /// Why, as one word.
    #[serde(default)]
    pub reason: String,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
}

/// Condition types.
pub mod kind {
    pub const INVALID_SPEC: &str = "InvalidSpec";
    pub const AVAILABLE: &str = "Available";
    pub const PROGRESSING: &str = "Progressing";
    pub const REPLICA_FAILURE: &str = "ReplicaFailure";
    pub const PAUSED: &str = "Paused";
    pub const COMPLETED: &str = "Completed";
    pub const HEALTHY: &str = "Healthy";
    /// Ours: the spec is sound, and something keeps the controller from carrying it out. Gone when that is gone.
    pub const WITHHELD: &str = "Withheld";
}

/// Condition reasons.
pub mod reason {
    /// Of [`super::kind::WITHHELD`]: the controller may not do or see what is needed.
    pub const FORBIDDEN: &str = "Forbidden";
    /// Of [`super::kind::WITHHELD`]: a CustomResourceDefinition that is needed is not installed.
    pub const NOT_INSTALLED: &str = "NotInstalled";
    /// Of [`super::kind::WITHHELD`]: the API server refuses what has to be written.
    pub const REFUSED: &str = "Refused";
    /// Of [`super::kind::WITHHELD`]: an analysis cannot be made from its templates and arguments.
    pub const ANALYSIS_RUN_CREATE_ERROR: &str = "AnalysisRunCreateError";
    pub const INVALID_SPEC: &str = "InvalidSpec";
    pub const AVAILABLE: &str = "AvailableReason";
    pub const ROLLOUT_HEALTHY: &str = "RolloutHealthy";
    pub const ROLLOUT_COMPLETED: &str = "RolloutCompleted";
    pub const ROLLOUT_PAUSED: &str = "RolloutPaused";
    pub const ROLLOUT_RESUMED: &str = "RolloutResumed";
    pub const ROLLOUT_RETRY: &str = "RolloutRetry";
    pub const ROLLOUT_ABORTED: &str = "RolloutAborted";
    pub const REPLICA_SET_UPDATED: &str = "ReplicaSetUpdated";
    pub const REPLICA_SET_NOT_AVAILABLE: &str = "ReplicaSetNotAvailable";
    pub const REPLICA_SET_CREATE_ERROR: &str = "ReplicaSetCreateError";
    pub const NEW_REPLICA_SET_CREATED: &str = "NewReplicaSetCreated";
    pub const FOUND_NEW_REPLICA_SET: &str = "FoundNewReplicaSet";
    pub const NEW_REPLICA_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
    pub const PROGRESS_DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";
}
