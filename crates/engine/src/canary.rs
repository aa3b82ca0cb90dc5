//! A canary, one pass: Services, analysis, replicas, the current step, promotion.
//!
//! Source: wire-contract 3.4 (order), 3.11 (steps and promotion).

use api::rollout::{CanaryStep, CanaryStrategy, RolloutStatus};

use crate::draft::{AbortChange, Cleared, Draft, Resumption};
use crate::mutant::{Mutant, is};
use crate::plan::Notice;
use crate::resize::Resized;
use crate::snapshot::{Resume, Revision, Snapshot, Strategy};

mod cursor;
mod scaling;
mod services;
mod steps;
mod weights;

pub(crate) use scaling::{first_size, meets_threshold};
pub use steps::describe;
pub use weights::{WeightInput, Whole, desired_weight, weight_after_abort};

/// Decides one pass.
pub(crate) fn decide(d: &mut Draft<'_>, canary: &CanaryStrategy) {
    if cursor::is_reset(d) {
        cursor::reset(d);
        return;
    }
    crate::restart::restart(d);
    crate::metadata::role::sync(d);
    crate::history::clean(d);
    services::point(d, canary);
    crate::runs::canary(d, canary);
    let stopped = d.withheld.is_some() && !d.is_aborted();
    if stopped || d.pause.resumption == Resumption::Pending {
        return;
    }
    if d.pause.added.is_empty() {
        let resized = scaling::scale(d, scaling::Trigger::Step);
        if resized == Resized::No {
            steps::pause(d);
        }
    }
    finish(d);
}

/// Where the rollout stands after this pass. Source: wire-contract 3.11 "Canary".
fn finish(d: &mut Draft<'_>) {
    let steps = step_count(d.seen);
    if d.is_promote_full() || crate::promote::within_window(d) {
        d.pause.cleared = Cleared::All;
        if d.abort == AbortChange::Keep {
            d.abort = AbortChange::Drop;
        }
        d.next.current_step_index = (steps > 0).then_some(steps);
    }
    if let Some(reason) = crate::promote::canary_reason(d) {
        crate::promote::promote(d, &reason);
    } else if d.is_aborted() {
        let promoted = d.next.stable_rs == d.next.current_pod_hash;
        d.next.current_step_index = (steps > 0).then_some(if promoted { steps } else { 0 });
        d.hold("the update", crate::plan::Reason::Aborted);
    } else if let Some((index, step)) = current_step(d.seen, &d.next)
        && steps::is_completed(d, step)
    {
        let done = index + 1;
        let index = if is(Mutant::RepeatedStep) { index } else { done };
        d.next.current_step_index = i32::try_from(index).ok();
        d.next.canary.current_step_analysis_run_status = None;
        d.pause.removed.push(crate::draft::PauseReason::CanaryStep);
        let message = format!("Rollout step {done}/{steps} completed ({})", describe(step));
        d.say(Notice::normal("RolloutStepCompleted", message));
        // a pause begins with the step: nothing has to be seen in between
        if d.recorded.pause_conditions.is_empty() && d.seen.controls.resume == Resume::No {
            steps::pause(d);
        }
    }
}

/// The step the index names, while there is one.
pub(crate) fn current_step<'s>(seen: &'s Snapshot, status: &RolloutStatus) -> Option<(usize, &'s CanaryStep)> {
    let index = usize::try_from(status.current_step_index?).ok()?;
    seen.steps().get(index).map(|step| (index, step))
}

/// Number of steps, as the status counts them.
pub(crate) fn step_count(seen: &Snapshot) -> i32 {
    i32::try_from(seen.steps().len()).unwrap_or(i32::MAX)
}

/// The canary strategy, when it is one.
pub(crate) fn strategy(seen: &Snapshot) -> Option<&CanaryStrategy> {
    match &seen.strategy {
        Strategy::Canary(canary) => Some(canary),
        Strategy::BlueGreen(_) => None,
    }
}

/// Scales to a changed `spec.replicas`.
pub(crate) fn scale_replicas(d: &mut Draft<'_>) {
    scaling::scale(d, scaling::Trigger::Replicas);
}

/// Whether this is the revision a canary Service may point at.
pub(crate) fn is_serving(revision: &Revision) -> bool {
    revision.staying() > 0
}
