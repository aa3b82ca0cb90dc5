//! Deleting: grace, finalizers, propagation, preconditions, eviction.

use super::kept::{finalizers, is_terminating};
use super::kinds::Origin;
use super::read::{Filter, as_item, as_served, text};
use super::request::{Request, Response};
use super::routes::Target;
use super::write::{Effect, decode, metadata};
use super::{ApiServer, Cause, Refusal};
use crate::clock::stamp;
use crate::selector::LabelSelector;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;

/// `metav1.DeleteOptions`, from the body and the query.
#[derive(Clone, Debug, Default)]
struct Options {
    grace: Option<i64>,
    uid: Option<String>,
    resource_version: Option<String>,
    propagation: Option<String>,
    orphan: Option<bool>,
}

impl Options {
    fn of(request: &Request) -> Result<Self, Refusal> {
        let body = if request.body.is_empty() {
            Value::Null
        } else {
            decode(request)?
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let grace = request
            .asked("gracePeriodSeconds")
            .and_then(|seconds| seconds.parse().ok());
        let options = Options {
            grace: body["gracePeriodSeconds"].as_i64().or(grace),
            uid: text(&body["preconditions"]["uid"]),
            resource_version: text(&body["preconditions"]["resourceVersion"]),
            propagation: text(&body["propagationPolicy"]).or(request.asked("propagationPolicy").map(str::to_owned)),
            orphan: body["orphanDependents"].as_bool(),
        };
        match options.propagation.as_deref() {
            Some(policy) if options.orphan.is_some() => {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                let cause = Cause::invalid("propagationPolicy", &policy.into(), why);
                Err(Refusal::invalid_options("DeleteOptions", &cause))
            }
            None | Some("Background" | "Foreground" | "Orphan") => Ok(options),
            Some(other) => {
                let supported = ["\"Foreground\"", "\"Background\"", "\"Orphan\"", "\"nil\""].map(str::to_owned);
                let cause = Cause::unsupported("propagationPolicy", &other.into(), &supported);
                Err(Refusal::invalid_options("DeleteOptions", &cause))
            }
        }
    }

    /// The finalizer by which the garbage collector learns what to do with the dependents.
    fn finalizer(&self, target: &Target) -> Option<&'static str> {
        let jobs_orphan = target.kind.is("jobs.batch") && self.propagation.is_none() && self.orphan.is_none();
        match (self.propagation.as_deref(), self.orphan) {
            (Some("Foreground"), _) => Some("foregroundDeletion"),
            (Some("Orphan"), _) | (None, Some(true)) => Some("orphan"),
            _ if jobs_orphan => Some("orphan"),
            _ => None,
        }
    }
}

impl ApiServer {
    pub(crate) fn delete(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let options = Options::of(request)?;
        let object = self.found(target)?;
        match self.delete_object(target, request, &options, object)? {
            Gone::Yes(last) => Ok(Response::ok(farewell(target, &last))),
            Gone::NotYet(object) => Ok(Response::ok(as_served(target, &object))),
        }
    }

    pub(crate) fn delete_collection(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let filter = Filter::of(target, request)?;
        let options = Options::of(request)?;
        let objects = self.store.list(target.resource(), target.namespace_filter());
        let doomed: Vec<Arc<Value>> = objects.filter(|object| filter.matches(object)).cloned().collect();
        let mut items = Vec::new();
        for object in doomed {
            let one = Target {
                name: text(&object, "name"),
                namespace: text(&object, "namespace"),
                ..target.clone()
            };
            let (Gone::Yes(last) | Gone::NotYet(last)) = self.delete_object(&one, request, &options, object)?;
            items.push(as_item(target, &last));
        }
        let metadata = json!({ "resourceVersion": self.store.revision().to_string() });
        let (kind, version) = (target.kind.list_kind(), target.kind.api_version());
        Ok(Response::ok(
            json!({ "kind": kind, "apiVersion": version, "metadata": metadata, "items": items }),
        ))
    }

    fn delete_object(
        &mut self,
        target: &Target,
        request: &Request,
        options: &Options,
        object: Arc<Value>,
    ) -> Result<Gone, Refusal> {
        check_preconditions(target, options, &object)?;
        if Effect::of(request) == Effect::Tried {
            return Ok(Gone::Yes(object));
        }
        let grace = if target.kind.is("pods") {
            pod_grace(&object, options.grace)
        } else {
            0
        };
        let mut marked = Value::clone(&object);
        if let Some(finalizer) = options.finalizer(target) {
            let mut list = finalizers(&marked);
            list.retain(|one| one != "foregroundDeletion" && one != "orphan");
            list.push(finalizer.to_owned());
            marked["metadata"]["finalizers"] = list.into();
        }
        if target.kind.is("namespaces") && !marked["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty) {
            marked["status"]["phase"] = "Terminating".into();
        } else if grace == 0 && finalizers(&marked).is_empty() {
            let last = self.drop_object(target, request).unwrap_or(object);
            if target.kind.is("pods") {
                // A pod is marked before it goes, even if it goes at once.
                self.mark_deleted(target, &mut marked, 0);
                return Ok(Gone::Yes(Arc::new(marked)));
            }
            return Ok(Gone::Yes(last));
        }
        self.mark_deleted(target, &mut marked, grace);
        if marked == *object {
            return Ok(Gone::NotYet(object));
        }
        Ok(Gone::NotYet(self.commit(target, request, Some(&object), marked)))
    }

