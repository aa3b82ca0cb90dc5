//! One ReplicaSet to a size, with the annotations that go with it.
//!
//! Source: wire-contract 3.7 (order, `desired-replicas`, `scale-down-deadline`, the event).

use api::duration::Time;
use api::keys;
use chrono::{DateTime, Utc};

use crate::draft::Draft;
use crate::plan::{Action, Amendment, Notice};
use crate::snapshot::{Deadline, Revision};

/// Whether a stage of the pass resized something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resized {
    Yes,
    No,
}

/// What becomes of the scale-down-deadline when the size becomes 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtZero {
    DropDeadline,
    KeepDeadline,
}

/// Brings a ReplicaSet to the size, as far as the gates permit.
pub(crate) fn resize(d: &mut Draft<'_>, revision: &Revision, to: i32, at_zero: AtZero) -> Resized {
    let to = crate::gate::scale_down(d, revision, to.max(0));
    let replicas = d.seen.replicas;
    let has_deadline = revision.deadline != Deadline::None;
    let stale = revision.desired != Some(replicas) || (replicas == 0 && has_deadline);
    if to == revision.size && !stale {
        return Resized::No;
    }
    let mut annotations = d.desired_annotation();
    if to == 0 && has_deadline && at_zero == AtZero::DropDeadline {
        annotations.insert(keys::SCALE_DOWN_DEADLINE.to_owned(), None);
    }
    if to == revision.size {
        d.act(Action::AnnotateReplicaSet {
            name: revision.name.clone(),
            uid: revision.uid.clone(),
            annotations,
            amendment: Amendment::default(),
        });
        return Resized::No;
    }
    if revision.annotations.is_empty() {
        // A resize cannot write into a map that is not there, and one that was adopted may have none: first the
        // annotation, then the size.
        annotate(d, revision, annotations);
        return Resized::Yes;
    }
    let direction = if to > revision.size { "up" } else { "down" };
    let message = format!(
        "Scaled {direction} ReplicaSet {} (revision {}) from {} to {to}",
        revision.name, revision.number, revision.size
    );
    let action = Action::ScaleReplicaSet {
        name: revision.name.clone(),
        uid: revision.uid.clone(),
        from: revision.size,
        to,
        annotations,
    };
    d.act_and_say(action, vec![Notice::normal("ScalingReplicaSet", message)]);
    Resized::Yes
}

/// Writes the desired-replicas annotation alone.
pub(crate) fn sync_desired(d: &mut Draft<'_>, revision: &Revision) {
    if revision.desired != Some(d.seen.replicas) {
        let annotations = d.desired_annotation();
        annotate(d, revision, annotations);
    }
}

/// Starts the scale-down delay.
pub(crate) fn set_deadline(d: &mut Draft<'_>, revision: &Revision, at: DateTime<Utc>) {
    let value = Some(Time::new(at).to_string());
    annotate(d, revision, [(keys::SCALE_DOWN_DEADLINE.to_owned(), value)].into());
}

/// Ends the scale-down delay: the ReplicaSet is wanted again.
pub(crate) fn clear_deadline(d: &mut Draft<'_>, revision: &Revision) {
    if revision.deadline != Deadline::None {
        annotate(d, revision, [(keys::SCALE_DOWN_DEADLINE.to_owned(), None)].into());
    }
}

/// Writes annotations alone.
pub(crate) fn annotate(
    d: &mut Draft<'_>,
    revision: &Revision,
    annotations: std::collections::BTreeMap<String, Option<String>>,
) {
    d.act(Action::AnnotateReplicaSet {
        name: revision.name.clone(),
        uid: revision.uid.clone(),
        annotations,
        amendment: Amendment::default(),
    });
}
