//! `status.duration`: how long an update takes, and how long people made it wait.
//!
//! Source: wire-contract 3.20.

use api::condition::{kind, reason};
use api::duration::Time;
use api::rollout::{DurationStatus, PauseCondition};

use super::conditions;
use crate::draft::Draft;
use crate::promote::Rollback;
use crate::snapshot::Strategy;

/// Moves the clock of the update.
pub(crate) fn update(d: &mut Draft<'_>) {
    let now = Time::new(d.seen.now);
    let changed = spec_changed(d);
    let mut clock = d.next.duration.take();
    let promoted = !d.next.stable_rs.is_empty() && d.next.stable_rs == d.next.current_pod_hash;
    let available = d.seen.new_revision().map_or(0, |revision| revision.available);
    let completed = promoted && available >= d.seen.replicas;
    if let Some(running) = clock.as_mut().filter(|clock| clock.finished_at.is_none()) {
        if changed {
            match crate::promote::rollback(d) {
                Rollback::No => finish(running, now, "Superseded"),
                Rollback::Slow => running.completion_status = "RolledBack".to_owned(),
                Rollback::Fast(_) => running.completion_status = "FastRolledBack".to_owned(),
            }
        }
        if running.finished_at.is_none() {
            let status = running.completion_status.clone();
            let or = |default: &str| {
                if status.is_empty() {
                    default.to_owned()
                } else {
                    status.clone()
                }
            };
            if completed {
                finish(running, now, &or("Promoted"));
            } else if d.is_aborted() {
                finish(running, now, &or("Aborted"));
            }
        }
    }
    let over = clock.as_ref().is_none_or(|clock| clock.finished_at.is_some());
    if over && !completed {
        let progressing = conditions::get(&d.recorded.conditions, kind::PROGRESSING);
        let was_aborted = progressing.is_some_and(|condition| condition.reason == reason::ROLLOUT_ABORTED);
        let retried = !d.is_aborted() && was_aborted;
        if changed || retried {
            clock = Some(DurationStatus {
                rollout_started_at: Some(now),
                ..DurationStatus::default()
            });
        }
    }
    if let Some(running) = clock.as_mut().filter(|clock| clock.finished_at.is_none()) {
        if is_manual_pause(d) {
            running.manual_pause_started_at.get_or_insert(now);
        } else {
            fold(running, now);
        }
    }
    d.next.duration = clock;
}

fn spec_changed(d: &Draft<'_>) -> bool {
    let recorded = &d.recorded;
    recorded.current_pod_hash.is_empty()
        || recorded.current_pod_hash != d.seen.new_hash()
        || match &d.seen.strategy {
            Strategy::Canary(_) => recorded.current_step_hash != d.seen.step_hash,
            Strategy::BlueGreen(_) => false,
        }
}

fn finish(clock: &mut DurationStatus, now: Time, status: &str) {
    fold(clock, now);
    clock.finished_at = Some(now);
    clock.completion_status = status.to_owned();
}

/// Adds an open manual pause to the total.
fn fold(clock: &mut DurationStatus, now: Time) {
    if let Some(since) = clock.manual_pause_started_at.take() {
        let seconds = (now.0 - since.0).num_seconds();
        clock.total_manual_pause_duration_seconds =
            Some(clock.total_manual_pause_duration_seconds.unwrap_or(0) + seconds);
    }
}

fn is_manual_pause(d: &Draft<'_>) -> bool {
    let needs_a_person = |pause: &PauseCondition| match pause.reason.as_str() {
        "CanaryPauseStep" => crate::canary::current_step(d.seen, &d.next)
            .and_then(|(_, step)| step.pause.as_ref())
            .is_some_and(|pause| pause.duration.is_none()),
        "BlueGreenPause" => match &d.seen.strategy {
            Strategy::BlueGreen(blue_green) => !blue_green.auto_promotion_enabled(),
            Strategy::Canary(_) => false,
        },
        reason => reason.starts_with("Inconclusive"),
    };
    d.seen.spec().paused || d.next.pause_conditions.iter().any(needs_a_person)
}
