//! Conditions: which hold after this pass, in the contract's order, and the progress deadline.
//!
//! Source: wire-contract 3.13.

use api::condition::{Condition, kind, reason};
use api::duration::Time;
use api::rollout::RolloutStatus;
use chrono::{DateTime, Duration, Utc};

use crate::draft::{AbortChange, Draft};
use crate::plan::Notice;
use crate::snapshot::{Deadline, Snapshot, Strategy};

/// Computes all conditions of the status to be.
pub(crate) fn update(d: &mut Draft<'_>) {
    let (seen, now) = (d.seen, d.seen.now);
    let healthy = is_healthy(seen, &d.recorded, &d.next);
    let mut became_unhealthy = false;
    if healthy && !is_paused(d) {
        set(
            &mut d.next,
            now,
            kind::HEALTHY,
            "True",
            reason::ROLLOUT_HEALTHY,
            "Rollout is healthy",
        );
    } else if get(&d.next.conditions, kind::HEALTHY).is_some() {
        let message = "Rollout is not healthy";
        became_unhealthy = set(
            &mut d.next,
            now,
            kind::HEALTHY,
            "False",
            reason::ROLLOUT_HEALTHY,
            message,
        );
    }
    if d.is_aborted() {
        aborted(d);
    } else {
        interruption(d);
        paused(d);
        found(d);
        progressing(d, healthy, became_unhealthy);
    }
    available(d);
    replica_failure(d);
    completed(d);
}

fn aborted(d: &mut Draft<'_>) {
    let mut message = format!("Rollout aborted update to revision {}", d.seen.rollout_revision());
    if !super::abort_message(d).is_empty() {
        message = format!("{message}: {}", super::abort_message(d));
    }
    if set(
        &mut d.next,
        d.seen.now,
        kind::PROGRESSING,
        "False",
        reason::ROLLOUT_ABORTED,
        &message,
    ) {
        d.say(Notice::warning(reason::ROLLOUT_ABORTED, message));
    }
}

/// Whether the rollout waits for a person or a clock.
fn is_paused(d: &Draft<'_>) -> bool {
    !d.next.pause_conditions.is_empty() || d.seen.spec().paused
}

/// The condition that says so; an aborted rollout keeps it as it was. Source: wire-contract 3.3 1.
fn paused(d: &mut Draft<'_>) {
    let shown = get(&d.next.conditions, kind::PAUSED).is_some_and(|condition| condition.status == "True");
    if is_paused(d) != shown {
        let status = if shown { "False" } else { "True" };
        let (name, message) = (reason::ROLLOUT_PAUSED, "Rollout is paused");
        set(&mut d.next, d.seen.now, kind::PAUSED, status, name, message);
    }
}

/// Pause, resumption and retry, which begin the deadline anew. The original writes them on a pass of their own, so that a
/// reader sees a status that is half paused. Source: wire-contract 3.3 1.
fn interruption(d: &mut Draft<'_>) {
    let promoted = !d.next.stable_rs.is_empty() && d.next.stable_rs == d.next.current_pod_hash;
    let shown = get(&d.next.conditions, kind::PROGRESSING).map(|condition| condition.reason.as_str());
    let (name, message) = match shown {
        Some(reason::ROLLOUT_ABORTED) => (reason::ROLLOUT_RETRY, "Retrying Rollout after abort"),
        Some(_) | None if promoted => return,
        Some(_) | None if is_paused(d) => (reason::ROLLOUT_PAUSED, "Rollout is paused"),
        Some(reason::ROLLOUT_PAUSED) => (reason::ROLLOUT_RESUMED, "Rollout is resumed"),
        Some(_) | None => return,
    };
    set(&mut d.next, d.seen.now, kind::PROGRESSING, "Unknown", name, message);
}

/// What the deadline is counted from while nothing has progressed: each new revision has all of it, and one that is found
/// without the condition, too. Source: wire-contract 3.2 8 and 3.4 2.
fn found(d: &mut Draft<'_>) {
    let Some(new) = d.seen.new_revision() else {
        return;
    };
    let (now, name) = (d.seen.now, new.name.as_str());
    if crate::decide::is_just_created(d, new) {
        let message = format!("Created new replica set {name:?}");
        let created = reason::NEW_REPLICA_SET_CREATED;
        replace(&mut d.next, now, kind::PROGRESSING, "True", created, &message);
    } else if get(&d.next.conditions, kind::PROGRESSING).is_none() {
        let message = format!("Found new replica set {name:?}");
        let found = reason::FOUND_NEW_REPLICA_SET;
        replace(&mut d.next, now, kind::PROGRESSING, "True", found, &message);
    }
}

