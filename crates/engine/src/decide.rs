//! The one door: what a rollout does next.
//!
//! Source: wire-contract 3.2 and 3.3.

use std::collections::BTreeMap;

use api::condition::{kind, reason};
use api::keys;
use api::rollout::{Rollout, RolloutStatus};
use serde_json::{Value, json};

use crate::draft::{AbortChange, Draft};
use crate::gate::LOOK_AGAIN;
use crate::plan::{Action, Claim, Held, Notice, Plan, Read, Reason};
use crate::refusal;
use crate::snapshot::{Counts, InvalidSpec, Observed, Ownership, Presence, Revision, Snapshot, Strategy};
use crate::status::{self, conditions};

/// Decides one hop.
pub fn decide(observed: &Observed) -> Plan {
    if observed.rollout.metadata.deletion_timestamp.is_some() {
        return Plan::default();
    }
    if let Some(withheld) = &observed.withheld {
        return refusal::withhold(observed, withheld);
    }
    match Snapshot::assemble(observed) {
        Ok(snapshot) => decide_snapshot(&snapshot),
        Err(invalid) => refuse(observed, &invalid),
    }
}

/// Decides one hop of a valid rollout.
pub fn decide_snapshot(seen: &Snapshot) -> Plan {
    let mut d = Draft::new(seen);
    look_closer(&mut d);
    // each of these is a hop of its own: what follows relies on its effect having been seen
    let before: [fn(&mut Draft<'_>) -> Settled; 5] = [
        claim,
        default_replicas,
        workload_generation,
        new_revision,
        rollout_revision,
    ];
    for prepare in before {
        if prepare(&mut d) == Settled::NotYet {
            return d.plan(None);
        }
    }
    if let Some(status) = collided(&d) {
        return d.plan(Some(status));
    }
    if d.is_fully_promoted() && !d.recorded.stable_rs.is_empty() && d.is_aborted() {
        d.abort = AbortChange::Drop;
    }
    if let Some(at) = crate::runs::retry_waits(&d) {
        d.hold_until("the retry", Reason::NotSeenYet("the next second".to_owned()), Some(at));
        return d.plan(None);
    }
    crate::progress::remember(&mut d);
    if replicas_changed(&d) {
        return scale_only(d);
    }
    let begun = begun(&d);
    match &seen.strategy {
        Strategy::BlueGreen(strategy) => crate::blue_green::decide(&mut d, strategy),
        Strategy::Canary(strategy) => crate::canary::decide(&mut d, strategy),
    }
    if let Some(withheld) = d.withheld.take() {
        status::conditions::deadline_abort(&mut d);
        if !d.is_aborted() {
            return refusal::stop(d, &withheld);
        }
    }
    crate::workload::scale_down(&mut d);
    let status = status::persist(&mut d);
    if let Some(begun) = begun {
        d.say_before("RolloutCompleted", begun);
    }
    d.plan(status)
}

/// Where a ReplicaSet's counts are in doubt, its pods are looked at, until they agree.
fn look_closer(d: &mut Draft<'_>) {
    let mut revisions = d.seen.revisions.iter();
    if revisions.all(|revision| revision.counts == Counts::Trusted) {
        return;
    }
    match d.seen.pods {
        None => d.ask(Read::Pods),
        // nothing may wake us when new pods have come to the same number
        Some(_) => d.wake_at(d.seen.now + LOOK_AGAIN),
    }
}

/// Whether what a stage needs has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Yes,
    NotYet,
}

