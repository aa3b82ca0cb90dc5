//! Analysis templates and runs: metrics, providers, measurements.
//!
//! Source: wire-contract 1.8 and 1.9. AnalysisRuns have no status subresource.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::amount::IntOrString;
use crate::duration::Time;
use crate::json::{Json, is_false, is_zero, null_is_default};
use crate::rollout::{AnalysisTemplateRef, FieldRef};

/// Phases of a run, a metric and a measurement; the last four are completed.
pub mod phase {
    pub const PENDING: &str = "Pending";
    pub const RUNNING: &str = "Running";
    pub const SUCCESSFUL: &str = "Successful";
    pub const FAILED: &str = "Failed";
    pub const ERROR: &str = "Error";
    pub const INCONCLUSIVE: &str = "Inconclusive";

    /// Whether nothing more will happen.
    pub fn is_completed(phase: &str) -> bool {
        matches!(phase, SUCCESSFUL | FAILED | ERROR | INCONCLUSIVE)
    }
}

/// `spec` of an AnalysisTemplate.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "AnalysisTemplate",
    shortname = "at",
    namespaced,
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
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct AnalysisTemplateSpec {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<AnalysisTemplateRef>,
}

/// `spec` of a ClusterAnalysisTemplate: the same shape as an AnalysisTemplate's.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "ClusterAnalysisTemplate",
    shortname = "cat",
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
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct ClusterAnalysisTemplateSpec {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<AnalysisTemplateRef>,
}

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
    pub metrics: Vec<Metric>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    #[serde(skip_serializing_if = "is_false")]
    pub terminate: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    pub ttl_strategy: Option<TtlStrategy>,
}

/// A metric whose verdict counts for nothing.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DryRun {
    pub metric_name: String,
}

/// How many measurements of a metric are kept.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct MeasurementRetention {
    pub metric_name: String,
    pub limit: i32,
}

/// An argument of a template or a run.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Argument {
    pub name: String,
    pub value: Option<String>,
    pub value_from: Option<ValueFrom>,
}

/// Where an argument gets its value.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ValueFrom {
    pub secret_key_ref: Option<SecretKeyRef>,
    pub field_ref: Option<FieldRef>,
}

/// A key of a Secret.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SecretKeyRef {
    pub name: String,
    pub key: String,
}

/// A metric. Source: wire-contract 1.8.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Metric {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub initial_delay: String,
    pub count: Option<IntOrString>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub success_condition: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failure_condition: String,
    pub failure_limit: Option<IntOrString>,
    pub inconclusive_limit: Option<IntOrString>,
    pub consecutive_error_limit: Option<IntOrString>,
    pub consecutive_success_limit: Option<IntOrString>,
    pub provider: MetricProvider,
}

/// Exactly one of these in a valid metric.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct MetricProvider {
    pub prometheus: Option<PrometheusMetric>,
    pub kayenta: Option<KayentaMetric>,
    pub web: Option<WebMetric>,
    pub datadog: Option<DatadogMetric>,
    pub wavefront: Option<WavefrontMetric>,
    pub new_relic: Option<NewRelicMetric>,
    pub job: Option<JobMetric>,
    pub cloud_watch: Option<CloudWatchMetric>,
    pub graphite: Option<GraphiteMetric>,
    pub influxdb: Option<InfluxdbMetric>,
    pub skywalking: Option<SkyWalkingMetric>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugin: BTreeMap<String, Json>,
}

/// A PromQL query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PrometheusMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    pub authentication: Option<Authentication>,
    /// Seconds; 30 when absent.
    pub timeout: Option<i64>,
    #[serde(skip_serializing_if = "is_false")]
    pub insecure: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<WebMetricHeader>,
    pub range_query: Option<PrometheusRangeQuery>,
}

/// A range query: expressions that yield instants, and a Go duration.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PrometheusRangeQuery {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub start: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub end: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
}

/// How to authenticate.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Authentication {
    pub sigv4: Option<Sigv4Config>,
    pub oauth2: Option<OAuth2Config>,
    pub basic_auth: Option<BasicAuthConfig>,
}

