//! Whether the CustomResourceDefinitions are there, and whose they are.

use serde_json::Value;

use super::{Finding, Seen, some};

pub(super) fn findings(seen: &Seen) -> Vec<Finding> {
    let Some(installed) = &seen.definitions else {
        return Vec::new();
    };
    let named = |crd: &Value| crd["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let wanted: Vec<String> = api::crd::all().iter().map(named).collect();
    let there: Vec<&Value> = installed.iter().filter(|crd| wanted.contains(&named(crd))).collect();
    let missing: Vec<String> = wanted
        .iter()
        .filter(|name| !there.iter().any(|crd| named(crd) == **name))
        .cloned()
        .collect();
    let mut found = Vec::new();
    if !missing.is_empty() {
        found.push(Finding::stop(format!(
            "not installed: {}: the chart installs them, or `sluice crds | kubectl apply --server-side -f -`",
            missing.join(", ")
        )));
    }
    let old: Vec<String> = there.iter().filter(|crd| !serves(crd)).map(|crd| named(crd)).collect();
    if !old.is_empty() {
        found.push(Finding::stop(format!("do not serve v1alpha1: {}", old.join(", "))));
    }
    let free: Vec<String> = there
        .iter()
        .filter(|crd| release(crd).is_empty())
        .map(|crd| named(crd))
        .collect();
    let mut owners: Vec<String> = there
        .iter()
        .map(|crd| release(crd))
        .filter(|release| !release.is_empty())
        .collect();
    owners.dedup();
    if !owners.is_empty() {
        found.push(Finding::fine(format!(
            "CustomResourceDefinitions belong to Helm release {}",
            some(&owners)
        )));
    }
    if !free.is_empty() {
        found.push(Finding::note(format!(
            "{} CustomResourceDefinitions belong to no Helm release: install the chart with --take-ownership or with \
             --set crds.install=false",
            free.len()
        )));
    }
    found
}

/// `namespace/name` of the Helm release that a definition belongs to; empty without one.
fn release(crd: &Value) -> String {
    let annotation = |key: &str| crd["metadata"]["annotations"][key].as_str().unwrap_or_default();
    match annotation("meta.helm.sh/release-name") {
        "" => String::new(),
        name => format!("{}/{name}", annotation("meta.helm.sh/release-namespace")),
    }
}

fn serves(crd: &Value) -> bool {
    let versions = crd["spec"]["versions"].as_array().into_iter().flatten();
    versions
        .into_iter()
        .any(|version| version["name"] == "v1alpha1" && version["served"] == true)
}
