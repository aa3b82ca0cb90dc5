//! Which kinds are served: the built-in ones as a table, and one per served version of each CustomResourceDefinition.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One served kind in one version.
#[derive(Clone, Debug)]
pub struct Kind {
    resource: String,
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub scope: Scope,
    pub origin: Origin,
    /// Has a `status` subresource: writes to the object leave status alone and the other way round.
    pub has_status: bool,
    pub scale: Option<ScalePaths>,
    pub columns: Vec<Column>,
    /// `openAPIV3Schema` of a custom kind.
    pub schema: Option<Arc<Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Namespaced,
    Cluster,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    Custom,
}

/// Dotted paths as a CustomResourceDefinition gives them: `.spec.replicas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    pub spec_replicas: String,
    pub status_replicas: String,
    pub selector: Option<String>,
}

/// A printer column of a custom kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: String,
    pub format: String,
    pub description: String,
    pub path: String,
    pub priority: i64,
}

impl Kind {
    /// The name of its collection in the store and in messages: `pods`, `rollouts.argoproj.io`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    pub fn is(&self, resource: &str) -> bool {
        self.resource() == resource
    }
}

/// The registry of served kinds.
#[derive(Clone, Debug)]
pub struct Kinds {
    served: BTreeMap<(String, String, String), Arc<Kind>>,
}

impl Kinds {
    pub fn built_in() -> Self {
        let served = BUILT_IN.iter().map(|row| Arc::new(row.kind()));
        Kinds {
            served: served.map(|kind| (key(&kind), kind)).collect(),
        }
    }

    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.served
            .get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// In order of group, version, plural.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.served.values()
    }

    /// The first served version of a stored resource (`rollouts.argoproj.io`).
    pub fn of_resource(&self, resource: &str) -> Option<&Arc<Kind>> {
        self.served.values().find(|kind| kind.is(resource))
    }

    /// By `apiVersion` and `kind`, as owner references name kinds.
    pub fn of_object(&self, api_version: &str, kind: &str) -> Option<&Arc<Kind>> {
        self.served
            .values()
            .find(|one| one.kind == kind && one.api_version() == api_version)
    }

    /// Serves a CustomResourceDefinition (a new one, or the new state of an old one).
    pub fn install(&mut self, crd: &Value) {
        self.uninstall(crd);
        for kind in custom(crd) {
            self.served.insert(key(&kind), Arc::new(kind));
        }
    }

    pub fn uninstall(&mut self, crd: &Value) {
        let (group, plural) = (crd["spec"]["group"].as_str(), crd["spec"]["names"]["plural"].as_str());
        self.served.retain(|(of_group, _, of_plural), kind| {
            kind.origin == Origin::BuiltIn || Some(of_group.as_str()) != group || Some(of_plural.as_str()) != plural
        });
    }
}

fn key(kind: &Kind) -> (String, String, String) {
    (kind.group.clone(), kind.version.clone(), kind.plural.clone())
}

fn resource(group: &str, plural: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

fn custom(crd: &Value) -> Vec<Kind> {
    let spec = &crd["spec"];
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let kind_name = text(&names["kind"]);
    let singular = names["singular"]
        .as_str()
        .map_or_else(|| kind_name.to_lowercase(), str::to_owned);
    let versions = spec["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"] == Value::Bool(true));
    let kind = |version: &Value| {
        let scale = version["subresources"].get("scale").map(|scale| ScalePaths {
            spec_replicas: text(&scale["specReplicasPath"]),
            status_replicas: text(&scale["statusReplicasPath"]),
            selector: scale["labelSelectorPath"].as_str().map(str::to_owned),
        });
        let columns = version["additionalPrinterColumns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|column| Column {
                name: text(&column["name"]),
                kind: text(&column["type"]),
                format: text(&column["format"]),
                description: text(&column["description"]),
                path: text(&column["jsonPath"]),
                priority: column["priority"].as_i64().unwrap_or(0),
            });
        let schema = version["schema"]
            .get("openAPIV3Schema")
            .filter(|schema| schema.is_object());
        let (group, plural) = (text(&spec["group"]), text(&names["plural"]));
        Kind {
            resource: resource(&group, &plural),
            group,
            version: text(&version["name"]),
            kind: kind_name.clone(),
            plural,
            singular: singular.clone(),
            short_names: texts(&names["shortNames"]),
            categories: texts(&names["categories"]),
            scope: if spec["scope"] == "Cluster" {
                Scope::Cluster
            } else {
                Scope::Namespaced
            },
            origin: Origin::Custom,
            has_status: version["subresources"].get("status").is_some(),
            scale,
            columns: columns.collect(),
            schema: schema.map(|schema| Arc::new(schema.clone())),
        }
    };
    served.map(kind).collect()
}

struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    /// `all` is what `kubectl get all` asks for.
    categories: &'static [&'static str],
    scope: Scope,
    status: bool,
    scale: bool,
}

impl Row {
    fn kind(&self) -> Kind {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let scale = self.scale.then(|| ScalePaths {
            spec_replicas: ".spec.replicas".into(),
            status_replicas: ".status.replicas".into(),
            selector: None,
        });
        Kind {
            resource: resource(self.group, self.plural),
            group: self.group.into(),
            version: self.version.into(),
            kind: self.kind.into(),
            plural: self.plural.into(),
            singular: self.kind.to_lowercase(),
            short_names: owned(self.short),
            categories: owned(self.categories),
            scope: self.scope,
            origin: Origin::BuiltIn,
            has_status: self.status,
            scale,
            columns: Vec::new(),
            schema: None,
        }
    }
}

const fn row(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Row {
    Row {
        group,
        version,
        kind,
        plural,
        short: &[],
        categories: &[],
        scope: Scope::Namespaced,
        status: false,
        scale: false,
    }
}

impl Row {
    const fn short(mut self, short: &'static [&'static str]) -> Self {
        self.short = short;
        self
    }
    const fn all(mut self) -> Self {
        self.categories = &["all"];
        self
    }
    const fn in_categories(mut self, categories: &'static [&'static str]) -> Self {
        self.categories = categories;
        self
    }
    const fn cluster(mut self) -> Self {
        self.scope = Scope::Cluster;
        self
    }
    const fn status(mut self) -> Self {
        self.status = true;
        self
    }
    const fn scale(mut self) -> Self {
        self.scale = true;
        self
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";

static BUILT_IN: &[Row] = &[
    row("", "v1", "ConfigMap", "configmaps").short(&["cm"]),
    row("", "v1", "Endpoints", "endpoints").short(&["ep"]),
    row("", "v1", "Event", "events").short(&["ev"]),
    row("", "v1", "Namespace", "namespaces")
        .short(&["ns"])
        .cluster()
        .status(),
    row("", "v1", "Node", "nodes").short(&["no"]).cluster().status(),
    row("", "v1", "Pod", "pods").short(&["po"]).all().status(),
    row("", "v1", "PodTemplate", "podtemplates"),
    row("", "v1", "Secret", "secrets"),
    row("", "v1", "Service", "services").short(&["svc"]).all().status(),
    row("", "v1", "ServiceAccount", "serviceaccounts").short(&["sa"]),
    row(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    )
    .short(&["crd", "crds"])
    .in_categories(&["api-extensions"])
    .cluster()
    .status(),
    row("apps", "v1", "DaemonSet", "daemonsets")
        .short(&["ds"])
        .all()
        .status(),
    row("apps", "v1", "Deployment", "deployments")
        .short(&["deploy"])
        .all()
        .status()
        .scale(),
    row("apps", "v1", "ReplicaSet", "replicasets")
        .short(&["rs"])
        .all()
        .status()
        .scale(),
    row("apps", "v1", "StatefulSet", "statefulsets")
        .short(&["sts"])
        .all()
        .status()
        .scale(),
    row(
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
    )
    .short(&["hpa"])
    .all()
    .status(),
    row("batch", "v1", "Job", "jobs").all().status(),
    row("coordination.k8s.io", "v1", "Lease", "leases"),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    row("networking.k8s.io", "v1", "Ingress", "ingresses")
        .short(&["ing"])
        .status(),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
        .short(&["pdb"])
        .status(),
    row(RBAC, "v1", "ClusterRole", "clusterroles").cluster(),
    row(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings").cluster(),
    row(RBAC, "v1", "Role", "roles"),
    row(RBAC, "v1", "RoleBinding", "rolebindings"),
];
