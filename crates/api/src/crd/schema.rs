//! Structural schemas: what schemars makes of our types, with every reference written out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::pods;
use super::words::{FIXED, REQUIRED};
use crate::analysis::{AnalysisRunSpec, AnalysisRunStatus, AnalysisTemplateSpec, ClusterAnalysisTemplateSpec};
use crate::experiment::{ExperimentSpec, ExperimentStatus};
use crate::rollout::{RolloutSpec, RolloutStatus};

pub(super) fn rollout() -> Value {
    with_status::<RolloutSpec, RolloutStatus>(
        "A Deployment that moves traffic to a new version in steps, and back when it proves bad.",
    )
}

pub(super) fn analysis_run() -> Value {
    with_status::<AnalysisRunSpec, AnalysisRunStatus>("One run of an analysis: its metrics, measurements and verdict.")
}

pub(super) fn analysis_template() -> Value {
    without_status::<AnalysisTemplateSpec>("Metrics to measure, for the rollouts of this namespace.")
}

pub(super) fn cluster_analysis_template() -> Value {
    without_status::<ClusterAnalysisTemplateSpec>("Metrics to measure, for the rollouts of every namespace.")
}

pub(super) fn experiment() -> Value {
    with_status::<ExperimentSpec, ExperimentStatus>("Several pod templates run side by side for a while, and compared.")
}

fn with_status<S: JsonSchema, T: JsonSchema>(description: &str) -> Value {
    let mut root = without_status::<S>(description);
    root["properties"]["status"] = schema_of::<T>();
    root
}

fn without_status<S: JsonSchema>(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": schema_of::<S>(),
        },
    })
}

fn schema_of<T: JsonSchema>() -> Value {
    let mut generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    let root = Value::from(generator.subschema_for::<T>());
    let mut definitions = generator.take_definitions(true);
    pods::cut_down(&mut definitions);
    for (name, keys) in REQUIRED {
        if let Some(definition) = definitions.get_mut(*name) {
            definition["required"] = json!(keys);
        }
    }
    for (name, field, more) in FIXED {
        let Some(definition) = definitions.get_mut(*name) else {
            continue;
        };
        let more: Map<String, Value> = serde_json::from_str(more).unwrap_or_default();
        if let Some(field) = definition["properties"][*field].as_object_mut() {
            // what schemars made of our defaults goes, what we say stays
            field.extend(
                more.into_iter()
                    .map(|(key, value)| (format!("{FIXED_MARK}{key}"), value)),
            );
        }
    }
    let definitions = definitions.into_iter().collect();
    let mut schema = structural(&root, &definitions);
    if let Some(spec) = schema.as_object_mut() {
        // the kind's own description says it already
        spec.remove("description");
    }
    schema
}

/// Marks keys of [`FIXED`] until the keys that schemars wrote are gone.
const FIXED_MARK: &str = "fixed:";

/// Keys of schemars' that are of no use here, or not allowed.
const DROPPED: [&str; 4] = ["default", "title", "$schema", "$defs"];

fn structural(schema: &Value, definitions: &BTreeMap<String, Value>) -> Value {
    let Some(given) = schema.as_object() else {
        // `true`: anything
        return json!({ "x-kubernetes-preserve-unknown-fields": true });
    };
    let mut out = Map::new();
    for (key, value) in given {
        match key.as_str() {
            "$ref" => out.extend(object(structural(referenced(value, definitions), definitions))),
            "anyOf" | "oneOf" | "allOf" => {
                // of an optional field: the schema, or null, which absent stands for
                let parts = value.as_array().into_iter().flatten();
                for part in parts.filter(|part| part["type"] != "null") {
                    out.extend(object(structural(part, definitions)));
                }
            }
            "type" => {
                out.insert(key.clone(), not_null(value));
            }
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties = properties.map(|(name, property)| (name.clone(), structural(property, definitions)));
                out.insert(key.clone(), Value::Object(properties.collect()));
            }
            "items" | "additionalProperties" => {
                out.insert(key.clone(), structural(value, definitions));
            }
            "description" => {}
            key if DROPPED.contains(&key) => {}
            key => {
                out.insert(key.strip_prefix(FIXED_MARK).unwrap_or(key).to_owned(), value.clone());
            }
        }
    }
    // the words at the field say more than those at its type
    if let Some(Value::String(text)) = given.get("description") {
        out.insert("description".to_owned(), plain(text).into());
    }
    if out.contains_key("properties") && out.remove("additionalProperties").is_some() {
        // a map flattened into a struct keeps what the struct does not know
        out.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
    }
    Value::Object(out)
}

fn referenced<'a>(reference: &Value, definitions: &'a BTreeMap<String, Value>) -> &'a Value {
    let name = reference
        .as_str()
        .and_then(|path| path.rsplit('/').next())
        .unwrap_or_default();
    definitions.get(name).unwrap_or(&Value::Null)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn not_null(types: &Value) -> Value {
    let first = types.as_array().into_iter().flatten().find(|name| **name != "null");
    first.unwrap_or(types).clone()
}

/// A doc comment as a user reads it: without our sources and marks.
fn plain(text: &str) -> String {
    let text = text.split("Source: wire-contract").next().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "")
}
