//! What Go's decoder says of a field of the wrong type, for objects whose types are compiled into the server.

use super::schema::{self, Path};
use serde_json::Value;

/// The complaint about the first field that does not fit its type, in order of path.
pub(super) fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    walk(schema, value, schema, &Path::Root)
}

fn walk(schema: &Value, value: &Value, owner: &Value, path: &Path<'_>) -> Option<String> {
    if value.is_null() {
        return None;
    }
    if !fits(schema, value) {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let owner = owner["title"].as_str().unwrap_or_default();
        return Some(format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {}",
            go_type(schema)
        ));
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, value)| match schema["properties"].get(name) {
                Some(of) => walk(of, value, schema, &path.field(name)),
                // The decoder does not name the keys of a map.
                None => walk(schema::additional(schema)?, value, owner, path),
            }),
        Value::Array(items) => {
            let of = schema.get("items")?;
            items.iter().find_map(|item| walk(of, item, owner, path))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn fits(schema: &Value, value: &Value) -> bool {
    if schema::marked(schema, "x-kubernetes-int-or-string") {
        return value.is_string() || value.is_number();
    }
    match schema["type"].as_str() {
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(_) | None => true,
    }
}

fn go_type(schema: &Value) -> String {
    let title = || schema["title"].as_str().map(|title| format!("v1.{title}"));
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("integer"), Some(format)) => format.to_owned(),
        (Some("integer"), None) => "int64".into(),
        (Some("number"), _) => "float64".into(),
        (Some("boolean"), _) => "bool".into(),
        (Some("array"), _) => format!("[]{}", go_type(&schema["items"])),
        (Some("object"), _) => match schema::additional(schema) {
            Some(of) => format!("map[string]{}", go_type(of)),
            None => title().unwrap_or_else(|| "map[string]interface {}".into()),
        },
        (Some(_) | None, _) => title().unwrap_or_else(|| "string".into()),
    }
}
