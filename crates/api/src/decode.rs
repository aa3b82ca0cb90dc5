//! Reads an object of ours out of raw JSON without ever failing as a whole: what does not fit is dropped and named.
//!
//! One object that cannot be read must stop nothing, and a bad field in `spec` must not hide `status` (wire-contract
//! 10.1 #11, field-lessons A10). Where something of `spec` was dropped, the object must not be acted on: it no longer
//! says what its author said.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::analysis::{AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate};
use crate::experiment::Experiment;
use crate::nesting;
use crate::rollout::Rollout;

/// An object, and what of it could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded<K> {
    pub object: K,
    /// In the order they were found; empty almost always.
    pub dropped: Vec<Dropped>,
}

/// A field that did not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// From the root of the object: `spec.strategy.canary.steps[2].setWeight`.
    pub path: String,
    /// What was found and what was expected.
    pub why: String,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

impl<K> Decoded<K> {
    /// The first field of `spec` that could not be read: a reason to leave everything as it is, and to say so.
    pub fn spoilt_spec(&self) -> Option<&Dropped> {
        self.dropped.iter().find(|dropped| !dropped.path.starts_with("status"))
    }
}

/// A Rollout.
pub fn rollout(value: &Value) -> Decoded<Rollout> {
    decode(value)
}

/// An AnalysisRun.
pub fn analysis_run(value: &Value) -> Decoded<AnalysisRun> {
    decode(value)
}

/// An AnalysisTemplate.
pub fn analysis_template(value: &Value) -> Decoded<AnalysisTemplate> {
    decode(value)
}

/// A ClusterAnalysisTemplate.
pub fn cluster_analysis_template(value: &Value) -> Decoded<ClusterAnalysisTemplate> {
    decode(value)
}

/// An Experiment.
pub fn experiment(value: &Value) -> Decoded<Experiment> {
    decode(value)
}

fn decode<K: DeserializeOwned + Default>(value: &Value) -> Decoded<K> {
    let too_deep = nesting::too_deep(value).map(|path| Dropped {
        path: path.to_owned(),
        why: format!("nested more than {} levels deep", nesting::DEEPEST),
    });
    let mut dropped: Vec<Dropped> = too_deep.into_iter().collect();
    // nearly every object fits, and then nothing is copied
    if let Ok(object) = K::deserialize(value) {
        return Decoded { object, dropped };
    }
    let mut value = with_spec(value, &mut dropped);
    loop {
        let misfit = match read::<K>(&value) {
            Ok(object) => return Decoded { object, dropped },
            Err(misfit) => misfit,
        };
        let path = narrowed::<K>(&value, misfit.path);
        dropped.push(Dropped {
            path: text(&path),
            why: misfit.why,
        });
        if !remove(&mut value, &path) {
            return Decoded {
                object: K::default(),
                dropped,
            };
        }
    }
}

/// The object with a `spec` and `metadata`: those the types insist on.
fn with_spec(value: &Value, dropped: &mut Vec<Dropped>) -> Value {
    let mut object = value.as_object().cloned().unwrap_or_default();
    for key in ["metadata", "spec"] {
        let part = object.entry(key).or_insert(Value::Null);
        if !part.is_object() {
            let why = if part.is_null() {
                "is missing".to_owned()
            } else {
                format!("{part} is no object")
            };
            dropped.push(Dropped {
                path: key.to_owned(),
                why,
            });
            *part = Value::Object(Map::new());
        }
    }
    Value::Object(object)
}

/// Where an object does not fit.
struct Misfit {
    path: Vec<Step>,
    why: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

fn read<K: DeserializeOwned>(value: &Value) -> Result<K, Misfit> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let steps = error.path().iter().map_while(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        Misfit {
            path: steps.collect(),
            why: error.inner().to_string(),
        }
    })
}

/// Some types lose the path inside them. As long as taking out one part alone heals the place, only that part is bad.
fn narrowed<K: DeserializeOwned>(value: &Value, mut path: Vec<Step>) -> Vec<Step> {
    while let Some(parts) = parts(value, &path) {
        let heals = |part: &Step| {
            let mut without = value.clone();
            let inner: Vec<Step> = path.iter().chain([part]).cloned().collect();
            remove(&mut without, &inner) && read::<K>(&without).err().is_none_or(|misfit| misfit.path != path)
        };
        match parts.into_iter().find(heals) {
            Some(part) => path.push(part),
            None => break,
        }
    }
    path
}

fn parts(value: &Value, path: &[Step]) -> Option<Vec<Step>> {
    Some(match at(value, path)? {
        Value::Object(object) => object.keys().cloned().map(Step::Key).collect(),
        Value::Array(items) => (0..items.len()).map(Step::Index).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    })
}

fn at<'a>(value: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

/// False if there is nothing there to take out.
fn remove(value: &mut Value, path: &[Step]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let parent = parents.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    });
    match last {
        Step::Key(key) => {
            let object = parent.and_then(Value::as_object_mut);
            object.is_some_and(|object| object.remove(key).is_some())
        }
        Step::Index(index) => {
            let items = parent
                .and_then(Value::as_array_mut)
                .filter(|items| *index < items.len());
            items.map(|items| items.remove(*index)).is_some()
        }
    }
}

fn text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dropped(spec: Value) -> Vec<String> {
        let value = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"},
            "spec": spec, "status": {"stableRS": "abc"},
        });
        let decoded = rollout(&value);
        assert_eq!(decoded.object.metadata.name.as_deref(), Some("web"));
        assert_eq!(
            decoded.object.status.map(|status| status.stable_rs).as_deref(),
            Some("abc"),
            "status is kept"
        );
        decoded.dropped.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(dropped(json!({"replicas": 1, "unknownField": {}})), [""; 0]);
    }

    #[test]
    fn what_does_not_fit_is_dropped_alone() {
        let canary = |canary: Value| json!({"replicas": 3, "strategy": {"canary": canary}});
        for (spec, report) in [
            (
                json!({"replicas": "many"}),
                vec!["spec.replicas: invalid type: string \"many\", expected i32"],
            ),
            (
                canary(json!({"steps": [{"setWeight": 10}, {"pause": {"duration": true}}, {"setWeight": "x"}]})),
                vec![
                    "spec.strategy.canary.steps[1].pause.duration: invalid type: boolean `true`, expected a 32-bit \
                     integer or a string",
                    "spec.strategy.canary.steps[2].setWeight: invalid type: string \"x\", expected i32",
                ],
            ),
            (
                canary(json!({"steps": [7]})),
                vec!["spec.strategy.canary.steps[0]: invalid type: integer `7`, expected struct CanaryStep"],
            ),
            (
                canary(json!({"trafficRouting": {"nginx": {"stableIngress": "web"}, "alb": {"servicePort": "http"}}})),
                vec![
                    "spec.strategy.canary.trafficRouting.alb.servicePort: invalid type: string \"http\", expected i32",
                ],
            ),
            (json!("no"), vec!["spec: \"no\" is no object"]),
            (Value::Null, vec!["spec: is missing"]),
            (
                json!({"restartAt": "soon"}),
                vec!["spec.restartAt: \"soon\" is no RFC 3339 time: premature end of input"],
            ),
        ] {
            assert_eq!(dropped(spec.clone()), report, "{spec}");
        }
    }

    #[test]
    fn no_json_at_all_stops_us() {
        for value in [
            json!(null),
            json!([]),
            json!("x"),
            json!({}),
            json!({"metadata": 1, "status": []}),
        ] {
            let decoded = rollout(&value);
            assert!(decoded.spoilt_spec().is_some(), "{value}");
        }
    }
}
