//! A pod template, kept as compact JSON text with sorted keys.
//!
//! Typed round trips drop fields newer than our library (field-lessons R55), so the text is what is stored, compared and
//! sent; typed views are for reading only.

use std::sync::{Arc, OnceLock};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, value::RawValue};

use crate::hash::{self, TemplateFnv};

/// A pod template: compact JSON, keys sorted, unknown fields kept. Cheap to clone.
#[derive(Clone)]
pub struct Template(Arc<Inner>);

struct Inner {
    text: Box<str>,
    /// Computed at the first question, once per version of the template.
    fnv: OnceLock<TemplateFnv>,
}

impl Template {
    /// The template as a JSON tree.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.as_str()).unwrap_or(Value::Null)
    }

    /// The compact text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn fnv(&self) -> TemplateFnv {
        *self.0.fnv.get_or_init(|| hash::fnv_of_pod_template(&self.value()))
    }

    fn from_text(text: String) -> Template {
        Template(Arc::new(Inner {
            text: text.into(),
            fnv: OnceLock::new(),
        }))
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Template {}

impl From<&Value> for Template {
    fn from(value: &Value) -> Self {
        let mut value = value.clone();
        value.sort_all_objects();
        Template::from_text(value.to_string())
    }
}

impl Default for Template {
    fn default() -> Self {
        Template::from_text("{}".to_owned())
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.as_str().to_owned()).map_err(serde::ser::Error::custom)?;
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
