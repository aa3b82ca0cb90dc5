//! Creating and updating: what is stored when a client writes, and what the server itself adds or keeps.

use super::kinds::{Kind, Origin, Scope};
use super::read::{as_served, text};
use super::request::{Request, Response};
use super::routes::{Sub, Target};
use super::{ApiServer, Cause, Refusal};
use crate::clock::stamp;
use crate::trace::{Entry, Verb, difference};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Whether a write is stored or only tried (`dryRun=All`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Stored,
    Tried,
}

impl Effect {
    pub(crate) fn of(request: &Request) -> Self {
        if request.asked("dryRun").is_some() {
            Effect::Tried
        } else {
            Effect::Stored
        }
    }
}

impl ApiServer {
    pub(crate) fn create(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let mut object = body(target, request)?;
        if target.kind.scope == Scope::Namespaced && target.namespace.is_empty() {
            return Err(Refusal::method_not_allowed());
        }
        if !object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
        {
            return Err(Refusal::new(
                500,
                "",
                "resourceVersion should not be set on objects to be created",
            ));
        }
        let (name, prefix) = (text(&object, "name"), text(&object, "generateName"));
        if name.is_empty() && !prefix.is_empty() {
            object["metadata"]["name"] = format!("{prefix}{}", self.rng.suffix(5)).into();
        } else if name.is_empty() {
            let cause = Cause::required("metadata.name", "name or generateName is required");
            return Err(Refusal::invalid(&target.kind, "", vec![cause]));
        }
        let target = Target {
            name: text(&object, "name"),
            ..target.clone()
        };
        self.admit_namespace(&target)?;
        self.prepare_create(&target.kind, &mut object);
        if self
            .store
            .get(target.resource(), &target.namespace, &target.name)
            .is_some()
        {
            return Err(Refusal::already_exists(&target.kind, &target.name));
        }
        let stored = self.commit(&target, request, None, object);
        Ok(Response::created(as_served(&target, &stored)))
    }

