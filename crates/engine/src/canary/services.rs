//! Where the stable and the canary Service of a canary point.
//!
//! Source: wire-contract 3.8. Two moves differ on purpose (`crates/README.md`): the stable Service moves before the last
//! old pod goes, and a canary Service never stays on a revision that is about to lose its pods.

use api::rollout::CanaryStrategy;

use super::scaling;
use crate::draft::Draft;
use crate::service::point as point_service;
use crate::snapshot::Revision;

/// Points both Services.
pub(crate) fn point(d: &mut Draft<'_>, canary: &CanaryStrategy) {
    if let Some(target) = stable_target(d).cloned() {
        point_service(d, &canary.stable_service, &target);
    }
    if let Some(target) = canary_target(d, canary).cloned() {
        point_service(d, &canary.canary_service, &target);
    }
}

/// Stable; without surge, the new revision as soon as it is all there is but for the last old pod.
fn stable_target<'s>(d: &Draft<'s>) -> Option<&'s Revision> {
    let limits = d.limits();
    let stable = d.seen.stable_revision()?;
    let Some(new) = d.seen.new_revision().filter(|new| new.uid != stable.uid) else {
        return Some(stable);
    };
    let last = limits.max_surge == 0 && limits.replicas > 1 && !d.is_aborted();
    let whole = last && scaling::wanted(d.seen, d).stable == 0 && new.staying() >= limits.replicas - 1;
    Some(if whole { new } else { stable })
}

/// The new revision; stable when aborted, or while the new one has no pods to take over from a superseded one.
fn canary_target<'s>(d: &Draft<'s>, canary: &CanaryStrategy) -> Option<&'s Revision> {
    let (new, stable) = (d.seen.new_revision(), d.seen.stable_revision());
    if d.is_aborted() {
        return stable;
    }
    let new = new?;
    let live = d
        .seen
        .services
        .get(&canary.canary_service)
        .and_then(|service| service.as_ref());
    let named = live.and_then(|service| service.hash());
    let superseded = named.is_some_and(|hash| hash != new.hash && stable.is_none_or(|stable| stable.hash != hash));
    match stable {
        Some(stable) if superseded && !super::is_serving(new) => Some(stable),
        Some(_) | None => Some(new),
    }
}
