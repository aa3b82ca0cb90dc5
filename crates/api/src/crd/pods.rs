//! The schemas of pod templates and Job specs inside our kinds: Kubernetes' own, cut down.

use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The schema of a pod template inside our kinds.
pub(crate) fn template_schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<PodTemplateSpec>()
}

/// The schema of a metric's Job.
pub(crate) fn job_spec_schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<JobSpec>()
}

/// Cuts Kubernetes' definitions down: no descriptions, metadata only as far as the contract keeps it, amounts unchecked (so that a bad one is
/// stored and refused by us, with a reason), and room in the pod spec for fields newer than our library.
pub(super) fn cut_down(definitions: &mut Map<String, Value>) {
    for (name, definition) in definitions.iter_mut().filter(|(name, _)| name.starts_with("io.k8s.")) {
        let short = name.rsplit('.').next().unwrap_or_default();
        match short {
            "ObjectMeta" => *definition = metadata(),
            "PodSpec" => definition["x-kubernetes-preserve-unknown-fields"] = json!(true),
            "ResourceRequirements" => {
                for key in ["limits", "requests"] {
                    definition["properties"][key] =
                        json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
                }
            }
            _ => {}
        }
        without_descriptions(definition);
    }
}

fn metadata() -> Value {
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    json!({ "type": "object", "properties": { "labels": texts, "annotations": texts } })
}

fn without_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // a property may itself be called description: then it is an object
            object.retain(|key, value| key != "description" || !value.is_string());
            object.values_mut().for_each(without_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(without_descriptions),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
