//! A plan: what one hop writes, records, says and waits for.
//!
//! Everything in it is safe given what was observed; nothing relies on an earlier op of the same plan having worked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

/// The outcome of one decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Writes, in order; applying stops at the first refusal.
    pub ops: Vec<Op>,
    /// The difference of `status`, as a JSON merge patch of the status object alone; `None` when nothing changed.
    pub status: Option<Value>,
    /// How soon the status must be written.
    pub urgency: Urgency,
    /// What a human should hear once the status is written (or at once, when there is none).
    pub notices: Vec<Notice>,
    /// Everything that is not done yet, and why.
    pub held: Vec<Held>,
    /// When to look again though nothing has changed.
    pub wake: Option<DateTime<Utc>>,
    /// What must be read before the decision can be made: the edge reads and asks again at once, with the same `now`.
    pub reads: BTreeSet<Read>,
}

impl Plan {
    /// Whether the plan writes anything.
    pub fn is_quiet(&self) -> bool {
        self.ops.is_empty() && self.status.is_none()
    }
}

/// How soon a status must be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// At once: people, autoscalers or later decisions go by what has changed.
    #[default]
    AtOnce,
    /// Only counts have changed that follow pods becoming ready: they may wait, for at most [`COUNTS_MAY_WAIT`], for what
    /// comes with them.
    CountsMayWait,
}

/// The longest that counts wait.
pub const COUNTS_MAY_WAIT: Duration = Duration::from_millis(250);

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    pub action: Action,
    /// What a human should hear once this op is accepted.
    pub notices: Vec<Notice>,
}

impl From<Action> for Op {
    fn from(action: Action) -> Self {
        Op {
            action,
            notices: Vec::new(),
        }
    }
}

/// The kinds of write. Each names its object by uid, so that a recreated one is never hit.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// POST of a ReplicaSet with a deterministic name; AlreadyExists means look again.
    CreateReplicaSet { name: String, body: Value },
    /// JSON patch with `test` on uid and `/spec/replicas`; annotations are set (`Some`) or removed (`None`) with it.
    ScaleReplicaSet {
        name: String,
        uid: String,
        from: i32,
        to: i32,
        annotations: BTreeMap<String, Option<String>>,
    },
    /// Merge patch of annotations (`None` removes) and of what is amended in the spec; precondition uid.
    AnnotateReplicaSet {
        name: String,
        uid: String,
        annotations: BTreeMap<String, Option<String>>,
        amendment: Amendment,
    },
    /// Strategic merge patch that takes an orphan (`Adopt`) or lets go of one of ours (`Release`) and leaves other owners;
    /// precondition uid and version.
    ClaimReplicaSet {
        name: String,
        uid: String,
        resource_version: String,
        claim: Claim,
    },
    /// DELETE with uid precondition.
    DeleteReplicaSet { name: String, uid: String },
    /// Strategic merge patch of the selector's hash (and the managed-by annotation); precondition uid and version.
    PointService {
        name: String,
        uid: String,
        resource_version: String,
        from: Option<String>,
        to: String,
        /// The Rollout's name, when the managed-by annotation is to be written too.
        managed_by: Option<String>,
    },
    /// POST of an AnalysisRun with a deterministic name.
    CreateRun { name: String, body: Value },
    /// Merge patch `{"spec":{"terminate":true}}`; precondition uid.
    TerminateRun { name: String, uid: String },
    /// DELETE with uid precondition.
    DeleteRun { name: String, uid: String },
    /// Merge patch of the Rollout's annotations, precondition resourceVersion.
    AnnotateRollout {
        annotations: BTreeMap<String, Option<String>>,
    },
    /// Merge patch `{"spec":{"replicas":N}}`, precondition resourceVersion: only where Argo's CRD leaves replicas unset.
    DefaultReplicas { replicas: i32 },
    /// JSON patch of the Deployment that `workloadRef` names, with `test` on uid and `/spec/replicas`.
    ScaleWorkload {
        name: String,
        uid: String,
        from: i32,
        to: i32,
    },
    /// POST on the pod's `eviction` subresource; 429 means not yet.
    EvictPod { name: String, uid: String },
    /// Merge patch of a pod's own metadata; precondition uid. A refusal says nothing about other pods.
    RelabelPod {
        name: String,
        uid: String,
        change: MetadataChange,
    },
}

/// What of a ReplicaSet's spec is changed in place; its pods stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Amendment {
    pub min_ready_seconds: Option<i32>,
    /// Merge patch of the pod template's `spec`, which holds `affinity` alone.
    pub affinity: Option<Value>,
    /// Of the pod template's metadata.
    pub metadata: MetadataChange,
}

/// Labels and annotations to set (`Some`) or to remove (`None`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataChange {
    pub labels: BTreeMap<String, Option<String>>,
    pub annotations: BTreeMap<String, Option<String>>,
}

impl MetadataChange {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }
}

/// Taking or letting go of a ReplicaSet. Source: wire-contract 2.3 "Claiming".
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Add this ownerReference.
    Adopt { owner: Value },
    /// Remove the owner reference with this uid.
    Release { owner_uid: String },
}

