//! Old ReplicaSets: which ones are deleted, with their runs, and in what order old ones shrink.
//!
//! Source: wire-contract 3.12.

use crate::draft::Draft;
use crate::plan::Action;
use crate::snapshot::{Deleting, Revision, Settled};

/// Deletes the oldest empty ReplicaSets beyond the limit.
pub(crate) fn clean(d: &mut Draft<'_>) {
    let limit = usize::try_from(d.seen.spec().revision_history_limit()).unwrap_or(usize::MAX);
    let old: Vec<&Revision> = d
        .seen
        .other_revisions()
        .filter(|r| r.deleting == Deleting::No)
        .collect();
    let surplus = old.len().saturating_sub(limit);
    for revision in old.into_iter().take(surplus) {
        if revision.pods != 0 || revision.size != 0 || revision.settled == Settled::No {
            continue;
        }
        let action = Action::DeleteReplicaSet {
            name: revision.name.clone(),
            uid: revision.uid.clone(),
        };
        d.act(action);
    }
}

/// Newest revision first; ties by creation and name, so that the order never depends on the cache.
pub(crate) fn newest_first<'r>(revisions: impl Iterator<Item = &'r Revision>) -> Vec<&'r Revision> {
    let mut sorted: Vec<&Revision> = revisions.collect();
    sorted.sort_by(|a, b| {
        b.number
            .cmp(&a.number)
            .then_with(|| b.created.cmp(&a.created))
            .then_with(|| a.name.cmp(&b.name))
    });
    sorted
}
