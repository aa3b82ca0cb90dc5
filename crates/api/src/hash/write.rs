//! Writes a JSON tree in the field order of Go structs, empty fields as Go would.

use serde_json::{Map, Value};

use super::fields::{Field, Shape, Structs, Type, When};
use super::go_json;
use crate::quantity::Quantity;

/// A struct. What is no object is written as it is: the API server has let it pass, so we do not judge.
pub(super) fn object(out: &mut String, structs: &Structs, name: &str, value: &Value) {
    let empty = Map::new();
    let given = match value {
        Value::Null => &empty,
        Value::Object(given) => given,
        other => return go_json::value(out, other),
    };
    let fields = structs.fields(name);
    let mut members = Members::open(out);
    for field in fields {
        if let Some(text) = member(structs, field, given.get(field.name).unwrap_or(&Value::Null)) {
            members.push(field.name, &text);
        }
    }
    // newer fields than the table's come after, so that a change of them is a new revision; of metadata the CRD keeps
    // only labels and annotations
    if name != "ObjectMeta" {
        let mut unknown: Vec<_> = given
            .iter()
            .filter(|(key, _)| fields.iter().all(|f| f.name != *key))
            .collect();
        unknown.sort_by_key(|(key, _)| *key);
        for (key, value) in unknown.into_iter().filter(|(_, value)| !value.is_null()) {
            let mut text = String::new();
            go_json::value(&mut text, value);
            members.push(key, &text);
        }
    }
    members.close();
}

/// A list of structs.
pub(super) fn list(out: &mut String, structs: &Structs, name: &str, items: &[Value]) {
    elements(out, items, |out, item| object(out, structs, name, item));
}

/// The text of a field, `None` to leave it out.
fn member(structs: &Structs, field: &Field, value: &Value) -> Option<String> {
    let mut out = String::new();
    // an amount that is none is as good as absent
    let is_amount = matches!((field.shape, field.of), (Shape::One, Type::Quantity));
    let known = if is_amount {
        quantity(value).is_some()
    } else {
        !value.is_null()
    };
    match (field.when, known) {
        (When::Present | When::NotEmpty, false) => return None,
        (When::NotEmpty, true) if is_empty(value) => return None,
        (When::AlwaysNull, false) => return Some("null".to_owned()),
        (When::AlwaysNumber, false) => return Some("0".to_owned()),
        (When::Always, false) => match field.of {
            Type::Scalar | Type::Raw => return Some("\"\"".to_owned()),
            Type::Quantity => return Some("\"0\"".to_owned()),
            Type::Struct(_) => {}
        },
        (When::Present | When::NotEmpty | When::Always | When::AlwaysNumber | When::AlwaysNull, true) => {}
    }
    match (field.shape, value) {
        (Shape::One, value) => one(&mut out, structs, field.of, value),
        (Shape::List, Value::Array(items)) => elements(&mut out, items, |out, item| one(out, structs, field.of, item)),
        (Shape::Map, Value::Object(map)) => {
            entries(&mut out, structs, field.of, map);
            if out == "{}" {
                return None;
            }
        }
        (Shape::List | Shape::Map, value) => go_json::value(&mut out, value),
    }
    Some(out)
}

fn one(out: &mut String, structs: &Structs, of: Type, value: &Value) {
    match of {
        // Go reads null as the zero value; in lists and maps of strings that is the empty string
        Type::Scalar if value.is_null() => out.push_str("\"\""),
        Type::Scalar | Type::Raw => go_json::value(out, value),
        Type::Quantity => go_json::string(out, &quantity(value).unwrap_or_else(|| "0".to_owned())),
        Type::Struct(name) => object(out, structs, name, value),
    }
}

fn elements(out: &mut String, items: &[Value], mut write: impl FnMut(&mut String, &Value)) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn entries(out: &mut String, structs: &Structs, of: Type, map: &Map<String, Value>) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    let mut members = Members::open(out);
    for (key, value) in entries {
        // what is no quantity is dropped, so that the ReplicaSet is accepted (wire-contract 10.1 #11)
        if matches!(of, Type::Quantity) && !value.is_null() && quantity(value).is_none() {
            continue;
        }
        let mut text = String::new();
        one(&mut text, structs, of, value);
        members.push(key, &text);
    }
    members.close();
}

/// The canonical text of an amount; a number is read as its text.
fn quantity(value: &Value) -> Option<String> {
    let parsed = match value {
        Value::String(text) => Quantity::parse(text),
        Value::Number(number) => Quantity::parse(&go_json::number(number)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    parsed.map(|quantity| quantity.canonical())
}

/// What `omitempty` leaves out. A list of scalars counts its elements before they are looked at, as Go does.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

/// The inside of an object under way.
struct Members<'a> {
    out: &'a mut String,
    first: bool,
}

impl Members<'_> {
    fn open(out: &mut String) -> Members<'_> {
        out.push('{');
        Members { out, first: true }
    }

    fn push(&mut self, key: &str, text: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        go_json::string(self.out, key);
        self.out.push(':');
        self.out.push_str(text);
    }

    fn close(self) {
        self.out.push('}');
    }
}
