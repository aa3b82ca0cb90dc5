//! The kinds the verbs read and write, and their paths.

use kube::core::ApiResource;

use super::Scope;

/// A kind; those that are in no namespace are listed in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub singular: &'static str,
    pub plural: &'static str,
}

const ARGO: (&str, &str) = ("argoproj.io", "v1alpha1");
const APPS: (&str, &str) = ("apps", "v1");
const LEASES: (&str, &str) = ("coordination.k8s.io", "v1");
const DEFINITIONS: (&str, &str) = ("apiextensions.k8s.io", "v1");
const CORE: (&str, &str) = ("", "v1");

impl Kind {
    pub const ROLLOUT: Kind = kind(ARGO, "Rollout", "rollout", "rollouts");
    pub const ANALYSIS_RUN: Kind = kind(ARGO, "AnalysisRun", "analysisrun", "analysisruns");
    pub const EXPERIMENT: Kind = kind(ARGO, "Experiment", "experiment", "experiments");
    pub const ANALYSIS_TEMPLATE: Kind = kind(ARGO, "AnalysisTemplate", "analysistemplate", "analysistemplates");
    pub const CLUSTER_ANALYSIS_TEMPLATE: Kind = kind(
        ARGO,
        "ClusterAnalysisTemplate",
        "clusteranalysistemplate",
        "clusteranalysistemplates",
    );
    pub const LEASE: Kind = kind(LEASES, "Lease", "lease", "leases");
    pub const CUSTOM_RESOURCE_DEFINITION: Kind = kind(
        DEFINITIONS,
        "CustomResourceDefinition",
        "customresourcedefinition",
        "customresourcedefinitions",
    );
    pub const REPLICA_SET: Kind = kind(APPS, "ReplicaSet", "replicaset", "replicasets");
    pub const DEPLOYMENT: Kind = kind(APPS, "Deployment", "deployment", "deployments");
    pub const POD: Kind = kind(CORE, "Pod", "pod", "pods");
    pub const POD_TEMPLATE: Kind = kind(CORE, "PodTemplate", "podtemplate", "podtemplates");

    /// `rollout.argoproj.io`, or `pod`: how a person is told of the kind.
    pub fn full_name(&self) -> String {
        match self.group {
            "" => self.singular.to_owned(),
            group => format!("{}.{group}", self.singular),
        }
    }

    /// The path of the collection.
    pub(super) fn path(&self, scope: Scope<'_>) -> String {
        let root = match self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        match scope {
            Scope::Namespace(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            Scope::AllNamespaces => format!("{root}/{}", self.plural),
        }
    }

    pub(super) fn api_resource(&self) -> ApiResource {
        let api_version = match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        };
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version,
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }
}

const fn kind(
    (group, version): (&'static str, &'static str),
    kind: &'static str,
    singular: &'static str,
    plural: &'static str,
) -> Kind {
    Kind {
        group,
        version,
        kind,
        singular,
        plural,
    }
}
