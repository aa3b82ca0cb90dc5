//! The Rollout: spec, steps, routers and status, field by field.
//!
//! Source: wire-contract 1.1 to 1.7. Optional fields are left out when empty, as Go's `omitempty` does.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::duration::Time;
use crate::json::{is_false, is_zero, null_is_default};
use crate::template::Template;

mod analysis;
mod status;
mod steps;
mod strategy;
mod traffic;

pub use analysis::*;
pub use status::*;
pub use steps::*;
pub use strategy::*;
pub use traffic::*;

/// `spec` of a Rollout.
#[expect(
    clippy::duplicated_attributes,
    reason = "every printer column of the derive has a type of its own"
)]
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "Rollout",
    shortname = "ro",
    namespaced,
    status = "RolloutStatus",
    derive = "PartialEq",
    derive = "Default",
    schema = "disabled",
    crates(
        kube_core = "kube_core",
        k8s_openapi = "k8s_openapi",
        schemars = "schemars",
        serde = "serde",
        serde_json = "serde_json"
    ),
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.HPAReplicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Desired", type_ = "integer", json_path = ".spec.replicas"),
    printcolumn(name = "Current", type_ = "integer", json_path = ".status.replicas"),
    printcolumn(name = "Up-to-date", type_ = "integer", json_path = ".status.updatedReplicas"),
    printcolumn(name = "Available", type_ = "integer", json_path = ".status.availableReplicas"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct RolloutSpec {
    /// How many pods; 1 when absent. An autoscaler may own it.
    pub replicas: Option<i32>,
    /// Which pods are the rollout's; immutable. Taken from the workload when workloadRef is set.
    pub selector: Option<LabelSelector>,
    /// The pods. Not together with workloadRef.
    pub template: Option<Template>,
    /// Takes the template from a Deployment, ReplicaSet or PodTemplate instead.
    pub workload_ref: Option<WorkloadRef>,
    /// Seconds a pod must be ready before it counts as available; 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// How far back an update counts as a rollback, which skips the steps.
    pub rollback_window: Option<RollbackWindow>,
    /// How a new version replaces the old one: exactly one of canary and blueGreen.
    pub strategy: Strategy,
    /// How many old ReplicaSets are kept; 10.
    pub revision_history_limit: Option<i32>,
    /// Holds the rollout where it is; canary ReplicaSets are not scaled meanwhile.
    #[serde(skip_serializing_if = "is_false")]
    pub paused: bool,
    /// Seconds without progress until the rollout counts as failed; 600.
    pub progress_deadline_seconds: Option<i32>,
    /// Whether to abort when the progress deadline passes.
    #[serde(skip_serializing_if = "is_false")]
    pub progress_deadline_abort: bool,
    /// Pods created before this time are replaced, a few at a time.
    pub restart_at: Option<Time>,
    /// How many finished analysis runs and experiments are kept.
    pub analysis: Option<AnalysisRunStrategy>,
}

/// `spec.selector`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must be there, with these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements; all must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One expression of a label selector.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelectorRequirement {
    /// The label.
    pub key: String,
    /// In, NotIn, Exists or DoesNotExist.
    pub operator: String,
    /// Values for In and NotIn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Where the template comes from when it is not in the Rollout. Source: wire-contract 1.2.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadRef {
    /// API group and version of the workload.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Deployment, ReplicaSet or PodTemplate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name of the workload.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When the workload's own pods go: never, onsuccess or progressively; anything else is never.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scale_down: String,
}

/// What a `workloadRef` may name. Source: wire-contract 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadKind {
    Deployment,
    ReplicaSet,
    PodTemplate,
}

/// When a Deployment whose template was taken over gives up its own pods. Source: wire-contract 3.17.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleDown {
    Never,
    /// Once the Rollout is healthy.
    OnSuccess,
    /// As the Rollout's pods become ready.
    Progressively,
}

/// How far back an update counts as a rollback. Source: wire-contract 3.11.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RollbackWindow {
    /// How many revisions back are inside the window.
    #[serde(skip_serializing_if = "is_zero")]
    pub revisions: i32,
}
