//! What we read of kinds that are not ours: small typed views, because memory is decided by what is cached.
//!
//! Fields that no decision reads are not here; unknown ones are ignored.

use std::collections::BTreeMap;

use api::duration::Time;
use api::rollout::LabelSelector;
use api::template::Template;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Object metadata, without managedFields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub resource_version: String,
    pub generation: i64,
    pub creation_timestamp: Option<Time>,
    pub deletion_timestamp: Option<Time>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub owner_references: Vec<OwnerReference>,
}

impl Meta {
    /// The owner that manages the object, if there is one.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether this is the owner that manages the object.
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller().is_some_and(|owner| owner.uid == uid)
    }

    /// The value of the pod template hash label; empty when there is none.
    pub fn hash(&self) -> &str {
        self.labels.get(api::keys::POD_TEMPLATE_HASH).map_or("", String::as_str)
    }
}

/// One owner of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference {
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
}

/// An apps/v1 ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplicaSet {
    pub metadata: Meta,
    pub spec: ReplicaSetSpec,
    pub status: ReplicaSetStatus,
    /// The most ready pods it was seen with since it was last made smaller; 0 when nobody has looked on.
    #[serde(skip)]
    pub most_ready: i32,
    /// The smallest size it was given while its status counted more available pods than that: those beyond are on their way
    /// out, even if it was made larger again since. `None`: the status counts no such pod.
    #[serde(skip)]
    pub shrunk_to: Option<i32>,
}

impl ReplicaSet {
    /// The same object, seen after an earlier state of it.
    pub fn after(mut self, before: Option<&ReplicaSet>) -> Self {
        let seen = before.map_or(0, |before| before.most_ready);
        let size = self.spec.replicas.unwrap_or(0);
        self.most_ready = seen.min(size).max(self.status.ready_replicas);
        let told = before.and_then(|before| match before.shrunk_to {
            Some(least) => Some(least.min(size)),
            None => (size < before.spec.replicas.unwrap_or(0)).then_some(size),
        });
        self.shrunk_to = told.filter(|least| self.status.available_replicas > *least);
        if let Some(before) = before {
            self.spec.template = self.spec.template.shared_with(&before.spec.template);
        }
        self
    }
}

/// `spec` of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicaSetSpec {
    pub replicas: Option<i32>,
    pub min_ready_seconds: i32,
    pub template: Template,
}

/// `status` of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicaSetStatus {
    pub replicas: i32,
    pub ready_replicas: i32,
    pub available_replicas: i32,
    pub observed_generation: i64,
    pub conditions: Vec<ReplicaSetCondition>,
}

/// A condition of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplicaSetCondition {
    pub r#type: String,
    pub status: String,
    pub last_transition_time: Option<Time>,
    pub reason: String,
    pub message: String,
}

/// What a `workloadRef` names: what a Rollout takes over of it. Source: wire-contract 1.2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    pub metadata: Meta,
    pub template: Template,
    /// A PodTemplate has none.
    pub selector: Option<LabelSelector>,
    /// `spec.replicas`; 0 where there is no such field.
    pub replicas: i32,
    /// `status.availableReplicas`.
    pub available: i32,
}

/// A core/v1 Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    pub metadata: Meta,
    pub spec: ServiceSpec,
}

impl Service {
    /// The pod template hash the selector names; `None` when it names none.
    pub fn hash(&self) -> Option<&str> {
        self.spec.selector.get(api::keys::POD_TEMPLATE_HASH).map(String::as_str)
    }
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSpec {
    pub selector: BTreeMap<String, String>,
}

/// A discovery.k8s.io/v1 EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSlice {
    pub metadata: Meta,
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Endpoint {
    pub conditions: EndpointConditions,
    pub target_ref: TargetRef,
}

/// Whether an endpoint takes traffic; absent `ready` means yes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    pub ready: Option<bool>,
}

/// What an endpoint stands for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetRef {
    pub kind: String,
    pub name: String,
}

/// The pods behind a Service that take traffic, by name, sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadyEndpoints(Vec<String>);

/// Kubernetes cuts a generated name's prefix to this many characters.
const GENERATED_PREFIX: usize = 58;

impl ReadyEndpoints {
    /// The ready pods of all slices of one Service.
    pub fn of<'a>(slices: impl IntoIterator<Item = &'a EndpointSlice>) -> Self {
        let mut pods: Vec<String> = slices
            .into_iter()
            .flat_map(|slice| &slice.endpoints)
            .filter(|endpoint| endpoint.conditions.ready.unwrap_or(true) && endpoint.target_ref.kind == "Pod")
            .map(|endpoint| endpoint.target_ref.name.clone())
            .collect();
        pods.sort();
        pods.dedup();
        ReadyEndpoints(pods)
    }

    /// How many of them a ReplicaSet created: a pod is named after its ReplicaSet plus five characters.
    pub fn of_replica_set(&self, replica_set: &str) -> usize {
        let prefix: String = format!("{replica_set}-").chars().take(GENERATED_PREFIX).collect();
        let ours = |pod: &&String| pod.strip_prefix(&prefix).is_some_and(|rest| !rest.contains('-'));
        self.0.iter().filter(ours).count()
    }
}

/// A core/v1 Pod, as a restart reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pod {
    pub metadata: Meta,
    pub status: PodStatus,
}

impl Pod {
    /// Ready for at least so many seconds, and staying.
    pub fn is_available(&self, min_ready_seconds: i32, now: DateTime<Utc>) -> bool {
        let wait = Duration::seconds(i64::from(min_ready_seconds));
        let mut conditions = self.status.conditions.iter();
        let ready = conditions.find(|condition| condition.r#type == "Ready");
        let since = ready
            .filter(|ready| ready.status == "True")
            .and_then(|ready| ready.last_transition_time);
        self.metadata.deletion_timestamp.is_none() && since.is_some_and(|since| since.0 + wait <= now)
    }
}

/// `status` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodStatus {
    pub phase: String,
    pub conditions: Vec<PodCondition>,
}

/// A condition of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodCondition {
    pub r#type: String,
    pub status: String,
    pub last_transition_time: Option<Time>,
}
