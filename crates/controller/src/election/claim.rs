//! What to do about the lease: pure, from what was seen of it.
//!
//! Safety does not rest on it: preconditions and deterministic names keep two leaders harmless. The lease keeps them rare.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

/// A Lease as it was read, and when this state of it was first seen.
///
/// Clocks of two hosts differ, so the age of a lease counts from when we saw its last change, by our own clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub object: Value,
    pub since: Instant,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Write ourselves in: nobody holds it, or its holder is late.
    Take,
    /// It is ours: write the new time.
    Renew,
    /// It is somebody else's at least until then.
    Follow { until: Instant },
    /// It was ours and is somebody else's now.
    Lost,
}

/// What we were before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Leader,
    Follower,
}

/// What to do about a lease; `None`: there is none.
pub fn claim(seen: Option<&Seen>, now: Instant, identity: &str, role: Role) -> Claim {
    let Some(seen) = seen else { return Claim::Take };
    let holder = text(&seen.object, "holderIdentity");
    if holder == identity {
        return Claim::Renew;
    }
    if role == Role::Leader {
        return Claim::Lost;
    }
    let until = seen.since + duration(&seen.object);
    if holder.is_empty() || until <= now {
        Claim::Take
    } else {
        Claim::Follow { until }
    }
}

/// The state after `object` was read: an unchanged lease goes on ageing.
pub fn see(before: Option<Seen>, object: Value, now: Instant) -> Seen {
    match before {
        Some(before) if before.object.get("spec") == object.get("spec") => Seen {
            object,
            since: before.since,
        },
        Some(_) | None => Seen { object, since: now },
    }
}

/// The Lease to write. `stamp` is the wall clock's time, in microseconds, as Kubernetes writes it.
pub fn body(seen: Option<&Seen>, name: &str, namespace: &str, identity: &str, length: Duration, stamp: &str) -> Value {
    let old = seen.map(|seen| &seen.object);
    let held = old.is_some_and(|object| text(object, "holderIdentity") == identity);
    let transitions = old
        .and_then(|object| object.pointer("/spec/leaseTransitions"))
        .and_then(Value::as_i64);
    let acquired = old
        .filter(|_| held)
        .map(|object| text(object, "acquireTime"))
        .filter(|time| !time.is_empty());
    let mut metadata = json!({"name": name, "namespace": namespace});
    if let Some(version) = old.and_then(|object| object.pointer("/metadata/resourceVersion")) {
        metadata["resourceVersion"] = version.clone();
    }
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": length.as_secs(),
            "acquireTime": acquired.unwrap_or(stamp),
            "renewTime": stamp,
            "leaseTransitions": match (old, held) {
                (None, _) => 0,
                (Some(_), true) => transitions.unwrap_or(0),
                (Some(_), false) => transitions.unwrap_or(0) + 1,
            },
        },
    })
}

fn text<'a>(lease: &'a Value, key: &str) -> &'a str {
    lease
        .get("spec")
        .and_then(|spec| spec.get(key))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn duration(lease: &Value) -> Duration {
    let seconds = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64);
    Duration::from_secs(seconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewed: &str) -> Value {
        json!({"metadata": {"resourceVersion": "4"}, "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed, "leaseTransitions": 2,
            "acquireTime": "long ago",
        }})
    }

    #[test]
    fn a_lease_is_taken_renewed_followed_or_lost() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let seen = |holder| Seen {
            object: lease(holder, "t"),
            since: start,
        };
        let table = [
            (None, 0, Role::Follower, Claim::Take),
            (Some(seen("")), 0, Role::Follower, Claim::Take),
            (Some(seen("me")), 0, Role::Follower, Claim::Renew),
            (Some(seen("me")), 99, Role::Leader, Claim::Renew),
            (Some(seen("you")), 14, Role::Follower, Claim::Follow { until: at(15) }),
            (Some(seen("you")), 15, Role::Follower, Claim::Take),
            (Some(seen("you")), 99, Role::Leader, Claim::Lost),
        ];
        for (seen, seconds, role, expected) in table {
            assert_eq!(
                claim(seen.as_ref(), at(seconds), "me", role),
                expected,
                "{seen:?} {seconds}"
            );
        }
    }

    #[test]
    fn a_lease_ages_by_our_clock_from_its_last_change() {
        let start = Instant::now();
        let later = start + Duration::from_secs(9);
        let first = see(None, lease("you", "t"), start);
        assert_eq!(see(Some(first.clone()), lease("you", "t"), later).since, start);
        assert_eq!(see(Some(first), lease("you", "t2"), later).since, later);
    }

    #[test]
    fn a_change_of_holder_counts_and_a_renewal_does_not() {
        let now = Instant::now();
        let write = |seen: Option<Value>| {
            let seen = seen.map(|object| Seen { object, since: now });
            body(seen.as_ref(), "lock", "ns", "me", Duration::from_secs(15), "now")["spec"].clone()
        };
        let spec = |acquired: &str, transitions: u64| {
            json!({"holderIdentity": "me", "leaseDurationSeconds": 15, "acquireTime": acquired, "renewTime": "now",
                   "leaseTransitions": transitions})
        };
        assert_eq!(write(None), spec("now", 0));
        assert_eq!(write(Some(lease("you", "t"))), spec("now", 3));
        assert_eq!(write(Some(lease("me", "t"))), spec("long ago", 2));
    }
}
