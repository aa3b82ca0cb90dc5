//! What one decision sees: the raw objects of one rollout, or of one run, out of the shelves.
//!
//! Pure: the running controller and the model ring observe alike.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use api::analysis::AnalysisTemplateSpec;
use api::rollout::{AnalysisTemplateRef, RolloutSpec};
use chrono::{DateTime, Utc};
use engine::plan::Read;
use engine::seen::{EndpointSlice, Pod, ReadyEndpoints};
use engine::snapshot::{Needs, Observed, Presence};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cache::{Shelf, Shelved, Shelves, Stamp};
use crate::kind::{Kind, Name};
use crate::lower::Subject;

/// A rollout as it is known now.
#[derive(Clone, Debug)]
pub struct View {
    pub subject: Subject,
    pub observed: Observed,
    /// Differs when anything that was observed, except the time, differs (invariant I6).
    pub fingerprint: u64,
}

/// Everything that is known about one rollout; `None` when there is none of that name.
pub fn rollout(shelves: &Shelves, name: &Name, now: DateTime<Utc>) -> Option<View> {
    let seen = shelves.rollouts.get(name)?;
    let mut inputs = Inputs::default();
    inputs.note(name, &seen.stamp);
    let rollout = seen.object.rollout.clone();
    let needs = Needs::of(&rollout.spec);
    let services = needs.services.into_iter().map(|service| {
        let place = Name::new(&name.namespace, &service);
        let known = shelves.services.get(&place).map(|known| inputs.take(&place, known));
        (service, known)
    });
    let mut observed = Observed {
        now,
        undecodable: seen.object.undecodable.clone(),
        services: services.collect(),
        ..Observed::default()
    };
    let prefix = format!("{}-", name.name);
    // By name, so that what is seen has one order: ours, those with a name that we may want, and those nobody manages.
    let ours = shelves.replica_sets.owned_by(&seen.stamp.uid).map(|(place, _)| place);
    let named = shelves
        .replica_sets
        .beginning(&name.namespace, &prefix)
        .map(|(place, _)| place);
    let places: BTreeSet<&Name> = ours.chain(named).chain(shelves.orphans(&name.namespace)).collect();
    for place in places {
        let known = shelves.replica_sets.get(place).map(|known| inputs.take(place, known));
        observed.replica_sets.extend(known);
    }
    for (place, known) in shelves.runs.owned_by(&seen.stamp.uid) {
        observed.runs.push(inputs.take(place, known));
    }
    for (place, known) in shelves.runs.beginning(&name.namespace, &prefix) {
        let owner = known.stamp.owner.as_ref();
        if owner.is_none_or(|owner| owner.uid != seen.stamp.uid) {
            observed.foreign_runs.insert(place.name.clone());
        }
    }
    if let Some((kind, place)) = workload(&rollout.spec, &name.namespace) {
        let known = shelves.workloads(kind).and_then(|shelf| shelf.get(&place));
        observed.workload = known.map(|known| inputs.take(&place, known));
    }
    templates(shelves, &name.namespace, &rollout.spec, &mut observed, &mut inputs);
    observed.rollout = rollout;
    let subject = subject(Kind::Rollout, name, &seen.stamp);
    Some(View {
        subject,
        observed,
        fingerprint: inputs.0.finish(),
    })
}

/// An object as plans and events name it.
pub(crate) fn subject(kind: Kind, name: &Name, stamp: &Stamp) -> Subject {
    Subject {
        kind,
        name: name.clone(),
        uid: stamp.uid.clone(),
        resource_version: stamp.version.as_str().to_owned(),
    }
}

/// What a spec's `workloadRef` names, where that is a kind that can be referred to.
pub(crate) fn workload(spec: &RolloutSpec, namespace: &str) -> Option<(Kind, Name)> {
    let reference = spec.workload_ref.as_ref()?;
    let place = Name::new(namespace, &reference.name);
    (!reference.name.is_empty()).then_some((Kind::of_workload(reference.workload()?), place))
}

/// Whether a spec names any analysis template.
pub(crate) fn names_a_template(spec: &RolloutSpec) -> bool {
    template_refs(spec).next().is_some()
}

