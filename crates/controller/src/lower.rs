//! Which HTTP request carries out each write: verb, patch type and preconditions.
//!
//! Pure, and free of any runtime: the model ring hands these requests to the simulated API server directly.

mod event;

use api::keys;
use api::rollout::LabelSelector;
use engine::plan::{Action, Claim, MetadataChange, Read};
use http::{Request, StatusCode};
use kube::api::{DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Request as Builder;
use kube::core::request::Error;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::kind::{Kind, Name};
pub use event::event;

/// The object a plan is about, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub kind: Kind,
    pub name: Name,
    pub uid: String,
    pub resource_version: String,
}

/// The request that carries out one action for a subject.
///
/// # Errors
/// When a name in the action is empty.
pub fn action(subject: &Subject, action: &Action) -> Result<Request<Vec<u8>>, Error> {
    let at = |kind: Kind| Builder::new(kind.path(&subject.name.namespace));
    match action {
        Action::CreateReplicaSet { body, .. } => create(Kind::ReplicaSet, &subject.name.namespace, body),
        Action::ScaleReplicaSet {
            name,
            uid,
            from,
            to,
            annotations,
        } => {
            let mut steps = vec![
                json!({"op": "test", "path": "/metadata/uid", "value": uid}),
                json!({"op": "test", "path": "/spec/replicas", "value": from}),
                json!({"op": "replace", "path": "/spec/replicas", "value": to}),
            ];
            for (key, value) in annotations {
                let path = format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"));
                // A `remove` of an absent key is refused, so the key is written before it is removed.
                steps.push(json!({"op": "add", "path": path, "value": value.as_deref().unwrap_or("")}));
                if value.is_none() {
                    steps.push(json!({"op": "remove", "path": path}));
                }
            }
            let patch = serde_json::from_value(Value::Array(steps)).map_err(Error::SerializeBody)?;
            at(Kind::ReplicaSet).patch(name, &PatchParams::default(), &Patch::<()>::Json(patch))
        }
        Action::AnnotateReplicaSet {
            name,
            uid,
            annotations,
            amendment,
        } => {
            let mut body = json!({"metadata": {"uid": uid, "annotations": annotations}});
            if let Some(seconds) = amendment.min_ready_seconds {
                body["spec"]["minReadySeconds"] = json!(seconds);
            }
            if let Some(affinity) = &amendment.affinity {
                body["spec"]["template"]["spec"] = affinity.clone();
            }
            if !amendment.metadata.is_empty() {
                body["spec"]["template"]["metadata"] = metadata(&amendment.metadata);
            }
            merge(Kind::ReplicaSet, &subject.name.namespace, name, body)
        }
        Action::ClaimReplicaSet {
            name,
            uid,
            resource_version,
            claim,
        } => {
            let owners = match claim {
                Claim::Adopt { owner } => json!([owner]),
                Claim::Release { owner_uid } => json!([{"$patch": "delete", "uid": owner_uid}]),
            };
            let metadata = json!({"uid": uid, "resourceVersion": resource_version, "ownerReferences": owners});
            // Strategic, because a merge patch would replace the list and with it the owners that are not controllers.
            strategic(
                Kind::ReplicaSet,
                &subject.name.namespace,
                name,
                json!({"metadata": metadata}),
            )
        }
        Action::DeleteReplicaSet { name, uid } => at(Kind::ReplicaSet).delete(name, &only(uid)),
        Action::PointService {
            name,
            uid,
            resource_version,
            to,
            managed_by,
            ..
        } => {
            let mut metadata = json!({"uid": uid, "resourceVersion": resource_version});
            if let Some(rollout) = managed_by {
                metadata["annotations"] = json!({keys::MANAGED_BY: rollout});
            }
            let spec = json!({"selector": {keys::POD_TEMPLATE_HASH: to}});
            strategic(
                Kind::Service,
                &subject.name.namespace,
                name,
                json!({"metadata": metadata, "spec": spec}),
            )
        }
        Action::CreateRun { body, .. } => create(Kind::AnalysisRun, &subject.name.namespace, body),
        Action::TerminateRun { name, uid } => {
            let body = json!({"metadata": {"uid": uid}, "spec": {"terminate": true}});
            merge(Kind::AnalysisRun, &subject.name.namespace, name, body)
        }
        Action::DeleteRun { name, uid } => at(Kind::AnalysisRun).delete(name, &only(uid)),
        Action::AnnotateRollout { annotations } => {
            let metadata = json!({"resourceVersion": subject.resource_version, "annotations": annotations});
            merge(
                Kind::Rollout,
                &subject.name.namespace,
                &subject.name.name,
                json!({"metadata": metadata}),
            )
        }
        Action::DefaultReplicas { replicas } => {
            let metadata = json!({"resourceVersion": subject.resource_version});
            let body = json!({"metadata": metadata, "spec": {"replicas": replicas}});
            merge(Kind::Rollout, &subject.name.namespace, &subject.name.name, body)
        }
        Action::ScaleWorkload { name, uid, from, to } => {
            let steps = json!([
                {"op": "test", "path": "/metadata/uid", "value": uid},
                {"op": "test", "path": "/spec/replicas", "value": from},
                {"op": "replace", "path": "/spec/replicas", "value": to},
            ]);
            let patch = serde_json::from_value(steps).map_err(Error::SerializeBody)?;
            at(Kind::Deployment).patch(name, &PatchParams::default(), &Patch::<()>::Json(patch))
        }
        Action::EvictPod { name, uid } => {
            let body = json!({
                "apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": name, "namespace": subject.name.namespace},
                "deleteOptions": {"preconditions": {"uid": uid}},
            });
            at(Kind::Pod).create_subresource("eviction", name, &PostParams::default(), bytes(&body)?)
        }
        Action::RelabelPod { name, uid, change } => {
            let mut changed = metadata(change);
            changed["uid"] = json!(uid);
            merge(Kind::Pod, &subject.name.namespace, name, json!({"metadata": changed}))
        }
    }
}

