//! Replicas of a blue/green: stable and new at full size, old ones after their delay.
//!
//! Source: wire-contract 3.9 "RS scaling", 3.7.4, 3.7.5 "Delay helper".

use api::rollout::BlueGreenStrategy;
use chrono::Duration;

use super::active_revision;
use crate::draft::{Draft, PauseReason};
use crate::mutant::{Mutant, is};
use crate::plan::Reason;
use crate::promote::{FastReason, Rollback, rollback};
use crate::resize::{AtZero, clear_deadline, resize, set_deadline, sync_desired};
use crate::snapshot::{Deadline, Paused, Revision};

/// Scales stable, new and the others.
pub(crate) fn scale(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    let (new, stable) = (d.seen.new_revision(), d.seen.separate_stable());
    let delayed = abort_delay(d, strategy);
    match (new, delayed) {
        (Some(revision), None) if is_going_back(d) => {
            if let Deadline::At(at) = revision.deadline {
                d.wake_at(at + Duration::milliseconds(1));
            }
        }
        (Some(revision), None) => clear_deadline(d, revision),
        (Some(_) | None, _) => {}
    }
    if let Some(revision) = stable {
        clear_deadline(d, revision);
        resize(d, revision, d.seen.replicas, AtZero::DropDeadline);
    }
    if let Some(revision) = new {
        match delayed {
            Some(seconds) => after_abort(d, revision, seconds, strategy),
            None => {
                let count = new_count(d, strategy);
                resize(d, revision, count, AtZero::DropDeadline);
            }
        }
    }
    others(d, strategy);
}

/// A fast rollback keeps the deadline that makes it one until it is promoted, or the hops after this one would hold it
/// with pause and analysis again. Source: wire-contract 3.11 "fast rollback".
fn is_going_back(d: &Draft<'_>) -> bool {
    !d.is_aborted() && !d.is_fully_promoted() && rollback(d) == Rollback::Fast(FastReason::StillThere)
}

/// How many pods the new revision is created with: an aborted one none, until it is retried.
pub(crate) fn first_size(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> i32 {
    if super::is_reset(d) {
        let beside = active_revision(d).and(strategy.preview_replica_count);
        beside.unwrap_or(d.seen.replicas)
    } else if d.is_aborted() {
        0
    } else {
        new_count(d, strategy)
    }
}

/// How many pods the new revision should have now.
pub(super) fn new_count(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> i32 {
    let replicas = d.seen.replicas;
    let Some(preview) = strategy.preview_replica_count else {
        return replicas;
    };
    let new = d.seen.new_revision();
    let is_new = |revision: &Revision| new.is_some_and(|new| new.uid == revision.uid);
    let alone = active_revision(d).is_none_or(is_new);
    // Going back to stable while another revision is active: stable is always whole, and a preview of it is not one.
    let is_stable = d.seen.stable_revision().is_some_and(is_new);
    if alone || is_stable || d.is_promote_full() || is_going_back(d) {
        return replicas;
    }
    if d.recorded.current_pod_hash != d.seen.new_hash() {
        return preview;
    }
    let paused = d.seen.controls.paused == Paused::Manually || !d.recorded.pause_conditions.is_empty();
    if !paused && d.recorded.blue_green.scale_up_preview_check_point {
        replicas
    } else {
        preview
    }
}

/// Seconds the new revision outlives an abort, when that applies. Source: wire-contract 3.7.4.
fn abort_delay(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> Option<i32> {
    if !d.is_aborted() || d.seen.separate_stable().is_none() {
        return None;
    }
    strategy.abort_scale_down_delay_seconds()
}

/// An aborted new revision waits for its deadline, which starts once stable can carry everything.
fn after_abort(d: &mut Draft<'_>, new: &Revision, seconds: i32, strategy: &BlueGreenStrategy) {
    match new.deadline {
        Deadline::None => {
            if new.size == 0 {
                return;
            }
            sync_desired(d, new);
            let ready = d
                .seen
                .stable_revision()
                .is_some_and(|stable| stable.available >= d.seen.replicas);
            if ready {
                set_deadline(d, new, d.seen.now + Duration::seconds(i64::from(seconds)));
            }
        }
        Deadline::At(at) if at > d.seen.now => {
            sync_desired(d, new);
            let why = Reason::ScaleDownDelay {
                replica_set: new.name.clone(),
            };
            d.hold_until(format!("scale-down of {}", new.name), why, Some(at));
        }
        Deadline::At(_) => {
            resize(d, new, 0, AtZero::KeepDeadline);
        }
        Deadline::Unparsable => {
            let count = new_count(d, strategy);
            resize(d, new, count, AtZero::DropDeadline);
        }
    }
}

/// Old revisions go after their delay, newest last to be forgotten.
fn others(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    if d.has_pause(PauseReason::InconclusiveRun) {
        return;
    }
    let verified_first = strategy.post_promotion_analysis.is_some() && strategy.scale_down_delay_seconds.is_none();
    if verified_first && crate::runs::post_promotion_pending(d, strategy) {
        return;
    }
    let limit = strategy.scale_down_delay_revision_limit();
    let delay = strategy.scale_down_delay_seconds();
    let mut waiting = 0;
    for revision in crate::history::newest_first(d.seen.other_revisions()) {
        if revision.size == 0 || is_referenced(d, revision) {
            continue;
        }
        let keep = match revision.deadline {
            Deadline::None if waiting < limit => {
                waiting += 1;
                if delay > 0 {
                    set_deadline(d, revision, d.seen.now + Duration::seconds(i64::from(delay)));
                }
                delay > 0
            }
            Deadline::None => false,
            Deadline::At(at) => {
                waiting += 1;
                let keep = waiting <= limit && at > d.seen.now && !is(Mutant::IgnoredDelay);
                if keep {
                    let why = Reason::ScaleDownDelay {
                        replica_set: revision.name.clone(),
                    };
                    d.hold_until(format!("scale-down of {}", revision.name), why, Some(at));
                }
                keep
            }
            Deadline::Unparsable => {
                waiting += 1;
                false
            }
        };
        match keep {
            // the keep-size is R: an old revision inside its delay can serve again at once
            true if revision.deadline != Deadline::None => {
                resize(d, revision, d.seen.replicas, AtZero::KeepDeadline);
            }
            true => {}
            false => {
                resize(d, revision, 0, AtZero::DropDeadline);
            }
        }
    }
}

/// Whether status or a Service of the rollout still names this revision. Source: wire-contract 3.12.
fn is_referenced(d: &Draft<'_>, revision: &Revision) -> bool {
    let status = &d.recorded;
    let named = [
        &status.stable_rs,
        &status.current_pod_hash,
        &status.blue_green.active_selector,
        &status.blue_green.preview_selector,
    ];
    named.into_iter().any(|hash| *hash == revision.hash)
        || d.seen
            .services
            .keys()
            .any(|service| d.seen.service_hash(service) == Some(revision.hash.as_str()))
}
