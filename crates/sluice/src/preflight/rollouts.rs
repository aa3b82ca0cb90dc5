//! What the rollouts are doing, and what of them is not done here.

use std::collections::BTreeMap;

use api::analysis::AnalysisTemplateSpec;
use api::rollout::Rollout;
use api::validate;
use serde::Deserialize;
use serde_json::Value;

use super::{Finding, Seen, name, some};
use crate::standing::standing;

pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut phases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut unusable: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut notified = Vec::new();
    for object in &seen.rollouts {
        let rollout = match Rollout::deserialize(object) {
            Ok(rollout) => rollout,
            Err(error) => {
                unusable
                    .entry(format!("cannot be read: {error}"))
                    .or_default()
                    .push(name(object));
                continue;
            }
        };
        phases.entry(standing(&rollout).phase).or_default().push(name(object));
        let refused = validate::unsupported_features(&rollout.spec);
        let invalid = validate::rollout(&rollout);
        for error in refused.into_iter().chain(invalid) {
            unusable.entry(error.to_string()).or_default().push(name(object));
        }
        let annotations = rollout.metadata.annotations.iter().flatten();
        if annotations
            .into_iter()
            .any(|(key, _)| key.starts_with("notifications.argoproj.io/"))
        {
            notified.push(name(object));
        }
    }
    for object in &seen.templates {
        for error in refused_metrics(object) {
            unusable.entry(error).or_default().push(name(object));
        }
    }
    found.push(in_flight(&phases, seen.rollouts.len()));
    for (why, names) in &unusable {
        found.push(Finding::stop(format!("{}: {why}", some(names))));
    }
    let running = |object: &&Value| object["status"]["phase"] == "Running" || object["status"]["phase"] == "Pending";
    let experiments: Vec<String> = seen.experiments.iter().filter(running).map(name).collect();
    if !experiments.is_empty() {
        found.push(Finding::stop(format!(
            "{}: experiments are not run by this version of Sluice",
            some(&experiments)
        )));
    }
    if !notified.is_empty() {
        found.push(Finding::note(format!(
            "{}: notifications are not sent by this version of Sluice",
            some(&notified)
        )));
    }
    found
}

fn in_flight(phases: &BTreeMap<String, Vec<String>>, total: usize) -> Finding {
    let busy = phases.iter().filter(|(phase, _)| *phase != "Healthy");
    let busy: Vec<String> = busy
        .map(|(phase, names)| format!("{} {phase} ({})", names.len(), some(names)))
        .collect();
    if busy.is_empty() {
        return Finding::fine(format!("rollouts: {total}, none in flight"));
    }
    Finding::note(format!(
        "rollouts: {total}, in flight: {}; each is continued where it is, and the quietest time for a switch is without",
        busy.join(", ")
    ))
}

/// The metrics of a template that come from a provider we cannot ask.
fn refused_metrics(template: &Value) -> Vec<String> {
    let Ok(spec) = AnalysisTemplateSpec::deserialize(&template["spec"]) else {
        return vec!["cannot be read".to_owned()];
    };
    let metrics = spec.metrics.iter().enumerate();
    let refused =
        metrics.filter_map(|(at, metric)| validate::unsupported_metric(metric, &format!("spec.metrics[{at}]")));
    refused.map(|error| error.to_string()).collect()
}
