//! Experiments: several templates side by side, with analyses.
//!
//! Source: wire-contract 1.10. Experiments have no status subresource.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::analysis::{Argument, DryRun, MeasurementRetention};
use crate::condition::Condition;
use crate::duration::Time;
use crate::json::{is_false, is_zero, null_is_default};
use crate::rollout::{AnalysisRunMetadata, LabelSelector, TemplateService};
use crate::template::Template;

/// `spec` of an Experiment.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "Experiment",
    shortname = "exp",
    namespaced,
    status = "ExperimentStatus",
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
    printcolumn(name = "Status", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct ExperimentSpec {
    pub templates: Vec<TemplateSpec>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub duration: String,
    pub progress_deadline_seconds: Option<i32>,
    #[serde(skip_serializing_if = "is_false")]
    pub terminate: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<ExperimentAnalysisTemplateRef>,
    pub scale_down_delay_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    pub analysis_run_metadata: AnalysisRunMetadata,
}

/// A template of an experiment.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateSpec {
    pub name: String,
    pub replicas: Option<i32>,
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    pub selector: Option<LabelSelector>,
    pub template: Template,
    pub service: Option<TemplateService>,
}

/// An analysis of an experiment.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ExperimentAnalysisTemplateRef {
    pub name: String,
    pub template_name: String,
    pub cluster_scope: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    #[serde(skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}

/// `status` of an Experiment.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ExperimentStatus {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub template_statuses: Vec<TemplateStatus>,
    pub available_at: Option<Time>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analysis_runs: Vec<ExperimentAnalysisRunStatus>,
}

/// What one template has come to.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateStatus {
    pub name: String,
    pub replicas: i32,
    pub updated_replicas: i32,
    pub ready_replicas: i32,
    pub available_replicas: i32,
    pub collision_count: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub last_transition_time: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// What one analysis has come to.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ExperimentAnalysisRunStatus {
    pub name: String,
    pub analysis_run: String,
    pub phase: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}
