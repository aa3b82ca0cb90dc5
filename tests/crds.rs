//! The CustomResourceDefinitions in crds/: as generated, small enough for `kubectl apply`, structural.
//!
//! With `SLUICE_WRITE_CRDS` set the files are written (`just crds`).

use std::path::{Path, PathBuf};

use serde_json::Value;

/// kubectl keeps what it applied in an annotation of at most 262,144 bytes; ours stay well below.
const LARGEST: usize = 200_000;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds")
}

#[test]
fn the_files_are_as_generated() {
    for (name, text) in api::crd::files().expect("YAML") {
        let path = directory().join(&name);
        if std::env::var_os("SLUICE_WRITE_CRDS").is_some() {
            std::fs::write(&path, &text).expect("a writable file");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "crds/{name} is not what the types say: run `just crds`"
        );
        let read: Value = serde_saphyr::from_str(&text).expect("YAML that reads back");
        let generated = api::crd::all().into_iter().find(|crd| name.starts_with(plural(crd)));
        assert_eq!(Some(read), generated, "{name}");
    }
    let files = std::fs::read_dir(directory()).expect("crds/").count();
    assert_eq!(files, api::crd::all().len(), "one file a kind, and nothing else");
}

#[test]
fn kubectl_can_apply_them() {
    for crd in api::crd::all() {
        let size = crd.to_string().len();
        println!("{}: {size} bytes", plural(&crd));
        assert!(size < LARGEST, "{}: {size} bytes", plural(&crd));
    }
}

#[test]
fn schemas_are_structural() {
    let mut wrong = Vec::new();
    for crd in api::crd::all() {
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        check(schema, plural(&crd), &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_field_of_ours_says_what_it_is() {
    let mut silent = Vec::new();
    for crd in api::crd::all() {
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        for part in ["spec", "status"] {
            undescribed(
                &schema["properties"][part],
                &format!("{}.{part}", plural(&crd)),
                &mut silent,
            );
        }
    }
    assert!(silent.is_empty(), "{} fields:\n{}", silent.len(), silent.join("\n"));
}

#[test]
fn the_kinds_are_those_of_the_contract() {
    let facts: Vec<String> = api::crd::all()
        .iter()
        .map(|crd| {
            let (names, version) = (&crd["spec"]["names"], &crd["spec"]["versions"][0]);
            let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten();
            let columns: Vec<&str> = columns.filter_map(|column| column["name"].as_str()).collect();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!(
                "{} {} {} {} {} subresources={} columns={}",
                text(&crd["metadata"]["name"]),
                text(&names["kind"]),
                text(&names["singular"]),
                text(&names["shortNames"][0]),
                text(&crd["spec"]["scope"]),
                version.get("subresources").unwrap_or(&Value::Null),
                columns.join(",")
            )
        })
        .collect();
    let scale = r#"{"scale":{"labelSelectorPath":".status.selector","specReplicasPath":".spec.replicas","statusReplicasPath":".status.HPAReplicas"},"status":{}}"#;
    assert_eq!(
        facts,
        [
            &*format!(
                "rollouts.argoproj.io Rollout rollout ro Namespaced subresources={scale} \
                 columns=Desired,Current,Up-to-date,Available,Age"
            ),
            "analysisruns.argoproj.io AnalysisRun analysisrun ar Namespaced subresources=null columns=Status,Age",
            "analysistemplates.argoproj.io AnalysisTemplate analysistemplate at Namespaced subresources=null columns=Age",
            "clusteranalysistemplates.argoproj.io ClusterAnalysisTemplate clusteranalysistemplate cat Cluster \
             subresources=null columns=Age",
            "experiments.argoproj.io Experiment experiment exp Namespaced subresources=null columns=Status,Age",
        ]
    );
}

fn plural(crd: &Value) -> &str {
    crd["spec"]["names"]["plural"].as_str().expect("a plural")
}

/// Keys a structural schema of ours may have.
const ALLOWED: [&str; 13] = [
    "type",
    "format",
    "description",
    "properties",
    "items",
    "additionalProperties",
    "required",
    "default",
    "enum",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

fn check(schema: &Value, path: &str, wrong: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        return wrong.push(format!("{path}: {schema} is no schema"));
    };
    for key in object.keys().filter(|key| !ALLOWED.contains(&key.as_str())) {
        wrong.push(format!("{path}: {key} is not allowed"));
    }
    let open = ["x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"];
    let is_open = open.iter().any(|key| object.get(*key) == Some(&Value::Bool(true)));
    let known = ["object", "array", "string", "integer", "number", "boolean"];
    match object.get("type") {
        Some(Value::String(name)) if known.contains(&name.as_str()) => {}
        None if is_open => {}
        other => wrong.push(format!("{path}: type {other:?}")),
    }
    if object.contains_key("properties") && object.contains_key("additionalProperties") {
        wrong.push(format!("{path}: properties and additionalProperties"));
    }
    if object.get("type").is_some_and(|name| name == "array") != object.contains_key("items") {
        wrong.push(format!("{path}: items belong to arrays"));
    }
    for key in object
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if schema["properties"].get(key).is_none() {
            wrong.push(format!("{path}: {key} is required and unknown"));
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get(key) {
            check(inner, &format!("{path}[]"), wrong);
        }
    }
    for (name, inner) in object
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        check(inner, &format!("{path}.{name}"), wrong);
    }
}

/// Where Kubernetes' own schemas begin: `kubectl explain pod` explains those.
const FOREIGN: [&str; 2] = ["template", "spec"];

fn undescribed(schema: &Value, path: &str, silent: &mut Vec<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if inner["description"].as_str().is_none_or(str::is_empty) {
            silent.push(path.clone());
        }
        let embeds = |part: &str| inner["properties"].get(part).is_some_and(Value::is_object);
        let foreign = FOREIGN.contains(&name.as_str()) && embeds("template");
        let template = name == "template" && embeds("metadata");
        if !foreign && !template {
            undescribed(inner, &path, silent);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            undescribed(inner, path, silent);
        }
    }
}
