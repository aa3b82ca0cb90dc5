//! The CustomResourceDefinitions of our five kinds, generated from the types.
//!
//! Source: wire-contract 1.0. Names, scope, scale and printer columns come from the derive; the schema is ours, because
//! structural schemas allow no references, and because a pod template's descriptions alone would fill half a megabyte.

mod pods;
mod schema;
mod words;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;
use serde_json::Value;

use crate::analysis::{AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate};
use crate::experiment::Experiment;
use crate::rollout::Rollout;

pub(crate) use pods::{job_spec_schema, template_schema};

/// One CustomResourceDefinition a kind, keys sorted.
pub fn all() -> Vec<Value> {
    vec![
        definition(Rollout::crd(), schema::rollout(), Status::Subresource),
        definition(AnalysisRun::crd(), schema::analysis_run(), Status::PartOfTheObject),
        definition(
            AnalysisTemplate::crd(),
            schema::analysis_template(),
            Status::PartOfTheObject,
        ),
        definition(
            ClusterAnalysisTemplate::crd(),
            schema::cluster_analysis_template(),
            Status::PartOfTheObject,
        ),
        definition(Experiment::crd(), schema::experiment(), Status::PartOfTheObject),
    ]
}

/// The same as files: name and YAML text.
///
/// # Errors
/// None in practice: a JSON tree always has a YAML form.
pub fn files() -> Result<Vec<(String, String)>, serde_saphyr::ser::Error> {
    let header = "# Generated from crates/api by `just crds`.\n";
    let file = |definition: &Value| {
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap_or_default();
        Ok((
            format!("{plural}.yaml"),
            format!("{header}{}", serde_saphyr::to_string(definition)?),
        ))
    };
    all().iter().map(file).collect()
}

/// Where `status` is written. Runs and experiments have no status subresource on the wire.
enum Status {
    Subresource,
    PartOfTheObject,
}

fn definition(derived: CustomResourceDefinition, schema: Value, status: Status) -> Value {
    // plain data: there is nothing in it that could fail to be JSON
    let mut definition = serde_json::to_value(derived).unwrap_or_default();
    let version = &mut definition["spec"]["versions"][0];
    version["schema"] = serde_json::json!({ "openAPIV3Schema": schema });
    if let (Status::PartOfTheObject, Some(version)) = (status, version.as_object_mut()) {
        version.remove("subresources");
    }
    if let Some(spec) = definition["spec"]["names"].as_object_mut() {
        spec.remove("categories");
    }
    definition.sort_all_objects();
    definition
}