    fn prepare_create(&mut self, kind: &Kind, object: &mut Value) {
        let now = self.clock.stamp();
        if kind.has_status
            && let Some(fields) = object.as_object_mut()
        {
            fields.remove("status");
        }
        let metadata = metadata(object);
        for dropped in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "managedFields",
            "generation",
        ] {
            metadata.remove(dropped);
        }
        metadata.insert("uid".into(), self.rng.uuid().into());
        metadata.insert("creationTimestamp".into(), now.into());
        if counts_generations(kind) {
            metadata.insert("generation".into(), 1.into());
        }
    }

    /// An object needs a namespace that exists and is not going away.
    fn admit_namespace(&self, target: &Target) -> Result<(), Refusal> {
        if target.kind.scope == Scope::Cluster {
            return Ok(());
        }
        let Some(namespace) = self.store.get("namespaces", "", &target.namespace) else {
            let message = format!("namespaces {:?} not found", target.namespace);
            let mut refusal = Refusal::new(404, "NotFound", message);
            refusal.details = Some(json!({ "name": target.namespace, "kind": "namespaces" }));
            return Err(refusal);
        };
        if namespace["metadata"]["deletionTimestamp"].is_string() {
            let why = format!(
                "unable to create new content in namespace {} because it is being terminated",
                target.namespace
            );
            let mut refusal = Refusal::forbidden(&target.kind, &target.name, &why);
            if let Some(details) = &mut refusal.details {
                details["causes"] = json!([{
                    "reason": "NamespaceTerminating", "field": "metadata.namespace",
                    "message": format!("namespace {} is being terminated", target.namespace),
                }]);
            }
            return Err(refusal);
        }
        Ok(())
    }

    pub(crate) fn update(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        if target.sub == Sub::Scale {
            let scale = decode(request)?;
            return self.write_scale(target, request, &scale);
        }
        let object = body(target, request)?;
        let name = text(&object, "name");
        if name != target.name {
            return Err(Refusal::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                target.name
            )));
        }
        let old = self.found(target)?;
        let (sent, stored) = (text(&object, "uid"), text(&old, "uid"));
        if !sent.is_empty() && sent != stored {
            let key = format!("/registry/{}", registry_key(target));
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: \
                 UID in precondition: {sent}, UID in object meta: {stored}"
            );
            return Err(Refusal::conflict(&target.kind, &target.name, &why));
        }
        let unconditional = target.kind.origin == Origin::BuiltIn;
        if text(&object, "resourceVersion").is_empty() && !unconditional {
            let message = "Invalid value: 0x0: must be specified for an update".to_owned();
            let cause = Cause {
                reason: "FieldValueInvalid",
                message,
                field: "metadata.resourceVersion".into(),
            };
            return Err(Refusal::invalid(&target.kind, &target.name, vec![cause]));
        }
        self.replace(target, request, old, object)
    }

    /// Stores `new` in place of `old`, as PUT and PATCH both do in the end.
    pub(crate) fn replace(
        &mut self,
        target: &Target,
        request: &Request,
        old: Arc<Value>,
        mut new: Value,
    ) -> Result<Response, Refusal> {
        let sent = text(&new, "resourceVersion");
        if !sent.is_empty() && sent != text(&old, "resourceVersion") {
            return Err(Refusal::modified(&target.kind, &target.name));
        }
        keep_system_fields(target, &old, &mut new)?;
        keep_other_half(target, &old, &mut new);
        if counts_generations(&target.kind) && target.sub != Sub::Status {
            let step = u64::from(spec_changed(&target.kind, &old, &new));
            new["metadata"]["generation"] = (old["metadata"]["generation"].as_u64().unwrap_or(0) + step).into();
        }
        prune_empty_metadata(&mut new);
        if new == *old {
            return Ok(Response::ok(as_served(target, &old)));
        }
        let gone = is_terminating(&new) && finalizers(&new).is_empty() && !is_graceful_pod(target, &new);
        let stored = self.commit(target, request, Some(&old), new);
        if gone && Effect::of(request) == Effect::Stored {
            self.drop_object(target, request);
        }
        Ok(Response::ok(as_served(target, &stored)))
    }

    /// Stores and records a write. A dry run answers what would have been stored.
    pub(crate) fn commit(
        &mut self,
        target: &Target,
        request: &Request,
        old: Option<&Arc<Value>>,
        new: Value,
    ) -> Arc<Value> {
        if Effect::of(request) == Effect::Tried {
            return Arc::new(new);
        }
        let stored = self.store.put(target.resource(), new);
        if target.kind.is("customresourcedefinitions.apiextensions.k8s.io") {
            self.kinds.install(&stored);
        }
        let (verb, lines) = match old {
            Some(old) => (Verb::Update, difference(old, &stored)),
            None => (Verb::Create, Vec::new()),
        };
        self.record(target, request, verb, lines);
        stored
    }

    /// Removes an object for good.
    pub(crate) fn drop_object(&mut self, target: &Target, request: &Request) -> Option<Arc<Value>> {
        let last = self.store.remove(target.resource(), &target.namespace, &target.name)?;
        if target.kind.is("customresourcedefinitions.apiextensions.k8s.io") {
            self.kinds.uninstall(&last);
        }
        self.record(&target.main(), request, Verb::Delete, Vec::new());
        Some(last)
    }

    fn record(&mut self, target: &Target, request: &Request, verb: Verb, difference: Vec<String>) {
        self.trace.record(Entry {
            revision: self.store.revision(),
            at: self.clock.now().timestamp_millis(),
            agent: request.agent.clone(),
            verb,
            resource: format!("{}{}", target.resource(), target.sub.suffix()),
            namespace: target.namespace.clone(),
            name: target.name.clone(),
            difference,
        });
    }

    pub(crate) fn read_scale(&mut self, target: &Target) -> Result<Response, Refusal> {
        let object = self.found(target)?;
        Ok(Response::ok(scale_of(&target.kind, &object)))
    }

    pub(crate) fn write_scale(
        &mut self,
        target: &Target,
        request: &Request,
        scale: &Value,
    ) -> Result<Response, Refusal> {
        let old = self.found(target)?;
        let sent = text(scale, "resourceVersion");
        if !sent.is_empty() && sent != text(&old, "resourceVersion") {
            return Err(Refusal::modified(&target.kind, &target.name));
        }
        let Some(paths) = &target.kind.scale else {
            return Err(Refusal::method_not_allowed());
        };
        let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
        if replicas < 0 {
            let why = "must be greater than or equal to 0";
            let cause = Cause::invalid("spec.replicas", &replicas.into(), why);
            return Err(Refusal::invalid(&target.kind, &target.name, vec![cause]));
        }
        let mut new = Value::clone(&old);
        set_path(&mut new, &paths.spec_replicas, replicas.into());
        let answer = self.replace(&target.main(), request, old, new)?.object();
        Ok(Response::ok(scale_of(&target.kind, &answer.unwrap_or_default())))
    }

    /// What a scheduler does: gives a pod a node, once.
    pub(crate) fn bind(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let binding = decode(request)?;
        let old = self.found(target)?;
        if old["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty()) {
            let why = format!(
                "pod {} is already assigned to node {}",
                target.name, old["spec"]["nodeName"]
            );
            return Err(Refusal::conflict(&target.kind, &target.name, &why));
        }
        let mut new = Value::clone(&old);
        new["spec"]["nodeName"] = binding["target"]["name"].clone();
        self.commit(&target.main(), request, Some(&old), new);
        Ok(Response::created(
            json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 }),
        ))
    }
}

