//! What the controller has recorded of a Rollout. Source: wire-contract 1.7.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::condition::Condition;
use crate::duration::Time;
use crate::json::{Json, is_false, is_zero, null_is_default};

/// `status`. Source: wire-contract 1.7.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Whether the update was aborted.
    #[serde(skip_serializing_if = "is_false")]
    pub abort: bool,
    /// When it was aborted.
    pub aborted_at: Option<Time>,
    /// What pauses the rollout.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pause_conditions: Vec<PauseCondition>,
    /// Whether the controller added a pause; with no pause left, someone promoted.
    #[serde(skip_serializing_if = "is_false")]
    pub controller_pause: bool,
    /// Hash of the new version's pods.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current_pod_hash: String,
    /// Hash of the steps; another one starts them again.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current_step_hash: String,
    /// The step under way; the number of steps when done.
    pub current_step_index: Option<i32>,
    /// Pods of all versions.
    #[serde(skip_serializing_if = "is_zero")]
    pub replicas: i32,
    /// Pods of the new version.
    #[serde(skip_serializing_if = "is_zero")]
    pub updated_replicas: i32,
    /// Pods that are ready.
    #[serde(skip_serializing_if = "is_zero")]
    pub ready_replicas: i32,
    /// Pods that are available.
    #[serde(skip_serializing_if = "is_zero")]
    pub available_replicas: i32,
    /// Pods an autoscaler counts.
    #[serde(rename = "HPAReplicas", skip_serializing_if = "is_zero")]
    pub hpa_replicas: i32,
    /// Selector an autoscaler uses, as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub selector: String,
    /// Times the hash met a foreign ReplicaSet.
    pub collision_count: Option<i32>,
    /// The generation this status speaks of, as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub observed_generation: String,
    /// The workload's generation this status speaks of, as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub workload_observed_generation: String,
    /// What holds of the rollout.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Hash of the stable version's pods.
    #[serde(rename = "stableRS", skip_serializing_if = "String::is_empty")]
    pub stable_rs: String,
    /// The spec.restartAt that was last carried out.
    pub restarted_at: Option<Time>,
    /// Whether to skip all that is left of the update.
    #[serde(skip_serializing_if = "is_false")]
    pub promote_full: bool,
    /// Healthy, Progressing, Paused or Degraded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What only a canary has.
    pub canary: CanaryStatus,
    /// What only blue/green has.
    pub blue_green: BlueGreenStatus,
    /// The AWS load balancer.
    pub alb: Option<AlbStatus>,
    /// Several AWS load balancers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub albs: Vec<AlbStatus>,
    /// How long the update takes.
    pub duration: Option<DurationStatus>,
}

/// A pause that holds the rollout.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PauseCondition {
    /// CanaryPauseStep, BlueGreenPause, InconclusiveAnalysisRun or InconclusiveExperiment.
    pub reason: String,
    /// Since when.
    pub start_time: Option<Time>,
}

/// `status.canary`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryStatus {
    /// The run of the current step.
    pub current_step_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// The run in the background.
    pub current_background_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// Name of the current step's experiment.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current_experiment: String,
    /// How traffic is split.
    pub weights: Option<Box<TrafficWeights>>,
    /// Which Service is the stable one: ping or pong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stable_ping_pong: String,
    /// What the step plugins have come to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub step_plugin_statuses: Vec<StepPluginStatus>,
}

/// `status.blueGreen`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BlueGreenStatus {
    /// Hash the preview Service selects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preview_selector: String,
    /// Hash the active Service selects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub active_selector: String,
    /// Whether the preview was accepted, so that it may be scaled up.
    #[serde(skip_serializing_if = "is_false")]
    pub scale_up_preview_check_point: bool,
    /// The run before the switch.
    pub pre_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// The run after the switch.
    pub post_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
}

/// A run as the Rollout last saw it.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RolloutAnalysisRunStatus {
    /// Name of the AnalysisRun.
    pub name: String,
    /// Its phase.
    pub status: String,
    /// Its message.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// The split as last recorded.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TrafficWeights {
    /// Share of the new version.
    pub canary: WeightDestination,
    /// Share of the stable version.
    pub stable: WeightDestination,
    /// Shares of experiments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional: Vec<WeightDestination>,
    /// Whether the load balancer was seen to follow; absent when nobody looked.
    pub verified: Option<bool>,
}

/// One destination of a split.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct WeightDestination {
    /// The share, in parts of the whole weight.
    pub weight: i32,
    /// Service behind it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// Hash of its pods.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// One entry of `stepPluginStatuses`.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct StepPluginStatus {
    /// Index of the step.
    pub index: i32,
    /// Name of the plugin.
    pub name: String,
    /// Run, Terminate or Abort.
    pub operation: String,
    /// Running, Successful, Failed or Error.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it started.
    pub started_at: Option<Time>,
    /// When it was last asked.
    pub updated_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// How long to wait before asking again, like 10s.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub backoff: String,
    /// How often it was asked.
    #[serde(skip_serializing_if = "is_zero")]
    pub executions: i32,
    /// Whether the plugin is switched off.
    #[serde(skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// The plugin's own notes.
    pub status: Option<Json>,
}

/// An ALB as last seen.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AlbStatus {
    /// The load balancer.
    pub load_balancer: Option<AwsResourceRef>,
    /// Target group of the new version.
    pub canary_target_group: Option<AwsResourceRef>,
    /// Target group of the stable version.
    pub stable_target_group: Option<AwsResourceRef>,
    /// Name of the Ingress.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ingress: String,
}

/// A name and an ARN.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AwsResourceRef {
    /// Name of the resource.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its full name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub full_name: String,
}

/// `status.duration`. Source: wire-contract 3.20.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct DurationStatus {
    /// When the update started.
    pub rollout_started_at: Option<Time>,
    /// When it was last paused by hand.
    pub manual_pause_started_at: Option<Time>,
    /// Seconds it was paused by hand.
    pub total_manual_pause_duration_seconds: Option<i64>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Promoted, FastPromoted, Aborted, Superseded, RolledBack or FastRolledBack.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub completion_status: String,
}
