//! The Rollout: spec, steps, routers and status, field by field.
//!
//! Source: wire-contract 1.1 to 1.7. Optional fields are left out when empty, as Go's `omitempty` does.

use std::collections::BTreeMap;

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::amount::IntOrString;
use crate::analysis::{DryRun, MeasurementRetention};
use crate::condition::Condition;
use crate::duration::Time;
use crate::json::{Json, NilList, is_false, is_zero, null_is_default};
use crate::template::Template;

/// `spec` of a Rollout.
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
    pub replicas: Option<i32>,
    pub selector: Option<LabelSelector>,
    pub template: Option<Template>,
    pub workload_ref: Option<WorkloadRef>,
    #[serde(skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    pub rollback_window: Option<RollbackWindow>,
    pub strategy: Strategy,
    pub revision_history_limit: Option<i32>,
    #[serde(skip_serializing_if = "is_false")]
    pub paused: bool,
    pub progress_deadline_seconds: Option<i32>,
    #[serde(skip_serializing_if = "is_false")]
    pub progress_deadline_abort: bool,
    pub restart_at: Option<Time>,
    pub analysis: Option<AnalysisRunStrategy>,
}

/// `spec.selector`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelector {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One expression of a label selector.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelectorRequirement {
    pub key: String,
    pub operator: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Where the template comes from when it is not in the Rollout. Source: wire-contract 1.2.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadRef {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `never`, `onsuccess` or `progressively`; anything else is never.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scale_down: String,
}

/// How far back an update counts as a rollback. Source: wire-contract 3.11.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RollbackWindow {
    #[serde(skip_serializing_if = "is_zero")]
    pub revisions: i32,
}

/// Exactly one of the two in a valid spec.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Strategy {
    pub blue_green: Option<BlueGreenStrategy>,
    pub canary: Option<CanaryStrategy>,
}

/// `spec.analysis`: how many finished runs are kept (5 and 5).
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AnalysisRunStrategy {
    pub successful_run_history_limit: Option<i32>,
    pub unsuccessful_run_history_limit: Option<i32>,
}

/// `strategy.blueGreen`. Source: wire-contract 1.3.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BlueGreenStrategy {
    pub active_service: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preview_service: String,
    pub preview_replica_count: Option<i32>,
    pub auto_promotion_enabled: Option<bool>,
    #[serde(skip_serializing_if = "is_zero")]
    pub auto_promotion_seconds: i32,
    pub max_unavailable: Option<IntOrString>,
    pub scale_down_delay_seconds: Option<i32>,
    pub scale_down_delay_revision_limit: Option<i32>,
    pub pre_promotion_analysis: Option<RolloutAnalysis>,
    pub post_promotion_analysis: Option<RolloutAnalysis>,
    pub anti_affinity: Option<AntiAffinity>,
    pub preview_metadata: Option<PodTemplateMetadata>,
    pub active_metadata: Option<PodTemplateMetadata>,
    pub abort_scale_down_delay_seconds: Option<i32>,
}

/// `strategy.canary`. Source: wire-contract 1.4.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryStrategy {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub canary_service: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stable_service: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<CanaryStep>,
    pub traffic_routing: Option<TrafficRouting>,
    pub max_unavailable: Option<IntOrString>,
    pub max_surge: Option<IntOrString>,
    pub analysis: Option<RolloutAnalysisBackground>,
    pub anti_affinity: Option<AntiAffinity>,
    pub canary_metadata: Option<PodTemplateMetadata>,
    pub stable_metadata: Option<PodTemplateMetadata>,
    pub scale_down_delay_seconds: Option<i32>,
    pub scale_down_delay_revision_limit: Option<i32>,
    pub abort_scale_down_delay_seconds: Option<i32>,
    #[serde(skip_serializing_if = "is_false")]
    pub dynamic_stable_scale: bool,
    pub ping_pong: Option<PingPong>,
    pub min_pods_per_replica_set: Option<i32>,
    pub replica_progress_threshold: Option<ReplicaProgressThreshold>,
}

/// Labels and annotations put on pods by role. Source: wire-contract 3.15.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PodTemplateMetadata {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Keeps the new pods off the nodes of the stable ones. Source: wire-contract 3.16.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AntiAffinity {
    pub preferred_during_scheduling_ignored_during_execution: Option<PreferredAntiAffinity>,
    pub required_during_scheduling_ignored_during_execution: Option<RequiredAntiAffinity>,
}

/// Preferred anti-affinity: weight 1 to 100.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PreferredAntiAffinity {
    pub weight: i32,
}

/// Required anti-affinity: no fields.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RequiredAntiAffinity {}

/// Two Services that swap roles at each promotion.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PingPong {
    pub ping_service: String,
    pub pong_service: String,
}

/// When a step counts as scaled: `Percent` or `Pods`. Source: wire-contract 3.11.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicaProgressThreshold {
    pub r#type: String,
    pub value: i32,
}

