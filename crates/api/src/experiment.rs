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
    /// What to run side by side.
    pub templates: Vec<TemplateSpec>,
    /// How long, like 10m; until its analyses end when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// Seconds without progress until it counts as failed; 600.
    pub progress_deadline_seconds: Option<i32>,
    /// Ends the experiment early.
    #[serde(skip_serializing_if = "is_false")]
    pub terminate: bool,
    /// Analyses to run meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<ExperimentAnalysisTemplateRef>,
    /// Seconds its pods stay up after the end; 30.
    pub scale_down_delay_seconds: Option<i32>,
    /// Metrics whose verdict counts for nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// How many measurements of a metric are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// Labels and annotations for its analysis runs.
    pub analysis_run_metadata: AnalysisRunMetadata,
}

/// A template of an experiment.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateSpec {
    /// Name of the template in the experiment.
    pub name: String,
    /// How many pods; 1.
    pub replicas: Option<i32>,
    /// Seconds a pod must be ready before it counts as available; 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// Which pods are the template's.
    pub selector: Option<LabelSelector>,
    /// The pods.
    pub template: Template,
    /// Asks for a Service of its own.
    pub service: Option<TemplateService>,
}

/// An analysis of an experiment.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ExperimentAnalysisTemplateRef {
    /// Name of the analysis in the experiment.
    pub name: String,
    /// Name of the template.
    pub template_name: String,
    /// Whether the template is a ClusterAnalysisTemplate.
    pub cluster_scope: Option<bool>,
    /// Arguments for the template.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// Whether the experiment goes on until this analysis ends.
    #[serde(skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}

/// `status` of an Experiment.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ExperimentStatus {
    /// Pending, Running, Successful, Failed, Error or Inconclusive.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What each template has come to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub template_statuses: Vec<TemplateStatus>,
    /// When all templates were available.
    pub available_at: Option<Time>,
    /// What holds of the experiment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What each analysis has come to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analysis_runs: Vec<ExperimentAnalysisRunStatus>,
}

/// What one template has come to.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateStatus {
    /// Name of the template.
    pub name: String,
    /// Its pods.
    pub replicas: i32,
    /// Its pods of the current template.
    pub updated_replicas: i32,
    /// Its pods that are ready.
    pub ready_replicas: i32,
    /// Its pods that are available.
    pub available_replicas: i32,
    /// Times its hash met a foreign ReplicaSet.
    pub collision_count: Option<i32>,
    /// Progressing, Running, Successful, Failed or Error.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When its status last changed.
    pub last_transition_time: Option<Time>,
    /// Its Service.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// Hash of its pods.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// What one analysis has come to.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ExperimentAnalysisRunStatus {
    /// Name of the analysis.
    pub name: String,
    /// Name of the AnalysisRun.
    pub analysis_run: String,
    /// Its phase.
    pub phase: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}
