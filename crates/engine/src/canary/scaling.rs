//! Replicas of a canary without a traffic router: what is scaled in this pass, and whether the step's counts are reached.
//!
//! Source: wire-contract 3.7, 3.7.2, 3.7.5, 3.11 "At desired counts".

use super::weights::{WeightInput, Whole, desired_weight};
use crate::draft::Draft;
use crate::mutant::{Mutant, is};
use crate::plan::Reason;
use crate::resize::{AtZero, Resized, clear_deadline, resize};
use crate::scale::{Aborted, Counts, Pods, basic_counts, weighted_counts};
use crate::snapshot::{Paused, Revision, Snapshot};

/// What makes the pass scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The step; a halted rollout does not scale, unless it is aborted: an abort gives everything to stable (I5).
    Step,
    /// `spec.replicas` changed: applied in every state, halted too.
    Replicas,
}

/// Scales stable, then new, then the others; at the first that is resized, stops.
pub(crate) fn scale(d: &mut Draft<'_>, trigger: Trigger) -> Resized {
    if trigger == Trigger::Step
        && !d.is_aborted()
        && let Some(why) = d.halted()
    {
        d.hold("scaling", why);
        return Resized::No;
    }
    let (new, stable) = (d.seen.new_revision(), d.seen.separate_stable());
    if let Some(revision) = new {
        clear_deadline(d, revision);
    }
    if let Some(revision) = stable {
        clear_deadline(d, revision);
    }
    let next = next_counts(d, wanted(d.seen, d));
    if let Some(revision) = stable
        && resize(d, revision, next.stable, AtZero::DropDeadline) == Resized::Yes
    {
        return Resized::Yes;
    }
    if let Some(revision) = new
        && resize(d, revision, next.new, AtZero::DropDeadline) == Resized::Yes
    {
        return Resized::Yes;
    }
    others(d)
}

/// How many pods the new revision is created with: what the step would scale it to as the first thing.
pub(crate) fn first_size(d: &Draft<'_>) -> i32 {
    if d.seen.controls.paused == Paused::Manually {
        return 0;
    }
    let wanted = if super::cursor::is_reset(d) {
        at_step(d.seen, 0, first_is_whole(d), Aborted::No)
    } else {
        wanted(d.seen, d)
    };
    next_counts(d, wanted).new
}

/// Nothing that is stable is known, so that there is nothing to compare with.
fn first_is_whole(d: &Draft<'_>) -> Whole {
    if d.recorded.stable_rs.is_empty() || d.recorded.stable_rs == d.seen.new_hash() {
        Whole::Yes
    } else {
        Whole::No
    }
}

/// The counts the current step asks for in the end.
pub(crate) fn wanted(seen: &Snapshot, d: &Draft<'_>) -> Counts {
    let whole = if d.is_promote_full() {
        Whole::Yes
    } else {
        first_is_whole(d)
    };
    let aborted = if d.is_aborted() { Aborted::Yes } else { Aborted::No };
    let index = d.recorded.current_step_index.unwrap_or(i32::MAX);
    at_step(seen, index, whole, aborted)
}

fn at_step(seen: &Snapshot, index: i32, whole: Whole, aborted: Aborted) -> Counts {
    let limits = crate::draft::limits(seen);
    if seen.separate_stable().is_none() {
        return Counts {
            new: limits.replicas,
            stable: 0,
        };
    }
    let weight = desired_weight(&WeightInput {
        steps: seen.steps(),
        index: usize::try_from(index).ok(),
        most: 100,
        whole,
        aborted,
    });
    weighted_counts(weight, 100, &limits)
}

/// The counts of the next hop on the way to these.
fn next_counts(d: &Draft<'_>, wanted: Counts) -> Counts {
    let seen = d.seen;
    let pods = |revision: &Revision| Pods {
        size: revision.size,
        available: revision.available,
    };
    let new = seen.new_revision().map(pods).unwrap_or_default();
    let others = seen.other_revisions().map(|revision| revision.size).sum();
    let mut limits = d.limits();
    if is(Mutant::BeyondSurge) {
        limits.max_surge += 2;
    }
    basic_counts(wanted, &limits, new, seen.separate_stable().map(pods), others)
}