    fn mark_deleted(&self, target: &Target, object: &mut Value, grace: i64) {
        let first = !is_terminating(object);
        let graceful = target.kind.is("pods");
        let was = object["metadata"]["deletionGracePeriodSeconds"].as_i64();
        let now = self.clock.now();
        // A grace is only ever shortened, counted from the first deletion, and never into the past.
        let already = object["metadata"]["deletionTimestamp"]
            .as_str()
            .and_then(|at| at.parse::<DateTime<Utc>>().ok());
        let from = already.zip(was).map_or(now, |(at, was)| at - seconds(was));
        let by = stamp((from + seconds(grace)).max(now));
        let metadata = metadata(object);
        if first || (graceful && was.is_some_and(|was| grace < was)) {
            metadata.insert("deletionTimestamp".into(), by.into());
            metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
        }
        if first && let Some(generation) = metadata.get("generation").and_then(Value::as_u64) {
            metadata.insert("generation".into(), (generation + 1).into());
        }
    }

    /// Deletes a pod, unless a PodDisruptionBudget has no disruption to spare.
    pub(crate) fn evict(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let pod = self.found(target)?;
        let main = target.main();
        let running = !matches!(
            pod["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed" | "Pending")
        );
        if running && !is_terminating(&pod) {
            self.spend_disruption(target, request, &pod)?;
        }
        let body = decode(request).unwrap_or_default();
        let mut deletion = Request::delete(&request.path).agent(&request.agent);
        if body["deleteOptions"].is_object() {
            deletion = deletion.json("application/json", &body["deleteOptions"]);
        }
        self.delete(&main, &deletion)?;
        let success = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
        Ok(Response::created(success))
    }

    fn spend_disruption(&mut self, target: &Target, request: &Request, pod: &Value) -> Result<(), Refusal> {
        let resource = "poddisruptionbudgets.policy";
        let covers = |budget: &&Arc<Value>| {
            LabelSelector::from_object(&budget["spec"]["selector"]).is_some_and(|selector| selector.matches(pod))
        };
        let budgets: Vec<_> = self
            .store
            .list(resource, Some(&target.namespace))
            .filter(covers)
            .cloned()
            .collect();
        let budget = match budgets.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            _ => {
                return Err(Refusal::internal(
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        };
        let allowed = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
        let name = text(&budget, "name");
        if allowed < 1 {
            let message = "Cannot evict pod as it would violate the pod's disruption budget.";
            let mut refusal = Refusal::new(429, "TooManyRequests", message);
            let (need, have) = (&budget["status"]["desiredHealthy"], &budget["status"]["currentHealthy"]);
            refusal.details = Some(json!({ "causes": [{
                "reason": "DisruptionBudget",
                "message": format!("The disruption budget {name} needs {need} healthy pods and has {have} currently"),
            }] }));
            return Err(refusal);
        }
        let Some(kind) = self.kinds.of_resource(resource).cloned() else {
            return Ok(());
        };
        let mut spent = Value::clone(&budget);
        spent["status"]["disruptionsAllowed"] = (allowed - 1).into();
        spent["status"]["disruptedPods"][target.name.as_str()] = self.clock.stamp().into();
        let of = Target {
            kind,
            namespace: target.namespace.clone(),
            name,
            sub: super::routes::Sub::Status,
        };
        self.commit(&of, request, Some(&budget), spent);
        Ok(())
    }
}

fn seconds(count: i64) -> TimeDelta {
    TimeDelta::try_seconds(count).unwrap_or_default()
}

enum Gone {
    Yes(Arc<Value>),
    NotYet(Arc<Value>),
}

/// A pod that nobody runs goes at once; one that is already going can only go sooner.
fn pod_grace(pod: &Value, asked: Option<i64>) -> i64 {
    let unscheduled = pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty();
    let finished = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let own = pod["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    let grace = if unscheduled || finished {
        0
    } else {
        asked.unwrap_or(own)
    };
    match pod["metadata"]["deletionGracePeriodSeconds"].as_i64() {
        Some(already) if is_terminating(pod) => grace.min(already),
        _ => grace,
    }
}

fn check_preconditions(target: &Target, options: &Options, object: &Value) -> Result<(), Refusal> {
    let conflict = |why: String| {
        // The server names the kind, not the resource, in this one message.
        let kind = &target.kind;
        let named = if kind.group.is_empty() {
            kind.kind.clone()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let message = format!("Operation cannot be fulfilled on {named} {:?}: {why}", target.name);
        let mut refusal = Refusal::new(409, "Conflict", message);
        refusal.details = Some(json!({ "name": target.name, "kind": kind.kind }));
        if !kind.group.is_empty() {
            refusal.details = Some(json!({ "name": target.name, "group": kind.group, "kind": kind.kind }));
        }
        Err(refusal)
    };
    let (uid, version) = (text(object, "uid"), text(object, "resourceVersion"));
    if let Some(asked) = options.uid.as_ref().filter(|asked| **asked != uid) {
        return conflict(format!(
            "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might have been deleted \
             and then recreated"
        ));
    }
    if let Some(asked) = options.resource_version.as_ref().filter(|asked| **asked != version) {
        return conflict(format!(
            "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record ({version}). The \
             object might have been modified"
        ));
    }
    Ok(())
}

/// What a finished deletion answers: a Status; for pods, services and the like the object itself.
fn farewell(target: &Target, last: &Value) -> Value {
    const RETURNED: &[&str] = &["namespaces", "pods", "services", "serviceaccounts"];
    if target.kind.origin == Origin::BuiltIn && RETURNED.contains(&target.resource()) {
        return as_served(target, last);
    }
    let mut details = json!({ "name": target.name, "kind": target.kind.plural, "uid": last["metadata"]["uid"] });
    if !target.kind.group.is_empty() {
        details["group"] = target.kind.group.clone().into();
    }
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details })
}
