//! A run of an analysis, and what it has come to. Source: wire-contract 1.9.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Argument, DryRun, MeasurementRetention, Metric};
use crate::duration::Time;
use crate::json::{is_false, is_zero, null_is_default};

/// `spec` of an AnalysisRun.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "AnalysisRun",
    shortname = "ar",
    namespaced,
    status = "AnalysisRunStatus",
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
pub struct AnalysisRunSpec {
    /// What to measure.
    pub metrics: Vec<Metric>,
    /// Arguments, all with values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// Ends the run early.
    #[serde(skip_serializing_if = "is_false")]
    pub terminate: bool,
    /// Metrics whose verdict counts for nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// How many measurements of a metric are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// When the finished run is deleted.
    pub ttl_strategy: Option<TtlStrategy>,
}

/// `spec.ttlStrategy`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TtlStrategy {
    /// Seconds after any end.
    pub seconds_after_completion: Option<i32>,
    /// Seconds after a failure.
    pub seconds_after_failure: Option<i32>,
    /// Seconds after a success.
    pub seconds_after_success: Option<i32>,
}

/// `status` of an AnalysisRun. Source: wire-contract 1.9.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AnalysisRunStatus {
    /// Pending, Running, Successful, Failed, Error or Inconclusive.
    pub phase: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What each metric has come to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metric_results: Vec<MetricResult>,
    /// When it started.
    pub started_at: Option<Time>,
    /// How many metrics ended how.
    pub run_summary: RunSummary,
    /// The same of metrics whose verdict counts for nothing.
    pub dry_run_summary: Option<RunSummary>,
    /// When it ended.
    pub completed_at: Option<Time>,
}

/// What one metric has come to.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct MetricResult {
    /// Name of the metric.
    pub name: String,
    /// Its phase.
    pub phase: String,
    /// Its last measurements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Measurements, errors left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: i32,
    /// Successful measurements.
    #[serde(skip_serializing_if = "is_zero")]
    pub successful: i32,
    /// Failed measurements.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// Inconclusive measurements.
    #[serde(skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    /// Measurements that came to an error.
    #[serde(skip_serializing_if = "is_zero")]
    pub error: i32,
    /// Errors in a row.
    #[serde(skip_serializing_if = "is_zero")]
    pub consecutive_error: i32,
    /// Whether its verdict counts for nothing.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// Notes of the provider, such as the query it sent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Successes in a row.
    #[serde(skip_serializing_if = "is_zero")]
    pub consecutive_success: i32,
}

/// One measurement.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Measurement {
    /// Its phase.
    pub phase: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it started.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// What was measured, as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Notes of the provider, such as the name of the Job.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// When to look again.
    pub resume_at: Option<Time>,
}

/// How many metrics ended how.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RunSummary {
    /// All of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: i32,
    /// Those that succeeded.
    #[serde(skip_serializing_if = "is_zero")]
    pub successful: i32,
    /// Those that failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// Those that were inconclusive.
    #[serde(skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    /// Those that came to an error.
    #[serde(skip_serializing_if = "is_zero")]
    pub error: i32,
}