/// Old ReplicaSets shrink as far as availability permits. Source: wire-contract 3.7.5.
fn others(d: &mut Draft<'_>) -> Resized {
    let seen = d.seen;
    let mut active: Vec<&Revision> = seen.other_revisions().filter(|revision| revision.size > 0).collect();
    if active.is_empty() {
        return Resized::No;
    }
    let mut resized = Resized::No;
    // pods that are not available serve nobody: they go first
    active.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.name.cmp(&b.name)));
    for revision in &active {
        let healthy = revision.staying();
        if revision.size != healthy && resize(d, revision, healthy, AtZero::DropDeadline) == Resized::Yes {
            resized = Resized::Yes;
        }
    }
    if resized == Resized::Yes {
        return resized;
    }
    let total: i32 = seen.revisions.iter().map(|revision| revision.available).sum();
    let mut spare = total - d.limits().minimum_available();
    for revision in crate::history::newest_first(active.into_iter()) {
        if spare <= 0 {
            break;
        }
        let to = (revision.size - spare).max(0);
        if resize(d, revision, to, AtZero::DropDeadline) == Resized::Yes {
            resized = Resized::Yes;
        }
        spare -= revision.size - to;
    }
    resized
}

/// Whether the pods are as the step wants them. Source: wire-contract 3.11 "At desired counts".
pub(crate) fn at_desired_counts(d: &mut Draft<'_>) -> bool {
    let seen = d.seen;
    let wanted = wanted(seen, d);
    let Some(new) = seen.new_revision() else {
        return false;
    };
    if !meets_threshold(seen, new, wanted.new) {
        let (replica_set, available) = (new.name.clone(), new.available);
        d.hold(
            "the step",
            Reason::PodsNotAvailable {
                replica_set,
                available,
                wanted: wanted.new,
            },
        );
        return false;
    }
    let Some(stable) = seen.stable_revision() else {
        return false;
    };
    if seen.separate_stable().is_some() {
        let kept = kept_behind_service(seen, stable, wanted.stable);
        if stable.size != kept || stable.pods != kept {
            let (replica_set, replicas) = (stable.name.clone(), stable.pods);
            d.hold(
                "the step",
                Reason::PodsNotGone {
                    replica_set,
                    replicas,
                    wanted: kept,
                },
            );
            return false;
        }
    }
    let left: i32 = seen.other_revisions().map(|revision| revision.available).sum();
    if left > 0 {
        let names: Vec<&str> = seen
            .other_revisions()
            .filter(|r| r.available > 0)
            .map(|r| r.name.as_str())
            .collect();
        d.hold(
            "the step",
            Reason::PodsNotGone {
                replica_set: names.join(", "),
                replicas: left,
                wanted: 0,
            },
        );
    }
    left == 0
}

/// Stable's count, and the last pods that stay until the stable Service has moved.
fn kept_behind_service(seen: &Snapshot, stable: &Revision, wanted: i32) -> i32 {
    let named = seen
        .live_services()
        .iter()
        .any(|service| seen.service_hash(service) == Some(stable.hash.as_str()));
    if wanted == 0 && named {
        crate::gate::pods_behind(seen, stable, 0)
    } else {
        wanted
    }
}

/// `replicaProgressThreshold`, or every pod where there is none.
pub(crate) fn meets_threshold(seen: &Snapshot, revision: &Revision, wanted: i32) -> bool {
    let threshold = super::strategy(seen).and_then(|canary| canary.replica_progress_threshold.as_ref());
    match threshold {
        Some(threshold) if threshold.value >= 0 && threshold.r#type == "Pods" => revision.available >= threshold.value,
        Some(threshold) if threshold.value >= 0 && threshold.r#type == "Percent" => {
            wanted == 0 || i64::from(revision.available) * 100 >= i64::from(threshold.value) * i64::from(wanted)
        }
        Some(_) | None => revision.size == wanted && revision.available == wanted,
    }
}
