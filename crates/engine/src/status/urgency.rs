//! Which changes of a status may wait a moment for what comes with them.

use api::condition::{Condition, kind};
use api::rollout::RolloutStatus;

use crate::plan::Urgency;

/// Counts that follow pods, and what is made from them alone, may wait. Nothing else may: not the generation, the step,
/// a pause, a weight, a condition, nor what an autoscaler goes by (HPAReplicas and the selector).
pub(super) fn of(recorded: &RolloutStatus, next: &RolloutStatus) -> Urgency {
    if !next.conditions.iter().all(|new| is_said(&recorded.conditions, new))
        || recorded.conditions.len() != next.conditions.len()
    {
        return Urgency::AtOnce;
    }
    let rest = RolloutStatus {
        replicas: recorded.replicas,
        updated_replicas: recorded.updated_replicas,
        ready_replicas: recorded.ready_replicas,
        available_replicas: recorded.available_replicas,
        message: recorded.message.clone(),
        conditions: recorded.conditions.clone(),
        ..next.clone()
    };
    if rest == *recorded {
        Urgency::CountsMayWait
    } else {
        Urgency::AtOnce
    }
}

/// Whether a condition says what it said, but for when progress was last made: every ready pod is progress.
fn is_said(recorded: &[Condition], new: &Condition) -> bool {
    let Condition {
        r#type,
        status,
        last_update_time,
        last_transition_time,
        reason,
        message,
    } = new;
    recorded.iter().any(|old| {
        old.r#type == *r#type
            && old.status == *status
            && (r#type == kind::PROGRESSING || old.last_update_time == *last_update_time)
            && old.last_transition_time == *last_transition_time
            && old.reason == *reason
            && old.message == *message
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn urgency(change: Value) -> Urgency {
        let before = json!({
            "replicas": 3, "readyReplicas": 2, "phase": "Progressing", "message": "m", "HPAReplicas": 3,
            "conditions": [condition("Progressing", "r", 1), condition("Available", "a", 1)],
        });
        let mut after = before.clone();
        for (key, value) in change.as_object().unwrap() {
            after[key] = value.clone();
        }
        let status = |value| serde_json::from_value::<RolloutStatus>(value).unwrap();
        of(&status(before), &status(after))
    }

    fn condition(kind: &str, reason: &str, second: u32) -> Value {
        let at = format!("2026-01-01T00:00:0{second}Z");
        json!({"type": kind, "status": "True", "reason": reason, "message": "", "lastUpdateTime": at,
               "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    #[test]
    fn only_counts_may_wait() {
        use Urgency::{AtOnce, CountsMayWait};
        let table = [
            (json!({"readyReplicas": 3, "availableReplicas": 3}), CountsMayWait),
            (
                json!({"replicas": 4, "updatedReplicas": 1, "message": "other"}),
                CountsMayWait,
            ),
            (
                json!({"conditions": [condition("Available", "a", 1), condition("Progressing", "r", 2)]}),
                CountsMayWait,
            ),
            (
                json!({"conditions": [condition("Progressing", "r", 1), condition("Available", "a", 2)]}),
                AtOnce,
            ),
            (
                json!({"conditions": [condition("Progressing", "other", 2), condition("Available", "a", 1)]}),
                AtOnce,
            ),
            (json!({"conditions": [condition("Progressing", "r", 1)]}), AtOnce),
            (json!({"HPAReplicas": 4, "replicas": 4}), AtOnce),
            (json!({"selector": "a=b"}), AtOnce),
            (json!({"observedGeneration": "2"}), AtOnce),
            (json!({"currentStepIndex": 1}), AtOnce),
            (json!({"phase": "Healthy"}), AtOnce),
            (
                json!({"pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]}),
                AtOnce,
            ),
            (
                json!({"canary": {"weights": {"canary": {"weight": 5}, "stable": {"weight": 95}}}}),
                AtOnce,
            ),
        ];
        for (change, expected) in table {
            assert_eq!(urgency(change.clone()), expected, "{change}");
        }
    }
}
