//! A pod template, kept as compact JSON text with sorted keys.
//!
//! Typed round trips drop fields newer than our library (field-lessons R55), so the text is what is stored, compared and
//! sent; typed views are for reading only.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json, value::RawValue};

use crate::hash::{self, TemplateFnv};
use crate::keys::POD_TEMPLATE_HASH;
use crate::quantity::Quantity;
use crate::validate::FieldError;

mod defaulted;
mod revision;
#[cfg(test)]
mod tests;

pub use revision::{injected_hash, same_revision};

/// A pod template: compact JSON, keys sorted, unknown fields kept. Cheap to clone.
#[derive(Clone)]
pub struct Template(Arc<Inner>);

/// What follows the text is computed at the first question, once per version of the template.
struct Inner {
    text: Box<str>,
    fnv: OnceLock<TemplateFnv>,
    normal: OnceLock<u64>,
    spec_errors: OnceLock<Box<[FieldError]>>,
}

/// The metadata alone: the rest is passed over, not read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    metadata: Value,
}

/// What others want to know of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub name: String,
    pub image: String,
}

impl Template {
    /// The same template, with what has been computed about `before` already if that says the same.
    pub fn shared_with(self, before: &Template) -> Template {
        if self == *before { before.clone() } else { self }
    }

    /// The template as a JSON tree.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.as_str()).unwrap_or(Value::Null)
    }

    /// The compact text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether there is nothing in it: the API's form of "no template" (wire-contract 1.1 `workloadRef`).
    pub fn is_empty(&self) -> bool {
        self.labels().is_empty() && self.annotations().is_empty()
    }

    /// `metadata.labels`.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.metadata("labels")
    }

    /// `metadata.annotations`.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.metadata("annotations")
    }

    /// `spec.containers`, in order.
    pub fn containers(&self) -> Vec<Container> {
        self.containers_in("containers")
    }

    /// `spec.initContainers`, in order.
    pub fn init_containers(&self) -> Vec<Container> {
        self.containers_in("initContainers")
    }

    /// The template with the hash as a label: what a ReplicaSet holds.
    pub fn with_hash_label(&self, hash: &str) -> Template {
        self.edited(|value| {
            let labels = child(child(value, "metadata"), "labels");
            labels[POD_TEMPLATE_HASH] = Value::from(hash);
        })
    }

    /// The template as the Rollout wrote it.
    pub fn without_hash_label(&self) -> Template {
        if !self.labels().contains_key(POD_TEMPLATE_HASH) {
            return self.clone();
        }
        self.edited(|value| {
            if let Some(labels) = value.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
                labels.retain(|key, _| key != POD_TEMPLATE_HASH);
            }
        })
    }

    /// The template with a change.
    pub fn edited(&self, edit: impl FnOnce(&mut Value)) -> Template {
        let mut value = self.value();
        edit(&mut value);
        Template::from(value)
    }

    /// The template as the API server would store it in a ReplicaSet.
    pub fn defaulted(&self) -> Value {
        defaulted(&self.value())
    }

    /// The template without amounts that are none, so that the API server takes it (wire-contract 10.1 #11).
    pub fn without_bad_quantities(&self) -> Template {
        self.edited(|value| {
            hash::rewrite_quantities(value, |text, _| Quantity::parse(text).map(|_| text.to_owned()));
        })
    }

    /// The template without its `ephemeralContainers` where an amount in them is none, because such a list does not decode
    /// (wire-contract 10.1 #11); `None` when there is nothing to leave out. A list that decodes is an error of the spec.
    pub fn without_unreadable_ephemeral_containers(&self) -> Option<Template> {
        const KEY: &str = "ephemeralContainers";
        if !self.as_str().contains(KEY) {
            return None;
        }
        let mut list = json!({ "spec": { KEY: self.value()["spec"][KEY] } });
        let mut unreadable = false;
        hash::rewrite_quantities(&mut list, |text, _| {
            unreadable |= Quantity::parse(text).is_none();
            Some(text.to_owned())
        });
        unreadable.then(|| {
            self.edited(|value| {
                if let Some(spec) = value["spec"].as_object_mut() {
                    spec.remove(KEY);
                }
            })
        })
    }

    /// Whether both say the same once what does not count is left out. Almost all that differ are told apart by the digests of
    /// their normal texts; the texts themselves are larger than the templates and are not kept.
    pub(crate) fn is_normally(&self, other: &Template) -> bool {
        let text = |template: &Template| revision::normal_text(&template.value());
        let digest = |template: &Template| {
            *template.0.normal.get_or_init(|| {
                let mut hasher = DefaultHasher::new();
                text(template).hash(&mut hasher);
                hasher.finish()
            })
        };
        digest(self) == digest(other) && text(self) == text(other)
    }

    pub(crate) fn fnv(&self) -> TemplateFnv {
        *self.0.fnv.get_or_init(|| hash::fnv_of_pod_template(&self.value()))
    }

    /// What `check` finds in `spec`.
    pub(crate) fn spec_errors(&self, check: impl FnOnce(&Value) -> Vec<FieldError>) -> &[FieldError] {
        self.0.spec_errors.get_or_init(|| check(&self.value()["spec"]).into())
    }

    fn metadata(&self, which: &str) -> BTreeMap<String, String> {
        let head: Head = serde_json::from_str(self.as_str()).unwrap_or_default();
        let map = head.metadata.get(which).and_then(Value::as_object);
        let entries = map.into_iter().flatten();
        entries
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    fn containers_in(&self, key: &str) -> Vec<Container> {
        let value = self.value();
        let containers = value
            .get("spec")
            .and_then(|spec| spec.get(key))
            .and_then(Value::as_array);
        let text = |container: &Value, key: &str| container[key].as_str().unwrap_or_default().to_owned();
        let read = |c: &Value| Container {
            name: text(c, "name"),
            image: text(c, "image"),
        };
        containers.into_iter().flatten().map(read).collect()
    }

    fn from_text(text: String) -> Template {
        Template(Arc::new(Inner {
            text: text.into(),
            fnv: OnceLock::new(),
            normal: OnceLock::new(),
            spec_errors: OnceLock::new(),
        }))
    }
}

fn defaulted(template: &Value) -> Value {
    let mut template = template.clone();
    defaulted::fill_in(&mut template);
    template
}

/// The object under a key, made if there is none.
fn child<'a>(parent: &'a mut Value, key: &str) -> &'a mut Value {
    if !parent.is_object() {
        *parent = Value::Object(serde_json::Map::new());
    }
    let child = &mut parent[key];
    if !child.is_object() {
        *child = Value::Object(serde_json::Map::new());
    }
    child
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Template {}

impl From<Value> for Template {
    fn from(mut value: Value) -> Self {
        value.sort_all_objects();
        Template::from_text(value.to_string())
    }
}

impl From<&Value> for Template {
    fn from(value: &Value) -> Self {
        Template::from(value.clone())
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
        Value::deserialize(d).map(Template::from)
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
