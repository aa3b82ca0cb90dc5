//! When the new revision becomes the stable one, and what counts as going back.
//!
//! Source: wire-contract 3.11 "Full promote", "promoteStable", "Rollback notions".

use crate::draft::{AbortChange, Cleared, Draft, PauseReason};
use crate::mutant::{Mutant, is};
use crate::plan::{Notice, Reason};
use crate::snapshot::{Deadline, Revision, Strategy};

/// Whether the update goes back to an older revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rollback {
    No,
    /// An older revision, step by step.
    Slow,
    /// An older revision that may skip the steps.
    Fast(FastReason),
}

/// Why a rollback may skip the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FastReason {
    WithinWindow,
    StillThere,
}

/// What kind of rollback this is. True of every promoted rollout at rest, too.
pub(crate) fn rollback(d: &Draft<'_>) -> Rollback {
    let (Some(new), Some(stable)) = (d.seen.new_revision(), d.seen.stable_revision()) else {
        return Rollback::No;
    };
    let same = new.hash == d.recorded.stable_rs;
    if !same && !is_older(new, stable) {
        return Rollback::No;
    }
    // the deadline of an abort, which a retry takes away, makes no rollback fast
    let in_delay = matches!(d.seen.strategy, Strategy::BlueGreen(_))
        && d.recorded.aborted_at.is_none()
        && matches!(new.deadline, Deadline::At(at) if at > d.seen.now);
    if within_window(d) {
        Rollback::Fast(FastReason::WithinWindow)
    } else if in_delay || same {
        Rollback::Fast(FastReason::StillThere)
    } else {
        Rollback::Slow
    }
}

/// Whether the new revision is older than the stable one by fewer revisions than the window holds.
pub(crate) fn within_window(d: &Draft<'_>) -> bool {
    let window = d
        .seen
        .spec()
        .rollback_window
        .as_ref()
        .map_or(0, |window| window.revisions);
    let (Some(new), Some(stable)) = (d.seen.new_revision(), d.seen.stable_revision()) else {
        return false;
    };
    if window <= 0 || !is_older(new, stable) {
        return false;
    }
    let between = d.seen.revisions.iter().filter(|r| {
        r.created > new.created && r.created < stable.created && !r.annotations.contains_key(api::keys::EXPERIMENT_NAME)
    });
    i32::try_from(between.count()).is_ok_and(|count| count < window)
}

fn is_older(new: &Revision, stable: &Revision) -> bool {
    matches!((new.created, stable.created), (Some(new), Some(stable)) if new < stable)
}

fn rollback_text(d: &Draft<'_>) -> Option<&'static str> {
    match rollback(d) {
        Rollback::Fast(FastReason::WithinWindow) => Some("Rollback within window"),
        Rollback::Fast(FastReason::StillThere) => Some("Fast rollback"),
        Rollback::No | Rollback::Slow => None,
    }
}

/// Why a canary is promoted now, if it is.
pub(crate) fn canary_reason(d: &mut Draft<'_>) -> Option<String> {
    let seen = d.seen;
    if seen.stable_revision().is_none() {
        return Some("Initial deploy".to_owned());
    }
    let new = seen.new_revision()?;
    if d.is_aborted() {
        return None;
    }
    let enough = new.available >= seen.replicas || crate::canary::meets_threshold(seen, new, seen.replicas);
    if !enough && !is(Mutant::StatusAheadOfTheWorld) {
        let why = Reason::PodsNotAvailable {
            replica_set: new.name.clone(),
            available: new.available,
            wanted: seen.replicas,
        };
        if d.next
            .current_step_index
            .is_none_or(|index| index >= crate::canary::step_count(seen))
        {
            d.hold("promotion", why);
        }
        return None;
    }
    if d.is_promote_full() {
        return Some("Full promotion requested".to_owned());
    }
    if let Some(text) = rollback_text(d) {
        return Some(text.to_owned());
    }
    let inconclusive =
        d.has_pause(PauseReason::InconclusiveRun) || d.pause.added.contains(&PauseReason::InconclusiveRun);
    if inconclusive && !is(Mutant::PromoteOnInconclusive) {
        d.hold(
            "promotion",
            Reason::Paused(PauseReason::InconclusiveRun.as_str().to_owned()),
        );
        return None;
    }
    let steps = crate::canary::step_count(seen);
    (steps == 0 || d.next.current_step_index == Some(steps)).then(|| format!("Completed all {steps} canary steps"))
}

/// Why a blue/green is promoted now, if it is.
pub(crate) fn blue_green_reason(d: &mut Draft<'_>, post_promotion: PostPromotion) -> Option<String> {
    let active = d.next.blue_green.active_selector.clone();
    if d.seen.stable_revision().is_none() || active.is_empty() {
        return Some("Initial deploy".to_owned());
    }
    if active != d.next.current_pod_hash {
        return None;
    }
    if d.is_promote_full() {
        return Some("Full promotion requested".to_owned());
    }
    if let Some(text) = rollback_text(d) {
        return Some(text.to_owned());
    }
    if d.is_aborted() {
        return None;
    }
    match post_promotion {
        PostPromotion::Passed => Some("Completed blue-green update".to_owned()),
        PostPromotion::NotYet => None,
    }
}

/// Whether the analysis after the switch, if there is one, is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostPromotion {
    Passed,
    NotYet,
}

/// The new revision is the stable one from here on.
pub(crate) fn promote(d: &mut Draft<'_>, reason: &str) {
    let promote_full = d.is_promote_full();
    d.pause.cleared = Cleared::All;
    d.pause.added.clear();
    d.abort = AbortChange::Drop;
    d.next.promote_full = false;
    d.next.blue_green.scale_up_preview_check_point = false;
    d.next.current_step_index = match crate::canary::step_count(d.seen) {
        0 => None,
        steps => Some(steps),
    };
    let hash = d.next.current_pod_hash.clone();
    if d.next.stable_rs == hash {
        return;
    }
    if let Some(clock) = d
        .next
        .duration
        .as_mut()
        .filter(|clock| clock.completion_status.is_empty())
    {
        clock.completion_status = if promote_full { "FastPromoted" } else { "Promoted" }.to_owned();
    }
    let revision = d.seen.new_revision().map_or(0, |revision| revision.number);
    d.next.stable_rs.clone_from(&hash);
    let message = format!("Rollout completed update to revision {revision} ({hash}): {reason}");
    d.say(Notice::normal("RolloutCompleted", message));
}