/// AWS signature version 4.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Sigv4Config {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
}

/// OAuth 2 client credentials.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct OAuth2Config {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_secret: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// HTTP basic authentication.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BasicAuthConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password: String,
}

/// A header of a request.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WebMetricHeader {
    pub key: String,
    pub value: String,
}

/// An HTTP request whose answer is the measurement.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WebMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    pub url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<WebMetricHeader>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout_seconds: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub json_path: String,
    #[serde(skip_serializing_if = "is_false")]
    pub insecure: bool,
    pub json_body: Option<Json>,
    pub authentication: Option<Authentication>,
}

/// A Job whose end is the measurement.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct JobMetric {
    pub metadata: Option<JobMetadata>,
    #[schemars(schema_with = "crate::crd::job_spec_schema")]
    pub spec: Json,
}

/// Labels and annotations for the Job.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct JobMetadata {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A Datadog query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DatadogMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub formula: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub aggregator: String,
    pub secret_ref: Option<DatadogSecretRef>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_timeout: String,
}

/// Where Datadog's credentials are.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DatadogSecretRef {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "is_false")]
    pub namespaced: bool,
}

/// A Wavefront query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WavefrontMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A New Relic query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct NewRelicMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    pub query: String,
    pub timeout: Option<i64>,
}

/// A Graphite query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct GraphiteMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// An InfluxDB query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct InfluxdbMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A SkyWalking query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SkyWalkingMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
}

/// A CloudWatch query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchMetric {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
    pub metric_data_queries: Vec<CloudWatchMetricDataQuery>,
}

/// One query of a CloudWatch metric.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchMetricDataQuery {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub expression: Option<String>,
    pub label: Option<String>,
    pub metric_stat: Option<CloudWatchMetricStat>,
    pub period: Option<IntOrString>,
    pub return_data: Option<bool>,
}

/// A CloudWatch statistic.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchMetricStat {
    pub metric: Option<CloudWatchMetricStatMetric>,
    pub period: Option<IntOrString>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stat: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// A CloudWatch metric.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchMetricStatMetric {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<CloudWatchDimension>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metric_name: String,
    pub namespace: Option<String>,
}

/// A CloudWatch dimension.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchDimension {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// A Kayenta judgement.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KayentaMetric {
    pub address: String,
    pub application: String,
    pub canary_config_name: String,
    pub metrics_account_name: String,
    pub configuration_account_name: String,
    pub storage_account_name: String,
    pub threshold: KayentaThreshold,
    pub scopes: Vec<KayentaScope>,
    #[serde(skip_serializing_if = "is_false")]
    pub lookback: bool,
}

/// Kayenta scores.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KayentaThreshold {
    pub pass: i64,
    pub marginal: i64,
}

/// What Kayenta compares.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KayentaScope {
    pub name: String,
    pub control_scope: KayentaScopeDetail,
    pub experiment_scope: KayentaScopeDetail,
}

/// One side of a comparison.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KayentaScopeDetail {
    pub scope: String,
    pub region: String,
    pub step: i64,
    pub start: String,
    pub end: String,
}

/// `spec.ttlStrategy`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TtlStrategy {
    pub seconds_after_completion: Option<i32>,
    pub seconds_after_failure: Option<i32>,
    pub seconds_after_success: Option<i32>,
}

/// `status` of an AnalysisRun. Source: wire-contract 1.9.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AnalysisRunStatus {
    pub phase: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metric_results: Vec<MetricResult>,
    pub started_at: Option<Time>,
    pub run_summary: RunSummary,
    pub dry_run_summary: Option<RunSummary>,
    pub completed_at: Option<Time>,
}

/// What one metric has come to.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct MetricResult {
    pub name: String,
    pub phase: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub count: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub successful: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub error: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub consecutive_error: i32,
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub consecutive_success: i32,
}

/// One measurement.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Measurement {
    pub phase: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    pub resume_at: Option<Time>,
}

/// How many metrics ended how.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RunSummary {
    #[serde(skip_serializing_if = "is_zero")]
    pub count: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub successful: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub error: i32,
}