/// Reads the body and checks that it is what the URL says.
fn body(target: &Target, request: &Request) -> Result<Value, Refusal> {
    let mut object = decode(request)?;
    check_type(target, &mut object)?;
    let metadata = metadata(&mut object);
    if target.kind.scope == Scope::Cluster {
        metadata.remove("namespace");
        return Ok(object);
    }
    match metadata.get("namespace").and_then(Value::as_str).unwrap_or_default() {
        "" => {
            metadata.insert("namespace".into(), target.namespace.clone().into());
        }
        same if same == target.namespace => {}
        _ => {
            return Err(Refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    }
    Ok(object)
}

pub(crate) fn decode(request: &Request) -> Result<Value, Refusal> {
    let object: Value = serde_json::from_slice(&request.body)
        .map_err(|why| Refusal::bad_request(format!("couldn't get version/kind; json parse error: {why}")))?;
    if object.is_object() {
        Ok(object)
    } else {
        Err(Refusal::bad_request("couldn't get version/kind; json parse error"))
    }
}

fn check_type(target: &Target, object: &mut Value) -> Result<(), Refusal> {
    let (version, kind) = (target.kind.api_version(), &target.kind.kind);
    let sent = (
        object["apiVersion"].as_str().unwrap_or_default(),
        object["kind"].as_str().unwrap_or_default(),
    );
    match sent {
        // A typed client may leave its type out.
        ("", "") => {
            object["apiVersion"] = version.into();
            object["kind"] = kind.clone().into();
            Ok(())
        }
        (sent_version, sent_kind) if sent_version == version && sent_kind == kind => Ok(()),
        (sent_version, sent_kind) => {
            let shown = |version: &str, kind: &str| {
                let (group, version) = version.split_once('/').unwrap_or(("", version));
                format!("{group}/{version}, Kind={kind}")
                    .trim_start_matches('/')
                    .to_owned()
            };
            let (got, expected) = (shown(sent_version, sent_kind), shown(&version, kind));
            let what = if sent_version == version { "kind" } else { "API version" };
            let message = match what {
                "kind" => format!(
                    "{kind} in version {version:?} cannot be handled as a {kind}: expected {expected}, got {got}"
                ),
                _ => format!(
                    "the API version in the data ({sent_version}) does not match the expected API version ({version})"
                ),
            };
            Err(Refusal::bad_request(message))
        }
    }
}

/// The object's metadata, made if missing.
pub(crate) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    match &mut object["metadata"] {
        Value::Object(map) => map,
        _ => unreachable!("was just made an object"),
    }
}

/// Fields a client cannot change: they stay as they were.
fn keep_system_fields(target: &Target, old: &Value, new: &mut Value) -> Result<(), Refusal> {
    let (sent, stored) = (text(new, "uid"), text(old, "uid"));
    let mut causes = Vec::new();
    for field in ["name", "namespace", "uid"] {
        let sent = text(new, field);
        if !sent.is_empty() && sent != text(old, field) {
            causes.push(Cause::invalid(
                format!("metadata.{field}"),
                &sent.into(),
                "field is immutable",
            ));
        }
    }
    debug_assert!(sent.is_empty() || sent == stored || !causes.is_empty());
    if is_terminating(old) {
        let added: Vec<String> = finalizers(new)
            .into_iter()
            .filter(|one| !finalizers(old).contains(one))
            .collect();
        if !added.is_empty() {
            let list = added
                .iter()
                .map(|one| format!("{one:?}"))
                .collect::<Vec<_>>()
                .join(", ");
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
            );
            causes.push(Cause::forbidden("metadata.finalizers", why));
        }
    }
    if !causes.is_empty() {
        return Err(Refusal::invalid(&target.kind, &target.name, causes));
    }
    let kept = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "generateName",
    ];
    let metadata = metadata(new);
    metadata.remove("managedFields");
    metadata.remove("selfLink");
    for field in kept {
        match old["metadata"].get(field) {
            Some(value) => metadata.insert(field.into(), value.clone()),
            None => metadata.remove(field),
        };
    }
    new["apiVersion"] = old["apiVersion"].clone();
    new["kind"] = old["kind"].clone();
    Ok(())
}

