//! Which pods older than `spec.restartAt` are evicted now, within the budget of what may be missing.
//!
//! Source: wire-contract 3.14.

use chrono::Duration;

use crate::draft::Draft;
use crate::plan::{Action, Read, Reason};
use crate::seen::Pod;

/// How long until pods that could not be evicted are tried again.
const RETRY: Duration = Duration::seconds(30);

/// Evicts what may be evicted; records the restart once no old pod is left.
pub(crate) fn restart(d: &mut Draft<'_>) {
    let Some(asked) = d
        .seen
        .spec()
        .restart_at
        .filter(|at| Some(*at) != d.recorded.restarted_at)
    else {
        return;
    };
    if d.seen.now <= asked.0 {
        d.wake_at(asked.0 + Duration::milliseconds(1));
        return;
    }
    let Some(pods) = &d.seen.pods else {
        d.ask(Read::Pods);
        return;
    };
    let limits = d.limits();
    let sizes: i32 = d.seen.revisions.iter().map(|revision| revision.size).sum();
    let minimum = limits.replicas.max(sizes) - limits.max_unavailable.max(1);
    let available = pods
        .iter()
        .filter(|pod| pod.is_available(d.seen.spec().min_ready_seconds, d.seen.now))
        .count();
    let mut budget = i32::try_from(available).unwrap_or(i32::MAX) - minimum;
    let old: Vec<&Pod> = pods
        .iter()
        .filter(|pod| pod.metadata.creation_timestamp.is_some_and(|at| at < asked))
        .collect();
    if old.is_empty() {
        d.next.restarted_at = Some(asked);
        return;
    }
    // nothing wakes us when the last terminating pod is gone
    let leaving = old.iter().all(|pod| pod.metadata.deletion_timestamp.is_some());
    let remaining = i32::try_from(old.len()).unwrap_or(i32::MAX);
    let mut staying: Vec<&Pod> = old
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .collect();
    // each time round begins with another pod, so that one which a budget protects does not hold up the others
    let rounds = (d.seen.now - asked.0).num_seconds() / RETRY.num_seconds();
    let first = usize::try_from(rounds).unwrap_or(0).checked_rem(staying.len());
    staying.rotate_left(first.unwrap_or(0));
    for pod in staying {
        if budget <= 0 {
            break;
        }
        budget -= 1;
        d.act(Action::EvictPod {
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
        });
    }
    let until = Some(d.seen.now + if leaving { crate::gate::LOOK_AGAIN } else { RETRY });
    d.hold_until("the restart", Reason::RestartBudget { remaining }, until);
}