/// Something a human should hear: a Kubernetes Event, and what notifications are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub level: Level,
    pub reason: String,
    pub message: String,
}

impl Notice {
    /// A Normal event.
    pub fn normal(reason: &str, message: impl Into<String>) -> Self {
        Notice {
            level: Level::Normal,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    /// A Warning event.
    pub fn warning(reason: &str, message: impl Into<String>) -> Self {
        Notice {
            level: Level::Warning,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// The type of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Normal,
    Warning,
}

impl Level {
    /// As the Event's `type` is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Normal => "Normal",
            Level::Warning => "Warning",
        }
    }
}

/// A thing not done yet: what, why, and until when if that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub what: String,
    pub why: Reason,
    pub until: Option<DateTime<Utc>>,
}

/// Why something waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The spec cannot be carried out; the text names the field.
    InvalidSpec(String),
    /// Something that is needed cannot be seen; the text says what to do.
    Withheld(String),
    /// `spec.paused` is set.
    ManuallyPaused,
    /// A pause step or a pause condition holds; the text is its reason.
    Paused(String),
    /// The rollout is aborted; only retry or a new template goes on.
    Aborted,
    /// An object we made has not been seen yet.
    NotSeenYet(String),
    /// Pods of a ReplicaSet are not available yet.
    PodsNotAvailable {
        replica_set: String,
        available: i32,
        wanted: i32,
    },
    /// Pods of a ReplicaSet are still terminating or too many.
    PodsNotGone {
        replica_set: String,
        replicas: i32,
        wanted: i32,
    },
    /// A live Service still names this ReplicaSet.
    ServiceStillNames { service: String, replica_set: String },
    /// A Service names a ReplicaSet but no ready endpoint of it has been seen.
    NoReadyEndpoints { service: String, replica_set: String },
    /// A Service has ready endpoints of this ReplicaSet still.
    EndpointsOf { service: String, replica_set: String },
    /// The scale-down delay has not passed.
    ScaleDownDelay { replica_set: String },
    /// An analysis run is not finished.
    AnalysisRunning { run: String },
    /// A scale-down would take available pods below `replicas - maxUnavailable`.
    MinimumAvailability { available: i32, minimum: i32 },
    /// A scale-up would take pods beyond `replicas + maxSurge`.
    SurgeExhausted { pods: i32, limit: i32 },
    /// Waiting for a restart budget or the Eviction API.
    RestartBudget { remaining: i32 },
    /// Pods do not yet carry the labels and annotations of their role.
    MetadataOfPods { remaining: usize },
    /// The plan was refused by the audit; nothing of it is applied.
    Refused(String),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::InvalidSpec(text) => write!(f, "the spec is invalid: {text}"),
            Reason::Withheld(text) => write!(f, "withheld: {text}"),
            Reason::ManuallyPaused => write!(f, "spec.paused is set"),
            Reason::Paused(reason) => write!(f, "paused: {reason}"),
            Reason::Aborted => write!(f, "aborted; retry it or change the template"),
            Reason::NotSeenYet(what) => write!(f, "{what} has not been seen yet"),
            Reason::PodsNotAvailable {
                replica_set,
                available,
                wanted,
            } => {
                write!(f, "{available} of {wanted} pods of {replica_set} are available")
            }
            Reason::PodsNotGone {
                replica_set,
                replicas,
                wanted,
            } => {
                write!(f, "{replica_set} has {replicas} pods, {wanted} wanted")
            }
            Reason::ServiceStillNames { service, replica_set } => {
                write!(f, "Service {service} still names {replica_set}")
            }
            Reason::NoReadyEndpoints { service, replica_set } => {
                write!(f, "Service {service} has no ready endpoint of {replica_set} yet")
            }
            Reason::EndpointsOf { service, replica_set } => {
                write!(f, "Service {service} still has ready endpoints of {replica_set}")
            }
            Reason::ScaleDownDelay { replica_set } => write!(f, "the scale-down delay of {replica_set} has not passed"),
            Reason::AnalysisRunning { run } => write!(f, "analysis run {run} is not finished"),
            Reason::MinimumAvailability { available, minimum } => {
                write!(f, "{available} pods are available and at least {minimum} must stay")
            }
            Reason::SurgeExhausted { pods, limit } => write!(f, "{pods} pods exist and at most {limit} may"),
            Reason::RestartBudget { remaining } => write!(f, "{remaining} pods are still to be restarted"),
            Reason::MetadataOfPods { remaining } => write!(f, "{remaining} pods do not carry it yet"),
            Reason::Refused(why) => write!(f, "the plan was refused: {why}"),
        }
    }
}

/// Something the edge must read before the decision can be made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// The ready endpoints of this Service.
    Endpoints { service: String },
    /// The pods of the Rollout (for a restart, and for the metadata of their role).
    Pods,
    /// The Rollout of this name itself: whether it may take a ReplicaSet that has no owner.
    Rollout { name: String },
}