/// One canary step; exactly one member in a valid spec. Source: wire-contract 1.5.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryStep {
    pub set_weight: Option<i32>,
    pub pause: Option<RolloutPause>,
    pub experiment: Option<RolloutExperimentStep>,
    pub analysis: Option<RolloutAnalysis>,
    pub set_canary_scale: Option<SetCanaryScale>,
    pub set_header_route: Option<SetHeaderRoute>,
    pub set_mirror_route: Option<SetMirrorRoute>,
    pub plugin: Option<PluginStep>,
}

/// A pause: seconds, a Go duration, or for ever.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutPause {
    pub duration: Option<IntOrString>,
}

/// `steps[].experiment`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutExperimentStep {
    /// Absent and empty hash differently (wire-contract 2.2).
    pub templates: NilList<RolloutExperimentTemplate>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub duration: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<RolloutExperimentStepAnalysis>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    pub analysis_run_metadata: Option<AnalysisRunMetadata>,
    pub scale_down_delay_seconds: Option<i32>,
}

/// A template of an experiment step.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutExperimentTemplate {
    pub name: String,
    pub spec_ref: String,
    pub replicas: Option<i32>,
    pub metadata: Option<PodTemplateMetadata>,
    pub selector: Option<LabelSelector>,
    pub weight: Option<i32>,
    pub service: Option<TemplateService>,
}

/// The Service of an experiment template.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateService {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// An analysis of an experiment step.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutExperimentStepAnalysis {
    pub name: String,
    pub template_name: String,
    pub cluster_scope: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<AnalysisRunArgument>,
    #[serde(skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}

/// Which analysis to run, with what arguments. Source: wire-contract 1.5.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutAnalysis {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<AnalysisTemplateRef>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<AnalysisRunArgument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    pub analysis_run_metadata: Option<AnalysisRunMetadata>,
}

/// Background analysis: a RolloutAnalysis and the step it starts at.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutAnalysisBackground {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<AnalysisTemplateRef>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<AnalysisRunArgument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    pub analysis_run_metadata: Option<AnalysisRunMetadata>,
    pub starting_step: Option<i32>,
}

/// Names an AnalysisTemplate or a ClusterAnalysisTemplate.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AnalysisTemplateRef {
    pub template_name: String,
    pub cluster_scope: Option<bool>,
}

/// An argument as a Rollout hands it to a run.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AnalysisRunArgument {
    pub name: String,
    pub value: Option<String>,
    pub value_from: Option<ArgumentValueFrom>,
}

/// Where a Rollout's argument gets its value.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ArgumentValueFrom {
    /// `Stable` or `Latest`.
    pub pod_template_hash_value: Option<String>,
    pub field_ref: Option<FieldRef>,
}

/// A path into the Rollout.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct FieldRef {
    pub field_path: String,
}

/// Labels and annotations for created AnalysisRuns.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AnalysisRunMetadata {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// `steps[].setCanaryScale`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SetCanaryScale {
    pub weight: Option<i32>,
    pub replicas: Option<i32>,
    #[serde(skip_serializing_if = "is_false")]
    pub match_traffic_weight: bool,
}

/// `steps[].setHeaderRoute`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SetHeaderRoute {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<HeaderRoutingMatch>,
}

/// One header of a header route.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct HeaderRoutingMatch {
    pub header_name: String,
    pub header_value: Option<StringMatch>,
}

/// `steps[].setMirrorRoute`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SetMirrorRoute {
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<RouteMatch>,
    pub percentage: Option<i32>,
}

/// What a mirror route matches.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteMatch {
    pub method: Option<StringMatch>,
    pub path: Option<StringMatch>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, StringMatch>,
}

/// Exactly one of the three in a valid spec.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct StringMatch {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub exact: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub regex: String,
}

/// `steps[].plugin`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PluginStep {
    pub name: String,
    pub config: Option<Json>,
}

/// `canary.trafficRouting`. Source: wire-contract 1.6. Keys we do not know stay in `unknown`, so that they can be refused.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TrafficRouting {
    pub istio: Option<IstioTrafficRouting>,
    pub nginx: Option<NginxTrafficRouting>,
    pub alb: Option<AlbTrafficRouting>,
    pub smi: Option<SmiTrafficRouting>,
    pub ambassador: Option<AmbassadorTrafficRouting>,
    pub app_mesh: Option<AppMeshTrafficRouting>,
    pub traefik: Option<TraefikTrafficRouting>,
    pub apisix: Option<ApisixTrafficRouting>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_routes: Vec<ManagedRoute>,
    pub max_traffic_weight: Option<i32>,
    /// Keys that no router of the contract has: kept, so that the spec can be refused by name (field-lessons R31).
    #[serde_with(skip_apply)]
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Json>,
}

/// Istio VirtualServices and an optional DestinationRule.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct IstioTrafficRouting {
    pub virtual_service: Option<IstioVirtualService>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_services: Vec<IstioVirtualService>,
    pub destination_rule: Option<IstioDestinationRule>,
}

/// One VirtualService and the routes in it that are ours.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct IstioVirtualService {
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_routes: Vec<TlsRoute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tcp_routes: Vec<TcpRoute>,
}

/// A TLS route, by port and SNI hosts.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TlsRoute {
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sni_hosts: Vec<String>,
}

/// A TCP route, by port.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpRoute {
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i64,
}