/// Whether a refusal with this code says nothing about the ops after it: one pod may not be evicted yet, or cannot be
/// relabelled. The pods are read again before the next attempt.
pub fn concerns_one_pod(action: &Action, code: u16) -> bool {
    match action {
        Action::EvictPod { .. } => code == StatusCode::TOO_MANY_REQUESTS.as_u16(),
        // A right that is missing is missing for every pod.
        Action::RelabelPod { .. } => code != StatusCode::FORBIDDEN.as_u16(),
        Action::CreateReplicaSet { .. }
        | Action::ScaleReplicaSet { .. }
        | Action::AnnotateReplicaSet { .. }
        | Action::ClaimReplicaSet { .. }
        | Action::DeleteReplicaSet { .. }
        | Action::PointService { .. }
        | Action::CreateRun { .. }
        | Action::TerminateRun { .. }
        | Action::DeleteRun { .. }
        | Action::AnnotateRollout { .. }
        | Action::DefaultReplicas { .. }
        | Action::ScaleWorkload { .. } => false,
    }
}

#[derive(Serialize)]
struct StatusBody<'a> {
    metadata: Precondition<'a>,
    status: &'a Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Precondition<'a> {
    resource_version: &'a str,
}

/// The request that writes the difference of a subject's status: only on the version that was seen.
///
/// An AnalysisRun has no status subresource. Source: wire-contract 10.1 (5).
///
/// # Errors
/// When the subject's name is empty.
pub fn status(subject: &Subject, difference: &Value) -> Result<Request<Vec<u8>>, Error> {
    let body = StatusBody {
        metadata: Precondition {
            resource_version: &subject.resource_version,
        },
        status: difference,
    };
    let builder = Builder::new(subject.kind.path(&subject.name.namespace));
    match subject.kind {
        Kind::Rollout => builder.patch_subresource(
            "status",
            &subject.name.name,
            &PatchParams::default(),
            &Patch::Merge(body),
        ),
        Kind::ReplicaSet
        | Kind::Service
        | Kind::AnalysisRun
        | Kind::AnalysisTemplate
        | Kind::ClusterAnalysisTemplate
        | Kind::Deployment
        | Kind::AnyReplicaSet
        | Kind::PodTemplate
        | Kind::EndpointSlice
        | Kind::Pod
        | Kind::Secret
        | Kind::Event
        | Kind::Lease => builder.patch(&subject.name.name, &PatchParams::default(), &Patch::Merge(body)),
    }
}

