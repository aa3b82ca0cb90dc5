//! Which fields a structural schema keeps, and which it fills in.

use super::{Path, additional, marked};
use serde_json::Value;

/// Removes fields the schema does not know, and reports their paths in order. `apiVersion`, `kind` and `metadata` of
/// the object itself are always known.
pub(crate) fn prune(schema: &Value, object: &mut Value, unknown: &mut Vec<String>) {
    walk(Some(schema), object, &Path::Root, Place::Root, unknown);
    unknown.sort();
}

/// Fills in missing fields, and null ones that may not be null, where the schema has a default; then drops the
/// remaining nulls that may not be.
pub(crate) fn fill_defaults(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let missing = fields
                    .get(name)
                    .is_none_or(|old| old.is_null() && !marked(property, "nullable"));
                if let Some(default) = property.get("default").filter(|_| missing) {
                    fields.insert(name.clone(), default.clone());
                }
            }
            fields.retain(|name, value| {
                let of = schema["properties"].get(name).or(additional(schema));
                !value.is_null() || of.is_none_or(|of| marked(of, "nullable"))
            });
            for (name, value) in fields {
                if let Some(of) = schema["properties"].get(name).or(additional(schema)) {
                    fill_defaults(of, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(of) = schema.get("items") {
                items.iter_mut().for_each(|item| fill_defaults(of, item));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The object itself, or an embedded one: it has a type and metadata of its own.
    Root,
    Inside,
}

fn walk(schema: Option<&Value>, value: &mut Value, path: &Path<'_>, place: Place, unknown: &mut Vec<String>) {
    let preserves = schema.is_some_and(|schema| marked(schema, "x-kubernetes-preserve-unknown-fields"));
    let embedded =
        place == Place::Root || schema.is_some_and(|schema| marked(schema, "x-kubernetes-embedded-resource"));
    match value {
        Value::Object(fields) => fields.retain(|name, value| {
            if embedded && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
                return true;
            }
            let at = path.field(name);
            let known = schema.and_then(|schema| schema["properties"].get(name).or(additional(schema)));
            match known {
                Some(of) => walk(Some(of), value, &at, Place::Inside, unknown),
                None if preserves => {}
                None if schema.is_some_and(|schema| marked(schema, "additionalProperties")) => {}
                None => {
                    unknown.push(at.to_string());
                    return false;
                }
            }
            true
        }),
        Value::Array(items) => {
            let of = schema.and_then(|schema| schema.get("items"));
            if of.is_none() && preserves {
                return;
            }
            for (index, item) in items.iter_mut().enumerate() {
                walk(of, item, &path.index(index), Place::Inside, unknown);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
