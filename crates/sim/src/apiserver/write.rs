//! Creating and updating: what is stored when a client writes, and what the server itself adds or keeps.

use super::admit::{Form, check, normalize};
use super::builtin;
use super::kept::{
    counts_generations, created_by_put, finalizers, held_namespace, is_graceful_pod, is_terminating, keep_other_half,
    keep_system_fields, registry_key, spec_changed, updates_unconditionally,
};
use super::kinds::{Kind, Origin, Scope};
use super::protobuf;
use super::read::{as_served, text};
use super::request::{Request, Response};
use super::routes::{Sub, Target};
use super::{ApiServer, Cause, Refusal};
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
        if target.kind.scope == Scope::Namespaced && target.namespace.is_empty() {
            return Err(Refusal::method_not_allowed());
        }
        let object = body(target, request)?;
        if !text(&object, "resourceVersion").is_empty() {
            return Err(Refusal::new(
                500,
                "",
                "resourceVersion should not be set on objects to be created",
            ));
        }
        self.insert(target, request, object)
    }

    /// Creates what an apply names and does not find.
    pub(crate) fn create_named(&mut self, target: &Target, request: &Request) -> Result<Response, Refusal> {
        let mut object = body(target, request)?;
        object["metadata"]["name"] = target.name.clone().into();
        self.insert(target, request, object)
    }

    fn insert(&mut self, target: &Target, request: &Request, mut object: Value) -> Result<Response, Refusal> {
        let (name, prefix) = (text(&object, "name"), text(&object, "generateName"));
        if name.is_empty() && !prefix.is_empty() {
            // The server cuts the prefix so that the suffix always fits.
            let prefix: String = prefix.chars().take(58).collect();
            object["metadata"]["name"] = format!("{prefix}{}", self.rng.suffix(5)).into();
        }
        let target = Target {
            name: text(&object, "name"),
            ..target.clone()
        };
        let warnings = normalize(&target, request, Form::Whole, &mut object)?;
        self.admit_namespace(&target)?;
        self.prepare_create(&target.kind, &mut object);
        if target.name.is_empty() {
            let cause = Cause::required("metadata.name", "name or generateName is required");
            return Err(Refusal::invalid(&target.kind, "", vec![cause]));
        }
        check(&target, &object, None)?;
        if self
            .store
            .get(target.resource(), &target.namespace, &target.name)
            .is_some()
        {
            return Err(Refusal::already_exists(&target.kind, &target.name));
        }
        if target.kind.origin == Origin::BuiltIn {
            self.begin(&target, &mut object)?;
        }
        let stored = self.commit(&target, request, None, object);
        Ok(Response::created(as_served(&target, &stored)).warning(warnings))
    }

    fn prepare_create(&mut self, kind: &Kind, object: &mut Value) {
        let now = self.clock.stamp();
        if kind.has_status
            && let Some(fields) = object.as_object_mut()
            // A node brings its status along: a kubelet registers itself with what it has.
            && !kind.is("nodes")
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
        let old = match self.found(target) {
            Ok(old) => old,
            Err(_) if target.sub == Sub::Main && created_by_put(&target.kind) => {
                return self.insert(target, request, object);
            }
            Err(refusal) => return Err(refusal),
        };
        let (sent, stored) = (text(&object, "uid"), text(&old, "uid"));
        if !sent.is_empty() && sent != stored {
            let key = format!("/registry/{}", registry_key(target));
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: \
                 UID in precondition: {sent}, UID in object meta: {stored}"
            );
            return Err(Refusal::conflict(&target.kind, &target.name, &why));
        }
        if text(&object, "resourceVersion").is_empty() && !updates_unconditionally(&target.kind) {
            let cause = Cause::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update");
            let mut refusal = Refusal::invalid(&target.kind, &target.name, vec![cause.clone()]);
            // The server names the resource, not the kind, in this one message.
            let resource = target.resource();
            refusal.message = format!(
                "{resource} {:?} is invalid: {}: {}",
                target.name, cause.field, cause.message
            );
            if let Some(details) = &mut refusal.details {
                details["kind"] = target.kind.plural.clone().into();
            }
            return Err(refusal);
        }
        let mut object = object;
        let warnings = normalize(target, request, Form::Whole, &mut object)?;
        Ok(self.replace(target, request, old, object)?.warning(warnings))
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
        if target.kind.is("services") {
            builtin::keep_allocated(&old, &mut new);
            self.allocate_node_ports(&mut new);
        }
        check(target, &new, Some(&old))?;
        if counts_generations(&target.kind) && target.sub != Sub::Status {
            let step = u64::from(spec_changed(&target.kind, &old, &new));
            new["metadata"]["generation"] = (old["metadata"]["generation"].as_u64().unwrap_or(0) + step).into();
        }
        if new == *old {
            return Ok(Response::ok(as_served(target, &old)));
        }
        let held = !finalizers(&new).is_empty() || held_namespace(target, &new) || is_graceful_pod(target, &new);
        if is_terminating(&new) && !held && Effect::of(request) == Effect::Stored {
            // The last finalizer is gone, and the object with it: this write is never seen, only the deletion is.
            self.drop_object(target, request);
            return Ok(Response::ok(as_served(target, &new)));
        }
        let stored = self.commit(target, request, Some(&old), new);
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
        self.record(&target.main(), request, Verb::Delete, Vec::new());
        if target.kind.is("customresourcedefinitions.apiextensions.k8s.io") {
            self.drop_instances(&target.name, request);
            self.kinds.uninstall(&last);
        }
        Some(last)
    }

    /// The objects of a custom kind go with its definition.
    fn drop_instances(&mut self, resource: &str, request: &Request) {
        let Some(kind) = self.kinds.of_resource(resource).cloned() else {
            return;
        };
        let instances: Vec<Arc<Value>> = self.store.list(resource, None).cloned().collect();
        for instance in instances {
            let (namespace, name) = (text(&instance, "namespace"), text(&instance, "name"));
            self.drop_object(
                &Target {
                    kind: kind.clone(),
                    namespace,
                    name,
                    sub: Sub::Main,
                },
                request,
            );
        }
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

/// The JSON object in the body of a request.
pub(crate) fn decode(request: &Request) -> Result<Value, Refusal> {
    let media = request.content_type.split(';').next().unwrap_or_default().trim();
    if media == protobuf::MEDIA {
        return protobuf::decode(&request.body);
    }
    if !["", "application/json", "application/apply-patch+yaml"].contains(&media) {
        return Err(Refusal::unsupported_media_type(
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        ));
    }
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
    if target.kind.origin == Origin::Custom && object["kind"].as_str().unwrap_or_default().is_empty() {
        let sent = object.to_string();
        let start = match sent.char_indices().nth(30) {
            Some((end, _)) => format!("{} ...", &sent[..end]),
            None => sent.clone(),
        };
        return Err(Refusal::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): Object 'Kind' is missing in '{sent}' ({start})"
        )));
    }
    // A typed client may leave its type out.
    for (field, value) in [("apiVersion", version.as_str()), ("kind", kind.as_str())] {
        if object[field].as_str().unwrap_or_default().is_empty() {
            object[field] = value.into();
        }
    }
    if object["apiVersion"] != version.as_str() {
        let sent = object["apiVersion"].as_str().unwrap_or_default();
        return Err(Refusal::bad_request(match target.kind.origin {
            Origin::BuiltIn => format!(
                "{kind} in version {:?} cannot be handled as a {kind}: no kind {kind:?} is registered for version {sent:?} in scheme \
                 \"pkg/runtime/scheme.go:110\"",
                target.kind.version
            ),
            Origin::Custom => {
                format!("the API version in the data ({sent}) does not match the expected API version ({version})")
            }
        }));
    }
    let sent = object["kind"].as_str().unwrap_or_default();
    if sent == kind {
        return Ok(());
    }
    Err(match target.kind.origin {
        Origin::BuiltIn => {
            let (short, group) = (
                &target.kind.version,
                target.kind.group.split('.').next().unwrap_or_default(),
            );
            let group = if group.is_empty() { "core" } else { group };
            Refusal::bad_request(format!(
                "{sent} in version {short:?} cannot be handled as a {kind}: converting ({short}.{sent}) to ({group}.{kind}): unknown \
                 conversion"
            ))
        }
        Origin::Custom => {
            let cause = Cause::invalid("kind", &sent.into(), format!("must be {kind}"));
            let mut named = Kind::clone(&target.kind);
            named.kind = sent.to_owned();
            Refusal::invalid(&named, &text(object, "name"), vec![cause])
        }
    })
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
