//! The objects around one rollout, read once or followed.
//!
//! Only what can belong to the rollout is asked for: by label, in its own namespace (field-lessons: `get rollout` took 40 s
//! where it read everything).

mod mirror;

use anyhow::Result;
use api::keys;
use api::rollout::Rollout;
use futures::stream::{BoxStream, StreamExt, select_all};
use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::{Cluster, Failure, Filter, Kind, Name, Scope};
use crate::tree::Family;
use mirror::Mirror;

/// A rollout of the namespace.
///
/// # Errors
/// It is not there, or cannot be read.
pub async fn rollout(cluster: &Cluster, name: &Name) -> Result<Rollout> {
    match cluster.get(&Kind::ROLLOUT, name).await {
        Ok(object) => typed(&Kind::ROLLOUT, object),
        Err(failure) if failure.is_not_found() => Err(Failure::absent(&Kind::ROLLOUT, name.as_str()).into()),
        Err(failure) => Err(failure.into()),
    }
}

/// The rollout and what belongs to it, as of now; and a line for each object that could not be read and is left out.
pub async fn family(cluster: &Cluster, name: &Name) -> Result<(Family, Vec<String>)> {
    let rollout = rollout(cluster, name).await?;
    let reach = Reach::of(&rollout);
    let (replica_sets, pods, runs, experiments) = futures::try_join!(
        listed(cluster, &Kind::REPLICA_SET, Some(reach.pods.clone())),
        listed(cluster, &Kind::POD, Some(reach.pods)),
        listed(cluster, &Kind::ANALYSIS_RUN, Some(reach.runs)),
        listed(cluster, &Kind::EXPERIMENT, reach.experiments),
    )?;
    let mut troubles = Vec::new();
    let family = Family {
        rollout,
        replica_sets: readable(&Kind::REPLICA_SET, replica_sets, &mut troubles),
        pods: readable(&Kind::POD, pods, &mut troubles),
        runs: readable(&Kind::ANALYSIS_RUN, runs, &mut troubles),
        experiments: readable(&Kind::EXPERIMENT, experiments, &mut troubles),
    };
    Ok((family, troubles))
}

/// Label selectors that reach all that can belong to a rollout.
struct Reach {
    /// ReplicaSets and pods.
    pods: String,
    runs: String,
    /// None where the rollout has no experiments.
    experiments: Option<String>,
}

impl Reach {
    fn of(rollout: &Rollout) -> Self {
        let any = keys::POD_TEMPLATE_HASH;
        if has_experiments(rollout) {
            // An experiment's ReplicaSets may carry other labels than the rollout's.
            return Reach {
                pods: any.to_owned(),
                runs: any.to_owned(),
                experiments: Some(any.to_owned()),
            };
        }
        let within = |selector: Option<String>| match selector {
            Some(selector) => format!("{selector},{any}"),
            None => any.to_owned(),
        };
        // Runs carry the selector's matchLabels, not its expressions (wire-contract 4.1).
        let labels = rollout.spec.selector.clone().unwrap_or_default().match_labels;
        let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        Reach {
            pods: within(selector(rollout)),
            runs: within((!labels.is_empty()).then(|| labels.join(","))),
            experiments: None,
        }
    }
}

/// The rollout's selector as text. That of a `workloadRef` is not in the spec, but a canary's status has it; none is known
/// for a blue/green.
pub fn selector(rollout: &Rollout) -> Option<String> {
    let spec = rollout
        .spec
        .selector
        .as_ref()
        .map(|selector| selector.to_selector_string());
    let status = rollout.status.as_ref().map(|status| status.selector.clone());
    let usable = |text: &String| !text.is_empty() && !text.starts_with('<');
    spec.filter(usable).or(status.filter(usable))
}

/// The ReplicaSets that may be the rollout's, raw; see [`crate::tree::is_owned`].
pub async fn replica_sets(cluster: &Cluster, rollout: &Rollout) -> Result<Vec<Value>, Failure> {
    let filter = Filter::labels(Reach::of(rollout).pods);
    cluster
        .list(&Kind::REPLICA_SET, Scope::Namespace(&cluster.namespace), &filter)
        .await
}

fn has_experiments(rollout: &Rollout) -> bool {
    let steps = rollout.spec.strategy.canary.iter().flat_map(|canary| &canary.steps);
    let current = rollout
        .status
        .as_ref()
        .is_some_and(|status| !status.canary.current_experiment.is_empty());
    current || steps.into_iter().any(|step| step.experiment.is_some())
}

async fn listed(cluster: &Cluster, kind: &Kind, labels: Option<String>) -> Result<Vec<Value>, Failure> {
    match labels {
        Some(labels) => {
            cluster
                .list(kind, Scope::Namespace(&cluster.namespace), &Filter::labels(labels))
                .await
        }
        None => Ok(Vec::new()),
    }
}

/// The objects that can be read; of the others, why not.
fn readable<T: DeserializeOwned>(kind: &Kind, objects: Vec<Value>, troubles: &mut Vec<String>) -> Vec<T> {
    let read = objects.into_iter().map(|object| typed(kind, object));
    read.filter_map(|object| object.map_err(|error| troubles.push(error.to_string())).ok())
        .collect()
}

/// A raw object as its type.
///
/// # Errors
/// It is not of that shape; the message names the object.
pub fn typed<T: DeserializeOwned>(kind: &Kind, object: Value) -> Result<T> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    serde_json::from_value(object)
        .map_err(|error| anyhow::anyhow!("could not read {} {name:?}: {error}", kind.full_name()))
}

/// A family that is kept up to date by watches.
pub struct Following {
    seen: BoxStream<'static, (Member, Result<Event<DynamicObject>, Failure>)>,
    rollout: Mirror<Rollout>,
    family: Family,
    replica_sets: Mirror<k8s_openapi::api::apps::v1::ReplicaSet>,
    pods: Mirror<k8s_openapi::api::core::v1::Pod>,
    runs: Mirror<api::analysis::AnalysisRun>,
    experiments: Mirror<api::experiment::Experiment>,
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
        let reach = Reach::of(first);
        let mut watches = vec![
            watch(Member::Rollout, &Kind::ROLLOUT, Filter::named(name)),
            watch(
                Member::ReplicaSet,
                &Kind::REPLICA_SET,
                Filter::labels(reach.pods.clone()),
            ),
            watch(Member::Pod, &Kind::POD, Filter::labels(reach.pods)),
            watch(Member::Run, &Kind::ANALYSIS_RUN, Filter::labels(reach.runs)),
        ];
        let mut experiments = Mirror::new(Kind::EXPERIMENT);
        match reach.experiments {
            Some(labels) => watches.push(watch(Member::Experiment, &Kind::EXPERIMENT, Filter::labels(labels))),
            None => experiments.take(Ok(Event::InitDone)),
        }
        Following {
            seen: select_all(watches).boxed(),
            rollout: Mirror::new(Kind::ROLLOUT),
            family: Family::default(),
            replica_sets: Mirror::new(Kind::REPLICA_SET),
            pods: Mirror::new(Kind::POD),
            runs: Mirror::new(Kind::ANALYSIS_RUN),
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