/// The subsets of a DestinationRule.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct IstioDestinationRule {
    pub name: String,
    pub canary_subset_name: String,
    pub stable_subset_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_subset_names: Vec<String>,
}

/// ingress-nginx canary annotations.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct NginxTrafficRouting {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stable_ingress: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stable_ingresses: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_ingress_annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub canary_ingress_annotations: BTreeMap<String, String>,
}

/// AWS load balancer controller action annotations.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AlbTrafficRouting {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ingress: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingresses: Vec<String>,
    pub service_port: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    pub stickiness_config: Option<StickinessConfig>,
}

/// Target group stickiness.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct StickinessConfig {
    pub enabled: bool,
    pub duration_seconds: i64,
}

/// SMI TrafficSplit.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SmiTrafficRouting {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub traffic_split_name: String,
}

/// Ambassador Mappings.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AmbassadorTrafficRouting {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mappings: Vec<String>,
}

/// AWS App Mesh.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AppMeshTrafficRouting {
    pub virtual_service: Option<AppMeshVirtualService>,
    pub virtual_node_group: Option<AppMeshVirtualNodeGroup>,
}

/// An App Mesh virtual service and its routes.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AppMeshVirtualService {
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
}

/// The two virtual nodes.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AppMeshVirtualNodeGroup {
    pub canary_virtual_node_ref: Option<AppMeshVirtualNodeRef>,
    pub stable_virtual_node_ref: Option<AppMeshVirtualNodeRef>,
}

/// A virtual node by name.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AppMeshVirtualNodeRef {
    pub name: String,
}

/// Traefik weighted service.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TraefikTrafficRouting {
    pub weighted_traefik_service_name: String,
}

/// APISIX route.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ApisixTrafficRouting {
    pub route: Option<ApisixRoute>,
}

/// A route and its rules.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ApisixRoute {
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// A route that we may create and remove.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ManagedRoute {
    pub name: String,
}

/// `status`. Source: wire-contract 1.7.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutStatus {
    #[serde(skip_serializing_if = "is_false")]
    pub abort: bool,
    pub aborted_at: Option<Time>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pause_conditions: Vec<PauseCondition>,
    #[serde(skip_serializing_if = "is_false")]
    pub controller_pause: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current_pod_hash: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current_step_hash: String,
    pub current_step_index: Option<i32>,
    #[serde(skip_serializing_if = "is_zero")]
    pub replicas: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub updated_replicas: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub ready_replicas: i32,
    #[serde(skip_serializing_if = "is_zero")]
    pub available_replicas: i32,
    #[serde(rename = "HPAReplicas", skip_serializing_if = "is_zero")]
    pub hpa_replicas: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub selector: String,
    pub collision_count: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub observed_generation: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub workload_observed_generation: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    #[serde(rename = "stableRS", skip_serializing_if = "String::is_empty")]
    pub stable_rs: String,
    pub restarted_at: Option<Time>,
    #[serde(skip_serializing_if = "is_false")]
    pub promote_full: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub canary: CanaryStatus,
    pub blue_green: BlueGreenStatus,
    pub alb: Option<AlbStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub albs: Vec<AlbStatus>,
    pub duration: Option<DurationStatus>,
}

/// A pause that holds the rollout.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PauseCondition {
    pub reason: String,
    pub start_time: Option<Time>,
}

/// `status.canary`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryStatus {
    pub current_step_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    pub current_background_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current_experiment: String,
    pub weights: Option<TrafficWeights>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stable_ping_pong: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub step_plugin_statuses: Vec<StepPluginStatus>,
}

/// `status.blueGreen`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BlueGreenStatus {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preview_selector: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub active_selector: String,
    #[serde(skip_serializing_if = "is_false")]
    pub scale_up_preview_check_point: bool,
    pub pre_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    pub post_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
}

/// A run as the Rollout last saw it.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutAnalysisRunStatus {
    pub name: String,
    pub status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// The split as last recorded.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TrafficWeights {
    pub canary: WeightDestination,
    pub stable: WeightDestination,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional: Vec<WeightDestination>,
    pub verified: Option<bool>,
}

/// One destination of a split.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WeightDestination {
    pub weight: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// One entry of `stepPluginStatuses`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct StepPluginStatus {
    pub index: i32,
    pub name: String,
    pub operation: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub started_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub backoff: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub executions: i32,
    #[serde(skip_serializing_if = "is_false")]
    pub disabled: bool,
    pub status: Option<Json>,
}

/// An ALB as last seen.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AlbStatus {
    pub load_balancer: Option<AwsResourceRef>,
    pub canary_target_group: Option<AwsResourceRef>,
    pub stable_target_group: Option<AwsResourceRef>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ingress: String,
}

/// A name and an ARN.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AwsResourceRef {
    pub name: String,
    pub arn: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub full_name: String,
}

/// `status.duration`. Source: wire-contract 3.20.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DurationStatus {
    pub rollout_started_at: Option<Time>,
    pub manual_pause_started_at: Option<Time>,
    pub total_manual_pause_duration_seconds: Option<i64>,
    pub finished_at: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub completion_status: String,
}
