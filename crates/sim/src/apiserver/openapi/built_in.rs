//! The schemas of the built-in kinds, from the types of `k8s-openapi`.

use k8s_openapi::api::{
    apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, coordination::v1 as coordination,
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub(super) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

type Add = fn(&mut SchemaGenerator) -> String;

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) -> String {
    generator.subschema_for::<T>();
    T::schema_name().into_owned()
}

static TYPES: &[(&str, Add)] = &[
    (
        "clusterrolebindings.rbac.authorization.k8s.io",
        add::<rbac::ClusterRoleBinding>,
    ),
    ("clusterroles.rbac.authorization.k8s.io", add::<rbac::ClusterRole>),
    ("configmaps", add::<core::ConfigMap>),
    (
        "customresourcedefinitions.apiextensions.k8s.io",
        add::<apiextensions::CustomResourceDefinition>,
    ),
    ("daemonsets.apps", add::<apps::DaemonSet>),
    ("deployments.apps", add::<apps::Deployment>),
    ("endpoints", add::<core::Endpoints>),
    ("endpointslices.discovery.k8s.io", add::<discovery::EndpointSlice>),
    ("events", add::<core::Event>),
    (
        "horizontalpodautoscalers.autoscaling",
        add::<autoscaling::HorizontalPodAutoscaler>,
    ),
    ("ingresses.networking.k8s.io", add::<networking::Ingress>),
    ("jobs.batch", add::<batch::Job>),
    ("leases.coordination.k8s.io", add::<coordination::Lease>),
    ("namespaces", add::<core::Namespace>),
    ("nodes", add::<core::Node>),
    ("poddisruptionbudgets.policy", add::<policy::PodDisruptionBudget>),
    ("pods", add::<core::Pod>),
    ("podtemplates", add::<core::PodTemplate>),
    ("replicasets.apps", add::<apps::ReplicaSet>),
    ("rolebindings.rbac.authorization.k8s.io", add::<rbac::RoleBinding>),
    ("roles.rbac.authorization.k8s.io", add::<rbac::Role>),
    ("secrets", add::<core::Secret>),
    ("serviceaccounts", add::<core::ServiceAccount>),
    ("services", add::<core::Service>),
    ("statefulsets.apps", add::<apps::StatefulSet>),
];

fn generator() -> SchemaGenerator {
    SchemaSettings::openapi3().into_generator()
}

/// The name of a kind's schema: `io.k8s.api.core.v1.Pod`.
pub(super) fn component(resource: &str) -> Option<String> {
    let (_, add) = TYPES.iter().find(|(name, _)| *name == resource)?;
    Some(add(&mut generator()))
}

/// The schemas of these resources and everything they refer to.
pub(super) fn schemas<'a>(resources: impl Iterator<Item = &'a str>) -> Map<String, Value> {
    let mut generator = generator();
    add::<ObjectMeta>(&mut generator);
    for resource in resources {
        if let Some((_, add)) = TYPES.iter().find(|(name, _)| *name == resource) {
            add(&mut generator);
        }
    }
    generator.take_definitions(true)
}

/// The schema of a built-in kind without references, every type with its name as `title`; None for a kind whose schema
/// refers to itself.
pub(in crate::apiserver) fn whole(resource: &str) -> Option<Arc<Value>> {
    type Cache = BTreeMap<String, Option<Arc<Value>>>;
    static WHOLE: Mutex<Cache> = Mutex::new(BTreeMap::new());
    let mut whole = WHOLE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = whole.entry(resource.to_owned()).or_insert_with(|| match resource {
        // A schema of schemas.
        "customresourcedefinitions.apiextensions.k8s.io" => None,
        _ => {
            let definitions = schemas(std::iter::once(resource));
            let root = component(resource)?;
            Some(Arc::new(inlined(definitions.get(&root)?, &definitions, &root)))
        }
    });
    found.clone()
}

/// The schema of the metadata of every kind.
pub(in crate::apiserver) fn object_meta() -> Arc<Value> {
    static META: OnceLock<Arc<Value>> = OnceLock::new();
    let build = || {
        let definitions = schemas(std::iter::empty());
        let meta = definitions.get(OBJECT_META).unwrap_or(&Value::Null);
        let inside = inlined(meta, &definitions, OBJECT_META);
        Arc::new(serde_json::json!({ "type": "object", "properties": { "metadata": inside } }))
    };
    META.get_or_init(build).clone()
}

fn inlined(schema: &Value, definitions: &Map<String, Value>, name: &str) -> Value {
    match schema {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                let name = reference.rsplit('/').next().unwrap_or_default();
                return definitions
                    .get(name)
                    .map_or(Value::Null, |found| inlined(found, definitions, name));
            }
            // A described reference is an `allOf` of that one reference.
            if let Some([only]) = fields.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
                return inlined(only, definitions, name);
            }
            // Texts are left out; a property may be called `description` too, and that one is an object.
            let kept = fields
                .iter()
                .filter(|(field, value)| *field != "description" || value.is_object());
            let mut out: Map<String, Value> = kept
                .map(|(field, value)| (field.clone(), inlined(value, definitions, "")))
                .collect();
            if !name.is_empty() {
                out.insert("title".into(), name.rsplit('.').next().unwrap_or_default().into());
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(|item| inlined(item, definitions, "")).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}