/// An invalid spec: said in the status, nothing touched.
fn refuse(observed: &Observed, invalid: &InvalidSpec) -> Plan {
    let rollout: &Rollout = &observed.rollout;
    let recorded = rollout.status.clone().unwrap_or_default();
    let mut next: RolloutStatus = recorded.clone();
    let name = rollout.metadata.name.as_deref().unwrap_or_default();
    let message = format!("The Rollout {name:?} is invalid: {}", invalid.0);
    let known = conditions::get(&next.conditions, kind::INVALID_SPEC);
    if known.is_none_or(|known| known.message != message) {
        // it replaces every other condition (wire-contract 10.1, 7)
        next.conditions.clear();
        conditions::set(
            &mut next,
            observed.now,
            kind::INVALID_SPEC,
            "True",
            reason::INVALID_SPEC,
            &message,
        );
    }
    next.observed_generation = rollout.metadata.generation.unwrap_or_default().to_string();
    next.phase = "Degraded".to_owned();
    next.message = format!("{}: {message}", kind::INVALID_SPEC);
    // a missing reference wakes nobody when it appears, so it is looked for again
    let wake = Some(observed.now + chrono::Duration::seconds(10));
    let why = Reason::InvalidSpec(invalid.0.clone());
    Plan {
        status: status::merge_patch(&recorded, &next),
        held: vec![Held {
            what: "the rollout".to_owned(),
            why,
            until: None,
        }],
        wake,
        ..Plan::default()
    }
}

fn claim(d: &mut Draft<'_>) -> Settled {
    // The cache may be behind: a ReplicaSet that a deleted Rollout has left to its pods must not be taken back by it.
    if d.seen.claims.iter().any(|claim| claim.wanted == Ownership::Ours) {
        match d.seen.presence {
            Some(Presence::There) => {}
            Some(Presence::Gone) => {
                d.hold("the rollout", Reason::NotSeenYet("its deletion".to_owned()));
                return Settled::NotYet;
            }
            None => {
                let name = d.seen.name.clone();
                d.ask(Read::Rollout { name });
                return Settled::NotYet;
            }
        }
    }
    for claimable in &d.seen.claims {
        let claim = match claimable.wanted {
            Ownership::Ours => Claim::Adopt { owner: owner(d.seen) },
            Ownership::NotOurs => Claim::Release {
                owner_uid: d.seen.uid.clone(),
            },
        };
        let (name, uid) = (claimable.name.clone(), claimable.uid.clone());
        let resource_version = claimable.resource_version.clone();
        d.act(Action::ClaimReplicaSet {
            name: name.clone(),
            uid,
            resource_version,
            claim,
        });
        d.hold("the rollout", Reason::NotSeenYet(format!("the owner of {name}")));
    }
    if d.seen.claims.is_empty() {
        Settled::Yes
    } else {
        Settled::NotYet
    }
}

/// The name the next ReplicaSet would get belongs to somebody else: the hash takes another turn.
fn collided(d: &Draft<'_>) -> Option<Value> {
    d.seen.name_taken.as_ref()?;
    Some(json!({ "collisionCount": d.recorded.collision_count.unwrap_or(0).wrapping_add(1) }))
}

fn default_replicas(d: &mut Draft<'_>) -> Settled {
    if d.seen.spec().replicas.is_some() {
        return Settled::Yes;
    }
    d.act(Action::DefaultReplicas { replicas: 1 });
    Settled::NotYet
}

/// The Rollout's annotation follows the generation of its workload. Source: wire-contract 3.17.
fn workload_generation(d: &mut Draft<'_>) -> Settled {
    let Some(workload) = &d.seen.workload else {
        return Settled::Yes;
    };
    let generation = workload.metadata.generation.to_string();
    if crate::workload::noted_generation(d.seen) == generation {
        return Settled::Yes;
    }
    let annotations = BTreeMap::from([(keys::WORKLOAD_GENERATION.to_owned(), Some(generation))]);
    d.act(Action::AnnotateRollout { annotations });
    Settled::NotYet
}

/// Creates the new ReplicaSet, and keeps its annotations in step.
fn new_revision(d: &mut Draft<'_>) -> Settled {
    if d.seen.name_taken.is_some() {
        return Settled::Yes;
    }
    let Some(new) = d.seen.new_revision() else {
        let size = first_size(d);
        let (name, body) = crate::metadata::replica_set(d.seen, size);
        d.act(Action::CreateReplicaSet {
            name: name.clone(),
            body,
        });
        d.hold("the update", Reason::NotSeenYet(format!("ReplicaSet {name}")));
        return Settled::NotYet;
    };
    let Some((annotations, amendment)) = crate::metadata::sync(d.seen, new) else {
        return Settled::Yes;
    };
    let (name, uid) = (new.name.clone(), new.uid.clone());
    d.act(Action::AnnotateReplicaSet {
        name,
        uid,
        annotations,
        amendment,
    });
    Settled::NotYet
}

