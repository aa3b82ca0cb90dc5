//! The difference of two statuses as a JSON merge patch: lists are replaced wholesale.

use api::rollout::RolloutStatus;
use serde::Serialize;
use serde_json::{Map, Value};

/// What turns `from` into `to`; `None` when they are the same. An object without a status gets the fields that are always
/// there, empty ones too.
pub fn merge_patch<T: Serialize + StatusLike>(from: &T, to: &T) -> Option<Value> {
    let before = if *from == T::default() { Map::new() } else { tree(from) };
    let (from, to) = (before, tree(to));
    let patch = of_objects(&from, to);
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Statuses that may be compared: plain trees of fields.
pub trait StatusLike: Default + PartialEq {}

impl StatusLike for RolloutStatus {}
impl StatusLike for api::analysis::AnalysisRunStatus {}

fn tree<T: Serialize>(status: &T) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    }
}

/// What turns one object into the other, as a merge patch.
pub(crate) fn of_objects(from: &Map<String, Value>, mut to: Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, old) in from {
        match (old, to.get_mut(key).map(Value::take)) {
            (_, None) => {
                patch.insert(key.clone(), Value::Null);
            }
            (Value::Object(old), Some(Value::Object(new))) => {
                let inner = of_objects(old, new);
                if !inner.is_empty() {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
            (old, Some(new)) if *old != new => {
                patch.insert(key.clone(), new);
            }
            (_, Some(_)) => {}
        }
    }
    let added = to.into_iter().filter(|(key, _)| !from.contains_key(key));
    patch.extend(added);
    patch
}
