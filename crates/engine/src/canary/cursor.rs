//! Where the steps begin again: a new template, or new steps.
//!
//! Source: wire-contract 3.11 "Change detection" and "Canary" 1.

use crate::draft::{AbortChange, Cleared, Draft};
use crate::plan::Notice;

/// Whether template or steps differ from what the cursor was made for.
pub(crate) fn is_reset(d: &Draft<'_>) -> bool {
    let recorded = &d.recorded;
    let pods = !recorded.current_pod_hash.is_empty() && recorded.current_pod_hash != d.seen.new_hash();
    pods || recorded.current_step_hash.is_empty() || recorded.current_step_hash != d.seen.step_hash
}

/// Puts the cursor to the first step, or past the last where the template is already there.
pub(crate) fn reset(d: &mut Draft<'_>) {
    let steps = super::step_count(d.seen);
    d.pause.cleared = Cleared::All;
    d.abort = AbortChange::Drop;
    d.next.restarted_at = d.seen.spec().restart_at;
    d.next.promote_full = false;
    d.next.canary.step_plugin_statuses.clear();
    d.next.current_step_index = (steps > 0).then_some(0);
    if steps == 0 {
        return;
    }
    let Some(new) = d.seen.new_revision() else {
        return;
    };
    let skip = if d.seen.stable_revision().is_some_and(|stable| stable.uid == new.uid) {
        Some("Rollback to stable ReplicaSets")
    } else if crate::promote::within_window(d) && new.size > 0 {
        Some("Rollback to active ReplicaSets within RollbackWindow")
    } else {
        None
    };
    if let Some(message) = skip {
        d.next.current_step_index = Some(steps);
        d.say(Notice::normal("SkipSteps", message));
    }
}
