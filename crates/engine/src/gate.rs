//! What holds a scale-down: live Services that still name the ReplicaSet, endpoints not seen yet, and minimum availability;
//! and what holds an analysis: endpoints of other pods.
//!
//! The counts come from the contract's formulas; this is the gate outside them (invariants I2, I4, I5).

use api::condition::kind;
use chrono::Duration;

use crate::draft::{Draft, limits};
use crate::mutant::{Mutant, is};
use crate::plan::{Read, Reason};
use crate::snapshot::{Revision, Snapshot, Strategy};
use crate::status::conditions;

/// How long the endpoints of available pods are waited for.
const ENDPOINTS_COME: Duration = Duration::seconds(30);

/// How often a gate that nothing wakes looks again.
pub(crate) const LOOK_AGAIN: Duration = Duration::seconds(1);

/// The size a ReplicaSet may be scaled down to now: `to`, or more where something holds it.
///
/// Notes every reason, and counts the pods that go against the plan's own budget.
pub(crate) fn scale_down(d: &mut Draft<'_>, revision: &Revision, to: i32) -> i32 {
    if to >= revision.size {
        return to;
    }
    let mut floor = to;
    if d.seen.replicas > 0 {
        floor = floor.max(minimum_availability(d, revision, to));
        for service in d.seen.live_services() {
            floor = floor.max(by_service(d, revision, to, &service));
        }
    }
    let permitted = floor.min(revision.size);
    d.given_up += revision.staying() - revision.available.min(permitted);
    permitted
}

/// The least size that keeps `replicas - maxUnavailable` pods available.
fn minimum_availability(d: &mut Draft<'_>, revision: &Revision, to: i32) -> i32 {
    let minimum = d.limits().minimum_available();
    let spare = (d.staying() - minimum).max(0);
    let least = revision.staying() - spare;
    if to < least {
        let why = Reason::MinimumAvailability {
            available: d.staying(),
            minimum,
        };
        d.hold(format!("scale-down of {}", revision.name), why);
    }
    least
}

/// The least size that a live Service lets this ReplicaSet have.
fn by_service(d: &mut Draft<'_>, revision: &Revision, to: i32, service: &str) -> i32 {
    if is(Mutant::ScaleBeforeSwitch) || is(Mutant::ScaleUnaudited) {
        return 0;
    }
    let Some(Some(live)) = d.seen.services.get(service) else {
        return 0;
    };
    let Some(named) = live.hash() else {
        return 0;
    };
    let what = format!("scale-down of {}", revision.name);
    if named == revision.hash {
        let least = pods_behind(d.seen, revision, to);
        if to < least {
            let (service, replica_set) = (service.to_owned(), revision.name.clone());
            d.hold(what, Reason::ServiceStillNames { service, replica_set });
        }
        return least;
    }
    let Some(target) = d.seen.revision(named).map(|target| target.name.clone()) else {
        return 0;
    };
    if to > 0 || revision.staying() == 0 {
        return 0;
    }
    let Some(endpoints) = d.seen.endpoints.get(service) else {
        d.ask(Read::Endpoints {
            service: service.to_owned(),
        });
        return revision.size;
    };
    if endpoints.of_replica_set(&target) > 0 || endpoints.of_replica_set(&revision.name) == 0 {
        return 0;
    }
    let at = d.seen.now + LOOK_AGAIN;
    d.hold_until(
        what,
        Reason::NoReadyEndpoints {
            service: service.to_owned(),
            replica_set: target,
        },
        Some(at),
    );
    revision.size
}

/// Whether only the new revision's pods are behind a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    OnlyNew,
    NotYet,
}

/// Looks whether requests to a Service reach the new revision and no other. Says what it waits for.
///
/// A selector that is written is not yet what the network does. A Service that can select no pod of the new revision,
/// whatever comes, holds nothing.
pub(crate) fn new_pods_behind(d: &mut Draft<'_>, what: String, service: &str) -> Behind {
    let (Some(Some(live)), Some(new)) = (d.seen.services.get(service), d.seen.new_revision()) else {
        return Behind::OnlyNew;
    };
    if new.size == 0 {
        return Behind::OnlyNew;
    }
    if live.hash() != Some(new.hash.as_str()) {
        d.hold(what, Reason::NotSeenYet(format!("Service {service} on {}", new.name)));
        return Behind::NotYet;
    }
    let labels = new.template.labels();
    if live
        .spec
        .selector
        .iter()
        .any(|(key, value)| labels.get(key) != Some(value))
    {
        return Behind::OnlyNew;
    }
    let service = service.to_owned();
    let Some(endpoints) = d.seen.endpoints.get(&service) else {
        d.ask(Read::Endpoints { service });
        return Behind::NotYet;
    };
    let mut others = d.seen.revisions.iter().filter(|other| other.name != new.name);
    let why = match others.find(|other| endpoints.of_replica_set(&other.name) > 0) {
        Some(other) => Reason::EndpointsOf {
            service,
            replica_set: other.name.clone(),
        },
        None if endpoints.of_replica_set(&new.name) == 0 && is_recent(d) => Reason::NoReadyEndpoints {
            service,
            replica_set: new.name.clone(),
        },
        None => return Behind::OnlyNew,
    };
    d.hold_until(what, why, Some(d.seen.now + LOOK_AGAIN));
    Behind::NotYet
}

/// Whether the last pod has only just become available. Where endpoints are missing for longer than that, nobody writes any.
fn is_recent(d: &Draft<'_>) -> bool {
    let progressing = conditions::get(&d.recorded.conditions, kind::PROGRESSING);
    progressing.is_none_or(|progressing| d.seen.now < progressing.last_update_time.0 + ENDPOINTS_COME)
}

/// Pods a ReplicaSet keeps while a live Service names it, when the counts want `to` of it.
pub(crate) fn pods_behind(seen: &Snapshot, revision: &Revision, to: i32) -> i32 {
    let limits = limits(seen);
    match &seen.strategy {
        // one replica and no surge: a moment without pods cannot be avoided (lint warns)
        Strategy::Canary(_) if to > 0 || (limits.replicas == 1 && limits.max_surge == 0) => to,
        Strategy::Canary(_) => revision.size.min(limits.max_surge.max(1)),
        Strategy::BlueGreen(_) => revision.size.min(limits.replicas),
    }
}
