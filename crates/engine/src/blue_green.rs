//! A blue/green, one pass: preview, replicas, pause, the switch of the active Service, analysis, promotion.
//!
//! Source: wire-contract 3.9.

use api::rollout::BlueGreenStrategy;
use chrono::Duration;

use crate::draft::{AbortChange, Cleared, Draft, PauseReason, Resumption};
use crate::plan::Reason;
use crate::promote::{PostPromotion, Rollback, rollback};
use crate::service::switch;
use crate::snapshot::{Paused, Resume, Revision};

mod scaling;

pub(crate) use scaling::{first_size, scale};

/// Decides one pass.
pub(crate) fn decide(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    record_selectors(d, strategy);
    preview(d, strategy);
    if is_reset(d) {
        reset(d);
        return;
    }
    d.next.blue_green.scale_up_preview_check_point = d.recorded.blue_green.scale_up_preview_check_point;
    crate::restart::restart(d);
    scale(d, strategy);
    pause(d, strategy);
    active(d, strategy);
    crate::runs::blue_green(d, strategy);
    if d.withheld.is_some() && !d.is_aborted() {
        return;
    }
    crate::metadata::role::sync(d);
    crate::history::clean(d);
    finish(d, strategy);
}

/// What the Services name, as read back.
pub(crate) fn record_selectors(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    let named = |name: &str| d.seen.service_hash(name).unwrap_or_default().to_owned();
    d.next.blue_green.active_selector = named(&strategy.active_service);
    d.next.blue_green.preview_selector = named(&strategy.preview_service);
}

pub(super) fn is_reset(d: &Draft<'_>) -> bool {
    !d.recorded.current_pod_hash.is_empty() && d.recorded.current_pod_hash != d.seen.new_hash()
}

fn reset(d: &mut Draft<'_>) {
    d.pause.cleared = Cleared::All;
    d.abort = AbortChange::Drop;
    d.next.restarted_at = d.seen.spec().restart_at;
    d.next.promote_full = false;
}

/// The preview Service follows the new revision at once, so that readiness gates can work.
fn preview(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    let Some(new) = d.seen.new_revision() else {
        return;
    };
    if strategy.preview_service.is_empty() || d.halted().is_some() {
        return;
    }
    if let Some(Some(service)) = d.seen.services.get(&strategy.preview_service).cloned() {
        switch(d, &service, new);
    }
}

