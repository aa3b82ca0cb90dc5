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
