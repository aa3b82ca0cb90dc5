//! Every field of the contract goes through our types and comes out as it went in.

use std::collections::BTreeSet;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::analysis::{AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate};
use crate::experiment::Experiment;
use crate::rollout::{Rollout, RolloutStatus};

const CANARY: &str = include_str!("round_trip/canary.yaml");
const BLUE_GREEN: &str = include_str!("round_trip/blue-green.yaml");
const TEMPLATE: &str = include_str!("round_trip/analysis-template.yaml");
const RUN: &str = include_str!("round_trip/analysis-run.yaml");
const EXPERIMENT: &str = include_str!("round_trip/experiment.yaml");

fn tree(yaml: &str) -> Value {
    let mut tree: Value = serde_saphyr::from_str(yaml).expect("YAML");
    tree.sort_all_objects();
    tree
}

fn goes_through<K: Serialize + DeserializeOwned>(manifest: &Value) {
    let typed: K = serde_json::from_value(manifest.clone()).expect("a manifest of the kind");
    let mut back = serde_json::to_value(typed).expect("JSON");
    back.sort_all_objects();
    let text = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
    assert_eq!(text(&back), text(manifest));
}

#[test]
fn nothing_is_lost() {
    goes_through::<Rollout>(&tree(CANARY));
    goes_through::<Rollout>(&tree(BLUE_GREEN));
    goes_through::<AnalysisTemplate>(&tree(TEMPLATE));
    let mut cluster = tree(TEMPLATE);
    cluster["kind"] = json!("ClusterAnalysisTemplate");
    goes_through::<ClusterAnalysisTemplate>(&cluster);
    goes_through::<AnalysisRun>(&tree(RUN));
    goes_through::<Experiment>(&tree(EXPERIMENT));
}

/// The manifests are written from the contract, the schema comes from the types: each must know all that the other
/// does.
#[test]
fn the_manifests_and_the_types_know_the_same_fields() {
    let definitions = crate::crd::all();
    for (kind, manifests) in [
        ("Rollout", vec![CANARY, BLUE_GREEN]),
        ("AnalysisTemplate", vec![TEMPLATE]),
        ("Experiment", vec![EXPERIMENT]),
    ] {
        let definition = definitions
            .iter()
            .find(|d| d["spec"]["names"]["kind"] == kind)
            .expect("the kind");
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let (mut known, mut written) = (BTreeSet::new(), BTreeSet::new());
        for part in ["spec", "status"] {
            in_schema(&schema["properties"][part], part, &mut known);
            for manifest in &manifests {
                in_manifest(&schema["properties"][part], &tree(manifest)[part], part, &mut written);
            }
        }
        let missing: Vec<_> = known.difference(&written).collect();
        assert!(missing.is_empty(), "no manifest of {kind} has {missing:#?}");
        let unknown: Vec<_> = written
            .difference(&known)
            .filter(|path| !path.contains("OfTomorrow"))
            .collect();
        assert!(unknown.is_empty(), "no type of {kind} has {unknown:#?}");
    }
}

/// Kubernetes' own schemas are not ours to try.
fn is_foreign(name: &str, schema: &Value) -> bool {
    let inner = |key: &str| schema["properties"].get(key).is_some();
    (name == "template" && inner("spec")) || (name == "spec" && inner("backoffLimit"))
}

fn in_schema(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        found.insert(path.clone());
        if !is_foreign(name, inner) {
            in_schema(inner, &path, found);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            in_schema(inner, path, found);
        }
    }
}

fn in_manifest(schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            let Some(properties) = schema["properties"].as_object() else {
                return object
                    .values()
                    .for_each(|v| in_manifest(&schema["additionalProperties"], v, path, found));
            };
            for (name, inner) in object {
                let path = format!("{path}.{name}");
                found.insert(path.clone());
                let schema = properties.get(name).unwrap_or(&Value::Null);
                if !is_foreign(name, schema) {
                    in_manifest(schema, inner, &path, found);
                }
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| in_manifest(&schema["items"], item, path, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A client that writes whole Go objects sends zero values and null (wire-contract 10.5 #75).
#[test]
fn zero_values_of_go_are_read() {
    let rollout: Rollout = serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web", "creationTimestamp": null},
        "spec": {
            "selector": null,
            "template": {"metadata": {"creationTimestamp": null}, "spec": {"containers": null}},
            "strategy": {"canary": {"steps": [{"experiment": {"templates": null, "analysisRunMetadata": {}}}]}},
        },
        "status": {
            "canary": {}, "blueGreen": {}, "HPAReplicas": 0, "replicas": 0, "pauseConditions": null,
            "conditions": [{"type": "Available", "status": "True", "lastUpdateTime": null,
                            "lastTransitionTime": null, "reason": "", "message": ""}],
        },
    }))
    .expect("a rollout");
    assert_eq!(rollout.spec.selector, None);
    assert!(rollout.spec.template.is_some_and(|template| template.is_empty()));
    assert_eq!(rollout.status.map(|status| status.conditions.len()), Some(1));
    let run: AnalysisRun = serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "r"},
        "spec": {"metrics": null}, "status": {"phase": "", "runSummary": {}},
    }))
    .expect("a run");
    assert!(run.spec.metrics.is_empty());
}

/// Structs that Go writes even when they are empty (wire-contract 1.7, 1.9, 1.10).
#[test]
fn some_empty_structs_are_written() {
    assert_eq!(
        serde_json::to_value(RolloutStatus::default()).expect("JSON"),
        json!({"canary": {}, "blueGreen": {}})
    );
    let run = serde_json::to_value(AnalysisRun::default()).expect("JSON");
    assert_eq!(run["spec"], json!({"metrics": []}));
    let experiment = serde_json::to_value(Experiment::default()).expect("JSON");
    assert_eq!(experiment["spec"], json!({"templates": [], "analysisRunMetadata": {}}));
}
