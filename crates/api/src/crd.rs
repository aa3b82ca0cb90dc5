//! CustomResourceDefinitions, generated from the types.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The schema of a pod template inside our kinds.
pub(crate) fn template_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
