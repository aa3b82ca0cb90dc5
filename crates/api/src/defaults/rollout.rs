//! Defaults of a Rollout and of its two strategies.

use crate::amount::{IntOrString, resolve_surge_and_unavailable, resolve_unavailable};
use crate::duration::parse_go_duration;
use crate::rollout::{
    BlueGreenStrategy, CanaryStrategy, ReplicaProgressThreshold, RolloutAnalysis, RolloutAnalysisBackground,
    RolloutPause, RolloutSpec, ScaleDown, Strategy, WorkloadKind, WorkloadRef,
};

/// Surge and unavailability when the spec is silent: a *string*, and strings are percentages (wire-contract 3.6).
const QUARTER: &str = "25";
const DELAY_SECONDS: i32 = 30;

impl RolloutSpec {
    /// 1.
    pub fn replicas(&self) -> i32 {
        self.replicas.unwrap_or(1)
    }

    /// 10 old ReplicaSets.
    pub fn revision_history_limit(&self) -> i32 {
        self.revision_history_limit.unwrap_or(10)
    }

    /// 600 seconds.
    pub fn progress_deadline_seconds(&self) -> i32 {
        self.progress_deadline_seconds.unwrap_or(600)
    }

    /// 5 finished runs (and experiments).
    pub fn successful_run_history_limit(&self) -> i32 {
        self.analysis
            .as_ref()
            .and_then(|a| a.successful_run_history_limit)
            .unwrap_or(5)
    }

    /// 5 finished runs (and experiments).
    pub fn unsuccessful_run_history_limit(&self) -> i32 {
        self.analysis
            .as_ref()
            .and_then(|a| a.unsuccessful_run_history_limit)
            .unwrap_or(5)
    }

    /// Seconds an old ReplicaSet outlives its traffic: 30 for blue/green and for a canary with a router, else 0.
    pub fn scale_down_delay_seconds(&self) -> i32 {
        match &self.strategy {
            Strategy {
                blue_green: Some(blue_green),
                ..
            } => blue_green.scale_down_delay_seconds(),
            Strategy {
                canary: Some(canary), ..
            } => canary.scale_down_delay_seconds(),
            Strategy {
                blue_green: None,
                canary: None,
            } => 0,
        }
    }

    /// How many old ReplicaSets may wait for their delay at once; without bound when absent.
    pub fn scale_down_delay_revision_limit(&self) -> i32 {
        match &self.strategy {
            Strategy {
                blue_green: Some(blue_green),
                ..
            } => blue_green.scale_down_delay_revision_limit(),
            Strategy {
                canary: Some(canary), ..
            } => canary.scale_down_delay_revision_limit(),
            Strategy {
                blue_green: None,
                canary: None,
            } => i32::MAX,
        }
    }

    /// Seconds an aborted new ReplicaSet outlives its abort; `None`: it is never scaled down for the abort's sake.
    pub fn abort_scale_down_delay_seconds(&self) -> Option<i32> {
        match &self.strategy {
            Strategy {
                blue_green: Some(blue_green),
                ..
            } => blue_green.abort_scale_down_delay_seconds(),
            Strategy {
                canary: Some(canary), ..
            } => canary.abort_scale_down_delay_seconds(),
            Strategy {
                blue_green: None,
                canary: None,
            } => None,
        }
    }

    /// Pods that may be missing, resolved against `replicas` (wire-contract 3.6).
    pub fn max_unavailable(&self) -> i32 {
        match &self.strategy {
            Strategy {
                blue_green: Some(blue_green),
                ..
            } => resolve_unavailable(&blue_green.max_unavailable(), self.replicas()),
            Strategy {
                canary: Some(canary), ..
            } => canary.surge_and_unavailable(self.replicas()).1,
            Strategy {
                blue_green: None,
                canary: None,
            } => 0,
        }
    }

    /// Pods that may exist beyond `replicas`, resolved; only a canary has a surge.
    pub fn max_surge(&self) -> i32 {
        let canary = self.strategy.canary.as_ref();
        canary.map_or(0, |canary| canary.surge_and_unavailable(self.replicas()).0)
    }
}

