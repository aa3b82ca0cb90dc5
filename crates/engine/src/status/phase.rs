//! Phase and message: the first rule that fits.
//!
//! Source: wire-contract 3.13 "Phase and message".

use api::condition::{kind, reason};
use api::rollout::RolloutStatus;

use crate::snapshot::{Paused, Snapshot, Strategy};

/// (`status.phase`, `status.message`).
pub(crate) fn phase_and_message(seen: &Snapshot, next: &RolloutStatus) -> (&'static str, String) {
    for condition in &next.conditions {
        if condition.r#type == kind::INVALID_SPEC {
            return ("Degraded", format!("{}: {}", kind::INVALID_SPEC, condition.message));
        }
        if matches!(
            condition.reason.as_str(),
            reason::ROLLOUT_ABORTED | reason::PROGRESS_DEADLINE_EXCEEDED
        ) {
            return ("Degraded", format!("{}: {}", condition.reason, condition.message));
        }
    }
    if seen.controls.paused == Paused::Manually {
        return ("Paused", "manually paused".to_owned());
    }
    if let Some(pause) = next.pause_conditions.first() {
        return ("Paused", pause.reason.clone());
    }
    let progressing = |message: &str| ("Progressing", message.to_owned());
    let promoted = !next.stable_rs.is_empty() && next.stable_rs == next.current_pod_hash;
    if seen.spec().restart_at.is_some() && seen.spec().restart_at != next.restarted_at {
        return progressing("rollout is restarting");
    }
    if next.updated_replicas < seen.replicas {
        return progressing("more replicas need to be updated");
    }
    if next.available_replicas < next.updated_replicas {
        return progressing("updated replicas are still becoming available");
    }
    match &seen.strategy {
        Strategy::BlueGreen(blue_green) => {
            let active = &next.blue_green.active_selector;
            if active.is_empty() || *active != next.current_pod_hash {
                return progressing("active service cutover pending");
            }
            if !promoted {
                let post = &next.blue_green.post_promotion_analysis_run_status;
                let finished = post
                    .as_ref()
                    .is_some_and(|run| api::analysis::phase::is_completed(&run.status));
                return if blue_green.post_promotion_analysis.is_some() && !finished {
                    progressing("waiting for analysis to complete")
                } else {
                    progressing("waiting for post-promotion verification to complete")
                };
            }
        }
        Strategy::Canary(canary) => {
            if canary.traffic_routing.is_none() && next.replicas > next.updated_replicas {
                return progressing("old replicas are pending termination");
            }
            if !promoted {
                return progressing("waiting for all steps to complete");
            }
        }
    }
    ("Healthy", String::new())
}
