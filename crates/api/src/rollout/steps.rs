//! Canary steps. Source: wire-contract 1.5.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{AnalysisRunArgument, AnalysisRunMetadata, LabelSelector, PodTemplateMetadata, RolloutAnalysis};
use crate::amount::IntOrString;
use crate::analysis::DryRun;
use crate::json::{Json, NilList, is_false, null_is_default};

/// One canary step; exactly one member in a valid spec. Source: wire-contract 1.5.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryStep {
    /// Percentage of traffic (or of pods) for the new version.
    pub set_weight: Option<i32>,
    /// Waits for a time, or until it is promoted.
    pub pause: Option<RolloutPause>,
    /// Runs templates side by side, and waits for the end.
    pub experiment: Option<Box<RolloutExperimentStep>>,
    /// Runs an analysis, and waits for its verdict.
    pub analysis: Option<RolloutAnalysis>,
    /// With a router, sets the size of the new version apart from its traffic.
    pub set_canary_scale: Option<SetCanaryScale>,
    /// Sends requests with these headers to the new version.
    pub set_header_route: Option<Box<SetHeaderRoute>>,
    /// Copies requests to the new version; their answers are thrown away.
    pub set_mirror_route: Option<Box<SetMirrorRoute>>,
    /// Runs a step that a plugin brings.
    pub plugin: Option<Box<PluginStep>>,
}

/// A pause: seconds, a Go duration, or for ever.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutPause {
    /// Seconds, or a duration like 1h30m; for ever when absent.
    pub duration: Option<IntOrString>,
}

/// `steps[].setCanaryScale`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SetCanaryScale {
    /// Percentage of replicas.
    pub weight: Option<i32>,
    /// Number of pods.
    pub replicas: Option<i32>,
    /// Back to the size the traffic asks for.
    #[serde(skip_serializing_if = "is_false")]
    pub match_traffic_weight: bool,
}

/// `steps[].setHeaderRoute`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SetHeaderRoute {
    /// Name of the route, one of managedRoutes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Headers to match; none removes the route.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<HeaderRoutingMatch>,
}

/// One header of a header route.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct HeaderRoutingMatch {
    /// Name of the header.
    pub header_name: String,
    /// What its value must be.
    pub header_value: Option<StringMatch>,
}

/// `steps[].setMirrorRoute`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SetMirrorRoute {
    /// Name of the route, one of managedRoutes.
    pub name: String,
    /// Requests to copy; none removes the route.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<RouteMatch>,
    /// Percentage of them to copy.
    pub percentage: Option<i32>,
}

/// What a mirror route matches.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteMatch {
    /// HTTP method.
    pub method: Option<StringMatch>,
    /// Path of the URL.
    pub path: Option<StringMatch>,
    /// Headers by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, StringMatch>,
}

/// Exactly one of the three in a valid spec.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct StringMatch {
    /// The whole text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub exact: String,
    /// How the text begins.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// A regular expression.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub regex: String,
}

/// `steps[].plugin`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PluginStep {
    /// Name of the plugin.
    pub name: String,
    /// Whatever the plugin wants to know.
    pub config: Option<Json>,
}

/// `steps[].experiment`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutExperimentStep {
    /// The versions to run; absent and empty hash differently.
    pub templates: NilList<RolloutExperimentTemplate>,
    /// How long, like 10m; until its analyses end when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// Analyses to run meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<RolloutExperimentStepAnalysis>,
    /// Metrics whose verdict counts for nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// Labels and annotations for its analysis runs.
    pub analysis_run_metadata: Option<AnalysisRunMetadata>,
    /// Seconds its pods stay up after the end; 30.
    pub scale_down_delay_seconds: Option<i32>,
}

/// A template of an experiment step.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutExperimentTemplate {
    /// Name of the template in the experiment.
    pub name: String,
    /// Which version: canary or stable.
    pub spec_ref: String,
    /// How many pods; 1.
    pub replicas: Option<i32>,
    /// Labels and annotations for its pods.
    pub metadata: Option<PodTemplateMetadata>,
    /// Selector of its ReplicaSet, when the rollout's will not do.
    pub selector: Option<LabelSelector>,
    /// Percentage of traffic it gets.
    pub weight: Option<i32>,
    /// Asks for a Service of its own.
    pub service: Option<TemplateService>,
}

/// The Service of an experiment template.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateService {
    /// Name of the Service; made up when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// An analysis of an experiment step.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutExperimentStepAnalysis {
    /// Name of the analysis in the experiment.
    pub name: String,
    /// Name of the template.
    pub template_name: String,
    /// Whether the template is a ClusterAnalysisTemplate.
    pub cluster_scope: Option<bool>,
    /// Arguments for the template.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<AnalysisRunArgument>,
    /// Whether the experiment goes on until this analysis ends.
    #[serde(skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}
