//! The two strategies. Source: wire-contract 1.3 and 1.4.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{CanaryStep, RolloutAnalysis, RolloutAnalysisBackground, TrafficRouting};
use crate::amount::IntOrString;
use crate::json::{is_false, is_zero, null_is_default};

/// Exactly one of the two in a valid spec.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Strategy {
    /// Runs the new version beside the old one, then switches.
    pub blue_green: Option<BlueGreenStrategy>,
    /// Gives the new version a growing share.
    pub canary: Option<CanaryStrategy>,
}

/// `strategy.blueGreen`. Source: wire-contract 1.3.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BlueGreenStrategy {
    /// Service that sends traffic to the live version.
    pub active_service: String,
    /// Service that reaches the new version before the switch.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preview_service: String,
    /// Pods of the new version before the switch; all replicas when absent.
    pub preview_replica_count: Option<i32>,
    /// Whether to switch without being told; true.
    pub auto_promotion_enabled: Option<bool>,
    /// Seconds to wait before the switch; 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub auto_promotion_seconds: i32,
    /// Pods or percentage that a restart may take away at once; 25%.
    pub max_unavailable: Option<IntOrString>,
    /// Seconds the old version stays up after the switch; 30.
    pub scale_down_delay_seconds: Option<i32>,
    /// How many old versions may stay up at once; without bound.
    pub scale_down_delay_revision_limit: Option<i32>,
    /// Analysis that must succeed before the switch.
    pub pre_promotion_analysis: Option<RolloutAnalysis>,
    /// Analysis that must succeed after the switch, or it is undone.
    pub post_promotion_analysis: Option<RolloutAnalysis>,
    /// Keeps new pods off the nodes of the old ones.
    pub anti_affinity: Option<AntiAffinity>,
    /// Labels and annotations for pods of the preview.
    pub preview_metadata: Option<PodTemplateMetadata>,
    /// Labels and annotations for pods of the live version.
    pub active_metadata: Option<PodTemplateMetadata>,
    /// Seconds the new version stays up after an abort; 30, and 0 means for ever.
    pub abort_scale_down_delay_seconds: Option<i32>,
}

/// `strategy.canary`. Source: wire-contract 1.4.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryStrategy {
    /// Service that reaches the new version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub canary_service: String,
    /// Service that reaches the stable version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stable_service: String,
    /// What happens in an update, in order; without steps the new version simply replaces the old.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<CanaryStep>,
    /// How traffic is split; when absent the ratio of pods splits it.
    pub traffic_routing: Option<Box<TrafficRouting>>,
    /// Pods or percentage that may be missing; 25%. A string is a percentage.
    pub max_unavailable: Option<IntOrString>,
    /// Pods or percentage beyond replicas; 25%. A string is a percentage.
    pub max_surge: Option<IntOrString>,
    /// Analysis that runs in the background during an update.
    pub analysis: Option<Box<RolloutAnalysisBackground>>,
    /// Keeps new pods off the nodes of the stable ones.
    pub anti_affinity: Option<AntiAffinity>,
    /// Labels and annotations for pods of the new version.
    pub canary_metadata: Option<PodTemplateMetadata>,
    /// Labels and annotations for pods of the stable version.
    pub stable_metadata: Option<PodTemplateMetadata>,
    /// With a router, seconds the old version stays up after promotion; 30.
    pub scale_down_delay_seconds: Option<i32>,
    /// How many old versions may stay up at once; without bound.
    pub scale_down_delay_revision_limit: Option<i32>,
    /// With a router, seconds the new version stays up after an abort; 30, and 0 means for ever.
    pub abort_scale_down_delay_seconds: Option<i32>,
    /// With a router, whether the stable version shrinks as its share does.
    #[serde(skip_serializing_if = "is_false")]
    pub dynamic_stable_scale: bool,
    /// Two Services that swap roles at each promotion instead of changing selectors.
    pub ping_pong: Option<PingPong>,
    /// With a router, pods a version with any traffic has at least.
    pub min_pods_per_replica_set: Option<i32>,
    /// When a version counts as scaled; all pods when absent.
    pub replica_progress_threshold: Option<ReplicaProgressThreshold>,
}

/// Labels and annotations put on pods by role. Source: wire-contract 3.15.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PodTemplateMetadata {
    /// Labels to put on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations to put on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Keeps the new pods off the nodes of the stable ones. Source: wire-contract 3.16.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AntiAffinity {
    /// The scheduler tries.
    pub preferred_during_scheduling_ignored_during_execution: Option<PreferredAntiAffinity>,
    /// The scheduler must.
    pub required_during_scheduling_ignored_during_execution: Option<RequiredAntiAffinity>,
}

/// Preferred anti-affinity: weight 1 to 100.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PreferredAntiAffinity {
    /// 1 to 100.
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
    /// One Service.
    pub ping_service: String,
    /// The other.
    pub pong_service: String,
}

/// When a step counts as scaled: `Percent` or `Pods`. Source: wire-contract 3.11.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicaProgressThreshold {
    /// Percent or Pods.
    pub r#type: String,
    /// How many of them.
    pub value: i32,
}
