//! Everything that is to be seen in the demo's namespace, kept up to date by watches.

use anyhow::Result;
use api::analysis::AnalysisRun;
use api::decode::Decoded;
use api::keys;
use api::rollout::{Rollout, RolloutStatus};
use futures::stream::{BoxStream, StreamExt, select_all};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use kube::core::DynamicObject;
use kube::runtime::watcher;
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::{Cluster, Failure, Filter, Kind, Scope};
use crate::observe::{Mirror, Readable};
use crate::tree::{Family, is_owned};

/// The namespace as last seen.
pub struct Scene {
    seen: BoxStream<'static, News>,
    rollouts: Mirror<Rollout>,
    replica_sets: Mirror<ReplicaSet>,
    pods: Mirror<Pod>,
    runs: Mirror<AnalysisRun>,
    services: Mirror<Service>,
    events: Mirror<Event>,
}

/// What a watch has told, and which.
type News = (Member, Result<watcher::Event<DynamicObject>, Failure>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Rollout,
    ReplicaSet,
    Pod,
    Run,
    Service,
    Event,
}

impl Scene {
    /// Starts to watch the cluster's namespace.
    pub fn watch(cluster: &Cluster) -> Self {
        let scope = Scope::Namespace(&cluster.namespace);
        let watch = |member, kind: &Kind| {
            let seen = cluster.watch(kind, scope, &Filter::default());
            seen.map(move |seen| (member, seen)).boxed()
        };
        let watches = [
            watch(Member::Rollout, &Kind::ROLLOUT),
            watch(Member::ReplicaSet, &Kind::REPLICA_SET),
            watch(Member::Pod, &Kind::POD),
            watch(Member::Run, &Kind::ANALYSIS_RUN),
            watch(Member::Service, &Service::KIND),
            watch(Member::Event, &Event::KIND),
        ];
        Scene::from(select_all(watches).boxed())
    }

    fn from(seen: BoxStream<'static, News>) -> Self {
        Scene {
            seen,
            rollouts: Mirror::new(),
            replica_sets: Mirror::new(),
            pods: Mirror::new(),
            runs: Mirror::new(),
            services: Mirror::new(),
            events: Mirror::new(),
        }
    }

    /// A scene of these objects, in which nothing more happens.
    #[cfg(test)]
    pub(super) fn of(objects: &[Value]) -> Self {
        let members = objects.iter().map(|object| {
            let member = match object["kind"].as_str() {
                Some("Rollout") => Member::Rollout,
                Some("ReplicaSet") => Member::ReplicaSet,
                Some("Pod") => Member::Pod,
                Some("AnalysisRun") => Member::Run,
                Some("Service") => Member::Service,
                other => panic!("a scene holds no {other:?}"),
            };
            let object = serde_json::from_value(object.clone()).expect("an object");
            (member, Ok(watcher::Event::Apply(object)))
        });
        let mut scene = Scene::from(futures::stream::iter(members.collect::<Vec<_>>()).boxed());
        for _ in objects {
            futures::FutureExt::now_or_never(scene.next());
        }
        scene
    }

    /// Waits for the next piece of news and takes it in. Safe to drop and call again.
    pub async fn next(&mut self) {
        match self.seen.next().await {
            Some((Member::Rollout, seen)) => self.rollouts.take(seen),
            Some((Member::ReplicaSet, seen)) => self.replica_sets.take(seen),
            Some((Member::Pod, seen)) => self.pods.take(seen),
            Some((Member::Run, seen)) => self.runs.take(seen),
            Some((Member::Service, seen)) => self.services.take(seen),
            Some((Member::Event, seen)) => self.events.take(seen),
            // Watches do not end; were they to, there would be nothing more to wait for.
            None => std::future::pending().await,
        }
    }

    pub fn rollout(&self, name: &str) -> Option<&Rollout> {
        self.rollouts
            .objects()
            .find(|rollout| rollout.metadata.name.as_deref() == Some(name))
    }