/// The Rollout's revision annotation follows the new ReplicaSet's.
fn rollout_revision(d: &mut Draft<'_>) -> Settled {
    let Some(new) = d
        .seen
        .new_revision()
        .filter(|new| new.number != d.seen.rollout_revision())
    else {
        return Settled::Yes;
    };
    let number = new.number.to_string();
    let annotations = BTreeMap::from([(keys::REVISION.to_owned(), Some(number.clone()))]);
    let mut notices = vec![Notice::normal(
        "RolloutUpdated",
        format!("Rollout updated to revision {number}"),
    )];
    if is_just_created(d, new) {
        let message = format!("Created ReplicaSet {} (revision {number})", new.name);
        notices.push(Notice::normal("NewReplicaSetCreated", message));
    }
    d.act_and_say(Action::AnnotateRollout { annotations }, notices);
    Settled::NotYet
}

/// How many pods a new revision begins with: as many as the first pass would scale it to.
///
/// The original creates it empty and scales it two passes later; that is a write and a wait for nothing, because all that
/// decides the size is known.
fn first_size(d: &Draft<'_>) -> i32 {
    match &d.seen.strategy {
        Strategy::BlueGreen(strategy) => crate::blue_green::first_size(d, strategy),
        Strategy::Canary(_) => crate::canary::first_size(d),
    }
}

/// A ReplicaSet that was made for this update and not found: no earlier revision, no earlier Rollout, and with the size we
/// create ours with.
pub(crate) fn is_just_created(d: &Draft<'_>, new: &Revision) -> bool {
    let reused = new.annotations.contains_key(keys::REVISION_HISTORY);
    let rollout = d.seen.rollout.metadata.creation_timestamp.as_ref();
    let older = rollout.is_some_and(|rollout| {
        let rollout = rollout.0.as_second();
        new.created.is_some_and(|created| created.0.timestamp() < rollout)
    });
    !reused && !older && new.desired.is_some() && d.recorded.current_pod_hash != new.hash
}

/// That a new ReplicaSet was created with pods, in the words of a resize: clients follow those.
fn begun(d: &Draft<'_>) -> Option<Notice> {
    let new = d.seen.new_revision()?;
    let message = format!(
        "Scaled up ReplicaSet {} (revision {}) from 0 to {}",
        new.name, new.number, new.size
    );
    (new.size > 0 && is_just_created(d, new)).then(|| Notice::normal("ScalingReplicaSet", message))
}

/// Whether `spec.replicas` is not yet what the serving ReplicaSets were last told.
///
/// A new template goes first: until the status is reset, its cursor belongs to the revision before, and a new revision
/// scaled by it would begin at full size.
fn replicas_changed(d: &Draft<'_>) -> bool {
    let seen = d.seen;
    let recorded = &d.recorded.current_pod_hash;
    if !recorded.is_empty() && recorded != seen.new_hash() {
        return false;
    }
    let behind =
        |revision: &Revision| revision.size > 0 && revision.desired.is_some_and(|desired| desired != seen.replicas);
    [seen.new_revision(), seen.stable_revision()]
        .into_iter()
        .flatten()
        .any(behind)
}

/// Only replicas, in every state. Source: wire-contract 3.3 2.
fn scale_only(mut d: Draft<'_>) -> Plan {
    let seen = d.seen;
    match &seen.strategy {
        Strategy::BlueGreen(strategy) => {
            crate::blue_green::record_selectors(&mut d, strategy);
            crate::blue_green::scale(&mut d, strategy);
        }
        Strategy::Canary(_) => crate::canary::scale_replicas(&mut d),
    }
    let counted = d.next.clone();
    d.next = d.recorded.clone();
    d.next.available_replicas = counted.available_replicas;
    d.next.hpa_replicas = counted.hpa_replicas;
    d.next.selector = counted.selector;
    let status = status::difference(&mut d);
    d.plan(status)
}

/// The owner reference of everything we create.
pub(crate) fn owner(seen: &Snapshot) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": seen.name,
        "uid": seen.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}
