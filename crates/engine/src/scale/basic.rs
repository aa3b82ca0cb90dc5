//! Counts of a canary without a traffic router: the ratio of pods is the split.
//!
//! Source: wire-contract 3.7.2.

use super::{Counts, Limits, Pods, ceil_share, floor_share};

/// The pods (canary, stable) that come closest to `weight` of `most` (maxWeight).
pub fn weighted_counts(weight: i32, most: i32, limits: &Limits) -> Counts {
    let replicas = limits.replicas;
    if replicas == 0 {
        return Counts { new: 0, stable: 0 };
    }
    let ceil = ceil_share(replicas, weight, most);
    let floor = floor_share(replicas, weight, most);
    // the fractional part of total * weight / most is exactly one half
    let tied =
        |total: i32| (2 * i64::from(total) * i64::from(weight)).rem_euclid(2 * i64::from(most)) == i64::from(most);
    let zero_allowed = weight == most || weight == 0 || (replicas == 1 && limits.max_surge == 0);
    let floor_allowed = floor != 0 || zero_allowed;
    let mut candidates = Vec::with_capacity(4);
    if ceil < replicas || zero_allowed {
        candidates.push((ceil, replicas));
    }
    if !tied(replicas) && floor_allowed {
        candidates.push((floor, replicas));
    }
    if limits.max_surge > 0 {
        candidates.push((ceil, replicas + 1));
        if !tied(replicas + 1) && floor_allowed {
            candidates.push((floor, replicas + 1));
        }
    }
    // |canary * most / total - weight|, compared as fractions; the first of equals wins
    let mut best: Option<(i32, i32)> = None;
    for (canary, total) in candidates {
        let miss = |canary: i32, total: i32| {
            (i128::from(canary) * i128::from(most) - i128::from(weight) * i128::from(total)).abs()
        };
        let better = best.is_none_or(|(c, t)| miss(canary, total) * i128::from(t) < miss(c, t) * i128::from(total));
        if better {
            best = Some((canary, total));
        }
    }
    let (canary, total) = best.unwrap_or((0, replicas));
    Counts {
        new: canary,
        stable: total - canary,
    }
}

/// What new and stable are scaled to next, on the way to `desired`.
///
/// `stable`: `None` when there is no stable ReplicaSet apart from the new one; `others`: pods of all remaining ones.
pub fn basic_counts(desired: Counts, limits: &Limits, new: Pods, stable: Option<Pods>, others: i32) -> Counts {
    let desired = if stable.is_some() {
        desired
    } else {
        Counts {
            new: limits.replicas,
            stable: 0,
        }
    };
    let old = stable.unwrap_or_default();
    let mut next = Counts {
        new: new.size,
        stable: old.size,
    };
    let mut room = limits.most_pods() - (new.size + old.size + others);
    if stable.is_some() && old.size < desired.stable && room > 0 {
        let raised = room.min(desired.stable - old.size);
        next.stable += raised;
        room -= raised;
    }
    if new.size < desired.new && room > 0 {
        next.new += room.min(desired.new - new.size);
    }
    if others > 0 {
        return next;
    }
    let minimum = limits.replicas - limits.max_unavailable;
    let increasing = desired.new >= new.size;
    // the side that shrinks counts with all its pods, the side that grows only with what is available
    let spare = if increasing {
        growing(new) + old.size
    } else {
        new.size + growing(old)
    };
    if spare <= minimum {
        return next;
    }
    let down = spare - minimum;
    if increasing {
        if stable.is_none() {
            return next;
        }
        if old.size > desired.stable {
            next.stable = desired.stable.max(old.size - down);
        }
        let (drained, adjusted) = adjust(limits, minimum, (old, next.stable), Some((new, next.new)));
        Counts {
            new: adjusted,
            stable: drained,
        }
    } else {
        if new.size > desired.new {
            next.new = desired.new.max(new.size - down);
        }
        let adjusted = stable.map(|old| (old, next.stable));
        let (drained, adjusted) = adjust(limits, minimum, (new, next.new), adjusted);
        Counts {
            new: drained,
            stable: adjusted,
        }
    }
}

/// Pods of the growing side that count when a scale-down is weighed.
fn growing(pods: Pods) -> i32 {
    pods.size.min(pods.available)
}

/// Keeps the planned sizes within R + maxSurge and the minimum: (drained, adjusted).
fn adjust(limits: &Limits, minimum: i32, drain: (Pods, i32), adjusted: Option<(Pods, i32)>) -> (i32, i32) {
    let most = limits.most_pods();
    let (mut d, mut a) = (drain.1, adjusted.map_or(0, |(_, planned)| planned));
    if let Some((pods, _)) = adjusted {
        a -= (a + d - most).max(0);
        let available = drain.0.available.min(d) + pods.available.min(a);
        let extra = (pods.available - a).max(0);
        let need = (minimum - available).max(0);
        a += extra.min(need);
    }
    d -= (a + d - most).max(0);
    (d, a)
}