fn progressing(d: &mut Draft<'_>, healthy: bool, became_unhealthy: bool) {
    let now = d.seen.now;
    let subject = subject(d.seen);
    let interrupted = get(&d.next.conditions, kind::PROGRESSING).map(|condition| condition.reason.as_str());
    if interrupted == Some(reason::ROLLOUT_PAUSED) && is_paused(d) {
        return;
    }
    if healthy {
        let message = format!("{subject} has successfully progressed.");
        set(
            &mut d.next,
            now,
            kind::PROGRESSING,
            "True",
            reason::NEW_REPLICA_SET_AVAILABLE,
            &message,
        );
    } else if progress_made(d.seen, &d.recorded, &d.next) || became_unhealthy {
        let lost = became_unhealthy && d.next.stable_rs == d.next.current_pod_hash;
        let (why, message) = if lost {
            (
                reason::REPLICA_SET_NOT_AVAILABLE,
                "Rollout does not have minimum availability".to_owned(),
            )
        } else {
            (reason::REPLICA_SET_UPDATED, format!("{subject} is progressing."))
        };
        replace(&mut d.next, now, kind::PROGRESSING, "True", why, &message);
    } else if !is_waiting(d) && timed_out(d.seen, get(&d.next.conditions, kind::PROGRESSING)) {
        let message = format!("{subject} has timed out progressing.");
        set(
            &mut d.next,
            now,
            kind::PROGRESSING,
            "False",
            reason::PROGRESS_DEADLINE_EXCEEDED,
            &message,
        );
    }
}

fn available(d: &mut Draft<'_>) {
    let seen = d.seen;
    let enough = match &seen.strategy {
        Strategy::BlueGreen(_) => seen
            .active_hash()
            .and_then(|hash| seen.revision(hash))
            .is_some_and(|rs| rs.is_saturated(seen.replicas)),
        Strategy::Canary(_) => seen.revisions.iter().map(|r| r.available).sum::<i32>() >= seen.replicas,
    };
    let (status, message) = if enough {
        ("True", "Rollout has minimum availability")
    } else {
        ("False", "Rollout does not have minimum availability")
    };
    set(
        &mut d.next,
        seen.now,
        kind::AVAILABLE,
        status,
        reason::AVAILABLE,
        message,
    );
}

