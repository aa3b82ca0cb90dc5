//! When the Deployment whose template was taken over gives up its own pods, and for how long: for good.
//!
//! Source: wire-contract 3.17. The original does this in the first revision only, so that a Deployment that is scaled up
//! again later runs beside the Rollout for ever (field-lessons A16, R57); here it is looked at in every pass.

use api::condition::kind;
use api::keys;
use api::rollout::ScaleDown;

use crate::draft::Draft;
use crate::plan::{Action, Reason};
use crate::snapshot::Snapshot;
use crate::status::conditions;

/// Scales the Deployment down as far as our own available pods permit, and up again where they are lost before the first
/// revision has carried everything once.
pub(crate) fn scale_down(d: &mut Draft<'_>) {
    let seen = d.seen;
    let Some((reference, workload)) = seen.spec().workload_ref.as_ref().zip(seen.workload.as_ref()) else {
        return;
    };
    let served = has_been_healthy(d);
    let wanted = match reference.scale_down() {
        ScaleDown::Never => return,
        ScaleDown::OnSuccess | ScaleDown::Progressively if served => 0,
        ScaleDown::OnSuccess => return,
        ScaleDown::Progressively if d.recorded.ready_replicas == 0 && !is_shrinking(seen) => return,
        ScaleDown::Progressively => (seen.replicas - d.recorded.ready_replicas).max(0),
    };
    let minimum = d.limits().minimum_available();
    let to = wanted.max((minimum - d.staying()).min(workload.replicas));
    if to > wanted {
        let available = d.staying();
        d.hold(
            format!("scale-down of Deployment {}", workload.metadata.name),
            Reason::MinimumAvailability { available, minimum },
        );
    }
    // once it has given up its pods, or is another version's, it gets none back
    let up = to > workload.replicas && workload.replicas > 0 && seen.rollout_revision() <= 1;
    if to < workload.replicas || up {
        d.act(Action::ScaleWorkload {
            name: workload.metadata.name.clone(),
            uid: workload.metadata.uid.clone(),
            from: workload.replicas,
            to,
        });
    }
}

/// Whether the new revision is giving up pods.
fn is_shrinking(seen: &Snapshot) -> bool {
    seen.new_revision().is_some_and(|new| new.pods > new.size)
}

/// Whether the Rollout has carried everything once. The condition never goes away again (wire-contract 10.1, 8).
fn has_been_healthy(d: &Draft<'_>) -> bool {
    d.recorded.phase == "Healthy" || conditions::get(&d.recorded.conditions, kind::HEALTHY).is_some()
}

/// The workload's generation as the Rollout's annotation has it; empty without a workload.
pub(crate) fn noted_generation(seen: &Snapshot) -> &str {
    let annotations = seen.rollout.metadata.annotations.as_ref();
    let noted = annotations.and_then(|all| all.get(keys::WORKLOAD_GENERATION));
    seen.workload.as_ref().and(noted).map_or("", String::as_str)
}
