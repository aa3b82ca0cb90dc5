//! Traffic routers and what each wants to know. Source: wire-contract 1.6.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::json::{Json, is_zero, null_is_default};

/// `canary.trafficRouting`. Source: wire-contract 1.6. Keys we do not know stay in `unknown`, so that they can be refused.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TrafficRouting {
    /// Istio VirtualServices.
    pub istio: Option<IstioTrafficRouting>,
    /// ingress-nginx.
    pub nginx: Option<NginxTrafficRouting>,
    /// AWS Load Balancer Controller.
    pub alb: Option<AlbTrafficRouting>,
    /// SMI TrafficSplit.
    pub smi: Option<SmiTrafficRouting>,
    /// Ambassador Mappings.
    pub ambassador: Option<AmbassadorTrafficRouting>,
    /// AWS App Mesh.
    pub app_mesh: Option<AppMeshTrafficRouting>,
    /// Traefik TraefikService.
    pub traefik: Option<TraefikTrafficRouting>,
    /// Apache APISIX.
    pub apisix: Option<ApisixTrafficRouting>,
    /// Routers brought by plugins, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, Json>,
    /// Routes that steps may create and remove, the first matching first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_routes: Vec<ManagedRoute>,
    /// The weight that means all traffic; 100. Only with nginx or plugins.
    pub max_traffic_weight: Option<i32>,
    /// Keys that no router of the contract has: kept, so that the spec can be refused by name (field-lessons R31).
    #[serde_with(skip_apply)]
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Json>,
}

/// A route that we may create and remove.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ManagedRoute {
    /// Name of the route.
    pub name: String,
}

/// Istio VirtualServices and an optional DestinationRule.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct IstioTrafficRouting {
    /// The VirtualService; exactly one of this and virtualServices.
    pub virtual_service: Option<IstioVirtualService>,
    /// Several VirtualServices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_services: Vec<IstioVirtualService>,
    /// The DestinationRule, when traffic is split by subsets.
    pub destination_rule: Option<IstioDestinationRule>,
}

/// One VirtualService and the routes in it that are ours.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct IstioVirtualService {
    /// Name, or namespace/name.
    pub name: String,
    /// HTTP routes that are split; may be left out when there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// TLS routes that are split.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_routes: Vec<TlsRoute>,
    /// TCP routes that are split.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tcp_routes: Vec<TcpRoute>,
}

/// A TLS route, by port and SNI hosts.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TlsRoute {
    /// Port it matches.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i64,
    /// SNI hosts it matches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sni_hosts: Vec<String>,
}

/// A TCP route, by port.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TcpRoute {
    /// Port it matches.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i64,
}

/// The subsets of a DestinationRule.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct IstioDestinationRule {
    /// Name of the DestinationRule.
    pub name: String,
    /// Subset of the new version.
    pub canary_subset_name: String,
    /// Subset of the stable version.
    pub stable_subset_name: String,
    /// Further subsets to leave alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_subset_names: Vec<String>,
}

/// ingress-nginx canary annotations.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct NginxTrafficRouting {
    /// Prefix of the annotations; nginx.ingress.kubernetes.io.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    /// The Ingress of the stable version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stable_ingress: String,
    /// Several Ingresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stable_ingresses: Vec<String>,
    /// Annotations for the canary Ingress, under the prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_ingress_annotations: BTreeMap<String, String>,
    /// Annotations for the canary Ingress, as they stand.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub canary_ingress_annotations: BTreeMap<String, String>,
}

/// AWS load balancer controller action annotations.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AlbTrafficRouting {
    /// The Ingress.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ingress: String,
    /// Several Ingresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingresses: Vec<String>,
    /// Port of the Services.
    pub service_port: i32,
    /// Service the Ingress rule names; stableService when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    /// Prefix of the annotations; alb.ingress.kubernetes.io.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    /// Whether a client stays with its version.
    pub stickiness_config: Option<StickinessConfig>,
}

/// Target group stickiness.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct StickinessConfig {
    /// Whether it is on.
    pub enabled: bool,
    /// For how many seconds.
    pub duration_seconds: i64,
}

/// SMI TrafficSplit.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SmiTrafficRouting {
    /// Service that clients call; stableService when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    /// Name of the TrafficSplit; the rollout's name when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub traffic_split_name: String,
}

/// Ambassador Mappings.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AmbassadorTrafficRouting {
    /// Names of the Mappings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mappings: Vec<String>,
}

/// AWS App Mesh.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AppMeshTrafficRouting {
    /// The virtual service.
    pub virtual_service: Option<AppMeshVirtualService>,
    /// The virtual nodes.
    pub virtual_node_group: Option<AppMeshVirtualNodeGroup>,
}

/// An App Mesh virtual service and its routes.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AppMeshVirtualService {
    /// Name of the virtual service.
    pub name: String,
    /// Routes that are split; may be left out when there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
}

/// The two virtual nodes.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AppMeshVirtualNodeGroup {
    /// Virtual node of the new version.
    pub canary_virtual_node_ref: Option<AppMeshVirtualNodeRef>,
    /// Virtual node of the stable version.
    pub stable_virtual_node_ref: Option<AppMeshVirtualNodeRef>,
}

/// A virtual node by name.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct AppMeshVirtualNodeRef {
    /// Name of the virtual node.
    pub name: String,
}

/// Traefik weighted service.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TraefikTrafficRouting {
    /// Name of the weighted TraefikService.
    pub weighted_traefik_service_name: String,
}

/// APISIX route.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ApisixTrafficRouting {
    /// The ApisixRoute.
    pub route: Option<ApisixRoute>,
}

/// A route and its rules.
#[serde_with::apply(_ => #[serde(deserialize_with = "null_is_default")])]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ApisixRoute {
    /// Name of the ApisixRoute.
    pub name: String,
    /// Rules that are split; may be left out when there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}
