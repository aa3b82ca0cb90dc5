//! What an object as the API server sends it means to us: the small typed view that is kept, and its stamp.
//!
//! One object that does not decode stops nothing: a Rollout keeps what did decode beside the errors, anything else is
//! reported and not kept.

use std::sync::Arc;

use api::analysis::{AnalysisRun, AnalysisTemplateSpec};
use api::decode::Decoded;
use api::keys;
use api::rollout::Rollout;
use api::template::Template;
use engine::seen::{ReplicaSet, Service, Workload};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::cache::{Owner, Shelved, Stamp, Version};
use crate::kind::Name;

/// A Rollout, and what of it did not decode.
#[derive(Clone, Debug, Default)]
pub struct SeenRollout {
    pub rollout: Arc<Rollout>,
    /// Field error texts.
    pub undecodable: Vec<String>,
}

/// A kind that is kept on a shelf.
pub trait Decode: Sized {
    /// The view of one object.
    ///
    /// # Errors
    /// Says what in the object is not as its kind has it.
    fn decode(object: Value) -> Result<Self, String>;

    /// The same view with what only the state before it tells.
    fn after(self, _before: Option<&Self>) -> Self {
        self
    }
}

/// The name of an object; `None` when it has none.
pub fn name(object: &Value) -> Option<Name> {
    let metadata = object.get("metadata")?;
    let text = |key: &str| metadata.get(key).and_then(Value::as_str);
    text("name")
        .filter(|name| !name.is_empty())
        .map(|name| Name::new(text("namespace").unwrap_or_default(), name))
}

/// An object as it lies on a shelf; `before` is the state of the same object that it replaces.
///
/// # Errors
/// As [`Decode::decode`].
pub fn shelved<T: Decode>(mut object: Value, before: Option<&T>) -> Result<Shelved<T>, String> {
    let stamp = stamp(&object);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        prune(metadata);
    }
    T::decode(object).map(|view| Shelved {
        object: Arc::new(view.after(before)),
        stamp,
    })
}

/// Which object, which version, whose.
pub fn stamp(object: &Value) -> Stamp {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(metadata) = object.get("metadata") else {
        return Stamp::default();
    };
    let owners = metadata.get("ownerReferences").and_then(Value::as_array);
    let controller = owners
        .into_iter()
        .flatten()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)));
    Stamp {
        uid: text(metadata, "uid"),
        version: Version::new(text(metadata, "resourceVersion")),
        owner: controller.map(|owner| Owner {
            kind: text(owner, "kind"),
            name: text(owner, "name"),
            uid: text(owner, "uid"),
        }),
    }
}

/// Takes away what no decision reads and what is large; managedFields are passed over by the reader already.
fn prune(metadata: &mut Map<String, Value>) {
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(keys::LAST_APPLIED);
    }
}

impl Decode for SeenRollout {
    fn decode(object: Value) -> Result<Self, String> {
        let decoded = api::decode::rollout(&object);
        // What is lost of the status is written again; what is lost of the spec must be seen to by its author.
        let undecodable = spoilt(&decoded);
        Ok(SeenRollout {
            rollout: Arc::new(decoded.object),
            undecodable,
        })
    }

    /// Most versions of a Rollout differ in their status: what was computed about the template is kept.
    fn after(mut self, before: Option<&Self>) -> Self {
        let known = before.and_then(|before| before.rollout.spec.template.as_ref());
        if let (Some(known), Some(rollout)) = (known, Arc::get_mut(&mut self.rollout))
            && let Some(template) = rollout.spec.template.take()
        {
            rollout.spec.template = Some(template.shared_with(known));
        }
        self
    }
}

impl Decode for AnalysisRun {
    fn decode(object: Value) -> Result<Self, String> {
        let decoded = api::decode::analysis_run(&object);
        let spoilt = spoilt(&decoded);
        let mut run = decoded.object;
        if let Some(why) = spoilt.first() {
            // Half a run must not end well: without metrics it is invalid, and ends in an error.
            tracing::warn!(run = run.metadata.name, why, "an AnalysisRun cannot be read whole");
            run.spec.metrics.clear();
        }
        Ok(run)
    }
}

impl Decode for AnalysisTemplateSpec {
    fn decode(object: Value) -> Result<Self, String> {
        // Both kinds of template have this spec.
        let decoded = api::decode::analysis_template(&object);
        match spoilt(&decoded).into_iter().next() {
            None => Ok(decoded.object.spec),
            Some(why) => Err(why),
        }
    }
}

impl Decode for ReplicaSet {
    fn decode(object: Value) -> Result<Self, String> {
        plain(object)
    }

    fn after(self, before: Option<&Self>) -> Self {
        ReplicaSet::after(self, before)
    }
}

impl Decode for Workload {
    fn decode(mut object: Value) -> Result<Self, String> {
        let part = |value: Option<&mut Value>| value.map(Value::take).unwrap_or_default();
        let metadata = plain(part(object.get_mut("metadata")))?;
        let count = |path: &str| object.pointer(path).and_then(Value::as_i64);
        let replicas = count("/spec/replicas").and_then(|count| i32::try_from(count).ok());
        let available = count("/status/availableReplicas").and_then(|count| i32::try_from(count).ok());
        // a PodTemplate has its template at the top and no selector (wire-contract 1.2)
        let (template, selector) = match object.get_mut("spec") {
            Some(spec) => (part(spec.get_mut("template")), part(spec.get_mut("selector"))),
            None => (part(object.get_mut("template")), Value::Null),
        };
        Ok(Workload {
            metadata,
            template: Template::from(template),
            selector: plain(selector)?,
            replicas: replicas.unwrap_or(0),
            available: available.unwrap_or(0),
        })
    }
}

impl Decode for Service {
    fn decode(object: Value) -> Result<Self, String> {
        plain(object)
    }
}

/// What of an object could not be read, outside its status.
fn spoilt<K>(decoded: &Decoded<K>) -> Vec<String> {
    let outside = decoded
        .dropped
        .iter()
        .filter(|dropped| !dropped.path.starts_with("status"));
    outside.map(ToString::to_string).collect()
}

fn plain<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}