/// Takes the answer to a read that a decision asked for into what was observed. Objects that do not decode are left out.
pub fn take_read(observed: &mut Observed, read: &Read, answer: &Value) {
    match read {
        Read::Endpoints { service } => {
            let slices: Vec<EndpointSlice> = items(answer);
            observed.endpoints.insert(service.clone(), ReadyEndpoints::of(&slices));
        }
        Read::Pods => {
            // another Rollout may have the same selector: its ReplicaSets are seen here too, if their names begin alike
            let uid = observed.rollout.metadata.uid.as_deref().unwrap_or_default();
            let owned = observed
                .replica_sets
                .iter()
                .filter(|rs| rs.metadata.is_controlled_by(uid));
            let owned: Vec<&str> = owned.map(|rs| rs.metadata.uid.as_str()).collect();
            let ours = |pod: &Pod| owned.iter().any(|uid| pod.metadata.is_controlled_by(uid));
            let pods: Vec<Pod> = items(answer).into_iter().filter(ours).collect();
            observed.pods = Some(pods);
        }
        Read::Rollout { .. } => {
            let metadata = &answer["metadata"];
            let same = metadata["uid"].as_str() == observed.rollout.metadata.uid.as_deref();
            let stays = metadata["deletionTimestamp"].is_null();
            let presence = if same && stays { Presence::There } else { Presence::Gone };
            observed.presence = Some(presence);
        }
    }
}

fn items<T: DeserializeOwned>(list: &Value) -> Vec<T> {
    let items = list.get("items").and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(|item| T::deserialize(item).ok())
        .collect()
}

