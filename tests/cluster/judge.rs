//! The invariants, on what happened in a namespace in the order of resourceVersions: each write of the controller is held
//! against what there was before it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use controller::cache::Shelves;
use controller::kind::{Kind, Name};
use controller::observe;
use engine::Observed;
use engine::plan::Action;
use serde_json::{Map, Value};

use super::history::{Entry, Event};
use super::{ENDPOINT_SLICES, EVENTS, REPLICA_SETS, ROLLOUTS, RUNS, SERVICES};
use crate::model::Checks;

/// What a controller has not heard yet it cannot heed: a write is right if it was right on what there was at any moment
/// of this last while.
const HEARING: TimeDelta = TimeDelta::seconds(2);

/// Whether a Service without endpoints would be the controller's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Users {
    Served,
    /// The scenario takes pods away itself.
    Disturbed,
}

/// Every invariant that was broken. `by_hand`: the versions that others than the controller have written.
pub(super) fn broken(entries: &[Entry], by_hand: &BTreeSet<u64>, users: Users) -> Vec<String> {
    let mut court = Court::default();
    for entry in entries {
        if !by_hand.contains(&entry.version) && entry.change.event == Event::Put {
            court.weigh(entry);
        }
        court.take_in(entry);
        if users == Users::Served {
            court.serves(entry);
        }
    }
    court.found
}

/// Every moment at which a live Service lost its last ready endpoint.
pub(super) fn emptied(entries: &[Entry]) -> Vec<String> {
    let mut court = Court::default();
    for entry in entries {
        court.take_in(entry);
        court.serves(entry);
    }
    court.found
}

