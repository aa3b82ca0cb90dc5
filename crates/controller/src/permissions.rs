//! Everything the controller asks of the API server, and what is missing where it may not.
//!
//! This is the one list: the roles of the chart are generated from it, `sluice preflight` asks about each line of it, and in
//! the wire ring the controller has exactly these rights, so that a verb that is used and not listed fails there. A line that
//! nothing uses fails a test too.

use std::fmt;

use crate::kind::Kind;

/// Some verbs on one resource, for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    pub kind: Kind,
    pub part: Part,
    pub verbs: &'static [Verb],
    pub place: Place,
    /// What it is for.
    pub why: &'static str,
    /// What does not work without it.
    pub without: &'static str,
}

/// What an API server lets somebody do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
}

/// What of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Whole,
    Status,
    Finalizers,
    Eviction,
}

/// Where a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Wherever rollouts are looked after: everywhere, or in one namespace.
    Watched,
    /// The kind is in no namespace. A controller of one namespace has no such right and needs none.
    Cluster,
    /// In the controller's own namespace.
    Own,
}

use Kind::{AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate, EndpointSlice, Event, Lease};
use Kind::{Deployment, Pod, PodTemplate, ReplicaSet, Rollout, Secret, Service};
use Verb::{Create, Delete, Get, List, Patch, Update, Watch};

/// All of them. There is no line to list or watch Secrets, and there shall be none.
pub const ALL: &[Permission] = &[
    line(
        Rollout,
        &[List, Watch],
        "what is asked for",
        "nothing is done for any rollout",
    ),
    line(
        Rollout,
        &[Get],
        "what became of a write that was refused, which Service nobody refers to any more, and who may take a ReplicaSet",
        "a rollout whose write was refused is looked at only when it is heard of again; no Service is given back, and no ReplicaSet \
         without an owner is taken",
    ),
    line(
        Rollout,
        &[Patch],
        "the revision annotation, and `replicas` where a foreign CRD leaves it unset",
        "no update is begun",
    ),
    line(
        Rollout,
        &[Patch],
        "progress, conditions, phase",
        "no rollout moves: progress cannot be recorded",
    )
    .of(Part::Status),
    line(
        Rollout,
        &[Update],
        "ReplicaSets and runs keep their Rollout from being deleted first (blockOwnerDeletion)",
        "where the API server enforces it (OpenShift does), no ReplicaSet and no run is created",
    )
    .of(Part::Finalizers),
    line(
        ReplicaSet,
        &[List, Watch],
        "revisions and their pods' counts",
        "nothing is done for any rollout",
    ),
    line(
        ReplicaSet,
        &[Get],
        "what became of a write that was refused",
        "a refused write holds its rollout back longer",
    ),
    line(ReplicaSet, &[Create], "a new revision", "no update is begun"),
    line(
        ReplicaSet,
        &[Patch],
        "its size, its annotations, whose it is",
        "no revision is scaled",
    ),
    line(
        ReplicaSet,
        &[Delete],
        "revisions beyond revisionHistoryLimit",
        "old, empty ReplicaSets stay",
    ),
    line(
        Deployment,
        &[Get, List, Watch],
        "the template of rollouts with a workloadRef; nothing is read before there is one",
        "rollouts that refer to a Deployment are held where they are",
    ),
    line(
        Deployment,
        &[Patch],
        "its size, where a workloadRef asks with scaleDown",
        "a Deployment that was taken over keeps its pods",
    ),
    line(
        PodTemplate,
        &[Get, List, Watch],
        "the template of rollouts with a workloadRef; nothing is read before there is one",
        "rollouts that refer to a PodTemplate are held where they are",
    ),
    line(
        Service,
        &[List, Watch],
        "which revision a Service names",
        "rollouts that name a Service are held where they are",
    ),
    line(
        Service,
        &[Get],
        "what became of a write that was refused",
        "a refused write holds its rollout back longer",
    ),
    line(
        Service,
        &[Patch],
        "its selector: traffic is switched by it",
        "rollouts that name a Service are held before the switch",
    ),
    line(
        EndpointSlice,
        &[List],
        "whether a Service that was switched has ready endpoints",
        "old pods behind a Service stay, and analysis of a blue/green does not begin: nobody knows what it reaches",
    ),
    line(
        Pod,
        &[List],
        "pods to restart, pods to relabel, and pods that `sluice/scrape` asks",
        "restarts are held; pods keep the metadata of their old role; metrics of `sluice/scrape` are errors",
    ),
    line(
        Pod,
        &[Patch],
        "labels and annotations by role (canaryMetadata and the like)",
        "pods keep the metadata of their old role",
    ),
    line(
        Pod,
        &[Create],
        "restarts, which respect PodDisruptionBudgets",
        "pods are not restarted",
    )
    .of(Part::Eviction),
    line(
        AnalysisRun,
        &[List, Watch],
        "measurements so far",
        "rollouts that are analysed are held where they are",
    ),
    line(
        AnalysisRun,
        &[Get],
        "what became of a write that was refused",
        "a refused write holds its run back longer",
    ),
    line(
        AnalysisRun,
        &[Create],
        "an analysis",
        "rollouts are held at their analysis",
    ),
    line(
        AnalysisRun,
        &[Patch],
        "measurements, and the end of runs",
        "no analysis moves: measurements cannot be recorded",
    ),
    line(
        AnalysisRun,
        &[Delete],
        "runs beyond the history limits or their time to live",
        "old runs stay",
    ),
    line(
        AnalysisTemplate,
        &[List, Watch],
        "what is measured",
        "rollouts that name an AnalysisTemplate are held where they are",
    ),
    line(
        AnalysisTemplate,
        &[Get],
        "healing what a watch has missed",
        "a lost event is healed by a restart only",
    ),
    line(
        ClusterAnalysisTemplate,
        &[List, Watch],
        "what is measured",
        "rollouts that name a ClusterAnalysisTemplate are held where they are",
    )
    .at(Place::Cluster),
    line(
        ClusterAnalysisTemplate,
        &[Get],
        "healing what a watch has missed",
        "a lost event is healed by a restart only",
    )
    .at(Place::Cluster),
    line(
        Secret,
        &[Get],
        "arguments of an analysis that name a Secret; by name, when the analysis starts, and not kept",
        "analyses with such an argument are errors",
    ),
    line(
        Event,
        &[Create],
        "what people read in `kubectl describe`",
        "no Event is published",
    ),
    line(
        Lease,
        &[Get, Create, Update],
        "one leader of several replicas",
        "no replica becomes the leader: nothing is done",
    )
    .at(Place::Own),
    line(
        Lease,
        &[List],
        "whether another controller leads on the same rollouts, once at the start",
        "a second controller in another namespace is not noticed",
    ),
];

