//! Which kinds lint knows, and the schema of each.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::nearest::nearest;

/// What lint has to say about a pair of apiVersion and kind.
pub(super) enum Known {
    /// Every field of it.
    Schema(&'static Value),
    /// Somebody else's; nothing.
    Foreign,
    /// Probably one of ours, misspelt: what was meant, as `apiVersion` and `kind`.
    Misspelt(&'static str, &'static str),
}

/// Schemas by apiVersion and kind, `metadata` filled in.
static SCHEMAS: LazyLock<BTreeMap<(String, String), Value>> = LazyLock::new(|| {
    let metadata = core::<ObjectMeta>();
    let mut schemas = BTreeMap::new();
    for definition in api::crd::all() {
        let spec = &definition["spec"];
        let version = &spec["versions"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut schema = version["schema"]["openAPIV3Schema"].clone();
        schema["properties"]["metadata"] = metadata.clone();
        let api_version = format!("{}/{}", text(&spec["group"]), text(&version["name"]));
        schemas.insert((api_version, text(&spec["names"]["kind"])), schema);
    }
    schemas.insert(("v1".to_owned(), "Service".to_owned()), core::<Service>());
    schemas
});

pub(super) fn known(api_version: &str, kind: &str) -> Known {
    if let Some(schema) = SCHEMAS.get(&(api_version.to_owned(), kind.to_owned())) {
        return Known::Schema(schema);
    }
    let group = api_version.split('/').next().unwrap_or_default();
    // Argo Workflows and Argo CD share the group; their kinds are none of our business.
    let ours = SCHEMAS
        .keys()
        .filter(|(version, _)| version.split('/').next() == Some(group));
    let meant = nearest(kind, ours.map(|(_, kind)| kind.as_str()));
    let meant = meant.and_then(|meant| SCHEMAS.keys().find(|(_, kind)| kind == meant));
    if let Some((version, kind)) = meant {
        return Known::Misspelt(version, kind);
    }
    match SCHEMAS.keys().find(|(_, ours)| ours == kind && kind != "Service") {
        Some((version, kind)) if nearest(api_version, [version.as_str()].into_iter()).is_some() => {
            Known::Misspelt(version, kind)
        }
        Some(_) | None => Known::Foreign,
    }
}

fn core<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}