/// The last things that happened, as a person reads them.
pub(super) fn told(entries: &[Entry]) -> String {
    let lines: Vec<String> = entries.iter().filter_map(line).collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

#[derive(Default)]
struct Court {
    found: Vec<String>,
    shelves: Shelves,
    /// What there was, from `HEARING` ago until now.
    past: VecDeque<(DateTime<Utc>, Shelves)>,
    objects: BTreeMap<(&'static str, String), Value>,
    /// Remembers pauses and steps from one status to the next.
    statuses: Checks,
    /// Ready endpoints of each slice, by Service and slice.
    endpoints: BTreeMap<(String, String), usize>,
    served: BTreeSet<String>,
}

impl Court {
    fn weigh(&mut self, entry: &Entry) {
        let object = &entry.change.object;
        let Some(before) = self.objects.get(&(entry.path, name(object))).cloned() else {
            return;
        };
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        match entry.path {
            REPLICA_SETS => {
                let size = |object: &Value| object["spec"]["replicas"].as_i64().unwrap_or(0) as i32;
                let owner = &object["metadata"]["ownerReferences"][0];
                if size(&before) == size(object) || owner["kind"] != "Rollout" {
                    return;
                }
                let action = Action::ScaleReplicaSet {
                    name: name(object),
                    uid: object["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
                    from: size(&before),
                    to: size(object),
                    annotations: BTreeMap::new(),
                };
                let owner = Name::new(namespace, owner["name"].as_str().unwrap_or_default());
                self.heed(entry, &[owner], &action);
            }
            SERVICES => {
                let hash = |object: &Value| {
                    object["spec"]["selector"][api::keys::POD_TEMPLATE_HASH]
                        .as_str()
                        .map(str::to_owned)
                };
                let (from, Some(to)) = (hash(&before), hash(object)) else {
                    return;
                };
                if from.as_ref() == Some(&to) {
                    return;
                }
                let action = Action::PointService {
                    name: name(object),
                    uid: String::new(),
                    resource_version: String::new(),
                    from,
                    to,
                    managed_by: None,
                };
                self.heed(entry, &self.rollouts(), &action);
            }
            ROLLOUTS => {
                let difference = difference(&before["status"], &object["status"]);
                let place = Name::new(namespace, name(object));
                let Some(observed) = observed(&self.shelves, &place, entry.at) else {
                    return;
                };
                self.statuses.before_status(&observed, &difference, entry.at);
                let broken = std::mem::take(&mut self.statuses.broken);
                for line in broken {
                    let excused = line.starts_with("ahead")
                        && self.was_right(&place, entry.at, |checks, observed| {
                            checks.before_status(observed, &difference, entry.at);
                        });
                    if !excused {
                        self.found.push(format!("{} {line}", at(entry)));
                    }
                }
            }
            _ => {}
        }
    }

    /// Holds an action against what there was for each of these rollouts.
    fn heed(&mut self, entry: &Entry, rollouts: &[Name], action: &Action) {
        for rollout in rollouts {
            let Some(observed) = observed(&self.shelves, rollout, entry.at) else {
                continue;
            };
            let mut checks = Checks::default();
            checks.before_write(&observed, action, entry.at);
            let right = checks.broken.is_empty()
                || self.was_right(rollout, entry.at, |checks, observed| {
                    checks.before_write(observed, action, entry.at)
                });
            if !right {
                self.found
                    .extend(checks.broken.iter().map(|line| format!("{} {line}", at(entry))));
            }
        }
    }

    fn was_right(&self, rollout: &Name, now: DateTime<Utc>, check: impl Fn(&mut Checks, &Observed)) -> bool {
        self.past.iter().any(|(then, shelves)| {
            let Some(observed) = observed(shelves, rollout, *then) else {
                return false;
            };
            let mut checks = Checks::default();
            check(&mut checks, &Observed { now, ..observed });
            checks.broken.is_empty()
        })
    }

    fn rollouts(&self) -> Vec<Name> {
        let ours = self.objects.iter().filter(|((path, _), _)| *path == ROLLOUTS);
        let named = ours
            .map(|((_, name), object)| Name::new(object["metadata"]["namespace"].as_str().unwrap_or_default(), name));
        named.collect()
    }

    fn take_in(&mut self, entry: &Entry) {
        self.past.push_back((entry.at, self.shelves.clone()));
        while self.past.front().is_some_and(|(then, _)| entry.at - *then > HEARING) {
            self.past.pop_front();
        }
        let object = entry.change.object.clone();
        let kind = match entry.path {
            ROLLOUTS => Kind::Rollout,
            REPLICA_SETS if object["metadata"]["labels"][api::keys::POD_TEMPLATE_HASH].is_string() => Kind::ReplicaSet,
            SERVICES => Kind::Service,
            RUNS => Kind::AnalysisRun,
            _ => return,
        };
        let place = (entry.path, name(&object));
        match entry.change.event {
            Event::Put => {
                self.shelves.put(kind, object.clone());
                self.objects.insert(place, object);
            }
            Event::Deleted => {
                self.shelves.remove(kind, &object);
                self.objects.remove(&place);
            }
        }
    }

    /// I4, as users see it: a live Service that had ready endpoints keeps some.
    fn serves(&mut self, entry: &Entry) {
        if entry.path != ENDPOINT_SLICES {
            return;
        }
        let object = &entry.change.object;
        let service = object["metadata"]["labels"]["kubernetes.io/service-name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let ready = match entry.change.event {
            Event::Put => {
                let endpoints = object["endpoints"].as_array().into_iter().flatten();
                endpoints
                    .filter(|endpoint| endpoint["conditions"]["ready"] == true)
                    .count()
            }
            Event::Deleted => 0,
        };
        self.endpoints.insert((service.clone(), name(object)), ready);
        let all: usize = self
            .endpoints
            .iter()
            .filter(|((of, _), _)| *of == service)
            .map(|(_, ready)| ready)
            .sum();
        if all > 0 {
            self.served.insert(service);
        } else if self.served.remove(&service) && self.is_live(&service) {
            self.found.push(format!(
                "{} I4 Service {service} has no ready endpoint any more",
                at(entry)
            ));
        }
    }

    fn is_live(&self, service: &str) -> bool {
        let rollouts = self.objects.iter().filter(|((path, _), _)| *path == ROLLOUTS);
        rollouts.into_iter().any(|(_, rollout)| {
            let strategy = &rollout["spec"]["strategy"];
            let live = [
                &strategy["blueGreen"]["activeService"],
                &strategy["canary"]["stableService"],
                &strategy["canary"]["canaryService"],
            ];
            live.into_iter().any(|name| name == service)
        })
    }
}

fn observed(shelves: &Shelves, rollout: &Name, now: DateTime<Utc>) -> Option<Observed> {
    Some(observe::rollout(shelves, rollout, now)?.observed)
}

/// A merge patch from one status to the next, as far down as its fields.
fn difference(before: &Value, after: &Value) -> Value {
    let none = Map::new();
    let (before, after) = (before.as_object().unwrap_or(&none), after.as_object().unwrap_or(&none));
    let gone = before
        .keys()
        .filter(|key| !after.contains_key(*key))
        .map(|key| (key.clone(), Value::Null));
    let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(*value));
    gone.chain(changed.map(|(key, value)| (key.clone(), value.clone())))
        .collect::<Map<_, _>>()
        .into()
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn at(entry: &Entry) -> String {
    format!("{} at {}:", entry.at.format("%H:%M:%S%.3f"), entry.version)
}

fn line(entry: &Entry) -> Option<String> {
    let object = &entry.change.object;
    let said = match (entry.path, entry.change.event) {
        (_, Event::Deleted) => "deleted".to_owned(),
        (ROLLOUTS, Event::Put) => {
            let status = &object["status"];
            let [phase, message, step, abort] =
                ["phase", "message", "currentStepIndex", "abort"].map(|field| &status[field]);
            format!("{phase} {message} step {step} abort {abort}")
        }
        (REPLICA_SETS, Event::Put) => {
            let status = &object["status"];
            format!(
                "{} wanted, {} available of {}",
                object["spec"]["replicas"], status["availableReplicas"], status["replicas"]
            )
        }
        (SERVICES, Event::Put) => object["spec"]["selector"].to_string(),
        (RUNS, Event::Put) => format!("{} {}", object["status"]["phase"], object["status"]["message"]),
        (EVENTS, Event::Put) if object["source"]["component"] == "rollouts-controller" => {
            format!("{} {}", object["reason"], object["message"])
        }
        (ENDPOINT_SLICES, Event::Put) => {
            let ready = |endpoint: &&Value| endpoint["conditions"]["ready"] == true;
            let endpoints = object["endpoints"]
                .as_array()
                .map_or(0, |all| all.iter().filter(ready).count());
            format!("{endpoints} ready endpoints")
        }
        (_, Event::Put) => return None,
    };
    let plural = entry.path.rsplit('/').next().unwrap_or_default();
    Some(format!("{} {plural} {}: {said}", at(entry), name(object)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::history::Change;

    /// Puts at these paths, one a version and a second.
    fn entries(objects: &[(&'static str, Value)]) -> Vec<Entry> {
        let began = DateTime::from_timestamp(1_767_225_600, 0).expect("a time");
        let entry = |(number, (path, object)): (usize, &(&'static str, Value))| {
            let mut object = object.clone();
            object["metadata"]["namespace"] = json!("shop");
            object["metadata"]["resourceVersion"] = json!((number + 1).to_string());
            Entry {
                version: number as u64 + 1,
                at: began + TimeDelta::seconds(10 * number as i64),
                path,
                change: Change {
                    event: Event::Put,
                    object,
                },
            }
        };
        objects.iter().enumerate().map(entry).collect()
    }

    fn rollout(status: Value) -> (&'static str, Value) {
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web", "uid": "r"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}},
                "strategy": {"canary": {"stableService": "web", "maxUnavailable": 0}},
            },
            "status": status,
        });
        (ROLLOUTS, object)
    }

    fn replica_set(hash: &str, replicas: i32, available: i32) -> (&'static str, Value) {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": format!("web-{hash}"), "uid": hash, "labels": {api::keys::POD_TEMPLATE_HASH: hash},
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "r", "controller": true}],
            },
            "spec": {"replicas": replicas, "selector": {}, "template": {"spec": {"containers": []}}},
            "status": {"replicas": available, "availableReplicas": available},
        });
        (REPLICA_SETS, object)
    }

    fn service(hash: &str) -> (&'static str, Value) {
        let selector = json!({api::keys::POD_TEMPLATE_HASH: hash});
        (
            SERVICES,
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "uid": "s"}, "spec": {"selector": selector}}),
        )
    }

    fn slice(ready: bool) -> (&'static str, Value) {
        let labels = json!({"kubernetes.io/service-name": "web"});
        (
            ENDPOINT_SLICES,
            json!({"metadata": {"name": "web-1", "labels": labels}, "endpoints": [{"conditions": {"ready": ready}}]}),
        )
    }

    #[track_caller]
    fn found(objects: &[(&'static str, Value)], by_hand: &[u64], expected: &str) {
        let by_hand = by_hand.iter().copied().collect();
        let found = broken(&entries(objects), &by_hand, Users::Served).join("; ");
        assert!(
            found.contains(expected) && found.is_empty() == expected.is_empty(),
            "{found}"
        );
    }

    #[test]
    fn a_write_is_held_against_what_there_was_before_it() {
        let start = [
            rollout(json!({})),
            replica_set("a", 2, 2),
            replica_set("b", 0, 0),
            service("a"),
        ];
        let then = |more: &[(&'static str, Value)]| [start.as_slice(), more].concat();
        found(&start, &[], "");
        found(
            &then(&[replica_set("a", 1, 2)]),
            &[],
            "I5 web-a to 1: 1 available pods stay, 2 must",
        );
        found(&then(&[replica_set("a", 1, 2)]), &[5], "");
        found(
            &then(&[service("b")]),
            &[],
            "I4 Service web to b: no available pod there",
        );
        let grown = [replica_set("b", 1, 0), replica_set("b", 1, 1), replica_set("a", 1, 2)];
        found(&then(&grown), &[], "");
        let gone = [replica_set("b", 2, 0), replica_set("b", 2, 2), replica_set("a", 0, 2)];
        found(&then(&gone), &[], "I2 web-a to 0: Service web still names it");
        found(
            &then(&[slice(true), slice(false)]),
            &[],
            "I4 Service web has no ready endpoint any more",
        );
        let paused = |since: &str| {
            let pause = json!([{"reason": "CanaryPauseStep", "startTime": since}]);
            rollout(json!({"currentStepIndex": 1, "currentPodHash": "b", "pauseConditions": pause}))
        };
        let again = [paused("2026-01-01T00:00:00Z"), paused("2026-01-01T00:00:09Z")];
        found(&then(&again), &[], "pause clock restarted");
    }
}