/// Looks up every template a spec names, and those they name in turn.
fn templates(shelves: &Shelves, namespace: &str, spec: &RolloutSpec, observed: &mut Observed, inputs: &mut Inputs) {
    let mut wanted: Vec<AnalysisTemplateRef> = template_refs(spec).cloned().collect();
    let mut looked_up = BTreeSet::new();
    while let Some(reference) = wanted.pop() {
        let scope = if reference.cluster_scope == Some(true) {
            Scope::Cluster
        } else {
            Scope::Namespace
        };
        if !looked_up.insert((scope, reference.template_name.clone())) {
            continue;
        }
        let (shelf, place, into) = match scope {
            Scope::Namespace => {
                let place = Name::new(namespace, &reference.template_name);
                (&shelves.templates, place, &mut observed.templates)
            }
            Scope::Cluster => {
                let place = Name::new("", &reference.template_name);
                (&shelves.cluster_templates, place, &mut observed.cluster_templates)
            }
        };
        let known = look_up(shelf, &place, inputs);
        wanted.extend(known.iter().flat_map(|template| template.templates.iter().cloned()));
        into.insert(reference.template_name, known);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Namespace,
    Cluster,
}

fn look_up(
    shelf: &Shelf<AnalysisTemplateSpec>,
    place: &Name,
    inputs: &mut Inputs,
) -> Option<Arc<AnalysisTemplateSpec>> {
    shelf.get(place).map(|known| inputs.take(place, known))
}

fn template_refs(spec: &RolloutSpec) -> impl Iterator<Item = &AnalysisTemplateRef> {
    let canary = spec.strategy.canary.iter();
    let background = canary
        .clone()
        .filter_map(|canary| canary.analysis.as_ref())
        .flat_map(|run| &run.templates);
    let steps = canary
        .flat_map(|canary| &canary.steps)
        .filter_map(|step| step.analysis.as_ref());
    let blue_green = spec.strategy.blue_green.iter();
    let promotions = blue_green
        .flat_map(|blue_green| [&blue_green.pre_promotion_analysis, &blue_green.post_promotion_analysis])
        .flatten();
    background.chain(steps.chain(promotions).flat_map(|analysis| &analysis.templates))
}

/// What a decision was made from, as one number.
#[derive(Default)]
struct Inputs(DefaultHasher);

impl Inputs {
    fn note(&mut self, name: &Name, stamp: &Stamp) {
        (name, &stamp.uid, stamp.version.as_str()).hash(&mut self.0);
    }

    fn take<T>(&mut self, name: &Name, known: &Shelved<T>) -> Arc<T> {
        self.note(name, &known.stamp);
        known.object.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shelves() -> Shelves {
        let mut shelves = Shelves::default();
        let meta = |name: &str, owner: Value| {
            json!({"namespace": "shop", "name": name, "uid": format!("uid-{name}"), "resourceVersion": "5",
                   "ownerReferences": owner})
        };
        let owner =
            |name: &str| json!([{"kind": "Rollout", "name": name, "uid": format!("uid-{name}"), "controller": true}]);
        let analysis = json!({"templates": [{"templateName": "rate"}, {"templateName": "all", "clusterScope": true}]});
        let canary = json!({"stableService": "stable", "canaryService": "absent", "steps": [{"analysis": analysis}]});
        shelves.put(
            Kind::Rollout,
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": meta("web", json!([])),
                   "spec": {"strategy": {"canary": canary}}}),
        );
        for (name, owners) in [
            ("web-1", owner("web")),
            ("orphan", json!([])),
            ("web-taken", owner("other")),
            ("api-1", owner("api")),
        ] {
            shelves.put(Kind::ReplicaSet, json!({"metadata": meta(name, owners)}));
        }
        for (name, owners) in [("web-1-2", owner("web")), ("web-1-3", owner("other"))] {
            let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
                                "metadata": meta(name, owners), "spec": {}});
            shelves.put(Kind::AnalysisRun, object);
        }
        shelves.put(Kind::Service, json!({"metadata": meta("stable", json!([]))}));
        let inner = json!({"templates": [{"templateName": "inner"}]});
        shelves.put(
            Kind::AnalysisTemplate,
            json!({"metadata": meta("rate", json!([])), "spec": inner}),
        );
        shelves
    }

    fn view(shelves: &Shelves) -> View {
        rollout(shelves, &Name::new("shop", "web"), DateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_rollout_is_seen_with_all_that_concerns_it() {
        let observed = view(&shelves()).observed;
        let names: Vec<&str> = observed
            .replica_sets
            .iter()
            .map(|rs| rs.metadata.name.as_str())
            .collect();
        assert_eq!(names, ["orphan", "web-1", "web-taken"]);
        let services: Vec<_> = observed
            .services
            .iter()
            .map(|(name, seen)| (name.as_str(), seen.is_some()))
            .collect();
        assert_eq!(services, [("absent", false), ("stable", true)]);
        assert_eq!(observed.runs.len(), 1);
        assert_eq!(observed.foreign_runs, BTreeSet::from(["web-1-3".to_owned()]));
        let templates: Vec<_> = observed
            .templates
            .iter()
            .map(|(name, seen)| (name.as_str(), seen.is_some()))
            .collect();
        assert_eq!(templates, [("inner", false), ("rate", true)]);
        assert_eq!(observed.cluster_templates.keys().collect::<Vec<_>>(), ["all"]);
    }

    #[test]
    fn the_fingerprint_is_that_of_what_was_observed() {
        let mut shelves = shelves();
        let before = view(&shelves).fingerprint;
        assert_eq!(view(&shelves).fingerprint, before);
        shelves.put(
            Kind::ReplicaSet,
            json!({"metadata": {"namespace": "far", "name": "x", "resourceVersion": "6"}}),
        );
        assert_eq!(view(&shelves).fingerprint, before);
        let service =
            json!({"metadata": {"namespace": "shop", "name": "stable", "uid": "uid-stable", "resourceVersion": "7"}});
        shelves.put(Kind::Service, service);
        assert_ne!(view(&shelves).fingerprint, before);
    }

    #[test]
    fn ready_endpoints_and_own_pods_are_taken_from_lists() {
        let mut observed = view(&shelves()).observed;
        let endpoint = |name: &str, ready: bool| json!({"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name}});
        let slices = json!({"items": [{"endpoints": [endpoint("web-1-abcde", true), endpoint("web-1-fghij", false)]}]});
        take_read(
            &mut observed,
            &Read::Endpoints {
                service: "stable".to_owned(),
            },
            &slices,
        );
        assert_eq!(observed.endpoints["stable"].of_replica_set("web-1"), 1);
        let pod = |name: &str, owner: &str| json!({"metadata": {"name": name, "ownerReferences": [{"uid": owner, "controller": true}]}});
        let pods = json!({"items": [pod("web-1-abcde", "uid-web-1"), pod("stray", "uid-else")]});
        take_read(&mut observed, &Read::Pods, &pods);
        assert_eq!(observed.pods.unwrap_or_default().len(), 1);
    }
}
