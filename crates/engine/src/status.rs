//! The status to be: counts, pauses, conditions, phase, and the difference to what is recorded.
//!
//! Source: wire-contract 3.11 "Base status" and "persist()", 3.13.

use api::condition::kind;
use api::duration::Time;
use api::rollout::{PauseCondition, RolloutStatus};
use serde_json::Value;

use crate::draft::{AbortChange, Cleared, Draft, Resumption};
use crate::mutant::{Mutant, is};
use crate::plan::{Notice, Urgency};
use crate::snapshot::{Snapshot, Strategy};

pub(crate) mod conditions;
mod difference;
mod duration;
mod phase;
mod urgency;

pub use difference::merge_patch;
pub(crate) use difference::of_objects;
use phase::phase_and_message;

/// The status every pass starts from: empty but for what is carried over and what is counted.
pub(crate) fn base(seen: &Snapshot, recorded: &RolloutStatus) -> RolloutStatus {
    let new = seen.new_revision();
    let mut conditions = recorded.conditions.clone();
    conditions.retain(|condition| ![kind::INVALID_SPEC, kind::WITHHELD].contains(&condition.r#type.as_str()));
    let mut next = RolloutStatus {
        current_pod_hash: seen.new_hash().to_owned(),
        current_step_hash: seen.step_hash.clone(),
        current_step_index: match &seen.strategy {
            Strategy::Canary(_) => recorded.current_step_index,
            Strategy::BlueGreen(_) => None,
        },
        replicas: seen.revisions.iter().map(|r| r.pods).sum(),
        updated_replicas: new.map_or(0, |r| r.pods),
        ready_replicas: seen.revisions.iter().map(|r| r.ready).sum(),
        collision_count: recorded.collision_count,
        workload_observed_generation: crate::workload::noted_generation(seen).to_owned(),
        conditions,
        stable_rs: recorded.stable_rs.clone(),
        restarted_at: recorded.restarted_at,
        promote_full: recorded.promote_full && !recorded.current_pod_hash.is_empty(),
        alb: recorded.alb.clone(),
        albs: recorded.albs.clone(),
        duration: recorded.duration.clone(),
        ..RolloutStatus::default()
    };
    next.canary.weights = recorded.canary.weights.clone();
    next.canary.stable_ping_pong = recorded.canary.stable_ping_pong.clone();
    next.canary.step_plugin_statuses = recorded.canary.step_plugin_statuses.clone();
    counts(seen, &mut next);
    next
}

/// Available replicas, HPA replicas and the selector: one set of pods, whichever the strategy serves with.
pub(crate) fn counts(seen: &Snapshot, next: &mut RolloutStatus) {
    let available: i32 = seen.revisions.iter().map(|r| r.available).sum();
    let pods: i32 = seen.revisions.iter().map(|r| r.pods).sum();
    let selector = seen.spec().selector.clone().unwrap_or_default();
    next.available_replicas = available;
    next.hpa_replicas = pods;
    next.selector = selector.to_selector_string();
    if let Strategy::BlueGreen(_) = &seen.strategy
        && let Some(active) = seen.active_hash().and_then(|hash| seen.revision(hash))
    {
        let mut full = selector;
        full.match_labels
            .insert(api::keys::POD_TEMPLATE_HASH.to_owned(), active.hash.clone());
        next.available_replicas = active.available;
        next.ready_replicas = active.ready;
        if !is(Mutant::CountsOtherPods) {
            next.hpa_replicas = active.pods;
        }
        next.selector = full.to_selector_string();
    }
}

/// Completes the status and takes the difference. Source: wire-contract 3.11 "persist()".
pub(crate) fn persist(d: &mut Draft<'_>) -> Option<Value> {
    d.next.observed_generation = d.seen.generation.to_string();
    conditions::deadline_abort(d);
    pauses(d);
    conditions::update(d);
    let (phase, message) = phase_and_message(d.seen, &d.next);
    (d.next.phase, d.next.message) = (phase.to_owned(), message);
    duration::update(d);
    pause_notices(d);
    let patch = difference(d);
    if patch.is_none() {
        conditions::wake_at_deadline(d);
    }
    patch
}

/// What is to be written, and how soon.
pub(crate) fn difference(d: &mut Draft<'_>) -> Option<Value> {
    // Most decisions change nothing, and then no tree is made of either.
    if d.recorded == d.next {
        d.urgency = Urgency::CountsMayWait;
        return None;
    }
    d.urgency = urgency::of(&d.recorded, &d.next);
    merge_patch(&d.recorded, &d.next)
}

/// Pauses and abort as they will be recorded. Source: wire-contract 3.5.
fn pauses(d: &mut Draft<'_>) {
    if d.is_aborted() {
        d.next.abort = !is(Mutant::LostAbort);
        d.next.aborted_at = d.recorded.aborted_at.or(Some(Time::new(d.seen.now)));
        return;
    }
    if d.pause.cleared == Cleared::All {
        return;
    }
    let mut kept: Vec<PauseCondition> = d.recorded.pause_conditions.clone();
    kept.retain(|pause| !d.pause.removed.iter().any(|reason| reason.as_str() == pause.reason));
    let mut added = false;
    if is(Mutant::RestartedPauseClock) {
        kept.iter_mut()
            .for_each(|pause| pause.start_time = Some(Time::new(d.seen.now)));
    }
    for reason in &d.pause.added {
        if !kept.iter().any(|pause| pause.reason == reason.as_str()) {
            let start_time = Some(Time::new(d.seen.now));
            kept.push(PauseCondition {
                reason: reason.as_str().to_owned(),
                start_time,
            });
            added = true;
        }
    }
    if !kept.is_empty() {
        d.next.controller_pause = added || d.recorded.controller_pause;
        d.next.pause_conditions = kept;
    } else if d.pause.resumption == Resumption::Pending {
        d.next.controller_pause = d.recorded.controller_pause;
    }
}

/// Pause and resume are heard when the list of pauses becomes non-empty or empty.
fn pause_notices(d: &mut Draft<'_>) {
    let (was, is) = (&d.recorded.pause_conditions, &d.next.pause_conditions);
    if was.is_empty() && !is.is_empty() {
        let notice = Notice::normal("RolloutPaused", format!("Rollout is paused ({})", is[0].reason));
        d.say(notice);
    } else if !was.is_empty() && is.is_empty() && d.next.aborted_at.is_none() {
        d.say(Notice::normal("RolloutResumed", "Rollout is resumed"));
    }
}

/// The abort message this pass adds; empty when there is none.
pub(crate) fn abort_message<'d>(d: &'d Draft<'_>) -> &'d str {
    match &d.abort {
        AbortChange::Add(message) => message,
        AbortChange::Keep | AbortChange::Drop => "",
    }
}