    pub fn rollouts(&self) -> impl Iterator<Item = &Rollout> {
        self.rollouts.objects()
    }

    /// The status of a rollout; empty where there is none yet.
    pub fn status(&self, name: &str) -> RolloutStatus {
        let rollout = self.rollout(name);
        rollout.and_then(|rollout| rollout.status.clone()).unwrap_or_default()
    }

    /// The ReplicaSets of a rollout.
    pub fn replica_sets(&self, of: &Rollout) -> impl Iterator<Item = &ReplicaSet> {
        let owner = of.metadata.clone();
        let all = self.replica_sets.objects();
        all.filter(move |set| is_owned(&set.metadata, &owner))
    }

    /// The pods of a rollout that nobody has asked to end.
    pub fn pods(&self, of: &Rollout) -> impl Iterator<Item = &Pod> {
        let sets: Vec<_> = self.replica_sets(of).map(|set| set.metadata.clone()).collect();
        self.pods.objects().filter(move |pod| {
            pod.metadata.deletion_timestamp.is_none() && sets.iter().any(|set| is_owned(&pod.metadata, set))
        })
    }

    /// The analysis runs of a rollout.
    pub fn runs(&self, of: &Rollout) -> impl Iterator<Item = &AnalysisRun> {
        let owner = of.metadata.clone();
        self.runs.objects().filter(move |run| is_owned(&run.metadata, &owner))
    }

    /// Every analysis run.
    pub fn all_runs(&self) -> impl Iterator<Item = &AnalysisRun> {
        self.runs.objects()
    }

    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.objects()
    }

    /// The pod template hash that a Service selects; empty where it selects any or is not there.
    pub fn selected(&self, service: &str) -> &str {
        let named = |seen: &&Service| seen.metadata.name.as_deref() == Some(service);
        let service = self.services.objects().find(named);
        let selector = service
            .and_then(|service| service.spec.as_ref()?.selector.as_ref())
            .and_then(|selector| selector.get(keys::POD_TEMPLATE_HASH));
        selector.map_or("", String::as_str)
    }

    /// The image of the pods with a template hash, of whatever rollout.
    pub fn image(&self, hash: &str) -> Option<String> {
        let set = self.replica_sets.objects().find(|set| self::hash(set) == hash)?;
        let pod = set.spec.as_ref()?.template.as_ref()?.spec.as_ref()?;
        pod.containers.first()?.image.clone()
    }

    /// A rollout and what belongs to it, for the tree.
    pub fn family(&self, name: &str) -> Option<Family> {
        Some(Family {
            rollout: self.rollout(name)?.clone(),
            replica_sets: self.replica_sets.objects().cloned().collect(),
            pods: self.pods.objects().cloned().collect(),
            runs: self.runs.objects().cloned().collect(),
            experiments: Vec::new(),
        })
    }
}

/// The pod template hash of a ReplicaSet.
pub fn hash(set: &ReplicaSet) -> &str {
    let labels = set.metadata.labels.as_ref();
    let hash = labels.and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH));
    hash.map_or("", String::as_str)
}

/// The image of a pod's first container.
pub fn image(pod: &Pod) -> &str {
    let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    container
        .and_then(|container| container.image.as_deref())
        .unwrap_or_default()
}

const fn core(kind: &'static str, singular: &'static str, plural: &'static str) -> Kind {
    Kind {
        group: "",
        version: "v1",
        kind,
        singular,
        plural,
    }
}

impl Readable for Service {
    const KIND: Kind = core("Service", "service", "services");

    fn decode(object: &Value) -> Result<Decoded<Self>, serde_json::Error> {
        Ok(Decoded {
            object: Service::deserialize(object)?,
            dropped: Vec::new(),
        })
    }
}

impl Readable for Event {
    const KIND: Kind = core("Event", "event", "events");

    fn decode(object: &Value) -> Result<Decoded<Self>, serde_json::Error> {
        Ok(Decoded {
            object: Event::deserialize(object)?,
            dropped: Vec::new(),
        })
    }
}
