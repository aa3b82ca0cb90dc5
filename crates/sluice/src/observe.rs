//! The objects around one rollout, read once or followed.
//!
//! Only what can belong to the rollout is asked for: by label, in its own namespace (field-lessons: `get rollout` took 40 s
//! where it read everything).

mod following;
mod mirror;
mod readable;

use anyhow::Result;
use api::keys;
use api::rollout::Rollout;
use serde_json::Value;

use crate::cluster::{Cluster, Failure, Filter, Kind, Name, Scope};
use crate::tree::Family;
pub use following::Following;
pub(crate) use mirror::Mirror;
pub use readable::{Readable, shown, whole};

/// A rollout of the namespace, raw.
///
/// # Errors
/// It is not there, or the server does not say.
pub async fn rollout(cluster: &Cluster, name: &Name) -> Result<Value, Failure> {
    match cluster.get(&Kind::ROLLOUT, name).await {
        // In the words of a cache, as Argo's plugin says it (wire-contract 7.4).
        Err(failure) if failure.is_not_found() => Err(Failure::absent(&Kind::ROLLOUT, name.as_str())),
        answer => answer,
    }
}

/// The rollout and what belongs to it, as of now; and a line for each part that could not be read and is left out.
pub async fn family(cluster: &Cluster, name: &Name) -> Result<(Family, Vec<String>)> {
    let (rollout, mut troubles) = shown(&rollout(cluster, name).await?)?;
    let selectors = Selectors::of(&rollout);
    let (replica_sets, pods, runs, experiments) = futures::try_join!(
        listed(cluster, &Kind::REPLICA_SET, Some(selectors.pods.clone())),
        listed(cluster, &Kind::POD, Some(selectors.pods)),
        listed(cluster, &Kind::ANALYSIS_RUN, Some(selectors.runs)),
        listed(cluster, &Kind::EXPERIMENT, selectors.experiments),
    )?;
    let family = Family {
        rollout,
        replica_sets: readable(&replica_sets, &mut troubles),
        pods: readable(&pods, &mut troubles),
        runs: readable(&runs, &mut troubles),
        experiments: readable(&experiments, &mut troubles),
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
fn readable<T: Readable>(objects: &[Value], troubles: &mut Vec<String>) -> Vec<T> {
    let mut read = Vec::new();
    for object in objects {
        match shown(object) {
            Ok((object, dropped)) => {
                read.push(object);
                troubles.extend(dropped);
            }
            Err(error) => troubles.push(error.to_string()),
        }
    }
    read
}