/// The new revision has the pods the pause is about.
fn ready_for_pause(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> bool {
    let count = scaling::new_count(d, strategy);
    d.seen
        .new_revision()
        .is_some_and(|new| new.size == count && new.available == count)
}

/// Nothing holds the switch back: a fast rollback, promoteFull, a Service without a hash, or one already there.
fn is_fast_tracked(d: &Draft<'_>) -> bool {
    let active = &d.next.blue_green.active_selector;
    matches!(rollback(d), Rollback::Fast(_))
        || d.is_promote_full()
        || active.is_empty()
        || d.seen.new_revision().is_some_and(|new| new.hash == *active)
}

fn pause(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    if d.is_aborted() {
        return;
    }
    if is_promoted_by_person(d) && !d.next.blue_green.scale_up_preview_check_point {
        // Whatever holds the switch back in this pass, a person has asked for it, and nothing else remembers that.
        d.pause.resumption = Resumption::Pending;
    }
    if !ready_for_pause(d, strategy) {
        return;
    }
    if let Some(why) = d.halted() {
        d.hold("the switch of the active Service", why);
        return;
    }
    let reason = PauseReason::BlueGreen;
    let needed = !strategy.auto_promotion_enabled() || strategy.auto_promotion_seconds > 0;
    if is_fast_tracked(d) || d.next.blue_green.scale_up_preview_check_point || !needed {
        d.pause.removed.push(reason);
        d.pause.resumption = Resumption::Done;
        return;
    }
    if !crate::runs::pre_promotion_passed(d, strategy) {
        return;
    }
    match d.pause_start(reason) {
        // it stays recorded until the switch has been seen, or a refused switch would begin the pause anew
        Some(_) if pause_is_over(d, strategy) => {}
        Some(start) => {
            let seconds = i64::from(strategy.auto_promotion_seconds);
            let until = (strategy.auto_promotion_enabled() && seconds > 0)
                .then(|| start + Duration::seconds(seconds) + Duration::milliseconds(1));
            d.hold_until(
                "the switch of the active Service",
                Reason::Paused(reason.as_str().to_owned()),
                until,
            );
        }
        None if !is_promoted_by_person(d) => {
            d.pause.added.push(reason);
            d.hold(
                "the switch of the active Service",
                Reason::Paused(reason.as_str().to_owned()),
            );
        }
        None => {}
    }
}

/// A person has taken the pause away, and not that of an inconclusive analysis.
fn is_promoted_by_person(d: &Draft<'_>) -> bool {
    d.seen.controls.resume == Resume::Asked && !crate::runs::resumes_analysis(d)
}

/// The pause is over, was taken away by a person, or was never needed. Source: CompletedBlueGreenPause.
fn pause_is_over(d: &Draft<'_>, strategy: &BlueGreenStrategy) -> bool {
    if !d.pause.added.is_empty() {
        return false;
    }
    if d.recorded.blue_green.scale_up_preview_check_point {
        return true;
    }
    let start = d.pause_start(PauseReason::BlueGreen);
    let taken_away = start.is_none() && is_promoted_by_person(d);
    if strategy.auto_promotion_enabled() {
        let seconds = i64::from(strategy.auto_promotion_seconds);
        let passed = start.is_some_and(|start| d.seen.now > start + Duration::seconds(seconds));
        return seconds == 0 || passed || taken_away;
    }
    taken_away
}

/// Where the active Service points.
fn active(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    let Some(Some(service)) = d.seen.services.get(&strategy.active_service).cloned() else {
        return;
    };
    if d.is_aborted() {
        back_to_stable(d, &service);
        return;
    }
    let (Some(new), Paused::No, None) = (d.seen.new_revision(), d.seen.controls.paused, d.halted()) else {
        return;
    };
    if service.hash() != Some(new.hash.as_str()) && !(ready_for_pause(d, strategy) && new.is_saturated(d.seen.replicas))
    {
        let (replica_set, available) = (new.name.clone(), new.available);
        let why = Reason::PodsNotAvailable {
            replica_set,
            available,
            wanted: d.seen.replicas,
        };
        d.hold("the switch of the active Service", why);
        return;
    }
    let passed = pause_is_over(d, strategy) && crate::runs::pre_promotion_passed(d, strategy);
    if is_fast_tracked(d) || passed {
        switch(d, &service, new);
    }
}

/// An aborted blue/green serves from stable as soon as stable has available pods (I5).
fn back_to_stable(d: &mut Draft<'_>, service: &crate::seen::Service) {
    let Some(stable) = d.seen.stable_revision() else {
        return;
    };
    if service.hash() != Some(stable.hash.as_str()) {
        let name = service.metadata.name.clone();
        crate::service::point(d, &name, stable);
    }
}

/// Checkpoint, promotion, abort.
fn finish(d: &mut Draft<'_>, strategy: &BlueGreenStrategy) {
    if d.is_promote_full() {
        d.pause.cleared = Cleared::All;
        if d.abort == AbortChange::Keep {
            d.abort = AbortChange::Drop;
        }
    }
    let preview = strategy.preview_replica_count;
    let at_preview = preview.is_some() && d.seen.new_revision().map(|new| new.available) == preview;
    if at_preview && crate::runs::pre_promotion_passed(d, strategy) && pause_is_over(d, strategy) {
        d.next.blue_green.scale_up_preview_check_point = true;
    }
    let post = crate::runs::post_promotion(d, strategy);
    if post == PostPromotion::NotYet && d.has_pause(PauseReason::InconclusiveRun) {
        d.hold(
            "promotion",
            Reason::Paused(PauseReason::InconclusiveRun.as_str().to_owned()),
        );
    }
    if let Some(reason) = crate::promote::blue_green_reason(d, post) {
        crate::promote::promote(d, &reason);
    } else if d.is_aborted() {
        d.hold("the update", Reason::Aborted);
    }
}

/// The revision the active Service names.
pub(crate) fn active_revision<'s>(d: &Draft<'s>) -> Option<&'s Revision> {
    d.seen.active_hash().and_then(|hash| d.seen.revision(hash))
}
