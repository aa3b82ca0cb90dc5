//! The objects around one rollout, read once or followed.
//!
//! Only what can belong to the rollout is asked for: by label, in its own namespace (field-lessons: `get rollout` took 40 s
//! where it read everything).

mod following;
mod mirror;

use anyhow::Result;
use api::keys;
use api::rollout::Rollout;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::{Cluster, Failure, Filter, Kind, Name, Scope};
use crate::tree::Family;
pub use following::Following;

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
    let selectors = Selectors::of(&rollout);
    let (replica_sets, pods, runs, experiments) = futures::try_join!(
        listed(cluster, &Kind::REPLICA_SET, Some(selectors.pods.clone())),
        listed(cluster, &Kind::POD, Some(selectors.pods)),
        listed(cluster, &Kind::ANALYSIS_RUN, Some(selectors.runs)),
        listed(cluster, &Kind::EXPERIMENT, selectors.experiments),
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
struct Selectors {
    /// ReplicaSets and pods.
    pods: String,
    runs: String,
    /// None where the rollout has no experiments.
    experiments: Option<String>,
}

impl Selectors {
    fn of(rollout: &Rollout) -> Self {
        let any = keys::POD_TEMPLATE_HASH;
        if has_experiments(rollout) {
            // An experiment's ReplicaSets may carry other labels than the rollout's.
            return Selectors {
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
        Selectors {
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
    let filter = Filter::labels(Selectors::of(rollout).pods);
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