impl BlueGreenStrategy {
    /// True.
    pub fn auto_promotion_enabled(&self) -> bool {
        self.auto_promotion_enabled.unwrap_or(true)
    }

    /// All replicas.
    pub fn preview_replica_count(&self, replicas: i32) -> i32 {
        self.preview_replica_count.unwrap_or(replicas)
    }

    /// A quarter; only a pod restart asks.
    pub fn max_unavailable(&self) -> IntOrString {
        self.max_unavailable.clone().unwrap_or_else(|| QUARTER.into())
    }

    /// 30 seconds.
    pub fn scale_down_delay_seconds(&self) -> i32 {
        self.scale_down_delay_seconds.unwrap_or(DELAY_SECONDS)
    }

    /// Without bound.
    pub fn scale_down_delay_revision_limit(&self) -> i32 {
        self.scale_down_delay_revision_limit.unwrap_or(i32::MAX)
    }

    /// 30 seconds; `None` (an explicit 0): never.
    pub fn abort_scale_down_delay_seconds(&self) -> Option<i32> {
        abort_delay(self.abort_scale_down_delay_seconds)
    }
}

impl CanaryStrategy {
    /// A quarter.
    pub fn max_unavailable(&self) -> IntOrString {
        self.max_unavailable.clone().unwrap_or_else(|| QUARTER.into())
    }

    /// A quarter.
    pub fn max_surge(&self) -> IntOrString {
        self.max_surge.clone().unwrap_or_else(|| QUARTER.into())
    }

    /// Both, resolved against `replicas` (wire-contract 3.6).
    pub fn surge_and_unavailable(&self, replicas: i32) -> (i32, i32) {
        resolve_surge_and_unavailable(&self.max_surge(), &self.max_unavailable(), replicas)
    }

    /// 30 seconds with a router, else 0.
    pub fn scale_down_delay_seconds(&self) -> i32 {
        match self.traffic_routing {
            Some(_) => self.scale_down_delay_seconds.unwrap_or(DELAY_SECONDS),
            None => 0,
        }
    }

    /// Without bound.
    pub fn scale_down_delay_revision_limit(&self) -> i32 {
        self.scale_down_delay_revision_limit.unwrap_or(i32::MAX)
    }

    /// With a router 30 seconds; `None` (an explicit 0, or no router): never.
    pub fn abort_scale_down_delay_seconds(&self) -> Option<i32> {
        self.traffic_routing.as_ref()?;
        abort_delay(self.abort_scale_down_delay_seconds)
    }

    /// The weight that means all traffic: `maxTrafficWeight`, or 100.
    pub fn max_weight(&self) -> i32 {
        self.traffic_routing
            .as_ref()
            .map_or(100, |routing| routing.max_traffic_weight())
    }

    /// Pods a ReplicaSet with any traffic needs at least: 1; only a router asks.
    pub fn min_pods_per_replica_set(&self) -> i32 {
        match self.traffic_routing {
            Some(_) => self.min_pods_per_replica_set.unwrap_or(1),
            None => 1,
        }
    }

    /// The threshold, all pods when absent.
    pub fn replica_progress_threshold(&self) -> ReplicaProgressThreshold {
        let all = || ReplicaProgressThreshold {
            r#type: "Percent".to_owned(),
            value: 100,
        };
        self.replica_progress_threshold.clone().unwrap_or_else(all)
    }
}

impl WorkloadRef {
    /// What it names, whatever the version; `None`: nothing that a template can come from.
    pub fn workload(&self) -> Option<WorkloadKind> {
        match (self.group(), self.kind.as_str()) {
            ("apps", "Deployment") => Some(WorkloadKind::Deployment),
            ("apps", "ReplicaSet") => Some(WorkloadKind::ReplicaSet),
            ("", "PodTemplate") => Some(WorkloadKind::PodTemplate),
            _ => None,
        }
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Never, unless it is one of the two other words exactly. A Deployment alone is scaled.
    pub fn scale_down(&self) -> ScaleDown {
        match (self.workload(), self.scale_down.as_str()) {
            (Some(WorkloadKind::Deployment), "onsuccess") => ScaleDown::OnSuccess,
            (Some(WorkloadKind::Deployment), "progressively") => ScaleDown::Progressively,
            _ => ScaleDown::Never,
        }
    }
}

impl RolloutAnalysisBackground {
    /// 0: from the start.
    pub fn starting_step(&self) -> i32 {
        self.starting_step.unwrap_or(0)
    }

