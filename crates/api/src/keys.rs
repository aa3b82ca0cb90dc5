//! Every label and annotation string on the wire, in one place.
//!
//! Source: wire-contract 2.1. Values are documented beside each key.

/// Label on ReplicaSets, pods, runs and Service selectors: the pod template hash.
pub const POD_TEMPLATE_HASH: &str = "rollouts-pod-template-hash";
/// Label: which controller instance looks after the object.
pub const INSTANCE_ID: &str = "argo-rollouts.argoproj.io/controller-instance-id";
/// Label on AnalysisRuns: `Step`, `Background`, `PrePromotion` or `PostPromotion`.
pub const ROLLOUT_TYPE: &str = "rollout-type";
/// Label on step AnalysisRuns: the decimal step index.
pub const STEP_INDEX: &str = "step-index";
/// Label on Jobs of the job provider: the AnalysisRun's uid.
pub const ANALYSIS_RUN_UID: &str = "analysisrun.argoproj.io/uid";

/// Annotation on Rollouts, ReplicaSets, runs: decimal revision.
pub const REVISION: &str = "rollout.argoproj.io/revision";
/// Annotation on ReplicaSets: comma-separated older revisions.
pub const REVISION_HISTORY: &str = "rollout.argoproj.io/revision-history";
/// Annotation on ReplicaSets: decimal `spec.replicas` of the Rollout.
pub const DESIRED_REPLICAS: &str = "rollout.argoproj.io/desired-replicas";
/// Annotation on Rollouts: generation of the object `workloadRef` names.
pub const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";
/// Annotation on ReplicaSets: JSON of the injected `{labels, annotations}`.
pub const EPHEMERAL_METADATA: &str = "rollout.argoproj.io/ephemeral-metadata";
/// Annotation on ReplicaSets: RFC 3339 UTC; no prefix.
pub const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
/// Annotation on Services: name of the Rollout that moves its selector.
pub const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
/// Annotation on an experiment's ReplicaSets and Services.
pub const EXPERIMENT_NAME: &str = "experiment.argoproj.io/name";
/// Annotation on an experiment's ReplicaSets and Services.
pub const EXPERIMENT_TEMPLATE_NAME: &str = "experiment.argoproj.io/template-name";
/// Annotation that the notification engine keeps its books in; never copied.
pub const NOTIFIED: &str = "notified.notifications.argoproj.io";
/// kubectl's own annotation; never copied.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotation on ReplicaSets, ours alone: JSON of the `{labels, annotations}` that pods may still carry; gone once no pod
/// has been seen with any of them that is not wanted.
pub const METADATA_TO_REPLACE: &str = "sluice.dev/metadata-to-replace";
/// Prefix of annotations that are ours alone; never copied to ReplicaSets.
pub const SLUICE_PREFIX: &str = "sluice.dev/";
/// On a ReplicaSet: the most ready pods it has had in one attempt, `25 since 2026-01-01T00:00:11Z`.
pub const MOST_READY: &str = "sluice.dev/most-ready";