const fn line(kind: Kind, verbs: &'static [Verb], why: &'static str, without: &'static str) -> Permission {
    Permission {
        kind,
        part: Part::Whole,
        verbs,
        place: Place::Watched,
        why,
        without,
    }
}

impl Permission {
    const fn of(mut self, part: Part) -> Self {
        self.part = part;
        self
    }

    const fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// The resource as roles name it: `pods/eviction`.
    pub fn resource(&self) -> String {
        match self.part.as_str() {
            "" => self.kind.plural().to_owned(),
            part => format!("{}/{part}", self.kind.plural()),
        }
    }

    /// The resource with its group: `rollouts.argoproj.io/status`.
    pub fn full_resource(&self) -> String {
        let mut full = self.kind.plural().to_owned();
        for (mark, text) in [('.', self.kind.group()), ('/', self.part.as_str())] {
            if !text.is_empty() {
                full.push(mark);
                full.push_str(text);
            }
        }
        full
    }
}

impl Verb {
    /// As roles name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Get => "get",
            List => "list",
            Watch => "watch",
            Create => "create",
            Update => "update",
            Patch => "patch",
            Delete => "delete",
        }
    }
}

impl Part {
    /// As URLs and roles name it; empty for the whole object.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Whole => "",
            Part::Status => "status",
            Part::Finalizers => "finalizers",
            Part::Eviction => "eviction",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