/// A write to the object leaves status alone; a write to `status` leaves everything else alone.
fn keep_other_half(target: &Target, old: &Value, new: &mut Value) {
    let put = |into: &mut Value, field: &str, value: Option<&Value>| {
        if let Some(fields) = into.as_object_mut() {
            match value {
                Some(value) => fields.insert(field.to_owned(), value.clone()),
                None => fields.remove(field),
            };
        }
    };
    match (target.sub, target.kind.origin) {
        (Sub::Status, Origin::Custom) => {
            let status = new.get("status").cloned();
            *new = old.clone();
            put(new, "status", status.as_ref());
        }
        // Built-in kinds take labels and annotations along with the status.
        (Sub::Status, Origin::BuiltIn) => {
            let (status, metadata) = (new.get("status").cloned(), new["metadata"].clone());
            *new = old.clone();
            put(new, "status", status.as_ref());
            put(new, "metadata", Some(&metadata));
        }
        (Sub::Main | Sub::Scale | Sub::Eviction | Sub::Binding | Sub::Log | Sub::Finalize, _) => {
            if target.kind.has_status {
                put(new, "status", old.get("status"));
            }
        }
    }
}

/// Empty maps and lists in metadata are not stored.
fn prune_empty_metadata(object: &mut Value) {
    for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
        let metadata = metadata(object);
        let empty = match metadata.get(field) {
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(Value::Null) => true,
            _ => false,
        };
        if empty {
            metadata.remove(field);
        }
    }
}

fn counts_generations(kind: &Kind) -> bool {
    const COUNTING: &[&str] = &[
        "customresourcedefinitions.apiextensions.k8s.io",
        "daemonsets.apps",
        "deployments.apps",
        "endpointslices.discovery.k8s.io",
        "ingresses.networking.k8s.io",
        "jobs.batch",
        "pods",
        "poddisruptionbudgets.policy",
        "replicasets.apps",
        "statefulsets.apps",
    ];
    kind.origin == Origin::Custom || COUNTING.contains(&kind.resource())
}

/// Whether a write asks for something new: for built-in kinds a change of spec (of annotations too, for a
/// Deployment), for custom kinds any change outside metadata and, with a status subresource, outside status.
fn spec_changed(kind: &Kind, old: &Value, new: &Value) -> bool {
    if kind.is("deployments.apps") && old["metadata"]["annotations"] != new["metadata"]["annotations"] {
        return true;
    }
    let ignored: &[&str] = if kind.has_status {
        &["metadata", "status", "apiVersion", "kind"]
    } else {
        &["metadata", "apiVersion", "kind"]
    };
    let rest = |object: &Value| -> Vec<(String, Value)> {
        let fields = object
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, _)| !ignored.contains(&field.as_str()));
        fields.map(|(field, value)| (field.clone(), value.clone())).collect()
    };
    rest(old) != rest(new)
}

pub(crate) fn is_terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

pub(crate) fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    list.filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// A terminating pod with grace left stays until its kubelet deletes it with grace 0, finalizers or not.
fn is_graceful_pod(target: &Target, object: &Value) -> bool {
    target.kind.is("pods") && object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0
}

fn registry_key(target: &Target) -> String {
    let group = if target.kind.origin == Origin::Custom {
        format!("{}/", target.kind.group)
    } else {
        String::new()
    };
    let namespace = if target.namespace.is_empty() {
        String::new()
    } else {
        format!("{}/", target.namespace)
    };
    format!("{group}{}/{namespace}{}", target.kind.plural, target.name)
}

/// The `autoscaling/v1` Scale of an object.
pub(crate) fn scale_of(kind: &Kind, object: &Value) -> Value {
    let Some(paths) = &kind.scale else { return Value::Null };
    let selector = match &paths.selector {
        Some(path) => at_path(object, path).and_then(Value::as_str).map(str::to_owned),
        None => crate::selector::LabelSelector::from_object(&object["spec"]["selector"]).map(|it| it.to_string()),
    };
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    let count = |path: &str| at_path(object, path).and_then(Value::as_i64).unwrap_or(0);
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": { "replicas": count(&paths.spec_replicas) },
        "status": { "replicas": count(&paths.status_replicas) },
    });
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        scale["status"]["selector"] = selector.into();
    }
    scale
}

fn at_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .filter(|field| !field.is_empty())
        .try_fold(object, |at, field| at.get(field))
}

fn set_path(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for field in path.split('.').filter(|field| !field.is_empty()) {
        at = &mut at[field];
    }
    *at = value;
}

/// When something is to be gone that is deleted now with this grace.
pub(crate) fn deadline(server: &ApiServer, grace: i64) -> String {
    stamp(server.clock.now() + chrono::TimeDelta::try_seconds(grace).unwrap_or_default())
}