    /// The analysis without its starting step.
    pub fn as_analysis(&self) -> RolloutAnalysis {
        RolloutAnalysis {
            templates: self.templates.clone(),
            args: self.args.clone(),
            dry_run: self.dry_run.clone(),
            measurement_retention: self.measurement_retention.clone(),
            analysis_run_metadata: self.analysis_run_metadata.clone(),
        }
    }
}

impl RolloutPause {
    /// Whole seconds. `None`: for ever. `Some(-1)`: not to be understood. Source: wire-contract 1.5.
    pub fn seconds(&self) -> Option<i64> {
        Some(match self.duration.as_ref()? {
            IntOrString::Int(seconds) => i64::from(*seconds),
            IntOrString::String(text) => match text.parse::<i32>() {
                Ok(seconds) => i64::from(seconds),
                Err(_) => parse_go_duration(text).map_or(-1, |duration| duration.num_seconds()),
            },
        })
    }
}

fn abort_delay(seconds: Option<i32>) -> Option<i32> {
    match seconds {
        None => Some(DELAY_SECONDS),
        Some(0) => None,
        Some(seconds) => Some(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_spec_means_what_the_contract_says() {
        let spec = RolloutSpec::default();
        assert_eq!(
            (
                spec.replicas(),
                spec.revision_history_limit(),
                spec.progress_deadline_seconds()
            ),
            (1, 10, 600)
        );
        assert_eq!(
            (
                spec.successful_run_history_limit(),
                spec.unsuccessful_run_history_limit()
            ),
            (5, 5)
        );
    }

    #[test]
    fn the_strategies_differ_in_their_delays() {
        let with = |strategy| RolloutSpec {
            strategy,
            replicas: Some(10),
            ..RolloutSpec::default()
        };
        let blue_green = with(Strategy {
            blue_green: Some(BlueGreenStrategy::default()),
            canary: None,
        });
        let basic = with(Strategy {
            canary: Some(CanaryStrategy::default()),
            blue_green: None,
        });
        let mut routed = basic.clone();
        let canary = routed.strategy.canary.as_mut().unwrap();
        canary.traffic_routing = Some(Box::default());
        let delays = |spec: &RolloutSpec| (spec.scale_down_delay_seconds(), spec.abort_scale_down_delay_seconds());
        assert_eq!(delays(&blue_green), (30, Some(30)));
        assert_eq!(delays(&basic), (0, None));
        assert_eq!(delays(&routed), (30, Some(30)));
        routed.strategy.canary.as_mut().unwrap().abort_scale_down_delay_seconds = Some(0);
        assert_eq!(delays(&routed), (30, None));
        assert_eq!((basic.max_surge(), basic.max_unavailable()), (3, 2));
        assert_eq!((blue_green.max_surge(), blue_green.max_unavailable()), (0, 2));
    }

    #[test]
    fn a_pause_is_seconds_or_a_duration_or_for_ever() {
        let pause = |duration: IntOrString| {
            RolloutPause {
                duration: Some(duration),
            }
            .seconds()
        };
        assert_eq!(RolloutPause::default().seconds(), None);
        assert_eq!(pause(30.into()), Some(30));
        for (text, seconds) in [
            ("60", 60),
            ("5m", 300),
            ("1h30m", 5400),
            ("1.9s", 1),
            ("99999999999", -1),
            ("soon", -1),
            ("", -1),
        ] {
            assert_eq!(pause(text.into()), Some(seconds), "{text}");
        }
    }
}
