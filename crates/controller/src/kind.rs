//! Which kinds of object we speak to the API server about, and where each lives.

use std::fmt;

use api::rollout::WorkloadKind;

/// A kind of object, with one fixed group and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Rollout,
    ReplicaSet,
    Service,
    AnalysisRun,
    AnalysisTemplate,
    ClusterAnalysisTemplate,
    /// What a `workloadRef` may name, as the two that follow.
    Deployment,
    /// Any ReplicaSet, also one that no Rollout has made.
    AnyReplicaSet,
    PodTemplate,
    EndpointSlice,
    Pod,
    Secret,
    Event,
    Lease,
}

impl Kind {
    /// The kinds that are watched; each has a shelf of its own.
    pub const WATCHED: [Kind; 6] = [
        Kind::Rollout,
        Kind::ReplicaSet,
        Kind::Service,
        Kind::AnalysisRun,
        Kind::AnalysisTemplate,
        Kind::ClusterAnalysisTemplate,
    ];

    /// The kinds a `workloadRef` may name: watched while a Rollout refers to one of the kind.
    pub const WORKLOADS: [Kind; 3] = [Kind::Deployment, Kind::AnyReplicaSet, Kind::PodTemplate];

    /// The kind of what a `workloadRef` names.
    pub fn of_workload(workload: WorkloadKind) -> Self {
        match workload {
            WorkloadKind::Deployment => Kind::Deployment,
            WorkloadKind::ReplicaSet => Kind::AnyReplicaSet,
            WorkloadKind::PodTemplate => Kind::PodTemplate,
        }
    }

    /// The group and version, as `apiVersion` has it.
    pub fn api_version(self) -> &'static str {
        match self {
            Kind::Rollout | Kind::AnalysisRun | Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => {
                "argoproj.io/v1alpha1"
            }
            Kind::ReplicaSet | Kind::AnyReplicaSet | Kind::Deployment => "apps/v1",
            Kind::Service | Kind::Pod | Kind::PodTemplate | Kind::Secret | Kind::Event => "v1",
            Kind::EndpointSlice => "discovery.k8s.io/v1",
            Kind::Lease => "coordination.k8s.io/v1",
        }
    }

    /// The API group alone, as roles name it; empty for the core group.
    pub fn group(self) -> &'static str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// `kind`, as objects carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Rollout => "Rollout",
            Kind::ReplicaSet | Kind::AnyReplicaSet => "ReplicaSet",
            Kind::Deployment => "Deployment",
            Kind::PodTemplate => "PodTemplate",
            Kind::Service => "Service",
            Kind::AnalysisRun => "AnalysisRun",
            Kind::AnalysisTemplate => "AnalysisTemplate",
            Kind::ClusterAnalysisTemplate => "ClusterAnalysisTemplate",
            Kind::EndpointSlice => "EndpointSlice",
            Kind::Pod => "Pod",
            Kind::Secret => "Secret",
            Kind::Event => "Event",
            Kind::Lease => "Lease",
        }
    }

    /// The name of the resource in URLs.
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Rollout => "rollouts",
            Kind::ReplicaSet | Kind::AnyReplicaSet => "replicasets",
            Kind::Deployment => "deployments",
            Kind::PodTemplate => "podtemplates",
            Kind::Service => "services",
            Kind::AnalysisRun => "analysisruns",
            Kind::AnalysisTemplate => "analysistemplates",
            Kind::ClusterAnalysisTemplate => "clusteranalysistemplates",
            Kind::EndpointSlice => "endpointslices",
            Kind::Pod => "pods",
            Kind::Secret => "secrets",
            Kind::Event => "events",
            Kind::Lease => "leases",
        }
    }

    /// The URL path of the collection; an empty namespace is all of them.
    pub fn path(self, namespace: &str) -> String {
        let root = match self.api_version() {
            "v1" => "/api/v1".to_owned(),
            group => format!("/apis/{group}"),
        };
        if namespace.is_empty() || self == Kind::ClusterAnalysisTemplate {
            format!("{root}/{}", self.plural())
        } else {
            format!("{root}/namespaces/{namespace}/{}", self.plural())
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an object is: its namespace (empty for what has none) and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub namespace: String,
    pub name: String,
}

impl Name {
    /// The object of this name in this namespace.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Name {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_have_the_paths_of_the_api_server() {
        let table = [
            (
                Kind::Rollout,
                "shop",
                "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts",
            ),
            (Kind::Rollout, "", "/apis/argoproj.io/v1alpha1/rollouts"),
            (Kind::Service, "shop", "/api/v1/namespaces/shop/services"),
            (Kind::ReplicaSet, "", "/apis/apps/v1/replicasets"),
            (
                Kind::ClusterAnalysisTemplate,
                "shop",
                "/apis/argoproj.io/v1alpha1/clusteranalysistemplates",
            ),
            (
                Kind::Lease,
                "argo-rollouts",
                "/apis/coordination.k8s.io/v1/namespaces/argo-rollouts/leases",
            ),
        ];
        for (kind, namespace, expected) in table {
            assert_eq!(kind.path(namespace), expected);
        }
    }
}
