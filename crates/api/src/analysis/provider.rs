//! Who measures, and what each wants to know. Source: wire-contract 1.8.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::amount::IntOrString;
use crate::json::{Json, is_false, is_zero, null_is_default};

/// Exactly one of these in a valid metric.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct MetricProvider {
    /// Prometheus.
    pub prometheus: Option<Box<PrometheusMetric>>,
    /// Kayenta.
    pub kayenta: Option<Box<KayentaMetric>>,
    /// An HTTP request.
    pub web: Option<Box<WebMetric>>,
    /// Datadog.
    pub datadog: Option<Box<DatadogMetric>>,
    /// Wavefront.
    pub wavefront: Option<Box<WavefrontMetric>>,
    /// New Relic.
    pub new_relic: Option<Box<NewRelicMetric>>,
    /// A Job: it succeeds or fails.
    pub job: Option<Box<JobMetric>>,
    /// AWS CloudWatch.
    pub cloud_watch: Option<Box<CloudWatchMetric>>,
    /// Graphite.
    pub graphite: Option<Box<GraphiteMetric>>,
    /// InfluxDB.
    pub influxdb: Option<Box<InfluxdbMetric>>,
    /// Apache SkyWalking.
    pub skywalking: Option<Box<SkyWalkingMetric>>,
    /// Providers brought by plugins, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugin: BTreeMap<String, Json>,
}

/// A PromQL query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PrometheusMetric {
    /// URL of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The PromQL query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// How to authenticate.
    pub authentication: Option<Authentication>,
    /// Seconds; 30 when absent.
    pub timeout: Option<i64>,
    /// Whether the server's certificate goes unchecked.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Headers of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<WebMetricHeader>,
    /// Asks for a range instead of an instant.
    pub range_query: Option<PrometheusRangeQuery>,
}

/// A range query: expressions that yield instants, and a Go duration.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PrometheusRangeQuery {
    /// Expression that yields the start.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// Expression that yields the end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub end: String,
    /// Distance of the samples, like 1m.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
}

/// How to authenticate.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Authentication {
    /// AWS signature version 4.
    pub sigv4: Option<Sigv4Config>,
    /// OAuth 2 client credentials.
    pub oauth2: Option<OAuth2Config>,
    /// User and password.
    pub basic_auth: Option<BasicAuthConfig>,
}

/// AWS signature version 4.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Sigv4Config {
    /// AWS region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// AWS profile.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Role to assume.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
}

/// OAuth 2 client credentials.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct OAuth2Config {
    /// URL of the token endpoint.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_url: String,
    /// Client identifier.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    /// Client secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_secret: String,
    /// Scopes to ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// HTTP basic authentication.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BasicAuthConfig {
    /// User.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Password.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password: String,
}

/// A header of a request.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WebMetricHeader {
    /// Name of the header.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// An HTTP request whose answer is the measurement.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WebMetric {
    /// GET, POST or PUT; GET when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// URL of the request.
    pub url: String,
    /// Headers of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<WebMetricHeader>,
    /// Body of the request; not together with jsonBody.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Seconds; 10 when absent.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout_seconds: i64,
    /// JSONPath of the result in the answer; the whole answer when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub json_path: String,
    /// Whether the server's certificate goes unchecked.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Body of the request as JSON.
    pub json_body: Option<Json>,
    /// How to authenticate.
    pub authentication: Option<Authentication>,
}

/// A Job whose end is the measurement.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct JobMetric {
    /// Labels and annotations for the Job.
    pub metadata: Option<JobMetadata>,
    /// The Job, as in batch/v1.
    #[schemars(schema_with = "crate::crd::job_spec_schema")]
    pub spec: Json,
}

/// Labels and annotations for the Job.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct JobMetadata {
    /// Labels to put on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations to put on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A Datadog query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DatadogMetric {
    /// How far back the query looks, like 5m.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// The query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Several queries by name, for formula.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<String, String>,
    /// What is computed from queries.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub formula: String,
    /// v1 or v2.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// How the points of a series become one value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub aggregator: String,
    /// Where the credentials are.
    pub secret_ref: Option<DatadogSecretRef>,
    /// Time for one request, like 10s.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_timeout: String,
}

/// Where Datadog's credentials are.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DatadogSecretRef {
    /// Name of the Secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Whether it is in the run's namespace instead of the controller's.
    #[serde(skip_serializing_if = "is_false")]
    pub namespaced: bool,
}

/// A Wavefront query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WavefrontMetric {
    /// Host of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A New Relic query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct NewRelicMetric {
    /// Name of the Secret with the credentials.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// The NRQL query.
    pub query: String,
    /// Seconds; 5 when absent.
    pub timeout: Option<i64>,
}

/// A Graphite query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct GraphiteMetric {
    /// URL of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// An InfluxDB query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct InfluxdbMetric {
    /// Name of the Secret with the credentials.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// The Flux query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A SkyWalking query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SkyWalkingMetric {
    /// URL of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The GraphQL query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// How far back the query looks, like 5m.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
}

/// A CloudWatch query.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchMetric {
    /// How far back the queries look, like 5m.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// The queries.
    pub metric_data_queries: Vec<CloudWatchMetricDataQuery>,
}

/// One query of a CloudWatch metric.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchMetricDataQuery {
    /// Name of the query.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// A metric math expression.
    pub expression: Option<String>,
    /// Label of the result.
    pub label: Option<String>,
    /// The metric, its period and statistic.
    pub metric_stat: Option<CloudWatchMetricStat>,
    /// Seconds between data points.
    pub period: Option<IntOrString>,
    /// Whether its result is part of the answer.
    pub return_data: Option<bool>,
}

/// A CloudWatch statistic.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchMetricStat {
    /// The metric.
    pub metric: Option<CloudWatchMetricStatMetric>,
    /// Seconds between data points.
    pub period: Option<IntOrString>,
    /// The statistic, like Average.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stat: String,
    /// The unit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// A CloudWatch metric.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchMetricStatMetric {
    /// Dimensions that pick the metric.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<CloudWatchDimension>,
    /// Name of the metric.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metric_name: String,
    /// Namespace of the metric.
    pub namespace: Option<String>,
}

/// A CloudWatch dimension.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CloudWatchDimension {
    /// Name of the dimension.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// A Kayenta judgement.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KayentaMetric {
    /// URL of the server.
    pub address: String,
    /// Name of the application.
    pub application: String,
    /// Name of the canary config.
    pub canary_config_name: String,
    /// Account for metrics.
    pub metrics_account_name: String,
    /// Account for configuration.
    pub configuration_account_name: String,
    /// Account for storage.
    pub storage_account_name: String,
    /// Scores that decide.
    pub threshold: KayentaThreshold,
    /// What is compared.
    pub scopes: Vec<KayentaScope>,
    /// Whether it looks back.
    #[serde(skip_serializing_if = "is_false")]
    pub lookback: bool,
}

/// Kayenta scores.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KayentaThreshold {
    /// Score from which it passes.
    pub pass: i64,
    /// Score from which it is inconclusive.
    pub marginal: i64,
}

/// What Kayenta compares.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KayentaScope {
    /// Name of the scope.
    pub name: String,
    /// The stable side.
    pub control_scope: KayentaScopeDetail,
    /// The new side.
    pub experiment_scope: KayentaScopeDetail,
}

/// One side of a comparison.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct KayentaScopeDetail {
    /// The scope.
    pub scope: String,
    /// The region.
    pub region: String,
    /// Seconds between data points.
    pub step: i64,
    /// Start of the time compared.
    pub start: String,
    /// End of the time compared.
    pub end: String,
}
