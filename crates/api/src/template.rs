//! A pod template, kept as compact JSON text with sorted keys.
//!
//! Typed round trips drop fields newer than our library (field-lessons R55), so the text is what is stored, compared and
//! sent; typed views are for reading only.

use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, value::RawValue};

/// A pod template: compact JSON, keys sorted, unknown fields kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(Arc<str>);

impl Template {
    /// The template as a JSON tree.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }

    /// The compact text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Value> for Template {
    fn from(value: &Value) -> Self {
        Template(value.to_string().into())
    }
}

impl Default for Template {
    fn default() -> Self {
        Template("{}".into())
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?;
        raw.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Value::deserialize(d).map(|value| Template::from(&value))
    }
}

impl JsonSchema for Template {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Template".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        crate::crd::template_schema(generator)
    }
}