fn replica_failure(d: &mut Draft<'_>) {
    let new = d.seen.new_revision();
    let failure = new
        .and_then(|revision| revision.failure.as_ref())
        .or_else(|| d.seen.revisions.iter().find_map(|revision| revision.failure.as_ref()));
    let Some(failure) = failure else {
        d.next
            .conditions
            .retain(|condition| condition.r#type != kind::REPLICA_FAILURE);
        return;
    };
    let at = failure.last_transition_time.unwrap_or(Time::new(d.seen.now));
    let known = get(&d.next.conditions, kind::REPLICA_FAILURE);
    if known.is_some_and(|known| known.status == failure.status && known.reason == failure.reason) {
        return;
    }
    d.next
        .conditions
        .retain(|condition| condition.r#type != kind::REPLICA_FAILURE);
    d.next.conditions.push(Condition {
        r#type: kind::REPLICA_FAILURE.to_owned(),
        status: failure.status.clone(),
        last_update_time: at,
        last_transition_time: at,
        reason: failure.reason.clone(),
        message: failure.message.clone(),
    });
}

fn completed(d: &mut Draft<'_>) {
    let done = !d.next.stable_rs.is_empty() && d.next.stable_rs == d.next.current_pod_hash;
    let status = if done { "True" } else { "False" };
    let name = reason::ROLLOUT_COMPLETED;
    if set(&mut d.next, d.seen.now, kind::COMPLETED, status, name, name) && !done {
        let (revision, hash) = (d.seen.rollout_revision(), d.next.current_pod_hash.clone());
        let message = format!("Rollout not completed, started update to revision {revision} ({hash})");
        d.say(Notice::normal("RolloutNotCompleted", message));
    }
}

/// The deadline fires before pauses and abort are recorded. Source: wire-contract 3.13 progressDeadlineAbort.
pub(crate) fn deadline_abort(d: &mut Draft<'_>) {
    let seen = d.seen;
    let completed = !d.next.stable_rs.is_empty() && d.next.stable_rs == d.next.current_pod_hash;
    if !seen.spec().progress_deadline_abort || d.is_aborted() || completed || d.abort == AbortChange::Drop {
        return;
    }
    let condition = get(&d.recorded.conditions, kind::PROGRESSING);
    if !progress_made(seen, &d.recorded, &d.next) && !is_waiting(d) && timed_out(seen, condition) {
        let message = format!("{} has timed out progressing.", subject(seen));
        d.say(Notice::warning(reason::ROLLOUT_ABORTED, message.clone()));
        d.abort = AbortChange::Add(message);
    }
}

/// When nothing changes, look again at the deadline.
pub(crate) fn wake_at_deadline(d: &mut Draft<'_>) {
    let Some(condition) = get(&d.next.conditions, kind::PROGRESSING) else {
        return;
    };
    let over = condition.reason == reason::PROGRESS_DEADLINE_EXCEEDED;
    let paused = !d.next.pause_conditions.is_empty() || d.seen.spec().paused;
    if over || paused || d.is_aborted() || is_waiting(d) || is_healthy(d.seen, &d.recorded, &d.next) {
        return;
    }
    let at = deadline(d.seen, condition) + Duration::seconds(1);
    d.wake_at(at);
}

/// Whether nothing is left to do. Source: wire-contract 3.13 RolloutHealthy.
pub(crate) fn is_healthy(seen: &Snapshot, recorded: &RolloutStatus, next: &RolloutStatus) -> bool {
    let all = next.updated_replicas == seen.replicas
        && next.available_replicas == seen.replicas
        && recorded.observed_generation == seen.generation.to_string();
    let promoted = !next.stable_rs.is_empty() && next.stable_rs == next.current_pod_hash;
    all && match &seen.strategy {
        Strategy::BlueGreen(blue_green) => {
            let preview = &next.blue_green.preview_selector;
            next.blue_green.active_selector == next.current_pod_hash
                && (blue_green.preview_service.is_empty() || *preview == next.current_pod_hash)
        }
        Strategy::Canary(canary) => {
            let steps = i32::try_from(canary.steps.len()).unwrap_or(i32::MAX);
            let at_end = steps == 0 || next.current_step_index.is_none_or(|index| index == steps);
            at_end && promoted && next.replicas == seen.replicas
        }
    }
}

fn progress_made(seen: &Snapshot, recorded: &RolloutStatus, next: &RolloutStatus) -> bool {
    let old = |status: &RolloutStatus| status.replicas - status.updated_replicas;
    let more = next.ready_replicas > recorded.ready_replicas || next.available_replicas > recorded.available_replicas;
    recorded.updated_replicas != next.updated_replicas
        || old(next) < old(recorded)
        || (more && crate::progress::is_at_its_height(seen, recorded))
        || match &seen.strategy {
            Strategy::BlueGreen(_) => {
                recorded.blue_green.active_selector != next.blue_green.active_selector
                    || recorded.blue_green.preview_selector != next.blue_green.preview_selector
            }
            Strategy::Canary(_) => {
                let both = recorded.current_step_index.is_some() && next.current_step_index.is_some();
                recorded.stable_rs != next.stable_rs
                    || (both && recorded.current_step_index != next.current_step_index)
                    || recorded.current_step_hash != next.current_step_hash
            }
        }
}

fn timed_out(seen: &Snapshot, condition: Option<&Condition>) -> bool {
    condition.is_some_and(|condition| match condition.reason.as_str() {
        reason::ROLLOUT_ABORTED | reason::ROLLOUT_PAUSED => false,
        reason::PROGRESS_DEADLINE_EXCEEDED => true,
        _ => deadline(seen, condition) < seen.now,
    })
}

fn deadline(seen: &Snapshot, condition: &Condition) -> DateTime<Utc> {
    condition.last_update_time.0 + Duration::seconds(i64::from(seen.spec().progress_deadline_seconds()))
}

/// In a step without an end, paused, or waiting for a scale-down delay: the deadline does not count.
fn is_waiting(d: &Draft<'_>) -> bool {
    let step = crate::canary::current_step(d.seen, &d.next);
    let indefinite =
        step.is_some_and(|(_, step)| step.experiment.is_some() || step.analysis.is_some() || step.pause.is_some());
    let paused = get(&d.next.conditions, kind::PAUSED).is_some_and(|condition| condition.status == "True");
    let delayed = d
        .seen
        .other_revisions()
        .any(|revision| revision.deadline != Deadline::None);
    indefinite || paused || delayed
}

fn subject(seen: &Snapshot) -> String {
    match seen.new_revision() {
        Some(revision) => format!("ReplicaSet {:?}", revision.name),
        None => format!("Rollout {:?}", seen.name),
    }
}

/// The condition of this type.
pub(crate) fn get<'c>(conditions: &'c [Condition], kind: &str) -> Option<&'c Condition> {
    conditions.iter().find(|condition| condition.r#type == kind)
}

/// Sets a condition; one with the same status and reason is left as it is. Tells whether anything changed.
pub(crate) fn set(
    next: &mut RolloutStatus,
    now: DateTime<Utc>,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
) -> bool {
    let known = get(&next.conditions, kind);
    if known.is_some_and(|known| known.status == status && known.reason == reason) {
        return false;
    }
    replace(next, now, kind, status, reason, message);
    true
}

/// Sets a condition even when status and reason are the same; the transition time is kept if the status is.
fn replace(next: &mut RolloutStatus, now: DateTime<Utc>, kind: &str, status: &str, reason: &str, message: &str) {
    let now = Time::new(now);
    let transition = get(&next.conditions, kind)
        .filter(|known| known.status == status)
        .map_or(now, |known| known.last_transition_time);
    next.conditions.retain(|condition| condition.r#type != kind);
    next.conditions.push(Condition {
        r#type: kind.to_owned(),
        status: status.to_owned(),
        last_update_time: now,
        last_transition_time: transition,
        reason: reason.to_owned(),
        message: message.to_owned(),
    });
}