/// The request that takes a Service back from a Rollout that no longer refers to it.
///
/// Source: wire-contract 3.18; the annotation's owner is gone, so the selector is given back in every case.
///
/// # Errors
/// When the name is empty.
pub fn release_service(name: &Name, uid: &str, resource_version: &str) -> Result<Request<Vec<u8>>, Error> {
    let metadata = json!({"uid": uid, "resourceVersion": resource_version, "annotations": {keys::MANAGED_BY: null}});
    let body = json!({"metadata": metadata, "spec": {"selector": {keys::POD_TEMPLATE_HASH: null}}});
    merge(Kind::Service, &name.namespace, &name.name, body)
}

/// The request that reads one object as the API server has it now.
///
/// # Errors
/// When the name is empty.
pub fn get(kind: Kind, name: &Name) -> Result<Request<Vec<u8>>, Error> {
    Builder::new(kind.path(&name.namespace)).get(&name.name, &Default::default())
}

/// The request for what a decision asks to be read. `selector` is the Rollout's own, for its pods.
///
/// # Errors
/// Never; the signature is that of its siblings.
pub fn read(namespace: &str, read: &Read, selector: Option<&LabelSelector>) -> Result<Request<Vec<u8>>, Error> {
    let (kind, labels) = match read {
        Read::Rollout { name } => {
            return Builder::new(Kind::Rollout.path(namespace)).get(name, &GetParams::default());
        }
        Read::Endpoints { service } => (Kind::EndpointSlice, format!("kubernetes.io/service-name={service}")),
        Read::Pods => {
            let own = selector
                .map(LabelSelector::to_selector_string)
                .filter(|text| !text.starts_with('<'));
            (
                Kind::Pod,
                own.into_iter()
                    .chain([keys::POD_TEMPLATE_HASH.to_owned()])
                    .collect::<Vec<_>>()
                    .join(","),
            )
        }
    };
    Builder::new(kind.path(namespace)).list(&ListParams::default().labels(&labels))
}

/// The request that creates an object.
///
/// # Errors
/// When the body cannot be written as JSON.
pub fn create(kind: Kind, namespace: &str, body: &Value) -> Result<Request<Vec<u8>>, Error> {
    Builder::new(kind.path(namespace)).create(&PostParams::default(), bytes(body)?)
}

/// The changed parts of an object's metadata, as a merge patch.
fn metadata(change: &MetadataChange) -> Value {
    let mut patch = Map::new();
    for (key, changes) in [("labels", &change.labels), ("annotations", &change.annotations)] {
        if !changes.is_empty() {
            patch.insert(key.to_owned(), json!(changes));
        }
    }
    Value::Object(patch)
}

fn merge(kind: Kind, namespace: &str, name: &str, body: Value) -> Result<Request<Vec<u8>>, Error> {
    Builder::new(kind.path(namespace)).patch(name, &PatchParams::default(), &Patch::Merge(body))
}

fn strategic(kind: Kind, namespace: &str, name: &str, body: Value) -> Result<Request<Vec<u8>>, Error> {
    Builder::new(kind.path(namespace)).patch(name, &PatchParams::default(), &Patch::Strategic(body))
}

fn only(uid: &str) -> DeleteParams {
    let preconditions = Preconditions {
        uid: Some(uid.to_owned()),
        resource_version: None,
    };
    DeleteParams::background().preconditions(preconditions)
}

fn bytes(body: &Value) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(Error::SerializeBody)
}

#[cfg(test)]
mod tests;
