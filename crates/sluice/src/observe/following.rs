//! A family that watches keep up to date.

use api::analysis::AnalysisRun;
use api::experiment::Experiment;
use api::rollout::Rollout;
use futures::stream::{BoxStream, StreamExt, select_all};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DynamicObject;
use kube::runtime::watcher::Event;

use super::Selectors;
use super::mirror::Mirror;
use crate::cluster::{Cluster, Failure, Filter, Kind, Name, Scope};
use crate::tree::Family;

/// A family that is kept up to date by watches.
pub struct Following {
    seen: BoxStream<'static, (Member, Result<Event<DynamicObject>, Failure>)>,
    rollout: Mirror<Rollout>,
    family: Family,
    replica_sets: Mirror<ReplicaSet>,
    pods: Mirror<Pod>,
    runs: Mirror<AnalysisRun>,
    experiments: Mirror<Experiment>,
}

/// Whose watch an event came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Rollout,
    ReplicaSet,
    Pod,
    Run,
    Experiment,
}

impl Following {
    /// Starts to follow a rollout; `first` says which objects can belong to it.
    pub fn start(cluster: &Cluster, name: &Name, first: &Rollout) -> Self {
        let scope = Scope::Namespace(&cluster.namespace);
        let watch = |member, kind: &Kind, filter: Filter| {
            cluster
                .watch(kind, scope, &filter)
                .map(move |seen| (member, seen))
                .boxed()
        };
        let selectors = Selectors::of(first);
        let mut watches = vec![
            watch(Member::Rollout, &Kind::ROLLOUT, Filter::named(name)),
            watch(
                Member::ReplicaSet,
                &Kind::REPLICA_SET,
                Filter::labels(selectors.pods.clone()),
            ),
            watch(Member::Pod, &Kind::POD, Filter::labels(selectors.pods)),
            watch(Member::Run, &Kind::ANALYSIS_RUN, Filter::labels(selectors.runs)),
        ];
        let mut experiments = Mirror::new();
        match selectors.experiments {
            Some(labels) => watches.push(watch(Member::Experiment, &Kind::EXPERIMENT, Filter::labels(labels))),
            None => experiments.take(Ok(Event::InitDone)),
        }
        Following {
            seen: select_all(watches).boxed(),
            rollout: Mirror::new(),
            family: Family::default(),
            replica_sets: Mirror::new(),
            pods: Mirror::new(),
            runs: Mirror::new(),
            experiments,
        }
    }

    /// Waits for the next event and takes it in. Safe to drop and call again.
    pub async fn next(&mut self) {
        match self.seen.next().await {
            Some((Member::Rollout, seen)) => self.rollout.take(seen),
            Some((Member::ReplicaSet, seen)) => self.replica_sets.take(seen),
            Some((Member::Pod, seen)) => self.pods.take(seen),
            Some((Member::Run, seen)) => self.runs.take(seen),
            Some((Member::Experiment, seen)) => self.experiments.take(seen),
            // Watches do not end; were they to, there would be nothing more to wait for.
            None => std::future::pending().await,
        }
    }

    /// Whether every watch has told what there is.
    pub fn is_complete(&self) -> bool {
        self.rollout.is_complete()
            && self.replica_sets.is_complete()
            && self.pods.is_complete()
            && self.runs.is_complete()
            && self.experiments.is_complete()
    }

    /// The family as last seen; none once the rollout is gone.
    pub fn family(&mut self) -> Option<&Family> {
        self.family = Family {
            rollout: self.rollout.objects().next()?.clone(),
            replica_sets: self.replica_sets.objects().cloned().collect(),
            pods: self.pods.objects().cloned().collect(),
            runs: self.runs.objects().cloned().collect(),
            experiments: self.experiments.objects().cloned().collect(),
        };
        Some(&self.family)
    }

    /// What keeps a watch from being up to date, a line each.
    pub fn troubles(&self) -> Vec<&str> {
        let all = [
            self.rollout.trouble(),
            self.replica_sets.trouble(),
            self.pods.trouble(),
            self.runs.trouble(),
            self.experiments.trouble(),
        ];
        all.into_iter().flatten().collect()
    }
}
