//! How far an update has got: the high-water mark of the new revision's ready pods.
//!
//! Pods that become ready, fail and become ready again are no progress, or a revision that keeps crashing would never
//! reach its deadline. The mark is written only once it is about to be forgotten, which is when ready pods are lost: an
//! update that goes well writes nothing. Source: field-lessons R47.

use std::collections::BTreeMap;

use api::keys;
use api::rollout::RolloutStatus;

use crate::draft::Draft;
use crate::snapshot::{Revision, Snapshot};

/// Writes the mark when ready pods were lost.
pub(crate) fn remember(d: &mut Draft<'_>) {
    let (Some(attempt), Some(new)) = (attempt(&d.recorded), d.seen.new_revision()) else {
        return;
    };
    if new.most_ready <= new.ready || marked(new, &attempt) >= new.most_ready {
        return;
    }
    let mark = format!("{} since {attempt}", new.most_ready);
    crate::resize::annotate(d, new, BTreeMap::from([(keys::MOST_READY.to_owned(), Some(mark))]));
}

/// Whether more ready pods than before would be progress: the new revision has as many as never before in this attempt.
pub(crate) fn is_at_its_height(seen: &Snapshot, recorded: &RolloutStatus) -> bool {
    let (Some(attempt), Some(new)) = (attempt(recorded), seen.new_revision()) else {
        return true;
    };
    new.ready >= new.most_ready && new.ready > marked(new, &attempt)
}

/// The attempt that is under way, by when it began.
fn attempt(recorded: &RolloutStatus) -> Option<String> {
    let clock = recorded.duration.as_ref()?;
    let began = clock.rollout_started_at?;
    clock.finished_at.is_none().then(|| began.to_string())
}

/// The mark of this attempt; one below nothing when there is none.
fn marked(new: &Revision, attempt: &str) -> i32 {
    let mark = new
        .annotations
        .get(keys::MOST_READY)
        .and_then(|text| text.split_once(" since "));
    mark.filter(|(_, since)| *since == attempt)
        .and_then(|(count, _)| count.parse().ok())
        .unwrap_or(-1)
}
