//! JSON from outside, read to a bounded depth: one object that is nested beyond all sense must not make the whole list, or
//! the watch, that it comes with unreadable.
//!
//! The API server stores what is nested ten thousand levels deep wherever a schema preserves unknown fields; a JSON reader
//! in Rust gives up at 128, and with it everything in the same text. Source: field-lessons A10.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Objects and lists within one another that are read; no kind of Kubernetes has a quarter of that. What contains the
/// object, a list or an event, needs the rest of the reader's 128.
pub const DEEPEST: usize = 100;

/// Where an object says which part of it was left out because it was too deep.
const NOTE: &str = "sluice.dev/nested-too-deep";

/// A JSON value of at most [`DEEPEST`] levels. What is deeper is null, and the object says so: see [`too_deep`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Shallow(pub Value);

/// The same of an object of Kubernetes, without its `metadata.managedFields`: no decision reads them, and they are half of most
/// objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lean(pub Value);

impl<'de> Deserialize<'de> for Shallow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Place::Elsewhere).map(Shallow)
    }
}

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Place::Object).map(Lean)
    }
}

fn read<'de, D: Deserializer<'de>>(deserializer: D, place: Place) -> Result<Value, D::Error> {
    let cut = Cell::new(false);
    let (depth, cut) = (0, &cut);
    let mut value = Level { depth, cut, place }.deserialize(deserializer)?;
    if cut.get() {
        let path = deepest(&value);
        if let Value::Object(object) = &mut value {
            object.insert(NOTE.to_owned(), Value::String(path));
        }
    }
    Ok(value)
}

/// The path of a part of this object that was left out because it was too deep.
pub fn too_deep(object: &Value) -> Option<&str> {
    object.get(NOTE)?.as_str()
}

/// The way to the first place where nothing deeper was read.
fn deepest(value: &Value) -> String {
    fn walk(value: &Value, depth: usize, path: &mut Vec<String>) -> bool {
        if depth == DEEPEST {
            return value.is_null();
        }
        let mut step = |step: String, value: &Value| {
            path.push(step);
            let found = walk(value, depth + 1, path);
            if !found {
                path.pop();
            }
            found
        };
        match value {
            Value::Object(object) => object.iter().any(|(key, value)| step(format!(".{key}"), value)),
            Value::Array(items) => (0..).zip(items).any(|(index, value)| step(format!("[{index}]"), value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    // A person finds the place by its beginning; all hundred steps would be no message.
    const SHOWN: usize = 8;
    let mut path = Vec::new();
    walk(value, 0, &mut path);
    path.truncate(SHOWN);
    path.concat().trim_start_matches('.').to_owned()
}

/// Reads what lies at one depth.
#[derive(Clone, Copy)]
struct Level<'c> {
    depth: usize,
    cut: &'c Cell<bool>,
    place: Place,
}

/// Where in an object a reader is, as far as something is left out there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Object,
    Metadata,
    Elsewhere,
}

impl Level<'_> {
    fn below(self, place: Place) -> Self {
        Level {
            depth: self.depth + 1,
            place,
            ..self
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        if self.depth == DEEPEST {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            self.cut.set(true);
            return Ok(Value::Null);
        }
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.below(Place::Elsewhere))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        if self.depth == DEEPEST {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            self.cut.set(true);
            return Ok(Value::Null);
        }
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let place = match (self.place, key.as_str()) {
                (Place::Object, "metadata") => Place::Metadata,
                (Place::Metadata, "managedFields") => {
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                }
                (Place::Object | Place::Metadata | Place::Elsewhere, _) => Place::Elsewhere,
            };
            object.insert(key, entries.next_value_seed(self.below(place))?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Value {
        serde_json::from_str::<Shallow>(text).expect("JSON").0
    }

    #[test]
    fn managed_fields_are_left_out_of_an_object_and_of_nothing_else() {
        let text =
            r#"{"metadata": {"managedFields": [{}], "name": "web"}, "spec": {"metadata": {"managedFields": 1}}}"#;
        let lean: Lean = serde_json::from_str(text).expect("JSON");
        assert_eq!(
            lean.0,
            json!({"metadata": {"name": "web"}, "spec": {"metadata": {"managedFields": 1}}})
        );
        assert_eq!(read(text)["metadata"]["managedFields"], json!([{}]));
    }

    fn lists(depth: usize) -> String {
        format!("{}7{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn what_is_too_deep_is_left_out_and_named() {
        let cut = Some("a.b[0][0][0][0][0][0]");
        for (depth, named) in [(1, None), (98, None), (99, cut), (100, cut)] {
            let object = read(&format!(r#"{{"a": {{"b": {}}}, "name": "web"}}"#, lists(depth)));
            assert_eq!(object["name"], "web");
            assert_eq!(too_deep(&object), named, "{depth}");
        }
        let bottomless = format!(r#"[{{"x": {}, "name": "odd"}}, {{"name": "web"}}]"#, lists(100_000));
        let items: Vec<Shallow> = serde_json::from_str(&bottomless).expect("the others are read all the same");
        assert_eq!(too_deep(&items[0].0), Some("x[0][0][0][0][0][0][0]"));
        assert_eq!(items[1].0, json!({"name": "web"}));
    }

    proptest! {
        #[test]
        fn what_is_not_too_deep_is_read_as_it_is(text in "\\PC*", number: i64, float in -1e9..1e9, flag: bool) {
            let value = json!({"a": [text, number, float, flag, null, {"b": u64::MAX}], "c": {}});
            let text = value.to_string();
            prop_assert_eq!(read(&text), serde_json::from_str::<Value>(&text).expect("JSON"));
        }
    }
}
