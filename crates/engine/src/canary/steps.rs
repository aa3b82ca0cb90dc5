//! When a step is done, the pause step, and what a step is called.
//!
//! Source: wire-contract 3.5 and 3.11.

use api::analysis::phase;
use api::rollout::CanaryStep;
use chrono::Duration;

use super::{current_step, scaling};
use crate::draft::{Draft, PauseReason};
use crate::plan::Reason;
use crate::snapshot::{Paused, Resume};

/// Begins or continues a pause step.
pub(crate) fn pause(d: &mut Draft<'_>) {
    let Some((_, step)) = current_step(d.seen, &d.next) else {
        return;
    };
    let Some(pause) = &step.pause else {
        return;
    };
    if d.seen.controls.paused == Paused::Manually || d.is_promote_full() || d.is_aborted() {
        return;
    }
    let reason = PauseReason::CanaryStep;
    let Some(start) = d.pause_start(reason) else {
        if d.seen.controls.resume == Resume::No && !d.has_pause(reason) {
            d.pause.added.push(reason);
            d.hold(describe(step), Reason::Paused(reason.as_str().to_owned()));
        }
        return;
    };
    let until = pause.seconds().map(|seconds| start + Duration::seconds(seconds));
    if until.is_none_or(|until| until >= d.seen.now) {
        // one millisecond past, because a pause is over only after its end
        let wake = until.map(|until| until + Duration::milliseconds(1));
        d.hold_until(describe(step), Reason::Paused(reason.as_str().to_owned()), wake);
    }
}

/// Whether the current step is done. An inconclusive run holds every step (I5).
pub(crate) fn is_completed(d: &mut Draft<'_>, step: &CanaryStep) -> bool {
    if let Some(why) = d.halted() {
        d.hold(describe(step), why);
        return false;
    }
    if d.pause.added.contains(&PauseReason::InconclusiveRun) {
        return false;
    }
    if step.pause.is_some() {
        return pause_is_over(d, step);
    }
    if step.analysis.is_some() {
        let run = d.next.canary.current_step_analysis_run_status.clone();
        if let Some(run) = run.as_ref().filter(|run| run.status != phase::SUCCESSFUL) {
            d.hold(describe(step), Reason::AnalysisRunning { run: run.name.clone() });
        }
        return run.is_some_and(|run| run.status == phase::SUCCESSFUL);
    }
    scaling::at_desired_counts(d)
}

fn pause_is_over(d: &Draft<'_>, step: &CanaryStep) -> bool {
    if !d.pause.added.is_empty() {
        return false;
    }
    let Some(start) = d.pause_start(PauseReason::CanaryStep) else {
        return d.seen.controls.resume == Resume::Asked;
    };
    let seconds = step.pause.as_ref().and_then(|pause| pause.seconds());
    seconds.is_some_and(|seconds| d.seen.now > start + Duration::seconds(seconds))
}

/// The step as events name it.
pub fn describe(step: &CanaryStep) -> String {
    if let Some(weight) = step.set_weight {
        return format!("setWeight: {weight}");
    }
    if let Some(pause) = &step.pause {
        return pause
            .duration
            .as_ref()
            .map_or("pause".to_owned(), |duration| format!("pause: {duration}"));
    }
    if step.experiment.is_some() {
        return "experiment".to_owned();
    }
    if step.analysis.is_some() {
        return "analysis".to_owned();
    }
    if let Some(scale) = &step.set_canary_scale {
        return match (scale.weight, scale.match_traffic_weight, scale.replicas) {
            (Some(weight), _, _) => format!("setCanaryScale{{weight: {weight}}}"),
            (None, true, _) => "setCanaryScale{matchTrafficWeight: true}".to_owned(),
            (None, false, Some(replicas)) => format!("setCanaryScale{{replicas: {replicas}}}"),
            (None, false, None) => "invalid".to_owned(),
        };
    }
    if let Some(plugin) = &step.plugin {
        return format!("plugin: {}", plugin.name);
    }
    if let Some(route) = &step.set_header_route {
        return format!("setHeaderRoute: {}", route.name);
    }
    if let Some(route) = &step.set_mirror_route {
        return format!("setMirrorRoute: {}", route.name);
    }
    "invalid".to_owned()
}
